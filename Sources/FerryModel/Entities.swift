import FerryCore
import Foundation

/// One kind of thing that distributions refer to, with what sets it apart from the others: origin
/// access control and identity, the three kinds of policy, key group, public key and field-level encryption.
/// - Source: botocore 1.43.11 service model.
struct EntityKind: Sendable {
  enum Verb: Sendable { case create, get, config, update, delete, list }

  /// The reply's root element; the request's is `NAMEConfig`.
  var name: String
  var plural: String
  var path: String
  /// The array of `edgeferry.inventory/1`.
  var inventoryKey: String
  /// Updates go to `…/{Id}/config`.
  var updatesConfig = false
  /// Lists carry `IsTruncated` and `Marker`.
  var truncates = false
  /// The time in the reply, where there is one.
  var time: String? = "LastModifiedTime"
  var idPrefix: String?
  /// The member of the config that no two of an account share.
  var unique = "Name"
  /// Members of the config that never change.
  var fixed: [String] = []
  /// There are some of AWS's own in every account, and lists are asked for by `Type`.
  var managed = false
  /// What operations other than the reads, and the codes of refusals, call it.
  var subject: String?
  var missing: String?
  var inUse: String?
  /// What a distribution that names one which does not exist is answered.
  var dangling: (status: Int, code: String)
  var quota: AccountQuota

  static let all: [EntityKind] = [
    EntityKind(
      name: "OriginAccessControl", plural: "OriginAccessControls", path: "origin-access-control",
      inventoryKey: "originAccessControls", updatesConfig: true, truncates: true, time: nil,
      idPrefix: "E", dangling: (400, "InvalidOriginAccessControl"), quota: .originAccessControls),
    EntityKind(
      name: "CloudFrontOriginAccessIdentity", plural: "CloudFrontOriginAccessIdentities",
      path: "origin-access-identity/cloudfront", inventoryKey: "originAccessIdentities",
      updatesConfig: true, truncates: true, time: nil, idPrefix: "E", unique: "CallerReference",
      fixed: ["CallerReference"], dangling: (400, "InvalidOriginAccessIdentity"),
      quota: .originAccessIdentities),
    EntityKind(
      name: "CachePolicy", plural: "CachePolicies", path: "cache-policy",
      inventoryKey: "cachePolicies", managed: true, dangling: (404, "NoSuchCachePolicy"),
      quota: .cachePolicies),
    EntityKind(
      name: "OriginRequestPolicy", plural: "OriginRequestPolicies", path: "origin-request-policy",
      inventoryKey: "originRequestPolicies", managed: true,
      dangling: (404, "NoSuchOriginRequestPolicy"), quota: .originRequestPolicies),
    EntityKind(
      name: "ResponseHeadersPolicy", plural: "ResponseHeadersPolicies",
      path: "response-headers-policy", inventoryKey: "responseHeadersPolicies", managed: true,
      dangling: (404, "NoSuchResponseHeadersPolicy"), quota: .responseHeadersPolicies),
    EntityKind(
      name: "PublicKey", plural: "PublicKeys", path: "public-key", inventoryKey: "publicKeys",
      updatesConfig: true, time: "CreatedTime", idPrefix: "K",
      fixed: ["CallerReference", "EncodedKey", "Name"], dangling: (400, "InvalidArgument"),
      quota: .publicKeys),
    EntityKind(
      name: "KeyGroup", plural: "KeyGroups", path: "key-group", inventoryKey: "keyGroups",
      missing: "NoSuchResource", inUse: "ResourceInUse",
      dangling: (400, "TrustedKeyGroupDoesNotExist"), quota: .keyGroups),
    EntityKind(
      name: "FieldLevelEncryptionProfile", plural: "FieldLevelEncryptionProfiles",
      path: "field-level-encryption-profile", inventoryKey: "fieldLevelEncryptionProfiles",
      updatesConfig: true, idPrefix: "P", fixed: ["CallerReference"],
      dangling: (404, "NoSuchFieldLevelEncryptionProfile"), quota: .fieldLevelEncryptionProfiles),
    EntityKind(
      name: "FieldLevelEncryption", plural: "FieldLevelEncryptionConfigs",
      path: "field-level-encryption", inventoryKey: "fieldLevelEncryptionConfigs",
      updatesConfig: true, idPrefix: "C", unique: "CallerReference", fixed: ["CallerReference"],
      subject: "FieldLevelEncryptionConfig",
      dangling: (404, "NoSuchFieldLevelEncryptionConfig"), quota: .fieldLevelEncryptionConfigs),
  ]
  static func named(_ name: String) -> EntityKind? { all.first { $0.name == name } }

  var config: String { name + "Config" }
  /// A config with what CloudFront answers for members that were left out.
  func filled(_ config: XElement) -> XElement {
    name == "CachePolicy" ? Defaults.filled(cachePolicy: config) : config
  }
  var said: String { subject ?? name }
  var routes: [Route] {
    let target = updatesConfig ? "\(path)/{}/config" : "\(path)/{}"
    let rows: [(Verb, Route)] = [
      (.create, Route("Create\(said)", "POST", path)),
      (.get, Route("Get\(name)", "GET", "\(path)/{}")),
      (.config, Route("Get\(name)Config", "GET", "\(path)/{}/config")),
      (.update, Route("Update\(said)", "PUT", target)),
      (.delete, Route("Delete\(said)", "DELETE", "\(path)/{}")),
      (.list, Route("List\(plural)", "GET", path)),
    ]
    return rows.map { verb, route in
      var route = route
      route.entity = (self, verb)
      return route
    }
  }
}

/// One of them as the model holds it.
struct ModelEntity: Equatable, Sendable {
  var id: String
  var etag: String
  var lastModified: Date
  /// As it was sent, with defaults; without `xmlns`.
  var config: XElement
  var isManaged = false
  /// Of an origin access identity that an inventory brought; nil: made from its id.
  var canonicalUser: String?
}

extension CloudFrontModel {
  func entity(_ kind: EntityKind, _ id: String, account: AccountID) -> ModelEntity? {
    accounts[account]?.entities[kind.name]?[id] ?? Managed.entities[kind.name]?[id]
  }

  mutating func entity(_ kind: EntityKind, _ verb: EntityKind.Verb, _ id: String, _ call: Call)
    throws(Refusal) -> Answer
  {
    switch verb {
    case .create: return try create(kind, call)
    case .list: return try list(kind, call)
    default: break
    }
    guard var it = entity(kind, id, account: call.account) else {
      throw Refusal(
        404, kind.missing ?? "NoSuch\(kind.said)", "The specified \(kind.name) does not exist.")
    }
    switch verb {
    case .get: return Answer(headers: ["etag": it.etag], body: element(it, kind))
    case .config: return Answer(headers: ["etag": it.etag], body: it.config)
    case .update:
      let config = try body(call, root: kind.config)
      try ifMatch(call, [it.etag])
      guard !it.isManaged else { throw .illegalUpdate("A managed policy cannot be changed.") }
      for member in kind.fixed where config.text(at: member) != it.config.text(at: member) {
        throw kind.name == "PublicKey"
          ? Refusal(
            400, "CannotChangeImmutablePublicKeyFields",
            "You can't change the value of a public key.")
          : .illegalUpdate("\(member) cannot be changed.")
      }
      it.config = config
      try judge(it, kind, call)
      it.config = kind.filled(config)
      it.etag = random.capitalID()
      it.lastModified = call.now
      accounts[call.account]?.entities[kind.name, default: [:]][id] = it
      return Answer(headers: ["etag": it.etag], body: element(it, kind), effective: true)
    default:
      try ifMatch(call, [it.etag])
      guard !it.isManaged else {
        throw Refusal(400, "IllegalDelete", "Deletion is not allowed for this entity.")
      }
      guard !uses(kind, id, account: call.account) else {
        throw Refusal(
          409, kind.inUse ?? "\(kind.said)InUse",
          "Cannot delete the \(kind.name) because it is in use.")
      }
      accounts[call.account]?.entities[kind.name]?[id] = nil
      return Answer(status: 204, effective: true)
    }
  }

  private mutating func create(_ kind: EntityKind, _ call: Call) throws(Refusal) -> Answer {
    let config = try body(call, root: kind.config)
    let text = kind.idPrefix.map { $0 + random.capitalID().dropFirst() }
    var it = ModelEntity(
      id: text ?? random.uuid(), etag: random.capitalID(), lastModified: call.now, config: config)
    try judge(it, kind, call)
    it.config = kind.filled(config)
    let limit = limit(kind.quota, of: call.account)
    guard (accounts[call.account]?.entities[kind.name]?.count ?? 0) < limit else {
      throw Refusal(
        400, "TooMany\(kind.plural)", "You have reached the maximum number of \(kind.plural).")
    }
    accounts[call.account]?.entities[kind.name, default: [:]][it.id] = it
    return Answer(
      status: 201,
      headers: [
        "etag": it.etag,
        "location": "https://cloudfront.amazonaws.com/2020-05-31/\(kind.path)/\(it.id)",
      ], body: element(it, kind), resource: it.id, effective: true)
  }

  /// What a config must satisfy to be created or put.
  private func judge(_ it: ModelEntity, _ kind: EntityKind, _ call: Call) throws(Refusal) {
    try Validation.check(it.config, shape: kind.config)
    let own = it.config.text(at: kind.unique) ?? ""
    guard !own.isEmpty else { throw .invalidArgument("The parameter \(kind.unique) is required.") }
    let others = accounts[call.account]?.entities[kind.name] ?? [:]
    let managed = Managed.entities[kind.name] ?? [:]
    let taken = [others, managed].joined().contains {
      $0.key != it.id && $0.value.config.text(at: kind.unique) == own
    }
    guard !taken else {
      throw Refusal(
        409, "\(kind.said)AlreadyExists", "A \(kind.name) with this \(kind.unique) already exists.")
    }
    for (member, values) in Self.choices[kind.name] ?? [] {
      guard values.contains(it.config.text(at: member) ?? "") else {
        throw .invalidArgument("The parameter \(member) is not valid.")
      }
    }
    if kind.name == "KeyGroup", let keys = EntityKind.named("PublicKey") {
      let wanted = it.config.first("Items")?.children.map(\.text) ?? []
      guard (1...5).contains(wanted.count) else {
        throw wanted.isEmpty
          ? .invalidArgument("The parameter Items must name a public key.")
          : Refusal(400, "TooManyPublicKeysInKeyGroup", "A key group holds five public keys.")
      }
      for id in wanted where entity(keys, id, account: call.account) == nil {
        throw .invalidArgument("The public key \(id) does not exist.")
      }
    }
    try judgeEncryption(it, kind, call)
  }

  private static let choices: [String: [(String, [String])]] = [
    "OriginAccessControl": [
      ("SigningProtocol", ["sigv4"]), ("SigningBehavior", ["never", "always", "no-override"]),
      ("OriginAccessControlOriginType", ["s3", "mediastore", "mediapackagev2", "lambda"]),
    ]
  ]

  private func element(_ it: ModelEntity, _ kind: EntityKind) -> XElement {
    var children = [XElement("Id", text: it.id)]
    if let time = kind.time {
      children.append(XElement(time, text: Self.timestamp(it.lastModified)))
    }
    if kind.name == "CloudFrontOriginAccessIdentity" {
      children.append(
        XElement("S3CanonicalUserId", text: it.canonicalUser ?? Self.canonicalUser(it.id)))
    }
    return XElement(kind.name, children + [it.config])
  }

  /// A canonical user id is 64 hex digits; the same identity always has the same.
  private static func canonicalUser(_ id: String) -> String {
    var generator = SplitMix64(seed: id.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
    return (0..<4).map { _ in
      let hex = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - hex.count) + hex
    }.joined()
  }

  private func list(_ kind: EntityKind, _ call: Call) throws(Refusal) -> Answer {
    var found = accounts[call.account]?.entities[kind.name] ?? [:]
    let managed = Managed.entities[kind.name] ?? [:]
    switch kind.managed ? call.query("Type") ?? "" : "custom" {
    case "": found.merge(managed) { own, _ in own }
    case "managed": found = managed
    case "custom": break
    default: throw .invalidArgument("The parameter Type must be managed or custom.")
    }
    return list(
      "\(kind.name)List", found.keys.sorted(), truncates: kind.truncates, try paging(call)
    ) { id in found[id].map { summary($0, kind) } }
  }

  /// Policies and key groups are listed whole, in a wrapper; the others by the members that matter.
  private func summary(_ it: ModelEntity, _ kind: EntityKind) -> XElement {
    var children: [XElement]
    switch kind.name {
    case "KeyGroup": children = [element(it, kind)]
    case _ where kind.managed:
      children = [
        XElement("Type", text: it.isManaged ? "managed" : "custom"), element(it, kind),
      ]
    default:
      children = element(it, kind).children.filter { $0.name != kind.config }
      children += it.config.children.filter { $0.name != "CallerReference" }
      if kind.name == "OriginAccessControl", it.config.first("Description") == nil {
        children.append(XElement("Description"))
      }
    }
    return XElement("\(kind.name)Summary", children)
  }
}
