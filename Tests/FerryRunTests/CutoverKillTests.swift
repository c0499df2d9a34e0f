import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

/// A cutover and its rollback, killed at every call and every journal write and resumed until done: the same
/// end, no change made twice, no wait cut short.
struct CutoverKillTests {
  enum Direction: String, CaseIterable, Sendable {
    case forward, back
    /// The bake fails, and the run undoes itself.
    case undone
    /// After it was taken back, and taking that back again.
    case forwardAgain, backAgain

    var isBack: Bool { [.back, .backAgain].contains(self) }
    /// The runs before it, each of them back or not.
    var before: [Bool] {
      switch self {
      case .forward, .undone: []
      case .back: [false]
      case .forwardAgain: [false, true]
      case .backAgain: [false, true, false]
      }
    }
  }

  /// Longer than everything else of the way back takes.
  static let copiesSeconds = 2000

  /// Looks are rare and there is little to wait for, so that there are few points to kill at.
  static func prepared(_ direction: Direction) async throws -> (
    world: CutoverWorld, store: SQLiteState
  ) {
    var world = CutoverWorld(window: nil, ttl: 300, bakeSeconds: 240)
    // As the planner has it: two steps undo the restored TTL, and users are back before its copies run out.
    let drain = Step(
      id: "drain", title: "Wait", account: nil, action: .observe, window: nil,
      wait: .init(from: "last-authoritative-change", seconds: copiesSeconds, terms: []),
      undoes: "restore-ttl")
    world.rollback.steps[0].wait = nil
    world.rollback.steps.insert(drain, at: 2)
    world.rollback = world.rollback.sealed
    let store = try world.store()
    if direction == .undone {
      world.names.change {
        $0.status = { target, at in target == CutoverWorld.target && at > 800 ? 500 : 200 }
      }
    }
    for isBack in direction.before {
      let outcome = try await Runner.run(
        isBack ? world.rollback : world.plan, store: store, world: world.world(),
        options: options(world))
      #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    }
    return (world, store)
  }
  static func options(_ world: CutoverWorld) -> RunOptions {
    var options = world.options()
    options.authoritativePollSeconds = 60
    return options
  }

  static func hooks(_ kill: KillTests.Kill?) -> SimulatedNames.Hooks {
    .init(
      before: { _, number throws(FerryError) in
        if case .beforeCall(number)? = kill { throw KillTests.death }
      },
      after: { _, number throws(FerryError) in
        if case .afterCall(number)? = kill { throw KillTests.death }
      })
  }

  /// Runs to the end, killed once, and says how the last run ended.
  static func run(
    _ direction: Direction, _ world: CutoverWorld, path: String, kill: KillTests.Kill?
  ) async throws -> ExitCode? {
    var kill = kill
    for _ in 0..<20 {
      let store = try SQLiteState(path: path, durable: false)
      if case .beforeJournal(let number)? = kill {
        store.killAfter(writes: number - 1, landed: false)
      }
      if case .afterJournal(let number)? = kill {
        store.killAfter(writes: number - 1, landed: true)
      }
      world.names.set(hooks(kill))
      do throws(FerryError) {
        let outcome = try await Runner.run(
          direction.isBack ? world.rollback : world.plan, store: store, world: world.world(),
          options: options(world))
        if [.done, .rolledBack].contains(outcome.exit) { return outcome.exit }
        #expect(
          outcome.error?.code == "killed" || outcome.error?.why == "by the test",
          "\(String(describing: kill)): \(String(describing: outcome.error))")
      } catch {
        #expect(error.code == "killed")
      }
      kill = nil
      // The dead holder's lease runs out.
      world.clock.advance(seconds: 61)
    }
    return nil
  }

  static func check(_ direction: Direction, _ world: CutoverWorld, _ label: String) {
    let there = [CutoverWorld.lowered, CutoverWorld.flipped, world.restored]
    let back = [CutoverWorld.flipped, CutoverWorld.lowered, world.before]
    let earlier = direction.before.flatMap { $0 ? back : there }
    let writes = world.names.effectiveWrites
    let first = earlier.count
    switch direction {
    case .forward, .forwardAgain:
      #expect(world.history == earlier + there, "\(label)")
      guard writes.count == first + 3 else { return }
      #expect(
        writes[first + 1].at >= world.names.seenEverywhere(first) + Double(world.drainSeconds),
        "\(label)")
      #expect(
        writes[first + 2].at >= world.names.seenEverywhere(first + 1) + 240
          + Double(world.bakeSeconds), "\(label)")
    case .back, .backAgain:
      #expect(world.history == earlier + back, "\(label)")
      guard writes.count == first + 3 else { return }
      #expect(
        writes[first + 2].at >= world.names.seenEverywhere(first) + Double(copiesSeconds),
        "\(label)")
      #expect(writes[first + 2].at >= world.names.seenEverywhere(first + 1) + 240, "\(label)")
    case .undone:
      #expect(
        world.history == [
          CutoverWorld.lowered, CutoverWorld.flipped, CutoverWorld.lowered, world.before,
        ], "\(label)")
      guard writes.count == 4 else { return }
      #expect(writes[3].at >= world.names.seenEverywhere(2) + 240, "\(label)")
    }
  }

  @Test(arguments: Direction.allCases)
  func
    `a cutover killed at any call or journal write ends the same, with no second write and no wait cut short`(
      _ direction: Direction
    ) async throws
  {
    let (eve, prepared) = try await Self.prepared(direction)
    defer { KillTests.remove(prepared.path) }
    let database = try Data(contentsOf: URL(fileURLWithPath: prepared.path))
    func world() throws -> (CutoverWorld, String) {
      let path = KillTests.temporary()
      let store = try SQLiteState(path: path, durable: false)
      _ = store
      try database.write(to: URL(fileURLWithPath: path))
      chmod(path, 0o600)
      return (eve.copy(), path)
    }
    let (trial, trialPath) = try world()
    defer { KillTests.remove(trialPath) }
    let counted = try SQLiteState(path: trialPath, durable: false)
    let whole = try await Runner.run(
      direction.isBack ? trial.rollback : trial.plan, store: counted, world: trial.world(),
      options: Self.options(trial))
    let end: ExitCode = direction == .undone ? .rolledBack : .done
    #expect(whole.exit == end, "\(String(describing: whole.error))")
    let (calls, journal) = (trial.names.callCount, counted.writeCount)
    #expect(calls > 20 && journal > 12)
    var kills: [KillTests.Kill] = []
    for number in 1...calls { kills += [.beforeCall(number), .afterCall(number)] }
    for number in 1...journal { kills += [.beforeJournal(number), .afterJournal(number)] }
    for kill in kills {
      let (world, path) = try world()
      defer { KillTests.remove(path) }
      #expect(try await Self.run(direction, world, path: path, kill: kill) == end, "\(kill)")
      Self.check(direction, world, "\(direction) \(kill)")
      guard direction.isBack || direction == .undone else { continue }
      // What is taken back says so, or the plan could not be run again.
      let state = RunState(
        try SQLiteState(path: path, durable: false).records(plan: world.plan.digest))
      #expect(state.isRolledBack, "\(direction) \(kill)")
      for step in world.plan.steps where step.action != .observe {
        guard let own = state.steps[step.id] else { continue }
        #expect(own.phase == .undone, "\(direction) \(kill): \(step.id) is \(own.phase)")
      }
    }
    #expect(kills.count >= 90)
    print("kill test: \(kills.count) points of a cutover, \(direction)")
  }
}
