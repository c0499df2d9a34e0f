import FerryCore
import Foundation

/// What distributions refer to: the same four calls for every kind, by a table of how each is spelt.
///
/// - Source: botocore 1.43.11, CloudFront 2020-05-31; reference facts on CloudFront, sections 0 and 5.
public struct ResourceClient: Sendable {
  public var cloudFront: CloudFrontClient
  public init(_ cloudFront: CloudFrontClient) { self.cloudFront = cloudFront }

  public typealias Resource = Inventory.Resource

  /// How one kind is spelt.
  struct Spelling {
    var path: String
    /// The element of its config, which is the body of a create.
    var config: String
    /// One item of its list; the id and the name are found inside.
    var summary: String
    var operation: String
    var plural: String
    var missing: String
  }
  static func spelling(_ kind: ResourceKind) -> Spelling? {
    func of(_ path: String, _ name: String, plural: String? = nil, config: String? = nil)
      -> Spelling
    {
      Spelling(
        path: path, config: config ?? "\(name)Config", summary: "\(name)Summary", operation: name,
        plural: plural ?? "\(name)s", missing: "NoSuch\(name)")
    }
    switch kind {
    case .originAccessControl:
      return of("/origin-access-control", "OriginAccessControl")
    case .originAccessIdentity:
      return of(
        "/origin-access-identity/cloudfront", "CloudFrontOriginAccessIdentity",
        plural: "CloudFrontOriginAccessIdentities")
    case .cachePolicy: return of("/cache-policy", "CachePolicy", plural: "CachePolicies")
    case .originRequestPolicy:
      return of("/origin-request-policy", "OriginRequestPolicy", plural: "OriginRequestPolicies")
    case .responseHeadersPolicy:
      return of(
        "/response-headers-policy", "ResponseHeadersPolicy", plural: "ResponseHeadersPolicies")
    case .publicKey: return of("/public-key", "PublicKey")
    case .keyGroup:
      var it = of("/key-group", "KeyGroup")
      it.missing = "NoSuchResource"
      return it
    case .fieldLevelEncryptionProfile:
      return of("/field-level-encryption-profile", "FieldLevelEncryptionProfile")
    case .fieldLevelEncryption:
      var it = of("/field-level-encryption", "FieldLevelEncryption")
      it.missing = "NoSuchFieldLevelEncryptionConfig"
      it.operation = "FieldLevelEncryptionConfig"
      it.plural = "FieldLevelEncryptionConfigs"
      return it
    default: return nil
    }
  }

  private var deliveries: LogDeliveryClient { LogDeliveryClient(cloudFront.transport) }

  // MARK: Reading

  /// nil when there is none.
  public func find(_ kind: ResourceKind, id: String) async throws(FerryError) -> Resource? {
    if kind == .logDelivery { return try await deliveries.find(id) }
    do throws(FerryError) {
      return try await cloudFront.resource(kind, id)
    } catch {
      guard Self.missingCodes.contains(error.service?.code ?? "-") else { throw error }
      return nil
    }
  }
  private static let missingCodes: Set = Set(
    ResourceKind.allCases.compactMap { spelling($0)?.missing } + [
      "NoSuchFunctionExists", "EntityNotFound", "NoSuchRealtimeLogConfig",
      "NoSuchMonitoringSubscription", "NoSuchDistribution", "NoSuchResource",
    ])

  /// The one of a name, or for kinds without names the one of a CallerReference.
  public func find(_ kind: ResourceKind, named name: String, reference: String?)
    async throws(FerryError) -> Resource?
  {
    guard let it = Self.spelling(kind) else { return try await find(kind, id: name) }
    var marker: String?
    repeat {
      let page = try await page(kind, it, marker: marker)
      for item in page.items {
        guard let id = Self.inside(item, "Id") else { continue }
        if kind.hasName {
          guard Self.inside(item, "Name") == name else { continue }
          return try await find(kind, id: id)
        }
        guard let found = try await find(kind, id: id) else { continue }
        if let reference, found.document?.text(at: "CallerReference") == reference { return found }
      }
      marker = page.nextMarker
    } while marker != nil
    return nil
  }
  /// What the account has of a kind by name, all pages: what `find(_:id:)` takes. AWS's own policies are left out,
  /// and so are functions that are not published.
  ///
  /// - Returns: nil for a kind that has no names or no list.
  public func ids(_ kind: ResourceKind) async throws(FerryError) -> [String: String]? {
    guard kind.hasName else { return nil }
    return try await listed(kind).map {
      Dictionary(
        $0.compactMap { it in it.name.map { ($0, it.id) } }, uniquingKeysWith: { first, _ in first }
      )
    }
  }
  /// The same of a kind with or without names, by id.
  public func allIDs(_ kind: ResourceKind) async throws(FerryError) -> [String] {
    try await listed(kind)?.map(\.id) ?? []
  }
  private func listed(_ kind: ResourceKind) async throws(FerryError) -> [(
    name: String?, id: String
  )]? {
    if kind == .keyValueStore {
      return try await cloudFront.keyValueStoreNames().values.map { ($0, $0) }
    }
    let isFunction = kind == .function
    let spelling =
      isFunction
      ? Spelling(
        path: "/function", config: "", summary: "FunctionSummary", operation: "",
        plural: "Functions", missing: "") : Self.spelling(kind)
    guard let spelling else { return nil }
    var out: [(name: String?, id: String)] = []
    var marker: String?
    repeat {
      let page = try await page(kind, spelling, marker: marker)
      for item in page.items {
        let name = Self.inside(item, "Name")
        guard let id = isFunction ? name : Self.inside(item, "Id") else { continue }
        out.append((name, id))
      }
      marker = page.nextMarker
    } while marker != nil
    return out
  }
  private func page(_ kind: ResourceKind, _ it: Spelling, marker: String?)
    async throws(FerryError) -> CloudFrontClient.Page<XElement>
  {
    let given: [ServiceRequest.QueryItem] =
      switch kind {
      case .cachePolicy, .originRequestPolicy, .responseHeadersPolicy: [.init("Type", "custom")]
      case .function: [.init("Stage", "LIVE")]
      default: []
      }
    return try await cloudFront.page(
      "List\(it.plural)", it.path, item: it.summary, marker: marker, given: given)
  }
  /// The first element of that name that is no deeper than three.
  private static func inside(_ element: XElement, _ name: String, depth: Int = 3) -> String? {
    if let own = element.first(name)?.text, !own.isEmpty { return own }
    guard depth > 0 else { return nil }
    for child in element.children {
      if let it = inside(child, name, depth: depth - 1) { return it }
    }
    return nil
  }

  static func unknown(_ kind: ResourceKind) -> FerryError {
    FerryError(
      "unknown-kind", exit: .usage, what: "could not work on a \(kind.rawValue)",
      why: "this build neither makes nor deletes that kind", next: "make it by hand and map it")
  }

  // MARK: Writing

  /// - Parameters:
  ///   - config: the kind's config element with everything in it.
  ///   - code: a function's; raw bytes.
  /// - Returns: what was made; a function is published too. A create that is repeated goes on where the first
  ///   one ended.
  public func create(
    _ kind: ResourceKind, name: String, config: XElement, code: [UInt8]? = nil,
    tags: [String: String] = [:]
  ) async throws(FerryError) -> Resource {
    switch kind {
    case .function:
      return try await makeFunction(name, config: config, code: code ?? [], tags: tags)
    case .keyValueStore: return try await makeStore(name, config: config, tags: tags)
    case .realtimeLogConfig: return try await makeLogConfig(config)
    case .monitoringSubscription: return try await subscribe(name, config: config)
    case .logDelivery: return try await deliveries.create(name, config: config)
    default: break
    }
    guard let it = Self.spelling(kind) else { throw Self.unknown(kind) }
    let operation = "Create\(it.operation)"
    let answer = try await cloudFront.call(
      operation, method: "POST", path: it.path, body: config)
    let root = try CloudFrontClient.document(answer, operation: operation)
    guard let id = root.text(at: "Id"), !id.isEmpty else {
      throw CloudFrontClient.unreadable(operation, "it names no id")
    }
    return try await made(kind, id)
  }
  /// What was just made, read back. Reads may lag behind a create: whoever asked looks for it again.
  private func made(_ kind: ResourceKind, _ id: String) async throws(FerryError) -> Resource {
    do throws(FerryError) {
      return try await cloudFront.resource(kind, id)
    } catch {
      guard Self.missingCodes.contains(error.service?.code ?? "-") else { throw error }
      throw FerryError(
        .noAnswer, what: "\(kind.rawValue) \(id) is not read back yet",
        why: "\(id) was made, and reads do not show it yet", next: "read it again")
    }
  }

  /// Nothing to do counts as done.
  public func delete(_ kind: ResourceKind, id: String, etag: String) async throws(FerryError) {
    do throws(FerryError) {
      switch kind {
      case .function:
        // The version that counts is that of the stage DEVELOPMENT, which publishing leaves as it was.
        guard let version = try await development(id) else { return }
        _ = try await cloudFront.call(
          "DeleteFunction", method: "DELETE", path: "/function/\(percentEncoded(id))",
          headers: ["if-match": version])
      case .keyValueStore:
        _ = try await cloudFront.call(
          "DeleteKeyValueStore", method: "DELETE", path: "/key-value-store/\(percentEncoded(id))",
          headers: ["if-match": etag])
      case .realtimeLogConfig:
        _ = try await cloudFront.call(
          "DeleteRealtimeLogConfig", method: "POST", path: "/delete-realtime-log-config",
          body: XElement("DeleteRealtimeLogConfigRequest", [XElement("Name", text: id)]))
      case .logDelivery: try await deliveries.delete(id)
      case .monitoringSubscription:
        _ = try await cloudFront.call(
          "DeleteMonitoringSubscription", method: "DELETE",
          path: "/distributions/\(percentEncoded(id))/monitoring-subscription")
      default:
        guard let it = Self.spelling(kind) else { throw Self.unknown(kind) }
        _ = try await cloudFront.call(
          "Delete\(it.operation)", method: "DELETE", path: "\(it.path)/\(percentEncoded(id))",
          headers: ["if-match": etag])
      }
    } catch {
      guard Self.missingCodes.contains(error.service?.code ?? "-") else { throw error }
    }
  }

  // MARK: Functions

  /// The version of a function that is not published; nil when there is none.
  private func development(_ name: String) async throws(FerryError) -> String? {
    do throws(FerryError) {
      return try await cloudFront.call(
        "DescribeFunction", path: "/function/\(percentEncoded(name))/describe",
        query: [.init("Stage", "DEVELOPMENT")]
      ).headers["etag"] ?? ""
    } catch {
      guard error.isService("NoSuchFunctionExists") else { throw error }
      return nil
    }
  }
  /// Whether a function of that name is there that may not be published.
  public func hasUnpublished(_ name: String) async throws(FerryError) -> Bool {
    try await development(name) != nil
  }
  private func makeFunction(
    _ name: String, config: XElement, code: [UInt8], tags: [String: String]
  ) async throws(FerryError) -> Resource {
    // An earlier attempt may have made it and not published it.
    var etag = try await development(name)
    if etag == nil {
      var body = [
        XElement("Name", text: name), config.renamed("FunctionConfig"),
        XElement("FunctionCode", text: Data(code).base64EncodedString()),
      ]
      if !tags.isEmpty { body.append(CloudFrontClient.tagsElement(tags)) }
      etag =
        try await cloudFront.call(
          "CreateFunction", method: "POST", path: "/function",
          body: XElement("CreateFunctionRequest", body)
        ).headers["etag"]
    }
    _ = try await cloudFront.call(
      "PublishFunction", method: "POST", path: "/function/\(percentEncoded(name))/publish",
      headers: ["if-match": etag ?? ""])
    guard let live = try await find(.function, id: name) else {
      throw CloudFrontClient.unreadable(
        "DescribeFunction", "\(name) was published and is not there")
    }
    return live
  }

  // MARK: Key value stores

  private func makeStore(_ name: String, config: XElement, tags: [String: String])
    async throws(FerryError) -> Resource
  {
    if let made = try await find(.keyValueStore, id: name) { return made }
    var body = [
      XElement("Name", text: name), XElement("Comment", text: config.text(at: "Comment") ?? ""),
    ]
    if !tags.isEmpty { body.append(CloudFrontClient.tagsElement(tags)) }
    _ = try await cloudFront.call(
      "CreateKeyValueStore", method: "POST", path: "/key-value-store",
      body: XElement("CreateKeyValueStoreRequest", body))
    return try await made(.keyValueStore, name)
  }

  // MARK: Real-time logs and monitoring

  private func makeLogConfig(_ config: XElement) async throws(FerryError) -> Resource {
    var body = config.renamed("CreateRealtimeLogConfigRequest")
    body.nodes.removeAll { if case .element(let it) = $0 { it.name == "ARN" } else { false } }
    _ = try await cloudFront.call(
      "CreateRealtimeLogConfig", method: "POST", path: "/realtime-log-config", body: body)
    return try await made(.realtimeLogConfig, config.text(at: "Name") ?? "")
  }
  private func subscribe(_ distribution: String, config: XElement) async throws(FerryError)
    -> Resource
  {
    _ = try await cloudFront.call(
      "CreateMonitoringSubscription", method: "POST",
      path: "/distributions/\(percentEncoded(distribution))/monitoring-subscription",
      body: config)
    return try await cloudFront.resource(.monitoringSubscription, distribution)
  }
}

extension ResourceKind {
  /// Whether the kind has a name that is unique in an account.
  public var hasName: Bool {
    ![.originAccessIdentity, .fieldLevelEncryption, .monitoringSubscription].contains(self)
  }
}
extension XElement {
  func renamed(_ name: String) -> XElement {
    var out = self
    out.name = name
    return out
  }
}
