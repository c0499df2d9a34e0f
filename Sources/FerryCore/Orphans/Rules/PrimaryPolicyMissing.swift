/// A distribution that names a policy which is gone: every full-config update of it may be refused.
struct PrimaryPolicyMissing: OrphanRule {
  static let code = "primary-policy-missing"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.distributions.compactMap { distribution in
      guard let id = distribution.policyID, scene.policies[id] == nil else { return nil }
      return scene.finding(
        Self.code, .high, verdict: .inUse, distribution,
        related: [.init(role: .policy, type: "continuous-deployment-policy", id: id)],
        evidence: [
          scene.evidence("GetDistribution", "it names policy \(id)"),
          scene.evidence("ListContinuousDeploymentPolicies", "no policy has that id"),
        ], gaps: scene.policyGaps)
    }
  }
}
