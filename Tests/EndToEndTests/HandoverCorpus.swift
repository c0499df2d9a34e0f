import FerryCore
import Foundation

/// Every distribution of the corpus in one account, and for every policy and key of it one that refers to it.
struct HandoverCorpus {
  private let folder: URL
  private var distributions: [JSONValue] = []
  private var aliases: Set<String> = []
  private var resources: [String: [JSONValue]] = [:]

  init(_ folder: URL) throws {
    self.folder = folder
    try addDistributions()
    try addResources()
  }

  var inventory: (JSONValue, ids: [String]) {
    let account = resources.mapValues(JSONValue.array).merging([
      "id": "111111111111", "distributions": .array(distributions),
    ]) { $1 }
    return (
      ["schema": "edgeferry.inventory/1", "accounts": [.object(account)]],
      distributions.compactMap { $0["id"]?.string }
    )
  }

  private mutating func add(_ config: [String: JSONValue], tags: [String: JSONValue] = [:]) {
    let number = distributions.count + 100
    distributions.append([
      "id": .string("E\(number)"), "domainName": .string("d\(number).cloudfront.net"),
      "tags": .object(tags), "config": .object(config),
    ])
  }

  private mutating func addDistributions() throws {
    let folder = folder.appendingPathComponent("distributions")
    func document(_ name: String) throws -> JSONValue {
      try JSONValue.read(Array(Data(contentsOf: folder.appendingPathComponent(name))), what: name)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    for name in names where name.hasSuffix(".json") && !name.hasSuffix(".tags.json") {
      guard case .object(var config) = try document(name) else { continue }
      // One account holds a name once, and makes a distribution of a reference once.
      let own = (config["Aliases"]?["Items"]?.array ?? []).filter {
        aliases.insert($0.string ?? "").inserted
      }
      config["Aliases"] = ["Quantity": .int(Int64(own.count)), "Items": .array(own)]
      config["CallerReference"] = .string(name)
      var tags: [String: JSONValue] = [:]
      let beside = name.replacing(".json", with: ".tags.json")
      if names.contains(beside) {
        for tag in try document(beside)["Items"]?.array ?? [] {
          tags[tag["Key"]?.string ?? ""] = tag["Value"] ?? ""
        }
      }
      add(config, tags: tags)
    }
  }

  /// The inventory's key of a kind, by the root of its document.
  private static let keys = [
    "CachePolicyConfig": "cachePolicies", "OriginRequestPolicyConfig": "originRequestPolicies",
    "ResponseHeadersPolicyConfig": "responseHeadersPolicies",
    "OriginAccessControlConfig": "originAccessControls", "KeyGroupConfig": "keyGroups",
    "CloudFrontOriginAccessIdentityConfig": "originAccessIdentities",
    "FieldLevelEncryptionConfig": "fieldLevelEncryptionConfigs",
    "ContinuousDeploymentPolicyConfig": "continuousDeploymentPolicies",
  ]
  private mutating func addResources() throws {
    let folder = folder.appendingPathComponent("policies")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    for name in names where name.hasSuffix(".xml") {
      let text = try String(
        contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      let root = try XMLReader.read(text).name
      guard let key = Self.keys[root] else { continue }
      let id = name.replacing(".xml", with: "")
      resources[key, default: []].append(["id": .string(id), "configXML": .string(text)])
      add(Self.distribution(naming: id, of: root))
    }
  }

  private static func distribution(naming id: String, of root: String) -> [String: JSONValue] {
    var origin: [String: JSONValue] = [
      "Id": "o", "DomainName": "o.s3.eu-west-1.amazonaws.com",
      "S3OriginConfig": ["OriginAccessIdentity": ""],
    ]
    var behaviour: [String: JSONValue] = [
      "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only",
      "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    ]
    var out: [String: JSONValue] = [
      "CallerReference": .string(id), "Comment": .string(id), "Enabled": true,
    ]
    switch root {
    case "CachePolicyConfig": behaviour["CachePolicyId"] = .string(id)
    case "OriginRequestPolicyConfig": behaviour["OriginRequestPolicyId"] = .string(id)
    case "ResponseHeadersPolicyConfig": behaviour["ResponseHeadersPolicyId"] = .string(id)
    case "FieldLevelEncryptionConfig": behaviour["FieldLevelEncryptionId"] = .string(id)
    case "KeyGroupConfig":
      behaviour["TrustedKeyGroups"] = ["Enabled": true, "Quantity": 1, "Items": [.string(id)]]
    case "OriginAccessControlConfig": origin["OriginAccessControlId"] = .string(id)
    case "CloudFrontOriginAccessIdentityConfig":
      origin["S3OriginConfig"] = [
        "OriginAccessIdentity": .string("origin-access-identity/cloudfront/\(id)")
      ]
    default: out["ContinuousDeploymentPolicyId"] = .string(id)
    }
    out["Origins"] = ["Quantity": 1, "Items": [.object(origin)]]
    out["DefaultCacheBehavior"] = .object(behaviour)
    return out
  }
}
