import Foundation

/// Taking a continuous-deployment policy off its primary, and the way back.
public enum PolicySteps {
  /// - Returns: the policy's config after the step, or nil when it is disabled already.
  public static func disable(
    _ policy: Inventory.Policy, _ primaries: [Inventory.Distribution], _ account: AccountID,
    reference: String, unless: String?, _ builder: inout PlanBuilder
  ) -> XElement? {
    guard policy.isEnabled else { return nil }
    _ = builder.image(policy.config)
    let id = "disable-policy-\(policy.id)"
    let off = ConfigEdit(path: "Enabled", from: "true", to: "false")
    builder.add(
      Step(
        id: id,
        title: "Disable continuous-deployment policy \(policy.id), all traffic back to the primary",
        account: account, action: .updatePolicy(policy: policy.id, set: [off]),
        expects: .init(
          etag: PlanBuilder.version(policy.etag), configDigest: policy.config.configDigest),
        checks: primaries.map { PlanBuilder.deployed($0.id) }),
      rollback: Step(
        id: "enable-policy-\(policy.id)", title: "Enable policy \(policy.id) again",
        account: account,
        action: .updatePolicy(
          policy: reference, set: [.init(path: "Enabled", from: "false", to: "true")]),
        checks: primaries.map { PlanBuilder.deployed($0.id) }, undoes: id, unless: unless))
    return policy.config.edited([off], shape: "ContinuousDeploymentPolicyConfig")
  }

  public static func detach(
    _ policyID: String, _ primary: Inventory.Distribution, _ account: AccountID,
    reference: String, unless: String?, _ builder: inout PlanBuilder
  ) {
    _ = builder.image(primary.config)
    let path = "ContinuousDeploymentPolicyId"
    let id = "detach-policy-\(primary.id)"
    // Empty and present: an omitted element may mean "keep what is there".
    let edit = ConfigEdit(path: path, from: policyID, to: "")
    let after = primary.config.edited([edit], shape: "DistributionConfig")
    builder.add(
      Step(
        id: id, title: "Detach policy \(policyID) from \(primary.id) with an empty id",
        account: account, action: .updateConfig(distribution: primary.id, set: [edit]),
        expects: .init(
          etag: PlanBuilder.version(primary.etag), configDigest: primary.config.configDigest),
        checks: [
          .init(.config, distribution: primary.id, path: path, value: ""),
          PlanBuilder.deployed(primary.id),
        ]),
      rollback: Step(
        id: "attach-policy-\(primary.id)", title: "Attach the policy to \(primary.id) again",
        account: account,
        action: .updateConfig(
          distribution: primary.id, set: [.init(path: path, from: "", to: reference)]),
        expects: .init(configDigest: after.configDigest),
        checks: [
          .init(.config, distribution: primary.id, path: path, value: reference),
          PlanBuilder.deployed(primary.id),
        ], undoes: id, unless: unless))
  }
}
