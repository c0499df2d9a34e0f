/// A policy that a deleted stack left behind; an orphan even while attached.
struct PolicyStackDeleted: OrphanRule {
  static let code = "policy-stack-deleted"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.account.continuousDeploymentPolicies.compactMap { policy in
      guard scene.liveStack(holding: policy.id) == nil,
        let stack = scene.deletedStack(leaving: policy.id)
      else { return nil }
      return scene.finding(
        Self.code, .high, policy, related: [scene.related(stack)],
        evidence: [
          scene.evidence("ListStacks", "stack \(stack.name) in \(stack.region) is \(stack.status)"),
          scene.evidence("ListStackResources", "it left policy \(policy.id) behind"),
        ], gaps: scene.stackGaps + scene.attachmentGaps(policy))
    }
  }
}
