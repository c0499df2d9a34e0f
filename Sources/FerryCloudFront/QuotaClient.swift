import FerryCore

/// Service Quotas as far as CloudFront's are asked for: those of the whole account, which are us-east-1's.
///
/// - Source: botocore 1.43.11, service-quotas 2019-06-24 (json 1.1).
public struct QuotaClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  public struct Quota: Equatable, Sendable {
    public var code: String
    public var name: String
    /// Fractions are rounded down.
    public var value: Int
  }

  /// The values that apply to the account. One that has no value of its own is left out.
  public func applied(service: String = "cloudfront") async throws(FerryError) -> [Quota] {
    try await quotas("ListServiceQuotas", service)
  }
  /// What an account has to which nothing was granted.
  public func standard(service: String = "cloudfront") async throws(FerryError) -> [Quota] {
    try await quotas("ListAWSDefaultServiceQuotas", service)
  }

  private func quotas(_ operation: String, _ service: String) async throws(FerryError) -> [Quota] {
    var out: [Quota] = []
    var token: String?
    repeat {
      var input: [String: JSONValue] = ["ServiceCode": .string(service), "MaxResults": 100]
      input["NextToken"] = token.map(JSONValue.string)
      let page = try await jsonCall(
        transport, .serviceQuotas, target: "ServiceQuotasV20190624", operation, .object(input),
        region: "us-east-1")
      guard let items = page["Quotas"]?.array else {
        throw CloudFrontClient.unreadable(operation, "it holds no Quotas")
      }
      for it in items {
        // One in trouble carries an ErrorReason in place of a value that could be trusted.
        guard it["ErrorReason"] == nil || it["ErrorReason"] == .null,
          let value = Self.whole(it["Value"]), let name = it["QuotaName"]?.string
        else { continue }
        out.append(Quota(code: it["QuotaCode"]?.string ?? "", name: name, value: value))
      }
      let next = page["NextToken"]?.string.flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }
  private static func whole(_ value: JSONValue?) -> Int? {
    switch value {
    case .int(let it)?: it < 0 ? nil : Int(it)
    case .double(let it)?: it.isFinite && (0..<1e15).contains(it) ? Int(it) : nil
    default: nil
    }
  }
}
