/// A policy whose staging distribution is disabled; an orphan even while attached.
struct PolicyStagingDisabled: OrphanRule {
  static let code = "policy-staging-disabled"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.continuousDeploymentPolicies.compactMap { policy in
      let staging = scene.staging(of: policy)
      guard !staging.isEmpty, staging.allSatisfy({ !$0.isEnabled }) else { return nil }
      return scene.finding(
        Self.code, .medium, policy,
        evidence: staging.map {
          scene.evidence("GetDistribution", "staging distribution \($0.id) is disabled")
        }, gaps: scene.attachmentGaps(policy))
    }
  }
}
