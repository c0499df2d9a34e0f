import FerryReport
import Foundation
import Testing

@testable import FerryCore
@testable import Promotion

struct PlannerTests {
  private func plan(
    side: NewSide? = nil, accepting: Set<String> = [], _ spoil: (inout Scene) -> Void = { _ in }
  ) throws -> PlanPair? {
    var scene = Scene()
    spoil(&scene)
    return try PromotionPlanner.plan(
      scene.pair, side: side, input: scene.input(accepting: accepting))
  }
  private func refusal(
    side: NewSide? = nil, _ spoil: (inout Scene) -> Void
  ) -> FerryError? {
    do throws(any Error) {
      _ = try plan(side: side, spoil)
      return nil
    } catch { return error as? FerryError }
  }

  @Test func `staging as it is: proven, promoted, and the way back is what the promote changes`()
    throws
  {
    let made = try #require(try plan())
    #expect(made.plan.steps.map(\.id) == ["prove-staging-ESTAGING", "promote-EPRIMARY"])
    #expect(made.plan.steps[0].window == nil && made.plan.steps[1].window == "cloudfront")
    let gate = try #require(made.plan.steps[0].checks.last)
    #expect(
      gate.type == .errorRate && gate.distribution == "ESTAGING" && gate.against == "EPRIMARY"
        && gate.windowSeconds == 600 && gate.minRequests == 100 && gate.maxErrorRateIncrease == 1
        && gate.maxClientErrorRateIncrease == 5)
    let scene = Scene()
    let pair = try scene.pair
    let promote = made.plan.steps[1]
    #expect(promote.action == .promote(distribution: "EPRIMARY", staging: "ESTAGING"))
    #expect(promote.expects.configDigest == pair.primary.config.configDigest)
    #expect(promote.expects.staging?.configDigest == pair.staging.config.configDigest)
    #expect(
      made.rollback.steps.map(\.action) == [
        .restoreConfig(
          distribution: "EPRIMARY", image: pair.primary.config.configDigest,
          members: ["Origins", "Comment"])
      ])
    #expect(made.rollback.steps[0].expects.configDigest == pair.promoted.configDigest)
    #expect(made.plan.pointOfNoReturn == nil && made.plan.risks.isEmpty)
    #expect(made.plan.notes.contains { $0.contains("leaves policy P1 disabled") })
    #expect(made.images[pair.primary.config.configDigest]?.contains("canary-secret") == true)
    #expect(!FerryJSON.document(made.plan).contains("canary-secret"))
    for action in ["UpdateDistributionWithStagingConfig", "GetContinuousDeploymentPolicy"] {
      #expect(made.plan.permissions.contains("cloudfront:\(action)"))
    }
    #expect(made.plan.permissions.contains("cloudwatch:GetMetricData"))
  }

  @Test func `a disabled policy is enabled first, and the rollback leaves it as it was`() throws {
    let made = try #require(try plan { $0.policy = Scene.policy(enabled: false) })
    #expect(
      made.plan.steps.map(\.id) == [
        "enable-policy-P1", "prove-staging-ESTAGING", "promote-EPRIMARY",
      ])
    #expect(made.rollback.steps.map(\.id) == ["restore-EPRIMARY", "disable-policy-P1"])
    #expect(!made.plan.notes.contains { $0.contains("leaves policy P1 disabled") })
  }

  @Test func `a blue-green deploy points staging first and its rollback points it back`() throws {
    let made = try #require(try plan(side: .path("/releases/42")))
    #expect(
      made.plan.steps.map(\.id) == [
        "point-staging-ESTAGING", "prove-staging-ESTAGING", "promote-EPRIMARY",
      ])
    let path = "Origins/Items/Origin/OriginPath"
    #expect(
      made.plan.steps[0].action
        == .updateConfig(
          distribution: "ESTAGING", set: [.init(path: path, from: "/green", to: "/releases/42")]))
    let pointed = try Scene().pair.staging.config.edited(
      [.init(path: path, from: "/green", to: "/releases/42")], shape: "DistributionConfig")
    #expect(made.plan.steps[2].expects.staging == .init(configDigest: pointed.configDigest))
    #expect(
      made.rollback.steps.map(\.id) == ["restore-EPRIMARY", "point-staging-back-ESTAGING"])
    #expect(
      made.rollback.steps[1].action
        == .updateConfig(
          distribution: "ESTAGING", set: [.init(path: path, from: "/releases/42", to: "/green")]))
    let domain = try #require(try plan(side: .domain("green.example.net")))
    #expect(
      domain.plan.steps[0].action.edits == [
        .init(
          path: "Origins/Items/Origin/DomainName", from: "origin.example.net",
          to: "green.example.net")
      ])
  }

  @Test func `where a header reaches staging the run asks it as the settings do, by the policy`()
    throws
  {
    func spoil(_ status: Int, enabled: Bool = true, header: Bool = true) -> (inout Scene) -> Void {
      {
        $0.policy = Scene.policy(enabled: enabled, header: header)
        $0.probe = StagingProbe(
          url: "https://shop.example.com/healthz", expected: 204,
          without: [ServingLook(peer: "192.0.2.1:443", status: status)], skipped: "in this test")
      }
    }
    for enabled in [true, false] {
      for side in [nil, NewSide.path("/new")] {
        let made = try #require(try plan(side: side, spoil(204, enabled: enabled)))
        let proof = try #require(made.plan.steps.first { $0.id == "prove-staging-ESTAGING" })
        #expect(
          proof.checks.map(\.type) == [.deployed, .deployed, .serving, .errorRate],
          "what answers at once comes before what takes hours")
        let probe = proof.checks[2]
        #expect(
          probe.url == "https://shop.example.com/healthz" && probe.at == "d111.cloudfront.net"
            && probe.status == 204 && probe.policy == "P1")
        #expect(!FerryJSON.document(proof).contains("canary-value"))
        let book = Runbook.render(made.plan, path: "p", rollback: made.rollback)
        #expect(
          book.contains(
            "shop.example.com/healthz is served at d111.cloudfront.net and answers 204 to who sends the header of policy P1"
          ))
        #expect(
          book.contains(#"-H "$(aws cloudfront get-continuous-deployment-policy --id P1 "#))
      }
    }
    let unwell = try #require(try plan(spoil(404)))
    #expect(!unwell.plan.steps.contains { $0.checks.contains { $0.type == .serving } })
    #expect(
      unwell.plan.notes.contains {
        $0.hasPrefix("https://shop.example.com/healthz answers 404 instead of 204 without")
      })
    let weighed = try #require(try plan(spoil(204, header: false)))
    #expect(!weighed.plan.steps.contains { $0.checks.contains { $0.type == .serving } })
  }

  @Test func `with nothing to promote there is no plan`() throws {
    #expect(
      try plan {
        $0.staging = Scene.distribution("staging", comment: "shop", path: "")
      } == nil)
    // The side that the primary serves already, with staging as the primary but for that.
    #expect(
      try plan(side: .path("")) {
        $0.staging = Scene.distribution("staging", comment: "shop", path: "/green")
      } == nil)
  }

  @Test func `blockers refuse with their code and no plan, what a plan can wait for does not`()
    throws
  {
    let refused = refusal { $0.staging.put("PriceClass_All", at: "PriceClass") }
    #expect(refused?.code == "fixed-setting-differs" && refused?.exit == .blocked)
    #expect(refusal { $0.traffic.unread = "AccessDenied" }?.code == "traffic-unread")
    let worse: (inout Scene) -> Void = {
      $0.traffic.staging.judged = .init(requests: 500, errors: 40)
    }
    #expect(refusal(worse)?.code == "error-rate-worse")
    // What staging showed of its old side says nothing of the new one.
    #expect(refusal(side: .path("/new"), worse) == nil)
    let waits = try #require(
      try plan {
        $0.traffic.staging = .init()
        $0.status["staging"] = "InProgress"
      })
    #expect(waits.plan.notes.count { $0.hasPrefix("at planning time, and waited for") } == 2)
  }

  @Test func `risks are carried by their codes until they are accepted`() throws {
    let spoil: (inout Scene) -> Void = {
      $0.staging.put("/new/*", at: "CacheBehaviors/Items/PathPattern")
    }
    let made = try #require(try plan(spoil))
    #expect(made.plan.risks.map(\.code) == ["path-patterns-differ"])
    #expect(made.plan.risks[0].accepted == false)
    #expect(
      try plan(accepting: ["path-patterns-differ"], spoil)?.plan.risks.map(\.accepted) == [true])
  }

  @Test(
    arguments: [
      (["releases/42", nil], "bad-usage"), (["/releases/", nil], "bad-usage"),
      (["/a b", nil], "bad-usage"), (["/a", "b.example.net"], "bad-usage"),
      ([nil, "192.0.2.1"], "bad-usage"), ([nil, "2001:db8::1"], "bad-usage"),
      ([nil, "[2001:db8::1]"], "bad-usage"), ([nil, "127.1"], "bad-usage"),
      ([nil, "localhost"], "bad-usage"), ([nil, "origin."], "bad-usage"),
    ] as [([String?], String)])
  func `what can be no side is refused`(given: [String?], code: String) {
    let error = #expect(throws: FerryError.self) {
      try NewSide.of(path: given[0], domain: given[1])
    }
    #expect(error?.code.rawValue == code && error?.exit == .usage)
  }
  @Test func `a bucket in place of a server, or an origin group, is a person's to set up`() throws {
    #expect(
      refusal(side: .domain("green.s3.eu-west-1.amazonaws.com")) { _ in }?.code == "origin-kind")
    #expect(
      refusal(side: .path("/new")) {
        $0.staging.put("group", at: "DefaultCacheBehavior/TargetOriginId")
      }?.code == "origin-group")
    #expect(try NewSide.of(path: "/", domain: nil) == .path(""))
    #expect(try NewSide.of(path: nil, domain: "Green.Example.net.") == .domain("green.example.net"))
  }
}
