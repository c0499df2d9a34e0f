import FerryCore

/// Whether the target may have what the plan makes.
extension MigrationPlanner {
  /// Those that a plan may need: of what the closure holds, with nothing left out.
  static func quotas(of carrier: Carrier) -> Set<AccountQuota> {
    var out: Set<AccountQuota> = [.distributions]
    out.formUnion(carrier.creations.compactMap(\.draft.kind.quota))
    for it in carrier.closure.distributions {
      if it.isStaging { out.insert(.stagingDistributions) }
      if !it.aliases.isEmpty { out.insert(.aliases) }
    }
    if !carrier.closure.continuousDeploymentPolicies.isEmpty { out.insert(.policies) }
    return out
  }

  /// How many the plan makes of each.
  private var needs: [AccountQuota: Int] {
    var out: [AccountQuota: Int] = [:]
    for step in builder.steps {
      switch step.action {
      case .createDistribution: out[.distributions, default: 0] += 1
      case .createPolicy: out[.policies, default: 0] += 1
      case .create(let draft):
        if let quota = draft.kind.quota { out[quota, default: 0] += 1 }
      default: break
      }
    }
    out[.stagingDistributions] = moves.count { $0.staging != nil }
    out[.aliases] = moves.map(\.heldMost).max()
    return out.filter { $0.value > 0 }
  }

  /// - Throws: 4 `quota-exceeded`, every quota with its figures in the causes.
  mutating func checkQuotas() throws(FerryError) {
    var exceeded: [String] = []
    for (quota, more) in needs.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let entry =
        input.quotas.entries[quota] ?? .init(limit: nil, standard: quota.standard, used: nil)
      let there = entry.used.map { "\($0) there and \(more) more" } ?? "\(more) more"
      switch (entry.used, entry.limit) {
      case (let used?, let limit?):
        guard used + more > limit else { continue }
        let code = quota.code.map { ", \($0)" } ?? ""
        exceeded.append("\(quota.rawValue): \(there), \(limit) allowed (\(quota.name)\(code))")
      case (nil, let limit?) where more > limit:
        exceeded.append("\(quota.rawValue): \(there), \(limit) allowed (\(quota.name))")
      case (nil, let limit):
        builder.risk(
          "quota-unread",
          "\(quota.rawValue): \(there); those of account \(target) could not be counted, and \(limit ?? entry.standard) are \(limit == nil ? "the default" : "allowed")"
        )
      case (let used?, nil) where used + more > entry.standard:
        builder.risk(
          "quota-unread",
          "\(quota.rawValue): \(there) are above the default of \(entry.standard), and what account \(target) may have was not read"
        )
      case (_?, nil):
        builder.note(
          "what account \(target) may have of \(quota.rawValue) was not read; \(there) are within the default of \(entry.standard)"
        )
      }
    }
    guard exceeded.isEmpty else {
      throw FerryError(
        "quota-exceeded", exit: .blocked, what: "could not plan the move to \(target)",
        why: "the account may not have as much as the move makes; nothing was written",
        next:
          "have the quotas raised (Service Quotas, cloudfront, us-east-1) or remove what nobody uses, then plan again",
        causes: exceeded)
    }
  }
}
