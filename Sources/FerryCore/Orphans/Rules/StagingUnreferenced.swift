/// An enabled staging distribution that no policy names: no viewer can reach it.
struct StagingUnreferenced: OrphanRule {
  static let code = "staging-unreferenced"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.stagings.compactMap { staging in
      guard staging.isEnabled, scene.policies(naming: staging).isEmpty else { return nil }
      return scene.finding(
        Self.code, .medium, staging,
        evidence: [
          scene.evidence(
            "ListContinuousDeploymentPolicies",
            "none of \(scene.policies.count) policies names \(staging.domainName)")
        ], gaps: scene.policyGaps)
    }
  }
}
