import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// A report, or the story of one seed, as a person reads it.
enum RehearsalText {
  /// - Parameter again: the command line that rehearses in the same worlds.
  static func render(_ report: RehearsalReport, plan: Plan, again: String) -> String {
    let last = report.firstSeed &+ UInt64(max(0, report.seeds - 1))
    var out = "\(safe(plan.name)): rehearsed with seeds \(report.firstSeed) to \(last), "
    out +=
      report.faults.isEmpty
      ? "no faults\n" : "faults \(report.faults.map(\.rawValue).joined(separator: ", "))\n"
    out +=
      "ended  "
      + report.endings.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.value) \($0.key)" }.joined(separator: ", ") + "\n\n"
    var rows = [["", "half", "nine of ten", "all within"]]
    func row(_ name: String, _ it: RehearsalReport.Spread) {
      rows.append([name, span(it.p50), span(it.p90), span(it.max)])
    }
    row("duration", report.durationSeconds)
    row("exposure", report.exposureSeconds)
    row("weighed by clients", report.clientSeconds)
    out += table(rows) + "\n"
    if !report.rollbackSeconds.isEmpty {
      out +=
        "taking back after\n"
        + table(
          report.rollbackSeconds.map {
            [
              "  " + safe($0.step), "half within \(span($0.p50))", "all within \(span($0.max))",
              "of \($0.seeds)",
            ]
          }) + "\n"
    }
    out += "clients behind " + Self.population(report.population) + "\n"
    for note in report.notes { out += "note: \(safe(note))\n" }
    guard !report.violations.isEmpty else {
      return out + "no rule was broken\n\(report.digest)\n"
    }
    for rule in Rule.allCases {
      let broken = report.violations.filter { $0.rule == rule }
      guard let first = broken.first else { continue }
      out += "broken: \(rule.rawValue), in \(broken.count) of \(report.seeds) seeds: \(rule.says)\n"
      out += "  first in seed \(first.seed) after \(span(first.atSeconds))"
      out += (first.because.isEmpty ? "" : ": \(safe(first.because, limit: 400))") + "\n"
      let faults = report.faults.map(\.rawValue).joined(separator: ",")
      out +=
        "  see  \(again) --faults \(faults.isEmpty ? "none" : report.faults.count == Hazard.allCases.count ? "all" : faults) --seed \(first.seed) --trace\n"
    }
    return out + "\(report.digest)\n"
  }

  /// Who asks, by share; the shares are assumed unless a probe has shown the resolvers.
  private static func population(_ it: Population) -> String {
    let all = it.resolvers.reduce(0) { $0 + $1.share }
    let parts = it.resolvers.map {
      "\(safe($0.name)) \(Int((100 * $0.share / max(all, 1)).rounded())) %"
    }
    return parts.joined(separator: ", ") + " (docs/commands/rehearse.md has the sources)"
  }

  static func story(_ result: SeedResult, plan: Plan) -> String {
    var out =
      "\(safe(plan.name)): seed \(result.seed) ended \(result.ending.rawValue) after \(span(Int(result.seconds)))\n"
    out += table(
      result.story.map { [clock($0.at), $0.who, safe($0.says, limit: 400)] })
    for it in result.violations {
      out +=
        "broken: \(it.rule.rawValue) after \(span(it.atSeconds)): \(safe(it.because, limit: 400))\n"
    }
    return out
  }
  /// `+1d 02:03:04`
  static func clock(_ seconds: Double) -> String {
    let all = Int(seconds.rounded(.down))
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let time = "\(two(all / 3600 % 24)):\(two(all / 60 % 60)):\(two(all % 60))"
    return all >= 86_400 ? "+\(all / 86_400)d \(time)" : "+\(time)"
  }
  static func span(_ seconds: Int) -> String {
    switch seconds {
    case ..<120: "\(seconds) s"
    case ..<7200: "\(seconds / 60) min" + (seconds % 60 == 0 ? "" : " \(seconds % 60) s")
    case ..<172_800:
      "\(seconds / 3600) h" + (seconds / 60 % 60 == 0 ? "" : " \(seconds / 60 % 60) min")
    default: "\(seconds / 86_400) d" + (seconds / 3600 % 24 == 0 ? "" : " \(seconds / 3600 % 24) h")
    }
  }
}
