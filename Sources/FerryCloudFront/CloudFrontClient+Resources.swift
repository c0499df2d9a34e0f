import FerryCore
import Foundation

/// Reading what distributions refer to: one row for each kind, all answers alike but for their names.
extension CloudFrontClient {
  struct Reading: Sendable {
    var operation: String
    /// The path; the percent-encoded id follows.
    var path: String
    /// The element with the time of the last change.
    var time: String? = "LastModifiedTime"
    /// The element with the name, of the config unless it is the document's own.
    var name: String? = "Name"
  }
  static let readings: [ResourceKind: Reading] = [
    .originAccessControl: .init(
      operation: "GetOriginAccessControl", path: "/origin-access-control/", time: nil),
    .originAccessIdentity: .init(
      operation: "GetCloudFrontOriginAccessIdentity", path: "/origin-access-identity/cloudfront/",
      time: nil, name: nil),
    .cachePolicy: .init(operation: "GetCachePolicy", path: "/cache-policy/"),
    .originRequestPolicy: .init(
      operation: "GetOriginRequestPolicy", path: "/origin-request-policy/"),
    .responseHeadersPolicy: .init(
      operation: "GetResponseHeadersPolicy", path: "/response-headers-policy/"),
    .publicKey: .init(operation: "GetPublicKey", path: "/public-key/", time: "CreatedTime"),
    .keyGroup: .init(operation: "GetKeyGroup", path: "/key-group/"),
    .fieldLevelEncryptionProfile: .init(
      operation: "GetFieldLevelEncryptionProfile", path: "/field-level-encryption-profile/"),
    .fieldLevelEncryption: .init(
      operation: "GetFieldLevelEncryption", path: "/field-level-encryption/", name: nil),
    .vpcOrigin: .init(operation: "GetVpcOrigin", path: "/vpc-origin/"),
  ]

  /// One resource by what its kind is known by: an id, or the name of a function, store or real-time log config;
  /// a distribution's id for its monitoring subscription. A function is read in its stage LIVE, code included;
  /// the contents of a store are another service's.
  /// - Throws: the service's own refusal; a kind without a call of CloudFront's is a defect.
  public func resource(_ kind: ResourceKind, _ id: String) async throws(FerryError)
    -> Inventory.Resource
  {
    switch kind {
    case .function: return try await function(id)
    case .keyValueStore: return try await keyValueStore(id)
    case .realtimeLogConfig: return try await realtimeLogConfig(id)
    case .monitoringSubscription: return try await monitoringSubscription(id)
    default: break
    }
    guard let reading = Self.readings[kind], let element = kind.configElement else {
      preconditionFailure("CloudFront has no \(kind)")
    }
    let operation = reading.operation
    let answer = try await call(operation, path: reading.path + percentEncoded(id))
    let root = try Self.document(answer, operation: operation)
    guard let config = root.first(element), root.text(at: "Id") == id else {
      throw Self.unreadable(operation, "it holds no \(element) of \(id.debugDescription)")
    }
    var out = Inventory.Resource(
      kind, id: id, name: reading.name.flatMap { config.text(at: $0) },
      arn: root.text(at: "Arn") ?? root.text(at: "ARN"),
      etag: try Self.etag(answer, operation: operation),
      lastModified: reading.time.flatMap { root.text(at: $0) },
      document: config)
    if let it = root.text(at: "S3CanonicalUserId") { out.extras["s3CanonicalUserId"] = .string(it) }
    if kind == .vpcOrigin, let it = root.text(at: "Status") { out.extras["status"] = .string(it) }
    return out
  }

  private static func etag(_ answer: ServiceResponse, operation: String) throws(FerryError)
    -> String
  {
    guard let etag = answer.headers["etag"], !etag.isEmpty else {
      throw unreadable(operation, "it names no version (ETag)")
    }
    return etag
  }

  /// The stage LIVE: what serves. DEVELOPMENT may differ and is nobody's traffic.
  private func function(_ name: String) async throws(FerryError) -> Inventory.Resource {
    let path = "/function/\(percentEncoded(name))"
    let live = [ServiceRequest.QueryItem("Stage", "LIVE")]
    let described = try await call("DescribeFunction", path: path + "/describe", query: live)
    let root = try Self.document(described, operation: "DescribeFunction")
    guard let config = root.first("FunctionConfig"), root.text(at: "Name") == name else {
      throw Self.unreadable("DescribeFunction", "it holds no FunctionConfig of that name")
    }
    let code = try await call("GetFunction", path: path, query: live)
    let etag = try Self.etag(described, operation: "DescribeFunction")
    if let other = code.headers["etag"], other != etag {
      // Either it was published between the two calls, or the code has a version of its own.
      let again = try await call("DescribeFunction", path: path + "/describe", query: live)
      guard again.headers["etag"] == etag else {
        throw Self.unreadable("GetFunction", "the function was published anew meanwhile")
      }
    }
    return Inventory.Resource(
      .function, id: name, name: name, arn: root.text(at: "FunctionMetadata/FunctionARN"),
      etag: etag, lastModified: root.text(at: "FunctionMetadata/LastModifiedTime"),
      document: config,
      extras: [
        "stage": "LIVE", "code": .string(Data(code.body).base64EncodedString()),
      ])
  }

  /// Whether what is being worked on says the same as what serves.
  package func developmentIsLive(_ function: Inventory.Resource) async throws(FerryError) -> Bool {
    let path = "/function/\(percentEncoded(function.id))"
    let stage = [ServiceRequest.QueryItem("Stage", "DEVELOPMENT")]
    let code = try await call("GetFunction", path: path, query: stage)
    guard function.extras["code"] == .string(Data(code.body).base64EncodedString()) else {
      return false
    }
    let described = try await call("DescribeFunction", path: path + "/describe", query: stage)
    let root = try Self.document(described, operation: "DescribeFunction")
    return root.first("FunctionConfig") == function.document
  }

  private func keyValueStore(_ name: String) async throws(FerryError) -> Inventory.Resource {
    let operation = "DescribeKeyValueStore"
    let answer = try await call(operation, path: "/key-value-store/\(percentEncoded(name))")
    let root = try Self.document(answer, operation: operation)
    guard root.name == "KeyValueStore", root.text(at: "Name") == name else {
      throw Self.unreadable(operation, "it holds no KeyValueStore of that name")
    }
    return Inventory.Resource(
      .keyValueStore, id: name, name: name, arn: root.text(at: "ARN"),
      etag: try Self.etag(answer, operation: operation),
      lastModified: root.text(at: "LastModifiedTime"), document: root,
      extras: root.text(at: "Status").map { ["status": .string($0)] } ?? [:])
  }

  private func realtimeLogConfig(_ name: String) async throws(FerryError) -> Inventory.Resource {
    let operation = "GetRealtimeLogConfig"
    let answer = try await call(
      operation, method: "POST", path: "/get-realtime-log-config",
      body: XElement("GetRealtimeLogConfigRequest", [XElement("Name", text: name)]))
    let root = try Self.document(answer, operation: operation)
    guard let config = root.name == "RealtimeLogConfig" ? root : root.first("RealtimeLogConfig"),
      config.text(at: "Name") == name
    else { throw Self.unreadable(operation, "it holds no RealtimeLogConfig of that name") }
    return Inventory.Resource(
      .realtimeLogConfig, id: name, name: name, arn: config.text(at: "ARN"), document: config)
  }

  private func monitoringSubscription(_ distribution: String) async throws(FerryError)
    -> Inventory.Resource
  {
    let operation = "GetMonitoringSubscription"
    let answer = try await call(
      operation, path: "/distributions/\(percentEncoded(distribution))/monitoring-subscription")
    let root = try Self.document(answer, operation: operation)
    guard root.name == "MonitoringSubscription" else {
      throw Self.unreadable(operation, "it holds no MonitoringSubscription")
    }
    return Inventory.Resource(.monitoringSubscription, id: distribution, document: root)
  }

  // MARK: Lists

  /// The kinds of which AWS has some in every account.
  public static let managedKinds: [ResourceKind] = [
    .cachePolicy, .originRequestPolicy, .responseHeadersPolicy,
  ]
  public static func managedOperation(_ kind: ResourceKind) -> String {
    switch kind {
    case .cachePolicy: "ListCachePolicies"
    case .originRequestPolicy: "ListOriginRequestPolicies"
    default: "ListResponseHeadersPolicies"
    }
  }
  /// AWS's own policies of a kind: ids and names, all pages.
  public func managedPolicies(_ kind: ResourceKind) async throws(FerryError) -> [String: String] {
    guard let reading = Self.readings[kind] else { return [:] }
    let element = String(reading.operation.dropFirst("Get".count))
    let operation = Self.managedOperation(kind)
    var out: [String: String] = [:]
    var marker: String?
    repeat {
      let page = try await page(
        operation, String(reading.path.dropLast()), item: element + "Summary", marker: marker,
        given: [.init("Type", "managed")])
      for summary in page.items {
        // An answer that forgets what was asked for must not make a policy of the account AWS's own.
        guard summary.text(at: "Type") ?? "managed" == "managed",
          let id = summary.text(at: "\(element)/Id")
        else { continue }
        out[id] = summary.text(at: "\(element)/\(element)Config/Name") ?? ""
      }
      marker = page.nextMarker
    } while marker != nil
    return out
  }

  /// The names of the account's key value stores by ARN, all pages: functions name a store by ARN, calls by name.
  public func keyValueStoreNames() async throws(FerryError) -> [String: String] {
    var out: [String: String] = [:]
    var marker: String?
    repeat {
      let page = try await page(
        "ListKeyValueStores", "/key-value-store", item: "KeyValueStore", marker: marker)
      for it in page.items { out[it.text(at: "ARN") ?? ""] = it.text(at: "Name") }
      marker = page.nextMarker
    } while marker != nil
    return out
  }

  /// The ids of the account's distributions by their own domain names, all pages.
  public func distributionIDsByDomain() async throws(FerryError) -> [String: String] {
    var out: [String: String] = [:]
    var marker: String?
    repeat {
      let page = try await page(
        "ListDistributions", "/distribution", item: "DistributionSummary", marker: marker,
        selection: .init(depth: 4, names: ["Id", "DomainName"]))
      for it in page.items {
        out[(it.text(at: "DomainName") ?? "").lowercased()] = it.text(at: "Id")
      }
      marker = page.nextMarker
    } while marker != nil
    return out
  }
}
