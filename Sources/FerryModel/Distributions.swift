import FerryCore
import Foundation

extension CloudFrontModel {
  // MARK: Reading

  func distribution(_ id: String, _ call: Call) throws(Refusal) -> ModelDistribution {
    guard let it = accounts[call.account]?.distributions[id] else {
      throw Refusal(404, "NoSuchDistribution", "The specified distribution does not exist.")
    }
    return it
  }

  private func element(_ it: ModelDistribution, now: Date) -> XElement {
    func nobody(_ name: String) -> XElement {
      XElement(name, [XElement("Enabled", text: "false"), XElement("Quantity", text: "0")])
    }
    return XElement(
      "Distribution",
      [
        XElement("Id", text: it.id), XElement("ARN", text: it.arn),
        XElement("Status", text: status(it, now: now)),
        XElement("LastModifiedTime", text: Self.timestamp(it.lastModified)),
        XElement("InProgressInvalidationBatches", text: "0"),
        XElement("DomainName", text: it.domainName), nobody("ActiveTrustedSigners"),
        nobody("ActiveTrustedKeyGroups"), it.config,
      ])
  }

  func getDistribution(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try distribution(id, call)
    return Answer(headers: ["etag": it.etag], body: element(it, now: call.now))
  }

  func getDistributionConfig(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try distribution(id, call)
    return Answer(headers: ["etag": it.etag], body: it.config)
  }

  func listDistributions(_ call: Call) throws(Refusal) -> Answer {
    let account = accounts[call.account] ?? Account()
    return list(
      "DistributionList", account.distributionIDs, truncates: true, try paging(call)
    ) { account.distributions[$0].map { summary($0, now: call.now) } }
  }

  /// Without ContinuousDeploymentPolicyId, CallerReference, DefaultRootObject and Logging.
  /// - Source: DistributionSummary of the API model.
  func summary(_ it: ModelDistribution, now: Date) -> XElement {
    var out = XElement(
      "DistributionSummary",
      [
        XElement("Id", text: it.id), XElement("ARN", text: it.arn), XElement("ETag", text: it.etag),
        XElement("Status", text: status(it, now: now)),
        XElement("LastModifiedTime", text: Self.timestamp(it.lastModified)),
        XElement("DomainName", text: it.domainName),
      ])
    let members = [
      "Aliases", "Origins", "OriginGroups", "DefaultCacheBehavior", "CacheBehaviors",
      "CustomErrorResponses", "Comment", "PriceClass", "Enabled", "ViewerCertificate",
      "Restrictions", "WebACLId", "HttpVersion", "IsIPV6Enabled", "Staging", "ConnectionMode",
      "AnycastIpListId", "ViewerMtlsConfig", "ConnectionFunctionAssociation",
    ]
    for name in members {
      if let child = it.config.first(name) { out.nodes.append(.element(child)) }
    }
    return out
  }

  // MARK: Creating

  mutating func createDistribution(_ call: Call, withTags: Bool) throws(Refusal) -> Answer {
    var tags: [String: String] = [:]
    let config: XElement
    if withTags {
      let root = try body(call, root: "DistributionConfigWithTags")
      guard let inner = root.first("DistributionConfig") else {
        throw .malformed("DistributionConfig is missing.")
      }
      config = inner
      tags = try Self.tags(root.first("Tags"))
    } else {
      config = try body(call, root: "DistributionConfig")
    }
    try Validation.distribution(config)
    if behaviours.elementOrderIsStrict { try Validation.order(config) }
    // - Source: terraform-provider-aws, docs of cloudfront_continuous_deployment_policy.
    guard (config.text(at: "ContinuousDeploymentPolicyId") ?? "").isEmpty else {
      throw .invalidArgument(
        "The parameter ContinuousDeploymentPolicyId cannot be set when a distribution is created.")
    }
    return try create(Defaults.filled(config), tags: tags, call)
  }

  /// - Parameter old: what it is a copy of; what that names may dangle.
  private mutating func create(
    _ config: XElement, tags: [String: String], _ call: Call, besides old: XElement? = nil
  ) throws(Refusal) -> Answer {
    var it = ModelDistribution(
      id: random.capitalID(), account: call.account, domainName: random.domainName(),
      etag: random.capitalID(), lastModified: call.now, tags: tags, config: config)
    let taken = accounts[call.account]?.distributions.values.first {
      $0.callerReference == it.callerReference
    }
    if let taken {
      throw Refusal(
        409, "DistributionAlreadyExists",
        "The caller reference that you are using to create a distribution is associated with another distribution. Already exists: \(taken.id)"
      )
    }
    let there = accounts[call.account]?.distributions.values
    // By which code AWS refuses a staging distribution too many is UNCONFIRMED.
    let isFull =
      there?.count ?? 0 >= limit(.distributions, of: call.account)
      || it.staging
        && there?.count(where: \.staging) ?? 0 >= limit(.stagingDistributions, of: call.account)
    guard !isFull else {
      throw Refusal(
        400, "TooManyDistributions",
        "Processing your request would cause you to exceed the maximum number of distributions allowed."
      )
    }
    try Validation.quotas(config, quotas)
    try referencesExist(it, besides: old)
    try aliasesFree(it, now: call.now)
    propagate(&it, now: call.now)
    accounts[call.account]?.put(it)
    return Answer(
      status: 201,
      headers: [
        "etag": it.etag,
        "location": "https://cloudfront.amazonaws.com/2020-05-31/distribution/\(it.id)",
      ], body: element(it, now: call.now), resource: it.id, effective: true)
  }

  mutating func copyDistribution(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CopyDistributionRequest")
    let primary = try distribution(id, call)
    try ifMatch(call, [primary.etag])
    guard let reference = root.text(at: "CallerReference"), !reference.isEmpty else {
      throw .malformed(
        "1 validation error detected: Value null at 'callerReference' failed to satisfy constraint: Member must not be null"
      )
    }
    guard call.request.headers["staging"]?.lowercased() == "true" else {
      throw .invalidArgument("The header Staging must be True.")
    }
    guard !primary.staging else {
      throw .invalidArgument("The primary distribution must not be a staging distribution.")
    }
    var config = primary.config
    config.put(XElement("CallerReference", text: reference))
    config.put(.none("Aliases"))
    config.put(XElement("Enabled", text: root.text(at: "Enabled") ?? "true"))
    config.put(XElement("ContinuousDeploymentPolicyId"))
    config.put(XElement("Staging", text: "true"))
    try Validation.distribution(config)
    return try create(config, tags: [:], call, besides: primary.config)
  }

  // MARK: Changing

  mutating func updateDistribution(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let sent = try body(call, root: "DistributionConfig")
    var it = try distribution(id, call)
    try ifMatch(call, [it.etag])
    try Validation.check(sent, shape: "DistributionConfig")
    if behaviours.elementOrderIsStrict { try Validation.order(sent) }
    try Validation.requiredForUpdate(sent)
    let old = it
    var config = sent
    let order = Shape.named("DistributionConfig")?.order ?? []
    if sent.first("ContinuousDeploymentPolicyId") == nil {
      switch behaviours.omittedPolicyID {
      case .keep:
        config.put(XElement("ContinuousDeploymentPolicyId", text: old.policyID), order: order)
      case .clear: break
      case .refuse:
        guard old.policyID.isEmpty else {
          throw .illegalUpdate("ContinuousDeploymentPolicyId is required for updates.")
        }
      }
    }
    if sent.first("Staging") == nil {
      config.put(XElement("Staging", text: old.staging ? "true" : "false"), order: order)
    }
    config = Defaults.filled(config)
    try Validation.distribution(config)
    it.replace(config: config)

    guard it.callerReference == old.callerReference else {
      throw .illegalUpdate("You cannot update CallerReference.")
    }
    guard it.staging == old.staging else { throw .illegalUpdate("You cannot update Staging.") }
    if old.staging, old.enabled, !it.enabled { try stagingFree(old) }
    if it.policyID != old.policyID, !it.policyID.isEmpty { try mayAttach(it) }
    if behaviours.detachNeedsDisabledPolicy, it.policyID != old.policyID,
      accounts[it.account]?.policies[old.policyID]?.enabled == true
    {
      throw .illegalUpdate("The continuous deployment policy must be disabled first.")
    }
    if joined(old) { try Validation.unchangedWhileAttached(from: old.config, to: it.config) }
    try Validation.quotas(it.config, quotas)
    try referencesExist(it, besides: old.config)
    try aliasesFree(it, after: old, now: call.now)
    write(&it, call)
    return Answer(
      headers: ["etag": it.etag], body: element(it, now: call.now), resource: id, effective: true)
  }

  mutating func write(_ it: inout ModelDistribution, _ call: Call) {
    it.etag = random.capitalID()
    it.lastModified = call.now
    propagate(&it, now: call.now)
    accounts[it.account]?.put(it)
  }

  /// Refused for a staging distribution that some policy names.
  /// - Source: terraform-provider-aws #33575.
  private func stagingFree(_ it: ModelDistribution) throws(Refusal) {
    let naming = accounts[it.account]?.policies.values.contains {
      $0.stagingNames.contains(it.domainName)
    }
    guard naming != true else {
      throw Refusal(
        409, "StagingDistributionInUse",
        "The continuous deployment policy uses this staging distribution. Update the continuous deployment policy first."
      )
    }
  }

  private func mayAttach(_ it: ModelDistribution) throws(Refusal) {
    guard let policy = accounts[it.account]?.policies[it.policyID] else {
      throw Refusal(
        404, "NoSuchContinuousDeploymentPolicy",
        "The continuous deployment policy doesn't exist.")
    }
    let others = accounts[it.account]?.distributions.values ?? [:].values
    guard !others.contains(where: { $0.id != it.id && $0.policyID == it.policyID }) else {
      throw Refusal(
        409, "ContinuousDeploymentPolicyInUse",
        "You cannot attach a continuous deployment policy that is associated with another distribution."
      )
    }
    let stagings = others.filter { policy.stagingNames.contains($0.domainName) }
    for side in [it] + stagings {
      // - Source: Developer Guide "Quotas and other considerations for continuous deployment".
      guard !(side.config.text(at: "HttpVersion") ?? "").lowercased().contains("3") else {
        throw .invalidArgument(
          "Continuous deployment is not supported for distributions with HTTP/3 (\(side.id)).")
      }
      guard behaviours.attachesToNewerFeatures || !Validation.usesNewerFeatures(side.config) else {
        throw .illegalUpdate(
          "One or more fields updated are not supported for continuous deployment.")
      }
    }
  }

  /// Whether a policy that exists joins this distribution, as primary or as staging, to another.
  func joined(_ it: ModelDistribution) -> Bool {
    guard let account = accounts[it.account] else { return false }
    if !it.staging { return account.policies[it.policyID] != nil }
    let naming = Set(
      account.policies.values.filter { $0.stagingNames.contains(it.domainName) }.map(\.id))
    guard !naming.isEmpty else { return false }
    return account.distributions.values.contains { naming.contains($0.policyID) }
  }

  /// UpdateDistributionWithStagingConfig: the primary keeps its aliases and policy id, all else
  /// becomes the staging distribution's; the policy is disabled.
  /// - Source: API reference of UpdateDistributionWithStagingConfig.
  mutating func promote(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    var primary = try distribution(id, call)
    guard let stagingID = call.query("StagingDistributionId"), !stagingID.isEmpty else {
      throw .invalidArgument("The parameter StagingDistributionId is required.")
    }
    let staging = try distribution(stagingID, call)
    try ifMatch(call, [primary.etag, staging.etag])
    guard staging.staging, !primary.staging else {
      throw .invalidArgument("The distributions must be a primary and its staging distribution.")
    }
    guard var policy = accounts[call.account]?.policies[primary.policyID],
      policy.stagingNames.contains(staging.domainName)
    else {
      throw .illegalUpdate(
        "The staging distribution is not joined to the primary by a continuous deployment policy.")
    }
    var config = staging.config
    for kept in ["CallerReference", "Aliases", "ContinuousDeploymentPolicyId", "Staging"] {
      if let child = primary.config.first(kept) {
        config.put(child, order: Shape.named("DistributionConfig")?.order ?? [])
      }
    }
    primary.replace(config: config)
    policy.config.put(XElement("Enabled", text: "false"))
    policy.etag = random.capitalID()
    policy.lastModified = call.now
    accounts[call.account]?.policies[policy.id] = policy
    write(&primary, call)
    return Answer(
      headers: ["etag": primary.etag], body: element(primary, now: call.now), resource: id,
      effective: true)
  }

  mutating func deleteDistribution(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try distribution(id, call)
    try ifMatch(call, [it.etag])
    // One that is disabled but not yet deployed is refused alike: terraform-provider-aws PR #3034.
    let settled = it.changes.last?.at.addingTimeInterval(
      propagationSeconds + behaviours.deleteLagSeconds)
    guard !it.enabled, status(it, now: call.now) == "Deployed",
      settled.map({ call.now >= $0 }) ?? true
    else {
      throw Refusal(
        409, "DistributionNotDisabled",
        "The distribution you are trying to delete has not been disabled.")
    }
    if it.staging { try stagingFree(it) }
    accounts[call.account]?.removeDistribution(id)
    edgeChanges += 1
    ghosts.removeAll { $0.until <= call.now }
    if behaviours.ghostAliasSeconds > 0 {
      let until = call.now + behaviours.ghostAliasSeconds
      ghosts += it.aliases.map { GhostAlias(name: $0.lowercased(), until: until) }
    }
    return Answer(status: 204, effective: true)
  }

  /// A policy's change reaches the POPs with its primary, whose version does not move.
  /// - Source: API reference of ContinuousDeploymentPolicy; facts of the Developer Guide's page on
  ///   continuous deployment.
  mutating func policyChanged(_ policyID: String, _ call: Call) {
    guard !policyID.isEmpty, let account = accounts[call.account] else { return }
    for var it in account.distributions.values where it.policyID == policyID {
      propagate(&it, now: call.now)
      accounts[call.account]?.put(it)
    }
  }

  /// Empties the field of every primary that names a policy which is gone.
  mutating func detachAll(_ policyID: String, _ call: Call) {
    guard let account = accounts[call.account] else { return }
    for var it in account.distributions.values where it.policyID == policyID {
      var config = it.config
      config.put(XElement("ContinuousDeploymentPolicyId"))
      it.replace(config: config)
      write(&it, call)
    }
  }
}
