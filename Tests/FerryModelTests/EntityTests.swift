import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// What distributions refer to: quotas, inventories and dangling references, which boto3 does not reach.
struct EntityTests {
  let world = World()

  @Test func `every operation of the table has a handler`() {
    for route in Route.table {
      let path = route.path.map { $0 == "{}" ? "X" : $0 }.joined(separator: "/")
      let query = route.query.map { [ServiceRequest.QueryItem($0.name, $0.value)] } ?? []
      let request = ServiceRequest(
        .cloudFront, "", method: route.method, path: "/2020-05-31/\(path)", query: query)
      let found = Route.matching(request)
      #expect(found?.route.operation == route.operation)
      let answer = world.model.with {
        $0.handle(request, account: World.account, callerARN: "", now: world.clock.now)
      }
      #expect(!String(decoding: answer.body, as: UTF8.self).contains("The lab does not serve"))
    }
    #expect(Set(CloudFrontModel.operations).count == CloudFrontModel.operations.count)
  }

  @Test func `what is not served is refused in CloudFront's form`() {
    let answer = world.model.with {
      $0.handle(
        ServiceRequest(.cloudFront, "", path: "/2020-05-31/streaming-distribution"),
        account: World.account, callerARN: "", now: world.clock.now)
    }
    #expect(answer.status == 404)
    #expect(String(decoding: answer.body, as: UTF8.self).contains("<Code>NoSuchResource</Code>"))
  }

  private func create(_ path: String, _ config: JSONValue, shape: String) async throws(FerryError) {
    _ = try await world.client.call(
      "Create", method: "POST", path: "/\(path)", body: Shape.xml(config, shape: shape))
  }
  private func origin(_ control: String) -> [String: JSONValue] {
    [
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "b.s3.amazonaws.com",
            "OriginAccessControlId": .string(control),
            "S3OriginConfig": ["OriginAccessIdentity": ""],
          ]
        ],
      ]
    ]
  }

  @Test func `each kind has AWS's quota`() async throws {
    for kind in EntityKind.all where kind.quota.standard <= 20 && kind.name != "KeyGroup" {
      for index in 0...kind.quota.standard {
        let name = JSONValue.string("n\(index)")
        var members: [String: JSONValue] = ["Name": name]
        switch kind.name {
        case "CachePolicy": members["MinTTL"] = 1
        case "OriginRequestPolicy":
          members["HeadersConfig"] = ["HeaderBehavior": "none"]
          members["CookiesConfig"] = ["CookieBehavior": "none"]
          members["QueryStringsConfig"] = ["QueryStringBehavior": "none"]
        case "FieldLevelEncryption": members = ["CallerReference": name]
        case "FieldLevelEncryptionProfile":
          // It names one of the keys that were made before.
          let key = world.model.with {
            $0.accounts[World.account]?.entities["PublicKey"]?.keys.sorted().first ?? ""
          }
          members["CallerReference"] = name
          members["EncryptionEntities"] = [
            "Quantity": 1,
            "Items": [
              ["PublicKeyId": .string(key), "ProviderId": "p", "FieldPatterns": ["Quantity": 0]]
            ],
          ]
        case "PublicKey":
          members["CallerReference"] = name
          members["EncodedKey"] = "key"
        default: break
        }
        let config = JSONValue.object(members)
        if index < kind.quota.standard {
          try await create(kind.path, config, shape: kind.config)
        } else {
          await world.refused("TooMany\(kind.plural)", 400) { () async throws(FerryError) in
            try await create(kind.path, config, shape: kind.config)
          }
        }
      }
    }
  }

  @Test func `an account holds as many distributions as its quota allows, loads exempt`()
    async throws
  {
    world.model.with { $0.quotas.distributions = 2 }
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.load(
        World.document(
          #"[{"id":"E1","config":{}},{"id":"E2","config":{}},{"id":"E3","config":{}}]"#),
        now: world.clock.now)
    }
    await world.refused("TooManyDistributions", 400) { () async throws(FerryError) in
      _ = try await world.create("one-more")
    }
  }

  @Test func `a reference that dangles may stay and may not come`() async throws {
    await world.refused("InvalidOriginAccessControl", 400) { () async throws(FerryError) in
      _ = try await world.create("new", origin("E1GONE"))
    }
    let it = try await world.create("old", origin(""))
    world.model.with { model in
      model.edit(distribution: it.id, account: World.account, now: world.clock.now) { config in
        config.change("Origins") { origins in
          origins.change("Items") { items in
            items.changeChildren { $0.put(XElement("OriginAccessControlId", text: "E1GONE")) }
          }
        }
      }
    }
    let after = try await world.put(it.id, "Comment", "changed")
    #expect(after.config.text(at: "Origins/Items/Origin/OriginAccessControlId") == "E1GONE")
  }

  @Test func `an inventory brings what distributions refer to`() async throws {
    let text = #"""
      {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[],
       "originAccessControls":[{"id":"E1OAC","etag":"E9","config":{"Name":"a","SigningProtocol":"sigv4",
        "SigningBehavior":"always","OriginAccessControlOriginType":"s3"}}],
       "cachePolicies":[{"id":"c1","configXML":"<CachePolicyConfig><Name>c</Name><MinTTL>1</MinTTL></CachePolicyConfig>"},
        {"id":"658327ea-f89d-4fab-a63d-7e88639e58f6","config":{"Name":"not this one"}}]}]}
      """#
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.load(JSONValue.read(Array(text.utf8), what: "test"), now: world.clock.now)
    }
    let control = try await world.client.call("Get", path: "/origin-access-control/E1OAC")
    #expect(control.headers["etag"] == "E9")
    let policy = try await world.client.call("Get", path: "/cache-policy/c1/config")
    #expect(try XMLReader.read(policy.body).text(at: "MinTTL") == "1")
    let managed = try await world.client.call(
      "Get", path: "/cache-policy/658327ea-f89d-4fab-a63d-7e88639e58f6/config")
    #expect(try XMLReader.read(managed.body).text(at: "Name") == "CachingOptimized")
    _ = try await world.create("uses", origin("E1OAC"))
  }

  @Test(arguments: [
    (#""cachePolicies":{}"#, "cachePolicies"), (#""keyGroups":[{"config":{}}]"#, "keyGroups[0].id"),
    (#""publicKeys":[{"id":"K1","configXML":"<Other/>"}]"#, "publicKeys[0]"),
  ])
  func `a broken array of an inventory is refused whole`(_ array: String, _ place: String) throws {
    var model = CloudFrontModel(accounts: [])
    let text =
      #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[],"#
      + array + "}]}"
    let document = try JSONValue.read(Array(text.utf8), what: "test")
    let error = #expect(throws: FerryError.self) { try model.load(document, now: world.clock.now) }
    #expect(error?.why.contains(place) == true, "\(error?.why ?? "")")
    #expect(model.accountIDs.isEmpty)
  }

  @Test(arguments: [("any", true), ("strict", false)])
  func `members out of order are taken or refused as the behaviour says`(
    _ order: String, _ taken: Bool
  ) async throws {
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.behaviours.set("element-order=\(order)")
    }
    let it = try await world.create("it")
    let sorted = XElement("DistributionConfig", it.config.children.sorted { $0.name < $1.name })
    do throws(FerryError) {
      _ = try await world.client.updateDistribution(it.id, config: sorted, ifMatch: it.etag)
      #expect(taken)
    } catch {
      #expect(!taken && error.isService("MalformedXML"))
    }
  }

  @Test func `a disabled, deployed distribution is deleted when the lag is over`() async throws {
    try world.model.with { (it: inout CloudFrontModel) throws in
      try it.behaviours.set("delete-lag=30")
    }
    let it = try await world.create("it", ["Enabled": false])
    world.clock.advance(seconds: 80)
    #expect(try await world.client.distribution(it.id).status == "Deployed")
    await world.refused("DistributionNotDisabled", 409) { () async throws(FerryError) in
      try await world.client.deleteDistribution(it.id, ifMatch: it.etag)
    }
    world.clock.advance(seconds: 30)
    try await world.client.deleteDistribution(it.id, ifMatch: it.etag)
  }
}
