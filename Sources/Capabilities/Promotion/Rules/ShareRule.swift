/// The policy sends somebody to staging: no wait brings traffic where it sends nobody.
///
/// - Source: API reference of ContinuousDeploymentSingleWeightConfig: a weight is 0 to 0.15.
struct ShareRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let (code, why, evidence): (String, String, String)
    switch it.share {
    case .header: return []
    case .weight(let weight):
      guard weight <= 0 else { return [] }
      (code, why, evidence) = ("weight-zero", "the weight is 0", "Weight is 0")
    case .nobody:
      (code, why, evidence) = (
        "no-traffic-config", "the policy has neither a weight nor a header",
        "TrafficConfig says nothing"
      )
    }
    return [
      PromotionFinding(
        code, .blocker, of: it.policy.id,
        "\(why): staging gets no traffic; set a weight up to 0.15, or a header, in policy \(it.policy.id)",
        [it.evidence("GetContinuousDeploymentPolicy", evidence)])
    ]
  }
}
