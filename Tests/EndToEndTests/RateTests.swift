import FerryCore
import Foundation
import Testing

/// Reading a service that throttles, as the binary does it.
struct RateTests {
  private func load(_ count: Int, in ferry: Ferry) throws -> String {
    let distributions: [JSONValue] = (0..<count).map { index in
      [
        "id": .string("E\(1000 + index)"),
        "config": [
          "CallerReference": .string("\(index)"), "Comment": "", "Enabled": true,
          "Origins": ["Quantity": 1, "Items": [["Id": "o", "DomainName": "o.example.net"]]],
          "DefaultCacheBehavior": ["TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"],
        ],
      ]
    }
    let document: JSONValue = [
      "schema": "edgeferry.inventory/1", "takenAt": "2026-01-01T00:00:00Z", "complete": true,
      "gaps": [], "accounts": [["id": "111111111111", "distributions": .array(distributions)]],
    ]
    try ferry.write(document.canonical, to: "load.json")
    return ferry.folder.appendingPathComponent("load.json").path
  }

  @Test func `an inventory against a throttling endpoint has no gap, and its log no secret`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(
      ferry, ["--load", try load(20, in: ferry), "--fault", "throttle:rate=2"])
    let answer = try await ferry(
      "inventory", "take", "--no-tags", "--out", "i.json", "--output", "json", "--verbose",
      extra: lab.variables())
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.json["complete"] == true && answer.json["distributions"] == 20)
    for word in ["slowed down", "trying again", "waiting for the rate", "answered"] {
      #expect(answer.talk.contains(word), "\(word)")
    }
    let secret = lab.variables()["AWS_SECRET_ACCESS_KEY"] ?? ""
    for word in [secret, "Signature=", "AWS4-HMAC", "authorization", "<Distribution"] {
      #expect(!word.isEmpty && !answer.talk.contains(word), "\(word)")
    }
    // What the SDKs do by default dies there.
    let standard = try await ferry(
      "inventory", "take", "--no-tags", "--out", "j.json", "--output", "json",
      extra: lab.variables().merging(["AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "1"]) { $1 }
    )
    await lab.stop()
    #expect(standard.json["complete"] != true)
  }

  @Test func `an unknown retry mode is bad usage`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let answer = try await ferry(
      "inventory", "take", "--out", "i.json", "--output", "json",
      extra: ["AWS_RETRY_MODE": "eager", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"])
    #expect(answer.code == 64)
    #expect(answer.error["code"] == "bad-retries")
  }

  @Test func `a service that only refuses ends the command`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(
      ferry, ["--sample", "--fault", "error:status=503,percent=100"])
    let answer = try await ferry(
      "inventory", "take", "--out", "i.json", "--output", "json", extra: lab.variables())
    await lab.stop()
    #expect(answer.code == 1)
  }
}
