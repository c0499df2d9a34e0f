import FerryCore
import Foundation

/// The policy documents of buckets and keys.
///
/// - Source: botocore 1.43.11, s3 2006-03-01 (rest-xml) and kms 2014-11-01 (json 1.1).
public struct StatementClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// nil when the bucket has no policy; a key always has one.
  public func policy(of it: PolicyStatements) async throws(FerryError) -> JSONValue? {
    switch it.service {
    case .bucket:
      do throws(FerryError) {
        let answer = try await bucket("GetBucketPolicy", "GET", it)
        return try JSONValue.read(answer.body, what: "the policy of bucket \(it.resource)")
      } catch {
        guard error.isService("NoSuchBucketPolicy") else { throw error }
        return nil
      }
    case .key:
      let answer = try await key(
        "GetKeyPolicy", it, ["KeyId": .string(it.resource), "PolicyName": .string("default")])
      let root = try JSONValue.read(answer.body, what: "the answer to GetKeyPolicy")
      guard let text = root["Policy"]?.string else {
        throw CloudFrontClient.unreadable("GetKeyPolicy", "it holds no policy")
      }
      return try JSONValue.read(Array(text.utf8), what: "the policy of key \(it.resource)")
    }
  }
  /// - Parameter policy: nil deletes a bucket's.
  public func put(_ policy: JSONValue?, of it: PolicyStatements) async throws(FerryError) {
    switch (it.service, policy) {
    case (.bucket, nil): _ = try await bucket("DeleteBucketPolicy", "DELETE", it)
    case (.bucket, let policy?):
      _ = try await bucket("PutBucketPolicy", "PUT", it, body: Array(policy.canonical.utf8))
    case (.key, let policy):
      _ = try await key(
        "PutKeyPolicy", it,
        [
          "KeyId": .string(it.resource), "PolicyName": .string("default"),
          "Policy": .string((policy ?? .object([:])).canonical),
        ])
    }
  }

  private func bucket(
    _ operation: String, _ method: String, _ it: PolicyStatements, body: [UInt8] = []
  ) async throws(FerryError) -> ServiceResponse {
    var headers = ["x-amz-content-sha256": Digest.hex(Digest.sha256(body))]
    if !body.isEmpty { headers["content-type"] = "application/json" }
    let request = ServiceRequest(
      .s3, operation, region: it.region, method: method,
      path: "/\(percentEncoded(it.resource))", query: [.init("policy", nil)], headers: headers,
      body: body)
    return try accepted(try await transport.send(request), operation: operation)
  }
  private func key(_ operation: String, _ it: PolicyStatements, _ members: [String: JSONValue])
    async throws(FerryError) -> ServiceResponse
  {
    let request = ServiceRequest(
      .kms, operation, region: it.region, method: "POST", path: "/",
      headers: [
        "x-amz-target": "TrentService.\(operation)", "content-type": "application/x-amz-json-1.1",
      ], body: Array(JSONValue.object(members).canonical.utf8))
    return try accepted(try await transport.send(request), operation: operation)
  }
}
