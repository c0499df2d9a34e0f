import FerryCore
import Foundation
import GRDB

extension SQLiteState {
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
  public func image(_ digest: String) throws(FerryError) -> String? {
    let xml = try read { db in
      try String.fetchOne(db, sql: "SELECT xml FROM images WHERE digest = ?", arguments: [digest])
    }
    if let xml { try StateContent.check(image: xml, digest, in: path) }
    return xml
  }
  public func savePlan(_ plan: Plan) throws(FerryError) {
    let document = JSONValue.of(plan).canonical
    try write { db in
      try db.execute(
        sql: "INSERT OR IGNORE INTO plans(digest, name, document) VALUES(?, ?, ?)",
        arguments: [plan.digest, plan.name, document])
    }
  }
  public func plan(_ digest: String) throws(FerryError) -> Plan? {
    let document = try read { db in
      try String.fetchOne(
        db, sql: "SELECT document FROM plans WHERE digest = ?", arguments: [digest])
    }
    guard let document else { return nil }
    return try StateContent.plan(Array(document.utf8), digest, in: path)
  }
  public func plans() throws(FerryError) -> [Plan] {
    let rows = try read { db in
      try Row.fetchAll(db, sql: "SELECT digest, document FROM plans ORDER BY name, digest")
        .map { row -> (String, String) in (row["digest"], row["document"]) }
    }
    var out: [Plan] = []
    for (digest, document) in rows {
      out.append(try StateContent.plan(Array(document.utf8), digest, in: path))
    }
    return out
  }

  // MARK: Ledgers

  public func ledger(named name: String) throws(FerryError) -> Ledger? {
    try Ledger.check(name)
    let row = try read { db in
      try Row.fetchOne(
        db, sql: "SELECT version, digest, document FROM ledgers WHERE name = ?", arguments: [name]
      ).map { ($0["version"] as Int64, $0["digest"] as String, $0["document"] as String) }
    }
    guard let (version, digest, text) = row else { return nil }
    let document = try StateContent.ledger(text, digest, named: name, in: path)
    return Ledger(document: document, version: "\(version)")
  }
  public func saveLedger(named name: String, document: JSONValue, expecting version: String?)
    throws(FerryError) -> String
  {
    try Ledger.check(name)
    let text = document.canonical
    return try write { db in
      let found = try Int64.fetchOne(
        db, sql: "SELECT version FROM ledgers WHERE name = ?", arguments: [name])
      guard found.map({ "\($0)" }) == version else { throw Ledger.moved(name) }
      let next = (found ?? 0) + 1
      try db.execute(
        sql: "INSERT OR REPLACE INTO ledgers(name, version, digest, document) VALUES(?, ?, ?, ?)",
        arguments: [name, next, Digest.tagged(text), text])
      return "\(next)"
    }
  }
  public func ledgerNames() throws(FerryError) -> [String] {
    try read { db in try String.fetchAll(db, sql: "SELECT name FROM ledgers ORDER BY name") }
  }

  // MARK: As a whole

  public func export() throws(FerryError) -> JSONValue {
    try read { db in
      var out = StateDocument()
      out.journal = try Row.fetchAll(db, sql: "SELECT * FROM journal ORDER BY sequence")
        .map(JournalRow.init)
      out.heads = try Row.fetchAll(db, sql: "SELECT * FROM heads ORDER BY plan").map {
        JournalHead(plan: $0["plan"], count: $0["count"], hash: $0["hash"])
      }
      out.images = try Row.fetchAll(db, sql: "SELECT * FROM images ORDER BY digest").map {
        .init(key: $0["digest"], text: $0["xml"])
      }
      out.plans = try Row.fetchAll(db, sql: "SELECT * FROM plans ORDER BY digest").map {
        .init(key: $0["digest"], name: $0["name"], text: $0["document"])
      }
      out.ledgers = try Row.fetchAll(db, sql: "SELECT * FROM ledgers ORDER BY name").map {
        .init(key: $0["name"], text: $0["document"])
      }
      return out.json
    }
  }
  public func load(_ document: JSONValue) throws(FerryError) {
    let it = try StateDocument(document)
    try write { db in
      let count =
        try Int.fetchOne(
          db,
          sql:
            "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM plans) + (SELECT count(*) FROM ledgers)"
        ) ?? 0
      guard count == 0 else { throw StateDocument.notEmpty(self.path) }
      for row in it.journal {
        try db.execute(
          sql:
            "INSERT INTO journal(sequence, plan, step, kind, at, body, hash) VALUES(?, ?, ?, ?, ?, ?, ?)",
          arguments: [row.sequence, row.plan, row.step, row.kind, row.at, row.body, row.hash])
      }
      for row in it.heads {
        try db.execute(
          sql: "INSERT INTO heads(plan, count, hash) VALUES(?, ?, ?)",
          arguments: [row.plan, row.count, row.hash])
      }
      for row in it.images {
        try db.execute(
          sql: "INSERT OR REPLACE INTO images(digest, xml) VALUES(?, ?)",
          arguments: [row.key, row.text])
      }
      for row in it.plans {
        try db.execute(
          sql: "INSERT OR REPLACE INTO plans(digest, name, document) VALUES(?, ?, ?)",
          arguments: [row.key, row.name, row.text])
      }
      for row in it.ledgers {
        try db.execute(
          sql: "INSERT INTO ledgers(name, version, digest, document) VALUES(?, 1, ?, ?)",
          arguments: [row.key, Digest.tagged(row.text), row.text])
      }
    }
    try check()
  }
  /// SQLite's own integrity check, too.
  @discardableResult
  public func check() throws(FerryError) -> Int {
    let path = self.path
    let (runs, images) = try read { db -> ([String], [(String, String)]) in
      let verdict = try String.fetchOne(db, sql: "PRAGMA integrity_check") ?? ""
      guard verdict == "ok" else { throw StateContent.damaged(path, "SQLite says: \(verdict)") }
      return (
        try String.fetchAll(db, sql: "SELECT plan FROM journal UNION SELECT plan FROM heads"),
        try Row.fetchAll(db, sql: "SELECT digest, xml FROM images").map {
          ($0["digest"], $0["xml"])
        }
      )
    }
    var count = 0
    for plan in runs { count += try records(plan: plan).count }
    for (digest, xml) in images { try StateContent.check(image: xml, digest, in: path) }
    _ = try plans()
    for name in try ledgerNames() { _ = try ledger(named: name) }
    return count
  }
}
