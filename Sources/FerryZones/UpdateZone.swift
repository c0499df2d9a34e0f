import FerryCore
import FerryDNS

/// A zone that is changed by dynamic update (RFC 2136) at its primary.
///
/// Every write is guarded: each RRset must hold what the plan says, and the SOA must be the one just read, since
/// a prerequisite on values ignores the TTL. A server answers NOERROR to additions that it ignores, so the records
/// are read back before the change counts as made.
public struct UpdateZone: ZoneEditor {
  public let provider = "rfc2136"
  private let zone: DomainName
  private let server: DNSServer
  private let key: TSIGKey?
  private let dns: any DNSTransport
  private let updates: any UpdateTransport
  static let triesMax = 4

  /// - Parameters:
  ///   - server: the zone's primary; asked over TCP.
  ///   - key: nil sends updates without a signature.
  public init(
    _ zone: DomainName, server: DNSServer, key: TSIGKey?, dns: any DNSTransport,
    updates: any UpdateTransport
  ) {
    self.zone = zone
    self.server = server
    self.key = key
    self.dns = dns
    self.updates = updates
  }

  public func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    var out: [RecordKey: RecordValue] = [:]
    for key in keys where out[key] == nil { out[key] = try await value(of: key) }
    return out
  }

  /// An answer shows no difference between a record and a wildcard's, and a prerequisite does: it is met by records
  /// of the zone alone. The update that asks has nothing to change.
  ///
  /// - Source: RFC 2136 §3.2; RFC 4592 §2.2: only answers are synthesized.
  public func own(_ keys: [RecordKey]) async throws(FerryError) -> Set<RecordKey>? {
    var out: Set<RecordKey> = []
    for key in Set(keys) {
      let asking = DNSUpdate(zone: zone, prerequisites: [.exists(key)], changes: [])
      // Not everybody who may plan may update.
      switch try? await send(asking) {
      case .noError: out.insert(key)
      case .nxRRset, .nxDomain: break
      default: return nil
      }
    }
    return out
  }

  private func value(of key: RecordKey) async throws(FerryError) -> RecordValue? {
    var query = DNSQuery(key.name, key.rrtype)
    query.key = key
    query.transport = .tcp
    func nothing(_ why: String) -> FerryError {
      FerryError(
        .noAnswer, what: "could not read \(key.name) \(key.rrtype.rawValue) at \(server)", why: why,
        next: "see whether server: in the settings is the primary of \(zone)")
    }
    let message: DNSMessage
    switch await dns.ask(query, of: server) {
    case .reply(let reply, _): message = reply
    case .silent(let because), .forged(let because): throw nothing(because)
    }
    guard message.rcode == .noError || message.rcode == .nxDomain else {
      throw nothing("it answers \(message.rcode.text)")
    }
    guard message.isAuthoritative else { throw nothing("its answer is not authoritative") }
    let records = message.answer.filter { $0.name == key.name && $0.type == key.rrtype }
    // RFC 2181 §5.2: one RRset has one TTL; where a server breaks that, the lowest.
    guard let ttl = records.map(\.ttl).min() else { return nil }
    return RecordValue(ttl: Int(ttl), data: records.map(\.data))
  }

  public func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try RecordChange.check(changes, in: zone)
    if let change = changes.first(where: { $0.to?.alias != nil || $0.from?.alias != nil }) {
      throw .badInput(
        "no-alias", what: "could not change \(change.name) \(change.rrtype.rawValue)",
        why: "alias records exist in Route 53 alone, and \(zone) is changed by dynamic update",
        next: "use a CNAME, or addresses")
    }
    let keys = changes.map(\.key)
    let soaKey = RecordKey(zone, .soa)
    var guarded = true
    var soaBefore: RecordValue?
    for _ in 0..<Self.triesMax {
      let found = try await read(keys + [soaKey])
      guard let soa = found[soaKey], let text = soa.data.first else {
        throw FerryError(
          .noAnswer, what: "could not change the records of \(zone)",
          why: "\(server) answers no SOA for it", next: "correct server: in the settings")
      }
      switch Standing(changes, found: found) {
      // Ours, when an answer was lost: sent again it would meet NXRRSET.
      case .after: return ""
      case .other(let differences): throw .recordMoved(zone, differences)
      case .before: break
      }
      if let soaBefore, soaBefore.data == soa.data {
        // Nobody touched the zone, and yet a prerequisite failed.
        guard guarded else { throw try await conflict(changes) }
        // A signer in line keeps another SOA than it serves; values are compared all the same.
        guarded = false
      }
      soaBefore = soa
      let update = ZoneUpdate.message(changes, zone: zone, soa: guarded ? text : nil)
      let rcode = try await send(update)
      switch rcode {
      case .noError:
        try await readBack(changes)
        return ""
      case .nxRRset, .yxRRset, Self.yxDomain: continue
      default: throw refused(rcode)
      }
    }
    throw FerryError(
      .noAnswer, what: "could not change the records of \(zone)",
      why: "somebody else changed the zone at each of \(Self.triesMax) tries",
      next: "run the same command again when the zone is quiet")
  }
  private static let yxDomain = RCode(rawValue: 6)

  private func send(_ update: DNSUpdate) async throws(FerryError) -> RCode {
    try await updates.send(update, key: key, to: server)
  }

  public func isInSync(_ change: String) async throws(FerryError) -> Bool? { nil }
  public func ticket(_ changes: [RecordChange]) -> String? { nil }

  /// An answer of NOERROR proves nothing; what can't be read now is left to the runner's own look.
  private func readBack(_ changes: [RecordChange]) async throws(FerryError) {
    guard let found = try? await read(changes.map(\.key)) else { return }
    guard Standing(changes, found: found) == .before, changes.contains(where: { $0.from != $0.to })
    else { return }
    throw FerryError(
      "update-ignored", what: "could not change the records of \(zone)",
      why: "\(server) answered NOERROR and changed nothing (RFC 2136 §3.4.2.2)",
      next:
        "see its log: a policy of the server may filter updates, or it may not be the zone's primary"
    )
  }

  /// Why a prerequisite failed though the records read as planned.
  private func conflict(_ changes: [RecordChange]) async throws(FerryError) -> FerryError {
    let there = try await read(ZoneUpdate.neighbours(changes)).keys.sorted()
    if !there.isEmpty {
      let names = there.map { "\($0.name) \($0.rrtype.rawValue)" }.joined(separator: ", ")
      return FerryError(
        "name-in-use", exit: .blocked, what: "could not change the records of \(zone)",
        why: "a CNAME stands alone (RFC 1034 §3.6.2), and there is \(names)",
        next: "nothing was written; have those records removed or plan without them")
    }
    return FerryError(
      "prerequisite", exit: .blocked, what: "could not change the records of \(zone)",
      why:
        "\(server) refuses the prerequisites though it answers what was planned: the answer may come from a wildcard or a view, or the server may keep another zone than it serves",
      next: "nothing was written; compare the zone's own data with its answers")
  }

  private func refused(_ rcode: RCode) -> FerryError {
    func error(_ exit: ExitCode, _ why: String, _ next: String) -> FerryError {
      FerryError(
        "update-refused", exit: exit, what: "could not change the records of \(zone)",
        why: "\(server) answered \(rcode.text): \(why)", next: next)
    }
    switch rcode {
    case .refused, .notAuth:
      return error(
        .denied,
        key == nil
          ? "it takes no unsigned updates of this zone from here"
          : "the key may not update this zone, or the server is not authoritative for it",
        "nothing was written; have the key allowed (BIND: allow-update or update-policy), or correct zones: in the settings"
      )
    case .notZone, .notImp, .formErr:
      return error(
        .failed, "it does not take this update", "nothing was written; see the server's log")
    default:
      // SERVFAIL may have been met half-way: what came of it is for a read to tell.
      return FerryError(
        .noAnswer, what: "could not change the records of \(zone)",
        why: "\(server) answered \(rcode.text)", next: "see the server's log")
    }
  }
}
