import FerryCommand
import FerryCore
import FerryDNS
import FerryReport

/// Whether the servers that the settings name can be reached, each way that is used.
extension Doctor {
  /// One question to one server, one way.
  struct Ask: Sendable {
    var server: DNSServer
    var transport: DNSQuery.Transport
    var zone: DomainName?
    var way: String {
      switch server.transport {
      case .https: "DoH"
      case .tls: "TLS"
      case .udp: "\(server.port)/\(transport == .udp ? "udp" : "tcp")"
      }
    }
  }

  func dns() async -> [Check] {
    let engine: any DNSTransport
    do throws(FerryError) {
      engine = try context.dnsTransport()
    } catch {
      return [Check("dns", error: error)]
    }
    let asks = Self.asks(
      resolvers: context.resolvers,
      zones: context.settings.zones.map {
        ($0.name, $0.nameservers + ($0.server.map { [$0] } ?? []))
      })
    guard !asks.isEmpty else {
      return [
        Check(
          "dns", .warning, "neither the settings nor this machine name a resolver",
          next: "name some under resolvers:")
      ]
    }
    return await withTaskGroup(of: (Int, Check).self) { group in
      for (index, ask) in asks.enumerated() {
        group.addTask { (index, await Self.check(ask, engine)) }
      }
      var all: [Int: Check] = [:]
      for await (index, check) in group { all[index] = check }
      return asks.indices.compactMap { all[$0] }
    }
  }
  /// Each server once for each way; encrypted ones have one way alone.
  static func asks(resolvers: [DNSServer], zones: [(DomainName, [DNSServer])]) -> [Ask] {
    var out: [Ask] = []
    func add(_ server: DNSServer, _ zone: DomainName?) {
      let ways: [DNSQuery.Transport] = server.transport == .udp ? [.udp, .tcp] : [.udp]
      for way in ways { out.append(Ask(server: server, transport: way, zone: zone)) }
    }
    for server in resolvers { add(server, nil) }
    for (zone, servers) in zones {
      var seen: Set<DNSServer> = []
      for server in servers where seen.insert(server).inserted { add(server, zone) }
    }
    return out
  }

  static func check(_ ask: Ask, _ engine: any DNSTransport) async -> Check {
    var query = DNSQuery(
      ask.zone ?? .root, ask.zone == nil ? .ns : .soa, recursionDesired: ask.zone == nil)
    query.transport = ask.transport
    let what = ask.zone.map { "server \(ask.server) of \($0)" } ?? "resolver \(ask.server)"
    switch await engine.ask(query, of: ask.server) {
    case .reply(let message, let milliseconds):
      let says = "\(what) answers over \(ask.way) in \(Int(milliseconds.rounded())) ms"
      let isRight = ask.zone == nil || message.isAuthoritative
      return isRight
        ? Check("dns", .ok, says)
        : Check(
          "dns", .failed, "\(says), without authority for the zone",
          next: "correct nameservers: of the zone in the settings")
    case .silent(let because), .forged(let because):
      return Check(
        "dns", ask.zone == nil && ask.transport == .tcp ? .warning : .failed,
        "\(what) does not answer over \(ask.way): \(because)",
        next:
          "open \(ask.way) to \(ask.server.address) in the firewall, or name another server in the settings"
      )
    }
  }
}
