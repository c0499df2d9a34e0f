import FerryCore
import FerryRun
import Foundation

/// What sweeps keep in the state: a document for each account, and what people asked to be kept.
extension StateStore {
  /// Reads, changes and writes a document until nobody else came between.
  ///
  /// - Throws: `ledger-busy` (4) when others kept coming between.
  func change<Value: Sendable>(
    _ name: String,
    _ body: (JSONValue?) throws(FerryError) -> (document: JSONValue, value: Value)
  ) async throws(FerryError) -> Value {
    for _ in 0..<20 {
      let old = try await ledger(named: name)
      let (document, value) = try body(old?.document)
      do throws(FerryError) {
        _ = try await saveLedger(named: name, document: document, expecting: old?.version)
        return value
      } catch {
        guard error.code == "ledger-moved" else { throw error }
      }
    }
    throw FerryError(
      "ledger-busy", exit: .blocked, what: "could not write the ledger \(name)",
      why: "other sweeps wrote it each time", next: "run the command again")
  }

  func ledger(of account: AccountID) async throws(FerryError) -> AccountLedger? {
    try await ledger(named: "sweep.\(account)").map { (it) throws(FerryError) in
      try AccountLedger.read(it.document)
    }
  }
  /// Whether a finding of any account is of it, or names it as related.
  func isInLedger(_ id: String) async throws(FerryError) -> Bool {
    for account in try await sweptAccounts() {
      let entries = try await ledger(of: account)?.entries ?? []
      if entries.contains(where: { it in
        it.key.id == id || it.finding.related.contains { $0.id == id }
      }) {
        return true
      }
    }
    return false
  }
  /// What sweeps have begun, and not seen the end of, that removes it.
  func acting(on id: String) async throws(FerryError) -> [AccountLedger.Acting] {
    var out: [AccountLedger.Acting] = []
    for account in try await sweptAccounts() {
      if let acting = try await ledger(of: account)?.acting, acting.touches(id) {
        out.append(acting)
      }
    }
    return out
  }
  @discardableResult
  func changeLedger(
    of account: AccountID, _ body: (AccountLedger?) throws(FerryError) -> AccountLedger
  ) async throws(FerryError) -> AccountLedger {
    try await change("sweep.\(account)") { (old) throws(FerryError) in
      let ledger = try body(
        old.map { (it: JSONValue) throws(FerryError) in try AccountLedger.read(it) })
      return (JSONValue.of(ledger), ledger)
    }
  }

  // MARK: Which accounts there are

  private var sweepUnread: String { "sweep-unread" }
  /// The accounts that have a ledger, sorted.
  func sweptAccounts() async throws(FerryError) -> [AccountID] {
    try await ledgerNames().filter { $0.hasPrefix("sweep.") }.map { String($0.dropFirst(6)) }
  }
  /// Accounts that the last sweep over them could not judge at all.
  func unreadAccounts() async throws(FerryError) -> [Inventory.Gap] {
    try await ledger(named: sweepUnread).map { (it) throws(FerryError) in
      try it.document["unread"]?.decoded([Inventory.Gap].self, what: "the sweep's index") ?? []
    } ?? []
  }
  /// - Parameters:
  ///   - judged: the accounts that were, by their place's name.
  ///   - unread: the places that could not be.
  func note(judged: [String: AccountID], unread: [String: Inventory.Gap]) async throws(FerryError) {
    try await change(sweepUnread) { (old) throws(FerryError) in
      var gaps = try old?["unread"]?.decoded([Inventory.Gap].self, what: "the sweep's index") ?? []
      gaps.removeAll { gap in
        judged.contains { $0.key == gap.resource || $0.value == gap.account }
          || unread[gap.resource ?? ""] != nil
      }
      gaps += unread.map { name, gap in
        var out = gap
        out.resource = name
        return out
      }
      gaps.sort { ($0.resource ?? "") < ($1.resource ?? "") }
      return (
        [
          "schema": "edgeferry.sweeps/1", "unread": JSONValue.of(gaps),
        ], ()
      )
    }
  }

  // MARK: Keeps

  private var sweepKeeps: String { "sweep-keeps" }
  func keeps() async throws(FerryError) -> [Keep] {
    try await ledger(named: sweepKeeps).map { (it) throws(FerryError) in
      try it.document["keeps"]?.decoded([Keep].self, what: "the sweep's keeps") ?? []
    } ?? []
  }
  /// Adds one; a later one of the same id takes its place.
  func add(_ keep: Keep) async throws(FerryError) {
    try await change(sweepKeeps) { (old) throws(FerryError) in
      var all =
        try old?["keeps"]?.decoded([Keep].self, what: "the sweep's keeps") ?? []
      all.removeAll { $0.id == keep.id }
      all.append(keep)
      all.sort { $0.id < $1.id }
      return (["schema": "edgeferry.keeps/1", "keeps": JSONValue.of(all)], ())
    }
  }
}
