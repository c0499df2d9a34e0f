/// A staging distribution that a deleted stack left behind; in use while a policy that is not itself an
/// orphan names it.
struct StagingStackDeleted: OrphanRule {
  static let code = "staging-stack-deleted"

  func findings(in scene: AccountScene) -> [Finding] {
    scene.stagings.compactMap { staging in
      guard scene.liveStack(holding: staging.id) == nil,
        let stack = scene.deletedStack(leaving: staging.id)
      else { return nil }
      let policies = scene.policies(naming: staging)
      let used = policies.filter { policy in
        !scene.primaries(of: policy).isEmpty && staging.isEnabled
          && (scene.liveStack(holding: policy.id) != nil
            || scene.deletedStack(leaving: policy.id) == nil)
      }
      return scene.finding(
        Self.code, .medium, verdict: used.isEmpty ? .orphan : .inUse, staging,
        related: policies.map { scene.related($0) } + [scene.related(stack)],
        evidence: [
          scene.evidence("ListStacks", "stack \(stack.name) in \(stack.region) is \(stack.status)"),
          scene.evidence("ListStackResources", "it left distribution \(staging.id) behind"),
        ],
        gaps: scene.stackGaps + scene.policyGaps
          + (policies.isEmpty ? [] : policies.flatMap { scene.attachmentGaps($0) }))
    }
  }
}
