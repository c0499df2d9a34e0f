import FerryCore

/// What the model does where public sources disagree on AWS's behaviour, or are silent; chosen with
/// `--behaviour KEY=VALUE`.
public struct Behaviours: Equatable, Sendable {
  /// What an update that leaves `ContinuousDeploymentPolicyId` out means.
  /// - Source: keep: aws/aws-sdk-js-v3 #7417; clear: aws/aws-cli #10446;
  ///   refuse: hashicorp/terraform-provider-aws PR #33578.
  public enum OmittedPolicyID: String, Sendable { case keep, clear, refuse }

  public var omittedPolicyID = OmittedPolicyID.keep
  /// Whether a disabled policy may be deleted while a primary still names it.
  /// - Source: no: API reference of DeleteContinuousDeploymentPolicy; yes:
  ///   hashicorp/terraform-provider-aws #34511, where the primary's field then empties itself.
  public var deletesDisabledAttachedPolicy = false
  /// Whether a policy must be disabled before it is detached.
  /// - Source: no document asks for it; terraform-provider-aws does it, and so does a promote.
  public var detachNeedsDisabledPolicy = false
  /// Whether a policy may join distributions with anycast addresses, viewer mTLS, gRPC or VPC origins.
  /// - Source: undocumented; continuous deployment is older than each of them.
  public var attachesToNewerFeatures = true
  /// Whether DescribeStackResources finds the stack of a physical id after the stack was deleted.
  /// - Source: the API reference is silent.
  public var findsDeletedStackByPhysicalID = false
  /// The most items on a page, whatever `MaxItems` asks for.
  /// - Source: 100 in the API reference of ListDistributionsByWebACLId; not stated for the others.
  public var maxItems = 100
  /// Whether `Quantity` of ContinuousDeploymentPolicyList counts the page rather than the account.
  /// - Source: total: API reference of ContinuousDeploymentPolicyList.
  public var policyListQuantityIsOfPage = false
  /// For how long after `Deployed` a delete is still refused as DistributionNotDisabled.
  /// - Source: hashicorp/terraform-provider-aws PR #3034.
  public var deleteLagSeconds = 0.0
  /// For how long after a delete the distribution's aliases are still taken.
  /// - Source: reports by practitioners only.
  public var ghostAliasSeconds = 0.0
  /// Whether members of DistributionConfig must come in the API's order.
  /// - Source: undocumented. Route 53 insists on order; aws-sdk-go-v2, and so Terraform, writes
  ///   CloudFront's members sorted by name.
  public var elementOrderIsStrict = false
  /// Whether a move inside one account needs a disabled source.
  /// - Source: yes: API reference of UpdateDomainAssociation; no: Developer Guide "Move an alternate
  ///   domain name to a different distribution".
  public var sameAccountMoveNeedsDisabledSource = false
  /// Which moves of an alias need a TXT record that shows who controls the name.
  /// - Source: always: the same page of the Developer Guide; never: the API reference, which does not mention it;
  ///   foreign, those out of another account: practitioners move names inside an account without it.
  public enum AliasMoveNeedsTXT: String, Sendable { case foreign, always, never }
  public var aliasMoveNeedsTXT = AliasMoveNeedsTXT.foreign
  /// Whether a name cannot be added while DNS leads it to another distribution.
  /// - Source: Developer Guide "Using custom URLs by adding alternate domain names (CNAMEs)";
  ///   hashicorp/terraform-provider-aws #8734.
  public var checksDNSOfAliases = true
  /// For how long after an alias crossed accounts the edges refuse it.
  /// - Source: 1 to 2 minutes: graviavu/aws-cloudfront-samples; none: mdn/infra #43, #112.
  public var aliasSwapGapSeconds = 0.0
  /// Whether ARNs of another account's web ACL, Lambda function, certificate or endpoint are refused.
  /// - Source: not documented for web ACLs and Lambda functions.
  public var refusesForeignARNs = true
  /// Whether Route 53 refuses a change of a zone whose last change is still PENDING.
  /// - Source: the API reference allows it (PriorRequestNotComplete); in practice changes are queued.
  public var refusesChangeWhilePending = false
  /// Whether an InvalidChangeBatch comes as a list of messages rather than as one in brackets.
  /// - Source: messages: API reference of ChangeResourceRecordSets; brackets: aws/aws-cli #4687 and others.
  public var listsBatchMessages = false
  /// By how many seconds a signature's time may differ from the lab's.
  /// - Source: 300 in the guide to Signature Version 4, 900 for S3; CloudFront's own is not documented.
  public var skewToleranceSeconds = 300.0

  /// Whether CloudFormation imports continuous-deployment policies.
  /// - Source: yes: the type's schema has the handlers; no: AWS's list of importable types of 2023.
  public var importsPolicies = true

  public init() {}

  /// Takes one value; false for one that the key does not know.
  private typealias Take = @Sendable (inout Behaviours, String) -> Bool

  private static func choice(
    _ no: String, _ yes: String, _ path: any WritableKeyPath<Behaviours, Bool> & Sendable
  ) -> Take {
    { it, text in
      it[keyPath: path] = text == yes
      return text == yes || text == no
    }
  }
  /// `90`, `90s`, `2m` or `1h`.
  private static func span(_ path: any WritableKeyPath<Behaviours, Double> & Sendable) -> Take {
    { it, text in
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
      let unit = text.last.flatMap { units[$0] }
      guard let value = Double(unit == nil ? text : String(text.dropLast())) else { return false }
      let seconds = value * (unit ?? 1)
      guard (0...86_400).contains(seconds) else { return false }
      it[keyPath: path] = seconds
      return true
    }
  }
  private static func seconds(_ path: any WritableKeyPath<Behaviours, Double> & Sendable) -> Take {
    { it, text in
      guard let value = Double(text), (0...86_400).contains(value) else { return false }
      it[keyPath: path] = value
      return true
    }
  }

  private static let keys: [(key: String, values: String, take: Take)] = [
    (
      "omitted-policy-id", "keep|clear|refuse",
      { it, text in
        guard let value = OmittedPolicyID(rawValue: text) else { return false }
        it.omittedPolicyID = value
        return true
      }
    ),
    (
      "delete-disabled-attached-policy", "refuse|allow",
      choice("refuse", "allow", \.deletesDisabledAttachedPolicy)
    ),
    ("detach-needs-disabled-policy", "no|yes", choice("no", "yes", \.detachNeedsDisabledPolicy)),
    (
      "attach-to-newer-features", "allow|refuse",
      choice("refuse", "allow", \.attachesToNewerFeatures)
    ),
    (
      "deleted-stack-by-physical-id", "no|yes", choice("no", "yes", \.findsDeletedStackByPhysicalID)
    ),
    ("import-cd-policy", "allow|refuse", choice("refuse", "allow", \.importsPolicies)),
    (
      "max-items", "100|NUMBER",
      { it, text in
        guard let value = Int(text), (1...1000).contains(value) else { return false }
        it.maxItems = value
        return true
      }
    ),
    ("policy-list-quantity", "total|page", choice("total", "page", \.policyListQuantityIsOfPage)),
    ("delete-lag", "0|SECONDS", seconds(\.deleteLagSeconds)),
    ("ghost-alias", "0|SECONDS", seconds(\.ghostAliasSeconds)),
    ("element-order", "any|strict", choice("any", "strict", \.elementOrderIsStrict)),
    (
      "same-account-move-needs-disabled-source", "no|yes",
      choice("no", "yes", \.sameAccountMoveNeedsDisabledSource)
    ),
    (
      "alias-move-needs-txt", "foreign|always|never",
      { it, text in
        guard let value = AliasMoveNeedsTXT(rawValue: text) else { return false }
        it.aliasMoveNeedsTXT = value
        return true
      }
    ),
    ("alias-dns-check", "yes|no", choice("no", "yes", \.checksDNSOfAliases)),
    ("alias-swap-gap", "0s|SPAN", span(\.aliasSwapGapSeconds)),
    ("foreign-arns", "refuse|accept", choice("accept", "refuse", \.refusesForeignARNs)),
    (
      "change-while-pending", "accept|refuse",
      choice("accept", "refuse", \.refusesChangeWhilePending)
    ),
    ("batch-error", "brackets|messages", choice("brackets", "messages", \.listsBatchMessages)),
    ("skew-tolerance", "300|SECONDS", seconds(\.skewToleranceSeconds)),
  ]

  /// Every key with its values, the default first; shown by `lab serve --help`.
  public static let help: [(key: String, values: String)] = keys.map { ($0.key, $0.values) }

  /// Takes one `KEY=VALUE`.
  /// - Throws: `bad-behaviour` (exit 64) naming what is accepted.
  public mutating func set(_ text: String) throws(FerryError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let value = parts.count == 2 ? String(parts[1]) : ""
    if let row = Self.keys.first(where: { $0.key == parts[0] }), row.take(&self, value) { return }
    let known = Self.help.map { "\($0.key)=\($0.values)" }.joined(separator: ", ")
    throw .badInput(
      "bad-behaviour", what: "could not read the behaviour \(text)",
      why: "it is not one of \(known)", next: "run `edgeferry lab serve --help`")
  }
}
