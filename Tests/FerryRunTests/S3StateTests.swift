import FerryCore
import FerryModel
import Foundation
import Synchronization
import Testing

@testable import FerryRun

/// What the network, other writers and hostile objects can do to a state in a bucket.
struct S3StateTests {
  let bucket = S3Fake()
  let now = Date(timeIntervalSince1970: 1_795_514_400)
  let clock = VirtualClock(Date(timeIntervalSince1970: 1_795_514_400))
  let mine = LeaseOwner(name: "me@one process 1 a", host: "one", pid: getpid())
  let yours = LeaseOwner(name: "you@two process 2 b", host: "two", pid: 1)

  func open(_ bucket: S3Fake? = nil, at url: String = "s3://\(S3Fake.bucket)/p") throws -> S3State {
    S3State(
      try S3Place(url), transport: bucket ?? self.bucket, region: "eu-west-1", clock: clock)
  }
  /// Everything that a store does, once.
  private func everything(_ store: S3State, world: RemovalWorld) async throws {
    var lease = try await store.acquireLease(plan: "plan", with: nil, owner: mine, now: now)
    try await store.saveImages(world.images)
    try await store.savePlan(world.plan)
    try await store.append(.intended, plan: "plan", step: "one", at: now, lease: lease)
    try await store.append(.held, plan: "plan", at: now)
    lease = try await store.renewed(lease, now: now + 30)
    try await store.append(.applied, plan: "plan", step: "one", at: now, lease: lease)
    let version = try await store.saveLedger(named: "l", document: ["n": 1], expecting: nil)
    _ = try await store.saveLedger(named: "l", document: ["n": 2], expecting: version)
    await store.release(lease)
  }

  @Test func `whatever answer is lost or refused for the moment, everything is done once`()
    async throws
  {
    let world = try await RemovalWorld(propagation: 30)
    let plain = S3Fake()
    let counted = plain.meeting { _, _ in .served }
    try await everything(try open(counted), world: world)
    #expect(counted.requests > 20)
    for number in 1...counted.requests {
      for fate in [
        S3Fake.Fate.lostBefore, .lostAfter, .refused(409, "ConditionalRequestConflict"),
        .refused(503, "SlowDown"), .refused(500, "InternalError"),
      ] {
        let bucket = S3Fake()
        let met = Mutex(0)
        let store = try open(
          bucket.meeting { request, at in
            // A read's own retries are the transport's.
            guard at >= number, request.method == "PUT" else { return .served }
            return met.withLock { met in
              met += 1
              return met <= 2 ? fate : .served
            }
          })
        try await everything(store, world: world)
        let fresh = try open(bucket)
        let records = try await fresh.records(plan: "plan")
        #expect(records.map(\.kind) == [.intended, .held, .applied], "\(number) \(fate)")
        #expect(try await fresh.check() == 3)
        #expect(try await fresh.ledger(named: "l")?.document == ["n": 2])
        // It is released.
        _ = try await fresh.acquireLease(plan: "plan", with: nil, owner: yours, now: now + 31)
      }
    }
  }

  @Test func `a write that never gets an answer ends in one error that names the object`()
    async throws
  {
    let store = try open(
      bucket.meeting { request, _ in
        request.method == "PUT" ? .lostBefore : .served
      })
    let error = await #expect(throws: FerryError.self) {
      try await store.append(.held, plan: "plan", at: now)
    }
    #expect(error?.code == "journal-write" && error?.exit == .failed)
    #expect(error?.why.contains("s3://state-bucket/p/journal/") == true)
  }

  @Test func `reading without an answer is an error, never an empty journal`() async throws {
    try await open().append(.held, plan: "plan", at: now)
    let store = try open(bucket.meeting { _, _ in .lostBefore })
    let error = await #expect(throws: FerryError.self) { try await store.records(plan: "plan") }
    #expect(error?.code == "state-read" && error?.exit == .failed)
  }

  @Test func `what is denied names its actions, and a missing bucket is bad input`() async throws {
    for (fate, method, word) in [
      (S3Fake.Fate.refused(403, "AccessDenied"), "GET", "s3:GetObject and s3:ListBucket"),
      (.refused(403, "AccessDenied"), "PUT", "s3:PutObject"),
    ] {
      let store = try open(
        bucket.meeting { request, _ in
          request.method == method ? fate : .served
        })
      let error = await #expect(throws: FerryError.self) {
        try await store.append(.held, plan: "plan", at: now)
      }
      #expect(error?.exit == .denied && error?.next.contains(word) == true)
    }
    let store = try open(at: "s3://another-bucket")
    let error = await #expect(throws: FerryError.self) { try await store.plans() }
    #expect(error?.exit == .usage && error?.code == "no-bucket")
  }

  @Test func `an object that was changed, exchanged or lost is met before it is believed`()
    async throws
  {
    let world = try await RemovalWorld(propagation: 30)
    try await everything(try open(), world: world)
    for index in 0..<20 {
      try await open().append(.waiting, plan: "plan", step: "s\(index)", at: now)
    }
    let whole = bucket.stored
    #expect(try await open().check() == 23)
    for (key, bytes) in whole where !key.contains("/leases/") {
      for place in [bytes.count / 3, bytes.count / 2, bytes.count - 12] {
        var changed = bytes
        changed[place] ^= 1
        bucket.stored[key] = changed
        let error = await #expect(throws: FerryError.self, "\(key) \(place)") {
          try await open().check()
        }
        #expect(["state-damaged", "state-newer"].contains(error?.code.rawValue ?? ""))
      }
      bucket.stored = whole
    }
    let segments = whole.keys.filter { $0.contains("/journal/") && !$0.hasSuffix("head.json") }
      .sorted()
    #expect(segments.count == 23)
    for (number, key) in segments.enumerated() {
      bucket.stored[key] = nil
      let gone = await #expect(throws: FerryError.self, "\(number)") {
        try await open().records(plan: "plan")
      }
      #expect(gone?.code == "state-damaged")
      bucket.stored[key] = whole[segments[(number + 1) % segments.count]]
      await #expect(throws: FerryError.self) { try await open().records(plan: "plan") }
      bucket.stored = whole
    }
    // A lease of another plan is nobody's.
    let lease = try #require(whole.keys.first { $0.contains("/leases/") })
    bucket.stored[lease.replacingOccurrences(of: "leases/x", with: "leases/x00")] = whole[lease]
    let error = await #expect(throws: FerryError.self) {
      try await open().acquireLease(plan: "\u{0}plan", with: nil, owner: mine, now: now)
    }
    #expect(error?.code == "state-damaged")
  }

  @Test func `a state that a newer edgeferry wrote is refused and stays as it is`() async throws {
    try await open().append(.held, plan: "plan", at: now)
    let key = try #require(bucket.stored.keys.first { $0.hasSuffix("1.json") })
    bucket.stored[key] = Array(#"{"schema":"edgeferry.object/2"}"#.utf8)
    let before = bucket.stored
    let error = await #expect(throws: FerryError.self) {
      try await open().append(.held, plan: "plan", at: now)
    }
    #expect(error?.code == "state-newer" && error?.exit == .usage)
    #expect(bucket.stored == before)
  }

  @Test func `a run that was paused right before a write is beaten to it`() async throws {
    // It has looked at its lease, then sleeps while another takes over and writes.
    let other = try open()
    let (now, yours) = (self.now, self.yours)
    let once = Mutex(true)
    let paused = try open(
      bucket.meeting { request, _ in
        let isRecord = request.method == "PUT" && request.path.hasSuffix("1.json")
        guard isRecord,
          once.withLock({ isFirst in
            defer { isFirst = false }
            return isFirst
          })
        else { return .served }
        do {
          let lease = try await other.acquireLease(
            plan: "plan", with: nil, owner: yours, now: now + 61)
          _ = try await other.records(plan: "plan")
          try await other.append(.intended, plan: "plan", step: "b", at: now + 61, lease: lease)
        } catch {
          return .fails(error as? FerryError ?? KillTests.death)
        }
        return .served
      })
    let lease = try await paused.acquireLease(plan: "plan", with: nil, owner: mine, now: now)
    _ = try await paused.records(plan: "plan")
    let error = await #expect(throws: FerryError.self) {
      try await paused.append(.intended, plan: "plan", step: "a", at: now, lease: lease)
    }
    #expect(error?.code == "lease-lost")
    #expect(try await open().records(plan: "plan").map(\.step) == ["b"])
  }

  @Test(arguments: [false, true])
  func `a run does not go on past a record that a paused one slipped in`(_ looks: Bool)
    async throws
  {
    // The other way round: the paused one's write arrives first, so its successor decided without it.
    let late = try open()
    let old = try await late.acquireLease(plan: "plan", with: nil, owner: mine, now: now)
    _ = try await late.records(plan: "plan")
    let successor = try open()
    let new = Mutex<Lease?>(nil)
    let (now, yours) = (self.now, self.yours)
    let slow = try open(
      bucket.meeting { request, _ in
        guard request.method == "PUT", request.path.hasSuffix("1.json") else { return .served }
        do {
          let lease = try await successor.acquireLease(
            plan: "plan", with: nil, owner: yours, now: now + 61)
          _ = try await successor.records(plan: "plan")
          new.withLock { $0 = lease }
        } catch {
          return .fails(error as? FerryError ?? KillTests.death)
        }
        return .served
      })
    _ = try await slow.records(plan: "plan")
    try await slow.append(.intended, plan: "plan", step: "late", at: now, lease: old)
    // A look at holds on the way must not hide it.
    if looks { _ = try await successor.records(plan: "plan") }
    let lease = try #require(new.withLock { $0 })
    let error = await #expect(throws: FerryError.self) {
      try await successor.append(.intended, plan: "plan", step: "next", at: now, lease: lease)
    }
    #expect(error?.code == "lease-lost" && error?.next.contains("run the command again") == true)
    // The next life reads both and goes on.
    let again = try open()
    let third = try await again.acquireLease(plan: "plan", with: nil, owner: yours, now: now + 62)
    #expect(try await again.records(plan: "plan").map(\.step) == ["late"])
    try await again.append(.intended, plan: "plan", step: "next", at: now, lease: third)
  }

  @Test func `a cancelled run still gets its last word into the journal`() async throws {
    let store = try open()
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try await store.append(.stopped, plan: "plan", at: now)
    }
    task.cancel()
    try await task.value
    #expect(try await open().records(plan: "plan").map(\.kind) == [.stopped])
  }

  @Test func `an import that was cut short is damaged until the same file is given again`()
    async throws
  {
    let world = try await RemovalWorld(propagation: 30)
    try await everything(try open(), world: world)
    let document = try await open().export()
    let target = S3Fake()
    let counted = target.meeting { _, _ in .served }
    try await open(counted).load(document)
    var wasCut = 0
    for number in 1...counted.requests {
      let target = S3Fake()
      let death = FerryError("killed", exit: .interrupted, what: "", why: "", next: "")
      do {
        try await open(target.meeting { _, at in at >= number ? .fails(death) : .served })
          .load(document)
      } catch {
        wasCut += 1
        // Whatever is there, a run of it is whole, missing or damaged, never short.
        if let records = try? await open(target).records(plan: "plan") {
          #expect([0, 3].contains(records.count))
        }
        do {
          try await open(target).load(document)
        } catch {
          #expect((error as? FerryError)?.code == "state-not-empty")
        }
      }
      #expect(try await open(target).check() == 3)
    }
    #expect(wasCut > 10)
  }

  @Test(arguments: ["head.json", "/ledgers/l.json"])
  func `an import sends no record, and no account's ledger, before what goes for all of them`(
    _ last: String
  ) async throws {
    let world = try await RemovalWorld(propagation: 30)
    try await everything(try open(), world: world)
    _ = try await open().saveLedger(named: "l.111111111111", document: [:], expecting: nil)
    let document = try await open().export()
    let target = S3Fake()
    let death = FerryError("killed", exit: .interrupted, what: "", why: "", next: "")
    await #expect(throws: FerryError.self) {
      try await open(
        target.meeting { request, _ in
          request.method == "PUT" && request.path.hasSuffix(last) ? .fails(death) : .served
        }
      ).load(document)
    }
    #expect(!target.stored.isEmpty)
    let early = target.stored.keys.filter {
      $0.contains("/ledgers/l.1") || ($0.contains("/journal/") && !$0.hasSuffix("head.json"))
    }
    #expect(early == [])
  }

  @Test func `a lease of another plan takes nothing from a run of the same process`() async throws {
    // While a run looks for the end of its journal, another begins.
    let whole = Mutex<S3State?>(nil)
    let once = Mutex(false)
    let (now, yours) = (self.now, self.yours)
    let store = try open(
      bucket.meeting { request, _ in
        let isNow = once.withLock { isArmed in
          guard isArmed, request.method == "GET", request.path.hasSuffix("3.json") else {
            return false
          }
          isArmed = false
          return true
        }
        if isNow, let store = whole.withLock({ $0 }) {
          _ = try? await store.acquireLease(plan: "other", with: "back", owner: yours, now: now)
        }
        return .served
      })
    whole.withLock { $0 = store }
    // It holds the hook that holds it.
    defer { whole.withLock { $0 = nil } }
    let lease = try await store.acquireLease(plan: "plan", with: nil, owner: mine, now: now)
    #expect(try await store.records(plan: "plan").isEmpty)
    for step in ["a", "b"] {
      try await store.append(.intended, plan: "plan", step: step, at: now, lease: lease)
    }
    once.withLock { $0 = true }
    #expect(try await store.records(plan: "plan").map(\.step) == ["a", "b"])
    #expect(once.withLock { !$0 })
    try await store.append(.intended, plan: "plan", step: "c", at: now, lease: lease)
    #expect(try await open().records(plan: "plan").map(\.step) == ["a", "b", "c"])
  }

  @Test(
    arguments: [
      "s3:bucket/p", "s3://", "s3:///p", "s3://UPPER/p", "s3://ab", "s3://bucket//p",
      "s3://bucket/../p",
      "s3://bucket/a b", "s3://bucket/a%20b", "S3://bucket/p", "s3://bucket/é", "s3://bucket/p//",
      "s3://buck?et/p",
    ])
  func `a place that could be read in two ways is bad input`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try S3Place(text) }
    #expect(S3Place.isOne(text) && error?.exit == .usage)
  }
  @Test func `a place is a bucket and a prefix, which may be empty`() throws {
    #expect(try S3Place("s3://my.bucket-1/a/b_c~1/").url == "s3://my.bucket-1/a/b_c~1")
    #expect(try S3Place("s3://bucket").prefix == "" && S3Place("s3://bucket/").prefix == "")
    #expect(!S3Place.isOne("./s3:/x") && !S3Place.isOne("/tmp/state.sqlite"))
  }

  // MARK: Runs

  @Test func `a removal killed at any request to the bucket ends the same with no second write`()
    async throws
  {
    let death = KillTests.death
    func life(_ bucket: S3Fake, _ world: RemovalWorld) async throws -> ExitCode? {
      do throws(FerryError) {
        return try await Runner.run(
          world.plan,
          store: S3State(
            try S3Place("s3://\(S3Fake.bucket)/p"), transport: bucket, region: "eu-west-1",
            clock: world.clock), world: world.world(), options: world.options()
        ).exit
      } catch {
        return nil
      }
    }
    func prepared() async throws -> (S3Fake, RemovalWorld) {
      let world = try await RemovalWorld(propagation: 30)
      let bucket = S3Fake()
      try await open(bucket).saveImages(world.images)
      return (bucket, world)
    }
    let (bucket, world) = try await prepared()
    let counted = bucket.meeting { _, _ in .served }
    #expect(try await life(counted, world) == .done)
    print("kill test: \(counted.requests) requests to the bucket")
    for number in 1...counted.requests {
      // Lost answers are a test of their own; here they are met now and then.
      for isAfter in number % 3 == 0 ? [false, true] : [false] {
        let (bucket, world) = try await prepared()
        _ = try await life(
          bucket.meeting { _, at in
            // Once dead it says nothing more, not even that it stops.
            if at == number { return isAfter ? .failsAfter(death) : .fails(death) }
            return at > number ? .fails(death) : .served
          }, world)
        world.clock.advance(seconds: 61)
        #expect(try await life(bucket, world) == .done, "\(number) \(isAfter)")
        #expect(world.isRemoved, "\(number) \(isAfter)")
        KillTests.check(world, "\(number) \(isAfter)")
      }
    }
  }
}
