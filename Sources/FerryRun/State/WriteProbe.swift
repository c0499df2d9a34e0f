import FerryCore
import Foundation

/// Counts journal writes, and ends a run before or after one as a killed process would.
final class WriteProbe: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  private var killAt: Int?
  private var killLanded = false
  private static let death = FerryError(
    "killed", what: "killed", why: "by the test", next: "resume")

  var writes: Int { lock.withLock { count } }
  func kill(after writes: Int, landed: Bool) {
    lock.withLock {
      killAt = writes + 1
      killLanded = landed
    }
  }
  func before() throws(FerryError) {
    if lock.withLock({
      killAt != nil && (killLanded ? count >= (killAt ?? 0) : count + 1 >= (killAt ?? 0))
    }) {
      throw Self.death
    }
  }
  func after() { lock.withLock { count += 1 } }
  func landed() throws(FerryError) {
    if lock.withLock({ killLanded && count + 1 == killAt }) { throw Self.death }
  }
}
extension SQLiteState {
  func killAfter(writes: Int, landed: Bool) { probe.kill(after: writes, landed: landed) }
  var writeCount: Int { probe.writes }
}
extension SQLiteState {
  /// For tests: makes the disk look full after that many pages.
  func limitPages(to count: Int) throws(FerryError) {
    try execute("PRAGMA max_page_count = \(count)")
  }
  /// For tests: damages a database on purpose.
  func execute(_ sql: String) throws(FerryError) {
    try write { db in try db.execute(sql: sql) }
  }
}
