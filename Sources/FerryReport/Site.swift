import FerryCore
import Foundation

/// What the settings know and a plan does not say: when a change is allowed, who serves a zone, which
/// resolvers are asked.
public struct Site: Sendable {
  public var windows: [String: ChangeWindow]
  public var zones: [ZoneSettings]
  public var resolvers: [DNSServer]
  public init(
    windows: [String: ChangeWindow] = [:], zones: [ZoneSettings] = [], resolvers: [DNSServer] = []
  ) {
    self.windows = windows
    self.zones = zones
    self.resolvers = resolvers
  }

  func zone(_ name: DomainName) -> ZoneSettings? { zones.first { $0.name == name } }
  /// Writes an instant of a plan as local time and UTC.
  public func times(of plan: Plan) -> @Sendable (Date) -> String {
    let clock = clock(for: plan)
    return { Runbook.times($0, clock) }
  }
  /// The clock of the plan's first windowed step, DNS before others; UTC where no window is set.
  func clock(for plan: Plan) -> LocalClock {
    let names = Set(plan.steps.compactMap(\.window))
    let window =
      names.contains("dns") ? windows["dns"] : names.sorted().compactMap { windows[$0] }.first
    return LocalClock(zone: window?.timeZone ?? .gmt)
  }
}

/// Clock times as a person at the site reads them, the offset always said: it changes with the season.
struct LocalClock: Sendable {
  var zone: TimeZone
  var isUTC: Bool { ["GMT", "UTC", "Etc/UTC"].contains(zone.identifier) }
  var name: String { isUTC ? "UTC" : zone.identifier }

  private func parts(_ date: Date) -> DateComponents {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    return calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
  }
  private func two(_ number: Int?) -> String {
    let number = number ?? 0
    return number < 10 ? "0\(number)" : "\(number)"
  }
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  /// `Tue 15 Dec`
  func day(_ date: Date) -> String {
    let it = parts(date)
    return "\(Self.days[(it.weekday ?? 1) - 1]) \(it.day ?? 0) \(Self.months[(it.month ?? 1) - 1])"
  }
  /// `10:00`, with seconds where they are not zero.
  func time(_ date: Date) -> String {
    let it = parts(date)
    return "\(two(it.hour)):\(two(it.minute))" + (it.second == 0 ? "" : ":\(two(it.second))")
  }
  /// `+01:00`
  func offset(_ date: Date) -> String {
    let minutes = zone.secondsFromGMT(for: date) / 60
    return (minutes < 0 ? "-" : "+") + two(abs(minutes) / 60) + ":" + two(abs(minutes) % 60)
  }
  /// `Tue 15 Dec 2026 10:00:30 +00:00`
  func text(_ date: Date) -> String {
    "\(day(date)) \(parts(date).year ?? 0) \(time(date)) \(isUTC ? "UTC" : offset(date))"
  }
}
