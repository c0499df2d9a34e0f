/// What a staging distribution has to show before it is promoted: `promote` of the settings.
public struct PromotionTerms: Codable, Equatable, Sendable {
  /// How far back CloudWatch is asked.
  public var windowSeconds = 600
  public var minRequests = 100
  /// In percentage points of all requests.
  public var maxErrorRateIncrease = 1.0
  public init() {}
  public var gate: ErrorRateGate {
    ErrorRateGate(minRequests: minRequests, maxIncrease: maxErrorRateIncrease)
  }
}
