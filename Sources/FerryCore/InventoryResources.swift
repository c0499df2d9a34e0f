extension ResourceKind {
  /// The array of an account in `edgeferry.inventory/1`; nil for what has no such array.
  public var inventoryKey: String? { Self.places[self]?.key }
  /// The root element of `configXML`; nil for what other services describe in JSON.
  public var configElement: String? { Self.places[self]?.element }
  /// Those that an inventory keeps in an array of their own.
  public static let kept: [ResourceKind] = allCases.filter { $0.inventoryKey != nil }

  private static let places: [ResourceKind: (key: String, element: String?)] = [
    .originAccessControl: ("originAccessControls", "OriginAccessControlConfig"),
    .originAccessIdentity: ("originAccessIdentities", "CloudFrontOriginAccessIdentityConfig"),
    .cachePolicy: ("cachePolicies", "CachePolicyConfig"),
    .originRequestPolicy: ("originRequestPolicies", "OriginRequestPolicyConfig"),
    .responseHeadersPolicy: ("responseHeadersPolicies", "ResponseHeadersPolicyConfig"),
    .function: ("functions", "FunctionConfig"),
    .keyValueStore: ("keyValueStores", "KeyValueStore"),
    .publicKey: ("publicKeys", "PublicKeyConfig"),
    .keyGroup: ("keyGroups", "KeyGroupConfig"),
    .fieldLevelEncryptionProfile: (
      "fieldLevelEncryptionProfiles", "FieldLevelEncryptionProfileConfig"
    ),
    .fieldLevelEncryption: ("fieldLevelEncryptionConfigs", "FieldLevelEncryptionConfig"),
    .realtimeLogConfig: ("realtimeLogConfigs", "RealtimeLogConfig"),
    .vpcOrigin: ("vpcOrigins", "VpcOriginEndpointConfig"),
    .monitoringSubscription: ("monitoringSubscriptions", "MonitoringSubscription"),
    .certificate: ("certificates", nil),
    .webACL: ("webACLs", nil),
    .lambdaFunction: ("lambdaFunctions", nil),
    .bucket: ("buckets", nil),
    .kmsKey: ("kmsKeys", nil),
    .logDelivery: ("logDeliveries", nil),
    .serverCertificate: ("serverCertificates", nil),
  ]
}

extension Inventory {
  /// One thing that distributions refer to, as it was read.
  public struct Resource: Equatable, Sendable {
    public var kind: ResourceKind
    /// CloudFront's id; the name of what is known by name; a monitoring subscription has its distribution's.
    public var id: String
    public var name: String?
    public var arn: String?
    public var etag: String?
    public var lastModified: String?
    public var tags: [String: String]
    /// CloudFront's own document, lossless; nil for what other services describe.
    public var document: XElement?
    /// What another service answered, or what an inventory written by hand says without a document.
    public var json: JSONValue?
    /// Whatever else belongs to the kind: `stage` and `code`, `items`, `status`, `s3CanonicalUserId`.
    public var extras: [String: JSONValue]

    public init(
      _ kind: ResourceKind, id: String, name: String? = nil, arn: String? = nil,
      etag: String? = nil, lastModified: String? = nil, tags: [String: String] = [:],
      document: XElement? = nil, json: JSONValue? = nil, extras: [String: JSONValue] = [:]
    ) {
      self.kind = kind
      self.id = id
      self.name = name
      self.arn = arn
      self.etag = etag
      self.lastModified = lastModified
      self.tags = tags
      self.document = document
      self.json = json
      self.extras = extras
    }

    /// The description in the AWS CLI's JSON.
    public var config: JSONValue? {
      guard let document else { return json }
      return Shape.json(document, shape: kind.configElement ?? document.name)
    }
  }
}

extension Inventory.Resource {
  private static let known: Set = [
    "id", "name", "arn", "etag", "lastModified", "tags", "config", "configXML",
  ]

  /// One item of a kind's array, which is at `place`, such as `keyGroups[0]`.
  /// - Throws: `DecodingError` for an item that is no object, has no id, or another kind's document.
  init(_ item: JSONValue, kind: ResourceKind, place: String, at path: [any CodingKey]) throws {
    guard case .object(let members) = item, let id = members["id"]?.string else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: path, debugDescription: "\(place).id is missing"))
    }
    func text(_ key: String) -> String? { members[key]?.string }
    var tags: [String: String] = [:]
    for (key, value) in members["tags"]?.object ?? [:] { tags[key] = value.string ?? "" }
    self.init(
      kind, id: id, name: text("name"), arn: text("arn"), etag: text("etag"),
      lastModified: text("lastModified"), tags: tags,
      extras: members.filter { !Self.known.contains($0.key) })
    if let element = kind.configElement, text("configXML") != nil || members["config"] != nil {
      document = try Inventory.config(
        text("configXML"), members["config"], shape: element, of: "\(place) \(id)", at: path)
    } else {
      json = members["config"]
    }
  }

  /// The item as a file carries it; what the kind does not have is left out.
  public var item: JSONValue {
    var members = extras
    members["id"] = .string(id)
    members["name"] = name.map(JSONValue.string)
    members["arn"] = arn.map(JSONValue.string)
    members["etag"] = etag.map(JSONValue.string)
    members["lastModified"] = lastModified.map(JSONValue.string)
    if !tags.isEmpty { members["tags"] = .object(tags.mapValues(JSONValue.string)) }
    members["config"] = config
    members["configXML"] = (document?.xml).map(JSONValue.string)
    return .object(members)
  }

  /// Whether an inventory holds something of it that only its owner should read.
  public var holdsSecrets: Bool { redacted != self }

  /// The same with secrets replaced by their SHA-256: a store's values, the variables of a Lambda function's
  /// environment and the headers that a web ACL adds. The code of a function is none.
  public var redacted: Inventory.Resource {
    var out = self
    switch kind {
    case .keyValueStore:
      guard extras["redacted"] != true, let items = extras["items"]?.object, !items.isEmpty
      else { return self }
      out.extras["items"] = .object(items.mapValues(JSONValue.digest))
      out.extras["redacted"] = true
    case .lambdaFunction, .webACL: out.json = json?.redacted
    default: break
    }
    return out
  }
}

extension JSONValue {
  fileprivate static func digest(_ value: JSONValue) -> JSONValue {
    guard let text = value.string else { return value }
    return .string(XElement.isDigest(text) ? text : Digest.tagged(text))
  }
  /// Values under `Environment.Variables` and of `InsertHeaders`.
  fileprivate var redacted: JSONValue {
    switch self {
    case .array(let items): return .array(items.map(\.redacted))
    case .object(let members):
      var out = members.mapValues(\.redacted)
      if let variables = members["Variables"]?.object {
        out["Variables"] = .object(variables.mapValues(JSONValue.digest))
      }
      if let headers = members["InsertHeaders"]?.array {
        out["InsertHeaders"] = .array(
          headers.map { header in
            guard case .object(var header) = header, let value = header["Value"] else {
              return header
            }
            header["Value"] = JSONValue.digest(value)
            return .object(header)
          })
      }
      return .object(out)
    default: return self
    }
  }
}
