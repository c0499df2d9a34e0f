import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// Stopped at every API call and every journal write, resumed until done: the same end, nothing done twice.
struct KillTests {
  /// How a run is made to end.
  enum Kill: Sendable {
    case beforeCall(Int)
    case afterCall(Int)
    case beforeJournal(Int)
    case afterJournal(Int)
  }

  static let death = FerryError("killed", what: "killed", why: "by the test", next: "resume")

  /// A world whose nth call kills the run: the request is lost, or has landed and the answer is lost.
  static func faults(_ kill: Kill?, seed: UInt64?) -> ModelTransport.Faults {
    let random = SeededFaults(seed)
    return ModelTransport.Faults(
      before: { request, number throws(FerryError) in
        if case .beforeCall(number)? = kill { throw death }
        return random.before(request)
      },
      after: { request, answer, number throws(FerryError) in
        if case .afterCall(number)? = kill { throw death }
        if random.losesAnswer(request) { throw ModelTransport.Faults.lost(request) }
        return answer
      })
  }

  /// Runs a plan, killed as told, then again and again until it is done.
  static func run(
    _ plan: Plan, _ world: RemovalWorld, path: String, kill: Kill?, seed: UInt64? = nil
  ) async throws -> Int {
    var runs = 0
    var kill = kill
    while runs < 60 {
      runs += 1
      let store = try SQLiteState(path: path, durable: false)
      if case .beforeJournal(let number)? = kill {
        store.killAfter(writes: number - 1, landed: false)
      }
      if case .afterJournal(let number)? = kill {
        store.killAfter(writes: number - 1, landed: true)
      }
      do throws(FerryError) {
        let outcome = try await Runner.run(
          plan, store: store,
          world: world.world(faults: faults(kill, seed: seed.map { $0 &+ UInt64(runs) })),
          options: world.options())
        if outcome.exit == .done { return runs }
        #expect(
          [.notYet, .failed].contains(outcome.exit),
          "\(outcome.exit) \(String(describing: outcome.error))")
        if outcome.exit == .failed {
          #expect(
            outcome.error?.code == "killed" || outcome.error?.why.contains("killed") == true
              || outcome.error?.why == "by the test", "\(String(describing: outcome.error))")
        }
      } catch {
        #expect(error.code == "killed")
      }
      kill = nil
      // The dead holder's lease runs out.
      world.clock.advance(seconds: 61)
    }
    return runs
  }

  static func check(_ world: RemovalWorld, _ label: String) {
    for (write, count) in world.writes {
      // Enable and disable of one resource are two writes of two steps.
      let most = write.hasPrefix("Update") ? 2 : 1
      #expect(count <= most, "\(label): \(write) \(count) times")
    }
  }

  static func calls(
    _ plan: KeyPath<RemovalWorld, Plan>, after earlier: [KeyPath<RemovalWorld, Plan>] = []
  )
    async throws -> (calls: Int, journal: Int)
  {
    var world = try await RemovalWorld(propagation: 30)
    if earlier.count > 1 { world = world.reversible }
    let path = temporary()
    defer { remove(path) }
    _ = try world.store(path)
    for plan in earlier {
      _ = try await run(world[keyPath: plan], world, path: path, kill: nil)
    }
    let store = try SQLiteState(path: path, durable: false)
    let before = world.model.with { $0.log.count }
    let outcome = try await Runner.run(
      world[keyPath: plan], store: store, world: world.world(), options: world.options())
    #expect(outcome.exit == .done)
    return (world.model.with { $0.log.count } - before, store.writeCount)
  }
  static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent(
      "ferry-\(UUID().uuidString)/state.sqlite"
    ).path
  }
  static func remove(_ path: String) {
    try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
  }

  @Test func `a removal killed at any call or journal write ends the same with no second write`()
    async throws
  {
    let (calls, journal) = try await Self.calls(\.plan)
    #expect(calls > 15 && journal > 10)
    var kills: [Kill] = []
    for number in 1...calls { kills += [.beforeCall(number), .afterCall(number)] }
    for number in 1...journal { kills += [.beforeJournal(number), .afterJournal(number)] }
    for kill in kills {
      let world = try await RemovalWorld(propagation: 30)
      let path = Self.temporary()
      defer { Self.remove(path) }
      _ = try world.store(path)
      _ = try await Self.run(world.plan, world, path: path, kill: kill)
      #expect(world.isRemoved, "\(kill)")
      Self.check(world, "\(kill)")
    }
    #expect(kills.count >= 90)
    print("kill test: \(kills.count) points of the removal plan")
  }

  @Test func `a rollback killed at any call or journal write brings back one trio`() async throws {
    let (calls, journal) = try await Self.calls(\.rollback, after: [\.plan])
    var kills: [Kill] = []
    for number in 1...calls { kills += [.beforeCall(number), .afterCall(number)] }
    for number in 1...journal { kills += [.beforeJournal(number), .afterJournal(number)] }
    for kill in kills {
      let world = try await RemovalWorld(propagation: 30)
      let path = Self.temporary()
      defer { Self.remove(path) }
      _ = try world.store(path)
      _ = try await Self.run(world.plan, world, path: path, kill: nil)
      world.model.with { $0.clearLog() }
      _ = try await Self.run(world.rollback, world, path: path, kill: kill)
      #expect(world.isRestored, "\(kill)")
      Self.check(world, "\(kill)")
    }
    #expect(kills.count >= 90)
    print("kill test: \(kills.count) points of the rollback plan")
  }

  @Test(arguments: [2, 3])
  func `what is done again after it was taken back, killed anywhere, is done and taken back again`(
    _ rounds: Int
  ) async throws {
    let earlier = [\RemovalWorld.plan, \.rollback, \.plan].prefix(rounds)
    let last = rounds == 2 ? \RemovalWorld.plan : \.rollback
    let (calls, journal) = try await Self.calls(last, after: Array(earlier))
    var kills: [Kill] = []
    for number in 1...calls { kills += [.beforeCall(number), .afterCall(number)] }
    for number in 1...journal { kills += [.beforeJournal(number), .afterJournal(number)] }
    for kill in kills {
      let world = try await RemovalWorld(propagation: 30).reversible
      let path = Self.temporary()
      defer { Self.remove(path) }
      _ = try world.store(path)
      for plan in earlier {
        _ = try await Self.run(world[keyPath: plan], world, path: path, kill: nil)
      }
      world.model.with { $0.clearLog() }
      _ = try await Self.run(world[keyPath: last], world, path: path, kill: kill)
      #expect(world.writes.values.reduce(0, +) == 2, "\(kill): \(world.writes)")
      let it = world.snapshot
      #expect(
        it.distribution(world.primary)?.policyID == (rounds == 2 ? "" : world.policy), "\(kill)")
      #expect(it.policies.map(\.enabled) == [rounds == 3], "\(kill)")
    }
    #expect(kills.count >= 40)
    print("kill test: \(kills.count) points of round \(rounds + 1)")
  }

  @Test func `over many seeds with faults a killed removal still ends the same`() async throws {
    for seed in 1...40 as ClosedRange<UInt64> {
      let world = try await RemovalWorld(propagation: 30)
      let path = Self.temporary()
      defer { Self.remove(path) }
      _ = try world.store(path)
      let runs = try await Self.run(
        world.plan, world, path: path, kill: .afterCall(Int(seed % 23) + 1), seed: seed &* 7919)
      #expect(runs < 60)
      #expect(world.isRemoved, "seed \(seed)")
      Self.check(world, "seed \(seed)")
      world.model.with { $0.clearLog() }
      _ = try await Self.run(
        world.rollback, world, path: path, kill: .beforeCall(Int(seed % 19) + 1),
        seed: seed &* 104_729)
      #expect(world.isRestored, "seed \(seed)")
      Self.check(world, "seed \(seed)")
    }
  }
}

/// Throttling, 5xx and lost answers, the same for the same seed.
final class SeededFaults: @unchecked Sendable {
  private let lock = NSLock()
  private var random: SplitMix64?
  init(_ seed: UInt64?) { random = seed.map(SplitMix64.init(seed:)) }
  private func chance(_ percent: UInt64) -> Bool {
    lock.withLock {
      guard random != nil else { return false }
      return (random?.next() ?? 0) % 100 < percent
    }
  }
  func before(_ request: ServiceRequest) -> ServiceResponse? {
    if chance(6) {
      return .awsError(status: 400, code: "Throttling", message: "Rate exceeded", requestID: "r")
    }
    if chance(6) {
      return .awsError(status: 503, code: "ServiceUnavailable", message: "later", requestID: "r")
    }
    return nil
  }
  func losesAnswer(_ request: ServiceRequest) -> Bool { chance(8) }
}
