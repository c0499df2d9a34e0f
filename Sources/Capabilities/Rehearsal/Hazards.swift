import FerryCore
import FerryModel
import Foundation

/// What may go wrong in a rehearsal besides what is slow by nature.
enum Hazard: String, CaseIterable, Codable, Sendable {
  case throttle, error
  case dropBefore = "drop-before"
  case dropAfter = "drop-after"
  case staleRead = "stale-read"
  case stuck
  case lag
  case staleResolver = "stale-resolver"
  case kill
  case expired
  case lateOperator = "late-operator"
  case rival

  var says: String {
    switch self {
    case .throttle: "a share of the calls is refused with Throttling"
    case .error: "a share of the calls is answered with 503"
    case .dropBefore: "connections break before the call has had its effect"
    case .dropAfter: "connections break after the call has had its effect"
    case .staleRead: "reads show the state before the last write for some seconds"
    case .stuck: "deployments take up to six hours"
    case .lag: "one name server learns of changes up to half an hour late"
    case .staleResolver: "a part of the resolvers keeps answers longer than their TTL"
    case .kill: "the run is killed at random calls, and begun again"
    case .expired: "credentials expire for up to an hour"
    case .lateOperator: "people come up to two days late"
    case .rival: "somebody else changes a distribution of the plan"
    }
  }
  /// - Throws: `bad-usage` (64) naming what there is.
  static func list(_ text: String) throws(FerryError) -> [Hazard] {
    if text == "all" { return allCases }
    if text == "none" { return [] }
    var out: [Hazard] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let it = Hazard(rawValue: String(word)) else {
        throw .badInput(
          "bad-usage", what: "could not read --faults",
          why: "\(String(word).debugDescription) is none of them",
          next: "give all, none, or some of " + allCases.map(\.rawValue).joined(separator: ","))
      }
      if !out.contains(it) { out.append(it) }
    }
    return out.sorted { $0.rawValue < $1.rawValue }
  }
}

/// What one seed has in store; everything is drawn from it, in an order that does not depend on the machine.
struct Fate: Sendable {
  /// Those that happen in this seed.
  let hazards: Set<Hazard>
  /// From a write until the last POP has it, seconds.
  ///
  /// - Source: reference facts on CloudFront, section 1: mostly three to five minutes, at times many more.
  let propagationSeconds: Double
  /// Those that every call is asked about.
  private let kills, throttles, errs, dropsBefore, dropsAfter, lags: Bool
  private let share: Double
  private var random: SplitMix64
  /// Calls of this run until it is killed.
  private var life: Int
  private var deaths = 0
  private var expiry: (from: Double, to: Double)?
  private var rivalAfter: Int?

  /// - Parameter steps: of the plan: somebody else's change falls into its run, mostly.
  init(seed: UInt64, hazards: [Hazard], steps: Int) {
    var random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 0x6665_7272)
    // Each seed has some of them, alone and together; one that is asked for alone is in every seed.
    let odds = hazards.count == 1 ? 1 : 0.4
    var chosen: Set<Hazard> = []
    for hazard in hazards where Self.unit(&random) < odds { chosen.insert(hazard) }
    let slow = Self.unit(&random)
    let usual = slow < 0.9 ? 60 + slow * 300 : 400 + (slow - 0.9) * 8000
    propagationSeconds = chosen.contains(.stuck) ? 3600 + slow * 18_000 : usual
    self.hazards = chosen
    kills = chosen.contains(.kill)
    throttles = chosen.contains(.throttle)
    errs = chosen.contains(.error)
    dropsBefore = chosen.contains(.dropBefore)
    dropsAfter = chosen.contains(.dropAfter)
    lags = chosen.contains(.staleRead)
    share = 0.02 + Self.unit(&random) * 0.18
    life = 3 + Int(Self.unit(&random) * 120)
    if chosen.contains(.expired) {
      let from = Self.unit(&random) * 7200
      expiry = (from, from + 300 + Self.unit(&random) * 3300)
    }
    if chosen.contains(.rival) {
      rivalAfter = min(4, steps) + Int(Self.unit(&random) * Double(min(60, 3 * steps)))
    }
    self.random = random
  }
  private static func unit(_ random: inout SplitMix64) -> Double {
    Double(random.next() >> 11) / 9_007_199_254_740_992
  }
  mutating func unit() -> Double { Self.unit(&random) }
  mutating func number() -> UInt64 { random.next() }

  /// By server, seconds until it has a change of the zone.
  mutating func serverLags(_ count: Int, within seconds: Double) -> [Double] {
    var out = (0..<count).map { _ in unit() * seconds }
    if hazards.contains(.lag), let last = out.indices.last {
      out[last] = 60 + unit() * 1740
    }
    return out
  }
  /// How long a person takes, seconds.
  mutating func person() -> Double {
    hazards.contains(.lateOperator) ? 600 + unit() * 172_200 : 60 + unit() * 840
  }

  /// What becomes of a call before the world hears of it.
  enum Before: Equatable {
    case goesOn, killed, expired, lost
    case refused(status: Int, code: String)
    case rival
  }
  mutating func before(isWrite: Bool, at: Double) -> Before {
    if kills, deaths < 8 {
      life -= 1
      if life <= 0 {
        died()
        return .killed
      }
    }
    if let expiry, at >= expiry.from, at < expiry.to { return .expired }
    if let left = rivalAfter {
      rivalAfter = left > 1 ? left - 1 : nil
      if left <= 1 { return .rival }
    }
    if throttles, unit() < share {
      return .refused(status: 400, code: "Throttling")
    }
    if errs, unit() < share {
      return .refused(status: 503, code: "ServiceUnavailable")
    }
    if dropsBefore, unit() < share { return .lost }
    return .goesOn
  }
  enum After: Equatable { case goesOn, killed, lost }
  mutating func after(isWrite: Bool) -> After {
    if kills, isWrite, deaths < 8, unit() < 0.15 {
      died()
      return .killed
    }
    return dropsAfter && unit() < share ? .lost : .goesOn
  }
  private mutating func died() {
    deaths += 1
    life = 3 + Int(unit() * 120)
  }
  /// Whether this read shows what was before a write so many seconds ago.
  mutating func isStale(_ seconds: Double) -> Bool {
    lags && seconds < 20 && unit() < 0.5
  }
}
