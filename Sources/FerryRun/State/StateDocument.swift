import FerryCore
import Foundation

/// - Throws: `bad-state` (64) for an exported state that no store would load.
public func checkExportedState(_ document: JSONValue) throws(FerryError) {
  _ = try StateDocument(document)
}

/// A state as a whole, `edgeferry.state/1`: what one store exports another loads.
struct StateDocument: Equatable, Sendable {
  struct Row: Equatable, Sendable {
    var key: String
    /// Of a plan.
    var name = ""
    var text: String
  }
  var journal: [JournalRow] = []
  var heads: [JournalHead] = []
  /// XML by config digest.
  var images: [Row] = []
  /// Canonical JSON by plan digest.
  var plans: [Row] = []
  /// Canonical JSON by name.
  var ledgers: [Row] = []

  init() {}

  var json: JSONValue {
    func rows(_ rows: [Row], _ key: String, _ text: String, named: Bool = false) -> JSONValue {
      .array(
        rows.map { row in
          var members: [String: JSONValue] = [key: .string(row.key), text: .string(row.text)]
          if named { members["name"] = .string(row.name) }
          return .object(members)
        })
    }
    return [
      "schema": "edgeferry.state/1",
      "journal": .array(
        journal.map { row in
          [
            "sequence": .int(row.sequence), "plan": .string(row.plan),
            "step": row.step.map(JSONValue.string) ?? .null, "kind": .string(row.kind),
            "at": .string(row.at), "body": .string(row.body), "hash": .string(row.hash),
          ]
        }),
      "heads": .array(
        heads.map {
          ["plan": .string($0.plan), "count": .int(Int64($0.count)), "hash": .string($0.hash)]
        }),
      "images": rows(images, "digest", "xml"),
      "plans": rows(plans, "digest", "document", named: true),
      "ledgers": rows(ledgers, "name", "document"),
    ]
  }

  /// - Throws: `.badInput` for a row that lacks something.
  init(_ document: JSONValue) throws(FerryError) {
    func text(_ row: JSONValue, _ key: String) throws(FerryError) -> String {
      guard let it = row[key]?.string else { throw Self.broken("a row has no \(key)") }
      return it
    }
    for row in document["journal"]?.array ?? [] {
      guard let sequence = row["sequence"]?.int else {
        throw Self.broken("a row has no sequence")
      }
      journal.append(
        JournalRow(
          sequence: Int64(sequence), plan: try text(row, "plan"), step: row["step"]?.string,
          kind: try text(row, "kind"), at: try text(row, "at"), body: try text(row, "body"),
          hash: try text(row, "hash")))
    }
    for row in document["heads"]?.array ?? [] {
      guard let count = row["count"]?.int else { throw Self.broken("a row has no count") }
      heads.append(
        JournalHead(plan: try text(row, "plan"), count: count, hash: try text(row, "hash")))
    }
    for row in document["images"]?.array ?? [] {
      images.append(Row(key: try text(row, "digest"), text: try text(row, "xml")))
    }
    for row in document["plans"]?.array ?? [] {
      plans.append(
        Row(
          key: try text(row, "digest"), name: try text(row, "name"),
          text: try text(row, "document")))
    }
    for row in document["ledgers"]?.array ?? [] {
      let name = try text(row, "name")
      try Ledger.check(name)
      ledgers.append(Row(key: name, text: try text(row, "document")))
    }
    try check()
  }
  /// Whether everything in it is what its digests say.
  /// - Throws: `.badInput` before any of it is loaded.
  func check() throws(FerryError) {
    var heads: [String: (count: Int, hash: String)] = [:]
    for row in journal.sorted(by: { $0.sequence < $1.sequence }) {
      let last = heads[row.plan]
      guard row.record(after: last?.hash ?? row.plan) != nil else {
        throw Self.broken(
          "the journal's hash chain is broken at record \((last?.count ?? 0) + 1) of \(row.plan)")
      }
      heads[row.plan] = ((last?.count ?? 0) + 1, row.hash)
    }
    for head in self.heads {
      guard let last = heads[head.plan], last.count == head.count, last.hash == head.hash else {
        throw Self.broken("the last records of the journal of \(head.plan) are missing")
      }
    }
    do throws(FerryError) {
      for row in images { try StateContent.check(image: row.text, row.key, in: "") }
      for row in plans { _ = try StateContent.plan(Array(row.text.utf8), row.key, in: "") }
    } catch {
      throw Self.broken(error.why)
    }
    for row in ledgers where (try? JSONValue.read(Array(row.text.utf8), what: "ledger")) == nil {
      throw Self.broken("the ledger \(row.key) cannot be read")
    }
  }
  private static func broken(_ why: String) -> FerryError {
    .badInput(
      "bad-state", what: "could not read the exported state", why: why,
      next: "give a file that `edgeferry state export` wrote")
  }
  static func notEmpty(_ place: String) -> FerryError {
    .badInput(
      "state-not-empty", what: "could not import into \(place)",
      why: "it already holds plans or runs", next: "import into an empty --state")
  }
}
