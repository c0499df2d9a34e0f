/// A policy whose staging distribution is gone; an orphan even while attached, since it has nowhere to route to.
struct PolicyStagingMissing: OrphanRule {
  static let code = "policy-staging-missing"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.continuousDeploymentPolicies.compactMap { policy in
      guard scene.staging(of: policy).isEmpty else { return nil }
      let names = policy.stagingNames.joined(separator: ", ")
      return scene.finding(
        Self.code, scene.primaries(of: policy).isEmpty ? .medium : .high, policy,
        evidence: [
          scene.evidence(
            "ListContinuousDeploymentPolicies",
            names.isEmpty ? "the policy names no staging distribution" : "the policy names \(names)"
          ),
          scene.evidence(
            "ListDistributions",
            scene.distributionGaps.isEmpty
              ? "no distribution of the account has that domain name"
              : "no distribution that could be read has that domain name"),
        ], gaps: scene.distributionGaps)
    }
  }
}
