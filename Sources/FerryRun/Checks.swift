import FerryCloudFront
import FerryCore
import Foundation

/// What must hold before a step is done, looked at without writing.
extension Runner {
  struct Look {
    var holds: Bool
    var what: String
    var lastSeen: String
    /// What was looked for is proven not to be so: waiting on will not help.
    var isBad = false
    /// Somebody else has changed what was to stay as it was.
    var isStale = false
  }
  func look(_ check: Step.Check, step: Step, since: Date) async throws(Stop) -> Look {
    try await keepLease()
    switch check.type {
    case .recursive: return try await lookAtResolvers(check, step: step)
    case .serving, .health: return try await lookAtEdge(check, step: step)
    case .authoritative: preconditionFailure("authoritative servers are looked at in rounds")
    case .idle: return try await lookAtRequests(check, step: step)
    case .errorRate: return try await lookAtErrorRates(check, step: step)
    case .stackHolds, .stackReleased: return try await lookAtStack(check, step: step)
    case .deployed, .config, .absent, .alias, .unchanged: break
    }
    let client = try client(step)
    let distribution = try check.distribution.map { (id: String) throws(Stop) in try resolve(id) }
    let policy = try check.policy.map { (id: String) throws(Stop) in try resolve(id) }
    let id = distribution ?? policy ?? ""
    var config: XElement?
    var status = ""
    var version: (etag: String, modified: String) = ("", "")
    if let distribution {
      let it = try await transient(step, absent: "NoSuchDistribution") {
        () async throws(FerryError) in
        try await client.distribution(distribution)
      }
      guard case .found(let found) = it else {
        return Look(
          holds: check.type == .absent && it.isGone, what: describe(check, id), lastSeen: it.text)
      }
      config = found.config
      status = found.status
      version = (found.etag, found.lastModified)
    } else if let policy {
      let it = try await transient(step, absent: "NoSuchContinuousDeploymentPolicy") {
        () async throws(FerryError) in
        try await client.policy(policy)
      }
      guard case .found(let found) = it else {
        return Look(
          holds: check.type == .absent && it.isGone, what: describe(check, id), lastSeen: it.text)
      }
      config = found.config
      version = (found.etag, found.lastModified)
    }
    switch check.type {
    case .unchanged:
      let isSame =
        version.etag == check.value
        && (check.modified == nil || version.modified == check.modified)
      // A read that lags shows what was there before, never what is not there yet. What the step's own tool has
      // changed is no change of somebody else's.
      let isTool = if case .external = step.action { true } else { false }
      return Look(
        holds: isSame, what: describe(check, id),
        lastSeen: "\(version.etag), last modified \(version.modified)", isBad: !isSame,
        isStale: !isSame && !isTool)
    case .alias:
      let alias = check.value ?? ""
      let held = config?.at("Aliases/Items")?.children.map(\.text) ?? []
      return Look(
        holds: held.contains(alias), what: describe(check, id),
        lastSeen: held.isEmpty ? "no alias" : held.prefix(8).joined(separator: ", "))
    case .authoritative, .recursive, .serving, .health, .idle, .errorRate, .absent, .stackHolds,
      .stackReleased:
      return Look(holds: false, what: describe(check, id), lastSeen: "still there")
    case .config:
      let value = config?.value(at: check.path ?? "") ?? ""
      let wanted = try resolve(check.value ?? "")
      return Look(
        holds: value == wanted, what: describe(check, id),
        lastSeen: value.isEmpty ? "(empty)" : value)
    case .deployed:
      guard status == "Deployed" else {
        return Look(holds: false, what: describe(check, id), lastSeen: status)
      }
      // A policy has no status of its own: its primary turns InProgress after it, so one look right
      // after the write would prove nothing.
      let own = (try target(step.action))?.id == id
      var written = state.steps[step.id]?.writes ?? 0 > 0 ? since : nil
      var writer = own ? step : nil
      if step.action == .observe {
        // It waits for the writes of earlier steps.
        let earlier = applied(before: step)
        written =
          earlier.compactMap { state.steps[plan.steps[$0].id] }.filter(\.hadEffect)
          .compactMap(\.appliedAt).max()
        writer = earlier.last { state.steps[plan.steps[$0].id]?.resource == id }
          .map { plan.steps[$0] }
      }
      let early =
        !own && written.map { world.clock.now < $0 + options.policyLagSeconds } ?? false
      var holds = !early
      if holds, let writer, let config { holds = config.holds(try resolve(writer.action.edits)) }
      // A promote names no fields: what shows the state before it proves nothing, either.
      if holds, let config { holds = !lags(behind: id, shows: digest(of: config)) }
      return Look(holds: holds, what: describe(check, id), lastSeen: status)
    }
  }
  private func describe(_ check: Step.Check, _ id: String) -> String {
    switch check.type {
    case .deployed: "\(id) to be Deployed"
    case .config:
      "\(id) \(check.path ?? "") to read \((check.value ?? "").isEmpty ? "(empty)" : check.value ?? "")"
    case .absent: "\(id) to be gone"
    case .alias: "\(id) to hold \(check.value ?? "")"
    case .unchanged:
      "\(id) to be as it was: \(check.value ?? "")\(check.modified.map { ", last modified \($0)" } ?? "")"
    case .stackHolds: "stack \(check.stack ?? "") to hold \(id)"
    case .stackReleased: "stack \(check.stack ?? "") to hold \(id) no more"
    case .authoritative, .recursive, .serving, .health, .idle, .errorRate: check.type.rawValue
    }
  }
  private func lookAtStack(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    let id = check.distribution ?? check.policy ?? ""
    let formation = CloudFormationClient(
      try client(step).transport, region: check.region ?? "us-east-1")
    // A stack that is not there says so with a ValidationError.
    let it = try await transient(step, absent: "ValidationError") { () async throws(FerryError) in
      try await formation.resources(stack: check.stack ?? "")
    }
    let isReleased = check.type == .stackReleased
    guard case .found(let resources) = it else {
      return Look(
        holds: isReleased && it.isGone, what: describe(check, id), lastSeen: it.text)
    }
    let held = resources.first {
      $0.physicalID == id && !["DELETE_SKIPPED", "DELETE_COMPLETE"].contains($0.status)
    }
    return Look(
      holds: (held == nil) == isReleased, what: describe(check, id),
      lastSeen: held.map { "\($0.logicalID) \($0.status)" } ?? "not in it")
  }
  /// The places of changes that were made before a step that observes, of the same parts, in order.
  private func applied(before step: Step) -> [Int] {
    guard let place = index.places[step.id] else { return [] }
    return index.changes(beforeObserving: place)
      .filter { state.steps[plan.steps[$0].id]?.appliedAt != nil }
  }
  /// No point at all is no proof: CloudWatch may be behind, or have nothing for an id that it never saw.
  private func lookAtRequests(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    let id = try resolve(check.distribution ?? "")
    let quiet = Double(max(check.quietSeconds ?? 0, 60))
    let reading = ClockReading(world.clock)
    let began = beganToWait(step) { $0.checks.contains { $0.type == .idle } }
    let since = began?.appliedAt ?? reading.at
    // What surely went by since then, and the time that it makes: a clock that was set asks about another span.
    let sure = began.flatMap { it in it.mark.map { it.waited + reading.seconds(since: $0) } } ?? 0
    let span = [reading.at, since + sure].sorted()
    let begin = span[0] - quiet - CloudWatchClient.delaySeconds
    // No finer than is worth it: what comes a period early counts as well.
    let period = quiet > 86_400 ? 3600 : quiet >= 3 * 3600 ? 300 : 60
    let metrics = CloudWatchClient(try client(step).transport)
    let what = "\(id) to have no request for \(Int(quiet)) s"
    let it = try await transient(step, absent: "") { () async throws(FerryError) in
      try await metrics.requests(of: [id], from: begin, to: span[1], periodSeconds: period)
    }
    guard case .found(let counts) = it else {
      return Look(holds: false, what: what, lastSeen: it.text)
    }
    let points = counts[id] ?? []
    let sum = points.reduce(0) { $0 + $1.requests }
    if sum > 0 {
      let last = points.last { $0.requests > 0 }
      return Look(
        holds: false, what: what,
        lastSeen:
          "\(Int(sum)) requests, the last of them at \(Timestamp.text(last?.at ?? reading.at))")
    }
    // The run has watched that long itself, so the empty answer covers the whole span.
    let watched = min(reading.at.timeIntervalSince(since), sure)
    guard watched >= quiet + CloudWatchClient.delaySeconds else {
      return Look(
        holds: false, what: what,
        lastSeen: "none since \(Timestamp.text(since)), which is not long enough yet")
    }
    return Look(holds: true, what: what, lastSeen: "no request")
  }
  enum Found<T: Sendable>: Sendable {
    case found(T)
    case gone
    case unanswered(String)
    var isGone: Bool { if case .gone = self { true } else { false } }
    var text: String {
      switch self {
      case .found: ""
      case .gone: "gone"
      case .unanswered(let why): why
      }
    }
  }
  /// A look that gets no answer is no answer: it is asked again, and never counts as success or failure.
  func transient<T: Sendable>(
    _ step: Step, absent: String, _ body: () async throws(FerryError) -> T
  ) async throws(Stop) -> Found<T> {
    do throws(FerryError) {
      return .found(try await body())
    } catch {
      if error.isService(absent) { return .gone }
      // Missing credentials pause a wait, they do not fail it; those that only a person can renew end it.
      if Self.isTransient(error) || (Self.lacksCredentials(error) && error.exit != .notYet) {
        return .unanswered("no answer (\(error.why))")
      }
      throw failed(resumable(error), step)
    }
  }
}
