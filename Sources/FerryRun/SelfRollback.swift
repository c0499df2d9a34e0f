import FerryCore
import Foundation

/// A run that takes everything back by itself after a check failed for good, as the plan announced.
extension Runner {
  /// The way back has to be at hand before the first write, and stays the same one.
  func armRollback() async throws(Stop) {
    guard plan.steps.contains(where: { $0.onFailure == .rollBack }), !state.isFinished else {
      return
    }
    guard let rollback = options.rollback, rollback.rollbackOf == plan.digest else {
      throw blocked(
        "no-rollback-plan",
        "it takes everything back by itself when a check fails, and its rollback plan is not beside it",
        next: "put the rollback plan back, or plan again")
    }
    guard let armed = state.rollback else {
      try await calling { () async throws(FerryError) in
        try await store.savePlan(rollback)
        var body = Record.Body()
        body.reference = rollback.digest
        try await append(.armed, body: body)
      }
      return
    }
    guard armed == rollback.digest else {
      throw blocked(
        "other-rollback-plan",
        "the rollback plan beside it is \(rollback.digest), and the run began with \(armed)",
        next: "put the rollback plan back")
    }
  }

  /// Runs the rollback plan; the end is "rolled back" (6) only when the former state is verified.
  ///
  /// The decision is in the journal first: whatever happens on the way, the plan never goes forward again.
  func takeBack(because: String, step: Step?) async throws(FerryError) -> RunOutcome {
    let undone = FerryError(
      "rolled-back", exit: .rolledBack, what: "plan \(plan.name) took everything back by itself",
      why: because, next: "find the cause, then plan again")
    func done() -> RunOutcome {
      RunOutcome(
        report: StatusReport(plan, state, path: options.path), exit: .rolledBack, error: undone)
    }
    if state.isRolledBack { return done() }
    if state.undoing == nil {
      var body = Record.Body()
      body.reason = because
      try await append(.undoing, step: step?.id, body: body)
    }
    do throws(Stop) {
      try await checkOrders()
    } catch {
      return try await end(error, step: step)
    }
    guard let rollback = options.rollback, rollback.digest == state.rollback else {
      return try await end(
        blocked(
          "no-rollback-plan", "it is to be taken back, and its rollback plan is not beside it",
          next:
            "put the rollback plan back (edgeferry state export has it), then run the same command"),
        step: nil)
    }
    tell(.rollingBack(because: because))
    var inner = options
    inner.rollback = nil
    inner.approval = nil
    inner.until = nil
    inner.undoOnly = nil
    inner.maxWaitSeconds = options.maxWaitSeconds.map { max(0, $0 - waited) }
    let back = try await Runner.run(
      rollback, store: store, world: world, options: inner, tell: listener)
    // It may have taken longer than our own lease lasts.
    lease = try await store.acquireLease(
      plan: plan.digest, with: nil, owner: options.owner, now: world.clock.now)
    state = RunState(try await store.records(plan: plan.digest))
    guard back.exit == .done else {
      let error =
        back.error
        ?? FerryError("not-yet", exit: back.exit, what: undone.what, why: because, next: "")
      return try await end(
        Stop(
          exit: back.exit, reason: "taking everything back (\(because)): \(error.why)",
          until: back.report.until, error: error), step: nil)
    }
    if !state.isRolledBack { try await append(.rolledBack) }
    return done()
  }
}
