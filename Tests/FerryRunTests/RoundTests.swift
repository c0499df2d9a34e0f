import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// A plan that is taken back and carried out again: each round looks at everything for itself.
struct RoundTests {
  private struct Scene {
    let world: RemovalWorld
    let store: SQLiteState

    init() async throws {
      world = try await RemovalWorld(propagation: 30).reversible
      store = try world.store()
    }
    func end() { KillTests.remove(store.path) }
    func run(
      _ plan: Plan, faults: ModelTransport.Faults = .init(),
      _ edit: (inout RunOptions) -> Void = { _ in }
    ) async throws -> RunOutcome {
      var options = world.options()
      edit(&options)
      return try await Runner.run(
        plan, store: store, world: world.world(faults: faults), options: options)
    }
    /// There, back, and so on: the last one is left to the caller.
    func rounds(_ plans: Plan...) async throws {
      for plan in plans {
        let done = try await run(plan)
        #expect(done.exit == .done, "\(String(describing: done.error))")
      }
    }
    func state(_ plan: Plan) throws -> RunState { RunState(try store.records(plan: plan.digest)) }
    /// Somebody else turns the policy on or off.
    func setPolicy(_ from: String, _ to: String) async throws {
      let client = CloudFrontClient(
        ModelTransport(world.model, account: RemovalWorld.account, clock: world.clock))
      let it = try await client.policy(world.policy)
      let edit = ConfigEdit(path: "Enabled", from: from, to: to)
      _ = try await client.updatePolicy(
        it.id, config: it.config.edited([edit], shape: "ContinuousDeploymentPolicyConfig"),
        ifMatch: it.etag)
      world.clock.advance(seconds: 1000)
    }
    var isDetached: Bool {
      let it = world.snapshot
      return it.distribution(world.primary)?.policyID == "" && it.policies.map(\.enabled) == [false]
    }
    var isAttached: Bool {
      let it = world.snapshot
      return it.distribution(world.primary)?.policyID == world.policy
        && it.policies.map(\.enabled) == [true]
    }
  }

  @Test func `a later way back takes no longer than the first`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    var took: [TimeInterval] = []
    for _ in 1...3 {
      try await scene.rounds(scene.world.plan)
      let began = scene.world.clock.now
      try await scene.rounds(scene.world.rollback)
      took.append(scene.world.clock.now.timeIntervalSince(began))
      #expect(scene.isAttached)
    }
    #expect(took[1] == took[0] && took[2] == took[0], "\(took)")
  }

  /// Answers the first read of the policy with what was read of it before anything was done.
  private final class Replay: @unchecked Sendable {
    private let lock = NSLock()
    private var old: ServiceResponse?
    private var isArmed = false
    private(set) var replayed = 0
    func arm() { lock.withLock { isArmed = true } }
    var faults: ModelTransport.Faults {
      ModelTransport.Faults(
        before: { request, _ throws(FerryError) in
          guard Self.isRead(request) else { return nil }
          return self.lock.withLock {
            guard self.isArmed else { return nil }
            self.isArmed = false
            self.replayed += 1
            return self.old
          }
        },
        after: { request, answer, _ throws(FerryError) in
          if Self.isRead(request) { self.lock.withLock { self.old = self.old ?? answer } }
          return answer
        })
    }
    private static func isRead(_ request: ServiceRequest) -> Bool {
      request.method == "GET" && request.path.contains("/continuous-deployment-policy/")
    }
  }
  @Test(arguments: [1, 2, 3])
  func `a read that lags is not taken for what is to be reached, in whatever round`(_ rounds: Int)
    async throws
  {
    let scene = try await Scene()
    defer { scene.end() }
    let replay = Replay()
    // The way back follows at once: what was written long ago lags no more.
    func disable() async throws {
      let part = try await scene.run(scene.world.plan, faults: replay.faults) {
        $0.until = "detach"
      }
      #expect(part.exit == .notYet && scene.world.snapshot.policies.map(\.enabled) == [false])
    }
    try await disable()
    for _ in 1..<rounds {
      try await scene.rounds(scene.world.rollback)
      try await disable()
    }
    replay.arm()
    let back = try await scene.run(scene.world.rollback, faults: replay.faults)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(replay.replayed == 1 && scene.isAttached)
  }

  @Test func `what was so already in one round is looked at again in the next`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    try await scene.setPolicy("true", "false")
    try await scene.rounds(scene.world.plan, scene.world.rollback)
    #expect(try scene.state(scene.world.plan).steps["disable-policy"]?.hadEffect == false)
    try await scene.setPolicy("false", "true")
    try await scene.rounds(scene.world.plan)
    #expect(scene.isDetached)
  }

  @Test func `what was so already is looked at again after a way back in part`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    try await scene.rounds(scene.world.plan)
    // As if the second step had found its goal.
    let back = try await scene.run(scene.world.rollback) { $0.undoOnly = ["detach"] }
    #expect(back.exit == .done && back.report.state == .done && back.report.next == nil)
    #expect(try !scene.state(scene.world.rollback).isUnderWay)
    try await scene.rounds(scene.world.plan)
    #expect(scene.isDetached)
    try await scene.rounds(scene.world.rollback)
    #expect(scene.isAttached)
  }

  @Test func `a way back that stopped between two steps is under way until it is done`()
    async throws
  {
    let scene = try await Scene()
    defer { scene.end() }
    for _ in 1...2 {
      try await scene.rounds(scene.world.plan)
      #expect(try !scene.state(scene.world.rollback).isUnderWay)
      let half = try await scene.run(scene.world.rollback) { $0.until = "enable-policy" }
      #expect(half.exit == .notYet)
      #expect(try scene.state(scene.world.rollback).isUnderWay)
      try await scene.rounds(scene.world.rollback)
      #expect(try !scene.state(scene.world.rollback).isUnderWay)
      #expect(scene.isAttached)
    }
  }

  @Test func `a later way back that has to wait says so, and what to run next`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    try await scene.rounds(scene.world.plan, scene.world.rollback, scene.world.plan)
    let cut = try await scene.run(scene.world.rollback) { $0.until = "attach" }
    #expect(cut.exit == .notYet && cut.report.state == .waiting)
    #expect(cut.report.next?.hasPrefix("edgeferry rollback ") == true)
    #expect(cut.report.steps.map(\.state) == [.pending, .pending])
  }

  @Test func `approvals and gates of a plan that was taken back are over`() throws {
    let at = Date(timeIntervalSince1970: 1_800_000_000)
    var state = RunState([])
    var sequence: Int64 = 0
    func add(_ kind: Record.Kind, _ step: String? = nil) {
      sequence += 1
      state.add(
        Record(sequence: sequence, plan: "p", step: step, kind: kind, at: at, body: .init()))
    }
    add(.approved)
    add(.gate, "a")
    add(.intended, "a")
    add(.applied, "a")
    add(.verified, "a")
    add(.verified, "look")
    #expect(state.approved && state.gates["a"] != nil && state.steps["look"]?.isDone == true)
    add(.undone, "a")
    #expect(state.gates["a"] != nil)
    add(.rolledBack)
    #expect(!state.approved && state.gates.isEmpty && state.isRolledBack)
    #expect(state.steps["a"]?.phase == .undone && state.steps["look"]?.phase == .pending)
    // One that took itself back says so to whoever asks, by the approval that it has.
    add(.approved)
    add(.undoing)
    add(.rolledBack)
    #expect(state.approved)
    add(.gate, "a")
    add(.finished)
    add(.again)
    #expect(state.gates.isEmpty && !state.isFinished)
    #expect(state.steps.values.allSatisfy { $0.phase == .pending && !$0.hadEffect })
  }
}
