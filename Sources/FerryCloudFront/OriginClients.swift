import FerryCore
import Foundation

/// Versions of Lambda functions; the code stays where it is.
public struct LambdaClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// The configuration of one numbered version. The signed address of the code is a secret and is not kept.
  public func function(_ arn: String) async throws(FerryError) -> Inventory.Resource {
    let operation = "GetFunction"
    // function:NAME:VERSION
    let parts = (ARN(arn)?.resource ?? "").split(separator: ":").map(String.init)
    guard let name = ARN(arn), name.service == "lambda", !name.region.isEmpty,
      parts.count == 3, parts[0] == "function"
    else {
      throw CloudFrontClient.unreadable(operation, "\(arn.debugDescription) names no version")
    }
    let request = ServiceRequest(
      .lambda, operation, region: name.region,
      path: "/2015-03-31/functions/\(percentEncoded(parts[1]))",
      query: [.init("Qualifier", parts[2])])
    let answer = try accepted(try await transport.send(request), operation: operation)
    guard let it = try jsonDocument(answer, operation: operation)["Configuration"] else {
      throw CloudFrontClient.unreadable(operation, "it holds no Configuration")
    }
    return Inventory.Resource(
      .lambdaFunction, id: arn, name: parts[1], arn: arn, lastModified: it["LastModified"]?.string,
      json: it)
  }
}

/// Buckets behind origins: who may read them, and with which key they are encrypted.
public struct BucketClient: Sendable {
  public var transport: any ServiceTransport
  public var region: String
  /// - Parameter region: where a bucket is looked for first; S3 says where it is.
  public init(_ transport: any ServiceTransport, region: String) {
    self.transport = transport
    self.region = region
  }
  public typealias Failure = (call: String, error: FerryError)

  /// The bucket as `{policy?, ownershipControls?, encryption?, region}`; what it does not have is left out.
  /// - Returns: also the calls that were refused.
  /// - Throws: the refusal of the policy when nothing at all was readable.
  public func bucket(_ name: String) async throws(FerryError) -> (Inventory.Resource, [Failure]) {
    var members: [String: JSONValue] = [:]
    var failures: [Failure] = []
    var place = region
    func read(_ operation: String, _ subresource: String, absent: String)
      async throws(FerryError) -> [UInt8]?
    {
      do throws(FerryError) {
        return try await get(operation, name, subresource, place: &place)
      } catch {
        if error.exit == .interrupted { throw error }
        if !error.isService(absent) { failures.append((operation, error)) }
        return nil
      }
    }
    if let body = try await read("GetBucketPolicy", "policy", absent: "NoSuchBucketPolicy") {
      members["policy"] = try JSONValue.read(body, what: "policy of bucket \(name)")
    }
    if let body = try await read(
      "GetBucketOwnershipControls", "ownershipControls",
      absent: "OwnershipControlsNotFoundError")
    {
      let root = try CloudFrontClient.document(
        ServiceResponse(status: 200, body: body), operation: "GetBucketOwnershipControls")
      members["ownershipControls"] = root.text(at: "Rule/ObjectOwnership").map(JSONValue.string)
    }
    if let body = try await read(
      "GetBucketEncryption", "encryption", absent: "ServerSideEncryptionConfigurationNotFoundError")
    {
      let root = try CloudFrontClient.document(
        ServiceResponse(status: 200, body: body), operation: "GetBucketEncryption")
      let rule = root.at("Rule/ApplyServerSideEncryptionByDefault")
      var encryption: [String: JSONValue] = [:]
      encryption["algorithm"] = rule?.text(at: "SSEAlgorithm").map(JSONValue.string)
      encryption["kmsKey"] = rule?.text(at: "KMSMasterKeyID").map(JSONValue.string)
      if !encryption.isEmpty { members["encryption"] = .object(encryption) }
    }
    if failures.count == 3, let first = failures.first { throw first.error }
    members["region"] = .string(place)
    return (
      Inventory.Resource(
        .bucket, id: name, name: name, arn: "arn:aws:s3:::\(name)", json: .object(members)),
      failures
    )
  }

  private static let emptyDigest = Digest.hex(Digest.sha256([]))

  /// Follows S3's word on the region once.
  private func get(
    _ operation: String, _ name: String, _ subresource: String, place: inout String
  ) async throws(FerryError) -> [UInt8] {
    let answer = try await followingRegion(
      ServiceRequest(
        .s3, operation, path: "/\(percentEncoded(name))", query: [.init(subresource, nil)],
        headers: ["x-amz-content-sha256": Self.emptyDigest]), transport, place: &place)
    return try accepted(answer, operation: operation).body
  }
}

/// Keys of KMS: who may use them.
public struct KeyPolicyClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  public func key(_ arn: String) async throws(FerryError) -> Inventory.Resource {
    let operation = "GetKeyPolicy"
    guard let name = ARN(arn), name.service == "kms", !name.region.isEmpty else {
      throw CloudFrontClient.unreadable(operation, "\(arn.debugDescription) is no ARN of a key")
    }
    let answer = try await jsonCall(
      transport, .kms, target: "TrentService", operation,
      ["KeyId": .string(arn), "PolicyName": "default"], region: name.region)
    guard let text = answer["Policy"]?.string else {
      throw CloudFrontClient.unreadable(operation, "it holds no Policy")
    }
    return Inventory.Resource(
      .kmsKey, id: arn, arn: arn,
      json: ["policy": try JSONValue.read(Array(text.utf8), what: "policy of key \(arn)")])
  }
}

/// Standard logging v2: deliveries stand outside the distribution's config.
public struct LogDeliveryClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  public static let operations = [
    "DescribeDeliverySources", "DescribeDeliveries", "DescribeDeliveryDestinations",
  ]

  /// Every delivery whose source is a distribution, by the distribution's ARN: each `{source, delivery,
  /// destination}`, all pages of all three lists.
  public func deliveries() async throws(FerryError) -> [String: [Inventory.Resource]] {
    let sources = try await list("DescribeDeliverySources", "deliverySources")
    let wanted = sources.filter { $0["service"]?.string == "cloudfront" }
    guard !wanted.isEmpty else { return [:] }
    let deliveries = try await list("DescribeDeliveries", "deliveries")
    let destinations = try await list("DescribeDeliveryDestinations", "deliveryDestinations")
    var out: [String: [Inventory.Resource]] = [:]
    for source in wanted {
      let name = source["name"]?.string ?? ""
      for delivery in deliveries where delivery["deliverySourceName"]?.string == name {
        let to = delivery["deliveryDestinationArn"]?.string
        let destination = destinations.first { $0["arn"]?.string == to }
        var members: [String: JSONValue] = ["source": source, "delivery": delivery]
        members["destination"] = destination
        let it = Inventory.Resource(
          .logDelivery, id: delivery["id"]?.string ?? name, name: name,
          arn: delivery["arn"]?.string, json: .object(members))
        for arn in source["resourceArns"]?.array ?? [] {
          out[arn.string ?? "", default: []].append(it)
        }
      }
    }
    return out
  }
  private func list(_ operation: String, _ list: String) async throws(FerryError) -> [JSONValue] {
    try await jsonPages(
      transport, .logs, target: "Logs_20140328", operation, list: list, region: "us-east-1")
  }
}
