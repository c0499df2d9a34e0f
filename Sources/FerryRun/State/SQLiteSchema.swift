import FerryCore
import Foundation
import GRDB

/// The tables, and the file that holds them.
extension SQLiteState {
  static let schemaVersion = 2

  /// Every version's own change, in the transaction that opens the file.
  static func migrate(_ db: Database, from version: Int) throws {
    if version < 1 {
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
          """)
    }
    if version < 2 {
      try db.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS ledgers(
            name TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL);
          ALTER TABLE ledgers ADD COLUMN digest TEXT NOT NULL DEFAULT '';
          """)
      // Some files of version 1 have ledgers, without digests.
      for row in try Row.fetchAll(db, sql: "SELECT name, document FROM ledgers") {
        try db.execute(
          sql: "UPDATE ledgers SET digest = ? WHERE name = ?",
          arguments: [Digest.tagged(row["document"]), row["name"] as String])
      }
    }
    if version < schemaVersion { try db.execute(sql: "PRAGMA user_version = \(schemaVersion)") }
  }

  static func prepare(_ path: String) throws(FerryError) {
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
}
