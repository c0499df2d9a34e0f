/// A kind of thing that a distribution refers to; the raw value is the `kind` of `cloudfront.create` and
/// `cloudfront.delete`, and what reports call it.
///
/// Source: reference facts on CloudFront, section 5.
public enum ResourceKind: String, Codable, CaseIterable, Hashable, Sendable {
  // CloudFront's own.
  case originAccessControl = "origin-access-control"
  case originAccessIdentity = "origin-access-identity"
  case cachePolicy = "cache-policy"
  case originRequestPolicy = "origin-request-policy"
  case responseHeadersPolicy = "response-headers-policy"
  case keyValueStore = "key-value-store"
  case function
  case publicKey = "public-key"
  case keyGroup = "key-group"
  case fieldLevelEncryptionProfile = "field-level-encryption-profile"
  case fieldLevelEncryption = "field-level-encryption"
  case realtimeLogConfig = "realtime-log-config"
  case vpcOrigin = "vpc-origin"
  case monitoringSubscription = "monitoring-subscription"
  case continuousDeploymentPolicy = "continuous-deployment-policy"
  case distribution
  case anycastIPList = "anycast-ip-list"
  case trustStore = "trust-store"
  case connectionFunction = "connection-function"
  // Of other services; these are mapped, never made, but for log deliveries.
  case certificate
  case serverCertificate = "server-certificate"
  case webACL = "web-acl"
  case lambdaFunction = "lambda-function"
  case bucket
  case kmsKey = "kms-key"
  case logDelivery = "log-delivery"
}
