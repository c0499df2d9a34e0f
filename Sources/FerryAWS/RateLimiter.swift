import Foundation

/// Finds the rate that a service allows from what it accepts and what it throttles.
///
/// Nothing is held back before the first throttled answer. Then calls leave at `rate`, oldest first; the rate
/// grows along CUBIC's curve and shrinks with a throttled answer. The constants are botocore's. Two things
/// differ, since with 64 calls in flight botocore's own limiter falls to its floor: the answers of one flight
/// shrink the rate once, and what it shrinks to is measured on the calls that were accepted.
/// - Source: botocore 1.43.11 retries/adaptive.py, throttling.py, bucket.py; RFC 9438 for the curve.
struct RateLimiter: Equatable, Sendable {
  static let scale = 0.4
  static let beta = 0.7
  static let rateMin = 0.5
  /// Seconds of saved-up calls that may leave at once.
  static let burstSeconds = 0.1
  /// A throttled answer this soon after a decrease belongs to the same search for the rate.
  static let searchSeconds = 1.0
  /// After this long without a call a new burst begins.
  static let idleSeconds = 2.0
  /// Nobody sleeps longer without looking again: the rate may have grown.
  static let waitMaxSeconds = 0.5

  /// Calls a second; nil before the first throttled answer.
  private(set) var rate: Double?
  /// How often the rate was made smaller; an attempt remembers the count that it left under.
  private(set) var decreases = 0
  /// When the first of the throttled answers came since a call was accepted; nil when none did.
  private(set) var throttledSince: Double?

  private var waiting: [Int] = []
  private var tokens = 0.0
  private var filled = 0.0
  private var curve = Cubic()
  private var sent = SendRate()
  private var accepted = AcceptedRate()
  private var acceptedSinceDecrease = 0
  private var burstBegan = -Double.infinity
  private var burstCount = 0
  private var lastAdmitted = -Double.infinity

  /// Seconds to wait before asking again, or nil when the call may leave now.
  /// - Parameter ticket: the call's own number; the lower leaves first.
  mutating func admit(_ ticket: Int, now: Double) -> Double? {
    if waiting.isEmpty, now - lastAdmitted > Self.idleSeconds {
      burstBegan = now
      burstCount = 0
      if now - lastAdmitted > ServicePace.patienceSeconds { throttledSince = nil }
    }
    if let rate {
      refill(now)
      let place = waiting.firstIndex { $0 >= ticket } ?? waiting.endIndex
      let wanted = Double(place + 1)
      guard tokens >= wanted else {
        if place == waiting.endIndex || waiting[place] != ticket {
          waiting.insert(ticket, at: place)
        }
        return min(max(0.001, (wanted - tokens) / rate), Self.waitMaxSeconds)
      }
      tokens -= 1
    }
    leave(ticket)
    lastAdmitted = now
    burstCount += 1
    return nil
  }
  mutating func leave(_ ticket: Int) {
    if let place = waiting.firstIndex(of: ticket) { waiting.remove(at: place) }
  }

  /// - Parameters:
  ///   - accepted: whether the service took the call on; a 5xx says nothing of the rate.
  ///   - under: `decreases` when the attempt left.
  mutating func answered(throttled: Bool, accepted isAccepted: Bool, under: Int, now: Double) {
    sent.count(now)
    refill(now)
    if throttled {
      throttledSince = throttledSince ?? now
      if rate == nil || under == decreases { decrease(now) }
    } else if isAccepted {
      accepted.count(now)
      acceptedSinceDecrease += 1
      throttledSince = nil
      if let rate {
        // It never grows beyond twice of what is really sent, and idling doesn't take away what was found.
        self.rate = max(rate, min(curve.rate(at: now), 2 * sent.perSecond))
      }
    }
  }

  private mutating func decrease(_ now: Double) {
    let taken = accepted.perSecond(now, since: burstBegan)
    let found: Double
    if let rate {
      let since = now - curve.began
      // Between two throttled answers the service was busy throughout: what it accepted is what it allows.
      found =
        since < Self.searchSeconds
        ? max(taken, Double(acceptedSinceDecrease + 1) / max(since, 0.001))
        : min(rate, max(sent.perSecond, taken))
    } else {
      found = Double(burstCount) / max(now - burstBegan, 0.001)
    }
    let next = max(Self.rateMin, min(rate ?? found, Self.beta * found))
    curve = Cubic(began: now, from: next, towards: max(found, next))
    rate = next
    decreases += 1
    acceptedSinceDecrease = 0
    tokens = min(tokens, max(1, next * Self.burstSeconds))
    filled = now
  }

  private mutating func refill(_ now: Double) {
    guard let rate else { return }
    // A clock set back fills nothing.
    let more = max(0, now - filled) * rate
    tokens = min(max(1, rate * Self.burstSeconds), tokens + more)
    filled = now
  }
}

/// CUBIC: from the rate after a decrease back to the one before, slowly past it, then ever faster.
struct Cubic: Equatable, Sendable {
  private(set) var began = 0.0
  private var top = 0.0
  private var seconds = 0.0

  init() {}
  init(began: Double, from: Double, towards top: Double) {
    self.began = began
    self.top = top
    seconds = cbrt((top - from) / RateLimiter.scale)
  }
  func rate(at now: Double) -> Double {
    let past = now - began - seconds
    return RateLimiter.scale * past * past * past + top
  }
}

/// Calls a second over windows of half a second, smoothed.
struct SendRate: Equatable, Sendable {
  private(set) var perSecond = 0.0
  private var window: Double?
  private var counted = 0

  mutating func count(_ now: Double) {
    let current = (now * 2).rounded(.down) / 2
    let last = window ?? current
    window = last
    counted += 1
    // A clock set back opens no window.
    guard current > last else { return }
    perSecond = Double(counted) / (current - last) * 0.8 + perSecond * 0.2
    counted = 0
    window = current
  }
}

/// Accepted calls a second over the last one to two seconds.
struct AcceptedRate: Equatable, Sendable {
  private static let slotsASecond = 20
  private static let spanSeconds = 2.0
  private var slots = [Int](repeating: 0, count: 40)
  private var last = 0

  private mutating func advance(to slot: Int) {
    if slot < last || slot - last >= slots.count {
      for index in slots.indices { slots[index] = 0 }
    } else {
      var next = last + 1
      while next <= slot {
        slots[Self.index(next)] = 0
        next += 1
      }
    }
    last = slot
  }
  mutating func count(_ now: Double) {
    advance(to: Self.slot(now))
    slots[Self.index(last)] += 1
  }
  /// - Parameter since: when the burst began; the span is no longer than it, and at least a second.
  mutating func perSecond(_ now: Double, since: Double) -> Double {
    advance(to: Self.slot(now))
    let span = min(Self.spanSeconds, max(1, now - since))
    let count = Int((span * Double(Self.slotsASecond)).rounded())
    var sum = 0
    for back in 0..<count { sum += slots[Self.index(last - back)] }
    return Double(sum) / span
  }
  private static func slot(_ now: Double) -> Int {
    Int(min(max(now, 0), 1e15) * Double(slotsASecond))
  }
  private static func index(_ slot: Int) -> Int { ((slot % 40) + 40) % 40 }
}

/// A rate that is known beforehand and never exceeded: so many calls in any one second.
struct RateCeiling: Equatable, Sendable {
  let callsPerSecond: Int
  /// When the last of them left, oldest first.
  private var left: [Double] = []

  init(callsPerSecond: Int) { self.callsPerSecond = max(1, callsPerSecond) }

  /// Seconds until the next call may leave, or nil for now.
  func wait(now: Double) -> Double? {
    guard left.count >= callsPerSecond, let oldest = left.first else { return nil }
    let wait = 1 - (now - oldest)
    // After a clock was set back nothing is known of the last second. No wait is too short to pass.
    return wait > 0 && now >= oldest ? max(wait, 0.001) : nil
  }
  mutating func count(now: Double) {
    if let last = left.last, now < last { left = left.map { min($0, now) } }
    left.append(now)
    if left.count > callsPerSecond { left.removeFirst() }
  }
}
