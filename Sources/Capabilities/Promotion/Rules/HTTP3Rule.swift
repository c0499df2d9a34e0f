/// HTTP/3 on either side rules continuous deployment out.
///
/// - Source: Developer Guide, "Quotas and other considerations for continuous deployment".
struct HTTP3Rule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    it.sides.compactMap { side in
      let version = side.config.text(at: "HttpVersion") ?? ""
      guard ["http3", "http2and3"].contains(version.lowercased()) else { return nil }
      return PromotionFinding(
        "http3-with-policy", .blocker, of: side.id,
        "\(side.id) has HTTP/3 on, which rules out continuous deployment: detach the policy, set \(side.id) to http2, attach it again",
        [it.evidence("GetDistribution", "HttpVersion is \(version)")])
    }
  }
}
