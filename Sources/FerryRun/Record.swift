import FerryCore
import Foundation

/// One entry of the journal: what was meant, done, seen or said, and when.
public struct Record: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    /// A person approved the digest: once for all runs, or for the command that `action` names.
    case approved
    /// On disk before the call.
    case intended
    /// On disk after it: the goal state was read back.
    case applied
    case waiting
    /// Every authoritative server has the change: `changedAt` says since when.
    case changed
    /// Waits and checks hold; the step is done.
    case verified
    case skipped
    /// The run ended here; `exit` says how.
    case stopped
    case held, released
    /// A gate was passed.
    case gate
    /// A rollback took the step back.
    case undone
    case finished, rolledBack
    /// A rollback begins anew: what it did in an earlier round, or up to a step, says nothing of what is to come.
    case again
    /// The rollback plan that a run may undo itself with, named before the first write.
    case armed
    /// A check failed for good and the run takes everything back by itself.
    case undoing
    /// The plan was rehearsed: `reference` is the report's digest, `broken` of `seeds` worlds saw a rule broken.
    case rehearsed
  }
  public struct Body: Codable, Equatable, Sendable {
    public var action: String?
    public var resource: String?
    public var etag: String?
    /// The digest of the config before the write; the image is in the state database.
    public var image: String?
    /// The digest of the config read back.
    public var readBack: String?
    public var outputs: [String: String]?
    /// Effective writes of this step so far.
    public var writes: Int?
    /// The goal already held before anything was done.
    public var alreadyHeld: Bool?
    public var reason: String?
    public var until: Date?
    public var by: String?
    public var reference: String?
    public var exit: Int32?
    /// Of a stop: the step's write was refused, and surely did nothing.
    public var wasRefused: Bool?
    /// Of an approval: the key and the name of each signature that was verified.
    public var signatures: [String]?
    /// The command that the operator needs next, when it is another than the same again.
    public var next: String?
    /// Of a rehearsal: worlds, and those in which a rule was broken.
    public var seeds: Int?
    public var broken: Int?
    /// Its faults, or `all`, and its first seed. Nil before they were written down: then what `rehearse` does unasked
    /// is taken for granted, all faults from seed 1 on.
    public var faults: [String]?
    public var firstSeed: Int64?
    /// The digests of the inventory and of the probe that it was given; nil for none.
    public var inventory: String?
    public var probe: String?
    /// When the last authoritative server had the change, rounded up to a second.
    public var changedAt: Date?
    /// How long ago that was when it was written down.
    public var waitedMilliseconds: Int?
    /// Both clocks at this record, the wall clock since 1970, and where elapsed time is counted from.
    public var wallMilliseconds: Int?
    public var elapsedMilliseconds: Int?
    public var clock: String?
    public init() {}
  }
  /// Rises over the whole state database.
  public var sequence: Int64
  public var plan: String
  public var step: String?
  public var kind: Kind
  public var at: Date
  public var body: Body
  var reading: ClockReading? {
    guard let wall = body.wallMilliseconds, let elapsed = body.elapsedMilliseconds,
      let origin = body.clock
    else { return nil }
    return ClockReading(
      at: Date(timeIntervalSince1970: Double(wall) / 1000),
      elapsed: Elapsed(seconds: Double(elapsed) / 1000, origin: origin))
  }
}

extension Record.Body {
  public static let everyFault = "all"

  /// Of a rehearsal: whether every fault there was could happen in it.
  public var hasEveryFault: Bool { faults?.contains(Self.everyFault) ?? true }
  /// Of a rehearsal: whether it was no narrower than an earlier one, so that it takes that one's place.
  ///
  /// Of the accounts as they are now it may be for any other; a file may say anything.
  func covers(_ earlier: Record.Body) -> Bool {
    guard inventory == nil || inventory == earlier.inventory,
      earlier.probe == nil || earlier.probe == probe
    else { return false }
    guard
      hasEveryFault
        || (!earlier.hasEveryFault && Set(faults ?? []).isSuperset(of: earlier.faults ?? []))
    else { return false }
    // As a state that was imported may have any numbers.
    let (first, other) = (Double(firstSeed ?? 1), Double(earlier.firstSeed ?? 1))
    return first <= other && other - first <= Double(seeds ?? 0) - Double(earlier.seeds ?? 0)
  }
}

/// What a plan's journal adds up to; a pure fold.
public struct RunState: Equatable, Sendable {
  public enum Phase: String, Codable, Sendable {
    case pending, intended, applied, waiting, verified, skipped, undone, failed
  }
  public struct StepState: Equatable, Sendable {
    public var phase = Phase.pending
    public var startedAt: Date?
    public var finishedAt: Date?
    public var appliedAt: Date?
    /// When the last write was meant.
    var intendedAt: Date?
    /// When a run last ended here as blocked: a person has to do something, and what was seen before is over.
    var blockedAt: Date?
    var undoneAt: Date?
    public var writes = 0
    public var outputs: [String: String] = [:]
    /// Whether the run changed the world here, or may have: what a rollback has to take back.
    public var hadEffect = false
    public var resource: String?
    public var readBack: String?
    /// The digest of the config before the last write.
    var before: String?
    /// The sequence of the last record that changed the world.
    public var effectSequence: Int64 = 0
    public var verifiedSequence: Int64 = 0
    /// When the last authoritative server had the change.
    public var changedAt: Date?
    /// The wait under way: what for, and until when at most.
    public struct Wait: Equatable, Sendable {
      public var reason: String?
      public var until: Date?
    }
    public var wait: Wait?
    /// Seconds that surely went by since the event that the step's wait is counted from, as of `mark`.
    var waited = 0.0
    var mark: ClockReading?
    public var isDone: Bool { phase == .verified || phase == .skipped }
    /// Whether the last write that was meant is journalled as done, and was not taken back: `appliedAt` may be an earlier
    /// round's.
    private(set) var isApplied = false
    /// Whether what it did was taken back, and nothing was meant since: whatever a run ended with that got no further.
    package var isUndone: Bool { undoneAt != nil && !hadEffect && !isApplied }
    /// A write was meant, and whether it landed was never journalled.
    var isUnresolved: Bool { hadEffect && !isApplied }

    /// Another round is to come. What was made stays made; what was written and read back last, and when, tells lagging
    /// reads.
    fileprivate mutating func reset() {
      phase = .pending
      (isApplied, hadEffect) = (false, false)
      (startedAt, finishedAt, blockedAt, changedAt) = (nil, nil, nil, nil)
      (wait, waited, mark) = (nil, 0, nil)
    }
    fileprivate mutating func add(_ record: Record) {
      if startedAt == nil, [.intended, .applied, .waiting].contains(record.kind) {
        startedAt = record.at
      }
      if let reading = record.reading {
        if let mark { waited += reading.seconds(since: mark) }
        mark = reading
      }
      switch record.kind {
      case .changed:
        changedAt = record.body.changedAt
        waited = Double(record.body.waitedMilliseconds ?? 0) / 1000
      case .intended:
        if isUndone {
          // What it made before is gone again.
          appliedAt = nil
          outputs = [:]
        }
        phase = .intended
        isApplied = false
        intendedAt = record.at
        hadEffect = true
        effectSequence = record.sequence
        resource = record.body.resource
        before = record.body.image
      case .applied:
        phase = .applied
        isApplied = true
        appliedAt = record.at
        changedAt = nil
        waited = 0
        writes += record.body.writes ?? 0
        outputs = record.body.outputs ?? [:]
        resource = record.body.resource
        readBack = record.body.readBack
        effectSequence = record.sequence
      case .waiting:
        guard !isDone else { break }
        phase = .waiting
        wait = Wait(reason: record.body.reason, until: record.body.until)
      case .verified, .skipped:
        phase = record.kind == .verified ? .verified : .skipped
        finishedAt = record.at
        verifiedSequence = record.sequence
      case .undone:
        phase = .undone
        isApplied = false
        undoneAt = record.at
        hadEffect = false
      case .stopped:
        if record.body.wasRefused == true, phase == .intended {
          phase = .pending
          hadEffect = false
        }
        if record.body.exit == ExitCode.failed.rawValue { phase = .failed }
        if record.body.exit == ExitCode.blocked.rawValue { blockedAt = record.at }
      case .approved, .rehearsed, .armed, .undoing, .held, .released, .gate, .finished, .rolledBack,
        .again:
        break
      }
    }
  }
  public var steps: [String: StepState] = [:]
  /// Whether the digest was approved once for every `advance`.
  public var approved = false
  /// How the last run that was approved by its own command was.
  public var approval: Record.Body?
  public var hold: String?
  public var gates: [String: String] = [:]
  public var isStarted = false
  /// Whether it meant to change something in this round, and has not come to its end.
  public private(set) var isUnderWay = false
  public var isFinished = false
  public var isRolledBack = false
  /// Why the run takes everything back by itself; it never goes forward again.
  public var undoing: String?
  /// The digest of the rollback plan that it does that with.
  public var rollback: String?
  /// The rehearsals that no later one covers, the last one last.
  public var rehearsals: [Record.Body] = []
  /// How the last run ended, when it did not finish.
  public var stop: Record.Body?
  public var stoppedStep: String?
  /// Digests that we ourselves read back, by resource.
  public var ownDigests: [String: Set<String>] = [:]
  public var lastReadBack: [String: String] = [:]
  /// When any step was last applied, or taken back.
  private(set) var appliedAt: Date?

  public init(_ records: [Record]) {
    for record in records { add(record) }
  }

  mutating func add(_ record: Record) {
    if let id = record.step {
      if [.intended, .applied, .waiting].contains(record.kind) {
        isStarted = true
        stop = nil
        stoppedStep = nil
        if record.kind != .waiting {
          isRolledBack = false
          isFinished = false
        }
      }
      // In its place: a copy of every step of every record is what reading a long journal would cost.
      steps[id, default: StepState()].add(record)
    }
    switch record.kind {
    case .intended: isUnderWay = true
    case .applied where record.body.writes ?? 0 > 0: isUnderWay = true
    case .finished, .rolledBack, .again: isUnderWay = false
    default: break
    }
    switch record.kind {
    case .approved:
      if record.body.action == nil { approved = true } else { approval = record.body }
    case .rehearsed:
      rehearsals.removeAll { record.body.covers($0) }
      rehearsals.append(record.body)
    case .armed: rollback = record.body.reference
    case .undoing: undoing = record.body.reason ?? ""
    case .applied:
      appliedAt = max(appliedAt ?? record.at, record.at)
      if let resource = record.body.resource, let digest = record.body.readBack {
        ownDigests[resource, default: []].insert(digest)
        lastReadBack[resource] = digest
      }
    case .verified, .skipped: isStarted = true
    case .undone:
      isFinished = false
      appliedAt = max(appliedAt ?? record.at, record.at)
    case .stopped:
      stop = record.body
      stoppedStep = record.step
      isStarted = true
    case .held: hold = record.body.reason ?? ""
    case .released: hold = nil
    case .gate: if let id = record.step { gates[id] = record.body.reference ?? "" }
    case .finished:
      isFinished = true
      isRolledBack = false
      stop = nil
    case .rolledBack:
      isRolledBack = true
      isFinished = false
      stop = nil
      // Whoever carries it out again looks at everything again, and has it approved again.
      beginRound { !$0.hadEffect && $0.phase != .undone }
      // One that took itself back goes no further, whoever asks.
      if undoing == nil { (approved, approval) = (false, nil) }
    case .again:
      isFinished = false
      stop = nil
      beginRound { _ in true }
    case .changed, .intended, .waiting: break
    }
  }

  private mutating func beginRound(where isPast: (StepState) -> Bool) {
    gates = [:]
    for id in steps.keys where steps[id].map(isPast) == true { steps[id]?.reset() }
  }

  /// `${step.field:-otherwise}` replaced by what an earlier step of the run put out.
  ///
  /// - Parameter original: of a rollback, the run that it takes back: its outputs are known as well. A field's
  ///   name counts without regard to case, since names of DNS have none.
  public func resolved(_ text: String, original: RunState? = nil) throws(FerryError) -> String {
    var out = ""
    var rest = text[...]
    while let open = Self.place(of: "${", in: rest) {
      out += rest[..<open.lowerBound]
      guard let close = rest[open.upperBound...].utf8.firstIndex(of: UInt8(ascii: "}")) else {
        throw Self.badReference(text)
      }
      let inside = rest[open.upperBound..<close]
      let (path, otherwise): (Substring, Substring?) =
        Self.place(of: ":-", in: inside).map {
          (inside[..<$0.lowerBound], inside[$0.upperBound...])
        } ?? (inside, nil)
      guard let dot = path.lastIndex(of: ".") else { throw Self.badReference(text) }
      let value =
        output(path[..<dot], path[path.index(after: dot)...])
        ?? original?.output(path[..<dot], path[path.index(after: dot)...])
      guard let found = value ?? otherwise.map(String.init) else { throw Self.badReference(text) }
      out += found
      rest = rest[rest.index(after: close)...]
    }
    return out + rest
  }
  /// Where two characters of ASCII stand first.
  private static func place(of pair: StaticString, in text: Substring) -> Range<String.Index>? {
    let (first, second) = (pair.utf8Start[0], pair.utf8Start[1])
    let bytes = text.utf8
    var from = bytes.startIndex
    while let at = bytes[from...].firstIndex(of: first) {
      let next = bytes.index(after: at)
      guard next < bytes.endIndex else { return nil }
      if bytes[next] == second { return at..<bytes.index(after: next) }
      from = next
    }
    return nil
  }
  private func output(_ step: Substring, _ field: Substring) -> String? {
    guard let outputs = steps[String(step)]?.outputs else { return nil }
    return outputs[String(field)]
      ?? outputs.first { $0.key.lowercased() == field.lowercased() }?.value
  }
  private static func badReference(_ text: String) -> FerryError {
    .badInput(
      "bad-reference", what: "could not resolve \(text.debugDescription)",
      why: "no earlier step of this run put that out", next: "make the plan again")
  }
}
