import FerryCore
import Foundation

/// Findings with their ledger, and the history, for people and monitors.
package enum SweepText {
  private static func why(_ it: Finding) -> String {
    guard let ledger = it.ledger else { return "" }
    if let kept = ledger.keptBy { return "kept by \(kept)" }
    if let held = ledger.heldBack { return "held back: \(held.joined(separator: ", "))" }
    if it.verdict == .unknown { return "unknown: \(it.overturnedBy.first ?? "")" }
    return ""
  }

  package static func markdown(_ report: FindingsReport, overCaps: [String] = []) -> String {
    let findings = report.findings.filter { $0.ledger != nil }
    var out =
      "### Sweep of \(report.accounts.count) account\(report.accounts.count == 1 ? "" : "s")\n\n"
    for state in Finding.Standing.State.allCases {
      let count = findings.count { $0.ledger?.state == state }
      if count > 0 { out += "- \(count) \(state.rawValue)\n" }
    }
    for it in overCaps { out += "- over the cap: \(FerryReport.markdown(it))\n" }
    for gap in report.gaps.prefix(20) {
      out +=
        "- not read in \(FerryReport.markdown(gap.account)): \(FerryReport.markdown(gap.call)): \(FerryReport.markdown(gap.reason))\n"
    }
    guard !findings.isEmpty else { return out }
    out +=
      "\n| state | account | finding | resource | first seen | due | |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    for it in findings {
      let ledger = it.ledger
      out +=
        "| \(ledger?.state.rawValue ?? "") | \(FerryReport.markdown(it.account)) | `\(it.code)` | \(FerryReport.markdown(it.resource.id)) | \(ledger.map { Timestamp.text($0.firstSeen) } ?? "") | \(ledger?.dueAt.map(Timestamp.text) ?? "") | \(FerryReport.markdown(why(it))) |\n"
    }
    return out
  }

  package static func table(_ history: SweepHistory) -> String {
    guard !history.days.isEmpty else { return "no sweep has run with this state\n" }
    var rows = [
      [
        "day", "accounts", "new", "in grace", "due", "kept", "healed", "removed", "unknown",
        "not read",
      ]
    ]
    for day in history.days {
      rows.append(
        [day.day]
          + [
            day.accounts, day.new, day.inGrace, day.due, day.kept, day.healed, day.removed,
            day.unknown, day.gaps,
          ].map(String.init))
    }
    return FerryReport.table(rows)
  }
  package static func markdown(_ history: SweepHistory) -> String {
    var out =
      "| day | accounts | new | in grace | due | kept | healed | removed | unknown | not read |\n| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
    for day in history.days {
      out +=
        "| \(day.day) | \(day.accounts) | \(day.new) | \(day.inGrace) | \(day.due) | \(day.kept) | \(day.healed) | \(day.removed) | \(day.unknown) | \(day.gaps) |\n"
    }
    return out
  }

  /// Prometheus' text format, for node_exporter's textfile collector.
  ///
  /// - Source: Prometheus, "Exposition formats", text-based format 0.0.4.
  package static func prometheus(_ report: FindingsReport, at: Date, removed: Int, exit: Int32)
    -> String
  {
    func label(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
    var out = ""
    func family(_ name: String, _ help: String, _ samples: [(labels: String, value: Int64)]) {
      out += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
      for it in samples {
        out += "\(name)\(it.labels.isEmpty ? "" : "{\(it.labels)}") \(it.value)\n"
      }
    }
    family(
      "edgeferry_sweep_last_run_timestamp_seconds", "When the last sweep ran.",
      [("", Int64(at.timeIntervalSince1970))])
    family("edgeferry_sweep_exit_code", "How the last sweep ended.", [("", Int64(exit))])
    family("edgeferry_sweep_accounts", "Accounts looked at.", [("", Int64(report.accounts.count))])
    family("edgeferry_sweep_gaps", "Reads that failed.", [("", Int64(report.gaps.count))])
    family(
      "edgeferry_sweep_removed", "Findings that the last sweep removed.", [("", Int64(removed))])
    family(
      "edgeferry_sweep_findings", "Findings by account and state.",
      report.accounts.flatMap { account in
        Finding.Standing.State.allCases.filter { ![.healed, .removed].contains($0) }.map { state in
          (
            "account=\"\(label(account))\",state=\"\(state.rawValue)\"",
            Int64(
              report.findings.count { $0.account == account && $0.ledger?.state == state })
          )
        }
      })
    family(
      "edgeferry_quota_used", "What is used of a quota.",
      report.quotas.map {
        ("account=\"\(label($0.account))\",quota=\"\(label($0.what))\"", Int64($0.used))
      })
    family(
      "edgeferry_quota_limit", "The quota.",
      report.quotas.map {
        ("account=\"\(label($0.account))\",quota=\"\(label($0.what))\"", Int64($0.limit))
      })
    return out
  }
}
