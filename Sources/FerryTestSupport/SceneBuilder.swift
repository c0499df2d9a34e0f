import FerryCore
import Foundation

/// One account, built part by part.
package struct SceneBuilder {
  package var account = Inventory.Account(id: "111111111111", regions: ["us-east-1"])
  package var gaps: [Inventory.Gap] = []
  package var takenAt = Date(timeIntervalSince1970: 1_795_514_400)
  package init() {}

  package static func config(
    _ id: String, staging: Bool, enabled: Bool, policy: String, http: String
  )
    -> XElement
  {
    XElement(
      "DistributionConfig",
      [
        XElement("CallerReference", text: id), XElement("Comment", text: id),
        XElement("Enabled", text: "\(enabled)"), XElement("HttpVersion", text: http),
        XElement("ContinuousDeploymentPolicyId", text: policy),
        XElement("Staging", text: "\(staging)"),
      ])
  }
  package mutating func distribution(
    _ id: String, staging: Bool = false, enabled: Bool = true, policy: String = "",
    http: String = "http2", tags: [String: String] = [:]
  ) {
    account.distributions.append(
      .init(
        id: id, arn: "arn:\(id)", domainName: "d-\(id.lowercased()).cloudfront.net",
        status: "Deployed",
        etag: "V-\(id)", lastModified: "2026-01-01T00:00:00Z", tags: tags,
        config: Self.config(id, staging: staging, enabled: enabled, policy: policy, http: http)))
  }
  package mutating func policy(
    _ id: String, staging: String?, enabled: Bool = true, changed: String = "2026-11-20T00:00:00Z"
  ) {
    let names =
      staging.map { [XElement("DnsName", text: "d-\($0.lowercased()).cloudfront.net")] } ?? []
    account.continuousDeploymentPolicies.append(
      .init(
        id: id, etag: "V-\(id)", lastModified: changed,
        config: XElement(
          "ContinuousDeploymentPolicyConfig",
          [
            XElement(
              "StagingDistributionDnsNames",
              [XElement("Quantity", text: "\(names.count)"), XElement("Items", names)]),
            XElement("Enabled", text: "\(enabled)"),
          ])))
  }
  package mutating func stack(
    _ name: String, _ status: String, _ ids: [String], resource: String = "DELETE_SKIPPED"
  ) {
    account.stacks.append(
      .init(
        id: "arn:stack/\(name)", name: name, region: "us-east-1", status: status,
        resources: ids.map {
          .init(logicalId: $0, type: "AWS::CloudFront::X", physicalId: $0, status: resource)
        }))
  }
  package mutating func gap(_ call: String, _ resource: String? = nil) {
    gaps.append(.init(account: account.id, call: call, reason: "AccessDenied", resource: resource))
  }
  package var inventory: Inventory { Inventory(takenAt: takenAt, gaps: gaps, accounts: [account]) }
  package func report(_ terraform: [String: Set<String>] = [:]) -> FindingsReport {
    Discovery.discover(inventory, terraform: terraform)
  }
  /// `CODE:ID=verdict` of every finding.
  package var found: [String] {
    report().findings.map { "\($0.code):\($0.resource.id)=\($0.verdict.rawValue)" }.sorted()
  }

  package static var healthy: SceneBuilder {
    var it = SceneBuilder()
    it.distribution("A", policy: "P")
    it.distribution("S", staging: true)
    it.policy("P", staging: "S")
    return it
  }
  package var input: PlanningInput {
    PlanningInput(
      capability: "orphans",
      name: "x", accounts: ["default": account.id], createdAt: takenAt, start: takenAt,
      tool: "edgeferry test",
      endpoint: nil,
      inventoryDigest: "sha256:0", acceptedRisks: [])
  }
  package func plan(
    _ selection: [String] = [], keepStaging: Bool = false, terraform: [String: Set<String>] = [:]
  ) throws -> PlanPair? {
    try RemovalPlanner.plan(
      inventory, report(terraform), selection: selection, keepStaging: keepStaging, input: input)
  }
}
