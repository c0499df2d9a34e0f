import FerryCore
import Foundation

/// A plan as one HTML file: to read before approving, to follow at night, to print.
///
/// It holds no script and loads nothing; its policy forbids both, and allows the one style sheet by its digest.
public struct PlanPage {
  let plan: Plan
  let path: String
  let rollback: Plan?
  let site: Site
  let clock: LocalClock
  let timeline: Timeline
  let drawing: TimelineDrawing
  /// Names, RRsets and rows beyond these are counted, and are in the plan's JSON.
  static let namesMax = 50
  static let rowsMax = 400

  public static func render(
    _ plan: Plan, path: String, rollback: Plan?, site: Site = Site()
  ) -> String {
    PlanPage(plan, path: path, rollback: rollback, site: site).document.text
  }
  /// The timeline alone, as an SVG file.
  public static func timeline(_ plan: Plan, site: Site = Site()) -> String {
    TimelineDrawing(plan, site: site).steps(isAlone: true).text
  }

  private init(_ plan: Plan, path: String, rollback: Plan?, site: Site) {
    self.plan = plan
    self.path = path
    self.rollback = rollback
    self.site = site
    clock = site.clock(for: plan)
    timeline = Timeline(plan)
    drawing = TimelineDrawing(plan, site: site)
  }

  private var document: Markup {
    let style = PageStyle.sheet
    let digest = Data(Digest.sha256(Array(style.text.utf8))).base64EncodedString()
    let sections: [(id: Markup, title: Markup, body: Markup?)] = [
      ("timeline", "Timeline", timelineSection),
      ("traffic", "Traffic after the flip", trafficSection),
      ("way-back", "The way back", wayBackSection), ("observed", "What DNS said", observedSection),
      ("methods", "How it is moved, and why", methodsSection), ("steps", "Steps", stepsSection),
      ("undo", "Undo", undoSection), ("permissions", "Permissions", permissionsSection),
    ]
    let shown = sections.compactMap { it in it.body.map { (it.id, it.title, $0) } }
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-\(digest)'; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
      <title>\(plan.name)</title>
      <style>\(style)</style></head><body>
      <a class="skip" href="#timeline">Skip to the timeline</a>
      \(header)
      <nav aria-label="Sections"><ul>\(shown.map { "<li><a href=\"#\($0.0)\">\($0.1)</a></li>" as Markup })</ul></nav>
      <main>
      \(shown.map { "<section id=\"\($0.0)\"><h2>\($0.1)</h2>\n\($0.2)</section>\n" as Markup })</main>
      <footer>Made by \(plan.tool) at \(Timestamp.text(plan.createdAt)) from <code>\(path)</code>. Times of day are the earliest ones.</footer>
      </body></html>

      """
  }

  // MARK: The head

  private var header: Markup {
    var facts: [Markup] = []
    func fact(_ name: Markup, _ value: Markup, wide: Bool = false) {
      facts.append(
        "<div\(wide ? " class=\"wide\"" as Markup : "")><dt>\(name)</dt><dd>\(value)</dd></div>")
    }
    if timeline.isFixed {
      fact("Begins", both(timeline.start))
      fact("Settled", both(timeline.end))
    }
    if timeline.isFixed, let date = plan.schedule.allClear { fact("Last cache clean", both(date)) }
    if timeline.isFixed, let date = plan.schedule.retire {
      fact("Old target may go", both(date))
    }
    fact("Takes about", "\(span(plan.schedule.criticalPathSeconds))")
    fact(
      "Viewers may see errors for",
      plan.schedule.exposureSeconds > 0
        ? "<span class=\"bad-text\">\(span(plan.schedule.exposureSeconds))</span>" : "0 s")
    if let most = plan.schedule.rollback?.map(\.seconds).max() {
      fact("Undoing takes at most", "\(span(most))")
    }
    fact(
      "Point of no return",
      plan.pointOfNoReturn.map { "<span class=\"bad-text\">\($0)</span>" as Markup } ?? "none")
    for (name, id) in plan.accounts.sorted(by: { $0.key < $1.key }) {
      fact("Account \(name)", "\(id)")
    }
    if let endpoint = plan.observed.endpoint { fact("Endpoint, not AWS", "\(endpoint)") }
    fact("Digest to approve", "<code>\(plan.digest)</code>", wide: true)
    var out: Markup = """
      <header><h1>\(plan.name)</h1>
      <p class="sub">\(plan.rollbackOf == nil ? "Runbook" : "Rollback runbook") · \(plan.capability) · \(plan.steps.count) step\(plan.steps.count == 1 ? "" : "s")</p>
      <dl class="facts">\(facts)</dl>

      """
    for risk in plan.risks.sorted(by: { !$0.accepted && $1.accepted }) {
      out += """
        <p class="call\(risk.accepted ? "" : " bad")"><strong\(risk.accepted ? "" as Markup : " class=\"bad-text\"")>\
        Risk\(risk.accepted ? ", accepted" : ", NOT accepted")</strong> <code>\(risk.code)</code> \(risk.text)</p>

        """
    }
    for debt in plan.debts {
      out += "<p class=\"call\"><strong>Owed</strong> <code>\(debt)</code></p>\n"
    }
    for note in plan.notes { out += "<p class=\"call\"><strong>Note</strong> \(note)</p>\n" }
    let word = shellWord(path)
    if plan.rollbackOf == nil {
      out += """
        <h4>Run it</h4>\(pre(runLines(word)))
        <h4>Stop it before its next write, and see where it stands</h4>\
        \(pre(["edgeferry hold \(word) --reason TEXT", "edgeferry status \(word)"]))

        """
    }
    return out + "</header>"
  }
  private func runLines(_ word: String) -> [String] {
    let apply = "edgeferry apply \(word) --approve \(plan.digest)"
    return plan.runsTools
      ? [
        "\(apply) --run-commands   # runs the commands of other tools and judges them",
        "\(apply)   # a person runs them, and approves their steps",
      ] : [apply]
  }
  private func both(_ date: Date) -> Markup {
    clock.isUTC
      ? "\(clock.text(date))"
      : "\(clock.day(date)) \(clock.time(date))<small>\(clock.name) \(clock.offset(date))</small><small>\(Timestamp.text(date))</small>"
  }
  private func cell(_ date: Date) -> Markup {
    clock.isUTC
      ? "<td class=\"t\">\(clock.text(date))</td>"
      : "<td class=\"t\">\(clock.text(date))</td><td class=\"t\">\(Timestamp.text(date))</td>"
  }
  private func head(_ name: Markup) -> Markup {
    clock.isUTC
      ? "<th scope=\"col\">\(name)</th>"
      : "<th scope=\"col\">\(name), \(clock.name)</th><th scope=\"col\">\(name), UTC</th>"
  }
  private func pre(_ lines: [String]) -> Markup {
    lines.isEmpty ? "" : "<pre>\(Markup(joining: lines.map { "\($0)" }, by: "\n"))</pre>"
  }
  private func block(_ title: Markup, _ lines: [String]) -> Markup {
    lines.isEmpty ? "" : "<h4>\(title)</h4>\(pre(lines))\n"
  }
  private func grid(_ caption: Markup, _ head: Markup, _ rows: [Markup]) -> Markup {
    """
    <div class="scroll"><table><caption>\(caption)</caption><thead><tr>\(head)</tr></thead><tbody>
    \(rows.map { "<tr>\($0)</tr>\n" as Markup })</tbody></table></div>

    """
  }

  // MARK: Pictures with their tables

  private var timelineSection: Markup {
    var out: Markup = "<figure>\(drawing.steps())<figcaption>"
    out +=
      timeline.isFixed
      ? "Each bar begins with the change and ends when its wait is over. Above: \(clock.name)\(clock.isUTC ? "" : "; below: UTC")."
      : "Each bar begins with the change and ends when its wait is over, counted from whenever the plan is started."
    out += "</figcaption></figure>\n"
    for (name, window) in site.windows.sorted(by: { $0.key < $1.key })
    where plan.steps.contains(where: { $0.window == name }) {
      out += "<p><strong>Window \(name)</strong> (\(window.timeZone.identifier)): \(window.text)"
      if window.leadSeconds > 0 { out += "; approval takes \(span(window.leadSeconds))" }
      out += "."
      for freeze in window.freezes.prefix(20) {
        let clock = LocalClock(zone: window.timeZone)
        out +=
          " <span class=\"bad-text\">Freeze</span> \(clock.text(freeze.start)) to \(clock.text(freeze.end))."
      }
      out += "</p>\n"
    }
    if timeline.isFixed {
      out += grid(
        "When", "<th scope=\"col\">step</th>\(head("begins"))\(head("settled"))",
        timeline.entries.prefix(Self.rowsMax).map {
          "<th scope=\"row\">\($0.number). \($0.step.id)</th>\(cell($0.begins))\(cell($0.settles))"
        })
    } else {
      out += grid(
        "When",
        "<th scope=\"col\">step</th><th scope=\"col\">begins after</th><th scope=\"col\">settled after</th>",
        timeline.entries.prefix(Self.rowsMax).map {
          """
          <th scope="row">\($0.number). \($0.step.id)</th><td>\(span($0.begins.since(timeline.start)))</td>\
          <td>\(span($0.settles.since(timeline.start)))</td>
          """
        })
    }
    return out
  }
  private var trafficSection: Markup? {
    guard let points = plan.schedule.trafficShare, let picture = TimelineDrawing.drain(points)
    else {
      return nil
    }
    return """
      <figure>\(picture)<figcaption>Share of requests by target, from the moment that the last authoritative server \
      gives the new answer, as caches that keep to the TTL let go of the old one. A small tail outlives every TTL: retire the old \
      target on its own request count.</figcaption></figure>
      \(grid(
        "Requests on the old target", "<th scope=\"col\" class=\"n\">after</th><th scope=\"col\" class=\"n\">old target</th>",
        sampled(points).map { "<td class=\"n\">\(span($0.seconds))</td><td class=\"n\">\(TimelineDrawing.percent($0.old))</td>" }))
      """
  }
  /// At most about a dozen rows of a long curve, first and last among them.
  private func sampled(_ points: [Plan.SharePoint]) -> [Plan.SharePoint] {
    let stride = max(1, points.count / 12)
    return points.enumerated().filter { $0.offset % stride == 0 || $0.offset == points.count - 1 }
      .map(\.element)
  }
  private var wayBackSection: Markup? {
    guard let points = plan.schedule.rollback, !points.isEmpty else { return nil }
    var out: Markup = ""
    if let picture = drawing.rollback() {
      out += """
        <figure>\(picture)<figcaption>From the decision to undo until the last cache has the old answer again, by the moment \
        of deciding. The scale is logarithmic.</figcaption></figure>

        """
    }
    return out
      + grid(
        "If it is decided to undo",
        "<th scope=\"col\">after step</th>\(timeline.isFixed ? head("decided") : "<th scope=\"col\">decided</th>")<th scope=\"col\" class=\"n\">takes</th><th scope=\"col\">windows allow it</th>",
        points.prefix(Self.rowsMax).map { point in
          let allowed: Markup =
            switch point.nextAllowed {
            case nil: "<span class=\"bad-text\">never</span>"
            case let next? where next <= point.from: "at once"
            case let next?: "<span class=\"bad-text\">from \(timeline.moment(next, clock))</span>"
            }
          return """
            <th scope="row">\(point.step)</th>\(timeline.isFixed ? cell(point.from) : "<td>\(timeline.moment(point.from, clock))</td>")<td class="n">\(span(point.seconds))</td><td>\(allowed)</td>
            """
        })
  }

  // MARK: What the plan rests on

  private var observedSection: Markup? {
    guard let probes = plan.observed.probes, !probes.isEmpty else { return nil }
    var out = grid(
      "Names",
      """
      <th scope="col">name</th><th scope="col">zone</th><th scope="col">verdict</th><th scope="col">because</th>\
      <th scope="col">DNSSEC</th><th scope="col" class="n">negative TTL</th>
      """,
      probes.prefix(Self.rowsMax).map { name in
        let expires =
          name.dnssec.earliestExpiration.map { ", signatures until \(Timestamp.text($0))" } ?? ""
        return """
          <th scope="row">\(name.name.text)</th><td>\(name.zone?.text ?? "not found")</td><td>\(verdict(name.verdict))</td>\
          <td>\(name.because.joined(separator: "; "))</td><td>\(name.dnssec.state.rawValue)\(expires)</td>\
          <td class="n">\(name.negativeTTL.map(span) ?? "not known")</td>
          """
      })
    if probes.count > Self.rowsMax { out += more(probes.count - Self.rowsMax, "names") }
    for name in probes.prefix(Self.namesMax) {
      out += grid(
        "\(name.name.text): authoritative servers",
        """
        <th scope="col">server</th><th scope="col">address</th><th scope="col">answer</th><th scope="col" class="n">TTL</th>\
        <th scope="col" class="n">serial</th><th scope="col">verdict</th>
        """,
        name.servers.prefix(Self.rowsMax).map { server in
          """
          <th scope="row">\(server.name?.text ?? "")</th><td>\(server.address)</td>\
          <td>\(answers(server.answers, server.rcode))</td><td class="n">\(ttls(server.answers))</td>\
          <td class="n">\(server.soaSerial.map { "\($0)" } ?? "")</td><td>\(verdict(server.verdict.rawValue))</td>
          """
        })
      if name.chain.count > 1 {
        out += grid(
          "\(name.name.text): the chain",
          "<th scope=\"col\">name</th><th scope=\"col\">zone</th><th scope=\"col\" class=\"n\">TTL</th><th scope=\"col\">target</th>",
          name.chain.prefix(20).map {
            "<th scope=\"row\">\($0.name.text)</th><td>\($0.zone.text)</td><td class=\"n\">\(span($0.ttl))</td><td>\($0.target.text)</td>"
          })
      }
      if !name.recursives.isEmpty {
        out += grid(
          "\(name.name.text): resolvers",
          """
          <th scope="col">resolver</th><th scope="col">answer</th><th scope="col" class="n">remaining TTL</th>\
          <th scope="col">clamp</th><th scope="col">verdict</th>
          """,
          name.recursives.prefix(Self.rowsMax).map {
            """
            <th scope="row">\($0.address)</th><td>\(answers($0.answers, $0.rcode))</td>\
            <td class="n">\($0.remainingTTL.map(span) ?? "")</td><td>\($0.clamp ?? "none seen")</td><td>\(verdict($0.verdict))</td>
            """
          })
      }
    }
    if probes.count > Self.namesMax {
      out += more(probes.count - Self.namesMax, "names with their servers")
    }
    return out
  }
  private func answers(_ sets: [ProbedName.RRset], _ rcode: RCode?) -> Markup {
    if sets.isEmpty { return "\(rcode?.text ?? "no answer")" }
    return Markup(
      joining: sets.prefix(12).map {
        "\($0.type.rawValue) \($0.data.prefix(12).joined(separator: ", "))"
      },
      by: "<br>")
  }
  private func ttls(_ sets: [ProbedName.RRset]) -> Markup {
    Markup(joining: sets.prefix(12).map { "\($0.ttl)" }, by: "<br>")
  }
  private func verdict(_ text: String) -> Markup {
    let isGood = ["ok", "changed", "consistent", "target"].contains(text)
    return "<span class=\"\(isGood ? "good-text" : "bad-text")\">\(text)</span>"
  }
  private func more(_ count: Int, _ what: Markup) -> Markup {
    "<p class=\"muted\">And \(count) more \(what): \(pre(["edgeferry show \(shellWord(path)) --output json"]))</p>\n"
  }
  private var methodsSection: Markup? {
    guard let methods = plan.methods, !methods.isEmpty else { return nil }
    return Markup(
      joining: methods.prefix(Self.namesMax).map { method in
        grid(
          "\(method.alias): \(method.chosen)\(method.order.map { ", \($0)" } ?? "")",
          """
          <th scope="col">method</th><th scope="col">possible</th><th scope="col">reasons</th>\
          <th scope="col" class="n">errors for</th><th scope="col" class="n">undo takes</th>
          """,
          method.considered.prefix(40).map {
            """
            <th scope="row">\($0.method)</th><td>\($0.possible ? "yes" : "no")</td><td>\($0.reasons.joined(separator: "; "))</td>\
            <td class="n">\($0.exposureSeconds.map(span) ?? "")</td><td class="n">\($0.rollbackSeconds.map(span) ?? "")</td>
            """
          })
      }) + (methods.count > Self.namesMax ? more(methods.count - Self.namesMax, "names") : "")
  }
  private var permissionsSection: Markup? {
    plan.permissions.isEmpty
      ? nil
      : "<ul>\(plan.permissions.prefix(Self.rowsMax).map { "<li><code>\($0)</code></li>" as Markup })</ul>\n"
  }

  // MARK: Steps

  private var stepsSection: Markup {
    let hand = ByHand(plan: plan, path: path, site: site)
    return Markup(joining: timeline.entries.prefix(Self.rowsMax).map { step($0, hand) })
      + (timeline.entries.count > Self.rowsMax
        ? more(timeline.entries.count - Self.rowsMax, "steps") : "")
  }
  private func step(_ entry: Timeline.Entry, _ hand: ByHand) -> Markup {
    let step = entry.step
    var when: [Markup] = []
    if timeline.isFixed {
      when.append("<span><strong>Begins</strong> \(Runbook.times(entry.begins, clock))</span>")
      if let latest = step.latest {
        when.append("<span><strong>at the latest</strong> \(Runbook.times(latest, clock))</span>")
      }
    } else {
      when.append("<span>about \(span(entry.begins.since(timeline.start))) after the start</span>")
    }
    when.append("<span class=\"chip\">\(step.id)</span>")
    if let account = step.account { when.append("<span class=\"chip\">account \(account)</span>") }
    if let window = step.window { when.append("<span class=\"chip\">window \(window)</span>") }
    if step.id == plan.pointOfNoReturn {
      when.append("<span class=\"chip bad\">point of no return</span>")
    }
    var out: Markup = """
      <article id="step-\(entry.number)"><h3>\(entry.number). \(step.title)</h3>
      <p class="when">\(when)</p>

      """
    if let gate = step.gate {
      out +=
        "<div class=\"call bad\"><strong class=\"bad-text\">Needs approval</strong> \(gate.reason)"
      out += pre(["edgeferry approve \(shellWord(path)) --step \(step.id) --reference TEXT"])
      out += "</div>\n"
    }
    out += changes(step)
    if let wait = step.wait, wait.seconds > 0 {
      out += grid(
        "Wait \(span(wait.seconds)) from \(PlanText.origin(wait.from))",
        "<th scope=\"col\">term</th><th scope=\"col\" class=\"n\">span</th><th scope=\"col\">source</th>",
        wait.terms.prefix(40).map {
          "<td>\($0.term)</td><td class=\"n\">\(span($0.seconds))</td><td>\($0.source)</td>"
        })
    }
    var points: [Markup] = step.checks.prefix(40).map { "<li>Then \(PlanText.describe($0))</li>" }
    if let failure = step.onFailure {
      points.append("<li>If a check fails, \(PlanText.describe(failure))</li>")
    }
    let undo = step.inverse.map(PlanText.undo)
    points.append(
      undo.map { "<li>Undo: \($0)</li>" }
        ?? (step.action == .observe
          ? "<li>Nothing to undo</li>" : "<li class=\"bad-text\">Cannot be undone</li>"))
    for line in PlanText.wayBack(step, plan, { timeline.moment($0, clock) }) {
      points.append("<li>\(line.prefix(1).uppercased() + line.dropFirst())</li>")
    }
    out += "<ul>\(points)</ul>\n"
    out += block("What to look at", hand.look(step))
    out += block("By hand", hand.change(step))
    return out + "</article>\n"
  }
  private func changes(_ step: Step) -> Markup {
    var lines: [Markup] = []
    for edit in step.action.edits.prefix(Self.rowsMax) {
      lines.append("<span class=\"minus\">- \(edit.path): \(PlanText.value(edit.from))</span>")
      lines.append("<span class=\"plus\">+ \(edit.path): \(PlanText.value(edit.to))</span>")
    }
    let records = step.action.dns?.changes ?? []
    for change in records.prefix(ByHand.inlineMax) {
      let key = "\(change.name.text) \(change.rrtype.rawValue)"
      lines.append("<span class=\"minus\">- \(key) \(PlanText.record(change.from))</span>")
      lines.append("<span class=\"plus\">+ \(key) \(PlanText.record(change.to))</span>")
    }
    if records.count > ByHand.inlineMax {
      lines.append(
        "and \(records.count - ByHand.inlineMax) more RRsets of \(step.action.dns?.zone.text ?? "")"
      )
    }
    return lines.isEmpty ? "" : "<pre>\(Markup(joining: lines, by: "\n"))</pre>\n"
  }

  private var undoSection: Markup? {
    if plan.rollbackOf != nil { return nil }
    let word = shellWord(path)
    var out: Markup = """
      <p>First keep the plan from going on, then take back what was done, in reverse. <code>--to STEP</code> goes back to the \
      state right after that step.</p>
      \(pre([
        "edgeferry hold \(word) --reason TEXT",
        "edgeferry rollback \(word) --approve \(rollback?.digest ?? "DIGEST-OF-THE-ROLLBACK-PLAN")\(plan.runsTools ? " --run-commands" : "")",
      ]))

      """
    guard let rollback else { return out }
    let hand = ByHand(
      plan: rollback,
      path: path.hasSuffix(".plan.json") ? path.dropLast(10) + ".rollback.plan.json" : path,
      site: site)
    for (index, step) in rollback.steps.prefix(Self.rowsMax).enumerated() {
      out += "<article id=\"undo-\(index + 1)\"><h3>Undo \(index + 1). \(step.title)</h3>\n"
      if let undoes = step.undoes {
        out += "<p class=\"when\"><span class=\"chip\">only if \(undoes) was done</span></p>\n"
      }
      if let wait = step.wait, wait.seconds > 0 {
        out += "<p>Then wait \(span(wait.seconds)) from \(PlanText.origin(wait.from)).</p>\n"
      }
      out += block("By hand", hand.change(step)) + "</article>\n"
    }
    return out
  }
}

extension ChangeWindow {
  /// `Tue,Thu 10:00-12:00`, as the settings write it; `always` for none.
  var text: String {
    func clock(_ minutes: Int) -> String {
      let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
      return (hours < 10 ? "0" : "") + "\(hours):" + (rest < 10 ? "0" : "") + "\(rest)"
    }
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    // Monday first.
    let order = [2, 3, 4, 5, 6, 7, 1]
    return allow.isEmpty
      ? "always"
      : allow.map { hours in
        order.filter { hours.weekdays.contains($0) }.map { names[$0 - 1] }.joined(separator: ",")
          + " \(clock(hours.from))-\(clock(hours.to))"
      }.joined(separator: "; ")
  }
}
