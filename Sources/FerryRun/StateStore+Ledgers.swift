import FerryCore
import GRDB

/// Named JSON documents that change by compare-and-swap.
extension StateStore {
  public func ledger(named name: String) async throws(FerryError) -> (
    document: JSONValue, version: String
  )? {
    let row = try write { db -> (String, Int64)? in
      try db.execute(
        sql:
          "CREATE TABLE IF NOT EXISTS ledgers(name TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL)"
      )
      return try Row.fetchOne(
        db, sql: "SELECT document, version FROM ledgers WHERE name = ?", arguments: [name]
      ).map { ($0["document"], $0["version"]) }
    }
    guard let (text, version) = row else { return nil }
    return (try JSONValue.read(Array(text.utf8), what: "the ledger \(name)"), "\(version)")
  }
  public func saveLedger(named name: String, document: JSONValue, expecting version: String?)
    async throws(FerryError) -> Bool
  {
    let text = document.canonical
    return try write { db in
      try db.execute(
        sql:
          "CREATE TABLE IF NOT EXISTS ledgers(name TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL)"
      )
      if let version {
        try db.execute(
          sql:
            "UPDATE ledgers SET document = ?, version = version + 1 WHERE name = ? AND version = ?",
          arguments: [text, name, Int64(version)])
      } else {
        try db.execute(
          sql: "INSERT OR IGNORE INTO ledgers(name, version, document) VALUES(?, 1, ?)",
          arguments: [name, text])
      }
      return db.changesCount == 1
    }
  }
}
