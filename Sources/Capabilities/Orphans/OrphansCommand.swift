import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// `edgeferry orphans`: find orphaned continuous-deployment policies and staging distributions, plan their end.
public struct OrphansCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "orphans",
    abstract:
      "Find orphaned continuous-deployment policies and staging distributions; plan to remove or detach them.",
    subcommands: [Discover.self, PlanCommand.self, Detach.self, Reattach.self])
  public init() {}

  struct Source: ParsableArguments, Sendable {
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @Option(help: "Judge this inventory file instead of reading live.") var inventory: String?
    @Option(help: "A Terraform state file that tells what Terraform owns (repeatable).")
    var tfstate: [String] = []

    func read(_ context: Context, includeSecrets: Bool) async throws(FerryError) -> (
      inventory: Inventory, names: [AccountID: String], endpoint: String?, report: FindingsReport
    ) {
      var terraform: [String: Set<String>] = [:]
      for file in tfstate {
        terraform[file] = try TerraformState.ids(
          Files.read(file, what: "Terraform state"), named: file)
      }
      let (inventory, names, endpoint) = try await context.inventory(
        file: self.inventory, accounts: account, includeSecrets: includeSecrets)
      let report = Discovery.discover(
        inventory, terraform: terraform, idleAfterSeconds: context.settings.idleAfterSeconds)
      return (inventory, names, endpoint, report)
    }
  }

  struct Discover: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions)
    static let configuration = CommandConfiguration(
      abstract: "Find orphans, with evidence; only reads.")
    @OptionGroup var source: Source
    @Option(
      name: .customLong("fail-on"),
      help: "Exit 2 on findings, changes, gaps or quota=N% (comma-separated).")
    var failOn: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json, .ndjson, .markdown)
      let failOn = try FailOn(failOn)
      let report = try await source.read(context, includeSecrets: false).report
      switch global.output {
      case .json: try context.answer(FerryJSON.document(report))
      case .ndjson:
        try context.answer(report.findings.map { JSONValue.of($0).canonical + "\n" }.joined())
      case .markdown: try context.answer(FindingsText.markdown(report))
      default: try context.answer(FindingsText.render(report))
      }
      if failOn.findings || failOn.changes, !report.findings.isEmpty { return .found }
      if failOn.gaps, !report.complete { return .found }
      if let percent = failOn.quotaPercent,
        report.quotas.contains(where: { $0.used * 100 >= $0.limit * percent })
      {
        return .found
      }
      return .done
    }
  }

  struct PlanCommand: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions, state: .writes)
    static let configuration = CommandConfiguration(
      commandName: "plan", abstract: "Plan the removal of orphans, with its rollback plan.",
      discussion:
        "Without --finding: every finding whose verdict is orphan. Nothing is written to AWS.")
    @Option(help: "CODE:ID of a finding (repeatable).") var finding: [String] = []
    @Flag(
      name: .customLong("keep-staging"),
      help: "Leave the staging distributions of removed policies.")
    var keepStaging = false
    @OptionGroup var source: Source
    @OptionGroup var planning: PlanningArguments
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let (inventory, names, endpoint, report) = try await source.read(
        context, includeSecrets: true)
      let derived =
        inventory.accounts.count == 1 ? "orphans-\(inventory.accounts[0].id)" : "orphans"
      let pair = try RemovalPlanner.plan(
        inventory, report, selection: finding, keepStaging: keepStaging,
        input: planning.input(
          "orphans", context, inventory, names: names, endpoint: endpoint, derived: derived))
      let unknown = report.findings.count { $0.verdict == .unknown }
      if unknown > 0 {
        context.terminal.warn(
          "\(unknown) finding\(unknown == 1 ? " is" : "s are") unknown and not planned")
      }
      return try await planning.finish(pair, context, nothing: "no orphan was found")
    }
  }

  struct Detach: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions, state: .writes)
    static let configuration = CommandConfiguration(
      abstract:
        "Plan to take the policy off a primary, for changes that are refused while one is attached."
    )
    @Argument(help: "The primary distribution's id.") var distribution: String
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @OptionGroup var planning: PlanningArguments
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let (inventory, names, endpoint) = try await context.inventory(
        file: nil, accounts: account, includeSecrets: true)
      let pair = try DetachPlanner.detach(
        distribution, inventory,
        input: planning.input(
          "orphans", context, inventory, names: names, endpoint: endpoint,
          derived: "detach-\(distribution.lowercased())"))
      return try await planning.finish(
        pair, context, nothing: "\(safe(distribution)) has no policy attached")
    }
  }

  struct Reattach: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions, state: .writes)
    static let configuration = CommandConfiguration(
      abstract: "Plan to put a detached policy back on its primary.",
      discussion:
        "Without --policy or --plan: the policy that the last detach plan run with this state took off."
    )
    @Argument(help: "The primary distribution's id.") var distribution: String
    @Option(help: "The policy's id.") var policy: String?
    @Option(help: "The detach plan that took it off; it is enabled again if that plan disabled it.")
    var plan: String?
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @OptionGroup var planning: PlanningArguments
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard policy == nil || plan == nil else {
        throw .badInput(
          "bad-usage", what: "could not plan to reattach",
          why: "--policy and --plan exclude each other",
          next: "give one of them")
      }
      var policyID = policy
      var enable = false
      if policyID == nil {
        let source: Plan?
        if let plan {
          source = try context.plan(plan).plan
        } else {
          source = try await lastDetach(context)
        }
        let step = source?.steps.first { Self.detached($0, from: distribution) != nil }
        guard let source, let step, let found = Self.detached(step, from: distribution) else {
          throw .badInput(
            "no-detach", what: "could not tell which policy to put back on \(distribution)",
            why: plan == nil
              ? "no detach plan of this state took one off" : "that plan takes none off it",
            next: "name it with --policy ID")
        }
        policyID = found
        enable = source.steps.contains { $0.id == "disable-policy-\(found)" }
      }
      let (inventory, names, endpoint) = try await context.inventory(
        file: nil, accounts: account, includeSecrets: true)
      let pair = try DetachPlanner.reattach(
        distribution, policyID: policyID ?? "", enable: enable, inventory,
        input: planning.input(
          "orphans", context, inventory, names: names, endpoint: endpoint,
          derived: "reattach-\(distribution.lowercased())"))
      return try await planning.finish(
        pair, context,
        nothing: "policy \(safe(policyID ?? "")) is attached to \(safe(distribution))")
    }

    private static func detached(_ step: Step, from distribution: String) -> String? {
      guard case .updateConfig(distribution, let set) = step.action,
        let edit = set.first(where: { $0.path == "ContinuousDeploymentPolicyId" }), edit.to == ""
      else { return nil }
      return edit.from
    }
    private func lastDetach(_ context: Context) async throws(FerryError) -> Plan? {
      guard let store = try context.existingStateStore() else { return nil }
      var last: (at: Date, plan: Plan)?
      for plan in try await store.plans() where plan.rollbackOf == nil {
        guard let step = plan.steps.first(where: { Self.detached($0, from: distribution) != nil })
        else { continue }
        let records = try await store.records(plan: plan.digest)
        guard let record = records.last(where: { $0.step == step.id && $0.kind == .applied }) else {
          continue
        }
        if record.at > last?.at ?? .distantPast { last = (record.at, plan) }
      }
      return last?.plan
    }
  }
}
