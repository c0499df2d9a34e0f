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
  /// Whether an alias moves only when a TXT record shows who controls the name.
  /// - Source: yes: the same page of the Developer Guide; the API reference does not mention it.
  public var aliasMoveNeedsTXT = false
  /// Whether Route 53 refuses a change of a zone whose last change is still PENDING.
  /// - Source: the API reference allows it (PriorRequestNotComplete); in practice changes are queued.
  public var refusesChangeWhilePending = false
  /// Whether an InvalidChangeBatch comes as a list of messages rather than as one in brackets.
  /// - Source: messages: API reference of ChangeResourceRecordSets; brackets: aws/aws-cli #4687 and others.
  public var listsBatchMessages = false
  /// By how many seconds a signature's time may differ from the lab's.
  /// - Source: 300 in the guide to Signature Version 4, 900 for S3; CloudFront's own is not documented.
  public var skewToleranceSeconds = 300.0

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
    ("alias-move-needs-txt", "no|yes", choice("no", "yes", \.aliasMoveNeedsTXT)),
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
