import FerryCore
import Foundation

/// Takes a healthy policy off a primary and puts the identical one back, for changes that CloudFront
/// refuses while one is attached: certificate, TLS version, web ACL, HTTP version.
public enum DetachPlanner {
  private static func find(_ id: String, in inventory: Inventory) throws(FerryError) -> (
    Inventory.Distribution, Inventory.Account
  ) {
    for account in inventory.accounts {
      if let it = account.distributions.first(where: { $0.id == id }) { return (it, account) }
    }
    if let gap = inventory.gaps.first(where: { $0.resource == id || $0.call == "ListDistributions" }
    ) {
      throw FerryError(
        "unread-distribution", exit: .blocked, what: "could not plan for distribution \(id)",
        why: "it could not be read: \(gap.reason)", next: "have \(gap.call) allowed")
    }
    throw .badInput(
      "unknown-distribution", what: "could not plan for distribution \(id)",
      why: "none of the accounts read has it",
      next: "check the id with `edgeferry inventory take`, and the account with --account")
  }

  /// - Returns: nil when no policy is attached.
  public static func detach(_ id: String, _ inventory: Inventory, input: PlanningInput)
    throws(FerryError) -> PlanPair?
  {
    let (primary, account) = try find(id, in: inventory)
    guard let policyID = primary.policyID else { return nil }
    var builder = PlanBuilder(input)
    if let policy = account.continuousDeploymentPolicies.first(where: { $0.id == policyID }) {
      _ = PolicySteps.disable(
        policy, [primary], account.id, reference: policyID, unless: nil, &builder)
    } else {
      builder.note("policy \(policyID) is not there: a rollback could not attach it again")
    }
    PolicySteps.detach(policyID, primary, account.id, reference: policyID, unless: nil, &builder)
    builder.note("put it back with `edgeferry orphans reattach \(id) --plan \(input.name)`")
    return builder.sealed()
  }

  /// - Parameters:
  ///   - policyID: the policy to attach.
  ///   - enable: enable it, too, since the detach had disabled it.
  /// - Returns: nil when it is attached already, and enabled where that is wanted.
  public static func reattach(
    _ id: String, policyID: String, enable: Bool, _ inventory: Inventory, input: PlanningInput
  ) throws(FerryError) -> PlanPair? {
    let (primary, account) = try find(id, in: inventory)
    func refuse(_ why: String, next: String) -> FerryError {
      FerryError(
        "cannot-reattach", exit: .blocked,
        what: "could not plan to attach policy \(policyID) to \(id)",
        why: why, next: next)
    }
    guard let policy = account.continuousDeploymentPolicies.first(where: { $0.id == policyID })
    else {
      if let gap = inventory.gaps.first(where: { $0.call == "ListContinuousDeploymentPolicies" }) {
        throw refuse("the policies could not be listed: \(gap.reason)", next: "have it allowed")
      }
      throw .badInput(
        "unknown-policy", what: "could not plan to attach policy \(policyID) to \(id)",
        why: "the account has no such policy", next: "see `edgeferry inventory take`")
    }
    if let other = primary.policyID, other != policyID {
      throw refuse("policy \(other) is attached to it", next: "detach that one first")
    }
    if let other = account.distributions.first(where: { $0.policyID == policyID && $0.id != id }) {
      throw refuse(
        "it is attached to \(other.id); a policy has one primary", next: "detach it there first")
    }
    let staging = account.distributions.filter { policy.stagingNames.contains($0.domainName) }
    for it in [primary] + staging {
      let version = it.config.text(at: "HttpVersion") ?? ""
      if ["http3", "http2and3"].contains(version.lowercased()) {
        throw refuse(
          "\(it.id) has HttpVersion \(version), which rules out continuous deployment",
          next: "set it to http2 first")
      }
    }
    if primary.isStaging { throw refuse("it is a staging distribution", next: "name its primary") }
    var builder = PlanBuilder(input)
    let path = "ContinuousDeploymentPolicyId"
    var attached = primary.config
    if primary.policyID == nil {
      _ = builder.image(primary.config)
      let edit = ConfigEdit(path: path, from: "", to: policyID)
      attached = primary.config.edited([edit], shape: "DistributionConfig")
      let step = "attach-policy-\(id)"
      builder.add(
        Step(
          id: step, title: "Attach policy \(policyID) to \(id)", account: account.id,
          action: .updateConfig(distribution: id, set: [edit]),
          expects: .init(
            etag: PlanBuilder.version(primary.etag), configDigest: primary.config.configDigest),
          checks: [
            .init(.config, distribution: id, path: path, value: policyID), PlanBuilder.deployed(id),
          ]),
        rollback: Step(
          id: "detach-policy-\(id)", title: "Detach policy \(policyID) from \(id) with an empty id",
          account: account.id,
          action: .updateConfig(
            distribution: id, set: [.init(path: path, from: policyID, to: "")]),
          expects: .init(configDigest: attached.configDigest),
          checks: [
            .init(.config, distribution: id, path: path, value: ""), PlanBuilder.deployed(id),
          ], undoes: step))
    }
    if enable, !policy.isEnabled {
      _ = builder.image(policy.config)
      let step = "enable-policy-\(policyID)"
      builder.add(
        Step(
          id: step, title: "Enable policy \(policyID)", account: account.id,
          action: .updatePolicy(
            policy: policyID, set: [.init(path: "Enabled", from: "false", to: "true")]),
          expects: .init(
            etag: PlanBuilder.version(policy.etag), configDigest: policy.config.configDigest),
          checks: [PlanBuilder.deployed(id)]),
        rollback: Step(
          id: "disable-policy-\(policyID)", title: "Disable policy \(policyID) again",
          account: account.id,
          action: .updatePolicy(
            policy: policyID, set: [.init(path: "Enabled", from: "true", to: "false")]),
          checks: [PlanBuilder.deployed(id)], undoes: step))
    }
    return builder.steps.isEmpty ? nil : builder.sealed()
  }
}
