import Foundation

/// An attached, disabled policy that nobody changed for long: what a promote leaves. In use, never planned.
struct PolicyIdleSincePromote: OrphanRule {
  static let code = "policy-idle-since-promote"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.continuousDeploymentPolicies.compactMap { policy in
      let primaries = scene.primaries(of: policy)
      guard !primaries.isEmpty, !policy.isEnabled,
        scene.staging(of: policy).contains(where: \.isEnabled),
        let changed = Timestamp.read(policy.lastModified),
        scene.takenAt.timeIntervalSince(changed) >= Double(scene.idleAfterSeconds)
      else { return nil }
      let days = Int(scene.takenAt.timeIntervalSince(changed) / 86_400)
      var finding = scene.finding(
        Self.code, .low, policy,
        evidence: [
          scene.evidence(
            "GetContinuousDeploymentPolicy",
            "the policy is disabled and was last changed \(days) days ago")
        ], gaps: [])
      finding.verdict = .inUse
      return finding
    }
  }
}
