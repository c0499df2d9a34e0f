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
    _ aliases: [String] = ["www.example.com"], names: [String] = ["*.example.com"],
    _ more: [String: JSONValue] = [:]
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

  /// What the cutover reader would see of an alias; nil when no CNAME leads to the distribution.
  static func observation(
    _ alias: String, _ it: Inventory.Distribution, _ zone: Route53Zone
  ) async throws -> CutoverObservation? {
    let name = DomainName(wire: alias)
    let found = try await zone.read([RecordKey(name, .cname)])
    guard let value = found.values.first,
      value.data == [DomainName(wire: it.domainName).text]
    else { return nil }
    let set = ProbedName.RRset(name: name, type: .cname, ttl: value.ttl ?? 0, data: value.data)
    let probe = ProbedName(
      name: name, zone: zone.zone.name,
      servers: (1...4).map {
        .init(
          name: nil, address: "192.0.2.\($0):53", authoritative: true, rcode: .noError,
          answers: [set], soaSerial: 1, verdict: .ok)
      }, negativeTTL: 900, dnssec: .init(state: .insecure), verdict: "ok",
      soa: .init(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 86_400))
    return CutoverObservation(
      zone: ZoneSettings(name: zone.zone.name, provider: .route53, zoneID: "Z1"),
      account: "111111111111", current: [.cname: value], probe: probe,
      target: DNSLegs.placeholder(it.id))
  }
}
