import FerryCore

/// Other Lambda@Edge functions on staging: what a small share of the traffic says little about.
struct LambdaEdgeRule: PromotionRule {
  /// Path pattern, event and function, of each association.
  static func associations(_ config: XElement) -> Set<String> {
    var out: Set<String> = []
    let behaviours =
      [config.first("DefaultCacheBehavior")].compactMap { $0 }
      + (config.at("CacheBehaviors/Items")?.children ?? [])
    for behaviour in behaviours {
      let pattern = behaviour.text(at: "PathPattern") ?? "default"
      for it in behaviour.at("LambdaFunctionAssociations/Items")?.children ?? [] {
        out.insert(
          "\(pattern) \(it.text(at: "EventType") ?? "") \(it.text(at: "LambdaFunctionARN") ?? "")")
      }
    }
    return out
  }
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let (old, new) = (
      Self.associations(it.primary.config), Self.associations(it.staging.config)
    )
    guard old != new else { return [] }
    return [
      PromotionFinding(
        "lambda-edge-changed", .risk, of: it.staging.id,
        "Lambda@Edge differs: a canary of a few percent shows neither its limits of concurrency nor its cold starts in quiet regions under all of the traffic",
        new.subtracting(old).sorted().map { it.evidence("GetDistribution", "staging has \($0)") }
          + old.subtracting(new).sorted().map {
            it.evidence("GetDistribution", "the primary has \($0)")
          })
    ]
  }
}
