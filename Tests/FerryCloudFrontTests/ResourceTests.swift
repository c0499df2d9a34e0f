import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCloudFront

/// Answers by method and path; anything else is a test's mistake and refused.
struct ByPath: ServiceTransport {
  var answers: [String: ServiceResponse]
  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let query = request.query.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: "&")
    let target = request.headers["x-amz-target"] ?? ""
    let form = String(decoding: request.body, as: UTF8.self)
    let keys = [
      "\(request.method) \(request.path)?\(query)", "\(request.method) \(request.path)",
      "\(target) \(form)", target, "\(request.operation) \(request.region ?? "")",
      request.operation,
    ]
    for key in keys where !key.isEmpty {
      if let answer = answers[key] { return answer }
    }
    return .init(status: 404, body: Array("<E><Code>NoSuchTest</Code></E>".utf8))
  }
}

func body(_ text: String, status: Int = 200, _ headers: [String: String] = [:]) -> ServiceResponse {
  ServiceResponse(status: status, headers: headers, body: Array(text.utf8))
}

struct ResourceTests {
  @Test func `a published function is read with the code that serves, as bytes`() async throws {
    let code: [UInt8] = [0, 255, 60, 62]
    let client = CloudFrontClient(
      ByPath(answers: [
        "GET /2020-05-31/function/f/describe?Stage=LIVE": body(
          "<FunctionSummary><Name>f</Name><FunctionConfig><Comment>c</Comment></FunctionConfig><FunctionMetadata><FunctionARN>arn:f</FunctionARN></FunctionMetadata></FunctionSummary>",
          ["etag": "V1"]),
        "GET /2020-05-31/function/f?Stage=LIVE": .init(
          status: 200, headers: ["etag": "V1"], body: code),
      ]))
    let it = try await client.resource(.function, "f")
    #expect(it.id == "f" && it.arn == "arn:f" && it.etag == "V1")
    #expect(it.extras["stage"] == "LIVE")
    #expect(Data(base64Encoded: it.extras["code"]?.string ?? "").map { [UInt8]($0) } == code)
  }

  /// A function that somebody publishes while it is read, or not.
  actor Publishing: ServiceTransport {
    private var described: [String]
    init(_ described: [String]) { self.described = described }
    func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
      guard request.operation == "DescribeFunction" else { return body("x", ["etag": "C"]) }
      let config = "<FunctionSummary><Name>f</Name><FunctionConfig/></FunctionSummary>"
      return body(config, ["etag": described.removeFirst()])
    }
  }
  @Test func `a function published between its settings and its code is no answer`() async throws {
    let moved = CloudFrontClient(Publishing(["V1", "V2"]))
    let error = await #expect(throws: FerryError.self) { try await moved.resource(.function, "f") }
    #expect(error?.code == .unreadableAnswer)
    let still = CloudFrontClient(Publishing(["V1", "V1"]))
    #expect(try await still.resource(.function, "f").etag == "V1")
  }

  @Test func `an answer about something else than was asked for is none`() async {
    let client = CloudFrontClient(
      ByPath(answers: [
        "GetCachePolicy": body(
          "<CachePolicy><Id>other</Id><CachePolicyConfig/></CachePolicy>", ["etag": "V"])
      ]))
    let error = await #expect(throws: FerryError.self) {
      try await client.resource(.cachePolicy, "mine")
    }
    #expect(error?.code == .unreadableAnswer)
  }

  @Test(arguments: [
    (
      ResourceKind.realtimeLogConfig, "POST /2020-05-31/get-realtime-log-config",
      "<GetRealtimeLogConfigResult><RealtimeLogConfig><ARN>arn:x</ARN><Name>x</Name></RealtimeLogConfig></GetRealtimeLogConfigResult>",
      "RealtimeLogConfig"
    ),
    (
      .keyValueStore, "GET /2020-05-31/key-value-store/x",
      "<KeyValueStore><Name>x</Name><Id>u</Id><ARN>arn:x</ARN><Status>READY</Status></KeyValueStore>",
      "KeyValueStore"
    ),
    (
      .vpcOrigin, "GET /2020-05-31/vpc-origin/x",
      "<VpcOrigin><Id>x</Id><Arn>arn:x</Arn><Status>Deployed</Status><VpcOriginEndpointConfig><Name>n</Name></VpcOriginEndpointConfig></VpcOrigin>",
      "VpcOriginEndpointConfig"
    ),
    (
      .fieldLevelEncryption, "GET /2020-05-31/field-level-encryption/x",
      "<FieldLevelEncryption><Id>x</Id><FieldLevelEncryptionConfig/></FieldLevelEncryption>",
      "FieldLevelEncryptionConfig"
    ),
    (
      .fieldLevelEncryptionProfile, "GET /2020-05-31/field-level-encryption-profile/x",
      "<FieldLevelEncryptionProfile><Id>x</Id><FieldLevelEncryptionProfileConfig><Name>n</Name></FieldLevelEncryptionProfileConfig></FieldLevelEncryptionProfile>",
      "FieldLevelEncryptionProfileConfig"
    ),
    (
      .monitoringSubscription, "GET /2020-05-31/distributions/x/monitoring-subscription",
      "<MonitoringSubscription><RealtimeMetricsSubscriptionConfig/></MonitoringSubscription>",
      "MonitoringSubscription"
    ),
  ])
  func `what the lab does not serve yet is read as the service model says`(
    _ kind: ResourceKind, _ call: String, _ xml: String, _ root: String
  ) async throws {
    let client = CloudFrontClient(ByPath(answers: [call: body(xml, ["etag": "V1"])]))
    let it = try await client.resource(kind, "x")
    #expect(it.kind == kind && it.id == "x" && it.document?.name == root)
    #expect(it.document?.name == kind.configElement)
  }

  @Test func `a policy is AWS's own only when the list of AWS's own has it`() async throws {
    let client = CloudFrontClient(
      ByPath(answers: [
        "GET /2020-05-31/cache-policy?Type=managed&MaxItems=100": body(
          "<CachePolicyList><NextMarker>m</NextMarker><Items><CachePolicySummary><Type>managed</Type><CachePolicy><Id>a</Id><CachePolicyConfig><Name>Managed-A</Name></CachePolicyConfig></CachePolicy></CachePolicySummary><CachePolicySummary><Type>custom</Type><CachePolicy><Id>mine</Id></CachePolicy></CachePolicySummary></Items></CachePolicyList>"
        ),
        "GET /2020-05-31/cache-policy?Type=managed&Marker=m&MaxItems=100": body(
          "<CachePolicyList><Items><CachePolicySummary><Type>managed</Type><CachePolicy><Id>b</Id></CachePolicy></CachePolicySummary></Items></CachePolicyList>"
        ),
      ]))
    #expect(try await client.managedPolicies(.cachePolicy) == ["a": "Managed-A", "b": ""])
  }
}

struct NeighbourTests {
  static let store = "arn:aws:cloudfront::111111111111:key-value-store/u"

  @Test func `a store's values are read page by page, at the account's own host`() async throws {
    let path = "GET /key-value-stores/\(percentEncoded(Self.store))/keys"
    let answers = [
      "\(path)?MaxResults=50": body(
        #"{"Items":[{"Key":"a","Value":"1"},{"Key":"b"}],"NextToken":"t"}"#),
      "\(path)?MaxResults=50&NextToken=t": body(#"{"Items":[{"Key":"c","Value":"3"}]}"#),
      "\(path)/b?": body(#"{"Key":"b","Value":"2"}"#),
    ]
    let items = try await KeyValueClient(ByPath(answers: answers)).items(of: Self.store)
    #expect(items == ["a": "1", "b": "2", "c": "3"])
  }

  @Test(
    arguments: [
      ("", ["x-amzn-errortype": "AccessDeniedException:http://x/"], "AccessDeniedException"),
      (
        #"{"__type":"com.amazonaws#ThrottlingException","message":"slow"}"#, [:],
        "ThrottlingException"
      ),
      (#"{"__type":"ResourceNotFoundException","Message":"no"}"#, [:], "ResourceNotFoundException"),
      (#"{"code":"ExpiredTokenException"}"#, [:], "ExpiredTokenException"),
      ("<Error><Code>NoSuchBucket</Code></Error>", [:], "NoSuchBucket"),
    ] as [(String, [String: String], String)])
  func `a refusal in JSON carries its code as one in XML does`(
    _ text: String, _ headers: [String: String], _ code: String
  ) {
    let error = #expect(throws: FerryError.self) {
      try accepted(body(text, status: 400, headers), operation: "GetX")
    }
    #expect(error?.service?.code == code && error?.service?.operation == "GetX")
    #expect((error?.exit == .denied) == (code == "AccessDeniedException"))
  }

  @Test func `a page of a proxy is no refusal, whatever its headers say`() {
    let error = #expect(throws: FerryError.self) {
      try accepted(
        body("<html>", status: 403, ["x-amzn-errortype": "AccessDeniedException"]), operation: "X")
    }
    #expect(error?.code == .unreadableAnswer)
  }

  @Test
  func `a web ACL comes with every set and group that its rules name, and those of its groups`()
    async throws
  {
    func arn(_ kind: String, _ id: String) -> String {
      "arn:aws:wafv2:us-east-1:111111111111:global/\(kind)/n/\(id)"
    }
    let target = "AWSWAF_20190729"
    let answers = [
      "\(target).GetWebACL": body(
        #"{"LockToken":"L","WebACL":{"Name":"w","Rules":[{"Statement":{"NotStatement":{"Statement":{"IPSetReferenceStatement":{"ARN":"\#(arn("ipset", "i"))"}}}}},{"Statement":{"RuleGroupReferenceStatement":{"ARN":"\#(arn("rulegroup", "g"))"}}},{"Statement":{"ManagedRuleGroupStatement":{"VendorName":"AWS","Name":"X"}}}]}}"#
      ),
      "\(target).GetIPSet": body(#"{"IPSet":{"Addresses":["192.0.2.0/24"]}}"#),
      "\(target).GetRuleGroup": body(
        #"{"RuleGroup":{"Rules":[{"Statement":{"RegexPatternSetReferenceStatement":{"ARN":"\#(arn("regexpatternset", "r"))"}}}]}}"#
      ),
      "\(target).GetRegexPatternSet": body(
        #"{"__type":"AccessDeniedException"}"#, status: 400),
      "\(target).GetLoggingConfiguration": body(
        #"{"__type":"WAFNonexistentItemException"}"#, status: 400),
    ]
    let (it, failures) = try await WebACLClient(ByPath(answers: answers)).webACL(arn("webacl", "1"))
    #expect(it.name == "w" && it.etag == "L")
    #expect(it.json?["IPSets"]?.array?.count == 1 && it.json?["RuleGroups"]?.array?.count == 1)
    #expect(failures.map(\.call) == ["GetRegexPatternSet"])
  }

  @Test func `a bucket of another region is asked for where S3 says it is, once`() async throws {
    let answers = [
      "GetBucketPolicy us-east-1": body(
        "<Error><Code>PermanentRedirect</Code></Error>", status: 301,
        ["x-amz-bucket-region": "eu-west-1"]),
      "GetBucketPolicy eu-west-1": body(#"{"Version":"2012-10-17","Statement":[]}"#),
      "GetBucketOwnershipControls eu-west-1": body(
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
      ),
      "GetBucketEncryption eu-west-1": body(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:eu-west-1:111111111111:key/k</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
      ),
    ]
    let (it, failures) = try await BucketClient(ByPath(answers: answers), region: "us-east-1")
      .bucket("b-1")
    #expect(failures.isEmpty && it.json?["region"] == "eu-west-1")
    #expect(it.json?["policy"]?["Version"] == "2012-10-17")
    #expect(it.json?["ownershipControls"] == "BucketOwnerEnforced")
    #expect(
      it.json?["encryption"]?["kmsKey"]?.string == "arn:aws:kms:eu-west-1:111111111111:key/k")
    let loop = [
      "GetBucketPolicy": body(
        "<Error><Code>PermanentRedirect</Code></Error>", status: 301,
        ["x-amz-bucket-region": "eu-west-1"]),
      "GetBucketOwnershipControls": body("<Error><Code>AccessDenied</Code></Error>", status: 403),
      "GetBucketEncryption": body("<Error><Code>AccessDenied</Code></Error>", status: 403),
    ]
    let error = await #expect(throws: FerryError.self) {
      try await BucketClient(ByPath(answers: loop), region: "us-east-1").bucket("b-1")
    }
    #expect(error?.service?.code == "PermanentRedirect")
  }

  @Test func `a Lambda version is kept without the signed address of its code`() async throws {
    let arn = "arn:aws:lambda:us-east-1:111111111111:function:edge:7"
    let answers = [
      "GET /2015-03-31/functions/edge?Qualifier=7": body(
        #"{"Configuration":{"Runtime":"nodejs22.x"},"Code":{"Location":"https://x/?X-Amz-Signature=canary"}}"#
      )
    ]
    let it = try await LambdaClient(ByPath(answers: answers)).function(arn)
    #expect(it.json == ["Runtime": "nodejs22.x"] && it.name == "edge")
    await #expect(throws: FerryError.self) {
      try await LambdaClient(ByPath(answers: answers)).function(
        "arn:aws:lambda:us-east-1:111111111111:function:edge")
    }
  }

  @Test func `a log delivery is found by the distribution that its source names, over all pages`()
    async throws
  {
    let answers = [
      "Logs_20140328.DescribeDeliverySources {}": body(
        #"{"deliverySources":[{"name":"other","service":"bedrock","resourceArns":["arn:d"]}],"nextToken":"t"}"#
      ),
      #"Logs_20140328.DescribeDeliverySources {"nextToken":"t"}"#: body(
        #"{"deliverySources":[{"name":"s","service":"cloudfront","resourceArns":["arn:d"]}]}"#),
      "Logs_20140328.DescribeDeliveries": body(
        #"{"deliveries":[{"id":"1","deliverySourceName":"s","deliveryDestinationArn":"arn:to"},{"id":"2","deliverySourceName":"other"}]}"#
      ),
      "Logs_20140328.DescribeDeliveryDestinations": body(
        #"{"deliveryDestinations":[{"arn":"arn:to","name":"to"}]}"#),
    ]
    let found = try await LogDeliveryClient(ByPath(answers: answers)).deliveries()
    #expect(found.keys.sorted() == ["arn:d"])
    #expect(found["arn:d"]?.map(\.id) == ["1"])
    #expect(found["arn:d"]?.first?.json?["destination"]?["name"] == "to")
  }

  @Test func `an IAM certificate is found by its id among the names`() async throws {
    let answers = [
      "ListServerCertificates": body(
        "<R><ListServerCertificatesResult><IsTruncated>false</IsTruncated><ServerCertificateMetadataList><member><ServerCertificateId>ASCA</ServerCertificateId><ServerCertificateName>n</ServerCertificateName></member></ServerCertificateMetadataList></ListServerCertificatesResult></R>"
      ),
      "GetServerCertificate": body(
        "<R><GetServerCertificateResult><ServerCertificate><ServerCertificateMetadata><ServerCertificateId>ASCA</ServerCertificateId><Arn>arn:c</Arn></ServerCertificateMetadata><CertificateBody>PEM</CertificateBody></ServerCertificate></GetServerCertificateResult></R>"
      ),
    ]
    let client = ServerCertificateClient(ByPath(answers: answers))
    #expect(try await client.names() == ["ASCA": "n"])
    let it = try await client.certificate("ASCA", name: "n")
    #expect(it.arn == "arn:c" && it.json?["CertificateBody"] == "PEM")
    await #expect(throws: FerryError.self) { try await client.certificate("OTHER", name: "n") }
  }
}
