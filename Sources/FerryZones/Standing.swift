import FerryCore

/// Where the records of a change stand: as it expects them, as it leaves them, or neither.
enum Standing: Equatable {
  case before
  case after
  /// What differs from what was planned against; never empty.
  case other([String])

  /// - Parameter found: what was read; a key that is missing has no record.
  init(_ changes: [RecordChange], found: [RecordKey: RecordValue]) {
    if changes.allSatisfy({ Self.same(found[$0.key], $0.from) }) {
      self = .before
    } else if changes.allSatisfy({ Self.same(found[$0.key], $0.to) }) {
      self = .after
    } else {
      let moved = changes.filter { !Self.same(found[$0.key], $0.from) }
      self = .other(
        moved.map {
          "\($0.name) \($0.rrtype.rawValue) holds \(Self.text(found[$0.key])), not \(Self.text($0.from))"
        })
    }
  }
  private static func same(_ one: RecordValue?, _ other: RecordValue?) -> Bool {
    one?.ttl == other?.ttl && one?.alias == other?.alias
      && one?.data.sorted() == other?.data.sorted()
  }

  /// A value as a person reads it.
  static func text(_ value: RecordValue?) -> String {
    guard let value else { return "nothing" }
    if let alias = value.alias {
      let health = alias.evaluateTargetHealth ? " (evaluates its health)" : ""
      return "an alias of \(alias.dnsName) in \(alias.hostedZoneId)\(health)"
    }
    return "\(oneLine(value.data.joined(separator: ", "))) with a TTL of \(value.ttl ?? 0) s"
  }
}

/// Without control characters: data come from DNS, and a line of ours must stay one line.
func oneLine(_ text: String) -> String {
  String(
    String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }))
}

extension FerryError {
  /// Nothing was written, since something else is there.
  static func recordMoved(_ zone: DomainName, _ differences: [String]) -> FerryError {
    FerryError(
      .recordMoved, exit: .stale, what: "could not change the records of \(zone)",
      why: differences.joined(separator: "; "),
      next: "nothing was written; find out who changed them, then plan again")
  }
}

extension RecordChange {
  /// Refuses what no provider can do.
  /// - Throws: `apex-cname` (64), `outside-zone` (64), `ttl-out-of-range` (64).
  static func check(_ changes: [RecordChange], in zone: DomainName) throws(FerryError) {
    for change in changes {
      guard change.name.isWithin(zone) else {
        throw .badInput(
          "outside-zone", what: "could not change \(change.name)",
          why: "it is not in the zone \(zone)", next: "name the zone that holds it")
      }
      if change.rrtype == .cname, change.name == zone, change.to != nil {
        throw .badInput(
          "apex-cname", what: "could not put a CNAME at \(zone)",
          why: "a zone's own name has SOA and NS, and a CNAME stands alone (RFC 1034 §3.6.2)",
          next:
            "use a Route 53 alias, the provider's ALIAS or ANAME, or A and AAAA records with fixed addresses"
        )
      }
      if let ttl = change.to?.ttl, !(0...2_147_483_647).contains(ttl) {
        throw .badInput(
          "ttl-out-of-range", what: "could not change \(change.name)",
          why: "the TTL \(ttl) is not 0 to 2147483647 seconds (RFC 2181 §8)",
          next: "give a TTL in that range")
      }
    }
  }
}
