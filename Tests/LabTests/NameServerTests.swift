import FerryCore
import FerryDNS
import FerryModel
import Foundation
import Testing

@testable import Lab

/// What a name server puts on the wire, and what faults do to it.
struct LabNameServerTests {
  private static let name = DomainName(wire: "www.example.com.")

  private func query(
    _ type: RRType = .a, size: UInt16? = nil, isResponse: Bool = false, opcode: UInt8 = 0
  ) throws -> [UInt8] {
    var message = DNSMessage(
      id: 0x1234, isResponse: isResponse, opcode: opcode, question: RecordKey(Self.name, type))
    if let size { message.edns = .init(udpSize: size) }
    return try DNSWire.encode(message)
  }
  private func reply(
    _ octets: [UInt8], isTCP: Bool = false, fault: DNSFault.Kind? = nil, records: Int = 1
  ) throws -> (message: DNSMessage, bytes: Int, delay: Double)? {
    let reply = LabNames.reply(to: octets, isTCP: isTCP, fault: fault) { _, key in
      var out = DNSMessage(id: 0, isResponse: true, question: key)
      out.isAuthoritative = true
      out.answer = (0..<records).map {
        DNSRecord(Self.name, .a, ttl: 60, "192.0.\($0 / 250).\($0 % 250 + 1)")
      }
      return out
    }
    return try reply.map {
      (try DNSWire.decode($0.octets), $0.octets.count, $0.delaySeconds)
    }
  }

  @Test func `an answer has the id and the question, and options only for who sent some`() throws {
    let plain = try #require(try reply(query()))
    #expect(plain.message.id == 0x1234 && plain.message.edns == nil)
    #expect(plain.message.question == RecordKey(Self.name, .a))
    let extended = try #require(try reply(query(size: 1232)))
    #expect(extended.message.edns?.udpSize == 1232)
  }

  @Test(arguments: [(nil, 30, true), (nil, 20, false), (1232, 60, false), (1232, 100, true)])
  func `what is larger than the client takes is cut, never over TCP`(
    size: UInt16?, records: Int, isCut: Bool
  ) throws {
    let udp = try #require(try reply(query(size: size), records: records))
    #expect(udp.message.isTruncated == isCut && udp.message.answer.count == (isCut ? 0 : records))
    #expect(udp.bytes <= Int(size ?? 512))
    let tcp = try #require(try reply(query(size: size), isTCP: true, records: records))
    #expect(!tcp.message.isTruncated && tcp.message.answer.count == records)
  }

  @Test func `answers, other opcodes, transfers and rubbish get what they deserve`() throws {
    #expect(try reply(query(isResponse: true)) == nil)
    #expect(try reply([1, 2, 3]) == nil)
    #expect(try reply(query(opcode: 4))?.message.rcode == .notImp)
    #expect(try reply(query("AXFR"))?.message.rcode == .refused)
    var broken = try query()
    broken[5] = 9
    #expect(try reply(broken)?.message.rcode == .formErr)
  }

  @Test func `each fault does what its name says`() throws {
    func seen(_ text: String, isTCP: Bool = false) throws -> (
      message: DNSMessage, bytes: Int, delay: Double
    )? {
      var plan = FaultPlan()
      try plan.add("dns:server=2,does=\(text)")
      #expect(plan.nameServers.map(\.server) == [2])
      return try reply(query(), isTCP: isTCP, fault: plan.nameServers.first?.does)
    }
    #expect(try seen("refuse")?.message.rcode == .refused)
    #expect(try seen("servfail")?.message.rcode == .servFail)
    #expect(try seen("silent") == nil)
    let lame = try seen("lame")?.message
    #expect(lame?.isAuthoritative == false && lame?.answer.isEmpty == true)
    let lie = try seen("lie")?.message
    #expect(lie?.isAuthoritative == true && lie?.answer.map(\.data) == ["192.0.2.66"])
    #expect(try seen("truncate")?.message.isTruncated == true)
    #expect(try seen("truncate", isTCP: true)?.message.answer.count == 1)
    #expect(try seen("wrong-id")?.message.id == 0xED34)
    #expect(try seen("slow,seconds=3")?.delay == 3)
  }

  @Test func `a fault is that of one server, and over after so many answers`() throws {
    var plan = FaultPlan()
    try plan.add("dns:server=2,does=servfail,times=1")
    let model = SharedModel(CloudFrontModel(accounts: ["111111111111"]))
    let names = LabNames(model: model, clock: LabClock(), faults: plan.nameServers)
    func rcode(_ server: Int) throws -> RCode? {
      try names.nameServer(server)(query(), false).map { try DNSWire.decode($0.octets).rcode }
    }
    #expect(try rcode(0) == .refused)
    #expect(try rcode(1) == .servFail)
    #expect(try rcode(1) == .refused)
  }

  @Test func `a lag belongs to one of the four servers`() throws {
    var plan = FaultPlan()
    try plan.add("dns-lag:server=4,seconds=5")
    #expect(plan.nameServerLagSeconds == [3: 5])
    for text in [
      "dns-lag:server=5,seconds=1", "dns-lag:server=1", "dns:server=1", "dns:server=0,does=lie",
    ] {
      #expect(throws: FerryError.self) { try plan.add(text) }
    }
  }

  @Test func `the sample's zones lead to its distributions`() throws {
    let now = Date(timeIntervalSince1970: 1_767_225_600)
    var model = CloudFrontModel(accounts: ["111111111111", "222222222222"])
    try model.load(Sample.inventory(now: now), now: now)
    for (name, owner) in [
      ("www.example.com.", "de1samplesite10"), ("docs.example.com.", nil),
      ("portal.example.org.", nil),
    ] {
      let answer = model.answer(
        RecordKey(DomainName(wire: name), .a), recursionDesired: false, server: 0, now: now)
      #expect(answer.answer.last?.data == "127.0.0.1")
      #expect((answer.answer.count == 2) == (owner != nil))
    }
  }
}
