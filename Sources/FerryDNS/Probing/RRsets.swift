import FerryCore

/// Records as RRsets, with what is odd about them.
struct RRsets: Equatable {
  /// RFC 2181 §8: 31 bits. Resolvers disagree about more: Unbound takes 0, BIND a week (facts F1.6).
  static let ttlMax: UInt32 = 2_147_483_647

  /// One for each type, its TTL the highest that any of its records has; data sorted.
  var sets: [ProbedName.RRset] = []
  var findings: [String] = []
  /// A TTL above 2^31-1 is an error: nothing can be computed from it.
  var hasBadTTL = false

  /// The RRsets at one name. Signatures are no data of their own.
  init(_ records: [DNSRecord], at name: DomainName, types: [RRType]? = nil) {
    var byType: [RRType: [DNSRecord]] = [:]
    for record in records where record.name == name && record.type != .rrsig {
      if let types, !types.contains(record.type) { continue }
      byType[record.type, default: []].append(record)
    }
    for (type, records) in byType.sorted(by: { $0.key < $1.key }) {
      let ttls = Set(records.map(\.ttl)).sorted()
      let highest = ttls.last ?? 0
      if highest > Self.ttlMax {
        hasBadTTL = true
        findings.append(
          "the TTL \(highest) of \(name) \(type.rawValue) is above 2147483647, and resolvers disagree about what that means"
        )
      }
      if ttls.count > 1 {
        findings.append(
          "\(name) \(type.rawValue) comes with different TTLs (\(ttls.map(String.init).joined(separator: ", "))); the highest counts"
        )
      }
      sets.append(
        .init(name: name, type: type, ttl: Int(highest), data: Set(records.map(\.data)).sorted()))
      if type == .cname, Set(records.map(\.data)).count > 1 {
        findings.append("\(name) has more than one CNAME, which no zone may")
      }
    }
  }
}

extension [ProbedName.RRset] {
  subscript(_ type: RRType) -> ProbedName.RRset? { first { $0.type == type } }
  /// Where the CNAME at the name points.
  var target: DomainName? { self[.cname]?.data.first.map(DomainName.init(wire:)) }
  /// The same data, whatever the TTLs.
  func holdsSame(as other: [ProbedName.RRset]) -> Bool {
    Set(map { [$0.type.rawValue] + $0.data }) == Set(other.map { [$0.type.rawValue] + $0.data })
  }
  /// In one line, for a person.
  var words: String {
    isEmpty
      ? "nothing"
      : map { "\($0.type.rawValue) \($0.data.joined(separator: " "))" }.joined(separator: ", ")
  }
}

/// REFRESH, RETRY, EXPIRE and MINIMUM of an SOA, and its serial.
struct SOAFields: Equatable {
  var serial: UInt32
  var timers: ProbedName.SOATimers

  /// - Parameter data: `mname rname serial refresh retry expire minimum`; nil for anything else.
  init?(_ data: String) {
    let fields = data.split(separator: " ")
    let numbers = fields.dropFirst(2).compactMap { UInt32($0) }
    guard fields.count == 7, numbers.count == 5 else { return nil }
    serial = numbers[0]
    timers = .init(
      refresh: Int(numbers[1]), retry: Int(numbers[2]), expire: Int(numbers[3]),
      minimum: Int(numbers[4]))
  }
}
