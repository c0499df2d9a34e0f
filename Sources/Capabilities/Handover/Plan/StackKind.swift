import FerryCore

/// How CloudFormation calls a kind of CloudFront's, and names one of it.
///
/// - Source: the types' schemas in the CloudFormation registry: `primaryIdentifier`; return values of `Ref` and `Fn::GetAtt`.
struct StackKind: Sendable {
  var type: String
  var kind: ResourceKind
  /// The property that an import names it by.
  var identifier: String

  static let all: [StackKind] = [
    .init(type: "Distribution", kind: .distribution, identifier: "Id"),
    .init(
      type: "ContinuousDeploymentPolicy", kind: .continuousDeploymentPolicy, identifier: "Id"),
    .init(type: "OriginAccessControl", kind: .originAccessControl, identifier: "Id"),
    .init(
      type: "CloudFrontOriginAccessIdentity", kind: .originAccessIdentity, identifier: "Id"),
    .init(type: "CachePolicy", kind: .cachePolicy, identifier: "Id"),
    .init(type: "OriginRequestPolicy", kind: .originRequestPolicy, identifier: "Id"),
    .init(type: "ResponseHeadersPolicy", kind: .responseHeadersPolicy, identifier: "Id"),
    .init(type: "Function", kind: .function, identifier: "FunctionARN"),
    .init(type: "KeyValueStore", kind: .keyValueStore, identifier: "Name"),
    .init(type: "KeyGroup", kind: .keyGroup, identifier: "Id"),
    .init(type: "PublicKey", kind: .publicKey, identifier: "Id"),
    .init(type: "RealtimeLogConfig", kind: .realtimeLogConfig, identifier: "Arn"),
    .init(
      type: "MonitoringSubscription", kind: .monitoringSubscription, identifier: "DistributionId"),
    .init(type: "VpcOrigin", kind: .vpcOrigin, identifier: "Id"),
  ]
  static func of(_ type: String) -> StackKind? {
    all.first { "AWS::CloudFront::\($0.type)" == type }
  }
}

extension Inventory.Account {
  /// The resources of a stack that are of this closure, by logical id.
  func moved(in stack: Inventory.Stack) -> [String: StackEdits.Moved] {
    var out: [String: StackEdits.Moved] = [:]
    for it in stack.resources where it.status != "DELETE_COMPLETE" {
      guard let kind = StackKind.of(it.type), let attributes = attributes(kind.kind, it.physicalId)
      else { continue }
      out[it.logicalId] = .init(
        physicalID: it.physicalId, attributes: attributes,
        identifier: [kind.identifier: it.physicalId])
    }
    return out
  }
  /// What `Fn::GetAtt` gives of a thing of the closure; nil for what is not in it.
  private func attributes(_ kind: ResourceKind, _ id: String) -> [String: String]? {
    switch kind {
    case .distribution:
      distributions.first { $0.id == id }.map { ["Id": id, "DomainName": $0.domainName] }
    case .continuousDeploymentPolicy:
      continuousDeploymentPolicies.contains { $0.id == id } ? ["Id": id] : nil
    case .monitoringSubscription:
      resources.contains { $0.kind == kind && $0.id == id } ? [:] : nil
    default:
      resources.first { $0.kind == kind && [$0.id, $0.name, $0.arn].contains(id) }.map { it in
        var out = ["Id": it.id]
        if let arn = it.arn {
          out["Arn"] = arn
          out["FunctionARN"] = kind == .function ? arn : nil
        }
        return out
      }
    }
  }
}
