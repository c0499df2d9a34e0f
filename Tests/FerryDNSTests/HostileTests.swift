import FerryCore
import FerryModel
import FerryTestSupport
import Testing

@testable import FerryDNS

/// Messages that nobody honest sends: whatever is in them, reading ends in a value or an error.
struct HostileMessageTests {
  /// An answer with names, pointers, options and many types.
  static let sample: [UInt8] = {
    var message = DNSMessage(
      id: 7, isResponse: true, question: RecordKey(DomainName(wire: "www.example.com."), .cname))
    message.answer = DNSWireTests.data.map { type, given, _ in
      DNSRecord(DomainName(wire: "www.example.com."), type, ttl: 60, given)
    }
    message.authority = [
      DNSRecord(DomainName(wire: "example.com."), .ns, ttl: 9, "ns1.example.com.")
    ]
    message.edns = .init(dnssecOK: true, nsid: "6e7331", extendedErrors: [.init(3)])
    return (try? DNSWire.encode(message)) ?? []
  }()

  @Test func `a message that is cut off anywhere is refused`() throws {
    #expect(try DNSWire.decode(Self.sample).answer.count == DNSWireTests.data.count)
    for count in 0..<Self.sample.count {
      let error = #expect(throws: FerryError.self) {
        try DNSWire.decode(Array(Self.sample[..<count]))
      }
      #expect(error?.code == .unreadableAnswer)
    }
    #expect(throws: FerryError.self) { try DNSWire.decode(Self.sample + [0]) }
  }
  @Test func `names that point at themselves, forward, in circles or too far are refused`() {
    func message(_ name: [UInt8]) -> [UInt8] {
      [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name + [0, 1, 0, 1]
    }
    let long = (0..<128).flatMap { _ in [1, 0x61] as [UInt8] }
    for name in [
      [0xC0, 12], [0xC0, 14], [0xC0, 0], [0xC1, 0xFF], [1, 0x61, 0xC0, 12], [0x40, 0], [0x80, 0],
      [63, 0], long + [0], [1, 0x61] + [0xFF, 0xFF],
    ] as [[UInt8]] {
      #expect(throws: FerryError.self, "\(name)") { try DNSWire.decode(message(name)) }
    }
    // A chain of pointers, each to the one before, ends; a circle is no chain.
    var chain: [UInt8] = [0]
    var last: UInt16 = 12
    for _ in 0..<64 {
      let at = UInt16(12 + chain.count)
      chain += [0xC0 | UInt8(last >> 8), UInt8(last & 255)]
      last = at
    }
    #expect(throws: FerryError.self) { try DNSWire.decode(message(chain)) }
  }
  @Test func `counts that promise more than there is are refused before anything is made`() {
    for index in 4..<12 {
      var octets = Self.sample
      octets[index] = 0xFF
      #expect(throws: FerryError.self) { try DNSWire.decode(octets) }
    }
  }
  @Test func `two sets of options, or anything behind a signature, are refused`() {
    let option: [UInt8] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]
    let head: [UInt8] = [0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    #expect(throws: FerryError.self) { try DNSWire.decode(head + option + option) }
    let signature: [UInt8] =
      [0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 17, 0] + [UInt8](repeating: 0, count: 16)
    #expect(throws: FerryError.self) { try DNSWire.decode(head + signature + option) }
  }
  @Test func `flipped octets and garbage never crash a reader`() {
    var random = SplitMix64(seed: 20_261_124)
    var read = 0
    for round in 0..<8000 {
      var octets = Self.sample
      if round % 4 == 0 {
        octets = (0..<Int(random.next() % 300)).map { _ in UInt8(truncatingIfNeeded: random.next())
        }
        if octets.count > 12 { octets.replaceSubrange(4..<12, with: [0, 1, 0, 2, 0, 1, 0, 1]) }
      } else {
        for _ in 0..<(1 + random.next() % 8) {
          octets[Int(random.next() % UInt64(octets.count))] = UInt8(
            truncatingIfNeeded: random.next())
        }
      }
      guard let message = try? DNSWire.decode(octets) else { continue }
      read += 1
      // What can be read can be shown: one line each, nothing that a terminal obeys.
      for record in message.answer + message.authority + message.additional {
        #expect(record.data.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(record.name.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
      }
    }
    #expect(read > 100)
  }
  @Test func `a message made of any values comes back as it was`() throws {
    var random = SplitMix64(seed: 4)
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    func label() -> String {
      (0..<(1 + below(63))).map { _ in
        let octet = UInt8(truncatingIfNeeded: random.next())
        switch octet {
        case 0x41...0x5A, 0x00...0x20, 0x7F...0xFF:
          let lower = (0x41...0x5A).contains(octet) ? octet + 32 : octet
          return (0x61...0x7A).contains(lower)
            ? String(UnicodeScalar(lower))
            : String(["\\0", "\\"][lower < 100 ? 0 : 1]) + (lower < 10 ? "0" : "") + "\(lower)"
        case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: ";"), UInt8(ascii: "("),
          UInt8(ascii: ")"):
          return "\\" + String(UnicodeScalar(octet))
        default: return String(UnicodeScalar(octet))
        }
      }.joined()
    }
    func name() -> DomainName {
      DomainName(wire: (0..<below(4)).map { _ in label() + "." }.joined())
    }
    for round in 0..<300 {
      let key = RecordKey(name(), .cname)
      var message = DNSMessage(
        id: UInt16(truncatingIfNeeded: random.next()), isResponse: true,
        rcode: RCode(rawValue: UInt16(below(16))), question: key)
      for _ in 0..<below(6) {
        let data = [
          (RRType.cname, name().text), ("MX", "\(below(65_536)) \(name())"), (.ns, name().text),
          (.a, "\(below(256)).\(below(256)).\(below(256)).\(below(256))"),
          ("TYPE65280", "\\# 2 " + (below(2) == 0 ? "00ff" : "a1b2")),
        ][below(5)]
        message.answer.append(
          DNSRecord(name(), data.0, ttl: UInt32(truncatingIfNeeded: random.next()), data.1))
      }
      let octets = try DNSWire.encode(message)
      #expect(try DNSWire.decode(octets) == message, "round \(round)")
      // The name of the question, as the engine writes it, is what ldns wrote.
      let frame = try #require(WireFrame(octets))
      #expect(DNSWire.octets(of: key.name) == Array(octets[frame.question]), "\(key.name)")
    }
  }
}
