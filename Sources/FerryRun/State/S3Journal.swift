import FerryCore
import Foundation

extension S3State {
  /// A plan's journal as far as it was read.
  struct Journal {
    var records: [Record] = []
    var rows: [JournalRow] = []
    /// Whether a record of somebody else's lease came in after it was first read: what was decided before is no
    /// longer sound.
    var isOvertaken = false
  }

  nonisolated static func segmentKey(_ folder: String, _ number: Int) -> String {
    let digits = String(number)
    return
      "journal/\(folder)/\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits).json"
  }
  nonisolated static func headKey(_ folder: String) -> String { "journal/\(folder)/head.json" }

  public func records(plan: String) async throws(FerryError) -> [Record] {
    // An interrupted run still reads how it stands.
    try await uncancelled { () async throws(FerryError) in
      _ = try await self.follow(plan)
      return await self.journals[plan]?.records ?? []
    }
  }

  /// Reads on from where the journal was read to.
  /// - Returns: the generations that the new records were written under.
  @discardableResult
  func follow(_ plan: String, isFirst: Bool = false) async throws(FerryError) -> [Int64?] {
    let isCold = journals[plan] == nil
    let folder = folder(plan)
    var width = isCold ? 8 : 1
    var generations: [Int64?] = []
    var isAtEnd = false
    while !isAtEnd {
      let from = journals[plan]?.records.count ?? 0
      let numbers = Array(from + 1...from + width)
      var found = try await read(numbers.map { Self.segmentKey(folder, $0) })
      if let hole = found.firstIndex(of: nil) {
        isAtEnd = true
        if found[hole...].contains(where: { $0 != nil }) {
          // Written between the two looks, or lost.
          found = try await read(numbers.map { Self.segmentKey(folder, $0) })
          let end = found.firstIndex(of: nil) ?? found.count
          guard found[end...].allSatisfy({ $0 == nil }) else {
            throw StateContent.damaged(
              place, "record \(from + end + 1) of the journal of \(plan) is missing")
          }
        }
      }
      for (number, bytes) in zip(numbers, found) {
        guard let bytes else { break }
        let segment = try SealedObject.open(
          bytes, as: JournalSegment.self, key: Self.segmentKey(folder, number), in: place)
        guard try add(segment, number: number, to: plan) else { continue }
        generations.append(segment.generation)
        if !isCold, !isFirst, segment.generation != nil { journals[plan]?.isOvertaken = true }
      }
      width = min(width * 2, 32)
    }
    if journals[plan] == nil { journals[plan] = Journal() }
    if isCold { try await checkHead(plan, folder) }
    return generations
  }
  /// - Returns: false when it was known already.
  private func add(_ segment: JournalSegment, number: Int, to plan: String) throws(FerryError)
    -> Bool
  {
    var journal = journals[plan] ?? Journal()
    // Another call of this process may have read it meanwhile.
    guard number == journal.records.count + 1 else { return false }
    guard segment.row.plan == plan,
      let record = segment.row.record(after: journal.rows.last?.hash ?? plan),
      record.sequence > journal.records.last?.sequence ?? 0
    else {
      throw StateContent.damaged(
        place, "the journal's hash chain is broken at record \(number) of \(plan)")
    }
    journal.records.append(record)
    journal.rows.append(segment.row)
    journals[plan] = journal
    return true
  }
  /// The head was written after its record: there may be more records than it says, never fewer.
  private func checkHead(_ plan: String, _ folder: String) async throws(FerryError) {
    guard let head = try await read(Self.headKey(folder), as: JournalHead.self)?.value else {
      return
    }
    if head.count > journals[plan]?.records.count ?? 0 {
      // Written since the end was read, or lost.
      try await follow(plan, isFirst: true)
    }
    let rows = journals[plan]?.rows ?? []
    guard (1...max(1, rows.count)).contains(head.count), !rows.isEmpty else {
      throw StateContent.damaged(place, "the journal's last records are missing")
    }
    guard rows[head.count - 1].hash == head.hash else {
      throw StateContent.damaged(
        place, "the journal's hash chain is broken at record \(head.count) of \(plan)")
    }
  }

  @discardableResult
  public func append(_ draft: RecordDraft, under lease: Lease?) async throws(FerryError) -> Record {
    try await uncancelled { () async throws(FerryError) in
      try await self.appended(draft, under: lease)
    }
  }
  private func appended(_ draft: RecordDraft, under lease: Lease?) async throws(FerryError)
    -> Record
  {
    try await keep(draft.images)
    let plan = draft.plan
    if journals[plan] == nil { try await follow(plan) }
    if let lease { try await checkHeld(lease) }
    let folder = folder(plan)
    while true {
      let journal = journals[plan] ?? Journal()
      if lease != nil, journal.isOvertaken { throw Self.overtaken }
      let number = journal.records.count + 1
      let row = JournalRow(
        draft, sequence: sequence(after: journal, under: lease),
        after: journal.rows.last?.hash ?? plan)
      let segment = JournalSegment(
        row: row, generation: lease?.generation, writer: Self.mark)
      if try await write(
        Self.segmentKey(folder, number), SealedObject.seal(segment), if: .absent) != nil
      {
        if let lease { lastUnder[lease.plan] = row.sequence }
        _ = try add(segment, number: number, to: plan)
        await putHead(JournalHead(plan: plan, count: number, hash: row.hash), folder)
        return Record(
          sequence: row.sequence, plan: plan, step: draft.step, kind: draft.kind,
          at: draft.at, body: draft.body)
      }
      // Somebody else has the place. What anybody may say, such as a hold, is only gone past.
      let met = try await follow(plan)
      guard (journals[plan]?.records.count ?? 0) >= number else {
        throw StateContent.damaged(place, "record \(number) of the journal of \(plan) is gone")
      }
      guard let lease else { continue }
      for generation in met {
        guard let generation, generation != lease.generation else { continue }
        throw generation > lease.generation ? Lease.lost : Self.overtaken
      }
    }
  }
  /// Failing to write it loses nothing: it only says how much there is at least.
  private nonisolated func putHead(_ head: JournalHead, _ folder: String) async {
    _ = try? await objects.put(
      prefix + Self.headKey(folder), SealedObject.seal(head), if: .none)
  }
  /// Above everything that was written of the plan and, by generations, of its rollback plan.
  private func sequence(after journal: Journal, under lease: Lease?) -> Int64 {
    let last = journal.records.last?.sequence ?? 0
    guard let lease else { return last + 1 }
    return max(
      last + 1, (lastUnder[lease.plan] ?? 0) + 1, lease.generation << Self.sequenceBits)
  }
  /// Records that one run may write, as a power of two.
  static let sequenceBits: Int64 = 24
  static var mark: String { String(UInt64.random(in: 0 ... .max), radix: 36) }

  static let overtaken = FerryError(
    "lease-lost", exit: .blocked, what: "could not go on with the plan",
    why: "an earlier run that had been paused put a last record into its journal meanwhile",
    next: "run the command again: it goes on from what both wrote")
}
