import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// The main job as a user runs it, on the sample account.
struct RemovalEndToEndTests {
  @Test func `the demo runs through and leaves no finding behind`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let talk = ferry.folder.appendingPathComponent("talk").path
    let ending = try await Subprocess(
      ["bash", Shared.package.appendingPathComponent("runbooks/demo.sh").path, Ferry.binary.path],
      environment: ferry.environment.merging(["PROPAGATION": "0.2s", "NO_COLOR": "1"]) { $1 },
      stderr: talk
    ).wait()
    let out = String(decoding: ending.stdout, as: UTF8.self)
    #expect(
      ending.code == 0,
      "\(out.suffix(2000)) \(text(talk).suffix(2000))")
    #expect(out.contains("0 findings, 0 orphans"))
  }

  @Test func `plans are approved by digest, refused when edited and known by their account`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.2s"])
    let mine = lab.variables()
    let theirs = lab.variables(account: "222222222222")
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let planned = try await ferry(
      "orphans", "plan", "--finding", "policy-staging-missing:P05SAMPLECHAT", "--name", "chat",
      "--output", "json", extra: mine)
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.json["digest"]?.string ?? ""
    #expect(planned.json["path"]?.string?.hasSuffix("plans/chat.plan.json") == true)
    #expect(
      planned.json["rollbackPath"]?.string?.hasSuffix("plans/chat.rollback.plan.json") == true)
    // Not approved, another digest, another account, an edited file.
    #expect(try await ferry("apply", "chat", extra: mine).code == 64)
    #expect(try await ferry("apply", "chat", "--approve", "sha256:0", extra: mine).code == 4)
    let other = try await ferry(
      "apply", "chat", "--approve", digest, "--output", "json", extra: theirs)
    #expect(other.code == 4 && other.error["code"] == "other-account")
    let path = ferry.folder.appendingPathComponent("plans/chat.plan.json")
    let text = try String(contentsOf: path, encoding: .utf8)
    try ferry.write(
      text.replacingOccurrences(of: "Detach policy", with: "Detach Policy"),
      to: "plans/edited.plan.json")
    #expect(try await ferry("apply", "edited", "--approve", digest, extra: mine).code == 64)
    #expect(try await ferry("status", "chat").code == 3)
    // Held, released, applied, done.
    #expect(try await ferry("hold", "chat", "--reason", "match day").code == 0)
    let held = try await ferry(
      "apply", "chat", "--approve", digest, "--output", "json", extra: mine)
    #expect(held.code == 4 && held.json["state"] == "blocked")
    #expect(try await ferry("status", "chat").code == 4)
    #expect(try await ferry("release", "chat").code == 0)
    let done = try await ferry(
      "apply", "chat", "--approve", digest, "--output", "json", extra: mine)
    #expect(done.code == 0, "\(done.talk)")
    #expect(done.json["schema"] == "edgeferry.status/1" && done.json["state"] == "done")
    #expect(done.json["steps"]?.array?.allSatisfy { $0["state"] == "verified" } == true)
    #expect(try await ferry("status", "chat").code == 0)
    #expect(try await ferry("state", "check").code == 0)
    #expect(try await ferry("runbook", "chat").out == "runbooks/chat.md\n")
    await lab.stop()
  }

  @Test func `advance from cron uses an approval recorded once and ends in 0`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "1.5s"])
    let variables = lab.variables()
    let planned = try await ferry(
      "orphans", "plan", "--finding", "staging-unreferenced:E2SAMPLELOST09", "--name", "lost",
      "--output", "json", extra: variables)
    let digest = planned.json["digest"]?.string ?? ""
    #expect(try await ferry("advance", "lost", extra: variables).code == 64)
    #expect(try await ferry("approve", "lost", "--digest", "sha256:0").code == 4)
    #expect(try await ferry("approve", "lost", "--digest", digest).code == 0)
    var codes: [Int32] = []
    for _ in 0..<50 {
      codes.append(try await ferry("advance", "lost", extra: variables).code)
      if codes.last != 3 { break }
    }
    await lab.stop()
    #expect(codes.first == 3 && codes.last == 0)
  }

  @Test
  func `a killed apply is resumed by the same command and a config edited meanwhile is stale`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "1s"])
    let variables = lab.variables()
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let planned = try await ferry(
      "orphans", "plan", "--name", "all", "--accept-risk", "policy-still-routing", "--output",
      "json", extra: variables)
    let digest = planned.json["digest"]?.string ?? ""
    for signal in [SIGKILL, SIGINT, SIGTERM] {
      let started = try ferry.start(["apply", "all", "--approve", digest], extra: variables)
      // In the middle of a wait, seen in what it prints.
      for _ in 0..<1000 where !text(started.talk.path).contains("waiting for") {
        try await Task.sleep(for: .milliseconds(10))
      }
      // env has become the binary itself, so the signal reaches edgeferry.
      started.process.signal(signal)
      let code = await started.process.wait().code
      #expect(code == (signal == SIGKILL ? 137 : 130), "signal \(signal): \(code)")
    }
    let done = try await ferry("apply", "all", "--approve", digest, extra: variables)
    #expect(done.code == 0, "\(done.talk)")
    let after = try await ferry("orphans", "discover", "--fail-on", "findings", extra: variables)
    #expect(after.code == 0)
    // Every effective write once: enable and disable never both happen in a removal.
    let log = try await ferry.run(
      [
        "-c",
        "import json,sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())",
        lab.api + "/_lab/requests",
      ], program: "python3")
    var counts: [String: Int] = [:]
    for entry in log.json.array ?? [] where entry["effective"] == true {
      counts[
        "\(entry["operation"]?.string ?? "") \(entry["resource"]?.string ?? "")", default: 0] += 1
    }
    #expect(!counts.isEmpty && counts.values.allSatisfy { $0 == 1 }, "\(counts)")
    await lab.stop()
  }

  @Test func `secrets and terminal escapes reach no output, plan or runbook`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let hostile = "\\u001b]0;owned\\u0007\\u202e\\u001b[2J"
    try ferry.write(
      """
      {"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],
       "accounts":[{"id":"111111111111","distributions":[{"id":"E2HOSTILE","domainName":"d2hostile.cloudfront.net","tags":{"\(hostile)":"x"},
        "config":{"CallerReference":"\(hostile)","Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net",
         "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x","HeaderValue":"canary-secret-1"}]},
         "CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},
        "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},
        "Comment":"\(hostile)","Enabled":false,"Staging":true}}]}]}
      """, to: "i.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    let variables = lab.variables()
    var talk = ""
    for command in [
      ["inventory", "take", "--out", "taken.json"], ["inventory", "show", "taken.json"],
      ["orphans", "discover"], ["orphans", "plan", "--name", "h"], ["show", "h"],
      ["runbook", "h", "--out", "-"],
      ["orphans", "discover", "--output", "markdown"],
      ["inventory", "show", "taken.json", "--output", "json"],
      ["orphans", "discover", "--output", "json"], ["orphans", "discover", "--output", "ndjson"],
    ] {
      let answer = try await ferry.run(command + ["--verbose"], extra: variables)
      #expect(answer.code == 0, "\(answer.talk)")
      talk += answer.out + answer.talk
    }
    let digest = try ferry.read("plans/h.plan.json")["digest"]?.string ?? ""
    let applied = try await ferry.run(
      ["apply", "h", "--approve", digest, "--verbose"], extra: variables)
    #expect(applied.code == 0, "\(applied.talk)")
    talk += applied.out + applied.talk
    await lab.stop()
    for scalar in talk.unicodeScalars where scalar != "\n" {
      #expect(scalar.value >= 0x20 && scalar.value != 0x7F && scalar.value != 0x202E)
    }
    for name in ["taken.json", "plans/h.plan.json", "plans/h.rollback.plan.json"] {
      talk += try String(contentsOf: ferry.folder.appendingPathComponent(name), encoding: .utf8)
    }
    #expect(!talk.contains("canary-secret-1"))
    #expect(!talk.contains(variables["AWS_SECRET_ACCESS_KEY"] ?? "-"))
    let state = ferry.folder.appendingPathComponent(".edgeferry/state.sqlite").path
    let mode = try FileManager.default.attributesOfItem(atPath: state)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }
}
