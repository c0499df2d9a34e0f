import FerryCore
import Foundation
import Testing

/// Bad and extreme input of a cutover: one clear error each (what, why, next), nothing written, and no query sent
/// where it can be known before.
@Suite struct CutoverInputTests {
  static let target = "d222222abcdef8.cloudfront.net"
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  /// The settings of a zone whose only server is `address`.
  private func settings(_ address: String, _ more: String = "") throws {
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: manual, nameservers: ["\(address)"] } }
      resolvers: []
      \(more)
      """, to: "edgeferry.yaml")
  }
  private func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent(name).path)
  }
  /// Runs `cutover plan`, expects that one error, and nothing on stdout or disk.
  @discardableResult
  private func refused(
    _ words: [String], _ code: String, exit: Int32 = 64,
    location: SourceLocation = #_sourceLocation
  ) async throws -> JSONValue {
    let answer = try await ferry.run(
      ["cutover", "plan"] + words + ["--at", "2026-12-07T09:00:00Z", "--output", "json"])
    #expect(answer.code == exit, "\(words): \(answer.talk)", sourceLocation: location)
    #expect(
      answer.error["code"]?.string == code, "\(words): \(answer.talk)", sourceLocation: location)
    for field in ["what", "why", "next"] {
      #expect(
        answer.error[field]?.string?.isEmpty == false, "\(words): no \(field)",
        sourceLocation: location)
    }
    #expect(answer.out.isEmpty && !exists("plans") && !exists(".edgeferry"), "\(words)")
    return answer.error
  }
  private func planned(_ words: [String], _ name: String, at: String = "2026-12-07T09:00:00Z")
    async throws -> (answer: Ferry.Answer, plan: JSONValue)
  {
    let answer = try await ferry.run(
      ["cutover", "plan"] + words + ["--name", name, "--at", at, "--output", "json"])
    #expect(answer.code == 0, "\(words): \(answer.talk)")
    return (answer, answer.code == 0 ? try ferry.read("plans/\(name).plan.json") : .null)
  }
  private func ids(_ plan: JSONValue) -> [String] {
    plan["steps"]?.array?.compactMap { $0["id"]?.string } ?? []
  }

  @Test func `what can be known without DNS is refused before any query is sent`() async throws {
    defer { ferry.remove() }
    let silent = try SilentServer()
    defer { silent.close() }
    try settings(silent.address)
    let files = [
      ("cells.csv", "www.example.com,\(Self.target)\na,b,c\n", "line 2"),
      ("label.csv", "www.example.com,\(Self.target)\n\n-a.example.com,\(Self.target)\n", "line 3"),
      ("self.csv", "a.example.com,a.example.com\n", "line 1"),
      ("none.csv", "a.example.com\n", "line 1"),
      ("head.csv", "name,target\nwww.example.com,\(Self.target),\n", "line 2"),
    ]
    for (file, text, line) in files {
      try ferry.write(text, to: file)
      let error = try await refused(["--names", file], "bad-names")
      #expect(error["what"]?.string?.contains(line) == true, "\(file): \(error)")
    }
    try Data("www.example.com,\(Self.target)\nb\u{FC}".utf8.dropLast() + [0xFF, 0x0A]).write(
      to: ferry.folder.appendingPathComponent("latin.csv"))
    let latin = try await refused(["--names", "latin.csv"], "bad-names")
    #expect(latin["what"]?.string?.contains("line 2") == true, "\(latin)")

    let long = String(repeating: "a", count: 63)
    for name in [
      "a..example.com", "-a.example.com", "a-.example.com", "a b.example.com", "a/b.example.com",
      "www.*.example.com", "a*.example.com", String(repeating: "a", count: 64) + ".com",
      [long, long, long, long, "com"].joined(separator: "."), "xn--\u{1B}.example.com", "",
      "\u{202E}.example.com",
    ] {
      // `--` so that a name may begin with a hyphen.
      try await refused(["--to", Self.target, "--", name], "bad-name")
    }
    try await refused(["www.example.com", "--to", "*.example.net"], "bad-usage")
    try await refused([".", "--to", Self.target], "bad-usage")
    for time in ["2026-12-07", "2026-12-07 09:00", "2026-13-07T09:00:00Z", "", "tomorrow"] {
      try await refused(["www.example.com", "--to", Self.target, "--start=\(time)"], "bad-usage")
    }
    try ferry.write(
      "www.example.com,\(Self.target)\nWWW.example.com.,d3.cloudfront.net\n", to: "twice.csv")
    let twice = try await refused(["--names", "twice.csv"], "two-targets")
    #expect(twice["what"]?.string?.contains("line 2") == true, "\(twice)")
    #expect(twice["why"]?.string?.contains("www.example.com.") == true, "\(twice)")

    for (more, word) in [
      ("cutover: { ttl: 0 }", "cutover.ttl"), ("cutover: { ttl: 2147483648 }", "cutover.ttl"),
      ("cutover: { ttl: 60s }", "cutover.ttl"),
      ("windows: { dns: { timeZone: Europe/Atlantis, allow: [\"Tue 10:00-12:00\"] } }", "Atlantis"),
      ("windows: { dns: { timeZone: UTC, allow: [\"Tue 25:00-26:00\"] } }", "25:00"),
      ("windows: { dns: { timeZone: UTC, freeze: [\"2026-12-18/2026-12-01\"] } }", "2026-12-18"),
      ("health: { url: \"http://{name}/\" }", "https"),
    ] {
      try settings(silent.address, more)
      let error = try await refused(["www.example.com", "--to", Self.target], "bad-settings")
      let text = "\(error["what"]?.string ?? "") \(error["why"]?.string ?? "")"
      #expect(text.contains(word), "\(more): \(text)")
    }

    func keyed(_ file: String) throws {
      try ferry.write(
        """
        version: 1
        zones: { example.com: { provider: rfc2136, server: "\(silent.address)", nameservers: ["\(silent.address)"], tsig: { name: k., secretFile: \(file) } } }
        resolvers: []
        """, to: "edgeferry.yaml")
    }
    let secret = "c2VjcmV0IG9mIHRoaXMgdGVzdCE="
    try ferry.write(secret, to: "loose.secret")
    try ferry.write(secret + " more", to: "odd.secret")
    try ferry.write("@@@@", to: "noise.secret")
    chmod(ferry.folder.appendingPathComponent("odd.secret").path, 0o600)
    chmod(ferry.folder.appendingPathComponent("noise.secret").path, 0o600)
    for (file, code) in [
      ("loose.secret", "loose-mode"), ("absent.secret", "no-such-file"),
      ("odd.secret", "bad-tsig-key"), ("noise.secret", "bad-tsig-key"),
    ] {
      try keyed(file)
      let error = try await refused(["www.example.com", "--to", Self.target], code)
      #expect(!FerryJSON.document(error).contains(secret))
    }
    #expect(silent.datagrams() == 0)
  }

  @Test func `extreme TTLs, an empty zone and names in Unicode are planned as what they are`()
    async throws
  {
    defer { ferry.remove() }
    let apex = NameServer.zone(
      "example.com.",
      """
      zero 0 IN CNAME d111111abcdef8.cloudfront.net.
      ever 2147483647 IN CNAME d111111abcdef8.cloudfront.net.
      xn--bcher-kva 300 IN CNAME d111111abcdef8.cloudfront.net.
      * 120 IN CNAME d111111abcdef8.cloudfront.net.
      """)
    let bind = try await NameServer.bind(
      ferry, zones: ["example.com.": apex, "empty.test.": NameServer.zone("empty.test.", "")])
    func both(_ more: String = "") throws {
      try ferry.write(
        """
        version: 1
        zones:
          example.com: { provider: manual, nameservers: ["\(bind.address)"] }
          empty.test: { provider: manual, nameservers: ["\(bind.address)"] }
        resolvers: []
        \(more)
        """, to: "edgeferry.yaml")
    }
    try both()
    let apexError = try await refused(["example.com", "--to", Self.target], "apex-cname")
    for way in ["alias", "ALIAS", "ANAME"] {
      #expect(apexError["next"]?.string?.contains(way) == true, "\(apexError)")
    }
    try await refused(
      ["empty.test", "www.example.com", "--to", Self.target], "apex-cname")

    let zero = try await planned(["zero.example.com", "--to", Self.target], "zero")
    #expect(ids(zero.plan) == ["flip-zero", "bake-zero"])

    let ever = try await planned(["ever.example.com", "--to", Self.target], "ever")
    let risk = ever.plan["risks"]?.array?.first { $0["code"] == "ttl-extreme" }
    // The cap that resolvers keep to, and what the servers say.
    #expect(risk?["text"]?.string?.contains("2147483647") == true, "\(ever.plan["risks"] ?? .null)")
    #expect(risk?["text"]?.string?.contains("604800") == true, "\(ever.plan["risks"] ?? .null)")
    #expect(risk?["accepted"]?.bool == false)
    let digest = ever.plan["digest"]?.string ?? ""
    let refused = try await ferry("apply", "ever", "--approve", digest, "--output", "json")
    // The answer and the error name the same way on.
    #expect(refused.code == 4 && refused.error["code"] == "risk-not-accepted", "\(refused.talk)")
    #expect(refused.json["next"]?.string?.contains("--accept-risk ttl-extreme") == true)
    #expect(refused.json["next"] == refused.error["next"])

    let empty = try await planned(["www.empty.test", "--to", Self.target], "empty")
    #expect(ids(empty.plan) == ["flip-www", "bake-www"])
    let action = empty.plan["steps"]?.array?.first?["action"]
    #expect(action?["from"] == .null, "\(empty.plan)")
    #expect(action?["to"]?["data"]?.array?.first?.string == Self.target + ".")

    let deep = try await planned(["*.sub.example.com", "--to", Self.target], "deep")
    #expect(ids(deep.plan).first?.contains("wildcard") == true)

    let idn = try await planned(["B\u{FC}CHER.example.com", "--to", Self.target], "idn")
    #expect(ids(idn.plan).first == "lower-ttl-xn--bcher-kva")
    for output in ["text", "markdown", "html"] {
      let shown = try await ferry("show", "idn", "--output", output)
      #expect(shown.out.contains("xn--bcher-kva.example.com"), "\(output)")
      #expect(shown.out.contains("b\u{FC}cher.example.com"), "\(output)")
    }

    let past = try await planned(
      ["ever.example.com", "--to", Self.target, "--start", "2020-01-01T00:00:00Z"], "past")
    #expect(past.answer.talk.contains("nothing can be written before 2026-12-07T09:00:00Z"))
    #expect(past.plan["schedule"]?["start"]?.string == "2026-12-07T09:00:00Z")

    try both("windows: { dns: { timeZone: UTC, allow: [\"Tue 10:00-12:00\"] } }")
    try FileManager.default.removeItem(at: ferry.folder.appendingPathComponent("plans"))
    // A TTL of 68 years in a window of two hours: the cap decides, and there is a window after it.
    let capped = try await planned(["ever.example.com", "--to", Self.target], "capped")
    #expect(capped.plan["steps"]?.array?.first?["wait"]?["seconds"]?.int ?? 0 < 1_000_000)
    await bind.stop()
  }

  @Test func `a TTL above 31 bits is no answer, and nothing is planned on it`() async throws {
    defer { ferry.remove() }
    let server = try await NameServer.script(
      ferry, zone: "example.com.",
      text: NameServer.zone("example.com.", "www 300 CNAME d111111abcdef8.cloudfront.net."),
      behaviour: "ttl=2147483648")
    try settings(server.address)
    try await refused(["www.example.com", "--to", Self.target], "no-server", exit: 4)
    await server.stop()
  }

  @Test func `a thousand name servers are all asked, in bounded time`() async throws {
    defer { ferry.remove() }
    let bind = try await NameServer.bind(
      ferry,
      zones: [
        "example.com.": NameServer.zone(
          "example.com.", "www 300 IN CNAME d111111abcdef8.cloudfront.net.")
      ])
    // One that answers, and 999 addresses of loopback where nobody does.
    let list = (["127.0.0.1"] + (1..<1000).map { "127.0.\(1 + $0 / 250).\(1 + $0 % 250)" }).map {
      "\"\($0):\(bind.port)\""
    }
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: manual, nameservers: [\(list.joined(separator: ", "))] } }
      resolvers: []
      """, to: "edgeferry.yaml")
    let clock = ContinuousClock()
    let begin = clock.now
    let probe = try await ferry("cutover", "probe", "www.example.com", "--output", "json")
    let made = try await planned(["www.example.com", "--to", Self.target], "many")
    let took = clock.now - begin
    await bind.stop()
    #expect(probe.code == 0, "\(probe.talk)")
    let servers = probe.json["names"]?.array?.first?["servers"]?.array ?? []
    #expect(servers.count == 1000)
    #expect(servers.count { $0["verdict"] == "ok" } == 1)
    #expect(probe.json["names"]?.array?.first?["verdict"] == "unknown")
    let risk = made.plan["risks"]?.array?.first { $0["code"] == "server-unverified" }
    #expect(risk?["text"]?.string?.contains(" and 991 more cannot be verified") == true)
    // One after the other they would take over an hour.
    #expect(took < .seconds(600), "\(took)")
  }
}

/// A UDP port of loopback that reads nothing until it is asked what came.
private struct SilentServer {
  let descriptor: Int32
  let address: String

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    try #require(code == 0)
    self.descriptor = descriptor
    address = "127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
  }
  func datagrams() -> Int {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var count = 0
    while recv(descriptor, &buffer, buffer.count, 0) >= 0 { count += 1 }
    return count
  }
  func close() { Glibc.close(descriptor) }
}
