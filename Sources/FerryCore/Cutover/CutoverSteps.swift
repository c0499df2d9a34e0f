import Foundation

/// The steps of a cutover and of its way back.
extension CutoverPlanner {
  enum Phase: String {
    case lower = "lower-ttl"
    case flip
    case restore = "restore-ttl"
  }

  mutating func build() {
    noteUnverified()
    batches = [
      .lower: CutoverBatch.of(moves, .lower), .flip: CutoverBatch.of(moves, .flip),
      .restore: CutoverBatch.of(moves, .restore),
    ]
    let lower = phase(.lower, slot: schedule.lower, drain: drains.lower)
    let flip = phase(.flip, slot: schedule.flip, drain: drains.flip)
    let restore = phase(.restore, slot: schedule.restore, drain: nil)
    steps = lower + flip
    if let bake = bake() { steps.append(bake) }
    steps += restore
    var back = undo(restore, .restore)
    back += undo(flip, .flip)
    // The copies with the restored TTL run out meanwhile; nothing waits for them before users are back.
    if let first = restore.first, let drain = drains.undoRestored {
      let step = Step(
        id: "drain-\(first.id)", title: "Wait until the copies with the restored TTL have run out",
        account: nil, action: .observe, window: nil,
        wait: drain.wait, inverse: .observe, undoes: first.id)
      back.append(step)
    }
    back += undo(lower, .lower)
    rollback = back
    if let first = steps.first,
      input.isStartAsked || schedule.lower?.closes != nil
        || schedule.flip.closes != nil
    {
      steps[0].earliest = first.earliest ?? schedule.lower?.earliest ?? schedule.flip.earliest
    }
    describe()
  }

  // MARK: Forward

  private func phase(_ phase: Phase, slot: CutoverSchedule.Slot?, drain: CutoverMove.Drain?)
    -> [Step]
  {
    let batches = self.batches[phase] ?? []
    return batches.enumerated().map { index, batch -> Step in
      let isLast = index == batches.count - 1
      var step = Step(
        id: id(phase, index), title: title(phase, batch), account: batch.account,
        action: batch.action, expects: expects(batch), window: "dns", gate: .byHand(batch.zone),
        wait: isLast ? drain?.wait : nil, inverse: batch.inverse)
      step.checks = [authoritative(batch)]
      if isLast, let check = recursive(batches, zone: batch.zone.name) { step.checks.append(check) }
      if let slot, slot.closes != nil {
        step.earliest = slot.earliest
        step.latest = slot.latest
      }
      step.rollbackSeconds =
        policy.propagationSeconds
        + (phase == .restore
          ? drains.undoRestored?.seconds ?? 0 : drains.undo?.seconds ?? 0)
      return step
    }
  }
  private func bake() -> Step? {
    let checks = health()
    guard policy.bakeSeconds > 0 || !checks.isEmpty else { return nil }
    var step = Step(
      id: isSingle ? "bake-\(label)" : "bake",
      title: isSingle
        ? "Watch \(moves[0].name) for \(policy.bakeSeconds) s"
        : "Watch \(moves.count) names for \(policy.bakeSeconds) s",
      account: nil, action: .observe, window: nil,
      wait: Step.Wait(
        from: "write", seconds: policy.bakeSeconds,
        terms: [.init(term: "bake", seconds: policy.bakeSeconds, source: "settings")]),
      checks: checks, inverse: .observe)
    if !checks.isEmpty { step.onFailure = input.health?.onFailure }
    // Until users are back, as for the flip; the old TTL comes after that.
    step.rollbackSeconds = undoSeconds
    return step
  }
  private func health() -> [Step.Check] {
    guard let health = input.health else { return [] }
    let asked = moves.filter { !$0.name.isWildcard }
    let stride = max(1, asked.count / Self.sampleMax)
    let markers = Dictionary(
      observations.map { ($0.name, $0.targetMarker) }, uniquingKeysWith: { first, _ in first })
    return asked.enumerated().filter { $0.offset % stride == 0 }.prefix(Self.sampleMax).map {
      let name = $0.element.name
      var check = Step.Check(.health, distribution: input.distribution)
      check.url = health.url.replacingOccurrences(of: "{name}", with: name.host)
      check.status = health.expectStatus
      check.marker = health.marker
      check.value = markers[name] ?? nil
      return check
    }
  }

  private var label: String {
    let move = moves[0]
    let text = move.name == move.zone.name ? move.name.host : move.name.relative(to: move.zone.name)
    return String(
      text.replacingOccurrences(of: ".", with: "-").replacingOccurrences(of: "*", with: "wildcard")
        .prefix(150))
  }
  private func id(_ phase: Phase, _ index: Int) -> String {
    if isSingle { return "\(phase.rawValue)-\(label)" }
    return index == 0 ? phase.rawValue : "\(phase.rawValue)-\(index + 1)"
  }
  private func title(_ phase: Phase, _ batch: CutoverBatch) -> String {
    guard let first = batch.changes.first else { return "" }
    let ttl = { (value: RecordValue?) in "\(value?.ttl ?? 0) s" }
    guard batch.names == 1 else {
      let names = "\(batch.names) names in \(batch.zone.name)"
      return switch phase {
      case .lower: "Lower the TTL of \(names) to \(policy.ttl) s"
      case .flip: "Point \(names) to their targets"
      case .restore: "Restore the TTL of \(names)"
      }
    }
    let types = batch.changes.map(\.rrtype.rawValue).joined(separator: ", ")
    let isOne = batch.changes.count == 1
    switch phase {
    case .lower:
      return isOne
        ? "Lower the TTL of \(first.name) \(types) from \(ttl(first.from)) to \(ttl(first.to))"
        : "Lower the TTLs of \(first.name) \(types) to \(ttl(first.to))"
    case .restore:
      return "Restore the TTL of \(first.name) \(types) from \(ttl(first.from)) to \(ttl(first.to))"
    case .flip:
      let new = batch.changes.compactMap(\.to).first
      let target = new?.alias?.dnsName.text ?? new?.data.first ?? ""
      let gone = batch.changes.filter { $0.to == nil }.map(\.rrtype.rawValue)
      let made = batch.changes.filter { $0.to != nil }.map(\.rrtype.rawValue)
      if batch.changes.allSatisfy({ $0.from == nil }) {
        return "Create \(first.name) \(types) to \(target)"
      }
      if !gone.isEmpty {
        return
          "Point \(first.name) to \(target), \(made.joined(separator: ", ")) instead of \(gone.joined(separator: ", "))"
      }
      let old = first.from?.alias?.dnsName.text ?? first.from?.data.first ?? ""
      return "Point \(first.name) \(types) from \(old) to \(target)"
    }
  }
  private func expects(_ batch: CutoverBatch) -> Step.Expectation {
    guard batch.changes.count <= Self.readableMax else { return .init() }
    return .init(records: batch.changes.map { RecordState($0.key, $0.from) })
  }
  /// The servers that could not be verified, once that risk is accepted, and the resolvers that do not keep to TTLs.
  private mutating func noteUnverified() {
    if accepted("server-unverified") {
      var found: [DomainName: Set<String>] = [:]
      for it in observations {
        let addresses = Seen.unverified(it.probe).compactMap(\.observedAddress)
        if !addresses.isEmpty { found[it.zone.name, default: []].formUnion(addresses) }
      }
      silent = found.mapValues { $0.sorted() }
    }
    let odd = Set(observations.flatMap { $0.probe.recursives }.filter(\.outlivesTTL).map(\.address))
    distrusted = odd.isEmpty ? nil : odd.sorted()
  }
  private func authoritative(_ batch: CutoverBatch, undoing: Bool = false) -> Step.Check {
    var check = Step.Check(
      .authoritative, typicalSeconds: policy.propagationSeconds, limitSeconds: limitSeconds)
    check.zone = batch.zone.name
    check.unverified = silent[batch.zone.name]
    if batch.changes.count <= Self.readableMax {
      check.records = batch.changes.map { RecordState($0.key, undoing ? $0.from : $0.to) }
    }
    return check
  }
  /// What resolvers must not answer any more, as a sample of the phase; alias records have no answer of
  /// their own to look for.
  private func recursive(_ batches: [CutoverBatch], zone: DomainName, undoing: Bool = false)
    -> Step.Check?
  {
    let count = batches.reduce(0) { $0 + $1.changes.count }
    let stride = max(1, count / Self.sampleMax)
    var records: [RecordState] = []
    var place = 0
    for batch in batches {
      for index in batch.changes.indices {
        defer { place += 1 }
        guard place % stride == 0, records.count < Self.sampleMax else { continue }
        let change = batch.changes[index]
        let gone = undoing ? change.to : change.from
        guard gone?.alias == nil, !change.name.isWildcard else { continue }
        records.append(RecordState(change.key, gone))
      }
    }
    guard !records.isEmpty else { return nil }
    var check = Step.Check(
      .recursive, typicalSeconds: 0, limitSeconds: limitSeconds)
    check.zone = zone
    check.records = records
    check.unverified = distrusted
    return check
  }

  // MARK: Back

  /// The inverse of a phase, last step first. The last of them carries the wait: it is run whenever any is.
  private func undo(_ forward: [Step], _ phase: Phase) -> [Step] {
    let batches = self.batches[phase] ?? []
    return zip(forward, batches).enumerated().reversed().map { index, pair -> Step in
      let (step, batch) = pair
      var out = Step(
        id: "undo-\(step.id)", title: undoTitle(phase, batch), account: step.account,
        action: batch.inverse,
        expects: batch.changes.count <= Self.readableMax
          ? .init(records: batch.changes.map { RecordState($0.key, $0.to) }) : .init(),
        window: "dns", gate: step.gate, inverse: batch.action, undoes: step.id)
      out.checks = [authoritative(batch, undoing: true)]
      guard phase != .restore else { return out }
      if index == 0 {
        out.wait = drains.undo?.wait
        if phase == .flip,
          let check = recursive(batches, zone: batch.zone.name, undoing: true)
        {
          out.checks.append(check)
        }
      }
      return out
    }
  }
  private func undoTitle(_ phase: Phase, _ batch: CutoverBatch) -> String {
    guard let first = batch.changes.first else { return "" }
    let what =
      batch.names == 1
      ? "\(first.name) \(batch.changes.map(\.rrtype.rawValue).joined(separator: ", "))"
      : "\(batch.names) names in \(batch.zone.name)"
    switch phase {
    case .lower: return "Give \(what) the old TTL again"
    case .restore: return "Lower the TTL of \(what) again"
    case .flip:
      let old = first.from?.alias?.dnsName.text ?? first.from?.data.first
      return batch.names > 1
        ? "Point \(what) back to where they were"
        : old.map { "Point \(what) back to \($0)" } ?? "Remove \(what) again"
    }
  }

  // MARK: The whole

  private mutating func describe() {
    if schedule.restore != nil {
      notes.append(
        "the TTL is owed back: the plan is not done before \(steps.last?.id ?? "") is")
    }
    if input.health?.onFailure == .rollBack, steps.contains(where: { $0.onFailure != nil }) {
      notes.append(
        "when health checks fail during the bake, the run takes everything back by itself and exits 6"
      )
    }
  }

  func sealed() -> CutoverPlans {
    var debts: [String] = []
    var times: [Plan.StepTime] = []
    var points: [Plan.RollbackPoint] = []
    for step in steps {
      let span = span(of: step)
      times.append(.init(step: step.id, start: span.start, end: span.end))
      if step.id.hasPrefix(Phase.restore.rawValue) { debts.append(step.id) }
      guard let seconds = step.rollbackSeconds else { continue }
      points.append(point(step.id, span.start, seconds))
    }
    if let flip = steps.last(where: { $0.id.hasPrefix(Phase.flip.rawValue) }) {
      points.append(point(flip.id, schedule.allClear, undoSeconds))
      if let closes = undoingCloses {
        points.append(point(flip.id, closes - Double(undoSeconds) + 1, undoSeconds))
      }
    }
    points.sort { $0.from < $1.from }
    let start = schedule.lower?.earliest ?? schedule.flip.earliest
    var own = Plan.Schedule(
      start: start, end: schedule.end, criticalPathSeconds: criticalPath, exposureSeconds: 0)
    let ttl = moves.indices.map { policy.effective(moves[$0].flipTTL) }.max() ?? policy.ttl
    own.trafficShare = TrafficShare.curve(
      ttlSeconds: ttl, clientHoldSeconds: policy.clientHoldSeconds)
    own.rollback = points
    own.steps = times
    own.allClear = schedule.allClear
    own.retire = schedule.retire
    let observed = observedDigest
    let forth = assemble(input.name, steps, own, observed, of: nil, debts: debts).sealedBytes
    // Not the sum of the waits: copies with the restored TTL run out while the flip's do.
    let seconds = Reckoning.seconds(rollback)
    let back = Plan.Schedule(
      start: start, end: start + Double(seconds), criticalPathSeconds: seconds, exposureSeconds: 0)
    let name = String(input.name.prefix(55)) + ".rollback"
    let undo = assemble(name, rollback, back, observed, of: forth.plan.digest, debts: [])
      .sealedBytes(sharing: forth)
    return CutoverPlans(
      plan: forth.plan, rollback: undo.plan, bytes: forth.bytes, rollbackBytes: undo.bytes)
  }
  private func point(_ step: String, _ from: Date, _ seconds: Int) -> Plan.RollbackPoint {
    .init(
      step: step, from: from, seconds: seconds,
      nextAllowed: input.window.map { $0.nextRollback(after: from, seconds: seconds) } ?? from)
  }
  private var criticalPath: Int {
    let phases = [schedule.lower != nil, true, schedule.restore != nil].count { $0 }
    return phases * policy.propagationSeconds + policy.bakeSeconds
      + (drains.lower?.seconds ?? 0) + (drains.flip?.seconds ?? 0)
  }
  private func span(of step: Step) -> (start: Date, end: Date) {
    let own = Double(policy.propagationSeconds + (step.wait?.seconds ?? 0))
    if step.id.hasPrefix(Phase.lower.rawValue), let lower = schedule.lower {
      return (lower.earliest, lower.earliest + own)
    }
    if step.id.hasPrefix(Phase.flip.rawValue) {
      return (schedule.flip.earliest, schedule.flip.earliest + own)
    }
    if step.id.hasPrefix(Phase.restore.rawValue), let restore = schedule.restore {
      return (restore.earliest, restore.earliest + own)
    }
    return (schedule.allClear, schedule.bakeEnds)
  }

  static let route53Actions = [
    "route53:ChangeResourceRecordSets", "route53:GetChange", "route53:GetHostedZone",
    "route53:ListResourceRecordSets",
  ]
  /// A zone without an id is looked for by its name, when planned and when run.
  private var permissions: [String] {
    let zones = moves.lazy.map(\.zone).filter { $0.provider == .route53 }
    guard !zones.isEmpty else { return [] }
    let finds = zones.contains { $0.zoneID == nil } ? ["route53:ListHostedZonesByName"] : []
    return (Self.route53Actions + finds).sorted() + ["sts:GetCallerIdentity"]
  }
  private func assemble(
    _ name: String, _ steps: [Step], _ schedule: Plan.Schedule, _ observed: String,
    of original: String?, debts: [String]
  ) -> Plan {
    let isReadable = observations.count <= Self.readableMax
    return Plan(
      name: name, capability: "cutover", createdAt: input.createdAt, tool: input.tool,
      accounts: input.accounts,
      observed: .init(
        inventoryDigest: observed, endpoint: input.endpoint,
        probes: original == nil && isReadable ? observations.map(\.probe) : nil),
      steps: steps, schedule: schedule, debts: debts, risks: original == nil ? risks : [],
      notes: original == nil ? notes : [],
      permissions: permissions,
      rollbackOf: original, methods: original == nil ? methods : nil)
  }
  /// Of what the plan was made from.
  private var observedDigest: String {
    var out = JSONBytes()
    for place in observations.indices {
      out.string(observations[place].probe.name.text)
      for type in CutoverMove.types {
        guard let value = observations[place].current[type] else { continue }
        out.string(type.rawValue)
        out.string("\(value.ttl ?? -1)")
        for data in value.data { out.string(data) }
        if let alias = value.alias { out.string(alias.dnsName.text) }
      }
    }
    return "sha256:" + Digest.hex(Digest.sha256(out.bytes))
  }
  /// How long viewers of a move between two distributions would see errors, by order of alias and DNS.
  private var methods: [Plan.Method]? {
    let edge = ".cloudfront.net."
    let both = moves.indices.lazy.filter { index in
      moves[index].target.text.hasSuffix(edge)
        && moves[index].flip.lazy.compactMap(\.from).contains {
          ($0.alias?.dnsName.text ?? $0.data.first ?? "").hasSuffix(edge)
        }
    }.prefix(Self.sampleMax).map { moves[$0] }
    guard !both.isEmpty else { return nil }
    return both.map { move in
      var considered: [Plan.Method.Considered] = []
      for (accounts, word) in [(Exposure.Accounts.same, "same account"), (.cross, "cross account")]
      {
        for order in [Exposure.Order.aliasFirst, .dnsFirst] {
          let it = Exposure.predict(
            order, accounts, ttl: move.flipTTL, aliasSeconds: Exposure.aliasSeconds,
            distribution: policy.propagationSeconds, policy: policy)
          considered.append(
            .init(
              method: "\(order.rawValue), \(word)", possible: true, reasons: [it.because],
              exposureSeconds: it.seconds,
              rollbackSeconds: policy.propagationSeconds + move.undoDrain.seconds))
        }
      }
      return Plan.Method(alias: move.name.host, chosen: "dns", order: nil, considered: considered)
    }
  }
}

/// The longest drain of each kind over all names: the phase's last batch waits for it.
struct LongestDrains: Equatable, Sendable {
  var lower: CutoverMove.Drain?
  var flip: CutoverMove.Drain?
  var undo: CutoverMove.Drain?
  var undoRestored: CutoverMove.Drain?

  init(_ moves: [CutoverMove] = []) {
    func longest(_ one: CutoverMove.Drain?, _ other: CutoverMove.Drain?) -> CutoverMove.Drain? {
      guard let one, let other else { return one ?? other }
      return other.seconds > one.seconds ? other : one
    }
    for index in moves.indices {
      lower = longest(lower, moves[index].lowerDrain)
      flip = longest(flip, moves[index].flipDrain)
      undo = longest(undo, moves[index].undoDrain)
      undoRestored = longest(undoRestored, moves[index].undoRestoredDrain)
    }
  }
}

extension Step.Gate {
  /// What a step that a person carries out waits for; nil for a zone that is written by itself.
  package static func byHand(_ zone: ZoneSettings) -> Step.Gate? {
    guard zone.provider == .manual else { return nil }
    return Step.Gate(
      reason: "a person changes \(zone.name): hand over the ticket, and approve with its reference")
  }
}
