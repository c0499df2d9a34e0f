import FerryCore
import Foundation

/// Something that does not cross to another account as it stands: why, and what a person supplies.
struct Crossing: Codable, Hashable, Sendable {
  var kind: String
  var id: String
  var reason: String
  var supply: String
}

extension Crossing {
  /// What a rule looks at: a thing by its id, as far as it was read.
  struct Subject {
    var id: String
    var resource: Inventory.Resource?
    /// Where the config that names it does so.
    var path: String
    /// Whose export it is.
    var account: AccountID
  }
  typealias Verdict = (reason: String, supply: String)

  /// Of everything an export holds or names, in the order of kinds and ids.
  /// - Parameter isRedacted: whether the file has secrets as digests only.
  static func all(in account: Inventory.Account, isRedacted: Bool) -> [Crossing] {
    var out: Set<Crossing> = []
    func add(_ kind: String, _ id: String, _ verdict: Verdict?) {
      guard let verdict else { return }
      out.insert(
        Crossing(kind: kind, id: id, reason: verdict.reason, supply: verdict.supply))
    }
    var read: [String: Inventory.Resource] = [:]
    for it in account.resources {
      for id in [it.id, it.arn].compactMap({ $0 }) { read["\(it.kind) \(id)"] = it }
    }
    func judge(_ config: XElement, _ kind: ResourceKind) {
      for reference in Reference.all(in: config, of: kind) {
        let it = reference.kind.flatMap { read["\($0) \(reference.id)"] }
        add(
          reference.referent.name, it?.id ?? reference.id,
          rules[reference.referent]?(
            Subject(
              id: reference.id, resource: it, path: reference.path, account: account.id)))
      }
    }
    for it in account.distributions {
      judge(it.config, .distribution)
      for verdict in distribution(it, isRedacted: isRedacted) {
        add("distribution", it.id, verdict)
      }
    }
    for it in account.resources {
      if let document = it.document { judge(document, it.kind) }
      if it.kind == .kmsKey || it.kind == .logDelivery {
        add(
          it.kind.rawValue, it.id,
          rules[.resource(it.kind)]?(
            Subject(id: it.id, resource: it, path: "", account: account.id)))
      }
      if isRedacted, it.kind == .keyValueStore, it.holdsSecrets {
        add(
          it.kind.rawValue, it.id,
          (
            "its values are in the file as digests only",
            "export with --include-secrets, or fill the new store by other means"
          ))
      }
      if it.kind == .function {
        for store in account.resources where store.kind == .keyValueStore {
          add(it.kind.rawValue, it.id, code(of: it, naming: store))
        }
      }
    }
    return out.sorted { ($0.kind, $0.id, $0.reason) < ($1.kind, $1.id, $1.reason) }
  }

  /// One rule for each kind that cannot be made anew from what can be read.
  /// - Source: reference facts on CloudFront, section 5.
  static let rules: [Reference.Referent: @Sendable (Subject) -> Verdict?] = [
    .resource(.certificate): { it in
      if it.path.hasSuffix("ClientCertificateArn") {
        return (
          "the key of the client certificate for the origin cannot be read",
          "a certificate in the target that the origin trusts; map it under certificates:"
        )
      }
      let names = it.resource?.json?["SubjectAlternativeNames"]?.array?.compactMap(\.string) ?? []
      let covers =
        names.isEmpty ? "every alias" : names.sorted().joined(separator: ", ")
      return (
        "a certificate stays in its account and its private key cannot be read",
        "an issued certificate in us-east-1 of the target that covers \(covers); its validation record is a new one; map it under certificates:"
      )
    },
    .resource(.serverCertificate): { _ in
      (
        "the private key of a certificate in IAM cannot be read",
        "an issued certificate of ACM in us-east-1 of the target, mapped under certificates: by this id; or the key and chain for an upload there"
      )
    },
    .resource(.webACL): { it in
      ARN(it.id) == nil
        ? (
          "a web ACL of WAF Classic is not carried",
          "a WAFv2 web ACL of the target; map it under webACLs:"
        )
        : (
          "a distribution takes a web ACL of its own account only",
          "a web ACL with its sets and groups in the target; Marketplace groups need a subscription there, groups of Firewall Manager are not yours; map it under webACLs:"
        )
    },
    .resource(.lambdaFunction): { _ in
      (
        "a distribution takes a Lambda function of its own account only",
        "the code as a numbered version in us-east-1 of the target, with a role that lambda and edgelambda may assume; map it under lambdaFunctions:"
      )
    },
    .resource(.vpcOrigin): { it in
      if let owner = it.resource?.arn.flatMap(ARN.init)?.account, owner != it.account {
        return (
          "it is account \(owner)'s, shared through AWS RAM",
          "a share of it with the target too, or a VPC origin of the target; map it under others:"
        )
      }
      return (
        "the load balancer or instance behind it is in the source's VPC",
        "the VPC origin shared through AWS RAM, or one for a copy of what it fronts"
      )
    },
    .resource(.trustStore): { _ in
      (
        "the CA certificates of a trust store cannot be read",
        "the CA bundle, for a trust store in the target"
      )
    },
    .resource(.anycastIPList): { _ in
      (
        "its addresses belong to the source account",
        "an anycast IP list in the target; clients that allow the old addresses must learn the new"
      )
    },
    .resource(.connectionFunction): { _ in
      ("connection functions are not carried", "one made and published in the target")
    },
    .resource(.realtimeLogConfig): { _ in
      (
        "its ARN holds the account, and a foreign one is refused",
        "a config in the target, made from this one; map it under realtimeLogConfigs:"
      )
    },
    .stream: { _ in
      (
        "the Kinesis stream of a real-time log config is the source account's",
        "a stream in the target, or one that its role may write to"
      )
    },
    .role: { _ in
      (
        "the role of a real-time log config is the source account's",
        "a role in the target that cloudfront.amazonaws.com may assume; such trust often names the account"
      )
    },
    .resource(.bucket): { it in
      if it.path.hasPrefix("Logging") {
        return (
          "a log bucket stays in its account",
          "a bucket with ACLs on to which the target's owner has s3:GetBucketAcl and s3:PutBucketAcl; map it under buckets:"
        )
      }
      return (
        "the bucket and its objects stay in their account",
        "nothing to keep it: its policy gets a grant for the new distribution; or a copy, mapped under buckets:"
      )
    },
    .resource(.kmsKey): { _ in
      (
        "the key stays in its account",
        "a grant for the new distribution in its policy, or another key mapped under kmsKeys:"
      )
    },
    .resource(.logDelivery): { _ in
      (
        "a log delivery names the distribution's ARN, so the copy gets one of its own",
        "a delivery destination that the target may use, mapped under logDestinations:; across accounts it needs a destination policy"
      )
    },
    .resource(.publicKey): { _ in
      (
        "the key gets a new id, the Key-Pair-Id of signed URLs and cookies",
        "signers that use the new id, or sign for both while the move lasts"
      )
    },
    .resource(.originAccessIdentity): { _ in
      (
        "it gets a new id and a new canonical user",
        "a bucket policy that admits the new one too; better an origin access control"
      )
    },
  ]

  /// What the config itself says that means something else elsewhere.
  private static func distribution(_ it: Inventory.Distribution, isRedacted: Bool) -> [Verdict] {
    var out: [Verdict] = []
    if it.config.text(at: "ConnectionMode") == "tenant-only" {
      out.append(
        (
          "a multi-tenant distribution takes its tenants' DNS along",
          "another way: tenants and connection groups are not carried"
        ))
    }
    let behaviours =
      [it.config.first("DefaultCacheBehavior")].compactMap { $0 }
      + (it.config.at("CacheBehaviors/Items")?.children ?? [])
    let signers = Set(
      behaviours.flatMap { $0.at("TrustedSigners/Items")?.children.map(\.text) ?? [] })
    if !signers.isEmpty {
      out.append(
        (
          "trusted signers (\(signers.sorted().joined(separator: ", "))) are accounts, and self is another one there",
          "a key group in place of the trusted signers"
        ))
    }
    let owned = it.tags.keys.filter { $0.lowercased().hasPrefix("aws:") }.sorted()
    if !owned.isEmpty {
      out.append(
        (
          "nobody but AWS sets the tags \(owned.joined(separator: ", "))",
          "an owner for the new distribution: the stack or service behind these tags has the old one"
        ))
    }
    if isRedacted, it.config.holdsSecrets {
      out.append(
        (
          "the values of its origin headers are in the file as digests only",
          "export with --include-secrets, or map them"
        ))
    }
    if !it.isStaging {
      out.append(
        (
          "its id, ARN and domain name are new there; cached objects, metrics, alarms and a flat-rate pricing plan stay",
          "a search of code, policies, pipelines and dashboards for \(it.id) and \(it.domainName), and a pricing plan if there is one"
        ))
    }
    return out
  }

  /// Code may open a store by its id, which is new in the target.
  private static func code(of it: Inventory.Resource, naming store: Inventory.Resource) -> Verdict?
  {
    guard
      let id = store.document?.text(at: "Id")
        ?? store.arn?.split(separator: "/").last.map(String.init),
      !id.isEmpty, let code = it.extras["code"]?.string, let bytes = Data(base64Encoded: code),
      String(decoding: bytes, as: UTF8.self).contains(id)
    else { return nil }
    return (
      "its code names the id \(id) of the key value store \(store.id), which is new there",
      "code that leaves the id out, or the new one in it"
    )
  }
}
