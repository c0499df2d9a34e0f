import FerryCore

/// The properties of the types, by the registry's schemas.
///
/// - Source: the CloudFormation registry's schemas of `AWS::CloudFront::…`, as of November 2026.
extension StackKind {
  private static let behaviour: [StackProperty] = [
    .value("TargetOriginId"), .value("ViewerProtocolPolicy"), .list("AllowedMethods"),
    .list("CachedMethods", "AllowedMethods/CachedMethods"), .value("Compress"),
    .value("SmoothStreaming"), .value("CachePolicyId", names: .cachePolicy),
    .value("OriginRequestPolicyId", names: .originRequestPolicy),
    .value("ResponseHeadersPolicyId", names: .responseHeadersPolicy), .value("MinTTL"),
    .value("DefaultTTL"), .value("MaxTTL"),
    .value("FieldLevelEncryptionId", names: .fieldLevelEncryption),
    .value("RealtimeLogConfigArn", names: .realtimeLogConfig),
    .list("TrustedKeyGroups", names: .keyGroup, switched: "Enabled"),
    .list("TrustedSigners", switched: "Enabled"),
    .object(
      "ForwardedValues",
      [
        .value("QueryString"), .list("QueryStringCacheKeys"), .list("Headers"),
        .object("Cookies", [.value("Forward"), .list("WhitelistedNames")]),
      ]),
    .items(
      "FunctionAssociations", nil,
      [.value("EventType"), .value("FunctionARN", names: .function)]),
    .items(
      "LambdaFunctionAssociations", nil,
      [.value("EventType"), .value("LambdaFunctionARN"), .value("IncludeBody")]),
    .object("GrpcConfig", [.value("Enabled")]),
  ]
  private static let origin: [StackProperty] = [
    .value("Id"), .value("DomainName"), .value("OriginPath"),
    .value("OriginAccessControlId", names: .originAccessControl), .value("ConnectionAttempts"),
    .value("ConnectionTimeout"), .value("ResponseCompletionTimeout"),
    .items(
      "OriginCustomHeaders", "CustomHeaders",
      [
        .value("HeaderName"),
        .init(name: "HeaderValue", path: "HeaderValue", form: .secret(namedBy: "HeaderName")),
      ]),
    .object(
      "CustomOriginConfig",
      [
        .value("HTTPPort"), .value("HTTPSPort"), .value("OriginProtocolPolicy"),
        .list("OriginSSLProtocols", "OriginSslProtocols"), .value("OriginReadTimeout"),
        .value("OriginKeepaliveTimeout"), .value("IpAddressType"),
        .object("OriginMtlsConfig", [.value("ClientCertificateArn")]),
      ]),
    // An origin of S3 is one by its being there.
    .object(
      "S3OriginConfig", always: true,
      [
        .init(
          name: "OriginAccessIdentity", path: "OriginAccessIdentity", form: .scalar,
          names: .originAccessIdentity, always: true), .value("OriginReadTimeout"),
      ]),
    .object(
      "VpcOriginConfig",
      [
        .value("VpcOriginId", names: .vpcOrigin), .value("OwnerAccountId"),
        .value("OriginReadTimeout"), .value("OriginKeepaliveTimeout"),
      ]),
    .object("OriginShield", [.value("Enabled"), .value("OriginShieldRegion")]),
  ]
  private static let originGroup: [StackProperty] = [
    .value("Id"),
    .object(
      "FailoverCriteria",
      [.init(name: "StatusCodes", path: "StatusCodes", form: .wrapped(counted: true), always: true)]
    ),
    .init(
      name: "Members", path: "Members", form: .wrappedItems([.value("OriginId")], counted: true),
      always: true), .value("SelectionCriteria"),
  ]
  package static let distribution: [StackProperty] = [
    .object(
      "DistributionConfig", "",
      [
        .list("Aliases"), .value("Comment"), .value("Enabled"), .value("Staging"),
        .value("IPV6Enabled", "IsIPV6Enabled"), .value("HttpVersion"), .value("PriceClass"),
        .value("DefaultRootObject"), .value("WebACLId"), .value("AnycastIpListId"),
        .value("ConnectionMode"),
        .value("ContinuousDeploymentPolicyId", names: .continuousDeploymentPolicy),
        .items("Origins", nil, origin),
        .init(
          name: "OriginGroups", path: "OriginGroups",
          form: .wrappedItems(originGroup, counted: true)),
        .object("DefaultCacheBehavior", behaviour),
        .items("CacheBehaviors", nil, [.value("PathPattern")] + behaviour),
        .items(
          "CustomErrorResponses", nil,
          [
            .value("ErrorCode"), .init(name: "ResponseCode", path: "ResponseCode", form: .numeral),
            .value("ResponsePagePath"), .value("ErrorCachingMinTTL"),
          ]),
        .object(
          "Logging", switched: "Enabled",
          [.value("Bucket"), .value("Prefix"), .value("IncludeCookies")]),
        .object(
          "Restrictions",
          [
            .object(
              "GeoRestriction", [.value("RestrictionType"), .list("Locations", "")])
          ]),
        .object(
          "ViewerCertificate",
          [
            .value("CloudFrontDefaultCertificate"),
            .value("AcmCertificateArn", "ACMCertificateArn"),
            .value("IamCertificateId", "IAMCertificateId"),
            .value("SslSupportMethod", "SSLSupportMethod"), .value("MinimumProtocolVersion"),
          ]),
        .object("CacheTagConfig", [.value("HeaderName")]),
        .object("ConnectionFunctionAssociation", [.value("Id")]),
        .init(name: "ViewerMtlsConfig", path: "ViewerMtlsConfig", form: .raw),
        .init(name: "TenantConfig", path: "TenantConfig", form: .raw),
      ]),
    .init(name: "Tags", path: "Tags", form: .tags),
  ]

  package static let continuousDeploymentPolicy: [StackProperty] = [
    .object(
      "ContinuousDeploymentPolicyConfig", "",
      [
        .value("Enabled"),
        .list("StagingDistributionDnsNames", names: .distribution, always: true),
        .object(
          "TrafficConfig",
          [
            .value("Type"), .object("SingleHeaderConfig", [.value("Header"), .value("Value")]),
            .object(
              "SingleWeightConfig",
              [
                .value("Weight"),
                .object(
                  "SessionStickinessConfig", [.value("IdleTTL"), .value("MaximumTTL")]),
              ]),
          ]),
      ])
  ]
  package static let originAccessControl: [StackProperty] = [
    .object(
      "OriginAccessControlConfig", "",
      [
        .value("Name"), .value("Description"), .value("OriginAccessControlOriginType"),
        .value("SigningBehavior"), .value("SigningProtocol"),
      ])
  ]
  package static let originAccessIdentity: [StackProperty] = [
    .object(
      "CloudFrontOriginAccessIdentityConfig", "",
      [.init(name: "Comment", path: "Comment", form: .scalar, always: true)])
  ]

  private static func choice(_ name: String, _ choice: String, _ list: String) -> StackProperty {
    .object(name, [.value(choice), .list(list)])
  }
  private static let choices = [
    choice("CookiesConfig", "CookieBehavior", "Cookies"),
    choice("HeadersConfig", "HeaderBehavior", "Headers"),
    choice("QueryStringsConfig", "QueryStringBehavior", "QueryStrings"),
  ]
  package static let cachePolicy: [StackProperty] = [
    .object(
      "CachePolicyConfig", "",
      [
        .value("Name"), .value("Comment"), .value("MinTTL"), .value("DefaultTTL"),
        .value("MaxTTL"),
        .object(
          "ParametersInCacheKeyAndForwardedToOrigin",
          [.value("EnableAcceptEncodingGzip"), .value("EnableAcceptEncodingBrotli")] + choices),
      ])
  ]
  package static let originRequestPolicy: [StackProperty] = [
    .object("OriginRequestPolicyConfig", "", [.value("Name"), .value("Comment")] + choices)
  ]
  private static func wrapped(_ name: String) -> StackProperty {
    .init(name: name, path: name, form: .wrapped(counted: false))
  }
  package static let responseHeadersPolicy: [StackProperty] = [
    .object(
      "ResponseHeadersPolicyConfig", "",
      [
        .value("Name"), .value("Comment"),
        .object(
          "CorsConfig",
          [
            wrapped("AccessControlAllowOrigins"), wrapped("AccessControlAllowHeaders"),
            wrapped("AccessControlAllowMethods"), wrapped("AccessControlExposeHeaders"),
            .value("AccessControlAllowCredentials"), .value("AccessControlMaxAgeSec"),
            .value("OriginOverride"),
          ]),
        .object(
          "SecurityHeadersConfig",
          [
            .object("ContentTypeOptions", [.value("Override")]),
            .object("FrameOptions", [.value("FrameOption"), .value("Override")]),
            .object("ReferrerPolicy", [.value("ReferrerPolicy"), .value("Override")]),
            .object(
              "ContentSecurityPolicy", [.value("ContentSecurityPolicy"), .value("Override")]),
            .object(
              "StrictTransportSecurity",
              [
                .value("AccessControlMaxAgeSec"), .value("IncludeSubdomains"), .value("Preload"),
                .value("Override"),
              ]),
            .object(
              "XSSProtection",
              [
                .value("Protection"), .value("ModeBlock"), .value("ReportUri"), .value("Override"),
              ]),
          ]),
        .object("ServerTimingHeadersConfig", [.value("Enabled"), .value("SamplingRate")]),
        .init(
          name: "CustomHeadersConfig", path: "CustomHeadersConfig",
          form: .wrappedItems(
            [.value("Header"), .value("Value"), .value("Override")], counted: false)),
        .init(
          name: "RemoveHeadersConfig", path: "RemoveHeadersConfig",
          form: .wrappedItems([.value("Header")], counted: false)),
      ])
  ]
  package static let function: [StackProperty] = [
    .value("Name"), .value("FunctionCode", "Code"),
    .object(
      "FunctionConfig", "",
      [
        .init(name: "Comment", path: "Comment", form: .scalar, always: true), .value("Runtime"),
        .items(
          "KeyValueStoreAssociations", nil, [.value("KeyValueStoreARN", names: .keyValueStore)]),
      ]), .init(name: "Tags", path: "Tags", form: .tags),
  ]
  package static let keyValueStore: [StackProperty] = [
    .value("Name"), .value("Comment"), .init(name: "Tags", path: "Tags", form: .tags),
  ]
  package static let keyGroup: [StackProperty] = [
    .object(
      "KeyGroupConfig", "",
      [.value("Name"), .value("Comment"), .list("Items", "", names: .publicKey, always: true)])
  ]
  package static let publicKey: [StackProperty] = [
    .object(
      "PublicKeyConfig", "",
      [.value("CallerReference"), .value("Name"), .value("EncodedKey"), .value("Comment")])
  ]
  package static let fieldLevelEncryption: [StackProperty] = [
    .value("CallerReference"), .value("Comment"),
    .object(
      "ContentTypeProfileConfig",
      [
        .value("ForwardWhenContentTypeIsUnknown"),
        .items(
          "ContentTypeProfiles", nil,
          [
            .value("ContentType"), .value("Format"),
            .init(
              name: "ProfileId", path: "ProfileId", form: .scalar,
              names: .fieldLevelEncryptionProfile, always: true),
          ]),
      ]),
    .object(
      "QueryArgProfileConfig",
      [
        .value("ForwardWhenQueryArgProfileIsUnknown"),
        .init(
          name: "QueryArgProfiles", path: "QueryArgProfiles",
          form: .items([
            .value("QueryArg"), .value("ProfileId", names: .fieldLevelEncryptionProfile),
          ]), always: true),
      ]),
  ]
  package static let fieldLevelEncryptionProfile: [StackProperty] = [
    .object(
      "FieldLevelEncryptionProfileConfig", "",
      [
        .value("CallerReference"), .value("Name"), .value("Comment"),
        .items(
          "EncryptionEntities", nil,
          [
            .value("ProviderId"), .value("PublicKeyId", names: .publicKey),
            .list("FieldPatterns"),
          ]),
      ])
  ]
  package static let realtimeLogConfig: [StackProperty] = [
    .value("Name"), .value("SamplingRate"), .list("Fields"),
    .items(
      "EndPoints", nil,
      [
        .value("StreamType"),
        .object(
          "KinesisStreamConfig",
          [.value("RoleArn", "RoleARN"), .value("StreamArn", "StreamARN")]),
      ]),
  ]
  package static let monitoringSubscription: [StackProperty] = [
    .value("DistributionId", names: .distribution),
    .object(
      "MonitoringSubscription", "",
      [
        .object(
          "RealtimeMetricsSubscriptionConfig", [.value("RealtimeMetricsSubscriptionStatus")])
      ]),
  ]
  package static let vpcOrigin: [StackProperty] = [
    .object(
      "VpcOriginEndpointConfig", "",
      [
        .value("Name"), .value("Arn"), .value("HTTPPort"), .value("HTTPSPort"),
        .value("OriginProtocolPolicy"), .list("OriginSSLProtocols", "OriginSslProtocols"),
        .value("IpAddressType"),
      ]), .init(name: "Tags", path: "Tags", form: .tags),
  ]
}
