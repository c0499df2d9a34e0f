import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// Key value stores, log configs and VPC origins where time, limits or behaviours decide; boto3 drives the rest.
struct StoreTests {
  let world = World()

  struct Reply {
    var status: Int
    var etag: String
    var body: JSONValue
    var code: String
  }
  /// One request of the data plane.
  private func data(
    _ method: String, _ path: String, etag: String? = nil, body: JSONValue? = nil,
    account: AccountID = World.account
  ) -> Reply {
    var headers: [String: String] = [:]
    headers["if-match"] = etag
    let request = ServiceRequest(
      AWSService(environmentName: "", configKey: "", signingName: "cloudfront-keyvaluestore"), "",
      method: method, path: "/key-value-stores/\(path)", headers: headers,
      body: body.map { Array($0.canonical.utf8) } ?? [])
    let now = world.clock.now
    let answer = world.model.with {
      $0.handle(request, account: account, callerARN: "", now: now)
    }
    return Reply(
      status: answer.status, etag: answer.headers["etag"] ?? "",
      body: (try? JSONValue.read(answer.body, what: "answer")) ?? .null,
      code: answer.headers["x-amzn-errortype"] ?? "")
  }
  private func store(_ name: String) async throws(FerryError) -> String {
    let made = try await world.client.call(
      "CreateKeyValueStore", method: "POST", path: "/key-value-store",
      body: XElement("CreateKeyValueStoreRequest", [XElement("Name", text: name)]))
    return try XMLReader.read(made.body).text(at: "ARN") ?? ""
  }
  private func function(_ name: String, store arn: String) async throws(FerryError) {
    let config: JSONValue = [
      "Comment": "", "Runtime": "cloudfront-js-2.0",
      "KeyValueStoreAssociations": ["Quantity": 1, "Items": [["KeyValueStoreARN": .string(arn)]]],
    ]
    _ = try await world.client.call(
      "CreateFunction", method: "POST", path: "/function",
      body: XElement(
        "CreateFunctionRequest",
        [
          XElement("Name", text: name), try Shape.xml(config, shape: "FunctionConfig"),
          XElement("FunctionCode", text: "eA=="),
        ]))
  }

  @Test func `a store is neither read nor referred to before it is ready`() async throws {
    let arn = try await store("kvs")
    let path = percentEncoded(arn)
    #expect(data("GET", path).body["Status"] == "PROVISIONING")
    #expect(data("GET", path + "/keys").code == "ConflictException")
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      try await function("early", store: arn)
    }
    world.clock.advance(seconds: 80)
    #expect(data("GET", path).body["Status"] == "READY")
    #expect(data("GET", path + "/keys").body["Items"] == [])
    try await function("fn", store: arn)
    await world.refused("CannotDeleteEntityWhileInUse", 409) { () async throws(FerryError) in
      let it = try await world.client.call("Describe", path: "/key-value-store/kvs")
      _ = try await world.client.call(
        "Delete", method: "DELETE", path: "/key-value-store/kvs",
        headers: ["if-match": it.headers["etag"] ?? ""])
    }
  }

  @Test func `an update of contents lands whole or not at all, and only on the newest version`()
    async throws
  {
    let path = percentEncoded(try await store("kvs"))
    world.clock.advance(seconds: 80)
    let first = data("GET", path).etag
    let put = data("PUT", path + "/keys/a", etag: first, body: ["Value": "1"])
    #expect(put.status == 200 && put.etag != first && put.etag.hasPrefix("KV"))
    let both: JSONValue = [
      "Puts": [["Key": "b", "Value": "2"]], "Deletes": [["Key": "none"]],
    ]
    #expect(data("POST", path + "/keys", etag: put.etag, body: both).status == 404)
    #expect(data("GET", path).etag == put.etag && data("GET", path).body["ItemCount"] == 1)
    #expect(data("PUT", path + "/keys/b", etag: first, body: ["Value": "2"]).status == 409)
    #expect(data("PUT", path + "/keys/b", body: ["Value": "2"]).code == "ValidationException")
    #expect(data("PUT", path + "/keys/b", etag: put.etag, body: [:]).code == "ValidationException")
    #expect(data("DELETE", path + "/keys/a", etag: put.etag).body["ItemCount"] == 0)
    let theirs = data("GET", path, account: "222222222222")
    #expect(theirs.status == 403 && theirs.code == "AccessDeniedException")
    #expect(data("PATCH", path).status == 404)
  }

  @Test func `a store holds five megabytes`() async throws {
    let path = percentEncoded(try await store("kvs"))
    world.clock.advance(seconds: 80)
    world.model.with { model in
      let value = String(repeating: "x", count: 1020)
      for index in 0..<5120 {
        let key = String(repeating: "0", count: 4 - "\(index)".count) + "\(index)"
        model.accounts[World.account]?.stores["kvs"]?.items[key] = value
      }
    }
    let full = data("GET", path)
    #expect(full.body["TotalSizeInBytes"] == .int(5 << 20))
    let over = data("PUT", path + "/keys/one", etag: full.etag, body: ["Value": "more"])
    #expect(over.status == 402 && over.code == "ServiceQuotaExceededException")
  }

  @Test func `a VPC origin is Deploying after each change and seen until its deletion is through`()
    async throws
  {
    func config(_ arn: String) throws(FerryError) -> XElement {
      try Shape.xml(
        [
          "Name": "vo", "Arn": .string(arn), "HTTPPort": 80, "HTTPSPort": 443,
          "OriginProtocolPolicy": "http-only",
        ], shape: "VpcOriginEndpointConfig")
    }
    func create(_ account: AccountID) async throws(FerryError) -> ServiceResponse {
      let arn = "arn:aws:elasticloadbalancing:us-east-1:\(account):loadbalancer/app/a/1"
      return try await world.client.call(
        "Create", method: "POST", path: "/vpc-origin",
        body: XElement("CreateVpcOriginRequest", [try config(arn)]))
    }
    await world.refused("AccessDenied", 403) { () async throws(FerryError) in
      _ = try await create("222222222222")
    }
    let made = try await create(World.account)
    #expect(made.status == 202)
    let id = try XMLReader.read(made.body).text(at: "Id") ?? ""
    func read() async throws(FerryError) -> (status: String, etag: String) {
      let it = try await world.client.call("Get", path: "/vpc-origin/\(id)")
      return (
        try XMLReader.read(it.body).text(at: "Status") ?? "", it.headers["etag"] ?? ""
      )
    }
    #expect(try await read().status == "Deploying")
    world.clock.advance(seconds: 80)
    let etag = try await read().etag
    #expect(try await read().status == "Deployed")
    _ = try await world.client.call(
      "Delete", method: "DELETE", path: "/vpc-origin/\(id)", headers: ["if-match": etag])
    #expect(try await read().status == "Deploying")
    world.clock.advance(seconds: 80)
    await world.refused("EntityNotFound", 404) { () async throws(FerryError) in _ = try await read()
    }
  }

  @Test func `a VPC origin is read by whom it is shared with, and by nobody else`() async throws {
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.load(
        [
          "schema": "edgeferry.inventory/1",
          "accounts": [
            [
              "id": "444444444444",
              "vpcOrigins": [
                [
                  "id": "vo_shared", "sharedWith": [.string(World.account)],
                  "config": ["Name": "s", "Arn": "arn:x", "HTTPPort": 80, "HTTPSPort": 443],
                ],
                [
                  "id": "vo_own",
                  "config": ["Name": "o", "Arn": "arn:x", "HTTPPort": 80, "HTTPSPort": 443],
                ],
              ],
            ]
          ],
        ], now: world.clock.now)
    }
    let shared = try await world.client.resource(.vpcOrigin, "vo_shared")
    #expect(shared.arn == "arn:aws:cloudfront::444444444444:vpcorigin/vo_shared")
    await world.refused("EntityNotFound", 404) { () async throws(FerryError) in
      _ = try await world.client.resource(.vpcOrigin, "vo_own")
    }
  }

  // MARK: References

  /// A distribution's members that name something of another account, or nothing at all.
  private static func naming(_ what: String) -> [String: JSONValue] {
    func behaviour(_ members: [String: JSONValue]) -> [String: JSONValue] {
      let standard: [String: JSONValue] = [
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
      ]
      return ["DefaultCacheBehavior": .object(standard.merging(members) { $1 })]
    }
    switch what {
    case "log config":
      return behaviour([
        "RealtimeLogConfigArn": "arn:aws:cloudfront::222222222222:realtime-log-config/x"
      ])
    case "encryption": return behaviour(["FieldLevelEncryptionId": "CNONE"])
    case "Lambda function":
      return behaviour([
        "LambdaFunctionAssociations": [
          "Quantity": 1,
          "Items": [
            [
              "LambdaFunctionARN": "arn:aws:lambda:us-east-1:222222222222:function:f:1",
              "EventType": "viewer-request",
            ]
          ],
        ]
      ])
    case "web ACL": return ["WebACLId": "arn:aws:wafv2:us-east-1:222222222222:global/webacl/w/1"]
    case "certificate":
      return [
        "ViewerCertificate": [
          "ACMCertificateArn": "arn:aws:acm:us-east-1:222222222222:certificate/1",
          "SSLSupportMethod": "sni-only",
        ]
      ]
    default:
      return [
        "Origins": [
          "Quantity": 1,
          "Items": [
            [
              "Id": "o", "DomainName": "o.example.net",
              "VpcOriginConfig": ["VpcOriginId": "vo_x", "OwnerAccountId": "333333333333"],
            ]
          ],
        ]
      ]
    }
  }

  @Test(arguments: [
    ("log config", "RealtimeLogConfigOwnerMismatch", 401, false),
    ("encryption", "NoSuchFieldLevelEncryptionConfig", 404, false),
    ("Lambda function", "InvalidLambdaFunctionAssociation", 400, true),
    ("web ACL", "InvalidWebACLId", 400, true),
    ("certificate", "InvalidViewerCertificate", 400, true),
    ("VPC origin", "AccessDenied", 403, true),
  ])
  func `what is not this account's is refused when it is newly named, and may stay`(
    _ what: String, _ code: String, _ status: Int, _ behaviourLets: Bool
  ) async throws {
    let members = Self.naming(what)
    await world.refused(code, status) { () async throws(FerryError) in
      _ = try await world.create("new", members)
    }
    let it = try await world.create("old")
    var config = it.config
    for (name, value) in members {
      config.put(
        try #require(
          try Shape.xml(.object([name: value]), shape: "DistributionConfig").first(name)))
    }
    config = Defaults.filled(config)
    await world.refused(code, status) { () async throws(FerryError) in
      _ = try await world.client.updateDistribution(it.id, config: config, ifMatch: it.etag)
    }
    let dangling = config
    world.model.with {
      $0.edit(distribution: it.id, account: World.account, now: world.clock.now) { $0 = dangling }
    }
    let kept = try await world.put(it.id, "Comment", "changed")
    let copy = try await world.client.call(
      "Copy", method: "POST", path: "/distribution/\(it.id)/copy",
      headers: ["staging": "true", "if-match": kept.etag],
      body: XElement(
        "CopyDistributionRequest", [XElement("CallerReference", text: "copy")]))
    #expect(copy.status == 201)
    try world.model.with { (model: inout CloudFrontModel) throws in
      try model.behaviours.set("foreign-arns=accept")
    }
    do throws(FerryError) {
      _ = try await world.create("accepted", members)
      #expect(behaviourLets)
    } catch {
      #expect(!behaviourLets && error.isService(code))
    }
  }

  // MARK: Loading

  @Test func `an inventory brings functions, stores, log configs, VPC origins and the rest`()
    async throws
  {
    let text = #"""
      {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111",
       "distributions":[{"id":"E1","config":{"CallerReference":"r"}}],
       "originAccessIdentities":[{"id":"E1OAI","s3CanonicalUserId":"abc","config":{"CallerReference":"r","Comment":""}}],
       "fieldLevelEncryptionProfiles":[{"id":"P1","config":{"Name":"p","CallerReference":"r","EncryptionEntities":{"Quantity":0}}}],
       "fieldLevelEncryptionConfigs":[{"id":"C1","etag":"E7","configXML":"<FieldLevelEncryptionConfig><CallerReference>r</CallerReference></FieldLevelEncryptionConfig>"}],
       "keyValueStores":[{"id":"kvs","arn":"arn:aws:cloudfront::111111111111:key-value-store/u-1","etag":"E8","status":"READY",
        "tags":{"a":"b"},"items":{"k":"v","w":"x"},"config":{"Name":"kvs","Id":"u-1","Comment":"c","ARN":"x","Status":"READY"}}],
       "functions":[{"id":"fn","stage":"LIVE","etag":"E9","code":"Y29kZQ==","config":{"Comment":"","Runtime":"cloudfront-js-2.0",
        "KeyValueStoreAssociations":{"Quantity":1,"Items":[{"KeyValueStoreARN":"arn:aws:cloudfront::111111111111:key-value-store/u-1"}]}}}],
       "realtimeLogConfigs":[{"id":"rl","config":{"SamplingRate":5,"Name":"rl","Fields":["c-ip"],"EndPoints":[{"StreamType":"Kinesis",
        "KinesisStreamConfig":{"RoleARN":"r","StreamARN":"s"}}]}}],
       "vpcOrigins":[{"id":"vo_1","status":"Deployed","config":{"Name":"v","Arn":"a","HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"http-only"}}],
       "monitoringSubscriptions":[{"id":"E1","config":{"RealtimeMetricsSubscriptionConfig":{"RealtimeMetricsSubscriptionStatus":"Enabled"}}}]}]}
      """#
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.load(JSONValue.read(Array(text.utf8), what: "test"), now: world.clock.now)
    }
    func get(_ path: String) async throws -> (etag: String?, body: XElement) {
      let answer = try await world.client.call("Get", path: path)
      return (answer.headers["etag"], try XMLReader.read(answer.body))
    }
    let identity = try await get("/origin-access-identity/cloudfront/E1OAI")
    #expect(identity.body.text(at: "S3CanonicalUserId") == "abc")
    let encryption = try await get("/field-level-encryption/C1")
    #expect(encryption.etag == "E7")
    #expect(try await get("/field-level-encryption-profile/P1/config").body.text(at: "Name") == "p")
    let described = try await get("/key-value-store/kvs")
    #expect(described.etag == "E8" && described.body.text(at: "Id") == "u-1")
    let path = percentEncoded("arn:aws:cloudfront::111111111111:key-value-store/u-1")
    #expect(data("GET", path + "/keys/w").body["Value"] == "x")
    for stage in ["LIVE", "DEVELOPMENT"] {
      let code = try await world.client.call(
        "Get", path: "/function/fn", query: [.init("Stage", stage)])
      #expect(code.body == Array("code".utf8))
      #expect((code.headers["etag"] == "E9") == (stage == "LIVE"))
    }
    let log = try await world.client.call(
      "Get", method: "POST", path: "/get-realtime-log-config",
      body: XElement("GetRealtimeLogConfigRequest", [XElement("Name", text: "rl")]))
    #expect(
      try XMLReader.read(log.body).text(at: "RealtimeLogConfig/ARN")
        == "arn:aws:cloudfront::111111111111:realtime-log-config/rl")
    #expect(try await get("/vpc-origin/vo_1").body.text(at: "Status") == "Deployed")
    let metrics = try await get("/distributions/E1/monitoring-subscription").body
    #expect(
      metrics.text(at: "RealtimeMetricsSubscriptionConfig/RealtimeMetricsSubscriptionStatus")
        == "Enabled")
  }

  @Test(arguments: [
    (#""functions":[{"id":"f","stage":"SOON","code":"","config":{}}]"#, "functions[0]"),
    (#""functions":[{"id":"f","code":"%%%","config":{}}]"#, "functions[0]"),
    (#""keyValueStores":[{"id":"k","items":{"a":1}}]"#, "keyValueStores[0].items"),
    (#""vpcOrigins":[{"id":"v"},{"id":"v"}]"#, "vpcOrigins[1].id"),
    (#""monitoringSubscriptions":[{"id":"E9","config":{}}]"#, "monitoringSubscriptions[0].id"),
  ])
  func `a broken item of an inventory is named and nothing is loaded`(
    _ array: String, _ place: String
  ) throws {
    var model = CloudFrontModel(accounts: [])
    let text =
      #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[],"#
      + array + "}]}"
    let document = try JSONValue.read(Array(text.utf8), what: "test")
    let error = #expect(throws: FerryError.self) { try model.load(document, now: world.clock.now) }
    #expect(error?.why.contains(place) == true, "\(error?.why ?? "")")
    #expect(model.accountIDs.isEmpty)
  }
}
