import FerryCore
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// What a verification takes from a plan and from what its steps made.
struct VerifyScopeTests {
  static let domain = DomainName(wire: "example.com.")
  static func step(_ id: String, _ action: Action, _ title: String = "") -> Step {
    Step(id: id, title: title, account: "222222222222", action: action)
  }
  static func plan(_ steps: [Step]) -> Plan {
    let at = Date(timeIntervalSince1970: 0)
    return Plan(
      name: "p", capability: "migrate", createdAt: at, tool: "t",
      accounts: ["source": "111111111111", "target": "222222222222"],
      observed: .init(inventoryDigest: ""), steps: steps,
      schedule: .init(start: at, end: at, criticalPathSeconds: 0, exposureSeconds: 0),
      permissions: [],
      methods: [
        .init(
          alias: "www.example.com", chosen: "wildcard-bridge", order: "dns-first", considered: [])
      ])
  }
  static let create = step(
    "create-distribution-e1a",
    .createDistribution(
      image: "i",
      set: [
        .init(path: "CallerReference", from: "a", to: "b"),
        .init(path: "ViewerCertificate/ACMCertificateArn", from: "old", to: "new"),
        .init(path: "WebACLId", from: "x", to: "${create-y.id}"),
      ], callerReference: "b", tags: [:]),
    "Create the copy of distribution E1a, without aliases and policy")

  @Test func `ids, mappings, bridges, names and what is disabled come from the plan`() throws {
    let key = RecordKey(DomainName(wire: "www.example.com."), .cname)
    let plan = Self.plan([
      Self.create,
      Self.step(
        "bridge",
        .updateConfig(
          distribution: "${create-distribution-e1a.id}",
          set: [.init(path: "Aliases/Items/CNAME", from: nil, to: "*.example.com")])),
      Self.step(
        "flip",
        .replace(
          zone: Self.domain,
          RecordChange(key, from: nil, to: RecordValue(ttl: 5, data: ["d2.cloudfront.net."])))),
      Self.step("create-policy-e1a", .createPolicy(image: "policy", set: [])),
      Self.step("disable", .setEnabled(distribution: "E1a", from: true, to: false)),
    ])
    var state = RunState([])
    state.steps["create-distribution-e1a"] = .init()
    state.steps["create-distribution-e1a"]?.outputs = ["id": "E2"]
    let scope = try VerifyScope(plan, state) { digest throws(FerryError) in XElement(digest) }
    #expect(scope.pairs == [.init(source: "E1a", target: "E2")])
    #expect(scope.accounts?.source == "111111111111" && scope.accounts?.target == "222222222222")
    #expect(scope.names == ["www.example.com"] && scope.intent.aliases == ["www.example.com"])
    #expect(scope.intent.bridges == ["*.example.com"] && scope.intent.disabled == ["E1a"])
    #expect(scope.intent.successors == ["old": "new"])
    #expect(scope.intent.detached == ["E1a": XElement("policy")])
  }
  @Test func `a plan that has not made its copy yet cannot be verified`() {
    #expect {
      try VerifyScope(Self.plan([Self.create]), RunState([])) { _ throws(FerryError) in nil }
    } throws: {
      ($0 as? FerryError)?.code == "not-created" && ($0 as? FerryError)?.exit == .blocked
    }
    #expect {
      try VerifyScope(Self.plan([]), RunState([])) { _ throws(FerryError) in nil }
    } throws: { ($0 as? FerryError)?.code == "bad-plan" && ($0 as? FerryError)?.exit == .usage }
  }
  @Test func `gaps of CloudFront are unknown, gaps beside it are not`() {
    let found = MigrateCommand.Verify.unread([
      .init(
        account: "1", call: "GetCachePolicy", reason: "no", resource: "c",
        action: "cloudfront:GetCachePolicy"),
      .init(
        account: "1", call: "ListKeys", reason: "no", action: "cloudfront-keyvaluestore:ListKeys"),
      .init(account: "1", call: "GetBucketPolicy", reason: "no", action: "s3:GetBucketPolicy"),
      .init(account: "1", call: "GetKeyPolicy", reason: "no", action: "kms:GetKeyPolicy"),
    ])
    #expect(found.map(\.path) == ["gaps/1/GetCachePolicy/c", "gaps/1/ListKeys"])
    #expect(found.allSatisfy { !$0.expected })
  }
}
