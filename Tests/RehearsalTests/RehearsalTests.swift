import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import Rehearsal

/// Whole rehearsals of the plans that ship, and of plans that are wrong on purpose.
struct RehearsalTests {
  private static func shipped(_ name: String) throws -> Plan {
    let file = Shared.package.appendingPathComponent("plans/\(name).json")
    return try Plan.read(Array(Data(contentsOf: file)), named: name)
  }
  static func removal() throws -> Scene {
    let file = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
    return try Scene(
      shipped("remove-orphaned-policy.plan"),
      rollback: shipped("remove-orphaned-policy.rollback.plan"),
      inventory: JSONValue.read(Array(Data(contentsOf: file)), what: "fixture"), images: [:],
      terms: Scene.Terms())
  }
  private static func cutover(
    _ change: (inout Plan, inout Scene.Terms) -> Void = { _, _ in }
  ) throws -> Scene {
    var terms = Scene.Terms()
    terms.windows = try CutoverExample.windows()
    var plan = try shipped("cutover-www.plan")
    change(&plan, &terms)
    return try Scene(
      plan, rollback: shipped("cutover-www.rollback.plan"), inventory: nil, images: [:],
      terms: terms)
  }
  private static func rehearse(
    _ scene: Scene, _ seeds: Int, _ hazards: [Hazard] = Hazard.allCases, first: UInt64 = 1
  ) async -> RehearsalReport {
    await Rehearsal.run(scene, seeds: seeds, firstSeed: first, hazards: hazards)
  }

  @Test func `a removal is done in every world where nothing goes wrong`() async throws {
    let report = await Self.rehearse(try Self.removal(), 5, [])
    #expect(report.violations == [])
    #expect(report.endings == ["done": 5])
    #expect(report.exposureSeconds.max == 0)
    #expect(report.durationSeconds.p50 > 60)
    #expect(!report.rollbackSeconds.isEmpty)
  }

  @Test func `a removal breaks no rule, whatever goes wrong`() async throws {
    let report = await Self.rehearse(try Self.removal(), 16)
    #expect(report.violations == [])
    #expect(report.faults.count == Hazard.allCases.count)
    // Faults that do nothing would prove nothing.
    #expect(report.durationSeconds.max > 3600)
  }

  @Test func `taking back is rehearsed from every step that can be undone, the last one too`()
    async throws
  {
    let scene = try Self.removal()
    let steps = scene.plan.steps
    let end = scene.plan.pointOfNoReturn.flatMap { id in steps.firstIndex { $0.id == id } }
    let undoable = steps[..<(end ?? steps.count)].map(\.id)
    let report = await Self.rehearse(scene, 2 * undoable.count, [])
    #expect(report.rollbackSeconds.map(\.step) == undoable)
    #expect(report.rollbackSeconds.allSatisfy { $0.seeds == 2 })
    let flip = try Self.cutover()
    #expect(flip.plan.pointOfNoReturn == nil)
    let last = flip.plan.steps.count - 1
    let one = await Self.rehearse(flip, 1, [], first: UInt64(last))
    #expect(one.rollbackSeconds.map(\.step) == [flip.plan.steps[last].id])
    #expect(one.rollbackSeconds[0].p50 > 0 && one.violations == [])
  }

  @Test func `a goal that was not reached is seen, whatever the step does`() throws {
    let scene = try Self.removal()
    let id = try #require(scene.touched.first)
    let account = try #require(scene.owner(of: id, in: scene.model))
    let other = try #require(
      scene.model.distributions(of: account).first {
        $0.id != id && $0.config.text(at: "Comment") != nil
      })
    let policy = try #require(scene.model.policyConfigs(of: account).keys.sorted().first)
    let actions: [(Action, String)] = [
      (
        .updateConfig(
          distribution: id, set: [ConfigEdit(path: "Comment", from: nil, to: "never")]),
        "\(id) is not configured as planned"
      ),
      (
        .updatePolicy(policy: policy, set: [ConfigEdit(path: "Enabled", from: nil, to: "maybe")]),
        "\(policy) is not configured as planned"
      ),
      (.promote(distribution: id, staging: other.id), "\(id) has not what \(other.id) has"),
      (.moveAlias(alias: "x.example.com", from: other.id, to: id), "x.example.com is not at \(id)"),
      (.deletePolicy(policy: policy), "\(policy) is there still"),
    ]
    for (action, says) in actions {
      var plan = scene.plan
      plan.steps = [
        Step(id: "s", title: "S", account: account, action: action, window: nil, checks: [])
      ]
      let file = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
      let one = try Scene(
        plan, rollback: nil,
        inventory: JSONValue.read(Array(Data(contentsOf: file)), what: "fixture"), images: [:],
        terms: Scene.Terms())
      #expect(Play(scene: one, hazards: []).missed(Stage(one, seed: 1, hazards: [])) == says)
    }
  }

  @Test func `a policy and a statement that are not as they were are seen`() async throws {
    let scene = try Self.removal()
    let id = try #require(scene.touched.first)
    let account = try #require(scene.owner(of: id, in: scene.model))
    let stage = Stage(scene, seed: 1, hazards: [])
    let before = Fingerprint(stage)
    let policy = try #require(scene.model.policyConfigs(of: account).keys.sorted().first)
    let client = try stage.world().client(account)
    let old = try await client.policy(policy)
    let weight = ConfigEdit(
      path: "TrafficConfig/SingleWeightConfig/Weight", from: nil, to: "0.01")
    _ = try await client.updatePolicy(
      policy, config: old.config.edited([weight], shape: "ContinuousDeploymentPolicyConfig"),
      ifMatch: old.etag)
    #expect(
      Fingerprint(stage).difference(from: before, isWhole: true)
        == "policy \(policy) is not as it was"
    )
    let other = Stage(scene, seed: 1, hazards: [])
    other.place(
      PolicyStatements(.bucket, "assets", region: "us-east-1", remove: [["Sid": "one"]]))
    #expect(
      Fingerprint(other).difference(from: before, isWhole: true)?.contains("who may use") == true)
  }

  @Test func `a run that is killed may be taken back at once`() async throws {
    let scene = try Self.removal()
    var turned = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let result = await Play(scene: scene, hazards: seed % 2 == 0 ? [.kill] : [.kill, .staleRead])
        .run(
          seed, tellsStory: true)
      #expect(result.violations == [], "\(seed)")
      if result.story.contains(where: { $0.says.contains("take everything back at once") }) {
        turned += 1
      }
    }
    #expect(turned > 5)
  }

  @Test
  func `copies with the restored TTL are waited for after users are back, and by no rule before`()
    async throws
  {
    let scene = try Self.cutover()
    let steps = UInt64(scene.plan.steps.count)
    #expect(scene.rollback?.steps.contains { $0.id.hasPrefix("drain-") } == true)
    // Each of these turns back after the TTL was restored.
    for round in 0..<40 as Range<UInt64> {
      let result = await Play(scene: scene, hazards: []).run(round * steps + steps - 1)
      #expect(result.violations == [], "\(result.seed)")
    }
    // A wait that is too short there is seen all the same.
    var short = try #require(scene.rollback)
    for index in short.steps.indices where short.steps[index].id.hasPrefix("drain-") {
      short.steps[index].wait?.seconds = 1
    }
    var terms = Scene.Terms()
    terms.windows = try CutoverExample.windows()
    let hasty = try Scene(
      scene.plan, rollback: short, inventory: nil, images: [:], terms: terms)
    var rules: Set<Rule> = []
    for round in 0..<600 as Range<UInt64> where rules.isEmpty {
      let result = await Play(scene: hasty, hazards: []).run(round * steps + steps - 1)
      rules.formUnion(result.violations.map(\.rule))
    }
    #expect(rules.contains(.oldAnswer))
  }

  @Test func `what the way back makes again may refer to what is there`() throws {
    let scene = try Self.removal()
    let made = scene.rollback?.steps.compactMap { step -> String? in
      if case .createDistribution(let image, _, _, _) = step.action { image } else { nil }
    }
    let image = try #require(made?.first)
    let file = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
    let again = try Scene(
      scene.plan, rollback: scene.rollback,
      inventory: JSONValue.read(Array(Data(contentsOf: file)), what: "fixture"),
      images: [
        image:
          "<DistributionConfig><OriginAccessControlId>E1OAC</OriginAccessControlId></DistributionConfig>"
      ], terms: Scene.Terms())
    #expect(again.model.assumed.contains("E1OAC"))
  }

  @Test func `a story ends when its run does`() async throws {
    let scene = try Self.removal()
    for seed in 1...12 as ClosedRange<UInt64> {
      let result = await Play(scene: scene, hazards: [.rival]).run(seed, tellsStory: true)
      let last = result.story.last { !$0.who.hasPrefix("copy:") }
      #expect(abs(result.seconds - (last?.at ?? 0)) < 1, "\(seed): \(result.seconds) \(last)")
    }
  }

  @Test func `polls every few seconds prove nothing earlier`() async throws {
    var scene = try Self.removal()
    scene.deployedPollSeconds = 1
    let report = await Self.rehearse(scene, 24, [.staleRead])
    #expect(report.violations == [])
  }

  @Test func `what somebody else changes between two polls is read`() async throws {
    let scene = try Self.removal()
    let stage = Stage(scene, seed: 3, hazards: [])
    let id = try #require(scene.touched.first)
    let account = try #require(scene.owner(of: id, in: scene.model))
    let client = try stage.world().client(account)
    let before = try await client.distribution(id)
    #expect(try await client.distribution(id).etag == before.etag)
    stage.rivalActs()
    stage.clock.advance(seconds: 86_400)
    let after = try await client.distribution(id)
    #expect(after.etag != before.etag)
    #expect(after.config.text(at: "Comment") != before.config.text(at: "Comment"))
    // Seen while its change is under way, and not only when the status moves.
    let other = Stage(scene, seed: 3, hazards: [])
    let watching = try other.world().client(account)
    _ = try await watching.distribution(id)
    other.rivalActs()
    let during = try await watching.distribution(id)
    #expect(during.status == "InProgress" && during.etag != before.etag)
  }

  @Test func `a cutover keeps to its windows and its waits in every world`() async throws {
    let report = await Self.rehearse(try Self.cutover(), 12)
    #expect(report.violations == [])
    // The TTL of a day has to run out, and Tuesdays and Thursdays have to come.
    #expect(report.durationSeconds.p50 > 86_400)
  }

  @Test func `the same seeds give the same report, in one lane or in many`() async throws {
    let scene = try Self.cutover()
    let one = await Self.rehearse(scene, 3, first: 5)
    let again = await Self.rehearse(scene, 3, first: 5)
    #expect(one == again)
    let play = Play(scene: scene, hazards: Hazard.allCases)
    let alone = await play.run(6, tellsStory: true)
    let twice = await play.run(6, tellsStory: true)
    #expect(alone.story == twice.story && !alone.story.isEmpty)
    let other = await Self.rehearse(scene, 3, first: 6)
    #expect(other.digest != one.digest)
  }

  @Test func `a wait that is too short is seen, with the seed that shows it`() async throws {
    let scene = try Self.cutover { plan, _ in
      for index in plan.steps.indices where plan.steps[index].action.dns != nil {
        plan.steps[index].wait?.seconds = 5
        // The plan's own look at resolvers would notice, too.
        plan.steps[index].checks.removeAll { $0.type == .recursive }
      }
    }
    let report = await Self.rehearse(scene, 4, [])
    let first = try #require(report.violations.first { $0.rule == .oldAnswer })
    let replayed = await Play(scene: scene, hazards: []).run(first.seed, tellsStory: true)
    #expect(
      replayed.violations.contains {
        $0.rule == .oldAnswer && $0.atSeconds == first.atSeconds && $0.because == first.because
      })
    #expect(replayed.story.contains { $0.who == "rule" })
  }

  @Test func `a flip to a distribution that does not serve the name exposes its viewers`()
    async throws
  {
    let file = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
    var model = CloudFrontModel(accounts: ["111111111111"], propagationSeconds: 86_400)
    try model.load(
      JSONValue.read(Array(Data(contentsOf: file)), what: "fixture"), now: Date())
    let target = try #require(
      model.distributions(of: "111111111111").first { !$0.staging }?.domainName)
    let www = RecordKey(CutoverExample.www, .cname)
    let old = RecordValue(ttl: 60, data: ["origin.example.net."])
    let new = RecordValue(ttl: 60, data: [target + "."])
    var plan = try Self.shipped("cutover-www.plan")
    plan.steps = [
      Step(
        id: "flip", title: "Flip", account: nil,
        action: .replace(zone: CutoverExample.zone, RecordChange(www, from: old, to: new)),
        wait: .init(from: "last-authoritative-change", seconds: 300, terms: []), checks: [])
    ]
    let scene = try Scene(
      plan, rollback: nil, inventory: JSONValue.read(Array(Data(contentsOf: file)), what: "x"),
      images: [:], terms: Scene.Terms())
    let report = await Self.rehearse(scene, 3, [])
    #expect(Set(report.violations.map(\.rule)) == [.exposure])
    #expect(report.violations.count == 3)
    // All clients in the end, so what is weighed comes near to what is not.
    #expect(report.exposureSeconds.p50 > 300)
    #expect(report.clientSeconds.p50 <= report.exposureSeconds.p50)
  }

  @Test func `people who come late and windows that close only make it longer`() async throws {
    let scene = try Self.cutover()
    let swift = await Self.rehearse(scene, 4, [])
    let late = await Self.rehearse(scene, 4, [.lateOperator])
    #expect(late.violations == [])
    #expect(late.durationSeconds.max >= swift.durationSeconds.max)
  }

  @Test func `a plan that changes what the inventory has not is bad input`() throws {
    let error = #expect(throws: FerryError.self) {
      _ = try Scene(
        Self.shipped("remove-orphaned-policy.plan"), rollback: nil, inventory: nil, images: [:],
        terms: Scene.Terms())
    }
    #expect(error?.code == "not-in-inventory" && error?.exit == .usage)
  }

  @Test func `faults are listed, and others refused`() throws {
    #expect(try Hazard.list("all") == Hazard.allCases)
    #expect(try Hazard.list("none") == [])
    #expect(try Hazard.list("kill,throttle,kill") == [.kill, .throttle])
    #expect(throws: FerryError.self) { try Hazard.list("kill,") }
    #expect(throws: FerryError.self) { try Hazard.list("fire") }
  }

  @Test func `spreads are nearest ranks, rounded up`() {
    let spread = RehearsalReport.Spread((1...10).map { Double($0) + 0.2 })
    #expect((spread.p50, spread.p90, spread.max) == (6, 10, 11))
    #expect(RehearsalReport.Spread([]).max == 0)
  }
}
