import ArgumentParser
import FerryCloudFront
import FerryCode
import FerryCommand
import FerryCore
import Foundation

extension HandoverFacts.Tool: ExpressibleByArgument {}

extension HandoverCommand {
  struct PlanCommand: FerryCommand {
    static let uses = AWSUse(
      ClosureActions.configuration + InventoryReader.actions + ["cloudformation:GetTemplate"],
      state: .writes)
    static let configuration = CommandConfiguration(
      commandName: "plan",
      abstract: "Plan a change of the tool that owns distributions, with nothing replaced.",
      discussion: """
        The code goes to --dir when that is new or empty. The steps of other tools are commands, which `apply \
        --run-commands` runs and judges, or a person. Each step proves that nothing live has changed.
        """)
    @Argument(help: "The id of a distribution or policy (repeatable).") var id: [String]
    @Option(help: "Who owns it; what nobody owns is imported all the same.") var from:
      HandoverFacts.Tool
    @Option(help: "Who takes over.") var to: EmitTarget
    @Option(
      help: "The stack: which of several it comes from, or the one it goes to (default: --name).")
    var stack: String?
    @Option(
      help:
        "A Terraform state, version 4: the one that lets go, or one that has some of it already (a file or s3://bucket/key)."
    )
    var tfstate: [String] = []
    @Option(help: "The folder of the code that takes over.") var dir: String
    @Option(help: "The account of the settings that has it (default: all are asked).")
    var account: String?
    @OptionGroup var planning: PlanningArguments
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let to = HandoverFacts.Tool(self.to)
      let ids = try HandoverIDs.read(id, to: .plan)
      try checkUsage(to)
      let (closure, place, _) = try await HandoverIDs.closure(
        of: ids, account: account, to: .plan, context)
      var (inventory, names, endpoint) = try await context.inventory(
        file: nil, accounts: context.names(place.name), includeSecrets: true)
      inventory.accounts.removeAll { $0.id != closure.account.id }
      let states = try await HeldState.read(tfstate, context)
      let reader = HandoverReader(
        ids: ids, from: from, to: to, closure: closure, inventory: inventory, states: states,
        transport: place.transport, region: place.region)
      let derived = "handover-\((ids.first ?? "").lowercased())"
      let target = to == .cloudformation ? stack ?? planning.name ?? derived : nil
      let owners = try reader.owners(
        stack: from == .cloudformation ? stack : nil, target: target)
      let owner = owners.stack
      // What cannot let go is told before any code is written.
      var source: HandoverFacts.Stack?
      if from == .cloudformation, let owner {
        source = try await reader.source(owner)
        _ = try source?.edits.released()
      }
      let state = from == .terraform ? try reader.state() : nil
      let held = reader.held(target: target)
      var code = try code(closure, owners.wanted(of: ids), held: held, context)
      if to == .terraform { code.held = held.values.sorted() }

      var facts = HandoverFacts(
        account: closure.account.id, things: reader.things, from: from, to: to, code: code,
        environment: profile(names[closure.account.id], context).map { ["AWS_PROFILE": $0] } ?? [:])
      facts.stack = source
      facts.state = state
      var adopted: StackTemplate?
      var secrets: JSONValue?
      if let target {
        facts.stack = try await reader.target(target, adopts: code.items)
        let path = context.path(dir)
        adopted = try StackTemplate(
          String(
            decoding: Files.read(path + "/template.json", what: "template"), as: UTF8.self),
          named: "\(dir)/template.json")
        if code.hasParameters {
          let file = path + "/" + HandoverPlanner.File.parameters
          secrets = try JSONValue.read(
            Files.read(file, what: "parameters"), what: HandoverPlanner.File.parameters)
        }
      }
      try facts.writeFiles(adopted: adopted, secrets: secrets)
      let input = planning.input(
        "handover", context, inventory, names: names, endpoint: endpoint, derived: derived)
      facts.others = reader.others(besides: owner, adopted: Set(code.items.values))
      if owner?.resources.contains(where: { $0.type == "AWS::CDK::Metadata" }) == true {
        facts.notes.append(
          "stack \(owner?.name ?? "") comes from the CDK: take it out of the app's code, too, before it is deployed again"
        )
      }
      facts.notes += owners.notes(adopted: Set(code.items.values))
      if let endpoint {
        facts.notes.append(
          "made for \(endpoint), not AWS: a person who runs its commands sets AWS_ENDPOINT_URL to that first"
        )
      }
      let pair = try HandoverPlanner.plan(facts, input: input)
      try write(facts, context)
      return try await planning.finish(pair, context, nothing: "")
    }

    private func checkUsage(_ to: HandoverFacts.Tool) throws(FerryError) {
      func refuse(_ why: String, _ next: String) -> FerryError {
        .badInput("bad-usage", what: "could not plan the handover", why: why, next: next)
      }
      guard from != to else {
        throw refuse("it is \(from.rawValue)'s before and after", "name two tools")
      }
      guard from != .terraform || tfstate.count == 1 else {
        throw refuse("--from terraform needs the state that has it", "add --tfstate FILE, once")
      }
    }
    private func profile(_ name: String?, _ context: Context) -> String? {
      context.settings.accounts.first { $0.name == name }?.profile ?? context.options.profile
    }

    /// The code of the folder, written first where there is none.
    private func code(
      _ closure: Closure, _ ids: [String], held: [Subject.Key: String], _ context: Context
    ) throws(FerryError) -> HandoverFacts.Code {
      let path = context.path(dir)
      let isThere = (try? FileManager.default.contentsOfDirectory(atPath: path))?.isEmpty == false
      if !isThere {
        guard closure.gaps.isEmpty else {
          context.warnAboutGaps(closure.gaps)
          throw FerryError(
            "incomplete", exit: .blocked, what: "could not write code for the handover",
            why: "not everything that it refers to was read",
            next: "allow the reads, then plan again")
        }
        let emitted = try EmittedCode(
          Subject.all(in: closure.account).filter { held[$0.key] == nil },
          managed: closure.managed, to: to)
        try CodeFolder.write(emitted.files, to: path)
        for note in emitted.notes { context.terminal.warn(note) }
        for it in emitted.left {
          context.terminal.warn("\(it.kind) \(it.id) \(it.path) is not in the code: \(it.reason)")
        }
      }
      return try CodeReader.read(dir, at: path, for: HandoverFacts.Tool(to), ids: ids)
    }
    private func write(_ facts: HandoverFacts, _ context: Context) throws(FerryError) {
      guard !facts.written.isEmpty else { return }
      let folder = context.path(facts.folder)
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw FerryError(
          "file-write", what: "could not write \(folder)", why: error.localizedDescription,
          next: "free space or choose another --dir")
      }
      // A stack's own template may hold what nobody else should read.
      for (file, text) in facts.written {
        try Files.write(text, to: context.path(file), mode: 0o600)
      }
    }
  }
}
