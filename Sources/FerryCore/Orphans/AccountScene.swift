import Foundation

/// One account as the rules see it: an inventory with its links worked out.
struct AccountScene {
  var account: Inventory.Account
  var gaps: [Inventory.Gap]
  var takenAt: Date
  /// Terraform states that were given: file → ids of the distributions and policies in it.
  var terraform: [String: Set<String>]
  var idleAfterSeconds: Int

  let stagingByName: [String: Inventory.Distribution]
  let policies: [String: Inventory.Policy]
  private let primariesByPolicy: [String: [Inventory.Distribution]]
  private let policiesByStagingName: [String: [Inventory.Policy]]

  init(
    account: Inventory.Account, gaps: [Inventory.Gap], takenAt: Date,
    terraform: [String: Set<String>], idleAfterSeconds: Int
  ) {
    self.account = account
    self.gaps = gaps.filter { $0.account == account.id }
    self.takenAt = takenAt
    self.terraform = terraform
    self.idleAfterSeconds = idleAfterSeconds
    stagingByName = Dictionary(
      account.distributions.map { ($0.domainName.lowercased(), $0) }
    ) { first, _ in first }
    policies = Dictionary(account.continuousDeploymentPolicies.map { ($0.id, $0) }) { first, _ in
      first
    }
    primariesByPolicy = Dictionary(
      grouping: account.distributions.filter { $0.policyID != nil }
    ) { $0.policyID ?? "" }
    var named: [String: [Inventory.Policy]] = [:]
    for policy in account.continuousDeploymentPolicies {
      for name in policy.stagingNames { named[name.lowercased(), default: []].append(policy) }
    }
    policiesByStagingName = named
  }

  // MARK: Links

  func primaries(of policy: Inventory.Policy) -> [Inventory.Distribution] {
    primariesByPolicy[policy.id] ?? []
  }
  func staging(of policy: Inventory.Policy) -> [Inventory.Distribution] {
    policy.stagingNames.compactMap { stagingByName[$0.lowercased()] }
  }
  func policies(naming staging: Inventory.Distribution) -> [Inventory.Policy] {
    policiesByStagingName[staging.domainName.lowercased()] ?? []
  }
  var stagings: [Inventory.Distribution] { account.distributions.filter(\.isStaging) }

  // MARK: Gaps

  private func text(_ gap: Inventory.Gap) -> String {
    "\([gap.call, gap.resource].compactMap { $0 }.joined(separator: " ")): \(gap.reason)"
  }
  /// A distribution that was not read may be any policy's primary or staging distribution.
  var distributionGaps: [String] {
    gaps.filter {
      ["ListDistributions", "GetDistribution", "GetDistributionConfig"].contains($0.call)
    }
    .map(text)
  }
  /// A policy that was not listed may name any staging distribution.
  var policyGaps: [String] {
    gaps.filter { $0.call == "ListContinuousDeploymentPolicies" }.map(text)
  }
  var stackGaps: [String] {
    gaps.filter(\.isOfStacks).map(text)
  }
  /// What could hide that an apparently unattached policy is attached; an attached one is known to be.
  func attachmentGaps(_ policy: Inventory.Policy) -> [String] {
    primaries(of: policy).isEmpty ? distributionGaps : []
  }

  // MARK: Owners

  func liveStack(holding id: String) -> Inventory.Stack? {
    account.stacks.first { stack in
      !stack.isDeleted
        && stack.resources.contains {
          $0.physicalId == id && $0.status != "DELETE_COMPLETE" && $0.status != "DELETE_SKIPPED"
        }
    }
  }
  /// The deleted stack that left a resource behind.
  func deletedStack(leaving id: String) -> Inventory.Stack? {
    account.stacks.first { stack in
      stack.isDeleted
        && stack.resources.contains { $0.physicalId == id && $0.status != "DELETE_COMPLETE" }
    }
  }
  func owner(of id: String) -> Finding.Owner {
    if let stack = liveStack(holding: id) { return .init(kind: .cloudformation, id: stack.id) }
    if let file = terraform.keys.sorted().first(where: { terraform[$0]?.contains(id) == true }) {
      return .init(kind: .terraform, id: file)
    }
    // No tag and no list tells who owns a policy: only a region that was asked and answered does.
    return account.regions.isEmpty || !stackGaps.isEmpty
      ? .init(kind: .unknown, id: "") : .init(kind: .none, id: "")
  }

  // MARK: Making findings

  func resource(_ policy: Inventory.Policy) -> Finding.Resource {
    .init(
      type: "continuous-deployment-policy", id: policy.id, arn: policy.arn(account: account.id))
  }
  func resource(_ distribution: Inventory.Distribution) -> Finding.Resource {
    .init(type: "distribution", id: distribution.id, arn: distribution.arn)
  }
  func related(_ role: Finding.Related.Role, _ it: Inventory.Distribution) -> Finding.Related {
    .init(role: role, type: "distribution", id: it.id)
  }
  func related(_ it: Inventory.Policy) -> Finding.Related {
    .init(role: .policy, type: "continuous-deployment-policy", id: it.id)
  }
  func related(_ it: Inventory.Stack) -> Finding.Related {
    .init(role: .stack, type: "stack", id: it.id)
  }
  func evidence(_ call: String, _ says: String) -> Finding.Evidence {
    .init(call: call, at: takenAt, says: says)
  }
  /// An orphan, unless a gap could overturn that.
  func finding(
    _ code: String, _ severity: Severity, _ policy: Inventory.Policy,
    related extra: [Finding.Related] = [], evidence: [Finding.Evidence], gaps: [String]
  ) -> Finding {
    Finding(
      code: code, severity: severity, verdict: gaps.isEmpty ? .orphan : .unknown,
      account: account.id, resource: resource(policy),
      related: primaries(of: policy).map { related(.primary, $0) }
        + staging(of: policy).map { related(.staging, $0) } + extra,
      evidence: evidence, overturnedBy: gaps, owner: owner(of: policy.id))
  }
  func finding(
    _ code: String, _ severity: Severity, verdict: Verdict? = nil,
    _ distribution: Inventory.Distribution, related: [Finding.Related] = [],
    evidence: [Finding.Evidence], gaps: [String]
  ) -> Finding {
    Finding(
      code: code, severity: severity,
      verdict: gaps.isEmpty ? verdict ?? .orphan : .unknown, account: account.id,
      resource: resource(distribution), related: related, evidence: evidence, overturnedBy: gaps,
      owner: owner(of: distribution.id))
  }
}

extension Inventory.Gap {
  /// Whether it leaves open which stacks there are, or what they hold.
  package var isOfStacks: Bool {
    ["ListStacks", "ListStackResources", "DescribeStackResources"].contains(call)
  }
}

/// Judges one account; does no I/O.
protocol OrphanRule: Sendable {
  static var code: String { get }
  func findings(in scene: AccountScene) -> [Finding]
}
