import FerryCore
import Foundation

/// When to try a call again: the SDKs' standard mode, as values.
///
/// - Source: botocore retries/standard.py and retries/quota.py; reads that are throttled are tried longer,
///   since one unread distribution makes verdicts unknown.
public struct RetryPolicy: Equatable, Sendable {
  public enum Fault: Equatable, Sendable { case transient, timeout, throttled }

  /// Attempts in total; 1 never retries.
  public var attemptsMax = 3
  /// Attempts of a throttled read.
  public var throttledReadAttemptsMax = 12
  public var delayMaxSeconds = 20.0

  public init() {}

  static let throttlingCodes: Set = [
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
    "RequestThrottled", "TooManyRequestsException", "ProvisionedThroughputExceededException",
    "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
    "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
  ]
  static let transientCodes: Set = [
    "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete",
  ]

  public static func fault(status: Int, code: String) -> Fault? {
    if throttlingCodes.contains(code) || status == 429 { return .throttled }
    if [500, 502, 503, 504].contains(status) || transientCodes.contains(code) { return .transient }
    return nil
  }

  /// Seconds until the next attempt, or nil when there is none.
  /// - Parameters:
  ///   - attempt: the attempt that just failed, 1 first.
  ///   - random: 0..<1.
  ///   - retryAfter: the server's `x-amz-retry-after`, in seconds; honoured up to 5 s beyond our own.
  public func delay(
    after fault: Fault, attempt: Int, isRead: Bool, random: Double, retryAfter: Double? = nil
  ) -> Double? {
    let patient = fault == .throttled && isRead && attemptsMax > 1
    guard attempt < (patient ? max(attemptsMax, throttledReadAttemptsMax) : attemptsMax) else {
      return nil
    }
    let own = random * min(pow(2, Double(attempt - 1)), delayMaxSeconds)
    guard let retryAfter else { return own }
    return min(max(own, retryAfter), own + 5)
  }
}

/// The tokens that keep retries from making an outage worse: 500 for a client.
public struct RetryQuota: Equatable, Sendable {
  public private(set) var tokens = 500
  public init() {}

  /// Takes the cost of a retry; nil when there is none left.
  public mutating func take(_ fault: RetryPolicy.Fault) -> Int? {
    let cost = fault == .timeout ? 10 : 5
    guard tokens >= cost else { return nil }
    tokens -= cost
    return cost
  }
  /// Gives back what a retried call took once it succeeded; 1 for a call that needed none.
  public mutating func give(_ cost: Int?) { tokens = min(500, tokens + (cost ?? 1)) }
}

/// How far the local clock is off, learnt from the servers' Date headers.
public enum ClockSkew {
  static let definite: Set = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]
  static let possible: Set = ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"]

  /// Seconds to add to the local clock, or nil when the answer does not speak of skew.
  /// - Parameter local: the midpoint of sending and receiving.
  public static func offset(code: String, dateHeader: String?, local: Date) -> Double? {
    guard definite.contains(code) || possible.contains(code), let dateHeader,
      let server = httpDate(dateHeader)
    else { return nil }
    let offset = server.timeIntervalSince(local)
    return definite.contains(code) || abs(offset) > 240 ? offset : nil
  }
  /// RFC 9110 §5.6.7, IMF-fixdate.
  static func httpDate(_ text: String) -> Date? {
    let parts = text.split(separator: " ")
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]),
      let month = months.firstIndex(of: String(parts[2])), let year = Int(parts[3])
    else { return nil }
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return Timestamp.read("\(year)-\(two(month + 1))-\(two(day))T\(parts[4])Z")
  }
}
