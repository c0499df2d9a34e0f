import FerryCore
import FerryReport
import FerryRun
import Foundation

/// What a rehearsal leaves behind for whoever applies the plan.
extension Context {
  /// - Parameters:
  ///   - faults: those that could happen; nil for every one there is.
  ///   - inventory, probe: the digests of the files that the worlds were made from.
  package func keepRehearsal(
    of plan: Plan, digest: String, broken: Int, seeds: Int, firstSeed: UInt64, faults: [String]?,
    inventory: String?, probe: String?
  ) async throws(FerryError) {
    var body = Record.Body()
    body.inventory = inventory
    body.probe = probe
    body.reference = digest
    body.broken = broken
    body.seeds = seeds
    body.firstSeed = Int64(clamping: firstSeed)
    body.faults = faults ?? [Record.Body.everyFault]
    body.by = NSUserName()
    let store = try stateStore()
    // By its name it is found in the audit log, whatever becomes of its file.
    try await store.savePlan(plan)
    try await store.append(.rehearsed, plan: plan.digest, at: clock.now, body: body)
  }

  /// A report of broken rules stands until it is named, or until a rehearsal of its world with at least its faults
  /// and seeds.
  ///
  /// - Returns: the standing reports that were named.
  /// - Throws: `rehearsal-broke-rules` (4) for a plan with one that was not; `not-rehearsed` (4) where the settings ask
  ///   for a rehearsal and there was none with every fault.
  func checkRehearsal(
    of plan: Plan, named path: String, accepted: [String], store: any StateStore
  ) async throws(FerryError) -> [String] {
    // A rollback plan is rehearsed with the plan that it takes back.
    guard plan.rollbackOf == nil else { return [] }
    let rehearsals = RunState(try await store.records(plan: plan.digest)).rehearsals
    func refusal(_ code: FerryError.Code, _ why: String, next: String) -> FerryError {
      FerryError(
        code, exit: .blocked, what: "could not run plan \(plan.name)", why: why, next: next)
    }
    let broken = rehearsals.filter { ($0.broken ?? 0) > 0 }
    let standing = broken.filter { $0.reference.map(accepted.contains) != true }
    if let it = standing.last {
      let faults = it.faults ?? [Record.Body.everyFault]
      let again =
        "edgeferry rehearse \(shellWord(path)) --seeds \(it.seeds ?? 0) --faults \(faults.isEmpty ? "none" : shellWord(faults.joined(separator: ",")))"
        + (it.firstSeed.map { $0 == 1 ? "" : " --seed \($0)" } ?? "")
        + (it.inventory == nil ? "" : " --inventory FILE")
        + (it.probe == nil ? "" : " --probe FILE")
      let files =
        [("inventory", it.inventory), ("probe", it.probe)]
        .compactMap { name, digest in digest.map { ", its \(name) was \($0)" } }.joined()
      throw refusal(
        "rehearsal-broke-rules",
        "a rehearsal of it broke a rule in \(it.broken ?? 0) of \(it.seeds ?? 0) seeds\(files), and none of that world with its faults and seeds has held since",
        next:
          "see `\(again)`; to run it all the same, add "
          + standing.map { "--accept-rehearsal \($0.reference ?? "")" }.joined(separator: " "))
    }
    guard !settings.requiresRehearsal || rehearsals.contains(where: \.hasEveryFault) else {
      throw refusal(
        "not-rehearsed",
        "the settings want it rehearsed first, with all faults (rehearsal: required)",
        next: "edgeferry rehearse \(shellWord(path))")
    }
    let named = broken.compactMap(\.reference).filter(accepted.contains)
    for digest in accepted where !named.contains(digest) {
      terminal.warn(
        "--accept-rehearsal \(digest): no report of broken rules with that digest stands")
    }
    return named
  }
}
