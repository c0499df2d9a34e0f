import FerryCore
import Foundation
import GRDB

/// The journal, before-images and leases in one SQLite file: synchronous FULL, mode 0600, hash-chained.
public final class StateStore: Sendable {
  public let path: String
  private let queue: DatabaseQueue
  /// What a test makes of a journal write; nil outside tests.
  private let probe = WriteProbe()
  static let schemaVersion = 1

  /// Opens the state database and makes it when it is not there.
  /// - Throws: `state-damaged` (1), `state-newer` (64), `state-mode` (64) for loose modes of it or its folder,
  ///   or a link.
  public convenience init(path: String) throws(FerryError) {
    try self.init(path: path, durable: true)
  }

  /// - Parameter durable: false leaves out the syncs to disk, for tests alone.
  init(path: String, durable: Bool) throws(FerryError) {
    self.path = path
    try Self.prepare(path)
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { db in
        try db.execute(sql: "PRAGMA synchronous = \(durable ? "FULL" : "OFF")")
        try db.execute(sql: "PRAGMA foreign_keys = ON")
      }
      queue = try DatabaseQueue(path: path, configuration: configuration)
      let found = try queue.write { db -> Int in
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        if version > Self.schemaVersion { return version }
        // What was cut off or overwritten is met now, not in the middle of a run or a rollback.
        let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? ""
        guard verdict == "ok" else { throw Self.damaged(path, "SQLite says: \(verdict)") }
        if version == 0 { try Self.create(db) }
        return version
      }
      guard found <= Self.schemaVersion else {
        throw FerryError(
          "state-newer", exit: .usage, what: "could not open the state \(path)",
          why: "a newer edgeferry wrote it (schema \(found); this one knows \(Self.schemaVersion))",
          next: "use that edgeferry, or another --state")
      }
    } catch let error as FerryError {
      throw error
    } catch {
      throw Self.explain(error, path)
    }
  }

  private static func create(_ db: Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE journal(
          sequence INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL, step TEXT,
          kind TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL);
        CREATE INDEX journal_plan ON journal(plan, sequence);
        CREATE TABLE heads(plan TEXT PRIMARY KEY, count INTEGER NOT NULL, hash TEXT NOT NULL);
        CREATE TABLE images(digest TEXT PRIMARY KEY, xml TEXT NOT NULL);
        CREATE TABLE plans(digest TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT NOT NULL);
        CREATE TABLE leases(
          plan TEXT PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
          expires REAL NOT NULL, generation INTEGER NOT NULL);
        PRAGMA user_version = \(schemaVersion);
        """)
  }

  private static func prepare(_ path: String) throws(FerryError) {
    func refuse(_ why: String) -> FerryError {
      FerryError(
        "state-mode", exit: .usage, what: "could not use the state \(path)", why: why,
        next: "correct its owner and mode (0600, in a folder of 0700), or give another --state")
    }
    let folder = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty, access(folder, F_OK) != 0 {
      let parent = (folder as NSString).deletingLastPathComponent
      if !parent.isEmpty {
        try? FileManager.default.createDirectory(
          atPath: parent, withIntermediateDirectories: true)
      }
      guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
        throw refuse("its folder cannot be made: \(String(cString: strerror(errno)))")
      }
      chmod(folder, 0o700)
    }
    var info = stat()
    if !folder.isEmpty, lstat(folder, &info) == 0 {
      guard info.st_mode & S_IFMT == S_IFDIR else {
        throw refuse("its folder is a link or no folder")
      }
      // With the sticky bit, as on /tmp, nobody else can put another file in its place.
      guard info.st_mode & 0o022 == 0 || info.st_mode & S_ISVTX != 0 else {
        throw refuse(
          "others may write its folder (mode \(String(info.st_mode & 0o777, radix: 8)))")
      }
    }
    for suffix in ["-journal", "-wal", "-shm"] where lstat(path + suffix, &info) == 0 {
      guard info.st_mode & S_IFMT == S_IFREG else {
        throw refuse("\(path)\(suffix) is not a plain file")
      }
    }
    if lstat(path, &info) == 0 {
      guard info.st_mode & S_IFMT == S_IFREG else { throw refuse("it is not a plain file") }
      guard info.st_nlink == 1 else { throw refuse("it has a second name (a hard link)") }
      guard info.st_mode & 0o077 == 0 else {
        throw refuse("others may read or write it (mode \(String(info.st_mode & 0o777, radix: 8)))")
      }
      return
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 || errno == EEXIST else {
      throw refuse("it cannot be made: \(String(cString: strerror(errno)))")
    }
    if descriptor >= 0 {
      fchmod(descriptor, 0o600)
      close(descriptor)
    }
  }

  static func explain(_ error: any Error, _ path: String) -> FerryError {
    let code = (error as? DatabaseError)?.resultCode
    switch code {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
      return damaged(
        path, "SQLite says: \((error as? DatabaseError)?.message ?? "it is not a database")")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return FerryError(
        "state-busy", exit: .blocked, what: "could not use the state \(path)",
        why: "another process holds it for longer than 10 s", next: "run the command again")
    default:
      return FerryError(
        "journal-write", what: "could not write the state \(path)",
        // Named here too: a run says in `what` which step this kept it from.
        why: "\(path): \((error as? DatabaseError)?.message ?? "\(error)")",
        next:
          "free space or correct the file's mode, then run the command again; nothing further was sent"
      )
    }
  }
  static func damaged(_ path: String, _ why: String) -> FerryError {
    FerryError(
      "state-damaged", what: "could not use the state \(path)", why: why,
      next: "restore it from a copy (edgeferry state import), or move it away and plan again")
  }

  private func write<T>(_ body: (Database) throws -> T) throws(FerryError) -> T {
    do {
      return try queue.write(body)
    } catch let error as FerryError {
      throw error
    } catch {
      throw Self.explain(error, path)
    }
  }
  private func read<T>(_ body: (Database) throws -> T) throws(FerryError) -> T {
    do {
      return try queue.read(body)
    } catch let error as FerryError {
      throw error
    } catch {
      throw Self.explain(error, path)
    }
  }

  // MARK: Journal

  /// Appends to a plan's chain; with a lease, only while it is still ours, in the same transaction.
  @discardableResult
  public func append(
    _ kind: Record.Kind, plan: String, step: String? = nil, at: Date, body: Record.Body = .init(),
    images: [String: String] = [:], lease: Lease? = nil
  ) throws(FerryError) -> Record {
    let bodyText = JSONValue.of(body).canonical
    let time = Timestamp.text(at)
    try probe.before()
    defer { probe.after() }
    let record = try write { db in
      if let lease {
        let generation = try Int64.fetchOne(
          db, sql: "SELECT generation FROM leases WHERE plan = ? AND owner = ?",
          arguments: [lease.plan, lease.owner])
        guard generation == lease.generation else {
          throw FerryError(
            "lease-lost", exit: .blocked, what: "could not go on with the plan",
            why: "another operator took it over while this one was paused",
            next: "see `edgeferry status`; nothing further was sent by this run")
        }
      }
      for (digest, xml) in images {
        try db.execute(
          sql: "INSERT OR IGNORE INTO images(digest, xml) VALUES(?, ?)", arguments: [digest, xml])
      }
      let previous =
        try String.fetchOne(
          db, sql: "SELECT hash FROM journal WHERE plan = ? ORDER BY sequence DESC LIMIT 1",
          arguments: [plan]) ?? plan
      let hash = Self.hash(previous, plan, step, kind.rawValue, time, bodyText)
      try db.execute(
        sql: "INSERT INTO journal(plan, step, kind, at, body, hash) VALUES(?, ?, ?, ?, ?, ?)",
        arguments: [plan, step, kind.rawValue, time, bodyText, hash])
      // The head tells of records that were lost from the end, which a chain alone does not show.
      try db.execute(
        sql: """
          INSERT INTO heads(plan, count, hash) VALUES(?, 1, ?)
          ON CONFLICT(plan) DO UPDATE SET count = count + 1, hash = excluded.hash
          """, arguments: [plan, hash])
      return Record(
        sequence: db.lastInsertedRowID, plan: plan, step: step, kind: kind, at: at, body: body)
    }
    try probe.landed()
    return record
  }
  private static func hash(
    _ previous: String, _ plan: String, _ step: String?, _ kind: String, _ at: String,
    _ body: String
  ) -> String {
    Digest.tagged(
      JSONValue.array([
        .string(previous), .string(plan), step.map(JSONValue.string) ?? .null, .string(kind),
        .string(at), .string(body),
      ]).canonical)
  }

  /// A plan's records, oldest first, the hash chain checked.
  public func records(plan: String) throws(FerryError) -> [Record] {
    var place = JournalPlace()
    return try records(plan: plan, after: &place)
  }
  /// How far a plan's journal was read and proved.
  struct JournalPlace {
    var sequence: Int64 = 0
    var count = 0
    var hash: String?
  }
  /// The records since then; the place moves on to the last of them.
  func records(plan: String, after place: inout JournalPlace) throws(FerryError) -> [Record] {
    let path = self.path
    let begin = place
    let (records, end) = try read { db in
      var previous = begin.hash ?? plan
      var out: [Record] = []
      let rows = try Row.fetchAll(
        db, sql: "SELECT * FROM journal WHERE plan = ? AND sequence > ? ORDER BY sequence",
        arguments: [plan, begin.sequence])
      for row in rows {
        let step: String? = row["step"]
        let kind: String = row["kind"]
        let at: String = row["at"]
        let body: String = row["body"]
        let hash: String = row["hash"]
        guard hash == Self.hash(previous, plan, step, kind, at, body),
          let known = Record.Kind(rawValue: kind), let date = Timestamp.read(at),
          let decoded = try? JSONValue.read(Array(body.utf8), what: "journal")
            .decoded(Record.Body.self, what: "journal record")
        else {
          throw Self.damaged(
            path, "the journal's hash chain is broken at record \(row["sequence"] as Int64)")
        }
        previous = hash
        out.append(
          Record(
            sequence: row["sequence"], plan: plan, step: step, kind: known, at: date, body: decoded)
        )
      }
      let head = try Row.fetchOne(
        db, sql: "SELECT count, hash FROM heads WHERE plan = ?", arguments: [plan])
      let count = begin.count + out.count
      guard (head?["count"] ?? 0) == count, (head?["hash"] ?? plan) == previous else {
        throw Self.damaged(path, "the journal's last records are missing")
      }
      return (
        out,
        JournalPlace(
          sequence: out.last?.sequence ?? begin.sequence, count: count,
          hash: count > 0 ? previous : nil)
      )
    }
    place = end
    return records
  }

  // MARK: Images and plans

  public func saveImages(_ images: [String: String]) throws(FerryError) {
    guard !images.isEmpty else { return }
    try write { db in
      for (digest, xml) in images {
        // A clear config replaces a redacted one of the same digest: only it can be sent back.
        try db.execute(
          sql:
            "INSERT INTO images(digest, xml) VALUES(?, ?) ON CONFLICT(digest) DO UPDATE SET xml = excluded.xml WHERE images.xml LIKE '%<HeaderValue>sha256:%'",
          arguments: [digest, xml])
      }
    }
  }
  /// - Throws: `state-damaged` when the image is no longer what it was saved as: it is never sent then.
  public func image(_ digest: String) throws(FerryError) -> String? {
    let xml = try read { db in
      try String.fetchOne(db, sql: "SELECT xml FROM images WHERE digest = ?", arguments: [digest])
    }
    if let xml { try checkImage(xml, digest) }
    return xml
  }
  private func checkImage(_ xml: String, _ digest: String) throws(FerryError) {
    let found = try? XMLReader.read(xml).configDigest
    guard found == digest else {
      throw Self.damaged(path, "the saved config \(digest) does not match its own digest")
    }
  }
  /// Remembers a plan by its digest, so that its run can be read without its file.
  public func savePlan(_ plan: Plan) throws(FerryError) {
    let document = JSONValue.of(plan).canonical
    try write { db in
      try db.execute(
        sql: "INSERT OR IGNORE INTO plans(digest, name, document) VALUES(?, ?, ?)",
        arguments: [plan.digest, plan.name, document])
    }
  }
  public func plans() throws(FerryError) -> [Plan] {
    let rows = try read { db in
      try Row.fetchAll(db, sql: "SELECT digest, document FROM plans ORDER BY name, digest")
        .map { row -> (String, String) in (row["digest"], row["document"]) }
    }
    var out: [Plan] = []
    for (digest, document) in rows {
      guard let plan = try? Plan.read(Array(document.utf8), named: ""), plan.digest == digest else {
        throw Self.damaged(path, "the saved plan \(digest) does not match its own digest")
      }
      out.append(plan)
    }
    return out
  }

  // MARK: Leases

  /// One operator at a time for a plan.
  public struct Lease: Equatable, Sendable {
    public var plan: String
    /// Unique to one run.
    public var owner: String
    /// Only ever rises.
    public var generation: Int64
    public var renewedAt: Date
    public static let seconds = 60.0
    public static let renewSeconds = 20.0
  }
  public struct Owner: Sendable {
    public var name: String
    public var host: String
    public var pid: Int32
    public init(name: String, host: String, pid: Int32) {
      self.name = name
      self.host = host
      self.pid = pid
    }
    public static var current: Owner {
      let host = ProcessInfo.processInfo.hostName
      let pid = getpid()
      return Owner(
        name: "\(NSUserName())@\(host) process \(pid) \(UInt64.random(in: 0 ... .max))", host: host,
        pid: pid)
    }
  }

  /// - Throws: `lease-taken` (4) naming the holder, unless its lease ran out or its process on this host is gone.
  public func acquireLease(plan: String, owner: Owner, now: Date) throws(FerryError) -> Lease {
    try write { db in
      var generation: Int64 = 0
      if let row = try Row.fetchOne(
        db, sql: "SELECT * FROM leases WHERE plan = ?", arguments: [plan])
      {
        generation = row["generation"]
        let holder: String = row["owner"]
        let expires: Double = row["expires"]
        let host: String = row["host"]
        let pid: Int32 = row["pid"]
        let hasDied = host == owner.host && isGone(pid)
        let isOver = expires <= now.timeIntervalSince1970
        if holder != owner.name, !holder.isEmpty, !hasDied, !isOver {
          let shown = holder.split(separator: " ").dropLast().joined(separator: " ")
          throw FerryError(
            "lease-taken", exit: .blocked, what: "could not run the plan",
            why:
              "\(shown) is running it (its lease ends \(Timestamp.text(Date(timeIntervalSince1970: expires))))",
            next: "wait for it, or see `edgeferry status`")
        }
      }
      try db.execute(
        sql:
          "INSERT OR REPLACE INTO leases(plan, owner, host, pid, expires, generation) VALUES(?, ?, ?, ?, ?, ?)",
        arguments: [
          plan, owner.name, owner.host, owner.pid, now.timeIntervalSince1970 + Lease.seconds,
          generation + 1,
        ])
      return Lease(plan: plan, owner: owner.name, generation: generation + 1, renewedAt: now)
    }
  }
  /// - Throws: `lease-lost` (4) when somebody else has it now.
  public func renew(_ lease: inout Lease, now: Date) throws(FerryError) {
    guard now.timeIntervalSince(lease.renewedAt) >= Lease.renewSeconds else { return }
    let held = lease
    let changed = try write { db -> Int in
      try db.execute(
        sql: "UPDATE leases SET expires = ? WHERE plan = ? AND owner = ? AND generation = ?",
        arguments: [
          now.timeIntervalSince1970 + Lease.seconds, held.plan, held.owner, held.generation,
        ])
      return db.changesCount
    }
    guard changed == 1 else {
      throw FerryError(
        "lease-lost", exit: .blocked, what: "could not go on with the plan",
        why: "another operator took it over while this one was paused",
        next: "see `edgeferry status`; nothing further was sent by this run")
    }
    lease.renewedAt = now
  }
  public func release(_ lease: Lease) {
    try? queue.write { db in
      try db.execute(
        sql:
          "UPDATE leases SET owner = '', expires = 0 WHERE plan = ? AND owner = ? AND generation = ?",
        arguments: [lease.plan, lease.owner, lease.generation])
    }
  }

  // MARK: As a whole

  /// Everything as one JSON document, `edgeferry.state/1`.
  public func export() throws(FerryError) -> JSONValue {
    try read { db in
      func rows(_ sql: String) throws -> JSONValue {
        .array(
          try Row.fetchAll(db, sql: sql).map { row in
            var members: [String: JSONValue] = [:]
            for (column, value) in row {
              switch value.storage {
              case .string(let text): members[column] = .string(text)
              case .int64(let number): members[column] = .int(number)
              case .double(let number): members[column] = .double(number)
              case .null, .blob: members[column] = .null
              }
            }
            return .object(members)
          })
      }
      return [
        "schema": "edgeferry.state/1",
        "journal": try rows("SELECT * FROM journal ORDER BY sequence"),
        "heads": try rows("SELECT * FROM heads ORDER BY plan"),
        "images": try rows("SELECT * FROM images ORDER BY digest"),
        "plans": try rows("SELECT * FROM plans ORDER BY digest"),
      ]
    }
  }
  /// - Throws: `state-not-empty` (64) when this state already holds anything; `.badInput` for a broken document.
  public func load(_ document: JSONValue) throws(FerryError) {
    func text(_ row: JSONValue, _ key: String) throws(FerryError) -> String {
      guard let it = row[key]?.string else {
        throw .badInput(
          "bad-state", what: "could not read the exported state", why: "a row has no \(key)",
          next: "give a file that `edgeferry state export` wrote")
      }
      return it
    }
    let journal = document["journal"]?.array ?? []
    try write { db in
      let count =
        try Int.fetchOne(
          db, sql: "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM plans)") ?? 0
      guard count == 0 else {
        throw FerryError.badInput(
          "state-not-empty", what: "could not import into \(self.path)",
          why: "it already holds plans or runs", next: "import into an empty --state")
      }
      for row in journal {
        try db.execute(
          sql:
            "INSERT INTO journal(sequence, plan, step, kind, at, body, hash) VALUES(?, ?, ?, ?, ?, ?, ?)",
          arguments: [
            row["sequence"]?.int, try text(row, "plan"), row["step"]?.string,
            try text(row, "kind"), try text(row, "at"), try text(row, "body"),
            try text(row, "hash"),
          ])
      }
      for row in document["heads"]?.array ?? [] {
        try db.execute(
          sql: "INSERT INTO heads(plan, count, hash) VALUES(?, ?, ?)",
          arguments: [try text(row, "plan"), row["count"]?.int, try text(row, "hash")])
      }
      for row in document["images"]?.array ?? [] {
        try db.execute(
          sql: "INSERT OR REPLACE INTO images(digest, xml) VALUES(?, ?)",
          arguments: [try text(row, "digest"), try text(row, "xml")])
      }
      for row in document["plans"]?.array ?? [] {
        try db.execute(
          sql: "INSERT OR REPLACE INTO plans(digest, name, document) VALUES(?, ?, ?)",
          arguments: [try text(row, "digest"), try text(row, "name"), try text(row, "document")])
      }
    }
    try check()
  }
  /// SQLite's own integrity check, every plan's hash chain, and every image and plan against its digest.
  /// - Throws: `state-damaged` (1).
  @discardableResult
  public func check() throws(FerryError) -> Int {
    let path = self.path
    let (runs, images) = try read { db -> ([String], [(String, String)]) in
      let verdict = try String.fetchOne(db, sql: "PRAGMA integrity_check") ?? ""
      guard verdict == "ok" else { throw Self.damaged(path, "SQLite says: \(verdict)") }
      return (
        try String.fetchAll(db, sql: "SELECT plan FROM journal UNION SELECT plan FROM heads"),
        try Row.fetchAll(db, sql: "SELECT digest, xml FROM images").map {
          ($0["digest"], $0["xml"])
        }
      )
    }
    var count = 0
    for plan in runs { count += try records(plan: plan).count }
    for (digest, xml) in images { try checkImage(xml, digest) }
    _ = try plans()
    return count
  }
}

// MARK: Tests

/// Counts journal writes, and ends a run before or after one as a killed process would.
final class WriteProbe: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  private var killAt: Int?
  private var killLanded = false
  private static let death = FerryError(
    "killed", what: "killed", why: "by the test", next: "resume")

  var writes: Int { lock.withLock { count } }
  func kill(after writes: Int, landed: Bool) {
    lock.withLock {
      killAt = writes + 1
      killLanded = landed
    }
  }
  func before() throws(FerryError) {
    if lock.withLock({
      killAt != nil && (killLanded ? count >= (killAt ?? 0) : count + 1 >= (killAt ?? 0))
    }) {
      throw Self.death
    }
  }
  func after() { lock.withLock { count += 1 } }
  func landed() throws(FerryError) {
    if lock.withLock({ killLanded && count + 1 == killAt }) { throw Self.death }
  }
}
extension StateStore {
  func killAfter(writes: Int, landed: Bool) { probe.kill(after: writes, landed: landed) }
  var writeCount: Int { probe.writes }
}
extension StateStore {
  /// For tests: makes the disk look full after that many pages.
  func limitPages(to count: Int) throws(FerryError) {
    try execute("PRAGMA max_page_count = \(count)")
  }
  /// For tests: damages a database on purpose.
  func execute(_ sql: String) throws(FerryError) {
    try write { db in try db.execute(sql: sql) }
  }
}
