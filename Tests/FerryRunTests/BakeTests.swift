import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

/// What happens while a flip is watched.
struct BakeTests {
  /// When the bake begins in a run that nothing disturbs.
  static let flipAt = 4010.0
  static func isNew(_ target: String) -> Bool { target == CutoverWorld.target }

  @Test func `a bake that fails is rolled back by itself, verified, and ends in 6`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.change { $0.status = { target, at in Self.isNew(target) && at > 4600 ? 500 : 200 } }
    let said = Tally()
    let outcome = try await world.run(store: store) { if case .rollingBack = $0 { said.add(1) } }
    #expect(outcome.exit == .rolledBack, "\(String(describing: outcome.error))")
    #expect(outcome.error?.code == "rolled-back" && outcome.error?.why.contains("500") == true)
    #expect(outcome.report.state == .rolledBack && outcome.report.debts.isEmpty)
    #expect(said.total == 1)
    #expect(world.isBefore)
    #expect(
      world.history == [
        CutoverWorld.lowered, CutoverWorld.flipped, CutoverWorld.lowered, CutoverWorld.before,
      ])
    let writes = world.names.effectiveWrites
    #expect(writes[2].at > 4600 && writes[2].at < 4700)
    // The old answer is proven everywhere before its TTL is raised again.
    #expect(writes[3].at >= world.names.seenEverywhere(2) + 240)
    // Asked again it stays where it is.
    for mode in [RunOptions.Mode.apply, .advance] {
      let again = try await world.run(store: store, options: world.options(mode))
      #expect(again.exit == .rolledBack)
    }
    #expect(world.names.effectiveWrites.count == 4)
    let state = RunState(try store.records(plan: world.plan.digest))
    #expect(StatusReport(world.plan, state, path: "www").exit == .done)
  }

  @Test func `one failing look, or two, are no failure`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.change {
      $0.status = { target, at in
        Self.isNew(target) && Int(at) % 100 < 15 ? 503 : 200
      }
    }
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(world.isMoved)
  }

  @Test func `traffic of another distribution than the target's is a failure, status or not`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let names = world.names
    let outcome = try await world.run(store: store) { event in
      guard case .began(let step, _, _) = event, step.id == "bake" else { return }
      names.change { $0.markers[CutoverWorld.target] = "E111" }
    }
    #expect(outcome.exit == .rolledBack)
    #expect(outcome.error?.why.contains("served by E111 instead of E222") == true)
    #expect(world.isBefore)
  }

  @Test
  func `a bake that fails holds the plan where the plan says so, and a person goes either way`()
    async throws
  {
    for goesOn in [true, false] {
      let world = CutoverWorld(onFailure: goesOn ? .hold : nil)
      let store = try world.store()
      defer { KillTests.remove(store.path) }
      world.names.change {
        $0.status = { target, at in Self.isNew(target) && at > 4600 && at < 9000 ? 0 : 200 }
      }
      for mode in [RunOptions.Mode.apply, .advance] {
        let outcome = try await world.run(store: store, options: world.options(mode))
        #expect(outcome.exit == .blocked && outcome.error?.code == "check-failed")
        #expect(outcome.error?.next.contains("edgeferry rollback www") == true)
        #expect(outcome.report.state == .blocked && outcome.report.debts == ["restore-ttl"])
      }
      #expect(world.history.count == 2)
      world.clock.advance(seconds: 9000)
      let next = try await world.run(goesOn ? world.plan : world.rollback, store: store)
      #expect(next.exit == .done, "\(String(describing: next.error))")
      #expect(goesOn ? world.isMoved : world.isBefore)
    }
  }

  @Test func `a target that does not serve is met before the flip`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.change { $0.status = { target, _ in Self.isNew(target) ? 403 : 200 } }
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .blocked && outcome.report.step?.id == "prove-target")
    #expect(world.history == [CutoverWorld.lowered])
  }

  @Test func `a plan that undoes itself begins only with its rollback plan at hand, and keeps it`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var options = world.options()
    options.rollback = nil
    let without = try await world.run(store: store, options: options)
    #expect(without.exit == .blocked && without.error?.code == "no-rollback-plan")
    #expect(world.names.callCount == 0)
    options.until = "flip"
    options.rollback = world.rollback
    #expect(try await world.run(store: store, options: options).exit == .notYet)
    // Another one, though of the same plan, was not there when the run began.
    var other = world.rollback
    other.steps.removeLast()
    options.rollback = other.sealed
    options.until = nil
    let swapped = try await world.run(store: store, options: options)
    #expect(swapped.exit == .blocked && swapped.error?.code == "other-rollback-plan")
    #expect(world.history == [CutoverWorld.lowered])
  }

  @Test func `a hold keeps a run from undoing itself, until it is released`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.change { $0.status = { target, at in Self.isNew(target) && at > 4600 ? 500 : 200 } }
    let once = Once()
    let held = try await world.run(store: store) { event in
      guard case .began(let step, _, _) = event, step.id == "bake", once.first() else { return }
      _ = try? store.append(
        RecordDraft(.held, plan: world.plan.digest, at: world.clock.now), under: nil)
    }
    #expect(held.exit == .blocked && held.report.reason?.hasPrefix("held") == true)
    #expect(world.history.count == 2)
    try store.append(
      RecordDraft(.released, plan: world.plan.digest, at: world.clock.now), under: nil)
    // The decision stands, even if the edge is well again.
    world.names.change { $0.status = { _, _ in 200 } }
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .rolledBack)
    #expect(world.isBefore)
  }

  @Test func `with advance a run undoes itself step by step, saying until when`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.change { $0.status = { target, at in Self.isNew(target) && at > 4400 ? 500 : 200 } }
    var exits: [ExitCode] = []
    for _ in 0..<60 {
      let outcome = try await world.run(store: store, options: world.options(.advance))
      exits.append(outcome.exit)
      if outcome.exit != .notYet { break }
      let until = try #require(outcome.report.until)
      world.clock.advance(seconds: max(1, until.timeIntervalSince(world.clock.now)))
    }
    #expect(exits.last == .rolledBack && exits.count < 30)
    #expect(world.isBefore)
  }
}
