import ArgumentParser
import FerryCloudFront
import FerryCode
import FerryCommand
import FerryCore

extension HandoverCommand {
  struct Detect: FerryCommand {
    static let uses = AWSUse(
      InventoryReader.actions + ClosureActions.configuration + Context.objectActions)
    static let configuration = CommandConfiguration(
      abstract:
        "Say who owns distributions, policies and what they refer to: stacks, the CDK's among them, and states.",
      discussion:
        "Stacks are looked for in the settings' regions and that of the session. Two owners, none and unknown are named."
    )
    @Argument(help: "Ids of distributions or policies (default: all).")
    var id: [String] = []
    @Option(help: "A Terraform state, version 4: a file or s3://bucket/key (repeatable).")
    var tfstate: [String] = []
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let id = try HandoverIDs.read(self.id, to: .detect)
      let states = try await HeldState.read(tfstate, context)
      var (inventory, names, _) = try await context.inventory(
        file: nil, accounts: account, includeSecrets: false)
      try await follow(in: &inventory, names, context)
      let found = Ownership(inventory, states: states, ids: id)
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

    /// Reads what the distributions refer to into the accounts that were read.
    private func follow(
      in inventory: inout Inventory, _ names: [AccountID: String], _ context: Context
    ) async throws(FerryError) {
      for index in inventory.accounts.indices {
        let found = inventory.accounts[index]
        let reach = try await context.reach(accounts: context.names(names[found.id] ?? ""))
        guard let place = reach.places.first(where: { $0.account == found.id }) else { continue }
        let closure = try await ClosureReader(
          transport: place.transport, account: place.account, region: place.region,
          reach: .configuration
        ).follow(Scope(id, in: found).references(in: found))
        inventory.accounts[index].resources = closure.account.resources
        inventory.gaps += closure.gaps
        context.warnAboutGaps(closure.gaps)
      }
    }
  }
}
