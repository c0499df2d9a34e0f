import FerryCore
import Foundation
import Testing

@testable import FerryDNS

/// What the runner and the planner see of DNS.
struct LiveNamesTests {
  static let zoneName = DomainName(wire: "example.com.")
  static let www = RecordKey(DomainName(wire: "www.example.com."), .cname)
  static let none = RecordKey(DomainName(wire: "none.example.com."), .cname)
  static let edge = RecordKey(DomainName(wire: "www.example.com."), .a)
  static let huge = RecordKey(DomainName(wire: "huge.example.com."), .a)
  static func names(_ servers: [String: FakeDNS.Server], resolvers: [String] = []) -> (
    LiveNames, FakeDNS
  ) {
    let fake = FakeDNS(servers: servers)
    return (
      LiveNames(
        fake,
        zones: [ProberTests.settings(servers.keys.sorted().filter { !resolvers.contains($0) })],
        resolvers: resolvers.compactMap { DNSServer($0) }), fake
    )
  }

  @Test func `each key is asked of each server over TCP, without recursion`() async throws {
    let (names, fake) = Self.names([
      ProberTests.one: .zone(ProberTests.zone), ProberTests.two: .zone(ProberTests.zone),
    ])
    let looks = try await names.authoritative(zone: Self.zoneName, [Self.www, Self.none])
    #expect(looks.count == 4)
    #expect(
      looks.filter { $0.key == Self.www }.map(\.answer)
        == Array(
          repeating: .value(RecordValue(ttl: 300, data: ["edge.example.com."])), count: 2))
    #expect(
      looks.filter { $0.key == Self.none }.map(\.answer)
        == Array(repeating: .absent(negativeTTL: 300), count: 2))
    let gates = fake.asked.all(ProberTests.two).filter { $0.key.name != Self.zoneName }
    #expect(!gates.isEmpty)
    #expect(gates.map(\.transport) == [DNSQuery.Transport](repeating: .tcp, count: gates.count))
    #expect(!gates.map(\.recursionDesired).contains(true))
  }
  @Test func `beside a CNAME there is no other type`() async throws {
    let (names, _) = Self.names([ProberTests.one: .zone(ProberTests.zone)])
    let looks = try await names.authoritative(zone: Self.zoneName, [Self.edge])
    #expect(looks.map(\.answer) == [.absent(negativeTTL: nil)])
  }
  @Test(arguments: [
    FakeDNS.Server.silent, .refuses, .servfail, .forges, .lame,
  ])
  func `a server that fails is unknown, beside one that answers`(_ server: FakeDNS.Server)
    async throws
  {
    let (names, _) = Self.names([
      ProberTests.one: .zone(ProberTests.zone), ProberTests.two: server,
    ])
    let looks = try await names.authoritative(zone: Self.zoneName, [Self.www])
    #expect(looks.count == 2)
    guard case .unknown = looks[1].answer else {
      Issue.record("\(looks[1].answer)")
      return
    }
  }
  @Test func `a TTL above 31 bits is no value`() async throws {
    let (names, _) = Self.names([ProberTests.one: .zone(ProberTests.zone)])
    let looks = try await names.authoritative(zone: Self.zoneName, [Self.huge])
    guard case .unknown(let because) = looks.first?.answer else {
      Issue.record("\(looks)")
      return
    }
    #expect(because.contains("2147483648"))
  }
  @Test func `a zone whose servers nobody knows is no answer, not an empty one`() async throws {
    let fake = FakeDNS(servers: ["192.0.2.53:53": .silent])
    let names = LiveNames(fake, zones: [], resolvers: [DNSServer(address: "192.0.2.53")])
    let error = await #expect(throws: FerryError.self) {
      try await names.authoritative(zone: Self.zoneName, [Self.www])
    }
    #expect(error?.code == .noAnswer)
  }
  @Test func `resolvers are asked with recursion, and stale answers are marked`() async throws {
    let (names, fake) = Self.names(
      [
        ProberTests.one: .zone(ProberTests.zone),
        "10.0.0.53:53": .resolver(["www.example.com. 30 CNAME old.example.net."], stale: true),
        "10.0.0.54:53": .silent,
      ], resolvers: ["10.0.0.53:53", "10.0.0.54:53"])
    let looks = try await names.recursive([Self.www])
    #expect(looks.map(\.isStale) == [true, false])
    #expect(looks[0].answer == .value(RecordValue(ttl: 30, data: ["old.example.net."])))
    guard case .unknown = looks[1].answer else {
      Issue.record("\(looks[1])")
      return
    }
    let isRecursive = fake.asked.all("10.0.0.53:53").map(\.recursionDesired)
    #expect(!isRecursive.isEmpty && !isRecursive.contains(false))
  }
  @Test func `a public resolver is read more than once, since one address is many caches`()
    async throws
  {
    let (names, _) = Self.names(
      [
        ProberTests.one: .zone(ProberTests.zone),
        "198.51.100.53:53": .cache(name: "www.example.com.", data: "old.example.net.") {
          UInt32($0)
        },
      ], resolvers: ["198.51.100.53:53"])
    let looks = try await names.recursive([Self.www])
    let ttls = looks.compactMap { look in
      if case .value(let value) = look.answer { value.ttl } else { nil }
    }
    #expect(Set(ttls).count > 1 && ttls.count == 8, "\(ttls)")
  }
  @Test func `no more than 20 questions are in flight, however many keys there are`() async throws {
    let counting = Counting()
    let names = LiveNames(counting, zones: [ProberTests.settings([ProberTests.one])], resolvers: [])
    let keys = (0..<500).map { RecordKey(DomainName(wire: "n\($0).example.com."), .a) }
    let looks = try await names.authoritative(zone: Self.zoneName, keys)
    #expect(looks.count == 500)
    #expect(counting.most <= 20)
    #expect(counting.most > 1)
  }

  /// Answers everything with "no such name", after others had their turn.
  final class Counting: DNSTransport, @unchecked Sendable {
    private let lock = NSLock()
    private var current = 0
    private var highest = 0
    var most: Int { lock.withLock { highest } }
    func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
      lock.withLock {
        current += 1
        highest = max(highest, current)
      }
      for _ in 0..<20 { await Task.yield() }
      lock.withLock { current -= 1 }
      var message = DNSMessage(id: 1, isResponse: true, rcode: .nxDomain, question: query.key)
      message.isAuthoritative = true
      return .reply(message, milliseconds: 1)
    }
  }
}
