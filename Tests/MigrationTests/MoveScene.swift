import FerryCore
import FerryZones
import Foundation

@testable import Migration

/// What is moved in the tests: inventories of two accounts.
enum MoveScene {
  static let oldCertificate = "arn:aws:acm:us-east-1:111111111111:certificate/old"
  static let newCertificate = "arn:aws:acm:us-east-1:222222222222:certificate/new"
  static var map: MigrationMap {
    var out = MigrationMap()
    out.certificates = [oldCertificate: newCertificate]
    return out
  }

  static func certificate(_ arn: String, _ names: [String]) -> JSONValue {
    [
      "id": .string(arn),
      "config": [
        "DomainName": .string(names.first ?? ""), "Status": "ISSUED",
        "SubjectAlternativeNames": .array(names.map(JSONValue.string)),
      ],
    ]
  }
  static func config(
    _ reference: String, aliases: [String] = [], behaviour: [String: JSONValue] = [:],
    _ more: [String: JSONValue] = [:]
  ) -> JSONValue {
    var behaviour = behaviour
    behaviour["TargetOriginId"] = "o"
    behaviour["ViewerProtocolPolicy"] = "https-only"
    behaviour["CachePolicyId"] = behaviour["CachePolicyId"] ?? "custom-cache"
    var out: [String: JSONValue] = [
      "CallerReference": .string(reference), "Comment": "", "Enabled": true,
      "HttpVersion": "http2",
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "o.example.net",
            "CustomHeaders": [
              "Quantity": 1, "Items": [["HeaderName": "x-key", "HeaderValue": "canary-header"]],
            ],
            "CustomOriginConfig": [
              "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
              "OriginSslProtocols": ["Quantity": 1, "Items": ["TLSv1.2"]],
            ],
          ]
        ],
      ],
      "DefaultCacheBehavior": .object(behaviour),
    ]
    if !aliases.isEmpty {
      out["Aliases"] = [
        "Quantity": .int(Int64(aliases.count)), "Items": .array(aliases.map(JSONValue.string)),
      ]
      out["ViewerCertificate"] = [
        "ACMCertificateArn": .string(oldCertificate), "SSLSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
      ]
    }
    out.merge(more) { $1 }
    return .object(out)
  }
  static func distribution(_ id: String, _ domain: String, _ config: JSONValue) -> JSONValue {
    [
      "id": .string(id), "domainName": .string(domain),
      "arn": .string("arn:aws:cloudfront::111111111111:distribution/\(id)"),
      "tags": ["team": "web"], "config": config,
    ]
  }
  /// - Parameter more: other arrays of the source account.
  static func inventory(
    _ distributions: [JSONValue], records: [JSONValue], names: [String] = ["*.example.com"],
    _ more: [String: JSONValue] = [:], target: [String: JSONValue] = [:]
  ) -> JSONValue {
    var source: [String: JSONValue] = [
      "id": "111111111111", "distributions": .array(distributions),
      "certificates": [certificate(oldCertificate, ["example.com"] + names)],
      "cachePolicies": [["id": "custom-cache", "config": ["Name": "cache", "MinTTL": 1]]],
      "hostedZones": [["id": "Z1", "name": "example.com.", "records": .array(records)]],
    ]
    source.merge(more) { $1 }
    var other: [String: JSONValue] = [
      "id": "222222222222",
      "certificates": [certificate(newCertificate, ["example.com"] + names)],
    ]
    other.merge(target) { $1 }
    return [
      "schema": "edgeferry.inventory/1", "accounts": [.object(source), .object(other)],
    ]
  }
  static func cname(_ name: String, _ target: String, ttl: Int = 300) -> JSONValue {
    [
      "name": .string(name), "type": "CNAME", "ttl": .int(Int64(ttl)),
      "data": [.string(target)],
    ]
  }

  static let storeARN =
    "arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111"
  /// A primary with its staging twin, one of most kinds, and the name that leads to it.
  static var trio: JSONValue { trio() }
  static func trio(_ more: [String: JSONValue] = [:], target: [String: JSONValue] = [:])
    -> JSONValue
  {
    var primary: [String: JSONValue] = ["ContinuousDeploymentPolicyId": "cdp-1"]
    primary.merge(more) { $1 }
    return inventory(
      [
        distribution(
          "EPRIMARY", "d1.cloudfront.net",
          config(
            "p", aliases: ["www.example.com"],
            behaviour: [
              "OriginRequestPolicyId": "216adef6-5c7f-47e4-b989-5492eafa07d3",
              "TrustedKeyGroups": ["Enabled": true, "Quantity": 1, "Items": ["group-1"]],
              "FunctionAssociations": [
                "Quantity": 1,
                "Items": [
                  [
                    "EventType": "viewer-request",
                    "FunctionARN": "arn:aws:cloudfront::111111111111:function/rewrite",
                  ]
                ],
              ],
            ], primary)),
        distribution("ESTAGING", "d2.cloudfront.net", config("s", ["Staging": true])),
      ], records: [cname("www.example.com.", "d1.cloudfront.net.")],
      [
        "continuousDeploymentPolicies": [
          [
            "id": "cdp-1",
            "config": [
              "Enabled": true,
              "StagingDistributionDnsNames": ["Quantity": 1, "Items": ["d2.cloudfront.net"]],
              "TrafficConfig": [
                "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.05)],
              ],
            ],
          ]
        ],
        "functions": [
          [
            "id": "rewrite", "name": "rewrite", "stage": "LIVE",
            "code": .string(
              Data("function handler(e) { return e.request }".utf8)
                .base64EncodedString()),
            "config": [
              "Comment": "c", "Runtime": "cloudfront-js-2.0",
              "KeyValueStoreAssociations": [
                "Quantity": 1, "Items": [["KeyValueStoreARN": .string(storeARN)]],
              ],
            ],
          ]
        ],
        "keyValueStores": [
          [
            "id": "redirects", "name": "redirects", "arn": .string(storeARN),
            "items": ["a": "b", "c": "canary-kvs"],
            "config": ["Name": "redirects", "Comment": "x"],
          ]
        ],
        "publicKeys": [
          [
            "id": "K1",
            "config": [
              "CallerReference": "k", "Name": "key",
              "EncodedKey":
                "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n",
            ],
          ]
        ],
        "keyGroups": [["id": "group-1", "config": ["Name": "group", "Items": ["K1"]]]],
      ], target: target)
  }
  /// One distribution with one policy: few steps.
  static func simple(
    _ more: [String: JSONValue] = [:], aliases: [String] = ["www.example.com"],
    names: [String] = ["*.example.com"]
  ) -> JSONValue {
    inventory(
      [distribution("EPRIMARY", "d1.cloudfront.net", config("p", aliases: aliases, more))],
      records: aliases.map { cname("\($0).", "d1.cloudfront.net.") }, names: names)
  }
  /// Two distributions that share a cache policy.
  static var pair: JSONValue {
    inventory(
      ["1", "2"].map {
        distribution(
          "EPAIR\($0)", "d\($0).cloudfront.net", config("p\($0)", aliases: ["w\($0).example.com"]))
      }, records: ["1", "2"].map { cname("w\($0).example.com.", "d\($0).cloudfront.net.") },
      names: ["*.example.com"])
  }

  /// Alias records of Route 53.
  static func alias(_ name: String, _ target: String, _ types: [String]) -> [JSONValue] {
    types.map {
      [
        "name": .string(name), "type": .string($0),
        "alias": [
          "hostedZoneId": .string(RecordValue.Alias.cloudFrontZone), "dnsName": .string(target),
        ],
      ]
    }
  }

  /// What the cutover reader would see of an alias; nil when no record leads to the distribution.
  static func observation(
    _ alias: String, _ it: Inventory.Distribution, _ zone: Route53Zone
  ) async throws -> CutoverObservation? {
    let name = DomainName(wire: alias)
    let found = try await zone.read(CutoverMove.types.map { RecordKey(name, $0) })
    let current = Dictionary(uniqueKeysWithValues: found.map { ($0.key.rrtype, $0.value) })
    let sets = current.filter { $0.value.alias == nil }.map {
      ProbedName.RRset(name: name, type: $0.key, ttl: $0.value.ttl ?? 0, data: $0.value.data)
    }
    let probe = ProbedName(
      name: name, zone: zone.zone.name,
      servers: (1...4).map {
        .init(
          name: nil, address: "192.0.2.\($0):53", authoritative: true, rcode: .noError,
          answers: sets, soaSerial: 1, verdict: .ok)
      }, negativeTTL: 900, dnssec: .init(state: .insecure), verdict: "ok",
      soa: .init(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 86_400))
    let out = CutoverObservation(
      zone: ZoneSettings(name: zone.zone.name, provider: .route53, zoneID: "Z1"),
      account: "111111111111", current: current, probe: probe,
      target: DNSLegs.placeholder(it.id))
    return out.currentTarget == DomainName(wire: it.domainName) ? out : nil
  }
}

extension MoveScene {
  /// One of every kind that a distribution may refer to.
  static var everything: JSONValue {
    let origin: JSONValue = [
      "Id": "o", "DomainName": "assets-1.s3.eu-west-1.amazonaws.com",
      "OriginAccessControlId": "EOAC", "S3OriginConfig": ["OriginAccessIdentity": ""],
    ]
    let legacy: JSONValue = [
      "Id": "l", "DomainName": "assets-2.s3.eu-west-1.amazonaws.com",
      "S3OriginConfig": ["OriginAccessIdentity": "origin-access-identity/cloudfront/EOAI"],
    ]
    guard
      case .object(var document) = trio([
        "Origins": ["Quantity": 2, "Items": [origin, legacy]],
        "DefaultCacheBehavior": [
          "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only",
          "CachePolicyId": "custom-cache", "OriginRequestPolicyId": "custom-request",
          "ResponseHeadersPolicyId": "custom-response", "FieldLevelEncryptionId": "CFLE",
          "RealtimeLogConfigArn": "arn:aws:cloudfront::111111111111:realtime-log-config/rl",
          "TrustedKeyGroups": ["Enabled": true, "Quantity": 1, "Items": ["group-1"]],
          "AllowedMethods": [
            "Quantity": 7,
            "Items": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
          ],
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
      ]), case .object(var source)? = document["accounts"]?.array?.first,
      case .object(var target)? = document["accounts"]?.array?.last
    else { return .null }
    let logs: JSONValue = [
      "id": "rl",
      "config": [
        "SamplingRate": 5, "Name": "rl", "Fields": ["c-ip"],
        "EndPoints": [
          [
            "StreamType": "Kinesis",
            "KinesisStreamConfig": [
              "RoleARN": "arn:aws:iam::111111111111:role/r",
              "StreamARN": "arn:aws:kinesis:us-east-1:111111111111:stream/s",
            ],
          ]
        ],
      ],
    ]
    let more: [String: JSONValue] = [
      "originAccessControls": [
        [
          "id": "EOAC",
          "config": [
            "Name": "oac", "SigningProtocol": "sigv4", "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
          ],
        ]
      ],
      "originAccessIdentities": [
        ["id": "EOAI", "config": ["CallerReference": "oai", "Comment": "legacy"]]
      ],
      "originRequestPolicies": [
        [
          "id": "custom-request",
          "config": [
            "Name": "request", "HeadersConfig": ["HeaderBehavior": "none"],
            "CookiesConfig": ["CookieBehavior": "none"],
            "QueryStringsConfig": ["QueryStringBehavior": "all"],
          ],
        ]
      ],
      "responseHeadersPolicies": [["id": "custom-response", "config": ["Name": "response"]]],
      "fieldLevelEncryptionProfiles": [
        [
          "id": "PFLE",
          "config": [
            "Name": "profile", "CallerReference": "fp",
            "EncryptionEntities": [
              "Quantity": 1,
              "Items": [
                [
                  "PublicKeyId": "K1", "ProviderId": "p",
                  "FieldPatterns": ["Quantity": 1, "Items": ["card"]],
                ]
              ],
            ],
          ],
        ]
      ],
      "fieldLevelEncryptionConfigs": [
        [
          "id": "CFLE",
          "config": [
            "CallerReference": "fc", "Comment": "",
            "QueryArgProfileConfig": [
              "ForwardWhenQueryArgProfileIsUnknown": true,
              "QueryArgProfiles": ["Quantity": 0],
            ],
            "ContentTypeProfileConfig": [
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
            ],
          ],
        ]
      ],
      "realtimeLogConfigs": [logs],
      "monitoringSubscriptions": [
        [
          "id": "EPRIMARY",
          "config": [
            "RealtimeMetricsSubscriptionConfig": ["RealtimeMetricsSubscriptionStatus": "Enabled"]
          ],
        ]
      ],
    ]
    source.merge(more) { $1 }
    target["realtimeLogConfigs"] = [logs]
    document["accounts"] = [.object(source), .object(target)]
    return .object(document)
  }
}
