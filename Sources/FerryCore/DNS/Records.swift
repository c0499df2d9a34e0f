/// A record type by its mnemonic, such as `CNAME`; unknown ones are `TYPE65280` (RFC 3597).
public struct RRType: RawRepresentable, Hashable, Comparable, Codable, Sendable,
  ExpressibleByStringLiteral
{
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue.uppercased() }
  public init(stringLiteral value: String) { rawValue = value }
  public static func < (one: RRType, other: RRType) -> Bool { one.rawValue < other.rawValue }

  public static let a: RRType = "A"
  public static let aaaa: RRType = "AAAA"
  public static let cname: RRType = "CNAME"
  public static let https: RRType = "HTTPS"
  public static let ns: RRType = "NS"
  public static let soa: RRType = "SOA"
  public static let txt: RRType = "TXT"
  public static let ds: RRType = "DS"
  public static let dnskey: RRType = "DNSKEY"
  public static let rrsig: RRType = "RRSIG"

  public init(from decoder: any Decoder) throws {
    self.init(rawValue: try decoder.singleValueContainer().decode(String.self))
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    try box.encode(rawValue)
  }
}

/// Which RRset: a name and a type.
public struct RecordKey: Hashable, Comparable, Codable, Sendable {
  public var name: DomainName
  public var rrtype: RRType
  public init(_ name: DomainName, _ rrtype: RRType) {
    self.name = name
    self.rrtype = rrtype
  }
  public static func < (one: RecordKey, other: RecordKey) -> Bool {
    (one.name, one.rrtype) < (other.name, other.rrtype)
  }
}

/// What an RRset holds: a TTL and data, or where a Route 53 alias record points.
public struct RecordValue: Hashable, Codable, Sendable {
  /// - Source: Route 53 API, AliasTarget. CloudFront's hosted zone is Z2FDTNDATAQYW2.
  public struct Alias: Hashable, Codable, Sendable {
    public var hostedZoneId: String
    public var dnsName: DomainName
    public var evaluateTargetHealth: Bool
    public init(hostedZoneId: String, dnsName: DomainName, evaluateTargetHealth: Bool = false) {
      self.hostedZoneId = hostedZoneId
      self.dnsName = dnsName
      self.evaluateTargetHealth = evaluateTargetHealth
    }
    public static let cloudFrontZone = "Z2FDTNDATAQYW2"
  }
  /// Seconds, 0...2_147_483_647 (RFC 2181 §8); nil for an alias record, which has none of its own.
  public var ttl: Int?
  /// Presentation form, names lower case and absolute, sorted; empty for an alias record.
  public var data: [String]
  public var alias: Alias?

  public init(ttl: Int, data: [String]) {
    self.ttl = ttl
    self.data = data.sorted()
  }
  public init(alias: Alias) {
    data = []
    self.alias = alias
  }
}

/// One RRset's compare-and-swap: `from` is what must be there (nil: nothing), `to` what shall be (nil: nothing).
public struct RecordChange: Hashable, Codable, Sendable {
  public var name: DomainName
  public var rrtype: RRType
  public var from: RecordValue?
  public var to: RecordValue?
  public init(_ key: RecordKey, from: RecordValue?, to: RecordValue?) {
    name = key.name
    rrtype = key.rrtype
    self.from = from
    self.to = to
  }
  public var key: RecordKey { RecordKey(name, rrtype) }
  public var inverse: RecordChange { RecordChange(key, from: to, to: from) }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(name, forKey: .name)
    try box.encode(rrtype, forKey: .rrtype)
    try box.encode(from, forKey: .from)
    try box.encode(to, forKey: .to)
  }
}
