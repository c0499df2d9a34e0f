import FerryCore

/// Staging's path patterns are among the primary's: CloudFront chooses the behaviour before the side.
///
/// - Source: Developer Guide, as for the fixed settings: AWS warns that viewers may get errors, and refuses nothing.
struct PathPatternRule: PromotionRule {
  static func patterns(_ config: XElement) -> [String] {
    config.at("CacheBehaviors/Items")?.children.compactMap { $0.text(at: "PathPattern") } ?? []
  }
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    // A leading slash may be left out: both are one pattern.
    func plain(_ text: String) -> Substring { text.hasPrefix("/") ? text.dropFirst() : text[...] }
    let known = Set(Self.patterns(it.primary.config).map(plain))
    let more = Self.patterns(it.staging.config).filter { !known.contains(plain($0)) }
    guard !more.isEmpty else { return [] }
    return [
      PromotionFinding(
        "path-patterns-differ", .risk, of: it.staging.id,
        "staging has path patterns that the primary has not (\(more.joined(separator: ", "))): while both serve, viewers may get errors there, and the canary says little of them",
        [
          it.evidence(
            "GetDistribution",
            "PathPattern of \(it.primary.id): \(Self.patterns(it.primary.config).joined(separator: ", "))"
          )
        ])
    ]
  }
}
