import FerryCloudFront
import FerryCore

/// What the target may have and has already, of each kind that a plan may make.
struct QuotaScene: Equatable, Sendable {
  struct Entry: Equatable, Sendable {
    /// What applies to the account; nil when it could not be read.
    var limit: Int?
    /// What an account has to which nothing was granted, by AWS or, where that is silent, by the documentation.
    var standard: Int
    /// nil when they could not be counted.
    var used: Int?
  }
  var entries: [AccountQuota: Entry] = [:]
  var gaps: [Inventory.Gap] = []
}

/// Reads quotas and what counts against them. Nothing is assumed: what was not said is a gap.
struct QuotaReader: Sendable {
  var transport: any ServiceTransport
  var account: AccountID

  /// The IAM actions that it needs, besides the lists of what the plan makes.
  static let actions = [
    "servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas",
  ]

  /// - Throws: `interrupted`; anything else that cannot be read is a gap.
  func read(_ wanted: Set<AccountQuota>) async throws(FerryError) -> QuotaScene {
    var out = QuotaScene()
    let client = QuotaClient(transport)
    var applied: [QuotaClient.Quota]?
    do throws(FerryError) {
      applied = try await client.applied()
    } catch {
      try note(error, "ListServiceQuotas", "servicequotas", &out)
    }
    var limits: [AccountQuota: Int] = [:]
    for quota in wanted { limits[quota] = Self.smallest(of: applied ?? [], quota) }
    let unread = wanted.filter { limits[$0] == nil }
    var standards: [QuotaClient.Quota] = []
    if !unread.isEmpty {
      do throws(FerryError) {
        standards = try await client.standard()
      } catch {
        try note(error, "ListAWSDefaultServiceQuotas", "servicequotas", &out)
      }
    }
    if applied != nil {
      for quota in unread.sorted(by: { $0.rawValue < $1.rawValue }) {
        out.gaps.append(
          .init(
            account: account, call: "ListServiceQuotas",
            reason: "it gives no quota of that name for the account", resource: quota.name,
            action: Self.actions[0]))
      }
    }
    let counts = try await counts(wanted, &out)
    for quota in wanted {
      out.entries[quota] = .init(
        limit: limits[quota], standard: Self.smallest(of: standards, quota) ?? quota.standard,
        used: counts[quota])
    }
    return out
  }

  /// Where two go by the name, the smaller one.
  private static func smallest(of all: [QuotaClient.Quota], _ quota: AccountQuota) -> Int? {
    all.filter { quota.matches(code: $0.code, name: $0.name) }.map(\.value).min()
  }

  // MARK: Counting

  /// A list that is counted. Values rather than closures in an array: Swift 6.3 gives garbage back for what such a closure
  /// with a typed error returns (docs/decisions/0008).
  private enum Counting: Sendable {
    case distributions, policies
    case kind(ResourceKind, AccountQuota)

    var call: String {
      switch self {
      case .distributions: "ListDistributions"
      case .policies: "ListContinuousDeploymentPolicies"
      case .kind(_, let quota): "List \(quota.rawValue)"
      }
    }
    func counted(by client: ResourceClient) async throws(FerryError) -> [AccountQuota: Int] {
      switch self {
      case .distributions:
        let found = try await client.distributionCounts()
        return [.distributions: found.all, .stagingDistributions: found.staging]
      case .policies: return [.policies: try await client.policyCount()]
      case .kind(let kind, let quota): return [quota: try await client.count(kind)]
      }
    }
  }

  private func counts(_ wanted: Set<AccountQuota>, _ out: inout QuotaScene)
    async throws(FerryError) -> [AccountQuota: Int]
  {
    let client = ResourceClient(CloudFrontClient(transport))
    var lists: [Counting] = []
    if wanted.contains(.distributions) || wanted.contains(.stagingDistributions) {
      lists.append(.distributions)
    }
    if wanted.contains(.policies) { lists.append(.policies) }
    for kind in Carrier.order {
      if let quota = kind.quota, wanted.contains(quota) { lists.append(.kind(kind, quota)) }
    }
    let results = await TargetReader.each(lists) { list async throws(FerryError) in
      try await list.counted(by: client)
    }
    // The copy begins with none.
    var counts: [AccountQuota: Int] = [.aliases: 0]
    for (list, result) in zip(lists, results) {
      switch result {
      case .success(let found): counts.merge(found) { $1 }
      case .failure(let error): try note(error, list.call, "cloudfront", &out)
      }
    }
    return counts
  }

  private func note(
    _ error: FerryError, _ call: String, _ service: String, _ out: inout QuotaScene
  ) throws(FerryError) {
    if error.exit == .interrupted { throw error }
    let operation = error.service?.operation ?? call
    out.gaps.append(
      .init(
        account: account, call: operation, reason: error.why,
        action: "\(service):\(operation.replacing(" ", with: ""))"))
  }
}
