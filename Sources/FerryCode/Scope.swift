import FerryCloudFront
import FerryCore

/// What ids of distributions and policies stand for: a distribution brings the rest of its trio along, and all that
/// these refer to.
package struct Scope: Equatable, Sendable {
  package var distributions: Set<String>
  package var policies: Set<String>

  /// - Parameter ids: empty for everything.
  package init(_ ids: [String], in account: Inventory.Account) {
    guard !ids.isEmpty else {
      distributions = Set(account.distributions.map(\.id))
      policies = Set(account.continuousDeploymentPolicies.map(\.id))
      return
    }
    let wanted = Set(ids)
    distributions = wanted.intersection(account.distributions.map(\.id))
    policies = wanted.intersection(account.continuousDeploymentPolicies.map(\.id))
    for policy in account.continuousDeploymentPolicies {
      let names = Set(policy.stagingNames.map { $0.lowercased() })
      let trio = account.distributions.filter {
        $0.policyID == policy.id || names.contains($0.domainName.lowercased())
      }.map(\.id)
      guard trio.contains(where: wanted.contains) else { continue }
      distributions.formUnion(trio)
      policies.insert(policy.id)
    }
  }

  /// What its distributions name, and what belongs to them without being named.
  package func references(in account: Inventory.Account) -> [Reference] {
    account.distributions.filter { distributions.contains($0.id) }.flatMap { it in
      Reference.all(in: it.config, of: .distribution).filter {
        $0.kind != .continuousDeploymentPolicy
      } + [Reference(.monitoringSubscription, id: it.id, path: "")]
    }
  }
}

extension ResourceKind {
  /// The end of CloudFormation's name of the type; nil where it has none.
  package var cloudFormationType: String? {
    switch self {
    case .distribution: "::Distribution"
    case .continuousDeploymentPolicy: "::ContinuousDeploymentPolicy"
    case .originAccessControl: "::OriginAccessControl"
    case .originAccessIdentity: "::CloudFrontOriginAccessIdentity"
    case .cachePolicy: "::CachePolicy"
    case .originRequestPolicy: "::OriginRequestPolicy"
    case .responseHeadersPolicy: "::ResponseHeadersPolicy"
    case .function: "::Function"
    case .keyValueStore: "::KeyValueStore"
    case .publicKey: "::PublicKey"
    case .keyGroup: "::KeyGroup"
    case .realtimeLogConfig: "::RealtimeLogConfig"
    case .monitoringSubscription: "::MonitoringSubscription"
    case .vpcOrigin: "::VpcOrigin"
    default: nil
    }
  }
}

extension Inventory.Resource {
  /// The id in the ARN of a key value store, by which CloudFormation knows it.
  package var storeID: String? {
    kind == .keyValueStore ? arn?.split(separator: "/").last.map(String.init) : nil
  }
}
