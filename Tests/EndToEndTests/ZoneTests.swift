import FerryAWS
import FerryCore
import FerryDNS
import FerryHTTP
import Foundation
import Testing

@testable import FerryZones

private func key(_ name: String, _ type: RRType) -> RecordKey {
  RecordKey(DomainName(wire: name), type)
}
private let old = RecordValue(ttl: 3600, data: ["d111.cloudfront.net."])
private let new = RecordValue(ttl: 60, data: ["d222.cloudfront.net."])
private let www = key("www.example.com.", .cname)
private let flip = RecordChange(www, from: old, to: new)
private let example = DomainName(wire: "example.com.")

private func failure(_ body: () async throws -> Void) async -> FerryError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? FerryError
  }
}

/// Our editor of Route 53 against moto's, with the AWS CLI as the other hand.
struct Route53ZoneTests {
  @Test func `a zone in Route 53 is found, read and changed, and the AWS CLI sees the same`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    do {
      try await useRoute53(ferry, moto)
    } catch {
      await moto.stop()
      throw error
    }
    await moto.stop()
  }

  private func useRoute53(_ ferry: Ferry, _ moto: MotoServer) async throws {
    let made = try await moto.cli(
      ferry, "create-hosted-zone", "--name", "example.com", "--caller-reference", "one")
    let id = made.json["HostedZone"]?["Id"]?.string ?? ""
    #expect(id.hasPrefix("/hostedzone/"), "\(made.talk)")
    let star = key("*.example.com.", .cname)
    try await apply(
      ChangeTicket(
        zone: example,
        changes: [
          RecordChange(www, from: nil, to: old), RecordChange(star, from: nil, to: old),
          RecordChange(
            key("t.example.com.", .txt), from: nil,
            to: RecordValue(ttl: 60, data: ["\"a <b> & \\\"c\\\"\""])),
        ]
      ).changeBatch, id, ferry, moto)

    let client = Route53Client(try moto.session(ferry).transport)
    let zone = try #require(try await Route53Zone.find(example, id: nil, client: client))
    #expect("/hostedzone/" + zone.zone.id == id)
    let keys = [www, star, key("t.example.com.", .txt), key("none.example.com.", .a)]
    #expect(
      try await zone.read(keys) == [
        www: old, star: old,
        keys[2]: RecordValue(ttl: 60, data: ["\"a <b> & \\\"c\\\"\""]),
      ])

    // The flip, to another value and then to aliases, and back.
    let change = try await zone.write([flip], comment: "flip")
    #expect(try await zone.isInSync(change) == true)
    #expect(try await listed(id, ferry, moto)["www.example.com. CNAME"]?["TTL"]?.int == 60)
    let alias = RecordValue(
      alias: .init(
        hostedZoneId: RecordValue.Alias.cloudFrontZone,
        dnsName: DomainName(wire: "d222.cloudfront.net.")))
    let toAliases =
      [RRType.a, .aaaa].map {
        RecordChange(key("www.example.com.", $0), from: nil, to: alias)
      } + [RecordChange(www, from: new, to: nil)]
    _ = try await zone.write(toAliases, comment: "aliases")
    let after = try await listed(id, ferry, moto)
    #expect(after["www.example.com. CNAME"] == nil)
    #expect(
      after["www.example.com. AAAA"]?["AliasTarget"]?["DNSName"]?.string
        == "d222.cloudfront.net.")
    _ = try await zone.write(toAliases.map(\.inverse), comment: "back")
    #expect(try await zone.read([www]) == [www: new])

    // What somebody else changed meanwhile is not overwritten.
    let moved = await failure { _ = try await zone.write([flip], comment: "stale") }
    #expect(moved == nil, "made already: nothing to do")
    let theirs = RecordValue(ttl: 30, data: ["d333.cloudfront.net."])
    try await apply(
      ChangeTicket(zone: example, changes: [RecordChange(www, from: new, to: theirs)]).changeBatch,
      id, ferry, moto)
    let stale = await failure {
      _ = try await zone.write([flip.inverse], comment: "stale")
    }
    #expect(stale?.code == .recordMoved)
    #expect(try await zone.read([www]) == [www: theirs])

    // A second zone of that name: which one is meant?
    _ = try await moto.cli(
      ferry, "create-hosted-zone", "--name", "example.com", "--caller-reference", "two", "--vpc",
      "VPCRegion=us-east-1,VPCId=vpc-1", "--hosted-zone-config", "PrivateZone=true")
    let ambiguous = await failure {
      _ = try await Route53Zone.find(example, id: nil, client: client)
    }
    #expect(ambiguous?.code == "zone-ambiguous")
    #expect(ambiguous?.why.contains("(private)") == true)
    #expect(try await Route53Zone.find(example, id: id, client: client)?.zone == zone.zone)
  }

  /// What a person would run with the batch of our ticket.
  private func apply(_ batch: String, _ id: String, _ ferry: Ferry, _ moto: MotoServer)
    async throws
  {
    try ferry.write(batch, to: "batch.json")
    let answer = try await moto.cli(
      ferry, "change-resource-record-sets", "--hosted-zone-id", id, "--change-batch",
      "file://" + ferry.folder.appendingPathComponent("batch.json").path)
    #expect(answer.code == 0, "\(answer.talk)")
  }
  private func listed(_ id: String, _ ferry: Ferry, _ moto: MotoServer) async throws -> [String:
    JSONValue]
  {
    let answer = try await moto.cli(ferry, "list-resource-record-sets", "--hosted-zone-id", id)
    var out: [String: JSONValue] = [:]
    for set in answer.json["ResourceRecordSets"]?.array ?? [] {
      out["\(set["Name"]?.string ?? "") \(set["Type"]?.string ?? "")"] = set
    }
    return out
  }
}

/// Our dynamic updates against real primaries.
struct UpdateZoneTests {
  static let text = NameServer.zone(
    "example.com.",
    """
    www 3600 IN CNAME d111.cloudfront.net.
    used 300 IN A 192.0.2.1
    used 300 IN TXT "mine"
    """)

  private func zone(
    _ server: NameServer, _ key: NameServer.Key?, now: @escaping @Sendable () -> Date = { Date() }
  ) throws -> UpdateZone {
    var options = DNSEngine.Options()
    options.now = now
    let engine = try DNSEngine(options)
    return UpdateZone(
      example, server: DNSServer(address: "127.0.0.1", port: server.port),
      key: try key.map {
        try TSIGKey(name: DomainName(wire: $0.name), base64: $0.secret)
      }, dns: engine, updates: engine)
  }
  private func serial(_ server: NameServer, _ ferry: Ferry) async throws -> String {
    let soa = try await server.dig(ferry, "example.com.", "SOA")
    return soa.first?.split(separator: " ").dropFirst(2).first.map(String.init) ?? ""
  }

  @Test(arguments: ["bind", "knot"])
  func `a primary takes our updates as compare-and-swap, each once`(kind: String) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let server =
      kind == "bind"
      ? try await NameServer.bind(ferry, zones: ["example.com.": Self.text], key: key)
      : try await NameServer.knot(ferry, zones: ["example.com.": Self.text], key: key)
    do {
      try await swap(ferry, server, key)
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  private func swap(_ ferry: Ferry, _ server: NameServer, _ key: NameServer.Key) async throws {
    let zone = try zone(server, key)
    func dig(_ name: String, _ type: String) async throws -> [String] {
      try await server.dig(
        ferry, "+ttlid", "+noshort", "+noall", "+answer", "+norecurse", name, type
      )
      .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    }
    #expect(try await zone.read([www]) == [www: old])

    // A TTL alone, a target, types, and back: dig agrees each time.
    let lower = RecordChange(www, from: old, to: RecordValue(ttl: 60, data: old.data))
    _ = try await zone.write([lower], comment: "")
    #expect(
      try await dig("www.example.com", "CNAME") == [
        "www.example.com. 60 IN CNAME d111.cloudfront.net."
      ])
    let change = RecordChange(www, from: lower.to, to: new)
    _ = try await zone.write([change], comment: "")
    #expect(
      try await dig("www.example.com", "CNAME") == [
        "www.example.com. 60 IN CNAME d222.cloudfront.net."
      ])
    let types = [
      RecordChange(www, from: new, to: nil),
      RecordChange(
        RecordKey(www.name, .a), from: nil,
        to: RecordValue(ttl: 60, data: ["192.0.2.7", "192.0.2.8"])),
      RecordChange(
        RecordKey(www.name, .aaaa), from: nil, to: RecordValue(ttl: 60, data: ["2001:db8::7"])),
    ]
    _ = try await zone.write(types, comment: "")
    #expect(Set(try await server.dig(ferry, "www.example.com", "A")) == ["192.0.2.7", "192.0.2.8"])
    _ = try await zone.write(types.map(\.inverse), comment: "")
    #expect(try await zone.read([www, RecordKey(www.name, .a)]) == [www: new])

    // The same update again, as after a lost answer: seen as done, and no serial more.
    let before = try await serial(server, ferry)
    _ = try await zone.write([change], comment: "")
    #expect(try await serial(server, ferry) == before)
    // The bare update is refused by its own prerequisite.
    let engine = try DNSEngine()
    let replay = ZoneUpdate.message([change], zone: example, soa: nil)
    let tsig = try TSIGKey(name: DomainName(wire: key.name), base64: key.secret)
    let place = DNSServer(address: "127.0.0.1", port: server.port)
    #expect(try await engine.send(replay, key: tsig, to: place) == .nxRRset)

    // What moved, by its TTL even, is not overwritten.
    for theirs in [
      RecordValue(ttl: 61, data: new.data), RecordValue(ttl: 60, data: ["d333.cloudfront.net."]),
    ] {
      _ = try await zone.write([RecordChange(www, from: new, to: theirs)], comment: "rival")
      let moved = await failure {
        _ = try await zone.write([RecordChange(www, from: new, to: old)], comment: "")
      }
      #expect(moved?.code == .recordMoved)
      #expect(try await zone.read([www]) == [www: theirs])
      _ = try await zone.write([RecordChange(www, from: theirs, to: new)], comment: "")
    }
    // A SOA of before a rival's TTL: the prerequisite on values alone would pass.
    let soaKey = RecordKey(example, .soa)
    let soa = try await zone.read([soaKey])[soaKey]?.data.first
    _ = try await zone.write(
      [RecordChange(www, from: new, to: RecordValue(ttl: 61, data: new.data))], comment: "rival")
    let guarded = ZoneUpdate.message(
      [RecordChange(www, from: new, to: old)], zone: example, soa: soa)
    #expect(try await engine.send(guarded, key: tsig, to: place) == .nxRRset)
    #expect(try await zone.read([www])[www]?.ttl == 61)

    // A CNAME beside other data, which a server would ignore with NOERROR after removing the address.
    let used = RecordKey(DomainName(wire: "used.example.com."), .a)
    let beside = [
      RecordChange(used, from: RecordValue(ttl: 300, data: ["192.0.2.1"]), to: nil),
      RecordChange(RecordKey(used.name, .cname), from: nil, to: new),
    ]
    let inUse = await failure { _ = try await zone.write(beside, comment: "") }
    #expect(inUse?.code == "name-in-use")
    #expect(inUse?.why.contains("TXT") == true)
    #expect(try await zone.read([used])[used] != nil)
    // And the CNAME at the apex, which servers ignore too: what we never send, and what NOERROR means.
    let apex = RecordChange(RecordKey(example, .cname), from: nil, to: new)
    #expect(await failure { _ = try await zone.write([apex], comment: "") }?.code == "apex-cname")
    let bare = DNSUpdate(
      zone: example, prerequisites: [],
      changes: [.add(apex.key, ttl: 60, data: "d222.cloudfront.net.")])
    #expect(try await engine.send(bare, key: tsig, to: place) == .noError)
    #expect(try await zone.read([apex.key]) == [:])
  }

  @Test
  func `a wrong secret, an unknown key, a clock that is off and no key at all change nothing`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let right = NameServer.Key()
    let server = try await NameServer.bind(ferry, zones: ["example.com.": Self.text], key: right)
    do {
      var wrong = right
      wrong.secret = "YW5vdGhlciBzZWNyZXQgdGhhbiB0aGF0IG9uZQ=="
      var unknown = right
      unknown.name = "nobody."
      let cases: [(NameServer.Key?, Double, String)] = [
        (wrong, 0, "BADSIG"), (unknown, 0, "BADKEY"), (right, 330, "BADTIME"),
        // One second more than the fudge; a slow machine only makes it more.
        (right, -301, "BADTIME"), (nil, 0, "REFUSED"),
      ]
      for (key, skew, says) in cases {
        let zone = try zone(server, key) { Date() + skew }
        let refused = await failure { _ = try await zone.write([flip], comment: "") }
        #expect(refused?.exit == .denied, "\(says) \(String(describing: refused))")
        #expect(refused?.why.contains(says) == true, "\(String(describing: refused))")
        for secret in [right.secret, wrong.secret] {
          #expect(!String(describing: refused).contains(secret))
        }
      }
      #expect(try await server.dig(ferry, "www.example.com", "CNAME") == ["d111.cloudfront.net."])
      // Within the fudge, with room for a machine that takes seconds to answer.
      _ = try await zone(server, right) { Date() + 280 }.write([flip], comment: "")
      #expect(try await server.dig(ferry, "www.example.com", "CNAME") == ["d222.cloudfront.net."])
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }
}
