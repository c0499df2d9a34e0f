import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

struct RunnerTests {
  @Test(arguments: ServiceFailure.throttlingCodes.sorted())
  func `every code for too many calls pauses a run and fails none`(_ code: String)
    async throws
  {
    let world = try await RemovalWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let faults = ModelTransport.Faults(before: { _, _ throws(FerryError) in
      .awsError(status: 400, code: code, message: "Rate exceeded", requestID: "r")
    })
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.world(faults: faults), options: world.options())
    #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
    #expect(world.writes.isEmpty)
  }

  @Test func `a removal runs to its end and its rollback brings the trio back`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    let done = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(done.report.state == .done)
    #expect(world.isRemoved)
    #expect(world.writes.values.allSatisfy { $0 <= 2 })
    let back = try await Runner.run(
      world.rollback, store: store, world: world.world(), options: world.options())
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(world.isRestored)
    let state = RunState(try store.records(plan: world.plan.digest))
    #expect(state.isRolledBack)
    #expect(StatusReport(world.plan, state, path: "removal").exit == .done)
  }

  @Test func `running a finished plan again writes nothing`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    _ = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    let before = world.writes
    let again = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    #expect(again.exit == .done)
    #expect(world.writes == before)
  }

  @Test func `a partial rollback keeps the steps up to the one named`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    _ = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    var options = world.options()
    options.undoOnly = ["delete-policy", "disable-staging", "delete-staging"]
    let back = try await Runner.run(
      world.rollback, store: store, world: world.world(), options: options)
    #expect(back.exit == .done)
    #expect(world.snapshot.policies.map(\.enabled) == [false])
    #expect(world.snapshot.distribution(world.primary)?.policyID == "")
    // And the rest of the way.
    let rest = try await Runner.run(
      world.rollback, store: store, world: world.world(), options: world.options())
    #expect(rest.exit == .done)
    #expect(world.isRestored)
  }

  @Test func `a rollback of a plan that did nothing does nothing`() async throws {
    let world = try await RemovalWorld()
    let back = try await Runner.run(
      world.rollback, store: try world.store(), world: world.world(), options: world.options())
    #expect(back.exit == .done)
    #expect(back.report.steps.allSatisfy { $0.state == .skipped })
    #expect(world.writes.isEmpty)
  }

  @Test func `advance does what is due, says what it waits for and ends at last`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    var exits: [ExitCode] = []
    for _ in 0..<40 {
      let outcome = try await Runner.run(
        world.plan, store: store, world: world.world(), options: world.options(.advance))
      exits.append(outcome.exit)
      if outcome.exit == .done { break }
      #expect(outcome.exit == .notYet)
      #expect(outcome.report.state == .waiting)
      #expect(outcome.report.until != nil && outcome.report.reason != nil)
      world.clock.advance(seconds: 100)
    }
    #expect(exits.last == .done && exits.count > 3)
    #expect(world.isRemoved)
  }

  @Test func `a config that was changed since the plan is stale, with the field that differs`()
    async throws
  {
    let world = try await RemovalWorld()
    let client = try world.world().client(RemovalWorld.account)
    let it = try await client.distribution(world.primary)
    _ = try await client.updateDistribution(
      it.id,
      config: it.config.edited(
        [.init(path: "Comment", from: "trio", to: "by hand")], shape: "DistributionConfig"),
      ifMatch: it.etag)
    world.model.with { $0.clearLog() }
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(), options: world.options())
    #expect(outcome.exit == .stale)
    #expect(outcome.error?.causes == ["Comment: planned trio, found by hand"])
    #expect(world.writes.keys.allSatisfy { $0.hasPrefix("UpdateContinuousDeploymentPolicy") })
    #expect(outcome.report.state == .stale)
  }

  @Test func `what somebody disabled and changed is not deleted, and disabled alone it is`()
    async throws
  {
    for isChanged in [true, false] {
      let world = try await RemovalWorld()
      let store = try world.store()
      var options = world.options()
      options.until =
        world.plan.steps.first {
          $0.action == .setEnabled(distribution: world.staging, from: true, to: false)
        }?.id
      _ = try await Runner.run(world.plan, store: store, world: world.world(), options: options)
      let client = try world.world().client(RemovalWorld.account)
      let it = try await client.distribution(world.staging)
      var edits = [ConfigEdit(path: "Enabled", from: "true", to: "false")]
      if isChanged { edits.append(.init(path: "Comment", from: nil, to: "by hand")) }
      _ = try await client.updateDistribution(
        it.id, config: it.config.edited(edits, shape: "DistributionConfig"), ifMatch: it.etag)
      let outcome = try await Runner.run(
        world.plan, store: store, world: world.world(), options: world.options())
      #expect(outcome.exit == (isChanged ? .stale : .done), "\(String(describing: outcome.error))")
      #expect(
        outcome.error?.causes.contains {
          $0.hasPrefix("Comment: ") && $0.hasSuffix("found by hand")
        }
          == (isChanged ? true : nil))
      #expect((world.snapshot.distribution(world.staging) != nil) == isChanged)
    }
  }

  @Test func `what stays after a rollback is named`() throws {
    let world = Plan(
      name: "one", capability: "test", createdAt: Date(timeIntervalSince1970: 1_795_514_400),
      tool: "test", accounts: [:], observed: .init(inventoryDigest: ""),
      steps: ["kept", "taken"].map {
        Step(
          id: $0, title: "Do \($0)", account: nil, action: .deletePolicy(policy: "P"), window: nil,
          checks: [])
      },
      schedule: .init(start: Date(), end: Date(), criticalPathSeconds: 0, exposureSeconds: 0),
      permissions: [])
    var sequence: Int64 = 0
    func record(_ kind: Record.Kind, _ step: String? = nil, exit: ExitCode? = nil) -> Record {
      sequence += 1
      var body = Record.Body()
      body.exit = exit?.rawValue
      return Record(
        sequence: sequence, plan: "p", step: step, kind: kind, at: Date(), body: body)
    }
    var records: [Record] = []
    for id in ["kept", "taken"] {
      records += [record(.intended, id), record(.applied, id), record(.verified, id)]
    }
    records += [record(.finished), record(.undone, "taken"), record(.rolledBack)]
    let report = StatusReport(world, RunState(records), path: "one")
    #expect(report.state == .rolledBack)
    #expect(report.reason == "not taken back: Do kept (kept)")
    records.append(record(.stopped, "kept", exit: .stale))
    let later = StatusReport(world, RunState(records), path: "one")
    #expect(later.state == .stale && later.next == "edgeferry show one")
  }

  @Test func `the longest wait says what it waited for`() async throws {
    let world = try await RemovalWorld()
    var options = world.options()
    options.maxWaitSeconds = 1
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(), options: options)
    #expect(outcome.exit == .notYet)
    #expect(outcome.report.reason?.contains("; it waits for ") == true)
  }

  @Test func `a foreign edit between read and write is met by 412 and then stale`() async throws {
    let world = try await RemovalWorld()
    let rival = CloudFrontClient(
      ModelTransport(world.model, account: RemovalWorld.account, clock: world.clock))
    let once = Once()
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      if request.operation == "UpdateDistribution", once.first() {
        let primary = world.primary
        world.model.with { model in
          model.edit(distribution: primary, account: RemovalWorld.account, now: world.clock.now) {
            $0.set("by hand", at: "Comment", shape: "DistributionConfig")
          }
        }
      }
      return nil
    })
    _ = rival
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(faults: faults),
      options: world.options())
    #expect(outcome.exit == .stale)
    #expect(world.snapshot.distribution(world.primary)?.policyID == world.policy)
  }

  @Test func `a 412 with an unmoved version ends in failure with the service's message`()
    async throws
  {
    let world = try await RemovalWorld()
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.operation == "DeleteDistribution"
        ? .awsError(
          status: 412, code: "PreconditionFailed",
          message: "The pricing plan must be cancelled first.", requestID: "r")
        : nil
    })
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(faults: faults),
      options: world.options())
    #expect(outcome.exit == .failed)
    #expect(outcome.error?.why.contains("pricing plan") == true)
    #expect(outcome.report.state == .failed)
  }

  @Test func `a distribution that never deploys is not yet, never success and never failure`()
    async throws
  {
    let world = try await RemovalWorld()
    world.model.with { $0.stuck = [world.primary] }
    let started = world.clock.now
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(), options: world.options())
    #expect(outcome.exit == .notYet)
    #expect(world.clock.now.timeIntervalSince(started) >= 5400)
    #expect(world.snapshot.policies.count == 1)
  }

  @Test func `a longest wait is kept`() async throws {
    let world = try await RemovalWorld()
    var options = world.options()
    options.maxWaitSeconds = 60
    let started = world.clock.now
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(), options: options)
    #expect(outcome.exit == .notYet)
    #expect(world.clock.now.timeIntervalSince(started) <= 60)
  }

  @Test func `until stops before its step`() async throws {
    let world = try await RemovalWorld()
    var options = world.options()
    options.until = "delete-policy"
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(), options: options)
    #expect(outcome.exit == .notYet)
    #expect(
      world.snapshot.policies.count == 1
        && world.snapshot.distribution(world.primary)?.policyID == "")
  }

  @Test func `a hold stops before the next write and a release goes on`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    var body = Record.Body()
    body.reason = "the game is on"
    try store.append(
      RecordDraft(.held, plan: world.plan.digest, at: world.clock.now, body: body), under: nil)
    let held = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    #expect(held.exit == .blocked && held.report.reason?.contains("the game is on") == true)
    #expect(world.writes.isEmpty)
    try store.append(
      RecordDraft(.released, plan: world.plan.digest, at: world.clock.now), under: nil)
    #expect(
      try await Runner.run(world.plan, store: store, world: world.world(), options: world.options())
        .exit == .done)
  }

  @Test func `a hold placed while the run waits bites before the next write`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    let once = Once()
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options()
    ) { event in
      if case .waiting = event, once.first() {
        _ = try? store.append(
          RecordDraft(.held, plan: world.plan.digest, at: world.clock.now), under: nil)
      }
    }
    #expect(outcome.exit == .blocked)
    #expect(world.writes.count == 1)
  }

  @Test func `a gate waits for its approval`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    var plan = world.plan
    plan.steps[2].gate = .init(reason: "change board")
    plan = plan.sealed
    let blocked = try await Runner.run(
      plan, store: store, world: world.world(), options: world.options())
    #expect(blocked.exit == .blocked && blocked.report.step?.id == "delete-policy")
    try store.append(
      RecordDraft(.gate, plan: plan.digest, step: "delete-policy", at: world.clock.now), under: nil)
    #expect(
      try await Runner.run(plan, store: store, world: world.world(), options: world.options()).exit
        == .done)
  }

  @Test func `an unaccepted risk blocks before anything is read`() async throws {
    let world = try await RemovalWorld()
    var plan = world.plan
    plan.risks = [.init(code: "policy-still-routing", text: "it routes", accepted: false)]
    plan = plan.sealed
    let outcome = try await Runner.run(
      plan, store: try world.store(), world: world.world(), options: world.options())
    #expect(outcome.exit == .blocked)
    #expect(world.model.with { $0.log }.isEmpty)
  }

  @Test func `outside its window apply is blocked, advance is not yet, and a freeze blocks both`()
    async throws
  {
    let world = try await RemovalWorld()
    let closed = try ChangeWindow(timeZone: "UTC", allow: ["Sun 03:00-03:01"], freeze: [])
    let frozen = try ChangeWindow(timeZone: "UTC", allow: [], freeze: ["2020-01-01/2030-01-01"])
    for (window, mode, exit) in [
      (closed, RunOptions.Mode.apply, ExitCode.blocked), (closed, .advance, .notYet),
      (frozen, .apply, .blocked), (frozen, .advance, .blocked),
    ] {
      var plan = world.plan
      for index in plan.steps.indices { plan.steps[index].window = "cloudfront" }
      plan = plan.sealed
      let outcome = try await Runner.run(
        plan, store: try world.store(), world: world.world(windows: ["cloudfront": window]),
        options: world.options(mode))
      #expect(outcome.exit == exit)
      #expect(outcome.report.until != nil)
    }
    #expect(world.writes.isEmpty)
  }

  @Test func `a disk that is full before the first intent lets no write leave`() async throws {
    let world = try await RemovalWorld()
    let store = try world.store()
    try store.savePlan(world.plan)
    // Fill what is left of the last page, so that the lease still fits and the journal does not.
    try store.limitPages(to: 1)
    do throws(FerryError) {
      for index in 0..<5000 {
        try store.append(
          RecordDraft(.waiting, plan: "sha256:filler", step: "s\(index)", at: world.clock.now),
          under: nil)
      }
      Issue.record("the disk never filled up")
    } catch {
      #expect(error.code == "journal-write")
    }
    do throws(FerryError) {
      let outcome = try await Runner.run(
        world.plan, store: store, world: world.world(), options: world.options())
      #expect(outcome.exit == .failed && outcome.error?.code == "journal-write")
    } catch {
      #expect(error.exit == .failed && error.code == "journal-write")
    }
    #expect(world.writes.isEmpty)
  }

  @Test func `a denied action is 77 and named`() async throws {
    let world = try await RemovalWorld()
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.operation == "UpdateContinuousDeploymentPolicy"
        ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
    })
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(faults: faults),
      options: world.options())
    #expect(outcome.exit == .denied)
    #expect(outcome.error?.why.contains("cloudfront:UpdateContinuousDeploymentPolicy") == true)
  }

  @Test func `a delete right after the disable is retried while CloudFront lags`() async throws {
    let world = try await RemovalWorld()
    let until = Deadline(world.clock.now + 3000)
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.operation == "DeleteDistribution" && until.isAhead(of: world.clock.now)
        ? .awsError(
          status: 409, code: "DistributionNotDisabled", message: "not yet", requestID: "r") : nil
    })
    // The removal reaches the delete well before that time, and keeps asking.
    until.move(to: world.clock.now + 1400)
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(faults: faults),
      options: world.options())
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(world.isRemoved)
  }

  @Test func `a delete that CloudFront refuses for longer is not yet, and never failed`()
    async throws
  {
    let world = try await RemovalWorld()
    let isOver = Locked(false)
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.operation == "DeleteDistribution" && !isOver.withLock { $0 }
        ? .awsError(
          status: 409, code: "DistributionNotDisabled", message: "not yet", requestID: "r") : nil
    })
    let store = try world.store()
    let outcome = try await Runner.run(
      world.plan, store: store, world: world.world(faults: faults), options: world.options())
    #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
    #expect(outcome.report.reason?.contains("as disabled everywhere yet") == true)
    isOver.withLock { $0 = true }
    let done = try await Runner.run(
      world.plan, store: store, world: world.world(faults: faults), options: world.options())
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(world.isRemoved)
  }

  @Test func `a detach that CloudFront takes for keeping is not believed`() async throws {
    let world = try await RemovalWorld()
    // An element that gets lost on the way out is no detach: the read-back shows the id still there.
    let faults = ModelTransport.Faults(after: { request, answer, _ throws(FerryError) in
      guard request.operation == "GetDistribution" else { return answer }
      let text = String(decoding: answer.body, as: UTF8.self)
        .replacingOccurrences(
          of: "<ContinuousDeploymentPolicyId/>",
          with: "<ContinuousDeploymentPolicyId>\(world.policy)</ContinuousDeploymentPolicyId>")
      var out = answer
      out.body = Array(text.utf8)
      return out
    })
    let outcome = try await Runner.run(
      world.plan, store: try world.store(), world: world.world(faults: faults),
      options: world.options())
    #expect(outcome.exit == .notYet || outcome.exit == .stale)
    #expect(world.snapshot.policies.count == 1)
  }
}

/// True the first time it is asked.
final class Once: @unchecked Sendable {
  private let lock = NSLock()
  private var done = false
  func first() -> Bool {
    lock.withLock {
      defer { done = true }
      return !done
    }
  }
}
final class Deadline: @unchecked Sendable {
  private let lock = NSLock()
  private var date: Date
  init(_ date: Date) { self.date = date }
  func move(to date: Date) { lock.withLock { self.date = date } }
  func isAhead(of now: Date) -> Bool { lock.withLock { now < date } }
}
