import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

struct StateTests {
  let path = KillTests.temporary()
  let now = Date(timeIntervalSince1970: 1_795_514_400)
  private func store() throws -> SQLiteState { try SQLiteState(path: path, durable: false) }
  private func filled() throws {
    let store = try store()
    for index in 0..<20 {
      try store.append(
        RecordDraft(.waiting, plan: "sha256:p", step: "s\(index)", at: now), under: nil)
    }
  }

  @Test func `the file is for its owner alone and a loose or linked one is refused`() throws {
    defer { KillTests.remove(path) }
    _ = try store()
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    chmod(path, 0o644)
    #expect(throws: FerryError.self) { try store() }
    chmod(path, 0o600)
    let link = path + ".link"
    symlink(path, link)
    let error = #expect(throws: FerryError.self) { try SQLiteState(path: link) }
    #expect(error?.exit == .usage)
  }

  @Test func `a newer database is bad input and stays as it is`() throws {
    defer { KillTests.remove(path) }
    try filled()
    try sqlite("PRAGMA user_version = 3")
    let error = #expect(throws: FerryError.self) { try store() }
    #expect(error?.exit == .usage && error?.code == "state-newer")
  }

  @Test func `a database of version 1 is opened with all that it holds, and takes ledgers`() throws
  {
    defer { KillTests.remove(path) }
    let digest = "sha256:867722910a23d15b95d027e788dd9ca31cb192f2922ee4853b73e13e7183b9b7"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    // Written by the version before, with one run of one step.
    try FileManager.default.copyItem(
      atPath: Shared.package.appendingPathComponent("Tests/Fixtures/state-1.sqlite").path,
      toPath: path)
    chmod(path, 0o600)
    for _ in 0..<2 {
      let store = try store()
      #expect(try store.check() == 4)
      let state = RunState(try store.records(plan: digest))
      #expect(state.isFinished && state.steps["delete-staging-E2SAMPLEIDLE10"]?.phase == .verified)
      let plans = try store.plans()
      #expect(plans.map(\.digest) == [digest])
      #expect(try store.image(plans[0].steps[0].expects.configDigest ?? "") != nil)
    }
    // The lease goes on from its generation, and new records from their number.
    let owner = LeaseOwner(name: "me 1 a", host: "here", pid: getpid())
    let lease = try store().acquireLease(plan: digest, with: nil, owner: owner, now: now)
    #expect(lease.generation == 2)
    let record = try store().append(
      RecordDraft(.waiting, plan: digest, at: now), under: lease)
    #expect(record.sequence == 5)
    #expect(try store().saveLedger(named: "l", document: [:], expecting: nil) == "1")
    #expect(try store().check() == 5)
  }

  @Test func `what is no database is damaged`() throws {
    defer { KillTests.remove(path) }
    try filled()
    try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    let error = #expect(throws: FerryError.self) { try store() }
    #expect(error?.exit == .failed && error?.code == "state-damaged")
  }

  @Test(
    arguments: [
      "UPDATE journal SET body = '{}' WHERE sequence = 7", "DELETE FROM journal WHERE sequence = 7",
      "DELETE FROM journal WHERE sequence = 20", "DELETE FROM journal",
      "DELETE FROM heads",
      "UPDATE journal SET at = '2020-01-01T00:00:00Z' WHERE sequence = 7",
      "UPDATE journal SET step = 's1' WHERE sequence = 7",
      "UPDATE journal SET kind = 'verified' WHERE sequence = 7",
      "UPDATE journal SET sequence = 100 WHERE sequence = 3",
      "UPDATE journal SET plan = 'other' WHERE sequence = 1",
    ])
  func `an edited, removed or reordered record breaks the chain`(_ sql: String) throws {
    defer { KillTests.remove(path) }
    try filled()
    #expect(try store().check() == 20)
    if sql.contains("body") {
      try sqlite("UPDATE journal SET body = '{\"writes\":1}' WHERE sequence = 7")
    } else {
      try sqlite(sql)
    }
    let error = #expect(throws: FerryError.self) { try store().check() }
    #expect(error?.code == "state-damaged")
  }

  @Test func `a file cut at any length is whole, damaged or empty, and never half believed`() throws
  {
    defer { KillTests.remove(path) }
    try filled()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for length in stride(from: 0, to: bytes.count, by: 997) {
      try bytes.prefix(length).write(to: URL(fileURLWithPath: path))
      chmod(path, 0o600)
      do throws(FerryError) {
        let count = try SQLiteState(path: path, durable: false).check()
        #expect(count == 20 || count == 0)
      } catch {
        #expect(error.exit == .failed)
      }
    }
  }

  @Test func `a full disk ends a journal write in one error that names the file`() throws {
    defer { KillTests.remove(path) }
    let store = try store()
    try store.limitPages(to: 8)
    let error = #expect(throws: FerryError.self) {
      for index in 0..<2000 {
        try store.append(
          RecordDraft(.waiting, plan: "sha256:p", step: "s\(index)", at: now), under: nil)
      }
    }
    #expect(error?.code == "journal-write" && error?.what.contains(path) == true)
  }

  @Test func `one operator at a time, until the lease runs out or its process is gone`() throws {
    defer { KillTests.remove(path) }
    let store = try store()
    let mine = LeaseOwner(name: "me 1 a", host: "here", pid: getpid())
    let yours = LeaseOwner(name: "you 2 b", host: "there", pid: 1)
    var lease = try store.acquireLease(plan: "p", with: nil, owner: mine, now: now)
    let taken = #expect(throws: FerryError.self) {
      try store.acquireLease(plan: "p", with: nil, owner: yours, now: now + 59)
    }
    #expect(taken?.exit == .blocked && taken?.why.contains("me 1") == true)
    lease = try store.renewed(lease, now: now + 25)
    #expect(throws: FerryError.self) {
      try store.acquireLease(plan: "p", with: nil, owner: yours, now: now + 70)
    }
    let theirs = try store.acquireLease(plan: "p", with: nil, owner: yours, now: now + 90)
    #expect(theirs.generation > lease.generation)
    // The paused one finds out before it writes.
    let lost = #expect(throws: FerryError.self) {
      try store.append(RecordDraft(.intended, plan: "p", step: "s", at: now + 91), under: lease)
    }
    #expect(lost?.code == "lease-lost")
    #expect(throws: FerryError.self) { try store.renewed(lease, now: now + 120) }
    let dead = LeaseOwner(name: "dead 3 c", host: "here", pid: 4_194_305)
    _ = try store.acquireLease(plan: "q", with: nil, owner: dead, now: now)
    _ = try store.acquireLease(plan: "q", with: nil, owner: mine, now: now + 1)
  }

  @Test func `a killed holder that nobody waited for is gone`() throws {
    var pid: pid_t = 0
    var argv: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(argv[0]) }
    #expect(posix_spawnp(&pid, "true", nil, nil, &argv, environ) == 0)
    var info = siginfo_t()
    // Waits for the end and leaves the zombie in the table.
    #expect(waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == 0)
    #expect(kill(pid, 0) == 0)
    #expect(isGone(pid))
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    #expect(isGone(pid))
    #expect(!isGone(getpid()))
  }

  @Test func `an exported state comes back whole in an empty one only`() throws {
    defer { KillTests.remove(path) }
    try filled()
    let document = try store().export()
    let other = try SQLiteState(path: path + ".2", durable: false)
    try other.load(document)
    #expect(try other.check() == 20)
    #expect(try other.records(plan: "sha256:p") == store().records(plan: "sha256:p"))
    #expect(throws: FerryError.self) { try other.load(document) }
  }

  private func sqlite(_ sql: String) throws { try store().execute(sql) }
}
