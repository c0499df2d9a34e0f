import FerryCore

/// Something that speaks against a promote, or should be known before it.
struct PromotionFinding: Codable, Equatable, Sendable {
  enum Weight: String, Codable, CaseIterable, Sendable {
    /// Nothing is promoted, and no plan is made.
    case blocker
    /// Nothing is promoted yet: a plan waits until it is otherwise.
    case pending
    /// A plan carries it as a risk, to be accepted by its code.
    case risk
    case note
  }
  var code: String
  var weight: Weight
  /// It could not be told, and what could not be told promotes nothing.
  var isUnknown: Bool
  /// The distribution or policy that it is about.
  var resource: String
  var says: String
  var evidence: [Finding.Evidence]
  /// The IAM action without which it could not be told.
  var denied: String?
  init(
    _ code: String, _ weight: Weight, unknown: Bool = false, of resource: String, _ says: String,
    _ evidence: [Finding.Evidence] = []
  ) {
    self.code = code
    self.weight = weight
    self.isUnknown = unknown
    self.resource = resource
    self.says = says
    self.evidence = evidence
  }
  var stops: Bool { weight == .blocker || weight == .pending }
}

/// Judges a pair; does no I/O.
protocol PromotionRule: Sendable {
  func findings(_ it: PromotionPair) -> [PromotionFinding]
}

enum PromotionRules {
  private static let all: [any PromotionRule] = [
    DeployedRule(), ShareRule(), HTTP3Rule(), FixedSettingsRule(), PathPatternRule(),
    SharedEditRule(),
    LambdaEdgeRule(), BucketGrantRule(), TrafficRule(), ErrorRateRule(), ProbeRule(),
    OwnerRule(), DifferenceRule(),
  ]
  /// The severest first, in the order of the rules.
  static func judge(_ pair: PromotionPair) -> [PromotionFinding] {
    let findings = all.flatMap { $0.findings(pair) }
    guard pair.isPointedElsewhere else { return sorted(findings) }
    let ofOldSide = ["error-rate-worse", "client-error-rate-worse", "probe-failed"]
    return sorted(findings.filter { !ofOldSide.contains($0.code) })
  }
  static func sorted(_ findings: [PromotionFinding]) -> [PromotionFinding] {
    PromotionFinding.Weight.allCases.flatMap { weight in findings.filter { $0.weight == weight } }
  }
}
