/// A policy that no distribution names: it routes nothing and counts against the quota.
struct PolicyUnattached: OrphanRule {
  static let code = "policy-unattached"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.continuousDeploymentPolicies.compactMap { policy in
      guard scene.primaries(of: policy).isEmpty else { return nil }
      return scene.finding(
        Self.code, .medium, policy,
        evidence: [
          scene.evidence(
            "GetDistribution",
            "none of \(scene.account.distributions.count) distributions read names policy \(policy.id)"
          )
        ], gaps: scene.distributionGaps)
    }
  }
}
