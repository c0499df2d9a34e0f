extension Step {
  /// The IAM actions that carrying the step out needs, its checks included.
  ///
  /// - Source: Service Authorization Reference; reference facts on CloudFront, section 8.
  public var permissions: Set<String> {
    var out: Set<String> = []
    switch action {
    case .create(let draft) where draft.kind == .logDelivery:
      out.insert("cloudfront:AllowVendedLogDeliveryForResource")
      out.formUnion(
        ["CreateDelivery", "DescribeDeliveries", "GetDeliverySource", "PutDeliverySource"].map {
          "logs:\($0)"
        })
    case .delete(.logDelivery, _):
      out.formUnion(
        ["DeleteDelivery", "DeleteDeliverySource", "DescribeDeliveries", "GetDeliverySource"].map {
          "logs:\($0)"
        })
    case .create(let draft):
      out.formUnion(draft.kind.createActions.map { "cloudfront:\($0)" })
      if draft.kind == .keyValueStore, draft.content != nil {
        out.formUnion(
          ["DescribeKeyValueStore", "ListKeys", "UpdateKeys"].map {
            "cloudfront-keyvaluestore:\($0)"
          })
      }
    // Outside AWS no account changes a zone.
    case .replace where account != nil, .batch where account != nil:
      out.formUnion(
        ["ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets"].map {
          "route53:\($0)"
        })
    case .delete(let kind, _): out.formUnion(kind.deleteActions.map { "cloudfront:\($0)" })
    case .editStatements(let edit):
      out.formUnion(
        edit.service == .bucket
          ? ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"]
          : ["kms:GetKeyPolicy", "kms:PutKeyPolicy"])
    default:
      out.formUnion((Self.cloudFrontActions[action.type] ?? []).map { "cloudfront:\($0)" })
    }
    for check in checks { out.formUnion(check.permissions) }
    out.formUnion(stackNeeds.flatMap(\.actions))
    return out
  }

  private static let cloudFrontActions: [String: [String]] = [
    "cloudfront.updateConfig": ["GetDistribution", "UpdateDistribution"],
    "cloudfront.setEnabled": ["GetDistribution", "UpdateDistribution"],
    "cloudfront.createDistribution": [
      "CreateDistribution", "GetDistribution", "ListDistributions", "TagResource",
    ],
    "cloudfront.deleteDistribution": ["DeleteDistribution", "GetDistribution"],
    "cloudfront.createPolicy": [
      "CreateContinuousDeploymentPolicy", "GetContinuousDeploymentPolicy",
      "ListContinuousDeploymentPolicies",
    ],
    "cloudfront.updatePolicy": [
      "GetContinuousDeploymentPolicy", "UpdateContinuousDeploymentPolicy",
    ],
    "cloudfront.deletePolicy": [
      "DeleteContinuousDeploymentPolicy", "GetContinuousDeploymentPolicy",
    ],
    "cloudfront.moveAlias": ["GetDistribution", "UpdateDistribution", "UpdateDomainAssociation"],
    // The reference asks for the first and the last, AWS's own samples grant all three.
    "cloudfront.promote": [
      "GetDistribution", "UpdateDistribution", "UpdateDistributionWithStagingConfig",
    ],
    "cloudfront.restoreConfig": ["GetDistribution", "UpdateDistribution"],
  ]
}

extension ResourceKind {
  /// The kind's name in CloudFront's operations, such as `OriginAccessControl`.
  var operationName: String {
    switch self {
    case .originAccessControl: "OriginAccessControl"
    case .originAccessIdentity: "CloudFrontOriginAccessIdentity"
    case .cachePolicy: "CachePolicy"
    case .originRequestPolicy: "OriginRequestPolicy"
    case .responseHeadersPolicy: "ResponseHeadersPolicy"
    case .keyValueStore: "KeyValueStore"
    case .function: "Function"
    case .publicKey: "PublicKey"
    case .keyGroup: "KeyGroup"
    case .fieldLevelEncryptionProfile: "FieldLevelEncryptionProfile"
    case .fieldLevelEncryption: "FieldLevelEncryptionConfig"
    case .realtimeLogConfig: "RealtimeLogConfig"
    case .vpcOrigin: "VpcOrigin"
    case .monitoringSubscription: "MonitoringSubscription"
    default: rawValue
    }
  }
  var createActions: [String] {
    switch self {
    case .function:
      ["CreateFunction", "DescribeFunction", "GetFunction", "PublishFunction", "TagResource"]
    case .keyValueStore: ["CreateKeyValueStore", "DescribeKeyValueStore", "TagResource"]
    case .monitoringSubscription: ["CreateMonitoringSubscription", "GetMonitoringSubscription"]
    case .realtimeLogConfig: ["CreateRealtimeLogConfig", "GetRealtimeLogConfig"]
    default: ["Create\(operationName)", getAction, listAction]
    }
  }
  var deleteActions: [String] {
    switch self {
    case .function: ["DeleteFunction", "DescribeFunction", "GetFunction"]
    case .keyValueStore: ["DeleteKeyValueStore", "DescribeKeyValueStore"]
    default: ["Delete\(operationName)", getAction]
    }
  }
  /// What listing and reading those of the kind needs.
  public var readActions: [String] {
    switch self {
    case .function: ["DescribeFunction", "GetFunction", "ListFunctions"]
    case .keyValueStore: ["DescribeKeyValueStore", "ListKeyValueStores"]
    case .monitoringSubscription: ["GetMonitoringSubscription"]
    case .realtimeLogConfig: ["GetRealtimeLogConfig"]
    case .vpcOrigin: ["GetVpcOrigin"]
    default: Self.spelt.contains(self) ? [getAction, listAction] : []
    }
  }
  /// What is read is the thing with its config, also where that has a name of its own.
  private var getAction: String {
    self == .fieldLevelEncryption ? "GetFieldLevelEncryption" : "Get\(operationName)"
  }
  /// Those whose calls differ by the kind's name alone.
  static let spelt: [ResourceKind] = [
    .originAccessControl, .originAccessIdentity, .cachePolicy, .originRequestPolicy,
    .responseHeadersPolicy, .publicKey, .keyGroup, .fieldLevelEncryptionProfile,
    .fieldLevelEncryption,
  ]
  /// The calls of such a kind.
  var spelledActions: [String] {
    ["Create\(operationName)", "Delete\(operationName)", getAction, listAction]
  }
  private var listAction: String {
    switch self {
    case .originAccessIdentity: "ListCloudFrontOriginAccessIdentities"
    case .cachePolicy, .originRequestPolicy, .responseHeadersPolicy:
      "List\(operationName.dropLast())ies"
    default: "List\(operationName)s"
    }
  }
}
