import ArgumentParser
import FerryCommand
import FerryCore
import FerryReport

struct PlanCommand: FerryCommand {
  static let uses = AWSUse(PromotionReader.actions, state: .writes)
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Plan a promote that waits for its proof, with its rollback plan.",
    discussion: """
      Without --origin-path and --origin staging is promoted as it is. With one of them a blue/green deploy is \
      planned: staging is pointed at the new side, gets its share of the traffic, and is promoted once it has shown \
      that it errs no more than the primary; the old side stays for the rollback. Nothing is written to AWS.

      Example: edgeferry promote plan E1EXAMPLE --origin-path /releases/42
      """)
  @Argument(help: "The id of the primary distribution.") var primary: String
  @Option(
    name: .customLong("origin-path"), help: "Point staging at this path of its origin first.")
  var originPath: String?
  @Option(help: "Point staging at this origin first: a public domain name of the same kind.")
  var origin: String?
  @Option(help: "The account of the settings that has it (default: all are asked).")
  var account: String?
  @OptionGroup var planning: PlanningArguments
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let side = try NewSide.of(path: originPath, domain: origin)
    let found = try await PromotionReader(context: context).read(primary, account: account)
    context.warnAboutGaps(found.unreached + found.closure.gaps)
    guard let pair = found.pair else {
      try PromotionPlanner.refuse(found.missing, primary)
      return .blocked
    }
    let inventory = Inventory(
      takenAt: context.clock.now, gaps: found.closure.gaps, accounts: [found.closure.account])
    let made = try PromotionPlanner.plan(
      pair, side: side,
      input: planning.input(
        "promote", context, inventory, names: [found.account: found.name],
        endpoint: found.endpoint, derived: "promote-\(primary.lowercased())"))
    return try await planning.finish(
      made, context,
      nothing: side == nil
        ? "\(safe(primary)) has all that its staging distribution has"
        : "\(safe(primary)) serves that side already")
  }
}
