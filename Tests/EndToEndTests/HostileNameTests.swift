import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// Names and data as a lying server may send them, through the built binary.
struct HostileNameCutoverTests {
  private static let label = String(repeating: "l", count: 63)
  /// The labels of targets, in presentation form.
  private static let hostile = [
    // A space, a quote, a backslash, a dot and a semicolon inside a label.
    #"a\032b\"c\\d\.e\;f"#,
    // ESC [2J, BEL, NUL, CR, LF, DEL, C1's CSI as an octet and as UTF-8.
    #"\027[2J\007x\000\013\010\127\155\194\155"#,
    // U+202E and U+2066 in UTF-8, a zero-width space, octets that are no UTF-8.
    #"\226\128\174gpj\226\129\166\226\128\139\255\254"#,
    // Markup, a shell, a table's end, a format.
    #"<b>\`id\`\$\(id\)|'\#(#"\""#)--%s"#,
    // 255 octets in all.
    [label, label, label, String(repeating: "m", count: 49)].joined(separator: "."),
  ]

  @Test
  func `no name and no error of a lying server reaches a person or a plan as it is`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    var records = ""
    for (index, label) in Self.hostile.enumerated() {
      records += "w\(index) 1 IN CNAME \(label).example.com.\n"
      // The chain goes on over the hostile name itself.
      records += "\(label) 1 IN CNAME d1.cloudfront.net.\n"
      records += "t\(index) 1 IN TXT \"\(label.prefix(250))\"\n"
    }
    let extended = "\u{1B}]0;owned\u{7}\u{1B}[2J\u{202E}\u{9B}31m\n- **x** | y"
    let server = try await NameServer.script(
      ferry, zone: "example.com.", text: NameServer.zone("example.com.", records),
      behaviour: "extended=\(extended)")
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: manual, nameservers: ["\(server.address)"] } }
      resolvers: ["\(server.address)"]
      polling: { authoritative: 0.2s, rounds: 1 }
      """, to: "edgeferry.yaml")
    func run(_ words: [String], _ code: Int32) async throws -> Ferry.Answer {
      let answer = try await ferry.run(words)
      #expect(answer.code == code, "\(words.prefix(3)): \(answer.talk)")
      for text in [answer.out, answer.talk] {
        #expect(HostileText.intruder(in: text) == nil, "\(words.prefix(3)): \(text)")
      }
      return answer
    }
    let names = Self.hostile.indices.map { "w\($0).example.com" }
    let all = names + Self.hostile.indices.map { "t\($0).example.com" }
    for output in ["text", "json", "markdown"] {
      let probe = try await run(["cutover", "probe"] + all + ["--output", output, "--verbose"], 0)
      #expect(probe.out.contains("DNSSEC Bogus"), "\(probe.out.prefix(2000))")
      #expect(probe.out.contains("l.example.com.") || probe.out.contains("m.example.com."))
      if output == "text" {
        for escape in [#"\032"#, #"\027"#, #"\226\128\174"#, #"\000"#, #"\u{1b}]0;owned"#] {
          #expect(probe.out.contains(escape), "\(escape)")
        }
      }
      guard output == "json" else { continue }
      // What is escaped keeps its meaning.
      let servers = probe.json["names"]?.array?.first?["servers"]?.array?.first
      let error = servers?["extendedErrors"]?.array?.first
      #expect(error?["text"]?.string == extended && error?["code"]?.int == 6, "\(error ?? .null)")
      #expect(probe.json["names"]?.array?.first?["chain"]?.array?.count == 2)
    }
    for output in ["text", "json"] {
      _ = try await run(
        ["cutover", "verify"] + names + ["--to", "d2.cloudfront.net", "--output", output], 4)
    }
    let planned = try await run(
      ["cutover", "plan"] + names + ["--to", "d2.cloudfront.net", "--name", "all"], 0)
    #expect(planned.out.contains(#"\032"#), "\(planned.out)")
    for output in ["text", "json", "markdown", "html", "svg"] {
      let shown = try await run(["show", "all", "--output", output], 0)
      if output == "html" { #expect(!shown.out.contains("<b>`") && !shown.out.contains("<b>\\`")) }
    }
    _ = try await run(["runbook", "all"], 0)
    _ = try await run(["export", "all", "--format", "stepfunctions"], 0)
    let digest = try ferry.read("plans/all.plan.json")["digest"]?.string ?? ""
    for output in ["text", "json"] {
      _ = try await run(
        ["apply", "all", "--approve", digest, "--max-wait", "1s", "--output", output], 4)
      _ = try await run(["status", "all", "--output", output], 4)
    }
    await server.stop()
    for file in ["plans/all.plan.json", "plans/all.rollback.plan.json", "runbooks/all.md"] {
      let bytes = try Data(contentsOf: ferry.folder.appendingPathComponent(file))
      #expect(HostileText.intruder(in: String(decoding: bytes, as: UTF8.self)) == nil, "\(file)")
    }
  }
}

/// Servers and resolvers that are not what one would wish, through the built binary.
struct UnverifiedCutoverTests {
  @Test func `a dead server that was accepted keeps no cutover waiting for ever`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    // The dead one may have old answers until EXPIRE, 3 s here.
    let text = CutoverServersTests.zone(2).replacingOccurrences(of: "1209600", with: "3")
    let bind = try await NameServer.bind(ferry, zones: ["example.com.": text], key: key)
    let dead = "127.0.0.1:1"
    try await CutoverServersTests.ending([bind]) {
      try CutoverServersTests.settings(
        ferry, primary: bind, nameservers: [bind.address, dead], key: key,
        more: CutoverServersTests.policy(bake: 0, rounds: 1))
      let digest = try await CutoverServersTests.plan(
        ferry, CutoverServersTests.www, as: "move", ["--accept-risk", "server-unverified"])
      let plan = try ferry.read("plans/move.plan.json")
      let check = CutoverServersTests.step(plan, "flip")["checks"]?.array?.first
      #expect(check?["unverified"] == [.string(dead)], "\(check ?? .null)")
      let applied = try await ferry(
        "apply", "move", "--approve", digest.apply, "--output", "json")
      #expect(applied.code == 0, "\(applied.talk)")
      #expect(
        try await bind.dig(ferry, CutoverServersTests.www, "CNAME")
          == [CutoverServersTests.target + "."])
      let back = try await ferry(
        "rollback", "move", "--approve", digest.rollback, "--output", "json")
      #expect(back.code == 0, "\(back.talk)")
    }
  }

  @Test func `Unbound counts down, and one told to serve the original TTL does not`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bind = try await NameServer.bind(
      ferry, zones: ["example.com.": CutoverServersTests.zone(3600)])
    let plain = try await NameServer.unbound(ferry, stubs: ["example.com.": [bind.address]])
    let fixed = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [bind.address]], options: ["serve-original-ttl: yes"])
    try await CutoverServersTests.ending([bind, plain, fixed]) {
      try ferry.write(
        """
        version: 1
        zones: { example.com: { provider: manual, nameservers: ["\(bind.address)"] } }
        resolvers: ["\(plain.address)", "\(fixed.address)"]
        """, to: "edgeferry.yaml")
      let probe = try await ferry(
        "cutover", "probe", CutoverServersTests.www, "--output", "json")
      let resolvers = probe.json["names"]?.array?.first?["recursives"]?.array ?? []
      #expect(resolvers.count == 2 && resolvers.allSatisfy { $0["verdict"] == "ok" })
      #expect(resolvers.first?["habits"] == nil, "\(resolvers)")
      #expect(resolvers.last?["habits"] == ["fixed-ttl"], "\(resolvers)")
    }
  }
}
