import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

struct CutoverRunTests {
  @Test func `a cutover runs to its end and its rollback brings the old answer and TTL back`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let done = try await world.run(store: store)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(world.isMoved)
    #expect(world.history == [CutoverWorld.lowered, CutoverWorld.flipped, CutoverWorld.restored])
    #expect(done.report.debts.isEmpty && done.report.exit == .done)
    let back = try await world.run(world.rollback, store: store)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(world.isBefore)
    #expect(world.names.effectiveWrites.count == 6)
    let state = RunState(try store.records(plan: world.plan.digest))
    #expect(StatusReport(world.plan, state, path: "www").state == .rolledBack)
  }

  @Test func `a wait is counted from when the last server had the change, not from the write`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let start = world.clock.now
    let done = try await world.run(store: store)
    let writes = world.names.effectiveWrites
    let seen = world.names.seenEverywhere(0)
    #expect(seen == writes[0].at + 33)
    #expect(writes[1].at >= seen + 3960)
    // And no later than the rounds and looks make it.
    #expect(writes[1].at <= seen + 3960 + 60)
    let changed = try #require(done.report.steps[0].observedChangeAt)
    #expect(changed.timeIntervalSince(start) >= seen)
    #expect(changed.timeIntervalSince(start) <= seen + 11)
    #expect(done.report.steps[1].observedChangeAt == nil)
    #expect(done.report.steps[2].observedChangeAt != nil)
  }

  @Test func `no resolver has the old answer when a step of its cutover is done`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let names = world.names
    let bad = Tally()
    let outcome = try await world.run(store: store) { event in
      guard case .verified(let step) = event, step.id == "flip" else { return }
      bad.add(names.isCached(CutoverWorld.key, [CutoverWorld.source]) ? 1 : 0)
    }
    #expect(outcome.exit == .done && bad.total == 0 && bad.count == 1)
  }

  @Test func `a resolver that keeps answers longer than it may holds the run until it lets go`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.changeResolver(2) { $0.floorSeconds = 5000 }
    world.names.changeResolver(3) { $0.isSilent = true }
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    // Without it the flip comes at about 4010 s.
    #expect(world.names.effectiveWrites[1].at > 4900)
  }

  /// A world whose plan has those addresses in every check of a kind.
  private static func world(_ kind: Step.Check.Kind, unverified: [String]) -> CutoverWorld {
    var world = CutoverWorld()
    for step in world.plan.steps.indices {
      for check in world.plan.steps[step].checks.indices
      where world.plan.steps[step].checks[check].type == kind {
        world.plan.steps[step].checks[check].unverified = unverified
      }
    }
    world.plan = world.plan.sealed
    world.rollback.rollbackOf = world.plan.digest
    world.rollback = world.rollback.sealed
    return world
  }
  @Test(arguments: [SimulatedNames.ServerFault.silent, .lame])
  func `a server whose silence was accepted holds no cutover up, and that is said`(
    _ fault: SimulatedNames.ServerFault
  ) async throws {
    let world = Self.world(.authoritative, unverified: ["192.0.2.2:53"])
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.changeServer(1) { $0.fault = fault }
    let said = Tally()
    let done = try await world.run(store: store) { event in
      guard case .waiting(_, _, _, _, let text) = event,
        text.hasPrefix("2 of 2 servers have it"), text.contains("not waited for")
      else { return }
      said.add(1)
    }
    #expect(done.exit == .done, "\(String(describing: done.error))")
    let isMoved = world.isMoved
    #expect(isMoved)
    #expect(said.total > 0)
  }
  @Test(arguments: ["it answers", "another is silent", "all are silent"])
  func `an accepted silence excuses that server alone, and only while it is silent`(
    _ story: String
  ) async throws {
    let isAll = story == "all are silent"
    let world = Self.world(
      .authoritative, unverified: isAll ? (1...3).map { "192.0.2.\($0):53" } : ["192.0.2.2:53"])
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let first = world.names.stateCount - 1
    switch story {
    case "it answers": world.names.changeServer(1) { $0.fault = .reverted(first) }
    case "another is silent": world.names.changeServer(2) { $0.fault = .silent }
    default: for index in 0..<3 { world.names.changeServer(index) { $0.fault = .silent } }
    }
    #expect(try await world.run(store: store).exit == .notYet)
  }
  @Test(arguments: [true, false])
  func `a resolver that does not keep to TTLs holds a cutover up unless the plan distrusts it`(
    _ isDistrusted: Bool
  ) async throws {
    let world = Self.world(.recursive, unverified: isDistrusted ? ["198.51.100.3:53"] : [])
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.changeResolver(2) { $0.floorSeconds = 100_000 }
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == (isDistrusted ? .done : .notYet))
  }

  @Test func `a rollback that is interrupted in a wait of its own waits the rest of it`()
    async throws
  {
    var world = CutoverWorld(window: nil, ttl: 300, bakeSeconds: 240)
    // As the planner has it: the copies with the restored TTL run out in a step of its own.
    let drain = Step(
      id: "drain", title: "Wait", account: nil, action: .observe, window: nil,
      wait: .init(from: "last-authoritative-change", seconds: 2000, terms: []),
      undoes: "restore-ttl")
    world.rollback.steps.insert(drain, at: 2)
    world.rollback = world.rollback.sealed
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    #expect(try await world.run(store: store).exit == .done)
    var options = world.options()
    options.maxWaitSeconds = 1200
    let stopped = try await world.run(world.rollback, store: store, options: options)
    #expect(stopped.exit == .notYet && stopped.report.step?.id == "drain")
    let back = try await world.run(world.rollback, store: store)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(back.report.steps.allSatisfy { $0.state == .verified })
    let writes = world.names.effectiveWrites
    try #require(writes.count == 6)
    #expect(writes[5].at >= world.names.seenEverywhere(4) + 2000)
  }

  @Test func `a plan that is run again after its rollback bakes again, and is rolled back again`()
    async throws
  {
    let world = CutoverWorld(window: nil, ttl: 300)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    for plan in [world.plan, world.rollback, world.plan] {
      let outcome = try await world.run(plan, store: store)
      #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    }
    #expect(world.isMoved)
    let writes = world.names.effectiveWrites
    try #require(writes.count == 9)
    // The TTL goes up again only after the second bake.
    #expect(
      writes[8].at >= world.names.seenEverywhere(7) + 240 + Double(world.bakeSeconds))
    // The rollback that was finished once is under way again.
    var options = world.options()
    options.maxWaitSeconds = 100
    let stopped = try await world.run(world.rollback, store: store, options: options)
    #expect(stopped.exit == .notYet && stopped.report.state == .waiting)
    let back = try await world.run(world.rollback, store: store)
    #expect(back.exit == .done && back.report.state == .done && world.isBefore)
  }

  @Test func `with advance a cutover goes on whenever it is asked at the time that it names`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var exits: [ExitCode] = []
    for _ in 0..<60 {
      let outcome = try await world.run(store: store, options: world.options(.advance))
      exits.append(outcome.exit)
      if outcome.exit == .done { break }
      #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
      let until = try #require(outcome.report.until)
      #expect(until > world.clock.now)
      let status = StatusReport(
        world.plan, RunState(try store.records(plan: world.plan.digest)), path: "www")
      #expect(status.state == .waiting && status.exit == .notYet && status.until != nil)
      world.clock.advance(seconds: until.timeIntervalSince(world.clock.now))
    }
    #expect(exits.last == .done && exits.count < 30)
    #expect(world.isMoved)
    let writes = world.names.effectiveWrites
    #expect(writes[1].at >= world.names.seenEverywhere(0) + 3960)
    #expect(writes[2].at >= world.names.seenEverywhere(1) + 240 + 900)
  }

  @Test func `a debt is owed from the first write until the TTL is back`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    func status() throws -> StatusReport {
      StatusReport(
        world.plan, RunState(try store.records(plan: world.plan.digest)), path: "www")
    }
    #expect(try status().debts.isEmpty)
    var options = world.options()
    options.until = "restore-ttl"
    let stopped = try await world.run(store: store, options: options)
    #expect(stopped.exit == .notYet)
    #expect(try status().debts == ["restore-ttl"] && status().exit == .notYet)
    #expect(try await world.run(store: store).exit == .done)
    #expect(try status().debts.isEmpty && status().exit == .done)
  }

  @Test
  func `a record that somebody else changed is stale, with what differs, and nothing is written`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.edit(CutoverWorld.key, RecordValue(ttl: 300, data: [CutoverWorld.source]))
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .stale)
    #expect(
      outcome.error?.causes == [
        "www.example.com. CNAME: planned 3600 \(CutoverWorld.source), found 300 \(CutoverWorld.source)"
      ])
    #expect(world.history.isEmpty)
  }

  @Test
  func
    `a goal that already holds is recorded and not written, and its span is waited all the same`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    world.names.edit(CutoverWorld.key, CutoverWorld.lowered)
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .done)
    #expect(outcome.report.steps[0].writes == 0)
    #expect(world.history == [CutoverWorld.flipped, CutoverWorld.restored])
    #expect(world.names.effectiveWrites[0].at >= 3960)
  }

  @Test func `a batch that is there in part is somebody else's and stale`() async throws {
    let world = CutoverWorld()
    let a = RecordKey(DomainName(wire: "a.example.com."), .cname)
    let b = RecordKey(DomainName(wire: "b.example.com."), .cname)
    let old = RecordValue(ttl: 60, data: ["old.example.net."])
    let new = RecordValue(ttl: 60, data: ["new.example.net."])
    var plan = world.plan
    plan.steps = [
      Step(
        id: "batch", title: "Flip both", account: nil,
        action: .batch(
          zone: CutoverWorld.zone,
          changes: [RecordChange(a, from: old, to: new), RecordChange(b, from: old, to: new)]),
        window: nil)
    ]
    plan = plan.sealed
    world.names.edit(a, new)
    world.names.edit(b, old)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let partly = try await world.run(plan, store: store)
    #expect(partly.exit == .stale)
    #expect(
      partly.error?.causes.count == 1
        && partly.error?.causes.first?.contains("a.example.com.") == true)
    #expect(world.names.effectiveWrites.isEmpty)
    world.names.edit(a, old)
    let whole = try await world.run(plan, store: store)
    #expect(whole.exit == .done, "\(String(describing: whole.error))")
    #expect(world.names.effectiveWrites.count == 1)
    #expect(world.names.records[a] == new && world.names.records[b] == new)
  }

  @Test func `alias records count as changed by the provider's word and the servers' agreement`()
    async throws
  {
    let world = CutoverWorld()
    let a = RecordKey(CutoverWorld.key.name, .a)
    let alias = RecordValue(
      alias: .init(
        hostedZoneId: RecordValue.Alias.cloudFrontZone,
        dnsName: DomainName(wire: CutoverWorld.target)))
    var plan = world.plan
    plan.steps = [
      Step(
        id: "to-alias", title: "Make it an alias", account: nil,
        action: .batch(
          zone: CutoverWorld.zone,
          changes: [
            RecordChange(CutoverWorld.key, from: CutoverWorld.before, to: nil),
            RecordChange(a, from: nil, to: alias),
          ]), window: nil)
    ]
    plan = plan.sealed
    world.names.change { $0.syncSeconds = 95 }
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let outcome = try await world.run(plan, store: store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(world.names.records[a] == alias && world.names.records[CutoverWorld.key] == nil)
    let changed = try #require(outcome.report.steps[0].observedChangeAt)
    #expect(changed.timeIntervalSince1970 - 1_767_225_600 >= 95)
  }

  @Test
  func `a zone in a person's hands is asked for by ticket and waited for however long it takes`()
    async throws
  {
    let world = CutoverWorld()
    world.names.change {
      $0.isManual = true
      $0.person = 20_000
    }
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var plan = world.plan
    plan.steps = [plan.steps[0]]
    plan.steps[0].gate = .init(reason: "change board")
    plan = plan.sealed
    let tickets = Tally()
    let blocked = try await world.run(plan, store: store) {
      if case .ticket = $0 { tickets.add(1) }
    }
    #expect(blocked.exit == .blocked && tickets.total == 1)
    #expect(blocked.error?.causes.contains("change www.example.com. CNAME") == true)
    #expect(blocked.report.next == "edgeferry approve www --step lower-ttl --reference TEXT")
    try store.append(
      RecordDraft(.gate, plan: plan.digest, step: "lower-ttl", at: world.clock.now), under: nil)
    let waiting = try await world.run(plan, store: store, options: world.options(.advance))
    #expect(waiting.exit == .notYet)
    #expect(waiting.error?.causes.contains("to \(CutoverWorld.source)") == true)
    #expect(waiting.report.until != nil)
    let done = try await world.run(plan, store: store)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(world.clock.passedSeconds >= 20_000 + 3960)
    #expect(world.history == [CutoverWorld.lowered])
  }

  @Test func `the last seconds of a wait are enough for a hold to keep the next write back`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let once = Once()
    let held = try await world.run(store: store) { event in
      guard case .verified(let step) = event, step.id == "prove-target", once.first() else {
        return
      }
      var body = Record.Body()
      body.reason = "the game is on"
      _ = try? store.append(
        RecordDraft(.held, plan: world.plan.digest, at: world.clock.now, body: body), under: nil)
    }
    #expect(held.exit == .blocked && held.report.step?.id == "flip")
    #expect(held.report.next == "edgeferry release www")
    #expect(world.history == [CutoverWorld.lowered])
    try store.append(
      RecordDraft(.released, plan: world.plan.digest, at: world.clock.now), under: nil)
    #expect(try await world.run(store: store).exit == .done)
  }

  @Test
  func
    `a hold placed while the earliest time is waited for bites, and what was read is read again`()
    async throws
  {
    for foreign in [false, true] {
      var world = CutoverWorld()
      world.plan.steps[0].earliest = world.clock.now + 5000
      world.plan = world.plan.sealed
      world.rollback.rollbackOf = world.plan.digest
      world.rollback = world.rollback.sealed
      let (plan, clock, names) = (world.plan, world.clock, world.names)
      let store = try world.store()
      defer { KillTests.remove(store.path) }
      let once = Once()
      let outcome = try await world.run(store: store) { event in
        guard case .waiting(_, _, _, let until, _) = event, clock.now > until - 1 - 20, once.first()
        else { return }
        if foreign {
          names.edit(CutoverWorld.key, RecordValue(ttl: 60, data: ["other.example.net."]))
        } else {
          _ = try? store.append(RecordDraft(.held, plan: plan.digest, at: clock.now), under: nil)
        }
      }
      #expect(outcome.exit == (foreign ? .stale : .blocked))
      #expect(world.history.isEmpty)
      #expect(clock.now >= plan.steps[0].earliest ?? .distantFuture)
    }
  }

  @Test func `a window that closes while a span is waited out keeps the next write back`()
    async throws
  {
    // The model's world begins on Thursday 2026-01-01 00:00 UTC; the span takes more than an hour.
    let window = try ChangeWindow(timeZone: "UTC", allow: ["Thu,Fri 00:00-01:00"], freeze: [])
    for mode in [RunOptions.Mode.apply, .advance] {
      let world = CutoverWorld()
      let store = try world.store()
      defer { KillTests.remove(store.path) }
      var outcome = try await world.run(
        store: store, windows: ["dns": window], options: world.options(mode))
      while outcome.exit == .notYet, world.names.effectiveWrites.count == 1,
        let until = outcome.report.until, until.timeIntervalSince(world.clock.now) < 5000
      {
        world.clock.advance(seconds: until.timeIntervalSince(world.clock.now))
        outcome = try await world.run(
          store: store, windows: ["dns": window], options: world.options(mode))
      }
      #expect(outcome.exit == (mode == .apply ? .blocked : .notYet))
      #expect(outcome.report.until == Date(timeIntervalSince1970: 1_767_225_600 + 86_400))
      #expect(world.history == [CutoverWorld.lowered])
      world.clock.advance(
        seconds: (outcome.report.until ?? world.clock.now).timeIntervalSince(world.clock.now))
      let next = try await world.run(store: store, windows: ["dns": window])
      #expect(next.exit == .done, "\(String(describing: next.error))")
      #expect(world.history.count == 3)
    }
  }

  @Test(arguments: [RunOptions.Mode.apply, .advance])
  func
    `a step that is late goes on at the next opening with room for a rollback, once the plan is under way`(
      _ mode: RunOptions.Mode
    ) async throws
  {
    let world = CutoverWorld(onFailure: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    // The model's world begins on Thursday 2026-01-01 00:00 UTC, and DNS is written between two and three.
    let window = try ChangeWindow(
      timeZone: "UTC", allow: ["Thu 00:00-03:00", "Fri 02:00-02:05", "Sat 02:00-03:00"], freeze: [])
    let midnight = world.clock.now
    var plan = world.plan
    plan.steps[2].latest = midnight + 3 * 3600 - 600
    plan = plan.sealed
    var options = world.options(mode)
    options.rollback = nil
    let run = { [plan, options] in
      try await world.run(plan, store: store, windows: ["dns": window], options: options)
    }
    var outcome = try await run()
    func come(_ time: Date) {
      world.clock.advance(seconds: time.timeIntervalSince(world.clock.now))
    }
    while outcome.exit == .notYet, let until = outcome.report.until,
      until < midnight + 3600
    {
      come(until)
      outcome = try await run()
    }
    if mode == .advance {
      // Whoever runs it comes back late: the window is open, and five minutes are left of it.
      come(midnight + 3 * 3600 - 300)
      outcome = try await run()
    }
    if mode == .apply {
      #expect(outcome.exit == .done)
      return
    }
    // Friday's opening is too short for it.
    let saturday = midnight + 2 * 86_400 + 2 * 3600
    #expect(outcome.exit == .notYet && outcome.error?.code == "too-late")
    #expect(outcome.report.until == saturday)
    #expect(world.history == [CutoverWorld.lowered])
    come(saturday)
    while outcome.exit == .notYet {
      outcome = try await run()
      if let until = outcome.report.until, until > world.clock.now { come(until) }
    }
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(world.history.count == 3)
  }

  @Test func `a step that is late is planned again when nothing was written yet`() async throws {
    let world = CutoverWorld(onFailure: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var plan = world.plan
    plan.steps[0].latest = world.clock.now - 1
    var options = world.options()
    options.rollback = nil
    let outcome = try await world.run(plan.sealed, store: store, options: options)
    #expect(outcome.exit == .blocked && outcome.error?.code == "too-late")
    #expect(outcome.error?.next == "plan again" && world.history.isEmpty)
  }

  @Test func `advance on a held plan is blocked also while it waits, and goes on when released`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let advance = { try await world.run(store: store, options: world.options(.advance)) }
    #expect(try await advance().exit == .notYet)
    try store.append(RecordDraft(.held, plan: world.plan.digest, at: world.clock.now), under: nil)
    let held = try await advance()
    #expect(held.exit == .blocked)
    #expect(held.error?.code == "held")
    try store.append(
      RecordDraft(.released, plan: world.plan.digest, at: world.clock.now), under: nil)
    #expect(try await advance().exit == .notYet)
    #expect(world.history.count == 1)
  }

  @Test func `undoing DNS keeps to the hours of its window, but no freeze holds it up`()
    async throws
  {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    #expect(try await world.run(store: store).exit == .done)
    let writes = world.history.count
    let closed = try ChangeWindow(timeZone: "UTC", allow: ["Mon 10:00-12:00"], freeze: [])
    let outcome = try await world.run(world.rollback, store: store, windows: ["dns": closed])
    #expect(outcome.exit == .blocked)
    #expect(outcome.error?.code == "window")
    // The Monday after the model's first day, Thursday 2026-01-01.
    #expect(
      outcome.report.until == Date(timeIntervalSince1970: 1_767_225_600 + 4 * 86_400 + 36_000))
    #expect(world.history.count == writes)
    let frozen = try ChangeWindow(
      timeZone: "UTC", allow: [], freeze: ["2025-12-01/2026-02-01"])
    #expect(
      try await world.run(world.rollback, store: store, windows: ["dns": frozen]).exit == .done)
    #expect(world.isBefore)
  }

  @Test func `nobody takes a plan back while somebody else still carries it out`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let rival = LeaseOwner(name: "you 2 b", host: "elsewhere", pid: 1)
    let lease = try store.acquireLease(
      plan: world.plan.digest, with: nil, owner: rival, now: world.clock.now)
    do throws(FerryError) {
      _ = try await Runner.run(
        world.rollback, store: store, world: world.world(), options: world.options())
      Issue.record("the rollback began")
    } catch {
      #expect(error.code == "lease-taken" && error.exit == .blocked)
    }
    store.release(lease)
    #expect(
      try await world.run(world.rollback, store: store).exit == .done)
  }

  @Test func `of two operators exactly one goes on and no change is made twice`() async throws {
    let world = CutoverWorld()
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    var rival = world.options()
    rival.owner = .init(name: "you 2 b", host: "elsewhere", pid: 1)
    let other = rival
    let first = Once()
    let path = store.path
    let exits = Tally()
    let runWorld = world
    let done = try await world.run(store: store) { event in
      guard case .waiting = event, first.first() else { return }
      do {
        let store = try SQLiteState(path: path, durable: false)
        _ = try store.acquireLease(
          plan: runWorld.plan.digest, with: nil, owner: other.owner, now: runWorld.clock.now)
        exits.add(0)
      } catch { exits.add((error as? FerryError)?.code == "lease-taken" ? 1 : 0) }
    }
    #expect(exits.total == 1)
    #expect(done.exit == .done)
    // One that was paused for longer than its lease finds the other at work, and writes nothing more.
    let paused = CutoverWorld()
    let second = try paused.store()
    defer { KillTests.remove(second.path) }
    let once = Once()
    let lost = try await paused.run(store: second) { event in
      guard case .verified(let step) = event, step.id == "prove-target", once.first() else {
        return
      }
      paused.clock.advance(seconds: 8 * 3600)
      _ = try? second.acquireLease(
        plan: paused.plan.digest, with: nil, owner: other.owner, now: paused.clock.now)
    }
    #expect(lost.error?.code == "lease-lost" && lost.exit == .blocked)
    #expect(paused.history == [CutoverWorld.lowered])
  }
}

/// Adds up what events say.
final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private var numbers: [Int] = []
  func add(_ number: Int) { lock.withLock { numbers.append(number) } }
  var total: Int { lock.withLock { numbers.reduce(0, +) } }
  var count: Int { lock.withLock { numbers.count } }
}
