import FerryCore
import Foundation

/// When each step of a plan begins and when it has settled, as planned.
struct Timeline {
  struct Entry {
    var step: Step
    /// From 1.
    var number: Int
    var begins: Date
    /// When its wait is over, if its checks take as long as they usually do.
    var settles: Date
  }
  var entries: [Entry] = []
  /// Whether the steps have times of their own; otherwise the clock runs from whenever the plan is started.
  var isFixed: Bool
  var start: Date
  var end: Date

  init(_ plan: Plan) {
    isFixed = plan.steps.contains { $0.earliest != nil }
    let planned = Dictionary(
      (plan.schedule.steps ?? []).map { ($0.step, $0) }, uniquingKeysWith: { first, _ in first })
    var now =
      (plan.schedule.steps ?? []).map(\.start).min() ?? plan.steps.compactMap(\.earliest).min()
      ?? plan.schedule.start
    start = now
    for (index, step) in plan.steps.enumerated() {
      let begins = max(now, planned[step.id]?.start ?? step.earliest ?? now)
      let seconds =
        planned[step.id].map { min(max(0, $0.end.since(begins)), Self.spanMax) }
        ?? min(max(0, step.checks.compactMap(\.typicalSeconds).max() ?? 0), Self.spanMax)
        + min(max(0, step.wait?.seconds ?? 0), Self.spanMax)
      now = begins + Double(seconds)
      entries.append(Entry(step: step, number: index + 1, begins: begins, settles: now))
    }
    end = now
  }
  /// A moment of the plan: the clock time, or where there is none how long after the start.
  func moment(_ date: Date, _ clock: LocalClock) -> String {
    isFixed ? Runbook.times(date, clock) : "\(span(date.since(start))) after the start"
  }
  /// Ten years: a longer span is no schedule but a mistake in the file, and must not overflow.
  private static let spanMax = 10 * 366 * 86_400
}

extension ChangeWindow {
  /// When a write may begin, from `start` to `end`; at most 500 spans.
  func openings(from start: Date, to end: Date) -> [DateInterval] {
    var out: [DateInterval] = []
    var at = start
    while at < end, out.count < 500 {
      switch state(at: at) {
      case .open(let until):
        let close = min(until ?? end, end)
        guard close > at else { return out }
        out.append(DateInterval(start: at, end: close))
        at = close
      case .closed(let opens, _, _):
        guard let opens, opens > at else { return out }
        at = opens
      }
    }
    return out
  }
}

extension Date {
  /// Whole seconds since another instant; far apart ones are cut at a century.
  func since(_ other: Date) -> Int {
    let seconds = timeIntervalSince(other)
    return seconds.isFinite ? Int(min(max(seconds, -3_155_760_000), 3_155_760_000)) : 0
  }
}
