import FerryCore

/// What may not change while a policy is attached is the same on both sides: a promote would carry it over, and no
/// rollback could put it back.
///
/// - Source: Developer Guide, "Using CloudFront continuous deployment to safely test CDN configuration changes";
///   reference facts on CloudFront, section 3.2.
struct FixedSettingsRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    // Whether it is enabled is another rule's.
    let open = Set(Promote.carried + Promote.kept + ["Enabled"])
    var byMember: [String: [ConfigDifference]] = [:]
    for difference in it.differences {
      let member = String(difference.path.prefix { $0 != "/" && $0 != "[" })
      if !open.contains(member) { byMember[member, default: []].append(difference) }
    }
    return byMember.sorted { $0.key < $1.key }.map { member, differences in
      PromotionFinding(
        "fixed-setting-differs", .blocker, of: it.staging.id,
        "\(member) may not change while a policy is attached, and differs: set both sides alike with the policy detached",
        differences.prefix(10).map {
          it.evidence(
            "GetDistribution",
            "\($0.path): primary \($0.planned ?? "(absent)"), staging \($0.found ?? "(absent)")")
        })
    }
  }
}
