import FerryCore
import FerryHTTP

/// A zone and every address that serves it.
struct ZoneServers: Equatable, Sendable {
  struct Server: Hashable, Sendable {
    /// nil where the settings give addresses.
    var name: DomainName?
    /// nil when the name server's address is not known: nothing can be said about what it answers.
    var server: DNSServer?
  }
  var zone: DomainName
  var servers: [Server]
  /// What is odd about the delegation.
  var findings: [String] = []
}

/// Finds the zone that holds a name, and its servers.
///
/// From the settings' `nameservers` where they give some; else from the top-level domain downwards by referrals.
/// Resolvers are asked only for names of zones and name servers that exist, never for the name itself nor for one
/// between it and its zone: they would keep the denial of a name about to be created (RFC 2308 §5, RFC 8020 §2).
final class Delegation: Sendable {
  private static let referralsMax = 16
  private static let namesMax = 1000
  private let asking: Asking
  private let zones: [ZoneSettings]
  private let resolvers: [DNSServer]
  /// Whole zones that were found, each worked out once.
  private let known = Locked<[DomainName: Task<ZoneServers, Never>]>([:])

  init(_ asking: Asking, zones: [ZoneSettings], resolvers: [DNSServer]) {
    self.asking = asking
    self.zones = zones.filter { !$0.nameservers.isEmpty }
    self.resolvers = resolvers
  }

  /// What was found, or why nothing was.
  enum Place: Equatable, Sendable {
    case found(ZoneServers)
    case lost(because: String)
  }

  /// The settings' own servers for the closest zone above a name; nil without.
  func given(for name: DomainName) -> ZoneServers? {
    let zone = zones.filter { name.isWithin($0.name) }.max {
      $0.name.text.utf8.count < $1.name.text.utf8.count
    }
    return zone.map { zone in
      ZoneServers(
        zone: zone.name, servers: zone.nameservers.map { .init(name: nil, server: $0) })
    }
  }

  func place(of name: DomainName) async -> Place {
    var current: ZoneServers
    var isTop = false
    if let given = given(for: name) {
      current = given
    } else {
      let labels = name.labels
      let top = labels.count > 1 ? labels.last.map { DomainName(wire: "\($0).") } : .root
      guard let found = await self.top(top ?? .root) else {
        return .lost(
          because: resolvers.isEmpty
            ? "there is no resolver to find the name servers of \(top ?? .root) with"
            : "no resolver (\(resolvers.prefix(3).map(\.description).joined(separator: ", "))) told the name servers of \(top ?? .root)"
        )
      }
      current = found
      isTop = true
    }
    for _ in 0..<Self.referralsMax {
      switch await firstReading(of: name, at: current) {
      case .referral(let message, let zone):
        if let given = given(for: zone), given.zone == zone {
          current = given
        } else {
          current = await whole(Self.glued(zone, message))
        }
        isTop = false
      case .answer:
        if isTop {
          current = await whole(current)
          // Of a top-level domain only a few servers were taken for its parent's list.
          current.findings = []
        }
        return .found(current)
      case .failed, nil:
        guard isTop else { return .found(current) }
        return .lost(because: "no name server of \(current.zone) answered")
      }
    }
    return .lost(because: "more than \(Self.referralsMax) referrals")
  }

  /// The first of a few servers that answers or refers; a failure when none does; nil without addresses.
  private func firstReading(of name: DomainName, at zone: ZoneServers) async -> Reading? {
    var last: Reading?
    for server in zone.servers.compactMap(\.server).prefix(4) {
      let reading = Reading.of(
        await asking.ask(DNSQuery(name, .cname), of: server), about: name, in: zone.zone)
      if case .failed = reading {
        last = last ?? reading
        continue
      }
      return reading
    }
    return last
  }

  /// The servers of a top-level domain or of the root, by the resolvers.
  private func top(_ zone: DomainName) async -> ZoneServers? {
    guard let message = await asking.resolve(zone, .ns, by: resolvers) else { return nil }
    let names = Self.names(message.answer, of: zone)
    guard !names.isEmpty else { return nil }
    var out = ZoneServers(zone: zone, servers: [])
    for name in names.prefix(4) {
      out.servers += await addresses(of: name, glue: message.additional)
      if out.servers.count(where: { $0.server != nil }) >= 4 { break }
    }
    return out
  }

  /// What a referral says: the parent's list of servers, with the addresses that came along.
  private static func glued(_ zone: DomainName, _ message: DNSMessage) -> ZoneServers {
    var out = ZoneServers(zone: zone, servers: [])
    for name in names(message.authority, of: zone) {
      let glue = glue(for: name, in: message.additional)
      out.servers += glue.isEmpty ? [.init(name: name, server: nil)] : glue
    }
    return out
  }

  /// The union of the parent's list and the zone's own, every address of each; worked out once.
  private func whole(_ parent: ZoneServers) async -> ZoneServers {
    let task = known.withLock { known in
      if let task = known[parent.zone] { return task }
      let task = Task { await self.completed(parent) }
      known[parent.zone] = task
      return task
    }
    return await task.value
  }
  private func completed(_ parent: ZoneServers) async -> ZoneServers {
    var out = ZoneServers(zone: parent.zone, servers: [])
    let glue = parent.servers.filter { $0.server != nil }
    let fromParent = Set(parent.servers.compactMap(\.name))
    var start = glue
    if start.isEmpty {
      for name in fromParent.sorted().prefix(3) { start += await addresses(of: name, glue: []) }
    }
    var fromZone: Set<DomainName> = []
    for server in start.compactMap(\.server).prefix(4) {
      let reading = Reading.of(
        await asking.ask(DNSQuery(parent.zone, .ns), of: server), about: parent.zone,
        in: parent.zone)
      guard case .answer(let message, _) = reading else { continue }
      fromZone = Set(Self.names(message.answer, of: parent.zone))
      break
    }
    for name in fromParent.subtracting(fromZone).sorted() where !fromZone.isEmpty {
      out.findings.append("the parent names \(name) as a server of \(out.zone), the zone does not")
    }
    for name in fromZone.subtracting(fromParent).sorted() where !fromParent.isEmpty {
      out.findings.append("\(out.zone) names \(name) as a server, its parent does not")
    }
    let names = Array(fromParent.union(fromZone).sorted().prefix(Self.namesMax))
    let found = await inParallel(names, atMost: 20) { name in
      await self.addresses(of: name, also: glue.filter { $0.name == name })
    }
    for server in found.joined() where !out.servers.contains(server) { out.servers.append(server) }
    return out
  }

  private func addresses(of name: DomainName, glue: [DNSRecord]) async -> [ZoneServers.Server] {
    await addresses(of: name, also: Self.glue(for: name, in: glue))
  }
  /// Every A and AAAA that resolvers give, and those that came as glue.
  private func addresses(of name: DomainName, also glue: [ZoneServers.Server]) async
    -> [ZoneServers.Server]
  {
    var out = glue
    for type in [RRType.a, .aaaa] {
      let message = await asking.resolve(name, type, by: resolvers)
      for record in message?.answer ?? [] where record.type == type {
        let server = ZoneServers.Server(
          name: name, server: DNSServer(address: record.data, port: 53))
        if !out.contains(server) { out.append(server) }
      }
    }
    return out.isEmpty ? [.init(name: name, server: nil)] : out
  }
  private static func glue(for name: DomainName, in records: [DNSRecord]) -> [ZoneServers.Server] {
    records.filter { $0.name == name && ($0.type == .a || $0.type == .aaaa) }.map {
      .init(name: name, server: DNSServer(address: $0.data, port: 53))
    }
  }
  private static func names(_ records: [DNSRecord], of zone: DomainName) -> [DomainName] {
    Set(records.filter { $0.type == .ns && $0.name == zone }.map { DomainName(wire: $0.data) })
      .sorted()
  }
}
