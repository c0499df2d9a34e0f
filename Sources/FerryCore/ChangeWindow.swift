import Foundation

/// When a change may be written: local hours of chosen weekdays in a named zone, less the freezes.
///
/// Windows are wall time in their own zone; an hour that a clock change skips does not exist, and of one
/// that it repeats, a start means the second and an end the first, so a window only ever gets shorter.
public struct ChangeWindow: Equatable, Sendable {
  /// `Mon..Fri 08:00-18:00`: weekdays 1 (Sunday) to 7, minutes of the local day; an end at or before
  /// the start is on the next day.
  public struct Hours: Equatable, Sendable {
    public var weekdays: Set<Int>
    public var from: Int
    public var to: Int
  }
  public var timeZone: TimeZone
  public var allow: [Hours]
  /// Instants, half open. A freeze given as dates lasts through the whole of its last day.
  public var freezes: [DateInterval]
  /// How long an approval takes: no write sooner than this after planning.
  public var leadSeconds: Int

  /// - Parameters:
  ///   - allow: such as `Tue,Thu 10:00-12:00`; none means always.
  ///   - freeze: such as `2026-12-18/2027-01-04`, or two RFC 3339 times.
  /// - Throws: `.badInput` (64) naming the text that cannot be read.
  public init(
    timeZone name: String, allow: [String], freeze: [String], leadSeconds: Int = 0
  ) throws(FerryError) {
    guard let zone = TimeZone(identifier: name) else {
      throw .badInput(
        "bad-window", what: "could not read a window",
        why: "\(name.debugDescription) is no time zone",
        next: "use an IANA name such as Europe/London or UTC")
    }
    timeZone = zone
    self.leadSeconds = leadSeconds
    self.allow = []
    freezes = []
    for text in allow { self.allow.append(try Self.hours(text)) }
    for text in freeze { freezes.append(try Self.freeze(text, zone: zone)) }
  }

  private static let dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

  private static func hours(_ text: String) throws(FerryError) -> Hours {
    func refuse() -> FerryError {
      .badInput(
        "bad-window", what: "could not read the window \(text.debugDescription)",
        why: "it is not weekdays and hours", next: "write it as \"Tue,Thu 10:00-12:00\"")
    }
    let parts = text.split(separator: " ")
    guard parts.count == 2 else { throw refuse() }
    var weekdays: Set<Int> = []
    for piece in parts[0].split(separator: ",") {
      let ends = piece.components(separatedBy: "..")
      guard let first = dayNames.firstIndex(of: ends[0]), ends.count <= 2,
        let last = dayNames.firstIndex(of: ends[ends.count - 1])
      else { throw refuse() }
      var day = first
      weekdays.insert(day + 1)
      while day != last {
        day = (day + 1) % 7
        weekdays.insert(day + 1)
      }
    }
    func minutes(_ text: Substring) -> Int? {
      let halves = text.split(separator: ":")
      guard halves.count == 2, halves[0].count == 2, halves[1].count == 2,
        let hour = Int(halves[0]),
        let minute = Int(halves[1]), (0...24).contains(hour), (0...59).contains(minute),
        hour * 60 + minute <= 1440
      else { return nil }
      return hour * 60 + minute
    }
    let times = parts[1].split(separator: "-")
    guard times.count == 2, let from = minutes(times[0]), let to = minutes(times[1]), from != to,
      from < 1440, !weekdays.isEmpty
    else { throw refuse() }
    return Hours(weekdays: weekdays, from: from, to: to)
  }

  private static func freeze(_ text: String, zone: TimeZone) throws(FerryError) -> DateInterval {
    let ends = text.split(separator: "/")
    func date(_ text: Substring, last: Bool) -> Date? {
      if let exact = Timestamp.read(String(text)) { return exact }
      let parts = text.split(separator: "-").compactMap { Int($0) }
      guard parts.count == 3, text.count == 10 else { return nil }
      var calendar = Calendar(identifier: .gregorian)
      calendar.timeZone = zone
      let components = DateComponents(year: parts[0], month: parts[1], day: parts[2])
      guard components.isValidDate(in: calendar), let day = calendar.date(from: components) else {
        return nil
      }
      return last ? calendar.date(byAdding: .day, value: 1, to: day) : day
    }
    guard ends.count == 2, let start = date(ends[0], last: false),
      let end = date(ends[1], last: true),
      start < end
    else {
      throw .badInput(
        "bad-window", what: "could not read the freeze \(text.debugDescription)",
        why: "it is not two dates with the earlier first",
        next: "write it as \"2026-12-18/2027-01-04\"")
    }
    return DateInterval(start: start, end: end)
  }

  /// Whether a write may begin now, and if not, when it may and why not yet.
  public enum State: Equatable, Sendable {
    /// - Parameter until: nil when it never closes.
    case open(until: Date?)
    /// - Parameter opens: nil when no opening was found within two years.
    case closed(opens: Date?, because: String, isFreeze: Bool = false)
  }

  public func state(at now: Date) -> State {
    if let freeze = freezes.filter({ $0.start <= now && now < $0.end }).max(by: { $0.end < $1.end })
    {
      return .closed(
        opens: nextOpening(after: freeze.end),
        because: "a freeze lasts until \(Timestamp.text(freeze.end))", isFreeze: true)
    }
    let nextFreeze = freezes.filter { $0.start > now }.map(\.start).min()
    guard !allow.isEmpty else { return .open(until: nextFreeze) }
    if let end = openings(near: now).filter({ $0.start <= now && now < $0.end }).map(\.end).max() {
      return .open(until: min(end, nextFreeze ?? end))
    }
    return .closed(
      opens: nextOpening(after: now), because: "outside the change window (\(timeZone.identifier))")
  }

  /// The first instant at or after `date` that is inside the window and no freeze.
  public func nextOpening(after date: Date) -> Date? {
    var at = date
    for _ in 0..<1_500 {
      if let freeze = freezes.first(where: { $0.start <= at && at < $0.end }) {
        at = freeze.end
        continue
      }
      if allow.isEmpty { return at }
      let spans = openings(near: at)
      if spans.contains(where: { $0.start <= at && at < $0.end }) { return at }
      if let start = spans.map(\.start).filter({ $0 > at }).min() {
        at = start
        continue
      }
      at += 86_400
      if at.timeIntervalSince(date) > 2 * 366 * 86_400 { return nil }
    }
    return nil
  }

  /// The openings of yesterday, today and the week to come, in instants.
  func openings(near date: Date) -> [DateInterval] {
    let local = date.timeIntervalSince1970 + Double(timeZone.secondsFromGMT(for: date))
    guard local.magnitude < 1e14 else { return [] }
    let today = Int((local / 86_400).rounded(.down))
    var out: [DateInterval] = []
    for day in today - 1...today + 8 {
      // 1970-01-01 was a Thursday, weekday 5.
      let weekday = ((day + 4) % 7 + 7) % 7 + 1
      for hours in allow where hours.weekdays.contains(weekday) {
        let start = instant(day, hours.from, last: false)
        let end = instant(hours.to > hours.from ? day : day + 1, hours.to, last: true)
        if start < end { out.append(DateInterval(start: start, end: end)) }
      }
    }
    return out
  }

  /// The instant of a local time of a day (counted from 1970-01-01), narrowing: a skipped one is the moment
  /// of the jump; of a repeated one the second is a start and the first an end.
  private func instant(_ day: Int, _ minutes: Int, last: Bool) -> Date {
    let naive = Date(timeIntervalSince1970: Double(day * 86_400 + minutes * 60))
    let before = Double(timeZone.secondsFromGMT(for: naive - 86_400))
    let after = Double(timeZone.secondsFromGMT(for: naive + 86_400))
    let candidates = [naive - before, naive - after].filter {
      $0 + Double(timeZone.secondsFromGMT(for: $0)) == naive
    }
    if let exact = last ? candidates.min() : candidates.max() { return exact }
    return timeZone.nextDaylightSavingTimeTransition(after: naive - 86_400) ?? (naive - before)
  }
}
