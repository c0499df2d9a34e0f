import FerryCloudFront
import FerryCore
import Foundation

/// What CloudWatch says of a staging distribution beside its primary.
extension Runner {
  /// Minutes before the last change of either side say nothing of what is promoted.
  func lookAtErrorRates(_ check: Step.Check, step: Step) async throws(Stop) -> Look {
    let client = try client(step)
    let staging = try resolve(check.distribution ?? "")
    let primary = try resolve(check.against ?? "")
    let gate = ErrorRateGate(
      minRequests: check.minRequests ?? 0, maxIncrease: check.maxErrorRateIncrease ?? 0)
    let what =
      "the 5xx rate of \(staging) to be no more than \(ErrorRateGate.points(gate.maxIncrease)) points above that of \(primary)"
    let now = world.clock.now
    var since = now - Double(check.windowSeconds ?? 600)
    for id in [staging, primary] {
      let it = try await transient(step, absent: "NoSuchDistribution") {
        () async throws(FerryError) in try await client.distribution(id)
      }
      guard case .found(let found) = it else {
        return Look(holds: false, what: what, lastSeen: "\(id): \(it.text)")
      }
      if let changed = Timestamp.read(found.lastModified) { since = max(since, changed) }
    }
    let metrics = CloudWatchClient(client.transport)
    let begin = since
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
