import FerryCore
import FerryTestSupport
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

  @Test func `what approves, holds or accepts nothing is refused`() async throws {
    defer { ferry.remove() }
    let plan = Shared.package.appendingPathComponent("plans/remove-orphaned-policy.plan.json")
    try FileManager.default.createDirectory(
      at: ferry.folder.appendingPathComponent("plans"), withIntermediateDirectories: true)
    try ferry.write(String(contentsOf: plan, encoding: .utf8), to: "plans/one.plan.json")
    let known = try ferry.read("plans/one.plan.json")
    let step = known["steps"]?.array?.first?["id"]?.string ?? ""
    let digest = known["digest"]?.string ?? ""
    for (words, code) in [
      (["approve", "one", "--step", step, "--reference", "CHG-1"], "no-gate"),
      (["hold", "one", "--reason", " "], "bad-usage"),
      (["apply", "one", "--approve", digest, "--accept-rehearsal", "bogus"], "bad-usage"),
      (["apply", "one", "--approve", digest, "--until", "nothing"], "unknown-step"),
      (["audit", "sha256:zz"], "bad-usage"),
    ] {
      let answer = try await ferry.run(words + ["--output", "json"])
      #expect(answer.code == 64, "\(words)")
      #expect(answer.error["code"] == .string(code), "\(words)")
    }
    let held = try await ferry("hold", "one", "--reason", "me", "--output", "json")
    #expect(held.code == 0 && held.json["schema"] == "edgeferry.status/1")
    #expect(held.json["state"] == "blocked")
    #expect(try await ferry("hold", "one", "--reason", "me", "--output", "html").code == 64)
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

  @Test(
    arguments: [
      (["apply"], "<plan>", "edgeferry apply --help"),
      (["bogus"], "no command", "edgeferry --help"),
      (["orphans", "explode"], "explode", "edgeferry orphans --help"),
      (["orphans", "plan", "--nam", "x"], "--name", "edgeferry orphans plan --help"),
    ])
  func `a command line that is not understood says why and where to look`(
    _ arguments: [String], _ why: String, _ help: String
  ) async throws {
    defer { ferry.remove() }
    let answer = try await ferry.run(arguments)
    #expect(answer.code == 64 && answer.out.isEmpty)
    #expect(answer.talk.hasPrefix("error[bad-usage]: "), "\(answer.talk)")
    #expect(answer.talk.contains(why) && answer.talk.contains(help), "\(answer.talk)")
    let json = try await ferry.run(arguments + ["--output", "json"])
    #expect(json.code == 64 && json.error["code"] == "bad-usage", "\(json.talk)")
  }

  @Test func `what only reads makes no state`() async throws {
    defer { ferry.remove() }
    try FileManager.default.createDirectory(
      at: ferry.folder.appendingPathComponent("plans"), withIntermediateDirectories: true)
    let example = Shared.package.appendingPathComponent("plans/remove-orphaned-policy.plan.json")
    try ferry.write(String(contentsOf: example, encoding: .utf8), to: "plans/x.plan.json")
    for (command, code) in [
      (["state", "show"], Int32(0)), (["state", "check"], 0), (["state", "export", "f"], 64),
      (["status", "x"], 3), (["show", "x"], 0), (["show", "y"], 64),
    ] {
      let answer = try await ferry.run(command)
      #expect(answer.code == code, "\(command) \(answer.talk)")
      if command == ["show", "y"] { #expect(answer.talk.contains("name one of those there: x")) }
    }
    #expect(
      !FileManager.default.fileExists(
        atPath: ferry.folder.appendingPathComponent(".edgeferry").path))
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
