import Testing

@testable import FerryCore

/// Brute force: random servers, caches and clients against the formulas.
///
/// Each scenario plays queries at random times and at the worst ones (a second before a server changes), of
/// random servers, into caches with floors and caps that the policy allows, each with a client that holds on.
struct CacheSimulatorTests {
  struct Random {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    mutating func int(_ range: ClosedRange<Int>) -> Int {
      range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }
    mutating func one(of values: [Int]) -> Int { values[int(0...values.count - 1)] }
  }

  /// What happened, and what a planner would know of it.
  struct Scenario {
    var policy: CutoverPolicy
    /// When each server began with the lowered TTL, and with the new target.
    var lowered: [Int]
    var flipped: [Int]
    var oldTTL: Int
    var lowTTL: Int
    /// The last second in which some client used the old target.
    var lastOld: Int
    var versions: [CutoverPolicy.Version] {
      let first = zip(lowered, flipped).map(min).max() ?? 0
      return [
        .init(lastServed: first, ttl: oldTTL),
        .init(lastServed: flipped.max() ?? 0, ttl: lowTTL),
      ]
    }
  }

  static let floors = [0, 0, 5, 60]
  static let caps = [60, 600, 86_400, 604_800]
  static let holds = [0, 0, 30, 120]
  static let oldTTLs = [0, 1, 30, 60, 300, 3600]
  static let lowTTLs = [0, 1, 5, 30, 60, 300]
  static let lags = [1, 60, 900]

  static func play(_ random: inout Random) -> Scenario {
    var policy = CutoverPolicy()
    policy.margin.percent = 0
    policy.margin.minimumSeconds = 0
    policy.margin.maximumSeconds = 0
    policy.resolverFloorSeconds = random.one(of: floors)
    policy.resolverCapSeconds = random.one(of: caps)
    policy.clientHoldSeconds = random.one(of: holds)
    let servers = random.int(1...3)
    let oldTTL = random.one(of: oldTTLs)
    let lowTTL = random.one(of: lowTTLs)
    // Early flips too: before the old TTL ran out, even before a slow server heard of the lowering.
    let flip = random.int(1...max(2, 2 * oldTTL))
    var (lowered, flipped) = ([Int](), [Int]())
    for _ in 0..<servers {
      lowered.append(random.int(0...random.one(of: lags)))
      flipped.append(flip + random.int(0...random.one(of: lags)))
    }
    var lastOld = 0
    for _ in 0..<4 {
      let bits = random.next()
      let floor = bits & 1 == 0 ? 0 : policy.resolverFloorSeconds
      let cap = bits & 6 == 0 ? max(floor, 60) : policy.resolverCapSeconds
      let hold = bits & 8 == 0 ? 0 : policy.clientHoldSeconds
      // A rarely used name is asked for at a few times; a popular one a second before each change.
      var times = [random.int(0...(flip + 900))]
      for server in 0..<servers {
        if bits >> (8 + server) & 1 == 0 { times.append(max(0, lowered[server] - 1)) }
        if bits >> (16 + server) & 1 == 0 { times.append(max(0, flipped[server] - 1)) }
      }
      times.sort()
      var expires = -1
      for time in times where time >= expires {
        // The worst server, or any.
        var ttl = -1
        let any = bits & 32 == 0 ? Int(bits >> 40) % servers : -1
        for server in 0..<servers where any < 0 || server == any {
          if time < flipped[server] { ttl = max(ttl, time >= lowered[server] ? lowTTL : oldTTL) }
        }
        if ttl < 0 { continue }
        expires = time + max(floor, min(ttl, cap))
        lastOld = max(lastOld, expires + hold)
      }
    }
    return Scenario(
      policy: policy, lowered: lowered, flipped: flipped, oldTTL: oldTTL, lowTTL: lowTTL,
      lastOld: lastOld)
  }

  /// How often a bound was passed, and how often it was reached within a second.
  static func judge(_ count: Int, _ bound: (Scenario) -> Int) -> (early: Int, tight: Int) {
    var random = Random(state: 20_261_125)
    var out = (early: 0, tight: 0)
    for _ in 0..<count {
      let scenario = play(&random)
      let left = bound(scenario) - scenario.lastOld
      if left < 0 { out.early += 1 }
      if (0...1).contains(left) { out.tight += 1 }
    }
    return out
  }

  @Test
  func
    `in 20000 random scenarios no cache outlives the all-clear, and it is no later than need be`()
  {
    let count = 20_000
    let seen = Self.judge(count) { $0.policy.allClear($0.versions) }
    #expect(seen.early == 0)
    #expect(seen.tight * 10 >= count, "\(seen.tight) of \(count) were tight")
    print("cache simulator: \(count) scenarios, \(seen.tight) tight")
  }

  @Test func `every mutation of the formula is caught by the simulator`() {
    let count = 1500
    typealias Bound = (Scenario) -> Int
    func kept(_ it: Scenario, _ ttl: Int) -> Int { it.policy.effective(ttl) }
    func clear(_ it: Scenario, _ versions: [CutoverPolicy.Version]) -> Int {
      it.policy.allClear(versions)
    }
    let tooEarly: [(String, Bound)] = [
      ("the lowered version forgotten", { clear($0, [$0.versions[0]]) }),
      ("the old version forgotten", { clear($0, [$0.versions[1]]) }),
      ("the client forgotten", { clear($0, $0.versions) - $0.policy.clientHoldSeconds }),
      (
        "the floor forgotten",
        { it in
          var policy = it.policy
          policy.resolverFloorSeconds = 0
          return policy.allClear(it.versions)
        }
      ),
      (
        "the first server's change instead of the last's",
        { it in
          clear(
            it,
            [
              .init(lastServed: zip(it.lowered, it.flipped).map(min).min() ?? 0, ttl: it.oldTTL),
              .init(lastServed: it.flipped.min() ?? 0, ttl: it.lowTTL),
            ])
        }
      ),
      (
        "the smaller of the two",
        { it in
          it.versions.map { $0.lastServed + kept(it, $0.ttl) }.min() ?? 0
            + it.policy.clientHoldSeconds
        }
      ),
      ("one TTL short of a second", { clear($0, $0.versions) - 2 }),
    ]
    for (name, bound) in tooEarly {
      #expect(Self.judge(count, bound).early > 0, "\(name) passed")
    }
    let sum = Self.judge(count) { it in
      (it.versions[1].lastServed + kept(it, it.oldTTL) + kept(it, it.lowTTL))
        + it.policy.clientHoldSeconds + 1
    }
    #expect(sum.tight * 10 < count, "a sum of the two passed as tight")
  }

  @Test func `no denial outlives the negative all-clear`() {
    var random = Random(state: 7)
    var (early, tight) = (0, 0)
    let count = 2000
    for _ in 0..<count {
      var policy = CutoverPolicy()
      policy.margin.percent = 0
      policy.margin.minimumSeconds = 0
      policy.clientHoldSeconds = 0
      policy.resolverFloorSeconds = random.one(of: [0, 60])
      let wire = random.one(of: [0, 30, 300, 900, 86_400])
      let created = (0..<random.int(1...4)).map { _ in random.int(1...600) }
      var last = 0
      for _ in 0..<8 {
        let server = random.int(0...created.count - 1)
        let asked = random.int(0...1) == 0 ? created[server] - 1 : random.int(0...700)
        guard asked < created[server] else { continue }
        let cap = random.one(of: [3600, CutoverPolicy.negativeCapSeconds])
        last = max(last, asked + max(policy.resolverFloorSeconds, min(wire, cap)))
      }
      let bound = policy.negativeClear(created: created.max() ?? 0, ttl: wire)
      if last > bound { early += 1 }
      if bound - last <= 1 { tight += 1 }
    }
    #expect(early == 0)
    #expect(tight * 10 >= count, "\(tight)")
  }

  @Test func `no record fetched from old servers outlives the delegation's all-clear`() {
    var random = Random(state: 11)
    var (early, tight) = (0, 0)
    let count = 2000
    for _ in 0..<count {
      var policy = CutoverPolicy()
      policy.margin.percent = 0
      policy.margin.minimumSeconds = 0
      policy.clientHoldSeconds = 0
      policy.resolverFloorSeconds = 0
      let (parent, child) = (
        random.one(of: [300, 86_400, 172_800]), random.one(of: [300, 86_400])
      )
      let record = random.one(of: [0, 60, 300])
      let changed = random.int(1...900)
      var last = 0
      for _ in 0..<8 {
        // The old NS set is had until a second before the change, by the parent's TTL or the child's.
        let asked = random.int(0...1) == 0 ? changed - 1 : random.int(0...changed - 1)
        let servers = asked + random.one(of: [parent, child])
        let fetched = random.int(0...1) == 0 ? servers - 1 : random.int(asked...servers - 1)
        last = max(last, fetched + record)
      }
      let bound = policy.delegationClear(
        parentChanged: changed, parentTTL: parent, childTTL: child, recordTTL: record)
      if last > bound { early += 1 }
      if bound - last <= 2 { tight += 1 }
    }
    #expect(early == 0)
    #expect(tight * 10 >= count, "\(tight)")
  }
}
