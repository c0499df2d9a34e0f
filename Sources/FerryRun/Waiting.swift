import FerryCore
import Foundation

/// How a run waits: in elapsed time and by the wall clock, whichever takes longer.
///
/// - Source: dns-cutover-facts.md §12.
extension Runner {
  /// How often a wait is written to the journal, so that a restarted machine loses no more than this of it.
  static let heartbeatSeconds = 600.0
  /// Looks one after another that have to fail before a check of an edge has failed for good.
  static let failuresMax = 3

  /// The wall time as far as it can be believed: a clock set forward since the run began counts for nothing.
  var steady: Date {
    let elapsed = world.clock.elapsed
    guard elapsed.origin == began.elapsed.origin else { return began.at }
    return began.at + max(0, elapsed.seconds - began.elapsed.seconds)
  }
  func hasCome(_ date: Date) -> Bool { world.clock.now >= date && steady >= date }

  /// Sleeps up to `seconds`, keeping the lease; ends the run in "not yet" when told not to wait that long.
  func sleep(_ seconds: Double) async throws(Stop) {
    if let most = options.maxWaitSeconds, waited + seconds > most {
      throw notYet(
        "the longest wait asked for (\(Int(most)) s) is over"
          + (waitsFor.isEmpty ? "" : "; it waits for \(waitsFor)"), until: world.clock.now + seconds
      )
    }
    var left = seconds
    while left > 0 {
      let piece = min(left, options.tickSeconds)
      do throws(FerryError) {
        try await world.clock.sleep(seconds: piece)
      } catch {
        throw Stop(resumable(error))
      }
      left -= piece
      waited += piece
      try await keepLease()
    }
  }
  func resumable(_ error: FerryError) -> FerryError {
    guard error.exit == .interrupted else { return error }
    var out = error
    out.next = StatusReport(plan, state, path: options.path).next ?? error.next
    return out
  }
  func notYet(_ reason: String, until: Date?) -> Stop {
    Stop(
      exit: .notYet, reason: reason, until: until,
      error: FerryError(
        "not-yet", exit: .notYet, what: "plan \(plan.name) is not done yet", why: reason,
        next: "run the command again"))
  }
  /// `advance` comes back for a wait; on a held plan it says that it is held.
  func returnsLater(_ reason: String, until: Date?) async throws(Stop) {
    guard options.mode == .advance else { return }
    try await checkOrders()
    throw notYet(reason, until: until)
  }
  func pause(_ step: Step, for what: String, until: Date) async throws(Stop) {
    try await returnsLater("waiting for \(what)", until: until)
    while !hasCome(until) {
      let now = world.clock.now
      tell(.waiting(step: step, for: what, since: now, atMost: until, lastSeen: ""))
      let left = max(until.timeIntervalSince(now), until.timeIntervalSince(steady))
      try await sleep(min(options.tickSeconds, max(0.05, left)))
    }
  }

  // MARK: After a write

  /// The change is seen on every server, its span is over, and every check holds; in this order. A passed
  /// span with a failing check holds the run.
  func settle(_ step: Step) async throws(Stop) {
    let servers = authoritativeChecks(step)
    // An observe step waits on after a change that was seen everywhere.
    if !servers.isEmpty, step.action != .observe, state.steps[step.id]?.changedAt == nil {
      try await untilChanged(step, servers)
    }
    let health = step.checks.filter { $0.type == .health }
    try await waitOut(step, health: health)
    while !servers.isEmpty, try await !stillAgree(step, servers) {
      // A server came back with what it had before: caches may have it anew, so the span begins again.
      try await untilChanged(step, servers)
      try await waitOut(step, health: health)
    }
    let since = endOfWait(step)
    for check in step.checks where check.type != .authoritative && check.type != .health {
      try await untilHolds(check, step: step, since: since)
    }
  }

  /// - Parameter waiting: the step that waits, where it is not the one that has the check.
  func untilHolds(
    _ check: Step.Check, step: Step, since: Date, for waiting: Step? = nil
  ) async throws(Stop) {
    let waiting = waiting ?? step
    let limit = since + Double(check.limitSeconds ?? 5400)
    var failures = 0
    while true {
      let seen = try await look(check, step: step, since: since)
      if seen.holds { return }
      if seen.isStale {
        throw stale(waiting, "\(seen.what) was expected; found \(seen.lastSeen)", [])
      }
      let reason = "waiting for \(seen.what); last seen: \(seen.lastSeen)"
      failures = seen.isBad ? failures + 1 : 0
      if seen.isBad {
        guard failures < Self.failuresMax else { throw failedForGood(waiting, seen) }
        tell(.resolving(step: waiting, because: reason))
        try await sleep(options.authoritativePollSeconds)
        continue
      }
      try await again(
        waiting, reason, what: seen.what, since: since, limit: limit,
        limitSeconds: check.limitSeconds ?? 5400, lastSeen: seen.lastSeen,
        poll: poll(check, waited: world.clock.now.timeIntervalSince(since)))
    }
  }
  /// A day without a request is not looked for every few seconds, and what takes long is asked for up to three times
  /// less often: a thirtieth of what has passed is soon enough.
  private func poll(_ check: Step.Check, waited: Double) -> Double {
    switch check.type {
    case .recursive: options.authoritativePollSeconds
    case .idle:
      max(options.deployedPollSeconds, min(Double(check.quietSeconds ?? 0) / 24, 3600))
    default:
      min(max(options.deployedPollSeconds, waited / 30), 3 * options.deployedPollSeconds)
    }
  }
  /// One more turn of a wait that only a look can end; "not yet" past its limit or when not told to wait.
  func again(
    _ step: Step, _ reason: String, what: String, since: Date, limit: Date, limitSeconds: Int,
    lastSeen: String, poll: Double
  ) async throws(Stop) {
    let now = world.clock.now
    tell(.waiting(step: step, for: what, since: since, atMost: limit, lastSeen: lastSeen))
    guard !hasCome(limit) else {
      throw notYet("\(reason); that has taken longer than \(limitSeconds) s", until: nil)
    }
    try await returnsLater(reason, until: now + poll)
    if state.steps[step.id]?.phase != .waiting {
      try await journal(.waiting, step: step, reason: reason)
    }
    try await sleep(max(0.05, poll))
  }

  // MARK: The span

  /// What a step's span still takes, by the clock that says more; nil when it is over.
  private func left(_ step: Step) -> (seconds: Double, until: Date)? {
    guard let wait = step.wait, let own = state.steps[step.id] else { return nil }
    let now = ClockReading(world.clock)
    func gone(_ it: RunState.StepState) -> Double {
      it.mark.map { it.waited + now.seconds(since: $0) } ?? 0
    }
    var start = own.changedAt ?? own.appliedAt ?? now.at
    var elapsed = gone(own)
    // An observe step may wait from the change that an earlier one made.
    if wait.from == "last-authoritative-change", own.changedAt == nil,
      let earlier = earlier(than: step).reversed().lazy
        .compactMap({ self.state.steps[self.plan.steps[$0].id] })
        .first(where: { $0.changedAt != nil }), let changed = earlier.changedAt
    {
      start = changed
      elapsed = max(elapsed, gone(earlier))
    }
    if wait.from == "write", step.action == .observe,
      let first = beganToWait(step, like: { $0.action == .observe && $0.wait?.from == "write" }),
      let applied = first.appliedAt
    {
      start = min(start, applied)
      elapsed = max(elapsed, gone(first))
    }
    let seconds = Double(wait.seconds)
    let left = max((start + seconds).timeIntervalSince(now.at), seconds - elapsed)
    guard left > 0 else { return nil }
    return (left, (now.at + left).roundedUp)
  }
  /// Parts wait together: the run began to wait with the first of the steps alike, unless something of the step's
  /// own part was done since.
  func beganToWait(_ step: Step, like: (Step) -> Bool) -> RunState.StepState? {
    let own = state.steps[step.id]
    guard step.parts != nil else { return own }
    let before = earlier(than: step)
    var done: Int64 = 0
    for place in before where plan.steps[place].sharesPart(with: step) {
      guard let it = state.steps[plan.steps[place].id] else { continue }
      done = max(done, it.effectSequence, it.verifiedSequence)
    }
    let alike = before.filter { like(plan.steps[$0]) }.compactMap { state.steps[plan.steps[$0].id] }
    return (alike + [own].compactMap { $0 })
      .filter { $0.appliedAt != nil && $0.effectSequence > done }
      .min { $0.effectSequence < $1.effectSequence } ?? own
  }
  /// When a step's span ended, or would have without a look at the clocks; where it has none, when it was applied.
  private func endOfWait(_ step: Step) -> Date {
    let own = state.steps[step.id]
    let start = own?.changedAt ?? own?.appliedAt ?? world.clock.now
    return step.wait.map { start + Double($0.seconds) } ?? start
  }

  private func waitOut(_ step: Step, health: [Step.Check]) async throws(Stop) {
    var written: ClockReading?
    while true {
      let look = try await lookAtHealth(step, health)
      guard let left = left(step) else { return }
      let what =
        step.wait?.from == "last-authoritative-change" ? "caches to let go" : "the wait of the step"
      let reason = "waiting for \(what)" + (look.isEmpty ? "" : "; last seen: \(look)")
      let since = state.steps[step.id]?.changedAt ?? state.steps[step.id]?.appliedAt
      tell(
        .waiting(
          step: step, for: what, since: since ?? world.clock.now, atMost: left.until, lastSeen: look
        ))
      try await returnsLater(reason, until: left.until)
      let now = ClockReading(world.clock)
      if written.map({ now.seconds(since: $0) >= Self.heartbeatSeconds }) ?? true {
        try await journal(.waiting, step: step, reason: reason, until: left.until)
        written = now
      }
      let poll = health.isEmpty ? options.tickSeconds : options.authoritativePollSeconds
      try await sleep(min(max(0.05, poll), max(0.05, left.seconds)))
    }
  }

  /// Every health check holds now, looked at again where one fails.
  private func lookAtHealth(_ step: Step, _ checks: [Step.Check]) async throws(Stop) -> String {
    var lastSeen = ""
    for check in checks {
      var failures = 0
      while true {
        let seen = try await look(check, step: step, since: world.clock.now)
        lastSeen = seen.lastSeen
        if seen.holds { break }
        failures += 1
        guard failures < Self.failuresMax else { throw failedForGood(step, seen) }
        tell(.resolving(step: step, because: "\(seen.what): \(seen.lastSeen); looking again"))
        try await sleep(options.authoritativePollSeconds)
      }
    }
    return lastSeen
  }
  private func failedForGood(_ step: Step, _ seen: Look) -> Stop {
    let back =
      plan.rollbackOf == nil
      ? "take it back with `edgeferry rollback \(options.path)`, or go on with the same command once it holds"
      : "go on with the same command once it holds"
    var stop = blocked(
      "check-failed", "\(seen.what): \(seen.lastSeen), \(Self.failuresMax) times in a row",
      next: back)
    stop.isFailedCheck = true
    return stop
  }
}

extension RunOutcome {
  /// Of a run that did not get as far as its first step: where the plan stands, and what keeps it.
  package init(waitingOn error: FerryError, _ standing: StatusReport) {
    var report = standing
    report.state = .waiting
    report.reason = "there is no usable answer (\(error.what): \(error.why))"
    report.until = nil
    self.init(report: report, exit: .notYet, error: error)
  }
}

extension Date {
  /// The next whole second, as times in files are.
  var roundedUp: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.up)) }
}
