import FerryCore

/// The IAM actions that reading a closure needs, by the kind of thing that is read.
///
/// - Source: reference facts on CloudFront, section 8.2; the Service Authorization Reference.
package enum ClosureActions {
  /// The calls of a kind, the telling one first.
  package static let operations: [ResourceKind: [String]] = [
    .distribution: ["GetDistribution", "ListTagsForResource", "ListDistributions"],
    .continuousDeploymentPolicy: ["GetContinuousDeploymentPolicy"],
    .originAccessControl: ["GetOriginAccessControl"],
    .originAccessIdentity: ["GetCloudFrontOriginAccessIdentity"],
    .cachePolicy: ["GetCachePolicy", "ListCachePolicies"],
    .originRequestPolicy: ["GetOriginRequestPolicy", "ListOriginRequestPolicies"],
    .responseHeadersPolicy: ["GetResponseHeadersPolicy", "ListResponseHeadersPolicies"],
    .function: ["DescribeFunction", "GetFunction", "ListTagsForResource"],
    .keyValueStore: ["DescribeKeyValueStore", "ListKeyValueStores", "ListKeys", "GetKey"],
    .publicKey: ["GetPublicKey"],
    .keyGroup: ["GetKeyGroup"],
    .fieldLevelEncryptionProfile: ["GetFieldLevelEncryptionProfile"],
    .fieldLevelEncryption: ["GetFieldLevelEncryption"],
    .realtimeLogConfig: ["GetRealtimeLogConfig"],
    .vpcOrigin: ["GetVpcOrigin", "ListTagsForResource"],
    .monitoringSubscription: ["GetMonitoringSubscription"],
    .certificate: ["DescribeCertificate"],
    .serverCertificate: ["GetServerCertificate", "ListServerCertificates"],
    .webACL: [
      "GetWebACL", "GetIPSet", "GetRegexPatternSet", "GetRuleGroup", "GetLoggingConfiguration",
    ],
    .lambdaFunction: ["GetFunction"],
    .bucket: ["GetBucketPolicy", "GetBucketOwnershipControls", "GetBucketEncryption"],
    .kmsKey: ["GetKeyPolicy"],
    .logDelivery: LogDeliveryClient.operations,
  ]

  /// The action that one call needs.
  package static func action(_ kind: ResourceKind, _ operation: String) -> String {
    let service =
      switch kind {
      case .certificate: "acm"
      case .serverCertificate: "iam"
      case .webACL: "wafv2"
      case .lambdaFunction: "lambda"
      case .bucket: "s3"
      case .kmsKey: "kms"
      case .logDelivery: "logs"
      case .keyValueStore where ["ListKeys", "GetKey"].contains(operation):
        "cloudfront-keyvaluestore"
      default: "cloudfront"
      }
    // S3 calls this one by another name.
    let name = operation == "GetBucketEncryption" ? "GetEncryptionConfiguration" : operation
    return "\(service):\(name)"
  }

  /// Everything that a reader of the whole closure may call.
  package static let all: [String] = Set(
    operations.flatMap { kind, names in names.map { action(kind, $0) } }
  ).sorted()

  /// What a reader of CloudFront's own configuration may call.
  package static let configuration: [String] = all.filter {
    $0.hasPrefix("cloudfront:") || $0.hasPrefix("sts:")
  }
}
