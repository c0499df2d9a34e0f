import FerryCore
import Foundation
import Testing

/// The built binary against a lab that misbehaves on the wire: every run ends in 0 or 3, and the same command
/// goes on until it is done, with no write too many.
struct FaultRunTests {
  @Test(arguments: [
    "throttle:rate=8", "throttle:percent=30,retry-after=50,seed=1",
    "error:status=503,percent=30,seed=2", "error:status=500,when=after,on=writes,percent=60,seed=3",
    "drop:when=before,percent=30,seed=4", "drop:when=after,on=writes,percent=60,seed=5",
    "latency:milliseconds=30", "stale-read:seconds=1", "lost-etag:percent=30,seed=6",
    "reordered-etag:percent=20,seed=7", "truncate:percent=30,seed=8",
    "garbage:percent=30,when=before,seed=9", "garbage:percent=30,when=after,seed=10",
    "skew:seconds=1800", "error:status=403,code=ExpiredToken,times=2,on=writes",
  ])
  func `a removal comes through what goes wrong on the wire`(_ fault: String) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.1s }\n", to: "edgeferry.yaml")
    // Two labs with the same sample: the plan is made before anything goes wrong.
    let calm = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    let planned = try await ferry(
      "orphans", "plan", "--name", "wiki", "--accept-risk", "policy-still-routing",
      "--finding", "policy-stack-deleted:P07SAMPLEWIKI", "--output", "json",
      extra: calm.variables())
    await calm.stop()
    let digest = planned.json["digest"]?.string ?? ""
    try #require(!digest.isEmpty, "\(planned.talk)")
    let lab = try await RunningLab(
      ferry, ["--sample", "--propagation", "0.1s", "--fault", fault])
    var codes: [Int32] = []
    for _ in 0..<40 where codes.last != 0 {
      let run = try await ferry("apply", "wiki", "--approve", digest, extra: lab.variables())
      codes.append(run.code)
      #expect([0, 3].contains(run.code), "\(run.code): \(run.talk)")
      if ![0, 3].contains(run.code) { break }
    }
    #expect(codes.last == 0, "\(codes)")
    let written = try await ProcessKillTests.written(ferry, lab)
    await lab.stop()
    #expect(
      written.byOperation == ProcessKillTests.wanted(try ferry.read("plans/wiki.plan.json")))
  }

  @Test func `a distribution that stays InProgress ends in 3 and is never called done`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.1s }\n", to: "edgeferry.yaml")
    let lab = try await RunningLab(
      ferry, ["--sample", "--propagation", "0.1s", "--fault", "stuck:distribution=E1SAMPLEWIKI07"])
    let planned = try await ferry(
      "orphans", "plan", "--name", "wiki", "--accept-risk", "policy-still-routing",
      "--finding", "policy-stack-deleted:P07SAMPLEWIKI", "--output", "json",
      extra: lab.variables())
    let digest = planned.json["digest"]?.string ?? ""
    let run = try await ferry(
      "apply", "wiki", "--approve", digest, "--max-wait", "2s", "--output", "json",
      extra: lab.variables())
    #expect(run.code == 3, "\(run.talk)")
    #expect(run.json["state"] == "waiting")
    #expect(run.json["reason"]?.string?.isEmpty == false)
    #expect(try await ferry("status", "wiki").code == 3)
    await lab.stop()
  }
}
