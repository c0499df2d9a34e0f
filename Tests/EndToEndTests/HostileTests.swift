import FerryCore
import Foundation
import Testing

/// What answers is not to be trusted: one clear error, soon, with bounded memory.
struct HostileTests {
  @Test(arguments: ["bomb", "huge", "garbage", "deep", "truncated", "redirect", "escapes"])
  func `an answer that is not CloudFront's ends in one clean error`(_ kind: String) throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    server.arguments = [
      "python3",
      URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("hostile_server.py").path, kind,
    ]
    let pipe = Pipe()
    server.standardOutput = pipe
    try server.run()
    defer {
      server.terminate()
      server.waitUntilExit()
    }
    let port = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let answer = try ferry(
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
