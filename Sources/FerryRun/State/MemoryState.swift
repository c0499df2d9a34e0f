import FerryCore
import Foundation

/// A state that nothing outlives: what a rehearsal writes its journal into, a thousand times over.
///
/// There is one process and one operator at a time, so a lease is always free; a record's place is its proof.
public final class MemoryState: StateStore, @unchecked Sendable {
  private struct Content {
    var records: [String: [Record]] = [:]
    /// What the first so many of a plan's records add up to.
    var runStates: [String: (state: RunState, count: Int)] = [:]
    var images: [String: String]
    var plans: [String: Plan] = [:]
    var ledgers: [String: Ledger] = [:]
    var sequence: Int64 = 0
    var generation: Int64 = 0
    var isClosed = false
  }
  private let lock = NSLock()
  private var content: Content

  public init(images: [String: String] = [:]) { content = Content(images: images) }
  private init(_ content: Content) { self.content = content }
  /// The same state, apart from now on.
  public func copy() -> MemoryState { lock.withLock { MemoryState(content) } }

  /// While it is closed nothing can be written, as by a process that has been killed.
  public func setClosed(_ isClosed: Bool) { lock.withLock { content.isClosed = isClosed } }

  public var place: String { "memory" }

  @discardableResult
  public func append(_ draft: RecordDraft, under lease: Lease?) async throws(FerryError) -> Record {
    let made: Record? = lock.withLock {
      guard !content.isClosed else { return nil }
      content.images.merge(draft.images) { _, new in new }
      content.sequence += 1
      let record = Record(
        sequence: content.sequence, plan: draft.plan, step: draft.step, kind: draft.kind,
        at: draft.at, body: draft.body)
      content.records[draft.plan, default: []].append(record)
      return record
    }
    guard let made else {
      throw FerryError(
        "journal-write", what: "could not write the journal", why: "the process is gone",
        next: "run the command again")
    }
    return made
  }
  public func records(plan: String) async throws(FerryError) -> [Record] {
    lock.withLock { content.records[plan] ?? [] }
  }
  /// Every life of a run asks for it, and most of the journal is as the one before left it.
  public func runState(plan: String) async throws(FerryError) -> (
    state: RunState, place: JournalPlace
  ) {
    lock.withLock {
      let records = content.records[plan] ?? []
      var (state, count) = content.runStates.removeValue(forKey: plan) ?? (RunState([]), 0)
      for record in records[count...] { state.add(record) }
      content.runStates[plan] = (state, records.count)
      var place = JournalPlace()
      place.count = records.count
      return (state, place)
    }
  }

  public func saveImages(_ images: [String: String]) async throws(FerryError) {
    lock.withLock { content.images.merge(images) { _, new in new } }
  }
  public func image(_ digest: String) async throws(FerryError) -> String? {
    lock.withLock { content.images[digest] }
  }
  public func savePlan(_ plan: Plan) async throws(FerryError) {
    lock.withLock { content.plans[plan.digest] = plan }
  }
  public func plan(_ digest: String) async throws(FerryError) -> Plan? {
    lock.withLock { content.plans[digest] }
  }
  public func plans() async throws(FerryError) -> [Plan] {
    lock.withLock {
      content.plans.values.sorted { ($0.name, $0.digest) < ($1.name, $1.digest) }
    }
  }

  public func acquireLease(plan: String, with rollback: String?, owner: LeaseOwner, now: Date)
    async throws(FerryError) -> Lease
  {
    lock.withLock {
      content.generation += 1
      return Lease(
        plan: plan, owner: owner.name, generation: content.generation, renewedAt: now)
    }
  }
  public func renewed(_ lease: Lease, now: Date) async throws(FerryError) -> Lease { lease }
  public func release(_ lease: Lease) async {}

  public func ledger(named name: String) async throws(FerryError) -> Ledger? {
    lock.withLock { content.ledgers[name] }
  }
  public func saveLedger(named name: String, document: JSONValue, expecting version: String?)
    async throws(FerryError) -> String
  {
    try Ledger.check(name)
    let saved: String? = lock.withLock {
      guard content.ledgers[name]?.version == version else { return nil }
      content.sequence += 1
      content.ledgers[name] = Ledger(document: document, version: "\(content.sequence)")
      return "\(content.sequence)"
    }
    guard let saved else { throw Ledger.moved(name) }
    return saved
  }
  public func ledgerNames() async throws(FerryError) -> [String] {
    lock.withLock { content.ledgers.keys.sorted() }
  }

  public func export() async throws(FerryError) -> JSONValue { throw Self.fleeting }
  public func load(_ document: JSONValue) async throws(FerryError) { throw Self.fleeting }
  @discardableResult
  public func check() async throws(FerryError) -> Int {
    lock.withLock { content.records.values.reduce(0) { $0 + $1.count } }
  }
  private static let fleeting = FerryError.badInput(
    "fleeting-state", what: "could not carry the state", why: "it is in memory alone",
    next: "name a file or a bucket with --state")
}
