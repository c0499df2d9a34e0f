/// Something that a config names, and where.
public struct Reference: Hashable, Sendable {
  /// What is named: a kind of resource, or what stands outside all that an inventory keeps.
  public enum Referent: Hashable, Sendable {
    case resource(ResourceKind)
    /// A Kinesis stream of a real-time log config.
    case stream
    /// The IAM role that writes to it.
    case role

    public var name: String {
      switch self {
      case .resource(let kind): kind.rawValue
      case .stream: "kinesis-stream"
      case .role: "iam-role"
      }
    }
  }
  public var referent: Referent
  /// What its kind is known by: an id, a name (function, real-time log config, bucket), an ARN (of other
  /// services and of key value stores), the domain name of a staging distribution.
  public var id: String
  /// The element's place, as in `ConfigEdit`.
  public var path: String

  public init(_ referent: Referent, id: String, path: String) {
    self.referent = referent
    self.id = id
    self.path = path
  }
  public init(_ kind: ResourceKind, id: String, path: String) {
    self.init(.resource(kind), id: id, path: path)
  }
  public var kind: ResourceKind? {
    if case .resource(let kind) = referent { kind } else { nil }
  }
}

extension Reference {
  /// What a document of that kind names, in document order; what is empty names nothing.
  /// - Source: reference facts on CloudFront, section 5.
  public static func all(in config: XElement, of kind: ResourceKind) -> [Reference] {
    var walk = ReferenceWalk(kind)
    walk.visit(config, path: "")
    return walk.found
  }
}

/// Visits a document once and keeps what the table says is a name.
private struct ReferenceWalk {
  /// One row of an element's name; a parent's name where that alone says too little.
  private struct Row {
    var parent: String?
    var referent: Reference.Referent
    var id: @Sendable (String) -> String?
  }
  private let rows: [String: [Row]]
  var found: [Reference] = []

  init(_ kind: ResourceKind) { rows = Self.tables[kind] ?? [:] }

  mutating func visit(_ element: XElement, path: String) {
    let children = element.children
    var counts: [String: Int] = [:]
    for child in children { counts[child.name, default: 0] += 1 }
    var seen: [String: Int] = [:]
    for child in children {
      let index = seen[child.name, default: 0]
      seen[child.name] = index + 1
      let suffix = counts[child.name] == 1 ? "" : "[\(index)]"
      let place = (path.isEmpty ? "" : path + "/") + child.name + suffix
      for row in rows[child.name] ?? [] where row.parent == nil || row.parent == element.name {
        let text = child.text
        guard !text.isEmpty, let id = row.id(text), !id.isEmpty else { continue }
        found.append(Reference(row.referent, id: id, path: place))
      }
      visit(child, path: place)
    }
  }

  private static func whole(_ text: String) -> String? { text }
  /// The part behind the last slash, of an ARN or of `origin-access-identity/cloudfront/ID`.
  private static func last(_ text: String) -> String? {
    text.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init)
  }
  private static func row(
    _ kind: ResourceKind, under parent: String? = nil,
    _ id: @escaping @Sendable (String) -> String? = whole
  ) -> Row { Row(parent: parent, referent: .resource(kind), id: id) }

  private static let tables: [ResourceKind: [String: [Row]]] = [
    .distribution: [
      "OriginAccessControlId": [row(.originAccessControl)],
      "OriginAccessIdentity": [row(.originAccessIdentity, last)],
      "DomainName": [row(.bucket, under: "Origin") { BucketName.of(origin: $0) }],
      "VpcOriginId": [row(.vpcOrigin)],
      "ClientCertificateArn": [row(.certificate)],
      "CachePolicyId": [row(.cachePolicy)],
      "OriginRequestPolicyId": [row(.originRequestPolicy)],
      "ResponseHeadersPolicyId": [row(.responseHeadersPolicy)],
      "FunctionARN": [row(.function, last)],
      "LambdaFunctionARN": [row(.lambdaFunction)],
      "KeyGroup": [row(.keyGroup)],
      "FieldLevelEncryptionId": [row(.fieldLevelEncryption)],
      "RealtimeLogConfigArn": [row(.realtimeLogConfig, last)],
      "Bucket": [row(.bucket, under: "Logging") { BucketName.of(origin: $0) }],
      "ACMCertificateArn": [row(.certificate)],
      "IAMCertificateId": [row(.serverCertificate)],
      "WebACLId": [row(.webACL)],
      "ContinuousDeploymentPolicyId": [row(.continuousDeploymentPolicy)],
      "AnycastIpListId": [row(.anycastIPList)],
      "TrustStoreId": [row(.trustStore)],
      "Id": [row(.connectionFunction, under: "ConnectionFunctionAssociation")],
    ],
    .function: ["KeyValueStoreARN": [row(.keyValueStore)]],
    .keyGroup: ["PublicKey": [row(.publicKey)]],
    .fieldLevelEncryption: ["ProfileId": [row(.fieldLevelEncryptionProfile)]],
    .fieldLevelEncryptionProfile: ["PublicKeyId": [row(.publicKey)]],
    .realtimeLogConfig: [
      "StreamARN": [Row(parent: nil, referent: .stream, id: whole)],
      "RoleARN": [Row(parent: nil, referent: .role, id: whole)],
    ],
    .continuousDeploymentPolicy: ["DnsName": [row(.distribution)]],
  ]
}

/// The bucket behind an S3 REST endpoint.
public enum BucketName {
  /// `NAME` of `NAME.s3.amazonaws.com`, `NAME.s3.REGION.amazonaws.com`, `NAME.s3-REGION.…` and
  /// `NAME.s3.dualstack.REGION.…`; nil for anything else, websites of buckets included.
  /// - Source: S3 User Guide, "Virtual hosting of buckets"; bucket names of 3 to 63 of `[a-z0-9.-]`.
  public static func of(origin domain: String) -> String? {
    let domain = domain.lowercased()
    guard domain.utf8.count <= 255,
      let match = domain.wholeMatch(
        of:
          /([a-z0-9][a-z0-9.-]*[a-z0-9])\.s3(?:\.dualstack)?(?:[.-][a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?/
      ), (3...63).contains(match.1.count)
    else { return nil }
    return String(match.1)
  }
}
