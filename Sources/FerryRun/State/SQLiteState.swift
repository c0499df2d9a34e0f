import FerryCore
import Foundation
import GRDB

/// The state in one SQLite file: synchronous FULL, mode 0600, hash-chained.
public final class SQLiteState: StateStore {
  public let path: String
  public var place: String { path }
  private let queue: DatabaseQueue
  /// What a test makes of a journal write; nil outside tests.
  let probe = WriteProbe()

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
        guard verdict == "ok" else { throw StateContent.damaged(path, "SQLite says: \(verdict)") }
        try Self.migrate(db, from: version)
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

  /// The SQLite in use.
  package static var libraryVersion: String {
    let version = try? DatabaseQueue().read {
      try String.fetchOne($0, sql: "SELECT sqlite_version()")
    }
    return (version ?? nil) ?? "unknown"
  }
  /// The schema of a state that an older edgeferry wrote; nil for one of today. Nothing is written.
  package static func olderSchema(_ path: String) throws(FerryError) -> Int? {
    try prepare(path)
    do {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(10)
      let found = try DatabaseQueue(path: path, configuration: configuration).read {
        try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0
      }
      return found < schemaVersion ? found : nil
    } catch {
      throw explain(error, path)
    }
  }

  func write<T>(_ body: (Database) throws -> T) throws(FerryError) -> T {
    do {
      return try queue.write(body)
    } catch let error as FerryError {
      throw error
    } catch {
      throw Self.explain(error, path)
    }
  }
  func read<T>(_ body: (Database) throws -> T) throws(FerryError) -> T {
    do {
      return try queue.read(body)
    } catch let error as FerryError {
      throw error
    } catch {
      throw Self.explain(error, path)
    }
  }

  static func explain(_ error: any Error, _ path: String) -> FerryError {
    let code = (error as? DatabaseError)?.resultCode
    switch code {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
      return StateContent.damaged(
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
}
