import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

/// What `migrate plan` learns beyond source and target before it writes a plan: quotas, and who else holds a name.
struct MigrateReachEndToEndTests {
  typealias Scene = MigrateEndToEndTests.Scene

  private func with(_ scene: Scene, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }
  private func causes(_ answer: Ferry.Answer) -> [String] {
    answer.error["causes"]?.array?.compactMap(\.string) ?? []
  }

  @Test func `a move that the target's quotas do not allow is refused with every figure`()
    async throws
  {
    let scene = try await Scene(
      target: #""quotas":[{"name":"distributions","value":1},{"code":"L-7D134442","value":0}],"#)
    try await with(scene) {
      let refused = try await scene.plan("EPRIMARY")
      #expect(refused.code == 4 && refused.error["code"] == "quota-exceeded", "\(refused.talk)")
      #expect(
        causes(refused) == [
          "cache policies: 0 there and 1 more, 0 allowed (Cache policies per AWS account, L-7D134442)",
          "distributions: 0 there and 2 more, 1 allowed (Web distributions per AWS account, L-24B04930)",
        ])
      #expect(!scene.hasPlan)
      #expect(try await scene.leftBehind() == [:])
      // The lab means it: CloudFront itself would have refused in the middle.
      let asked = try await scene.lab.get("/_lab/requests", scene.ferry).array ?? []
      #expect(asked.contains { $0["operation"] == "ListServiceQuotas" && $0["status"] == 200 })
    }
  }

  @Test func `a quota that Service Quotas does not give is told and not assumed`() async throws {
    let scene = try await Scene(target: #""quotas":[{"name":"cache policies","value":null}],"#)
    try await with(scene) {
      let planned = try await scene.plan("EPLAIN")
      #expect(planned.code == 0, "\(planned.talk)")
      #expect(planned.talk.contains("ListServiceQuotas Cache policies per AWS account"))
      let notes = try scene.ferry.read("plans/move.plan.json")["notes"]?.array ?? []
      #expect(notes.contains { $0.string?.contains("within the default of 20") == true })
      #expect(try scene.ferry.read("plans/move.plan.json")["risks"] == [])
    }
  }

  @Test func `above the default of an unread quota nothing is applied until the risk is accepted`()
    async throws
  {
    let policies = (0..<20).map { #"{"id":"p\#($0)","config":{"Name":"n\#($0)","MinTTL":1}}"# }
    let scene = try await Scene(
      target:
        #""quotas":[{"name":"cache policies","value":null}],"cachePolicies":[\#(policies.joined(separator: ","))],"#
    )
    try await with(scene) {
      let planned = try await scene.plan("EPLAIN")
      #expect(planned.code == 0, "\(planned.talk)")
      let risk = try scene.ferry.read("plans/move.plan.json")["risks"]?.array?.first
      #expect(risk?["code"] == "quota-unread" && risk?["accepted"] == false)
      #expect(risk?["text"]?.string?.hasPrefix("cache policies: 20 there and 1 more") == true)
      let refused = try await scene.apply(planned, "EPLAIN")
      #expect(refused.code == 4, "\(refused.talk)")
      #expect(try await scene.leftBehind() == [:])
      let again = try await scene.plan("EPLAIN", ["--accept-risk", "quota-unread"])
      #expect(again.code == 0, "\(again.talk)")
      let accepted = try scene.ferry.read("plans/move.plan.json")["risks"]?.array?.first
      #expect(accepted?["accepted"] == true)
    }
  }

  @Test func `a wildcard in a third account rules the bridge out, and its holder is named`()
    async throws
  {
    let scene = try await Scene(
      third: [Scene.distribution("ETHIRD", "d9.cloudfront.net", alias: "*.example.com")])
    try await with(scene) {
      let refused = try await scene.plan("EPLAIN")
      #expect(refused.code == 4 && refused.error["code"] == "no-method", "\(refused.talk)")
      #expect(
        causes(refused).contains {
          $0.hasPrefix("wildcard-bridge: ruled out")
            && $0.contains("ETHIRD of account 333333333333 holds *.example.com")
        }, "\(causes(refused))")
      #expect(!scene.hasPlan)
      let asked = try await scene.lab.get("/_lab/requests", scene.ferry).array ?? []
      for operation in ["ListDomainConflicts", "ListConflictingAliases"] {
        #expect(
          asked.contains {
            $0["operation"]?.string == operation && $0["account"] == "111111111111"
              && $0["status"] == 200
          }, "\(operation)")
      }
      #expect(
        asked.contains {
          $0["operation"] == "ListDistributions" && $0["account"] == "333333333333"
        })
    }
  }

  @Test func `an account of the settings that cannot be read is warned about and named`()
    async throws
  {
    let scene = try await Scene(third: [], settings: ", lost: { profile: nowhere }")
    try await with(scene) {
      let planned = try await scene.plan("EPLAIN")
      #expect(planned.code == 0, "\(planned.talk)")
      #expect(planned.talk.contains("not read in lost"))
      let method = try scene.ferry.read("plans/move.plan.json")["methods"]?.array?.first
      let bridge = method?["considered"]?.array?.first { $0["method"] == "wildcard-bridge" }
      #expect(
        bridge?["reasons"]?.array?.contains {
          $0.string?.hasPrefix("the distributions of account lost could not be read") == true
        } == true, "\(bridge?.canonical ?? "")")
    }
  }

  @Test func `the lab's Service Quotas is read by the AWS CLI, the account's own value included`()
    async throws
  {
    let scene = try await Scene(target: #""quotas":[{"name":"functions","value":7}],"#)
    try await with(scene) {
      let told = try await scene.ferry.run(
        [
          "-m", "awscli", "service-quotas", "list-service-quotas", "--service-code", "cloudfront",
          "--profile", "new", "--page-size", "4", "--output", "json",
        ], extra: scene.variables, program: Ferry.python)
      #expect(told.code == 0, "\(told.talk)")
      let quotas = told.json["Quotas"]?.array ?? []
      #expect(quotas.count == AccountQuota.allCases.count)
      let functions = quotas.first { $0["QuotaName"]?.string == AccountQuota.functions.name }
      #expect([.int(7), .double(7)].contains(functions?["Value"]), "\(told.out)")
    }
  }

  @Test func `moto's Service Quotas is read as the AWS CLI reads it`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    var variables = moto.variables
    variables["AWS_ENDPOINT_URL_SERVICE_QUOTAS"] = moto.url
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(variables) { $1 }, engine: HTTPEngine(),
      clock: SystemClock())
    let client = QuotaClient(session.transport)
    let ours = try await client.standard(service: "vpc")
    let told = try await ferry.run(
      [
        "-m", "awscli", "service-quotas", "list-aws-default-service-quotas", "--service-code",
        "vpc", "--output", "json",
      ], extra: variables, program: Ferry.python)
    #expect(told.code == 0, "\(told.talk)")
    let theirs = told.json["Quotas"]?.array ?? []
    #expect(!theirs.isEmpty && ours.map(\.code) == theirs.map { $0["QuotaCode"]?.string })
    #expect(ours.map(\.name) == theirs.map { $0["QuotaName"]?.string })
    let error = await #expect(throws: FerryError.self) { try await client.standard() }
    #expect(error?.isService("NoSuchResourceException") == true, "\(error?.why ?? "")")
    await moto.stop()
  }
}
