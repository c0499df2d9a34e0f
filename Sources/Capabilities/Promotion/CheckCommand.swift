import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport

struct CheckCommand: FerryCommand {
  // A template's logical ids are looked up in the stacks.
  static let uses = AWSUse(PromotionReader.actions + InventoryReader.actions)
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract:
      "Say whether the staging distribution of a primary is fit to be promoted; only reads.",
    discussion: """
      Conflicts of fields, what both sides share, whether staging really gets requests, and its errors (5xx and 4xx) \
      beside the primary's. With --origin-path or --origin as if staging were pointed there first. Exit code 0 when it is ready, 4 when something speaks against it or could not be told, 77 \
      when it could not be told for want of a permission alone.

      Example: edgeferry promote check E1EXAMPLE
      """)
  @Argument(help: "The id of the primary distribution.") var primary: String
  @Option(
    name: .customLong("origin-path"),
    help: "Judge staging as if it were pointed at this path of its origin.")
  var originPath: String?
  @Option(help: "Judge staging as if it were pointed at this origin: a public domain name.")
  var origin: String?
  @Option(
    help:
      "Also say what code has to follow: `terraform show -json` of a saved plan, or a template of CloudFormation."
  )
  var drift: String?
  @Option(help: "The account of the settings that has it (default: all are asked).")
  var account: String?
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let code = try drift.map { (file: String) throws(FerryError) in try GivenCode.any(file) }
    let side = try NewSide.of(path: originPath, domain: origin)
    let words =
      (originPath.map { " --origin-path \(shellWord($0))" } ?? "")
      + (origin.map { " --origin \(shellWord($0))" } ?? "")
    let found = try await PromotionReader(context: context).read(primary, account: account)
    context.warnAboutGaps(found.unreached + found.closure.gaps)
    var report =
      try found.pair.map { (pair: PromotionPair) throws(FerryError) in
        PromotionReport(try pair.pointed(at: side), side: words)
      }
      ?? PromotionReport(
        account: found.account, primary: primary, findings: found.missing,
        gaps: found.closure.gaps)
    report.add(found.unreached)
    if let code {
      report.drift = try await context.drift(
        of: [primary], in: code, closure: found.closure, account: found.name)
    }
    try context.answer(
      global.output == .json ? FerryJSON.document(report) : report.text)
    return report.exit
  }
}
