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
    let length = Double(check.windowSeconds ?? 600) + CloudWatchClient.delaySeconds
    var since = Date.distantPast
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
    // One window is enough for a look, and a run may look for a day: then what it has seen since it began to wait has to
    // agree, or a lucky ten minutes would do.
    let own = state.steps[step.id]
    let begin = max(since, now - length)
    let whole = max(since, own?.blockedAt ?? min(now, own?.appliedAt ?? now) - length)
    guard begin + 1 <= now else {
      return Look(
        holds: false, what: what,
        lastSeen:
          "nothing before \(Timestamp.text(begin)) counts, when the last change was everywhere")
    }
    let metrics = CloudWatchClient(client.transport)
    var says = ""
    for from in whole < begin ? [whole, begin] : [begin] {
      let it = try await transient(step, absent: "") { () async throws(FerryError) in
        try await metrics.errorCounts(of: [staging, primary], from: from, to: now)
      }
      guard case .found(let counts) = it else {
        return Look(holds: false, what: what, lastSeen: it.text)
      }
      let silent = [staging, primary].filter { counts[$0] == nil }
      guard silent.isEmpty else {
        return Look(
          holds: false, what: what,
          lastSeen:
            "CloudWatch has no requests of \(silent.joined(separator: " and ")) since \(Timestamp.text(from)), and may be \(Int(CloudWatchClient.delaySeconds / 60)) minutes behind; that is not enough traffic to judge"
        )
      }
      let judged = gate.judge(
        staging: counts[staging] ?? .init(), primary: counts[primary] ?? .init())
      says = "since \(Timestamp.text(from)) \(judged.says)"
      guard judged.verdict == .within else {
        return Look(
          holds: false, what: what, lastSeen: says, isBad: judged.verdict == .worse)
      }
    }
    return Look(holds: true, what: what, lastSeen: says)
  }
}
