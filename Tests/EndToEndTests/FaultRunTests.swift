import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// The built binary against a lab that misbehaves on the wire: every run ends in 0 or 3, and the same command
/// goes on until it is done, with no write too many.
struct FaultRunTests {
  /// As in docs/reliability.md.
  static let wire = [
    "throttle:rate=8", "throttle:percent=30,retry-after=50,seed=1",
    "error:status=503,percent=30,seed=2", "error:status=500,when=after,on=writes,percent=60,seed=3",
    "drop:when=before,percent=30,seed=4", "drop:when=after,on=writes,percent=60,seed=5",
    "latency:milliseconds=30", "stale-read:seconds=1", "lost-etag:percent=30,seed=6",
    "reordered-etag:percent=20,seed=7", "truncate:percent=30,seed=8",
    "garbage:percent=30,when=before,seed=9", "garbage:percent=30,when=after,seed=10",
    "skew:seconds=1800", "error:status=403,code=ExpiredToken,times=2,on=writes",
  ]
  static let names =
    ["refuse", "servfail", "silent", "lame", "wrong-id", "lie"].flatMap {
      ["dns:server=2,does=\($0),times=4", "dns:server=2,does=\($0)"]
    } + [
      "dns:server=2,does=truncate", "dns:server=2,does=slow,seconds=1",
      "dns-lag:server=2,seconds=3",
    ]

  @Test(.timeLimit(.minutes(45)))
  func `every fault of the lab ends a removal and a cutover as the page says`() async throws {
    var cells: [String: [String: String]] = [:]
    try await withThrowingTaskGroup(of: (fault: String, column: String, cell: String).self) {
      group in
      var left = Self.wire.flatMap { [($0, "removal"), ($0, "cutover")] }[...]
      left += [("stuck:distribution=E1SAMPLEWIKI07", "removal")]
      left += Self.names.map { ($0, "cutover") }
      func next() {
        guard let (fault, column) = left.popFirst() else { return }
        group.addTask {
          let cell =
            try await column == "removal" ? Self.removal(fault) : Self.cutover(fault)
          return (fault, column, cell)
        }
      }
      // They wait more than they work.
      for _ in 0..<6 { next() }
      while let it = try await group.next() {
        cells[it.fault, default: [:]][it.column] = it.cell
        next()
      }
    }
    var table = "| `--fault` | removal | cutover |\n| --- | --- | --- |\n"
    for fault in Self.wire + ["stuck:distribution=E1SAMPLEWIKI07"] + Self.names {
      let own = cells[fault] ?? [:]
      table += "| `\(fault)` | \(own["removal"] ?? "–") | \(own["cutover"] ?? "–") |\n"
    }
    try expectTable(table, in: "docs/reliability.md", between: "<!-- lab -->")
  }

  /// The same command, until it is done or says that it will not be.
  /// - Returns: how it ended, and where the plan stands by `status`.
  private static func ending(
    _ ferry: Ferry, _ words: [String], _ variables: [String: String], mostLives: Int
  ) async throws -> String {
    var code: Int32 = 3
    for _ in 0..<mostLives where code == 3 {
      let run = try await ferry.run(words, extra: variables)
      code = run.code
      #expect([0, 3, 4, 5].contains(code), "\(words): \(code) \(run.talk)")
    }
    let status = try await ferry("status", words[1], "--output", "json")
    return "\(code) \(status.json["state"]?.string ?? "")"
  }

  private static func removal(_ fault: String) async throws -> String {
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
    let lasts = fault.hasPrefix("stuck")
    let end = try await ending(
      ferry, ["apply", "wiki", "--approve", digest] + (lasts ? ["--max-wait", "2s"] : []),
      lab.variables(), mostLives: lasts ? 1 : 40)
    let written = try await ProcessKillTests.written(ferry, lab)
    await lab.stop()
    guard end == "0 done" else { return end }
    #expect(
      written.byOperation == ProcessKillTests.wanted(try ferry.read("plans/wiki.plan.json")),
      "\(fault)")
    return end
  }

  private static func cutover(_ fault: String) async throws -> String {
    let more =
      "cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }"
    let calm = try await CutoverKillEndToEndTests.Scene(ttl: 2, more: more)
    let digest = try await calm.plan().apply
    let scene = try await calm.again(more: more, ["--fault", fault])
    // What lasts is given up on after a while, as far beyond what a run takes as a busy machine needs.
    let lasts = fault.hasPrefix("dns:") && !fault.contains("times=")
    let end = try await ending(
      scene.ferry, ["apply", "move", "--approve", digest] + (lasts ? ["--max-wait", "12s"] : []),
      scene.variables, mostLives: lasts ? 1 : 40)
    if end == "0 done" {
      #expect(try await scene.batches() == 3, "\(fault)")
      #expect(try await scene.record().last == "d222.cloudfront.net.", "\(fault)")
    }
    await scene.end()
    return end
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
