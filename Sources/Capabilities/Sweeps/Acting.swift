import FerryCloudFront
import FerryCommand
import FerryCore
import FerryRun
import Foundation

/// What a sweep did in one account.
struct SweepAction: Codable, Equatable, Sendable {
  var account: AccountID
  /// The plan's file; nil when it came to no plan.
  var plan: String?
  var digest: String?
  var exit: FerryCore.ExitCode
  /// Why it ended, unless it is done.
  var because: String?
  /// `CODE:ID` of what was removed.
  var removed: [String] = []
}

/// Acts on what is due, through ordinary plans.
struct SweepActor: Sendable {
  var observer: SweepObserver
  var state: any StateStore
  static let accountsAtOnce = 8

  /// - Returns: one action for each account where there was anything to do, in the order given.
  func act(on observations: [Observation]) async throws(FerryError) -> [SweepAction] {
    let wanted = observations.filter { !$0.selected.isEmpty || $0.acting != nil }
    let done = await withTaskGroup(of: (Int, SweepAction).self) { group in
      var next = wanted.indices.makeIterator()
      func add() {
        guard let index = next.next() else { return }
        group.addTask {
          let it = wanted[index]
          do throws(FerryError) {
            // Not in one expression: optimised by Swift 6.3.1, a tuple whose later element is awaited from a call with a
            // typed error loses the earlier one, here the index.
            let action = try await act(it)
            return (index, action)
          } catch {
            return (
              index,
              SweepAction(
                account: it.account ?? it.place.account.name, exit: error.exit,
                because: "\(error.what): \(error.why)")
            )
          }
        }
      }
      for _ in 0..<Self.accountsAtOnce { add() }
      var out: [Int: SweepAction] = [:]
      for await (index, action) in group {
        out[index] = action
        // An interrupted sweep begins nothing further.
        if action.exit != .interrupted { add() }
      }
      return wanted.indices.compactMap { out[$0] }
    }
    return done
  }

  private func act(_ it: Observation) async throws(FerryError) -> SweepAction {
    let context = observer.context
    let session = try context.session(it.place.account)
    let (identity, transport) = try await session.proven()
    guard let account = it.account, identity.account == account else {
      throw FerryError(
        "other-account", exit: .blocked, what: "could not act in \(it.account ?? "an account")",
        why: "the credentials belong to \(identity.account) now", next: "run the sweep again")
    }
    let client = CloudFrontClient(transport)
    if let acting = it.acting {
      return try await resume(acting, account: account, client: client)
    }
    // Looked at again, whole and in clear: nothing is acted on that was not there a moment ago.
    let options = context.readerOptions(session, includeSecrets: true, tags: .ofStaging)
    let name =
      "sweep-\(account)-\(Timestamp.text(observer.now).lowercased().filter { $0.isNumber })"
    let judging = try await observer.judging(
      InventoryReader(client, account: account, options: options),
      keeps: try await observer.store.keeps(), planName: name,
      endpoint: context.foreignEndpoint(session))
    let fresh = try judging.ledger(after: try await observer.store.ledger(of: account))
    let still = Judging.selection(fresh).filter(it.selected.contains)
    let removal = try judging.removal(of: still)
    guard let pair = removal.pair else {
      return SweepAction(
        account: account, exit: .done, because: "looked at again, none of it is due any more")
    }
    let share = Caps.Share(
      account: account, deletions: removal.deleted.count, of: judging.resources)
    if let over = Caps.exceeded([share], observer.rules).first {
      throw FerryError(
        "over-the-cap", exit: .blocked, what: "could not act in \(account)", why: over,
        next: "look at the findings, then raise the cap or remove them by `edgeferry orphans plan`")
    }
    let path = try await context.keep(
      pair.plan, rollback: pair.rollback, images: pair.images, at: nil)
    try await state.savePlan(pair.plan)
    let acting = AccountLedger.Acting(
      plan: path, digest: pair.plan.digest, findings: still.map(\.text),
      resources: removal.deleted)
    var isOurs = false
    try await observer.store.changeLedger(of: account) { (old) throws(FerryError) in
      var ledger = old ?? fresh
      isOurs = ledger.acting == nil
      if isOurs { ledger.acting = acting }
      return ledger
    }
    guard isOurs else {
      throw FerryError(
        "sweep-under-way", exit: .blocked, what: "could not act in \(account)",
        why: "another sweep began to act there meanwhile", next: "let it end, then sweep again")
    }
    return try await run(pair.plan, acting, account: account, client: client)
  }

  private func resume(
    _ acting: AccountLedger.Acting, account: AccountID, client: CloudFrontClient
  ) async throws(FerryError) -> SweepAction {
    guard let plan = try await state.plan(acting.digest) else {
      throw FerryError(
        "sweep-plan-lost", exit: .blocked, what: "could not go on in \(account)",
        why: "an earlier sweep began plan \(acting.digest), and this state does not have it",
        next: "sweep with the state that it was begun with")
    }
    return try await run(plan, acting, account: account, client: client)
  }

  private func run(
    _ plan: Plan, _ acting: AccountLedger.Acting, account: AccountID, client: CloudFrontClient
  ) async throws(FerryError) -> SweepAction {
    if let kept = try await kept(acting) {
      try await end(acting, of: account)
      return SweepAction(
        account: account, exit: .done,
        because: "\(kept.id) is kept until \(Timestamp.text(kept.until)): \(kept.reason)")
    }
    let outcome = try await observer.context.runUnattended(
      plan, store: state, client: client, path: acting.plan, approver: "sweep run --apply")
    if [.done, .stale, .rolledBack].contains(outcome.exit) {
      try await end(acting, of: account, removed: outcome.exit == .done)
    }
    return SweepAction(
      account: account, plan: acting.plan, digest: plan.digest, exit: outcome.exit,
      because: outcome.error.map { "\($0.what): \($0.why)" } ?? outcome.report.reason,
      removed: outcome.exit == .done ? acting.findings : [])
  }

  /// What of a plan that has changed nothing yet somebody wants to be kept: whoever asked for it before `acting` was
  /// written down did not hold the plan (`sweep keep`).
  private func kept(_ acting: AccountLedger.Acting) async throws(FerryError) -> Keep? {
    let keeps = try await observer.store.keeps().filter {
      $0.until > observer.now && acting.touches($0.id)
    }
    guard let keep = keeps.max(by: { $0.until < $1.until }) else { return nil }
    let run = RunState(try await state.records(plan: acting.digest))
    return run.steps.values.contains(where: \.hadEffect) ? nil : keep
  }
  private func end(
    _ acting: AccountLedger.Acting, of account: AccountID, removed: Bool = false
  ) async throws(FerryError) {
    let at = observer.now
    try await observer.store.changeLedger(of: account) { (old) throws(FerryError) in
      var ledger = old ?? AccountLedger(account: account, at: at)
      if ledger.acting?.digest == acting.digest { ledger.acting = nil }
      if removed { ledger.remove(Set(acting.resources), by: acting.digest, at: at) }
      return ledger
    }
  }
}
