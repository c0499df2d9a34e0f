import FerryCloudFront
import FerryCore
import Foundation

/// What must hold before a step is done, looked at without writing.
extension Runner {
  struct Look {
    var holds: Bool
    var what: String
    var lastSeen: String
  }
  func look(_ check: Step.Check, step: Step, since: Date) async throws(Stop) -> Look {
    try keepLease()
    switch check.type {
    case .recursive: return try await lookAtResolvers(check, step: step)
    case .serving, .health: return try await lookAtEdge(check, step: step)
    case .authoritative: preconditionFailure("authoritative servers are looked at in rounds")
    case .deployed, .config, .absent: break
    }
    let client = try client(step)
    let distribution = try check.distribution.map { (id: String) throws(Stop) in try resolve(id) }
    let policy = try check.policy.map { (id: String) throws(Stop) in try resolve(id) }
    let id = distribution ?? policy ?? ""
    var config: XElement?
    var status = ""
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
    }
    switch check.type {
    case .authoritative, .recursive, .serving, .health, .absent:
      return Look(holds: false, what: describe(check, id), lastSeen: "still there")
    case .config:
      let value = config?.value(at: check.path ?? "") ?? ""
      let wanted = try resolve(check.value ?? "")
      return Look(
        holds: value == wanted, what: describe(check, id),
        lastSeen: value.isEmpty ? "(empty)" : value)
    case .deployed:
      // A policy has no status of its own: its primary turns InProgress after it, so one look right
      // after the write would prove nothing.
      let own = (try target(step.action))?.id == id
      let early =
        !own && state.steps[step.id]?.writes ?? 0 > 0
        && world.clock.now < since + min(options.deployedPollSeconds, 20)
      var holds = status == "Deployed" && !early
      if holds, own, let config { holds = config.holds(try resolve(step.action.edits)) }
      return Look(holds: holds, what: describe(check, id), lastSeen: status)
    }
  }
  private func describe(_ check: Step.Check, _ id: String) -> String {
    switch check.type {
    case .deployed: "\(id) to be Deployed"
    case .config:
      "\(id) \(check.path ?? "") to read \((check.value ?? "").isEmpty ? "(empty)" : check.value ?? "")"
    case .absent: "\(id) to be gone"
    case .authoritative, .recursive, .serving, .health: check.type.rawValue
    }
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
