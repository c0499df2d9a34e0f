import FerryCore
import FerryReport
import FerryRun
import Foundation

/// What a rehearsal leaves behind for whoever applies the plan.
extension Context {
  package func keepRehearsal(of plan: Plan, digest: String, broken: Int, seeds: Int)
    async throws(FerryError)
  {
    var body = Record.Body()
    body.reference = digest
    body.broken = broken
    body.seeds = seeds
    body.by = NSUserName()
    try await stateStore().append(.rehearsed, plan: plan.digest, at: clock.now, body: body)
  }

  /// - Throws: `rehearsal-broke-rules` (4) for a plan whose last rehearsal broke a rule, unless its report is named;
  ///   `not-rehearsed` (4) where the settings ask for a rehearsal and there was none.
  func checkRehearsal(
    of plan: Plan, named path: String, accepted: String?, store: any StateStore
  ) async throws(FerryError) {
    let last = RunState(try await store.records(plan: plan.digest)).rehearsal
    func refusal(_ code: FerryError.Code, _ why: String, next: String) -> FerryError {
      FerryError(
        code, exit: .blocked, what: "could not run plan \(plan.name)", why: why, next: next)
    }
    guard let last, let digest = last.reference else {
      guard settings.requiresRehearsal else { return }
      throw refusal(
        "not-rehearsed", "the settings want it rehearsed first (rehearsal: required)",
        next: "edgeferry rehearse \(shellWord(path))")
    }
    let broken = last.broken ?? 0
    guard broken > 0, accepted != digest else { return }
    throw refusal(
      "rehearsal-broke-rules",
      "its last rehearsal broke a rule in \(broken) of \(last.seeds ?? broken) seeds",
      next:
        "see `edgeferry rehearse \(shellWord(path))`; to run it all the same, add --accept-rehearsal \(digest)"
    )
  }
}
