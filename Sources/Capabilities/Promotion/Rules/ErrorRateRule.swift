/// Staging answers with no more errors than the primary: proven, disproven, or not enough traffic to judge.
struct ErrorRateRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    // Without requests there is nothing to judge, which another rule says.
    guard it.traffic.unread == nil, it.traffic.staging.requests > 0 else { return [] }
    let judged = it.terms.gate.judge(
      staging: it.traffic.staging.judged, primary: it.traffic.primary.judged)
    let (code, weight): (String, PromotionFinding.Weight) =
      switch judged.verdict {
      case .within: ("error-rate-within", .note)
      case .worse: ("error-rate-worse", .blocker)
      case .undecided: ("not-enough-traffic", .pending)
      }
    return [
      PromotionFinding(
        code, weight, unknown: judged.verdict == .undecided, of: it.staging.id, judged.says,
        [it.evidence("GetMetricData", "Requests and 5xxErrorRate, minute by minute")])
    ]
  }
}
