/// 80 % or more of the account's 20 policies or 20 staging distributions are used.
/// - Source: CloudFront Developer Guide, "Quotas and other considerations for continuous deployment".
struct QuotaPressure: OrphanRule {
  static let code = "quota-pressure"
  static let limit = 20
  static let percent = 80

  func findings(in scene: AccountScene) -> [Finding] {
    let counts = [
      (
        "continuous-deployment-policy", "ListContinuousDeploymentPolicies", scene.policies.count,
        scene.policyGaps
      ), ("distribution", "ListDistributions", scene.stagings.count, scene.distributionGaps),
    ]
    return counts.compactMap { type, call, used, gaps in
      guard used * 100 >= Self.limit * Self.percent else { return nil }
      let what =
        type == "distribution" ? "staging distributions" : "continuous-deployment policies"
      return Finding(
        code: Self.code, severity: used >= Self.limit ? .high : .medium, verdict: .inUse,
        account: scene.account.id,
        resource: .init(type: type, id: scene.account.id, arn: ""),
        evidence: [scene.evidence(call, "\(used) of \(Self.limit) \(what) are used")],
        overturnedBy: gaps, owner: .init(kind: .none, id: ""))
    }
  }
}
