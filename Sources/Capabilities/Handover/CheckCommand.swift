import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore

extension HandoverCommand {
  struct Check: FerryCommand {
    static let uses = AWSUse(ClosureActions.configuration)
    static let configuration = CommandConfiguration(
      abstract: "Say whether code and what is live are the same: a standing drift check for CI.",
      discussion: """
        A difference that is exactly what the staging distribution has is promote-pending, and no drift. Exit code \
        2 for drift, 4 when something would be replaced or deleted.
        """)
    @Argument(help: "The id of a distribution (repeatable).") var id: [String]
    @Option(help: "What `terraform show -json` says of a saved plan.") var tfplan: String?
    @Option(help: "The account of the settings that has them (default: all are asked).")
    var account: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let ids = try Emit.ids(id)
      guard let tfplan else {
        throw .badInput(
          "bad-usage", what: "could not check \(ids.joined(separator: ", "))",
          why: "no code was named", next: "add --tfplan FILE")
      }
      let plan = try TerraformPlan(Files.read(tfplan, what: "plan"), named: tfplan)
      let closure = try await Emit.closure(of: ids, account: account, context)
      let etags = Dictionary(
        closure.account.distributions.map { ($0.id, $0.etag) }, uniquingKeysWith: { $1 })
      let facts = try plan.facts(
        of: Subject.all(in: closure.account), asked: ids, etags: etags)
      context.warnAboutGaps(closure.gaps)
      let check = HandoverCheck(facts, closure: closure)
      try context.answer(global.output == .json ? FerryJSON.document(check) : check.text)
      return check.exit
    }
  }
}
