import FerryCore
import Foundation

/// Who approved what, and what was done then: the journal as a log, oldest first. `edgeferry.audit/1`.
public struct AuditLog: Codable, Equatable, Sendable {
  public enum Event: String, Codable, Sendable {
    /// The plan's digest was approved; `command` says by which command.
    case approved
    case gatePassed = "gate-passed"
    /// `reference` is the report's digest; `reason` says how it went.
    case rehearsed
    case held, released
    case runBegan = "run-began"
    /// `exit` says how.
    case runEnded = "run-ended"
    /// A write was meant; it follows, or its outcome was found out by reading.
    case writeIntended = "write-intended"
    /// What was written was read back.
    case written
    /// The goal held already.
    case alreadySo = "already-so"
    /// A check failed for good and the run takes everything back.
    case rollingBack = "rolling-back"
    /// A rollback took the step back.
    case undone
    case rolledBack = "rolled-back"
  }
  public struct Entry: Codable, Equatable, Sendable {
    public var at: Date
    public var plan: String
    public var digest: String
    /// The digest of the plan that this one takes back.
    public var rollbackOf: String?
    public var event: Event
    public var step: String?
    public var by: String?
    public var command: String?
    public var reference: String?
    public var reason: String?
    public var exit: Int32?
    /// What was written where: the action of the step, and the resource's id.
    public var action: String?
    public var resource: String?
    /// Digests of the config before the write and after it.
    public var before: String?
    public var after: String?
    public var writes: Int?
    /// The key and the name of each valid signature.
    public var signatures: [String]?
  }
  public var schema = "edgeferry.audit/1"
  /// The state that it was read from.
  public var place: String
  public var entries: [Entry]

  /// - Parameters:
  ///   - journals: each plan's records, the chain checked; a plan that was never saved is nil.
  ///   - since: what was before is left out.
  public init(
    place: String, journals: [(digest: String, plan: Plan?, records: [Record])],
    since: Date = .distantPast
  ) {
    self.place = place
    var queues = journals.map { journal in
      Self.entries(digest: journal.digest, plan: journal.plan, journal.records)[...]
    }
    // Each plan keeps the order of its chain, whatever its clocks did.
    var out: [Numbered] = []
    while let first = queues.indices.filter({ !queues[$0].isEmpty })
      .min(by: { Self.isEarlier(queues[$0].first, queues[$1].first) })
    {
      if let it = queues[first].popFirst() { out.append(it) }
    }
    entries = out.map(\.entry).filter { $0.at >= since }
  }

  private struct Numbered {
    var entry: Entry
    var sequence: Int64
  }
  private static func isEarlier(_ left: Numbered?, _ right: Numbered?) -> Bool {
    guard let left, let right else { return false }
    return (left.entry.at, left.sequence, left.entry.digest)
      < (right.entry.at, right.sequence, right.entry.digest)
  }

  private static func entries(digest: String, plan: Plan?, _ records: [Record]) -> [Numbered] {
    var out: [Numbered] = []
    var isRunning = false
    for record in records {
      func add(_ event: Event, _ change: (inout Entry) -> Void = { _ in }) {
        var entry = Entry(
          at: record.at, plan: plan?.name ?? "", digest: digest, rollbackOf: plan?.rollbackOf,
          event: event, step: record.step, by: record.body.by)
        change(&entry)
        out.append(Numbered(entry: entry, sequence: record.sequence))
      }
      let body = record.body
      switch record.kind {
      case .approved:
        // With a command of its own it is a run's: one before that never said how it ended, since it was killed.
        if body.action != nil { isRunning = false }
      case .rehearsed, .held, .released, .gate, .undone, .rolledBack: break
      case .again:
        // It ends a rollback up to a step, or begins a whole one anew.
        if isRunning { add(.runEnded) { $0.exit = ExitCode.done.rawValue } }
        isRunning = false
      case .stopped, .finished:
        // A run that found nothing to do ends without having begun anything.
        if !isRunning { add(.runBegan) { $0.step = nil } }
        isRunning = false
      case .intended, .applied, .waiting, .changed, .verified, .skipped, .armed, .undoing:
        if !isRunning { add(.runBegan) { $0.step = nil } }
        isRunning = true
      }
      switch record.kind {
      case .approved:
        add(.approved) {
          $0.command = body.action ?? "approve"
          $0.reference = body.reference
          $0.signatures = body.signatures
        }
      case .gate: add(.gatePassed) { $0.reference = body.reference }
      case .rehearsed:
        add(.rehearsed) {
          $0.reference = body.reference
          $0.reason = "a rule was broken in \(body.broken ?? 0) of \(body.seeds ?? 0) worlds"
          if let faults = body.faults {
            $0.reason? += "; faults: \(faults.isEmpty ? "none" : faults.joined(separator: ", "))"
          }
        }
      case .held: add(.held) { $0.reason = body.reason }
      case .released: add(.released)
      case .intended:
        add(.writeIntended) {
          $0.action = body.action
          $0.resource = body.resource
          $0.before = body.image
        }
      // A step that only watches has nothing that was written.
      case .applied where body.action == nil && body.resource == nil && body.alreadyHeld == nil:
        break
      case .applied:
        add(body.alreadyHeld == true ? .alreadySo : .written) {
          $0.action = body.action
          $0.resource = body.resource
          $0.after = body.readBack
          $0.writes = body.writes
        }
      case .stopped:
        add(.runEnded) {
          $0.exit = body.exit
          $0.reason = body.reason
        }
      case .finished: add(.runEnded) { $0.exit = ExitCode.done.rawValue }
      case .undoing: add(.rollingBack) { $0.reason = body.reason }
      case .undone: add(.undone)
      case .rolledBack: add(.rolledBack)
      case .waiting, .changed, .verified, .skipped, .armed, .again: break
      }
    }
    return out
  }
}
