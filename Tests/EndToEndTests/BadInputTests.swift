import FerryCore
import Foundation
import Testing

/// One clear error each, the right exit code, nothing written.
struct BadInputTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  @Test(
    arguments: [
      ("", "bad-json"), ("{", "bad-json"), ("[]", "unknown-schema"),
      (#"{"schema":"edgeferry.inventory/2"}"#, "unknown-schema"),
      (#"{"schema":"edgeferry.plan/1"}"#, "unknown-schema"),
      (
        #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[]}"#,
        "bad-inventory"
      ),
      (
        #"{"schema":"edgeferry.inventory/1","takenAt":"now","complete":true,"gaps":[],"accounts":[]}"#,
        "bad-inventory"
      ),
      (
        #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111","distributions":[{"id":"E1","configXML":"<!DOCTYPE a [<!ENTITY x \"y\">]><DistributionConfig>&x;</DistributionConfig>"}]}]}"#,
        "bad-inventory"
      ),
    ])
  func `a broken inventory is one error with exit 64`(_ text: String, _ code: String) async throws {
    defer { ferry.remove() }
    try ferry.write(text, to: "i.json")
    for command in [
      ["inventory", "show", "i.json"], ["orphans", "discover", "--inventory", "i.json"],
    ] {
      let answer = try await ferry.run(command + ["--output", "json"])
      #expect(answer.code == 64)
      #expect(answer.error["schema"] == "edgeferry.error/1")
      #expect(answer.error["code"] == .string(code))
      #expect(answer.out.isEmpty)
    }
  }

  @Test func `a missing file is named`() async throws {
    defer { ferry.remove() }
    let answer = try await ferry("inventory", "show", "none.json")
    #expect(answer.code == 64)
    #expect(answer.talk.contains("none.json"))
  }

  @Test(
    arguments: [
      ("unknown: 1\n", "line 1"), ("version: 1\nwindows:\n  dns:\n    allow: [\"Xyz\"]\n", "Xyz"),
      ("version: 2\n", "version"), ("accounts: [\n", "YAML"),
      ("version: 1\npolling: { deployd: 1s }\n", "deployd"),
      ("version: 1\npolling: { deployed: soon }\n", "span"),
      ("version: 1\nregions: us-east-1\n", "list"),
    ])
  func `broken settings are refused with what and where`(_ text: String, _ word: String)
    async throws
  {
    defer { ferry.remove() }
    try ferry.write(text, to: "edgeferry.yaml")
    let answer = try await ferry("orphans", "discover")
    #expect(answer.code == 64)
    #expect(answer.talk.contains(word))
  }

  @Test(
    arguments: [
      ["apply"], ["orphans", "explode"], ["orphans", "discover", "--fail-on", "weather"],
      ["orphans", "discover", "--at", "yesterday"], ["apply", "../x", "--approve", "sha256:0"],
      ["apply", "UPPER", "--approve", "sha256:0"], ["lab", "serve", "--api", "0.0.0.0:0"],
      ["lab", "serve", "--behaviour", "sky=green"], ["lab", "serve", "--fault", "flood:percent=1"],
      ["orphans", "discover", "--endpoint-url", "http://192.0.2.1/"],
      ["--output", "yaml", "plugins", "list"],
    ])
  func `bad usage ends with 64`(_ arguments: [String]) async throws {
    defer { ferry.remove() }
    let answer = try await ferry.run(
      arguments, extra: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
    #expect(answer.code == 64, "\(answer.talk)")
    #expect(answer.out.isEmpty)
  }

  @Test func `without credentials every source is listed with its reason`() async throws {
    defer { ferry.remove() }
    let answer = try await ferry("orphans", "discover")
    #expect(answer.code == 1)
    #expect(answer.talk.contains("AWS_ACCESS_KEY_ID"))
  }

  @Test func `exit codes are documented by help`() async throws {
    defer { ferry.remove() }
    let answer = try await ferry("help", "exit-codes")
    #expect(answer.code == 0)
    for code in ExitCode.allCases { #expect(answer.out.contains("\(code.rawValue)")) }
  }

  @Test func `the version is one line`() async throws {
    defer { ferry.remove() }
    #expect(try await ferry("--version").out == "0.1.0\n")
  }
}
