import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import Migration

struct CrossingTests {
  static func account(
    _ xml: String, resources: [Inventory.Resource] = [], tags: [String: String] = [:]
  ) throws -> Inventory.Account {
    .init(
      id: "111111111111",
      distributions: [
        .init(
          id: "E1", arn: "arn:aws:cloudfront::111111111111:distribution/E1",
          domainName: "d1.cloudfront.net", status: "Deployed", etag: "", lastModified: "",
          tags: tags, config: try XMLReader.read("<DistributionConfig>\(xml)</DistributionConfig>"))
      ], resources: resources)
  }
  /// Without what is true of every distribution.
  static func kinds(_ account: Inventory.Account, isRedacted: Bool = false) -> [String] {
    Crossing.all(in: account, isRedacted: isRedacted)
      .filter { !$0.reason.contains("its id, ARN and domain name") }.map(\.kind)
  }

  @Test(arguments: [
    (
      "<ViewerCertificate><ACMCertificateArn>arn:aws:acm:us-east-1:111111111111:certificate/v</ACMCertificateArn></ViewerCertificate>",
      "certificate"
    ),
    (
      "<Origins><Items><Origin><CustomOriginConfig><OriginMtlsConfig><ClientCertificateArn>arn:m</ClientCertificateArn></OriginMtlsConfig></CustomOriginConfig></Origin></Items></Origins>",
      "certificate"
    ),
    (
      "<ViewerCertificate><IAMCertificateId>ASCA</IAMCertificateId></ViewerCertificate>",
      "server-certificate"
    ),
    ("<WebACLId>arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1</WebACLId>", "web-acl"),
    ("<WebACLId>473e64fd</WebACLId>", "web-acl"),
    (
      "<DefaultCacheBehavior><LambdaFunctionAssociations><Items><LambdaFunctionAssociation><LambdaFunctionARN>arn:l</LambdaFunctionARN></LambdaFunctionAssociation></Items></LambdaFunctionAssociations></DefaultCacheBehavior>",
      "lambda-function"
    ),
    (
      "<Origins><Items><Origin><VpcOriginConfig><VpcOriginId>vo</VpcOriginId></VpcOriginConfig></Origin></Items></Origins>",
      "vpc-origin"
    ),
    (
      "<ViewerMtlsConfig><TrustStoreConfig><TrustStoreId>ts</TrustStoreId></TrustStoreConfig></ViewerMtlsConfig>",
      "trust-store"
    ),
    ("<AnycastIpListId>aip</AnycastIpListId>", "anycast-ip-list"),
    (
      "<ConnectionFunctionAssociation><Id>cf</Id></ConnectionFunctionAssociation>",
      "connection-function"
    ),
    ("<Logging><Bucket>logs-1.s3.amazonaws.com</Bucket></Logging>", "bucket"),
    (
      "<Origins><Items><Origin><DomainName>a-b.s3.amazonaws.com</DomainName></Origin></Items></Origins>",
      "bucket"
    ),
    (
      "<Origins><Items><Origin><S3OriginConfig><OriginAccessIdentity>origin-access-identity/cloudfront/E2</OriginAccessIdentity></S3OriginConfig></Origin></Items></Origins>",
      "origin-access-identity"
    ),
    (
      "<DefaultCacheBehavior><RealtimeLogConfigArn>arn:aws:cloudfront::111111111111:realtime-log-config/rt</RealtimeLogConfigArn></DefaultCacheBehavior>",
      "realtime-log-config"
    ),
    (
      "<DefaultCacheBehavior><TrustedSigners><Items><AwsAccountNumber>self</AwsAccountNumber></Items></TrustedSigners></DefaultCacheBehavior>",
      "distribution"
    ),
    ("<ConnectionMode>tenant-only</ConnectionMode>", "distribution"),
  ])
  func `what cannot cross is told with its reason and what to supply, read or not`(
    _ xml: String, _ kind: String
  ) throws {
    let account = try Self.account(xml)
    #expect(Self.kinds(account) == [kind])
    for it in Crossing.all(in: account, isRedacted: false) {
      #expect(!it.reason.isEmpty && !it.supply.isEmpty && !it.id.isEmpty)
    }
  }

  @Test(arguments: [
    "<DefaultCacheBehavior><CachePolicyId>c</CachePolicyId><OriginRequestPolicyId>o</OriginRequestPolicyId><FunctionAssociations><Items><FunctionAssociation><FunctionARN>arn:aws:cloudfront::1:function/f</FunctionARN></FunctionAssociation></Items></FunctionAssociations></DefaultCacheBehavior>",
    "<Origins><Items><Origin><OriginAccessControlId>E</OriginAccessControlId></Origin></Items></Origins>",
    "<Staging>true</Staging>",
  ])
  func `what can be made anew from the file is not in the list`(_ xml: String) throws {
    #expect(Self.kinds(try Self.account(xml)) == [])
  }

  @Test func `the names of a certificate tell which one to supply`() throws {
    let arn = "arn:aws:acm:us-east-1:111111111111:certificate/v"
    let account = try Self.account(
      "<ViewerCertificate><ACMCertificateArn>\(arn)</ACMCertificateArn></ViewerCertificate>",
      resources: [
        .init(
          .certificate, id: arn,
          json: ["SubjectAlternativeNames": ["www.example.com", "*.example.com"]])
      ])
    let it = try #require(Crossing.all(in: account, isRedacted: false).first { $0.id == arn })
    #expect(it.supply.contains("*.example.com, www.example.com"))
  }

  @Test func `secrets that are digests only are told, those in clear are not`() throws {
    let account = try Self.account(
      "<Origins><Items><Origin><CustomHeaders><Items><OriginCustomHeader><HeaderName>x</HeaderName><HeaderValue>canary</HeaderValue></OriginCustomHeader></Items></CustomHeaders></Origin></Items></Origins>",
      resources: [.init(.keyValueStore, id: "flags", extras: ["items": ["a": "canary"]])])
    #expect(Self.kinds(account, isRedacted: true) == ["distribution", "key-value-store"])
    #expect(Self.kinds(account) == [])
    #expect(!"\(Crossing.all(in: account, isRedacted: true))".contains("canary"))
  }

  @Test
  func `further references are judged too: signers, streams, roles and code that names a store`()
    throws
  {
    let code = Data("cf.kvs('5d8a')".utf8).base64EncodedString()
    let account = try Self.account(
      "",
      resources: [
        .init(
          .keyGroup, id: "g",
          document: XMLReader.read(
            "<KeyGroupConfig><Items><PublicKey>K1</PublicKey></Items></KeyGroupConfig>")),
        .init(
          .realtimeLogConfig, id: "rt",
          document: XMLReader.read(
            "<RealtimeLogConfig><EndPoints><member><KinesisStreamConfig><RoleARN>arn:r</RoleARN><StreamARN>arn:s</StreamARN></KinesisStreamConfig></member></EndPoints></RealtimeLogConfig>"
          )),
        .init(.function, id: "f", extras: ["code": .string(code)]),
        .init(
          .keyValueStore, id: "flags",
          document: XMLReader.read("<KeyValueStore><Id>5d8a</Id></KeyValueStore>")),
        .init(.kmsKey, id: "arn:k"), .init(.logDelivery, id: "del-1"),
      ])
    #expect(
      Self.kinds(account) == [
        "function", "iam-role", "kinesis-stream", "kms-key", "log-delivery", "public-key",
      ])
  }

  @Test func `tags of AWS's own cannot be set by anybody else`() throws {
    let account = try Self.account("", tags: ["aws:cloudformation:stack-name": "s", "team": "x"])
    #expect(Self.kinds(account) == ["distribution"])
  }

  @Test(arguments: [("111111111111", "VPC"), ("333333333333", "account 333333333333's")])
  func `a VPC origin of another account is told apart from one of the source's`(
    _ owner: String, _ says: String
  ) throws {
    let account = try Self.account(
      CarrierTests.vpcOrigin(),
      resources: [
        .init(.vpcOrigin, id: "vo", arn: "arn:aws:cloudfront::\(owner):vpcorigin/vo")
      ])
    let it = Crossing.all(in: account, isRedacted: false).first { $0.kind == "vpc-origin" }
    #expect(it?.reason.contains(says) == true, "\(it?.reason ?? "")")
  }
}

struct ExportCommandTests {
  @Test func `what a service or a tag says steers no terminal`() throws {
    let hostile = "\u{1B}[2J\u{202E}x"
    let account = try CrossingTests.account(
      "<WebACLId>&#8238;acl</WebACLId>",
      resources: [.init(.publicKey, id: hostile, name: hostile)], tags: ["aws:\(hostile)": "v"])
    let report = ExportReport(
      path: "x.json", inventory: .init(takenAt: Date(), gaps: [], accounts: [account]),
      managed: [.init(kind: .cachePolicy, id: "c", name: hostile)], isRedacted: true)
    #expect(!report.text.contains("\u{1B}") && !report.text.contains("\u{202E}"))
    #expect(report.text.contains("web-acl") && report.text.contains("public-key"))
  }

  @Test(arguments: ["", "E1/../x", "E1 E2", "arn:aws:cloudfront::1:distribution/E1", "é", "-x"])
  func `what cannot be an id is refused before anything is read`(_ id: String) {
    let error = #expect(throws: FerryError.self) { try MigrateCommand.Export.ids([id]) }
    #expect(error?.exit == .usage && error?.code == "bad-id")
  }
  @Test func `an id given twice is read once`() throws {
    #expect(try MigrateCommand.Export.ids(["E1", "E2", "E1"]) == ["E1", "E2"])
  }
  @Test func `the page lists every action that an export may use`() throws {
    let page = try String(
      contentsOf: Shared.package.appendingPathComponent("docs/commands/migrate.md"),
      encoding: .utf8)
    for action in ClosureActions.all {
      let name = action.split(separator: ":").last.map(String.init) ?? ""
      #expect(page.contains(name), "\(action)")
    }
  }
}
