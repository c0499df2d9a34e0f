/// The shapes of CloudFront's configuration documents, in the API's own order of members.
///
/// Used to place new elements, to know which members are required, and to turn the AWS CLI's JSON into
/// REST-XML and back. Never used to drop what it does not list.
/// - Source: botocore 1.43.11 service model, CloudFront API 2020-05-31; a test compares the two where
///   botocore is installed.
public struct Shape: Sendable {
  public indirect enum Kind: Equatable, Sendable {
    case string, integer, boolean, float, timestamp
    case structure(String)
    case list(item: String, of: Kind)
  }
  public struct Member: Sendable {
    public var name: String
    public var kind: Kind
    public var required: Bool
  }
  public let name: String
  public let members: [Member]

  public var order: [String] { members.map(\.name) }
  public func member(_ name: String) -> Member? { places[name].map { members[$0] } }
  private let places: [String: Int]

  private init(name: String, members: [Member]) {
    self.name = name
    self.members = members
    places = Dictionary(members.enumerated().map { ($1.name, $0) }) { first, _ in first }
  }

  /// The shape of that name, or nil for one this build has never heard of.
  public static func named(_ name: String) -> Shape? { table[name] }
  public static var all: [Shape] { table.values.sorted { $0.name < $1.name } }

  private static let table: [String: Shape] = {
    var table: [String: Shape] = [:]
    var lines: [String] = []
    for line in shapeText.split(separator: "\n") {
      if line.hasPrefix("    ") {
        lines[lines.count - 1] += " " + line.drop { $0 == " " }
      } else {
        lines.append(String(line))
      }
    }
    for line in lines {
      let name = String(line.prefix { $0 != " " })
      var members: [Member] = []
      var rest = line.dropFirst(name.count + 3)
      while !rest.isEmpty {
        let key = rest.prefix { $0 != ":" }
        rest = rest.dropFirst(key.count + 1)
        let isList = rest.first == "["
        let type = isList ? rest.prefix { $0 != "]" } : rest.prefix { $0 != " " }
        rest = rest.dropFirst(type.count + (isList ? 1 : 0)).drop { $0 == " " }
        let kind: Kind
        if isList {
          let parts = type.dropFirst().split(separator: " ")
          kind = .list(item: String(parts[0]), of: scalar(parts[1]))
        } else {
          kind = scalar(type)
        }
        members.append(
          Member(
            name: String(key.prefix { $0 != "!" }), kind: kind, required: key.hasSuffix("!")))
      }
      table[name] = Shape(name: name, members: members)
    }
    return table
  }()

  private static func scalar(_ text: Substring) -> Kind {
    switch text {
    case "s": .string
    case "i": .integer
    case "b": .boolean
    case "f": .float
    case "t": .timestamp
    default: .structure(String(text))
    }
  }
}

/// `Shape = member:kind …`; `!` is required; s string, i integer, b boolean, f float, t timestamp;
/// `[Item kind]` is a list whose items are called Item.
private let shapeText = """
  Aliases = Quantity!:i Items:[CNAME s]
  AllowedMethods = Quantity!:i Items!:[Method s] CachedMethods:CachedMethods
  CacheBehavior = PathPattern!:s TargetOriginId!:s TrustedSigners:TrustedSigners
      TrustedKeyGroups:TrustedKeyGroups ViewerProtocolPolicy!:s AllowedMethods:AllowedMethods
      SmoothStreaming:b Compress:b LambdaFunctionAssociations:LambdaFunctionAssociations
      FunctionAssociations:FunctionAssociations FieldLevelEncryptionId:s RealtimeLogConfigArn:s
      CachePolicyId:s OriginRequestPolicyId:s ResponseHeadersPolicyId:s GrpcConfig:GrpcConfig
      ForwardedValues:ForwardedValues MinTTL:i DefaultTTL:i MaxTTL:i
  CacheBehaviors = Quantity!:i Items:[CacheBehavior CacheBehavior]
  CachePolicyConfig = Comment:s Name!:s DefaultTTL:i MaxTTL:i MinTTL!:i
      ParametersInCacheKeyAndForwardedToOrigin:ParametersInCacheKeyAndForwardedToOrigin
  CachePolicyCookiesConfig = CookieBehavior!:s Cookies:CookieNames
  CachePolicyHeadersConfig = HeaderBehavior!:s Headers:Headers
  CachePolicyQueryStringsConfig = QueryStringBehavior!:s QueryStrings:QueryStringNames
  CacheTagConfig = HeaderName!:s
  CachedMethods = Quantity!:i Items!:[Method s]
  CloudFrontOriginAccessIdentityConfig = CallerReference!:s Comment!:s
  ConnectionFunctionAssociation = Id!:s
  ContentTypeProfile = Format!:s ProfileId:s ContentType!:s
  ContentTypeProfileConfig = ForwardWhenContentTypeIsUnknown!:b
      ContentTypeProfiles:ContentTypeProfiles
  ContentTypeProfiles = Quantity!:i Items:[ContentTypeProfile ContentTypeProfile]
  ContinuousDeploymentPolicyConfig = StagingDistributionDnsNames!:StagingDistributionDnsNames
      Enabled!:b TrafficConfig:TrafficConfig
  ContinuousDeploymentSingleHeaderConfig = Header!:s Value!:s
  ContinuousDeploymentSingleWeightConfig = Weight!:f
      SessionStickinessConfig:SessionStickinessConfig
  CookieNames = Quantity!:i Items:[Name s]
  CookiePreference = Forward!:s WhitelistedNames:CookieNames
  CustomErrorResponse = ErrorCode!:i ResponsePagePath:s ResponseCode:s ErrorCachingMinTTL:i
  CustomErrorResponses = Quantity!:i Items:[CustomErrorResponse CustomErrorResponse]
  CustomHeaders = Quantity!:i Items:[OriginCustomHeader OriginCustomHeader]
  CustomOriginConfig = HTTPPort!:i HTTPSPort!:i OriginProtocolPolicy!:s
      OriginSslProtocols:OriginSslProtocols OriginReadTimeout:i OriginKeepaliveTimeout:i
      IpAddressType:s OriginMtlsConfig:OriginMtlsConfig
  DefaultCacheBehavior = TargetOriginId!:s TrustedSigners:TrustedSigners
      TrustedKeyGroups:TrustedKeyGroups ViewerProtocolPolicy!:s AllowedMethods:AllowedMethods
      SmoothStreaming:b Compress:b LambdaFunctionAssociations:LambdaFunctionAssociations
      FunctionAssociations:FunctionAssociations FieldLevelEncryptionId:s RealtimeLogConfigArn:s
      CachePolicyId:s OriginRequestPolicyId:s ResponseHeadersPolicyId:s GrpcConfig:GrpcConfig
      ForwardedValues:ForwardedValues MinTTL:i DefaultTTL:i MaxTTL:i
  DistributionConfig = CallerReference!:s Aliases:Aliases DefaultRootObject:s Origins!:Origins
      OriginGroups:OriginGroups DefaultCacheBehavior!:DefaultCacheBehavior
      CacheBehaviors:CacheBehaviors CustomErrorResponses:CustomErrorResponses Comment!:s
      Logging:LoggingConfig PriceClass:s Enabled!:b ViewerCertificate:ViewerCertificate
      Restrictions:Restrictions WebACLId:s HttpVersion:s IsIPV6Enabled:b
      ContinuousDeploymentPolicyId:s Staging:b AnycastIpListId:s TenantConfig:TenantConfig
      ConnectionMode:s ViewerMtlsConfig:ViewerMtlsConfig
      ConnectionFunctionAssociation:ConnectionFunctionAssociation CacheTagConfig:CacheTagConfig
  DistributionConfigWithTags = DistributionConfig!:DistributionConfig Tags!:Tags
  EncryptionEntities = Quantity!:i Items:[EncryptionEntity EncryptionEntity]
  EncryptionEntity = PublicKeyId!:s ProviderId!:s FieldPatterns!:FieldPatterns
  EndPoint = StreamType!:s KinesisStreamConfig:KinesisStreamConfig
  FieldLevelEncryptionConfig = CallerReference!:s Comment:s
      QueryArgProfileConfig:QueryArgProfileConfig
      ContentTypeProfileConfig:ContentTypeProfileConfig
  FieldLevelEncryptionProfileConfig = Name!:s CallerReference!:s Comment:s
      EncryptionEntities!:EncryptionEntities
  FieldPatterns = Quantity!:i Items:[FieldPattern s]
  ForwardedValues = QueryString!:b Cookies!:CookiePreference Headers:Headers
      QueryStringCacheKeys:QueryStringCacheKeys
  FunctionAssociation = FunctionARN!:s EventType!:s
  FunctionAssociations = Quantity!:i Items:[FunctionAssociation FunctionAssociation]
  FunctionConfig = Comment!:s Runtime!:s KeyValueStoreAssociations:KeyValueStoreAssociations
  GeoRestriction = RestrictionType!:s Quantity!:i Items:[Location s]
  GrpcConfig = Enabled!:b
  Headers = Quantity!:i Items:[Name s]
  KeyGroupConfig = Name!:s Items!:[PublicKey s] Comment:s
  KeyValueStore = Name!:s Id!:s Comment!:s ARN!:s Status:s LastModifiedTime!:t
  KeyValueStoreAssociation = KeyValueStoreARN!:s
  KeyValueStoreAssociations = Quantity!:i
      Items:[KeyValueStoreAssociation KeyValueStoreAssociation]
  KinesisStreamConfig = RoleARN!:s StreamARN!:s
  LambdaFunctionAssociation = LambdaFunctionARN!:s EventType!:s IncludeBody:b
  LambdaFunctionAssociations = Quantity!:i
      Items:[LambdaFunctionAssociation LambdaFunctionAssociation]
  LoggingConfig = Enabled:b IncludeCookies:b Bucket:s Prefix:s
  MonitoringSubscription =
      RealtimeMetricsSubscriptionConfig:RealtimeMetricsSubscriptionConfig
  Origin = Id!:s DomainName!:s OriginPath:s CustomHeaders:CustomHeaders
      S3OriginConfig:S3OriginConfig CustomOriginConfig:CustomOriginConfig
      VpcOriginConfig:VpcOriginConfig ConnectionAttempts:i ConnectionTimeout:i
      ResponseCompletionTimeout:i OriginShield:OriginShield OriginAccessControlId:s
  OriginAccessControlConfig = Name!:s Description:s SigningProtocol!:s SigningBehavior!:s
      OriginAccessControlOriginType!:s
  OriginCustomHeader = HeaderName!:s HeaderValue!:s
  OriginGroup = Id!:s FailoverCriteria!:OriginGroupFailoverCriteria Members!:OriginGroupMembers
      SelectionCriteria:s
  OriginGroupFailoverCriteria = StatusCodes!:StatusCodes
  OriginGroupMember = OriginId!:s
  OriginGroupMembers = Quantity!:i Items!:[OriginGroupMember OriginGroupMember]
  OriginGroups = Quantity!:i Items:[OriginGroup OriginGroup]
  OriginMtlsConfig = ClientCertificateArn!:s
  OriginRequestPolicyConfig = Comment:s Name!:s HeadersConfig!:OriginRequestPolicyHeadersConfig
      CookiesConfig!:OriginRequestPolicyCookiesConfig
      QueryStringsConfig!:OriginRequestPolicyQueryStringsConfig
  OriginRequestPolicyCookiesConfig = CookieBehavior!:s Cookies:CookieNames
  OriginRequestPolicyHeadersConfig = HeaderBehavior!:s Headers:Headers
  OriginRequestPolicyQueryStringsConfig = QueryStringBehavior!:s QueryStrings:QueryStringNames
  OriginShield = Enabled!:b OriginShieldRegion:s
  OriginSslProtocols = Quantity!:i Items!:[SslProtocol s]
  Origins = Quantity!:i Items!:[Origin Origin]
  ParameterDefinition = Name!:s Definition!:ParameterDefinitionSchema
  ParameterDefinitionSchema = StringSchema:StringSchemaConfig
  ParametersInCacheKeyAndForwardedToOrigin = EnableAcceptEncodingGzip!:b
      EnableAcceptEncodingBrotli:b HeadersConfig!:CachePolicyHeadersConfig
      CookiesConfig!:CachePolicyCookiesConfig QueryStringsConfig!:CachePolicyQueryStringsConfig
  PublicKeyConfig = CallerReference!:s Name!:s EncodedKey!:s Comment:s
  QueryArgProfile = QueryArg!:s ProfileId!:s
  QueryArgProfileConfig = ForwardWhenQueryArgProfileIsUnknown!:b
      QueryArgProfiles:QueryArgProfiles
  QueryArgProfiles = Quantity!:i Items:[QueryArgProfile QueryArgProfile]
  QueryStringCacheKeys = Quantity!:i Items:[Name s]
  QueryStringNames = Quantity!:i Items:[Name s]
  RealtimeLogConfig = ARN!:s Name!:s SamplingRate!:i EndPoints!:[member EndPoint]
      Fields!:[Field s]
  RealtimeMetricsSubscriptionConfig = RealtimeMetricsSubscriptionStatus!:s
  ResponseHeadersPolicyAccessControlAllowHeaders = Quantity!:i Items!:[Header s]
  ResponseHeadersPolicyAccessControlAllowMethods = Quantity!:i Items!:[Method s]
  ResponseHeadersPolicyAccessControlAllowOrigins = Quantity!:i Items!:[Origin s]
  ResponseHeadersPolicyAccessControlExposeHeaders = Quantity!:i Items:[Header s]
  ResponseHeadersPolicyConfig = Comment:s Name!:s CorsConfig:ResponseHeadersPolicyCorsConfig
      SecurityHeadersConfig:ResponseHeadersPolicySecurityHeadersConfig
      ServerTimingHeadersConfig:ResponseHeadersPolicyServerTimingHeadersConfig
      CustomHeadersConfig:ResponseHeadersPolicyCustomHeadersConfig
      RemoveHeadersConfig:ResponseHeadersPolicyRemoveHeadersConfig
  ResponseHeadersPolicyContentSecurityPolicy = Override!:b ContentSecurityPolicy!:s
  ResponseHeadersPolicyContentTypeOptions = Override!:b
  ResponseHeadersPolicyCorsConfig =
      AccessControlAllowOrigins!:ResponseHeadersPolicyAccessControlAllowOrigins
      AccessControlAllowHeaders!:ResponseHeadersPolicyAccessControlAllowHeaders
      AccessControlAllowMethods!:ResponseHeadersPolicyAccessControlAllowMethods
      AccessControlAllowCredentials!:b
      AccessControlExposeHeaders:ResponseHeadersPolicyAccessControlExposeHeaders
      AccessControlMaxAgeSec:i OriginOverride!:b
  ResponseHeadersPolicyCustomHeader = Header!:s Value!:s Override!:b
  ResponseHeadersPolicyCustomHeadersConfig = Quantity!:i
      Items:[ResponseHeadersPolicyCustomHeader ResponseHeadersPolicyCustomHeader]
  ResponseHeadersPolicyFrameOptions = Override!:b FrameOption!:s
  ResponseHeadersPolicyReferrerPolicy = Override!:b ReferrerPolicy!:s
  ResponseHeadersPolicyRemoveHeader = Header!:s
  ResponseHeadersPolicyRemoveHeadersConfig = Quantity!:i
      Items:[ResponseHeadersPolicyRemoveHeader ResponseHeadersPolicyRemoveHeader]
  ResponseHeadersPolicySecurityHeadersConfig = XSSProtection:ResponseHeadersPolicyXSSProtection
      FrameOptions:ResponseHeadersPolicyFrameOptions
      ReferrerPolicy:ResponseHeadersPolicyReferrerPolicy
      ContentSecurityPolicy:ResponseHeadersPolicyContentSecurityPolicy
      ContentTypeOptions:ResponseHeadersPolicyContentTypeOptions
      StrictTransportSecurity:ResponseHeadersPolicyStrictTransportSecurity
  ResponseHeadersPolicyServerTimingHeadersConfig = Enabled!:b SamplingRate:f
  ResponseHeadersPolicyStrictTransportSecurity = Override!:b IncludeSubdomains:b Preload:b
      AccessControlMaxAgeSec!:i
  ResponseHeadersPolicyXSSProtection = Override!:b Protection!:b ModeBlock:b ReportUri:s
  Restrictions = GeoRestriction!:GeoRestriction
  S3OriginConfig = OriginAccessIdentity!:s OriginReadTimeout:i
  SessionStickinessConfig = IdleTTL!:i MaximumTTL!:i
  StagingDistributionDnsNames = Quantity!:i Items:[DnsName s]
  StatusCodes = Quantity!:i Items!:[StatusCode i]
  StringSchemaConfig = Comment:s DefaultValue:s Required!:b
  Tag = Key!:s Value:s
  Tags = Items:[Tag Tag]
  TenantConfig = ParameterDefinitions:[member ParameterDefinition]
  TrafficConfig = SingleWeightConfig:ContinuousDeploymentSingleWeightConfig
      SingleHeaderConfig:ContinuousDeploymentSingleHeaderConfig Type!:s
  TrustStoreConfig = TrustStoreId!:s AdvertiseTrustStoreCaNames:b IgnoreCertificateExpiry:b
  TrustedKeyGroups = Enabled!:b Quantity!:i Items:[KeyGroup s]
  TrustedSigners = Enabled!:b Quantity!:i Items:[AwsAccountNumber s]
  ViewerCertificate = CloudFrontDefaultCertificate:b IAMCertificateId:s ACMCertificateArn:s
      SSLSupportMethod:s MinimumProtocolVersion:s Certificate:s CertificateSource:s
  ViewerMtlsConfig = Mode:s TrustStoreConfig:TrustStoreConfig
  VpcOriginConfig = VpcOriginId!:s OwnerAccountId:s OriginReadTimeout:i OriginKeepaliveTimeout:i
  VpcOriginEndpointConfig = Name!:s Arn!:s HTTPPort!:i HTTPSPort!:i OriginProtocolPolicy!:s
      OriginSslProtocols:OriginSslProtocols
  """
