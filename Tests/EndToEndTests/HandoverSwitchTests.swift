import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// From a stack to Terraform and on to another stack: the real AWS CLI and the real Terraform on the lab, by plans alone.
struct HandoverSwitchTests {
  static let stackID = "arn:aws:cloudformation:us-east-1:111111111111:stack/shop/1"
  /// A stack that owns a trio, with things of its own that refer to it.
  static let stack = """
    {"id":"\(stackID)","name":"shop","region":"us-east-1","status":"CREATE_COMPLETE","resources":[
    {"logicalId":"Site","type":"AWS::CloudFront::Distribution","physicalId":"EWEIGHT1","status":"CREATE_COMPLETE"},
    {"logicalId":"Next","type":"AWS::CloudFront::Distribution","physicalId":"EWEIGHT2","status":"CREATE_COMPLETE"},
    {"logicalId":"Canary","type":"AWS::CloudFront::ContinuousDeploymentPolicy","physicalId":"cdp-weight","status":"CREATE_COMPLETE"},
    {"logicalId":"Name","type":"AWS::SSM::Parameter","physicalId":"site-name","status":"CREATE_COMPLETE"},
    {"logicalId":"CDKMetadata","type":"AWS::CDK::Metadata","physicalId":"cdk-1","status":"CREATE_COMPLETE"}],
    "template":{"Parameters":{"Stage":{"Type":"String","Default":"prod"}},"Resources":{
    "Site":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true,"ContinuousDeploymentPolicyId":{"Ref":"Canary"}}}},
    "Next":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true,"Staging":true}}},
    "Canary":{"Type":"AWS::CloudFront::ContinuousDeploymentPolicy","Properties":{"ContinuousDeploymentPolicyConfig":{"Enabled":true,"StagingDistributionDnsNames":[{"Fn::GetAtt":["Next","DomainName"]}]}}},
    "CDKMetadata":{"Type":"AWS::CDK::Metadata"},
    "Name":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::GetAtt":["Site","DomainName"]}}}},
    "Outputs":{"Id":{"Value":{"Ref":"Site"}}}}}
    """

  /// A stack that owns a primary and its policy; the staging distribution is nobody's.
  private static let mixed = """
    {"id":"\(stackID)","name":"shop","region":"us-east-1","status":"CREATE_COMPLETE","resources":[
    {"logicalId":"Site","type":"AWS::CloudFront::Distribution","physicalId":"EWEIGHT1","status":"CREATE_COMPLETE"},
    {"logicalId":"Canary","type":"AWS::CloudFront::ContinuousDeploymentPolicy","physicalId":"cdp-weight","status":"CREATE_COMPLETE"},
    {"logicalId":"Name","type":"AWS::SSM::Parameter","physicalId":"site-name","status":"CREATE_COMPLETE"}],
    "template":{"Resources":{
    "Site":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true,"ContinuousDeploymentPolicyId":{"Ref":"Canary"}}}},
    "Canary":{"Type":"AWS::CloudFront::ContinuousDeploymentPolicy","Properties":{"ContinuousDeploymentPolicyConfig":{"Enabled":true,"StagingDistributionDnsNames":["d2.cloudfront.net"]}}},
    "Name":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Ref":"Site"}}}}}}
    """

  private typealias Scene = HandoverScene
  private func with(
    _ stack: String = HandoverSwitchTests.stack, _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.with(stack, body)
  }
  static let trio: Set = ["EWEIGHT1", "EWEIGHT2", "cdp-weight"]

  @Test
  func `a stack's trio goes to Terraform and on to a new stack, and nothing live ever changes`()
    async throws
  {
    try await with { scene in
      let before = try await scene.live()
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      let notes = try scene.ferry.read("plans/over.plan.json")["notes"]?.canonical ?? ""
      #expect(notes.contains("comes from the CDK"), "\(notes)")
      let there = try await scene.apply("over")
      #expect(there.code == 0, "\(there.talk)")
      #expect(try await scene.live() == before)
      #expect(try await scene.held(Self.stackID) == ["site-name", "cdk-1"])
      let owner = try await scene.run(
        "handover", "detect", "EWEIGHT1", "--tfstate", "code/terraform.tfstate")
      let site = owner.json["resources"]?.array?.first { $0["id"] == "EWEIGHT1" }
      #expect(site?["owners"]?.array?.map { $0["kind"] } == ["terraform"], "\(owner.out)")

      // Whoever deletes the old stack now deletes nothing of it.
      let deleted = try await scene.ferry.run(
        ["-m", "awscli", "cloudformation", "delete-stack", "--stack-name", Self.stackID],
        extra: scene.variables, program: Ferry.python)
      #expect(deleted.code == 0, "\(deleted.talk)")
      #expect(try await scene.live() == before)
      let first = text(scene.ferry.folder.appendingPathComponent("code/distributions.tf").path)

      // On to a stack of its own, by Terraform's own removed blocks.
      let second = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "terraform", "--to", "cloudformation",
        "--tfstate",
        "code/terraform.tfstate", "--dir", "stack", "--stack", "front", "--name", "on")
      #expect(second.code == 0, "\(second.talk)")
      let gate = try await scene.apply("on")
      #expect(gate.code == 4 && gate.error["code"] == "gate", "\(gate.talk)")
      #expect(try await scene.held("front").isSuperset(of: Self.trio))
      let code = try await scene.editOldCode(of: "on")
      let done = try await scene.apply("on")
      #expect(done.code == 0, "\(done.talk)")
      #expect(try await scene.live() == before)
      #expect(!text(code.appendingPathComponent("terraform.tfstate").path).contains("\"managed\""))
      let same = try await scene.run(
        "handover", "check", "EWEIGHT1", "--template", "stack/template.json")
      #expect(same.code == 0, "\(same.out)")
      // And back in Terraform's words it is what it was.
      let again = try await scene.run(
        "handover", "emit", "EWEIGHT1", "--to", "terraform", "--out", "again")
      #expect(again.code == 0, "\(again.talk)")
      #expect(
        text(scene.ferry.folder.appendingPathComponent("again/distributions.tf").path) == first)
      for answer in [planned, there, second, gate, done, same] {
        #expect(!(answer.out + answer.talk).contains("canary"))
      }
    }
  }

  @Test func `a handover is taken back from wherever it stopped, and the stack is as it was`()
    async throws
  {
    try await with { scene in
      let before = try await scene.live()
      let held = try await scene.held(Self.stackID)
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      for until in ["adopt", "release", nil] {
        let there =
          if let until { try await scene.apply("over", "--until", until) } else {
            try await scene.apply("over")
          }
        #expect(there.code == (until == nil ? 0 : 3), "\(there.talk)")
        let back = try await scene.rollBack("over")
        #expect(back.code == 0, "\(until ?? "end") \(back.talk)")
        #expect(try await scene.live() == before)
        #expect(try await scene.held(Self.stackID) == held)
      }
    }
  }

  @Test
  func `a stack that is there takes over what nobody owns, keeps what it has, and gives it back`()
    async throws
  {
    try await with { scene in
      let before = try await scene.live()
      let held = try await scene.held(Self.stackID)
      let planned = try await scene.run(
        "handover", "plan", "EHEADER1", "--from", "none", "--to", "cloudformation", "--dir", "code",
        "--stack", "shop", "--name", "into")
      #expect(planned.code == 0, "\(planned.talk)")
      let there = try await scene.apply("into")
      #expect(there.code == 0, "\(there.talk)")
      #expect(try await scene.live() == before)
      let now = try await scene.held(Self.stackID)
      #expect(now.isSuperset(of: held.union(["EHEADER1", "EHEADER2", "cdp-header"])), "\(now)")
      // What it has now is nobody else's to take.
      let again = try await scene.run(
        "handover", "plan", "EHEADER1", "--from", "none", "--to", "terraform", "--dir", "tf")
      #expect(again.code == 4 && again.error["code"] == "has-owner", "\(again.talk)")
      let back = try await scene.rollBack("into")
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.held(Self.stackID) == held)
      #expect(try await scene.live() == before)
    }
  }

  @Test func `a stack that would change more than it is for stops before anything is let go`()
    async throws
  {
    try await with { scene in
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      // Somebody works on the stack meanwhile: its template has another property than the plan's.
      try scene.ferry.write(
        text(scene.ferry.folder.appendingPathComponent("code/handover/original.template.json").path)
          .replacing("\"Enabled\" : true", with: "\"Enabled\" : false"), to: "t.json")
      let aws = ["-m", "awscli", "cloudformation"]
      let place = ["--stack-name", Self.stackID, "--change-set-name", "other"]
      let made = try await scene.ferry.run(
        aws + ["create-change-set", "--template-body", "file://t.json"] + place,
        extra: scene.variables, program: Ferry.python)
      #expect(made.code == 0, "\(made.talk)")
      let shown = try await scene.ferry.run(
        aws + ["describe-change-set"] + place, extra: scene.variables, program: Ferry.python)
      let proof = ToolProof(.stackRetains, only: ["Site", "Next", "Canary"])
      #expect(!proof.objections(shown.json).isEmpty, "\(shown.out)")
      // The same in the plan's own change set.
      let retaining = "code/handover/retaining.template.json"
      let path = scene.ferry.folder.appendingPathComponent(retaining).path
      try scene.ferry.write(
        text(path).replacing("\"Staging\" : true", with: "\"Staging\" : false"), to: retaining)
      let stale = try await scene.apply("over")
      #expect(stale.code == 5, "\(stale.talk)")
      #expect(try await scene.held(Self.stackID).isSuperset(of: Self.trio))
    }
  }

  @Test func `an applied handover and its rollback call nothing that permissions leaves out`()
    async throws
  {
    try await with { scene in
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      var seen = try await scene.lab.get("/_lab/requests", scene.ferry).array?.count ?? 0
      for (plan, isRollback) in [("over", false), ("plans/over.rollback.plan.json", true)] {
        let needs = try await scene.run("permissions", "--plan", plan)
        #expect(needs.code == 0, "\(needs.talk)")
        let declared = PermissionEndToEndTests.declared(needs)
        #expect(needs.json["notes"]?.array?.count == 1, "\(needs.out)")
        for account in needs.json["accounts"]?.array ?? [] {
          for side in ["read", "write"] {
            for statement in account[side]?["Statement"]?.array ?? [] {
              let resources = (statement["Resource"]?.array ?? []).compactMap(\.string)
              #expect(resources.allSatisfy { !$0.contains("*") }, "\(resources)")
            }
          }
        }
        let done =
          isRollback
          ? try await scene.rollBack("over", "--verbose")
          : try await scene.apply("over", "--verbose")
        #expect(done.code == 0, "\(done.talk)")
        let own = PermissionEndToEndTests.called(done.talk)
        #expect(own.contains("cloudformation:ListStackResources"), "\(own)")
        #expect(own.isSubset(of: declared), "\(own.subtracting(declared).sorted())")
        // Of CloudFormation nobody but the program and the AWS CLI asks.
        let log = try await scene.lab.get("/_lab/requests", scene.ferry).array ?? []
        let asked = Set(
          log.dropFirst(seen).filter { $0["service"] == "cloudformation" }.compactMap {
            $0["operation"]?.string.map { "cloudformation:\($0)" }
          })
        seen = log.count
        #expect(asked.contains("cloudformation:ExecuteChangeSet"), "\(asked)")
        #expect(asked.isSubset(of: declared), "\(asked.subtracting(declared).sorted())")
      }
      let told = try await scene.ferry.run(["permissions", "--plan", "over"])
      #expect(told.out.contains("# note: what Terraform itself needs"), "\(told.out)")
      let ticket = try await scene.ferry.run(["permissions", "--plan", "over", "--ticket"])
      #expect(ticket.out.contains("cloudformation:ExecuteChangeSet"))
      #expect(ticket.out.contains("what Terraform itself needs"))
    }
  }

  @Test
  func
    `where a stack owns primary and policy alone, the staging distribution is imported with them`()
    async throws
  {
    try await with(Self.mixed) { scene in
      let before = try await scene.live()
      let refused = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "none", "--to", "terraform", "--dir", "no")
      #expect(refused.code == 4 && refused.error["code"] == "has-owner", "\(refused.talk)")
      #expect(refused.error["next"]?.string?.contains("--from cloudformation") == true)
      // And that advice leads somewhere.
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      let notes = try scene.ferry.read("plans/over.plan.json")["notes"]?.canonical ?? ""
      #expect(notes.contains("EWEIGHT2 has no owner: it is imported"), "\(notes)")
      let there = try await scene.apply("over")
      #expect(there.code == 0, "\(there.talk)")
      #expect(try await scene.live() == before)
      #expect(try await scene.held(Self.stackID) == ["site-name"])
      #expect(try await owners(scene, "code/terraform.tfstate") == Self.trio)
      let back = try await scene.rollBack("over")
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.live() == before)
      #expect(try await scene.held(Self.stackID) == ["EWEIGHT1", "cdp-weight", "site-name"])
      #expect(try await owners(scene, "code/terraform.tfstate") == [])
    }
  }

  @Test
  func `what Terraform has of a trio already stays where it is when the stack's part follows`()
    async throws
  {
    try await with(Self.mixed) { scene in
      let before = try await scene.live()
      let first = try await scene.run(
        "handover", "plan", "EWEIGHT2", "--from", "none", "--to", "terraform", "--dir", "next",
        "--name", "first")
      #expect(first.code == 0, "\(first.talk)")
      let imported = try await scene.apply("first")
      #expect(imported.code == 0, "\(imported.talk)")
      let state = "next/terraform.tfstate"
      let held = text(scene.ferry.folder.appendingPathComponent(state).path)
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform",
        "--tfstate", state, "--dir", "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      let code = scene.ferry.folder.appendingPathComponent("code")
      #expect(!text(code.appendingPathComponent("imports.tf").path).contains("EWEIGHT2"))
      #expect(
        text(code.appendingPathComponent("distributions.tf").path).contains("d2.cloudfront.net"))
      let there = try await scene.apply("over")
      #expect(there.code == 0, "\(there.talk)")
      #expect(try await scene.live() == before)
      #expect(try await scene.held(Self.stackID) == ["site-name"])
      #expect(try await owners(scene, "code/terraform.tfstate") == ["EWEIGHT1", "cdp-weight"])
      let back = try await scene.rollBack("over")
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.held(Self.stackID) == ["EWEIGHT1", "cdp-weight", "site-name"])
      #expect(text(scene.ferry.folder.appendingPathComponent(state).path) == held)
      #expect(try await scene.live() == before)
    }
  }
  /// What of the trio a Terraform state holds, and nobody else.
  private func owners(_ scene: Scene, _ state: String) async throws -> Set<String> {
    let told = try await scene.run("handover", "detect", "EWEIGHT1", "--tfstate", state)
    return Set(
      (told.json["resources"]?.array ?? []).filter {
        $0["owners"]?.array?.map { $0["kind"] } == ["terraform"]
      }.compactMap { $0["id"]?.string }.filter(Self.trio.contains))
  }

  /// A stack that owns a staging distribution alone.
  private static let staging = """
    {"id":"\(stackID)","name":"shop","region":"us-east-1","status":"CREATE_COMPLETE","resources":[
    {"logicalId":"Next","type":"AWS::CloudFront::Distribution","physicalId":"EWEIGHT2","status":"CREATE_COMPLETE"}],
    "template":{"Resources":{
    "Next":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true,"Staging":true}}}}}}
    """

  @Test func `what a stack has of a trio already stays in it when Terraform's part follows`()
    async throws
  {
    try await with(Self.staging) { scene in
      let before = try await scene.live()
      try scene.ferry.write(
        """
        {"version":4,"resources":[
        {"mode":"managed","type":"aws_cloudfront_distribution","name":"d","instances":[{"attributes":{"id":"EWEIGHT1","staging":false}}]},
        {"mode":"managed","type":"aws_cloudfront_continuous_deployment_policy","name":"p","instances":[{"attributes":{"id":"cdp-weight"}}]}]}
        """, to: "old/terraform.tfstate")
      let words = [
        "handover", "plan", "EWEIGHT1", "--from", "terraform", "--tfstate",
        "old/terraform.tfstate", "--to", "cloudformation", "--output", "json",
      ]
      let other = try await scene.ferry.run(
        words + ["--stack", "front", "--dir", "no"], extra: scene.variables)
      #expect(other.code == 4 && other.error["code"] == "other-owner", "\(other.talk)")
      let planned = try await scene.ferry.run(
        words + ["--stack", "shop", "--dir", "code", "--name", "over"], extra: scene.variables)
      #expect(planned.code == 0, "\(planned.talk)")
      let notes = try scene.ferry.read("plans/over.plan.json")["notes"]?.canonical ?? ""
      #expect(notes.contains("EWEIGHT2 is neither imported nor let go"), "\(notes)")
      let imports = try scene.ferry.read("code/resources-to-import.json").canonical
      #expect(imports.contains("EWEIGHT1") && !imports.contains("EWEIGHT2"))
      // Up to the person who edits the old code.
      let there = try await scene.apply("over")
      #expect(there.code == 4 && there.error["code"] == "gate", "\(there.talk)")
      #expect(try await scene.held(Self.stackID).isSuperset(of: Self.trio))
      let back = try await scene.rollBack("over")
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.held(Self.stackID) == ["EWEIGHT2"])
      #expect(try await scene.live() == before)
    }
  }
}
