import FerryCore

/// The contents of key value stores, a service of its own.
/// - Source: botocore 1.43.11 service model, CloudFront KeyValueStore 2022-07-26; its rule set puts the account
///   before the host.
public struct KeyValueClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// Every key with its value, all pages.
  public func items(of arn: String) async throws(FerryError) -> [String: String] {
    guard let store = ARN(arn), store.service == "cloudfront", store.account.count == 12 else {
      throw CloudFrontClient.unreadable("ListKeys", "\(arn.debugDescription) names no store")
    }
    let path = "/key-value-stores/\(percentEncoded(arn))/keys"
    var out: [String: String] = [:]
    var token: String?
    repeat {
      var query = [ServiceRequest.QueryItem("MaxResults", "50")]
      if let token { query.append(.init("NextToken", token)) }
      let page = try await call("ListKeys", path, query, account: store.account)
      for item in page["Items"]?.array ?? [] {
        guard let key = item["Key"]?.string else {
          throw CloudFrontClient.unreadable("ListKeys", "an item has no key")
        }
        if let value = item["Value"]?.string {
          out[key] = value
        } else {
          let one = try await call(
            "GetKey", "\(path)/\(percentEncoded(key))", [], account: store.account)
          out[key] = one["Value"]?.string ?? ""
        }
      }
      let next = page["NextToken"]?.string.flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable("ListKeys", "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }

  /// The most changes of one UpdateKeys.
  static let updatesMax = 50

  /// Puts what is missing or another; what else is in the store stays.
  public func put(_ wanted: [String: String], into arn: String) async throws(FerryError) {
    let present = try await items(of: arn)
    let missing = wanted.filter { present[$0.key] != $0.value }.sorted { $0.key < $1.key }
    let path = "/key-value-stores/\(percentEncoded(arn))"
    let account = ARN(arn)?.account ?? ""
    for start in stride(from: 0, to: missing.count, by: Self.updatesMax) {
      let puts = missing[start..<min(start + Self.updatesMax, missing.count)].map {
        JSONValue.object(["Key": .string($0.key), "Value": .string($0.value)])
      }
      // The contents have a version of their own, which every change moves.
      var describe = ServiceRequest(.keyValueStore, "DescribeKeyValueStore", path: path)
      describe.hostPrefix = account
      let described = try accepted(
        try await transport.send(describe), operation: "DescribeKeyValueStore")
      var request = ServiceRequest(
        .keyValueStore, "UpdateKeys", method: "POST", path: path + "/keys",
        headers: [
          "if-match": described.headers["etag"] ?? "", "content-type": "application/json",
        ], body: Array(JSONValue.object(["Puts": .array(puts)]).canonical.utf8))
      request.hostPrefix = account
      _ = try accepted(try await transport.send(request), operation: "UpdateKeys")
    }
  }

  private func call(
    _ operation: String, _ path: String, _ query: [ServiceRequest.QueryItem], account: AccountID
  ) async throws(FerryError) -> JSONValue {
    var request = ServiceRequest(.keyValueStore, operation, path: path, query: query)
    request.hostPrefix = account
    let answer = try accepted(try await transport.send(request), operation: operation)
    return try jsonDocument(answer, operation: operation)
  }
}
