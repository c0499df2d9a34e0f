import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Synchronization
import Testing

@testable import FerryRun

/// Credentials that go missing in the middle of a wait.
struct CredentialPauseTests {
  /// Runs with every request refused for want of credentials, from the first wait on and for a while.
  func run(_ exit: ExitCode, forSeconds: Double) async throws -> (
    outcome: RunOutcome, store: SQLiteState, world: RemovalWorld, waited: Double
  ) {
    let world = try await RemovalWorld()
    let store = try world.store()
    let clock = world.clock
    let began = Atomic<Int>(0)
    let faults = ModelTransport.Faults(before: { _, _ throws(FerryError) in
      let since = began.load(ordering: .relaxed)
      guard since > 0, clock.now.timeIntervalSince1970 < Double(since) + forSeconds else {
        return nil
      }
      throw FerryError(.credentials, exit: exit, what: "no keys", why: "they ended", next: "")
    })
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.world(faults: faults), options: world.options()
    ) { event in
      guard case .waiting = event, began.load(ordering: .relaxed) == 0 else { return }
      began.store(Int(clock.now.timeIntervalSince1970), ordering: .relaxed)
    }
    let since = Double(began.load(ordering: .relaxed))
    return (outcome, store, world, clock.now.timeIntervalSince1970 - since)
  }

  @Test func `a wait goes on until they are back`() async throws {
    let it = try await run(.failed, forSeconds: 900)
    #expect(it.outcome.exit == .done, "\(String(describing: it.outcome.error))")
    #expect(it.waited > 900)
    #expect(it.world.isRemoved)
  }
  @Test func `a wait ends when only a person can renew them, and the next run goes on`()
    async throws
  {
    let it = try await run(.notYet, forSeconds: 900)
    #expect(it.outcome.exit == .notYet)
    #expect(it.waited < 60)
    #expect(it.outcome.report.reason?.contains("they ended") == true)
    let rest = try await Runner.run(
      it.world.plan, store: it.store, world: it.world.world(), options: it.world.options())
    #expect(rest.exit == .done)
    #expect(it.world.isRemoved)
  }
}
