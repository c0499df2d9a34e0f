/// HTTP/3 on a distribution with a policy: the two rule each other out.
/// - Source: CloudFront Developer Guide, "Quotas and other considerations for continuous deployment".
struct HTTP3WithPolicy: OrphanRule {
  static let code = "http3-with-policy"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.distributions.compactMap { distribution in
      let version = distribution.config.text(at: "HttpVersion") ?? ""
      guard ["http3", "http2and3"].contains(version.lowercased()) else { return nil }
      let policies =
        distribution.isStaging
        ? scene.policies(naming: distribution)
        : distribution.policyID.flatMap { scene.policies[$0] }.map { [$0] } ?? []
      guard !policies.isEmpty else { return nil }
      return scene.finding(
        Self.code, .medium, verdict: .inUse, distribution,
        related: policies.map { scene.related($0) },
        evidence: [scene.evidence("GetDistribution", "HttpVersion is \(version)")], gaps: [])
    }
  }
}
