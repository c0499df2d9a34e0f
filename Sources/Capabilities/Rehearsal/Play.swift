import FerryCore
import FerryModel
import FerryRun
import Foundation

/// What one seed came to.
struct SeedResult: Sendable {
  enum Ending: String, Sendable {
    case done
    case rolledBack = "rolled-back"
    /// Nothing was written: the plan came too late, or was kept from beginning.
    case notBegun = "not-begun"
    /// It ended as stale or blocked and could not be taken back by itself.
    case stopped
    case broken
  }
  var seed: UInt64
  var ending: Ending
  var seconds: Double
  var exposureSeconds: Double
  var clientSeconds: Double
  /// After that step it was decided to undo, and how long that took.
  var rollback: (step: String, seconds: Double)?
  var violations: [Violation]
  /// What its runs exited with.
  var exits: Set<Int32>
  var story: [Stage.Line]
}

/// Runs the plan with the real runner in the world of one seed, as an operator would.
struct Play: Sendable {
  let scene: Scene
  let hazards: [Hazard]
  private let index: PlanIndex
  private let rollbackIndex: PlanIndex?
  init(scene: Scene, hazards: [Hazard]) {
    self.scene = scene
    self.hazards = hazards
    index = PlanIndex(scene.plan)
    rollbackIndex = scene.rollback.map { PlanIndex($0) }
  }
  /// A run that has not ended by then never does.
  static let longest = 60 * 86_400.0
  private static let livesMax = 4000

  private enum End: Equatable {
    case done, rolledBack
    /// Stopped before the step that was asked for.
    case reached
    case notBegun(String)
    /// A person has to decide: stale, blocked, failed.
    case stuck(String, ExitCode)
    case never
  }

  func run(_ seed: UInt64, tellsStory: Bool = false) async -> SeedResult {
    let stage = Stage(scene, seed: seed, hazards: hazards, tellsStory: tellsStory)
    for step in scene.plan.steps {
      if case .editStatements(let edit) = step.action { stage.place(edit) }
    }
    let before = Fingerprint(stage)
    var rollback: (step: String, seconds: Double)?
    var violations: [Violation] = []
    var end = End.reached
    // Each seed looks at the way back from one step; all of them together from every step.
    if let place = turnBack(seed) {
      let steps = scene.plan.steps
      let next = place + 1 < steps.count ? steps[place + 1].id : nil
      // In every other round over the steps a seed whose run is killed on the way turns back there: what was being written may land or not.
      var killed: (world: Stage, told: Int)?
      end = await drive(scene.plan, stage, until: next) {
        let round = seed / UInt64(max(1, scene.plan.steps.count))
        guard killed == nil, round % 2 == 0, scene.rollback != nil else { return }
        killed = (stage.copy(), stage.story?.count ?? 0)
      }
      if let (branch, told) = killed {
        branch.store.setClosed(false)
        branch.clock.advance(seconds: 1 + branch.chance() * 30)
        branch.tell("person", "decides to take everything back at once (in a copy of the world)")
        _ = await takeBack(branch, before)
        violations = broken(branch, seed)
        stage.append(branch, since: told)
      } else if end == (next == nil ? .done : .reached), scene.rollback != nil {
        let branch = stage.copy()
        let told = stage.story?.count ?? 0
        branch.tell("person", "decides to take everything back (in a copy of the world)")
        let began = branch.now
        let (undone, at) = await takeBack(branch, before)
        if undone == .rolledBack { rollback = (steps[place].id, at - began) }
        violations = broken(branch, seed)
        stage.append(branch, since: told)
      }
    }
    if end == .reached { end = await drive(scene.plan, stage) }
    var ending = SeedResult.Ending.done
    var seconds = stage.now
    switch end {
    case .done:
      await finish(stage, before, wasUndone: false)
    case .rolledBack:
      if stage.fate.hazards.isEmpty { stage.broke(.unfinished, "it took everything back") }
      ending = .rolledBack
      await finish(stage, before, wasUndone: true)
    case .notBegun: ending = .notBegun
    case .reached, .never: ending = .broken
    case .stuck(let why, _):
      if stage.fate.hazards.isEmpty { stage.broke(.unfinished, why) }
      stage.tell("person", "decides to take everything back: \(why)")
      (ending, seconds) = await takeBack(stage, before)
    }
    return result(seed, ending, seconds, stage, rollback, violations)
  }
  private func broken(_ stage: Stage, _ seed: UInt64) -> [Violation] {
    stage.judge.found.map {
      Violation(rule: $0.rule, seed: seed, atSeconds: Int($0.at), because: $0.because)
    }
  }
  private func result(
    _ seed: UInt64, _ ending: SeedResult.Ending, _ seconds: Double, _ stage: Stage,
    _ rollback: (step: String, seconds: Double)?, _ earlier: [Violation]
  ) -> SeedResult {
    let known = Set(earlier.map(\.rule))
    let violations = earlier + broken(stage, seed).filter { !known.contains($0.rule) }
    return SeedResult(
      seed: seed, ending: ending, seconds: seconds, exposureSeconds: stage.viewers.exposureSeconds,
      clientSeconds: stage.viewers.clientSeconds, rollback: rollback, violations: violations,
      exits: stage.exits, story: stage.story ?? [])
  }

  /// The step after which this seed turns back, by its place.
  private func turnBack(_ seed: UInt64) -> Int? {
    guard scene.rollback != nil else { return nil }
    let end =
      scene.plan.pointOfNoReturn.flatMap { id in scene.plan.steps.firstIndex { $0.id == id } }
      ?? scene.plan.steps.count
    return end > 0 ? Int(seed % UInt64(end)) : nil
  }

  /// How that ended, and when.
  private func takeBack(_ stage: Stage, _ before: Fingerprint) async -> (
    SeedResult.Ending, Double
  ) {
    guard let back = scene.rollback else { return (.stopped, stage.now) }
    let end = await drive(back, stage, isRollback: true)
    let seconds = stage.now
    switch end {
    case .done:
      await finish(stage, before, wasUndone: true)
      return (.rolledBack, seconds)
    case .notBegun: return (.notBegun, seconds)
    case .stuck(let says, let code):
      // Somebody else's change is not written over: a person sorts that out.
      if stage.rival == nil {
        stage.broke(.wrongEnd, "the rollback ended with \(code.rawValue): \(says)")
        return (.broken, seconds)
      }
      await finish(stage, before, wasUndone: nil)
      return (.stopped, seconds)
    default:
      stage.broke(.neverEnds, "the rollback")
      return (.broken, seconds)
    }
  }

  /// Steps of the plan whose effect no rollback takes back.
  private func lasting(_ stage: Stage) async -> [String] {
    guard let records = try? await stage.store.records(plan: scene.plan.digest) else { return [] }
    let state = RunState(records)
    return scene.plan.steps.filter {
      $0.action != .observe && state.steps[$0.id]?.hadEffect == true
    }.map(\.id)
  }

  /// Looks at the world that a run left behind.
  private func finish(_ stage: Stage, _ before: Fingerprint, wasUndone: Bool?) async {
    stage.clock.advance(seconds: 3600)
    stage.settle()
    if scene.plan.schedule.exposureSeconds == 0, stage.viewers.compliantSeconds > 0,
      let first = stage.viewers.outages.first
    {
      stage.broke(
        .exposure, at: first.from,
        "\(Int(stage.viewers.compliantSeconds.rounded(.up))) s in all; at first: \(first.because)")
    }
    if let rival = stage.rival {
      let now = stage.model.owner(of: rival.distribution).flatMap {
        stage.model.config(rival.distribution, account: $0)
      }
      if now?.text(at: "Comment") != rival.comment {
        stage.broke(.overwroteRival, rival.distribution)
      }
      return
    }
    switch wasUndone {
    case true?:
      let lasting = await lasting(stage)
      if let it = Fingerprint(stage).difference(from: before, isWhole: lasting.isEmpty) {
        stage.broke(.notRestored, it)
      }
    case false?:
      let records = try? await stage.store.records(plan: scene.plan.digest)
      if let missed = missed(stage, RunState(records ?? [])) { stage.broke(.goal, missed) }
    case nil: break
    }
  }
  /// A record as the run knows it, what it refers to filled in; nil where that was not made.
  private func resolved(_ value: RecordValue, _ run: RunState) -> RecordValue? {
    if var alias = value.alias {
      guard let name = try? run.resolved(alias.dnsName.text) else { return nil }
      alias.dnsName = DomainName(wire: name)
      return RecordValue(alias: alias)
    }
    guard value.data.contains(where: { $0.contains("${") }) else { return value }
    let data = value.data.compactMap { try? run.resolved($0).lowercased() }
    return data.count == value.data.count ? RecordValue(ttl: value.ttl ?? 0, data: data) : nil
  }
  /// The first of the plan's goals that does not hold; nil when all do.
  func missed(_ stage: Stage, _ run: RunState = RunState([])) -> String? {
    var records: [RecordKey: RecordValue?] = [:]
    var enabled: [String: Bool] = [:]
    var gone: Set<String> = []
    var edits: [String: [ConfigEdit]] = [:]
    var promoted: [(primary: String, staging: String)] = []
    var aliases: [String: String] = [:]
    var policies: Set<String> = []
    for step in scene.plan.steps {
      if case .updatePolicy(let id, _) = step.action { policies.insert(id) }
      for change in step.action.dns?.changes ?? [] { records[change.key] = .some(change.to) }
      switch step.action {
      case .setEnabled(let id, _, let to): enabled[id] = to
      case .deleteDistribution(let id), .deletePolicy(let id): gone.insert(id)
      case .updateConfig(let id, let wanted), .updatePolicy(let id, let wanted):
        edits[id, default: []].removeAll { edit in wanted.contains { $0.path == edit.path } }
        edits[id, default: []] += wanted.filter { $0.to?.contains("${") != true }
      case .promote(let id, let staging):
        promoted.append((id, staging))
        // CloudFront disables the policy between the two.
        for id in policies { edits[id]?.removeAll { $0.path == "Enabled" } }
        edits[id]?.removeAll { edit in
          Promote.carried.contains { edit.path == $0 || edit.path.hasPrefix("\($0)/") }
        }
      case .moveAlias(let alias, let from, let to):
        aliases[alias] = to
        for id in [from, to] { edits[id]?.removeAll { $0.path.hasPrefix("Aliases") } }
      default: break
      }
    }
    let there = stage.records
    for (key, value) in records.sorted(by: { $0.key.name < $1.key.name }) {
      var wanted = value
      if let value {
        guard let it = resolved(value, run) else { continue }
        wanted = it
      }
      if there[key] != wanted {
        return "\(key.name) \(key.rrtype.rawValue) is \(Stage.shown(there[key]))"
      }
    }
    for account in stage.model.accountIDs {
      for id in gone.sorted() where stage.model.config(id, account: account) != nil {
        return "\(id) is there still"
      }
      for (id, value) in enabled.sorted(by: { $0.key < $1.key }) where !gone.contains(id) {
        guard let config = stage.model.config(id, account: account) else { continue }
        if config.text(at: "Enabled") != "\(value)" { return "\(id) is not enabled as planned" }
      }
      for (id, edits) in edits.sorted(by: { $0.key < $1.key }) where !gone.contains(id) {
        guard let config = stage.model.config(id, account: account) else { continue }
        if !config.holds(edits) { return "\(id) is not configured as planned" }
      }
      for (primary, staging) in promoted {
        guard let to = stage.model.config(primary, account: account),
          let from = stage.model.config(staging, account: account)
        else { continue }
        if !Promote.isDone(to, from: from) { return "\(primary) has not what \(staging) has" }
      }
      for (alias, id) in aliases.sorted(by: { $0.key < $1.key }) {
        guard let config = stage.model.config(id, account: account) else { continue }
        if !(config.at("Aliases/Items")?.children.map(\.text) ?? []).contains(alias) {
          return "\(alias) is not at \(id)"
        }
      }
    }
    return nil
  }

  // MARK: An operator

  private func drive(
    _ plan: Plan, _ stage: Stage, until: String? = nil, isRollback: Bool = false,
    died: () -> Void = {}
  ) async -> End {
    stage.setRollback(isRollback)
    var options = RunOptions(path: plan.name)
    options.until = until
    options.deployedPollSeconds = scene.deployedPollSeconds
    options.authoritativePollSeconds = scene.authoritativePollSeconds
    options.rounds = scene.rounds
    options.tickSeconds = 600
    options.sendsRedacted = true
    options.index = isRollback ? rollbackIndex : index
    options.rollback = isRollback ? nil : scene.rollback
    options.owner = LeaseOwner(name: "rehearsal", host: "rehearsal", pid: 0)
    let world = stage.world()
    var waiting: (step: String?, times: Double, reason: String) = (nil, 0, "")
    for _ in 0..<Self.livesMax where stage.now <= Self.longest {
      let outcome: RunOutcome
      do throws(FerryError) {
        outcome = try await Runner.run(
          plan, store: stage.store, world: world, options: options
        ) { stage.heard($0) }
      } catch {
        guard ["killed", "journal-write"].contains(error.code.rawValue) else {
          stage.broke(.wrongEnd, "\(error.what): \(error.why)")
          return .stuck(error.why, error.exit)
        }
        died()
        stage.store.setClosed(false)
        stage.clock.advance(seconds: 30 + stage.chance() * 570)
        stage.tell("person", "begins the run again")
        continue
      }
      // To stop there was asked for by the rehearsal itself.
      if outcome.error?.code != "stopped-before" { stage.exits.insert(outcome.exit.rawValue) }
      switch outcome.exit {
      case .done: return .done
      case .rolledBack: return .rolledBack
      case .notYet:
        if outcome.error?.code == "stopped-before" { return .reached }
        let step = outcome.report.step?.id
        waiting = (
          step, step == waiting.step ? waiting.times + 1 : 1, outcome.report.reason ?? ""
        )
        // Up to once an hour; once a day where nothing moves for days.
        await comeBack(
          stage, outcome, times: min(max(min(waiting.times, 6), waiting.times - 60), 144))
      case .blocked:
        guard let end = await unblock(plan, stage, outcome) else { continue }
        return end
      case .interrupted: return .never
      case .stale:
        if stage.rival == nil { stage.broke(.falseStale, outcome.report.reason ?? "") }
        return .stuck(outcome.report.reason ?? "", .stale)
      default:
        stage.broke(
          .wrongEnd, "exit \(outcome.exit.rawValue): \(outcome.report.reason ?? "")")
        return .stuck(outcome.report.reason ?? "", outcome.exit)
      }
    }
    stage.broke(.neverEnds, waiting.reason)
    return .never
  }
  /// - Parameter times: how often in a row it was for the same step; nobody looks every few minutes for hours.
  private func comeBack(_ stage: Stage, _ outcome: RunOutcome, times: Double = 1) async {
    let due = outcome.report.until.map { $0.timeIntervalSince(stage.clock.now) } ?? 0
    stage.clock.advance(seconds: max(0, due) + (60 + stage.chance() * 540) * times)
    stage.tell("person", "comes back: \(outcome.report.reason ?? "")")
  }
  /// - Returns: nil when the run is to be begun again.
  private func unblock(_ plan: Plan, _ stage: Stage, _ outcome: RunOutcome) async -> End? {
    let reason = outcome.report.reason ?? ""
    switch outcome.error?.code.rawValue ?? "" {
    case "gate":
      guard let id = outcome.report.step?.id else { return .stuck(reason, .blocked) }
      stage.clock.advance(seconds: stage.person())
      stage.tell("person", "approves \(id)")
      var body = Record.Body()
      body.reference = "rehearsed"
      _ = try? await stage.store.append(
        .gate, plan: plan.digest, step: id, at: stage.clock.now, body: body)
      return nil
    case "window", "too-late":
      if let until = outcome.report.until, until > stage.clock.now {
        await comeBack(stage, outcome)
        return nil
      }
      return outcome.report.steps.contains { $0.writes > 0 }
        ? .stuck(reason, .blocked) : .notBegun(reason)
    default: return .stuck(reason, .blocked)
    }
  }
}
