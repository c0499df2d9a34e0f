import FerryCore
import FerryHTTP
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryDNS

struct DNSEngineTests {
  static let name = DomainName(wire: "www.example.com.")
  static func query(_ seconds: Double = 60, tries: Int = 1) -> DNSQuery {
    var query = DNSQuery(name, .a)
    query.timeoutSeconds = seconds
    query.tries = tries
    return query
  }
  static func data(_ outcome: DNSOutcome) -> [String]? { outcome.message?.answer.map(\.data) }

  @Test func `a query goes out with EDNS 1232 and NSID, and its answer comes back as values`()
    async throws
  {
    let server = FakeServer { _, query in [.send(FakeServer.answer(query))] }
    var query = Self.query()
    query.dnssecOK = true
    query.recursionDesired = true
    let outcome = try await DNSEngine().ask(query, of: server.server)
    #expect(outcome.message?.answer == [DNSRecord(Self.name, .a, ttl: 60, "192.0.2.1")])
    #expect(outcome.message?.isAuthoritative == true)
    let sent = try DNSWire.decode(server.queries[0].octets)
    #expect(sent.edns == .init(udpSize: 1232, dnssecOK: true, nsid: ""))
    #expect(sent.recursionDesired)
    #expect(sent.question == query.key)
  }

  /// What an off-path forger may try, made of the query, and a word of what is said of it.
  static let forgeries: [(String, @Sendable ([UInt8]) -> [UInt8])] = [
    ("another id", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[0] ^= 0x55 } }),
    ("a question", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[2] &= 0x7F } }),
    ("opcode", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[2] |= 0x28 } }),
    ("another name", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[14] ^= 1 } }),
    ("another type", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[30] = 28 } }),
    ("another class", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[32] = 3 } }),
    ("no question", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[5] = 0 } }),
    ("another question", { query in with(FakeServer.answer(query, "203.0.113.9")) { $0[5] = 2 } }),
    ("too short", { query in Array(query[..<8]) }),
    (
      "cannot be read",
      { query in with(FakeServer.answer(query, "203.0.113.9")) { $0.removeLast(2) } }
    ),
  ]
  static func with(_ octets: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var out = octets
    change(&out)
    return out
  }
  @Test(arguments: forgeries.indices)
  func `a forged message never counts, and the true one behind it does`(_ index: Int) async throws {
    let (_, forge) = Self.forgeries[index]
    let server = FakeServer { _, query in
      [.send(forge(query)), .send(forge(query)), .send(FakeServer.answer(query))]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(Self.data(outcome) == ["192.0.2.1"])
  }
  @Test(arguments: forgeries.indices)
  func `when nothing better comes the outcome is forged, and says why`(_ index: Int) async throws {
    let (word, forge) = Self.forgeries[index]
    // Then what is true but of no use: it ends the wait for something better.
    let server = FakeServer { way, query in
      way == .tcp
        ? [.close]
        : [.send(forge(query)), .send(FakeServer.answer(query) { $0.isTruncated = true })]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(outcome.forgery?.contains(word) == true, "\(outcome)")
  }
  @Test func `a forged message alone is forged when the time is over`() async throws {
    let server = FakeServer { _, query in [.send(Self.forgeries[0].1(query))] }
    let outcome = try await DNSEngine().ask(Self.query(0.1, tries: 10), of: server.server)
    #expect(outcome.forgery != nil)
  }
  @Test(arguments: ["127.0.0.1", "127.0.0.2"])
  func `a message from another port or address never arrives`(_ address: String) async throws {
    let server = FakeServer { way, query in
      guard way == .udp else { return [.send(FakeServer.answer(query))] }
      return [
        .sendFrom(address: address, FakeServer.answer(query, "203.0.113.9")),
        .send(FakeServer.answer(query) { $0.isTruncated = true }),
      ]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(Self.data(outcome) == ["192.0.2.1"])
  }
  @Test func `ten thousand forged messages before the true one do not count`() async throws {
    let server = FakeServer { _, query in
      var random = SplitMix64(seed: 7)
      var deeds: [FakeServer.Deed] = []
      for count in 0..<10_000 {
        var forged = FakeServer.floodTemplate(query)
        let id = UInt16(truncatingIfNeeded: random.next())
        // Each id but the true one; the forger does not know the letters' case either.
        guard id != UInt16(query[0]) << 8 | UInt16(query[1]) else { continue }
        forged[0] = UInt8(id >> 8)
        forged[1] = UInt8(id & 255)
        deeds.append(.send(forged))
        if count % 50 == 0 { deeds.append(.pause(microseconds: 500)) }
      }
      // Again and again, since the flood may have filled the socket.
      let truth: [FakeServer.Deed] = [
        .send(FakeServer.answer(query)), .pause(microseconds: 5000),
      ]
      return deeds + Array(repeating: truth, count: 200).flatMap { $0 }
    }
    let outcome = try await DNSEngine().ask(Self.query(60), of: server.server)
    #expect(Self.data(outcome) == ["192.0.2.1"])
  }
  @Test func `an answer in which letters changed their case is asked again over TCP`() async throws
  {
    let server = FakeServer { way, query in
      var answer = FakeServer.answer(query, way == .tcp ? "192.0.2.1" : "203.0.113.9")
      for index in 12..<29 where (0x41...0x5A).contains(answer[index]) { answer[index] += 32 }
      return [.send(answer)]
    }
    let engine = try DNSEngine()
    // By chance a query may have had no capital letter: then there was nothing to see.
    for _ in 0..<8 {
      let outcome = await engine.ask(Self.query(), of: server.server)
      let udp = try #require(server.queries.last { $0.way == .udp })
      let hadCapitals = udp.octets[12..<29].contains { (0x41...0x5A).contains($0) }
      #expect(Self.data(outcome) == [hadCapitals ? "192.0.2.1" : "203.0.113.9"])
    }
    #expect(server.queries.contains { $0.way == .tcp })
  }
  @Test func `without TCP such an answer is forged`() async throws {
    let server = FakeServer(tcp: false) { _, query in
      [.send(Self.with(FakeServer.answer(query)) { $0[13] ^= 0x20 })]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(outcome.forgery?.contains("other case") == true)
  }
  @Test func `ids, ports and letters differ from query to query`() async throws {
    let server = FakeServer { _, query in [.send(FakeServer.answer(query))] }
    for _ in 0..<6 {
      let engine = try DNSEngine()
      for _ in 0..<8 { _ = await engine.ask(Self.query(), of: server.server) }
    }
    let sent = server.queries
    #expect(Set(sent.map { Array($0.octets[..<2]) }).count > 28)
    #expect(Set(sent.map(\.port)).count >= 4)
    #expect(Set(sent.map { Array($0.octets[12..<29]) }).count > 16)
  }

  @Test func `a truncated answer is asked again over TCP`() async throws {
    let server = FakeServer { way, query in
      [.send(FakeServer.answer(query) { $0.isTruncated = way == .udp })]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(Self.data(outcome) == ["192.0.2.1"])
    #expect(server.queries.map(\.way) == [.udp, .tcp])
  }
  @Test func `a gate's query goes over TCP alone, many on one connection, in any order`()
    async throws
  {
    let held = Locked<[[UInt8]]>([])
    let server = FakeServer { _, query in
      // Answers come in reversed pairs.
      let pair: [[UInt8]] = held.withLock { waiting in
        waiting.insert(FakeServer.answer(query, "192.0.2.\(query[13])"), at: 0)
        guard waiting.count == 2 else { return [] }
        defer { waiting = [] }
        return waiting
      }
      return pair.map { .send($0) }
    }
    let asks = (0..<20).map { index in
      var query = DNSQuery(
        DomainName(wire: "\(Character(UnicodeScalar(97 + UInt8(index)))).example."), .a)
      query.transport = .tcp
      return DNSAsk(query, of: server.server)
    }
    let got = Locked([Int: String]())
    try await DNSEngine().askAll(asks) { index, outcome in
      got.withLock { $0[index] = Self.data(outcome)?.first }
    }
    #expect(
      got.withLock { $0 }
        == .init(uniqueKeysWithValues: (0..<20).map { ($0, "192.0.2.\(97 + $0)") }))
    #expect(server.queries.allSatisfy { $0.way == .tcp })
  }
  @Test func `a server that closes after each answer answers all the same`() async throws {
    let server = FakeServer { _, query in [.send(FakeServer.answer(query)), .close] }
    let asks = (0..<40).map { index in
      var query = DNSQuery(DomainName(wire: "n\(index).example."), .a)
      query.transport = .tcp
      return DNSAsk(query, of: server.server)
    }
    let answered = Locked(0)
    try await DNSEngine().askAll(asks) { _, outcome in
      if outcome.message != nil { answered.withLock { $0 += 1 } }
    }
    #expect(answered.withLock { $0 } == 40)
  }
  @Test func `a server that closes without an answer, or is not there, is silent`() async throws {
    let closing = FakeServer { _, _ in [.close] }
    var query = Self.query(60, tries: 2)
    query.transport = .tcp
    let engine = try DNSEngine()
    #expect(await engine.ask(query, of: closing.server).isSilent)
    #expect(closing.queries.count == 2)
    // A port where nobody listens: UDP learns it from the kernel at once.
    let nobody = DNSServer(address: "127.0.0.1", port: 1)
    #expect(await engine.ask(Self.query(60), of: nobody).isSilent)
    #expect(await engine.ask(query, of: nobody).isSilent)
    #expect(await engine.ask(query, of: DNSServer(address: "nobody", port: 53)).isSilent)
  }
  @Test func `a query is tried again with another id, and what comes late is no forgery`()
    async throws
  {
    let first = Locked<[UInt8]?>(nil)
    let server = FakeServer { way, query in
      guard way == .udp else { return [.close] }
      let late: [UInt8]? = first.withLock { held in
        defer { held = held ?? query }
        return held
      }
      guard let late else { return [] }
      return [
        .send(FakeServer.answer(late)), .send(FakeServer.answer(query) { $0.isTruncated = true }),
      ]
    }
    let outcome = try await DNSEngine().ask(Self.query(0.1, tries: 50), of: server.server)
    #expect(outcome.isSilent, "\(outcome)")
    let sent = server.queries.filter { $0.way == .udp }
    #expect(sent.count >= 2)
    #expect(sent[0].octets[..<2] != sent[1].octets[..<2])
    #expect(server.queries.contains { $0.way == .tcp })
  }
  @Test(arguments: [1, 4, 16] as [UInt16])
  func `a server that cannot read EDNS is asked without`(_ code: UInt16) async throws {
    let server = FakeServer { _, query in
      guard query[11] == 1 else { return [.send(FakeServer.answer(query))] }
      return [
        .send(
          FakeServer.answer(query) {
            $0.rcode = RCode(rawValue: code)
            $0.answer = []
            if code > 15 { $0.edns = .init() }
          })
      ]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(Self.data(outcome) == ["192.0.2.1"])
    #expect(server.queries.map(\.way) == [.udp, .udp])
  }
  @Test func `a refusal without a question is believed over TCP alone`() async throws {
    let server = FakeServer { way, query in
      [.send([query[0], query[1], 0x80, 1] + [UInt8](repeating: 0, count: 8))]
    }
    let outcome = try await DNSEngine().ask(Self.query(), of: server.server)
    #expect(outcome.message?.rcode == .formErr)
    #expect(server.queries.map(\.way) == [.udp, .tcp])
    #expect(server.queries[1].octets[11] == 0)
  }
  @Test func `cancelling ends a thousand questions at once`() async throws {
    let server = FakeServer(tcp: false) { _, _ in [] }
    let engine = try DNSEngine()
    let ended = Locked(0)
    let work = Task {
      await engine.askAll((0..<1000).map { _ in DNSAsk(Self.query(3600), of: server.server) }) {
        _, outcome in
        if outcome == .silent(because: "cancelled") { ended.withLock { $0 += 1 } }
      }
      return await engine.ask(Self.query(3600), of: server.server)
    }
    while server.queries.isEmpty { await Task.yield() }
    work.cancel()
    #expect(await work.value == .silent(because: "cancelled"))
    #expect(ended.withLock { $0 } == 1000)
  }
  @Test func `thousands of questions to many servers all get their own answers`() async throws {
    let servers = (0..<4).map { number in
      FakeServer { _, query in [.send(FakeServer.answer(query, "192.0.\(number).1"))] }
    }
    let asks = (0..<2000).map { index in
      DNSAsk(
        DNSQuery(DomainName(wire: "n\(index / 4).example."), .a), of: servers[index % 4].server)
    }
    let right = Locked(0)
    try await DNSEngine().askAll(asks) { index, outcome in
      guard outcome.message?.question == asks[index].query.key,
        Self.data(outcome) == ["192.0.\(index % 4).1"]
      else { return }
      right.withLock { $0 += 1 }
    }
    #expect(right.withLock { $0 } == 2000)
  }
  @Test func `of a dead server nobody waits for each of a thousand questions`() async throws {
    let server = FakeServer(tcp: false) { _, _ in [] }
    let silent = Locked(0)
    try await DNSEngine().askAll(
      (0..<1000).map { _ in DNSAsk(Self.query(0.1, tries: 1), of: server.server) }
    ) { _, outcome in
      if outcome.isSilent { silent.withLock { $0 += 1 } }
    }
    #expect(silent.withLock { $0 } == 1000)
    #expect(server.queries.count < 300)
  }
  @Test func `more servers than descriptors are asked all the same`() async throws {
    let server = FakeServer { _, query in [.send(FakeServer.answer(query))] }
    var options = DNSEngine.Options()
    options.descriptorsMax = 3
    let engine = try DNSEngine(options)
    // One server has as many addresses as loopback has, but its socket hears one: the others refuse.
    let asks = (1...40).map { number in
      DNSAsk(
        Self.query(),
        of: DNSServer(address: "127.0.0.\(number)", port: server.server.port))
    }
    let ended = Locked(Set<Int>())
    await engine.askAll(asks) { index, _ in ended.withLock { _ = $0.insert(index) } }
    #expect(ended.withLock { $0.count } == 40)
  }
}

extension FakeServer {
  /// A forger's best guess: all right but for what it cannot know.
  static func floodTemplate(_ query: [UInt8]) -> [UInt8] {
    var out = query
    out[2] |= 0x80
    return out
  }
}
