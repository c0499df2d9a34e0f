import FerryCore

/// The addresses of a host name as resolvers give them, those of every resolver together.
public struct AddressLookup: Sendable {
  private let transport: any DNSTransport
  private let resolvers: [DNSServer]
  /// - Source: RFC 9460 §10: resolvers follow at least 8 aliases.
  private static let aliasesMax = 8

  public init(_ transport: any DNSTransport, resolvers: [DNSServer]) {
    self.transport = transport
    self.resolvers = resolvers
  }

  /// Only for a name that exists: a resolver keeps a denial.
  /// - Returns: IPv4 and IPv6 addresses in the order they came; empty when the name exists and has none.
  /// - Throws: `no-answer` when no resolver said anything, or when the name does not exist.
  @Sendable public func addresses(of host: String) async throws(FerryError) -> [String] {
    let name = try DomainName(host)
    let results = await withTaskGroup(of: (Int, Heard).self) { group in
      for (index, resolver) in resolvers.enumerated() {
        group.addTask { (index, await ask(name, resolver)) }
      }
      var out: [(Int, Heard)] = []
      for await it in group { out.append(it) }
      return out.sorted { $0.0 < $1.0 }.map(\.1)
    }
    var addresses: [String] = []
    for address in results.flatMap(\.addresses) where !addresses.contains(address) {
      addresses.append(address)
    }
    if addresses.isEmpty, !results.contains(where: \.isAnswered) {
      let whys = results.flatMap(\.failures)
      throw FerryError(
        .noAnswer, what: "could not resolve \(name.host)",
        why: whys.first ?? "there is no resolver to ask", next: "check the name and the resolvers",
        causes: whys)
    }
    return addresses
  }

  private struct Heard: Sendable {
    var addresses: [String] = []
    var failures: [String] = []
    var isAnswered = false
  }
  private func ask(_ name: DomainName, _ resolver: DNSServer) async -> Heard {
    async let four = ask(name, .a, resolver)
    async let six = ask(name, .aaaa, resolver)
    let (one, other) = await (four, six)
    return Heard(
      addresses: one.addresses + other.addresses, failures: one.failures + other.failures,
      isAnswered: one.isAnswered || other.isAnswered)
  }
  private func ask(_ name: DomainName, _ type: RRType, _ resolver: DNSServer) async -> Heard {
    var out = Heard()
    var name = name
    // A resolver gives the whole chain; a server that only has the zone gives its part of it.
    for _ in 0...Self.aliasesMax {
      var query = DNSQuery(name, type, recursionDesired: true)
      query.timeoutSeconds = 3
      switch await transport.ask(query, of: resolver) {
      case .silent(let why), .forged(let why):
        out.failures.append("\(resolver): \(why)")
        return out
      case .reply(let message, _):
        guard message.rcode == .noError else {
          out.failures.append("\(resolver): \(message.rcode.text)")
          return out
        }
        out.isAnswered = true
        out.addresses = message.answer.filter { $0.type == type }.map(\.data)
        var last = name
        for _ in 0...Self.aliasesMax {
          guard let link = message.answer.first(where: { $0.type == .cname && $0.name == last })
          else { break }
          last = DomainName(wire: link.data)
        }
        guard out.addresses.isEmpty, last != name else { return out }
        name = last
      }
    }
    return out
  }
}
