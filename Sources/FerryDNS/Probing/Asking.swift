import FerryCore
import FerryHTTP
import Foundation

/// A transport that does not wait again and again for a server that stays silent.
///
/// After six silences in a row a server is not asked any more by this value: ten thousand names cost a dead server
/// one timeout or two, not ten thousand.
final class Asking: DNSTransport {
  private static let silencesMax = 6
  private let transport: any DNSTransport
  private let silences = Locked<[DNSServer: Int]>([:])

  init(_ transport: any DNSTransport) { self.transport = transport }

  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    let count = silences.withLock { $0[server] ?? 0 }
    guard count < Self.silencesMax else {
      return .silent(because: "it left the \(count) queries before this one without an answer")
    }
    let outcome = await transport.ask(query, of: server)
    silences.withLock { all in
      if case .silent = outcome {
        all[server, default: 0] += 1
      } else {
        all[server] = 0
      }
    }
    return outcome
  }

  /// An answer with data or an authoritative-looking denial from the first resolver that gives one.
  ///
  /// Only for names that are known to exist, such as those of name servers: a resolver keeps a denial.
  func resolve(_ name: DomainName, _ type: RRType, by resolvers: [DNSServer]) async -> DNSMessage? {
    for resolver in resolvers.prefix(3) {
      let outcome = await ask(DNSQuery(name, type, recursionDesired: true), of: resolver)
      guard case .reply(let message, _) = outcome,
        message.rcode == .noError || message.rcode == .nxDomain, !message.isTruncated
      else { continue }
      return message
    }
    return nil
  }
}

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
