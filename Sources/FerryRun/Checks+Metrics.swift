import FerryCloudFront
import FerryCore
import Foundation

/// What CloudWatch says of a staging distribution beside its primary.
extension Runner {
  /// Minutes before the last change of either side was everywhere say nothing of what is promoted: of what this run
  /// changed it is known when that was, of what others did how long it usually takes.
  func lookAtErrorRates(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    let client = try client(step)
    let staging = try resolve(check.distribution ?? "")
    let primary = try resolve(check.against ?? "")
    let gate = PromotionGate(
      minRequests: check.minRequests ?? 0, maxIncrease: check.maxErrorRateIncrease ?? 0,
      maxClientIncrease: check.maxClientErrorRateIncrease ?? PromotionTerms.clientIncrease)
    let what =
      "the 5xx rate of \(staging) to be no more than \(ErrorRateGate.points(gate.server.maxIncrease)) points above that of \(primary), and its 4xx rate no more than \(ErrorRateGate.points(gate.client.maxIncrease))"
    let now = world.clock.now
    var since = now - Double(check.windowSeconds ?? 600)
    let earlier = earlier(than: step).map { plan.steps[$0] }
      .filter { $0.sharesPart(with: step) }
      .compactMap { state.steps[$0.id] }.filter(\.hadEffect)
    if let done = earlier.compactMap(\.finishedAt).max() { since = max(since, done) }
    for id in [staging, primary] {
      let it = try await transient(step, absent: "NoSuchDistribution") {
        () async throws(FerryError) in try await client.distribution(id)
      }
      guard case .found(let found) = it else {
        return Look(holds: false, what: what, lastSeen: "\(id): \(it.text)")
      }
      let isOurs = earlier.contains { $0.resource == id && $0.finishedAt != nil }
      if !isOurs, let changed = Timestamp.read(found.lastModified) {
        since = max(since, changed + Double(PlanBuilder.deployTypicalSeconds))
      }
    }
    let begin = since
    guard begin + 1 <= now else {
      return Look(
        holds: false, what: what,
        lastSeen: "staging 0 requests, since nothing before \(Timestamp.text(begin)) counts")
    }
    let metrics = CloudWatchClient(client.transport)
    let it = try await transient(step, absent: "") { () async throws(FerryError) in
      try await metrics.errorCounts(of: [staging, primary], from: begin, to: now)
    }
    guard case .found(let counts) = it else {
      return Look(holds: false, what: what, lastSeen: it.text)
    }
    let judged = gate.judge(
      staging: counts[staging] ?? .init(), primary: counts[primary] ?? .init())
    return Look(
      holds: judged.verdict == .within, what: what, lastSeen: judged.says,
      isBad: judged.verdict == .worse)
  }
}
