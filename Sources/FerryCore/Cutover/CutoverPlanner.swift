import Foundation

/// A cutover plan and its way back.
public struct CutoverPlans: Equatable, Sendable {
  public var plan: Plan
  public var rollback: Plan
  /// Their canonical JSON, as it was sealed.
  package var bytes: PlanBytes
  package var rollbackBytes: PlanBytes
}

/// The steps of a cutover and of its way back.
package struct CutoverLegs: Equatable, Sendable {
  package var steps: [Step]
  package var rollback: [Step]
  package var risks: [Plan.Risk]
  /// What must be left of the window when a step begins: it and one rollback.
  package var reserveSeconds: Int
}

/// Plans the move of names to their targets: lower the TTL, wait it out, flip, bake, restore the TTL.
///
/// Pure: what is known of the names, the settings and the time come as values.
public struct CutoverPlanner {
  let input: CutoverInput
  let policy: CutoverPolicy
  let observations: [CutoverObservation]
  var moves: [CutoverMove] = []
  var drains = LongestDrains()
  var batches: [Phase: [CutoverBatch]] = [:]
  var schedule: CutoverSchedule
  var reserveSeconds = 0
  var steps: [Step] = []
  var rollback: [Step] = []
  var risks: [Plan.Risk] = []
  var notes: [String] = []
  /// How long a change is looked for on the servers: long enough for a secondary that polls.
  var limitSeconds = 5400
  /// By zone, the servers that no step waits for.
  var silent: [DomainName: [String]] = [:]
  /// The resolvers that no step waits for.
  var distrusted: [String]?
  var isSingle: Bool { moves.count == 1 }

  /// More names than this leave out of the plan what is only there to be read: probes, observed RRsets.
  static let readableMax = 100
  package static let sampleMax = 20

  /// - Returns: nil when every name is at its target already.
  /// - Throws: 64 for what can never be; 4 for what must not be now, such as servers that disagree.
  public static func plan(_ observations: [CutoverObservation], input: CutoverInput)
    throws(FerryError) -> CutoverPlans?
  {
    var planner = CutoverPlanner(observations, input)
    try planner.collect()
    guard !planner.moves.isEmpty else { return nil }
    try planner.solve()
    planner.build()
    try planner.judge()
    return planner.sealed()
  }

  /// The same without the plan around it, for a plan of more than DNS.
  package static func legs(_ observations: [CutoverObservation], input: CutoverInput)
    throws(FerryError) -> CutoverLegs?
  {
    var planner = CutoverPlanner(observations, input)
    try planner.collect()
    guard !planner.moves.isEmpty else { return nil }
    try planner.solve()
    planner.build()
    try planner.judge()
    return CutoverLegs(
      steps: planner.steps, rollback: planner.rollback, risks: planner.risks,
      reserveSeconds: planner.reserveSeconds)
  }

  private init(_ observations: [CutoverObservation], _ input: CutoverInput) {
    self.observations = observations
    self.input = input
    policy = input.policy
    schedule = CutoverSchedule(flip: .init(earliest: input.start))
  }

  // MARK: Names

  private mutating func collect() throws(FerryError) {
    guard policy.ttl > 0 else {
      throw .badInput(
        "bad-ttl", what: "could not plan with a TTL of \(policy.ttl)",
        why: "0 keeps nothing cached, and every query would reach the zone's servers",
        next: "set cutover.ttl to 60, or to 30 at the least")
    }
    var targets: [DomainName: DomainName] = [:]
    var there: [DomainName] = []
    targets.reserveCapacity(observations.count)
    moves.reserveCapacity(observations.count)
    var known = KnownDrains()
    for it in observations {
      if let other = targets[it.name] {
        guard other == it.target else {
          throw .badInput(
            "two-targets", what: "could not plan \(it.name)",
            why: "it is given twice, with the targets \(other) and \(it.target)",
            next: "name it once")
        }
        continue
      }
      targets[it.name] = it.target
      try Admission.check(it)
      if let move = try CutoverMove.make(
        it, policy: policy, form: input.form, known: &known)
      {
        moves.append(move)
      } else {
        there.append(it.name)
      }
    }
    for name in there.prefix(Self.sampleMax) { notes.append("\(name) is at its target already") }
    if there.count > Self.sampleMax {
      notes.append("\(there.count - Self.sampleMax) more names are at their targets already")
    }
  }

  // MARK: Times

  var usesRoute53: Bool { moves.indices.contains { moves[$0].zone.provider == .route53 } }
  private var window: ChangeWindow? {
    input.window.flatMap { $0.everCloses ? $0 : nil }
  }
  private mutating func solve() throws(FerryError) {
    drains = LongestDrains(moves)
    var distribution = policy.propagationSeconds
    for place in observations.indices
    where observations[place].zone.provider != .route53
      && observations[place].probe.servers.count > 1
    {
      distribution = max(
        distribution,
        ZoneDistribution.plannedSeconds(
          observations[place].probe.soa, propagation: policy.propagationSeconds))
    }
    limitSeconds = max(limitSeconds, min(distribution, 30 * 86_400) + 600)
    let low = moves.indices.map { moves[$0].flipTTL }.max() ?? policy.ttl
    let planned =
      usesRoute53
      ? max(ZoneDistribution.route53Seconds, policy.propagationSeconds) : policy.propagationSeconds
    var spans = CutoverSchedule.Spans(
      lowerWait: drains.lower?.seconds, flipWait: drains.flip?.seconds ?? 0,
      bake: policy.bakeSeconds,
      restores: moves.indices.contains { !moves[$0].restore.isEmpty },
      propagation: policy.propagationSeconds,
      distribution: distribution,
      reserve: policy.windowNeed(distribution: planned, ttl: low),
      staleHold: policy.staleHoldSeconds)
    do throws(FerryError) {
      schedule = try CutoverSchedule.solve(spans, window: window, start: input.start)
    } catch {
      guard error.code == "window-too-short" else { throw error }
      guard accepted("rollback-outside-window") else {
        var out = error
        if let length = window?.longestSpan(after: input.start),
          let fits = policy.largestTTL(fitting: length, distribution: planned), fits < low
        {
          out.next = "set cutover.ttl to \(fits) or less, or \(error.next)"
        }
        throw out
      }
      spans.reserve = 1
      schedule = try CutoverSchedule.solve(spans, window: window, start: input.start)
    }
    reserveSeconds = spans.reserve
    if distribution > policy.propagationSeconds, spans.lowerWait != nil {
      notes.append(
        "a secondary that misses a NOTIFY may take \(distribution) s to fetch a change (REFRESH + RETRY); the waits begin when the last one has it"
      )
    }
  }
  func accepted(_ code: String) -> Bool {
    input.acceptedRisks.contains(code) || policy.acceptedRisks.contains(code)
  }
  mutating func risk(_ code: String, _ text: String) {
    risks.append(.init(code: code, text: text, accepted: accepted(code)))
  }

  // MARK: Judgement

  private mutating func judge() throws(FerryError) {
    for place in observations.indices
    where [.signed, .unknown].contains(observations[place].probe.dnssec.state) {
      // A wildcard's signatures end too, whatever else is not known of it.
      let it = observations[place]
      guard let ends = it.probe.dnssec.earliestExpiration,
        ends <= schedule.retire
      else { continue }
      let short = Int(schedule.retire.timeIntervalSince(ends).rounded(.up))
      let text =
        "a signature of \(it.name) ends at \(Timestamp.text(ends)), \(short) s before the old target may go (\(Timestamp.text(schedule.retire)))"
      guard accepted("rrsig-expires") else {
        throw FerryError(
          "rrsig-expires", exit: .blocked, what: "could not plan \(it.name)", why: text,
          next:
            "sign the zone again first; if its signer renews by itself, accept it with --accept-risk rrsig-expires"
        )
      }
      risk("rrsig-expires", text)
      break
    }
    var silent: [ProbedName.Server] = []
    for place in observations.indices
    where observations[place].probe.servers.contains(where: { $0.verdict != .ok }) {
      silent += Seen.unverified(observations[place].probe)
    }
    if !silent.isEmpty {
      let names = Set(silent.map { "\($0.address) (\($0.verdict.rawValue))" }).sorted()
      let more = names.count > 8 ? " and \(names.count - 8) more" : ""
      risk(
        "server-unverified",
        "\(names.prefix(8).joined(separator: ", "))\(more) cannot be verified and may serve old answers again until the zone's EXPIRE; the waits are that much longer"
      )
    }
    let extreme = moves.indices.lazy.filter { [moves] in moves[$0].extremeTTL != nil }
    for place in extreme.prefix(Self.sampleMax) {
      let ttl = moves[place].extremeTTL ?? 0
      risk(
        "ttl-extreme",
        "\(moves[place].name) has a TTL of \(ttl) s; the plan waits \(policy.resolverCapSeconds) s, as resolvers cap it, and a cache without a cap keeps the old answer for \(ttl) s"
      )
    }
    try judgeServing()
    judgeRollback()
    judgeMarkers()
    if policy.ttl < 30 {
      notes.append(
        "a TTL of \(policy.ttl) s is below 30: some resolvers raise it, and the zone's servers get many more queries"
      )
    }
    notes.append(
      "keep the old target answering until \(Timestamp.text(schedule.retire)) at least, and until its own requests have ended: stale answers and pooled connections outlive every TTL"
    )
    notes.append(
      "expect 2 % of the requests at the old target a quarter of an hour after the flip, whatever the TTL"
    )
    if let distribution = input.distribution {
      notes.append(
        "the target is distribution \(distribution); CloudFront routes by who owns the alias, whichever dxxxx.cloudfront.net name DNS points at"
      )
    }
    for move in moves.prefix(Self.sampleMax) {
      notes += [move.name, move.target].compactMap { name in
        name.unicode.map { "\(name) is \($0) in Unicode" }
      }
      notes += move.notes
    }
    notes = notes.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Health is told by a header: a target that nobody could see it of proves nothing during the bake.
  private mutating func judgeMarkers() {
    guard let marker = input.health?.marker else { return }
    let asked = observations.filter { !$0.name.isWildcard }.prefix(Self.sampleMax)
    func target(_ it: CutoverObservation) -> String? { it.targetMarker ?? it.serving?.targetMarker }
    func source(_ it: CutoverObservation) -> String? { it.sourceMarker ?? it.serving?.sourceMarker }
    if let blind = asked.first(where: { target($0) == nil }) {
      risk(
        "marker-unknown",
        "\(blind.target) does not answer for \(blind.name) with a header \(marker) of its own, so the bake cannot tell it from the source"
      )
    } else if let same = asked.first(where: { target($0) == source($0) }) {
      risk(
        "marker-unknown",
        "source and target of \(same.name) answer with the same header \(marker), so the bake cannot tell them apart"
      )
    }
  }

  private mutating func judgeRollback() {
    guard let window, let closes = undoingCloses else { return }
    let seconds = undoSeconds
    let next = window.nextRollback(after: closes, seconds: seconds)
    risk(
      "rollback-outside-window",
      "if the flip is wrong after \(window.localText(closes - Double(seconds))), a rollback of \(seconds) s no longer ends before the window closes at \(window.localText(closes)); the next allowed rollback is "
        + (next.map(window.localText) ?? "never"))
  }
  /// When the hours end in which the flip can be taken back; nil for never.
  var undoingCloses: Date? { window?.undoingCloses(from: schedule.flip.earliest) }
  /// From the first write that takes a flip back to the last cache with the old answer.
  var undoSeconds: Int {
    policy.propagationSeconds + (drains.undo?.seconds ?? 0)
  }
}

/// What is refused before anything is planned.
package enum Admission {
  static let chainMax = 8

  /// - Throws: 4: no server that can be trusted, servers that disagree, a bogus zone, a chain too long.
  static func check(_ it: CutoverObservation) throws(FerryError) {
    try checkProbe(it)
    try checkWildcard(it)
    for server in it.probe.servers where server.verdict == .ok {
      for type in CutoverMove.types {
        let found = server.answers.first { $0.type == type && $0.name == it.name }
        guard let value = it.current[type] else {
          guard let found else { continue }
          throw refusal(
            it, "servers-disagree",
            "\(server.address) answers \(type.rawValue) \(found.data.joined(separator: ", ")), and the provider has none",
            "wait until they agree")
        }
        if value.alias != nil { continue }
        guard let found, found.data == value.data || found.data.sorted() == value.data else {
          throw refusal(
            it, "servers-disagree",
            "\(server.address) answers \(found.map { $0.data.joined(separator: ", ") } ?? "no \(type.rawValue)"), and the provider has \(value.data.joined(separator: ", "))",
            "wait until they agree")
        }
      }
    }
  }
  /// A plan replaces records that are there. What a wildcard answers can neither be compared and swapped nor be given
  /// back by taking a record away.
  private static func checkWildcard(_ it: CutoverObservation) throws(FerryError) {
    guard let wildcard = it.wildcard else { return }
    let answers = it.probe.servers.first { $0.verdict == .ok && !$0.answers.isEmpty }?.answers
    let today = (answers ?? []).filter { $0.name == it.name }.map {
      "\($0.type.rawValue) \($0.data.joined(separator: ", "))"
    }.joined(separator: "; ")
    if wildcard.isAlone {
      throw refusal(
        it, "covered-by-wildcard",
        "it has no record of its own: its servers answer with the wildcard \(wildcard.name) (\(today))",
        "give it a record of its own with today's target and TTL first and plan again, or cut over \(wildcard.name) itself"
      )
    }
    // A person sees what is there, and makes the record that the first change asks for.
    guard it.zone.provider != .manual else { return }
    throw refusal(
      it, "covered-by-wildcard",
      "its servers answer for it as the wildcard \(wildcard.name) does (\(today)), and whether it has a record of its own could not be told: the zone's server does not take an update from here",
      "have the key allowed to update the zone; or give the name a record of its own with today's target and another TTL, and plan again"
    )
  }
  private static func refusal(
    _ it: CutoverObservation, _ code: FerryError.Code, _ why: String, _ next: String
  ) -> FerryError {
    FerryError(
      code, exit: .blocked, what: "could not plan \(it.name)", why: why,
      next: "\(next); `edgeferry cutover probe \(it.name.host)` shows what was seen")
  }
  /// What the probe alone tells, before the zone's provider is asked.
  package static func checkProbe(_ it: CutoverObservation) throws(FerryError) {
    func refuse(_ code: FerryError.Code, _ why: String, _ next: String) -> FerryError {
      refusal(it, code, why, next)
    }
    if let zone = it.probe.zone, zone != it.zone.name {
      throw refuse(
        "other-zone", "it is in the zone \(zone), not in \(it.zone.name) of the settings",
        "name that zone under zones: in edgeferry.yaml")
    }
    guard it.probe.servers.contains(where: { $0.verdict == .ok }) else {
      throw refuse(
        "no-server", "no authoritative server of \(it.zone.name) gave an answer that counts",
        "mend the zone or the network first")
    }
    guard it.probe.dnssec.state != .bogus else {
      throw refuse(
        "dnssec-bogus", "its signatures do not validate, so validating resolvers have no answer",
        "mend the signatures first")
    }
    guard it.probe.chain.count <= chainMax else {
      throw refuse(
        "chain-too-long", "its chain has \(it.probe.chain.count) links; \(chainMax) are the most",
        "shorten the chain first")
    }
  }
}
