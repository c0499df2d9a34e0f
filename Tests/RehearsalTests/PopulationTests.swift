import FerryCore
import FerryModel
import Foundation
import Testing

@testable import Rehearsal

struct PopulationTests {
  private let www = RecordKey(DomainName(wire: "www.example.com."), .cname)
  private let old = RecordValue(ttl: 300, data: ["d111.cloudfront.net."])
  private let new = RecordValue(ttl: 60, data: ["d222.cloudfront.net."])

  private func cache(_ change: (inout ResolverKind) -> Void = { _ in }) -> ResolverCache {
    var kind = ResolverKind(name: "one", share: 1)
    change(&kind)
    return ResolverCache(kind, negativeTTL: 900, seed: 7)
  }

  @Test func `a copy is kept for its TTL and no longer, whenever it is looked at`() {
    var zones = ZoneTimeline([www: old], lags: [0, 20])
    var cache = cache()
    let first = cache.copy(www, zones, at: 1000)
    #expect(first.value == old && first.until > 1000 && first.until <= 1300)
    zones.put(www, new, at: 1000)
    #expect(cache.nextChange(www, zones, after: 1000) == first.until)
    #expect(cache.copy(www, zones, at: first.until - 0.5).value == old)
    // A server that lags may give the old once more, for another TTL at most.
    #expect(cache.copy(www, zones, at: 1000 + 20 + 300).value == new)
    #expect(cache.nextChange(www, zones, after: 1400) == nil)
  }

  @Test func `days without a change keep the phase and cost nothing`() {
    let zones = ZoneTimeline([www: old], lags: [0])
    var cache = cache()
    let first = cache.copy(www, zones, at: 0).until
    let later = cache.copy(www, zones, at: 1e9).until
    #expect((later - first).truncatingRemainder(dividingBy: 300) == 0)
    #expect(later > 1e9 && later <= 1e9 + 300)
  }

  @Test(arguments: [(600, 604_800, 0, 600.0), (0, 120, 0, 120), (0, 604_800, 60, 360)])
  func `floors, caps and holds count`(floor: Int, cap: Int, hold: Int, most: Double) {
    var zones = ZoneTimeline([www: old], lags: [0])
    var cache = cache {
      ($0.floor, $0.cap, $0.hold) = (floor, cap, hold)
    }
    _ = cache.copy(www, zones, at: 0)
    zones.put(www, new, at: 0)
    #expect(cache.copy(www, zones, at: most).value == new)
    let until = cache.copy(www, zones, at: most).until
    #expect(until <= most + max(60, Double(floor)) + Double(hold))
  }

  @Test func `a probe's resolvers stand in for the usual ones, with their clamps`() {
    var probe = ProbedName(
      name: www.name, zone: DomainName(wire: "example.com."), negativeTTL: 30, verdict: "ok",
      because: [])
    probe.recursives = [
      .init(address: "192.0.2.53:53", clamp: "floor 300", verdict: "ok"),
      .init(address: "192.0.2.54:53", verdict: "ok"),
    ]
    let fitted = Population.usual.fitted(to: [probe])
    #expect(fitted.negativeTTL == 30)
    let asked = fitted.resolvers.filter { $0.address != nil }
    #expect(asked.map(\.address) == ["192.0.2.53:53", "192.0.2.54:53"])
    #expect(asked.map(\.floor) == [300, 0])
    #expect(asked.map(\.isCompliant) == [false, true])
  }

  @Test func `what was probed since the plan was made goes before, and the plan answers for it`() {
    func probe(_ clamp: String?) -> ProbedName {
      var out = ProbedName(
        name: www.name, zone: DomainName(wire: "example.com."), verdict: "ok", because: [])
      out.recursives = [.init(address: "192.0.2.53:53", clamp: clamp, verdict: "ok")]
      return out
    }
    let fitted = Population.usual.fitted(to: [probe(nil)], later: [probe("floor 600")])
    let asked = fitted.resolvers.filter { $0.address != nil }
    #expect(asked.map(\.floor) == [600])
    #expect(asked.map(\.isCompliant) == [true])
  }

  @Test func `copies of before a change are the same, however seldom they were looked at`() {
    let old = RecordValue(ttl: 60, data: ["old."])
    let new = RecordValue(ttl: 60, data: ["new."])
    func run(_ looks: [Double]) -> ResolverCache.Copy {
      var zones = ZoneTimeline([www: old], lags: [0, 5])
      var it = ResolverCache(ResolverKind(name: "x", share: 1), negativeTTL: 900, seed: 7)
      for at in [0] + looks { _ = it.copy(www, zones, at: at) }
      it.catchUp(zones, to: 100_000)
      zones.put(www, new, at: 100_000)
      return it.copy(www, zones, at: 100_001)
    }
    let seldom = run([])
    let often = run(Array(stride(from: 10.0, to: 100_000, by: 10)))
    #expect(seldom == often)
    #expect(seldom.fetched > 99_900)
  }
}
