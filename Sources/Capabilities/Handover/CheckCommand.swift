import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import Foundation

extension HandoverCommand {
  struct Check: FerryCommand {
    static let uses = AWSUse(ClosureActions.configuration + InventoryReader.actions)
    static let configuration = CommandConfiguration(
      abstract: "Say whether code and what is live are the same: a standing drift check for CI.",
      discussion: """
        A difference that is exactly what the staging distribution has is promote-pending, and no drift. Exit code \
        2 for drift, 4 when something would be replaced or deleted.
        """)
    @Argument(help: "The id of a distribution (repeatable).") var id: [String]
    @Option(help: "What `terraform show -json` says of a saved plan.") var tfplan: String?
    @Option(
      help:
        "A template of CloudFormation, JSON or YAML. Its logical ids are looked up in the stacks, and in resources-to-import.json beside it."
    )
    var template: String?
    @Option(help: "The account of the settings that has them (default: all are asked).")
    var account: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let ids = try Emit.ids(id)
      guard (tfplan == nil) != (template == nil) else {
        throw .badInput(
          "bad-usage", what: "could not check \(ids.joined(separator: ", "))",
          why: tfplan == nil ? "no code was named" : "two were named",
          next: "add --tfplan FILE or --template FILE")
      }
      let facts: [DriftFacts]
      let closure: Closure
      if let tfplan {
        let plan = try TerraformPlan(Files.read(tfplan, what: "plan"), named: tfplan)
        closure = try await Emit.closure(of: ids, account: account, context)
        let etags = Dictionary(
          closure.account.distributions.map { ($0.id, $0.etag) }, uniquingKeysWith: { $1 })
        facts = try plan.facts(
          of: Subject.all(in: closure.account), asked: ids, etags: etags)
      } else {
        let file = template ?? ""
        let code = try StackTemplate(
          String(decoding: Files.read(file, what: "template"), as: UTF8.self), named: file)
        closure = try await Emit.closure(of: ids, account: account, context)
        facts = try await TemplateFacts(
          template: code, parameters: parameters(beside: file),
          known: known(beside: file, code, closure, context), name: file
        ).facts(of: Subject.all(in: closure.account), asked: ids)
      }
      context.warnAboutGaps(closure.gaps)
      let check = HandoverCheck(facts, closure: closure)
      try context.answer(global.output == .json ? FerryJSON.document(check) : check.text)
      return check.exit
    }

    /// A file that `handover emit` writes beside the template; nil where there is none.
    private func list(_ name: String, beside file: String) throws(FerryError) -> [JSONValue]? {
      let path = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(name)
        .relativePath
      guard FileManager.default.fileExists(atPath: path) else { return nil }
      return try JSONValue.read(Files.read(path, what: name), what: name).array ?? []
    }
    private func parameters(beside file: String) throws(FerryError) -> [String: String] {
      var out: [String: String] = [:]
      for it in try list(StackCode.parametersFile, beside: file) ?? [] {
        out[it["ParameterKey"]?.string ?? ""] = it["ParameterValue"]?.string
      }
      return out
    }
    /// What the logical ids stand for: in the import list, or in the stack that has most of them.
    private func known(
      beside file: String, _ code: StackTemplate, _ closure: Closure, _ context: Context
    ) async throws(FerryError) -> [String: String] {
      if let imports = try list(StackCode.importsFile, beside: file) {
        var out: [String: String] = [:]
        for it in imports {
          out[it["LogicalResourceId"]?.string ?? ""] =
            it["ResourceIdentifier"]?.object?.values.first?.string
        }
        return out
      }
      let inventory = try await context.inventory(
        file: nil, accounts: account.map { [$0] } ?? [], includeSecrets: false
      ).inventory
      let stacks = inventory.accounts.first { $0.id == closure.account.id }?.stacks ?? []
      let found = stacks.filter { !$0.isDeleted }.map { stack in
        closure.account.moved(in: stack).filter { code.resources[$0.key] != nil }
      }.max { $0.count < $1.count }
      return (found ?? [:]).mapValues(\.physicalID)
    }
  }
}
