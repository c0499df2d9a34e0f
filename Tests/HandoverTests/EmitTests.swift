import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// Code for an account, and what of it came back.
struct Emitted {
  var subjects: [Subject]
  var code: TerraformCode
  var left: [NotExpressed]

  init(_ account: Inventory.Account, managed: [Closure.Managed] = []) throws {
    subjects = Subject.all(in: account)
    code = TerraformCode(subjects, managed: managed)
    left = try RoundTrip(code, subjects, managed: managed).left
  }
  func file(_ path: String) -> String { code.files.first { $0.path == path }?.text ?? "" }
  var allCode: String {
    code.files.filter { $0.path.hasSuffix(".tf") }.map(\.text).joined(separator: "\n")
  }
}

enum Account {
  static let id: AccountID = "111111111111"

  static func distribution(
    _ id: String, _ config: XElement, tags: [String: String] = [:]
  ) -> Inventory.Distribution {
    Inventory.Distribution(
      id: id, arn: "arn:aws:cloudfront::111111111111:distribution/\(id)",
      domainName: "d\(id.lowercased()).cloudfront.net", status: "Deployed", etag: "E1",
      lastModified: "2026-01-01T00:00:00Z", tags: tags, config: config)
  }
  static func resource(
    _ kind: ResourceKind, _ id: String, _ config: JSONValue, name: String? = nil,
    arn: String? = nil, extras: [String: JSONValue] = [:]
  ) throws -> Inventory.Resource {
    Inventory.Resource(
      kind, id: id, name: name ?? config["Name"]?.string, arn: arn,
      document: try Shape.xml(config, shape: kind.configElement ?? ""), extras: extras)
  }

  /// A primary with its trio and one of everything that a distribution refers to.
  static func whole() throws -> Inventory.Account {
    var out = Inventory.Account(id: id)
    let code = Data("function handler(e) { return e.request } // ${x}\n".utf8)
    out.distributions = [
      distribution(
        "EPRIMARY",
        try Shape.xml(
          [
            "CallerReference": "p", "Comment": "the ${shop} \"front\"", "Enabled": true,
            "Aliases": ["Quantity": 1, "Items": ["www.example.com"]],
            "ContinuousDeploymentPolicyId": "cdp-1", "HttpVersion": "http2",
            "Origins": [
              "Quantity": 2,
              "Items": [
                [
                  "Id": "assets", "DomainName": "assets.s3.eu-west-1.amazonaws.com",
                  "OriginAccessControlId": "EOAC", "S3OriginConfig": ["OriginAccessIdentity": ""],
                  "CustomHeaders": [
                    "Quantity": 1,
                    "Items": [["HeaderName": "X-Key", "HeaderValue": "canary-${v}\"\n"]],
                  ],
                ],
                [
                  "Id": "api", "DomainName": "api.example.net",
                  "VpcOriginConfig": ["VpcOriginId": "vo_1", "OriginReadTimeout": 31],
                  "OriginShield": ["Enabled": true, "OriginShieldRegion": "eu-west-1"],
                ],
              ],
            ],
            "OriginGroups": [
              "Quantity": 1,
              "Items": [
                [
                  "Id": "both",
                  "FailoverCriteria": ["StatusCodes": ["Quantity": 1, "Items": [503]]],
                  "Members": [
                    "Quantity": 2, "Items": [["OriginId": "assets"], ["OriginId": "api"]],
                  ],
                ]
              ],
            ],
            "DefaultCacheBehavior": [
              "TargetOriginId": "both", "ViewerProtocolPolicy": "redirect-to-https",
              "CachePolicyId": "cache-1", "OriginRequestPolicyId": "managed-1",
              "ResponseHeadersPolicyId": "headers-1", "Compress": true,
              "TrustedKeyGroups": ["Enabled": true, "Quantity": 1, "Items": ["group-1"]],
              "FieldLevelEncryptionId": "FLE1",
              "RealtimeLogConfigArn": "arn:aws:cloudfront::111111111111:realtime-log-config/live",
              "GrpcConfig": ["Enabled": true],
              "FunctionAssociations": [
                "Quantity": 1,
                "Items": [
                  [
                    "EventType": "viewer-request",
                    "FunctionARN": "arn:aws:cloudfront::111111111111:function/rewrite",
                  ]
                ],
              ],
            ],
            "CustomErrorResponses": [
              "Quantity": 1,
              "Items": [
                [
                  "ErrorCode": 404, "ResponsePagePath": "/e.html", "ResponseCode": "200",
                  "ErrorCachingMinTTL": 0,
                ]
              ],
            ],
            "Logging": [
              "Enabled": true, "Bucket": "logs.s3.amazonaws.com", "Prefix": "",
              "IncludeCookies": true,
            ],
            "AnycastIpListId": "aip_1",
          ], shape: "DistributionConfig"), tags: ["team": "web", "aws:owner": "x"]),
      distribution(
        "ESTAGING",
        try Shape.xml(
          [
            "CallerReference": "s", "Comment": "", "Enabled": true, "Staging": true,
            "ContinuousDeploymentPolicyId": "cdp-1",
            "Origins": [
              "Quantity": 1,
              "Items": [
                [
                  "Id": "o", "DomainName": "o.s3.amazonaws.com",
                  "S3OriginConfig": [
                    "OriginAccessIdentity": "origin-access-identity/cloudfront/EOAI"
                  ],
                ]
              ],
            ],
            "DefaultCacheBehavior": [
              "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "MinTTL": 1,
              "DefaultTTL": 0,
              "ForwardedValues": [
                "QueryString": true,
                "Cookies": [
                  "Forward": "whitelist", "WhitelistedNames": ["Quantity": 1, "Items": ["sid"]],
                ],
              ],
            ],
          ], shape: "DistributionConfig")),
    ]
    out.continuousDeploymentPolicies = [
      Inventory.Policy(
        id: "cdp-1", etag: "E1", lastModified: "2026-01-01T00:00:00Z",
        config: try Shape.xml(
          [
            "StagingDistributionDnsNames": [
              "Quantity": 1, "Items": ["destaging.cloudfront.net"],
            ], "Enabled": true,
            "TrafficConfig": [
              "Type": "SingleWeight",
              "SingleWeightConfig": [
                "Weight": .double(0.15),
                "SessionStickinessConfig": ["IdleTTL": 300, "MaximumTTL": 600],
              ],
            ],
          ], shape: "ContinuousDeploymentPolicyConfig"))
    ]
    let store =
      "arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111"
    out.resources = [
      try resource(
        .originAccessControl, "EOAC",
        [
          "Name": "assets", "SigningProtocol": "sigv4", "SigningBehavior": "always",
          "OriginAccessControlOriginType": "s3",
        ]),
      try resource(
        .originAccessIdentity, "EOAI", ["CallerReference": "c", "Comment": "legacy"]),
      try resource(
        .cachePolicy, "cache-1",
        [
          "Name": "Short-lived", "MinTTL": 1,
          "ParametersInCacheKeyAndForwardedToOrigin": [
            "EnableAcceptEncodingGzip": true,
            "HeadersConfig": ["HeaderBehavior": "none"],
            "CookiesConfig": [
              "CookieBehavior": "whitelist", "Cookies": ["Quantity": 1, "Items": ["sid"]],
            ], "QueryStringsConfig": ["QueryStringBehavior": "all"],
          ],
        ]),
      try resource(
        .responseHeadersPolicy, "headers-1",
        [
          "Name": "strict",
          "SecurityHeadersConfig": [
            "ContentTypeOptions": ["Override": false],
            "StrictTransportSecurity": ["Override": true, "AccessControlMaxAgeSec": 31_536_000],
          ],
          "RemoveHeadersConfig": ["Quantity": 1, "Items": [["Header": "server"]]],
        ]),
      try resource(
        .function, "rewrite",
        [
          "Comment": "c", "Runtime": "cloudfront-js-2.0",
          "KeyValueStoreAssociations": [
            "Quantity": 1, "Items": [["KeyValueStoreARN": .string(store)]],
          ],
        ], name: "rewrite", arn: "arn:aws:cloudfront::111111111111:function/rewrite",
        extras: ["code": .string(code.base64EncodedString())]),
      try resource(
        .keyValueStore, "routes",
        [
          "Name": "routes", "Id": "11111111-1111-1111-1111-111111111111", "Comment": "",
          "ARN": .string(store), "LastModifiedTime": "2026-01-01T00:00:00Z",
        ], arn: store),
      try resource(
        .publicKey, "K1",
        ["CallerReference": "k", "Name": "signer", "EncodedKey": "-----BEGIN PUBLIC KEY-----\n"]),
      try resource(.keyGroup, "group-1", ["Name": "signers", "Items": ["K1"]]),
      try resource(
        .fieldLevelEncryption, "FLE1",
        [
          "CallerReference": "f", "Comment": "cards",
          "QueryArgProfileConfig": [
            "ForwardWhenQueryArgProfileIsUnknown": true, "QueryArgProfiles": ["Quantity": 0],
          ],
          "ContentTypeProfileConfig": [
            "ForwardWhenContentTypeIsUnknown": true,
            "ContentTypeProfiles": [
              "Quantity": 1,
              "Items": [
                [
                  "Format": "URLEncoded", "ProfileId": "P1",
                  "ContentType": "application/x-www-form-urlencoded",
                ]
              ],
            ],
          ],
        ]),
      try resource(
        .fieldLevelEncryptionProfile, "P1",
        [
          "Name": "cards", "CallerReference": "p",
          "EncryptionEntities": [
            "Quantity": 1,
            "Items": [
              [
                "PublicKeyId": "K1", "ProviderId": "vault",
                "FieldPatterns": ["Quantity": 1, "Items": ["card*"]],
              ]
            ],
          ],
        ]),
      try resource(
        .realtimeLogConfig, "live",
        [
          "ARN": "arn:aws:cloudfront::111111111111:realtime-log-config/live", "Name": "live",
          "SamplingRate": 5, "Fields": ["timestamp", "c-ip"],
          "EndPoints": [
            [
              "StreamType": "Kinesis",
              "KinesisStreamConfig": [
                "RoleARN": "arn:aws:iam::111111111111:role/logs",
                "StreamARN": "arn:aws:kinesis:us-east-1:111111111111:stream/logs",
              ],
            ]
          ],
        ], arn: "arn:aws:cloudfront::111111111111:realtime-log-config/live"),
      try resource(
        .vpcOrigin, "vo_1",
        [
          "Name": "balancer",
          "Arn":
            "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/app/example/014cf3e60e22036c",
          "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
          "OriginSslProtocols": ["Quantity": 1, "Items": ["TLSv1.2"]],
        ]),
      try resource(
        .monitoringSubscription, "EPRIMARY",
        ["RealtimeMetricsSubscriptionConfig": ["RealtimeMetricsSubscriptionStatus": "Enabled"]]),
    ]
    return out
  }
}

struct EmitTests {
  static let managed = [
    Closure.Managed(
      kind: .originRequestPolicy, id: "managed-1", name: "Managed-AllViewerExceptHostHeader")
  ]

  @Test func `one of everything comes back from its code as it is live`() throws {
    let it = try Emitted(Account.whole(), managed: Self.managed)
    #expect(
      it.left.map { "\($0.kind) \($0.id) \($0.path)" } == [
        "distribution EPRIMARY AnycastIpListId", "distribution EPRIMARY Tags/aws:owner",
      ])
    #expect(it.left.allSatisfy { $0.reason != RoundTrip.unexplained })
  }

  @Test func `things refer to one another by address, and their ids are in import blocks alone`()
    throws
  {
    let it = try Emitted(Account.whole(), managed: Self.managed)
    for file in it.code.files where file.path != TerraformCode.importsFile {
      for id in ["EOAC", "EOAI", "cache-1", "headers-1", "cdp-1", "K1", "group-1", "FLE1", "vo_1"] {
        #expect(!file.text.contains("\"\(id)\""), "\(file.path) \(id)")
      }
    }
    let text = it.allCode
    for address in [
      "aws_cloudfront_origin_access_control.assets.id",
      "aws_cloudfront_origin_access_identity.legacy.cloudfront_access_identity_path",
      "aws_cloudfront_cache_policy.short_lived.id", "aws_cloudfront_function.rewrite.arn",
      "data.aws_cloudfront_origin_request_policy.all_viewer_except_host_header.id",
      "aws_cloudfront_key_group.signers.id", "aws_cloudfront_public_key.signer.id",
      "aws_cloudfront_distribution.www_example_com_staging.domain_name",
      "aws_cloudfront_continuous_deployment_policy.www_example_com.id",
      "aws_cloudfront_key_value_store.routes.arn", "aws_cloudfront_vpc_origin.balancer.id",
      "aws_cloudfront_realtime_log_config.live.arn",
      "aws_cloudfront_field_level_encryption_config.cards.id",
      "aws_cloudfront_field_level_encryption_profile.cards.id",
      "aws_cloudfront_distribution.www_example_com.id",
    ] {
      #expect(text.contains("= \(address)\n") || text.contains("[\(address)]"), "\(address)")
    }
    #expect(it.code.items.count == 16)
    #expect(it.file("imports.tf").components(separatedBy: "import {").count == 17)
  }

  @Test func `staging is written for every distribution, and a policy only on its primary`() throws
  {
    let it = try Emitted(Account.whole(), managed: Self.managed)
    let blocks = try HCLReader.read(it.file("distributions.tf"), named: "distributions.tf")
    let found = blocks.filter { $0.labels.first == "aws_cloudfront_distribution" }
    #expect(found.map { $0.attribute("staging") } == [.bool(false), .bool(true)])
    #expect(found.map { $0.attribute("continuous_deployment_policy_id") != nil } == [true, false])
    // What a promote changes is ignored on the primary alone.
    #expect(found.map { $0.blocks.contains { $0.type == "lifecycle" } } == [true, false])
  }

  @Test(arguments: [(0.05, true), (0.15, true), (0.125, false), (0.0625, false)])
  func `a weight that the provider reads as another number is kept out of the import`(
    _ weight: Double, _ isKeptOut: Bool
  ) throws {
    var account = try Account.whole()
    let policy = Shape.json(
      account.continuousDeploymentPolicies[0].config, shape: "ContinuousDeploymentPolicyConfig")
    account.continuousDeploymentPolicies[0].config = try Shape.xml(
      policy.setting(.double(weight), at: "TrafficConfig/SingleWeightConfig/Weight"),
      shape: "ContinuousDeploymentPolicyConfig")
    let it = try Emitted(account, managed: Self.managed)
    #expect(it.file("distributions.tf").contains("weight = \(weight)\n"))
    #expect(it.file("distributions.tf").contains("ignore_changes = all\n") == isKeptOut)
    #expect(it.left.allSatisfy { $0.kind != "continuous-deployment-policy" })
  }

  @Test func `a function is not published by its import, and one that is worked on is named`()
    throws
  {
    var account = try Account.whole()
    #expect(
      try Emitted(account, managed: Self.managed).file("functions.tf").contains("= false\n"))
    let index = try #require(account.resources.firstIndex { $0.kind == .function })
    account.resources[index].extras["developmentIsLive"] = false
    let left = try Emitted(account, managed: Self.managed).left
    #expect(left.contains { $0.id == "rewrite" && $0.path == "stage DEVELOPMENT" })
  }

  @Test func `a value of an origin header is in the file of secrets and nowhere else`() throws {
    let it = try Emitted(Account.whole(), managed: Self.managed)
    for file in it.code.files {
      #expect(file.text.contains("canary") == file.isSecret, "\(file.path)")
    }
    #expect(it.file("secrets.auto.tfvars") == "x_key = \"canary-$${v}\\\"\\n\"\n")
    #expect(it.file(".gitignore").split(separator: "\n").contains("secrets.auto.tfvars"))
    #expect(it.code.variables == ["x_key"])
  }

  @Test func `code changed after it was written is found by reading it back`() throws {
    let account = try Account.whole()
    var it = try Emitted(account, managed: Self.managed)
    let index = try #require(it.code.files.firstIndex { $0.path == "distributions.tf" })
    it.code.files[index].text = it.code.files[index].text.replacing(
      "\"redirect-to-https\"", with: "\"allow-all\"")
    let left = try RoundTrip(it.code, it.subjects, managed: Self.managed).left
    #expect(left.contains { $0.path == "DefaultCacheBehavior/ViewerProtocolPolicy" })
    it.code.files[index].text = it.code.files[index].text.replacing("staging ", with: "staging")
    it.code.files[index].text += "}"
    #expect(throws: FerryError.self) { try RoundTrip(it.code, it.subjects, managed: Self.managed) }
  }

  @Test func `every distribution of the corpus comes back from its code`() throws {
    guard let corpus = Shared.folder("corpus") else { return }
    let folder = corpus.appendingPathComponent("distributions")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    var reasons: [String: Int] = [:]
    for name in names {
      let config = try XMLReader.read(
        String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
      var account = Inventory.Account(id: Account.id)
      account.distributions = [Account.distribution("E1", config)]
      let it = try Emitted(account)
      for left in it.left {
        #expect(left.reason != RoundTrip.unexplained, "\(name) \(left.path)")
        reasons[left.path.split(separator: "/").last.map(String.init) ?? "", default: 0] += 1
      }
    }
    print("corpus: \(names.count) distributions, not expressed: \(reasons)")
    #expect(!names.isEmpty)
  }

  @Test func `every policy and resource of the corpus comes back from its code`() throws {
    guard let corpus = Shared.folder("corpus/policies") else { return }
    var count = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted()
    where name.hasSuffix(".xml") {
      let document = try XMLReader.read(
        String(contentsOf: corpus.appendingPathComponent(name), encoding: .utf8))
      var account = Inventory.Account(id: Account.id)
      if document.name == "ContinuousDeploymentPolicyConfig" {
        account.continuousDeploymentPolicies = [
          Inventory.Policy(id: "cdp", etag: "E", lastModified: "", config: document)
        ]
      } else if let kind = ResourceKind.kept.first(where: { $0.configElement == document.name }) {
        account.resources = [
          Inventory.Resource(kind, id: "X1", name: document.text(at: "Name"), document: document)
        ]
      } else {
        continue
      }
      count += 1
      #expect(try Emitted(account).left == [], "\(name)")
    }
    print("corpus: \(count) policies and resources")
    #expect(count > 20)
  }
}
