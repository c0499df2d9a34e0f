import Foundation

/// Plans the removal of orphans: policy first, its staging distribution only after it is gone.
package struct RemovalPlanner {
  /// The IAM actions that removing orphans may need, whichever there are.
  package static let actions = [
    "cloudfront:DeleteContinuousDeploymentPolicy", "cloudfront:DeleteDistribution",
    "cloudfront:GetContinuousDeploymentPolicy", "cloudfront:GetDistribution",
    "cloudfront:UpdateContinuousDeploymentPolicy", "cloudfront:UpdateDistribution",
  ]
  var inventory: Inventory
  var report: FindingsReport
  var keepStaging: Bool
  var builder: PlanBuilder

  package init(
    _ inventory: Inventory, _ report: FindingsReport, keepStaging: Bool, input: PlanningInput
  ) {
    self.inventory = inventory
    self.report = report
    self.keepStaging = keepStaging
    builder = PlanBuilder(input)
  }

  /// - Parameter selection: `CODE:ID` of findings; empty means every finding whose verdict is orphan.
  /// - Returns: nil when there is nothing to remove.
  /// - Throws: 64 for a finding that is not there; 4 for one whose verdict is not orphan.
  package static func plan(
    _ inventory: Inventory, _ report: FindingsReport, selection: [String], keepStaging: Bool,
    input: PlanningInput
  ) throws(FerryError) -> PlanPair? {
    var chosen: [Finding] = []
    if selection.isEmpty {
      chosen = report.findings.filter { $0.verdict == .orphan }
    }
    for text in selection {
      let parts = text.split(separator: ":", maxSplits: 1)
      let found = report.findings.first {
        parts.count == 2 && $0.code == parts[0] && $0.resource.id == parts[1]
      }
      guard let found else {
        throw .badInput(
          "unknown-finding", what: "could not plan \(text)", why: "discovery has no such finding",
          next: "see `edgeferry orphans discover`; write it as CODE:ID")
      }
      guard found.verdict == .orphan else {
        throw FerryError(
          "not-an-orphan", exit: .blocked, what: "could not plan \(text)",
          why: found.verdict == .unknown
            ? "its verdict is unknown, because of what could not be read" : "it is in use",
          next: found.verdict == .unknown
            ? "have the missing reads allowed and discover again"
            : "leave it, or use `edgeferry orphans detach`",
          causes: found.overturnedBy)
      }
      chosen.append(found)
    }
    guard !chosen.isEmpty else { return nil }
    var planner = RemovalPlanner(inventory, report, keepStaging: keepStaging, input: input)
    for account in inventory.accounts {
      planner.add(chosen.filter { $0.account == account.id }, in: account)
    }
    return planner.builder.steps.isEmpty ? nil : planner.builder.sealed()
  }

  private mutating func add(_ findings: [Finding], in account: Inventory.Account) {
    let scene = AccountScene(
      account: account, gaps: inventory.gaps, takenAt: inventory.takenAt, terraform: [:],
      idleAfterSeconds: 0)
    let policyIDs = Set(
      findings.filter { $0.resource.type == "continuous-deployment-policy" }.map(\.resource.id))
    var stagingIDs = Set(
      findings.filter { $0.resource.type == "distribution" }.map(\.resource.id))
    // What goes with a policy: its staging distributions that nothing else references any more.
    for policy in account.continuousDeploymentPolicies where policyIDs.contains(policy.id) {
      for staging in scene.staging(of: policy) where staging.isStaging {
        let others = scene.policies(naming: staging).filter { !policyIDs.contains($0.id) }
        if others.isEmpty, !keepStaging, scene.policyGaps.isEmpty { stagingIDs.insert(staging.id) }
      }
    }
    for policy in account.continuousDeploymentPolicies where policyIDs.contains(policy.id) {
      remove(policy, scene)
      // Not before every policy that names it is gone: StagingDistributionInUse otherwise.
      for staging in scene.staging(of: policy) where stagingIDs.contains(staging.id) {
        let last = account.continuousDeploymentPolicies.last {
          policyIDs.contains($0.id) && scene.policies(naming: staging).contains($0)
        }
        if last?.id == policy.id {
          remove(staging, scene)
          stagingIDs.remove(staging.id)
        }
      }
    }
    for staging in account.distributions where stagingIDs.contains(staging.id) {
      guard scene.policies(naming: staging).allSatisfy({ policyIDs.contains($0.id) }) else {
        builder.note(
          "staging distribution \(staging.id) stays: a policy that is not removed names it")
        continue
      }
      remove(staging, scene)
    }
  }

  private mutating func owned(_ id: String, _ account: AccountID) {
    let owner = report.findings.first { $0.resource.id == id && $0.account == account }?.owner
    switch owner?.kind {
    case .cloudformation:
      builder.risk(
        "owned-by-live-stack",
        "\(id) belongs to the live stack \(owner?.id ?? ""), which will find it gone")
    case .terraform:
      builder.risk(
        "owned-by-terraform",
        "\(id) is in the Terraform state \(owner?.id ?? ""), whose next apply may make it again")
    case .unknown:
      builder.note("the owner of \(id) is unknown: not every region was asked for stacks")
    case .none?, nil: break
    }
  }

  private mutating func remove(_ policy: Inventory.Policy, _ scene: AccountScene) {
    let account = scene.account.id
    let primaries = scene.primaries(of: policy)
    let staging = scene.staging(of: policy)
    owned(policy.id, account)
    if policy.isEnabled, !primaries.isEmpty, staging.contains(where: \.isEnabled) {
      builder.risk(
        "policy-still-routing",
        "policy \(policy.id) is enabled and may send viewers of \(primaries.map(\.id).joined(separator: ", ")) to its staging distribution"
      )
    }
    let recreate = "recreate-policy-\(policy.id)"
    let reference = "${\(recreate).id:-\(policy.id)}"
    let delete = "delete-policy-\(policy.id)"
    // CloudFront refuses a policy whose staging distribution is not there, so this one cannot come back.
    let isLost = staging.count < policy.stagingNames.count || policy.stagingNames.isEmpty
    let disabled = PolicySteps.disable(
      policy, primaries, account, reference: reference, unless: isLost ? delete : nil, &builder)
    for primary in primaries {
      PolicySteps.detach(
        policy.id, primary, account, reference: reference, unless: isLost ? delete : nil, &builder)
    }
    let image = builder.image(policy.config)
    var edits = [
      ConfigEdit(path: "Enabled", from: policy.isEnabled ? "true" : "false", to: "false")
    ]
    for (index, name) in policy.stagingNames.enumerated() {
      guard let it = scene.stagingByName[name.lowercased()] else { continue }
      edits.append(
        .init(
          path: "StagingDistributionDnsNames/Items/DnsName[\(index)]", from: name,
          to: "${recreate-staging-\(it.id).domainName:-\(name)}"))
    }
    builder.add(
      Step(
        id: delete, title: "Delete continuous-deployment policy \(policy.id)", account: account,
        action: .deletePolicy(policy: policy.id),
        expects: .init(
          etag: disabled == nil ? PlanBuilder.version(policy.etag) : nil,
          configDigest: (disabled ?? policy.config).configDigest),
        checks: [.init(.absent, policy: policy.id)]),
      rollback: isLost
        ? nil
        : Step(
          id: recreate, title: "Create policy \(policy.id) again, disabled", account: account,
          action: .createPolicy(image: image, set: edits), undoes: delete))
    builder.note(
      isLost
        ? "policy \(policy.id) cannot come back once deleted: its staging distribution is gone"
        : "policy \(policy.id) comes back from a rollback under a new id")
  }

  private mutating func remove(_ staging: Inventory.Distribution, _ scene: AccountScene) {
    let account = scene.account.id
    owned(staging.id, account)
    let recreate = "recreate-staging-\(staging.id)"
    let reference = "${\(recreate).id:-\(staging.id)}"
    let delete = "delete-staging-\(staging.id)"
    let image = builder.image(staging.config)
    var config = staging.config
    if staging.isEnabled {
      config.set("false", at: "Enabled", shape: "DistributionConfig")
      let disable = "disable-staging-\(staging.id)"
      builder.add(
        Step(
          id: disable, title: "Disable staging distribution \(staging.id)", account: account,
          action: .setEnabled(distribution: staging.id, from: true, to: false),
          expects: .init(
            etag: PlanBuilder.version(staging.etag), configDigest: staging.config.configDigest),
          checks: [PlanBuilder.deployed(staging.id)]),
        rollback: Step(
          id: "enable-staging-\(staging.id)",
          title: "Enable staging distribution \(staging.id) again",
          account: account,
          action: .setEnabled(distribution: reference, from: false, to: true),
          checks: [PlanBuilder.deployed(reference)], undoes: disable))
    }
    let reason =
      "edgeferry-\(Digest.hex(Digest.sha256(Array("\(builder.input.name) \(staging.id) \(staging.etag) \(Timestamp.text(builder.input.start))".utf8))).prefix(32))"
    builder.add(
      Step(
        id: delete, title: "Delete staging distribution \(staging.id)", account: account,
        action: .deleteDistribution(distribution: staging.id),
        expects: .init(
          etag: staging.isEnabled ? nil : PlanBuilder.version(staging.etag),
          configDigest: config.configDigest),
        checks: [.init(.absent, distribution: staging.id)]),
      rollback: Step(
        id: recreate, title: "Create staging distribution \(staging.id) again, disabled",
        account: account,
        action: .createDistribution(
          image: image,
          set: [
            .init(
              path: "CallerReference", from: staging.config.text(at: "CallerReference"), to: reason),
            .init(path: "Enabled", from: staging.isEnabled ? "true" : "false", to: "false"),
          ], callerReference: reason,
          tags: staging.tags.filter { !$0.key.hasPrefix("aws:") }),
        checks: [PlanBuilder.deployed("${\(recreate).id:-}")], undoes: delete))
    builder.note(
      "staging distribution \(staging.id) (\(staging.domainName)) comes back from a rollback under a new id and domain name"
    )
    if staging.config.isRedacted {
      builder.note(
        "the inventory holds only digests of the origin header values of \(staging.id); `apply` saves the config in clear before it writes"
      )
    }
  }
}
