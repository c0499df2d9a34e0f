import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// What every store has to do, whatever it keeps things in.
struct StateConformanceTests {
  enum Kind: String, CaseIterable, Sendable { case sqlite, s3 }

  /// One place that several processes open.
  struct Place: Sendable {
    let kind: Kind
    let path = KillTests.temporary()
    let bucket = S3Fake()
    let clock = VirtualClock(Date(timeIntervalSince1970: 1_795_514_400))
    init(_ kind: Kind) { self.kind = kind }
    func open() throws(FerryError) -> any StateStore {
      switch kind {
      case .sqlite: return try SQLiteState(path: path, durable: false)
      case .s3:
        return S3State(
          try S3Place("s3://\(S3Fake.bucket)/team/one"), transport: bucket, region: "eu-west-1",
          clock: clock)
      }
    }
    func remove() { KillTests.remove(path) }
  }

  let now = Date(timeIntervalSince1970: 1_795_514_400)
  let mine = LeaseOwner(name: "me@one process 1 a", host: "one", pid: getpid())
  let yours = LeaseOwner(name: "you@two process 2 b", host: "two", pid: 1)
  static let clear =
    "<DistributionConfig><Origins><Items><Origin><CustomHeaders><Items><OriginCustomHeader><HeaderValue>canary</HeaderValue></OriginCustomHeader></Items></CustomHeaders></Origin></Items></Origins></DistributionConfig>"

  @Test(arguments: Kind.allCases)
  func `records come back in their order in another process`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    let store = try place.open()
    var body = Record.Body()
    body.reason = "é\u{1F680}\n\"quoted\""
    var written: [Record] = []
    for index in 0..<45 {
      written.append(
        try await store.append(.waiting, plan: "sha256:p", step: "s\(index)", at: now, body: body))
    }
    try await store.append(.held, plan: "sha256:q", at: now)
    let read = try await place.open().records(plan: "sha256:p")
    #expect(read == written)
    #expect(zip(read, read.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
    #expect(try await place.open().records(plan: "sha256:none").isEmpty)
    #expect(try await place.open().check() == 46)
  }

  @Test(arguments: Kind.allCases)
  func `one operator at a time until the lease runs out or its process is gone`(_ kind: Kind)
    async throws
  {
    let place = Place(kind)
    defer { place.remove() }
    let (one, two) = (try place.open(), try place.open())
    var lease = try await one.acquireLease(plan: "p", with: nil, owner: mine, now: now)
    let taken = await #expect(throws: FerryError.self) {
      try await two.acquireLease(plan: "p", with: nil, owner: yours, now: now + 59)
    }
    #expect(taken?.code == "lease-taken" && taken?.exit == .blocked)
    #expect(taken?.why.contains("me@one process 1 is running it") == true)
    #expect(try await one.renewed(lease, now: now + 19) == lease)
    lease = try await one.renewed(lease, now: now + 25)
    await #expect(throws: FerryError.self) {
      try await two.acquireLease(plan: "p", with: nil, owner: yours, now: now + 84)
    }
    let theirs = try await two.acquireLease(plan: "p", with: nil, owner: yours, now: now + 85)
    #expect(theirs.generation > lease.generation)
    // The paused one finds out before it writes.
    let old = lease
    let lost = await #expect(throws: FerryError.self) {
      try await one.append(.intended, plan: "p", step: "s", at: now + 91, lease: old)
    }
    #expect(lost?.code == "lease-lost" && lost?.exit == .blocked)
    let late = await #expect(throws: FerryError.self) {
      try await one.renewed(old, now: now + 120)
    }
    #expect(late?.code == "lease-lost")
    // It cannot release what is no longer its own either.
    await one.release(old)
    await #expect(throws: FerryError.self) {
      try await one.acquireLease(plan: "p", with: nil, owner: mine, now: now + 92)
    }
    await two.release(theirs)
    _ = try await one.acquireLease(plan: "p", with: nil, owner: mine, now: now + 92)
    // On the same machine a process that is gone holds nobody up.
    let dead = LeaseOwner(name: "dead@one process 3 c", host: "one", pid: 4_194_305)
    _ = try await one.acquireLease(plan: "q", with: nil, owner: dead, now: now)
    await #expect(throws: FerryError.self) {
      try await two.acquireLease(plan: "q", with: nil, owner: yours, now: now + 1)
    }
    _ = try await one.acquireLease(plan: "q", with: nil, owner: mine, now: now + 1)
  }

  @Test(arguments: Kind.allCases)
  func `of many that come at once one gets the lease and the others hear its name`(_ kind: Kind)
    async throws
  {
    let place = Place(kind)
    defer { place.remove() }
    _ = try place.open()
    for round in 0..<8 {
      let ends = await withTaskGroup(of: Result<Lease, FerryError>.self) { group in
        for number in 0..<8 {
          group.addTask {
            let owner = LeaseOwner(
              name: "op\(number)@x process 1 \(number)", host: "x\(number)", pid: 1)
            do throws(FerryError) {
              return .success(
                try await place.open().acquireLease(
                  plan: "p\(round)", with: nil, owner: owner, now: now))
            } catch {
              return .failure(error)
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      let won = ends.compactMap { try? $0.get() }
      #expect(won.count == 1)
      let winner = won.first?.owner.split(separator: " ").first ?? ""
      for case .failure(let error) in ends {
        #expect(error.code == "lease-taken" && error.why.contains(winner), "\(error)")
      }
    }
  }

  @Test(arguments: Kind.allCases)
  func `what many say at once is all in the journal, each once, and holds up no lease`(_ kind: Kind)
    async throws
  {
    let place = Place(kind)
    defer { place.remove() }
    let store = try place.open()
    let lease = try await store.acquireLease(plan: "p", with: nil, owner: mine, now: now)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<4 {
        group.addTask {
          let other = try place.open()
          for index in 0..<10 {
            try await other.append(.held, plan: "p", step: "w\(writer).\(index)", at: now)
          }
        }
      }
      group.addTask {
        for index in 0..<10 {
          try await store.append(.waiting, plan: "p", step: "run.\(index)", at: now, lease: lease)
        }
      }
      try await group.waitForAll()
    }
    let steps = try await place.open().records(plan: "p").compactMap(\.step)
    #expect(steps.count == 50 && Set(steps).count == 50)
    for who in ["w0", "w1", "w2", "w3", "run"] {
      let own = steps.filter { $0.hasPrefix(who + ".") }
      #expect(own == (0..<10).map { "\(who).\($0)" })
    }
  }

  @Test(arguments: Kind.allCases)
  func `records of a plan and its rollback are in the order of their runs`(_ kind: Kind)
    async throws
  {
    let place = Place(kind)
    defer { place.remove() }
    var last: Int64 = 0
    for round in 0..<6 {
      // Another process each time, as after a kill; it has read no other journal.
      let store = try place.open()
      let lease = try await store.acquireLease(
        plan: "forward", with: nil, owner: mine, now: now + Double(round * 100))
      for _ in 0..<3 {
        let plan = round % 2 == 0 ? "forward" : "back"
        let record = try await store.append(.applied, plan: plan, step: "s", at: now, lease: lease)
        #expect(record.sequence > last)
        last = record.sequence
      }
      await store.release(lease)
    }
  }

  @Test(arguments: Kind.allCases)
  func `a clear config replaces a redacted one, never the other way`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    let store = try place.open()
    let digest = try XMLReader.read(Self.clear).configDigest
    let redacted = Self.clear.replacingOccurrences(
      of: "canary", with: "sha256:" + Digest.hex(Digest.sha256(Array("canary".utf8))))
    try #require(try XMLReader.read(redacted).configDigest == digest)
    try await store.saveImages([digest: redacted])
    #expect(try await place.open().image(digest) == redacted)
    try await place.open().saveImages([digest: Self.clear])
    #expect(try await store.image(digest) == Self.clear)
    try await place.open().saveImages([digest: redacted])
    #expect(try await place.open().image(digest) == Self.clear)
    #expect(try await store.image("sha256:" + String(repeating: "0", count: 64)) == nil)
  }

  @Test(arguments: Kind.allCases)
  func `a plan is kept by its digest, once`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    let world = try await RemovalWorld(propagation: 30)
    for plan in [world.rollback, world.plan, world.plan] { try await place.open().savePlan(plan) }
    let store = try place.open()
    #expect(try await store.plans() == [world.plan, world.rollback])
    #expect(try await store.plan(world.rollback.digest) == world.rollback)
    #expect(try await store.plan("sha256:" + String(repeating: "0", count: 64)) == nil)
  }

  @Test(arguments: Kind.allCases)
  func `a ledger is written only over the version that was read`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    let store = try place.open()
    #expect(try await store.ledger(named: "111111111111") == nil)
    let first = try await store.saveLedger(
      named: "111111111111", document: ["n": 1], expecting: nil)
    let moved = await #expect(throws: FerryError.self) {
      try await place.open().saveLedger(named: "111111111111", document: ["n": 9], expecting: nil)
    }
    #expect(moved?.code == "ledger-moved" && moved?.exit == .blocked)
    let second = try await place.open().saveLedger(
      named: "111111111111", document: ["n": 2], expecting: first)
    await #expect(throws: FerryError.self) {
      try await store.saveLedger(named: "111111111111", document: ["n": 9], expecting: first)
    }
    #expect(
      try await place.open().ledger(named: "111111111111")
        == Ledger(document: ["n": 2], version: second))
    _ = try await store.saveLedger(named: "sweep/keeps", document: [], expecting: nil)
    #expect(try await store.ledgerNames() == ["111111111111", "sweep/keeps"])
    for name in [
      "", "/a", "a/", "a//b", "a/../x", ".hidden", "é", String(repeating: "a", count: 129),
    ] {
      let bad = await #expect(throws: FerryError.self) { try await store.ledger(named: name) }
      #expect(bad?.exit == .usage)
    }
  }

  @Test(arguments: Kind.allCases)
  func `no change of a ledger is lost when many write it at once`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    _ = try place.open()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let store = try place.open()
          var left = 10
          while left > 0 {
            let found = try await store.ledger(named: "shared")
            let count = found?.document["count"]?.int ?? 0
            do throws(FerryError) {
              _ = try await store.saveLedger(
                named: "shared", document: ["count": .int(Int64(count + 1))],
                expecting: found?.version)
              left -= 1
            } catch {
              #expect(error.code == "ledger-moved", "\(error)")
              guard error.code == "ledger-moved" else { throw error }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await place.open().ledger(named: "shared")?.document == ["count": 40])
  }

  @Test(arguments: Kind.allCases, Kind.allCases)
  func `what one store exports another loads whole, and only into an empty one`(
    _ from: Kind, _ to: Kind
  ) async throws {
    let (source, target) = (Place(from), Place(to))
    defer {
      source.remove()
      target.remove()
    }
    let world = try await RemovalWorld(propagation: 30)
    let store = try source.open()
    let removed = try await Runner.run(
      world.plan, store: store, world: world.world(), options: world.options())
    #expect(removed.exit == .done)
    try await store.saveImages([try XMLReader.read(Self.clear).configDigest: Self.clear])
    _ = try await store.saveLedger(named: "l", document: ["a": [1, "b"]], expecting: nil)
    let document = try await source.open().export()
    let count = try await store.check()
    #expect(count > 10)
    try await target.open().load(document)
    let copy = try target.open()
    #expect(try await copy.check() == count)
    let again = try await copy.export()
    for key in ["heads", "images", "plans", "ledgers", "schema"] {
      #expect(again[key] == document[key], "\(key)")
    }
    #expect(
      again["journal"]?.array?.map { $0["hash"] } == document["journal"]?.array?.map { $0["hash"] })
    let refused = await #expect(throws: FerryError.self) { try await copy.load(document) }
    #expect(refused?.code == "state-not-empty" && refused?.exit == .usage)
    // The copy can take back what the source did.
    let back = try await Runner.run(
      world.rollback, store: copy, world: world.world(), options: world.options())
    #expect(back.exit == .done && world.isRestored, "\(String(describing: back.error))")
  }

  @Test(arguments: Kind.allCases)
  func `a broken export is bad input and leaves nothing`(_ kind: Kind) async throws {
    let place = Place(kind)
    defer { place.remove() }
    for document in [
      ["journal": [["plan": "p"]]], ["heads": [["plan": "p", "hash": "h"]]],
      ["images": [["digest": "d"]]], ["plans": [["digest": "d", "document": "{}"]]],
      ["ledgers": [["name": "../x", "document": "{}"]]],
      ["images": [["digest": "sha256:d", "xml": "<DistributionConfig/>"]]],
      ["heads": [["plan": "p", "count": 1, "hash": "h"]]],
      [
        "journal": [
          [
            "sequence": 1, "plan": "p", "step": .null, "kind": "held",
            "at": "2026-11-24T10:00:00Z", "body": "{}", "hash": "sha256:other",
          ]
        ]
      ],
    ] as [JSONValue] {
      let refused = await #expect(throws: FerryError.self) { try await place.open().load(document) }
      #expect(refused?.exit == .usage)
    }
    #expect(try await place.open().check() == 0)
    #expect(try await place.open().plans().isEmpty)
  }
}
