import FerryCore

/// One look at DNS through sockets, as the runner's checks and the planner need it.
///
/// A Route 53 alias record has no RRset of its own on the wire: the value for its key is what is answered, addresses
/// with the TTL that the service gives. Whoever compares must know that an alias was written.
/// - Source: reliability bar B4: at most 20 queries in flight; facts 9.2: TCP for what gates a step.
public struct LiveNames: NameObserver {
  private static let inFlightMax = 20
  private let transport: any DNSTransport
  private let zones: [ZoneSettings]
  private let resolvers: [DNSServer]

  public init(_ transport: any DNSTransport, zones: [ZoneSettings], resolvers: [DNSServer]) {
    self.transport = transport
    self.zones = zones
    self.resolvers = resolvers
  }

  /// - Throws: `no-answer` when the servers of the zone cannot be found.
  public func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError)
    -> [ServerLook]
  {
    // Each look begins anew: a server that was silent then may answer now.
    let asking = Asking(transport)
    let place: ZoneServers
    switch await Delegation(asking, zones: zones, resolvers: resolvers).place(of: zone) {
    case .found(let found): place = found
    case .lost(let because):
      throw FerryError(
        .noAnswer, what: "could not ask the servers of \(zone)", why: because,
        next:
          "name them under zones.\(zone.host).nameservers in edgeferry.yaml, or check the network")
    }
    guard place.zone == zone else {
      throw FerryError(
        .noAnswer, what: "could not ask the servers of \(zone)",
        why: "it is no zone of its own: \(place.zone) holds it",
        next: "correct the zone's name in edgeferry.yaml")
    }
    let questions = keys.flatMap { key in place.servers.map { (key, $0) } }
    return await inParallel(questions, atMost: Self.inFlightMax) { key, server in
      guard let address = server.server else {
        return ServerLook(
          server: DNSServer(address: server.name?.host ?? ""), serverName: server.name, key: key,
          answer: .unknown(because: "no address is known for the name server"))
      }
      var query = DNSQuery(key.name, key.rrtype)
      query.transport = .tcp
      return ServerLook(
        server: address, serverName: server.name, key: key,
        answer: Self.authoritative(await asking.ask(query, of: address), key, in: zone))
    }
  }

  public func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook] {
    let asking = Asking(transport)
    // One public address is many caches: each read may reach another, and the caller takes the worst.
    let questions = keys.flatMap { key in
      resolvers.flatMap {
        [(RecordKey, DNSServer)](repeating: (key, $0), count: Prober.reads(of: $0))
      }
    }
    return await inParallel(questions, atMost: Self.inFlightMax) { key, resolver in
      let outcome = await asking.ask(
        DNSQuery(key.name, key.rrtype, recursionDesired: true), of: resolver)
      return Self.recursive(outcome, key, resolver)
    }
  }

  static func authoritative(_ outcome: DNSOutcome, _ key: RecordKey, in zone: DomainName)
    -> ServerLook.Answer
  {
    switch Reading.of(outcome, about: key.name, in: zone) {
    case .answer(let message, _): answer(message, key)
    case .referral(_, let below): .unknown(because: "it refers to \(below)")
    case .failed(let verdict, let because, _, _):
      .unknown(because: "\(verdict.rawValue): \(because)")
    }
  }
  static func recursive(_ outcome: DNSOutcome, _ key: RecordKey, _ resolver: DNSServer)
    -> ResolverLook
  {
    func unknown(_ because: String) -> ResolverLook {
      ResolverLook(resolver: resolver, key: key, answer: .unknown(because: because))
    }
    switch outcome {
    case .silent(let because): return unknown("timeout: \(because)")
    case .forged(let because): return unknown("forged: \(because)")
    case .reply(let message, _):
      guard message.rcode == .noError || message.rcode == .nxDomain else {
        return unknown("it answers \(message.rcode.text)")
      }
      return ResolverLook(
        resolver: resolver, key: key, answer: answer(message, key), isStale: message.isStale)
    }
  }
  /// The RRset of that type at the name itself; a CNAME there means that there is no other.
  private static func answer(_ message: DNSMessage, _ key: RecordKey) -> ServerLook.Answer {
    let sets = RRsets(message.answer, at: key.name)
    guard !sets.hasBadTTL else {
      return .unknown(because: sets.findings.first ?? "its TTL is above 2147483647")
    }
    guard let set = sets.sets[key.rrtype] else {
      return .absent(negativeTTL: message.negativeTTL(of: key).flatMap(Int.init(exactly:)))
    }
    return .value(RecordValue(ttl: set.ttl, data: set.data))
  }
}
