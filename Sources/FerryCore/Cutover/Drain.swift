/// How long caches may still give an old answer: every formula of a cutover's waits.
///
/// Spans are whole seconds. Instants are seconds since an origin of the caller's choice, so that the same
/// functions serve plans (UTC) and tests (t = 0).
/// - Source: RFC 1034 §3.6, RFC 2181 §8, RFC 2308 §5, RFC 8767 §4; derived and simulated in Tests/FerryCoreTests/DrainTests.swift.
extension CutoverPolicy {
  /// The largest TTL that there is (RFC 2181 §8). Above it resolvers disagree: some take 0, some a week.
  public static let ttlMax = 2_147_483_647
  /// What resolvers keep a denial at most (RFC 9077 §3.1, BIND's default).
  public static let negativeCapSeconds = 10_800

  /// An old answer that some authoritative server could hand out until `lastServed`.
  public struct Version: Equatable, Sendable {
    public var lastServed: Int
    public var ttl: Int
    public init(lastServed: Int, ttl: Int) {
      self.lastServed = lastServed
      self.ttl = ttl
    }
  }

  /// `m(x)`: added to a span that rests on the good manners of caches.
  public func margin(_ seconds: Int) -> Int {
    let part = margin.percent == 0 ? 0 : (clamped(seconds) * margin.percent + 99) / 100
    return max(margin.minimumSeconds, min(part, margin.maximumSeconds))
  }
  /// `eff(x)`: how long caches keep an answer of that TTL, as far as is known of them.
  /// - Parameter floor: a floor that a resolver was seen to apply, seconds.
  public func effective(_ ttl: Int, floor: Int = 0) -> Int {
    max(resolverFloorSeconds, floor, min(ttl, resolverCapSeconds))
  }
  /// `effneg(x)`: the same for a denial.
  public func effectiveNegative(_ ttl: Int) -> Int {
    max(resolverFloorSeconds, min(ttl, Self.negativeCapSeconds))
  }
  /// A TTL from DNS or a person, 0...2_147_483_647.
  /// - Throws: `ttl-out-of-range` (4).
  public static func checked(ttl: Int) throws(FerryError) -> Int {
    guard (0...ttlMax).contains(ttl) else {
      throw FerryError(
        "ttl-out-of-range", exit: .blocked, what: "could not reckon with a TTL of \(ttl) s",
        why: "a TTL is 0 to \(ttlMax); above that resolvers disagree on what it means",
        next: "set a TTL below 604800 in the zone, then plan again")
    }
    return ttl
  }

  /// The wait between the lowering and the flip, counted from the last authoritative server's change.
  public func lowerWait(oldTTL: Int, floor: Int = 0) throws(FerryError) -> Int {
    let kept = effective(try Self.checked(ttl: oldTTL), floor: floor)
    return kept + margin(kept)
  }
  /// When the flip may come: the last copy with the old TTL has run out.
  /// - Parameter lowered: when the last authoritative server gave the lowered TTL.
  public func flipEarliest(lowered: Int, oldTTL: Int) throws(FerryError) -> Int {
    lowered + (try lowerWait(oldTTL: oldTTL))
  }
  /// The wait after the flip, counted from the last authoritative server's change.
  public func flipWait(ttl: Int, floor: Int = 0) -> Int {
    let kept = effective(ttl, floor: floor)
    return kept + margin(kept) + clientHoldSeconds
  }
  /// When no compliant cache and no client has any of the versions left: the largest of them, never the sum.
  public func allClear(_ versions: [Version]) -> Int {
    (versions.map { $0.lastServed + effective($0.ttl) + margin(effective($0.ttl)) }.max() ?? 0)
      + clientHoldSeconds
  }
  /// The wait after a name or a type was created, for those who were told that there is none.
  public func negativeWait(_ ttl: Int) -> Int {
    let kept = effectiveNegative(ttl)
    return kept + margin(kept) + clientHoldSeconds
  }
  public func negativeClear(created: Int, ttl: Int) -> Int { created + negativeWait(ttl) }
  /// When a changed delegation has reached every cache: the NS set, then the record fetched in its last
  /// second, so a sum.
  public func delegationClear(parentChanged: Int, parentTTL: Int, childTTL: Int, recordTTL: Int)
    -> Int
  {
    let servers = max(effective(parentTTL), effective(childTTL))
    return parentChanged + servers + effective(recordTTL) + margin(servers) + clientHoldSeconds
  }
  /// Until then the old target has to answer: a stale-first resolver may still send somebody there.
  public func retireEarliest(allClear: Int) -> Int { allClear + staleHoldSeconds }

  /// What one change costs inside a window: until the last server has it, and until it has drained.
  public func stepCost(distribution: Int, ttl: Int) -> Int { distribution + flipWait(ttl: ttl) }
  /// What a window must hold for a change and, should it be wrong, for taking it back.
  public func windowNeed(distribution: Int, ttl: Int) -> Int {
    2 * stepCost(distribution: distribution, ttl: ttl)
  }
  /// The largest TTL that may be in place at the flip for a window of that length; nil when none fits.
  public func largestTTL(fitting window: Int, distribution: Int) -> Int? {
    guard windowNeed(distribution: distribution, ttl: 1) <= window else { return nil }
    var (fits, fails) = (1, Self.ttlMax)
    if windowNeed(distribution: distribution, ttl: fails) <= window { return fails }
    while fails - fits > 1 {
      let middle = fits + (fails - fits) / 2
      if windowNeed(distribution: distribution, ttl: middle) <= window {
        fits = middle
      } else {
        fails = middle
      }
    }
    return fits
  }

  /// When a resolver that showed a remaining TTL no longer has the answer: one second more than it said.
  public static func expiry(readAt: Int, remaining: [Int]) -> Int? {
    remaining.max().map { readAt + $0 + 1 }
  }
  private func clamped(_ seconds: Int) -> Int { max(0, min(seconds, Self.ttlMax)) }
}

/// How late the last authoritative server may be, as planned; a run counts from what it measures.
public enum ZoneDistribution {
  /// - Source: Route 53 best practices: changes usually reach all of its servers within 60 s.
  public static let route53Seconds = 60
  /// Secondaries whose NOTIFY may be lost poll at REFRESH, and again after RETRY (RFC 1034 §4.3.5).
  public static func plannedSeconds(_ soa: ProbedName.SOATimers?, propagation: Int) -> Int {
    guard let soa else { return propagation }
    let (refresh, retry) = (max(0, soa.refresh), max(0, soa.retry))
    let (sum, overflow) = refresh.addingReportingOverflow(retry)
    return max(propagation, overflow ? CutoverPolicy.ttlMax : min(sum, CutoverPolicy.ttlMax))
  }
}

/// Zone serials, compared modulo 2^32 (RFC 1982 §3.2).
public enum Serial {
  /// - Returns: -1 when `one` is older, 0, 1 when it is newer; nil where the RFC leaves it undefined.
  public static func compare(_ one: UInt32, _ other: UInt32) -> Int? {
    if one == other { return 0 }
    let difference = other &- one
    if difference == 1 << 31 { return nil }
    return difference < 1 << 31 ? -1 : 1
  }
}
