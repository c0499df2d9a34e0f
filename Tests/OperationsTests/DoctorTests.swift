import FerryCore
import Testing

@testable import Operations

struct DoctorTests {
  @Test(arguments: [
    (0.4, DoctorReport.Check.State.ok, "as the endpoint's"), (60, .ok, "60 s behind"),
    (61, .warning, "61 s behind"), (-61, .warning, "61 s ahead of"),
  ])
  func `a clock is worth a word when it is more than a minute off, either way`(
    offset: Double, state: DoctorReport.Check.State, says: String
  ) {
    let check = Doctor.clock(offset, account: "1")
    #expect(check.state == state && check.says.contains(says))
    #expect((check.next == nil) == (state == .ok))
  }
  @Test func `a clock that no answer dates is unknown`() {
    #expect(Doctor.clock(nil, account: "1").state == .unknown)
  }

  @Test(arguments: [(17, 20, DoctorReport.Check.State.ok), (18, 20, .warning), (20, 20, .warning)])
  func `a quota is under pressure from nine tenths on`(
    used: Int, limit: Int, state: DoctorReport.Check.State
  ) {
    let check = Doctor.quota(.policies, used: used, limit: limit, account: "1", unread: nil)
    #expect(check.state == state)
  }
  @Test func `a limit that was not read is said to be the documented one`() {
    let check = Doctor.quota(.policies, used: 1, limit: nil, account: "1", unread: "denied")
    #expect(check.says.contains("1 of 20") && check.says.contains("was not read: denied"))
  }

  @Test func `the exit is 77 only when all that failed was denied`() {
    let denied = FerryError("x", exit: .denied, what: "", why: "", next: "")
    let failed = FerryError("x", what: "", why: "", next: "")
    #expect(DoctorReport.exit([]) == .done)
    #expect(DoctorReport.exit([.init("a", .warning, "")]) == .done)
    #expect(DoctorReport.exit([.init("a", error: denied)]) == .denied)
    #expect(DoctorReport.exit([.init("a", error: denied), .init("b", error: failed)]) == .failed)
  }

  @Test func `plain servers are asked over UDP and TCP, encrypted ones once`() throws {
    let plain = try #require(DNSServer("192.0.2.1"))
    let https = try #require(DNSServer("https://dns.example/dns-query"))
    let zone = try DomainName("example.com")
    let asks = Doctor.asks(resolvers: [plain, https], zones: [(zone, [plain, plain])])
    #expect(asks.map(\.way) == ["53/udp", "53/tcp", "DoH", "53/udp", "53/tcp"])
    #expect(asks.map { $0.zone == nil } == [true, true, true, false, false])
  }
}
