/// What a staging distribution has to show before it is promoted: `promote` of the settings.
public struct PromotionTerms: Codable, Equatable, Sendable {
  /// How far back CloudWatch is asked.
  public var windowSeconds = 600
  public var minRequests = 100
  /// In percentage points of all requests, of 5xx.
  public var maxErrorRateIncrease = 1.0
  /// The same of 4xx, which viewers bring about too: crawlers and old links, unevenly and many at once. So more is
  /// allowed than of 5xx; what a side without its content answers is far beyond it.
  public var maxClientErrorRateIncrease = Self.clientIncrease
  public init() {}
  public var gate: PromotionGate {
    PromotionGate(
      minRequests: minRequests, maxIncrease: maxErrorRateIncrease,
      maxClientIncrease: maxClientErrorRateIncrease)
  }
  /// What a plan allows that does not say.
  public static let clientIncrease = 5.0
}
