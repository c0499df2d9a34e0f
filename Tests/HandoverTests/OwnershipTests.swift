import FerryCore
import Testing

@testable import FerryCode
@testable import Handover

struct OwnershipTests {
  private func stack(
    _ name: String, _ ids: [String], status: String = "UPDATE_COMPLETE",
    resource: String = "CREATE_COMPLETE", cdk: Bool = false
  ) -> Inventory.Stack {
    let held = ids.enumerated().map {
      Inventory.Stack.Resource(
        logicalId: "R\($0)", type: "AWS::CloudFront::Distribution", physicalId: $1,
        status: resource)
    }
    let metadata = Inventory.Stack.Resource(
      logicalId: "CDKMetadata", type: "AWS::CDK::Metadata", physicalId: "x",
      status: "CREATE_COMPLETE")
    return Inventory.Stack(
      id: "arn:\(name)", name: name, region: "us-east-1", status: status,
      resources: held + (cdk ? [metadata] : []))
  }
  private func found(
    _ stacks: [Inventory.Stack], states: [HeldState] = [],
    gaps: [Inventory.Gap] = [], regions: [String] = ["us-east-1"], ids: [String] = []
  ) throws -> Ownership {
    var account = try Account.whole()
    account.stacks = stacks
    account.regions = regions
    return Ownership(
      Inventory(takenAt: .init(timeIntervalSince1970: 0), gaps: gaps, accounts: [account]),
      states: states, ids: ids)
  }
  private func verdicts(_ it: Ownership) -> [String: Ownership.Verdict] {
    Dictionary(
      uniqueKeysWithValues: it.resources.filter {
        ["distribution", "continuous-deployment-policy"].contains($0.type)
      }.map { ($0.id, $0.verdict) })
  }
  private func state(_ place: String, _ held: [(type: String, id: String)]) throws -> HeldState {
    let resources = held.map { it -> JSONValue in
      [
        "mode": "managed", "type": .string("aws_cloudfront_\(it.type)"), "name": "x",
        "instances": [["attributes": ["id": .string(it.id), "staging": false]]],
      ]
    }
    let document: JSONValue = ["version": 4, "resources": .array(resources)]
    return try HeldState(Array(document.canonical.utf8), at: place)
  }

  @Test func `one owner, two owners and none are told apart`() throws {
    let it = try found(
      [stack("web", ["EPRIMARY"], cdk: true), stack("other", ["nothing"])],
      states: [
        state(
          "a.tfstate",
          [("distribution", "EPRIMARY"), ("continuous_deployment_policy", "cdp-1")]),
        state("b.tfstate", []),
      ])
    #expect(verdicts(it) == ["EPRIMARY": .several, "ESTAGING": .none, "cdp-1": .one])
    #expect(it.text.contains("1 of 2: CDK stack web in us-east-1 (R0)"))
    #expect(it.text.contains("2 of 2: Terraform state a.tfstate (aws_cloudfront_distribution.x)"))
    #expect(it.text.contains("1 with more than one owner"))
  }
  @Test func `without an answer from every region nothing is without an owner`() throws {
    let gap = Inventory.Gap(account: Account.id, call: "ListStacks", reason: "AccessDenied")
    #expect(try verdicts(found([], gaps: [gap])).values.allSatisfy { $0 == .unknown })
    #expect(try verdicts(found([], regions: [])).values.allSatisfy { $0 == .unknown })
    let it = try found([stack("web", ["ESTAGING"])], gaps: [gap])
    #expect(verdicts(it)["ESTAGING"] == .one && verdicts(it)["EPRIMARY"] == .unknown)
    #expect(it.text.contains("unknown: stacks of a region were not read"))
  }
  @Test(arguments: ["DELETE_SKIPPED", "DELETE_FAILED"])
  func `a deleted stack that let go of it owns it no more`(_ status: String) throws {
    let it = try found([
      stack("old", ["EPRIMARY"], status: "DELETE_COMPLETE", resource: status)
    ])
    #expect(verdicts(it)["EPRIMARY"] == Ownership.Verdict.none)
    #expect(it.resources[0].released.map(\.name) == ["old"])
    #expect(it.text.contains("was: stack old in us-east-1 (R0), deleted"))
  }
  @Test func `what distributions refer to has owners too, each by what its tool calls it`() throws {
    var held = stack("web", [])
    held.resources = [
      ("Function", "arn:aws:cloudfront::111111111111:function/rewrite"), ("PublicKey", "K1"),
      ("KeyValueStore", "11111111-1111-1111-1111-111111111111"),
      ("MonitoringSubscription", "EPRIMARY"),
      ("CachePolicy", "headers-1"),
    ].map {
      .init(
        logicalId: $0, type: "AWS::CloudFront::\($0)", physicalId: $1, status: "CREATE_COMPLETE")
    }
    let it = try found(
      [held],
      states: [
        state(
          "a",
          [
            ("realtime_log_config", "arn:aws:cloudfront::111111111111:realtime-log-config/live"),
            ("function", "rewrite"), ("monitoring_subscription", "EPRIMARY"),
          ])
      ])
    let owned = it.resources.filter { !$0.owners.isEmpty }.map { "\($0.type) \($0.owners.count)" }
    #expect(
      owned.sorted() == [
        "function 2", "key-value-store 1", "monitoring-subscription 2", "public-key 1",
        "realtime-log-config 1",
      ])
    // A type of another kind is another thing, whatever its id.
    #expect(it.resources.first { $0.id == "headers-1" }?.verdict == Ownership.Verdict.none)
  }
  @Test func `a distribution brings its trio and what that refers to, and a policy itself alone`()
    throws
  {
    let account = try Account.whole()
    let scope = Scope(["ESTAGING"], in: account)
    #expect(scope.distributions == ["EPRIMARY", "ESTAGING"] && scope.policies == ["cdp-1"])
    let named = Set(scope.references(in: account).compactMap { $0.kind?.rawValue })
    #expect(named.isSuperset(of: ["function", "key-group", "cache-policy", "vpc-origin"]))
    #expect(named.contains("monitoring-subscription"))
    let alone = Scope(["cdp-1"], in: account)
    #expect(alone.distributions.isEmpty && alone.references(in: account).isEmpty)
  }
  @Test func `a primary that a promote would change is told as promote-pending, and no other`()
    throws
  {
    let dangers = try found([]).resources.filter { !$0.dangers.isEmpty }
    #expect(dangers.map(\.id) == ["EPRIMARY"])
    let said = dangers.first?.dangers.first ?? ""
    #expect(said.hasPrefix("promote-pending: a promote copies "), "\(said)")
    #expect(said.contains("Origins") && said.contains("from ESTAGING"), "\(said)")
    #expect(try found([]).text.contains("danger: promote-pending"))

    var account = try Account.whole()
    let staging = try #require(account.distributions.first { $0.id == "ESTAGING" })
    let index = try #require(account.distributions.firstIndex { $0.id == "EPRIMARY" })
    account.distributions[index].config = account.distributions[index].config.taking(
      Promote.carried, from: staging.config)
    let same = Ownership(
      Inventory(takenAt: .init(timeIntervalSince1970: 0), gaps: [], accounts: [account]),
      states: [], ids: [])
    #expect(same.resources.allSatisfy { $0.dangers.isEmpty })
  }
  @Test func `only what was asked for is told, and what nobody has is named`() throws {
    let it = try found([], ids: ["cdp-1", "ENOWHERE"])
    #expect(it.resources[0].id == "cdp-1" && it.missing == ["ENOWHERE"])
    #expect(!it.resources.contains { $0.type == "distribution" })
  }
}
