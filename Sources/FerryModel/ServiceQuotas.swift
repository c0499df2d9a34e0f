import FerryCore

/// What an inventory says of one quota.
struct ModelQuota: Equatable, Sendable {
  /// nil: Service Quotas gives no value that applies to the account.
  var value: Int?
}

/// Service Quotas as far as CloudFront goes: what applies to the account, and what every account begins with.
///
/// - Source: botocore 1.43.11, service-quotas 2019-06-24 (json 1.1).
extension CloudFrontModel {
  /// How many may be created. Distributions and key value stores have no limit unless one is given.
  func limit(_ quota: AccountQuota, of account: AccountID) -> Int {
    if let given = accounts[account]?.quotas[quota] { return given.value ?? quota.standard }
    switch quota {
    case .distributions: return quotas.distributions ?? .max
    case .stagingDistributions, .keyValueStores: return .max
    case .aliases: return quotas.aliases
    default: return quota.standard
    }
  }
  /// What Service Quotas says of it.
  private func applied(_ quota: AccountQuota, to account: AccountID) -> Int? {
    if let given = accounts[account]?.quotas[quota] { return given.value }
    let limit = limit(quota, of: account)
    return limit == .max ? quota.standard : limit
  }

  func serviceQuotas(_ operation: String, _ call: Call) throws(Refusal) -> Answer {
    let input = try Self.input(call)
    guard input["ServiceCode"]?.string == "cloudfront" else {
      throw Refusal(
        400, "NoSuchResourceException", "The request failed because the service does not exist.")
    }
    func described(_ quota: AccountQuota, _ value: Int?) -> JSONValue? {
      guard let value else { return nil }
      let code = Self.quotaCode(quota)
      return [
        "ServiceCode": "cloudfront", "ServiceName": "Amazon CloudFront", "QuotaCode": .string(code),
        "QuotaName": .string(quota.name), "Value": .double(Double(value)), "Unit": "None",
        "QuotaArn": .string("arn:aws:servicequotas::\(call.account):cloudfront/\(code)"),
        "Adjustable": true, "GlobalQuota": true,
      ]
    }
    let all = AccountQuota.allCases
    switch operation {
    case "ListServiceQuotas":
      return try page(all.compactMap { described($0, applied($0, to: call.account)) }, input)
    case "ListAWSDefaultServiceQuotas":
      return try page(all.compactMap { described($0, $0.standard) }, input)
    case "GetServiceQuota":
      let code = input["QuotaCode"]?.string
      guard let quota = all.first(where: { Self.quotaCode($0) == code }),
        let found = described(quota, applied(quota, to: call.account))
      else {
        throw Refusal(
          400, "NoSuchResourceException", "The request failed because the quota does not exist.")
      }
      return answer(["Quota": found])
    default: throw .unknownOperation(call.request)
    }
  }

  /// A code of the lab's own where AWS's is not known.
  static func quotaCode(_ quota: AccountQuota) -> String {
    let place = AccountQuota.allCases.firstIndex(of: quota) ?? 0
    return quota.code ?? "L-LAB\(10000 + place)"
  }

  private func page(_ quotas: [JSONValue], _ input: JSONValue) throws(Refusal) -> Answer {
    var limit = 100
    if case .int(let asked)? = input["MaxResults"] { limit = Int(clamping: asked) }
    let token = input["NextToken"]?.string
    guard (1...100).contains(limit) else {
      throw Refusal(400, "IllegalArgumentException", "MaxResults must be between 1 and 100.")
    }
    guard let start = token == nil ? 0 : Int(token ?? ""), quotas.indices.contains(start) else {
      throw Refusal(400, "InvalidPaginationTokenException", "The token is not valid.")
    }
    let end = min(start + limit, quotas.count)
    var out: [String: JSONValue] = ["Quotas": .array(Array(quotas[start..<end]))]
    if end < quotas.count { out["NextToken"] = .string("\(end)") }
    return answer(.object(out))
  }

  // MARK: Loading

  /// `quotas[{name or code, value}]` of an account; a value of null is one that Service Quotas does not give.
  mutating func takeQuotas(_ document: JSONValue?, _ account: AccountID, _ place: String)
    throws(FerryError)
  {
    guard let given = document?["quotas"] else { return }
    guard let items = given.array else { throw Self.unloadable("\(place).quotas is no list") }
    for (index, item) in items.enumerated() {
      let place = "\(place).quotas[\(index)]"
      let (code, name) = (item["code"]?.string ?? "", item["name"]?.string ?? "")
      guard
        let quota = AccountQuota.allCases.first(where: {
          Self.quotaCode($0) == code || $0.matches(code: code, name: name) || $0.rawValue == name
        })
      else {
        throw Self.unloadable(
          "\(place) names no quota of CloudFront that the lab has (\(AccountQuota.allCases.map(\.rawValue).joined(separator: ", ")))"
        )
      }
      switch item["value"] {
      case .null?: accounts[account]?.quotas[quota] = ModelQuota(value: nil)
      case .int(let value)? where value >= 0:
        accounts[account]?.quotas[quota] = ModelQuota(value: Int(value))
      default: throw Self.unloadable("\(place).value is no whole number from 0, and not null")
      }
    }
  }
}
