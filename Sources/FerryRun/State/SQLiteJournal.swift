import FerryCore
import Foundation
import GRDB

extension SQLiteState {
  @discardableResult
  public func append(_ draft: RecordDraft, under lease: Lease?) throws(FerryError) -> Record {
    try probe.before()
    defer { probe.after() }
    let record = try write { db in
      if let lease {
        let generation = try Int64.fetchOne(
          db, sql: "SELECT generation FROM leases WHERE plan = ? AND owner = ?",
          arguments: [lease.plan, lease.owner])
        guard generation == lease.generation else { throw Lease.lost }
      }
      for (digest, xml) in draft.images {
        try db.execute(
          sql: "INSERT OR IGNORE INTO images(digest, xml) VALUES(?, ?)", arguments: [digest, xml])
      }
      let previous =
        try String.fetchOne(
          db, sql: "SELECT hash FROM journal WHERE plan = ? ORDER BY sequence DESC LIMIT 1",
          arguments: [draft.plan]) ?? draft.plan
      // The row's own number is given when it is written.
      let row = JournalRow(draft, sequence: 0, after: previous)
      try db.execute(
        sql: "INSERT INTO journal(plan, step, kind, at, body, hash) VALUES(?, ?, ?, ?, ?, ?)",
        arguments: [row.plan, row.step, row.kind, row.at, row.body, row.hash])
      let sequence = db.lastInsertedRowID
      try db.execute(
        sql: """
          INSERT INTO heads(plan, count, hash) VALUES(?, 1, ?)
          ON CONFLICT(plan) DO UPDATE SET count = count + 1, hash = excluded.hash
          """, arguments: [row.plan, row.hash])
      return Record(
        sequence: sequence, plan: draft.plan, step: draft.step, kind: draft.kind, at: draft.at,
        body: draft.body)
    }
    try probe.landed()
    return record
  }

  public func records(plan: String) throws(FerryError) -> [Record] {
    try records(plan: plan, after: JournalPlace()).records
  }
  public func records(plan: String, after place: JournalPlace) throws(FerryError) -> (
    records: [Record], place: JournalPlace
  ) {
    let path = self.path
    return try read { db in
      var previous = place.hash ?? plan
      var out: [Record] = []
      let rows = try Row.fetchAll(
        db, sql: "SELECT * FROM journal WHERE plan = ? AND sequence > ? ORDER BY sequence",
        arguments: [plan, place.sequence])
      for row in rows.map(JournalRow.init) {
        guard let record = row.record(after: previous) else {
          throw StateContent.damaged(
            path, "the journal's hash chain is broken at record \(row.sequence)")
        }
        previous = row.hash
        out.append(record)
      }
      let head = try Row.fetchOne(
        db, sql: "SELECT count, hash FROM heads WHERE plan = ?", arguments: [plan])
      var end = place
      end.count += out.count
      guard (head?["count"] ?? 0) == end.count, (head?["hash"] ?? plan) == previous else {
        throw StateContent.damaged(path, "the journal's last records are missing")
      }
      end.sequence = out.last?.sequence ?? place.sequence
      end.hash = end.count > 0 ? previous : nil
      return (out, end)
    }
  }

  public func journals() throws(FerryError) -> [String] {
    try read { db in
      try String.fetchAll(db, sql: "SELECT plan FROM journal UNION SELECT plan FROM heads")
    }
  }

  // MARK: Leases

  public func acquireLease(plan: String, with rollback: String?, owner: LeaseOwner, now: Date)
    throws(FerryError) -> Lease
  {
    try write { db in
      var generation: Int64 = 0
      if let row = try Row.fetchOne(
        db, sql: "SELECT * FROM leases WHERE plan = ?", arguments: [plan])
      {
        let found = Lease.Holding(
          plan: plan, owner: row["owner"], host: row["host"], pid: row["pid"],
          expires: row["expires"], generation: row["generation"])
        try found.checkFree(for: owner, now: now)
        generation = found.generation
      }
      let it = Lease.Holding(plan: plan, owner: owner, generation: generation + 1, now: now)
      try db.execute(
        sql:
          "INSERT OR REPLACE INTO leases(plan, owner, host, pid, expires, generation) VALUES(?, ?, ?, ?, ?, ?)",
        arguments: [plan, it.owner, it.host, it.pid, it.expires, it.generation])
      return Lease(plan: plan, owner: owner.name, generation: it.generation, renewedAt: now)
    }
  }
  public func renewed(_ lease: Lease, now: Date) throws(FerryError) -> Lease {
    guard lease.isDue(now) else { return lease }
    let changed = try write { db -> Int in
      try db.execute(
        sql: "UPDATE leases SET expires = ? WHERE plan = ? AND owner = ? AND generation = ?",
        arguments: [
          now.timeIntervalSince1970 + Lease.seconds, lease.plan, lease.owner, lease.generation,
        ])
      return db.changesCount
    }
    guard changed == 1 else { throw Lease.lost }
    var out = lease
    out.renewedAt = now
    return out
  }
  public func release(_ lease: Lease) {
    try? write { db in
      try db.execute(
        sql:
          "UPDATE leases SET owner = '', expires = 0 WHERE plan = ? AND owner = ? AND generation = ?",
        arguments: [lease.plan, lease.owner, lease.generation])
    }
  }
}

extension JournalRow {
  init(_ row: Row) {
    self.init(
      sequence: row["sequence"], plan: row["plan"], step: row["step"], kind: row["kind"],
      at: row["at"], body: row["body"], hash: row["hash"])
  }
}
