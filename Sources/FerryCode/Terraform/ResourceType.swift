import FerryCore

/// A kind of CloudFront's as Terraform knows it.
package struct ResourceType: Sendable {
  package var kind: ResourceKind
  /// `aws_cloudfront_cache_policy`.
  package var type: String
  /// The file that it is written to: one per concern.
  package var file: String
  package var arguments: [TerraformArgument]

  /// In the order in which a file holds them.
  package static let all: [ResourceType] = [
    .init(
      kind: .distribution, type: "aws_cloudfront_distribution", file: "distributions.tf",
      arguments: distribution),
    .init(
      kind: .continuousDeploymentPolicy, type: "aws_cloudfront_continuous_deployment_policy",
      file: "distributions.tf", arguments: continuousDeploymentPolicy),
    .init(
      kind: .monitoringSubscription, type: "aws_cloudfront_monitoring_subscription",
      file: "distributions.tf", arguments: monitoringSubscription),
    .init(
      kind: .originAccessControl, type: "aws_cloudfront_origin_access_control",
      file: "origins.tf", arguments: originAccessControl),
    .init(
      kind: .originAccessIdentity, type: "aws_cloudfront_origin_access_identity",
      file: "origins.tf", arguments: [.value("comment", "Comment")]),
    .init(
      kind: .vpcOrigin, type: "aws_cloudfront_vpc_origin", file: "origins.tf",
      arguments: vpcOrigin),
    .init(
      kind: .cachePolicy, type: "aws_cloudfront_cache_policy", file: "policies.tf",
      arguments: cachePolicy),
    .init(
      kind: .originRequestPolicy, type: "aws_cloudfront_origin_request_policy",
      file: "policies.tf", arguments: originRequestPolicy),
    .init(
      kind: .responseHeadersPolicy, type: "aws_cloudfront_response_headers_policy",
      file: "policies.tf", arguments: responseHeadersPolicy),
    .init(
      kind: .function, type: "aws_cloudfront_function", file: "functions.tf",
      arguments: function),
    .init(
      kind: .keyValueStore, type: "aws_cloudfront_key_value_store", file: "functions.tf",
      arguments: [
        .value("name", "Name", always: true), .value("comment", "Comment", or: "", always: true),
      ]),
    .init(
      kind: .publicKey, type: "aws_cloudfront_public_key", file: "keys.tf", arguments: publicKey),
    .init(
      kind: .keyGroup, type: "aws_cloudfront_key_group", file: "keys.tf",
      arguments: [
        .value("name", "Name", always: true), .value("comment", "Comment"),
        .list("items", always: true, names: .publicKey),
      ]),
    .init(
      kind: .fieldLevelEncryption, type: "aws_cloudfront_field_level_encryption_config",
      file: "keys.tf", arguments: fieldLevelEncryption),
    .init(
      kind: .fieldLevelEncryptionProfile, type: "aws_cloudfront_field_level_encryption_profile",
      file: "keys.tf", arguments: fieldLevelEncryptionProfile),
    .init(
      kind: .realtimeLogConfig, type: "aws_cloudfront_realtime_log_config", file: "logs.tf",
      arguments: realtimeLogConfig),
  ]
  private static let byKind = Dictionary(uniqueKeysWithValues: all.map { ($0.kind, $0) })
  private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })
  package static func of(_ kind: ResourceKind) -> ResourceType? { byKind[kind] }
  package static func named(_ type: String) -> ResourceType? { byType[type] }

  // Source of all that follows: `terraform providers schema` of hashicorp/aws 5.100.

  private static let behaviour: [TerraformArgument] = [
    .value("target_origin_id", "TargetOriginId", always: true),
    .value("viewer_protocol_policy", "ViewerProtocolPolicy", always: true),
    .list("allowed_methods", "AllowedMethods", always: true),
    .list("cached_methods", "AllowedMethods/CachedMethods", always: true),
    .value("compress", "Compress", or: false),
    .value("smooth_streaming", "SmoothStreaming"),
    .value("cache_policy_id", "CachePolicyId", names: .cachePolicy),
    .value("origin_request_policy_id", "OriginRequestPolicyId", names: .originRequestPolicy),
    .value("response_headers_policy_id", "ResponseHeadersPolicyId", names: .responseHeadersPolicy),
    .value("min_ttl", "MinTTL", or: 0), .value("default_ttl", "DefaultTTL"),
    .value("max_ttl", "MaxTTL"),
    .list(
      "trusted_key_groups", "TrustedKeyGroups", names: .keyGroup,
      switched: "TrustedKeyGroups/Enabled"),
    .list("trusted_signers", "TrustedSigners", switched: "TrustedSigners/Enabled"),
    .value("field_level_encryption_id", "FieldLevelEncryptionId", names: .fieldLevelEncryption),
    .value("realtime_log_config_arn", "RealtimeLogConfigArn", names: .realtimeLogConfig),
    .block(
      "forwarded_values", "ForwardedValues",
      .value("query_string", "QueryString", or: false, always: true),
      .list("query_string_cache_keys", "QueryStringCacheKeys"), .list("headers", "Headers"),
      .block(
        "cookies", "Cookies", always: true, .value("forward", "Forward", or: "none", always: true),
        .list("whitelisted_names", "WhitelistedNames"))),
    .blocks(
      "function_association", "FunctionAssociations",
      .value("event_type", "EventType", always: true),
      .value("function_arn", "FunctionARN", always: true, names: .function)),
    .blocks(
      "lambda_function_association", "LambdaFunctionAssociations",
      .value("event_type", "EventType", always: true),
      .value("lambda_arn", "LambdaFunctionARN", always: true),
      .value("include_body", "IncludeBody", or: false)),
    .block("grpc_config", "GrpcConfig", .value("enabled", "Enabled")),
  ]

  private static let origin: [TerraformArgument] = [
    .value("origin_id", "Id", always: true), .value("domain_name", "DomainName", always: true),
    .value("origin_path", "OriginPath", or: ""),
    .value("origin_access_control_id", "OriginAccessControlId", names: .originAccessControl),
    .value("connection_attempts", "ConnectionAttempts", or: 3),
    .value("connection_timeout", "ConnectionTimeout", or: 10),
    .blocks(
      "custom_header", "CustomHeaders", .value("name", "HeaderName", always: true),
      TerraformArgument(name: "value", path: "HeaderValue", form: .secret(namedBy: "HeaderName"))),
    .block(
      "custom_origin_config", "CustomOriginConfig", .value("http_port", "HTTPPort", always: true),
      .value("https_port", "HTTPSPort", always: true),
      .value("origin_protocol_policy", "OriginProtocolPolicy", always: true),
      .list("origin_ssl_protocols", "OriginSslProtocols", always: true),
      .value("origin_read_timeout", "OriginReadTimeout", or: 30),
      .value("origin_keepalive_timeout", "OriginKeepaliveTimeout", or: 5)),
    .block(
      "s3_origin_config", "S3OriginConfig",
      .value("origin_access_identity", "OriginAccessIdentity", names: .originAccessIdentity)),
    .block(
      "vpc_origin_config", "VpcOriginConfig",
      .value("vpc_origin_id", "VpcOriginId", always: true, names: .vpcOrigin),
      .value("origin_read_timeout", "OriginReadTimeout", or: 30),
      .value("origin_keepalive_timeout", "OriginKeepaliveTimeout", or: 5)),
    .block(
      "origin_shield", "OriginShield", .value("enabled", "Enabled", or: false, always: true),
      .value("origin_shield_region", "OriginShieldRegion")),
  ]

  private static let distribution: [TerraformArgument] = [
    .list("aliases", "Aliases"), .value("comment", "Comment"),
    .value("enabled", "Enabled", always: true),
    // Its absence means false to the provider, and a difference there makes it a new distribution.
    .value("staging", "Staging", or: false, always: true),
    .value("is_ipv6_enabled", "IsIPV6Enabled", or: false, always: true),
    .value("http_version", "HttpVersion", or: "http2", always: true),
    .value("price_class", "PriceClass", or: "PriceClass_All", always: true),
    .value("default_root_object", "DefaultRootObject"), .value("web_acl_id", "WebACLId"),
    .value(
      "continuous_deployment_policy_id", "ContinuousDeploymentPolicyId",
      names: .continuousDeploymentPolicy),
    TerraformArgument(name: "tags", path: "Tags", form: .map),
    .blocks("origin", "Origins", origin),
    .blocks(
      "origin_group", "OriginGroups", .value("origin_id", "Id", always: true),
      .block(
        "failover_criteria", "FailoverCriteria", always: true,
        .list("status_codes", "StatusCodes", always: true)),
      .blocks("member", "Members", .value("origin_id", "OriginId", always: true))),
    TerraformArgument(
      name: "default_cache_behavior", path: "DefaultCacheBehavior", form: .block(behaviour),
      always: true),
    .blocks(
      "ordered_cache_behavior", "CacheBehaviors",
      [.value("path_pattern", "PathPattern", always: true)] + behaviour),
    .blocks(
      "custom_error_response", "CustomErrorResponses",
      .value("error_code", "ErrorCode", always: true), .numeral("response_code", "ResponseCode"),
      .value("response_page_path", "ResponsePagePath"),
      .value("error_caching_min_ttl", "ErrorCachingMinTTL")),
    .block(
      "logging_config", "Logging", switched: "Enabled",
      .value("bucket", "Bucket", always: true), .value("prefix", "Prefix", or: ""),
      .value("include_cookies", "IncludeCookies", or: false)),
    .block(
      "restrictions", "Restrictions", always: true,
      .block(
        "geo_restriction", "GeoRestriction", always: true,
        .value("restriction_type", "RestrictionType", or: "none", always: true),
        .list("locations"))),
    .block(
      "viewer_certificate", "ViewerCertificate", always: true,
      .value("cloudfront_default_certificate", "CloudFrontDefaultCertificate"),
      .value("acm_certificate_arn", "ACMCertificateArn"),
      .value("iam_certificate_id", "IAMCertificateId"),
      .value("ssl_support_method", "SSLSupportMethod"),
      .value("minimum_protocol_version", "MinimumProtocolVersion", or: "TLSv1")),
  ]

  private static let continuousDeploymentPolicy: [TerraformArgument] = [
    .value("enabled", "Enabled", always: true),
    .block(
      "staging_distribution_dns_names", "StagingDistributionDnsNames", always: true,
      .list("items", always: true, names: .distribution),
      TerraformArgument(name: "quantity", path: "", form: .count)),
    .block(
      "traffic_config", "TrafficConfig", .value("type", "Type", always: true),
      .block(
        "single_header_config", "SingleHeaderConfig", .value("header", "Header", always: true),
        .value("value", "Value", always: true)),
      .block(
        "single_weight_config", "SingleWeightConfig", .value("weight", "Weight", always: true),
        .block(
          "session_stickiness_config", "SessionStickinessConfig",
          .value("idle_ttl", "IdleTTL", always: true),
          .value("maximum_ttl", "MaximumTTL", always: true)))),
  ]
  private static let monitoringSubscription: [TerraformArgument] = [
    .value("distribution_id", "DistributionId", always: true, names: .distribution),
    .block(
      "monitoring_subscription", "", always: true,
      .block(
        "realtime_metrics_subscription_config", "RealtimeMetricsSubscriptionConfig", always: true,
        .value(
          "realtime_metrics_subscription_status", "RealtimeMetricsSubscriptionStatus",
          always: true))),
  ]
  private static let originAccessControl: [TerraformArgument] = [
    .value("name", "Name", always: true),
    // The provider's own default is a sentence.
    .value("description", "Description", or: "Managed by Terraform", always: true),
    .value("origin_access_control_origin_type", "OriginAccessControlOriginType", always: true),
    .value("signing_behavior", "SigningBehavior", always: true),
    .value("signing_protocol", "SigningProtocol", always: true),
  ]
  private static let vpcOrigin: [TerraformArgument] = [
    TerraformArgument(name: "tags", path: "Tags", form: .map),
    .block(
      "vpc_origin_endpoint_config", "", always: true, .value("name", "Name", always: true),
      .value("arn", "Arn", always: true), .value("http_port", "HTTPPort", always: true),
      .value("https_port", "HTTPSPort", always: true),
      .value("origin_protocol_policy", "OriginProtocolPolicy", always: true),
      .block(
        "origin_ssl_protocols", "OriginSslProtocols", .list("items", always: true),
        TerraformArgument(name: "quantity", path: "", form: .count))),
  ]
  private static let function: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    .value("runtime", "Runtime", always: true),
    TerraformArgument(name: "code", path: "Code", form: .file(folder: "functions", ending: "js")),
    .list(
      "key_value_store_associations", "KeyValueStoreAssociations", names: .keyValueStore,
      member: "KeyValueStoreARN"),
  ]
  private static let publicKey: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    TerraformArgument(
      name: "encoded_key", path: "EncodedKey", form: .file(folder: "keys", ending: "pem")),
  ]
  private static let fieldLevelEncryption: [TerraformArgument] = [
    .value("comment", "Comment"),
    .block(
      "content_type_profile_config", "ContentTypeProfileConfig", always: true,
      .value(
        "forward_when_content_type_is_unknown", "ForwardWhenContentTypeIsUnknown", or: false,
        always: true),
      .block(
        "content_type_profiles", "ContentTypeProfiles", always: true,
        .blocks(
          "items", "", .value("content_type", "ContentType", always: true),
          .value("format", "Format", always: true),
          .value("profile_id", "ProfileId", names: .fieldLevelEncryptionProfile)))),
    .block(
      "query_arg_profile_config", "QueryArgProfileConfig", always: true,
      .value(
        "forward_when_query_arg_profile_is_unknown", "ForwardWhenQueryArgProfileIsUnknown",
        or: false, always: true),
      .block(
        "query_arg_profiles", "QueryArgProfiles",
        .blocks(
          "items", "", .value("query_arg", "QueryArg", always: true),
          .value("profile_id", "ProfileId", always: true, names: .fieldLevelEncryptionProfile)))),
  ]
  private static let fieldLevelEncryptionProfile: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    .block(
      "encryption_entities", "EncryptionEntities", always: true,
      .blocks(
        "items", "", .value("provider_id", "ProviderId", always: true),
        .value("public_key_id", "PublicKeyId", always: true, names: .publicKey),
        .block("field_patterns", "FieldPatterns", always: true, .list("items", always: true)))),
  ]
  private static let realtimeLogConfig: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("sampling_rate", "SamplingRate", always: true),
    .list("fields", "Fields", always: true),
    .blocks(
      "endpoint", "EndPoints", .value("stream_type", "StreamType", always: true),
      .block(
        "kinesis_stream_config", "KinesisStreamConfig", always: true,
        .value("role_arn", "RoleARN", always: true), .value("stream_arn", "StreamARN", always: true)
      )),
  ]

  // MARK: Policies

  private static func choice(
    _ block: String, _ path: String, _ behaviour: String, _ choice: String, _ items: String,
    _ member: String
  ) -> TerraformArgument {
    .block(
      block, path, always: true, .value(behaviour, choice, or: "none", always: true),
      .block(items, member, .list("items")))
  }
  private static let cachePolicy: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    .value("min_ttl", "MinTTL", or: 0, always: true),
    .value("default_ttl", "DefaultTTL", or: 86400, always: true),
    .value("max_ttl", "MaxTTL", or: 31_536_000, always: true),
    .block(
      "parameters_in_cache_key_and_forwarded_to_origin",
      "ParametersInCacheKeyAndForwardedToOrigin", always: true,
      .value("enable_accept_encoding_gzip", "EnableAcceptEncodingGzip", or: false, always: true),
      .value(
        "enable_accept_encoding_brotli", "EnableAcceptEncodingBrotli", or: false, always: true),
      choice(
        "cookies_config", "CookiesConfig", "cookie_behavior", "CookieBehavior", "cookies",
        "Cookies"),
      choice(
        "headers_config", "HeadersConfig", "header_behavior", "HeaderBehavior", "headers",
        "Headers"),
      choice(
        "query_strings_config", "QueryStringsConfig", "query_string_behavior",
        "QueryStringBehavior", "query_strings", "QueryStrings")),
  ]
  private static let originRequestPolicy: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    choice(
      "cookies_config", "CookiesConfig", "cookie_behavior", "CookieBehavior", "cookies", "Cookies"),
    choice(
      "headers_config", "HeadersConfig", "header_behavior", "HeaderBehavior", "headers", "Headers"),
    choice(
      "query_strings_config", "QueryStringsConfig", "query_string_behavior", "QueryStringBehavior",
      "query_strings", "QueryStrings"),
  ]
  private static let override = TerraformArgument.value(
    "override", "Override", or: false, always: true)
  private static let responseHeadersPolicy: [TerraformArgument] = [
    .value("name", "Name", always: true), .value("comment", "Comment"),
    .block(
      "cors_config", "CorsConfig",
      .value(
        "access_control_allow_credentials", "AccessControlAllowCredentials", or: false,
        always: true),
      .value("access_control_max_age_sec", "AccessControlMaxAgeSec"),
      .value("origin_override", "OriginOverride", or: false, always: true),
      .block(
        "access_control_allow_headers", "AccessControlAllowHeaders", always: true, .list("items")),
      .block(
        "access_control_allow_methods", "AccessControlAllowMethods", always: true, .list("items")),
      .block(
        "access_control_allow_origins", "AccessControlAllowOrigins", always: true, .list("items")),
      .block("access_control_expose_headers", "AccessControlExposeHeaders", .list("items"))),
    .block(
      "custom_headers_config", "CustomHeadersConfig",
      .blocks(
        "items", "", .value("header", "Header", always: true),
        .value("value", "Value", always: true), override)),
    .block(
      "remove_headers_config", "RemoveHeadersConfig",
      .blocks("items", "", .value("header", "Header", always: true))),
    .block(
      "security_headers_config", "SecurityHeadersConfig",
      .block(
        "content_security_policy", "ContentSecurityPolicy",
        .value("content_security_policy", "ContentSecurityPolicy", always: true), override),
      TerraformArgument(
        name: "content_type_options", path: "ContentTypeOptions", form: .block([override])),
      .block(
        "frame_options", "FrameOptions", .value("frame_option", "FrameOption", always: true),
        override),
      .block(
        "referrer_policy", "ReferrerPolicy",
        .value("referrer_policy", "ReferrerPolicy", always: true), override),
      .block(
        "strict_transport_security", "StrictTransportSecurity",
        .value("access_control_max_age_sec", "AccessControlMaxAgeSec", always: true),
        .value("include_subdomains", "IncludeSubdomains"), .value("preload", "Preload"), override),
      .block(
        "xss_protection", "XSSProtection",
        .value("protection", "Protection", or: false, always: true),
        .value("mode_block", "ModeBlock"), .value("report_uri", "ReportUri"), override)),
    .block(
      "server_timing_headers_config", "ServerTimingHeadersConfig",
      .value("enabled", "Enabled", or: false, always: true),
      .value("sampling_rate", "SamplingRate", or: 0, always: true)),
  ]
}
