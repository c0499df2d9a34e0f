import FerryCore
import Foundation

/// The sample accounts of `lab serve --sample`: shaped like real ones, with every kind of orphan.
enum Sample {
  /// What a distribution's config is made of; everything else is CloudFront's default.
  private struct Shape {
    var id: String
    var comment: String
    var origin: String
    var aliases: [String] = []
    var staging = false
    var enabled = true
    var policy = ""
    var http = "http2"
    var paths: [String] = []
    var secret: String?
    var geo: [String] = []
    var logging: String?
    var certificate = false
    /// Whose certificate it has: a copy has that of its primary.
    var certificateOf: String?
    var tags: [String: JSONValue] = [:]
  }

  private static let account = "111111111111"

  private static func config(_ it: Shape, account: String) -> JSONValue {
    func list(_ items: [JSONValue]) -> JSONValue {
      items.isEmpty
        ? ["Quantity": 0] : ["Quantity": .int(Int64(items.count)), "Items": .array(items)]
    }
    func behaviour(_ path: String?) -> JSONValue {
      var members: [String: JSONValue] = [
        "TargetOriginId": "origin", "ViewerProtocolPolicy": "redirect-to-https", "Compress": true,
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "AllowedMethods": [
          "Quantity": 2, "Items": ["GET", "HEAD"],
          "CachedMethods": ["Quantity": 2, "Items": ["GET", "HEAD"]],
        ], "SmoothStreaming": false, "LambdaFunctionAssociations": ["Quantity": 0],
        "FieldLevelEncryptionId": "",
      ]
      if let path { members["PathPattern"] = .string(path) }
      return .object(members)
    }
    var origin: [String: JSONValue] = [
      "Id": "origin", "DomainName": .string(it.origin), "OriginPath": "",
      "CustomHeaders": list(
        it.secret.map { [["HeaderName": "x-origin-verify", "HeaderValue": .string($0)]] } ?? []),
      "ConnectionAttempts": 3, "ConnectionTimeout": 10, "OriginShield": ["Enabled": false],
    ]
    if it.origin.contains(".s3.") {
      origin["S3OriginConfig"] = ["OriginAccessIdentity": ""]
      origin["OriginAccessControlId"] = "E1OACSAMPLE001"
    } else {
      origin["CustomOriginConfig"] = [
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
        "OriginSslProtocols": ["Quantity": 1, "Items": ["TLSv1.2"]], "OriginReadTimeout": 30,
        "OriginKeepaliveTimeout": 5,
      ]
    }
    return [
      "CallerReference": .string("sample-\(it.id)"),
      "Aliases": list(it.aliases.map(JSONValue.string)),
      "DefaultRootObject": "index.html", "Origins": list([.object(origin)]),
      "DefaultCacheBehavior": behaviour(nil),
      "CacheBehaviors": list(it.paths.map { behaviour($0) }),
      "CustomErrorResponses": ["Quantity": 0], "Comment": .string(it.comment),
      "Logging": [
        "Enabled": .bool(it.logging != nil), "IncludeCookies": false,
        "Bucket": .string(it.logging.map { "\($0).s3.amazonaws.com" } ?? ""), "Prefix": "",
      ], "PriceClass": "PriceClass_100", "Enabled": .bool(it.enabled),
      "ViewerCertificate": it.certificate
        ? [
          "CloudFrontDefaultCertificate": false,
          "ACMCertificateArn": .string(
            "arn:aws:acm:us-east-1:\(account):certificate/sample-\(it.certificateOf ?? it.id)"),
          "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021",
        ] : ["CloudFrontDefaultCertificate": true],
      "Restrictions": [
        "GeoRestriction": it.geo.isEmpty
          ? ["RestrictionType": "none", "Quantity": 0]
          : [
            "RestrictionType": "whitelist", "Quantity": .int(Int64(it.geo.count)),
            "Items": .array(it.geo.map(JSONValue.string)),
          ]
      ], "WebACLId": "", "HttpVersion": .string(it.http), "IsIPV6Enabled": true,
      "ContinuousDeploymentPolicyId": .string(it.policy), "Staging": .bool(it.staging),
    ]
  }

  private static func domain(_ id: String) -> String {
    "d\(id.lowercased().dropFirst()).cloudfront.net"
  }
  private static func policy(
    _ id: String, staging: String, enabled: Bool, header: Bool, changed: String
  ) -> JSONValue {
    let traffic: JSONValue =
      header
      ? [
        "Type": "SingleHeader",
        "SingleHeaderConfig": ["Header": "aws-cf-cd-canary", "Value": "on"],
      ]
      : [
        "Type": "SingleWeight",
        "SingleWeightConfig": [
          "Weight": .double(0.05), "SessionStickinessConfig": ["IdleTTL": 300, "MaximumTTL": 900],
        ],
      ]
    return [
      "id": .string(id), "lastModified": .string(changed),
      "config": [
        "StagingDistributionDnsNames": ["Quantity": 1, "Items": [.string(staging)]],
        "Enabled": .bool(enabled), "TrafficConfig": traffic,
      ],
    ]
  }

  /// The primary whose trio is healthy.
  static let healthyPrimary = "E1SAMPLESHOP01"

  static func inventory(now: Date) -> JSONValue {
    let recent = Timestamp.text(now - 3 * 86_400)
    var shapes: [Shape] = []
    // Sites that have nothing to do with continuous deployment.
    let plain = [
      ("www", "bucket-www.s3.eu-west-1.amazonaws.com"),
      ("docs", "bucket-docs.s3.eu-west-1.amazonaws.com"),
      ("api", "api-lb.eu-west-1.elb.amazonaws.com"),
      ("img", "bucket-img.s3.us-east-1.amazonaws.com"),
      ("video", "mediapackage.eu-west-1.amazonaws.com"), ("status", "status.example.net"),
      ("blog", "blog-origin.example.net"), ("careers", "careers-origin.example.net"),
      ("cdn", "bucket-cdn.s3.us-east-1.amazonaws.com"), ("help", "help-origin.example.net"),
      ("login", "login-lb.eu-west-1.elb.amazonaws.com"),
      ("pay", "pay-lb.eu-west-1.elb.amazonaws.com"),
      ("search", "search-lb.us-east-1.elb.amazonaws.com"), ("legacy", "legacy-origin.example.net"),
    ]
    for (index, (name, origin)) in plain.enumerated() {
      shapes.append(
        Shape(
          id: "E1SAMPLESITE\(index + 10)", comment: "\(name).example.com", origin: origin,
          aliases: ["\(name).example.com"], enabled: name != "legacy",
          http: index % 4 == 0 ? "http2and3" : "http2",
          paths: index % 3 == 0 ? ["/static/*", "/api/*"] : [],
          secret: origin.hasSuffix("elb.amazonaws.com") ? "sample-secret-\(index)" : nil,
          geo: name == "pay" ? ["DE", "FR", "GB"] : [],
          logging: index % 2 == 0 ? "bucket-logs" : nil,
          certificate: true, tags: ["team": .string(index % 2 == 0 ? "web" : "platform")]))
    }
    var policies: [JSONValue] = []
    /// A primary and its staging distribution with a policy between them; nil leaves a part out.
    func trio(
      _ name: String, _ number: String, attached: Bool = true, stagingEnabled: Bool? = true,
      policyEnabled: Bool = true, header: Bool = false, changed: String? = nil
    ) {
      let primary = "E1SAMPLE\(name)\(number)"
      let staging = "E2SAMPLE\(name)\(number)"
      let id = "P\(number)SAMPLE\(name)"
      shapes.append(
        Shape(
          id: primary, comment: "\(name.lowercased()).example.com",
          origin: "\(name.lowercased())-lb.eu-west-1.elb.amazonaws.com",
          aliases: ["\(name.lowercased())\(number).example.com"], policy: attached ? id : "",
          paths: ["/api/*"], secret: "sample-secret-\(name)", certificate: true))
      if let stagingEnabled {
        shapes.append(
          Shape(
            id: staging, comment: "\(name.lowercased()) staging",
            origin: "\(name.lowercased())-canary-lb.eu-west-1.elb.amazonaws.com", staging: true,
            enabled: stagingEnabled, paths: ["/api/*"], secret: "sample-secret-\(name)",
            certificate: true, certificateOf: primary))
      }
      policies.append(
        policy(
          id, staging: domain(staging), enabled: policyEnabled, header: header,
          changed: changed ?? recent))
    }
    trio("SHOP", "01")
    trio("CART", "02", header: true)
    // Orphans, one kind each.
    trio("NEWS", "03", attached: false)
    trio("MAPS", "04", attached: false, stagingEnabled: nil)
    trio("CHAT", "05", stagingEnabled: nil)
    trio("MAIL", "06", stagingEnabled: false, policyEnabled: false)
    trio("WIKI", "07", policyEnabled: false)
    trio("TEAM", "08", attached: false, stagingEnabled: false)
    shapes.append(
      Shape(
        id: "E2SAMPLELOST09", comment: "canary nobody remembers",
        origin: "lost-lb.eu-west-1.elb.amazonaws.com", staging: true))
    shapes.append(
      Shape(
        id: "E2SAMPLEIDLE10", comment: "canary of last year",
        origin: "bucket-idle.s3.eu-west-1.amazonaws.com", staging: true, enabled: false))
    shapes.append(
      Shape(
        id: "E2SAMPLEGONE11", comment: "canary of a deleted stack",
        origin: "gone-lb.eu-west-1.elb.amazonaws.com", staging: true))
    func stack(_ name: String, _ status: String, _ resources: [(String, String, String)])
      -> JSONValue
    {
      [
        "id": .string("arn:aws:cloudformation:eu-west-1:\(account):stack/\(name)/5a3b1c00-sample"),
        "name": .string(name), "region": "eu-west-1", "status": .string(status),
        "resources": .array(
          resources.map { type, id, status in
            [
              "logicalId": .string(type), "type": .string("AWS::CloudFront::\(type)"),
              "physicalId": .string(id), "status": .string(status),
            ]
          }),
      ]
    }
    let stacks: [JSONValue] = [
      stack(
        "shop-cdn", "UPDATE_COMPLETE",
        [
          ("Distribution", "E1SAMPLESHOP01", "CREATE_COMPLETE"),
          ("ContinuousDeploymentPolicy", "P01SAMPLESHOP", "CREATE_COMPLETE"),
        ]),
      stack(
        "wiki-canary", "DELETE_COMPLETE",
        [("ContinuousDeploymentPolicy", "P07SAMPLEWIKI", "DELETE_SKIPPED")]),
      stack(
        "old-canary", "DELETE_COMPLETE", [("Distribution", "E2SAMPLEGONE11", "DELETE_SKIPPED")]),
    ]
    func distributions(_ shapes: [Shape], account: String) -> JSONValue {
      .array(
        shapes.map {
          [
            "id": .string($0.id),
            "arn": .string("arn:aws:cloudfront::\(account):distribution/\($0.id)"),
            "domainName": .string(domain($0.id)), "status": "Deployed",
            "lastModified": .string(recent), "tags": .object($0.tags),
            "config": config($0, account: account),
          ]
        })
    }
    let other = [
      Shape(
        id: "E3SAMPLEOTHER1", comment: "partner portal", origin: "portal-origin.example.net",
        aliases: ["portal.example.org"], certificate: true),
      Shape(
        id: "E3SAMPLEOTHER2", comment: "downloads", origin: "bucket-dl.s3.us-east-1.amazonaws.com",
        aliases: ["dl.example.org"], certificate: true),
    ]
    let controls: JSONValue = [
      [
        "id": "E1OACSAMPLE001",
        "config": [
          "Name": "buckets", "Description": "", "SigningProtocol": "sigv4",
          "SigningBehavior": "always", "OriginAccessControlOriginType": "s3",
        ],
      ]
    ]
    func cname(_ name: String, _ ttl: Int64, _ id: String) -> JSONValue {
      [
        "name": .string(name), "type": "CNAME", "ttl": .int(ttl),
        "data": [.string(domain(id) + ".")],
      ]
    }
    func aliases(_ name: String, _ id: String) -> [JSONValue] {
      ["A", "AAAA", "HTTPS"].map {
        ["name": .string(name), "type": .string($0), "alias": ["dnsName": .string(domain(id))]]
      }
    }
    let zone: JSONValue = [
      "id": "Z1SAMPLECOM", "name": "example.com.",
      "records": .array(
        [
          cname("www.example.com.", 300, "E1SAMPLESITE10"),
          cname("api.example.com.", 3600, "E1SAMPLESITE12"),
          cname("img.example.com.", 60, "E1SAMPLESITE13"),
          cname("shop01.example.com.", 300, "E1SAMPLESHOP01"),
          // Its alias has moved to another distribution; DNS still points at the one before.
          cname("video.example.com.", 5, "E1SAMPLESITE15"),
          [
            "name": "example.com.", "type": "TXT", "ttl": 3600, "data": ["\"v=spf1 -all\""],
          ],
        ] + aliases("docs.example.com.", "E1SAMPLESITE11")),
    ]
    let otherZone: JSONValue = [
      "id": "Z2SAMPLEORG", "name": "example.org.",
      "records": .array(
        [cname("dl.example.org.", 300, "E3SAMPLEOTHER2")]
          + aliases("portal.example.org.", "E3SAMPLEOTHER1")),
    ]
    return [
      "schema": "edgeferry.inventory/1", "takenAt": .string(Timestamp.text(now)), "complete": true,
      "gaps": [],
      "accounts": [
        [
          "id": .string(account), "distributions": distributions(shapes, account: account),
          "continuousDeploymentPolicies": .array(policies), "originAccessControls": controls,
          "stacks": .array(stacks), "hostedZones": [zone],
        ],
        [
          "id": "222222222222", "distributions": distributions(other, account: "222222222222"),
          "originAccessControls": controls, "hostedZones": [otherZone],
        ],
      ],
    ]
  }
}
