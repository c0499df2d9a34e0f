import Foundation

/// Open time as a schedule needs it: whole spans, freezes taken out, days that touch joined.
extension ChangeWindow {
  /// A stretch of time in which writes may begin; `end` nil when it never closes.
  public struct Span: Equatable, Sendable {
    public var start: Date
    public var end: Date?
    public init(start: Date, end: Date?) {
      self.start = start
      self.end = end
    }
    /// The last instant that still leaves so many seconds before it closes; nil when it never closes.
    public func latest(leaving seconds: Int) -> Date? { end.map { $0 - Double(seconds) } }
    public func holds(_ seconds: Int, from: Date) -> Bool {
      end.map { from + Double(seconds) <= $0 } ?? true
    }
  }
  /// How far ahead an opening is looked for.
  public static let horizonSeconds = 2.0 * 366 * 86_400
  /// A window that is open this long without a break is taken to be open for ever.
  private static let foreverSeconds = 400.0 * 86_400

  /// The open span that `date` lies in, from `date` on; nil when the window is closed then.
  public func span(at date: Date) -> Span? {
    guard !freezes.contains(where: { $0.start <= date && date < $0.end }) else { return nil }
    let freeze = freezes.map(\.start).filter { $0 > date }.min()
    if allow.isEmpty { return Span(start: date, end: freeze) }
    guard var end = close(after: date) else { return nil }
    while end.timeIntervalSince(date) < Self.foreverSeconds, end < freeze ?? .distantFuture,
      let next = close(after: end), next > end
    {
      end = next
    }
    if let freeze, freeze <= end { return Span(start: date, end: freeze) }
    return Span(start: date, end: end.timeIntervalSince(date) < Self.foreverSeconds ? end : nil)
  }
  /// When the opening that holds `date` ends; nil when none does.
  private func close(after date: Date) -> Date? {
    openings(near: date).filter { $0.start <= date && date < $0.end }.map(\.end).max()
  }

  /// The first open time at or after `date` that leaves so many seconds before it closes.
  /// - Returns: a span that begins at that time; nil when there is none within two years.
  public func first(after date: Date, leaving seconds: Int) -> Span? {
    var at = date
    while let open = nextOpening(after: at), open.timeIntervalSince(date) < Self.horizonSeconds {
      guard let span = span(at: open) else { return nil }
      if span.holds(seconds, from: open) { return span }
      guard let end = span.end, end > at else { return nil }
      at = end
    }
    return nil
  }
  /// The open spans that begin before `until`, in order.
  public func spans(from date: Date, until: Date) -> [Span] {
    var out: [Span] = []
    var at = date
    while at < until, let open = nextOpening(after: at), open < until, let span = span(at: open) {
      out.append(span)
      guard let end = span.end else { break }
      at = end
    }
    return out
  }
  /// The longest open span in the two months after the first opening after `date`, seconds; nil when one never
  /// closes, 0 when none opens.
  public func longestSpan(after date: Date) -> Int? {
    guard let open = nextOpening(after: date),
      open.timeIntervalSince(date) < Self.horizonSeconds
    else { return 0 }
    var longest = 0
    for span in spans(from: open, until: open + 62 * 86_400) {
      guard let end = span.end else { return nil }
      longest = max(longest, Int(end.timeIntervalSince(span.start)))
    }
    return longest
  }
  /// Whether a time can come at which no write may begin.
  public var everCloses: Bool { !allow.isEmpty || !freezes.isEmpty }

  /// A time as people of the window's zone write it, such as `Thu 2026-12-10 12:00 Europe/London`.
  public func localText(_ date: Date) -> String {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = timeZone
    let parts = calendar.dateComponents(
      [.weekday, .year, .month, .day, .hour, .minute, .second], from: date)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    func two(_ value: Int?) -> String {
      let number = value ?? 0
      return number < 10 ? "0\(number)" : "\(number)"
    }
    let seconds = (parts.second ?? 0) == 0 ? "" : ":\(two(parts.second))"
    return
      "\(days[((parts.weekday ?? 1) - 1) % 7]) \(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day)) \(two(parts.hour)):\(two(parts.minute))\(seconds) \(timeZone.identifier)"
  }
}
