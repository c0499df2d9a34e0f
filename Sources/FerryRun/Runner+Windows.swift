import FerryCore
import Foundation

/// When a step's write may begin.
extension Runner {
  /// Everything that may keep a write from beginning; asked again right before each.
  /// - Returns: false when it waited: what was read before is to be read again.
  func mayWrite(_ step: Step) async throws(Stop) -> Bool {
    try await checkOrders()
    try await checkGate(step)
    if let earliest = step.earliest, !hasCome(earliest) {
      try await pause(step, for: "the earliest time of the step", until: earliest)
      return false
    }
    let isLate = step.latest.map { max(world.clock.now, steady) > $0 } ?? false
    let isUnderWay = state.steps.values.contains(where: \.hadEffect)
    if isLate, !isUnderWay {
      throw blocked("too-late", late(step), next: "plan again")
    }
    try checkWindow(step)
    if isLate { try checkRoom(step) }
    return true
  }

  private func late(_ step: Step) -> String {
    "step \(step.id) had to begin before \(step.latest.map(Timestamp.text) ?? "")"
  }
  /// After its latest time a step leaves no room for a rollback before its window closes. What has not begun is planned
  /// again, with new waits. What is under way cannot be: it goes on at the next opening that has the room.
  private func checkRoom(_ step: Step) throws(Stop) {
    let now = max(world.clock.now, steady)
    guard let latest = step.latest, let name = step.window, let window = world.windows[name]
    else { return }
    let reserve =
      window.span(at: latest)?.end.map { Int($0.timeIntervalSince(latest)) }
      ?? step.rollbackSeconds ?? 0
    guard let span = window.first(after: now, leaving: reserve) else {
      throw blocked(
        "too-late", "\(late(step)), and windows.\(name) does not open again for \(reserve) s",
        next: "correct windows.\(name)")
    }
    guard span.start > now else { return }
    throw untilOpening(
      span.start, isFreeze: false,
      blocked(
        "too-late",
        "\(late(step)): what is left of windows.\(name) has no room for a rollback of \(reserve) s",
        next: "run the command again at \(Timestamp.text(span.start))"))
  }

  private func checkWindow(_ step: Step) throws(Stop) {
    guard let name = step.window, var window = world.windows[name] else { return }
    if plan.rollbackOf != nil {
      // Undoing a change of CloudFront ends a bad state and waits for nothing. Undoing one of DNS is a change
      // of DNS like any other, in its hours; a freeze keeps new changes out, not the way back.
      guard name == "dns" else { return }
      window = window.forUndoing
    }
    let now = world.clock.now
    // A wall clock that was set during the run is believed only where the elapsed time agrees with it.
    for time in [now, steady] {
      guard case .closed(let opens, let because, let isFreeze) = window.state(at: time) else {
        continue
      }
      let next =
        opens.map {
          "run the command again at \(Timestamp.text($0))"
            + (plan.rollbackOf == nil ? "" : ", or have windows.\(name) opened")
        } ?? "no opening was found within two years; correct windows.\(name)"
      let doubt =
        time == now || abs(now.timeIntervalSince(steady)) < 1
        ? "" : " by the time that went by since the run began; the wall clock has been set"
      throw untilOpening(
        opens, isFreeze: isFreeze, blocked("window", because + doubt, next: next))
    }
  }
  /// `advance` comes back at an opening; what only a person can open blocks it.
  private func untilOpening(_ opens: Date?, isFreeze: Bool, _ stop: Stop) -> Stop {
    var stop = stop
    stop.until = opens
    if options.mode == .advance, !isFreeze, opens != nil {
      stop.exit = .notYet
      stop.error.exit = .notYet
    }
    return stop
  }
}
