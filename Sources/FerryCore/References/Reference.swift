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
    walk.visit(config)
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
  /// The way to the element that is being visited.
  private var path: [(name: String, index: Int?)] = []

  init(_ kind: ResourceKind) { rows = Self.tables[kind] ?? [:] }

  mutating func visit(_ element: XElement) {
    let children = element.children
    var counts: [String: Int] = [:]
    if children.count > 1 {
      for child in children { counts[child.name, default: 0] += 1 }
    }
    var seen: [String: Int] = [:]
    for child in children {
      var place: (name: String, index: Int?) = (child.name, nil)
      if counts[child.name] ?? 1 > 1 {
        place.index = seen[child.name, default: 0]
        seen[child.name, default: 0] += 1
      }
      path.append(place)
      for row in rows[child.name] ?? [] where row.parent == nil || row.parent == element.name {
        let text = child.text
        guard !text.isEmpty, let id = row.id(text), !id.isEmpty else { continue }
        found.append(Reference(row.referent, id: id, path: written))
      }
      visit(child)
      path.removeLast()
    }
  }
  /// Put together for what is found alone: most elements name nothing.
  private var written: String {
    path.map { part in part.name + (part.index.map { "[\($0)]" } ?? "") }.joined(separator: "/")
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
      let end = [".amazonaws.com", ".amazonaws.com.cn"].first(where: domain.hasSuffix)
    else { return nil }
    let host = Array(domain.utf8.dropLast(end.utf8.count))
    // A name may hold `.s3` itself: the last one that what follows fits is the endpoint's.
    guard
      let dot = host.indices.last(where: {
        host[$0...].starts(with: ".s3".utf8) && isEndpoint(host[($0 + 3)...])
      })
    else { return nil }
    let name = host[..<dot]
    func isPlain(_ it: UInt8?) -> Bool { it.map { isLetter($0) || isDigit($0) } ?? false }
    guard (3...63).contains(name.count), isPlain(name.first), isPlain(name.last),
      name.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
    else { return nil }
    return String(decoding: name, as: UTF8.self)
  }
  /// What stands behind `.s3`: nothing, `.dualstack`, a region, or both.
  private static func isEndpoint(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    if rest.starts(with: ".dualstack".utf8) { rest = rest.dropFirst(".dualstack".utf8.count) }
    guard let mark = rest.first else { return true }
    guard mark == UInt8(ascii: ".") || mark == UInt8(ascii: "-") else { return false }
    let words = rest.dropFirst().split(
      separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard words.count >= 3, words[0].count == 2, let zone = words.last else { return false }
    return zone.count == 1 && zone.allSatisfy(isDigit)
      && words.dropLast().allSatisfy { !$0.isEmpty && $0.allSatisfy(isLetter) }
  }
  private static func isLetter(_ it: UInt8) -> Bool { (0x61...0x7A).contains(it) }
  private static func isDigit(_ it: UInt8) -> Bool { (0x30...0x39).contains(it) }
}
