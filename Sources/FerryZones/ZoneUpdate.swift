import FerryCore
import FerryDNS

/// What a change is as one dynamic update: prerequisites that hold only while nobody else has touched the
/// records, deletions, then additions.
///
/// - Source: RFC 2136 §2.4, §3.2, §5.7.
enum ZoneUpdate {
  /// - Parameter soa: the zone's SOA as read, which guards everything that a value alone does not, TTLs above all.
  static func message(_ changes: [RecordChange], zone: DomainName, soa: String?) -> DNSUpdate {
    var prerequisites: [DNSUpdate.Prerequisite] = []
    if let soa { prerequisites.append(.holds(RecordKey(zone, .soa), data: [soa])) }
    for change in changes {
      if let from = change.from {
        prerequisites.append(.holds(change.key, data: from.data))
      } else {
        prerequisites.append(.absent(change.key))
      }
    }
    prerequisites += neighbours(changes).map { .absent($0) }
    let real = changes.filter { $0.from != $0.to }
    let removals = real.filter { $0.from != nil }.map { DNSUpdate.Change.removeAll($0.key) }
    let additions = real.flatMap { change in
      (change.to?.data ?? []).map {
        DNSUpdate.Change.add(change.key, ttl: change.to?.ttl ?? 0, data: $0)
      }
    }
    return DNSUpdate(zone: zone, prerequisites: prerequisites, changes: removals + additions)
  }

  /// Types that would keep a CNAME out of their name, and that a zone of today may hold.
  static let companions: [RRType] = [
    .a, .aaaa, .txt, "MX", "CAA", .https, "SVCB", "SRV", .ns, "PTR", "NAPTR", "SSHFP", "TLSA",
    "DNAME", "SPF", "LOC",
  ]

  /// What must not be at the names of the change, lest a server ignore an addition and still say NOERROR: a CNAME
  /// beside other data is ignored, and so are other data beside a CNAME (RFC 2136 §3.4.2.2). The removals of the
  /// same update would happen all the same, and leave the name empty.
  static func neighbours(_ changes: [RecordChange]) -> [RecordKey] {
    var out: [RecordKey] = []
    let given = Set(changes.map(\.key))
    for change in changes where change.to != nil && change.from == nil {
      let types = change.rrtype == .cname ? companions : [.cname]
      for type in types {
        let key = RecordKey(change.name, type)
        if !given.contains(key), !out.contains(key) { out.append(key) }
      }
    }
    return out
  }
}
