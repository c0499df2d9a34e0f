import FerryCore
import Foundation

/// What sweeps found over time as one HTML file: no script, nothing loaded, plots as inline SVG.
package struct SweepPage {
  let history: SweepHistory
  let report: FindingsReport
  let at: Date
  /// Days and findings beyond these are counted, and are in the JSON.
  static let daysMax = 120
  static let findingsMax = 500

  package static func render(_ history: SweepHistory, _ report: FindingsReport, at: Date) -> String
  {
    SweepPage(history: history, report: report, at: at).document.text
  }

  private var days: [SweepHistory.Day] { Array(history.days.suffix(Self.daysMax)) }

  private var document: Markup {
    let style = PageStyle.sheet
    let digest = Data(Digest.sha256(Array(style.text.utf8))).base64EncodedString()
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-\(digest)'; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
      <title>Sweeps</title>
      <style>\(style)</style></head><body>
      <a class="skip" href="#findings">Skip to the findings</a>
      <header><h1>Sweeps</h1><p class="sub">as of \(Timestamp.text(at))</p><dl class="facts">\(facts)</dl></header>
      <main>
      <section id="open"><h2>Open at the end of each day</h2>\(openPlot)</section>
      <section id="flow"><h2>New, healed and removed each day</h2>\(flowPlot)\(table)</section>
      <section id="findings"><h2>Findings</h2>\(findings)</section>
      </main></body></html>

      """
  }
  private var facts: Markup {
    func fact(_ name: Markup, _ count: Int) -> Markup {
      "<div><dt>\(name)</dt><dd>\(count)</dd></div>"
    }
    func count(_ state: Finding.Standing.State) -> Int {
      report.findings.count { $0.ledger?.state == state }
    }
    return fact("Accounts", report.accounts.count) + fact("Due", count(.due))
      + fact("In grace", count(.inGrace) + count(.new)) + fact("Kept", count(.kept))
      + fact("Removed", history.days.reduce(0) { $0 + $1.removed })
      + fact("Not read", report.gaps.count)
  }

  // MARK: Plots

  private struct Series {
    var name: Markup
    var fill: Markup
    var value: @Sendable (SweepHistory.Day) -> Int
  }
  private var openPlot: Markup {
    plot([
      Series(name: "in grace", fill: "wait") { $0.inGrace },
      Series(name: "kept", fill: "bake") { $0.kept },
      Series(name: "due", fill: "bad") { max(0, $0.due) },
    ])
  }
  private var flowPlot: Markup {
    plot([
      Series(name: "new", fill: "old") { $0.new },
      Series(name: "healed", fill: "good") { $0.healed },
      Series(name: "removed", fill: "write") { $0.removed },
    ])
  }
  /// Stacked bars, one for each day on which a sweep ran.
  private func plot(_ series: [Series]) -> Markup {
    guard !days.isEmpty else { return "<p class=\"muted\">No sweep has run yet.</p>" }
    let width = 1000.0
    let height = 220.0
    let left = 40.0
    let most = max(1, days.map { day in series.reduce(0) { $0 + $1.value(day) } }.max() ?? 1)
    let step = (width - left) / Double(days.count)
    let bar = max(1, min(40, step * 0.8))
    var out: Markup = ""
    for fraction in [0.0, 0.5, 1.0] {
      let y = height - fraction * (height - 20)
      out +=
        "<line class=\"s-line thin\" x1=\"\(left)\" x2=\"\(width)\" y1=\"\(y)\" y2=\"\(y)\"/>"
      if fraction != 0.5 || most % 2 == 0 {
        out +=
          "<text class=\"f-muted m\" x=\"\(left - 6)\" y=\"\(y + 4)\" text-anchor=\"end\">\(Int(fraction * Double(most)))</text>"
      }
    }
    for (index, day) in days.enumerated() {
      var y = height
      let x = left + step * Double(index) + (step - bar) / 2
      for it in series {
        let value = it.value(day)
        guard value > 0 else { continue }
        let tall = Double(value) / Double(most) * (height - 20)
        y -= tall
        out +=
          "<rect class=\"f-\(it.fill)\" x=\"\(x)\" y=\"\(y)\" width=\"\(bar)\" height=\"\(tall)\"><title>\(day.day): \(value) \(it.name)</title></rect>"
      }
      let every = max(1, days.count / 8)
      if index % every == 0 {
        out +=
          "<text class=\"f-muted m\" x=\"\(x + bar / 2)\" y=\"\(height + 18)\" text-anchor=\"middle\">\(day.day)</text>"
      }
    }
    for (index, it) in series.enumerated() {
      let x = left + 110 * Double(index)
      out +=
        "<rect class=\"f-\(it.fill)\" x=\"\(x)\" y=\"\(height + 30)\" width=\"12\" height=\"12\"/><text class=\"f-ink\" x=\"\(x + 18)\" y=\"\(height + 41)\">\(it.name)</text>"
    }
    return
      "<svg viewBox=\"0 0 \(width) \(height + 50)\" role=\"img\" aria-label=\"Bars by day; the figures are in the table\">\(out)</svg>"
  }
  private var table: Markup {
    let rows = days.reversed().map { day -> Markup in
      """
      <tr><th scope="row">\(day.day)</th><td class="n">\(day.accounts)</td><td class="n">\(day.new)</td><td class="n">\(day.inGrace)</td>\
      <td class="n">\(max(0, day.due))</td><td class="n">\(day.kept)</td><td class="n">\(day.healed)</td><td class="n">\(day.removed)</td>\
      <td class="n">\(day.unknown)</td><td class="n">\(day.gaps)</td></tr>

      """
    }
    let heads = [
      "day", "accounts", "new", "in grace", "due", "kept", "healed", "removed", "unknown",
      "not read",
    ].map { "<th scope=\"col\">\($0)</th>" as Markup }
    return
      "<details><summary>The figures</summary><table><thead><tr>\(heads)</tr></thead><tbody>\(rows)</tbody></table></details>"
  }

  // MARK: Findings

  private var findings: Markup {
    let shown = report.findings.filter { $0.ledger != nil }
    guard !shown.isEmpty else { return "<p>None.</p>" }
    let rows = shown.prefix(Self.findingsMax).map { it -> Markup in
      let ledger = it.ledger
      let why = ledger?.keptBy ?? ledger?.heldBack?.joined(separator: ", ") ?? ""
      return """
        <tr><td>\(ledger?.state.rawValue ?? "")</td><td>\(it.account)</td><td><code>\(it.code)</code></td><td><code>\(it.resource.id)</code></td>\
        <td>\(it.verdict.rawValue)</td><td class="t">\(ledger.map { Timestamp.text($0.firstSeen) } ?? "")</td>\
        <td class="t">\(ledger?.dueAt.map(Timestamp.text) ?? "")</td><td>\(why)</td></tr>

        """
    }
    let heads = ["state", "account", "finding", "resource", "verdict", "first seen", "due", "why"]
      .map { "<th scope=\"col\">\($0)</th>" as Markup }
    let rest =
      shown.count > Self.findingsMax
      ? "<p>and \(shown.count - Self.findingsMax) more</p>" as Markup : ""
    return
      "<table><thead><tr>\(heads)</tr></thead><tbody>\(rows)</tbody></table>\(rest)"
  }
}
