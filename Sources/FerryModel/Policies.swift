import FerryCore
import Foundation

extension CloudFrontModel {
  private func policy(_ id: String, _ call: Call) throws(Refusal) -> ModelPolicy {
    guard let it = accounts[call.account]?.policies[id] else {
      throw Refusal(
        404, "NoSuchContinuousDeploymentPolicy",
        "The continuous deployment policy doesn't exist.")
    }
    return it
  }

  private func element(_ it: ModelPolicy) -> XElement {
    XElement(
      "ContinuousDeploymentPolicy",
      [
        XElement("Id", text: it.id),
        XElement("LastModifiedTime", text: Self.timestamp(it.lastModified)), it.config,
      ])
  }

  func getPolicy(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try policy(id, call)
    return Answer(headers: ["etag": it.etag], body: element(it))
  }

  func getPolicyConfig(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try policy(id, call)
    return Answer(headers: ["etag": it.etag], body: it.config)
  }

  /// Has neither IsTruncated nor Marker; Quantity is the account's total.
  /// - Source: ContinuousDeploymentPolicyList of the API model.
  func listPolicies(_ call: Call) throws(Refusal) -> Answer {
    let all = accounts[call.account]?.policies ?? [:]
    return list(
      "ContinuousDeploymentPolicyList", all.keys.sorted(), truncates: false,
      total: behaviours.policyListQuantityIsOfPage ? nil : all.count, try paging(call)
    ) { id in all[id].map { XElement("ContinuousDeploymentPolicySummary", [element($0)]) } }
  }

  /// New names must be those of existing staging distributions that no other policy names.
  private func namesFree(_ it: ModelPolicy, besides kept: [String] = []) throws(Refusal) {
    let account = accounts[it.account] ?? Account()
    for name in it.stagingNames where !kept.contains(name) {
      let staging = account.distributions.values.first { $0.domainName == name }
      guard let staging else {
        throw .invalidArgument("The staging distribution \(name) does not exist.")
      }
      guard staging.staging else {
        throw .invalidArgument("The distribution \(name) is not a staging distribution.")
      }
      let others = account.policies.values.filter { $0.id != it.id }
      guard !others.contains(where: { $0.stagingNames.contains(name) }) else {
        throw Refusal(
          409, "StagingDistributionInUse",
          "A continuous deployment policy for this staging distribution already exists.")
      }
    }
  }

  mutating func createPolicy(_ call: Call) throws(Refusal) -> Answer {
    let config = try body(call, root: "ContinuousDeploymentPolicyConfig")
    try Validation.policy(config)
    let it = ModelPolicy(
      id: random.uuid(), account: call.account, etag: random.capitalID(), lastModified: call.now,
      config: config)
    try namesFree(it)
    let limit = limit(.policies, of: call.account)
    guard (accounts[call.account]?.policies.count ?? 0) < limit else {
      throw Refusal(
        400, "TooManyContinuousDeploymentPolicies",
        "You have reached the maximum number of continuous deployment policies for this Amazon Web Services account."
      )
    }
    accounts[call.account]?.policies[it.id] = it
    return Answer(
      status: 201,
      headers: [
        "etag": it.etag,
        "location":
          "https://cloudfront.amazonaws.com/2020-05-31/continuous-deployment-policy/\(it.id)",
      ], body: element(it), resource: it.id, effective: true)
  }

  mutating func updatePolicy(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let config = try body(call, root: "ContinuousDeploymentPolicyConfig")
    var it = try policy(id, call)
    try ifMatch(call, [it.etag])
    try Validation.policy(config)
    let kept = it.stagingNames
    it.config = config
    try namesFree(it, besides: kept)
    it.etag = random.capitalID()
    it.lastModified = call.now
    accounts[call.account]?.policies[id] = it
    policyChanged(id, call)
    return Answer(headers: ["etag": it.etag], body: element(it), effective: true)
  }

  mutating func deletePolicy(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try policy(id, call)
    try ifMatch(call, [it.etag])
    let attached = accounts[call.account]?.distributions.values.contains { $0.policyID == id }
    if attached == true {
      guard !it.enabled, behaviours.deletesDisabledAttachedPolicy else {
        throw Refusal(
          409, "ContinuousDeploymentPolicyInUse",
          "You cannot delete a continuous deployment policy that is associated with a primary distribution."
        )
      }
    }
    accounts[call.account]?.policies[id] = nil
    if attached == true { detachAll(id, call) }
    return Answer(status: 204, effective: true)
  }
}
