import Foundation

/// Finds orphans in an inventory; a pure function of what was read.
package enum Discovery {
  static let rules: [any OrphanRule] = [
    PolicyUnattached(), PolicyStagingMissing(), PolicyStagingDisabled(), PolicyStackDeleted(),
    PolicyIdleSincePromote(), PrimaryPolicyMissing(), StagingUnreferenced(), StagingDisabled(),
    StagingStackDeleted(), HTTP3WithPolicy(), QuotaPressure(),
  ]

  /// - Parameter terraform: state file → ids in it.
  package static func discover(
    _ inventory: Inventory, terraform: [String: Set<String>] = [:],
    idleAfterSeconds: Int = 30 * 86_400
  ) -> FindingsReport {
    var findings: [Finding] = []
    var quotas: [FindingsReport.Quota] = []
    for account in inventory.accounts {
      let scene = AccountScene(
        account: account, gaps: inventory.gaps, takenAt: inventory.takenAt, terraform: terraform,
        idleAfterSeconds: idleAfterSeconds)
      let found = rules.flatMap { $0.findings(in: scene) }
      findings += found
      let orphans = Set(found.filter { $0.verdict == .orphan }.map(\.resource))
      quotas.append(
        .init(
          account: account.id, what: "continuous-deployment-policies", used: scene.policies.count,
          limit: QuotaPressure.limit,
          reclaimable: orphans.count { $0.type == "continuous-deployment-policy" }))
      quotas.append(
        .init(
          account: account.id, what: "staging-distributions", used: scene.stagings.count,
          limit: QuotaPressure.limit,
          reclaimable: reclaimableStaging(scene, orphans).count))
    }
    findings.sort {
      ($0.account, $0.severity, $0.code, $0.resource.id)
        < ($1.account, $1.severity, $1.code, $1.resource.id)
    }
    return FindingsReport(
      accounts: inventory.accounts.map(\.id), findings: findings, gaps: inventory.gaps,
      quotas: quotas)
  }

  /// Orphaned staging distributions, and those that only orphaned policies name.
  private static func reclaimableStaging(_ scene: AccountScene, _ orphans: Set<Finding.Resource>)
    -> Set<String>
  {
    let ids = Set(orphans.map(\.id))
    var out = Set(scene.stagings.map(\.id)).intersection(ids)
    guard scene.policyGaps.isEmpty else { return out }
    for staging in scene.stagings {
      let policies = scene.policies(naming: staging)
      if !policies.isEmpty, policies.allSatisfy({ ids.contains($0.id) }) { out.insert(staging.id) }
    }
    return out
  }
}

/// What a Terraform state owns: the ids of its CloudFront distributions and policies.
package enum TerraformState {
  /// - Throws: `.badInput` (64) for anything but a state of version 4.
  package static func ids(_ bytes: [UInt8], named what: String) throws(FerryError) -> Set<String> {
    let document = try TerraformFile.json(
      bytes, what: "Terraform state", named: what, code: "bad-tfstate",
      next: "give the file that `terraform state pull` prints")
    guard document["version"]?.int == 4, let resources = document["resources"]?.array else {
      throw .badInput(
        "bad-tfstate", what: "could not read the Terraform state \(what)",
        why: "it is no state of version 4", next: "give the file that `terraform state pull` prints"
      )
    }
    let types: Set = [
      "aws_cloudfront_distribution", "aws_cloudfront_continuous_deployment_policy",
    ]
    var out: Set<String> = []
    for resource in resources where types.contains(resource["type"]?.string ?? "") {
      guard resource["mode"]?.string != "data" else { continue }
      for instance in resource["instances"]?.array ?? [] {
        if let id = instance["attributes"]?["id"]?.string { out.insert(id) }
      }
    }
    return out
  }
}

extension Inventory {
  /// What a plan was made from: every distribution and policy with its version and content.
  package var planningDigest: String {
    Digest.tagged(
      accounts.flatMap { account in
        account.distributions.map { "\($0.id) \($0.etag) \($0.config.configDigest)" }
          + account.continuousDeploymentPolicies.map {
            "\($0.id) \($0.etag) \($0.config.configDigest)"
          }
      }.joined(separator: "\n"))
  }
}
