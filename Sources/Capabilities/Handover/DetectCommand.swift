import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore

extension HandoverCommand {
  struct Detect: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions)
    static let configuration = CommandConfiguration(
      abstract:
        "Say who owns distributions and policies: stacks, the CDK's among them, and states.",
      discussion:
        "Stacks are looked for in the settings' regions and that of the session. Two owners, none and unknown are named."
    )
    @Argument(help: "Ids of distributions or policies (default: all).")
    var id: [String] = []
    @Option(help: "A Terraform state, version 4 (repeatable).") var tfstate: [String] = []
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      var terraform: [String: Set<String>] = [:]
      for file in tfstate {
        terraform[file] = try TerraformState.ids(
          Files.read(file, what: "Terraform state"), named: file)
      }
      let inventory = try await context.inventory(
        file: nil, accounts: account, includeSecrets: false
      ).inventory
      let found = Ownership(inventory, terraform: terraform, ids: id)
      guard found.missing.isEmpty else {
        throw FerryError(
          "unknown-resource", what: "could not find \(found.missing.joined(separator: ", "))",
          why: inventory.complete
            ? "no account that was read has a distribution or policy of that id"
            : "not everything could be read, and what was read has no such id",
          next: "check the id and the account (--account, --profile)")
      }
      try context.answer(global.output == .json ? FerryJSON.document(found) : found.text)
      return .done
    }
  }
}
