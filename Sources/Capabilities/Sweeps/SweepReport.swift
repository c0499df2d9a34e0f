import FerryCore
import FerryReport
import Foundation

/// What one `sweep run` found and did; `edgeferry.findings/1` with more.
struct SweepReport: Sendable {
  var at: Date
  var findings: FindingsReport
  /// `CODE:ID` by account: what `--apply` acts on, and would act on.
  var selected: [AccountID: [String]]
  /// The limits that keep it from acting.
  var overCaps: [String]
  var actions: [SweepAction]
  /// Plans that an earlier sweep began and that are not over.
  var unfinished: [AccountID: String]

  var document: JSONValue {
    guard case .object(var members) = JSONValue.of(findings) else { return [:] }
    members["sweep"] = [
      "at": .string(Timestamp.text(at)),
      "selected": .array(
        selected.sorted { $0.key < $1.key }.flatMap { account, texts in
          texts.map { ["account": .string(account), "finding": .string($0)] }
        }),
      "overCaps": .array(overCaps.map(JSONValue.string)),
      "actions": JSONValue.of(actions),
      "unfinished": .array(
        unfinished.sorted { $0.key < $1.key }.map {
          ["account": .string($0.key), "plan": .string($0.value)]
        }),
    ]
    return .object(members)
  }

  /// Findings by what a sweep makes of them, the most pressing first.
  var text: String {
    var out = ""
    for account in findings.accounts {
      let own = findings.findings.filter { $0.account == account && $0.ledger != nil }
      let counts = Finding.Standing.State.allCases.compactMap { state -> String? in
        let count = own.count { $0.ledger?.state == state }
        return count == 0 ? nil : "\(count) \(state.rawValue)"
      }
      out +=
        "account \(safe(account)): \(counts.isEmpty ? "nothing" : counts.joined(separator: ", "))\n"
      for state in [Finding.Standing.State.due, .new, .inGrace, .kept, .removed, .healed] {
        for finding in own where finding.ledger?.state == state { out += line(finding) }
      }
    }
    if !overCaps.isEmpty {
      out += "over the cap, so nothing is done:\n"
      for it in overCaps { out += "  \(safe(it))\n" }
    }
    for (account, plan) in unfinished.sorted(by: { $0.key < $1.key }) {
      out += "unfinished in \(safe(account)): \(safe(plan)); the next `sweep run --apply` goes on\n"
    }
    for it in actions {
      out += "\(safe(it.account)): "
      if it.exit == .done {
        out +=
          it.removed.isEmpty
          ? safe(it.because ?? "nothing to do")
          : "removed \(it.removed.map { safe($0) }.joined(separator: ", "))"
      } else {
        out += "exit \(it.exit.rawValue): \(safe(it.because ?? "", limit: 2000))"
      }
      out += it.plan.map { " (\(safe($0)))\n" } ?? "\n"
    }
    return out
  }
  private func line(_ finding: Finding) -> String {
    guard let ledger = finding.ledger else { return "" }
    var out =
      "  \(ledger.state.rawValue)  \(finding.code)  \(safe(finding.resource.id))  seen first \(Timestamp.text(ledger.firstSeen))"
    switch ledger.state {
    case .new, .inGrace:
      if finding.verdict == .unknown {
        out += ", unknown: \(finding.overturnedBy.first.map { safe($0) } ?? "")"
      } else if let due = ledger.dueAt {
        out += ", due \(Timestamp.text(due))"
      }
    case .due: out += ledger.heldBack.map { ", held back: \($0.joined(separator: ", "))" } ?? ""
    case .kept: out += ledger.keptBy.map { ", kept by \(safe($0))" } ?? ""
    case .healed, .removed: break
    }
    return out + "\n"
  }
}
