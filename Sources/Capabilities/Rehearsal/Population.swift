import FerryCore
import FerryModel
import Foundation

/// A caching resolver together with the clients that ask it.
struct ResolverKind: Codable, Equatable, Sendable {
  var name: String
  /// Of all clients, relative to the other kinds.
  var share: Double
  /// TTLs below are raised to it, and above are cut to it; seconds.
  var floor = 0
  var cap = 604_800
  /// What its clients add by keeping addresses themselves; seconds.
  var hold = 0
  /// Asks anew so many seconds before a copy runs out, where the TTL is at least 9 s.
  var prefetch = 0
  /// Tells the first to ask after a copy has run out the old once more; so many seconds may go by until then.
  var staleFirst = 0
  /// Keeps to TTLs as RFC 2181 has it, so that a plan has to be right for it.
  var isCompliant = true
  /// Where a plan's checks ask it; nil for those that nobody asks.
  var address: String?
  /// By a probe that was taken after the plan was made.
  var isProbedLater = false
  private enum CodingKeys: String, CodingKey {
    case name, share, floor, cap, hold, prefetch, staleFirst, isCompliant, address
  }
}

/// Who asks for the names while a plan runs.
///
/// - Source: shares are assumptions, since nobody publishes them; caps, floors and habits are those of
///   dns-cutover-facts.md §3 and §4 (BIND ARM, unbound.conf, Knot Resolver 6, systemd-resolved, RIPE Atlas), and 8.74 %
///   that extend TTLs is Bhowmick et al., PAM 2023.
struct Population: Codable, Equatable, Sendable {
  var resolvers: [ResolverKind]
  /// Of an absent name, where no probe says more; seconds.
  var negativeTTL = 900

  static let usual = Population(resolvers: [
    ResolverKind(name: "bind", share: 20, prefetch: 2, address: "198.51.100.1"),
    ResolverKind(name: "unbound", share: 15, cap: 86_400, address: "198.51.100.2"),
    ResolverKind(name: "knot-resolver", share: 5, floor: 5, cap: 86_400, address: "198.51.100.3"),
    ResolverKind(name: "public-resolver", share: 25, cap: 21_600),
    ResolverKind(name: "systemd-resolved", share: 5, cap: 7200),
    ResolverKind(name: "browser", share: 10, hold: 60),
    ResolverKind(name: "browser-with-grace", share: 5, hold: 120),
    ResolverKind(name: "isp-floor-60", share: 5, floor: 60),
  ])
  /// What is added by the fault `stale-resolver`: caches that keep to no TTL, 8.74 % of all.
  static let unruly = [
    ResolverKind(name: "isp-floor-600", share: 3, floor: 600, isCompliant: false),
    ResolverKind(name: "isp-floor-3600", share: 2, floor: 3600, isCompliant: false),
    ResolverKind(name: "twice-the-ttl", share: 2, hold: 2400, isCompliant: false),
    ResolverKind(
      name: "stale-first", share: 1.7, staleFirst: 1800, isCompliant: false),
  ]

  /// With the resolvers that probes saw in place of those that plans are thought to ask, and their clamps.
  ///
  /// - Parameter later: what was seen since the plan was made. It goes before the plan's own, and the plan has to be
  ///   right for it.
  func fitted(to probes: [ProbedName], later: [ProbedName] = []) -> Population {
    var out = self
    let seen = (later + probes).flatMap(\.recursives)
    let isLater = Set(later.flatMap(\.recursives).map(\.address))
    if let most = (later + probes).compactMap(\.negativeTTL).max() { out.negativeTTL = most }
    guard !seen.isEmpty else { return out }
    out.resolvers.removeAll { $0.address != nil }
    var known: Set<String> = []
    for it in seen where known.insert(it.address).inserted {
      var kind = ResolverKind(name: "probed \(it.address)", share: 40 / Double(seen.count))
      kind.address = it.address
      let words = (it.clamp ?? "").split(separator: " ")
      if words.count == 2, let seconds = Int(words[1]) {
        if words[0] == "floor" { kind.floor = seconds } else { kind.cap = seconds }
      }
      kind.isProbedLater = isLater.contains(it.address)
      // The plan knows of what its own probe saw, and does not count on it.
      kind.isCompliant = !it.outlivesTTL && (kind.floor <= 60 || kind.isProbedLater)
      out.resolvers.append(kind)
    }
    return out
  }
}

/// The records of the plan's zones over time, as each of their servers has them.
struct ZoneTimeline: Sendable {
  private struct Change: Sendable {
    var at: Double
    var value: RecordValue?
  }
  private var history: [RecordKey: [Change]] = [:]
  /// By server, seconds until it has a change.
  let lags: [Double]
  var slowest: Double { lags.max() ?? 0 }

  init(_ records: [RecordKey: RecordValue], lags: [Double]) {
    self.lags = lags
    for (key, value) in records { history[key] = [Change(at: -.infinity, value: value)] }
  }
  mutating func put(_ key: RecordKey, _ value: RecordValue?, at: Double) {
    history[key, default: [Change(at: -.infinity, value: nil)]].append(
      Change(at: at, value: value))
  }
  func knows(_ key: RecordKey) -> Bool { history[key] != nil }
  /// The records of other types that a question for this one is answered with where they are: a CNAME for addresses, and
  /// the other way round, since clients ask for addresses whatever leads to them.
  func others(_ key: RecordKey) -> [RecordKey] {
    let types: [RRType] = key.rrtype == .cname ? [.a, .aaaa] : [.cname]
    return types.map { RecordKey(key.name, $0) }.filter(knows)
  }
  fileprivate func hasOther(_ key: RecordKey, server: Int, at: Double) -> Bool {
    others(key).contains { seen($0, server: server, at: at) != nil }
  }
  /// The newest, wherever it has got to.
  subscript(key: RecordKey) -> RecordValue? { history[key]?.last?.value }
  func seen(_ key: RecordKey, server: Int, at: Double) -> RecordValue? {
    history[key]?.last { $0.at + lags[server] <= at }?.value
  }
  /// From when on every server has the newest.
  func settledAt(_ key: RecordKey) -> Double {
    (history[key]?.last?.at ?? -.infinity) + slowest
  }
  var records: [RecordKey: RecordValue] { history.compactMapValues { $0.last?.value } }
}

/// One resolver's copies, each on its own clock.
struct ResolverCache: Sendable {
  struct Copy: Equatable, Sendable {
    var value: RecordValue?
    var fetched: Double
    /// When it is asked for anew.
    var until: Double
  }
  let kind: ResolverKind
  private let negativeTTL: Int
  private var copies: [RecordKey: Copy] = [:]
  private var random: SplitMix64

  init(_ kind: ResolverKind, negativeTTL: Int, seed: UInt64) {
    self.kind = kind
    self.negativeTTL = negativeTTL
    random = SplitMix64(seed: seed)
  }

  private mutating func chance() -> Double { Double(random.next() >> 11) / 9_007_199_254_740_992 }

  /// How long a value is kept.
  private func span(_ value: RecordValue?) -> Double {
    let ttl = value.map { $0.ttl ?? 60 } ?? negativeTTL
    let kept = Double(min(max(ttl, kind.floor), kind.cap))
    let early = kept >= 9 ? Double(kind.prefetch) : 0
    return max(1, kept - early) + Double(kind.hold)
  }
  private mutating func fetch(_ key: RecordKey, _ zones: ZoneTimeline, at: Double) -> Copy {
    let server = Int(random.next() % UInt64(zones.lags.count))
    let value = zones.seen(key, server: server, at: at)
    // What is there in another type is no absence that would be kept.
    let isOther = value == nil && zones.hasOther(key, server: server, at: at)
    var until = at + (isOther ? 1 : span(value))
    // Such an answer has a TTL of 30 s (RFC 8767 §4).
    if kind.staleFirst > 0 { until += chance() * Double(kind.staleFirst) + 30 }
    return Copy(value: value, fetched: at, until: until)
  }

  /// What its clients have at a time; times only ever rise.
  mutating func copy(_ key: RecordKey, _ zones: ZoneTimeline, at now: Double) -> Copy {
    // Nobody knows where in its span it began.
    var copy: Copy
    if let known = copies[key] {
      guard known.until <= now else { return known }
      copy = known
    } else {
      let value = zones.seen(key, server: 0, at: now)
      let isOther = value == nil && zones.hasOther(key, server: 0, at: now)
      let span = isOther ? 1 : span(value)
      let age = chance() * span
      copy = Copy(value: value, fetched: now - age, until: now - age + span)
    }
    while copy.until <= now {
      if copy.until >= zones.settledAt(key), copy.value == zones[key] {
        // Every further copy is the same: only the phase counts.
        let period = max(1, copy.until - copy.fetched)
        let turns = ((now - copy.until) / period).rounded(.down) + 1
        copy.fetched = copy.until + (turns - 1) * period
        copy.until = copy.fetched + period
      } else {
        copy = fetch(key, zones, at: copy.until)
      }
    }
    copies[key] = copy
    return copy
  }
  /// Brings every copy up to a time at which records change.
  mutating func catchUp(_ zones: ZoneTimeline, to now: Double) {
    // In one order, or the same seed would tell another story.
    for key in copies.keys.sorted(by: {
      ($0.name.text, $0.rrtype.rawValue) < ($1.name.text, $1.rrtype.rawValue)
    }) {
      _ = copy(key, zones, at: now)
    }
  }
  /// When its clients may next have something else; nil for never, as things stand.
  mutating func nextChange(_ key: RecordKey, _ zones: ZoneTimeline, after now: Double) -> Double? {
    let copy = copy(key, zones, at: now)
    return copy.value == zones[key] && copy.until >= zones.settledAt(key) ? nil : copy.until
  }
}
