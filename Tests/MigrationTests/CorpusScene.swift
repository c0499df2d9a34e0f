import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation

@testable import FerryModel
@testable import Migration

/// One distribution of the corpus in an account of its own, with whatever its config names made up around it.
struct CorpusScene: Sendable {
  var name: String
  var id = "EPRIMARY"
  var config: XElement
  /// The twin behind the policy that the config names.
  var staging: XElement?
  var tags: [String: String] = [:]

  /// Every distribution of the corpus; nil where it is not beside the project.
  static func all() throws -> [CorpusScene]? {
    guard let corpus = Shared.folder("corpus") else { return nil }
    let folder = corpus.appendingPathComponent("distributions")
    func document(_ name: String) throws -> XElement {
      try XMLReader.read(
        String(contentsOf: folder.appendingPathComponent("\(name).xml"), encoding: .utf8))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
      .map { String($0.dropLast(4)) }
    return try names.map { name in
      var scene = CorpusScene(name: name, config: try document(name))
      let tags = folder.appendingPathComponent("\(name).tags.json")
      if let data = try? Data(contentsOf: tags) {
        scene.tags = Self.tags(try JSONValue.read(Array(data), what: name))
      }
      if scene.config.text(at: "ContinuousDeploymentPolicyId")?.isEmpty == false {
        let twin = name.replacing("-primary", with: "-staging")
        scene.staging = try document(names.contains(twin) ? twin : name)
      }
      return scene
    }
  }
  /// The same as the twin behind a policy of a primary that is like it.
  var asTwin: CorpusScene {
    var out = self
    out.name += " as the twin"
    out.staging = config
    out.config.set("false", at: "Staging", shape: "DistributionConfig")
    out.config.set("policy", at: "ContinuousDeploymentPolicyId", shape: "DistributionConfig")
    return out
  }
  private static func tags(_ json: JSONValue) -> [String: String] {
    var out: [String: String] = [:]
    for it in json["Items"]?.array ?? json.array ?? [] {
      if let key = it["Key"]?.string { out[key] = it["Value"]?.string ?? "" }
    }
    return out
  }

  var aliases: [String] { config.at("Aliases/Items")?.children.map(\.text) ?? [] }
  private var references: [Reference] {
    let all = [config, staging].compactMap { $0 }.flatMap {
      Reference.all(in: $0, of: .distribution)
    }
    var seen: Set<String> = []
    return all.filter { seen.insert("\($0.referent.name) \($0.id)").inserted }
  }

  // MARK: What is loaded

  static let stagingName = "d2.cloudfront.net"

  var inventory: JSONValue {
    var source: [String: [JSONValue]] = [
      "distributions": [distribution(id, "d1.cloudfront.net", loaded)],
      "hostedZones": [["id": "Z1", "name": "example.com.", "records": .array(records)]],
    ]
    if var staging {
      staging.set("true", at: "Staging", shape: "DistributionConfig")
      staging.set("", at: "ContinuousDeploymentPolicyId", shape: "DistributionConfig")
      staging.set("twin-of-\(name)", at: "CallerReference", shape: "DistributionConfig")
      staging.put(XElement("Aliases", [XElement("Quantity", text: "0")]))
      source["distributions"]?.append(distribution("ESTAGING", Self.stagingName, staging))
    }
    var target: [String: [JSONValue]] = [:]
    for it in references {
      guard let kind = it.kind else { continue }
      for (key, items) in made(kind, it.id) { source[key, default: []] += items }
      for (key, items) in there(kind, it.id) { target[key, default: []] += items }
    }
    func account(_ id: String, _ arrays: [String: [JSONValue]]) -> JSONValue {
      .object(arrays.mapValues(JSONValue.array).merging(["id": .string(id)]) { $1 })
    }
    return [
      "schema": "edgeferry.inventory/1",
      "accounts": [account(MoveWorld.source, source), account(MoveWorld.target, target)],
    ]
  }
  private var loaded: XElement {
    var out = config
    if staging != nil {
      out.set("cdp-1", at: "ContinuousDeploymentPolicyId", shape: "DistributionConfig")
    }
    return out
  }
  private func distribution(_ id: String, _ domain: String, _ config: XElement) -> JSONValue {
    [
      "id": .string(id), "domainName": .string(domain),
      "arn": .string("arn:aws:cloudfront::\(MoveWorld.source):distribution/\(id)"),
      "tags": .object(tags.mapValues(JSONValue.string)), "configXML": .string(config.xml),
    ]
  }
  /// An apex has alias records; a wildcard and any other name a CNAME.
  private var records: [JSONValue] {
    aliases.flatMap { alias -> [JSONValue] in
      guard alias == "example.com" else {
        return [MoveScene.cname("\(alias).", "d1.cloudfront.net.")]
      }
      return MoveScene.alias("\(alias).", "d1.cloudfront.net.", ["A", "AAAA"])
    }
  }
  private static func xml(_ name: String, _ fields: (String, String)...) -> JSONValue {
    .string(XElement(name, fields.map { XElement($0.0, text: $0.1) }).xml)
  }

  /// A thing of the source account that a config names, with what that needs.
  private func made(_ kind: ResourceKind, _ id: String) -> [String: [JSONValue]] {
    func item(_ config: JSONValue) -> JSONValue { ["id": .string(id), "config": config] }
    let label = JSONValue.string("its-\(id)")
    let key: JSONValue = [
      "id": "K1",
      "config": [
        "CallerReference": "k", "Name": "key",
        "EncodedKey":
          "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n",
      ],
    ]
    switch kind {
    case .originAccessControl:
      return [
        "originAccessControls": [
          item([
            "Name": label, "SigningProtocol": "sigv4", "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
          ])
        ]
      ]
    case .originAccessIdentity:
      return ["originAccessIdentities": [item(["CallerReference": label, "Comment": "legacy"])]]
    case .cachePolicy: return ["cachePolicies": [item(["Name": label, "MinTTL": 1])]]
    case .originRequestPolicy:
      return [
        "originRequestPolicies": [
          item([
            "Name": label, "HeadersConfig": ["HeaderBehavior": "none"],
            "CookiesConfig": ["CookieBehavior": "none"],
            "QueryStringsConfig": ["QueryStringBehavior": "all"],
          ])
        ]
      ]
    case .responseHeadersPolicy: return ["responseHeadersPolicies": [item(["Name": label])]]
    case .keyGroup:
      return [
        "publicKeys": [key], "keyGroups": [item(["Name": label, "Items": ["K1"]])],
      ]
    case .fieldLevelEncryption:
      let entities: JSONValue = [
        "Quantity": 1,
        "Items": [
          [
            "PublicKeyId": "K1", "ProviderId": "p",
            "FieldPatterns": ["Quantity": 1, "Items": ["card"]],
          ]
        ],
      ]
      let types: JSONValue = [
        "ForwardWhenContentTypeIsUnknown": true,
        "ContentTypeProfiles": [
          "Quantity": 1,
          "Items": [
            [
              "Format": "URLEncoded", "ProfileId": "PFLE",
              "ContentType": "application/x-www-form-urlencoded",
            ]
          ],
        ],
      ]
      return [
        "publicKeys": [key],
        "fieldLevelEncryptionProfiles": [
          [
            "id": "PFLE",
            "config": ["Name": "profile", "CallerReference": "fp", "EncryptionEntities": entities],
          ]
        ],
        "fieldLevelEncryptionConfigs": [
          item([
            "CallerReference": "fc", "Comment": "",
            "QueryArgProfileConfig": [
              "ForwardWhenQueryArgProfileIsUnknown": true, "QueryArgProfiles": ["Quantity": 0],
            ],
            "ContentTypeProfileConfig": types,
          ])
        ],
      ]
    case .function:
      let code = Data("function handler(e) { return e.request /* \(id) */ }".utf8)
      return [
        "functions": [
          [
            "id": .string(id), "name": .string(id), "stage": "LIVE",
            "code": .string(code.base64EncodedString()),
            "config": ["Comment": "c", "Runtime": "cloudfront-js-2.0"],
          ]
        ]
      ]
    case .realtimeLogConfig: return ["realtimeLogConfigs": [log(id, MoveWorld.source)]]
    case .vpcOrigin: return ["vpcOrigins": [vpcOrigin(id, MoveWorld.source)]]
    case .certificate: return ["certificates": [MoveScene.certificate(id, names)]]
    case .continuousDeploymentPolicy:
      return [
        "continuousDeploymentPolicies": [
          [
            "id": "cdp-1",
            "config": [
              "Enabled": true,
              "StagingDistributionDnsNames": ["Quantity": 1, "Items": [.string(Self.stagingName)]],
              "TrafficConfig": [
                "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.05)],
              ],
            ],
          ]
        ]
      ]
    default: return [:]
    }
  }
  /// What a person has made in the target beforehand.
  private func there(_ kind: ResourceKind, _ id: String) -> [String: [JSONValue]] {
    switch kind {
    case .certificate: ["certificates": [MoveScene.certificate(Self.moved(id), names)]]
    case .realtimeLogConfig: ["realtimeLogConfigs": [log(id, MoveWorld.target)]]
    case .vpcOrigin: ["vpcOrigins": [vpcOrigin("vo-there", MoveWorld.target)]]
    default: [:]
    }
  }
  /// What a certificate lists: the aliases and the wildcards over them.
  private var names: [String] {
    var out = aliases
    for alias in aliases where !alias.hasPrefix("*.") {
      let wildcard = "*." + alias.split(separator: ".").dropFirst().joined(separator: ".")
      if wildcard != "*.com", !out.contains(wildcard) { out.append(wildcard) }
    }
    return out.isEmpty ? ["other.example.com"] : out
  }
  private func log(_ id: String, _ account: String) -> JSONValue {
    [
      "id": .string(id),
      "config": [
        "SamplingRate": 5, "Name": .string(id), "Fields": ["c-ip"],
        "EndPoints": [
          [
            "StreamType": "Kinesis",
            "KinesisStreamConfig": [
              "RoleARN": .string("arn:aws:iam::\(account):role/r"),
              "StreamARN": .string("arn:aws:kinesis:us-east-1:\(account):stream/s"),
            ],
          ]
        ],
      ],
    ]
  }
  private func vpcOrigin(_ id: String, _ account: String) -> JSONValue {
    [
      "id": .string(id),
      "config": [
        "Name": "inner",
        "Arn": .string(
          "arn:aws:elasticloadbalancing:us-east-1:\(account):loadbalancer/app/example/1"),
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only",
      ],
    ]
  }

  // MARK: What a person maps

  static func moved(_ arn: String) -> String {
    arn.replacing(MoveWorld.source, with: MoveWorld.target)
  }
  /// What stands in the target for everything that cannot be copied. Buckets of logs are mapped, those of origins
  /// stay.
  var map: MigrationMap {
    var out = MigrationMap()
    for it in references {
      switch it.kind {
      case .certificate: out.certificates[it.id] = Self.moved(it.id)
      case .webACL:
        out.webACLs[it.id] =
          ARN(it.id) == nil
          ? "arn:aws:wafv2:us-east-1:\(MoveWorld.target):global/webacl/classic/1"
          : Self.moved(it.id)
      case .lambdaFunction: out.lambdaFunctions[it.id] = Self.moved(it.id)
      case .realtimeLogConfig:
        let arn = "arn:aws:cloudfront::\(MoveWorld.source):realtime-log-config/\(it.id)"
        out.realtimeLogConfigs[arn] = Self.moved(arn)
      case .vpcOrigin: out.others[it.id] = "vo-there"
      case .serverCertificate: out.others[it.id] = "ASTHERE"
      case .trustStore: out.others[it.id] = "ts_there"
      case .bucket where it.path.hasPrefix("Logging"): out.buckets[it.id] = "logs-there"
      default: break
      }
    }
    return out
  }

  // MARK: Other services

  /// Buckets whose policies admit the distribution, or its identity; and what else is asked for.
  var neighbours: MoveGrantTests.Policies {
    let statement: JSONValue
    let identity = references.first { $0.kind == .originAccessIdentity }
    if let identity {
      statement = [
        "Sid": "oai", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
        "Principal": [
          "AWS": .string(
            "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity \(identity.id)")
        ],
      ]
    } else {
      statement = PolicyDocument.statements(MoveGrantTests.policy(MoveGrantTests.arn(id)))[0]
    }
    var documents: [String: JSONValue] = [:]
    for it in references where it.kind == .bucket {
      documents[it.id] = ["Version": "2012-10-17", "Statement": [statement]]
    }
    return MoveGrantTests.Policies(documents)
  }
  static func answer(_ request: ServiceRequest) -> ServiceResponse? {
    func text(_ text: String, _ status: Int = 200) -> ServiceResponse {
      ServiceResponse(status: status, headers: [:], body: Array(text.utf8))
    }
    switch (request.service.signingName, request.operation) {
    case ("s3", "GetBucketOwnershipControls"):
      return text("<Error><Code>OwnershipControlsNotFoundError</Code></Error>", 404)
    case ("s3", "GetBucketEncryption"):
      return text(
        "<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>", 404)
    case ("lambda", _): return text(#"{"Configuration":{"CodeSha256":"x","Runtime":"nodejs22.x"}}"#)
    case ("wafv2", "GetWebACL"): return text(#"{"LockToken":"L","WebACL":{"Name":"w"}}"#)
    case ("wafv2", _): return text(#"{"LoggingConfiguration":{}}"#)
    case ("iam", "ListServerCertificates"):
      return text(
        "<R><ListServerCertificatesResult><ServerCertificateMetadataList></ServerCertificateMetadataList></ListServerCertificatesResult></R>"
      )
    default: return nil
    }
  }
}
