import FerryAWS
import FerryCore
import Foundation
import Testing

/// What answers is not to be trusted: one clear error, soon, with bounded memory.
struct HostileTests {
  @Test(arguments: ["bomb", "huge", "garbage", "deep", "truncated", "redirect", "escapes"])
  func `an answer that is not CloudFront's ends in one clean error`(_ kind: String) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let script = Ferry.client("hostile_server.py")
    let server = try Subprocess(
      ["python3", script, kind], environment: ferry.environment,
      stderr: ferry.folder.appendingPathComponent("server-talk").path)
    let port = await server.firstLine()
    defer { server.signal(SIGKILL) }
    let answer = try await ferry(
      "orphans", "discover", "--output", "json",
      extra: [
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_MAX_ATTEMPTS": "1",
      ])
    #expect(answer.code == 1, "\(answer.talk)")
    #expect(answer.error["schema"] == "edgeferry.error/1")
    #expect(answer.out.isEmpty)
    for byte in answer.talk.utf8 where byte != 0x0A { #expect(byte >= 0x20 && byte != 0x7F) }
    #expect(!answer.talk.contains("wJalrXUtnFEMI"))
  }
}
