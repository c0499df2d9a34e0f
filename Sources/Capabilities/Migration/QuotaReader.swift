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

  private func counts(_ wanted: Set<AccountQuota>, _ out: inout QuotaScene)
    async throws(FerryError) -> [AccountQuota: Int]
  {
    let client = ResourceClient(CloudFrontClient(transport))
    typealias Counted = Result<[AccountQuota: Int], FerryError>
    var reads:
      [(call: String, count: @Sendable () async throws(FerryError) -> [AccountQuota: Int])] =
        []
    if wanted.contains(.distributions) || wanted.contains(.stagingDistributions) {
      reads.append(
        (
          "ListDistributions",
          { () async throws(FerryError) in
            let found = try await client.distributionCounts()
            return [.distributions: found.all, .stagingDistributions: found.staging]
          }
        ))
    }
    if wanted.contains(.policies) {
      reads.append(
        (
          "ListContinuousDeploymentPolicies",
          { () async throws(FerryError) in [.policies: try await client.policyCount()] }
        ))
    }
    for kind in Carrier.order {
      guard let quota = kind.quota, wanted.contains(quota) else { continue }
      reads.append(
        (
          "List \(quota.rawValue)",
          { () async throws(FerryError) in [quota: try await client.count(kind)] }
        ))
    }
    let results = await withTaskGroup(of: (Int, Counted).self) { group in
      for (index, read) in reads.enumerated() {
        group.addTask {
          do throws(FerryError) {
            return (index, .success(try await read.count()))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      var all: [Int: Counted] = [:]
      for await (index, result) in group { all[index] = result }
      return all
    }
    // The copy begins with none.
    var counts: [AccountQuota: Int] = [.aliases: 0]
    for (index, read) in reads.enumerated() {
      switch results[index] {
      case .success(let found)?: counts.merge(found) { $1 }
      case .failure(let error)?: try note(error, read.call, "cloudfront", &out)
      case nil: break
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
