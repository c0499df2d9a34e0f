import FerryCore
import Foundation

/// Where journals, before-images, plans, leases and ledgers are kept: a local file, or a bucket that several
/// machines share.
///
/// Every call ends in what is written for good, or throws. Errors that all stores share: `state-damaged` (1) for
/// what does not match its own digest, `journal-write` (1) for what could not be written, `lease-taken` and
/// `lease-lost` (4), `ledger-moved` (4).
public protocol StateStore: Sendable {
  /// As a person names it: a path, or `s3://bucket/prefix`.
  var place: String { get }

  /// Appends to a plan's chain; with a lease, only while it is still ours.
  @discardableResult
  func append(_ draft: RecordDraft, under lease: Lease?) async throws(FerryError) -> Record
  /// A plan's records, oldest first, the hash chain checked.
  func records(plan: String) async throws(FerryError) -> [Record]
  /// What they add up to, and the place of the last of them.
  func runState(plan: String) async throws(FerryError) -> (state: RunState, place: JournalPlace)
  /// The digests of the plans that have a journal, in no order that means anything.
  func journals() async throws(FerryError) -> [String]
  /// Those after a place that was read and proved before, and the place of the last of them.
  func records(plan: String, after place: JournalPlace) async throws(FerryError) -> (
    records: [Record], place: JournalPlace
  )

  /// Configs by their digest; a clear one replaces a redacted one, since only it can be sent back.
  func saveImages(_ images: [String: String]) async throws(FerryError)
  /// - Throws: `state-damaged` when the image is no longer what it was saved as: it is never sent then.
  func image(_ digest: String) async throws(FerryError) -> String?
  /// Remembers a plan by its digest, so that its run can be read without its file.
  func savePlan(_ plan: Plan) async throws(FerryError)
  func plan(_ digest: String) async throws(FerryError) -> Plan?
  /// All of them, by name and digest.
  func plans() async throws(FerryError) -> [Plan]

  /// - Parameter rollback: the plan that takes it back, where that is what is to be run.
  /// - Throws: `lease-taken` (4) naming the holder, unless its lease ran out by `now` or its process on this machine is gone.
  func acquireLease(plan: String, with rollback: String?, owner: LeaseOwner, now: Date)
    async throws(FerryError) -> Lease
  /// The lease with its time extended, where that is due.
  /// - Throws: `lease-lost` (4) when somebody else has it now.
  func renewed(_ lease: Lease, now: Date) async throws(FerryError) -> Lease
  /// What fails here ends by itself when the lease runs out.
  func release(_ lease: Lease) async

  func ledger(named name: String) async throws(FerryError) -> Ledger?
  /// Compare and swap of one document.
  /// - Parameter expecting: the version that was read; nil when there was none.
  /// - Returns: the version that it has now.
  /// - Throws: `ledger-moved` (4) when it has another by now: read it again, and apply the change to that.
  func saveLedger(named name: String, document: JSONValue, expecting version: String?)
    async throws(FerryError) -> String
  func ledgerNames() async throws(FerryError) -> [String]

  /// Everything but leases as one JSON document, `edgeferry.state/1`.
  func export() async throws(FerryError) -> JSONValue
  /// - Throws: `state-not-empty` (64) when this state already holds anything; `.badInput` for a broken document.
  func load(_ document: JSONValue) async throws(FerryError)
  /// Every plan's hash chain, and everything else against its digest.
  /// - Returns: the number of journal records.
  /// - Throws: `state-damaged` (1).
  @discardableResult
  func check() async throws(FerryError) -> Int
}

/// How far a plan's journal was read and proved.
public struct JournalPlace: Equatable, Sendable {
  var sequence: Int64 = 0
  var count = 0
  /// Of the last record; nil before the first.
  var hash: String?
  public init() {}
}

/// What is to be put into the journal.
public struct RecordDraft: Equatable, Sendable {
  public var kind: Record.Kind
  public var plan: String
  public var step: String?
  public var at: Date
  public var body: Record.Body
  /// Configs that the record names; they are saved before it.
  public var images: [String: String]
  public init(
    _ kind: Record.Kind, plan: String, step: String? = nil, at: Date, body: Record.Body = .init(),
    images: [String: String] = [:]
  ) {
    self.kind = kind
    self.plan = plan
    self.step = step
    self.at = at
    self.body = body
    self.images = images
  }
}

/// One keyed document that runs share, such as the findings of an account.
public struct Ledger: Equatable, Sendable {
  public var document: JSONValue
  /// Says nothing but whether the document is still the one that was read.
  public var version: String
  public init(document: JSONValue, version: String) {
    self.document = document
    self.version = version
  }

  /// A ledger's name is an object's key and a row's: words of letters, digits and `._-` between slashes, at most
  /// 128 bytes.
  static func check(_ name: String) throws(FerryError) {
    let isPlain = name.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || "-._/".utf8.contains($0)
    }
    let words = name.split(separator: "/", omittingEmptySubsequences: false)
    guard isPlain, name.utf8.count <= 128, words.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") })
    else {
      throw .badInput(
        "bad-ledger", what: "could not use the ledger \(name.debugDescription)",
        why: "it is no name of letters, digits, ._- and single slashes", next: "give another name")
    }
  }
  static func moved(_ name: String) -> FerryError {
    FerryError(
      "ledger-moved", exit: .blocked, what: "could not write the ledger \(name)",
      why: "another run wrote it since it was read", next: "run the command again")
  }
}

extension StateStore {
  /// For stores that remember every plan.
  public func journals() async throws(FerryError) -> [String] { try await plans().map(\.digest) }
  public func runState(plan: String) async throws(FerryError) -> (
    state: RunState, place: JournalPlace
  ) {
    let (records, place) = try await records(plan: plan, after: JournalPlace())
    return (RunState(records), place)
  }
  /// For stores that read a journal as a whole.
  public func records(plan: String, after place: JournalPlace) async throws(FerryError) -> (
    records: [Record], place: JournalPlace
  ) {
    let all = try await records(plan: plan)
    var end = place
    end.count = max(place.count, all.count)
    return (Array(all.dropFirst(place.count)), end)
  }
  @discardableResult
  public func append(
    _ kind: Record.Kind, plan: String, step: String? = nil, at: Date, body: Record.Body = .init(),
    images: [String: String] = [:], lease: Lease? = nil
  ) async throws(FerryError) -> Record {
    try await append(
      RecordDraft(kind, plan: plan, step: step, at: at, body: body, images: images), under: lease)
  }
}
