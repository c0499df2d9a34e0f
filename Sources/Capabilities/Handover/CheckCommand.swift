import ArgumentParser
import FerryCloudFront
import FerryCode
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
    @Argument(help: "The id of a distribution or policy (repeatable).") var id: [String]
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
      let ids = try HandoverIDs.read(id, to: .check)
      guard (tfplan == nil) != (template == nil) else {
        throw .badInput(
          "bad-usage", what: "could not check \(ids.joined(separator: ", "))",
          why: tfplan == nil ? "no code was named" : "two were named",
          next: "add --tfplan FILE or --template FILE")
      }
      let code: GivenCode =
        if let tfplan { try .plan(tfplan) } else { try .template(template ?? "") }
      let (closure, place, unreached) = try await HandoverIDs.closure(
        of: ids, account: account, to: .check, context)
      var check = try await context.drift(of: ids, in: code, closure: closure, account: place.name)
      check.add(unreached)
      context.warnAboutGaps(closure.gaps)
      try context.answer(global.output == .json ? FerryJSON.document(check) : check.text)
      return check.exit
    }
  }
}
