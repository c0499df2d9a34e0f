import FerryCloudFront
import FerryCore
import Foundation

/// The world as the runner sees it: the same runner drives AWS, the lab and the model.
public struct World: Sendable {
  /// The client of one of the plan's accounts.
  public var client: @Sendable (AccountID) throws(FerryError) -> CloudFrontClient
  public var clock: any FerryClock
  /// Whether a write may begin; nil for no windows.
  public var windows: [String: ChangeWindow]
  /// What changes a zone's records; nil where the plan touches no DNS.
  public var zones: (@Sendable (DomainName) throws(FerryError) -> any ZoneEditor)?
  public var names: (any NameObserver)?
  public var serving: (any ServingProbe)?
  /// nil: commands of other tools are a person's to run.
  public var tools: (any ToolRunner)?
  public init(
    clock: any FerryClock, windows: [String: ChangeWindow] = [:],
    zones: (@Sendable (DomainName) throws(FerryError) -> any ZoneEditor)? = nil,
    names: (any NameObserver)? = nil, serving: (any ServingProbe)? = nil,
    client: @escaping @Sendable (AccountID) throws(FerryError) -> CloudFrontClient
  ) {
    self.zones = zones
    self.names = names
    self.serving = serving
    self.client = client
    self.clock = clock
    self.windows = windows
  }
}

public struct RunOptions: Sendable {
  public enum Mode: String, Sendable { case apply, advance }
  public var mode = Mode.apply
  /// Stop before this step.
  public var until: String?
  /// Rollback alone: take back only these steps of the original plan.
  public var undoOnly: Set<String>?
  public var maxWaitSeconds: Double?
  /// Who approved this run and how, for the journal; nil when that is there already.
  public var approval: Record.Body?
  public var deployedPollSeconds = 20.0
  /// How long after a change of a policy a read of its primary proves nothing: it may be of before.
  public var policyLagSeconds = 20.0
  /// How often authoritative servers and edges are asked, and how many agreeing rounds make a change seen.
  public var authoritativePollSeconds = 10.0
  public var rounds = 3
  /// Whether saved configs with the SHA-256 in place of origin header values are sent as they are: a rehearsal's world
  /// may hold no more.
  public var sendsRedacted = false
  /// How long a wait goes on at most before the clock is looked at again.
  public var tickSeconds = Lease.renewSeconds
  /// What the run takes everything back with, when a step of the plan asks for that.
  public var rollback: Plan?
  public var owner = LeaseOwner.current
  /// The plan's, where many runs of it share one; nil to make it.
  public var index: PlanIndex?
  /// The plan as the operator named it, for the commands that are shown.
  public var path: String
  public init(path: String) { self.path = path }
}

public struct RunOutcome: Sendable {
  public var report: StatusReport
  public var exit: ExitCode
  /// Why it ended, unless it is done.
  public var error: FerryError?
}

/// Executes a plan: decides from the journal, performs, journals; one step at a time.
///
/// Each step is read first. If its goal holds, that is recorded and nothing is written; if its config is
/// what was planned against, intent is journalled and the edited config sent with the newest ETag; anything
/// else is stale.
public actor Runner {
  let plan: Plan
  let store: any StateStore
  let world: World
  let options: RunOptions
  let listener: @Sendable (RunEvent) -> Void
  var state: RunState
  /// The run that a rollback takes back.
  var original: RunState? { didSet { forgetOutputs() } }
  var lease: Lease
  var waited = 0.0
  /// What it waits for at the moment.
  private(set) var waitsFor = ""
  /// Steps whose effect stays, of a rollback.
  private var lasting: [String] = []
  /// A 412 just met: the step, the version that was sent, what was said, and when.
  var refused: (step: String, etag: String, error: FerryError, at: Date)?
  /// Since when the step at work has a write whose outcome is unknown; reads may lag behind it.
  var unresolvedSince: Date?
  /// Both clocks when the run began.
  let began: ClockReading
  /// `knownValues` and what references stand for, as of the last output of a step.
  private var known: KnownValues?
  var resolved: [String: String] = [:]
  let index: PlanIndex
  /// `effectSequence` of each step, by its place.
  private var effects: [Int64]
  /// Of the configs last seen, the newest last.
  private var digested: [(config: XElement, digest: String)] = []
  /// The digests of the configs that this run has saved.
  private var kept: Set<String> = []
  /// The journal as last read, and how far.
  private var seen: RunState
  private var readUpTo: JournalPlace
  /// Parts of the plan whose steps go no further, with what stopped the first of them.
  private var failed: (parts: Set<String>, outcome: RunOutcome)?

  /// How a step ends the run.
  struct Stop: Error {
    var exit: ExitCode
    var reason: String
    var until: Date?
    var error: FerryError
    /// A check of the step failed for good.
    var isFailedCheck = false
    /// The step's write was refused, and surely did nothing.
    var wasRefused = false
    /// Whether the state cannot be written, or is another's by now.
    var isOfState: Bool {
      ["journal-write", "lease-lost", "state-read", "state-denied"].contains(error.code.rawValue)
    }
    /// Whether it says something of the step alone, so that steps of other parts may go on.
    var isOfItsPart: Bool {
      if isOfState { return false }
      return isFailedCheck || [.failed, .stale, .denied].contains(exit)
    }
  }

  private init(
    plan: Plan, store: any StateStore, world: World, options: RunOptions, state: RunState,
    readUpTo: JournalPlace, original: RunState?, lease: Lease,
    tell: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.plan = plan
    self.store = store
    self.world = world
    self.options = options
    self.state = state
    seen = state
    self.readUpTo = readUpTo
    self.original = original
    self.lease = lease
    listener = tell
    began = ClockReading(world.clock)
    index = options.index.flatMap { $0.digest == plan.digest ? $0 : nil } ?? PlanIndex(plan)
    effects = plan.steps.indices.map { state.steps[plan.steps[$0].id]?.effectSequence ?? 0 }
  }
  /// What a step puts out may have become another.
  private func forgetOutputs() {
    known = nil
    resolved = [:]
  }
  /// `configDigest`, which steps ask for several times of one config.
  func digest(of config: XElement) -> String {
    if let known = digested.last(where: { $0.config == config }) { return known.digest }
    let digest = config.configDigest
    if digested.count == 6 { digested.removeFirst() }
    digested.append((config, digest))
    return digest
  }

  func tell(_ event: RunEvent) {
    switch event {
    case .waiting(_, let what, _, _, let lastSeen):
      waitsFor = what + (lastSeen.isEmpty ? "" : "; last seen: \(lastSeen)")
    case .resolving(_, let because): waitsFor = because
    case .began: waitsFor = ""
    default: break
    }
    listener(event)
  }
  /// A config by its digest, to be saved; nothing where this run has done so.
  func toKeep(_ config: XElement, _ digest: String) -> [String: String] {
    kept.contains(digest) ? [:] : [digest: config.xml]
  }

  /// Runs to the end, or to where it has to stop; the outcome says which.
  /// - Throws: only what keeps a run from starting or the journal from being written; every other end is in
  ///   the outcome.
  public static func run(
    _ plan: Plan, store: any StateStore, world: World, options: RunOptions,
    tell: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws(FerryError) -> RunOutcome {
    if let until = options.until, !plan.steps.contains(where: { $0.id == until }) {
      throw .badInput(
        "unknown-step", what: "could not stop before \(until)",
        why: "the plan has no step of that id",
        next: "see `edgeferry show \(options.path)`")
    }
    try await store.savePlan(plan)
    // One lease for a plan and its rollback plan: nobody takes back what somebody still does.
    let lease = try await store.acquireLease(
      plan: plan.rollbackOf ?? plan.digest, with: plan.rollbackOf == nil ? nil : plan.digest,
      owner: options.owner, now: world.clock.now)
    var original: RunState?
    let begun: (state: RunState, place: JournalPlace)
    do throws(FerryError) {
      if let digest = plan.rollbackOf { original = try await store.runState(plan: digest).state }
      begun = try await store.runState(plan: plan.digest)
    } catch {
      await store.release(lease)
      throw error
    }
    return try await Runner(
      plan: plan, store: store, world: world, options: options, state: begun.state,
      readUpTo: begun.place, original: original, lease: lease, tell: tell
    ).run()
  }
  private func run() async throws(FerryError) -> RunOutcome {
    let outcome: RunOutcome
    do throws(FerryError) {
      outcome = try await loop()
    } catch {
      await store.release(lease)
      throw error
    }
    await store.release(lease)
    return outcome
  }

  private func loop() async throws(FerryError) -> RunOutcome {
    if state.isFinished, let original, !original.isRolledBack,
      original.steps.values.contains(where: \.hadEffect)
    {
      try await append(.again)
    }
    // What a scheduler approves the same way every minute is said once.
    if let approval = options.approval,
      options.mode == .apply || state.approval != approval
    {
      try await append(.approved, body: approval)
    }
    if let risk = plan.risks.first(where: { !$0.accepted }) {
      return try await end(
        Stop(
          exit: .blocked, reason: "the risk \(risk.code) is not accepted",
          error: FerryError(
            "risk-not-accepted", exit: .blocked, what: "could not run plan \(plan.name)",
            why: "the risk \(risk.code) is not accepted: \(risk.text)",
            next: "plan again with --accept-risk \(risk.code), or leave it")), step: nil)
    }
    if let undoing = state.undoing { return try await takeBack(because: undoing, step: nil) }
    do throws(Stop) {
      try await armRollback()
      try await checkImages()
    } catch {
      return try await end(error, step: nil)
    }
    for index in plan.steps.indices {
      if isDone(index) {
        if plan.rollbackOf != nil { try await markUndone(index) }
        continue
      }
      let step = plan.steps[index]
      if let failed {
        // What all parts share waits for all of them.
        guard let parts = step.parts else { return failed.outcome }
        if !failed.parts.isDisjoint(with: parts) { continue }
      }
      do throws(Stop) {
        if step.id == options.until {
          throw Stop(
            exit: .notYet, reason: "stopped before \(step.id), as asked",
            error: FerryError(
              "stopped-before", exit: .notYet, what: "plan \(plan.name) is not done",
              why: "it stopped before \(step.id), as asked",
              next: "run the command again without --until"))
        }
        if let undoes = step.undoes {
          if let only = options.undoOnly, !only.contains(undoes) { continue }
          let wasMade = try await findLost(undoes)
          if !wasMade || original?.steps[undoes]?.hadEffect != true {
            try await journal(.skipped, step: step, reason: "\(undoes) had no effect")
            tell(.skipped(step: step, because: "\(undoes) had no effect"))
            continue
          }
          if let unless = step.unless, original?.steps[unless]?.hadEffect == true {
            lasting.append(undoes)
            try await journal(.skipped, step: step, reason: "\(unless) cannot be taken back")
            tell(.skipped(step: step, because: "\(unless) cannot be taken back"))
            continue
          }
        }
        tell(.began(step: step, number: index + 1, of: plan.steps.count))
        try await perform(
          self.index.referring.contains(index) ? step.resolvingRecords(resolve) : step, at: index)
      } catch {
        guard error.isFailedCheck, step.onFailure == .rollBack else {
          let outcome = try await end(error, step: step)
          guard error.isOfItsPart, let parts = step.parts else { return failed?.outcome ?? outcome }
          tell(.resolving(step: step, because: "\(error.reason); going on with the other parts"))
          failed = ((failed?.parts ?? []).union(parts), failed?.outcome ?? outcome)
          continue
        }
        return try await takeBack(because: error.reason, step: step)
      }
    }
    if let failed { return failed.outcome }
    if options.undoOnly == nil {
      if !state.isFinished { try await append(.finished) }
      if let of = plan.rollbackOf, original?.isRolledBack != true {
        try await store.append(.rolledBack, plan: of, at: world.clock.now, lease: lease)
      }
    }
    var report = StatusReport(plan, state, path: options.path)
    if let only = options.undoOnly { try await endPart(of: only, &report) }
    if !lasting.isEmpty {
      report.reason = "not taken back, since it cannot be: \(lasting.joined(separator: ", "))"
    }
    return RunOutcome(report: report, exit: .done, error: nil)
  }

  /// What was taken back in part is over with: the way back from here begins anew.
  private func endPart(of only: Set<String>, _ report: inout StatusReport) async throws(FerryError)
  {
    report.state = .done
    report.step = nil
    report.next = nil
    guard let of = plan.rollbackOf else { return }
    for (id, it) in original?.steps ?? [:]
    where only.contains(id) && it.isDone && !it.hadEffect && !lasting.contains(id) {
      try await store.append(.undone, plan: of, step: id, at: world.clock.now, lease: lease)
    }
    try await append(.again)
  }

  /// A saved config that was damaged is met before anything is written, not when it is wanted.
  private func checkImages() async throws(Stop) {
    for index in plan.steps.indices where !isDone(index) {
      let step = plan.steps[index]
      if let undoes = step.undoes, original?.steps[undoes]?.hadEffect != true { continue }
      for digest in step.action.images {
        _ = try await calling { () async throws(FerryError) in try await store.image(digest) }
      }
    }
  }

  /// What the plan ever makes or meets of each RRset: anything else is somebody else's.
  var knownValues: KnownValues {
    if let known { return known }
    var resolved = plan
    for index in index.referring {
      // What later steps make is not known yet, and nothing of theirs is in DNS.
      if let it = try? plan.steps[index].resolvingRecords(resolve) { resolved.steps[index] = it }
    }
    let values = KnownValues(resolved)
    known = values
    return values
  }

  /// The places of those before a step in the plan.
  func earlier(than step: Step) -> Range<Int> {
    0..<(index.places[step.id] ?? plan.steps.endIndex)
  }

  /// A step that undoes or watches others counts as done only if that was after the last effect of those.
  private func isDone(_ index: Int) -> Bool {
    guard let it = state.steps[plan.steps[index].id], it.isDone else { return false }
    guard let effect = effectSequence(before: index) else { return true }
    return it.verifiedSequence > effect
  }
  /// When what the step undoes or watches last changed the world; nil for a step that does neither, and for
  /// one whose change is undone already.
  private func effectSequence(before index: Int) -> Int64? {
    if let undoes = plan.steps[index].undoes {
      guard let effect = original?.steps[undoes], effect.hadEffect else { return nil }
      return effect.effectSequence
    }
    guard plan.rollbackOf == nil else { return nil }
    // What other parts do says nothing of this one.
    return self.index.changes(beforeObserving: index).map { effects[$0] }.max()
  }

  func end(_ stop: Stop, step: Step?) async throws(FerryError) -> RunOutcome {
    var body = Record.Body()
    body.reason = stop.reason
    body.until = stop.until
    body.exit = stop.exit.rawValue
    if stop.wasRefused { body.wasRefused = true }
    if ["gate", "risk-not-accepted"].contains(stop.error.code) { body.next = stop.error.next }
    // A run that could not write its journal ends with that error; nothing further was sent.
    if !stop.isOfState {
      try await append(.stopped, step: step?.id, body: body)
    }
    // What others put into the journal meanwhile, such as a hold, belongs into the answer.
    if let seen = try? await journalled() { state = seen }
    var report = StatusReport(plan, state, path: options.path)
    if let step { report.step = .init(id: step.id, title: step.title) }
    var error = stop.error
    if error.code == "not-yet" { error.next = report.next ?? error.next }
    return RunOutcome(report: report, exit: stop.exit, error: error)
  }

  // MARK: Journal

  func append(
    _ kind: Record.Kind, step: String? = nil, body: Record.Body = .init(),
    images: [String: String] = [:]
  ) async throws(FerryError) {
    let reading = ClockReading(world.clock)
    var body = body
    if step != nil {
      body.wallMilliseconds = Int((reading.at.timeIntervalSince1970 * 1000).rounded(.up))
      body.elapsedMilliseconds = Int((reading.elapsed.seconds * 1000).rounded(.up))
      body.clock = reading.elapsed.origin
    }
    let record = try await store.append(
      kind, plan: plan.digest, step: step, at: reading.at, body: body, images: images, lease: lease)
    state.add(record)
    kept.formUnion(images.keys)
    guard let step, [.intended, .applied].contains(kind) else { return }
    if let place = index.places[step] {
      effects[place] = state.steps[step]?.effectSequence ?? 0
      forgetOutputs()
    }
  }
  func journal(
    _ kind: Record.Kind, step: Step, reason: String? = nil, until: Date? = nil
  ) async throws(Stop) {
    var body = Record.Body()
    body.reason = reason
    body.until = until
    try await calling { () async throws(FerryError) in
      try await append(kind, step: step.id, body: body)
    }
  }
  /// A `FerryError` ends the run with its own exit code.
  func stopping<T>(_ body: () throws(FerryError) -> T) throws(Stop) -> T {
    do throws(FerryError) {
      return try body()
    } catch {
      throw Stop(error)
    }
  }

  // MARK: One step

  private func perform(_ step: Step, at index: Int) async throws(Stop) {
    if state.steps[step.id]?.isApplied != true || needsAgain(index) { try await apply(step) }
    try await settle(step)
    try await journal(.verified, step: step)
    tell(.verified(step: step))
    try await calling { () async throws(FerryError) in try await markUndone(index) }
  }
  /// Tells the original plan what is taken back: with the last step that takes it back, since a wait of its own
  /// may follow the write. A run that was killed before it could say so says it in its next life.
  private func markUndone(_ index: Int) async throws(FerryError) {
    guard let of = plan.rollbackOf, let undoes = plan.steps[index].undoes,
      state.steps[plan.steps[index].id]?.phase == .verified,
      original?.steps[undoes]?.hadEffect == true,
      plan.steps.lastIndex(where: { $0.undoes == undoes }) == index
    else { return }
    try await store.append(
      .undone, plan: of, step: undoes, at: world.clock.now, lease: lease)
  }
  /// A step that was applied for an earlier round of what it undoes or watches has to be applied anew.
  private func needsAgain(_ index: Int) -> Bool {
    guard let own = state.steps[plan.steps[index].id], let effect = effectSequence(before: index)
    else { return false }
    return own.effectSequence < effect
  }

  /// The lease, and whether a person holds the plan.
  func checkOrders() async throws(Stop) {
    try await keepLease()
    if let hold = try await journalled().hold {
      throw blocked("held", "it is held: \(hold)", next: "edgeferry release \(options.path)")
    }
  }
  func checkGate(_ step: Step) async throws(Stop) {
    // The gate of a tool's step stands for the person who runs it.
    if case .external(let it) = step.action, it.tools != nil, world.tools != nil { return }
    guard let gate = step.gate, try await journalled().gates[step.id] == nil else { return }
    var stop = blocked(
      "gate", "step \(step.id) waits for an approval: \(gate.reason)",
      next: "edgeferry approve \(options.path) --step \(step.id) --reference TEXT")
    if case .external(let it) = step.action { stop.error.causes = [it.says] + it.commands }
    throw stop
  }
  /// The journal as it is now, with what other processes put into it.
  func journalled() async throws(Stop) -> RunState {
    let (records, end) = try await calling { () async throws(FerryError) in
      // A run of many steps asks before each write: only what came since is read.
      try await store.records(plan: plan.digest, after: readUpTo)
    }
    for record in records { seen.add(record) }
    readUpTo = end
    return seen
  }
  func blocked(_ code: FerryError.Code, _ why: String, next: String) -> Stop {
    Stop(
      exit: .blocked, reason: why,
      error: FerryError(
        code, exit: .blocked, what: "could not go on with plan \(plan.name)", why: why, next: next))
  }

  func keepLease() async throws(Stop) {
    lease = try await calling { () async throws(FerryError) in
      try await store.renewed(lease, now: world.clock.now)
    }
  }
}

extension Runner.Stop {
  init(_ error: FerryError) {
    self.init(exit: error.exit, reason: "\(error.what): \(error.why)", error: error)
  }
}
