import FerryCore
import Foundation

/// A thing of the account that the code holds.
package struct Subject: Sendable {
  package var resource: ResourceType
  /// CloudFront's id, or the name of what is known by name.
  package var id: String
  /// What Terraform's `import` block names it by.
  package var importID: String
  /// What its name in the code is made from.
  package var label: String
  /// Its config with what belongs to it elsewhere: tags, code, the name of a function.
  package var document: JSONValue
  /// Attributes that other code may refer to, as the provider reads them.
  package var exports: [String: String]
  /// Another resource changes it until code follows: a primary with a policy.
  package var isPrimaryWithPolicy = false
  /// A policy whose weight is no sum of a few powers of two.
  package var hasInexactWeight: Bool {
    guard
      case .double(let it)? = document.at("TrafficConfig/SingleWeightConfig/Weight")
    else { return false }
    return (it * 1024).rounded() != it * 1024
  }
  /// What it was made with once; Terraform keeps it itself.
  package var callerReference: String?
  /// Tags as they are, whatever a tool can have.
  package var tags: [String: String] = [:]
  /// What cannot be written and is already known.
  package var left: [NotExpressed] = []
}

/// Something of the live configuration that the code does not say, and why.
package struct NotExpressed: Codable, Hashable, Sendable {
  package var kind: String
  package var id: String
  package var path: String
  package var reason: String
  package init(kind: String, id: String, path: String, reason: String) {
    self.kind = kind
    self.id = id
    self.path = path
    self.reason = reason
  }
}

extension Subject {
  /// Everything of an account that Terraform has a resource for, in the order of the files.
  package static func all(in account: Inventory.Account) -> [Subject] {
    var out: [Subject] = []
    let primaries = Dictionary(
      account.distributions.compactMap { it in it.policyID.map { ($0, it) } },
      uniquingKeysWith: { first, _ in first })
    var stagingNames: [String: String] = [:]
    for policy in account.continuousDeploymentPolicies {
      guard let primary = primaries[policy.id] else { continue }
      for name in policy.stagingNames {
        stagingNames[name.lowercased()] = label(of: primary) + " staging"
      }
    }
    for it in account.distributions {
      out.append(
        distribution(it, label: stagingNames[it.domainName.lowercased()] ?? label(of: it)))
    }
    for it in account.continuousDeploymentPolicies {
      out.append(
        Subject(
          resource: type(.continuousDeploymentPolicy), id: it.id, importID: it.id,
          label: primaries[it.id].map(label) ?? "policy",
          document: Shape.json(it.config, shape: "ContinuousDeploymentPolicyConfig"),
          exports: ["id": it.id]))
    }
    let names = Dictionary(
      account.distributions.map { ($0.id, label(of: $0)) }, uniquingKeysWith: { first, _ in first })
    for it in account.resources {
      guard let resource = ResourceType.of(it.kind) else { continue }
      out.append(self.resource(it, resource, names: names, account: account.id))
    }
    return out
  }

  private static func type(_ kind: ResourceKind) -> ResourceType {
    guard let it = ResourceType.of(kind) else { preconditionFailure("no type of \(kind)") }
    return it
  }
  private static func label(of it: Inventory.Distribution) -> String {
    let comment = it.config.text(at: "Comment") ?? ""
    if let alias = it.aliases.first { return alias.replacing("*.", with: "wildcard.") }
    return comment.isEmpty ? String(it.domainName.prefix { $0 != "." }) : comment
  }

  private static func distribution(_ it: Inventory.Distribution, label: String) -> Subject {
    var out = Subject(
      resource: type(.distribution), id: it.id, importID: it.id, label: label,
      document: Shape.json(it.config, shape: "DistributionConfig"),
      exports: ["id": it.id, "arn": it.arn, "domain_name": it.domainName],
      isPrimaryWithPolicy: !it.isStaging && it.policyID != nil)
    func drop(_ member: String) {
      guard case .object(var members) = out.document else { return }
      members[member] = nil
      out.document = .object(members)
    }
    // Kept by the provider as it reads it.
    drop("CallerReference")
    if it.isStaging {
      // The policy refers to its staging distribution; the other way would be a circle.
      drop("ContinuousDeploymentPolicyId")
    }
    out.document = out.document.withCertificate.withDefaults
    out.tags = it.tags
    out.left = out.take(tags: it.tags)
    return out
  }

  private static func resource(
    _ it: Inventory.Resource, _ resource: ResourceType, names: [String: String],
    account: AccountID
  ) -> Subject {
    /// - Source: Service Authorization Reference, resource types of CloudFront.
    func arn(_ type: String, _ id: String) -> String {
      "arn:aws:cloudfront::\(account):\(type)/\(id)"
    }
    var members = it.config?.object ?? [:]
    let reference = members.removeValue(forKey: "CallerReference")?.string
    var out = Subject(
      resource: resource, id: it.id, importID: it.id,
      label: it.name ?? members["Name"]?.string ?? it.id, document: .null,
      exports: ["id": it.id])
    if let arn = it.arn { out.exports["arn"] = arn }
    out.callerReference = reference
    out.tags = it.tags
    switch it.kind {
    case .function:
      members["Name"] = .string(it.name ?? it.id)
      if it.extras["developmentIsLive"] == false {
        out.left.append(
          .init(
            kind: it.kind.rawValue, id: it.id, path: "stage DEVELOPMENT",
            reason:
              "it differs from stage LIVE, which the code has; the provider reads this one, so an apply overwrites it"
          ))
      }
      if let code = it.extras["code"]?.string, let bytes = Data(base64Encoded: code) {
        if let text = String(data: bytes, encoding: .utf8) {
          members["Code"] = .string(text)
        } else {
          out.left.append(
            .init(
              kind: it.kind.rawValue, id: it.id, path: "Code",
              reason: "it is not UTF-8, which is all that Terraform reads from a file"))
        }
      }
    case .originAccessIdentity:
      out.label = members["Comment"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? it.id
      out.exports["cloudfront_access_identity_path"] = "origin-access-identity/cloudfront/\(it.id)"
    case .originAccessControl:
      if members["Description"] == nil { members["Description"] = "" }
    case .keyValueStore:
      let name = it.name ?? it.id
      members = members.filter { ["Name", "Comment"].contains($0.key) }
      members["Name"] = .string(name)
      out.importID = name
    case .realtimeLogConfig:
      members["ARN"] = nil
      out.importID = it.arn ?? it.id
    case .monitoringSubscription:
      members["DistributionId"] = .string(it.id)
      out.label = names[it.id] ?? it.id
    case .fieldLevelEncryption:
      out.exports["arn"] = out.exports["arn"] ?? arn("field-level-encryption-config", it.id)
      out.label = members["Comment"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? it.id
    case .fieldLevelEncryptionProfile:
      out.exports["arn"] = out.exports["arn"] ?? arn("field-level-encryption-profile", it.id)
    default: break
    }
    out.document = .object(members)
    out.left += out.take(tags: it.tags)
    return out
  }

  /// Puts tags into the document where the resource takes them.
  /// - Returns: those that the code cannot have.
  private mutating func take(tags: [String: String]) -> [NotExpressed] {
    let takes = resource.arguments.contains { $0.name == "tags" }
    let own = tags.filter { takes && !$0.key.lowercased().hasPrefix("aws:") }
    if !own.isEmpty {
      document = document.setting(.object(own.mapValues(JSONValue.string)), at: "Tags")
    }
    return tags.keys.filter { own[$0] == nil }.sorted().map { key in
      NotExpressed(
        kind: resource.kind.rawValue, id: id, path: "Tags/\(key)",
        reason: key.lowercased().hasPrefix("aws:")
          ? "nobody but AWS sets tags that begin with aws:; it stays as it is"
          : "\(resource.type) of hashicorp/aws 5 has no tags; it stays as it is")
    }
  }
}

extension JSONValue {
  /// Without the older names that CloudFront repeats a certificate under, and what means nothing without one.
  fileprivate var withCertificate: JSONValue {
    guard case .object(var members) = self else { return self }
    guard case .object(var certificate)? = members["ViewerCertificate"] else { return self }
    func has(_ key: String) -> Bool { certificate[key]?.string?.isEmpty == false }
    if !has("ACMCertificateArn"), !has("IAMCertificateId"), has("Certificate") {
      switch certificate["CertificateSource"] {
      case "acm": certificate["ACMCertificateArn"] = certificate["Certificate"]
      case "iam": certificate["IAMCertificateId"] = certificate["Certificate"]
      default: break
      }
    }
    certificate["Certificate"] = nil
    certificate["CertificateSource"] = nil
    if !has("ACMCertificateArn"), !has("IAMCertificateId") {
      certificate["SSLSupportMethod"] = nil
      certificate["CloudFrontDefaultCertificate"] = true
    }
    members["ViewerCertificate"] = .object(certificate)
    return .object(members)
  }
  /// What CloudFront answers for what a request leaves out.
  fileprivate var withDefaults: JSONValue {
    guard case .object(var members) = self else { return self }
    if members["ViewerCertificate"] == nil {
      members["ViewerCertificate"] = ["CloudFrontDefaultCertificate": true]
    }
    func behaviour(_ value: JSONValue) -> JSONValue {
      var out = value
      if out.at("AllowedMethods")?.items.isEmpty ?? true {
        out = out.setting(["Items": ["GET", "HEAD"]], at: "AllowedMethods")
      }
      if out.at("AllowedMethods/CachedMethods")?.items.isEmpty ?? true {
        out = out.setting(["Items": ["GET", "HEAD"]], at: "AllowedMethods/CachedMethods")
      }
      return out
    }
    members["DefaultCacheBehavior"] = members["DefaultCacheBehavior"].map(behaviour)
    if let items = members["CacheBehaviors"]?.items, !items.isEmpty {
      members["CacheBehaviors"] = ["Items": .array(items.map(behaviour))]
    }
    return .object(members)
  }
}
