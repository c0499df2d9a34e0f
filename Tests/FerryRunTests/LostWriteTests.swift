import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// A run that is killed before it hears of its write, and is taken back at once, while reads still show what was before.
struct LostWriteTests {
  /// Kills a run at one of its writes, and answers reads from before it for as long as reads may lag.
  final class Loss: @unchecked Sendable {
    private let world: RemovalWorld
    private let number: Int
    private let landed: Bool
    private let lock = NSLock()
    private var writes = 0
    private var past: (model: CloudFrontModel, at: Date)?
    private(set) var operation = ""
    init(_ world: RemovalWorld, at number: Int, landed: Bool) {
      (self.world, self.number, self.landed) = (world, number, landed)
    }

    var killing: ModelTransport.Faults {
      .init(
        before: { [self] request, _ throws(FerryError) in
          guard request.method != "GET" else { return nil }
          let isIt = lock.withLock { () -> Bool in
            writes += 1
            guard writes == number else { return false }
            past = (world.model.with { $0 }, world.clock.now)
            operation = request.operation
            return true
          }
          if isIt, !landed { throw KillTests.death }
          return nil
        },
        after: { [self] request, answer, _ throws(FerryError) in
          if request.method != "GET", lock.withLock({ writes == number }) { throw KillTests.death }
          return answer
        })
    }
    var lagging: ModelTransport.Faults {
      .init(before: { [self] request, _ throws(FerryError) in
        guard landed, request.method == "GET",
          var old = lock.withLock({
            past.flatMap { world.clock.now < $0.at + 100 ? $0.model : nil }
          })
        else { return nil }
        return old.handle(
          request, account: RemovalWorld.account, callerARN: "arn:aws:iam::1:user/x",
          now: world.clock.now)
      })
    }
  }

  /// - Returns: the operation that was lost; empty when there are fewer writes.
  private func takeBack(_ world: RemovalWorld, at number: Int, landed: Bool) async throws -> String
  {
    let path = KillTests.temporary()
    defer { KillTests.remove(path) }
    let loss = Loss(world, at: number, landed: landed)
    _ = try? await Runner.run(
      world.plan, store: world.store(path), world: world.world(faults: loss.killing),
      options: world.options())
    guard !loss.operation.isEmpty else { return "" }
    // The dead holder's lease runs out.
    world.clock.advance(seconds: 61)
    let outcome = try await Runner.run(
      world.rollback, store: SQLiteState(path: path, durable: false),
      world: world.world(faults: loss.lagging), options: world.options())
    #expect(outcome.exit == .done, "\(loss.operation): \(String(describing: outcome.error))")
    world.clock.advance(seconds: 600)
    return loss.operation
  }

  @Test(arguments: [true, false])
  func `a removal that lost an answer is taken back whole, however late the write is seen`(
    landed: Bool
  ) async throws {
    var lost: [String] = []
    for number in 1...20 {
      let world = try await RemovalWorld(propagation: 30)
      let operation = try await takeBack(world, at: number, landed: landed)
      if operation.isEmpty { break }
      lost.append(operation)
      #expect(world.isRestored, "\(number), \(operation)")
    }
    #expect(
      lost == [
        "UpdateContinuousDeploymentPolicy", "UpdateDistribution",
        "DeleteContinuousDeploymentPolicy", "UpdateDistribution",
        "DeleteDistribution",
      ])
  }

  @Test(arguments: [true, false])
  func `a promote that lost its answer is taken back, however late it is seen`(
    landed: Bool
  ) async throws {
    let world = try await PromoteWorld()
    let operation = try await takeBack(world.base, at: 1, landed: landed)
    #expect(operation == "UpdateDistributionWithStagingConfig")
    #expect(try await world.isRestored())
  }

  @Test(arguments: [false, true])
  func `a write that was refused did nothing, unless the answer to one before it was lost`(
    _ isAfterLoss: Bool
  ) async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    let writes = Locked(0)
    let refusing = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      guard request.method != "GET" else { return nil }
      let number = writes.withLock { it in
        it += 1
        return it
      }
      if isAfterLoss, number == 1 { throw ModelTransport.Faults.lost(request) }
      return .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r")
    })
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.world(faults: refusing), options: world.options())
    #expect(outcome.exit == .denied)
    let first = try #require(world.plan.steps.first?.id)
    let step = RunState(try store.records(plan: world.plan.digest)).steps[first]
    #expect(step?.hadEffect == isAfterLoss)
    #expect(step?.phase == (isAfterLoss ? .intended : .pending))
    // There is nothing to take back, and nothing to wait for.
    let began = world.clock.now
    let back = try await Runner.run(
      world.rollback, store: store, world: world.world(), options: world.options())
    #expect(back.exit == .done, "\(String(describing: back.error))")
    let took = world.clock.now.timeIntervalSince(began)
    #expect(isAfterLoss ? took > 60 : took == 0, "\(took)")
    // With the right to, the same plan goes on from there.
    if !isAfterLoss {
      let done = try await Runner.run(
        world.plan, store: store, world: world.world(), options: world.options())
      #expect(done.exit == .done, "\(String(describing: done.error))")
      #expect(world.isRemoved)
    }
  }

  /// A zone that loses the answer to one write, and shows it late.
  private struct LateZone: ZoneEditor {
    let zone: any ZoneEditor
    let clock: VirtualClock
    let loss: Locked<(left: Int, old: [RecordKey: RecordValue], until: Date)>
    var provider: String { zone.provider }
    func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
      let late = loss.withLock { $0.left == 0 && clock.now < $0.until ? $0.old : nil }
      if let late { return late }
      return try await zone.read(keys)
    }
    func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
      let old = try await zone.read(changes.map(\.key))
      let change = try await zone.write(changes, comment: comment)
      let isIt = loss.withLock { it in
        it.left -= 1
        if it.left == 0 { (it.old, it.until) = (old, clock.now + 100) }
        return it.left == 0
      }
      if isIt { throw KillTests.death }
      return change
    }
    func isInSync(_ change: String) async throws(FerryError) -> Bool? {
      try await zone.isInSync(change)
    }
    func ticket(_ changes: [RecordChange]) -> String? { zone.ticket(changes) }
  }

  @Test(arguments: 1...3)
  func `a change of DNS that lost its answer is taken back, however late it is seen`(
    number: Int
  ) async throws {
    let cutover = CutoverWorld(onFailure: nil, window: nil)
    let store = try cutover.store()
    defer { KillTests.remove(store.path) }
    let zone = LateZone(
      zone: cutover.names.zone(), clock: cutover.clock, loss: Locked((number, [:], .distantPast)))
    var world = cutover.world()
    world.zones = { _ throws(FerryError) in zone }
    _ = try? await Runner.run(
      cutover.plan, store: store, world: world, options: cutover.options())
    #expect(cutover.names.effectiveWrites.count == number)
    cutover.clock.advance(seconds: 61)
    let outcome = try await Runner.run(
      cutover.rollback, store: store, world: world, options: cutover.options())
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(cutover.isBefore)
  }
}
