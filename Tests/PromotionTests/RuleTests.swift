import Foundation
import Testing

@testable import FerryCore
@testable import Promotion

struct RuleTests {
  private func codes(_ spoil: (inout Scene) -> Void) throws -> [String] {
    var scene = Scene()
    spoil(&scene)
    return try scene.codes()
  }

  @Test func `a pair that is fit has nothing against it and says what a promote changes`() throws {
    let report = PromotionReport(try Scene().pair)
    let pointed = PromotionReport(
      try Scene().pair.pointed(at: .path("/next")), side: " --origin-path /next")
    #expect(
      pointed.differences.contains { $0.path.hasSuffix("OriginPath") && $0.staging == "/next" })
    #expect(pointed.next.contains("promote plan \(pointed.primary) --origin-path /next"))
    #expect(report.verdict == .ready && report.exit == .done)
    #expect(report.findings.allSatisfy { $0.weight == .note })
    #expect(
      report.differences == [
        .init(path: "Origins/Items/Origin/OriginPath", primary: nil, staging: "/green"),
        .init(path: "Comment", primary: "shop", staging: "shop next"),
      ])
    #expect(report.text.contains("next: edgeferry promote plan EPRIMARY"))
  }

  @Test(arguments: ["primary", "staging"])
  func `a side that is not everywhere yet, disabled or with HTTP-3 stops it`(side: String) throws {
    #expect(try codes { $0.status[side] = "InProgress" } == ["not-deployed=pending"])
    func spoilt(_ value: JSONValue, at path: String) throws -> [String] {
      try codes {
        if side == "primary" {
          $0.primary.put(value, at: path)
        } else {
          $0.staging.put(value, at: path)
        }
      }
    }
    #expect(try spoilt(false, at: "Enabled") == ["\(side)-disabled=blocker"])
    // HTTP/3 on one side alone differs, too.
    #expect(
      try spoilt("http2and3", at: "HttpVersion")
        == ["http3-with-policy=blocker", "fixed-setting-differs=blocker"])
  }
  @Test func `HTTP-3 on both sides is one conflict for each`() throws {
    let found = try codes {
      $0.primary.put("http3", at: "HttpVersion")
      $0.staging.put("http3", at: "HttpVersion")
    }
    #expect(found == ["http3-with-policy=blocker", "http3-with-policy=blocker"])
  }
  @Test func `a disabled policy is pending, since a plan enables it`() throws {
    #expect(
      try codes { $0.policy = Scene.policy(enabled: false) } == ["policy-disabled=pending"])
  }

  /// - Source: Developer Guide, the list of settings that may differ.
  @Test(
    arguments: [
      ("PriceClass", "PriceClass_All"), ("WebACLId", "arn:aws:wafv2:x"), ("IsIPV6Enabled", true),
    ] as [(String, JSONValue)])
  func `what may not differ blocks, with both values`(member: String, value: JSONValue) throws {
    var scene = Scene()
    scene.staging.put(value, at: member)
    let found = try PromotionRules.judge(scene.pair).filter { $0.weight == .blocker }
    #expect(found.map(\.code) == ["fixed-setting-differs"])
    #expect(found.first?.says.hasPrefix(member) == true)
    #expect(found.first?.evidence.first?.says.hasPrefix("\(member): primary ") == true)
  }
  @Test
  func `where nothing but such a setting differs there is that to say, not that all is there`()
    throws
  {
    var scene = Scene()
    scene.staging = Scene.distribution("staging", comment: "shop", path: "")
    #expect(try PromotionRules.judge(scene.pair).map(\.code).contains("nothing-to-promote"))
    scene.staging.put("PriceClass_All", at: "PriceClass")
    let found = try PromotionRules.judge(scene.pair).map(\.code)
    #expect(found.contains("fixed-setting-differs") && !found.contains("nothing-to-promote"))
    let refused = #expect(throws: FerryError.self) {
      try PromotionPlanner.plan(scene.pair, side: nil, input: scene.input(accepting: []))
    }
    #expect(refused?.code == "fixed-setting-differs" && refused?.exit == .blocked)
  }
  @Test(arguments: Promote.carried)
  func `what a promote carries may differ`(member: String) throws {
    #expect(!Promote.kept.contains(member))
    let found = try codes {
      switch member {
      case "Comment", "DefaultRootObject": $0.staging.put("other", at: member)
      case "Logging": $0.staging.put(["Enabled": false, "Prefix": "x"], at: member)
      case "Restrictions":
        $0.staging.put(["GeoRestriction": ["RestrictionType": "none"]], at: member)
      default: $0.staging.put(["Quantity": 0], at: "CustomErrorResponses")
      }
    }
    #expect(found.isEmpty)
  }

  @Test func `path patterns of staging are among the primary's, with or without a slash`() throws {
    #expect(try codes { $0.staging.put("api/*", at: "CacheBehaviors/Items/PathPattern") }.isEmpty)
    #expect(
      try codes { $0.staging.put("/new/*", at: "CacheBehaviors/Items/PathPattern") }
        == ["path-patterns-differ=risk"])
    #expect(try codes { $0.staging.put(["Quantity": 0], at: "CacheBehaviors") }.isEmpty)
  }

  @Test func `what both use and was edited after staging is flagged, what was before is not`()
    throws
  {
    func policy(_ modified: String) -> Inventory.Resource {
      Inventory.Resource(.cachePolicy, id: "cp-1", lastModified: modified)
    }
    #expect(try codes { $0.resources = [policy("2026-10-31T23:59:59Z")] }.isEmpty)
    #expect(
      try codes { $0.resources = [policy("2026-11-01T00:00:01Z")] }
        == ["shared-edited-in-place=risk"])
    // Of its own staging may edit what it likes; and what could not be read may have been edited.
    #expect(
      try codes {
        $0.resources = [policy("2026-11-02T00:00:00Z")]
        $0.staging.put("cp-2", at: "DefaultCacheBehavior/CachePolicyId")
      }.isEmpty)
    #expect(
      try codes {
        $0.gaps = [
          .init(
            account: Scene.account, call: "GetCachePolicy", reason: "AccessDenied",
            resource: "cp-1")
        ]
      } == ["shared-unread=risk unknown"])
  }
  @Test func `a key value store behind a function of both sides counts as shared`() throws {
    let arn = "arn:aws:cloudfront::111111111111:function/rewrite"
    let store = "arn:aws:cloudfront::111111111111:key-value-store/abc"
    let function: JSONValue = [
      "Quantity": 1, "Items": [["FunctionARN": .string(arn), "EventType": "viewer-request"]],
    ]
    let found = try codes {
      $0.primary.put(function, at: "DefaultCacheBehavior/FunctionAssociations")
      $0.staging.put(function, at: "DefaultCacheBehavior/FunctionAssociations")
      $0.resources = [
        Inventory.Resource(
          .function, id: "rewrite", arn: arn, lastModified: "2026-10-01T00:00:00Z",
          document: XElement(
            "FunctionConfig",
            [
              XElement(
                "KeyValueStoreAssociations",
                [
                  XElement(
                    "Items",
                    [
                      XElement(
                        "KeyValueStoreAssociation",
                        [XElement("KeyValueStoreARN", text: store)])
                    ])
                ])
            ])),
        Inventory.Resource(
          .keyValueStore, id: "flags", arn: store, lastModified: "2026-11-09T00:00:00Z"),
      ]
    }
    #expect(found == ["shared-edited-in-place=risk"])
  }

  @Test func `another Lambda function at the edge is a risk that a weight does not take away`()
    throws
  {
    func function(_ version: Int) -> JSONValue {
      [
        "Quantity": 1,
        "Items": [
          [
            "LambdaFunctionARN": .string(
              "arn:aws:lambda:us-east-1:111111111111:function:a:\(version)"),
            "EventType": "origin-request",
          ]
        ],
      ]
    }
    let path = "DefaultCacheBehavior/LambdaFunctionAssociations"
    #expect(
      try codes {
        $0.primary.put(function(1), at: path)
        $0.staging.put(function(2), at: path)
      } == ["lambda-edge-changed=risk"])
    #expect(
      try codes {
        $0.primary.put(function(2), at: path)
        $0.staging.put(function(2), at: path)
      }.isEmpty)
  }
  @Test func `a bucket that only staging reads has to let the primary in`() throws {
    let found = try codes {
      $0.staging.put("green.s3.eu-west-1.amazonaws.com", at: "Origins/Items/DomainName")
      $0.staging.put("EOAC", at: "Origins/Items/OriginAccessControlId")
    }
    #expect(found == ["bucket-grant-unverified=risk"])
  }

  @Test func `no data is unknown, no request is none, and neither promotes`() throws {
    var none = Scene()
    none.traffic.staging = .init()
    #expect(try none.codes() == ["traffic-unknown=pending unknown"])
    #expect(PromotionReport(try none.pair).verdict == .unknown)
    #expect(PromotionReport(try none.pair).exit == .blocked)
    var zero = Scene()
    zero.traffic.staging = .init(minutes: 10)
    #expect(try zero.codes() == ["no-staging-traffic=pending"])
    #expect(PromotionReport(try zero.pair).verdict == .blocked)
    var denied = Scene()
    denied.traffic.unread = "AccessDenied"
    #expect(try denied.codes() == ["traffic-unread=blocker unknown"])
  }
  @Test func `a share far below its weight is told as the peak-load override`() throws {
    let note: Set = ["share-below-weight"]
    #expect(try Scene().codes(notes: note).isEmpty)
    var few = Scene()
    few.traffic.primary.requests = 90_000
    #expect(try few.codes(notes: note) == ["share-below-weight=note"])
    few.policy = Scene.policy(enabled: true, header: true)
    #expect(try few.codes(notes: note).isEmpty, "a header has no share")
  }
  @Test func `errors of staging are within, worse or not to be judged`() throws {
    #expect(
      try codes { $0.traffic.staging.judged = .init(requests: 500, errors: 40) }
        == ["error-rate-worse=blocker"])
    #expect(
      try codes { $0.traffic.staging.judged = .init(requests: 150, errors: 0) }
        == ["not-enough-traffic=pending unknown"])
  }
  @Test func `a staging side that answers 404 alone is not ready`() throws {
    var scene = Scene()
    scene.traffic.staging.judgedClient.errors = 500
    #expect(try scene.codes() == ["client-error-rate-worse=blocker"])
    let report = PromotionReport(try scene.pair)
    #expect(report.verdict == .blocked && report.exit == .blocked)
    #expect(report.errorRate?.verdict == .within && report.clientErrorRate?.verdict == .worse)
    let error = #expect(throws: FerryError.self) {
      try PromotionPlanner.plan(scene.pair, side: nil, input: scene.input())
    }
    #expect(error?.code == "client-error-rate-worse" && error?.exit == .blocked)
    // The new side's origin is another one: what the old one showed says nothing of it.
    #expect(
      try PromotionPlanner.plan(scene.pair, side: .path("/new"), input: scene.input()) != nil)
  }
  @Test func `what the primary's viewers ask in vain does not block`() throws {
    let notes: Set = ["error-rate-within", "client-error-rate-within"]
    var scene = Scene()
    scene.traffic.primary.judgedClient.errors = 3800
    scene.traffic.staging.judgedClient.errors = 205
    #expect(
      try scene.codes(notes: notes) == ["error-rate-within=note", "client-error-rate-within=note"])
    scene.terms.maxClientErrorRateIncrease = 1
    #expect(
      try scene.codes(notes: notes)
        == ["not-enough-traffic=pending unknown", "error-rate-within=note"])
    scene.traffic.staging.judgedClient = .init()
    #expect(try scene.codes() == ["not-enough-traffic=pending unknown"], "no 4xx rate is no proof")
  }
  @Test func `a probe that fails with the header alone blocks, one that fails alike does not`()
    throws
  {
    func look(_ status: Int, _ marker: String? = nil) -> ServingLook {
      ServingLook(peer: "192.0.2.1:443", status: status, marker: marker)
    }
    func probed(_ with: ServingLook, _ without: ServingLook, marker: Bool = false) throws
      -> [String]
    {
      try codes {
        $0.policy = Scene.policy(enabled: true, header: true)
        $0.probe = StagingProbe(
          url: "https://shop.example.com/", with: [with], without: [without], hasMarker: marker)
      }
    }
    #expect(try probed(look(200), look(200)).isEmpty)
    #expect(try probed(look(502), look(200)) == ["probe-failed=blocker"])
    #expect(try probed(look(502), look(502)).isEmpty)
    #expect(try probed(look(200, "a"), look(200, "b"), marker: true).isEmpty)
    #expect(
      try probed(look(200, "a"), look(200, "a"), marker: true) == ["probe-same-side=pending"])
  }
  @Test
  func `staging that answers what the settings do not expect blocks, where the primary does not`()
    throws
  {
    func probed(_ with: Int, _ without: Int, expected: Int = 200) throws -> [String] {
      try codes {
        $0.policy = Scene.policy(enabled: true, header: true)
        $0.probe = StagingProbe(
          url: "https://shop.example.com/", expected: expected,
          with: [ServingLook(peer: "192.0.2.1:443", status: with)],
          without: [ServingLook(peer: "192.0.2.1:443", status: without)])
      }
    }
    #expect(try probed(404, 200) == ["probe-failed=blocker"])
    #expect(try probed(302, 200) == ["probe-failed=blocker"])
    #expect(try probed(200, 204, expected: 204) == ["probe-failed=blocker"])
    #expect(try probed(204, 204, expected: 204).isEmpty)
    #expect(try probed(404, 404).isEmpty, "the primary has no such page either")
    #expect(try probed(500, 404) == ["probe-failed=blocker"])
  }
  @Test func `a probe that was not made says why`() throws {
    var scene = Scene()
    scene.policy = Scene.policy(enabled: false, header: true)
    scene.probe = StagingProbe(
      url: "https://shop.example.com/", without: [ServingLook(peer: "192.0.2.1:443", status: 200)],
      skipped: "policy P1 is disabled")
    #expect(
      try scene.codes(notes: ["not-probed"]) == [
        "policy-disabled=pending", "not-probed=note unknown",
      ])
    #expect(
      PromotionReport(try scene.pair).text.contains("not probed: policy P1 is disabled"))
  }
  @Test func `a policy that sends nobody to staging blocks, and no peak load is guessed`() throws {
    var scene = Scene()
    scene.policy = Scene.policy(enabled: true, weight: 0)
    scene.traffic.staging = .init(minutes: 10)
    #expect(try scene.codes() == ["weight-zero=blocker", "no-staging-traffic=pending"])
    let findings = try PromotionRules.judge(scene.pair)
    #expect(findings.first?.says.hasPrefix("the weight is 0: staging gets no traffic") == true)
    #expect(findings.first?.resource == "P1")
    #expect(!findings.contains { $0.says.contains("peak load") })
    for side in [nil, NewSide.path("/new")] {
      let error = #expect(throws: FerryError.self) {
        try PromotionPlanner.plan(scene.pair, side: side, input: scene.input())
      }
      #expect(error?.code == "weight-zero" && error?.exit == .blocked)
    }
    scene.policy = Scene.policy(enabled: true, weight: 0.001)
    #expect(try scene.codes() == ["no-staging-traffic=pending"])
    scene.policy.put(["Type": "SingleWeight"], at: "TrafficConfig")
    #expect(
      try scene.codes() == ["no-traffic-config=blocker", "no-staging-traffic=pending"])
  }
  @Test func `what a permission alone keeps from being told ends in its own code`() throws {
    var scene = Scene()
    scene.traffic.unread = "AccessDenied (HTTP 403): no"
    #expect(PromotionReport(try scene.pair).exit == .blocked, "not every failure is a denial")
    scene.traffic.denied = "cloudwatch:GetMetricData"
    let report = PromotionReport(try scene.pair)
    #expect(report.exit == .denied && report.verdict == .unknown)
    #expect(report.next.contains("have cloudwatch:GetMetricData allowed (edgeferry permissions "))
    #expect(report.text.contains("cloudwatch:GetMetricData is not allowed"))
    func refusal() throws -> FerryError? {
      #expect(throws: FerryError.self) {
        try PromotionPlanner.plan(scene.pair, side: nil, input: scene.input())
      }
    }
    let denied = try refusal()
    #expect(denied?.code == "traffic-unread" && denied?.exit == .denied)
    #expect(denied?.next.contains("cloudwatch:GetMetricData") == true)
    #expect(denied?.next.contains("edgeferry permissions promote plan") == true)
    // What is known to speak against it does so with the permission, too.
    scene.primary.put("http3", at: "HttpVersion")
    #expect(PromotionReport(try scene.pair).exit == .blocked)
    #expect(try refusal()?.exit == .blocked)
  }
  @Test func `every verdict says what to do next`() throws {
    func next(_ spoil: (inout Scene) -> Void) throws -> String {
      var scene = Scene()
      spoil(&scene)
      let report = PromotionReport(try scene.pair)
      #expect(report.text.hasSuffix("\nnext: \(report.next)\n"))
      return report.next
    }
    let check = "edgeferry promote check EPRIMARY"
    let plan = "edgeferry promote plan EPRIMARY"
    #expect(try next { _ in } == plan)
    let pending = try next { $0.traffic.staging = .init() }
    #expect(pending == "\(plan), whose run waits for what is pending; or ask again later: \(check)")
    let worse = try next { $0.traffic.staging.judgedClient.errors = 500 }
    #expect(worse.contains(check) && worse.contains("\(plan) --origin-path PATH"))
    #expect(
      try next { $0.policy = Scene.policy(enabled: true, weight: 0) }
        == "see to what is marked blocker, then: \(check)")
    let promoted = try next {
      $0.staging = Scene.distribution("staging", comment: "shop", path: "")
      $0.policy = Scene.policy(enabled: false)
    }
    #expect(promoted.hasSuffix("point it at another side: \(plan) --origin-path PATH"))
    let alone = PromotionReport(
      account: Scene.account, primary: "EPRIMARY",
      findings: [PromotionFinding("no-policy", .blocker, of: "EPRIMARY", "no policy")], gaps: [])
    #expect(
      alone.text.hasSuffix(
        "next: attach a policy with a staging distribution to EPRIMARY, then: \(check)\n"))
  }
  @Test func `neither the policy's header value nor an origin's secret is shown`() throws {
    var scene = Scene()
    scene.policy = Scene.policy(enabled: true, header: true)
    scene.staging.put("canary-secret-2", at: "Origins/Items/CustomHeaders/Items/HeaderValue")
    scene.traffic.staging = .init()
    let report = PromotionReport(try scene.pair)
    for text in [report.text, FerryJSON.document(report)] {
      #expect(!text.contains("canary-secret") && !text.contains("canary-value"))
      #expect(text.contains("HeaderValue") && text.contains("aws-cf-cd-canary"))
    }
  }
}
