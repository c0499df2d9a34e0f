import FerryCore
import Foundation

/// What the plan ever makes or meets of each RRset.
struct KnownValues: Sendable {
  private var values: [RecordKey: Set<RecordValue?>] = [:]
  private var goals: [RecordKey: [(step: Int, value: RecordValue?)]] = [:]

  init(_ plan: Plan) {
    for (index, step) in plan.steps.enumerated() {
      for change in step.action.dns?.changes ?? [] {
        values[change.key, default: []].formUnion([change.from, change.to])
        goals[change.key, default: []].append((index, change.to))
      }
      for record in step.expects.records ?? [] {
        values[record.key, default: []].insert(record.value)
      }
    }
  }
  /// nil where no step changes the RRset.
  subscript(_ key: RecordKey) -> Set<RecordValue?>? { values[key] }
  /// What the RRset is to be once that step is done; nil where no step so far changes it.
  func goal(_ key: RecordKey, after step: Int) -> RecordValue?? {
    goals[key]?.last { $0.step <= step }?.value
  }
}

/// What DNS itself must show before a step is done.
extension Runner {
  /// One round: every record of the checks on every authoritative server.
  struct Round {
    var servers: [ObservedServer] = []
    var agrees = false
    /// A server answers, and with what was there before.
    var hasOld: Bool { servers.contains { $0.state == .old } }
    var text: String
  }

  /// A change of DNS is looked for on every server even where the plan does not say so.
  func authoritativeChecks(_ step: Step) -> [Step.Check] {
    var given = step.checks.filter { $0.type == .authoritative }
    guard let (zone, changes) = step.action.dns else { return given }
    if given.isEmpty { given.append(Step.Check(.authoritative)) }
    // Without records of its own a check is about what the step makes; large batches do not say it twice.
    for index in given.indices where given[index].records == nil {
      given[index].zone = zone
      given[index].records = changes.map { RecordState($0.key, $0.to) }
    }
    return given
  }

  /// Waits for agreeing rounds, one after another and far enough apart, and writes down when the first was.
  ///
  /// - Source: dns-cutover-facts.md §9.2; a server that was told of two changes may get the second later.
  func untilChanged(_ step: Step, _ checks: [Step.Check]) async throws(Stop) {
    let since = state.steps[step.id]?.appliedAt ?? world.clock.now
    let limitSeconds = checks.compactMap(\.limitSeconds).max() ?? 5400
    let began = world.clock.now
    var first: ClockReading?
    var count = 0
    while true {
      let round = try await round(step, checks)
      let now = ClockReading(world.clock)
      if round.agrees {
        first = first ?? now
        count += 1
        if count >= options.rounds, let first {
          var body = Record.Body()
          body.changedAt = first.at.roundedUp
          body.waitedMilliseconds = Int(now.seconds(since: first) * 1000)
          try await calling { () async throws(FerryError) in
            try await append(.changed, step: step.id, body: body)
          }
          return
        }
        tell(
          .waiting(
            step: step, for: "\(options.rounds) agreeing rounds", since: since,
            atMost: began + Double(limitSeconds), lastSeen: round.text))
        try await sleep(max(0.05, options.authoritativePollSeconds))
        continue
      }
      first = nil
      count = 0
      try await again(
        step, "waiting for every authoritative server to have the change; last seen: \(round.text)",
        what: "every authoritative server to have the change", since: since,
        limit: began + Double(limitSeconds), limitSeconds: limitSeconds, lastSeen: round.text,
        poll: options.authoritativePollSeconds)
    }
  }

  /// One more round after the span. A server that is silent now is waited for.
  /// - Returns: false when one has what was there before: caches may have it anew.
  func stillAgree(_ step: Step, _ checks: [Step.Check]) async throws(Stop) -> Bool {
    let began = world.clock.now
    let limitSeconds = checks.compactMap(\.limitSeconds).max() ?? 5400
    while true {
      let round = try await round(step, checks)
      if round.agrees { return true }
      if round.hasOld { return false }
      try await again(
        step, "waiting for every authoritative server to answer; last seen: \(round.text)",
        what: "every authoritative server to answer", since: began,
        limit: began + Double(limitSeconds), limitSeconds: limitSeconds, lastSeen: round.text,
        poll: options.authoritativePollSeconds)
    }
  }

  // MARK: One round

  private func observer() throws(Stop) -> any NameObserver {
    guard let names = world.names else {
      throw blocked(
        "no-name-observer", "nothing here can ask DNS servers",
        next: "run the plan with edgeferry apply")
    }
    return names
  }

  private func round(_ step: Step, _ checks: [Step.Check]) async throws(Stop) -> Round {
    try await keepLease()
    let names = try observer()
    var servers: [String: [ObservedServer]] = [:]
    var order: [String] = []
    var notes: [String] = []
    // Nothing was known of them when planned, that was accepted, and nothing is now.
    var skipped: Set<String> = []
    for check in checks {
      let records = check.records ?? []
      guard let zone = check.zone, !records.isEmpty else { continue }
      let answer = try await transient(step, absent: "") { () async throws(FerryError) in
        try await names.authoritative(zone: zone, records.map(\.key))
      }
      guard case .found(let looks) = answer else {
        notes.append(answer.text)
        continue
      }
      let byKey = Dictionary(grouping: looks, by: \.key)
      for record in records {
        guard let looks = byKey[record.key], !looks.isEmpty else {
          notes.append("no authoritative server of \(zone) was found for \(record.name)")
          continue
        }
        for look in looks {
          let seen = try judge(look, wanted: record, step: step)
          if seen.state == .unknown, check.unverified?.contains("\(look.server)") ?? false {
            skipped.insert(seen.label)
          }
          if servers[seen.label] == nil { order.append(seen.label) }
          servers[seen.label, default: []].append(seen)
        }
        if record.value?.alias != nil, !Self.haveOneAnswer(looks) {
          notes.append("the servers do not agree on the addresses of \(record.name)")
        }
      }
      if let note = try await provider(step, zone: zone, records) { notes.append(note) }
    }
    // A server is what its worst answer is.
    let all = order.compactMap { label in
      servers[label]?.max { Self.weight($0.state) < Self.weight($1.state) }
    }
    tell(.observed(step: step, servers: all))
    let needed = all.filter { $0.state != .unknown || !skipped.contains($0.label) }
    let new = needed.count { $0.state == .new }
    let others = all.filter { $0.state != .new }.prefix(8).map {
      let isNeeded = $0.state != .unknown || !skipped.contains($0.label)
      return "\($0.label) \($0.state.rawValue): \($0.says)"
        + (isNeeded ? "" : "; not waited for: its silence was accepted")
    }
    var out = Round(
      text: (["\(new) of \(needed.count) servers have it"] + others + notes)
        .joined(separator: "; "))
    out.servers = all
    out.agrees = !needed.isEmpty && new == needed.count && notes.isEmpty
    return out
  }
  private static func weight(_ state: ObservedServer.State) -> Int {
    switch state {
    case .new: 0
    case .unknown: 1
    case .old: 2
    case .failing: 3
    }
  }

  /// - Throws: stale, for a value that the plan neither makes nor met: somebody else edits the name.
  private func judge(
    _ look: ServerLook, wanted: RecordState, step: Step
  ) throws(Stop) -> ObservedServer {
    let label = look.serverName.map { "\($0) \(look.server)" } ?? "\(look.server)"
    func seen(_ state: ObservedServer.State, _ says: String) -> ObservedServer {
      ObservedServer(label: label, state: state, says: says)
    }
    let value: RecordValue?
    switch look.answer {
    case .unknown(let because): return seen(.unknown, because)
    case .absent: value = nil
    case .value(let it): value = it
    }
    let says = Self.shown(value)
    let known = knownValues[wanted.key]
    if let target = wanted.value, target.alias != nil {
      // Addresses are what an alias record answers; where it points only the provider tells. A target
      // without IPv6 or HTTPS record answers nothing for those.
      if let value { return seen(known?.contains(value) == true ? .old : .new, says) }
      return seen(wanted.rrtype == .a ? .old : .new, says)
    }
    if value == wanted.value { return seen(.new, says) }
    let wasAlias = known?.contains { $0?.alias != nil } == true
    if known?.contains(value) ?? true || (wasAlias && value != nil) { return seen(.old, says) }
    throw stale(
      step, "somebody else changes \(wanted.name)",
      [
        "\(wanted.name) \(wanted.rrtype.rawValue): planned \(Self.shown(wanted.value)), found \(says) on \(label)"
      ])
  }
  /// Either no server has an answer, or all of them have an address in common: what an alias record answers
  /// may differ a little from server to server.
  private static func haveOneAnswer(_ looks: [ServerLook]) -> Bool {
    var common: Set<String>?
    var absent = 0
    for look in looks {
      switch look.answer {
      case .unknown: continue
      case .absent: absent += 1
      case .value(let value):
        common = common.map { $0.intersection(value.data) } ?? Set(value.data)
      }
    }
    return common.map { !$0.isEmpty && absent == 0 } ?? true
  }

  /// What the provider itself has to say: its own proof that a change arrived, and where alias records point.
  /// - Returns: why the round does not count; nil when it does.
  private func provider(
    _ step: Step, zone: DomainName, _ records: [RecordState]
  ) async throws(Stop) -> String? {
    let own = state.steps[step.id]
    let change = own?.outputs["change"] ?? ""
    let aliases = records.filter { $0.value?.alias != nil }
    guard !change.isEmpty || !aliases.isEmpty else { return nil }
    let editor = try editor(zone)
    if !change.isEmpty, own?.changedAt == nil {
      let answer = try await transient(step, absent: "") { () async throws(FerryError) in
        try await editor.isInSync(change)
      }
      guard case .found(let inSync) = answer else { return "\(editor.provider): \(answer.text)" }
      if inSync == false { return "\(editor.provider) says that the change is still on its way" }
    }
    guard !aliases.isEmpty else { return nil }
    // The answer with the change's id was lost, so nothing proves that it arrived: allow what a read may lag.
    if change.isEmpty, own?.writes ?? 0 > 0, let applied = own?.appliedAt,
      world.clock.now < applied + Self.readBackSeconds
    {
      return "\(editor.provider) gave no id for the change"
    }
    let answer = try await transient(step, absent: "") { () async throws(FerryError) in
      try await editor.read(aliases.map(\.key))
    }
    guard case .found(let found) = answer else { return "\(editor.provider): \(answer.text)" }
    guard let moved = aliases.first(where: { found[$0.key] != $0.value }) else { return nil }
    guard knownValues[moved.key]?.contains(found[moved.key]) ?? true else {
      throw stale(
        step, "somebody else changes \(moved.name)",
        [
          "\(moved.name) \(moved.rrtype.rawValue): planned \(Self.shown(moved.value)), found \(Self.shown(found[moved.key]))"
        ])
    }
    return
      "\(moved.name) \(moved.rrtype.rawValue) is \(Self.shown(found[moved.key])) at the provider"
  }

  // MARK: Resolvers

  /// No resolver has an old answer any more. One that gives none is no evidence either way, and evidence is
  /// all that resolvers are: what opens the gate is the authoritative servers and the span.
  func lookAtResolvers(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    let what = "resolvers to let the old answer go"
    let records = check.records ?? []
    let names = try observer()
    let answer = try await transient(step, absent: "") { () async throws(FerryError) in
      try await names.recursive(records.map(\.key))
    }
    guard case .found(let looks) = answer else {
      return Look(holds: false, what: what, lastSeen: answer.text)
    }
    let index = plan.steps.firstIndex { $0.id == step.id } ?? 0
    let was = Dictionary(
      records.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    var servers: [ObservedServer] = []
    // An address may be many caches, so that one look at it is several: the one that keeps the old answer the longest counts.
    var places: [String: Int] = [:]
    var longest: [Int] = []
    var distrusted: Set<String> = []
    for look in looks {
      guard let value = was[look.key], value?.alias == nil else { continue }
      let seen = Self.judged(
        look, old: value, goal: knownValues.goal(look.key, after: index) ?? nil)
      let place = "\(look.resolver) \(look.key.name) \(look.key.rrtype.rawValue)"
      if check.unverified?.contains("\(look.resolver)") ?? false {
        distrusted.insert("\(look.resolver)")
      }
      guard let at = places[place] else {
        places[place] = servers.count
        servers.append(seen.server)
        longest.append(seen.ttl)
        continue
      }
      let weight = (Self.weight(seen.server.state), seen.ttl)
      if weight > (Self.weight(servers[at].state), longest[at]) {
        servers[at] = seen.server
        longest[at] = seen.ttl
      }
    }
    tell(.observed(step: step, servers: servers))
    let old = servers.filter { $0.state == .old }
    let stuck = old.filter { !distrusted.contains($0.label) }
    let silent = servers.count { $0.state == .unknown }
    let shown = old.prefix(8).map {
      "\($0.label) still has \($0.says)"
        + (distrusted.contains($0.label) ? "; not waited for: it does not keep to TTLs" : "")
    }
    let rest =
      "\(servers.count - old.count - silent) of \(servers.count) have let go"
      + (silent > 0 ? ", \(silent) give no answer" : "")
    return Look(
      holds: stuck.isEmpty, what: what, lastSeen: (shown + [rest]).joined(separator: "; "))
  }
  /// What one answer of a resolver is worth, and the seconds that its copy has left.
  private static func judged(_ look: ResolverLook, old: RecordValue?, goal: RecordValue?) -> (
    server: ObservedServer, ttl: Int
  ) {
    func seen(_ state: ObservedServer.State, _ says: String, _ ttl: Int = 0) -> (
      ObservedServer, Int
    ) {
      let says = says + (look.isStale ? " (stale)" : "")
      return (ObservedServer(label: "\(look.resolver)", state: state, says: says), ttl)
    }
    switch look.answer {
    case .unknown(let because): return seen(.unknown, because)
    case .absent: return seen(old == nil && goal != nil ? .old : .new, "none")
    case .value(let it):
      // The same data with a lower TTL: a copy that lives longer than that is an old one.
      let sameData = goal?.data == it.data
      let isOld = it.data == old?.data && (!sameData || it.ttl ?? 0 > goal?.ttl ?? 0)
      return seen(isOld ? .old : .new, shown(it), it.ttl ?? 0)
    }
  }

  // MARK: Edges

  /// Every address that answers for the name serves it, and as the right distribution.
  func lookAtEdge(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    guard let probe = world.serving, let url = check.url else {
      throw blocked(
        "no-serving-probe", "nothing here can ask \(check.url ?? "an edge")",
        next: "run the plan with edgeferry apply")
    }
    let at = try check.at.map { (text: String) throws(Stop) in try resolve(text) }
    let wanted = try check.value.map { (text: String) throws(Stop) in try resolve(text) }
    let what = "\(url)\(at.map { " at \($0)" } ?? "") to be served"
    var headers: [(name: String, value: String)] = []
    if let policy = check.policy {
      switch try await stagingHeader(policy, step) {
      case .sent(let header): headers = [header]
      case .none(let why): return Look(holds: false, what: what, lastSeen: why)
      }
    }
    let looks = await probe.look(url: url, at: at, marker: check.marker, headers: headers)
    let seen = looks.map { look in
      let wrong = Self.complaint(look, check, value: wanted, now: world.clock.now)
      return ObservedServer(
        label: look.peer.isEmpty ? url : look.peer,
        state: wrong == nil ? .new : look.failure == nil ? .failing : .unknown,
        says: wrong ?? "\(look.status ?? 0)\(look.marker.map { " from \($0)" } ?? "")")
    }
    tell(.observed(step: step, servers: seen))
    let wrong = seen.filter { $0.state != .new }
    let text = (wrong.isEmpty ? seen : wrong).prefix(8).map { "\($0.label): \($0.says)" }
    return Look(
      holds: !seen.isEmpty && wrong.isEmpty,
      what: what, lastSeen: text.joined(separator: "; "), isBad: seen.isEmpty || !wrong.isEmpty)
  }
  private enum StagingHeader {
    case sent((name: String, value: String))
    case none(because: String)
  }
  /// What brings a request to the staging distribution of a policy. Without it the primary would answer, which proves
  /// nothing of staging.
  private func stagingHeader(_ id: String, _ step: Step) async throws(Stop) -> StagingHeader {
    let client = try client(step)
    let id = try resolve(id)
    let it = try await transient(step, absent: "NoSuchContinuousDeploymentPolicy") {
      () async throws(FerryError) in try await client.policy(id)
    }
    guard case .found(let policy) = it else { return .none(because: "policy \(id): \(it.text)") }
    guard policy.config.text(at: "Enabled") == "true" else {
      return .none(because: "policy \(id) is disabled, so that nobody reaches staging")
    }
    guard case .header(let name, let value) = StagingShare(ofPolicy: policy.config) else {
      return .none(because: "policy \(id) sends nobody to staging by a header")
    }
    return .sent((name: name, value: value))
  }
  private static func complaint(
    _ look: ServingLook, _ check: Step.Check, value: String?, now: Date
  ) -> String? {
    if let failure = look.failure { return failure }
    if let certificate = look.certificate {
      if !certificate.isTrusted { return "its certificate is not trusted" }
      if !certificate.coversName { return "its certificate does not cover the name" }
      if certificate.notAfter <= now { return "its certificate has expired" }
    }
    guard let status = look.status else { return "no answer" }
    if let wanted = check.status {
      if status != wanted { return "status \(status) instead of \(wanted)" }
    } else if status == 403 || status == 421 || status >= 500 {
      // What an edge says that does not serve the name.
      return "status \(status)"
    }
    if let value, check.marker != nil, look.marker != value {
      return "served by \(look.marker ?? "nobody that names itself") instead of \(value)"
    }
    return nil
  }
}
