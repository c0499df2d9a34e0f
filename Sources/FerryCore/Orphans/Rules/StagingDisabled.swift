/// A disabled staging distribution that no policy names.
struct StagingDisabled: OrphanRule {
  static let code = "staging-disabled"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.stagings.compactMap { staging in
      guard !staging.isEnabled, scene.policies(naming: staging).isEmpty else { return nil }
      return scene.finding(
        Self.code, .low, staging,
        evidence: [
          scene.evidence("GetDistribution", "the staging distribution is disabled"),
          scene.evidence(
            "ListContinuousDeploymentPolicies",
            "none of \(scene.policies.count) policies names \(staging.domainName)"),
        ], gaps: scene.policyGaps)
    }
  }
}
