import FerryCore
import Foundation
import Testing

struct GrantTests {
  static let place = GrantPlace(account: "111111111111")

  @Test
  func `actions on the same resources share a statement, sorted, and Sids are letters and digits`()
    throws
  {
    let grants = Self.place.all(of: [
      "cloudfront:UpdateDistribution", "cloudfront:DeleteDistribution",
      "cloudfront:CreateDistribution", "cloudfront-keyvaluestore:UpdateKeys",
    ])
    let document = AccountGrants(account: "1", grants: grants).write
    let statements = try #require(document["Statement"]?.array)
    #expect(
      statements.map { $0["Action"]?.array?.compactMap(\.string) ?? [] } == [
        ["cloudfront:CreateDistribution"],
        ["cloudfront:DeleteDistribution", "cloudfront:UpdateDistribution"],
        ["cloudfront-keyvaluestore:UpdateKeys"],
      ])
    let sids = statements.compactMap { $0["Sid"]?.string }
    #expect(sids == ["WriteCloudfront", "WriteCloudfront2", "WriteCloudfrontkeyvaluestore"])
    #expect(AccountGrants(account: "1").read == ["Version": "2012-10-17", "Statement": []])
  }

  @Test(arguments: [
    ("cloudfront:GetDistribution", "arn:aws:cloudfront::111111111111:distribution/*"),
    (
      "cloudfront:UpdateContinuousDeploymentPolicy",
      "arn:aws:cloudfront::111111111111:continuous-deployment-policy/*"
    ), ("cloudfront:CreateDistribution", "*"), ("cloudfront:ListDistributions", "*"),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/*"),
    ("route53:GetChange", "arn:aws:route53:::change/*"), ("route53:ListHostedZonesByName", "*"),
    ("kms:PutKeyPolicy", "arn:aws:kms:*:111111111111:key/*"),
  ])
  func `an action has the resources that it takes, and no others`(action: String, arn: String) {
    #expect(Self.place.all(of: action) == [Grant(action, on: arn)])
  }

  private func plan(_ steps: [Step]) -> Plan {
    let now = Timestamp.read("2026-01-01T00:00:00Z") ?? .distantPast
    return Plan(
      name: "x", capability: "orphans", createdAt: now, tool: "t",
      accounts: ["source": "111111111111", "target": "222222222222"],
      observed: .init(inventoryDigest: ""), steps: steps,
      schedule: .init(start: now, end: now, criticalPathSeconds: 0, exposureSeconds: 0),
      permissions: [])
  }
  private func grants(_ steps: [Step], zones: [ZoneSettings] = []) -> [String: Set<Grant>] {
    Dictionary(
      plan(steps).grants(zones: zones).map { ($0.account, $0.grants) }, uniquingKeysWith: { $1 })
  }

  @Test func `a plan names what it changes, and a pattern only where a step makes it`() {
    let found = grants([
      Step(
        id: "a", title: "", account: "111111111111",
        action: .setEnabled(distribution: "E1", from: true, to: false)),
      Step(
        id: "b", title: "", account: "222222222222",
        action: .setEnabled(distribution: "${made.id}", from: false, to: true)),
    ])
    #expect(
      found["111111111111"]?.contains(
        Grant(
          "cloudfront:UpdateDistribution", on: "arn:aws:cloudfront::111111111111:distribution/E1")
      ) == true)
    #expect(found["111111111111"]?.contains { $0.resource.contains("*") } == false)
    #expect(
      found["222222222222"]?.contains(
        Grant(
          "cloudfront:UpdateDistribution", on: "arn:aws:cloudfront::222222222222:distribution/*")
      ) == true)
  }

  @Test func `an alias is looked for in the other account too, where it may be held`() {
    let found = grants([
      Step(
        id: "a", title: "", account: "222222222222",
        action: .moveAlias(alias: "www.example.com", from: "E1", to: "E2"))
    ])
    #expect(
      found["111111111111"] == [
        Grant("cloudfront:GetDistribution", on: "arn:aws:cloudfront::111111111111:distribution/E1")
      ])
  }

  @Test func `a plan that may undo itself needs what its inverses need`() {
    var step = Step(
      id: "a", title: "", account: "111111111111", action: .deletePolicy(policy: "P1"),
      inverse: .createPolicy(image: "", set: []))
    let create = Grant("cloudfront:CreateContinuousDeploymentPolicy", on: "*")
    #expect(grants([step])["111111111111"]?.contains(create) == false)
    step.onFailure = .rollBack
    #expect(grants([step])["111111111111"]?.contains(create) == true)
  }

  @Test(arguments: Step.Check.Kind.allCases)
  func `every kind of check needs what looking at it calls, on what it names`(
    _ kind: Step.Check.Kind
  ) {
    var ofDistribution = Step.Check(kind, distribution: "E1")
    ofDistribution.stack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1"
    ofDistribution.region = "eu-west-1"
    var ofPolicy = Step.Check(kind, policy: "P1")
    ofPolicy.stack = "shop"
    ofPolicy.region = "eu-west-1"
    let one = Grant(
      "cloudfront:GetDistribution", on: "arn:aws:cloudfront::111111111111:distribution/E1")
    let policy = Grant(
      "cloudfront:GetContinuousDeploymentPolicy",
      on: "arn:aws:cloudfront::111111111111:continuous-deployment-policy/P1")
    let list = "cloudformation:ListStackResources"
    let counts = Grant("cloudwatch:GetMetricData", on: "*")
    func needs(_ check: Step.Check) -> Set<Grant>? {
      grants([Step(id: "a", title: "", account: "111111111111", action: .observe, checks: [check])]
      )[
        "111111111111"]
    }
    switch kind {
    case .deployed, .config, .absent, .alias, .unchanged:
      #expect(needs(ofDistribution) == [one] && needs(ofPolicy) == [policy])
    case .stackHolds, .stackReleased:
      #expect(
        needs(ofDistribution) == [
          Grant(list, on: "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1")
        ])
      #expect(
        needs(ofPolicy) == [
          Grant(list, on: "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/*")
        ])
    case .idle: #expect(needs(ofDistribution) == [counts])
    case .errorRate: #expect(needs(ofDistribution) == [one, counts])
    case .authoritative, .recursive, .serving, .health: #expect(needs(ofDistribution) == [])
    }
  }

  @Test func `commands of the AWS CLI need their calls on their stack, Terraform's are only noted`()
  {
    func step(_ id: String, _ commands: [[String]]) -> Step {
      Step(
        id: id, title: "", account: "111111111111",
        action: .external(
          External(says: "", tools: commands.map { ToolCommand($0) }, done: nil)))
    }
    let place = ["--stack-name", "shop", "--region", "eu-west-1"]
    let steps = [
      step(
        "release",
        [
          ["aws", "cloudformation", "create-change-set"] + place,
          ["aws", "cloudformation", "wait", "stack-update-complete"] + place,
        ]),
      step("adopt", [["terraform", "-chdir=shop", "init"]]),
    ]
    let stack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/*"
    #expect(
      grants(steps)["111111111111"] == [
        Grant("cloudformation:CreateChangeSet", on: stack),
        Grant("cloudformation:DescribeStacks", on: stack),
      ])
    #expect(plan(steps).unlistedNeeds.count == 1)
    #expect(plan(steps).unlistedNeeds.first?.contains("its commands in adopt is") == true)
    #expect(plan([steps[0]]).unlistedNeeds == [])
  }
}
