import FerryCloudFront
import FerryModel
import Foundation

@testable import FerryCore
@testable import Promotion

/// A trio whose staging distribution is fit to be promoted, to be spoilt by each test.
struct Scene {
  static let account = "111111111111"
  static let now = Date(timeIntervalSince1970: 1_800_000_000)
  var primary: JSONValue = Self.distribution("primary", comment: "shop", path: "")
  var staging: JSONValue = Self.distribution("staging", comment: "shop next", path: "/green")
  var policy: JSONValue = Self.policy(enabled: true)
  var resources: [Inventory.Resource] = []
  var gaps: [Inventory.Gap] = []
  var traffic = Self.quiet
  var probe: StagingProbe?
  var terms = PromotionTerms()
  var status = ["primary": "Deployed", "staging": "Deployed"]
  var tags: [String: String] = [:]

  /// Three in a hundred ask for what is not there, at either side.
  static let quiet = PromotionTraffic(
    since: now - 600, until: now,
    staging: .init(
      minutes: 10, requests: 500, judged: .init(requests: 500, errors: 0),
      judgedClient: .init(requests: 500, errors: 15)),
    primary: .init(
      minutes: 10, requests: 9500, judged: .init(requests: 9500, errors: 5),
      judgedClient: .init(requests: 9500, errors: 285)))

  static func policy(enabled: Bool, header: Bool = false, weight: Double = 0.05) -> JSONValue {
    [
      "StagingDistributionDnsNames": ["Quantity": 1, "Items": ["d222.cloudfront.net"]],
      "Enabled": .bool(enabled),
      "TrafficConfig": header
        ? [
          "Type": "SingleHeader",
          "SingleHeaderConfig": ["Header": "aws-cf-cd-canary", "Value": "canary-value"],
        ] : ["Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(weight)]],
    ]
  }
  static func distribution(_ side: String, comment: String, path: String) -> JSONValue {
    [
      "CallerReference": .string(side),
      "Aliases": side == "primary"
        ? ["Quantity": 1, "Items": ["shop.example.com"]] : ["Quantity": 0],
      "DefaultRootObject": "index.html",
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "origin.example.net", "OriginPath": .string(path),
            "CustomHeaders": [
              "Quantity": 1, "Items": [["HeaderName": "x-verify", "HeaderValue": "canary-secret"]],
            ],
            "CustomOriginConfig": [
              "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
            ],
          ]
        ],
      ],
      "DefaultCacheBehavior": [
        "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "cp-1",
      ],
      "CacheBehaviors": [
        "Quantity": 1,
        "Items": [
          ["PathPattern": "/api/*", "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"]
        ],
      ],
      "Comment": .string(comment), "PriceClass": "PriceClass_100", "Enabled": true,
      "HttpVersion": "http2", "WebACLId": "",
      "ContinuousDeploymentPolicyId": .string(side == "primary" ? "P1" : ""),
      "Staging": .bool(side == "staging"),
    ]
  }

  func distribution(_ side: String) throws -> Inventory.Distribution {
    let isPrimary = side == "primary"
    let id = isPrimary ? "EPRIMARY" : "ESTAGING"
    return Inventory.Distribution(
      id: id, arn: "arn:aws:cloudfront::\(Self.account):distribution/\(id)",
      domainName: isPrimary ? "d111.cloudfront.net" : "d222.cloudfront.net",
      status: status[side] ?? "", etag: isPrimary ? "EP1" : "ES1",
      lastModified: "2026-11-01T00:00:00Z", tags: isPrimary ? tags : [:],
      config: try Shape.xml(isPrimary ? primary : staging, shape: "DistributionConfig"))
  }
  var pair: PromotionPair {
    get throws {
      PromotionPair(
        account: Self.account, primary: try distribution("primary"),
        staging: try distribution("staging"),
        policy: Inventory.Policy(
          id: "P1", etag: "EPOL1", lastModified: "2026-11-01T00:00:00Z",
          config: try Shape.xml(policy, shape: "ContinuousDeploymentPolicyConfig")),
        resources: resources, gaps: gaps, readAt: Self.now, terms: terms,
        traffic: traffic, probe: probe)
    }
  }
  /// `code=weight` of each finding that is more than a note, and of the notes asked for.
  func codes(notes: Set<String> = []) throws -> [String] {
    try PromotionRules.judge(pair).filter { $0.weight != .note || notes.contains($0.code) }.map {
      "\($0.code)=\($0.weight.rawValue)\($0.isUnknown ? " unknown" : "")"
    }
  }
  func input(accepting: Set<String> = []) -> PlanningInput {
    PlanningInput(
      capability: "promote", name: "shop", accounts: ["default": Self.account],
      createdAt: Self.now, start: Self.now, tool: "edgeferry test", endpoint: nil,
      inventoryDigest: Digest.tagged("scene"), acceptedRisks: accepting)
  }
}

extension JSONValue {
  /// Sets a member of an object, or of the first item of a list, by names and slashes.
  mutating func put(_ value: JSONValue, at path: String) {
    let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
    switch self {
    case .object(var members):
      var inner = members[parts[0]] ?? [:]
      if parts.count > 1 { inner.put(value, at: parts[1]) } else { inner = value }
      members[parts[0]] = inner
      self = .object(members)
    case .array(var items) where !items.isEmpty:
      items[0].put(value, at: path)
      self = .array(items)
    default: break
    }
  }
}
