import CLDNS
import FerryCore
import FerryTestSupport
import Testing

@testable import FerryDNS

struct TSIGTests {
  static let now: UInt64 = 1_800_000_000
  static let secret = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgb2N0ZXRzIGF0IGxlYXN0"
  static func key(_ algorithm: TSIGKey.Algorithm = .sha256, _ base64: String = secret) throws
    -> TSIGKey
  {
    try TSIGKey(name: DomainName(wire: "edgeferry-key."), algorithm: algorithm, base64: base64)
  }
  static let update = DNSUpdate(
    zone: DomainName(wire: "example.com."),
    prerequisites: [
      .holds(RecordKey(DomainName(wire: "www.example.com."), .cname), data: ["old.example."]),
      .absent(RecordKey(DomainName(wire: "www.example.com."), .a)),
      .exists(RecordKey(DomainName(wire: "example.com."), .soa)),
      .unused(DomainName(wire: "none.example.com.")),
    ],
    changes: [
      .add(RecordKey(DomainName(wire: "www.example.com."), .cname), ttl: 60, data: "new.example."),
      .remove(RecordKey(DomainName(wire: "a.example.com."), .a), data: "192.0.2.1"),
      .removeAll(RecordKey(DomainName(wire: "b.example.com."), .txt)),
    ])
  /// A request, signed, and the plain answer of its server.
  static func pair(_ algorithm: TSIGKey.Algorithm = .sha256) throws
    -> (request: (octets: [UInt8], mac: [UInt8]), reply: [UInt8])
  {
    let plain = try DNSWire.encode(update, id: 0x4242)
    var reply = Array(plain[..<12])
    reply[2] |= 0x80
    reply.replaceSubrange(4..<12, with: [UInt8](repeating: 0, count: 8))
    return (TSIG.sign(plain, key: try key(algorithm), at: now), reply)
  }

  @Test func `an update is written as RFC 2136 has it`() throws {
    let octets = try DNSWire.encode(Self.update, id: 0x4242)
    // Opcode UPDATE and nothing else set; one zone, four prerequisites, three changes.
    #expect(octets[..<12] == [0x42, 0x42, 0x28, 0, 0, 1, 0, 4, 0, 3, 0, 0])
    let frame = try #require(WireFrame(octets))
    #expect(frame.questionType == 6 && frame.questionClass == 1)
    let records = Self.records(octets, from: frame.question.upperBound + 4)
    // Class and type, TTL, length of data: IN holds, NONE absent, ANY exists, NONE of any type.
    #expect(
      records.map(\.kind) == [
        [5, 1], [1, 254], [6, 255], [255, 254], [5, 1], [1, 254], [16, 255],
      ])
    #expect(records.map(\.ttl) == [0, 0, 0, 0, 60, 0, 0])
    #expect(records.map { $0.length > 0 } == [true, false, false, false, true, true, false])
    #expect(throws: FerryError.self) {
      let key = RecordKey(DomainName(wire: "a."), .a)
      let wrong = DNSUpdate(
        zone: .root, prerequisites: [], changes: [.add(key, ttl: 2_147_483_648, data: "192.0.2.1")])
      _ = try DNSWire.encode(wrong, id: 1)
    }
  }
  private static func records(_ octets: [UInt8], from start: Int)
    -> [(kind: [Int], ttl: Int, length: Int)]
  {
    var out: [(kind: [Int], ttl: Int, length: Int)] = []
    var at = start
    func short(_ at: Int) -> Int { Int(octets[at]) << 8 | Int(octets[at + 1]) }
    while at < octets.count {
      while octets[at] != 0, octets[at] < 0xC0 { at += Int(octets[at]) + 1 }
      at += octets[at] == 0 ? 1 : 2
      let length = short(at + 8)
      out.append(([short(at), short(at + 2)], short(at + 4) << 16 | short(at + 6), length))
      at += 10 + length
    }
    return out
  }

  @Test(arguments: TSIGKey.Algorithm.allCases)
  func `a signed answer counts, and one octet changed anywhere makes it worthless`(
    _ algorithm: TSIGKey.Algorithm
  ) throws {
    let key = try Self.key(algorithm)
    let (request, reply) = try Self.pair(algorithm)
    let signed = TSIG.sign(reply, key: key, at: Self.now + 5, answering: request.mac).octets
    func verify(_ octets: [UInt8]) -> TSIG.Verdict {
      TSIG.verify(octets, key: key, requestMAC: request.mac, at: Self.now + 9)
    }
    #expect(verify(signed) == .right)
    // A forwarder may have changed the id: the signature is over the original one.
    for index in 2..<signed.count {
      var bad = signed
      bad[index] ^= 1
      guard case .worthless = verify(bad) else {
        // Upper and lower case of names are one (RFC 8945 §4.3.3).
        Issue.record("octet \(index) does not matter: \(verify(bad))")
        continue
      }
    }
    for count in 0..<signed.count {
      guard case .worthless = verify(Array(signed[..<count])) else {
        Issue.record("cut at \(count) it counts")
        continue
      }
    }
    #expect(verify(reply) == .worthless(because: "it is not signed"))
  }
  // ldns 1.8.3 does not know hmac-sha384.
  @Test(arguments: [TSIGKey.Algorithm.sha256, .sha512])
  func `ldns finds the same signatures right, and another secret wrong`(
    _ algorithm: TSIGKey.Algorithm
  ) throws {
    let (request, plain) = try Self.pair(algorithm)
    let reply = TSIG.sign(
      plain, key: try Self.key(algorithm), at: Self.now, answering: request.mac
    ).octets
    func isRight(_ octets: [UInt8], _ secret: String, _ mac: [UInt8]?) -> Bool {
      var packet: UnsafeMutablePointer<ldns_pkt>?
      guard ldns_wire2pkt(&packet, octets, octets.count) == LDNS_STATUS_OK else { return false }
      defer { ldns_pkt_free(packet) }
      // ldns reads the field as it is on the wire: its length before it.
      let field = mac.map { [0, UInt8($0.count)] + $0 }
      let data = field.flatMap { ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, $0.count, $0) }
      defer { ldns_rdf_deep_free(data) }
      return ldns_pkt_tsig_verify(packet, octets, octets.count, "edgeferry-key.", secret, data) != 0
    }
    #expect(isRight(request.octets, Self.secret, nil))
    #expect(isRight(reply, Self.secret, request.mac))
    #expect(!isRight(request.octets, "b3RoZXIgc2VjcmV0", nil))
    #expect(!isRight(reply, Self.secret, nil))
  }
  @Test func `an answer to another request, with another key or of another time is worthless`()
    throws
  {
    let key = try Self.key()
    let (request, reply) = try Self.pair()
    func signed(_ key: TSIGKey, _ mac: [UInt8], _ at: UInt64 = Self.now) -> TSIG.Verdict {
      let octets = TSIG.sign(reply, key: key, at: at, answering: mac).octets
      return TSIG.verify(
        octets, key: (try? Self.key()) ?? key, requestMAC: request.mac, at: Self.now)
    }
    #expect(signed(key, request.mac) == .right)
    for (other, mac, time) in [
      (key, [UInt8](repeating: 0, count: 32), Self.now),
      (try Self.key(.sha256, "b3RoZXIgc2VjcmV0"), request.mac, Self.now),
      (try Self.key(.sha512), request.mac, Self.now),
      (try TSIGKey(name: DomainName(wire: "other."), base64: Self.secret), request.mac, Self.now),
      (key, request.mac, Self.now + 301), (key, request.mac, Self.now - 301),
    ] {
      guard case .worthless = signed(other, mac, time) else {
        Issue.record("\(other) at \(time) counts")
        continue
      }
    }
    // E23: a skew of the whole fudge is still right.
    #expect(signed(key, request.mac, Self.now + 300) == .right)
    #expect(signed(key, request.mac, Self.now - 300) == .right)
  }
  /// It ended the process once: the count of additional records went below zero.
  @Test func `a signature in another section than the last proves nothing`() throws {
    let (request, plain) = try Self.pair()
    let key = try Self.key()
    let signed = TSIG.sign(plain, key: key, at: Self.now, answering: request.mac).octets
    for section in [6, 8] {
      var moved = signed
      moved[11] = 0
      moved[section + 1] = 1
      #expect(WireFrame(moved)?.tsigStart != nil)
      guard
        case .worthless = TSIG.verify(moved, key: key, requestMAC: request.mac, at: Self.now)
      else {
        Issue.record("section at octet \(section)")
        continue
      }
    }
  }

  @Test func `the server's refusals are named, with its clock where it told`() throws {
    let key = try Self.key()
    let (request, plain) = try Self.pair()
    var reply = plain
    reply[3] = 9
    let clock: [UInt8] = [0, 0, 0x6B, 0x49, 0xD3, 0x80]
    let late = TSIG.sign(
      reply, key: key, at: Self.now, answering: request.mac, error: 18, other: clock
    ).octets
    #expect(
      TSIG.verify(late, key: key, requestMAC: request.mac, at: Self.now)
        == .refused(error: 18, serverTime: 0x6B49_D380))
    // BADKEY and BADSIG have no MAC: RFC 8945 §5.3.2.
    for code in [16, 17] as [UInt8] {
      let name: [UInt8] = [13] + Array("edgeferry-key".utf8) + [0]
      let data: [UInt8] =
        [11] + Array("hmac-sha256".utf8) + [0] + [
          0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0x42, 0x42, 0, code,
        ]
        + [0, 0]
      var bare = reply
      bare[11] = 1
      bare += name + [0, 250, 0, 255, 0, 0, 0, 0, 0, UInt8(data.count)] + data
      #expect(
        TSIG.verify(bare, key: key, requestMAC: request.mac, at: Self.now)
          == .refused(error: UInt16(code), serverTime: nil))
      // With success in its header it is nothing.
      bare[3] = 0
      guard case .worthless = TSIG.verify(bare, key: key, requestMAC: request.mac, at: Self.now)
      else {
        Issue.record("an unsigned success counts")
        return
      }
    }
    let server = DNSServer(address: "192.0.2.1")
    for (code, word) in [(16, "BADSIG"), (17, "BADKEY"), (18, "BADTIME")] as [(UInt16, String)] {
      let error = TSIG.refusal(code, serverTime: 5, clock: 9, key: key, server: server)
      #expect(error.code == .tsigRefused && error.exit == .denied && error.why.contains(word))
    }
  }
  @Test func `a key shows its name and never its secret`() throws {
    let key = try Self.key()
    var dumped = ""
    dump(key, to: &dumped)
    for text in ["\(key)", String(reflecting: key), String(describing: [key]), dumped] {
      #expect(text.contains("edgeferry-key") || text == dumped)
      #expect(!text.contains("secret of") && !text.contains(Self.secret) && !text.contains("115"))
    }
    for bad in ["", "not base64!", "c2hvcnQ="] {
      let error = #expect(throws: FerryError.self) { try Self.key(.sha256, bad) }
      #expect(error?.code == "bad-tsig-key")
      #expect(bad.isEmpty || !"\(String(describing: error))".contains(bad))
    }
  }

  @Test func `an update goes out once over TCP, and its signed answer is its code`() async throws {
    let key = try Self.key()
    let server = FakeServer { _, query in
      [.send(Self.served(query, key, code: 8))]
    }
    let engine = try DNSEngine()
    #expect(try await engine.send(Self.update, key: key, to: server.server) == .nxRRset)
    #expect(server.queries.map(\.way) == [.tcp])
    let plain = FakeServer { _, query in [.send(Self.served(query, nil, code: 5))] }
    #expect(try await engine.send(Self.update, key: nil, to: plain.server) == .refused)
  }
  @Test func `an unsigned or wrongly signed answer leaves the outcome unknown`() async throws {
    let key = try Self.key()
    let other = try Self.key(.sha256, "b3RoZXIgc2VjcmV0")
    let engine = try DNSEngine()
    for answer in [
      { Self.served($0, nil, code: 0) }, { Self.served($0, other, code: 0) },
      { Self.served($0, key, code: 0, at: -400) },
      { query in DNSEngineTests.with(Self.served(query, key, code: 0)) { $0[3] = 5 } },
    ] as [@Sendable ([UInt8]) -> [UInt8]] {
      let server = FakeServer { _, query in [.send(answer(query))] }
      let error = await #expect(throws: FerryError.self) {
        _ = try await engine.send(Self.update, key: key, to: server.server)
      }
      #expect(error?.code == .noAnswer)
      #expect(server.queries.count == 1)
    }
    let closing = FakeServer { _, _ in [.close] }
    let error = await #expect(throws: FerryError.self) {
      _ = try await engine.send(Self.update, key: key, to: closing.server)
    }
    #expect(error?.code == .noAnswer)
    #expect(closing.queries.count == 1)
  }
  /// What a server answers to a signed update.
  static func served(_ query: [UInt8], _ key: TSIGKey?, code: UInt8, at skew: Int64 = 0) -> [UInt8]
  {
    guard let frame = WireFrame(query) else { return [] }
    var reply = Array(query[..<12])
    reply[2] |= 0x80
    reply[3] = code
    reply.replaceSubrange(4..<12, with: [UInt8](repeating: 0, count: 8))
    guard let key else { return reply }
    guard let start = frame.tsigStart, let record = TSIG.read(query, start) else { return [] }
    return TSIG.sign(
      reply, key: key, at: UInt64(Int64(record.time) + skew), answering: record.mac
    ).octets
  }
}
