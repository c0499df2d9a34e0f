import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

struct LabEndToEndTests {
  @Test func `boto3 takes the lab for CloudFront over the whole life of the trio`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    // So long that a busy client still asks twice while a change is on its way.
    let lab = try await RunningLab(ferry, ["--propagation", "4s"])
    let answer = try await ferry.python("boto3_trio.py", lab: lab)
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.contains("checks of the trio passed"))
  }

  @Test func `env prints lines that a shell can read`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry)
    let answer = try await ferry(
      "lab", "env", "--ready-file", lab.readyFile, "--account", "222222222222")
    await lab.stop()
    #expect(answer.code == 0)
    #expect(answer.out.contains("export AWS_ENDPOINT_URL=http://127.0.0.1:"))
    #expect(
      try await ferry("lab", "env", "--ready-file", lab.readyFile, "--account", "3").code == 64)
  }

  @Test func `a running lab takes an inventory that the API would not let anybody create`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry)
    try ferry.write(Fixture.inventory, to: "i.json")
    #expect(try await ferry("lab", "load", "--ready-file", lab.readyFile, "i.json").code == 0)
    let found = try await ferry("orphans", "discover", "--output", "json", extra: lab.variables())
    try ferry.write("{\"schema\":\"edgeferry.inventory/9\"}", to: "bad.json")
    let bad = try await ferry("lab", "load", "--ready-file", lab.readyFile, "bad.json")
    await lab.stop()
    #expect(
      found.json["findings"]?.array?.map { $0["code"] } == [
        "policy-staging-missing", "policy-unattached",
      ])
    #expect(bad.code == 64)
  }

  @Test(arguments: [
    ("throttle:rate=20", 0), ("error:status=503,percent=10,seed=1", 0),
    ("drop:when=before,percent=5,seed=1", 0),
    ("latency:milliseconds=5", 0),
  ])
  func `discovery comes through a lab that misbehaves`(_ fault: String, _ code: Int) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--fault", fault])
    let answer = try await ferry(
      "orphans", "discover", "--output", "json",
      extra: lab.variables().merging(["AWS_MAX_ATTEMPTS": "8"]) { $1 })
    await lab.stop()
    #expect(answer.code == code, "\(answer.talk)")
    #expect(answer.json["complete"] == true)
    #expect(answer.json["findings"]?.array?.count == 10)
  }
}

enum Fixture {
  static let inventory = """
    {"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],
     "accounts":[{"id":"111111111111","distributions":[],"continuousDeploymentPolicies":[
       {"id":"P1LOST","config":{"StagingDistributionDnsNames":{"Quantity":1,"Items":["d0gone.cloudfront.net"]},
        "Enabled":true,"TrafficConfig":{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}}}]}]}
    """
}
