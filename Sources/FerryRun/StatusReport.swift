import FerryCore
import Foundation

/// Where a plan stands: `edgeferry.status/1`.
public struct StatusReport: Codable, Equatable, Sendable {
  public enum State: String, Codable, Sendable {
    case notStarted = "not-started"
    case running, waiting, blocked, stale, failed
    case rolledBack = "rolled-back"
    case done
  }
  public struct StepReference: Codable, Equatable, Sendable {
    public var id: String
    public var title: String
  }
  public struct StepStatus: Codable, Equatable, Sendable {
    public var id: String
    public var state: RunState.Phase
    public var startedAt: Date?
    public var finishedAt: Date?
    public var writes: Int
    public var observedChangeAt: Date?

    public func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encode(id, forKey: .id)
      try box.encode(state, forKey: .state)
      try box.encode(startedAt, forKey: .startedAt)
      try box.encode(finishedAt, forKey: .finishedAt)
      try box.encode(writes, forKey: .writes)
      try box.encode(observedChangeAt, forKey: .observedChangeAt)
    }
  }
  public var schema = "edgeferry.status/1"
  public var plan: String
  public var digest: String
  public var state: State
  public var step: StepReference?
  public var until: Date?
  public var reason: String?
  public var debts: [String]
  public var steps: [StepStatus]
  /// The command to run next, or nil when there is none.
  public var next: String?

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(schema, forKey: .schema)
    try box.encode(plan, forKey: .plan)
    try box.encode(digest, forKey: .digest)
    try box.encode(state, forKey: .state)
    try box.encode(step, forKey: .step)
    try box.encode(until, forKey: .until)
    try box.encode(reason, forKey: .reason)
    try box.encode(debts, forKey: .debts)
    try box.encode(steps, forKey: .steps)
    try box.encode(next, forKey: .next)
  }

  /// - Parameter path: the plan as the operator names it, for the next command.
  public init(_ plan: Plan, _ run: RunState, path: String) {
    self.plan = plan.name
    digest = plan.digest
    debts = plan.debts.filter { Self.isOwed($0, plan, run) }
    // By their places: a copy of every step is what this would cost.
    steps = plan.steps.indices.map { place in
      let id = plan.steps[place].id
      guard let it = run.steps[id] else { return StepStatus(id: id, state: .pending, writes: 0) }
      let action = plan.steps[place].action
      return StepStatus(
        id: id, state: it.phase, startedAt: it.startedAt, finishedAt: it.finishedAt,
        writes: it.writes,
        observedChangeAt: action.dns != nil || action == .observe ? it.changedAt : it.appliedAt)
    }
    let open = plan.steps.indices.first { run.steps[plan.steps[$0].id]?.isDone != true }
      .map { plan.steps[$0] }
    step = open.map { StepReference(id: $0.id, title: $0.title) }
    let resume =
      plan.rollbackOf == nil
      ? "edgeferry apply \(path) --approve \(plan.digest)"
      : "edgeferry rollback \(path) --approve \(plan.digest)"
    next = resume
    if run.isRolledBack, run.stop == nil {
      state = .rolledBack
      let lasting = plan.steps.filter {
        $0.action != .observe && run.steps[$0.id]?.hadEffect == true
      }
      reason =
        [run.undoing, lasting.isEmpty ? nil : "not taken back: " + Self.titles(lasting)]
        .compactMap { $0 }.joined(separator: "; ")
      if reason == "" { reason = nil }
      next = nil
    } else if run.isFinished {
      state = .done
      step = nil
      next = nil
    } else if let hold = run.hold {
      state = .blocked
      reason = "held: \(hold)"
      next = "edgeferry release \(path)"
    } else if let stop = run.stop {
      reason = stop.reason
      until = stop.until
      switch stop.exit.flatMap(ExitCode.init(rawValue:)) {
      case .notYet: state = .waiting
      case .blocked, .denied, .usage: state = .blocked
      case .stale:
        state = .stale
        // How it was planned, with which arguments, nothing says.
        next = "edgeferry show \(path)"
      case .failed: state = .failed
      default: state = .running
      }
      if let other = stop.next { next = other }
    } else if let open, let wait = run.steps[open.id]?.wait, run.steps[open.id]?.phase == .waiting {
      state = .waiting
      reason = wait.reason
      until = wait.until
    } else {
      state = run.isStarted ? .running : .notStarted
    }
  }

  /// Stands as the rollback does that takes the plan back.
  public mutating func follow(_ rollback: StatusReport) {
    (state, step, until, next) = (rollback.state, rollback.step, rollback.until, rollback.next)
    reason = (["it is being taken back"] + [rollback.reason].compactMap { $0 }).joined(
      separator: ": ")
  }

  /// What steps do, for a sentence.
  static func titles(_ steps: [Step]) -> String {
    steps.prefix(8).map { "\($0.title) (\($0.id))" }.joined(separator: "; ")
      + (steps.count > 8 ? " and \(steps.count - 8) more" : "")
  }
  /// A debt that is a step of the plan is owed from the first effect on until that step is done; any other
  /// one from the end of the plan on.
  private static func isOwed(_ debt: String, _ plan: Plan, _ run: RunState) -> Bool {
    if run.isRolledBack { return false }
    guard plan.steps.contains(where: { $0.id == debt }) else { return run.isFinished }
    return run.steps[debt]?.isDone != true && run.steps.values.contains { $0.hadEffect }
  }

  /// What `status` exits with.
  public var exit: ExitCode {
    switch state {
    case .done: debts.isEmpty ? .done : .notYet
    case .rolledBack: .done
    case .notStarted, .running, .waiting: .notYet
    case .blocked: .blocked
    case .stale: .stale
    case .failed: .failed
    }
  }
}

/// What a run tells while it goes on.
public enum RunEvent: Sendable {
  case began(step: Step, number: Int, of: Int)
  case alreadyHeld(step: Step)
  case applied(step: Step, writes: Int)
  /// - Parameters:
  ///   - since: when the wait began, UTC.
  ///   - atMost: when it ends in "not yet", UTC.
  case waiting(step: Step, for: String, since: Date, atMost: Date, lastSeen: String)
  /// What each server, resolver or edge of a check answers now.
  case observed(step: Step, servers: [ObservedServer])
  /// A zone that a person changes: the exact change, in every form that one may need.
  case ticket(step: Step, text: String)
  /// A check failed for good, and the run takes everything back by itself.
  case rollingBack(because: String)
  /// A command of another tool begins.
  case running(step: Step, command: String)
  case verified(step: Step)
  case skipped(step: Step, because: String)
  /// A write's outcome was unknown or refused as stale, and is being resolved by reading.
  case resolving(step: Step, because: String)
}

/// One server, resolver or edge as a check sees it.
public struct ObservedServer: Equatable, Sendable {
  public enum State: String, Sendable {
    /// It has what the plan wants.
    case new
    /// It still has what was there before.
    case old
    /// Nothing is known of it: silent, lame, refused. Never counts as new.
    case unknown
    /// It answers, and not what it should.
    case failing
  }
  /// `ns1.example.com. 192.0.2.1:53`
  public var label: String
  public var state: State
  public var says: String
  public init(label: String, state: State, says: String) {
    self.label = label
    self.state = state
    self.says = says
  }
}
