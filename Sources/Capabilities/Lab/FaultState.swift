import FerryCore
import FerryModel
import Foundation

/// What faults have to remember: how often they came, chance, versions and states of the past.
struct FaultState: Sendable {
  private struct Counter: Sendable {
    var concerned = 0
    var fired = 0
    var random: SplitMix64
    /// A token bucket that holds one second's worth; for a rate.
    var bucket = 0.0
    var filled = Date.distantPast
  }
  private let faults: [Fault]
  private var counters: [Counter]
  private var past: [(at: Date, model: CloudFrontModel)] = []
  private let pastSeconds: Double
  /// Of each resource, by its path: the version before the newest, and the newest.
  private var versions: [String: (older: String?, newest: String)] = [:]

  init(_ faults: [Fault]) {
    self.faults = faults
    counters = faults.map {
      Counter(random: SplitMix64(seed: $0.seed ?? UInt64.random(in: 0 ... .max)))
    }
    pastSeconds =
      faults.compactMap {
        if case .staleRead(let seconds) = $0.kind { seconds } else { nil }
      }.max() ?? 0
  }

  /// Whether this fault happens to this request now; counts it.
  private mutating func fires(_ index: Int, _ asked: Fault.Asked, now: Date) -> Bool {
    let fault = faults[index]
    guard fault.concerns(asked), counters[index].fired < fault.times ?? .max else { return false }
    counters[index].concerned += 1
    guard counters[index].concerned > fault.skip else { return false }
    if case .throttle(let rate?, _) = fault.kind, passes(index, rate: rate, now: now) {
      return false
    }
    let chance = Double.random(in: 0..<100, using: &counters[index].random)
    guard chance < fault.percent else { return false }
    counters[index].fired += 1
    return true
  }

  private mutating func passes(_ index: Int, rate: Double, now: Date) -> Bool {
    let span = min(3600, max(0, now.timeIntervalSince(counters[index].filled)))
    counters[index].bucket = min(max(rate, 1), counters[index].bucket + span * rate)
    counters[index].filled = now
    guard counters[index].bucket >= 1 else { return false }
    counters[index].bucket -= 1
    return true
  }

  // MARK: Around a request

  /// How long an answer to this is held up.
  mutating func latencyMilliseconds(_ asked: Fault.Asked, now: Date) -> Int {
    var out = 0
    for (index, fault) in faults.enumerated() {
      if case .latency(let milliseconds) = fault.kind, fires(index, asked, now: now) {
        out += milliseconds
      }
    }
    return out
  }

  /// What comes instead of handling a request; nil when it is to be handled.
  mutating func before(_ asked: Fault.Asked, now: Date) -> Fault.Kind? {
    for (index, fault) in faults.enumerated() {
      switch fault.kind {
      case .throttle, .error(_, _, .before), .drop(.before), .garbage(.before):
        if fires(index, asked, now: now) { return fault.kind }
      default: break
      }
    }
    return nil
  }

  /// What goes wrong with the answer, in the order given.
  /// - Parameters:
  ///   - path: the resource's, for its versions.
  ///   - hasBody: a body that is not there cannot be cut.
  mutating func after(
    _ asked: Fault.Asked, path: String, etag: String?, hasBody: Bool, now: Date
  ) -> [Fault.Kind] {
    let older = versions[path].flatMap { $0.newest == etag ? $0.older : $0.newest }
    if let etag, versions[path]?.newest != etag {
      versions[path] = (versions[path]?.newest, etag)
    }
    var out: [Fault.Kind] = []
    for (index, fault) in faults.enumerated() {
      switch fault.kind {
      case .lostETag where etag == nil: continue
      case .reorderedETag where etag == nil || older == nil: continue
      case .truncate where !hasBody: continue
      case .error(_, _, .after), .drop(.after), .garbage(.after), .lostETag, .reorderedETag,
        .truncate:
        if fires(index, asked, now: now) { out.append(fault.kind) }
      default: continue
      }
    }
    return out
  }
  /// The version before the one that a resource has.
  func olderVersion(path: String) -> String? { versions[path]?.older }

  // MARK: The past

  var remembers: Bool { pastSeconds > 0 }

  mutating func remember(_ model: CloudFrontModel, now: Date) {
    past.append((now, model))
    while past.count > 1, past[1].at <= now - pastSeconds { past.removeFirst() }
  }
  /// The model as it was, for a stale read; nil when the read is to be true, or nothing was written yet.
  mutating func stale(_ asked: Fault.Asked, now: Date) -> CloudFrontModel? {
    guard let first = past.first else { return nil }
    for (index, fault) in faults.enumerated() {
      if case .staleRead(let seconds) = fault.kind, fires(index, asked, now: now) {
        return (past.last { $0.at <= now - seconds } ?? first).model
      }
    }
    return nil
  }
}
