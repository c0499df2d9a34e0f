import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryModel

/// What boto3 cannot see: time, POPs, behaviours; the rules themselves are driven by boto3 end to end.
struct ModelTests {
  let clock = VirtualClock()

  private func trio(_ behaviours: [String] = [], propagation: Double = 80) async throws -> (
    SharedModel, CloudFrontClient, CloudFrontClient.Distribution, CloudFrontClient.Policy
  ) {
    var chosen = Behaviours()
    for text in behaviours { try chosen.set(text) }
    let model = SharedModel(
      CloudFrontModel(
        accounts: ["111111111111"], propagationSeconds: propagation, pops: 8, behaviours: chosen))
    let client = CloudFrontClient(ModelTransport(model, account: "111111111111", clock: clock))
    func config(_ reference: String, staging: Bool) throws -> XElement {
      try Shape.xml(
        [
          "CallerReference": .string(reference), "Comment": "", "Enabled": true,
          "Staging": .bool(staging),
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
        ], shape: "DistributionConfig")
    }
    let primary = try await client.createDistribution(config: config("a", staging: false))
    let staging = try await client.createDistribution(config: config("b", staging: true))
    let policy = try await client.createPolicy(
      config: Shape.xml(
        [
          "StagingDistributionDnsNames": ["Quantity": 1, "Items": [.string(staging.domainName)]],
          "Enabled": false,
          "TrafficConfig": [
            "Type": "SingleHeader", "SingleHeaderConfig": ["Header": "aws-cf-cd-x", "Value": "1"],
          ],
        ], shape: "ContinuousDeploymentPolicyConfig"))
    let attach = ConfigEdit(path: "ContinuousDeploymentPolicyId", from: "", to: policy.id)
    let attached = try await client.updateDistribution(
      primary.id, config: primary.config.edited([attach], shape: "DistributionConfig"),
      ifMatch: primary.etag)
    return (model, client, attached, policy)
  }

  @Test func `an answer reads as the document that it is written from`() async throws {
    let (model, _, primary, _) = try await trio()
    for path in ["/distribution/\(primary.id)", "/distribution", "/continuous-deployment-policy"] {
      let request = ServiceRequest(.cloudFront, "", path: "/2020-05-31" + path)
      let answer = model.with {
        $0.handle(request, account: "111111111111", callerARN: "", now: clock.now)
      }
      let document = try #require(answer.document)
      #expect(try XMLReader.read(answer.body) == document)
      #expect(answer.hasBody(of: answer))
      var other = answer
      other.body = answer.body
      #expect(other.document == nil && other.body == answer.body)
    }
  }

  @Test func `what edges answer by is counted, and other changes are not`() async throws {
    let (model, client, primary, policy) = try await trio(propagation: 1)
    var before = model.with { $0.edgeChanges }
    func changes() -> Int {
      let now = model.with { $0.edgeChanges }
      defer { before = now }
      return now - before
    }
    _ = try await client.updatePolicy(
      policy.id,
      config: policy.config.edited(
        [ConfigEdit(path: "Enabled", from: "false", to: "true")],
        shape: "ContinuousDeploymentPolicyConfig"), ifMatch: policy.etag)
    #expect(changes() == 1)
    let off = [
      ConfigEdit(path: "Enabled", from: "true", to: "false"),
      ConfigEdit(path: "ContinuousDeploymentPolicyId", from: policy.id, to: ""),
    ]
    let updated = try await client.updateDistribution(
      primary.id, config: primary.config.edited(off, shape: "DistributionConfig"),
      ifMatch: primary.etag)
    #expect(changes() == 1)
    _ = try await client.distribution(primary.id)
    #expect(changes() == 0)
    clock.advance(seconds: 60)
    try await client.deleteDistribution(primary.id, ifMatch: updated.etag)
    #expect(changes() == 1)
  }

  @Test func `POPs change over one by one until the distribution is Deployed`() async throws {
    let (model, client, primary, policy) = try await trio()
    func seen() -> Int {
      (0..<8).count { pop in
        model.with { $0.popView(distribution: primary.id, pop: pop, now: clock.now) }?.policy != nil
      }
    }
    var counts: [Int] = []
    for _ in 0..<9 {
      counts.append(seen())
      let status = try await client.distribution(primary.id).status
      #expect((status == "Deployed") == (counts.last == 8))
      clock.advance(seconds: 10)
    }
    #expect(counts == counts.sorted() && counts.first == 0 && counts.last == 8)
    // A policy has no status of its own: changing it makes its primary InProgress again.
    let it = try await client.policy(policy.id)
    _ = try await client.updatePolicy(
      policy.id,
      config: it.config.edited(
        [.init(path: "Enabled", from: "false", to: "true")],
        shape: "ContinuousDeploymentPolicyConfig"),
      ifMatch: it.etag)
    #expect(try await client.distribution(primary.id).status == "InProgress")
  }

  @Test(arguments: ["keep", "clear", "refuse"])
  func `an omitted policy id does what the behaviour says`(_ behaviour: String) async throws {
    let (_, client, primary, policy) = try await trio(["omitted-policy-id=\(behaviour)"])
    var config = primary.config
    config.remove("ContinuousDeploymentPolicyId")
    do throws(FerryError) {
      let after = try await client.updateDistribution(
        primary.id, config: config, ifMatch: primary.etag)
      let found = after.config.text(at: "ContinuousDeploymentPolicyId") ?? ""
      #expect(found == (behaviour == "keep" ? policy.id : ""))
      #expect(behaviour != "refuse")
    } catch {
      #expect(behaviour == "refuse" && error.isService("IllegalUpdate"))
    }
  }

  @Test(arguments: ["allow", "refuse"])
  func `deleting a disabled, attached policy does what the behaviour says`(_ behaviour: String)
    async throws
  {
    let (_, client, primary, policy) = try await trio([
      "delete-disabled-attached-policy=\(behaviour)"
    ])
    do throws(FerryError) {
      try await client.deletePolicy(policy.id, ifMatch: policy.etag)
      #expect(behaviour == "allow")
      #expect(
        try await client.distribution(primary.id).config.text(at: "ContinuousDeploymentPolicyId")
          == "")
    } catch {
      #expect(behaviour == "refuse" && error.isService("ContinuousDeploymentPolicyInUse"))
    }
  }

  @Test(arguments: [("no", 400), ("yes", 200)])
  func `a deleted stack is found by what it held where the behaviour says so`(
    _ value: String, _ status: Int
  ) throws {
    var model = CloudFrontModel(accounts: [])
    try model.behaviours.set("deleted-stack-by-physical-id=\(value)")
    let text =
      #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[],"stacks":[{"id":"arn:1","name":"s","region":"us-east-1","status":"DELETE_COMPLETE","resources":[{"logicalId":"P","type":"AWS::CloudFront::Distribution","physicalId":"E1","status":"DELETE_SKIPPED"}]}]}]}"#
    try model.load(JSONValue.read(Array(text.utf8), what: "test"), now: clock.now)
    let request = ServiceRequest(
      .cloudFormation, "", region: "us-east-1", method: "POST", path: "/",
      body: Array("Action=DescribeStackResources&PhysicalResourceId=E1".utf8))
    let answer = model.handle(request, account: "111111111111", callerARN: "", now: clock.now)
    #expect(answer.status == status)
  }

  @Test func `the page about the lab has every behaviour, and no other`() throws {
    let page = try String(
      contentsOf: Shared.package.appendingPathComponent("docs/commands/lab.md"), encoding: .utf8)
    let rows = page.components(separatedBy: "## Behaviours").last?.split(separator: "\n") ?? []
    let keys = rows.filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "`")[1] }
    #expect(keys.map(String.init).sorted() == Behaviours.help.map(\.key).sorted())
  }

  @Test func `every behaviour of the help takes its values`() throws {
    for (key, values) in Behaviours.help {
      for value in values.split(separator: "|") {
        var behaviours = Behaviours()
        let text = ["NUMBER", "SECONDS", "SPAN"].contains(value) ? "7" : String(value)
        try behaviours.set("\(key)=\(text)")
        // The first is the default.
        #expect((behaviours == Behaviours()) == values.hasPrefix(value), "\(key)=\(text)")
      }
    }
  }

  @Test(arguments: ["sky=green", "omitted-policy-id", "omitted-policy-id=maybe", ""])
  func `a behaviour that is none is refused`(_ text: String) {
    var behaviours = Behaviours()
    #expect(throws: FerryError.self) { try behaviours.set(text) }
  }

  @Test func `loading takes the config as XML or as the CLI prints it, and unknown elements stay`()
    throws
  {
    var model = CloudFrontModel(accounts: [])
    try model.load(
      try JSONValue.read(
        Array(
          #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"333333333333","distributions":[{"id":"E1","configXML":"<DistributionConfig><CallerReference>r</CallerReference><Invented>kept</Invented></DistributionConfig>","config":{"CallerReference":"loser"}},{"id":"E2","config":{"CallerReference":"r","ContinuousDeploymentPolicyId":"GONE"}}]}]}"#
            .utf8), what: "test"), now: clock.now)
    let snapshot = model.snapshot(account: "333333333333", now: clock.now)
    #expect(snapshot.distribution("E1")?.config.text(at: "Invented") == "kept")
    #expect(snapshot.distribution("E1")?.config.text(at: "CallerReference") == "r")
    #expect(snapshot.distribution("E2")?.policyID == "GONE")
    #expect(snapshot.distribution("E2")?.status == "Deployed")
  }
}
