import FerryCloudFront
import FerryModel
import Foundation
import Testing

@testable import FerryCore
@testable import FerryRun
@testable import Promotion

/// Plans as they run against the model, with viewers that come and go.
struct RunTests {
  /// Answers the policy's header alone, and fails the test for a request without it.
  final class FakeEdge: ServingProbe, @unchecked Sendable {
    private let lock = NSLock()
    private var statuses: [Int] = [200]
    private(set) var asked = 0
    func answer(_ status: Int) { lock.withLock { statuses = [status] } }
    func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
      Issue.record("\(url) was asked without a header")
      return []
    }
    func look(
      url: String, at: String?, marker: String?, headers: [(name: String, value: String)]
    ) async -> [ServingLook] {
      #expect(headers.map { "\($0.name): \($0.value)" } == ["aws-cf-cd-canary: canary-value"])
      #expect(url == "https://shop.example.com/" && at?.hasSuffix(".cloudfront.net") == true)
      return lock.withLock {
        asked += 1
        return statuses.map {
          ServingLook(
            peer: "192.0.2.1:443", status: $0,
            certificate: .init(
              names: ["shop.example.com"], notAfter: .distantFuture, isTrusted: true,
              coversName: true))
        }
      }
    }
  }
  struct World {
    let model: SharedModel
    let clock: VirtualClock
    let primary: String
    let staging: String
    let made: PlanPair
    let store: SQLiteState
    /// What answers for the name: asked only where the policy is by header.
    let edge: FakeEdge

    init(side: NewSide? = nil, policyEnabled: Bool = true, byHeader: Bool = false) async throws {
      edge = FakeEdge()
      let account = Scene.account
      model = SharedModel(CloudFrontModel(accounts: [account], propagationSeconds: 60))
      clock = VirtualClock(Scene.now)
      let client = CloudFrontClient(ModelTransport(model, account: account, clock: clock))
      func make(_ side: String, _ comment: String, _ path: String) async throws
        -> CloudFrontClient.Distribution
      {
        var config = Scene.distribution(side, comment: comment, path: path)
        config.put(["Quantity": 0], at: "CacheBehaviors")
        config.put(["Quantity": 0], at: "Aliases")
        config.put("", at: "ContinuousDeploymentPolicyId")
        config.put(
          "658327ea-f89d-4fab-a63d-7e88639e58f6", at: "DefaultCacheBehavior/CachePolicyId")
        return try await client.createDistribution(
          config: Shape.xml(config, shape: "DistributionConfig"))
      }
      let first = try await make("primary", "shop", "")
      let second = try await make("staging", side == nil ? "shop next" : "shop", "")
      clock.advance(seconds: 600)
      var config = Scene.policy(enabled: policyEnabled, header: byHeader)
      config.put(
        ["Quantity": 1, "Items": [.string(second.domainName)]], at: "StagingDistributionDnsNames")
      let policy = try await client.createPolicy(
        config: Shape.xml(config, shape: "ContinuousDeploymentPolicyConfig"))
      _ = try await client.updateDistribution(
        first.id,
        config: first.config.edited(
          [.init(path: "ContinuousDeploymentPolicyId", from: "", to: policy.id)],
          shape: "DistributionConfig"), ifMatch: first.etag)
      clock.advance(seconds: 3600)
      primary = first.id
      staging = second.id
      let found = try await ClosureReader(
        transport: ModelTransport(model, account: account, clock: clock), account: account,
        reach: .configuration
      ).read([first.id])
      let link = try PromotionLink(first.id, in: found, at: clock.now)
      var pair = PromotionPair(
        account: account, primary: link.primary, staging: try #require(link.staging),
        policy: try #require(link.policy), resources: found.account.resources, gaps: found.gaps,
        readAt: clock.now,
        traffic: .init(since: clock.now - 600, until: clock.now))
      if byHeader {
        pair.probe = StagingProbe(
          url: "https://shop.example.com/", without: [ServingLook(peer: "a", status: 200)],
          skipped: "in this test")
      }
      var input = Scene().input()
      input.createdAt = clock.now
      made = try #require(try PromotionPlanner.plan(pair, side: side, input: input))
      store = try SQLiteState(
        path: FileManager.default.temporaryDirectory.appendingPathComponent(
          "ferry-\(UUID().uuidString)/state.sqlite"
        ).path, durable: false)
      try store.saveImages(made.images)
    }
    func viewers(_ requests: Int, errors: Int = 0, status: Int = 502, at id: String) {
      let now = clock.now
      model.with {
        $0.countRequest(by: id, times: requests - errors, now: now)
        if errors > 0 { $0.countRequest(by: id, status: status, times: errors, now: now) }
      }
    }
    func run(_ plan: Plan, _ given: RunOptions? = nil) async throws -> RunOutcome {
      let transport = ModelTransport(model, account: Scene.account, clock: clock)
      var options = given ?? RunOptions(path: "shop")
      options.mode = .advance
      return try await Runner.run(
        plan, store: store,
        world: FerryRun.World(clock: clock, serving: edge) { _ throws(FerryError) in
          CloudFrontClient(transport)
        },
        options: options)
    }
    func config(_ id: String) async throws -> XElement {
      try await CloudFrontClient(ModelTransport(model, account: Scene.account, clock: clock))
        .distribution(id).config
    }
    /// Comes back as cron does, until the run is done or stops for another reason.
    func advance(_ plan: Plan, rounds: Int = 30) async throws -> RunOutcome {
      var outcome = try await run(plan)
      for _ in 0..<rounds where outcome.exit == .notYet {
        clock.advance(seconds: 61)
        outcome = try await run(plan)
      }
      return outcome
    }
  }

  @Test func `nothing is promoted until staging has shown enough`() async throws {
    let world = try await World()
    world.clock.advance(seconds: 61)
    let none = try await world.run(world.made.plan)
    #expect(none.exit == .notYet)
    #expect(none.report.reason?.contains("not enough traffic to judge") == true)
    world.viewers(1000, at: world.primary)
    world.viewers(120, at: world.staging)
    world.clock.advance(seconds: 61)
    let few = try await world.run(world.made.plan)
    #expect(few.exit == .notYet, "120 good answers do not prove one point")
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
    world.viewers(300, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop next")
    let back = try await world.advance(world.made.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
  }

  @Test func `what a rollback has put back is read at once, and not taken for an old reading`()
    async throws
  {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done)
    let began = world.clock.now
    let back = try await world.run(world.made.rollback)
    #expect(back.report.steps.first?.state == .applied, "only Deployed is still to come")
    #expect(back.report.reason?.contains("to be Deployed") == true)
    #expect(world.clock.now.timeIntervalSince(began) < 5)
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
  }

  @Test func `one lucky window does not outweigh what was seen since the run began to wait`()
    async throws
  {
    let world = try await World()
    world.clock.advance(seconds: 61)
    #expect(try await world.run(world.made.plan).exit == .notYet)
    world.viewers(5000, errors: 5, at: world.primary)
    world.viewers(600, errors: 9, at: world.staging)
    world.clock.advance(seconds: 61)
    #expect(try await world.run(world.made.plan).exit == .notYet)
    // The window, and what CloudWatch may be behind, are over.
    world.clock.advance(seconds: 1400)
    world.viewers(5000, errors: 5, at: world.primary)
    world.viewers(600, at: world.staging)
    world.clock.advance(seconds: 61)
    let lucky = try await world.run(world.made.plan)
    #expect(lucky.exit == .notYet)
    #expect(lucky.report.reason?.contains("staging 1200 requests") == true)
    world.viewers(20_000, errors: 20, at: world.primary)
    world.viewers(4000, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
  }

  @Test func `after a run that was blocked only what came since then counts`() async throws {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, at: world.primary)
    world.viewers(600, errors: 60, at: world.staging)
    #expect(try await world.run(world.made.plan).exit == .blocked)
    world.clock.advance(seconds: 1400)
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    world.clock.advance(seconds: 61)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
  }

  @Test func `a proof that is gone when the window opens at last promotes nothing`() async throws {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    var options = RunOptions(path: "shop")
    options.until = world.made.plan.steps[1].id
    let proven = try await world.run(world.made.plan, options)
    #expect(proven.report.steps.map(\.state) == [.verified, .pending])
    world.clock.advance(seconds: 7200)
    let late = try await world.run(world.made.plan)
    #expect(late.exit == .notYet, "\(late.exit)")
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done && done.report.steps.allSatisfy { $0.state == .verified })
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop next")
  }

  @Test func `a staging distribution that errs more blocks the run before the promote`()
    async throws
  {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, at: world.primary)
    world.viewers(600, errors: 60, at: world.staging)
    let outcome = try await world.run(world.made.plan)
    #expect(outcome.exit == .blocked && outcome.error?.code == "check-failed")
    #expect(outcome.error?.why.contains("more than the 1.00 that are allowed") == true)
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
  }

  @Test(arguments: [404, 403])
  func `a staging distribution that lost its content blocks the run before the promote`(status: Int)
    async throws
  {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, errors: 50, status: status, at: world.primary)
    world.viewers(600, errors: 600, status: status, at: world.staging)
    // A plan of before 4xx were compared does not say what is allowed.
    for allowed in [world.made.plan.steps[0].checks.last?.maxClientErrorRateIncrease, nil] {
      var plan = world.made.plan
      plan.steps[0].checks[plan.steps[0].checks.count - 1].maxClientErrorRateIncrease = allowed
      let outcome = try await world.run(plan)
      #expect(outcome.exit == .blocked && outcome.error?.code == "check-failed")
      #expect(outcome.error?.why.contains("100.00 % of 4xx") == true)
      #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
    }
  }
  @Test func `404s that the primary answers likewise hold nothing up`() async throws {
    let world = try await World()
    world.clock.advance(seconds: 61)
    world.viewers(5000, errors: 1500, status: 404, at: world.primary)
    world.viewers(600, errors: 180, status: 404, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop next")
  }

  @Test func `staging is asked by the policy's header, and what it answers wrongly blocks the run`()
    async throws
  {
    let world = try await World(byHeader: true)
    world.clock.advance(seconds: 61)
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    world.edge.answer(404)
    let refused = try await world.run(world.made.plan)
    #expect(refused.exit == .blocked && refused.error?.code == "check-failed")
    #expect(refused.error?.why.contains("status 404 instead of 200") == true)
    #expect(!"\(refused)".contains("canary-value"))
    #expect(try await world.config(world.primary).text(at: "Comment") == "shop")
    world.edge.answer(200)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    // Thrice wrong; then to prove it, and once more right before the promote.
    #expect(world.edge.asked == 5)
  }
  @Test func `while the policy is disabled nothing that answers is taken for staging`() async throws
  {
    let world = try await World(byHeader: true)
    let transport = ModelTransport(world.model, account: Scene.account, clock: world.clock)
    let client = CloudFrontClient(transport)
    let primary = try await client.distribution(world.primary)
    let id = try #require(primary.config.text(at: "ContinuousDeploymentPolicyId"))
    let policy = try await client.policy(id)
    _ = try await client.updatePolicy(
      id,
      config: policy.config.edited(
        [.init(path: "Enabled", from: "true", to: "false")],
        shape: "ContinuousDeploymentPolicyConfig"), ifMatch: policy.etag)
    world.clock.advance(seconds: 3600)
    world.viewers(5000, at: world.primary)
    world.viewers(600, at: world.staging)
    let waits = try await world.run(world.made.plan)
    #expect(waits.exit == .notYet && world.edge.asked == 0)
    #expect(waits.report.reason?.contains("policy \(id) is disabled") == true)
  }

  @Test func `what staging showed before it was pointed at the new side proves nothing of it`()
    async throws
  {
    let world = try await World(side: .path("/green"), policyEnabled: false)
    #expect(world.made.plan.steps.count == 4)
    world.viewers(5000, at: world.primary)
    world.viewers(5000, at: world.staging)
    let early = try await world.advance(world.made.plan, rounds: 6)
    #expect(early.exit == .notYet)
    #expect(early.report.step?.id == "prove-staging-\(world.staging)")
    #expect(early.report.reason?.contains("no requests of \(world.staging)") == true)
    world.viewers(5000, at: world.primary)
    world.viewers(400, at: world.staging)
    let done = try await world.advance(world.made.plan)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    let path = "Origins/Items/Origin/OriginPath"
    #expect(try await world.config(world.primary).text(at: path) == "/green")
    let back = try await world.advance(world.made.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    for id in [world.primary, world.staging] {
      #expect((try await world.config(id).text(at: path) ?? "").isEmpty)
    }
  }
}
