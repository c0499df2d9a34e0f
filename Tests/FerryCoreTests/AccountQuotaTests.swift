import FerryCore
import Testing

struct AccountQuotaTests {
  static func found(_ name: String, code: String = "L-00000000") -> [AccountQuota] {
    AccountQuota.allCases.filter { $0.matches(code: code, name: name) }
  }

  @Test(arguments: [
    ("Web distributions per AWS account", AccountQuota.distributions),
    ("Distributions per AWS account", .distributions),
    ("Distributions per Amazon Web Services account", .distributions),
    ("Staging distributions per AWS account", .stagingDistributions),
    ("Continuous deployment policies per AWS account", .policies),
    ("Custom cache policies per AWS account", .cachePolicies),
    ("Cache policies per AWS account", .cachePolicies),
    ("Origin access identities per account", .originAccessIdentities),
    ("Origin access identities per AWS account", .originAccessIdentities),
    ("Functions per AWS account", .functions),
    ("CloudFront Functions: Maximum number of functions per AWS account", .functions),
    ("Maximum number of key value stores per account", .keyValueStores),
    ("Maximum number of public keys that can be added to one AWS account", .publicKeys),
    (
      "Maximum number of field-level encryption profiles that can be associated with one AWS account",
      .fieldLevelEncryptionProfiles
    ),
    (
      "Maximum number of real-time log delivery configurations per AWS account", .realtimeLogConfigs
    ),
    ("Alternate domain names (CNAMEs) per distribution", .aliases),
  ])
  func `a quota is known by each of the names that AWS has for it`(
    _ name: String, _ quota: AccountQuota
  ) {
    #expect(Self.found(name) == [quota])
  }

  @Test(arguments: [
    "RTMP distributions per AWS account", "Connection Functions per AWS account",
    "Distributions per AWS account that can have Lambda@Edge functions",
    "Distributions associated with the same cache policy", "Cache behaviors per distribution",
    "Public keys in a single key group", "Key groups associated with a single distribution",
    "Maximum number of distribution tenants per AWS account", "",
  ])
  func `another quota is taken for none`(_ name: String) { #expect(Self.found(name) == []) }

  @Test func `the code decides where it is known, whatever the name says`() {
    #expect(Self.found("something else", code: "L-24B04930") == [.distributions])
    #expect(Self.found("Web distributions per AWS account", code: "L-7D134442") == [.cachePolicies])
    #expect(Set(AccountQuota.allCases.compactMap(\.code)).count == 6)
  }
  @Test func `every kind that a move makes counts against one`() {
    let without = ResourceKind.allCases.filter { $0.quota == nil && $0.inventoryKey != nil }
    #expect(
      Set(without) == [
        .monitoringSubscription, .certificate, .webACL, .lambdaFunction, .bucket, .kmsKey,
        .logDelivery, .serverCertificate,
      ])
  }
}
