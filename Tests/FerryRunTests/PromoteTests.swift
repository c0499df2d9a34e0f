import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// A promote and its way back, with everything that may happen in between.
struct PromoteTests {
  @Test func `a promote carries all but what is the primary's own, and its rollback puts it back`()
    async throws
  {
    let world = try await PromoteWorld()
    let store = try world.base.store()
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.base.world(), options: world.base.options())
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(try await world.isPromoted())
    #expect(
      world.base.writes == ["UpdateDistributionWithStagingConfig \(world.base.primary)": 1])
    let back = try await Runner.run(
      world.rollback, store: store, world: world.base.world(), options: world.base.options())
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.isRestored())
  }

  @Test(arguments: [0.0, 90.0])
  func `right after its rollback a plan is applied anew, also while reads still show it applied`(
    lag: Double
  ) async throws {
    let world = try await PromoteWorld()
    let store = try world.base.store()
    var past = world.base.model.with { $0 }
    for plan in [world.plan, world.rollback] {
      let outcome = try await Runner.run(
        plan, store: store, world: world.base.world(), options: world.base.options())
      #expect(outcome.exit == .done)
      guard plan == world.plan else { continue }
      world.base.clock.advance(seconds: 600)
      past = world.base.model.with { $0 }
    }
    let old = past
    let until = world.base.clock.now + lag
    let clock = world.base.clock
    world.base.model.with { $0.clearLog() }
    let began = clock.now
    let outcome = try await Runner.run(
      world.plan, store: store,
      world: world.base.world(
        faults: .init(before: { request, _ throws(FerryError) in
          guard request.method == "GET", clock.now < until else { return nil }
          var model = old
          return model.handle(
            request, account: RemovalWorld.account, callerARN: "arn:aws:iam::1:user/x",
            now: clock.now)
        })), options: world.base.options())
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(try await world.primary().text(at: "Comment") == "green")
    #expect(
      world.base.writes == ["UpdateDistributionWithStagingConfig \(world.base.primary)": 1])
    #expect(clock.now.timeIntervalSince(began) < lag + 60)
  }

  @Test func `a primary that has everything already is not written to`() async throws {
    let world = try await PromoteWorld()
    let client = try world.base.world().client(RemovalWorld.account)
    let primary = try await client.distribution(world.base.primary)
    let staging = try await client.distribution(world.base.staging)
    _ = try await client.promote(
      primary.id, staging: staging.id, ifMatch: "\(primary.etag), \(staging.etag)")
    world.base.model.with { $0.clearLog() }
    let outcome = try await Runner.run(
      world.plan, store: try world.base.store(), world: world.base.world(),
      options: world.base.options())
    #expect(outcome.exit == .done)
    #expect(world.base.writes.isEmpty)
  }

  @Test(arguments: [true, false])
  func `whichever side was edited since the plan, the promote is stale and says where`(
    staging: Bool
  ) async throws {
    let world = try await PromoteWorld()
    let client = try world.base.world().client(RemovalWorld.account)
    let it = try await client.distribution(staging ? world.base.staging : world.base.primary)
    let edit = ConfigEdit(path: "Comment", from: nil, to: "by hand")
    _ = try await client.updateDistribution(
      it.id, config: it.config.edited([edit], shape: "DistributionConfig"), ifMatch: it.etag)
    world.base.model.with { $0.clearLog() }
    let store = try world.base.store()
    try store.saveImages([world.staging.configDigest: world.staging.xml])
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.base.world(), options: world.base.options())
    #expect(outcome.exit == .stale)
    #expect(
      outcome.error?.causes == ["Comment: planned \(staging ? "green" : "trio"), found by hand"])
    #expect(world.base.writes.isEmpty)
  }

  /// The staging distribution is written to between read and promote: as it was, or otherwise.
  @Test(arguments: [true, false])
  func `after a 412 a promote goes on only with what was planned`(isSame: Bool) async throws {
    let world = try await PromoteWorld()
    let (base, once) = (world.base, Once())
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      if request.operation == "UpdateDistributionWithStagingConfig", once.first() {
        base.model.with { model in
          model.edit(
            distribution: base.staging, account: RemovalWorld.account, now: base.clock.now
          ) {
            $0.set(isSame ? "green" : "rival", at: "Comment", shape: "DistributionConfig")
          }
        }
      }
      return nil
    })
    let store = try world.base.store()
    try store.saveImages([world.staging.configDigest: world.staging.xml])
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.base.world(faults: faults),
      options: world.base.options())
    #expect(outcome.exit == (isSame ? .done : .stale), "\(String(describing: outcome.error))")
    #expect(try await world.isPromoted() == isSame)
  }

  @Test func `each fault at each place of a promote and of its rollback has its end`()
    async throws
  {
    let world = try await PromoteWorld()
    try await FaultMatrixTests.checkAll(
      \.plan, of: world.base, "promote", least: 2, isEnd: world.isPromoted(in:))
    let other = try await PromoteWorld()
    try await FaultMatrixTests.checkAll(
      \.rollback, of: other.base, "promote's rollback", least: 2, isEnd: other.isRestored(in:))
  }

  @Test func `a promote killed at any call or journal write ends the same with no second write`()
    async throws
  {
    let first = try await PromoteWorld()
    let path = KillTests.temporary()
    defer { KillTests.remove(path) }
    let store = try first.base.store(path)
    let outcome = try await Runner.run(
      first.plan, store: store, world: first.base.world(), options: first.base.options())
    #expect(outcome.exit == .done)
    let calls = first.base.model.with { $0.log.count }
    #expect(calls > 4 && store.writeCount > 3)
    var kills: [KillTests.Kill] = []
    for number in 1...calls { kills += [.beforeCall(number), .afterCall(number)] }
    for number in 1...store.writeCount { kills += [.beforeJournal(number), .afterJournal(number)] }
    #expect(kills.count >= 20)
    for (index, kill) in kills.enumerated() {
      let world = try await PromoteWorld()
      let path = KillTests.temporary()
      defer { KillTests.remove(path) }
      _ = try world.base.store(path)
      let seed = index % 2 == 0 ? nil : UInt64(index) &* 7919
      _ = try await KillTests.run(world.plan, world.base, path: path, kill: kill, seed: seed)
      #expect(try await world.isPromoted(), "\(kill)")
      #expect(
        world.base.writes == ["UpdateDistributionWithStagingConfig \(world.base.primary)": 1],
        "\(kill)")
      world.base.model.with { $0.clearLog() }
      _ = try await KillTests.run(world.rollback, world.base, path: path, kill: kill, seed: seed)
      #expect(try await world.isRestored(), "\(kill)")
      #expect(world.base.writes == ["UpdateDistribution \(world.base.primary)": 1], "\(kill)")
    }
  }

  @Test func `lives that are shorter than reads may lag get a promote done`() async throws {
    let first = try await PromoteWorld()
    let path = KillTests.temporary()
    defer { KillTests.remove(path) }
    let store = try first.base.store(path)
    _ = try await Runner.run(
      first.plan, store: store, world: first.base.world(), options: first.base.options())
    for number in 1...store.writeCount {
      let world = try await PromoteWorld()
      let path = KillTests.temporary()
      defer { KillTests.remove(path) }
      let killed = try world.base.store(path)
      killed.killAfter(writes: number - 1, landed: true)
      _ = try? await Runner.run(
        world.plan, store: killed, world: world.base.world(), options: world.base.options())
      var options = world.base.options()
      options.maxWaitSeconds = 25
      var ends: [ExitCode] = []
      while ends.count < 20, ends.last != .done {
        world.base.clock.advance(seconds: 61)
        ends.append(
          try await Runner.run(
            world.plan, store: world.base.store(path), world: world.base.world(), options: options
          ).exit)
      }
      #expect(ends.last == .done, "\(number): \(ends)")
      #expect(try await world.isPromoted(), "\(number)")
    }
  }
}
