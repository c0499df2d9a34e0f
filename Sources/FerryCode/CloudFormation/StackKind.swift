import FerryCore

/// How CloudFormation calls a kind of CloudFront's, and names one of it.
///
/// - Source: the types' schemas in the CloudFormation registry: `primaryIdentifier`; return values of `Ref` and `Fn::GetAtt`.
package struct StackKind: Sendable {
  package var type: String
  package var kind: ResourceKind
  /// The property that an import names it by.
  package var identifier: String
  package var properties: [StackProperty]

  package static let all: [StackKind] = [
    .init(type: "Distribution", kind: .distribution, identifier: "Id", properties: distribution),
    .init(
      type: "ContinuousDeploymentPolicy", kind: .continuousDeploymentPolicy, identifier: "Id",
      properties: continuousDeploymentPolicy),
    .init(
      type: "MonitoringSubscription", kind: .monitoringSubscription, identifier: "DistributionId",
      properties: monitoringSubscription),
    .init(
      type: "OriginAccessControl", kind: .originAccessControl, identifier: "Id",
      properties: originAccessControl),
    .init(
      type: "CloudFrontOriginAccessIdentity", kind: .originAccessIdentity, identifier: "Id",
      properties: originAccessIdentity),
    .init(type: "VpcOrigin", kind: .vpcOrigin, identifier: "Id", properties: vpcOrigin),
    .init(type: "CachePolicy", kind: .cachePolicy, identifier: "Id", properties: cachePolicy),
    .init(
      type: "OriginRequestPolicy", kind: .originRequestPolicy, identifier: "Id",
      properties: originRequestPolicy),
    .init(
      type: "ResponseHeadersPolicy", kind: .responseHeadersPolicy, identifier: "Id",
      properties: responseHeadersPolicy),
    .init(type: "Function", kind: .function, identifier: "FunctionARN", properties: function),
    .init(
      type: "KeyValueStore", kind: .keyValueStore, identifier: "Name", properties: keyValueStore),
    .init(type: "PublicKey", kind: .publicKey, identifier: "Id", properties: publicKey),
    .init(type: "KeyGroup", kind: .keyGroup, identifier: "Id", properties: keyGroup),
    .init(
      type: "RealtimeLogConfig", kind: .realtimeLogConfig, identifier: "Arn",
      properties: realtimeLogConfig),
    .init(
      type: "FieldLevelEncryptionConfig", kind: .fieldLevelEncryption, identifier: "Arn",
      properties: fieldLevelEncryption),
    .init(
      type: "FieldLevelEncryptionProfile", kind: .fieldLevelEncryptionProfile, identifier: "Arn",
      properties: fieldLevelEncryptionProfile),
  ]
  package static func of(_ kind: ResourceKind) -> StackKind? { all.first { $0.kind == kind } }
  package static func of(_ type: String) -> StackKind? {
    all.first { "AWS::CloudFront::\($0.type)" == type }
  }
}

extension StackKind {
  package var fullType: String { "AWS::CloudFront::\(type)" }

  /// What stands for an attribute of a thing of the template; nil for what has no function.
  package func reference(_ attribute: String, to id: String) -> JSONValue? {
    func get(_ name: String) -> JSONValue { ["Fn::GetAtt": [.string(id), .string(name)]] }
    switch (kind, attribute) {
    case (.distribution, "domain_name"): return get("DomainName")
    case (.originAccessIdentity, "cloudfront_access_identity_path"):
      return ["Fn::Sub": .string("origin-access-identity/cloudfront/${\(id)}")]
    case (.function, "arn"): return get("FunctionARN")
    case (.keyValueStore, "arn"), (.realtimeLogConfig, "arn"): return get("Arn")
    // `Ref` gives their ARN.
    case (.fieldLevelEncryption, "id"), (.fieldLevelEncryptionProfile, "id"): return get("Id")
    case (_, "id"): return ["Ref": .string(id)]
    default: return nil
    }
  }
  /// The value of its identifier.
  package func identity(of it: Subject) -> String {
    switch kind {
    case .function, .fieldLevelEncryption, .fieldLevelEncryptionProfile:
      it.exports["arn"] ?? it.id
    default: it.importID
    }
  }
  private var takesTags: Bool { properties.contains { $0.name == "Tags" } }

  /// The document that the properties stand for: with its tags, and without what CloudFront assumes by itself.
  package func document(of it: Subject) -> JSONValue {
    guard case .object(var members) = it.document else { return it.document }
    let tags = it.tags.filter { takesTags && !$0.key.lowercased().hasPrefix("aws:") }
    members["Tags"] = tags.isEmpty ? nil : .object(tags.mapValues(JSONValue.string))
    if [.publicKey, .fieldLevelEncryption, .fieldLevelEncryptionProfile].contains(kind),
      let reference = it.callerReference
    {
      members["CallerReference"] = .string(reference)
    }
    if case .object(var certificate)? = members["ViewerCertificate"] {
      // One of the three and no other.
      if certificate["CloudFrontDefaultCertificate"] == true {
        certificate = ["CloudFrontDefaultCertificate": true]
      } else {
        certificate["CloudFrontDefaultCertificate"] = nil
      }
      members["ViewerCertificate"] = .object(certificate)
    }
    return .object(members)
  }
  /// Of what the document says, what the type has no property for.
  package func left(of it: Subject) -> [NotExpressed] {
    var out = it.tags.keys.sorted().compactMap { key -> NotExpressed? in
      let isAWS = key.lowercased().hasPrefix("aws:")
      guard isAWS || !takesTags else { return nil }
      return NotExpressed(
        kind: kind.rawValue, id: it.id, path: "Tags/\(key)",
        reason: isAWS
          ? "nobody but AWS sets tags that begin with aws:; it stays as it is"
          : "\(fullType) has no tags; it stays as it is")
    }
    if kind == .function {
      if it.document["Code"] == nil {
        out.append(
          .init(
            kind: kind.rawValue, id: it.id, path: "Code",
            reason: "it is not UTF-8, which is all that a template holds"))
      }
      out += it.left.filter { $0.path == "stage DEVELOPMENT" }.map { left in
        var left = left
        left.reason =
          "it differs from stage LIVE, which the template has and AutoPublish would publish again"
        return left
      }
    }
    return out
  }
}

extension Inventory.Account {
  /// The resources of a stack that are of this closure: logical ids, and what names each to CloudFormation.
  package func held(in stack: Inventory.Stack) -> [String: String] {
    var out: [String: String] = [:]
    for it in stack.resources where it.status != "DELETE_COMPLETE" {
      guard let kind = StackKind.of(it.type), attributes(kind.kind, it.physicalId) != nil
      else { continue }
      out[it.logicalId] = it.physicalId
    }
    return out
  }
  /// What `Fn::GetAtt` gives of a thing of the closure; nil for what is not in it.
  package func attributes(_ kind: ResourceKind, _ id: String) -> [String: String]? {
    switch kind {
    case .distribution:
      distributions.first { $0.id == id }.map { ["Id": id, "DomainName": $0.domainName] }
    case .continuousDeploymentPolicy:
      continuousDeploymentPolicies.contains { $0.id == id } ? ["Id": id] : nil
    case .monitoringSubscription:
      resources.contains { $0.kind == kind && $0.id == id } ? [:] : nil
    default:
      resources.first {
        $0.kind == kind && ([$0.id, $0.name, $0.arn].contains(id) || id.hasSuffix("/\($0.id)"))
      }.map { it in
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
