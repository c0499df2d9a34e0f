import Foundation

/// What an account, or one distribution, may have only so many of, as far as a plan makes it.
///
/// - Source: AWS General Reference, "Amazon CloudFront endpoints and quotas", and the Developer Guide's page "Quotas" for names
///   and defaults (reference facts on CloudFront, section 2.6). Codes are those that public repositories ask for;
///   where none is known the name alone decides, and how Service Quotas spells it is UNCONFIRMED.
public enum AccountQuota: String, CaseIterable, Sendable {
  case distributions
  /// Whether they count among the distributions as well is UNCONFIRMED; they are counted as if.
  case stagingDistributions = "staging distributions"
  case policies = "continuous-deployment policies"
  case originAccessControls = "origin access controls"
  case originAccessIdentities = "origin access identities"
  case cachePolicies = "cache policies"
  case originRequestPolicies = "origin request policies"
  case responseHeadersPolicies = "response headers policies"
  case functions
  case keyValueStores = "key value stores"
  case publicKeys = "public keys"
  case keyGroups = "key groups"
  case fieldLevelEncryptionConfigs = "field-level encryption configurations"
  case fieldLevelEncryptionProfiles = "field-level encryption profiles"
  case realtimeLogConfigs = "real-time log configurations"
  case vpcOrigins = "VPC origins"
  /// Of one distribution, not of the account.
  case aliases = "aliases of one distribution"

  private struct Row {
    var code: String?
    var name: String
    /// Other names, without what `core` takes off.
    var others: [String] = []
    var standard: Int
  }
  private var row: Row {
    switch self {
    case .distributions:
      // The guide has meanwhile 500; the lower figure asks sooner.
      .init(code: "L-24B04930", name: "Web distributions per AWS account", standard: 200)
    case .stagingDistributions: .init(name: "Staging distributions per AWS account", standard: 20)
    case .policies: .init(name: "Continuous deployment policies per AWS account", standard: 20)
    case .originAccessControls:
      .init(name: "Origin access controls per AWS account", standard: 100)
    case .originAccessIdentities:
      .init(code: "L-08884E5C", name: "Origin access identities per account", standard: 100)
    case .cachePolicies:
      .init(code: "L-7D134442", name: "Cache policies per AWS account", standard: 20)
    case .originRequestPolicies:
      .init(code: "L-C3659C43", name: "Origin request policies per AWS account", standard: 20)
    case .responseHeadersPolicies:
      .init(code: "L-CF0D4FC5", name: "Response headers policies per AWS account", standard: 20)
    case .functions: .init(name: "Functions per AWS account", standard: 100)
    case .keyValueStores: .init(name: "Key value stores per account", standard: 50)
    case .publicKeys: .init(name: "Public keys per AWS account", standard: 10)
    case .keyGroups: .init(code: "L-D64DA6E2", name: "Key groups per AWS account", standard: 10)
    case .fieldLevelEncryptionConfigs:
      .init(
        name:
          "Maximum number of field-level encryption configurations that can be associated with one AWS account",
        standard: 10)
    case .fieldLevelEncryptionProfiles:
      .init(
        name:
          "Maximum number of field-level encryption profiles that can be associated with one AWS account",
        standard: 10)
    case .realtimeLogConfigs:
      .init(
        name: "Maximum number of real-time access log delivery configurations per AWS account",
        others: ["real-time log delivery configurations", "real-time log configurations"],
        standard: 150)
    case .vpcOrigins: .init(name: "VPC origins per AWS account", standard: 25)
    case .aliases:
      .init(name: "Alternate domain names (CNAMEs) per distribution", standard: 100)
    }
  }
  /// Service Quotas' code of it; nil where it is not known.
  public var code: String? { row.code }
  /// The name by which AWS lists it.
  public var name: String { row.name }
  /// What the documentation says a new account has.
  public var standard: Int { row.standard }

  /// Whether a quota of that code and name is this one: the code decides where it is known.
  public func matches(code: String, name: String) -> Bool {
    if code == row.code { return true }
    guard !Self.codes.contains(code) else { return false }
    let core = Self.core(name)
    return core == Self.core(row.name) || row.others.contains(core)
  }
  private static let codes = Set(allCases.compactMap(\.code))

  /// A quota's name without the words that one page has and the other has not.
  private static func core(_ name: String) -> String {
    var out = name.lowercased().replacing("amazon web services", with: "aws")
    // As in `CloudFront Functions: Maximum number of …`.
    if let colon = out.range(of: ": ") { out = String(out[colon.upperBound...]) }
    for words in ["maximum number of ", "custom ", "web "] where out.hasPrefix(words) {
      out.removeFirst(words.count)
    }
    for words in [
      " that can be associated with one aws account", " that can be added to one aws account",
      " per aws account", " per account",
    ] where out.hasSuffix(words) { out.removeLast(words.count) }
    return out
  }
}

extension ResourceKind {
  /// The quota that one more of the kind counts against; nil for what has none.
  public var quota: AccountQuota? {
    switch self {
    case .originAccessControl: .originAccessControls
    case .originAccessIdentity: .originAccessIdentities
    case .cachePolicy: .cachePolicies
    case .originRequestPolicy: .originRequestPolicies
    case .responseHeadersPolicy: .responseHeadersPolicies
    case .function: .functions
    case .keyValueStore: .keyValueStores
    case .publicKey: .publicKeys
    case .keyGroup: .keyGroups
    case .fieldLevelEncryption: .fieldLevelEncryptionConfigs
    case .fieldLevelEncryptionProfile: .fieldLevelEncryptionProfiles
    case .realtimeLogConfig: .realtimeLogConfigs
    case .vpcOrigin: .vpcOrigins
    default: nil
    }
  }
}
