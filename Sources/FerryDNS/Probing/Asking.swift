import FerryCore
import FerryHTTP
import Foundation

/// A transport that does not wait again and again for a server that stays silent.
///
/// After six silences in a row a server is not asked any more by this value: ten thousand names cost a dead server
/// one timeout or two, not ten thousand.
final class Asking: DNSTransport {
  private static let silencesMax = 6
  /// Questions handed over at once: in between, servers that have gone silent are left out.
  private static let chunk = 8192
  private let transport: any DNSTransport
  /// Silences in a row; 0 for a server that has answered.
  private let silences = Locked<[DNSServer: Int]>([:])

  init(_ transport: any DNSTransport) { self.transport = transport }

  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    if let given = givenUp(server) { return given }
    let outcome = await transport.ask(query, of: server)
    note(outcome, of: server)
    return outcome
  }

  /// The outcomes of many questions, in their order.
  ///
  /// A server that was never heard gets a few of its questions before the others.
  func askAll(_ asks: [DNSAsk]) async -> [DNSOutcome] {
    let answers = await askAll(asks, readsAliases: false)
    return zip(asks, answers).map { $1.outcome(to: $0.query) }
  }
  /// - Parameter readsAliases: whether the usual answer to a question for a CNAME comes as that alone.
  func askAll(_ asks: [DNSAsk], readsAliases: Bool) async -> [AliasAnswer] {
    // Servers by number: there are few, and each has many questions.
    var numbers: [DNSServer: Int] = [:]
    var servers: [DNSServer] = []
    let places = asks.map { ask in
      if let number = numbers[ask.server] { return number }
      numbers[ask.server] = servers.count
      servers.append(ask.server)
      return servers.count - 1
    }
    var contacts = silences.withLock { known in servers.map { known[$0] == 0 ? nil : 0 } }
    var first: [Int] = []
    var rest: [Int] = []
    for index in asks.indices {
      if let count = contacts[places[index]], count < Self.silencesMax {
        contacts[places[index]] = count + 1
        first.append(index)
      } else {
        rest.append(index)
      }
    }
    var answers = [AliasAnswer](
      repeating: .other(.silent(because: "it was not asked")), count: asks.count)
    var chunks = first.isEmpty ? [] : [first[...]]
    for start in stride(from: 0, to: rest.count, by: Self.chunk) {
      chunks.append(rest[start..<min(start + Self.chunk, rest.count)])
    }
    for chunk in chunks {
      let given = servers.map(givenUp)
      var wanted: [Int] = []
      wanted.reserveCapacity(chunk.count)
      for index in chunk {
        if let given = given[places[index]] {
          answers[index] = .other(given)
        } else {
          wanted.append(index)
        }
      }
      var runs = [Run](repeating: Run(), count: servers.count)
      let came = await self.answers(wanted.map { asks[$0] }, readsAliases: readsAliases)
      for (index, answer) in zip(wanted, came) {
        answers[index] = answer
        if case .other(.silent) = answer {
          runs[places[index]].silences += 1
        } else {
          runs[places[index]] = Run(isHeard: true)
        }
      }
      silences.withLock { all in
        for (server, run) in zip(servers, runs) where run.isHeard || run.silences > 0 {
          all[server] = run.silences + (run.isHeard ? 0 : all[server] ?? 0)
        }
      }
    }
    return answers
  }
  /// How one server took a chunk of questions: whether it was heard, and its silences since.
  private struct Run {
    var isHeard = false
    var silences = 0
  }
  private func answers(_ asks: [DNSAsk], readsAliases: Bool) async -> [AliasAnswer] {
    if let bulk = transport as? any BulkTransport {
      let answers = Locked(
        [AliasAnswer](
          repeating: .other(.silent(because: "it was not asked")), count: asks.count))
      await bulk.askAll(asks, readsAliases: readsAliases) { index, answer in
        answers.withLock { $0[index] = answer }
      }
      return answers.withLock { $0 }
    }
    let transport = self.transport
    return await inParallel(asks, atMost: 256) { ask in
      let outcome = await transport.ask(ask.query, of: ask.server)
      return readsAliases ? AliasAnswer(outcome, to: ask.query) : .other(outcome)
    }
  }

  private func givenUp(_ server: DNSServer) -> DNSOutcome? {
    if Task.isCancelled { return .silent(because: "interrupted") }
    let count = silences.withLock { $0[server] ?? 0 }
    guard count >= Self.silencesMax else { return nil }
    return .silent(because: "it left the \(count) questions before this one without an answer")
  }
  private func note(_ outcome: DNSOutcome, of server: DNSServer) {
    silences.withLock { all in
      if case .silent = outcome {
        all[server, default: 0] += 1
      } else {
        all[server] = 0
      }
    }
  }

  /// What resolvers know of a name, asked all at the same time; the first in their order that can say.
  ///
  /// Only for names that are known to exist, such as those of name servers: a resolver keeps a denial.
  func resolve(_ name: DomainName, _ type: RRType, by resolvers: [DNSServer], tries: Int = 2) async
    -> DNSMessage?
  {
    var query = DNSQuery(name, type, recursionDesired: true)
    query.tries = tries
    let asked = query
    for outcome in await inParallel(
      Array(resolvers.prefix(3)), atMost: 3, { await self.ask(asked, of: $0) })
    {
      guard case .reply(let message, _) = outcome,
        message.rcode == .noError || message.rcode == .nxDomain, !message.isTruncated
      else { continue }
      return message
    }
    return nil
  }
}

/// A transport that takes tens of thousands of questions at once.
protocol BulkTransport: DNSTransport {
  func askAll(
    _ asks: [DNSAsk], readsAliases: Bool, each: @escaping @Sendable (Int, AliasAnswer) -> Void
  ) async
}
extension DNSEngine: BulkTransport {}

/// The results of `body` in the order of the items, at most `limit` of them under way at once.
func inParallel<Item: Sendable, Result: Sendable>(
  _ items: [Item], atMost limit: Int, _ body: @escaping @Sendable (Item) async -> Result
) async -> [Result] {
  await withTaskGroup(of: (Int, Result).self) { group in
    var results = [Result?](repeating: nil, count: items.count)
    var next = 0
    while next < min(limit, items.count) {
      let (index, item) = (next, items[next])
      group.addTask { (index, await body(item)) }
      next += 1
    }
    while let (index, result) = await group.next() {
      results[index] = result
      guard next < items.count else { continue }
      let (following, item) = (next, items[next])
      group.addTask { (following, await body(item)) }
      next += 1
    }
    return results.compactMap { $0 }
  }
}

/// The resolvers that this machine uses.
public enum SystemResolvers {
  /// - Source: resolv.conf(5): at most three `nameserver` lines count.
  public static func read(_ text: String) -> [DNSServer] {
    var out: [DNSServer] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count >= 2, words[0] == "nameserver" else { continue }
      // A scope such as %eth0 is no part of a server as the settings know one.
      let address = words[1].prefix { $0 != "%" }
      let server = address.contains(":") ? DNSServer("[\(address)]") : DNSServer(String(address))
      if let server { out.append(server) }
    }
    return Array(out.prefix(3))
  }
  /// Those of `/etc/resolv.conf`; empty when there is none.
  public static var ofThisMachine: [DNSServer] {
    guard let bytes = FileManager.default.contents(atPath: "/etc/resolv.conf") else { return [] }
    return read(String(decoding: bytes.prefix(1 << 16), as: UTF8.self))
  }
}
