/// Both sides are enabled and everywhere, and the policy sends traffic to staging.
struct DeployedRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    var out: [PromotionFinding] = []
    for side in it.sides {
      if side.status != "Deployed" {
        out.append(
          PromotionFinding(
            "not-deployed", .pending, of: side.id,
            "\(side.id) is \(side.status): not every edge location has its config yet",
            [it.evidence("GetDistribution", "Status is \(side.status)")]))
      }
      if !side.isEnabled {
        // A promote carries Enabled over, too.
        out.append(
          PromotionFinding(
            side.isStaging ? "staging-disabled" : "primary-disabled", .blocker, of: side.id,
            side.isStaging
              ? "\(side.id) is disabled: a promote would disable the primary"
              : "\(side.id) is disabled: it serves nobody to compare with",
            [it.evidence("GetDistribution", "Enabled is false")]))
      }
    }
    if !it.policy.isEnabled {
      out.append(
        PromotionFinding(
          "policy-disabled", .pending, of: it.policy.id,
          "policy \(it.policy.id) is disabled: all traffic goes to the primary; a plan enables it first",
          [it.evidence("GetContinuousDeploymentPolicy", "Enabled is false")]))
    }
    return out
  }
}
