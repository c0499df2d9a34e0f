import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore
@testable import Orphans

struct RuleTests {
  @Test func `a healthy trio has no finding`() { #expect(SceneBuilder.healthy.found == []) }

  @Test
  func `a policy that nobody names is unattached, and unknown when a distribution was not read`() {
    var it = SceneBuilder()
    it.distribution("A")
    it.distribution("S", staging: true)
    it.policy("P", staging: "S")
    #expect(it.found == ["policy-unattached:P=orphan"])
    it.gap("GetDistribution", "B")
    #expect(it.found == ["policy-unattached:P=unknown"])
    #expect(it.report().findings[0].overturnedBy == ["GetDistribution B: AccessDenied"])
    #expect(it.report().complete == false)
  }

  @Test func `a policy whose staging distribution is gone is an orphan even while attached`() {
    var it = SceneBuilder()
    it.distribution("A", policy: "P")
    it.policy("P", staging: "S")
    #expect(it.found == ["policy-staging-missing:P=orphan"])
    #expect(it.report().findings[0].severity == .high)
    it.gap("ListDistributions")
    #expect(it.found == ["policy-staging-missing:P=unknown"])
  }

  @Test
  func
    `a disabled staging distribution makes its policy an orphan, and is none itself while named`()
  {
    var it = SceneBuilder()
    it.distribution("A", policy: "P")
    it.distribution("S", staging: true, enabled: false)
    it.policy("P", staging: "S")
    #expect(it.found == ["policy-staging-disabled:P=orphan"])
  }

  @Test
  func
    `staging distributions that no policy names are orphans, unless policies could not be listed`()
  {
    var it = SceneBuilder()
    it.distribution("S", staging: true)
    it.distribution("T", staging: true, enabled: false)
    #expect(it.found == ["staging-disabled:T=orphan", "staging-unreferenced:S=orphan"])
    it.gap("ListContinuousDeploymentPolicies")
    #expect(it.found == ["staging-disabled:T=unknown", "staging-unreferenced:S=unknown"])
  }

  @Test
  func
    `what a deleted stack left behind is an orphan even while attached, unless a live stack has it`()
  {
    var it = SceneBuilder.healthy
    it.stack("old", "DELETE_COMPLETE", ["P", "S"])
    #expect(it.found == ["policy-stack-deleted:P=orphan", "staging-stack-deleted:S=orphan"])
    it.gap("ListStacks", "us-east-1")
    #expect(it.found == ["policy-stack-deleted:P=unknown", "staging-stack-deleted:S=unknown"])
    it.gaps = []
    it.stack("new", "UPDATE_COMPLETE", ["P", "S"], resource: "CREATE_COMPLETE")
    #expect(it.found == [])
  }

  @Test func `a staging distribution of a deleted stack is in use while a healthy policy names it`()
  {
    var it = SceneBuilder.healthy
    it.stack("old", "DELETE_COMPLETE", ["S"])
    #expect(it.found == ["staging-stack-deleted:S=in-use"])
  }

  @Test func `a resource that the stack did delete is not one it left behind`() {
    var it = SceneBuilder.healthy
    it.stack("old", "DELETE_COMPLETE", ["P"], resource: "DELETE_COMPLETE")
    #expect(it.found == [])
  }

  @Test func `an attached, disabled policy is idle after thirty days and in use`() {
    for (changed, found) in [
      ("2026-10-20T00:00:00Z", ["policy-idle-since-promote:P=in-use"]),
      ("2026-11-01T00:00:00Z", []),
    ] {
      var it = SceneBuilder()
      it.distribution("A", policy: "P")
      it.distribution("S", staging: true)
      it.policy("P", staging: "S", enabled: false, changed: changed)
      #expect(it.found == found)
      #expect((try? it.plan())?.flatMap { $0 } == nil)
    }
  }

  @Test func `a primary that names a missing policy is told`() {
    var it = SceneBuilder()
    it.distribution("A", policy: "P")
    #expect(it.found == ["primary-policy-missing:A=in-use"])
    it.gap("ListContinuousDeploymentPolicies")
    #expect(it.found == ["primary-policy-missing:A=unknown"])
  }

  @Test(arguments: ["http3", "http2and3"])
  func `HTTP/3 with a policy is told for primary and staging`(_ http: String) {
    var it = SceneBuilder()
    it.distribution("A", policy: "P", http: http)
    it.distribution("B", http: http)
    it.distribution("S", staging: true, http: http)
    it.policy("P", staging: "S")
    #expect(it.found == ["http3-with-policy:A=in-use", "http3-with-policy:S=in-use"])
  }

  @Test func `sixteen of twenty policies are quota pressure, fifteen are not`() {
    var it = SceneBuilder()
    for index in 0..<15 {
      it.distribution("A\(index)", policy: "P\(index)")
      it.distribution("S\(index)", staging: true)
      it.policy("P\(index)", staging: "S\(index)")
    }
    #expect(it.found == [])
    it.policy("P15", staging: "S0")
    #expect(it.found.contains("quota-pressure:111111111111=in-use"))
    #expect(
      it.report().quotas[0]
        == .init(
          account: "111111111111", what: "continuous-deployment-policies", used: 16, limit: 20,
          reclaimable: 1))
  }

  @Test
  func `the owner is a live stack, a Terraform state, none, or unknown when no region was asked`() {
    var it = SceneBuilder()
    it.policy("P", staging: nil)
    #expect(it.report().findings[0].owner == .init(kind: .none, id: ""))
    #expect(
      it.report(["t.tfstate": ["P"]]).findings[0].owner == .init(kind: .terraform, id: "t.tfstate"))
    it.account.regions = []
    #expect(it.report().findings[0].owner.kind == .unknown)
    it.stack("live", "CREATE_COMPLETE", ["P"], resource: "CREATE_COMPLETE")
    #expect(
      it.report(["t.tfstate": ["P"]]).findings[0].owner
        == .init(kind: .cloudformation, id: "arn:stack/live"))
  }

  @Test func `a Terraform state is read by its managed resources and refused when it is none`()
    throws
  {
    let text = """
      {"version":4,"resources":[
        {"mode":"managed","type":"aws_cloudfront_distribution","instances":[{"attributes":{"id":"E1"}},{"attributes":{"id":"E2"}}]},
        {"mode":"data","type":"aws_cloudfront_distribution","instances":[{"attributes":{"id":"E3"}}]},
        {"mode":"managed","type":"aws_s3_bucket","instances":[{"attributes":{"id":"b"}}]}]}
      """
    #expect(try TerraformState.ids(Array(text.utf8), named: "t") == ["E1", "E2"])
    for bad in ["{}", "[]", "x", #"{"version":3,"resources":[]}"#] {
      let error = #expect(throws: FerryError.self) {
        try TerraformState.ids(Array(bad.utf8), named: "t")
      }
      #expect(error?.exit == .usage)
    }
  }
}

struct PlannerTests {
  static var attachedOrphan: SceneBuilder {
    var it = SceneBuilder.healthy
    it.stack("old", "DELETE_COMPLETE", ["P"])
    return it
  }

  @Test func `the policy goes first and its staging distribution only after it is gone`() throws {
    let pair = try #require(try Self.attachedOrphan.plan())
    #expect(
      pair.plan.steps.map(\.id) == [
        "disable-policy-P", "detach-policy-A", "delete-policy-P", "disable-staging-S",
        "delete-staging-S",
      ])
    #expect(
      pair.rollback.steps.map(\.id) == [
        "recreate-staging-S", "enable-staging-S", "recreate-policy-P", "attach-policy-A",
        "enable-policy-P",
      ])
    #expect(pair.rollback.steps.map(\.undoes) == pair.plan.steps.reversed().map(\.id))
    #expect(pair.rollback.rollbackOf == pair.plan.digest)
    #expect(pair.plan.pointOfNoReturn == nil)
  }

  @Test func `a detach is an explicitly empty id, read back and deployed`() throws {
    let step = try #require(try Self.attachedOrphan.plan()?.plan.steps[1])
    #expect(
      step.action
        == .updateConfig(
          distribution: "A", set: [.init(path: "ContinuousDeploymentPolicyId", from: "P", to: "")]))
    #expect(step.checks.map(\.type) == [.config, .deployed])
    #expect(step.checks[0].value == "")
  }

  @Test func `a policy that still routes is a risk to accept`() throws {
    let plan = try #require(try Self.attachedOrphan.plan()?.plan)
    #expect(plan.risks.map(\.code) == ["policy-still-routing"])
    #expect(plan.risks.map(\.accepted) == [false])
  }

  @Test func `what a live stack or Terraform owns is a risk to accept`() throws {
    var it = SceneBuilder()
    it.policy("P", staging: nil)
    it.stack("live", "CREATE_COMPLETE", ["P"], resource: "CREATE_COMPLETE")
    #expect(try it.plan()?.plan.risks.map(\.code) == ["owned-by-live-stack"])
    it.account.stacks = []
    #expect(try it.plan(terraform: ["t": ["P"]])?.plan.risks.map(\.code) == ["owned-by-terraform"])
  }

  @Test func `staging stays when asked, or when another policy names it`() throws {
    #expect(
      try Self.attachedOrphan.plan(keepStaging: true)?.plan.steps.map(\.id).last
        == "delete-policy-P")
    var shared = Self.attachedOrphan
    shared.distribution("B", policy: "Q")
    shared.policy("Q", staging: "S")
    #expect(try shared.plan()?.plan.steps.map(\.id).contains("disable-staging-S") == false)
  }

  @Test func `a policy that cannot be made again names the point of no return`() throws {
    var it = SceneBuilder()
    it.distribution("A", policy: "P")
    it.policy("P", staging: "gone")
    let pair = try #require(try it.plan())
    #expect(pair.plan.pointOfNoReturn == "delete-policy-P")
    #expect(pair.plan.steps.last?.inverse == nil)
    #expect(pair.rollback.steps.allSatisfy { $0.unless == "delete-policy-P" })
  }

  @Test func `unknown is never planned, and blocked when asked for by name`() throws {
    var it = SceneBuilder()
    it.distribution("A")
    it.policy("P", staging: nil)
    it.gap("GetDistribution", "B")
    #expect(try it.plan() == nil)
    let error = #expect(throws: FerryError.self) { try it.plan(["policy-unattached:P"]) }
    #expect(error?.exit == .blocked && error?.causes == ["GetDistribution B: AccessDenied"])
  }

  @Test func `a finding that is not there is bad usage`() {
    for text in ["policy-unattached:Q", "nonsense", "policy-unattached"] {
      let error = #expect(throws: FerryError.self) { try SceneBuilder.healthy.plan([text]) }
      #expect(error?.exit == .usage)
    }
  }

  @Test func `the same inventory and time give the same plans`() throws {
    #expect(try Self.attachedOrphan.plan()?.plan == Self.attachedOrphan.plan()?.plan)
    #expect(try Self.attachedOrphan.plan()?.rollback == Self.attachedOrphan.plan()?.rollback)
  }

  @Test func `detach disables, detaches, and reattach puts back what it took`() throws {
    let healthy = SceneBuilder.healthy
    let pair = try #require(try DetachPlanner.detach("A", healthy.inventory, input: healthy.input))
    #expect(pair.plan.steps.map(\.id) == ["disable-policy-P", "detach-policy-A"])
    #expect(pair.rollback.steps.map(\.id) == ["attach-policy-A", "enable-policy-P"])
    var detached = SceneBuilder()
    detached.distribution("A")
    detached.distribution("S", staging: true)
    detached.policy("P", staging: "S", enabled: false)
    let back = try #require(
      try DetachPlanner.reattach(
        "A", policyID: "P", enable: true, detached.inventory, input: detached.input))
    #expect(back.plan.steps.map(\.id) == ["attach-policy-A", "enable-policy-P"])
    #expect(try DetachPlanner.detach("A", detached.inventory, input: detached.input) == nil)
  }

  @Test func `a reattach that CloudFront would refuse is refused before`() {
    var http3 = SceneBuilder()
    http3.distribution("A", http: "http3")
    http3.distribution("S", staging: true)
    http3.policy("P", staging: "S")
    var taken = SceneBuilder.healthy
    taken.distribution("B")
    for (it, id) in [(http3, "A"), (taken, "B")] {
      let error = #expect(throws: FerryError.self) {
        try DetachPlanner.reattach(id, policyID: "P", enable: false, it.inventory, input: it.input)
      }
      #expect(error?.exit == .blocked)
    }
    let missing = #expect(throws: FerryError.self) {
      try DetachPlanner.detach("Z", taken.inventory, input: taken.input)
    }
    #expect(missing?.exit == .usage)
  }
}
