import FerryCore

/// There is something to promote.
struct DifferenceRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    guard Promote.isDone(it.primary.config, from: it.staging.config),
      FixedSettingsRule().findings(it).isEmpty
    else { return [] }
    return [
      PromotionFinding(
        "nothing-to-promote", .note, of: it.primary.id,
        "the primary has all that staging has already")
    ]
  }
}
