import FerryAWS
import FerryCore
import Foundation
import Testing

/// A write whose answer was lost is resolved by reading, never by sending it again first.
struct ResendTests {
  @Test func `a write whose answer is lost is not sent again before it was read`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(
      ferry, ["--sample", "--propagation", "0.1s", "--fault", "drop:when=after,percent=15,seed=2"])
    let variables = lab.variables()
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    var planned = try await ferry(
      "orphans", "plan", "--name", "all", "--output", "json", extra: variables)
    // Reads are dropped, too; a plan made over a gap would not be whole.
    for _ in 0..<30 where planned.code != 0 || planned.talk.contains("not read") {
      planned = try await ferry(
        "orphans", "plan", "--name", "all", "--output", "json", extra: variables)
    }
    let digest = planned.json["digest"]?.string ?? ""
    var code: Int32 = 3
    for _ in 0..<20 where code == 3 || code == 1 {
      code = try await ferry("apply", "all", "--approve", digest, extra: variables).code
    }
    #expect(code == 0)
    let log = try await lab.get("/_lab/requests", ferry)
    await lab.stop()
    var previous: [String: String] = [:]
    var writes = 0
    for entry in log.array ?? [] where entry["service"] == "cloudfront" {
      let operation = entry["operation"]?.string ?? ""
      let resource = entry["resource"]?.string ?? ""
      let isWrite = !operation.hasPrefix("Get") && !operation.hasPrefix("List")
      if isWrite {
        writes += 1
        #expect(previous[resource] != operation, "\(operation) \(resource) twice in a row")
      }
      previous[resource] = operation
    }
    #expect(writes >= 20)
  }

  @Test func `loopback never goes through a proxy and the user's NO_PROXY is honoured`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    // Nothing listens there: whatever goes to the proxy fails to connect.
    let dead = ["http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"]
    let lab = try await RunningLab(ferry, ["--sample", "--api", "127.0.0.2:0"])
    let near = try await ferry("orphans", "discover", extra: lab.variables().merging(dead) { $1 })
    await lab.stop()
    #expect(near.code == 0, "\(near.talk)")
    var far = [
      "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1",
      "AWS_ENDPOINT_URL": "https://ferry.invalid",
    ].merging(dead) { $1 }
    let through = try await ferry("orphans", "discover", extra: far)
    #expect(through.talk.lowercased().contains("connect to server"), "\(through.talk)")
    far["NO_PROXY"] = "ferry.invalid"
    far["no_proxy"] = "ferry.invalid"
    let past = try await ferry("orphans", "discover", extra: far)
    #expect(past.talk.lowercased().contains("resolve host"), "\(past.talk)")
  }
}
