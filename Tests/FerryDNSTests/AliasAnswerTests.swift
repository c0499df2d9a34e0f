import FerryCore
import FerryHTTP
import FerryModel
import Testing

@testable import FerryDNS

/// The short way of reading the usual answer: it may refuse anything, and what it accepts is what ldns reads.
struct AliasAnswerTests {
  static let query: DNSQuery = {
    var query = DNSQuery(DomainName(wire: "www.example.com."), .cname)
    query.dnssecOK = true
    query.answersAlone = true
    return query
  }()
  static let sent = SentQuery(query, id: 0xBEEF, edns: true, letters: nil)
  /// An answer as a server writes it, to `query`.
  static func answer(_ change: (inout DNSMessage) -> Void = { _ in }) -> [UInt8] {
    var message = DNSMessage(id: 0xBEEF, isResponse: true, question: query.key)
    message.isAuthoritative = true
    message.answer = [DNSRecord(query.key.name, .cname, ttl: 300, "d222.cloudfront.net.")]
    message.authority = [
      DNSRecord(DomainName(wire: "example.com."), .ns, ttl: 9, "ns1.example.com.")
    ]
    message.additional = [
      DNSRecord(DomainName(wire: "ns1.example.com."), .a, ttl: 9, "192.0.2.1"),
      DNSRecord(DomainName(wire: "ns1.example.com."), .aaaa, ttl: 9, "2001:db8::1"),
    ]
    message.edns = .init(dnssecOK: true)
    change(&message)
    return (try? DNSWire.encode(message)) ?? []
  }
  static func read(_ octets: [UInt8]) -> (target: DomainName, ttl: UInt32)? {
    octets.withUnsafeBufferPointer { reply in
      guard let sent, sent.judge(reply) == .ours else { return nil }
      var reader = AliasReader()
      return reader.read(reply, questionEnd: sent.questionEnd)
    }
  }

  @Test func `the usual answer is read without a message of its own`() throws {
    let found = try #require(Self.read(Self.answer()))
    #expect(found.target == DomainName(wire: "d222.cloudfront.net."))
    #expect(found.ttl == 300)
    let upper = Self.answer { $0.answer[0].data = "D222.CloudFront.net." }
    #expect(Self.read(upper)?.target == found.target)
    #expect(
      Self.read(
        Self.answer {
          $0.authority = []
          $0.additional = []
          $0.edns = nil
        }) != nil)
  }
  @Test func `what is in any way unusual is left to the full reading`() {
    let name = Self.query.key.name
    let odd: [(String, (inout DNSMessage) -> Void)] = [
      ("no authority", { $0.isAuthoritative = false }), ("cut off", { $0.isTruncated = true }),
      ("an error", { $0.rcode = .servFail }),
      ("an error in EDNS", { $0.rcode = RCode(rawValue: 16) }),
      ("nothing", { $0.answer = [] }),
      ("two", { $0.answer.append(DNSRecord(name, .cname, ttl: 300, "d333.cloudfront.net.")) }),
      ("an address", { $0.answer = [DNSRecord(name, .a, ttl: 300, "192.0.2.1")] }),
      ("another owner", { $0.answer[0].name = DomainName(wire: "other.example.com.") }),
      ("the root", { $0.answer[0].data = "." }),
      ("an odd target", { $0.answer[0].data = "a\\.b.example.com." }),
      ("a record to be checked", { $0.authority[0] = DNSRecord(name, .txt, ttl: 1, "\"x\"") }),
    ]
    for (what, change) in odd { #expect(Self.read(Self.answer(change)) == nil, "\(what)") }
  }
  @Test func `an answer is read the short way only as the full reading reads it`() throws {
    var random = SplitMix64(seed: 20_261_128)
    let sample = Self.answer()
    var read = 0
    for _ in 0..<60_000 {
      var octets = sample
      for _ in 0..<(1 + random.next() % 3) {
        // The question is the query's, else the reply would not count.
        let at = Int(random.next() % UInt64(octets.count))
        octets[at] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 8 == 0 { octets.removeLast(Int(random.next() % 40)) }
      guard let found = Self.read(octets) else { continue }
      read += 1
      let message = try octets.withUnsafeBufferPointer { try DNSWire.decode($0, to: Self.query) }
      let short = AliasAnswer.alias(to: found.target, ttl: found.ttl, milliseconds: 1)
      let full = AliasAnswer(.reply(message, milliseconds: 1), to: Self.query)
      guard case .alias(let target, let ttl, _) = full else {
        Issue.record("read the short way alone: \(octets)")
        continue
      }
      #expect(target == found.target)
      #expect(ttl == found.ttl)
      guard case .reply(let rebuilt, _) = short.outcome(to: Self.query) else { continue }
      #expect(rebuilt.answer == message.answer)
      #expect(rebuilt.rcode == message.rcode)
      #expect(rebuilt.isAuthoritative == message.isAuthoritative)
    }
    #expect(read > 1000)
  }
  @Test func `of many names the usual answers come short, and others whole`() async throws {
    let server = FakeServer { _, query in
      guard let frame = WireFrame(query), query[13] % 2 == 1 else {
        return [.send(FakeServer.answer(query))]
      }
      var message = DNSMessage(id: 0, isResponse: true, question: nil)
      message.isAuthoritative = true
      guard let asked = try? DNSWire.decode(query) else { return [] }
      message.question = asked.question
      message.answer = [
        DNSRecord(asked.question?.name ?? .root, .cname, ttl: 60, "d222.cloudfront.net.")
      ]
      _ = frame
      return (try? DNSWire.encode(message, echoing: query)).map { [.send($0)] } ?? []
    }
    let asks = (0..<200).map { index in
      DNSAsk(
        DNSQuery(DomainName(wire: "\(index % 2 == 0 ? "a" : "b")\(index).example."), .cname),
        of: server.server)
    }
    let short = Locked(Set<Int>())
    let whole = Locked(Set<Int>())
    try await DNSEngine().askAll(asks, readsAliases: true) { index, answer in
      switch answer {
      case .alias(let target, 60, _) where target == DomainName(wire: "d222.cloudfront.net."):
        short.withLock { _ = $0.insert(index) }
      case .other(.reply): whole.withLock { _ = $0.insert(index) }
      default: break
      }
    }
    #expect(short.withLock { $0 } == Set((0..<200).filter { $0 % 2 == 0 }))
    #expect(whole.withLock { $0 } == Set((0..<200).filter { $0 % 2 == 1 }))
  }
}
