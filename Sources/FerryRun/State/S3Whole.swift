import FerryCore
import Foundation

extension S3State {
  /// The plans that have a journal.
  public nonisolated func journals() async throws(FerryError) -> [String] {
    let folders = try await names(in: "journal", suffix: ".json").compactMap {
      $0.split(separator: "/").first
    }
    return Set(folders).sorted().compactMap { folder in
      guard folder.hasPrefix("x") else { return "sha256:\(folder)" }
      var bytes: [UInt8] = []
      var rest = folder.dropFirst()
      while rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) {
        bytes.append(byte)
        rest = rest.dropFirst(2)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  public func export() async throws(FerryError) -> JSONValue {
    var out = StateDocument()
    for plan in try await journals() {
      _ = try await records(plan: plan)
      let rows = journals[plan]?.rows ?? []
      out.journal += rows
      if let last = rows.last {
        out.heads.append(JournalHead(plan: plan, count: rows.count, hash: last.hash))
      }
    }
    out.journal = numbered(out.journal)
    let images = try await names(in: "images", suffix: ".json").map { "sha256:\($0)" }
    let xml = try await together(images) { digest throws(FerryError) in
      try await self.image(digest)
    }
    out.images = zip(images, xml).compactMap { digest, xml in
      xml.map { .init(key: digest, text: $0) }
    }
    out.plans = try await plans().map {
      .init(key: $0.digest, name: $0.name, text: JSONValue.of($0).canonical)
    }.sorted { $0.key < $1.key }
    for name in try await ledgerNames() {
      guard let ledger = try await ledger(named: name) else { continue }
      out.ledgers.append(.init(key: name, text: ledger.document.canonical))
    }
    return out.json
  }
  /// Numbers that rise over all plans, as a single file has them: what two plans share keeps its order.
  private nonisolated func numbered(_ rows: [JournalRow]) -> [JournalRow] {
    var rows = rows.sorted { ($0.sequence, $0.plan) < ($1.sequence, $1.plan) }
    for index in rows.indices { rows[index].sequence = Int64(index + 1) }
    return rows
  }

  /// One that is cut short goes on with the same file given again; until then nothing of it misleads. No record is sent
  /// before everything that says how many there are to be is there, so that a short journal is met as damaged; no
  /// ledger of an account (`NAME.ACCOUNT`) before those that go for all, as what people asked to be kept.
  public func load(_ document: JSONValue) async throws(FerryError) {
    let it = try StateDocument(document)
    let heads = it.heads.map { head in
      (key: Self.headKey(folder(head.plan)), bytes: SealedObject.seal(head))
    }
    var wanted: [(key: String, bytes: [UInt8])] = []
    var counts: [String: Int] = [:]
    for row in it.journal.sorted(by: { $0.sequence < $1.sequence }) {
      let number = (counts[row.plan] ?? 0) + 1
      counts[row.plan] = number
      let segment = JournalSegment(row: row, generation: nil, writer: "import")
      wanted.append((Self.segmentKey(folder(row.plan), number), SealedObject.seal(segment)))
    }
    for row in it.plans { wanted.append(("plans/\(folder(row.key)).json", Array(row.text.utf8))) }
    var general: [(key: String, bytes: [UInt8])] = []
    for row in it.ledgers {
      let text = try JSONValue.read(Array(row.text.utf8), what: "ledger \(row.key)")
      let object = LedgerObject(name: row.key, revision: 1, writer: "import", document: text)
      let sealed = (key: "ledgers/\(row.key).json", bytes: SealedObject.seal(object))
      if row.key.contains(".") { wanted.append(sealed) } else { general.append(sealed) }
    }
    let parts = [heads + general, wanted]
    let known = Set(parts.joined().map { prefix + $0.key })
    var present = 0
    for folder in ["journal/", "plans/", "ledgers/"] {
      for key in try await keys(under: folder) {
        guard known.contains(key) else { throw StateDocument.notEmpty(place) }
        present += 1
      }
    }
    guard present < known.count || known.isEmpty else { throw StateDocument.notEmpty(place) }
    let plans = Set(it.journal.map(\.plan)).union(it.plans.map(\.key))
    let top = it.journal.map(\.sequence).max() ?? 0
    try await uncancelled { () async throws(FerryError) in
      try await self.saveImages(
        Dictionary(it.images.map { ($0.key, $0.text) }, uniquingKeysWith: { $1 }))
      for plan in plans { try await self.raiseLease(plan, above: top) }
      for part in parts {
        _ = try await together(part) { object throws(FerryError) in
          guard try await self.write(object.key, object.bytes, if: .absent) != nil else {
            throw StateDocument.notEmpty(self.place)
          }
        }
      }
    }
    try await check()
  }

  @discardableResult
  public func check() async throws(FerryError) -> Int {
    // What was read before says nothing of what is there now.
    journals = [:]
    var count = 0
    for plan in try await journals() { count += try await records(plan: plan).count }
    let images = try await names(in: "images", suffix: ".json").map { "sha256:\($0)" }
    _ = try await together(images) { digest throws(FerryError) in try await self.image(digest) }
    _ = try await plans()
    for name in try await ledgerNames() { _ = try await ledger(named: name) }
    return count
  }
}
