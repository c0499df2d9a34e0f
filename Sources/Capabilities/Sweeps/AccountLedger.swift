import FerryCore
import Foundation

/// What sweeps remember of one account: every finding with its clock, and what was read last.
struct AccountLedger: Codable, Equatable, Sendable {
  static let schema = "edgeferry.ledger/1"
  /// Closed findings are kept this long, for the history.
  static let historySeconds = 400.0 * 86_400
  /// A clock may be this far behind the ledger's last run before that is an error.
  static let skewSeconds = 300.0

  var schema = AccountLedger.schema
  var account: AccountID
  var lastRun: Date
  var entries: [Entry] = []
  var runs: [Run] = []
  /// A plan that a sweep began and has not seen the end of.
  var acting: Acting?
  /// What the last sweep could not read.
  var gaps: [Inventory.Gap] = []

  struct Entry: Codable, Equatable, Sendable {
    /// As last seen, without `ledger`.
    var finding: Finding
    var firstSeen: Date
    var lastSeen: Date
    /// nil for what is never acted on.
    var dueAt: Date?
    var state: Finding.Standing.State
    var keptBy: String?
    var heldBack: [String]?
    /// When it was healed or removed.
    var closedAt: Date?
    /// The plan that removed it.
    var plan: String?
    /// Closed because the policy or distribution is no longer there.
    var isGone: Bool?

    var isOpen: Bool { closedAt == nil }
    var key: Key { Key(finding) }
  }
  /// What makes a finding the same one in the next sweep.
  struct Key: Hashable, Comparable, Sendable {
    var code: String
    var id: String
    init(_ finding: Finding) {
      code = finding.code
      id = finding.resource.id
    }
    /// `CODE:ID`, as plans and people name a finding.
    var text: String { "\(code):\(id)" }
    static func < (left: Key, right: Key) -> Bool { (left.code, left.id) < (right.code, right.id) }
  }
  typealias Run = SweepHistory.Run
  struct Acting: Codable, Equatable, Sendable {
    var plan: String
    var digest: String
    /// `CODE:ID` of what it was made for.
    var findings: [String]
    /// The policies and distributions that it deletes.
    var resources: [String]

    /// Whether it deletes it, or was made for it.
    func touches(_ id: String) -> Bool {
      resources.contains(id) || findings.contains { $0.hasSuffix(":\(id)") }
    }
  }

  init(account: AccountID, at: Date) {
    self.account = account
    lastRun = at
  }

  /// - Throws: 64 for a newer ledger, 1 for one that cannot be read.
  static func read(_ document: JSONValue) throws(FerryError) -> AccountLedger {
    if let schema = document["schema"]?.string, schema != Self.schema {
      throw FerryError(
        "ledger-newer", exit: .usage, what: "could not read the ledger",
        why: "its schema is \(schema); this edgeferry knows \(Self.schema)",
        next: "use the edgeferry that wrote it")
    }
    return try document.decoded(AccountLedger.self, what: "the ledger")
  }

  /// Its findings as a sweep reports them: the open ones, and what this run closed.
  func findings(closedSince: Date) -> [Finding] {
    entries.filter { $0.isOpen || ($0.closedAt ?? .distantPast) >= closedSince }.map { entry in
      var out = entry.finding
      // What is gone is used by nobody: the verdict stays as it was last seen.
      if entry.state == .healed, entry.isGone != true { out.verdict = .inUse }
      out.ledger = .init(
        state: entry.state, firstSeen: entry.firstSeen, lastSeen: entry.lastSeen,
        dueAt: entry.dueAt, keptBy: entry.keptBy, heldBack: entry.heldBack)
      return out
    }
  }

  /// Closes the findings of resources that a plan removed.
  mutating func remove(_ resources: Set<String>, by plan: String, at: Date) {
    for index in entries.indices
    where entries[index].isOpen && resources.contains(entries[index].key.id) {
      if !runs.isEmpty {
        runs[runs.count - 1].removed += 1
        if entries[index].state == .due { runs[runs.count - 1].due -= 1 }
      }
      entries[index].state = .removed
      entries[index].closedAt = at
      entries[index].plan = plan
    }
  }

  /// Makes one of all sweeps of a day that is over, so that the history grows by days.
  mutating func fold(before now: Date) {
    func day(_ date: Date) -> Substring { Timestamp.text(date).prefix(10) }
    var out: [Run] = []
    for run in runs {
      guard let last = out.last, day(last.at) == day(run.at), day(run.at) != day(now) else {
        out.append(run)
        continue
      }
      var whole = run
      whole.new += last.new
      whole.healed += last.healed
      whole.removed += last.removed
      out[out.count - 1] = whole
    }
    runs = out
  }
}
