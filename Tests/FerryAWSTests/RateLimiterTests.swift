import FerryCore
import Foundation
import Testing

@testable import FerryAWS

/// A service that throttles, in virtual time.
struct ThrottlingService {
  enum Kind: Sendable {
    /// A token bucket that holds so many seconds' worth.
    case bucket(seconds: Double)
    /// So many calls in each second of the clock.
    case window
  }
  var kind: Kind
  /// Calls a second that pass.
  var rate: Double
  private var tokens = 0.0
  private var filled = 0.0
  private var second = -1.0
  private var counted = 0.0

  init(_ kind: Kind, rate: Double) {
    self.kind = kind
    self.rate = rate
    if case .bucket(let seconds) = kind { tokens = max(1, rate * seconds) }
  }
  mutating func accepts(at now: Double) -> Bool {
    switch kind {
    case .bucket(let seconds):
      tokens = min(max(1, rate * seconds), tokens + (now - filled) * rate)
      filled = now
      guard tokens >= 1 else { return false }
      tokens -= 1
      return true
    case .window:
      if now.rounded(.down) != second {
        second = now.rounded(.down)
        counted = 0
      }
      guard counted < rate else { return false }
      counted += 1
      return true
    }
  }
}

/// Many calls through one pace against a throttling service; nothing sleeps, time is counted.
struct PaceSimulation {
  var policy = RetryPolicy()
  var service: ThrottlingService
  var calls = 1000
  var flight = 64
  var latencySeconds = 0.05
  /// The service's rate from an instant on.
  var changes: [(at: Double, rate: Double)] = []
  var seed: UInt64 = 1

  struct Ending {
    var seconds = 0.0
    var sent = 0
    var rejected = 0
    /// Calls whose outcome was a throttled answer.
    var failed = 0
    var acceptedAt: [Double] = []
    /// Accepted calls a second between two instants.
    func rate(from start: Double, to end: Double) -> Double {
      Double(acceptedAt.count { $0 >= start && $0 < end }) / (end - start)
    }
  }
  private enum Event {
    case admit(Int)
    case arrive(Int)
    case answer(Int, Bool)
    case change(Double)
  }

  func run() -> Ending {
    var random = Seeded(seed)
    var pace = ServicePace(policy)
    var service = service
    var out = Ending()
    var calls = [ServicePace.Call](repeating: .init(isRead: true), count: self.calls)
    var next = min(flight, self.calls)
    var events: [(at: Double, event: Event)] = []
    func push(_ at: Double, _ event: Event) {
      var low = 0
      var high = events.count
      while low < high {
        let middle = (low + high) / 2
        if events[middle].at > at { low = middle + 1 } else { high = middle }
      }
      events.insert((at, event), at: low)
    }
    // The journey of one message: half the latency and up to a third more.
    func journey() -> Double {
      latencySeconds / 2 * (1 + 0.3 * Double.random(in: 0..<1, using: &random))
    }
    for index in 0..<next { push(0.3, .admit(index)) }
    for change in changes { push(change.at, .change(change.rate)) }
    var done = 0
    while done < self.calls, let (now, event) = events.popLast() {
      switch event {
      case .change(let rate): service.rate = rate
      case .admit(let index):
        if let wait = pace.admit(&calls[index], now: now) {
          // Sleepers oversleep a little.
          push(now + wait + 0.001 * Double.random(in: 0..<1, using: &random), .admit(index))
        } else {
          out.sent += 1
          push(now + journey(), .arrive(index))
        }
      case .arrive(let index):
        push(now + journey(), .answer(index, service.accepts(at: now)))
      case .answer(let index, let isAccepted):
        if !isAccepted { out.rejected += 1 }
        let decision = pace.judge(
          isAccepted ? .answered(status: 200) : .answered(status: 400, code: "Throttling"),
          of: &calls[index], random: Double.random(in: 0..<1, using: &random), now: now)
        switch decision {
        case .again(let seconds): push(now + seconds, .admit(index))
        case .deliver:
          done += 1
          if isAccepted { out.acceptedAt.append(now - 0.3) } else { out.failed += 1 }
          out.seconds = now - 0.3
          if next < self.calls {
            push(now, .admit(next))
            next += 1
          }
        }
      }
    }
    return out
  }
}

struct RateLimiterTests {
  @Test(arguments: [5.0, 20, 50, 200], [0.002, 0.05])
  func `an inventory against a throttling endpoint reads all within 1.1 of the allowed rate`(
    _ rate: Double, _ latency: Double
  ) {
    let calls = rate < 50 ? Int(rate) * 30 : 1000
    let kinds: [ThrottlingService.Kind] = [.bucket(seconds: 1), .window]
    for kind in kinds {
      let ending = PaceSimulation(
        service: .init(kind, rate: rate), calls: calls, latencySeconds: latency
      ).run()
      #expect(ending.failed == 0)
      #expect(
        ending.seconds <= 1.1 * Double(calls) / rate,
        "\(kind): \(ending.seconds) s, \(ending.rejected) rejected")
      // The first flights are throttled before anything is known; after that few are.
      #expect(ending.rejected < 170 + calls / 10, "\(kind): \(ending.rejected) rejected")
    }
  }
  @Test(arguments: [0.5, 0.25])
  func `a service that forgives only short bursts costs little more`(_ seconds: Double) {
    for rate in [20.0, 50, 200] {
      let ending = PaceSimulation(service: .init(.bucket(seconds: seconds), rate: rate)).run()
      #expect(ending.failed == 0)
      #expect(ending.seconds <= 1.1 * 1000 / rate, "\(rate): \(ending.seconds) s")
    }
  }
  @Test func `a rate below the floor still ends without a failure`() {
    let ending = PaceSimulation(
      service: .init(.bucket(seconds: 1), rate: 0.2), calls: 8, flight: 8
    ).run()
    #expect(ending.failed == 0)
    #expect(ending.seconds < 2 * 8 / 0.2)
  }
  @Test func `the rate follows the service down and up again`() {
    let ending = PaceSimulation(
      service: .init(.bucket(seconds: 1), rate: 50), calls: 2600, changes: [(15, 10), (45, 80)]
    ).run()
    #expect(ending.failed == 0)
    #expect(ending.rate(from: 2, to: 14) >= 50 / 1.1)
    #expect(ending.rate(from: 17, to: 44) >= 10 / 1.1)
    #expect(ending.rate(from: 52, to: 60) >= 80 / 1.1)
    #expect(ending.rejected < 400)
  }
  @Test func `a service that does not throttle is not held back`() {
    let ending = PaceSimulation(
      service: .init(.bucket(seconds: 1000), rate: 1000), latencySeconds: 0.05
    ).run()
    #expect(ending.rejected == 0)
    #expect(ending.seconds < 1000 / 64 * 0.065 + 0.1)
  }
  @Test func `the SDKs' standard mode dies where the limiter does not`() {
    let ending = PaceSimulation(
      policy: RetryPolicy(.standard), service: .init(.bucket(seconds: 1), rate: 50)
    ).run()
    #expect(ending.failed > 100)
  }

  @Test func `those who wait leave oldest first, and one who gave up is not waited for`() {
    let limiter = Box(RateLimiter())
    #expect(limiter.admit(0, now: 0) == nil)
    limiter.answered(throttled: true, accepted: true, under: 0, now: 1)
    let rate = limiter.it.rate ?? 0
    #expect(rate > 0)
    #expect(limiter.admit(3, now: 1) != nil)
    #expect(limiter.admit(1, now: 1) != nil)
    #expect(limiter.admit(2, now: 1) != nil)
    let later = 1 + 1 / rate + 0.01
    #expect(limiter.admit(3, now: later) != nil)
    #expect(limiter.admit(2, now: later) != nil)
    limiter.leave(1)
    #expect(limiter.admit(2, now: later) == nil)
  }
  @Test func `one flight's throttled answers shrink the rate once`() {
    let limiter = Box(RateLimiter())
    for ticket in 0..<64 { #expect(limiter.admit(ticket, now: 0.1) == nil) }
    for _ in 0..<64 { limiter.answered(throttled: true, accepted: true, under: 0, now: 0.6) }
    #expect(limiter.it.decreases == 1)
    #expect(abs((limiter.it.rate ?? 0) - 0.7 * 64 / 0.5) < 0.001)
  }
  @Test func `the rate never falls below one call in two seconds`() {
    let limiter = Box(RateLimiter())
    #expect(limiter.admit(0, now: 0) == nil)
    for second in 1..<100 {
      limiter.answered(
        throttled: true, accepted: true, under: limiter.it.decreases, now: Double(second))
    }
    #expect(limiter.it.rate == RateLimiter.rateMin)
  }
  @Test func `a clock set back or far ahead opens no gate at once`() {
    let limiter = Box(RateLimiter())
    #expect(limiter.admit(0, now: 1000) == nil)
    limiter.answered(throttled: true, accepted: true, under: 0, now: 1001)
    #expect(limiter.admit(1, now: 10) != nil)
    #expect(limiter.admit(1, now: 1e9) == nil)
    #expect(limiter.admit(2, now: 1e9) != nil)
  }

  @Test func `curve and measure are botocore's`() async throws {
    var curve: [JSONValue] = []
    var rates: [JSONValue] = []
    for top in [0.5, 3, 50, 400] {
      let cubic = Cubic(began: 10, from: top * RateLimiter.beta, towards: top)
      for step in 0..<10 { curve.append(.double(cubic.rate(at: 10 + Double(step)))) }
    }
    var random = Seeded(3)
    var times: [Double] = []
    var now = 100.0
    for _ in 0..<200 {
      now += Double.random(in: 0..<0.2, using: &random)
      times.append(now)
    }
    var sent = SendRate()
    // botocore's first window begins with the clocker's making.
    sent.count(100)
    for time in times {
      sent.count(time)
      rates.append(.double(sent.perSecond))
    }
    let given = JSONValue.array(times.map(JSONValue.double)).canonical
    guard let answer = try await Oracle.ask(Self.script, [given]) else { return }
    for (key, ours) in [("curve", curve), ("rates", rates)] {
      let theirs = answer[key]?.array ?? []
      #expect(theirs.count == ours.count)
      for (mine, its) in zip(ours, theirs) {
        #expect(abs((mine.number ?? 0) - (its.number ?? .nan)) < 1e-6, "\(key)")
      }
    }
  }
  private static let script = """
    import json, sys
    from botocore.retries.throttling import CubicCalculator
    from botocore.retries.adaptive import RateClocker
    curve = []
    for top in (0.5, 3, 50, 400):
        calculator = CubicCalculator(starting_max_rate=0, start_time=0)
        calculator.error_received(top, 10)
        curve += [calculator.success_received(10 + step) for step in range(10)]
    class Clock:
        now = 100.0
        def current_time(self): return self.now
    clock = Clock()
    clocker = RateClocker(clock)
    clocker.record()
    rates = []
    for clock.now in json.loads(sys.argv[1]):
        rates.append(clocker.record())
    print(json.dumps({"curve": curve, "rates": rates}))
    """
}

extension JSONValue {
  fileprivate var number: Double? {
    switch self {
    case .int(let it): Double(it)
    case .double(let it): it
    default: nil
    }
  }
}

extension Box where Value == RateLimiter {
  fileprivate func admit(_ ticket: Int, now: Double) -> Double? { it.admit(ticket, now: now) }
  fileprivate func leave(_ ticket: Int) { it.leave(ticket) }
  fileprivate func answered(throttled: Bool, accepted: Bool, under: Int, now: Double) {
    it.answered(throttled: throttled, accepted: accepted, under: under, now: now)
  }
}
