import FerryCore
import Foundation

/// How far the local clock is off, learnt from the servers' Date headers.
///
/// - Source: AWS SDKs' shared clock-skew cases of 2026: offset = the server's date − the midpoint of sending
///   and receiving; aws-sdk-java-v2 for the codes and the threshold.
struct ClockSkew: Equatable, Sendable {
  static let definite: Set = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]
  static let possible: Set = ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"]
  /// A possible code means skew only beyond this.
  static let thresholdSeconds = 240.0
  /// A service that accepted our time has its own within this; a Date beyond it is garbage.
  static let acceptedSeconds = 900.0

  /// Seconds to add to the local clock.
  private(set) var offsetSeconds = 0.0

  /// Learns from an answer.
  /// - Parameters:
  ///   - code: the service's error code; empty for an answer that is no error.
  ///   - date: the Date header; without a readable one nothing is learnt.
  ///   - middle: the local time halfway between sending and receiving.
  /// - Returns: whether the refusal was about the time, so that signing again may help.
  mutating func learn(code: String, isSuccess: Bool, date: String?, middle: Date) -> Bool {
    guard let date, let server = Self.httpDate(date) else { return false }
    let offset = server.timeIntervalSince(middle)
    let off = abs(offset - offsetSeconds)
    let isSkew =
      Self.definite.contains(code)
      || Self.possible.contains(code) && off > Self.thresholdSeconds
    guard isSkew || isSuccess && off <= Self.acceptedSeconds else { return false }
    // The header knows whole seconds only.
    if isSkew || off >= 1 { offsetSeconds = offset }
    return isSkew
  }

  /// RFC 9110 §5.6.7, IMF-fixdate.
  static func httpDate(_ text: String) -> Date? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]),
      let month = months.firstIndex(of: String(parts[2])), let year = Int(parts[3])
    else { return nil }
    let time = parts[4].split(separator: ":").compactMap { Int($0) }
    guard time.count == 3, (1970...9999).contains(year), (1...31).contains(day),
      (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2])
    else { return nil }
    // Days since 1970 of a proleptic Gregorian date; Howard Hinnant's days-from-civil.
    let shifted = month < 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Date(
      timeIntervalSince1970: Double(
        (days - 719_468) * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]))
  }
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}

/// The Date header of an HTTP answer.
package enum ServerDate {
  /// nil for what is no IMF-fixdate (RFC 9110 §5.6.7).
  package static func read(_ text: String) -> Date? { ClockSkew.httpDate(text) }
}
