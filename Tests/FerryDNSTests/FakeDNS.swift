import FerryCore
import Foundation
import Testing

@testable import FerryDNS

/// Name servers as values: what each holds, or how it misbehaves. An unknown server fails the test.
struct FakeDNS: DNSTransport {
  enum Server: Sendable {
    /// Authoritative for a zone; NS records below the apex make referrals.
    case zone(FakeZone)
    /// One after the other for each question, the second first.
    case zones([FakeZone])
    /// Recursive: answers what it has, and says NXDOMAIN to the rest.
    case resolver([String], stale: Bool = false, validates: Bool = false)
    /// Recursive: one RRset, a CNAME, with the TTL that its so-manieth read (from 1) has.
    case cache(name: String, data: String, ttl: @Sendable (Int) -> UInt32)
    /// Recursive: SERVFAIL for everything, unless asked not to validate.
    case validator([String])
    case silent, refuses, servfail, forges
    /// Answers without authority.
    case lame
  }
  var servers: [String: Server]
  /// What a server says of each of its answers.
  var errors: [String: [ExtendedDNSError]] = [:]
  let asked = Asked()

  final class Asked: Sendable {
    private let list = Lock()
    private final class Lock: @unchecked Sendable {
      let lock = NSLock()
      var all: [(server: String, query: DNSQuery)] = []
    }
    func add(_ server: String, _ query: DNSQuery) {
      list.lock.withLock { list.all.append((server, query)) }
    }
    func all(_ server: String) -> [DNSQuery] {
      list.lock.withLock { list.all.filter { $0.server == server }.map(\.query) }
    }
  }

  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    asked.add(server.description, query)
    guard let kind = servers[server.description] else {
      Issue.record("\(server) was asked for \(query.key), and the test knows no such server")
      return .silent(because: "no such server")
    }
    var message = DNSMessage(id: 1, isResponse: true, rcode: .noError, question: query.key)
    switch kind {
    case .silent: return .silent(because: "no answer in 2 s")
    case .forges: return .forged(because: "another id")
    case .refuses: message.rcode = .refused
    case .servfail: message.rcode = .servFail
    case .lame: break
    case .zone(let zone): message = zone.answer(query, message)
    case .zones(let zones):
      let count = asked.all(server.description).count { $0.key == query.key }
      message = zones[count % zones.count].answer(query, message)
    case .cache(let name, let data, let ttl):
      guard query.recursionDesired else {
        message.rcode = .refused
        break
      }
      message.recursionAvailable = true
      let read = asked.all(server.description).count(where: \.recursionDesired)
      message.answer = [DNSRecord(DomainName(wire: name), .cname, ttl: ttl(read), data)]
    case .validator(let lines):
      message.recursionAvailable = true
      message.rcode = query.checkingDisabled ? .noError : .servFail
      if query.checkingDisabled { message.answer = lines.map(FakeZone.record) }
    case .resolver(let lines, let stale, let validates):
      guard query.recursionDesired else {
        message.rcode = .refused
        break
      }
      message.recursionAvailable = true
      message.authenticData = validates
      if stale { message.edns = .init(extendedErrors: [.init(3)]) }
      let records = lines.map(FakeZone.record)
      message.answer = records.filter {
        $0.name == query.key.name && ($0.type == query.key.rrtype || $0.type == .cname)
      }
      if !records.contains(where: { $0.name == query.key.name }) { message.rcode = .nxDomain }
      if message.answer.isEmpty {
        message.authority = [FakeZone.record("example.com. 123 SOA a. b. 1 2 3 4 5")]
      }
    }
    if let errors = errors[server.description] { message.edns = .init(extendedErrors: errors) }
    return .reply(message, milliseconds: 1.5)
  }
}

/// A zone of a few lines, `name TTL TYPE data` with absolute names.
struct FakeZone: Sendable {
  var name: DomainName
  var records: [DNSRecord]
  /// The wire TTL of the SOA in denials.
  var negativeTTL: UInt32

  init(
    _ name: String, serial: Int = 7, soaTTL: UInt32 = 900, negativeTTL: UInt32 = 300,
    _ lines: String...
  ) {
    self.name = DomainName(wire: name)
    self.negativeTTL = negativeTTL
    records =
      [
        Self.record(
          "\(name) \(soaTTL) SOA ns1.\(name) admin.\(name) \(serial) 3600 600 86400 \(negativeTTL)")
      ]
      + lines.map(Self.record)
  }
  static func record(_ line: String) -> DNSRecord {
    let words = line.split(separator: " ", maxSplits: 3).map(String.init)
    return DNSRecord(
      DomainName(wire: words[0]), RRType(rawValue: words[2]), ttl: UInt32(words[1]) ?? 0, words[3])
  }

  func answer(_ query: DNSQuery, _ start: DNSMessage) -> DNSMessage {
    var message = start
    let key = query.key
    guard key.name.isWithin(name) else {
      message.rcode = .refused
      return message
    }
    let cut = records.first { $0.type == .ns && $0.name != name && key.name.isWithin($0.name) }
    if let cut {
      message.authority = records.filter { $0.type == .ns && $0.name == cut.name }
      let hosts = Set(message.authority.map { DomainName(wire: $0.data) })
      message.additional = records.filter { hosts.contains($0.name) && $0.type != .ns }
      return message
    }
    message.isAuthoritative = true
    var here = records.filter { $0.name == key.name }
    if here.isEmpty, !records.contains(where: { $0.name.isWithin(key.name) }) {
      let above = records.filter { $0.name.isWildcard }.first {
        $0.name.parent.map(key.name.isWithin) ?? false
      }
      here = records.filter { $0.name == above?.name }.map {
        DNSRecord(key.name, $0.type, ttl: $0.ttl, $0.data)
      }
      if here.isEmpty { message.rcode = .nxDomain }
    }
    message.answer = here.filter { $0.type == key.rrtype || $0.type == .cname }
    if message.answer.isEmpty, let soa = records.first(where: { $0.type == .soa }) {
      message.authority = [DNSRecord(soa.name, .soa, ttl: negativeTTL, soa.data)]
    }
    return message
  }
}
