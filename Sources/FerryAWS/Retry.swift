import FerryCore
import Foundation

/// How often and how soon a call is tried again, as values.
///
/// Without a mode the house's own rules hold: the costs and delays of the 2026 rules, half of a cost given back, a
/// limiter that finds the rate the service allows, and patience with throttled reads, since one unread
/// distribution makes verdicts unknown. A named mode is what the SDKs mean by it.
/// - Source: botocore 1.43.11 retries/standard.py, retries/quota.py, retryhandler.py; `AWS_NEW_RETRIES_2026`.
public struct RetryPolicy: Equatable, Sendable {
  public enum Fault: Equatable, Sendable { case transient, timeout, throttled }
  public enum Mode: String, CaseIterable, Sendable { case legacy, standard, adaptive }

  /// Attempts in total; 1 never retries.
  public var attemptsMax = 3
  /// The first delay's upper end; it doubles with each attempt.
  public var transientBaseSeconds = 0.05
  public var throttledBaseSeconds = 1.0
  public var delayMaxSeconds = 20.0
  /// Tokens that a retry takes from the quota.
  public var transientCost = 14
  public var timeoutCost = 14
  public var throttledCost = 5
  /// The share of what its last retry took that a retried call gives back when it succeeds. With all of it an
  /// outage of every fifth call is made a quarter worse; with none one of every tenth dries up the quota.
  public var shareGivenBack = 0.5
  /// Whether `x-amz-retry-after` is honoured.
  public var honoursRetryAfter = true
  /// Whether the limiter paces calls once one was throttled.
  public var limitsRate = true
  /// Whether a throttled read is tried until the limiter has found the rate, outside attempts and quota.
  public var waitsForRate = true

  public init() {}

  /// What the SDKs do in that mode.
  public init(_ mode: Mode, rulesOf2026: Bool = false) {
    attemptsMax = mode == .legacy ? 5 : 3
    if !rulesOf2026 {
      transientBaseSeconds = 1
      transientCost = 5
      timeoutCost = 10
      honoursRetryAfter = false
    }
    shareGivenBack = 1
    limitsRate = mode == .adaptive
    waitsForRate = mode == .adaptive
  }

  /// From `AWS_RETRY_MODE`, `AWS_MAX_ATTEMPTS`, `AWS_NEW_RETRIES_2026` and the profile's keys; a variable wins.
  /// A number of attempts that somebody gave holds for throttled reads as well.
  /// - Throws: `.badInput` (64) for an unknown mode and for attempts below 1.
  public init(environment: [String: String], profile: [String: String]) throws(FerryError) {
    func given(_ variable: String, _ key: String? = nil) -> String? {
      if let it = environment[variable], !it.isEmpty { return it }
      return key.flatMap { profile[$0] }.flatMap { $0.isEmpty ? nil : $0 }
    }
    if let text = given("AWS_RETRY_MODE", "retry_mode") {
      guard let mode = Mode(rawValue: text.lowercased()) else {
        throw .badInput(
          "bad-retries", what: "could not read the retry mode",
          why: "\(text.debugDescription) is unknown",
          next: "set AWS_RETRY_MODE to legacy, standard or adaptive")
      }
      self.init(mode, rulesOf2026: given("AWS_NEW_RETRIES_2026")?.lowercased() == "true")
    } else {
      self.init()
    }
    if let text = given("AWS_MAX_ATTEMPTS", "max_attempts") {
      guard let count = Int(text), count >= 1 else {
        throw .badInput(
          "bad-retries", what: "could not read the number of attempts",
          why: "\(text.debugDescription) is not 1 or more", next: "correct AWS_MAX_ATTEMPTS")
      }
      attemptsMax = count
      waitsForRate = false
    }
  }

  /// What is worth another attempt; a 400 only by its code.
  public static func fault(status: Int, code: String) -> Fault? {
    if ServiceFailure.throttlingCodes.contains(code) || status == 429 { return .throttled }
    if [500, 502, 503, 504].contains(status) || ServiceFailure.transientCodes.contains(code) {
      return .transient
    }
    return nil
  }

  /// Seconds until the next attempt: full jitter under a doubling cap.
  /// - Parameters:
  ///   - attempt: the attempt that just failed, 1 first.
  ///   - random: 0..<1.
  ///   - retryAfter: the server's wish in seconds; honoured up to 5 s beyond our own delay.
  public func delay(
    after fault: Fault, attempt: Int, random: Double, retryAfter: Double? = nil
  ) -> Double {
    let base = fault == .throttled ? throttledBaseSeconds : transientBaseSeconds
    let own = random * min(base * pow(2, Double(min(attempt, 64) - 1)), delayMaxSeconds)
    guard honoursRetryAfter, let retryAfter else { return own }
    return max(own, min(retryAfter, own + 5))
  }

  public func cost(_ fault: Fault) -> Int {
    switch fault {
    case .throttled: throttledCost
    case .timeout: timeoutCost
    case .transient: transientCost
    }
  }

  /// `x-amz-retry-after` in seconds; nil for what is no whole number of milliseconds.
  static func retryAfter(_ header: String?) -> Double? {
    guard let header, let milliseconds = Int(header), milliseconds >= 0 else { return nil }
    return Double(milliseconds) / 1000
  }
}

/// The tokens that keep retries from making an outage worse.
public struct RetryQuota: Equatable, Sendable {
  static let tokensMax = 500
  public private(set) var tokens = Self.tokensMax
  public init() {}

  /// Takes the cost of a retry; false when there is not enough left.
  public mutating func take(_ cost: Int) -> Bool {
    guard tokens >= cost else { return false }
    tokens -= cost
    return true
  }
  public mutating func give(_ amount: Int) { tokens = min(Self.tokensMax, tokens + amount) }
}

/// What all calls of one identity to one endpoint share: the quota of retries and the rate.
struct ServicePace: Sendable {
  /// What came of one attempt.
  enum Outcome: Equatable, Sendable {
    case answered(status: Int, code: String = "", retryAfter: Double? = nil)
    case unanswered(timedOut: Bool)

    var fault: RetryPolicy.Fault? {
      switch self {
      case .answered(let status, let code, _): RetryPolicy.fault(status: status, code: code)
      case .unanswered(let timedOut): timedOut ? .timeout : .transient
      }
    }
  }
  enum Decision: Equatable, Sendable {
    case deliver
    case again(afterSeconds: Double)
  }
  /// One call over its attempts.
  struct Call: Equatable, Sendable {
    var isRead: Bool
    /// The attempt under way, 1 first; what was only waiting for the rate does not count.
    var attempt = 1
    /// The tokens that the last retry took.
    var cost: Int?
    /// The call's place among those that wait for the limiter.
    fileprivate(set) var ticket: Int?
    /// The limiter's decrease that the attempt under way left under.
    fileprivate var decrease = 0
    init(isRead: Bool) { self.isRead = isRead }
  }
  /// A throttled read gives up after this long without a single call accepted.
  static let patienceSeconds = 30.0

  var policy: RetryPolicy
  private(set) var quota = RetryQuota()
  private(set) var limiter = RateLimiter()
  private var ticketNext = 0
  private var ceiling: RateCeiling?

  /// - Parameter callsPerSecond: what the service is known to allow; retries count.
  init(_ policy: RetryPolicy, callsPerSecond: Int? = nil) {
    self.policy = policy
    ceiling = callsPerSecond.map { RateCeiling(callsPerSecond: $0) }
  }

  /// Seconds to wait before asking again, or nil when the attempt may leave now.
  mutating func admit(_ call: inout Call, now: Double) -> Double? {
    if let wait = ceiling?.wait(now: now) { return wait }
    if let wait = admitByRate(&call, now: now) { return wait }
    ceiling?.count(now: now)
    return nil
  }
  private mutating func admitByRate(_ call: inout Call, now: Double) -> Double? {
    guard policy.limitsRate else { return nil }
    let ticket = call.ticket ?? ticketNext
    if call.ticket == nil {
      ticketNext += 1
      call.ticket = ticket
    }
    if let wait = limiter.admit(ticket, now: now) { return wait }
    call.decrease = limiter.decreases
    return nil
  }
  /// The call was cancelled while it waited.
  mutating func leave(_ call: Call) {
    if let ticket = call.ticket { limiter.leave(ticket) }
  }

  /// Whether an attempt's outcome is the call's, or when to try again.
  ///
  /// A write whose outcome is unknown (no answer, a 5xx) is the caller's to read: it is never sent again
  /// here. A throttled one did not land.
  /// - Parameters:
  ///   - random: 0..<1, the jitter.
  ///   - now: seconds of the clock that `admit` is given.
  mutating func judge(
    _ outcome: Outcome, of call: inout Call, random: @autoclosure () -> Double, now: Double
  ) -> Decision {
    let fault = outcome.fault
    if policy.limitsRate, case .answered(let status, _, _) = outcome {
      limiter.answered(
        throttled: fault == .throttled, accepted: status < 500, under: call.decrease, now: now)
    }
    guard let fault else {
      if case .answered(200..<300, _, _) = outcome {
        quota.give(call.cost.map { Int(Double($0) * policy.shareGivenBack) } ?? 1)
      }
      return .deliver
    }
    var retryAfter: Double?
    if case .answered(_, _, let wish) = outcome { retryAfter = wish }
    if fault == .throttled, call.isRead, policy.waitsForRate,
      now - (limiter.throttledSince ?? now) < Self.patienceSeconds
    {
      // The limiter is the delay.
      return .again(afterSeconds: min(retryAfter ?? 0, 5))
    }
    guard call.isRead || fault == .throttled, call.attempt < policy.attemptsMax else {
      return .deliver
    }
    let cost = policy.cost(fault)
    guard quota.take(cost) else { return .deliver }
    call.cost = cost
    defer { call.attempt += 1 }
    return .again(
      afterSeconds: policy.delay(
        after: fault, attempt: call.attempt, random: random(), retryAfter: retryAfter))
  }
}
