import FerryCore
import Foundation

/// What the lab does wrong on purpose: `KIND[:key=value,…]`.
struct FaultPlan: Sendable {
  /// Requests a second that pass; more are answered with `Throttling`.
  var throttleRate: Double?
  var errorStatus = 503
  var errorPercent = 0.0
  var dropBeforePercent = 0.0
  var dropAfterPercent = 0.0
  var latencyMilliseconds = 0
  var stuck: Set<String> = []
  var staleReadSeconds = 0.0

  static let help = [
    ("throttle:rate=5", "more than 5 requests a second are answered with 400 Throttling"),
    ("error:status=503,percent=10", "that share of requests is answered with that status"),
    ("drop:when=before|after,percent=5", "the connection breaks before or after the write landed"),
    ("latency:milliseconds=50", "every answer takes that long"),
    ("stuck:distribution=ID", "that distribution stays InProgress"),
    ("stale-read:seconds=5", "reads show the state of that long ago"),
  ]

  /// - Throws: `.badInput` (64) naming what is accepted.
  mutating func add(_ text: String) throws(FerryError) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    var keys: [String: String] = [:]
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: ",") {
      let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
      keys[sides[0]] = sides.count > 1 ? sides[1] : ""
    }
    func refuse() -> FerryError {
      .badInput(
        "bad-fault", what: "could not read the fault \(text.debugDescription)",
        why: "the kinds are \(Self.help.map(\.0).joined(separator: ", "))",
        next: "see `edgeferry lab serve --help`")
    }
    func number(_ key: String, in range: ClosedRange<Double>, default standard: Double? = nil)
      throws(FerryError) -> Double
    {
      guard let text = keys.removeValue(forKey: key) else {
        if let standard { return standard }
        throw refuse()
      }
      guard let value = Double(text), range.contains(value) else { throw refuse() }
      return value
    }
    switch parts.first {
    case "throttle": throttleRate = try number("rate", in: 0.1...100_000)
    case "error":
      errorStatus = Int(try number("status", in: 400...599, default: 503))
      errorPercent = try number("percent", in: 0...100, default: 100)
    case "drop":
      let percent = try number("percent", in: 0...100, default: 100)
      switch keys.removeValue(forKey: "when") {
      case "before": dropBeforePercent = percent
      case "after": dropAfterPercent = percent
      default: throw refuse()
      }
    case "latency": latencyMilliseconds = Int(try number("milliseconds", in: 0...600_000))
    case "stuck":
      guard let id = keys.removeValue(forKey: "distribution"), !id.isEmpty else { throw refuse() }
      stuck.insert(id)
    case "stale-read": staleReadSeconds = try number("seconds", in: 0...3600)
    default: throw refuse()
    }
    guard keys.isEmpty else { throw refuse() }
  }
}
