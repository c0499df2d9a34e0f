import FerryCore
import Foundation

/// Staging really gets requests: an enabled policy is no proof, since CloudFront may send everything to the primary at
/// peak load.
///
/// - Source: Developer Guide, "Quotas and other considerations for continuous deployment"; reference facts on
///   CloudFront, sections 3.1 and 9.
struct TrafficRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let (staging, primary) = (it.traffic.staging, it.traffic.primary)
    let span = "since \(Timestamp.text(it.traffic.since))"
    let evidence = [
      it.evidence(
        "GetMetricData",
        "Requests \(span): staging \(Self.text(staging)), primary \(Self.text(primary))")
    ]
    func finding(
      _ code: String, _ weight: PromotionFinding.Weight, unknown: Bool = false, _ says: String
    ) -> [PromotionFinding] {
      [PromotionFinding(code, weight, unknown: unknown, of: it.staging.id, says, evidence)]
    }
    if let unread = it.traffic.unread {
      var out = PromotionFinding(
        "traffic-unread", .blocker, unknown: true, of: it.staging.id,
        "CloudWatch could not be asked whether staging gets requests: \(it.traffic.denied.map { "\($0) is not allowed: " } ?? "")\(unread)"
      )
      out.denied = it.traffic.denied
      return [out]
    }
    guard it.traffic.until > it.traffic.since else {
      return [
        PromotionFinding(
          "traffic-unknown", .pending, unknown: true, of: it.staging.id,
          "nothing before \(Timestamp.text(it.traffic.since)) counts, when the last change of either side is everywhere: CloudWatch was not asked yet"
        )
      ]
    }
    guard staging.minutes > 0 else {
      return finding(
        "traffic-unknown", .pending, unknown: true,
        "CloudWatch has no data of staging \(span): that is no proof of anything; it is some minutes behind\(Self.hint(it))"
      )
    }
    guard staging.requests > 0 else {
      return finding(
        "no-staging-traffic", .pending, "staging had no request \(span)\(Self.hint(it))")
    }
    let all = staging.requests + primary.requests
    let share = RequestCount(requests: all, errors: staging.requests)
    let got = "staging got \(ErrorRateGate.points(share.rate * 100)) % of \(Int(all)) requests"
    guard case .weight(let weight) = it.share else {
      return finding("staging-traffic", .note, "\(got) \(span)")
    }
    let wanted = "its weight is \(ErrorRateGate.points(weight * 100)) %"
    if ScoreInterval.of(share, z: 2.576).upperBound < weight {
      return finding(
        "share-below-weight", .note,
        "\(got), \(wanted): at peak load CloudFront sends all requests of an edge location to the primary, whatever the policy says"
      )
    }
    return finding("staging-traffic", .note, "\(got), \(wanted)")
  }

  private static func text(_ it: PromotionTraffic.Side) -> String {
    it.minutes == 0 ? "no data" : "\(Int(it.requests)) in \(it.minutes) min"
  }
  private static func hint(_ it: PromotionPair) -> String {
    switch it.share {
    case .header(let name, _): "; send requests with the policy's header \(name)"
    case .weight(let weight):
      it.policy.isEnabled && weight > 0
        ? "; CloudFront may be sending everything to the primary, as it does at peak load" : ""
    case .nobody: ""
    }
  }
}
