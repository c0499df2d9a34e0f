import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// What CloudFront refuses, with its code and status; and what it lets pass.
struct RuleTests {
  let world = World()

  @Test func `the quota of twenty policies is kept`() async throws {
    for index in 0..<AccountQuota.policies.standard {
      let staging = try await world.create("s\(index)", ["Staging": true])
      _ = try await world.policy(staging.domainName)
    }
    let staging = try await world.create("one-more", ["Staging": true])
    await world.refused("TooManyContinuousDeploymentPolicies", 400) {
      () async throws(FerryError) in _ = try await world.policy(staging.domainName)
    }
  }

  @Test func `a policy names staging distributions that exist, and only those`() async throws {
    let primary = try await world.create("primary")
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      _ = try await world.policy("d0nowhere.cloudfront.net")
    }
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      _ = try await world.policy(primary.domainName)
    }
  }

  @Test(arguments: [
    (#"{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.16}}"#, "InvalidArgument"),
    (#"{"Type":"SingleWeight","SingleWeightConfig":{"Weight":-0.01}}"#, "InvalidArgument"),
    (#"{"Type":"SingleWeight"}"#, "InvalidArgument"),
    (#"{"Type":"Half"}"#, "InvalidArgument"),
    (
      #"{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.1,"SessionStickinessConfig":{"IdleTTL":299,"MaximumTTL":300}}}"#,
      "InvalidArgument"
    ),
    (
      #"{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.1,"SessionStickinessConfig":{"IdleTTL":900,"MaximumTTL":300}}}"#,
      "InvalidArgument"
    ),
    (
      #"{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"x-canary","Value":"1"}}"#,
      "InvalidArgument"
    ),
    (#"{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x"}}"#, "MalformedXML"),
  ])
  func `a policy outside its limits is refused`(_ traffic: String, _ code: String) async throws {
    let staging = try await world.create("s", ["Staging": true])
    let config = try JSONValue.read(Array(traffic.utf8), what: "traffic")
    await world.refused(code, 400) { () async throws(FerryError) in
      _ = try await world.policy(staging.domainName, traffic: config)
    }
  }

  @Test func `a policy id cannot be given when a distribution is created`() async throws {
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      _ = try await world.create("p", ["ContinuousDeploymentPolicyId": "any"])
    }
  }

  @Test func `an unknown policy cannot be attached, and a dangling one may stay`() async throws {
    let primary = try await world.create("p")
    await world.refused("NoSuchContinuousDeploymentPolicy", 404) { () async throws(FerryError) in
      _ = try await world.put(primary.id, "ContinuousDeploymentPolicyId", "gone")
    }
    try world.model.with { (model: inout CloudFrontModel) throws in
      model.edit(distribution: primary.id, account: World.account, now: world.clock.now) {
        $0.put(XElement("ContinuousDeploymentPolicyId", text: "gone"))
      }
    }
    // A dangling id locks nothing either.
    let after = try await world.put(primary.id, "PriceClass", "PriceClass_100")
    #expect(after.config.text(at: "ContinuousDeploymentPolicyId") == "gone")
    _ = try await world.put(primary.id, "ContinuousDeploymentPolicyId", "")
  }

  @Test func `a policy serves one primary`() async throws {
    let trio = try await world.trio()
    let second = try await world.create("second")
    await world.refused("ContinuousDeploymentPolicyInUse", 409) { () async throws(FerryError) in
      _ = try await world.put(second.id, "ContinuousDeploymentPolicyId", trio.policy)
    }
  }

  @Test(arguments: ["http3", "http2and3"])
  func `HTTP/3 and a policy rule each other out`(_ version: String) async throws {
    let staging = try await world.create("s", ["Staging": true])
    let policy = try await world.policy(staging.domainName)
    let primary = try await world.create("p", ["HttpVersion": .string(version)])
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      _ = try await world.put(primary.id, "ContinuousDeploymentPolicyId", policy.id)
    }
  }

  @Test(arguments: [
    ("HttpVersion", "http1.1"), ("PriceClass", "PriceClass_100"), ("IsIPV6Enabled", "true"),
    ("WebACLId", "arn:aws:wafv2:us-east-1:111111111111:global/webacl/x/1"),
  ])
  func `while a policy is attached, settings outside the list stay`(
    _ member: String, _ value: String
  ) async throws {
    let trio = try await world.trio()
    for id in [trio.primary, trio.staging] {
      await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
        _ = try await world.put(id, member, value)
      }
    }
    _ = try await world.put(trio.primary, "DefaultRootObject", "index.html")
    _ = try await world.put(trio.primary, "ContinuousDeploymentPolicyId", "")
    _ = try await world.put(trio.primary, member, value)
  }

  @Test func `CallerReference and Staging never change`() async throws {
    let primary = try await world.create("p")
    for (member, value) in [("CallerReference", "other"), ("Staging", "true")] {
      await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
        _ = try await world.put(primary.id, member, value)
      }
    }
  }

  @Test(arguments: [
    "Aliases", "DefaultRootObject", "CacheBehaviors", "CustomErrorResponses", "Logging",
    "PriceClass", "ViewerCertificate", "Restrictions", "WebACLId", "HttpVersion",
  ])
  func `an update without what updates need is refused`(_ member: String) async throws {
    let primary = try await world.create("p")
    var config = primary.config
    config.remove(member)
    let broken = config
    await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
      _ = try await world.client.updateDistribution(
        primary.id, config: broken, ifMatch: primary.etag)
    }
  }

  @Test func `a staging distribution has no aliases`() async throws {
    await world.refused("InvalidArgument", 400) { () async throws(FerryError) in
      _ = try await world.create(
        "s", ["Staging": true, "Aliases": ["Quantity": 1, "Items": ["a.example.com"]]])
    }
  }

  @Test func `an alias is claimed once over all accounts, and a wildcard may overlap`()
    async throws
  {
    func aliases(_ name: String, _ account: AccountID = World.account) -> [String: JSONValue] {
      [
        "Aliases": ["Quantity": 1, "Items": [.string(name)]],
        "ViewerCertificate": [
          "ACMCertificateArn": .string("arn:aws:acm:us-east-1:\(account):certificate/1"),
          "SSLSupportMethod": "sni-only",
        ],
      ]
    }
    let other = "222222222222"
    await world.refused("InvalidViewerCertificate", 400) { () async throws(FerryError) in
      _ = try await world.create("c", ["Aliases": ["Quantity": 1, "Items": ["www.example.com"]]])
    }
    _ = try await world.create("a", aliases("www.example.com"))
    await world.refused("CNAMEAlreadyExists", 409) { () async throws(FerryError) in
      _ = try await world.create(
        "b", aliases("www.example.com", other), client: world.client(of: other))
    }
    _ = try await world.create(
      "b", aliases("*.example.com", other), client: world.client(of: other))
  }

  @Test func `a disabled distribution goes only once it is deployed`() async throws {
    let it = try await world.create("p")
    let off = try await world.put(it.id, "Enabled", "false")
    await world.refused("DistributionNotDisabled", 409) { () async throws(FerryError) in
      try await world.client.deleteDistribution(it.id, ifMatch: off.etag)
    }
    world.clock.advance(seconds: 80)
    try await world.client.deleteDistribution(it.id, ifMatch: off.etag)
  }

  @Test func `a stuck distribution never becomes Deployed`() async throws {
    let it = try await world.create("p")
    world.model.with { $0.stuck = [it.id] }
    world.clock.advance(seconds: 1e6)
    #expect(try await world.client.distribution(it.id).status == "InProgress")
  }

  @Test func `elements that no model knows survive a write`() async throws {
    let it = try await world.create("p")
    var config = it.config
    config.nodes.append(.element(XElement("Invented", [XElement("Deep", text: "  kept ")])))
    let sent = config
    _ = try await world.client.updateDistribution(it.id, config: sent, ifMatch: it.etag)
    let read = try await world.client.distribution(it.id).config
    #expect(read.means(sent))
  }

  @Test func `the log tells reads, refusals and effective writes apart`() async throws {
    let it = try await world.create("p")
    world.model.with { $0.clearLog() }
    _ = try await world.client.distribution(it.id)
    try? await world.client.deleteDistribution(it.id, ifMatch: it.etag)
    _ = try await world.put(it.id, "Comment", "new")
    let log = world.model.with { $0.log }
    #expect(
      log.map(\.operation) == [
        "GetDistribution", "DeleteDistribution", "GetDistribution", "UpdateDistribution",
      ])
    #expect(log.map(\.effective) == [false, false, false, true])
    #expect(log[1].code == "DistributionNotDisabled" && log[1].status == 409)
    #expect(log.allSatisfy { $0.resource == it.id })
  }

  @Test func `a lost answer leaves the write done, a lost request leaves it undone`() async throws {
    for lostAnswer in [true, false] {
      let it = try await world.create("p-\(lostAnswer)")
      let faults = ModelTransport.Faults(
        before: { (request, _) throws(FerryError) in
          if !lostAnswer { throw ModelTransport.Faults.lost(request) }
          return nil
        },
        after: { (request, _, _) throws(FerryError) in throw ModelTransport.Faults.lost(request) })
      let client = CloudFrontClient(
        ModelTransport(world.model, account: World.account, clock: world.clock, faults: faults))
      var config = it.config
      config.put(XElement("Comment", text: "changed"))
      let error = await #expect(throws: FerryError.self) {
        _ = try await client.updateDistribution(it.id, config: config, ifMatch: it.etag)
      }
      #expect(error?.code == .noAnswer)
      let now = try await world.client.distribution(it.id)
      #expect((now.config.text(at: "Comment") == "changed") == lostAnswer)
      #expect((now.etag != it.etag) == lostAnswer)
    }
  }

  @Test func `the same seed gives the same ids and keys`() async throws {
    let first = try await World().create("p")
    let second = try await World().create("p")
    #expect(first.id == second.id && first.etag == second.etag)
    let models = [1, 2].map { CloudFrontModel(accounts: ["111111111111"], seed: UInt64($0)) }
    #expect(
      models[0].accessKey(of: "111111111111") != models[1].accessKey(of: "111111111111"))
  }

  @Test func `a POP serves the policy of a distribution that was loaded with it`() throws {
    var model = CloudFrontModel(accounts: [])
    try model.load(
      World.document(#"[{"id":"E1","config":{"ContinuousDeploymentPolicyId":"P1"}}]"#),
      now: world.clock.now)
    #expect(
      model.popView(distribution: "E1", pop: 0, now: world.clock.now)?.policy?.text(at: "Enabled")
        == "true")
  }

  @Test(arguments: [
    (#"[{"id":"E1","config":{}},{"id":"E1","config":{}}]"#, "distributions[1]"),
    (#"[{"id":"E1","config":{"Enabled":"maybe"}}]"#, "DistributionConfig/Enabled"),
    (#"[{"id":"E1","configXML":"<Other/>"}]"#, "E1"), (#"[{"config":{}}]"#, "id"),
  ])
  func `a broken inventory is refused whole, and the place is named`(
    _ distributions: String, _ place: String
  ) throws {
    var model = CloudFrontModel(accounts: [])
    let document = try World.document(distributions)
    let error = #expect(throws: FerryError.self) { try model.load(document, now: world.clock.now) }
    #expect(error?.exit == .usage)
    #expect(error?.why.contains(place) == true, "\(error?.why ?? "")")
    #expect(model.accountIDs.isEmpty)
  }

  @Test func `loading a stack again replaces it`() throws {
    var model = CloudFrontModel(accounts: [])
    for _ in 0..<2 { try model.load(World.document("[]"), now: world.clock.now) }
    #expect(model.accounts["111111111111"]?.stacks.count == 1)
  }
}

/// A model with two accounts and a client for the first.
struct World {
  static let account = "111111111111"
  let clock = VirtualClock()
  let model = SharedModel(
    CloudFrontModel(accounts: [World.account, "222222222222"], propagationSeconds: 80))
  var client: CloudFrontClient { client(of: World.account) }
  func client(of account: AccountID) -> CloudFrontClient {
    CloudFrontClient(ModelTransport(model, account: account, clock: clock))
  }

  func create(
    _ reference: String, _ members: [String: JSONValue] = [:], client: CloudFrontClient? = nil
  ) async throws(FerryError) -> CloudFrontClient.Distribution {
    let standard: [String: JSONValue] = [
      "CallerReference": .string(reference), "Comment": "", "Enabled": true,
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "o.example.net",
            "S3OriginConfig": ["OriginAccessIdentity": ""],
          ]
        ],
      ],
      "DefaultCacheBehavior": [
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
      ],
    ]
    let config = try Shape.xml(
      .object(standard.merging(members) { $1 }), shape: "DistributionConfig")
    return try await (client ?? self.client).createDistribution(config: config)
  }

  static let certificate: JSONValue = [
    "ACMCertificateArn": "arn:aws:acm:us-east-1:111111111111:certificate/1",
    "SSLSupportMethod": "sni-only",
  ]

  func policy(_ name: String, traffic: JSONValue? = nil) async throws(FerryError)
    -> CloudFrontClient.Policy
  {
    let standard: JSONValue = [
      "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.05)],
    ]
    return try await client.createPolicy(
      config: Shape.xml(
        [
          "StagingDistributionDnsNames": ["Quantity": 1, "Items": [.string(name)]],
          "Enabled": true, "TrafficConfig": traffic ?? standard,
        ], shape: "ContinuousDeploymentPolicyConfig"))
  }

  func trio() async throws(FerryError) -> (primary: String, staging: String, policy: String) {
    let primary = try await create("primary")
    let staging = try await create("staging", ["Staging": true])
    let policy = try await policy(staging.domainName)
    _ = try await put(primary.id, "ContinuousDeploymentPolicyId", policy.id)
    return (primary.id, staging.id, policy.id)
  }

  /// Reads, sets one member and writes.
  func put(_ id: String, _ member: String, _ value: String) async throws(FerryError)
    -> CloudFrontClient.Distribution
  {
    let it = try await client.distribution(id)
    var config = it.config
    config.put(XElement(member, text: value))
    return try await client.updateDistribution(id, config: config, ifMatch: it.etag)
  }

  func refused(
    _ code: String, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws(FerryError) -> Void
  ) async {
    do throws(FerryError) {
      try await body()
      Issue.record("was not refused with \(code)", sourceLocation: sourceLocation)
    } catch {
      #expect(error.service?.code == code, sourceLocation: sourceLocation)
      #expect(error.service?.status == status, sourceLocation: sourceLocation)
    }
  }

  /// An inventory with these distributions, a policy P1 and a stack, as a person would write it.
  static func document(_ distributions: String) throws(FerryError) -> JSONValue {
    let policy =
      #"{"id":"P1","config":{"Enabled":true,"StagingDistributionDnsNames":{"Quantity":0}}}"#
    let stack =
      #"{"id":"arn:aws:cloudformation:us-east-1:111111111111:stack/s/1","name":"s","region":"us-east-1","status":"CREATE_COMPLETE"}"#
    let text =
      #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":"#
      + distributions + #","continuousDeploymentPolicies":["# + policy + #"],"stacks":["# + stack
      + "]}]}"
    return try JSONValue.read(Array(text.utf8), what: "document")
  }
}
