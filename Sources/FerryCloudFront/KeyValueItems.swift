import FerryCore
import Foundation

/// The contents of key value stores, which are a service of their own.
///
/// - Source: botocore 1.43.11, cloudfront-keyvaluestore 2022-07-26 (rest-json).
extension ResourceClient {
  public struct Items: Equatable, Sendable {
    public var items: [String: String]
    /// The version of the contents, which is not the store's own.
    public var etag: String
  }
  /// The most changes of one UpdateKeys.
  static let updatesMax = 50

  public func items(ofStore arn: String) async throws(FerryError) -> Items {
    let path = "/key-value-stores/\(percentEncoded(arn))"
    let described = try await data("DescribeKeyValueStore", "GET", path)
    var out = Items(items: [:], etag: described.headers["etag"] ?? "")
    var token: String?
    repeat {
      var query: [ServiceRequest.QueryItem] = [.init("MaxResults", "50")]
      if let token { query.insert(.init("NextToken", token), at: 0) }
      let answer = try await data("ListKeys", "GET", path + "/keys", query: query)
      let page = try JSONValue.read(answer.body, what: "the answer to ListKeys")
      guard case .array(let items)? = page["Items"] else {
        throw CloudFrontClient.unreadable("ListKeys", "it holds no Items")
      }
      for item in items {
        guard let key = item["Key"]?.string, let value = item["Value"]?.string else {
          throw CloudFrontClient.unreadable("ListKeys", "an item has no key or no value")
        }
        out.items[key] = value
      }
      let next = page["NextToken"]?.string.flatMap { $0.isEmpty ? nil : $0 }
      guard next == nil || next != token else {
        throw CloudFrontClient.unreadable("ListKeys", "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }

  /// Puts what is missing or another; what else is in the store stays.
  public func put(_ items: [String: String], intoStore arn: String) async throws(FerryError) {
    var present = try await self.items(ofStore: arn)
    let missing = items.filter { present.items[$0.key] != $0.value }.sorted { $0.key < $1.key }
    for start in stride(from: 0, to: missing.count, by: Self.updatesMax) {
      let puts = missing[start..<min(start + Self.updatesMax, missing.count)].map {
        JSONValue.object(["Key": .string($0.key), "Value": .string($0.value)])
      }
      let body = JSONValue.object(["Puts": .array(puts)])
      let answer = try await data(
        "UpdateKeys", "POST", "/key-value-stores/\(percentEncoded(arn))/keys",
        headers: ["if-match": present.etag, "content-type": "application/json"],
        body: Array(body.canonical.utf8))
      present.etag = answer.headers["etag"] ?? present.etag
    }
  }

  private func data(
    _ operation: String, _ method: String, _ path: String, query: [ServiceRequest.QueryItem] = [],
    headers: [String: String] = [:], body: [UInt8] = []
  ) async throws(FerryError) -> ServiceResponse {
    var request = ServiceRequest(
      .keyValueStore, operation, method: method, path: path, query: query, headers: headers)
    request.body = body
    return try accepted(try await cloudFront.transport.send(request), operation: operation)
  }
}
