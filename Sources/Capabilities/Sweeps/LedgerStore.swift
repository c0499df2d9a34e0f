import FerryCore
import FerryRun
import Foundation

/// The ledgers of sweeps, as documents of the state.
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

  func ledger(of account: AccountID) async throws(FerryError) -> Ledger? {
    try await ledger(named: "sweep/\(account)").map { (it) throws(FerryError) in
      try Ledger.read(it.document)
    }
  }
  @discardableResult
  func changeLedger(
    of account: AccountID, _ body: (Ledger?) throws(FerryError) -> Ledger
  ) async throws(FerryError) -> Ledger {
    try await change("sweep/\(account)") { (old) throws(FerryError) in
      let ledger = try body(
        old.map { (it: JSONValue) throws(FerryError) in try Ledger.read(it) })
      return (JSONValue.of(ledger), ledger)
    }
  }

  // MARK: Keeps

  private static var keepsName: String { "sweep/keeps" }
  func keeps() async throws(FerryError) -> [Keep] {
    try await ledger(named: Self.keepsName).map { (it) throws(FerryError) in
      try it.document["keeps"]?.decoded([Keep].self, what: "the sweep's keeps") ?? []
    } ?? []
  }
  /// Adds one; a later one of the same id takes its place.
  func add(_ keep: Keep) async throws(FerryError) {
    try await change(Self.keepsName) { (old) throws(FerryError) in
      var all =
        try old?["keeps"]?.decoded([Keep].self, what: "the sweep's keeps") ?? []
      all.removeAll { $0.id == keep.id }
      all.append(keep)
      all.sort { $0.id < $1.id }
      return (["schema": "edgeferry.keeps/1", "keeps": JSONValue.of(all)], ())
    }
  }
}
