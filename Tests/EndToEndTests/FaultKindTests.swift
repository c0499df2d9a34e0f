import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

struct FaultKindTests {
  /// What curl makes of a signed read from a lab with one fault: its exit code and what it printed.
  private func curl(_ fault: String) async throws -> Ferry.Answer {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--fault", fault])
    let keys = lab.variables()
    // Not on the command line: another test looks for the labs' secrets in the list of processes.
    try ferry.write(
      "user = \"\(keys["AWS_ACCESS_KEY_ID"] ?? ""):\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")\"\n",
      to: "curlrc")
    let answer = try await ferry.run(
      [
        "-sS", "-i", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:cloudfront",
        "--config", ferry.folder.appendingPathComponent("curlrc").path,
        lab.api + "/2020-05-31/distribution/E1SAMPLESHOP01",
      ], program: "curl")
    await lab.stop()
    return answer
  }

  // curl's codes: 18 is a partial file, 52 an empty reply.
  @Test(arguments: [
    ("drop:when=before", 52, ""), ("drop:when=after", 52, ""), ("truncate", 18, "ETag: "),
    ("garbage", 0, "HTTP/1.1 200 OK"), ("error:status=502,code=Oops", 0, "<Code>Oops</Code>"),
    ("throttle:percent=100,retry-after=75", 0, "x-amz-retry-after: 75\r\n"),
    ("reordered-etag", 0, "ETag: "), ("skew:seconds=400", 0, "Signature expired: "),
    ("skew:seconds=-400", 0, "Signature not yet current: "),
  ])
  func `curl meets each fault on the wire`(_ fault: String, _ code: Int32, _ text: String)
    async throws
  {
    let answer = try await curl(fault)
    #expect(answer.code == code, "\(answer.talk)")
    #expect(text.isEmpty ? answer.out.isEmpty : answer.out.contains(text))
  }

  @Test func `a lost ETag is missing on the wire`() async throws {
    let answer = try await curl("lost-etag")
    #expect(answer.out.hasPrefix("HTTP/1.1 200 OK") && !answer.out.lowercased().contains("etag:"))
  }

  @Test(arguments: ["skew:seconds=5000", "skew:seconds=-5000"])
  func `discovery corrects a clock that is off`(_ fault: String) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--fault", fault])
    let answer = try await ferry(
      "orphans", "discover", "--output", "json", extra: lab.variables())
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.json["complete"] == true)
  }
}
