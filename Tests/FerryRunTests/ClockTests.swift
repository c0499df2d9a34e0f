import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

/// Whatever is done to the wall clock, no gate opens early.
struct ClockTests {
  enum Trouble: String, CaseIterable, Sendable {
    case hourBack, hourForward, yearsForward, to1970, frozen, doubleRate, suspended
  }

  /// Does it to the clock once, in the middle of the wait after the lowering.
  static func act(_ trouble: Trouble, _ clock: VirtualClock) {
    switch trouble {
    case .hourBack: clock.jump(seconds: -3600)
    case .hourForward: clock.jump(seconds: 3600)
    case .yearsForward: clock.jump(seconds: 10 * 365 * 86_400)
    case .to1970: clock.jump(seconds: -clock.now.timeIntervalSince1970)
    case .frozen: clock.run(atRate: 0)
    case .doubleRate: clock.run(atRate: 2)
    case .suspended: clock.advance(seconds: 8 * 3600)
    }
  }

  @Test(arguments: Trouble.allCases)
  func `a run whose wall clock is set goes on late at most`(_ trouble: Trouble) async throws {
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var options = world.options()
    // A clock that stands still, or is back in 1970, keeps a run waiting for as long as it does.
    options.maxWaitSeconds = 14_000
    let clock = world.clock
    let once = Once()
    let outcome = try await world.run(store: store, options: options) { event in
      guard case .waiting(let step, _, _, _, _) = event, step.id == "lower-ttl",
        clock.passedSeconds > 1000, once.first()
      else { return }
      Self.act(trouble, clock)
    }
    let stays = trouble == .frozen || trouble == .to1970
    #expect(outcome.exit == (stays ? .notYet : .done), "\(String(describing: outcome.error))")
    let writes = world.names.effectiveWrites
    if writes.count > 1 { #expect(writes[1].at >= world.names.seenEverywhere(0) + 3960) }
    if writes.count > 2 { #expect(writes[2].at >= world.names.seenEverywhere(1) + 240 + 900) }
    if stays { #expect(writes.count == 1) }
  }

  @Test(arguments: Trouble.allCases)
  func `a clock that is set between two runs of one machine opens no gate either`(
    _ trouble: Trouble
  ) async throws {
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    for turn in 0..<48 {
      let outcome = try await world.run(store: store, options: world.options(.advance))
      if turn == 3 { Self.act(trouble, world.clock) }
      if outcome.exit == .done { break }
      #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
      world.clock.advance(seconds: 300)
    }
    let writes = world.names.effectiveWrites
    if writes.count > 1 { #expect(writes[1].at >= world.names.seenEverywhere(0) + 3960) }
    if writes.count > 2 { #expect(writes[2].at >= world.names.seenEverywhere(1) + 240 + 900) }
    #expect(writes.count == (trouble == .frozen || trouble == .to1970 ? 1 : 3))
  }

  @Test func `a machine restarted with a wrong clock waits what the journal cannot prove`()
    async throws
  {
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var options = world.options()
    options.maxWaitSeconds = 2500
    #expect(try await world.run(store: store, options: options).exit == .notYet)
    let stopped = world.clock.passedSeconds
    world.clock.reboot(as: "virtual/2")
    world.clock.jump(seconds: 86_400)
    #expect(try await world.run(store: store).exit == .done)
    let flip = world.names.effectiveWrites[1].at
    #expect(flip >= world.names.seenEverywhere(0) + 3960)
    // What had been waited before counts, up to the last heartbeat.
    #expect(flip <= stopped + 3960 - 2500 + 700)
  }

  @Test func `another machine goes on by its wall clock`() async throws {
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var until: Date?
    for machine in 0..<40 {
      world.clock.reboot(as: "machine-\(machine)/boot")
      let outcome = try await world.run(store: store, options: world.options(.advance))
      if outcome.exit == .done { break }
      until = outcome.report.until
      world.clock.advance(seconds: (until ?? world.clock.now).timeIntervalSince(world.clock.now))
    }
    let writes = world.names.effectiveWrites
    try #require(writes.count == 3)
    #expect(writes[1].at >= world.names.seenEverywhere(0) + 3960)
  }

  @Test func `a wall clock set forward during a run opens no window and no earliest time`()
    async throws
  {
    var world = CutoverWorld()
    world.plan.steps[2].earliest = world.clock.now + 9000
    world.plan = world.plan.sealed
    world.rollback.rollbackOf = world.plan.digest
    world.rollback = world.rollback.sealed
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let window = try ChangeWindow(
      timeZone: "UTC", allow: ["Thu 00:00-00:30", "Thu 02:00-24:00", "Fri 00:00-24:00"], freeze: [])
    let clock = world.clock
    let once = Once()
    let outcome = try await world.run(store: store, windows: ["dns": window]) { event in
      guard case .waiting(let step, _, _, _, _) = event, step.id == "lower-ttl",
        clock.passedSeconds > 1000, once.first()
      else { return }
      clock.jump(seconds: 3 * 3600)
    }
    // 9000 s are past 02:00, so that both clocks agree in the end.
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(world.names.effectiveWrites[1].at >= 9000)
  }

  @Test func `readings of one boot compare by elapsed time, of two machines by the wall clock`() {
    func reading(_ at: Double, _ elapsed: Double, _ origin: String) -> ClockReading {
      ClockReading(
        at: Date(timeIntervalSince1970: at), elapsed: Elapsed(seconds: elapsed, origin: origin))
    }
    let start = reading(1000, 50, "here/1")
    #expect(reading(99_000, 80, "here/1").seconds(since: start) == 30)
    #expect(reading(0, 80, "here/1").seconds(since: start) == 30)
    #expect(reading(99_000, 5, "here/2").seconds(since: start) == 0)
    #expect(reading(1100, 5, "there/1").seconds(since: start) == 100)
    #expect(reading(900, 5, "there/1").seconds(since: start) == 0)
  }
}
