import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore

struct ReferenceTests {
  static let distribution = """
    <DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Origins><Items>\
    <Origin><Id>a</Id><DomainName>assets-1.s3.eu-west-1.amazonaws.com</DomainName>\
    <OriginAccessControlId>EOAC</OriginAccessControlId>\
    <S3OriginConfig><OriginAccessIdentity/></S3OriginConfig></Origin>\
    <Origin><Id>b</Id><DomainName>old.s3.amazonaws.com</DomainName><S3OriginConfig>\
    <OriginAccessIdentity>origin-access-identity/cloudfront/EOAI</OriginAccessIdentity>\
    </S3OriginConfig></Origin>\
    <Origin><Id>c</Id><DomainName>lb.example.com</DomainName><VpcOriginConfig><VpcOriginId>vo_1\
    </VpcOriginId></VpcOriginConfig></Origin>\
    <Origin><Id>d</Id><DomainName>m.example.com</DomainName><CustomOriginConfig><OriginMtlsConfig>\
    <ClientCertificateArn>arn:aws:acm:us-east-1:111111111111:certificate/m</ClientCertificateArn>\
    </OriginMtlsConfig></CustomOriginConfig></Origin>\
    </Items></Origins><DefaultCacheBehavior>\
    <TrustedKeyGroups><Items><KeyGroup>kg-1</KeyGroup><KeyGroup>kg-2</KeyGroup></Items>\
    </TrustedKeyGroups><LambdaFunctionAssociations><Items><LambdaFunctionAssociation>\
    <LambdaFunctionARN>arn:aws:lambda:us-east-1:111111111111:function:edge:7</LambdaFunctionARN>\
    </LambdaFunctionAssociation></Items></LambdaFunctionAssociations><FunctionAssociations><Items>\
    <FunctionAssociation><FunctionARN>arn:aws:cloudfront::111111111111:function/rewrite\
    </FunctionARN></FunctionAssociation></Items></FunctionAssociations>\
    <FieldLevelEncryptionId>EFLE</FieldLevelEncryptionId>\
    <RealtimeLogConfigArn>arn:aws:cloudfront::111111111111:realtime-log-config/rt\
    </RealtimeLogConfigArn><CachePolicyId>cp</CachePolicyId>\
    <OriginRequestPolicyId>orp</OriginRequestPolicyId>\
    <ResponseHeadersPolicyId>rhp</ResponseHeadersPolicyId></DefaultCacheBehavior>\
    <CacheBehaviors><Items><CacheBehavior><CachePolicyId>cp2</CachePolicyId></CacheBehavior>\
    <CacheBehavior><CachePolicyId>cp3</CachePolicyId></CacheBehavior></Items></CacheBehaviors>\
    <Logging><Bucket>logs-1.s3.amazonaws.com</Bucket></Logging><ViewerCertificate>\
    <ACMCertificateArn>arn:aws:acm:us-east-1:111111111111:certificate/v</ACMCertificateArn>\
    <IAMCertificateId>ASCA</IAMCertificateId></ViewerCertificate>\
    <WebACLId>arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1</WebACLId>\
    <ContinuousDeploymentPolicyId>cdp</ContinuousDeploymentPolicyId>\
    <AnycastIpListId>aip</AnycastIpListId><ViewerMtlsConfig><TrustStoreConfig>\
    <TrustStoreId>ts</TrustStoreId></TrustStoreConfig></ViewerMtlsConfig>\
    <ConnectionFunctionAssociation><Id>cf_1</Id></ConnectionFunctionAssociation>\
    </DistributionConfig>
    """

  @Test func `a distribution names everything of the facts' table, each with its place`() throws {
    let config = try XMLReader.read(Self.distribution)
    let found = Reference.all(in: config, of: .distribution)
    #expect(
      found.map { "\($0.referent.name) \($0.id)" } == [
        "bucket assets-1", "origin-access-control EOAC", "bucket old",
        "origin-access-identity EOAI", "vpc-origin vo_1",
        "certificate arn:aws:acm:us-east-1:111111111111:certificate/m", "key-group kg-1",
        "key-group kg-2", "lambda-function arn:aws:lambda:us-east-1:111111111111:function:edge:7",
        "function rewrite", "field-level-encryption EFLE", "realtime-log-config rt",
        "cache-policy cp", "origin-request-policy orp", "response-headers-policy rhp",
        "cache-policy cp2", "cache-policy cp3", "bucket logs-1",
        "certificate arn:aws:acm:us-east-1:111111111111:certificate/v", "server-certificate ASCA",
        "web-acl arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1",
        "continuous-deployment-policy cdp", "anycast-ip-list aip", "trust-store ts",
        "connection-function cf_1",
      ])
    #expect(
      found.first { $0.id == "cp3" }?.path == "CacheBehaviors/Items/CacheBehavior[1]/CachePolicyId")
    // The place is one that an edit can be made at.
    for it in found { #expect(config.value(at: it.path)?.contains(it.id) == true, "\(it)") }
  }

  @Test(arguments: [
    (
      ResourceKind.function,
      "<FunctionConfig><KeyValueStoreAssociations><Items><KeyValueStoreAssociation><KeyValueStoreARN>arn:k</KeyValueStoreARN></KeyValueStoreAssociation></Items></KeyValueStoreAssociations></FunctionConfig>",
      ["key-value-store arn:k"]
    ),
    (
      .keyGroup,
      "<KeyGroupConfig><Items><PublicKey>K1</PublicKey><PublicKey>K2</PublicKey></Items></KeyGroupConfig>",
      ["public-key K1", "public-key K2"]
    ),
    (
      .fieldLevelEncryption,
      "<FieldLevelEncryptionConfig><QueryArgProfileConfig><QueryArgProfiles><Items><QueryArgProfile><ProfileId>P1</ProfileId></QueryArgProfile></Items></QueryArgProfiles></QueryArgProfileConfig><ContentTypeProfileConfig><ContentTypeProfiles><Items><ContentTypeProfile><ProfileId>P2</ProfileId></ContentTypeProfile></Items></ContentTypeProfiles></ContentTypeProfileConfig></FieldLevelEncryptionConfig>",
      ["field-level-encryption-profile P1", "field-level-encryption-profile P2"]
    ),
    (
      .fieldLevelEncryptionProfile,
      "<FieldLevelEncryptionProfileConfig><EncryptionEntities><Items><EncryptionEntity><PublicKeyId>K1</PublicKeyId></EncryptionEntity></Items></EncryptionEntities></FieldLevelEncryptionProfileConfig>",
      ["public-key K1"]
    ),
    (
      .realtimeLogConfig,
      "<RealtimeLogConfig><EndPoints><member><KinesisStreamConfig><RoleARN>arn:r</RoleARN><StreamARN>arn:s</StreamARN></KinesisStreamConfig></member></EndPoints></RealtimeLogConfig>",
      ["iam-role arn:r", "kinesis-stream arn:s"]
    ),
    (
      .continuousDeploymentPolicy,
      "<ContinuousDeploymentPolicyConfig><StagingDistributionDnsNames><Items><DnsName>d1.cloudfront.net</DnsName></Items></StagingDistributionDnsNames></ContinuousDeploymentPolicyConfig>",
      ["distribution d1.cloudfront.net"]
    ),
    (.cachePolicy, "<CachePolicyConfig><Name>x</Name></CachePolicyConfig>", []),
  ])
  func `what is named may name more`(_ kind: ResourceKind, _ xml: String, _ wanted: [String]) throws
  {
    let found = Reference.all(in: try XMLReader.read(xml), of: kind)
    #expect(found.map { "\($0.referent.name) \($0.id)" } == wanted)
  }

  @Test func `what is empty names nothing`() throws {
    let config = try XMLReader.read(
      "<DistributionConfig><WebACLId/><ContinuousDeploymentPolicyId></ContinuousDeploymentPolicyId><Logging><Bucket/></Logging></DistributionConfig>"
    )
    #expect(Reference.all(in: config, of: .distribution).isEmpty)
  }

  @Test func `every leaf of the corpus that a search of the text finds is a reference`() throws {
    let simple: [String: ResourceKind] = [
      "CachePolicyId": .cachePolicy, "OriginRequestPolicyId": .originRequestPolicy,
      "ResponseHeadersPolicyId": .responseHeadersPolicy,
      "OriginAccessControlId": .originAccessControl, "WebACLId": .webACL,
      "LambdaFunctionARN": .lambdaFunction, "ACMCertificateArn": .certificate,
      "KeyGroup": .keyGroup, "VpcOriginId": .vpcOrigin,
      "FieldLevelEncryptionId": .fieldLevelEncryption,
      "ContinuousDeploymentPolicyId": .continuousDeploymentPolicy,
    ]
    var count = 0
    for (name, text) in try CorpusTests.documents("xml") {
      let root = try XMLReader.read(text)
      guard root.name == "DistributionConfig" else { continue }
      let found = Reference.all(in: root, of: .distribution)
      for (element, kind) in simple {
        let searched = text.matches(of: try Regex("<\(element)>([^<]+)</\(element)>")).map {
          String($0.output[1].substring ?? "")
        }
        #expect(
          found.filter { $0.kind == kind && $0.path.contains(element) }.map(\.id) == searched,
          "\(name) \(element)")
        count += searched.count
      }
    }
    print("corpus: \(count) references")
  }

  @Test(arguments: [
    ("a-b.s3.amazonaws.com", "a-b"), ("A.B.s3.eu-central-1.amazonaws.com", "a.b"),
    ("abc.s3-us-west-2.amazonaws.com", "abc"),
    ("abc.s3.dualstack.us-gov-west-1.amazonaws.com", "abc"),
    ("abc.s3.cn-north-1.amazonaws.com.cn", "abc"),
    ("abc.s3-website-us-east-1.amazonaws.com", nil), ("abc.example.com", nil), ("", nil),
    ("ab.s3.amazonaws.com", nil), ("../x.s3.amazonaws.com", nil),
    ("abc.s3.amazonaws.com.example.com", nil),
  ])
  func `a bucket is known by its REST endpoint alone`(_ domain: String, _ bucket: String?) {
    #expect(BucketName.of(origin: domain) == bucket)
  }

  @Test(arguments: [
    "", "arn", "arn:aws:acm:us-east-1:1111:x", "arn:aws:acm:../x:111111111111:y",
    "arn:aws:acm:US:111111111111:y", "arn:aws:s3:::",
  ])
  func `what cannot be an ARN is none`(_ text: String) { #expect(ARN(text) == nil) }
}
