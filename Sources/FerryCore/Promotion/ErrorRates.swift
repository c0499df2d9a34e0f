/// Viewer requests and the answers of one class of errors among them, over some minutes.
public struct RequestCount: Codable, Equatable, Sendable {
  public var requests: Double
  /// What the rates of the minutes add up to; rounded by CloudWatch, so no whole number.
  public var errors: Double
  public init(requests: Double = 0, errors: Double = 0) {
    self.requests = requests
    self.errors = errors
  }
  /// 0...1; 0 without requests.
  public var rate: Double { requests > 0 ? min(1, max(0, errors / requests)) : 0 }
}

/// What CloudWatch counted of one distribution, each class of errors from the minutes that its rate is known of.
public struct ErrorCounts: Codable, Equatable, Sendable {
  /// 5xx: what the origin, or a function, failed at.
  public var server: RequestCount
  /// 4xx: what viewers asked in vain, be it that it is not there or that they may not have it.
  public var client: RequestCount
  public init(server: RequestCount = .init(), client: RequestCount = .init()) {
    self.server = server
    self.client = client
  }
}

/// Confidence intervals of shares, all of them 0...1.
public enum ScoreInterval {
  /// One-sided 95 %: a bound is passed by chance once in twenty times.
  public static let z = 1.644_853_627

  /// - Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
  public static func of(_ count: RequestCount, z: Double = z) -> ClosedRange<Double> {
    guard count.requests > 0 else { return 0...1 }
    let (n, p) = (count.requests, count.rate)
    let square = z * z
    let middle = (p + square / (2 * n)) / (1 + square / n)
    let half =
      z / (1 + square / n) * (p * (1 - p) / n + square / (4 * n * n)).squareRoot()
    return max(0, middle - half)...min(1, middle + half)
  }
  /// Of the difference `one - other`, -1...1.
  ///
  /// - Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
  ///   eleven methods", Statistics in Medicine 17, 1998, method 10.
  public static func ofDifference(_ one: RequestCount, _ other: RequestCount, z: Double = z)
    -> ClosedRange<Double>
  {
    let (a, b) = (of(one, z: z), of(other, z: z))
    let (p, q) = (one.rate, other.rate)
    func length(_ x: Double, _ y: Double) -> Double { (x * x + y * y).squareRoot() }
    let difference = p - q
    let low = difference - length(p - a.lowerBound, b.upperBound - q)
    let high = difference + length(a.upperBound - p, q - b.lowerBound)
    return max(-1, low)...min(1, max(low, high))
  }
}

/// Whether a staging distribution answers with no more errors of one class than its primary.
public struct ErrorRateGate: Equatable, Sendable {
  public enum Status: String, Codable, CaseIterable, Sendable {
    case server = "5xx"
    case client = "4xx"
  }
  public var status: Status
  /// Below so many requests at either side nothing is judged.
  public var minRequests: Int
  /// In percentage points of all requests.
  public var maxIncrease: Double
  public init(_ status: Status = .server, minRequests: Int, maxIncrease: Double) {
    self.status = status
    self.minRequests = minRequests
    self.maxIncrease = maxIncrease
  }

  public enum Verdict: String, Codable, Sendable {
    /// The whole interval is within the increase that is allowed.
    case within
    /// The whole interval is beyond it.
    case worse
    /// Not enough traffic to judge.
    case undecided
  }
  public struct Judgement: Codable, Equatable, Sendable {
    public var verdict: Verdict
    public var staging: RequestCount
    public var primary: RequestCount
    /// Staging's rate less the primary's, in percentage points: where it is with 95 % either way.
    public var increaseLow: Double
    public var increaseHigh: Double
    /// About how many requests staging needs for a verdict, if the rates stay; nil where more would not help.
    public var requestsNeeded: Int?
    public var says: String
  }

  public func judge(staging: RequestCount, primary: RequestCount) -> Judgement {
    let interval = ScoreInterval.ofDifference(staging, primary)
    let (low, high) = (interval.lowerBound * 100, interval.upperBound * 100)
    let isEnough =
      min(staging.requests, primary.requests) >= Double(max(1, minRequests))
    let verdict: Verdict =
      !isEnough
      ? .undecided : high <= maxIncrease ? .within : low > maxIncrease ? .worse : .undecided
    let needed = verdict == .undecided ? needed(staging, primary) : nil
    let sides =
      "staging \(text(staging)), primary \(text(primary)), staging's share of \(status.rawValue) is \(Self.points(low)) to \(Self.points(high)) points above the primary's"
    let end =
      switch verdict {
      case .within: "; \(Self.points(maxIncrease)) are allowed"
      case .worse: "; more than the \(Self.points(maxIncrease)) that are allowed"
      case .undecided:
        "; that is not enough traffic to judge"
          + (needed.map { ": about \($0) requests at staging would be" } ?? "")
      }
    return Judgement(
      verdict: verdict, staging: staging, primary: primary, increaseLow: low, increaseHigh: high,
      requestsNeeded: needed, says: sides + end)
  }

  /// The least number of requests with which the rates as they are would be judged within.
  private func needed(_ staging: RequestCount, _ primary: RequestCount) -> Int? {
    func isWithin(_ requests: Int) -> Bool {
      let more = RequestCount(requests: Double(requests), errors: staging.rate * Double(requests))
      return ScoreInterval.ofDifference(more, primary).upperBound * 100 <= maxIncrease
    }
    let most = 10_000_000
    guard primary.requests > 0, isWithin(most) else { return nil }
    var (low, high) = (max(0, minRequests - 1), most)
    while low + 1 < high {
      let middle = low + (high - low) / 2
      if isWithin(middle) { high = middle } else { low = middle }
    }
    return high
  }

  private func text(_ it: RequestCount) -> String {
    "\(Int(it.requests.rounded())) requests with \(Self.points(it.rate * 100)) % of \(status.rawValue)"
  }
  /// Two digits behind the point, no more than say something.
  public static func points(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let size = hundredths.magnitude
    let digits = size % 100 < 10 ? "0\(size % 100)" : "\(size % 100)"
    return "\(hundredths < 0 ? "-" : "")\(size / 100).\(digits)"
  }
}

/// What a promote has to show: neither more 5xx than allowed nor more 4xx. A side that lost its content answers with 404
/// or 403 alone, and never with 5xx.
public struct PromotionGate: Equatable, Sendable {
  public var server: ErrorRateGate
  public var client: ErrorRateGate
  /// - Parameters: in percentage points of all requests.
  public init(minRequests: Int, maxIncrease: Double, maxClientIncrease: Double) {
    server = ErrorRateGate(.server, minRequests: minRequests, maxIncrease: maxIncrease)
    client = ErrorRateGate(.client, minRequests: minRequests, maxIncrease: maxClientIncrease)
  }

  public struct Judgement: Equatable, Sendable {
    public var server: ErrorRateGate.Judgement
    public var client: ErrorRateGate.Judgement
    /// Within only where both are; worse where one of them is.
    public var verdict: ErrorRateGate.Verdict {
      [.worse, .undecided].first { [server.verdict, client.verdict].contains($0) } ?? .within
    }
    /// What the verdict is from.
    public var says: String {
      [server, client].filter { $0.verdict == verdict }.map(\.says).joined(separator: "; ")
    }
  }
  public func judge(staging: ErrorCounts, primary: ErrorCounts) -> Judgement {
    Judgement(
      server: server.judge(staging: staging.server, primary: primary.server),
      client: client.judge(staging: staging.client, primary: primary.client))
  }
}
