import Foundation

/// What sweeps found over time, and what is open now; values only.
package struct SweepHistory: Codable, Equatable, Sendable {
  package static let schema = "edgeferry.sweep-history/1"
  /// One day (UTC) over all accounts.
  package struct Day: Codable, Equatable, Sendable {
    /// `2026-11-28`.
    package var day: String
    package var accounts = 0
    /// Seen for the first time on this day.
    package var new = 0
    package var healed = 0
    package var removed = 0
    /// As the day's last sweep left it.
    package var inGrace = 0
    package var due = 0
    package var kept = 0
    package var unknown = 0
    package var gaps = 0
    package var open: Int { inGrace + due + kept }
    package init(day: String) { self.day = day }
  }
  /// One account in one sweep; of days gone by, all sweeps of the day as one.
  package struct Run: Codable, Equatable, Sendable {
    package var at: Date
    /// Those seen for the first time, which are in their grace period too.
    package var new = 0
    package var inGrace = 0
    package var due = 0
    package var kept = 0
    package var healed = 0
    package var removed = 0
    package var unknown = 0
    /// What could not be read.
    package var gaps = 0
    package init(at: Date) { self.at = at }
  }
  package var schema = SweepHistory.schema
  package var days: [Day]

  package init(_ runs: [AccountID: [Run]], since: Date = .distantPast) {
    var days: [String: Day] = [:]
    for runs in runs.values {
      let own = Dictionary(grouping: runs.filter { $0.at >= since }) {
        String(Timestamp.text($0.at).prefix(10))
      }
      for (day, runs) in own {
        guard let last = runs.max(by: { $0.at < $1.at }) else { continue }
        var out = days[day] ?? Day(day: day)
        out.accounts += 1
        for run in runs {
          out.new += run.new
          out.healed += run.healed
          out.removed += run.removed
        }
        out.inGrace += last.inGrace
        out.due += last.due
        out.kept += last.kept
        out.unknown += last.unknown
        out.gaps += last.gaps
        days[day] = out
      }
    }
    self.days = days.values.sorted { $0.day < $1.day }
  }
}
