/// Whom a continuous-deployment policy sends to staging, be it enabled or not.
public enum StagingShare: Equatable, Sendable {
  /// 0...0.15 of all viewers
  case weight(Double)
  /// Who sends that header.
  case header(name: String, value: String)
  case nobody

  /// - Parameter policy: a `ContinuousDeploymentPolicyConfig`.
  public init(ofPolicy policy: XElement) {
    let traffic = policy.first("TrafficConfig")
    if let header = traffic?.first("SingleHeaderConfig") {
      self = .header(name: header.text(at: "Header") ?? "", value: header.text(at: "Value") ?? "")
    } else {
      self =
        traffic?.text(at: "SingleWeightConfig/Weight").flatMap(Double.init).map(Self.weight)
        ?? .nobody
    }
  }
}
