import FerryCore
import Foundation
import Testing

struct PluginTests {
  let ferry: Ferry
  init() throws {
    ferry = try Ferry()
    let script = """
      #!/bin/sh
      echo "args: $*"
      echo "workspace: $EDGEFERRY_WORKSPACE"
      echo "context: $EDGEFERRY_CONTEXT"
      exit 7
      """
    for name in ["edgeferry-hello", "edgeferry-orphans"] {
      try ferry.writeProgram(script, to: "bin/\(name)")
    }
    try ferry.write(
      "version: 1\naccounts:\n  source: { profile: old-prod }\nregions: [eu-west-1]\n",
      to: "edgeferry.yaml")
  }
  var path: [String: String] {
    ["PATH": ferry.folder.appendingPathComponent("bin").path + ":/usr/bin:/bin"]
  }

  @Test
  func `an executable on PATH is a command with its arguments, exit code, workspace and context`()
    async throws
  {
    defer { ferry.remove() }
    let answer = try await ferry("hello", "one", "--two", extra: path)
    #expect(answer.code == 7)
    let lines = answer.out.split(separator: "\n").map(String.init)
    #expect(lines.first == "args: one --two")
    #expect(lines[1].hasPrefix("workspace: /"))
    let context = try JSONValue.read(
      Array(lines[2].dropFirst("context: ".count).utf8), what: "context")
    #expect(context["accounts"]?["source"]?["profile"] == "old-prod")
    #expect(context["regions"] == ["eu-west-1"])
  }

  @Test func `a plugin cannot shadow a built-in`() async throws {
    defer { ferry.remove() }
    let answer = try await ferry("orphans", "--help", extra: path)
    #expect(answer.code == 0)
    #expect(!answer.out.contains("args:"))
    let list = try await ferry("plugins", "list", "--output", "json", extra: path)
    let external = list.json["plugins"]?.array?.filter { $0["kind"] == "external" } ?? []
    #expect(external.count == 2)
    #expect(external.first { $0["name"] == "orphans" }?["shadowed"] == true)
    #expect(external.first { $0["name"] == "hello" }?["shadowed"] == false)
  }

  @Test func `a plugin's own use of a global option's name is left to it`() async throws {
    defer { ferry.remove() }
    let answer = try await ferry("hello", "--profile", "--state", "x", extra: path)
    #expect(answer.code == 7, "\(answer.talk)")
    #expect(answer.out.hasPrefix("args: --profile --state x\n"))
  }

  @Test func `a name that is neither is bad usage`() async throws {
    defer { ferry.remove() }
    #expect(try await ferry("nothing-of-that-name", extra: path).code == 64)
  }
}
