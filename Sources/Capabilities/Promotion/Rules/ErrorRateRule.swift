import FerryCore

/// Staging answers with no more errors than the primary, neither 5xx nor 4xx: proven, disproven, or not enough traffic to
/// judge.
struct ErrorRateRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    // Without requests there is nothing to judge, which another rule says.
    guard it.traffic.unread == nil, it.traffic.staging.requests > 0 else { return [] }
    let judged = it.traffic.judged(by: it.terms.gate)
    func finding(
      _ code: String, _ weight: PromotionFinding.Weight, _ says: String, _ metrics: String
    ) -> PromotionFinding {
      PromotionFinding(
        code, weight, unknown: weight == .pending, of: it.staging.id, says,
        [it.evidence("GetMetricData", "Requests and \(metrics), minute by minute")])
    }
    let classes = [
      (judged.server, "error-rate", "5xxErrorRate"),
      (judged.client, "client-error-rate", "4xxErrorRate"),
    ]
    var out = classes.compactMap { judgement, code, metric in
      switch judgement.verdict {
      case .within: finding("\(code)-within", .note, judgement.says, metric)
      case .worse: finding("\(code)-worse", .blocker, judgement.says, metric)
      case .undecided: nil
      }
    }
    let open = classes.filter { $0.0.verdict == .undecided }
    if !open.isEmpty {
      out.append(
        finding(
          "not-enough-traffic", .pending, open.map(\.0.says).joined(separator: "; "),
          open.map(\.2).joined(separator: ", ")))
    }
    return out
  }
}
