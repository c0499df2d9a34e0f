import ArgumentParser
import FerryCore
import Foundation

/// What every command that makes a plan takes, and how it ends.
package struct PlanningArguments: ParsableArguments, Sendable {
  @Option(help: "The plan's name; plans/NAME.plan.json is written (default: derived).")
  package var name: String?
  @Option(name: .customLong("accept-risk"), help: "Accept a risk by its code (repeatable).")
  package var acceptRisk: [String] = []

  package init() {}

  package func input(
    _ capability: String, _ context: Context, _ inventory: Inventory, names: [AccountID: String],
    endpoint: String?,
    derived: String
  ) -> PlanningInput {
    var accounts: [String: AccountID] = [:]
    for account in inventory.accounts {
      var name = names[account.id] ?? "default"
      if accounts[name] != nil { name = account.id }
      accounts[name] = account.id
    }
    let lead = context.settings.windows["cloudfront"]?.leadSeconds ?? 0
    return PlanningInput(
      capability: capability, name: name ?? derived, accounts: accounts,
      createdAt: context.planningTime,
      start: context.planningTime + Double(lead),
      tool: Context.tool, endpoint: endpoint,
      inventoryDigest: inventory.planningDigest, acceptedRisks: Set(acceptRisk))
  }
  package func finish(_ pair: PlanPair?, _ context: Context, nothing: String)
    async throws(FerryError)
    -> FerryCore.ExitCode
  {
    guard var pair else {
      if context.options.output == .json {
        try context.say(
          FerryJSON.document(
            JSONValue.object(["path": .null, "rollbackPath": .null, "digest": .null])))
      } else {
        try context.say("nothing to do: \(nothing)\n")
      }
      return .done
    }
    if let lead = context.settings.windows["cloudfront"]?.leadSeconds, lead > 0 {
      pair = pair.beginning(no: pair.plan.schedule.start)
    }
    context.warnAboutUnusedRisks(acceptRisk, pair.plan)
    try await context.save(pair.plan, rollback: pair.rollback, images: pair.images)
    return .done
  }
}
