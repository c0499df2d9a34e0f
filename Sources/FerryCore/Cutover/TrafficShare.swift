import Foundation

/// The share of requests that still go to the old target, 0...1, by seconds since the last authoritative
/// server gave the new answer.
///
/// Copies are of every age alike in a steady state; right after a mass restart they are in phase, and the
/// ramp is a cliff at the TTL.
/// - Source: derived and compared with simulation; the tail: Flavel, Mani, Maltz, LANMAN 2014.
public enum TrafficShare {
  /// A popular name.
  public static func popular(ttl: Double, at t: Double) -> Double {
    guard t > 0 else { return 1 }
    return ttl <= 0 ? 0 : max(0, 1 - t / ttl)
  }
  /// One resolver that asks `queriesPerTTL` times in the time of a TTL.
  public static func rare(ttl: Double, queriesPerTTL: Double, at t: Double) -> Double {
    queriesPerTTL / (1 + queriesPerTTL) * popular(ttl: ttl, at: t)
  }
  /// Two caches behind each other, as a resolver and a browser: each restarts the clock.
  public static func serial(_ one: Double, _ other: Double, at t: Double) -> Double {
    let (long, short) = (max(one, other), min(one, other))
    if short <= 0 { return popular(ttl: long, at: t) }
    if t <= 0 { return 1 }
    if t <= short { return 1 - t * t / (2 * long * short) }
    if t <= long { return 1 - (2 * t - short) / (2 * long) }
    let left = max(0, long + short - t)
    return left * left / (2 * long * short)
  }
  /// A flip `waited` seconds after the lowering was seen, before the old TTL had run out.
  public static func early(oldTTL: Double, ttl: Double, waited: Double, at t: Double) -> Double {
    let fresh = min(1, waited / oldTTL)
    return max(0, 1 - (waited + t) / oldTTL) + fresh * popular(ttl: ttl, at: t)
  }
  /// Who comes late whatever the TTL: 10 % after a minute, 2 % after a quarter of an hour. To be expected, no gate.
  public static func tail(at t: Double) -> Double {
    t <= 0 ? 1 : min(1, 0.1 * exp(-(t - 60) / tailSeconds))
  }
  static let tailSeconds = 840 / log(5.0)

  /// The curve that a plan carries: a resolver of that TTL, then a client that holds on for a while.
  public static func curve(ttlSeconds: Int, clientHoldSeconds: Int) -> [Plan.SharePoint] {
    let end = max(1, ttlSeconds + clientHoldSeconds)
    let steps = min(24, end)
    return (0...steps).map { index in
      let t = end * index / steps
      let old = serial(Double(ttlSeconds), Double(clientHoldSeconds), at: Double(t))
      return Plan.SharePoint(seconds: t, old: (old * 10_000).rounded() / 10_000)
    }
  }
}
