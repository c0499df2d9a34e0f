import FerryCore
import Foundation

/// A VPC origin: made, changed and deleted in the background.
struct ModelVPCOrigin: Equatable, Sendable {
  var id: String
  var account: AccountID
  var etag: String
  var created: Date
  var lastModified: Date
  /// `VpcOriginEndpointConfig` as it was sent; without `xmlns`.
  var config: XElement
  var tags: [String: String] = [:]
  /// When it was deleted; it can be seen for the propagation time after.
  var deleted: Date?
  /// Set by an inventory in place of what time says.
  var loadedStatus: String?
  /// Accounts that it is shared with through AWS RAM, by an inventory.
  var sharedWith: Set<AccountID> = []

  var arn: String { "arn:aws:cloudfront::\(account):vpcorigin/\(id)" }
}

/// VPC origins: `Deploying` for the propagation time after each change, then `Deployed`.
/// - Source: botocore 1.43.11 service model.
extension CloudFrontModel {
  private func isThere(_ it: ModelVPCOrigin, now: Date) -> Bool {
    it.deleted.map { now < $0 + propagationSeconds } ?? true
  }
  func vpcOrigin(_ id: String, _ call: Call) throws(Refusal) -> ModelVPCOrigin {
    guard let it = accounts[call.account]?.vpcOrigins[id], isThere(it, now: call.now) else {
      throw Refusal(404, "EntityNotFound", "The VPC origin was not found.")
    }
    return it
  }

  func vpcOriginStatus(_ it: ModelVPCOrigin, now: Date) -> String {
    it.loadedStatus
      ?? (it.deleted == nil && now >= it.lastModified + propagationSeconds
        ? "Deployed" : "Deploying")
  }

  private func element(_ it: ModelVPCOrigin, now: Date) -> XElement {
    XElement(
      "VpcOrigin",
      [
        XElement("Id", text: it.id), XElement("Arn", text: it.arn),
        XElement("AccountId", text: it.account),
        XElement("Status", text: vpcOriginStatus(it, now: now)),
        XElement("CreatedTime", text: Self.timestamp(it.created)),
        XElement("LastModifiedTime", text: Self.timestamp(it.lastModified)), it.config,
      ])
  }

  /// What a distribution newly names: its own account's, or one that its owner shares, which the lab cannot
  /// know (`foreign-arns`).
  func vpcOriginExists(_ id: String, _ distribution: ModelDistribution) throws(Refusal) {
    let origins = distribution.config.at("Origins/Items")?.children ?? []
    for origin in origins where origin.text(at: "VpcOriginConfig/VpcOriginId") == id {
      let stated = origin.text(at: "VpcOriginConfig/OwnerAccountId") ?? ""
      let owner = stated.isEmpty ? distribution.account : stated
      let isShared =
        accounts[owner]?.vpcOrigins[id]?.sharedWith.contains(distribution.account) == true
      if owner != distribution.account, !isShared {
        guard !behaviours.refusesForeignARNs else {
          throw .accessDenied("The VPC origin \(id) is not shared with this account.")
        }
        if accounts[owner] == nil { continue }
      }
      guard let it = accounts[owner]?.vpcOrigins[id], it.deleted == nil else {
        throw Refusal(404, "EntityNotFound", "The VPC origin \(id) was not found.")
      }
    }
  }

  /// What a create or an update must satisfy.
  private func judge(_ config: XElement, besides id: String, _ call: Call) throws(Refusal) {
    try Validation.check(config, shape: "VpcOriginEndpointConfig")
    let name = config.text(at: "Name") ?? ""
    guard (1...64).contains(name.count) else {
      throw .invalidArgument("The parameter Name is not valid.")
    }
    for member in ["HTTPPort", "HTTPSPort"] {
      guard let port = Int(config.text(at: member) ?? ""), (1...65_535).contains(port) else {
        throw .invalidArgument("The parameter \(member) is not valid.")
      }
    }
    guard
      ["http-only", "match-viewer", "https-only"].contains(
        config.text(at: "OriginProtocolPolicy") ?? "")
    else { throw .invalidArgument("The parameter OriginProtocolPolicy is not valid.") }
    guard let owner = Self.account(ofARN: config.text(at: "Arn") ?? "") else {
      throw .invalidArgument("The parameter Arn is not valid.")
    }
    guard owner == call.account || !behaviours.refusesForeignARNs else {
      throw .accessDenied("The resource belongs to another account.")
    }
    let taken = accounts[call.account]?.vpcOrigins.values.contains {
      $0.id != id && isThere($0, now: call.now) && $0.config.text(at: "Name") == name
    }
    guard taken != true else {
      throw Refusal(409, "EntityAlreadyExists", "A VPC origin with this name already exists.")
    }
  }

  mutating func createVPCOrigin(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CreateVpcOriginRequest")
    guard let config = root.first("VpcOriginEndpointConfig") else {
      throw .malformed("VpcOriginEndpointConfig is required.")
    }
    try judge(config, besides: "", call)
    let tags = try Self.tags(root.first("Tags"))
    let known = accounts[call.account]?.vpcOrigins.values.count { isThere($0, now: call.now) }
    guard known ?? 0 < limit(.vpcOrigins, of: call.account) else {
      throw Refusal(
        400, "EntityLimitExceeded", "You have reached the maximum number of VPC origins.")
    }
    let it = ModelVPCOrigin(
      id: "vo_" + random.secret(22), account: call.account, etag: random.capitalID(),
      created: call.now, lastModified: call.now, config: config, tags: tags)
    accounts[call.account]?.vpcOrigins[it.id] = it
    return Answer(
      status: 202,
      headers: [
        "etag": it.etag,
        "location": "https://cloudfront.amazonaws.com/2020-05-31/vpc-origin/\(it.id)",
      ], body: element(it, now: call.now), resource: it.id, effective: true)
  }

  func getVPCOrigin(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let shared = accounts.values.lazy.compactMap { $0.vpcOrigins[id] }.first {
      $0.sharedWith.contains(call.account) && isThere($0, now: call.now)
    }
    let it = if let shared { shared } else { try vpcOrigin(id, call) }
    return Answer(headers: ["etag": it.etag], body: element(it, now: call.now))
  }

  /// In any account: the owner may share it.
  private func isUsed(_ id: String) -> Bool {
    accounts.keys.contains { !users("VpcOrigin", id, account: $0).isEmpty }
  }

  mutating func updateVPCOrigin(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let config = try body(call, root: "VpcOriginEndpointConfig")
    var it = try vpcOrigin(id, call)
    try ifMatch(call, [it.etag])
    try judge(config, besides: id, call)
    guard !isUsed(id) else {
      throw Refusal(
        409, "CannotUpdateEntityWhileInUse",
        "The VPC origin is associated with a distribution and cannot be updated.")
    }
    it.config = config
    it.etag = random.capitalID()
    it.lastModified = call.now
    it.loadedStatus = nil
    accounts[call.account]?.vpcOrigins[id] = it
    return Answer(
      status: 202, headers: ["etag": it.etag], body: element(it, now: call.now), effective: true)
  }

  mutating func deleteVPCOrigin(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    var it = try vpcOrigin(id, call)
    try ifMatch(call, [it.etag])
    guard it.deleted == nil else {
      throw Refusal(400, "IllegalDelete", "The VPC origin is being deleted already.")
    }
    guard !isUsed(id) else {
      throw Refusal(
        409, "CannotDeleteEntityWhileInUse",
        "The VPC origin is associated with a distribution and cannot be deleted.")
    }
    it.deleted = call.now
    it.loadedStatus = nil
    it.etag = random.capitalID()
    accounts[call.account]?.vpcOrigins[id] = it
    return Answer(
      status: 202, headers: ["etag": it.etag], body: element(it, now: call.now), effective: true)
  }

  func listVPCOrigins(_ call: Call) throws(Refusal) -> Answer {
    let all = (accounts[call.account]?.vpcOrigins ?? [:]).filter {
      isThere($0.value, now: call.now)
    }
    return list("VpcOriginList", all.keys.sorted(), truncates: true, try paging(call)) { id in
      all[id].map {
        XElement(
          "VpcOriginSummary",
          [
            XElement("Id", text: $0.id), XElement("Name", text: $0.config.text(at: "Name") ?? ""),
            XElement("Status", text: vpcOriginStatus($0, now: call.now)),
            XElement("CreatedTime", text: Self.timestamp($0.created)),
            XElement("LastModifiedTime", text: Self.timestamp($0.lastModified)),
            XElement("Arn", text: $0.arn), XElement("AccountId", text: $0.account),
            XElement("OriginEndpointArn", text: $0.config.text(at: "Arn") ?? ""),
          ])
      }
    }
  }
}
