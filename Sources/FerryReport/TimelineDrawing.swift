import FerryCore
import Foundation

/// The steps of a plan against clock time, its windows and freezes; and beneath it what undoing would take.
struct TimelineDrawing {
  let plan: Plan
  let site: Site
  let timeline: Timeline
  let clock: LocalClock
  let scale: TimeScale
  let openings: [DateInterval]
  let freezes: [DateInterval]

  static let width = 1040.0
  private static let gutter = 268.0
  private static let right = width - 30
  private static let row = 42.0
  private static let top = 62.0
  /// A plan of many steps is drawn up to here; the table beside it holds them all.
  private static let rowsMax = 60

  init(_ plan: Plan, site: Site) {
    self.plan = plan
    self.site = site
    timeline = Timeline(plan)
    clock = site.clock(for: plan)
    let entries = timeline.entries
    let names = Set(plan.steps.compactMap(\.window))
    let window =
      timeline.isFixed
      ? (names.contains("dns")
        ? site.windows["dns"] : names.sorted().compactMap { site.windows[$0] }.first)
      : nil
    // Until the opening that the last step falls into is over: what is left of it is the reserve.
    var end = timeline.end
    var closes: [Date] = []
    for entry in entries where entry.step.window != nil {
      if case .open(let until?) = window?.state(at: entry.begins),
        until.timeIntervalSince(entry.begins) < 14 * 86_400
      {
        closes.append(until)
        end = max(end, until)
      }
    }
    if end <= timeline.start { end = timeline.start + 60 }
    openings = window?.openings(from: timeline.start, to: end) ?? []
    let start = timeline.start
    freezes = (window?.freezes ?? []).compactMap {
      $0.intersection(with: DateInterval(start: start, end: end))
    }.filter { $0.duration > 0 }
    scale = TimeScale(
      entries.flatMap { [$0.begins, $0.settles] } + closes + [start, end],
      from: Self.gutter, to: Self.right
    ) { from, to in !entries.contains { $0.begins < to && $0.settles > from } }
  }

  // MARK: The steps

  /// - Parameter isAlone: a file of its own, which brings its colours and its paper along.
  func steps(isAlone: Bool = false) -> Markup {
    let shown = timeline.entries.prefix(Self.rowsMax)
    let bottom = Self.top + Double(shown.count) * Self.row
    let height = bottom + (clock.isUTC ? 44 : 62)
    var out: Markup = ""
    if isAlone {
      out +=
        "<style>\(Palette.drawing)</style><rect class=\"f-paper\" width=\"\(Self.width)\" height=\"\(height)\"/>"
    }
    out += hatching("hatch-steps")
    out += bands(from: Self.top, to: bottom, labels: true, hatch: "hatch-steps")
    out += axis(bottom: bottom)
    for (index, entry) in shown.enumerated() {
      out += row(entry, y: Self.top + Double(index) * Self.row)
    }
    if timeline.entries.count > shown.count {
      out +=
        "<text class=\"f-muted m\" x=\"12\" y=\"\(bottom + 16)\">and \(timeline.entries.count - shown.count) more steps</text>"
    }
    out += legend(y: height - 14)
    let title = "Timeline of \(plan.name)"
    return svg(out, height: height, title: title, text: summary, isAlone: isAlone)
  }
  private var summary: String {
    timeline.entries.prefix(Self.rowsMax).map {
      "Step \($0.number), \($0.step.id): \(times($0)). "
    }.joined()
  }
  private func times(_ entry: Timeline.Entry) -> String {
    guard timeline.isFixed else {
      let from = span(entry.begins.since(timeline.start))
      let to = span(entry.settles.since(timeline.start))
      return from == to ? "after \(from)" : "after \(from), settled after \(to)"
    }
    let day = clock.day(entry.begins)
    let settledDay = clock.day(entry.settles)
    let from = "\(day) \(clock.time(entry.begins))"
    if entry.settles == entry.begins { return from }
    return "\(from) – \(settledDay == day ? "" : settledDay + " ")\(clock.time(entry.settles))"
  }

  private func row(_ entry: Timeline.Entry, y: Double) -> Markup {
    let step = entry.step
    let name = step.id.count > 30 ? String(step.id.prefix(29)) + "…" : step.id
    let left = scale(entry.begins)
    let right = max(scale(entry.settles), left + 3)
    let middle = y + Self.row / 2
    var out: Markup = """
      <g><title>\(step.title)</title>\
      <text class="f-ink b" x="12" y="\(middle - 3)">\(entry.number). \(name)</text>\
      <text class="f-muted m" x="12" y="\(middle + 13)">\(times(entry))</text>
      """
    if let earliest = step.earliest, let latest = step.latest, latest > earliest {
      // When it may begin.
      let from = scale(earliest)
      let to = scale(latest)
      out += """
        <path class="thin s-muted" d="M\(from) \(middle + 14)H\(to)M\(from) \(middle + 10)v8M\(to) \(middle + 10)v8"/>
        """
    }
    let isWrite = step.action != .observe
    out += """
      <rect class="\(isWrite ? "f-wait" : "f-bake")" x="\(left)" y="\(middle - 9)" width="\(right - left)" height="16" rx="3"/>
      """
    for it in scale.stretches where it.isCut && it.from >= entry.begins && it.to <= entry.settles {
      out += brake(x: (it.left + it.right) / 2, y: middle - 13, height: 24)
    }
    if isWrite {
      out +=
        "<rect class=\"f-write\" x=\"\(left)\" y=\"\(middle - 11)\" width=\"5\" height=\"20\" rx=\"2\"/>"
    }
    if step.gate != nil {
      out += "<path class=\"f-bad\" d=\"M\(left - 4) \(middle - 1)l-7 -7l-7 7l7 7z\"/>"
    }
    if step.id == plan.pointOfNoReturn {
      out += """
        <path class="thick s-bad dash" d="M\(left) \(Self.top - 4)V\(y + Self.row)"/>
        """
    }
    return out + "</g>"
  }
  /// The mark of a stretch that is cut short.
  private func brake(x: Double, y: Double, height: Double) -> Markup {
    """
    <path class="f-paper" d="M\(x - 5) \(y)h6l4 \(height)h-6z"/>\
    <path class="thin s-muted" d="M\(x - 5) \(y)l4 \(height)M\(x + 1) \(y)l4 \(height)"/>
    """
  }

  // MARK: What is behind them

  private func bands(from top: Double, to bottom: Double, labels: Bool, hatch: Markup) -> Markup {
    var out: Markup = ""
    for it in openings {
      let left = scale(it.start)
      let width = scale(it.end) - left
      out += """
        <rect class="f-open" x="\(left)" y="\(top)" width="\(width)" height="\(bottom - top)"/>
        """
      if labels, width > 46 {
        out += "<text class=\"f-opentext m\" x=\"\(left + 4)\" y=\"\(top - 5)\">window</text>"
      }
    }
    for it in freezes {
      let left = scale(it.start)
      let width = scale(it.end) - left
      out += """
        <rect class="f-frozen" x="\(left)" y="\(top)" width="\(width)" height="\(bottom - top)"/>\
        <rect fill="url(#\(hatch))" x="\(left)" y="\(top)" width="\(width)" height="\(bottom - top)"/>
        """
      if labels, width > 40 {
        out += "<text class=\"f-bad m\" x=\"\(left + 4)\" y=\"\(top - 5)\">freeze</text>"
      }
    }
    return out
  }
  private func hatching(_ id: Markup) -> Markup {
    freezes.isEmpty
      ? ""
      : """
      <defs><pattern id="\(id)" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
      <path class="thin s-bad" d="M0 0V8" opacity="0.35"/></pattern></defs>
      """
  }

  private func axis(bottom: Double) -> Markup {
    let ticks = scale.ticks(clock.zone, since: timeline.isFixed ? nil : timeline.start, apart: 62)
    var out: Markup =
      "<path class=\"thin s-line\" d=\"M\(Self.gutter) \(Self.top)H\(Self.right)M\(Self.gutter) \(bottom)H\(Self.right)\"/>"
    out +=
      "<text class=\"f-muted m\" x=\"12\" y=\"34\">\(timeline.isFixed ? clock.name : "after the start")</text>"
    var day = ""
    for tick in ticks {
      out += """
        <path class="thin s-line" d="M\(tick.x) \(Self.top)V\(bottom)"/>\
        <text class="f-ink m" x="\(tick.x)" y="34" text-anchor="middle">\(label(tick.date))</text>
        """
      let now = clock.day(tick.date)
      if timeline.isFixed, now != day {
        day = now
        out +=
          "<text class=\"f-ink m b\" x=\"\(tick.x)\" y=\"18\" text-anchor=\"middle\">\(now)</text>"
      }
      if timeline.isFixed, !clock.isUTC {
        out += """
          <text class="f-muted m" x="\(tick.x)" y="\(bottom + 16)" text-anchor="middle">\
          \(LocalClock(zone: .gmt).time(tick.date))</text>
          """
      }
    }
    if timeline.isFixed, !clock.isUTC {
      out += "<text class=\"f-muted m\" x=\"12\" y=\"\(bottom + 16)\">UTC</text>"
    }
    let idle = scale.stretches.filter { it in
      it.isCut && !timeline.entries.contains { $0.begins < it.to && $0.settles > it.from }
    }
    for it in idle {
      out += brake(x: (it.left + it.right) / 2, y: Self.top - 8, height: 16)
      out += brake(x: (it.left + it.right) / 2, y: bottom - 8, height: 16)
    }
    return out
  }
  private func label(_ date: Date) -> String {
    timeline.isFixed ? clock.time(date) : span(date.since(timeline.start))
  }

  private func legend(y: Double) -> Markup {
    var x = 12.0
    var out: Markup = ""
    func item(_ picture: Markup, _ text: Markup, _ width: Double) {
      out +=
        "<g transform=\"translate(\(x) \(y))\">\(picture)<text class=\"f-muted m\" x=\"22\" y=\"0\">\(text)</text></g>"
      x += width
    }
    item(
      "<rect class=\"f-write\" x=\"6\" y=\"-11\" width=\"5\" height=\"14\" rx=\"2\"/>", "change", 82
    )
    item("<rect class=\"f-wait\" y=\"-9\" width=\"16\" height=\"10\" rx=\"2\"/>", "wait", 66)
    item("<rect class=\"f-bake\" y=\"-9\" width=\"16\" height=\"10\" rx=\"2\"/>", "watch", 74)
    if plan.steps.contains(where: { $0.gate != nil }) {
      item("<path class=\"f-bad\" d=\"M16 -4l-7 -7l-7 7l7 7z\"/>", "needs approval", 126)
    }
    if plan.steps.contains(where: { $0.earliest != nil && $0.latest != nil }) {
      item("<path class=\"thin s-muted\" d=\"M0 -4H16M0 -8v8M16 -8v8\"/>", "may begin", 94)
    }
    if !openings.isEmpty {
      item("<rect class=\"f-open\" y=\"-10\" width=\"16\" height=\"12\"/>", "change window", 120)
    }
    if !freezes.isEmpty {
      item("<rect class=\"f-frozen\" y=\"-10\" width=\"16\" height=\"12\"/>", "freeze", 78)
    }
    if scale.stretches.contains(where: \.isCut) {
      item(
        "<path class=\"thin s-muted\" d=\"M4 -11l4 14M10 -11l4 14\"/>", "cut short: another scale",
        176)
    }
    if plan.pointOfNoReturn != nil {
      item("<path class=\"thick s-bad dash\" d=\"M8 -12V4\"/>", "point of no return", 140)
    }
    return out
  }

  // MARK: The way back

  /// Seconds until everything is as it was, by the moment of deciding; nil when the plan does not say.
  func rollback() -> Markup? {
    let points = (plan.schedule.rollback ?? []).sorted { $0.from < $1.from }
    guard !points.isEmpty else { return nil }
    let top = 26.0
    let bottom = 196.0
    func total(_ point: Plan.RollbackPoint) -> Int? {
      point.nextAllowed.map { max(0, $0.since(point.from)) + max(0, point.seconds) }
    }
    let values = points.flatMap { [max(1, $0.seconds), max(1, total($0) ?? $0.seconds)] }
    let marks = [1, 10, 60, 300, 900, 3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000]
    let low = marks.last { $0 <= values.min() ?? 1 } ?? 1
    let high = marks.first { $0 >= values.max() ?? 1 && $0 > low } ?? 31_536_000
    func y(_ seconds: Int) -> Double {
      let part =
        log(Double(max(low, min(seconds, high))) / Double(low)) / log(Double(high) / Double(low))
      return bottom - part * (bottom - top)
    }
    var out =
      hatching("hatch-back") + bands(from: top, to: bottom, labels: false, hatch: "hatch-back")
    for mark in marks where mark >= low && mark <= high {
      out += """
        <path class="thin s-line" d="M\(Self.gutter) \(y(mark))H\(Self.right)"/>\
        <text class="f-muted m" x="\(Self.gutter - 8)" y="\(y(mark) + 4)" text-anchor="end">\(spoken(mark))</text>
        """
    }
    func line(_ value: (Plan.RollbackPoint) -> Int?) -> Markup {
      var path: Markup = ""
      var before: Double?
      for (index, point) in points.enumerated() {
        let end =
          index + 1 < points.count
          ? points[index + 1].from : max(timeline.end, scale.stretches.last?.to ?? timeline.end)
        guard let seconds = value(point) else {
          before = nil
          continue
        }
        let height = y(seconds)
        path += before == nil ? "M\(scale(point.from)) \(height)" : "V\(height)"
        path += "H\(scale(end))"
        before = height
      }
      return path
    }
    out += "<path class=\"thick s-bad dash\" d=\"\(line(total))\"/>"
    out += "<path class=\"thick s-write\" d=\"\(line { $0.seconds })\"/>"
    for tick in scale.ticks(clock.zone, since: timeline.isFixed ? nil : timeline.start, apart: 62) {
      out +=
        "<text class=\"f-ink m\" x=\"\(tick.x)\" y=\"\(bottom + 16)\" text-anchor=\"middle\">\(label(tick.date))</text>"
    }
    for it in scale.stretches where it.isCut {
      out += brake(x: (it.left + it.right) / 2, y: bottom - 8, height: 16)
    }
    out += """
      <g transform="translate(12 60)"><path class="thick s-write" d="M0 -4H22"/><text class="f-ink m" x="30">undoing takes</text></g>\
      <g transform="translate(12 80)"><path class="thick s-bad dash" d="M0 -4H22"/><text class="f-ink m" x="30">with the wait for a window</text></g>\
      <text class="f-muted m" x="12" y="\(bottom + 16)">decided (\(timeline.isFixed ? clock.name : "after the start"))</text>
      """
    let text = points.prefix(60).map {
      "Decided at \(clock.text($0.from)), after \($0.step): \(span($0.seconds)). "
    }.joined()
    return svg(
      out, height: bottom + 30, title: "How long undoing takes", text: text, isAlone: false)
  }
  private func spoken(_ seconds: Int) -> String {
    switch seconds {
    case 86_400: "1 day"
    case 604_800: "1 week"
    case 2_592_000: "30 days"
    case 31_536_000: "1 year"
    case 60: "1 min"
    case 3600: "1 h"
    default: span(seconds)
    }
  }

  // MARK: The drain

  /// The share of requests on either target after the flip is seen everywhere; nil when the plan has none.
  static func drain(_ points: [Plan.SharePoint]) -> Markup? {
    let points = points.filter { $0.seconds >= 0 && $0.old.isFinite }.sorted {
      $0.seconds < $1.seconds
    }
    guard let last = points.last?.seconds, last > 0 else { return nil }
    let left = 60.0
    let right = Self.right
    let top = 16.0
    let bottom = 206.0
    func x(_ seconds: Int) -> Double { left + Double(seconds) / Double(last) * (right - left) }
    func y(_ share: Double) -> Double { bottom - min(max(share, 0), 1) * (bottom - top) }
    let curve = Markup(
      joining: points.enumerated().map {
        $0 == 0 ? "M\(x($1.seconds)) \(y($1.old))" : "L\(x($1.seconds)) \(y($1.old))"
      })
    var out: Markup = """
      <rect class="f-newarea" x="\(left)" y="\(top)" width="\(right - left)" height="\(bottom - top)"/>\
      <path class="f-oldarea" d="\(curve)V\(bottom)H\(x(points[0].seconds))Z"/><path class="thick s-old" d="\(curve)"/>
      """
    for share in [0.0, 0.25, 0.5, 0.75, 1] {
      out += """
        <path class="thin s-line" d="M\(left) \(y(share))H\(right)"/>\
        <text class="f-muted m" x="\(left - 8)" y="\(y(share) + 4)" text-anchor="end">\(Int(share * 100)) %</text>
        """
    }
    let step =
      [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800]
      .first { last / $0 <= 10 } ?? last
    var at = 0
    while at <= last {
      out += """
        <path class="thin s-line" d="M\(x(at)) \(bottom)v5"/>\
        <text class="f-ink m" x="\(x(at))" y="\(bottom + 19)" text-anchor="\(at == 0 ? "start" : at == last ? "end" : "middle")">\(at == 0 ? "0" : span(at))</text>
        """
      at += step
    }
    out += """
      <text class="f-ink b" x="\(left + 14)" y="\(bottom - 14)">old target</text>\
      <text class="f-ink b" x="\(right - 14)" y="\(top + 22)" text-anchor="end">new target</text>
      """
    let text = points.prefix(60).map {
      "After \(span($0.seconds)): \(percent($0.old)) on the old target. "
    }
    .joined()
    return Self.svg(
      out, height: bottom + 30, title: "Requests by target after the flip", text: text,
      isAlone: false)
  }
  static func percent(_ share: Double) -> String {
    let tenths = Int((min(max(share, 0), 1) * 1000).rounded())
    return "\(tenths / 10)" + (tenths % 10 == 0 ? "" : ".\(tenths % 10)") + " %"
  }

  // MARK: The frame

  private func svg(_ body: Markup, height: Double, title: String, text: String, isAlone: Bool)
    -> Markup
  {
    Self.svg(body, height: height, title: title, text: text, isAlone: isAlone)
  }
  private static func svg(
    _ body: Markup, height: Double, title: String, text: String, isAlone: Bool
  ) -> Markup {
    let size: Markup =
      isAlone ? " xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\"" : ""
    return """
      <svg\(size) viewBox="0 0 \(width) \(height)" role="img"><title>\(title)</title><desc>\(text)</desc>\(body)</svg>

      """
  }
}
