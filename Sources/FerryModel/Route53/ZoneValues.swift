import FerryCore
import Foundation

/// One resource record set of a hosted zone, as it was sent.
public struct ModelRecordSet: Equatable, Sendable {
  public var name: DomainName
  public var type: RRType
  /// Seconds; nil for an alias record.
  public var ttl: Int?
  /// In the order given, as Route 53 gives them back; empty for an alias record.
  public var values: [String] = []
  public var alias: RecordValue.Alias?

  public var key: RecordKey { RecordKey(name, type) }
  /// Whether both are the same to Route 53, which asks a DELETE for the TTL and every value, in any order; a name
  /// is the same with its last dot and without.
  func matches(_ other: ModelRecordSet) -> Bool {
    func plain(_ it: ModelRecordSet) -> [String] {
      it.values.map { RecordData.presentation($0, it.type) }.sorted()
    }
    return key == other.key && ttl == other.ttl && alias == other.alias
      && plain(self) == plain(other)
  }
}

/// The record sets of a zone at one time.
struct ZoneData: Equatable, Sendable {
  /// Where Route 53 lists a set: by the labels in reverse, then by type.
  struct Place: Comparable, Sendable {
    var name: String
    var key: RecordKey
    static func < (one: Place, other: Place) -> Bool {
      (one.name, one.key.rrtype) < (other.name, other.key.rrtype)
    }
  }
  private(set) var sets: [DomainName: [RRType: ModelRecordSet]] = [:]
  /// How many sets stand at a name or below it: names between are there too, without records.
  private var weights: [DomainName: Int] = [:]
  /// Sorted.
  private(set) var places: [Place] = []

  var count: Int { places.count }
  func exists(_ name: DomainName) -> Bool { weights[name] != nil }
  subscript(key: RecordKey) -> ModelRecordSet? { sets[key.name]?[key.rrtype] }
  var ordered: [ModelRecordSet] { places.compactMap { self[$0.key] } }

  mutating func put(_ it: ModelRecordSet) {
    guard sets[it.name, default: [:]].updateValue(it, forKey: it.type) == nil else { return }
    weigh(it.name, 1)
    let place = Self.place(it.key)
    places.insert(place, at: index(of: place))
  }
  mutating func remove(_ key: RecordKey) {
    guard sets[key.name]?.removeValue(forKey: key.rrtype) != nil else { return }
    if sets[key.name]?.isEmpty == true { sets[key.name] = nil }
    weigh(key.name, -1)
    places.remove(at: index(of: Self.place(key)))
  }
  private mutating func weigh(_ name: DomainName, _ by: Int) {
    var here: DomainName? = name
    while let it = here {
      let weight = weights[it, default: 0] + by
      weights[it] = weight > 0 ? weight : nil
      here = it.parent
    }
  }
  /// The first place that is not before this one.
  func index(of place: Place) -> Int {
    var low = 0
    var high = places.count
    while low < high {
      let middle = (low + high) / 2
      if places[middle] < place { low = middle + 1 } else { high = middle }
    }
    return low
  }
  /// - Source: API reference of ListResourceRecordSets: names are sorted with their labels reversed, the last
  ///   dot included.
  static func place(_ key: RecordKey) -> Place {
    Place(name: reversed(key.name), key: key)
  }
  static func reversed(_ name: DomainName) -> String {
    Route53.escaped(name).split(separator: ".").reversed().joined(separator: ".") + "."
  }
}

/// A hosted zone as the model holds it.
public struct ModelZone: Sendable {
  public struct VPC: Equatable, Sendable {
    public var region: String
    public var id: String
  }
  struct Version: Sendable {
    var at: Date
    var data: ZoneData
  }
  public let id: String
  public let account: AccountID
  public let name: DomainName
  public let callerReference: String
  public internal(set) var comment: String?
  public let isPrivate: Bool
  /// Of a private zone.
  public internal(set) var vpcs: [VPC] = []
  /// Its name servers, in the order in which they have turns.
  public let nameServers: [DomainName]
  public internal(set) var tags: [String: String] = [:]
  /// What was in force from when, oldest first; what no server can have any more is dropped.
  var versions: [Version]

  var data: ZoneData { versions[versions.count - 1].data }
  /// In Route 53's order.
  public var records: [ModelRecordSet] { data.ordered }
}

/// A change of a zone on its way to the name servers.
struct ModelChange: Sendable {
  var id: String
  var account: AccountID
  var zone: String
  var at: Date
  var comment: String?
}

/// What the API's documents have in common.
enum Route53 {
  static let namespace = "https://route53.amazonaws.com/doc/2013-04-01/"
  /// The types that a record set may have.
  /// - Source: botocore 1.43.11, Route 53 2013-04-01, RRType.
  static let types: Set<String> = [
    "SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS",
    "TLSA", "SSHFP", "SVCB", "HTTPS",
  ]
  /// CloudFront's hosted zone, the same for every distribution.
  static let cloudFrontName = DomainName(wire: "cloudfront.net.")

  /// A name as Route 53 writes it: `*` and other octets that are no plain characters as `\052`.
  static func escaped(_ name: DomainName) -> String {
    guard name.text.utf8.contains(0x2A) else { return name.text }
    return name.text.replacingOccurrences(of: "*", with: "\\052")
  }
  /// A name as a client writes it: with or without the last dot, `*` or `\052`.
  ///
  /// - Throws: the part of Route 53's message that says what is wrong.
  static func name(_ text: String) throws(NameProblem) -> DomainName {
    let plain = text.replacingOccurrences(of: "\\052", with: "*").lowercased()
    let bare = plain.hasSuffix(".") ? String(plain.dropLast()) : plain
    func problem(_ code: String, _ what: String) -> NameProblem {
      NameProblem(text: "FATAL problem: \(code) (\(what)) encountered with '\(text)'")
    }
    guard !bare.isEmpty else { throw problem("DomainNameEmpty", "Domain name is empty") }
    guard bare.utf8.count <= 254 else {
      throw problem("DomainNameTooLong", "Domain name is too long")
    }
    for label in bare.split(separator: ".", omittingEmptySubsequences: false) {
      guard !label.isEmpty else {
        throw problem("DomainLabelEmpty", "Domain label is empty")
      }
      guard label.utf8.count <= 63 else {
        throw problem("DomainLabelTooLong", "Domain label is too long")
      }
      guard label.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\\\"();@$".utf8.contains($0) })
      else { throw problem("UnsupportedCharacter", "Value contains unsupported characters") }
    }
    return DomainName(wire: bare + ".")
  }
  struct NameProblem: Error { var text: String }

  /// An id without the prefix that replies carry.
  static func bare(_ id: String) -> String { id.split(separator: "/").last.map(String.init) ?? id }
}
