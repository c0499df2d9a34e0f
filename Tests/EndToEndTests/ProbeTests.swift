import FerryCore
import Foundation
import Testing

/// `cutover probe` and `cutover verify` against BIND, Knot, Unbound and servers that misbehave.
struct ProbeTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  static let old = "d111.cloudfront.net."
  static let new = "d222.cloudfront.net."
  static func zone(_ serial: Int = 1, _ target: String = old, ttl: Int = 300, _ more: String = "")
    -> String
  {
    NameServer.zone("example.com.", serial: serial, "www \(ttl) CNAME \(target)\n\(more)")
  }
  /// The CDN's own names are in the settings too: nothing is looked for outside this machine.
  func settings(_ servers: [String], resolvers: [String] = []) throws {
    func list(_ items: [String]) -> String {
      "[\(items.map { "\"\($0)\"" }.joined(separator: ", "))]"
    }
    try ferry.write(
      """
      version: 1
      zones:
        example.com: { provider: manual, nameservers: \(list(servers)) }
        cloudfront.net: { provider: manual, nameservers: \(list(Array(servers.prefix(1)))) }
      resolvers: \(list(resolvers))
      """, to: "edgeferry.yaml")
  }
  static func cdn() -> String {
    NameServer.zone("cloudfront.net.", "d111 60 A 127.0.0.1\nd222 60 A 127.0.0.1")
  }
  func bind(_ zone: String, notify: [String] = []) async throws -> NameServer {
    try await NameServer.bind(
      ferry, zones: ["cloudfront.net.": Self.cdn(), "example.com.": zone], notify: notify)
  }
  func probe(_ name: String = "www.example.com") async throws -> JSONValue {
    let answer = try await ferry("cutover", "probe", name, "--output", "json")
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.json["schema"] == "edgeferry.probe/1")
    return answer.json["names"]?.array?.first ?? .null
  }
  func verify(_ arguments: String...) async throws -> (code: Int32, name: JSONValue) {
    let answer = try await ferry.run(
      ["cutover", "verify", "www.example.com", "--to", Self.new, "--output", "json"] + arguments)
    #expect(answer.json["schema"] == "edgeferry.verdict/1", "\(answer.talk)")
    return (answer.code, answer.json["names"]?.array?.first ?? .null)
  }

  @Test func `every way of a server to fail is told from the others, in one table`() async throws {
    defer { ferry.remove() }
    let ways = [
      ("ok", "ok"), ("lame", "lame"), ("refused", "refused"), ("servfail", "servfail"),
      ("silent", "timeout"), ("slow=9", "timeout"), ("slow=0.3", "ok"), ("truncate", "ok"),
      ("cut", "unknown"), ("wrong-id", "forged"), ("wrong-question", "forged"),
      ("no-response-bit", "forged"), ("spoofed-first", "ok"), ("ttl=4294967295", "unknown"),
      ("ttl=2147483647", "ok"), ("negative-ttl=7777", "ok"),
    ]
    let ferry = self.ferry
    let servers = try await withThrowingTaskGroup(of: (Int, NameServer).self) { group in
      for (index, way) in ways.enumerated() {
        group.addTask {
          (
            index,
            try await NameServer.script(
              ferry, zone: "example.com.", text: Self.zone(), behaviour: way.0)
          )
        }
      }
      return try await group.reduce(into: [Int: NameServer]()) { $0[$1.0] = $1.1 }
    }
    let down = "127.0.0.1:1"
    try settings(ways.indices.compactMap { servers[$0]?.address } + [down])
    let it = try await probe()
    let text = try await ferry("cutover", "probe", "www.example.com", "--output", "markdown")
    for server in servers.values { await server.stop() }
    let found = it["servers"]?.array ?? []
    #expect(found.count == ways.count + 1)
    for ((way, wanted), server) in zip(ways + [("down", "timeout")], found) {
      #expect(server["verdict"]?.string == wanted, "\(way): \(server)")
      let isHeard = wanted == "ok" || way.hasPrefix("ttl=")
      #expect((server["authoritative"]?.bool ?? false) == isHeard, "\(way): \(server)")
      if wanted == "ok" {
        #expect(
          server["answers"]?.array?.first?["data"]?.array?.first?.string == Self.old, "\(way)")
      }
    }
    #expect(it["negativeTTL"] == 7777)
    // The one with another TTL makes them disagree, which no silence can hide.
    #expect(it["verdict"] == "disagree")
    #expect(text.out.contains("| forged |"), "\(text.out)")
  }

  @Test func `a secondary that lags makes the servers disagree until it has followed`() async throws
  {
    defer { ferry.remove() }
    let port = try NameServer.freePort()
    let primary = try await bind(Self.zone(), notify: ["127.0.0.1:\(port)"])
    let zones = ["example.com.": ""]
    let hearing = try await NameServer.knot(
      ferry, zones: zones, primary: primary.address, port: port)
    let deaf = try await NameServer.knot(
      ferry, zones: zones, primary: primary.address, hearsNotify: false)
    try settings([primary.address, hearing.address, deaf.address])
    #expect(try await probe()["verdict"] == "ok")
    var before = try await verify()
    #expect(before.code == 4)
    #expect(before.name["dns"] == "not-yet")

    try primary.reload(Self.zone(2, Self.new), index: 1)
    #expect(try await hearing.shows(Self.new, ferry, ["www.example.com", "CNAME"]))
    before = try await verify("--from", Self.old)
    #expect(before.code == 4)
    #expect(before.name["dns"] == "disagree")
    #expect(before.name["because"]?.array?.first?.string == "DNS: 2 of 3 servers answer the target")
    #expect(before.name["cutOver"] == false)
    let it = try await probe()
    #expect(it["verdict"] == "disagree")
    #expect(it["servers"]?.array?.compactMap { $0["soaSerial"]?.int } == [2, 2, 1])

    // Without the server that lags every one has it; DNS alone is not cut over.
    try settings([primary.address, hearing.address])
    let after = try await verify()
    #expect(after.name["dns"] == "changed")
    // One that does not answer any more may still have the old one.
    await hearing.stop()
    #expect(try await verify().name["dns"] == "unknown")
    for server in [deaf, primary] { await server.stop() }
  }

  @Test func `resolvers are read for what their caches do`() async throws {
    defer { ferry.remove() }
    let primary = try await bind(Self.zone(1, ttl: 7200, "api 300 A 192.0.2.1"))
    let other = try await bind(Self.zone(1, ttl: 1))
    let stubs = ["example.com.": [primary.address]]
    let plain = try await NameServer.unbound(ferry, stubs: stubs)
    let floor = try await NameServer.unbound(
      ferry, stubs: stubs, options: ["cache-min-ttl: 10000"])
    let cap = try await NameServer.unbound(ferry, stubs: stubs, options: ["cache-max-ttl: 3600"])
    let view = try await NameServer.unbound(
      ferry, stubs: stubs,
      options: [
        "local-zone: \"example.com.\" static",
        "local-data: \"www.example.com. CNAME inside.example.net.\"",
      ])
    let stale = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [other.address]],
      options: [
        "serve-expired: yes", "serve-expired-client-timeout: 0", "ede: yes",
        "ede-serve-expired: yes",
      ])
    _ = try await stale.dig(ferry, "www.example.com", "CNAME")
    await other.stop()
    let denies = try await NameServer.unbound(ferry, stubs: stubs)
    _ = try await denies.dig(ferry, "later.example.com", "CNAME")

    try settings([primary.address], resolvers: [plain.address, floor.address, cap.address])
    var it = try await probe()
    let found = it["recursives"]?.array ?? []
    #expect(found.map { $0["verdict"]?.string } == ["ok", "ok", "ok"])
    #expect(found.map { $0["clamp"]?.string } == [nil, "floor 10000", "cap 3600"])
    #expect((7100...7200).contains(found.first?["remainingTTL"]?.int ?? 0))
    #expect(it["verdict"] == "ok")

    try settings([primary.address], resolvers: [view.address])
    it = try await probe()
    #expect(it["verdict"] == "overridden-by-view", "\(it)")
    #expect(
      it["recursives"]?.array?.first?["answers"]?.array?.first?["data"]?.array?.first
        == "inside.example.net.")

    // Its server is gone, and a TTL of one second is soon over.
    try settings([primary.address], resolvers: [stale.address])
    it = try await probe()
    for _ in 0..<50 where it["recursives"]?.array?.first?["verdict"] == "ok" {
      try await Task.sleep(for: .milliseconds(100))
      it = try await probe()
    }
    #expect(it["recursives"]?.array?.first?["verdict"] == "stale", "\(it)")

    try primary.reload(Self.zone(2, Self.new, ttl: 7200, "later 60 CNAME \(Self.new)"), index: 1)
    #expect(try await primary.shows(Self.new, ferry, ["later.example.com", "CNAME"]))
    try settings([primary.address], resolvers: [denies.address])
    it = try await probe("later.example.com")
    #expect(it["verdict"] == "negative-cached", "\(it)")
    // The plain one still has what was before, for hours.
    try settings([primary.address], resolvers: [plain.address])
    let moved = try await verify()
    #expect(moved.name["dns"] == "not-yet", "\(moved.name)")
    #expect(moved.name["because"]?.array?.first?.string?.contains("still has CNAME d111") == true)
    #expect(try await verify("--from", "d999.cloudfront.net").name["dns"] == "overridden-by-view")
    for server in [primary, plain, floor, cap, view, stale, denies] { await server.stop() }
  }

  @Test func `a signed zone is signed, one whose signatures are over is bogus`() async throws {
    defer { ferry.remove() }
    let good = try await NameServer.signed(ferry, "example.com.", Self.zone())
    let over = try await NameServer.signed(
      ferry, "example.com.", Self.zone(), starts: "now-864000", expires: "now-86400")
    let signed = try await bind(good.zone)
    let broken = try await bind(over.zone)
    let validating = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [signed.address]], anchors: [good.anchor])
    let refusing = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [broken.address]], options: ["ede: yes"],
      anchors: [over.anchor])

    try settings([signed.address], resolvers: [validating.address])
    var it = try await probe()
    #expect(it["verdict"] == "ok", "\(it)")
    #expect(it["dnssec"]?["state"] == "signed")
    #expect(it["dnssec"]?["earliestExpiration"]?.string?.hasSuffix("Z") == true)
    #expect(it["because"]?.array?.contains { $0.string?.contains("(AD)") == true } == true)

    try settings([broken.address], resolvers: [refusing.address])
    it = try await probe()
    #expect(it["verdict"] == "bogus", "\(it)")
    #expect(it["dnssec"]?["state"] == "bogus")
    #expect(it["recursives"]?.array?.first?["verdict"] == "bogus")
    // Unbound says why (RFC 8914), and the verdict repeats it.
    let errors = it["recursives"]?.array?.first?["extendedErrors"]?.array ?? []
    #expect(errors.contains { (5...12).contains($0["code"]?.int ?? 0) }, "\(errors)")
    let because = it["because"]?.array?.compactMap(\.string) ?? []
    #expect(because.contains { $0.contains("resolver \(refusing.address) says ") }, "\(because)")
    #expect(try await verify().name["dns"] == "bogus")

    let plain = try await bind(Self.zone())
    try settings([plain.address])
    #expect(try await probe()["dnssec"]?["state"] == "insecure")
    for server in [signed, broken, validating, refusing, plain] { await server.stop() }
  }

  @Test
  func `both forms of an IDN are shown, names from a file are verified, hostile ones refused`()
    async throws
  {
    defer { ferry.remove() }
    let server = try await bind(Self.zone(1, Self.new, "xn--bcher-kva 60 CNAME \(Self.new)"))
    try settings([server.address])
    let answer = try await ferry("cutover", "probe", "bücher.example.com")
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasPrefix("xn--bcher-kva.example.com. (bücher.example.com.)  OK\n"))

    try ferry.write(
      "www.example.com,\(Self.new)\n\nbücher.example.com,d222.cloudfront.net\n", to: "names.csv")
    let many = try await ferry("cutover", "verify", "--names", "names.csv", "--output", "json")
    #expect(many.code == 4)
    #expect(many.json["names"]?.array?.map { $0["dns"]?.string } == ["changed", "changed"])
    await server.stop()

    for (arguments, code) in [
      (["probe", "a..b"], "bad-name"), (["probe", "www.\u{1B}[2Jexample.com"], "bad-name"),
      (["probe", String(repeating: "a", count: 64) + ".com"], "bad-name"),
      (["verify", "www.example.com", "--to=-x.com"], "bad-name"),
      (["verify", "www.example.com", "--names", "names.csv"], "bad-usage"),
      (["verify", "--to", "a.example"], "bad-usage"), (["verify"], "bad-usage"),
      (["verify", "no-such-plan"], "no-such-file"), (["probe"], "bad-usage"),
    ] {
      let bad = try await ferry.run(["cutover"] + arguments + ["--output", "json"])
      #expect(bad.code == 64, "\(arguments)")
      #expect(bad.error["code"]?.string == code, "\(arguments): \(bad.talk)")
      #expect(bad.out.isEmpty)
    }
  }
}
