import FerryCloudFront
import FerryCore

/// A promote, and putting back what it wrote over.
extension Runner {
  /// Both configs are what was planned; or the staging distribution's is, and the primary has all of it.
  ///
  /// - Parameter isAfterWrite: whether this run has promoted, so that only the goal is looked for: a staging
  ///   distribution that has been promoted gets no traffic to prove anything by.
  func readPromote(_ step: Step, _ id: String, staging: String, isAfterWrite: Bool = false)
    async throws(Stop) -> Reading
  {
    let client = try client(step)
    let from = try await there(step, staging, client)
    let to = try await there(step, id, client)
    // What was promoted is promoted, whatever somebody did to staging since.
    if isAfterWrite || state.steps[step.id]?.phase == .intended,
      let planned = step.expects.staging?.configDigest, let saved = try await image(planned),
      Promote.isDone(to.config, from: saved)
    {
      return .goal(Effect(resource: id, readBack: to.config))
    }
    // First the staging distribution: a primary that equals another one was not promoted from what was planned.
    try await unmoved(step, staging, from.config, planned: step.expects.staging?.configDigest)
    // A promote that was taken back may be shown for a while yet.
    if !isAfterWrite, lags(behind: id, shows: digest(of: to.config)) {
      return try await readAgain(step, "\(id) does not show this run's last write yet")
    }
    if Promote.isDone(to.config, from: from.config) {
      return .goal(Effect(resource: id, readBack: to.config))
    }
    let etag = "\(to.etag), \(from.etag)"
    if isAfterWrite { return .ready(config: to.config, etag: etag) }
    try await unmoved(step, id, to.config, planned: step.expects.configDigest)
    if mayLag {
      return try await readAgain(step, "a promote that may have landed is not read back yet")
    }
    try await proveAgain(step)
    if try await isToBeReadAgain(step, etag: etag) { return try await read(step) }
    return .ready(config: to.config, etag: etag)
  }
  /// What was proven right before may not hold any more: a run may have waited since for a window or an approval.
  private func proveAgain(_ step: Step) async throws(Stop) {
    let before = earlier(than: step).last { plan.steps[$0].sharesPart(with: step) }
    guard let watch = before.map({ plan.steps[$0] }), watch.action == .observe else { return }
    let since = world.clock.now
    for check in watch.checks { try await untilHolds(check, step: watch, since: since, for: step) }
  }
  /// A source that was proven idle may have been asked since: before what takes it out of service that is looked at anew.
  ///
  /// - Returns: false where it had to be waited for.
  func isIdle(before step: Step) async throws(Stop) -> Bool {
    guard plan.rollbackOf == nil else { return true }
    let watch = earlier(than: step).last { place in
      plan.steps[place].sharesPart(with: step)
        && plan.steps[place].checks.contains { check in
          guard check.type == .idle else { return false }
          return switch step.action {
          case .setEnabled(let id, _, false): id == check.distribution
          case .editStatements(let edit): !edit.remove.isEmpty
          default: false
          }
        }
    }
    guard let watch = watch.map({ plan.steps[$0] }) else { return true }
    let (since, before) = (world.clock.now, waited)
    for check in watch.checks where check.type == .idle {
      try await untilHolds(check, step: watch, since: since, for: step)
    }
    return waited == before
  }
  func sendPromote(_ step: Step, _ id: String, staging: String, config: XElement, etag: String)
    async throws(Stop) -> Effect
  {
    let client = try client(step)
    try await intend(step, resource: id, config: config, etag: etag)
    let it = try await calling { () async throws(FerryError) in
      try await client.promote(id, staging: staging, ifMatch: etag)
    }
    return Effect(resource: id, readBack: it.config)
  }

  /// - Parameter isAfterWrite: whether CloudFront has taken what was put back, so that what was before the promote is what
  ///   is waited for, and no old reading of it.
  func readRestored(
    _ step: Step, _ id: String, image: String, _ members: [String], isAfterWrite: Bool = false
  ) async throws(Stop) -> Reading {
    let it = try await there(step, id, try client(step))
    if !isAfterWrite, lags(behind: id, shows: digest(of: it.config)) {
      return try await readAgain(step, "\(id) does not show this run's last write yet")
    }
    let before = try await wantedConfig(image, [], shape: "DistributionConfig")
    if it.config.hasSame(members, as: before) {
      return .goal(Effect(resource: id, readBack: it.config))
    }
    if isAfterWrite { return .ready(config: it.config, etag: it.etag) }
    try await unmoved(step, id, it.config, planned: step.expects.configDigest)
    if try await isToBeReadAgain(step, etag: it.etag) { return try await read(step) }
    return .ready(config: it.config, etag: it.etag)
  }
  func sendRestored(
    _ step: Step, _ id: String, image: String, _ members: [String], config: XElement, etag: String
  ) async throws(Stop) -> Effect {
    let client = try client(step)
    let before = try await wantedConfig(image, [], shape: "DistributionConfig")
    try await intend(step, resource: id, config: config, etag: etag)
    let it = try await calling { () async throws(FerryError) in
      try await client.updateDistribution(
        id, config: config.taking(members, from: before), ifMatch: etag)
    }
    return Effect(resource: id, readBack: it.config)
  }

  private func there(_ step: Step, _ id: String, _ client: CloudFrontClient) async throws(Stop)
    -> CloudFrontClient.Distribution
  {
    guard
      let it = try await call(
        step, absent: "NoSuchDistribution",
        { () async throws(FerryError) in try await client.distribution(id) })
    else { throw stale(step, "\(id) is gone", []) }
    return it
  }
}
