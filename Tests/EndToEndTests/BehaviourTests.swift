import FerryCore
import Foundation
import Testing

/// Where sources disagree about AWS, the tool ends right whichever of them is right.
struct BehaviourTests {
  /// Two primaries with a policy, one of which a deleted stack left behind, and three sites.
  private static var inventory: String {
    func distribution(_ id: String, staging: Bool = false, policy: String = "", grpc: Bool = false)
      -> String
    {
      """
      {"id":"\(id)","domainName":"\(domain(id))","config":{"CallerReference":"\(id)","Comment":"","Enabled":true,
       "Staging":\(staging),"ContinuousDeploymentPolicyId":"\(policy)","Origins":{"Quantity":1,"Items":[{"Id":"o",
        "DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},
       "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","GrpcConfig":{"Enabled":\(grpc)},
        "CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}}
      """
    }
    func policy(_ id: String, _ staging: String) -> String {
      """
      {"id":"\(id)","config":{"StagingDistributionDnsNames":{"Quantity":1,"Items":["\(domain(staging))"]},"Enabled":true,
       "TrafficConfig":{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}}}
      """
    }
    func domain(_ id: String) -> String { "d\(id.lowercased()).cloudfront.net" }
    return """
      {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[
       \(distribution("E1LEFT", policy: "P1LEFT")),\(distribution("E2LEFT", staging: true)),
       \(distribution("E1WELL", policy: "P2WELL", grpc: true)),\(distribution("E2WELL", staging: true)),
       \(distribution("E3SITE")),\(distribution("E4SITE")),\(distribution("E5SITE"))],
       "continuousDeploymentPolicies":[\(policy("P1LEFT", "E2LEFT")),\(policy("P2WELL", "E2WELL"))],
       "stacks":[{"id":"arn:aws:cloudformation:eu-west-1:111111111111:stack/canary/1","name":"canary","region":"eu-west-1",
        "status":"DELETE_COMPLETE","resources":[{"logicalId":"P","type":"AWS::CloudFront::ContinuousDeploymentPolicy",
        "physicalId":"P1LEFT","status":"DELETE_SKIPPED"}]}]}]}
      """
  }

  private func withLab(
    _ behaviour: String, _ body: (Ferry, RunningLab) async throws -> Void
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "i.json")
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    try await ferry.withLab([
      "--propagation", "0.1s", "--load", ferry.folder.appendingPathComponent("i.json").path,
      "--behaviour", behaviour,
    ]) { try await body(ferry, $0) }
  }
  private func apply(_ ferry: Ferry, _ planned: Ferry.Answer, _ name: String, _ lab: RunningLab)
    async throws
  {
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.json["digest"]?.string ?? ""
    let applied = try await ferry("apply", name, "--approve", digest, extra: lab.variables())
    #expect(applied.code == 0, "\(name): \(applied.talk)")
  }
  private func primary(_ id: String, _ ferry: Ferry, _ lab: RunningLab) async throws -> JSONValue {
    let name = "\(UUID().uuidString).json"
    let taken = try await ferry("inventory", "take", "--out", name, extra: lab.variables())
    #expect(taken.code == 0, "\(taken.talk)")
    let account = try ferry.read(name)["accounts"]?.array?.first
    return account?["distributions"]?.array?.first { $0["id"]?.string == id }?["config"] ?? .null
  }

  /// The first is every default at once.
  @Test(arguments: [
    "omitted-policy-id=keep", "omitted-policy-id=clear", "omitted-policy-id=refuse",
    "delete-disabled-attached-policy=allow", "detach-needs-disabled-policy=yes",
    "deleted-stack-by-physical-id=yes", "max-items=1", "policy-list-quantity=page",
    "delete-lag=6",
    "element-order=strict",
  ])
  func `an orphaned trio is found, removed and brought back`(_ behaviour: String) async throws {
    try await withLab(behaviour) { ferry, lab in
      let found = try await ferry("orphans", "discover", "--output", "json", extra: lab.variables())
      #expect(found.json["complete"] == true)
      #expect(found.json["findings"]?.array?.map { $0["code"]?.string } == ["policy-stack-deleted"])
      let planned = try await ferry(
        "orphans", "plan", "--name", "all", "--accept-risk", "policy-still-routing", "--output",
        "json", extra: lab.variables())
      try await apply(ferry, planned, "all", lab)
      let after = try await ferry(
        "orphans", "discover", "--fail-on", "findings,gaps", extra: lab.variables())
      #expect(after.code == 0, "\(after.out)")
      #expect(try await primary("E1LEFT", ferry, lab)["ContinuousDeploymentPolicyId"] == "")
      let log = try await ferry.run(
        [
          "-c",
          "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())",
          lab.api + "/_lab/requests",
        ], extra: ClientTests.around(ferry, lab), program: Ferry.python)
      let codes = Set(log.json.array?.compactMap { $0["code"]?.string } ?? [])
      #expect(codes.contains("DistributionNotDisabled") == (behaviour == "delete-lag=6"))
      let inverse = try ferry.read("plans/all.rollback.plan.json")["digest"]?.string ?? ""
      let back = try await ferry("rollback", "all", "--approve", inverse, extra: lab.variables())
      #expect(back.code == 0, "\(back.talk)")
      let restored = try await primary("E1LEFT", ferry, lab)["ContinuousDeploymentPolicyId"]
      #expect(restored?.string?.isEmpty == false && restored != "P1LEFT")
    }
  }

  @Test(arguments: [
    "omitted-policy-id=keep", "omitted-policy-id=clear", "omitted-policy-id=refuse",
    "detach-needs-disabled-policy=yes", "element-order=strict",
  ])
  func `a healthy policy is detached and put back`(_ behaviour: String) async throws {
    try await withLab(behaviour) { ferry, lab in
      let off = try await ferry(
        "orphans", "detach", "E1WELL", "--name", "off", "--output", "json", extra: lab.variables())
      try await apply(ferry, off, "off", lab)
      #expect(try await primary("E1WELL", ferry, lab)["ContinuousDeploymentPolicyId"] == "")
      let on = try await ferry(
        "orphans", "reattach", "E1WELL", "--plan", "off", "--name", "on", "--output", "json",
        extra: lab.variables())
      try await apply(ferry, on, "on", lab)
      #expect(try await primary("E1WELL", ferry, lab)["ContinuousDeploymentPolicyId"] == "P2WELL")
    }
  }

  @Test func `a refusal to attach ends in 1 with the service's own words and nothing written`()
    async throws
  {
    try await withLab("attach-to-newer-features=refuse") { ferry, lab in
      let off = try await ferry(
        "orphans", "detach", "E1WELL", "--name", "off", "--output", "json", extra: lab.variables())
      try await apply(ferry, off, "off", lab)
      let on = try await ferry(
        "orphans", "reattach", "E1WELL", "--plan", "off", "--name", "on", "--output", "json",
        extra: lab.variables())
      let refused = try await ferry(
        "apply", "on", "--approve", on.json["digest"]?.string ?? "", extra: lab.variables())
      #expect(refused.code == 1 && refused.talk.contains("IllegalUpdate"), "\(refused.talk)")
      #expect(try await primary("E1WELL", ferry, lab)["ContinuousDeploymentPolicyId"] == "")
    }
  }

  /// Somebody else disables the policy and tries to delete it between the plan and the apply.
  @Test(arguments: ["refuse", "allow"])
  func `a policy that may have been deleted while attached is removed all the same`(
    _ permission: String
  ) async throws {
    try await withLab("delete-disabled-attached-policy=\(permission)") { ferry, lab in
      func plan(_ name: String) async throws -> Ferry.Answer {
        try await ferry(
          "orphans", "plan", "--name", name, "--accept-risk", "policy-still-routing", "--output",
          "json", extra: lab.variables())
      }
      let planned = try await plan("all")
      let meddling = """
        import boto3
        c = boto3.client("cloudfront")
        it = c.get_continuous_deployment_policy_config(Id="P1LEFT")
        config = dict(it["ContinuousDeploymentPolicyConfig"], Enabled=False)
        etag = c.update_continuous_deployment_policy(Id="P1LEFT", IfMatch=it["ETag"], ContinuousDeploymentPolicyConfig=config)["ETag"]
        try:
            c.delete_continuous_deployment_policy(Id="P1LEFT", IfMatch=etag)
            print("allow")
        except c.exceptions.ContinuousDeploymentPolicyInUse:
            print("refuse")
        """
      let done = try await ferry.run(
        ["-c", meddling], extra: ClientTests.around(ferry, lab), program: Ferry.python)
      #expect(done.out == "\(permission)\n", "\(done.talk)")
      if permission == "allow" {
        // What the plan was made for is gone: it is stale, and a new one finishes.
        let stale = try await ferry(
          "apply", "all", "--approve", planned.json["digest"]?.string ?? "", extra: lab.variables())
        #expect(stale.code == 5, "\(stale.talk)")
        try await apply(ferry, plan("rest"), "rest", lab)
      } else {
        try await apply(ferry, planned, "all", lab)
      }
      #expect(try await primary("E1LEFT", ferry, lab)["ContinuousDeploymentPolicyId"] == "")
      let after = try await ferry(
        "orphans", "discover", "--fail-on", "findings,gaps", extra: lab.variables())
      #expect(after.code == 0, "\(after.out)")
    }
  }

  @Test(arguments: [("60", "SignatureDoesNotMatch"), ("3600", "")])
  func `a clock that is off is corrected where the service minds, and no matter where it does not`(
    _ tolerance: String, _ refusal: String
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab([
      "--sample", "--behaviour", "skew-tolerance=\(tolerance)", "--fault", "skew:seconds=900",
    ]) { lab in
      // botocore corrects nothing: its answer tells what this lab minds.
      let bare = try await ferry.run(
        [
          "-c",
          """
          import boto3, botocore
          try:
              boto3.client("cloudfront").list_distributions()
          except botocore.exceptions.ClientError as error:
              print(error.response["Error"]["Code"])
          """,
        ], extra: ClientTests.around(ferry, lab), program: Ferry.python)
      #expect(bare.out.trimmingCharacters(in: .newlines) == refusal, "\(bare.talk)")
      let found = try await ferry(
        "orphans", "discover", "--output", "json", extra: lab.variables())
      #expect(found.code == 0 && found.json["complete"] == true, "\(found.talk)")
    }
  }
}
