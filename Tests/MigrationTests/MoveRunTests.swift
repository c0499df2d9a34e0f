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
  static func watched(_ world: MoveWorld, _ plan: Plan, _ store: StateStore) async throws -> (
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
  static func id(_ step: String, _ store: StateStore, _ plan: Plan) throws -> String {
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

  @Test(arguments: ["forward", "back"])
  func `a move killed at any call or journal write ends the same, nothing made twice`(
    _ direction: String
  ) async throws {
    let origin = try await MoveWorld()
    let before = try await origin.summary
    let base = MoveWorld.temporary()
    defer { MoveWorld.remove(base) }
    let prepared = try origin.store(base)
    let isBack = direction == "back"
    let plan = isBack ? origin.pair.rollback : origin.pair.plan
    if isBack { #expect(try await origin.run(prepared, polling: 60).exit == .done) }
    let database = try Data(contentsOf: URL(fileURLWithPath: base))
    func open() throws -> (MoveWorld, String) {
      let path = MoveWorld.temporary()
      _ = try StateStore(path: path, durable: false)
      try database.write(to: URL(fileURLWithPath: path))
      chmod(path, 0o600)
      return (origin.copy(), path)
    }
    let (trial, trialPath) = try open()
    defer { MoveWorld.remove(trialPath) }
    let counted = try StateStore(path: trialPath, durable: false)
    let calls = MoveWorld.Calls()
    #expect(try await trial.run(counted, plan, polling: 60, calls: calls).exit == .done)
    let end = try await trial.summary
    #expect(!isBack || end == before)
    let totals = (calls: calls.number, journal: counted.writeCount)
    #expect(totals.calls > 60 && totals.journal > 60)
    // Before and after in turn: both of each over the plan, each point once.
    for number in 1...max(totals.calls, totals.journal) {
      for isJournal in [false, true] where number <= (isJournal ? totals.journal : totals.calls) {
        let isAfter = (number + (isBack ? 1 : 0)).isMultiple(of: 2)
        let label = "\(isJournal ? "journal" : "call") \(number) \(isAfter ? "after" : "before")"
        let (world, path) = try open()
        defer { MoveWorld.remove(path) }
        var isDone = false
        for life in 0..<6 where !isDone {
          let store = try StateStore(path: path, durable: false)
          let calls = MoveWorld.Calls()
          if life == 0, isJournal { store.killAfter(writes: number - 1, landed: isAfter) }
          if life == 0, !isJournal, isAfter { calls.killAfter = number }
          if life == 0, !isJournal, !isAfter { calls.killBefore = number }
          do throws(FerryError) {
            let outcome = try await world.run(store, plan, polling: 60, calls: calls)
            isDone = outcome.exit == .done
            if !isDone, life > 0 {
              Issue.record("\(label): \(String(describing: outcome.error))")
            }
          } catch {
            #expect(error.code == "killed", "\(label): \(error)")
          }
          // The dead holder's lease runs out.
          world.clock.base.advance(seconds: 61)
        }
        #expect(isDone, "\(label)")
        if isBack {
          #expect(try await world.summary == before, "\(label)")
        } else {
          #expect(world.counts(MoveWorld.target) == trial.counts(MoveWorld.target), "\(label)")
          #expect(world.facts(MoveWorld.source) == trial.facts(MoveWorld.source), "\(label)")
        }
      }
    }
    print(
      "kill test: \(totals.calls) calls and \(totals.journal) journal writes of a move, \(direction)"
    )
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
