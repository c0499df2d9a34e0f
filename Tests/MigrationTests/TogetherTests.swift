import FerryCloudFront
import FerryCore
import FerryModel
import FerryZones
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// Several distributions in one plan: they wait together, and one that fails stops nothing of the others.
struct TogetherTests {
  static let ids = ["EONE", "ETWO", "ETHREE"]
  /// Three with a wildcard of their own each, and one cache policy.
  static func scene(_ more: [String: JSONValue] = [:]) -> JSONValue {
    let names = ids.map { "www.\($0.lowercased()).example.com" }
    return MoveScene.inventory(
      zip(ids, names).map {
        MoveScene.distribution(
          $0, "d\($0.lowercased()).cloudfront.net", MoveScene.config($0, aliases: [$1], more))
      },
      records: zip(ids, names).map {
        MoveScene.cname("\($1).", "d\($0.lowercased()).cloudfront.net.")
      }, names: names.map { $0.replacing("www.", with: "*.") })
  }
  static func world(_ propagation: Double = 10) async throws -> MoveWorld {
    try await MoveWorld(ids, inventory: scene(), propagation: propagation)
  }
  static func cnames(_ world: MoveWorld) async throws -> [String] {
    let client = Route53Client(
      ModelTransport(world.model, account: MoveWorld.source, clock: world.clock))
    let keys = ids.map {
      RecordKey(DomainName(wire: "www.\($0.lowercased()).example.com."), .cname)
    }
    return try await Route53Zone(world.hostedZone, client: client).read(keys).map { "\($0)" }
      .sorted()
  }
  static func all(_ world: MoveWorld) async throws -> [String] {
    world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + (try await cnames(world))
  }

  @Test func `what is waited for comes after the same write of the others, there and back`()
    async throws
  {
    let pair = try await Self.world().pair
    let ids = pair.plan.steps.map(\.id)
    func place(_ id: String) -> Int { ids.firstIndex(of: id) ?? -1 }
    for stem in ["create-distribution", "bridge", "lower-ttl", "flip", "leave-source", "claim"] {
      let own = ids.filter { $0.hasPrefix(stem + "-") }
      let awaits = ids.filter { $0.hasPrefix("await-\(stem)-") }
      #expect(own.count == 3 && awaits == own.map { "await-" + $0 }, "\(stem): \(own) \(awaits)")
      #expect(
        (own.map(place).max() ?? .max) < (awaits.map(place).min() ?? -1),
        "\(stem)")
    }
    for plan in [pair.plan, pair.rollback] {
      for step in plan.steps where step.action != .observe {
        #expect(step.wait == nil && !step.checks.contains { $0.type == .deployed }, "\(step.id)")
      }
      #expect(Set(plan.steps.map(\.id)).count == plan.steps.count)
    }
    let back = pair.rollback.steps.map(\.id)
    let places = ["disable-copy-of-", "await-disable-copy-of-", "delete-copy-of-"].map { stem in
      back.indices.filter { back[$0].hasPrefix(stem) }
    }
    #expect(places.allSatisfy { $0.count == 3 })
    #expect(places.flatMap { $0 } == places.flatMap { $0 }.sorted())
    #expect(pair.plan.pointOfNoReturn == nil)
  }

  @Test func `a plan of one waits in its steps, as before`() async throws {
    let pair = try await MoveWorld(inventory: MoveScene.simple()).pair
    #expect(
      (pair.plan.steps + pair.rollback.steps).filter { $0.id.hasPrefix("await-") }.map(\.id)
        == ["await-idle-eprimary"])
  }

  @Test func `three copies take as long to be Deployed as one`() async throws {
    let world = try await Self.world(300)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let start = world.clock.now
    let there = try await world.run(world.store(path), until: "prove-eone")
    #expect(there.exit == .notYet, "\(String(describing: there.error))")
    let took = world.clock.now.timeIntervalSince(start)
    #expect(took >= 300 && took < 400, "\(took)")
    let client = CloudFrontClient(
      ModelTransport(world.model, account: MoveWorld.target, clock: world.clock))
    for id in Self.ids {
      let copy = try MoveRunTests.id(
        "create-distribution-\(id.lowercased())", SQLiteState(path: path), world.pair.plan)
      #expect(try await client.distribution(copy).status == "Deployed")
    }
  }

  @Test func `three go there and back, every name is served all the time, and all is as it was`()
    async throws
  {
    let world = try await Self.world()
    let before = try await Self.all(world)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    for plan in [world.pair.plan, world.pair.rollback] {
      world.clock.watch("www.etwo.example.com")
      let outcome = try await world.run(store, plan)
      #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
      let copy = try MoveRunTests.id("create-distribution-etwo", store, world.pair.plan)
      #expect(world.clock.answers() == ["ETWO", copy])
    }
    #expect(try await Self.all(world) == before)
  }

  @Test
  func `as many names move in one window of DNS as fit with the way back, the next in the next`()
    async throws
  {
    // A flip and its way back need 600 s, each further one 30 s for itself and 30 s for its way back.
    let dns = try ChangeWindow(timeZone: "UTC", allow: ["Tue,Thu 10:00-10:11"], freeze: [])
    let cloudFront = try ChangeWindow(
      timeZone: "UTC", allow: ["Mon..Fri 08:00-18:00"], freeze: [])
    let plan = try await MoveWorld(Self.ids, inventory: Self.scene()) {
      $0.windows = ["dns": dns, "cloudfront": cloudFront]
      $0.cutover.window = dns
      $0.planning.acceptedRisks = ["rollback-outside-window"]
    }.pair.plan
    let times = Dictionary(
      (plan.schedule.steps ?? []).map { ($0.step, $0) }, uniquingKeysWith: { one, _ in one })
    #expect(times.count == plan.steps.count)
    for step in plan.steps {
      let begins = try #require(times[step.id]?.start)
      let window = step.window == "dns" ? dns : cloudFront
      guard step.window != nil else { continue }
      let span = try #require(window.span(at: begins), "\(step.id) at \(begins)")
      if let earliest = step.earliest { #expect(earliest == begins, "\(step.id)") }
      #expect((step.latest != nil) == (step.window == "dns"), "\(step.id)")
      if let latest = step.latest {
        #expect(begins <= latest && latest + 600 <= span.end ?? .distantFuture, "\(step.id)")
      }
    }
    func flip(_ id: String) throws -> Date {
      try #require(times.values.first { $0.step.hasPrefix("flip") && $0.step.hasSuffix(id) }).start
    }
    let flips = try ["eone", "ethree", "etwo"].map(flip)
    #expect(flips[1].timeIntervalSince(flips[0]) == 30)
    #expect(flips[2].timeIntervalSince(flips[1]) > 86_400)
    #expect(
      plan.risks.map(\.code) == ["rollback-outside-window", "rollback-outside-window"]
        && plan.risks[0].text.contains("one of the 2 flips"))
    #expect(plan.schedule.start == times.values.map(\.start).min())
    #expect(plan.schedule.end == times.values.map(\.end).max())
    let whole = plan.schedule.end.timeIntervalSince(plan.schedule.start)
    #expect(Double(plan.schedule.criticalPathSeconds) < whole)
  }

  @Test func `the way back of a flip before a freeze is put off by the hours alone`() async throws {
    let frozen = try ChangeWindow(
      timeZone: "UTC", allow: ["Tue,Thu 10:00-12:00"], freeze: ["2000-01-01/2000-01-02"])
    let free = try await Self.risk(frozen)
    let text = try #require(free)
    let flipped = try #require(text.firstMatch(of: /closes at \w+ (\d{4}-\d\d-\d\d)/)?.1)
    let day = try #require(Timestamp.read("\(flipped)T00:00:00Z"))
    let freeze =
      "\(Timestamp.text(day + 86_400).prefix(10))/\(Timestamp.text(day + 60 * 86_400).prefix(10))"
    let later = try ChangeWindow(timeZone: "UTC", allow: ["Tue,Thu 10:00-12:00"], freeze: [freeze])
    #expect(try await Self.risk(later) == text)
  }
  private static func risk(_ dns: ChangeWindow) async throws -> String? {
    try await MoveWorld(inventory: MoveScene.simple()) {
      $0.windows = ["dns": dns]
      $0.cutover.window = dns
      $0.cutover.policy.restoresTTL = false
    }.pair.plan.risks.first { $0.code == "rollback-outside-window" }?.text
  }

  @Test(arguments: [60.0, 1e6]) func `no change of DNS comes before the time that was asked for`(
    _ later: Double
  ) async throws {
    var start = Date.distantPast
    let plan = try await MoveWorld(inventory: MoveScene.simple()) {
      start = $0.planning.createdAt + later
      $0.cutover.start = start
      $0.cutover.isStartAsked = true
    }.pair.plan
    let first = try #require(plan.steps.first { $0.window == "dns" })
    #expect(first.earliest == start && first.id == "lower-ttl-www")
    #expect(plan.steps.filter { $0.id != first.id }.allSatisfy { $0.earliest == nil })
    #expect(plan.schedule.start < start)
  }

  /// What the second one cannot have, and the step that fails for it.
  @Test(arguments: [
    ("CreateDistributionWithTags", "create-distribution-etwo"),
    ("UpdateDistribution", "bridge-etwo"), ("UpdateDistribution", "claim-etwo"),
  ])
  func
    `one of three that fails stops nothing of the others, and the rollback takes back what was done`(
      _ operation: String, _ step: String
    ) async throws
  {
    let world = try await Self.world()
    let before = try await Self.all(world)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let there = try await world.run(store, until: step)
    #expect(there.exit == .notYet, "\(String(describing: there.error))")
    let mark =
      switch step {
      case "bridge-etwo": "*.etwo.example.com"
      case "claim-etwo": "www.etwo.example.com"
      default: world.pair.plan.steps.first { $0.id == step }?.reference ?? ""
      }
    let failed = try await world.run(
      store,
      answer: { request in
        request.operation == operation
          && String(decoding: request.body, as: UTF8.self).contains(mark)
          ? .awsError(status: 400, code: "InvalidArgument", message: "no", requestID: "r") : nil
      })
    #expect(failed.exit == .failed, "\(String(describing: failed.error))")
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    var isAfter = false
    for it in world.pair.plan.steps {
      if it.id == step { isAfter = true }
      let isDone = state.steps[it.id]?.isDone ?? false
      #expect(isDone == !(isAfter && it.parts == ["ETWO"]), "\(it.id)")
    }
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await Self.all(world) == before)
  }

  @Test func `three killed at calls all over the run go on as if they had not been`() async throws {
    let origin = try await Self.world()
    func run(_ kill: Int?) async throws -> (facts: [String], calls: Int) {
      let world = origin.copy()
      let path = MoveWorld.temporary()
      defer { MoveWorld.remove(path) }
      let store = try world.store(path)
      let calls = MoveWorld.Calls()
      calls.killAfter = kill
      if let kill {
        let killed = try? await world.run(store, polling: 30, calls: calls)
        #expect(killed?.exit != .done, "\(kill)")
        world.clock.base.advance(seconds: 61)
      }
      let outcome = try await world.run(store, polling: 30, calls: kill == nil ? calls : .init())
      #expect(outcome.exit == .done, "\(kill ?? 0): \(String(describing: outcome.error))")
      return (
        world.facts(MoveWorld.source)
          + world.counts(MoveWorld.target).map { "\($0.key) \($0.value)" }.sorted(), calls.number
      )
    }
    let whole = try await run(nil)
    for kill in stride(from: 3, to: whole.calls, by: max(1, whole.calls / 20)) {
      #expect(try await run(kill).facts == whole.facts, "\(kill)")
    }
  }
}

extension Step {
  fileprivate var reference: String? {
    guard case .createDistribution(_, _, let reference, _) = action else { return nil }
    return reference
  }
}
