import FerryCloudFront
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import Migration

/// What differs between a source and its copy, and what of it is meant.
struct ComparisonTests {
  /// The fixture's trio and its copy, whose function opens the copy of the store.
  static func carried() async throws -> Carried {
    let closure = try await ClosureReaderTests().reader(Fixture.model()).read(["EPRIMARY"])
    var map = MigrationMap()
    map.certificates["arn:aws:acm:us-east-1:111111111111:certificate/v"] = "new-certificate"
    map.webACLs["arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1"] = "new-acl"
    var account = closure.account
    account.resources.removeAll { $0.kind == .logDelivery }
    var out = Carried(account, managed: Set(closure.managed.map(\.id)), map: map)
    out.editResource(.function) { it in
      let code = Data("import cf from 'cloudfront'; cf.kvs('T-flags')".utf8)
      it.extras["code"] = .string(code.base64EncodedString())
    }
    return out
  }

  @Test func `a copy differs from its source only where the move means it, each with its reason`()
    async throws
  {
    let it = try await Self.carried()
    #expect(it.unexpected == [])
    let reasons = Dictionary(
      it.differences.map { ($0.path, $0.reason ?? "") }, uniquingKeysWith: { one, _ in one })
    let copy = Comparison.copied
    let place = "distribution/EPRIMARY"
    #expect(
      reasons == [
        "\(place)/CallerReference": "every copy has its own",
        "\(place)/ContinuousDeploymentPolicyId": copy,
        "\(place)/DefaultCacheBehavior/CachePolicyId": copy,
        "\(place)/DefaultCacheBehavior/OriginRequestPolicyId": copy,
        "\(place)/DefaultCacheBehavior/ResponseHeadersPolicyId": copy,
        "\(place)/DefaultCacheBehavior/TrustedKeyGroups/Items/KeyGroup": copy,
        "\(place)/DefaultCacheBehavior/FunctionAssociations/Items/FunctionAssociation[viewer-request]/FunctionARN":
          copy,
        "\(place)/Origins/Items/Origin[o]/OriginAccessControlId": copy,
        "\(place)/ViewerCertificate/ACMCertificateArn": "mapped",
        "\(place)/WebACLId": "mapped",
        "distribution/ESTAGING/CallerReference": "every copy has its own",
        "distribution/ESTAGING/Origins/Items/Origin[o]/OriginAccessControlId": copy,
        "continuous-deployment-policy/cdp-1/StagingDistributionDnsNames/Items/DnsName":
          "the copy of the staging distribution",
        "function/rewrite/KeyValueStoreAssociations/Items/KeyValueStoreAssociation/KeyValueStoreARN":
          copy,
        "function/rewrite/code": "it names the copy of the store",
        "key-value-store/flags/ARN": "the copy's own",
        "key-group/group-1/Items/PublicKey": copy,
        "public-key/K1/CallerReference": "every copy has its own",
      ])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var path: String
    /// What names it has to be reported as well.
    var by: String?
    var edit: @Sendable (inout Carried) -> Void
    var testDescription: String { path }
  }
  static let cases: [Case] = [
    Case(path: "distribution/EPRIMARY/Comment") { $0.setTarget("x", at: "Comment") },
    Case(path: "distribution/EPRIMARY/Enabled") { $0.setTarget("false", at: "Enabled") },
    Case(path: "distribution/EPRIMARY/Origins/Items/Origin[o]/DomainName") {
      $0.setTarget("other.example.net", at: "Origins/Items/Origin/DomainName")
    },
    Case(
      path:
        "distribution/EPRIMARY/Origins/Items/Origin[o]/CustomHeaders/Items/OriginCustomHeader[x-key]/HeaderValue"
    ) {
      $0.setTarget(
        "canary-other",
        at: "Origins/Items/Origin/CustomHeaders/Items/OriginCustomHeader/HeaderValue")
    },
    Case(path: "distribution/EPRIMARY/FutureSetting") { $0.setTarget("1", at: "FutureSetting") },
    Case(path: "distribution/EPRIMARY/ViewerCertificate/ACMCertificateArn") {
      $0.setTarget("third", at: "ViewerCertificate/ACMCertificateArn")
    },
    Case(path: "distribution/EPRIMARY/WebACLId") { $0.setTarget(nil, at: "WebACLId") },
    Case(path: "distribution/EPRIMARY/DefaultCacheBehavior/CachePolicyId") {
      $0.setTarget(Fixture.cachingOptimized, at: "DefaultCacheBehavior/CachePolicyId")
    },
    Case(path: "distribution/ESTAGING/HttpVersion", by: "continuous-deployment-policy/cdp-1") {
      $0.setTarget("http3", at: "HttpVersion", of: "TESTAGING")
    },
    Case(path: "distribution/EPRIMARY/tags/team") {
      $0.target.account.edit("TEPRIMARY") { $0.tags["team"] = nil }
    },
    Case(path: "distribution/EPRIMARY/Aliases/new.example.com") {
      $0.intent.aliases = ["www.example.com"]
      $0.setTarget("new.example.com", at: "Aliases/Items/CNAME")
    },
    Case(path: "distribution/EPRIMARY/ContinuousDeploymentPolicyId") {
      $0.setTarget("", at: "ContinuousDeploymentPolicyId")
    },
    Case(
      path:
        "continuous-deployment-policy/cdp-1/TrafficConfig/SingleWeightConfig/Weight",
      by: "distribution/EPRIMARY/ContinuousDeploymentPolicyId"
    ) {
      $0.target.account.continuousDeploymentPolicies[0].config.set(
        "0.1", at: "TrafficConfig/SingleWeightConfig/Weight",
        shape: "ContinuousDeploymentPolicyConfig")
    },
    Case(
      path: "cache-policy/custom-cache/MinTTL",
      by: "distribution/EPRIMARY/DefaultCacheBehavior/CachePolicyId"
    ) {
      $0.editResource(.cachePolicy) {
        $0.document?.set("9", at: "MinTTL", shape: "CachePolicyConfig")
      }
    },
    Case(
      path: "origin-access-control/EOAC/SigningBehavior",
      by: "distribution/EPRIMARY/Origins/Items/Origin[o]/OriginAccessControlId"
    ) {
      $0.editResource(.originAccessControl) {
        $0.document?.set("never", at: "SigningBehavior", shape: "OriginAccessControlConfig")
      }
    },
    Case(path: "function/rewrite/code", by: "FunctionARN") {
      $0.editResource(.function) { $0.extras["code"] = "b3RoZXI=" }
    },
    Case(path: "function/rewrite/tags/a") { $0.editResource(.function) { $0.tags = ["a": "b"] } },
    Case(path: "key-value-store/flags/items/a", by: "function/rewrite") {
      $0.editResource(.keyValueStore) { $0.extras["items"] = ["a": "canary-other"] }
    },
    Case(path: "key-value-store/flags/items", by: "function/rewrite") {
      $0.editResource(.keyValueStore) { $0.extras["items"] = nil }
    },
    Case(path: "public-key/K1/EncodedKey", by: "key-group/group-1/Items/PublicKey") {
      $0.editResource(.publicKey) {
        $0.document?.set("other", at: "EncodedKey", shape: "PublicKeyConfig")
      }
    },
    // A failed read leaves a place without a thing: no equality is seen in that.
    Case(path: "distribution/EPRIMARY/DefaultCacheBehavior/ResponseHeadersPolicyId") {
      $0.target.account.resources.removeAll { $0.kind == .responseHeadersPolicy }
    },
    Case(
      path:
        "distribution/EPRIMARY/MonitoringSubscription/RealtimeMetricsSubscriptionConfig/RealtimeMetricsSubscriptionStatus"
    ) {
      $0.target.account.resources.append(
        .init(
          .monitoringSubscription, id: "TEPRIMARY",
          document: XElement(
            "MonitoringSubscription",
            [
              XElement(
                "RealtimeMetricsSubscriptionConfig",
                [XElement("RealtimeMetricsSubscriptionStatus", text: "Enabled")])
            ])))
    },
    Case(path: "distribution/EPRIMARY/logDeliveries") {
      $0.source.account.resources.append(
        .init(
          .logDelivery, id: "d",
          json: [
            "source": [
              "resourceArns": ["arn:aws:cloudfront::111111111111:distribution/EPRIMARY"],
              "logType": "ACCESS_LOGS",
            ], "delivery": ["deliveryDestinationArn": "arn:aws:logs:us-east-1:1:d"],
          ]))
    },
    Case(path: "distribution/EPRIMARY") {
      $0.target.account.distributions.removeAll { $0.id == "TEPRIMARY" }
    },
  ]
  @Test(arguments: cases)
  func `whatever else differs is not meant, and nothing secret is shown`(_ it: Case) async throws {
    var carried = try await Self.carried()
    it.edit(&carried)
    let found = carried.unexpected
    #expect(found.contains { $0.path == it.path }, "\(found)")
    if let by = it.by {
      #expect(found.contains { $0.path.contains(by) }, "\(found)")
    }
    #expect(!"\(carried.differences)".contains("canary"))
  }

  @Test func `a VPC origin of the source that the copy uses too is meant, one of others is not`()
    throws
  {
    let place = "Origins/Items/Origin/VpcOriginConfig/OwnerAccountId"
    for (owner, isMeant) in [("111111111111", true), ("333333333333", false)] {
      var carried = Carried(try CarrierTests.account(CarrierTests.vpcOrigin()))
      carried.setTarget(owner, at: place, of: "TE1")
      let found = try #require(carried.differences.first { $0.path.contains("OwnerAccountId") })
      #expect(found.expected == isMeant, "\(found)")
    }
  }

  @Test func `code that still opens the source's store is not meant`() async throws {
    var carried = try await Self.carried()
    let old = carried.source.account.resources.first { $0.kind == .function }?.extras["code"]
    carried.editResource(.function) { $0.extras["code"] = old }
    let found = carried.unexpected.first { $0.path == "function/rewrite/code" }
    #expect(found?.reason == "it names the source's store 5d8a")
  }

  @Test func `what the plan itself does to source and aliases is meant`() async throws {
    var carried = try await Self.carried()
    carried.source.account.edit("EPRIMARY") {
      $0.config.set("false", at: "Enabled", shape: "DistributionConfig")
      $0.config.set("", at: "ContinuousDeploymentPolicyId", shape: "DistributionConfig")
      $0.config = $0.config.edited(
        AliasList.edits(from: [], to: ["late.example.com", "stays.example.com"]),
        shape: "DistributionConfig")
    }
    carried.target.account.edit("TEPRIMARY") {
      $0.config = $0.config.edited(
        AliasList.edits(from: [], to: ["www.example.com", "*.example.com"]),
        shape: "DistributionConfig")
    }
    #expect(carried.unexpected.contains { $0.path == "distribution/EPRIMARY/Enabled" })
    carried.intent.aliases = ["www.example.com", "late.example.com"]
    carried.intent.bridges = ["*.example.com"]
    carried.intent.disabled = ["EPRIMARY"]
    carried.intent.detached["EPRIMARY"] =
      carried.source.account.continuousDeploymentPolicies.first?.config
    #expect(carried.unexpected == [])
    let reasons = carried.differences.filter { $0.path.contains("Aliases") }.map {
      "\($0.path.split(separator: "/").last ?? ""): \($0.reason ?? "")"
    }
    #expect(
      reasons == [
        "*.example.com: the bridge of the move; the plan takes it off at its end",
        "late.example.com: not moved yet", "stays.example.com: the plan leaves it on the source",
        "www.example.com: moved: an alias is in one place only",
      ])
    let policy = carried.differences.first { $0.path.hasSuffix("ContinuousDeploymentPolicyId") }
    #expect(policy?.reason?.hasPrefix("the plan took it off the source") == true)
    carried.setTarget("", at: "ContinuousDeploymentPolicyId")
    #expect(
      carried.unexpected.map(\.reason) == ["the target has no policy"], "\(carried.unexpected)")
  }

  @Test func `lists are compared by what their entries are, cache behaviours by their order`() {
    func side(_ account: String, _ origins: [String], _ paths: [String]) -> Comparison.Side {
      let config = XElement(
        "DistributionConfig",
        [
          XElement(
            "Origins",
            [
              XElement(
                "Items",
                origins.map {
                  XElement("Origin", [XElement("Id", text: $0), XElement("X", text: $0)])
                }
              )
            ]),
          XElement(
            "CacheBehaviors",
            [
              XElement(
                "Items",
                paths.map { XElement("CacheBehavior", [XElement("PathPattern", text: $0)]) })
            ]),
        ])
      return Comparison.Side(
        account: .init(
          id: account,
          distributions: [
            .init(
              id: "E", arn: "", domainName: "d", status: "", etag: "", lastModified: "", tags: [:],
              config: config)
          ]))
    }
    func found(_ origins: [String], _ paths: [String]) -> [String] {
      Comparison.differences(
        of: [.init(source: "E", target: "E")], source: side("1", ["a", "b"], ["/x", "/y"]),
        target: side("2", origins, paths), intent: .init()
      ).map(\.path)
    }
    #expect(found(["b", "a"], ["/x", "/y"]) == [])
    #expect(
      found(["a", "b"], ["/y", "/x"]) == [
        "distribution/E/CacheBehaviors/Items/CacheBehavior[0]/PathPattern",
        "distribution/E/CacheBehaviors/Items/CacheBehavior[1]/PathPattern",
      ])
    #expect(
      found(["a", "b", "c"], ["/x", "/y"]) == [
        "distribution/E/Origins/Items/Origin[c]/Id", "distribution/E/Origins/Items/Origin[c]/X",
      ])
  }

  @Test func `an unmapped certificate is meant when it is for the same names`() async throws {
    var carried = try await Self.carried()
    carried.intent.map = MigrationMap()
    carried.intent.successors["arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1"] = "new-acl"
    #expect(
      carried.unexpected.map(\.reason) == ["not mapped: name the target's under --map"],
      "\(carried.unexpected)")
    carried.target.account.resources.append(
      .init(.certificate, id: "new-certificate", json: ["DomainName": "www.example.com"]))
    #expect(carried.unexpected == [])
  }

  @Test func `every distribution of the corpus equals itself when it is carried`() throws {
    guard let corpus = Shared.folder("corpus") else { return }
    let folder = corpus.appendingPathComponent("distributions")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    #expect(names.count > 50)
    for (index, name) in names.enumerated() {
      let config = try XMLReader.read(
        String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
      var account = Inventory.Account(
        id: "111111111111",
        distributions: [
          .init(
            id: "E\(index)", arn: "arn:aws:cloudfront::111111111111:distribution/E\(index)",
            domainName: "d\(index).cloudfront.net", status: "Deployed", etag: "E",
            lastModified: "", tags: [:], config: config)
        ])
      var map = MigrationMap()
      for it in Reference.all(in: config, of: .distribution) {
        guard let kind = it.kind, let text = config.value(at: it.path) else { continue }
        switch kind {
        case .certificate: map.certificates[it.id] = "new \(it.id)"
        case .webACL: map.webACLs[it.id] = "new \(it.id)"
        case .lambdaFunction: map.lambdaFunctions[it.id] = "new \(it.id)"
        case .bucket: map.buckets[it.id] = "new-\(it.id)"
        case .realtimeLogConfig:
          map.realtimeLogConfigs[text] = "new \(it.id)"
          account.resources.append(
            .init(
              kind, id: it.id, name: it.id, arn: text, document: XElement("RealtimeLogConfig")))
        case .continuousDeploymentPolicy:
          account.continuousDeploymentPolicies.append(
            .init(
              id: it.id, etag: "E", lastModified: "",
              config: XElement(
                "ContinuousDeploymentPolicyConfig", [XElement("Enabled", text: "true")])))
        case _ where Carrier.order.contains(kind):
          guard !account.resources.contains(where: { $0.kind == kind && $0.id == it.id }) else {
            continue
          }
          account.resources.append(
            .init(
              kind, id: it.id, name: it.id, arn: kind == .function ? text : nil,
              document: XElement(
                kind.configElement ?? "X",
                kind == .function ? [] : [XElement("Comment", text: it.id)]),
              extras: kind == .function ? ["code": "Y29kZQ=="] : [:]))
        default: map.others[text] = "new \(it.id)"
        }
      }
      let carried = Carried(account, map: map)
      #expect(carried.unexpected == [], "\(name)")
      #expect(carried.target.account.distributions.count == 1)
    }
  }
}
