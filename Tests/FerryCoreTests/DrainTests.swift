import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore

/// The worked examples of ../shared/reference/dns-cutover-facts.md, section 13, E1 to E25.
struct DrainTests {
  let policy = CutoverPolicy()

  static func vectors() throws -> [JSONValue] {
    let own = Shared.package.appendingPathComponent("Tests/Fixtures/dns-cutover.json")
    var out = try JSONValue.read(Array(Data(contentsOf: own)), what: "vectors").array ?? []
    if let shared = Shared.folder("vectors") {
      let url = shared.appendingPathComponent("dns-cutover.json")
      out += try JSONValue.read(Array(Data(contentsOf: url)), what: "vectors").array ?? []
    }
    return out
  }
  private func int(_ vector: JSONValue, _ key: String) throws -> Int {
    try #require(vector[key]?.int, "\(vector.canonical) has no \(key)")
  }
  private func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }

  @Test func `every vector comes out to the second`() throws {
    let vectors = try Self.vectors()
    #expect(vectors.count >= 43)
    for vector in vectors { try check(vector) }
  }

  private func check(_ it: JSONValue) throws {
    let id = it["id"]?.string ?? ""
    switch it["op"]?.string {
    case "plan":
      let (old, low) = (try int(it, "L"), try int(it, "s"))
      let seen0 = try int(it, "D0")
      let flip = try policy.flipEarliest(lowered: seen0, oldTTL: old)
      #expect(flip == (try int(it, "flip")), "\(id)")
      let clear = policy.allClear([
        .init(lastServed: seen0, ttl: old), .init(lastServed: flip + (try int(it, "D1")), ttl: low),
      ])
      #expect(clear == (try int(it, "all_clear")), "\(id)")
      #expect(policy.retireEarliest(allClear: clear) == (try int(it, "retire")), "\(id)")
    case "flip":
      do throws(FerryError) {
        let seen = it["V0"]?.int ?? -1
        let flip = try policy.flipEarliest(lowered: seen, oldTTL: it["L"]?.int ?? -1)
        #expect(flip == it["flip"]?.int, "\(id)")
      } catch {
        #expect(error.code.rawValue == it["error"]?.string, "\(id)")
        #expect(error.exit == .blocked)
      }
    case "clear":
      let versions = try #require(it["versions"]?.array).compactMap { pair in
        pair.array.flatMap { ends in
          ends[0].int.flatMap { at in
            ends[1].int.map { CutoverPolicy.Version(lastServed: at, ttl: $0) }
          }
        }
      }
      #expect(policy.allClear(versions) == (try int(it, "all_clear")), "\(id)")
    case "neg":
      let clear = policy.negativeClear(created: try int(it, "V"), ttl: try int(it, "N"))
      #expect(clear == (try int(it, "neg_clear")), "\(id)")
    case "deleg":
      let clear = policy.delegationClear(
        parentChanged: try int(it, "V"), parentTTL: try int(it, "P"), childTTL: try int(it, "Nc"),
        recordTTL: try int(it, "R"))
      #expect(clear == (try int(it, "deleg_clear")), "\(id)")
    case "fits":
      let (window, distribution) = (try int(it, "window"), try int(it, "D"))
      let need = policy.windowNeed(distribution: distribution, ttl: try int(it, "s"))
      #expect(need == (try int(it, "need")), "\(id)")
      #expect((need <= window) == it["ok"]?.bool, "\(id)")
      if let most = it["max_s"]?.int {
        #expect(policy.largestTTL(fitting: window, distribution: distribution) == most, "\(id)")
      }
    case "window":
      let freezes = try #require(it["freeze"]?.array).map { ends in
        let times = (ends.array ?? []).compactMap(\.int).map { Timestamp.text(date($0)) }
        return times.joined(separator: "/")
      }
      let window = try ChangeWindow(
        timeZone: "UTC", allow: ["Mon..Sun 01:00-03:00"], freeze: freezes)
      let span = window.first(
        after: date(try int(it, "earliest")), leaving: try int(it, "need"))
      #expect(span?.start == date(try int(it, "flip")), "\(id)")
    case "local":
      let (from, to) = (it["from"]?.string ?? "", it["to"]?.string ?? "")
      let window = try ChangeWindow(
        timeZone: it["zone"]?.string ?? "", allow: ["Sun \(from)-\(to)"], freeze: [])
      let (start, end) = (try int(it, "start"), try int(it, "end"))
      let span = try #require(window.first(after: date(start - 3 * 3600), leaving: 0))
      #expect(span == .init(start: date(start), end: date(end)), "\(id)")
    case "add":
      #expect(
        date(try int(it, "start")) + Double(try int(it, "wait")) == date(try int(it, "end")),
        "\(id)")
    case "serial":
      let (one, other) = (UInt32(try int(it, "a")), UInt32(try int(it, "b")))
      #expect(Serial.compare(one, other) == it["cmp"]?.int, "\(id)")
    case "share1":
      let share = TrafficShare.rare(
        ttl: Double(try int(it, "s")), queriesPerTTL: Double(try int(it, "qs")),
        at: Double(try int(it, "t")))
      #expect(JSONValue.double(share).canonical == it["share"]?.canonical, "\(id)")
    case "share2":
      let share = TrafficShare.serial(
        Double(try int(it, "T")), Double(try int(it, "H")), at: Double(try int(it, "t")))
      #expect(JSONValue.double(share).canonical == it["share"]?.canonical, "\(id)")
    case "early":
      let share = TrafficShare.early(
        oldTTL: Double(try int(it, "L")), ttl: Double(try int(it, "s")),
        waited: Double(try int(it, "d")), at: Double(try int(it, "t")))
      let rounded = (share * 1_000_000).rounded() / 1_000_000
      #expect(JSONValue.double(rounded).canonical == it["share"]?.canonical, "\(id)")
    default: Issue.record("no test knows the vector \(it.canonical)")
    }
  }

  @Test func `margins are a tenth within a minute and an hour`() {
    #expect(policy.margin(0) == 60)
    #expect(policy.margin(601) == 61)
    #expect(policy.margin(36_001) == 3600)
    #expect(policy.margin(.max) == 3600)
    #expect(policy.margin(-5) == 60)
  }
  @Test func `an observed floor raises what caches keep, and a cap never lowers it`() throws {
    #expect(policy.effective(60, floor: 300) == 300)
    #expect(policy.effective(3600, floor: 300) == 3600)
    #expect(try policy.lowerWait(oldTTL: 60, floor: 300) == 360)
  }
  @Test func `E3: a TTL of 0 is floored, and never lowered`() {
    #expect(policy.effective(0) == 60)
  }
  @Test func `E4: without a cap the wait would be 68 years`() throws {
    var uncapped = policy
    uncapped.resolverCapSeconds = CutoverPolicy.ttlMax
    #expect(
      try uncapped.flipEarliest(lowered: 60, oldTTL: CutoverPolicy.ttlMax)
        == 60 + 2_147_483_647 + 3600)
    #expect(throws: FerryError.self) { try policy.lowerWait(oldTTL: -1) }
  }
  @Test func `E6: a chain costs neither its sum nor its minimum`() {
    #expect(policy.allClear([.init(lastServed: 20, ttl: 300)]) == 500)
    // Flattened by the provider: one cache behind another, so the sum of the two clocks.
    #expect(policy.allClear([.init(lastServed: 20, ttl: 300 + 60)]) == 560)
  }
  @Test func `E9: the largest TTL that fits a window is found exactly`() {
    #expect(policy.largestTTL(fitting: 7200, distribution: 60) == 3109)
    #expect(policy.largestTTL(fitting: 599, distribution: 60) == nil)
    #expect(policy.largestTTL(fitting: .max / 4, distribution: 60) == CutoverPolicy.ttlMax)
    for window in stride(from: 600, through: 20_000, by: 617) {
      guard let most = policy.largestTTL(fitting: window, distribution: 60) else {
        Issue.record("nothing fits \(window)")
        continue
      }
      #expect(policy.windowNeed(distribution: 60, ttl: most) <= window)
      #expect(policy.windowNeed(distribution: 60, ttl: most + 1) > window)
    }
  }
  @Test func `E13: restoring the TTL too early makes a rollback 3840 s longer`() {
    let kept = policy.allClear([.init(lastServed: 5030, ttl: 60)])
    let restored = policy.allClear([.init(lastServed: 5030, ttl: 3600)])
    #expect(restored - kept == 3840)
  }
  @Test func `E16: old servers are switched off by the clock of the NS set`() {
    #expect(
      900 + policy.effective(172_800) + policy.margin(172_800) + policy.clientHoldSeconds
        == 177_420)
  }
  @Test func `E18: a strict policy keeps the old target for three days`() {
    var strict = policy
    strict.staleHoldSeconds = 259_200
    #expect(policy.retireEarliest(allClear: 4275) == 90_675)
    #expect(strict.retireEarliest(allClear: 4275) == 263_475)
    // The last answer that a stale-first resolver may still give.
    #expect(4034 + 60 + policy.staleHoldSeconds == 90_494)
  }
  @Test func `E20: a server that cannot be verified may come back until EXPIRE`() throws {
    #expect(try policy.flipEarliest(lowered: 1_209_600, oldTTL: 3600) == 1_213_560)
  }
  @Test func `E21: a resolver is clean one second after the largest TTL that it showed`() {
    #expect(
      CutoverPolicy.expiry(readAt: 1000, remaining: [12, 58, 58, 3, 41, 58, 7, 22]) == 1059)
    #expect(CutoverPolicy.expiry(readAt: 1000, remaining: []) == nil)
  }
  @Test func `secondaries without NOTIFY are waited for by REFRESH and RETRY`() {
    let soa = ProbedName.SOATimers(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 300)
    #expect(ZoneDistribution.plannedSeconds(soa, propagation: 30) == 8100)
    #expect(ZoneDistribution.plannedSeconds(nil, propagation: 30) == 30)
    let odd = ProbedName.SOATimers(refresh: .max, retry: .max, expire: 1, minimum: -4)
    #expect(ZoneDistribution.plannedSeconds(odd, propagation: 30) == CutoverPolicy.ttlMax)
  }
  @Test func `E19: serials compare as RFC 1982 says for every pair of edges`() {
    let edges: [UInt32] = [0, 1, 2, 1 << 31 - 1, 1 << 31, 1 << 31 + 1, .max - 1, .max]
    for one in edges {
      for other in edges {
        let wide = (Int64(other) - Int64(one) + (1 << 32)) % (1 << 32)
        let expected: Int? =
          wide == 0 ? 0 : wide == 1 << 31 ? nil : wide < 1 << 31 ? -1 : 1
        #expect(Serial.compare(one, other) == expected, "\(one) \(other)")
      }
    }
  }

  @Test func `E25: the residual tables`() {
    for (t, share) in [(0, 1.0), (30, 0.9), (150, 0.5), (270, 0.1), (300, 0), (900, 0)] {
      #expect(abs(TrafficShare.popular(ttl: 300, at: Double(t)) - share) < 1e-9)
      #expect(
        abs(TrafficShare.rare(ttl: 300, queriesPerTTL: 1, at: Double(t)) - share / 2) < 1e-9)
    }
    for (t, share) in [
      (30, 0.9375), (60, 0.75), (90, 0.5), (120, 0.25), (150, 0.0625), (180, 0), (181, 0),
    ] {
      #expect(abs(TrafficShare.serial(120, 60, at: Double(t)) - share) < 1e-9, "\(t)")
      #expect(abs(TrafficShare.serial(60, 120, at: Double(t)) - share) < 1e-9, "\(t)")
    }
    #expect(
      abs(TrafficShare.early(oldTTL: 86_400, ttl: 60, waited: 43_200, at: 3600) - 0.458333) < 1e-6)
  }
  @Test func `the tail falls through a tenth at a minute, a fiftieth at a quarter of an hour`() {
    for (t, share) in [(60, 0.1), (900, 0.02), (1262, 0.01), (2464, 0.001)] {
      #expect(abs(TrafficShare.tail(at: Double(t)) - share) < share / 100)
    }
    #expect(TrafficShare.tail(at: 0) == 1)
  }
  @Test(arguments: [(60, 120), (0, 0), (3600, 120), (1, 0), (5, 0), (60, 0)])
  func `a plan's curve begins at 1, never rises and ends at 0`(_ ttl: Int, _ hold: Int) {
    let curve = TrafficShare.curve(ttlSeconds: ttl, clientHoldSeconds: hold)
    #expect(curve.first == .init(seconds: 0, old: 1))
    #expect(curve.last?.old == 0)
    for (one, next) in zip(curve, curve.dropFirst()) {
      #expect(one.old >= next.old && one.seconds < next.seconds)
    }
  }

  @Test func `DNS breaks nothing within an account, and both orders break across accounts`() {
    for order in [Exposure.Order.dnsFirst, .aliasFirst] {
      let same = Exposure.predict(
        order, .same, ttl: 60, aliasSeconds: 300, distribution: 30, policy: policy)
      #expect(same.seconds == 0)
      let cross = Exposure.predict(
        order, .cross, ttl: 60, aliasSeconds: 300, distribution: 30, policy: policy)
      #expect(cross.seconds == 300 + 30 + 240)
      #expect(cross.because.contains("who owns the alias"))
    }
  }

  static let ways: [(Exposure.Way, Int, Exposure.Order)] = [
    (.sameAccount, 0, .aliasFirst),
    (.wildcardBridge(.dnsFirst), 0, .dnsFirst),
    (.wildcardBridge(.aliasFirst), 870, .aliasFirst),
    (.disabledSource(isEnabled: true), 870, .aliasFirst),
    (.disabledSource(isEnabled: false), 0, .aliasFirst),
    (.support, 570, .aliasFirst),
  ]
  @Test(arguments: ways)
  func `each way of moving an alias is exposed for what it does between two owners`(
    _ way: Exposure.Way, _ seconds: Int, _ order: Exposure.Order
  ) {
    let it = Exposure.predict(way, ttl: 60, distribution: 30, policy: policy)
    #expect(it.seconds == seconds && it.order == order && !it.because.isEmpty)
    // What rests on DNS grows with the TTL, and only that.
    let slow = Exposure.predict(way, ttl: 3600, distribution: 30, policy: policy)
    #expect((slow.seconds > it.seconds) == (seconds > 0))
  }
}
