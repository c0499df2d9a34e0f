import FerryCore
import FerryDNS
import FerryTestSupport
import Testing

struct DNSWireTests {
  static let name = DomainName(wire: "www.example.com.")
  static func answer(_ records: [DNSRecord]) -> DNSMessage {
    var message = DNSMessage(
      id: 0x1234, isResponse: true, question: RecordKey(name, records.first?.type ?? .a))
    message.isAuthoritative = true
    message.answer = records
    return message
  }

  /// Type, text as a person or a service writes it, and the text that all compare equal in.
  static let data: [(RRType, String, String)] = [
    (.a, "192.0.2.1", "192.0.2.1"),
    (.aaaa, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
    (.cname, "D111.CloudFront.net", "d111.cloudfront.net."),
    (.cname, "d111.cloudfront.net.", "d111.cloudfront.net."),
    (.cname, "bücher.example", "xn--bcher-kva.example."),
    (.cname, "a\\.b\\032C.x.", "a\\.b\\032c.x."),
    (.ns, ".", "."),
    ("MX", "10 Mail.Example.", "10 mail.example."),
    (
      .soa, "NS1.Example. Host.Example. 1 2h 900 1209600 300",
      "ns1.example. host.example. 1 7200 900 1209600 300"
    ),
    (.txt, "plain", "\"plain\""),
    (.txt, "\"v=spf1 \\\"q\\\"\" \"B\"", "\"v=spf1 \\\"q\\\"\" \"B\""),
    (.txt, "\"tab\\009end\"", "\"tab\\009end\""),
    (.txt, "\"\"", "\"\""),
    (.https, "1 . ipv4hint=192.0.2.1 alpn=h2,h3", "1 . alpn=h2,h3 ipv4hint=192.0.2.1"),
    (.https, "0 Edge.Example", "0 edge.example."),
    ("CAA", "0 issue \"amazon.com\"", "0 issue \"amazon.com\""),
    (
      .ds, "1 8 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
      "1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    ),
    ("SRV", "0 5 443 Edge.Example.", "0 5 443 edge.example."),
    ("TYPE65280", "\\# 3 0a0B0c", "\\# 3 0a0b0c"),
  ]
  @Test(arguments: data)
  func `data of every type has one text, and the wire keeps it`(
    _ type: RRType, _ given: String, _ canonical: String
  ) throws {
    #expect(try RecordData.canonical(type, given) == canonical)
    #expect(try RecordData.canonical(type, canonical) == canonical)
    let message = Self.answer([DNSRecord(Self.name, type, ttl: 60, given)])
    let read = try DNSWire.decode(DNSWire.encode(message))
    #expect(read.answer == [DNSRecord(Self.name, type, ttl: 60, canonical)])
    #expect(read.question == RecordKey(Self.name, type))
  }
  @Test(arguments: [
    (RRType.a, "192.0.2"), (.a, "192.0.2.1 192.0.2.2"), (.aaaa, "192.0.2.1"), (.cname, ""),
    (.cname, "a b"), (.txt, "a\nb"), ("NOSUCH", "1"), ("MX", "mail"), ("TYPE65280", "\\# 3 0a"),
  ])
  func `what is no data of its type is refused`(_ type: RRType, _ text: String) {
    let error = #expect(throws: FerryError.self) { try RecordData.canonical(type, text) }
    #expect(error?.code == "bad-record")
    #expect(error?.exit == .usage)
  }
  @Test(arguments: [0, 1, 60, 2_147_483_647, 2_147_483_648, 4_294_967_295] as [UInt32])
  func `a TTL is the number on the wire, above 2^31 too`(_ ttl: UInt32) throws {
    let message = Self.answer([DNSRecord(Self.name, .a, ttl: ttl, "192.0.2.1")])
    #expect(try DNSWire.decode(DNSWire.encode(message)) == message)
  }
  @Test func `flags, sections, EDNS, NSID, extended errors and long codes come through`() throws {
    var message = Self.answer([DNSRecord(Self.name, .a, ttl: 1, "192.0.2.1")])
    message.authority = [DNSRecord(DomainName(wire: "example.com."), .ns, ttl: 2, "ns1.example.")]
    message.additional = [DNSRecord(DomainName(wire: "ns1.example."), .a, ttl: 3, "192.0.2.2")]
    for keyPath: WritableKeyPath<DNSMessage, Bool> in [
      \.isTruncated, \.recursionDesired, \.recursionAvailable, \.authenticData, \.checkingDisabled,
    ] {
      message[keyPath: keyPath] = true
      #expect(try DNSWire.decode(DNSWire.encode(message)) == message)
    }
    message.edns = .init(
      dnssecOK: true, nsid: "", extendedErrors: [.init(3), .init(19, text: "since noon")])
    #expect(try DNSWire.decode(DNSWire.encode(message)) == message)
    message.edns = .init(udpSize: 4096, nsid: "6e7331")
    message.rcode = RCode(rawValue: 18)
    message.opcode = 5
    #expect(try DNSWire.decode(DNSWire.encode(message)) == message)
  }
  @Test func `an answer echoes the case of its question, and its id`() throws {
    var query = try DNSWire.encode(
      DNSMessage(id: 77, isResponse: false, question: RecordKey(Self.name, .a)))
    query[13] = UInt8(ascii: "W")
    query[18] = UInt8(ascii: "X")
    let octets = try DNSWire.encode(
      Self.answer([DNSRecord(Self.name, .a, ttl: 1, "192.0.2.1")]), echoing: query)
    #expect(octets[..<2] == [0, 77])
    #expect(octets[12..<29] == query[12..<29])
    #expect(try DNSWire.decode(octets).answer.first?.name == Self.name)
  }
}
