import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// Credentials as the built binary gets them, with botocore as the oracle.
struct CredentialTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  static let python = ProcessInfo.processInfo.environment["EDGEFERRY_PYTHON"] ?? "python3"

  /// One line of JSON for each case that a script ran.
  func cases(_ script: String, _ ferry: Ferry) async throws -> [JSONValue] {
    let answer = try await ferry.run(
      ["-B", Self.folder.appendingPathComponent(script).path, Ferry.binary.path],
      program: Self.python)
    #expect(answer.code == 0, "\(answer.talk)")
    return answer.out.split(separator: "\n").compactMap {
      try? JSONValue.read(Array($0.utf8), what: "a case")
    }
  }

  @Test func `the same files and variables make the same identity as in botocore`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let cases = try await cases("botocore_oracle.py", ferry)
    #expect(cases.count > 140)
    var agreed = 0
    for it in cases {
      #expect(it["botocore"] == it["edgeferry"], "\(it.canonical)")
      #expect(it["leak"] == false, "\(it.canonical)")
      if it["botocore"] != .null { agreed += 1 }
      // Where there is no identity the error says so in one of its ways, and never as a crash.
      if it["edgeferry"] == .null {
        let codes = [
          "credentials", "bad-profile", "bad-profiles", "unknown-profile", "access-denied",
          "bad-metadata",
        ]
        #expect(codes.contains(it["edgeferryError"]?.string ?? ""), "\(it.canonical)")
      }
    }
    #expect(agreed > 80)
  }

  @Test func `prompts, refreshes and renewals behave as the pages say`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let cases = try await cases("credential_cases.py", ferry)
    #expect(cases.count == 8)
    for it in cases { #expect(it["why"] == "", "\(it.canonical)") }
  }
}
