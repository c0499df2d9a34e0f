/// Which IAM actions each call needs that a client can make.
///
/// A call that is not listed here is not made: the tests compare the list with the clients' source and with what
/// an endpoint was really asked.
/// - Source: Service Authorization Reference; reference facts on CloudFront, section 8.2.
public enum CalledActions {
  /// By the service's signing name: those whose action has the call's own name.
  static let plain: [String: Set<String>] = [
    "acm": ["DescribeCertificate", "ListCertificates"],
    "cloudformation": ["GetTemplate", "ListStackResources", "ListStacks"],
    "cloudfront": cloudFront.union(ResourceKind.spelt.flatMap(\.spelledActions)),
    "cloudfront-keyvaluestore": ["DescribeKeyValueStore", "GetKey", "ListKeys", "UpdateKeys"],
    "iam": [
      "GetRole", "GetServerCertificate", "ListServerCertificates", "SimulatePrincipalPolicy",
    ],
    "kms": ["GetKeyPolicy", "PutKeyPolicy"],
    "lambda": ["GetFunction"],
    "logs": [
      "CreateDelivery", "DeleteDelivery", "DeleteDeliverySource", "DescribeDeliveries",
      "DescribeDeliveryDestinations", "DescribeDeliverySources", "GetDeliverySource",
    ],
    "organizations": [
      "ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent",
    ],
    "route53": [
      "ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListHostedZonesByName",
      "ListResourceRecordSets",
    ],
    "s3": [
      "DeleteBucketPolicy", "GetBucketOwnershipControls", "GetBucketPolicy", "GetObject",
      "PutBucketPolicy", "PutObject",
    ],
    "servicequotas": ["ListAWSDefaultServiceQuotas", "ListServiceQuotas"],
    "sts": ["AssumeRole"],
    "wafv2": [
      "GetIPSet", "GetLoggingConfiguration", "GetRegexPatternSet", "GetRuleGroup", "GetWebACL",
    ],
  ]
  private static let cloudFront: Set<String> = [
    "CreateContinuousDeploymentPolicy", "CreateDistribution", "CreateMonitoringSubscription",
    "CreateRealtimeLogConfig", "DeleteContinuousDeploymentPolicy", "DeleteDistribution",
    "DeleteFunction", "DeleteKeyValueStore", "DeleteMonitoringSubscription",
    "DeleteRealtimeLogConfig", "DescribeFunction", "DescribeKeyValueStore",
    "GetContinuousDeploymentPolicy", "GetDistribution", "GetFunction", "GetMonitoringSubscription",
    "GetRealtimeLogConfig", "GetVpcOrigin", "ListConflictingAliases",
    "ListContinuousDeploymentPolicies", "ListDistributions", "ListDomainConflicts",
    "ListFunctions", "ListKeyValueStores", "ListTagsForResource", "PublishFunction",
    "UpdateContinuousDeploymentPolicy", "UpdateDistribution",
    "UpdateDistributionWithStagingConfig", "UpdateDomainAssociation",
  ]
  /// Those whose action has another name, or that need two, or none: whoever has keys or a token may make them.
  static let odd: [String: [String: [String]]] = [
    "cloudfront": [
      "CreateDistributionWithTags": ["cloudfront:CreateDistribution", "cloudfront:TagResource"],
      "CreateFunction": ["cloudfront:CreateFunction", "cloudfront:TagResource"],
      "CreateKeyValueStore": ["cloudfront:CreateKeyValueStore", "cloudfront:TagResource"],
    ],
    "logs": [
      "PutDeliverySource": [
        "cloudfront:AllowVendedLogDeliveryForResource", "logs:PutDeliverySource",
      ]
    ],
    "monitoring": ["GetMetricData": ["cloudwatch:GetMetricData"]],
    "oidc": ["CreateToken": []],
    "portal.sso": ["GetRoleCredentials": []],
    "s3": [
      "GetBucketEncryption": ["s3:GetEncryptionConfiguration"], "ListObjectsV2": ["s3:ListBucket"],
    ],
    "signin": ["CreateOAuth2Token": []],
    "sts": ["AssumeRoleWithWebIdentity": [], "GetCallerIdentity": []],
  ]

  /// - Returns: nil for a call that no client makes.
  public static func actions(service: String, operation: String) -> [String]? {
    if let found = odd[service]?[operation] { return found }
    return plain[service]?.contains(operation) == true ? ["\(service):\(operation)"] : nil
  }
  /// The actions behind a call of whatever service has one of that name; its own name where none is known.
  public static func actions(operation: String) -> [String] {
    for service in Set(plain.keys).union(odd.keys).sorted() {
      if let found = actions(service: service, operation: operation), !found.isEmpty {
        return found
      }
    }
    return [operation]
  }
  /// The names of all calls.
  public static let operations: Set<String> = Set(plain.values.joined()).union(
    odd.values.flatMap(\.keys))
  /// Every action that some call needs.
  public static let actions: Set<String> = {
    var out = Set(odd.values.flatMap(\.values).joined())
    for (service, names) in plain { out.formUnion(names.map { "\(service):\($0)" }) }
    return out
  }()
}
