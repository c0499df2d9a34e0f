import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// Whole moves between two accounts in the model: who serves at each stage, and the way back.
struct MoveRunTests {
  /// Who was seen to serve the name, by the step after which it was.
  final class Seen: @unchecked Sendable {
    private let lock = NSLock()
    private var stages: [(step: String, answers: Set<String>)] = []
    func add(_ step: String, _ answers: Set<String>) {
      lock.withLock { stages.append((step, answers)) }
    }
    func during(_ step: String) -> Set<String> {
      lock.withLock { stages.first { $0.step == step }?.answers ?? [] }
    }
    var all: Set<String> { lock.withLock { stages.reduce(into: []) { $0.formUnion($1.answers) } } }
  }
  static func watched(_ world: MoveWorld, _ plan: Plan, _ store: SQLiteState) async throws -> (
    RunOutcome, Seen
  ) {
    let seen = Seen()
    world.clock.watch("www.example.com")
    let clock = world.clock
    let outcome = try await world.run(
      store, plan,
      tell: { event in
        if case .verified(let step) = event { seen.add(step.id, clock.answers()) }
      })
    return (outcome, seen)
  }
  static func id(_ step: String, _ store: SQLiteState, _ plan: Plan) throws -> String {
    try RunState(store.records(plan: plan.digest)).steps[step]?.outputs["id"] ?? "(none)"
  }

  @Test
  func
    `through a wildcard bridge no POP ever refuses the name, there and back, and all is as it was`()
    async throws
  {
    let world = try await MoveWorld()
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let (outcome, seen) = try await Self.watched(world, world.pair.plan, store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    let copy = try Self.id("create-distribution-eprimary", store, world.pair.plan)
    #expect(seen.all == ["EPRIMARY", copy])
    for step in ["bridge", "lower-ttl-www", "flip-www"] {
      #expect(seen.during(step) == ["EPRIMARY"], "\(step)")
    }
    #expect(seen.during("leave-source") == ["EPRIMARY", copy])
    for step in ["claim", "bake-www", "remove-bridge"] {
      #expect(seen.during(step) == [copy], "\(step)")
    }
    #expect(
      try await world.records[RecordKey(MoveWorld.www, .cname)]?.data.first?.contains("d1.")
        == false)
    #expect(
      world.counts(MoveWorld.target) == [
        "distribution": 2, "policy": 1, "CachePolicy": 1, "PublicKey": 1, "KeyGroup": 1,
        "function": 1, "store": 1,
      ])
    let (back, way) = try await Self.watched(world, world.pair.rollback, store)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(way.all == ["EPRIMARY", copy])
    #expect(try await world.summary == before)
  }

  @Test func `secrets of the source reach the copy and neither of the plans`() async throws {
    let world = try await MoveWorld()
    let written =
      JSONValue.of(world.pair.plan).canonical
      + JSONValue.of(world.pair.rollback)
      .canonical
    #expect(!written.contains("canary"))
    #expect(world.pair.images.values.contains { $0.contains("canary-header") })
    #expect(world.pair.images.values.contains { $0.contains("canary-kvs") })
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let outcome = try await world.run(
      world.store(path), until: "detach-policy-EPRIMARY")
    #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
    #expect(world.facts(MoveWorld.target).contains { $0.contains("canary-kvs") })
    let client = CloudFrontClient(
      ModelTransport(world.model, account: MoveWorld.target, clock: world.clock))
    let id = try Self.id("create-distribution-eprimary", world.store(path), world.pair.plan)
    #expect(try await client.distribution(id).config.xml.contains("canary-header"))
  }

  @Test func `a rollback from every step leaves both accounts and the zone as they were`()
    async throws
  {
    let origin = try await MoveWorld()
    let before = try await origin.summary
    for step in origin.pair.plan.steps.dropFirst() {
      let world = origin.copy()
      let path = MoveWorld.temporary()
      defer { MoveWorld.remove(path) }
      let store = try world.store(path)
      let there = try await world.run(store, until: step.id, polling: 30)
      #expect(there.exit == .notYet, "\(step.id): \(String(describing: there.error))")
      let back = try await world.run(store, world.pair.rollback, polling: 30)
      #expect(back.exit == .done, "\(step.id): \(String(describing: back.error))")
      #expect(try await world.summary == before, "\(step.id)")
    }
  }

  /// A world and its journal between two steps.
  struct Checkpoint {
    var world: MoveWorld
    var database: Data
    func open() throws -> (world: MoveWorld, path: String) {
      let path = MoveWorld.temporary()
      _ = try SQLiteState(path: path, durable: false)
      try database.write(to: URL(fileURLWithPath: path))
      chmod(path, 0o600)
      return (world.copy(), path)
    }
  }
  /// After which call, its answer lost, or after which journal write a run ends.
  enum Kill {
    case call(Int)
    case journal(Int)
  }
  /// Notes which calls changed anything.
  final class Landed: MoveWorld.Calls, @unchecked Sendable {
    let model: SharedModel
    private(set) var numbers: [Int] = []
    private var count = 0
    init(_ model: SharedModel) {
      self.model = model
      count = model.with { $0.log.count }
    }
    override func after() throws(FerryError) {
      try super.after()
      let (total, isEffective) = model.with { ($0.log.count, $0.log.last?.effective == true) }
      if total > count, isEffective { numbers.append(number) }
      count = total
    }
  }
  /// Runs from a checkpoint to the next step, killed once, and resumed until it is there.
  static func run(_ start: Checkpoint, _ plan: Plan, until: String?, kill: Kill?) async throws -> (
    end: Checkpoint, landed: [Int], journal: Int
  ) {
    let (world, path) = try start.open()
    defer { MoveWorld.remove(path) }
    for life in 0..<6 {
      let store = try SQLiteState(path: path, durable: false)
      let calls = Landed(world.model)
      switch kill {
      case .call(let number) where life == 0: calls.killAfter = number
      case .journal(let number) where life == 0: store.killAfter(writes: number - 1, landed: true)
      default: break
      }
      do throws(FerryError) {
        let outcome = try await world.run(store, plan, until: until, polling: 60, calls: calls)
        if outcome.exit == .done || outcome.error?.code == "stopped-before" {
          return (
            Checkpoint(world: world, database: try! Data(contentsOf: URL(fileURLWithPath: path))),
            calls.numbers, store.writeCount
          )
        }
        #expect(life == 0 && kill != nil, "\(String(describing: outcome.error))")
      } catch {
        #expect(error.code == "killed", "\(error)")
      }
      // The dead holder's lease runs out.
      world.clock.base.advance(seconds: 61)
    }
    throw FerryError(
      "stuck", what: "it does not get on", why: "\(String(describing: kill))", next: "")
  }

  @Test(arguments: [false, true])
  func
    `a move killed at any call or journal write goes on as if it had not been, nothing made twice`(
      _ isBack: Bool
    ) async throws
  {
    let origin = try await MoveWorld()
    let before = try await origin.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try origin.store(path)
    if isBack { #expect(try await origin.run(store, polling: 60).exit == .done) }
    let plan = isBack ? origin.pair.rollback : origin.pair.plan
    var here = Checkpoint(world: origin, database: try Data(contentsOf: URL(fileURLWithPath: path)))
    var points = 0
    var known: Set<String> = []
    for index in plan.steps.indices {
      let next = plan.steps.dropFirst(index + 1).first?.id
      let whole = try await Self.run(here, plan, until: next, kill: nil)
      // Dying before something is dying after what came before it, and a read leaves nothing behind.
      // The writes of a second step of one kind are the first one's: every other one is enough there.
      let isNew = known.insert(plan.steps[index].action.type).inserted
      let writes = (0..<whole.journal).filter { isNew || ($0 + index) % 2 == 0 }
      let kills = whole.landed.map(Kill.call) + writes.map { Kill.journal($0 + 1) }
      for kill in kills {
        let label = "\(plan.steps[index].id) \(kill)"
        let end = try await Self.run(here, plan, until: next, kill: kill).end.world
        let wanted = whole.end.world
        #expect(end.counts(MoveWorld.target) == wanted.counts(MoveWorld.target), "\(label)")
        #expect(end.facts(MoveWorld.source) == wanted.facts(MoveWorld.source), "\(label)")
      }
      points += kills.count
      here = whole.end
    }
    if isBack { #expect(try await here.world.summary == before) }
    #expect(points >= 90)
    print("kill test: \(points) points of a move, \(isBack ? "back" : "forward")")
  }

  @Test func `what a killed create made is found by the rollback and taken away`() async throws {
    let origin = try await MoveWorld()
    let before = try await origin.summary
    let creates = origin.pair.plan.steps.filter { $0.id.hasPrefix("create-") }
    #expect(creates.count == 8)
    // Each create's own call: the answer is lost, and nobody resumes the plan.
    for operation in [
      "CreateKeyValueStore", "CreateFunction", "PublishFunction", "CreateCachePolicy",
      "CreatePublicKey", "CreateKeyGroup", "CreateDistributionWithTags",
      "CreateContinuousDeploymentPolicy", "UpdateKeys",
    ] {
      let world = origin.copy()
      let path = MoveWorld.temporary()
      defer { MoveWorld.remove(path) }
      let store = try world.store(path)
      let model = world.model
      let there = try? await world.run(store, polling: 60, calls: LostAnswer(operation, model))
      #expect(there?.exit != .done, "\(operation)")
      world.clock.base.advance(seconds: 61)
      let back = try await world.run(store, world.pair.rollback, polling: 60)
      #expect(back.exit == .done, "\(operation): \(String(describing: back.error))")
      #expect(try await world.summary == before, "\(operation)")
    }
  }
  @Test func `a store whose version is not the newest one is read anew and filled`() async throws {
    let calls = Count()
    let world = try await MoveWorld(answer: { request in
      guard request.operation == "UpdateKeys", calls.next() <= 2 else { return nil }
      return ServiceResponse(
        status: 409, headers: ["x-amzn-errortype": "ConflictException"],
        body: Array("{\"Message\":\"The version is not the newest one.\"}".utf8))
    })
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let outcome = try await world.run(try world.store(path), polling: 60)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(calls.next() == 4)
  }
  @Test func `a create whose answer is lost long after an earlier life meant it is made once`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let down = ServiceResponse(
      status: 503, headers: ["content-type": "text/xml"],
      body: Array(
        "<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>".utf8))
    let first = try await world.run(store, polling: 60) { request in
      request.operation == "CreateCachePolicy" ? down : nil
    }
    #expect(first.exit == .notYet, "\(String(describing: first.error))")
    world.clock.base.advance(seconds: 200)
    // It lands and answers 503, and for a while lists show what was there before.
    let (model, clock) = (world.model, world.clock)
    let before = model.with { $0 }
    let landed = Landing()
    let outcome = try await world.run(store, polling: 60) { request in
      switch request.operation {
      case "CreateCachePolicy":
        guard landed.at == nil else { return nil }
        landed.at = clock.now
        _ = model.with {
          $0.handle(request, account: MoveWorld.target, callerARN: "", now: clock.now)
        }
        return down
      case "ListCachePolicies":
        guard let at = landed.at, clock.now < at + 15 else { return nil }
        var then = before
        return then.handle(request, account: MoveWorld.target, callerARN: "", now: clock.now)
      default: return nil
      }
    }
    #expect(landed.at != nil)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
  }
  private final class Landing: @unchecked Sendable {
    private let lock = NSLock()
    private var date: Date?
    var at: Date? {
      get { lock.withLock { date } }
      set { lock.withLock { date = newValue } }
    }
  }
  private final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    func next() -> Int {
      lock.withLock {
        count += 1
        return count
      }
    }
  }
  @Test(arguments: ["CreateCachePolicy", "CreateDistributionWithTags"])
  func
    `a move that was taken back and is killed in a create when it is run again makes that once more`(
      _ operation: String
    ) async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, polling: 60).exit == .done)
    let made = world.counts(MoveWorld.target)
    #expect(try await world.run(store, world.pair.rollback, polling: 60).exit == .done)
    let killed = try? await world.run(
      store, polling: 60, calls: LostAnswer(operation, world.model))
    #expect(killed?.exit != .done)
    world.clock.base.advance(seconds: 61)
    let again = try await world.run(store, polling: 60)
    #expect(again.exit == .done, "\(String(describing: again.error))")
    #expect(world.counts(MoveWorld.target) == made)
    #expect(Set(ModelEdge(world.model, world.clock).all("www.example.com").map(\.status)) == [200])
    let back = try await world.run(store, world.pair.rollback, polling: 60)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
  }

  /// Dies after the first effective call of an operation.
  final class LostAnswer: MoveWorld.Calls, @unchecked Sendable {
    let operation: String
    let model: SharedModel
    private var isOver = false
    init(_ operation: String, _ model: SharedModel) {
      self.operation = operation
      self.model = model
    }
    override func after() throws(FerryError) {
      let isHit = model.with {
        $0.log.last?.operation == operation && $0.log.last?.effective == true
      }
      guard isHit, !isOver else { return }
      isOver = true
      throw Self.death
    }
  }
}
