import Foundation

/// What was seen of names in DNS: `edgeferry.probe/1`.
public struct Probe: Codable, Equatable, Sendable {
  public var schema = "edgeferry.probe/1"
  public var at: Date
  public var names: [ProbedName]
  public init(at: Date, names: [ProbedName]) {
    self.at = at
    self.names = names
  }
}

public struct ProbedName: Codable, Equatable, Sendable {
  public struct RRset: Codable, Equatable, Sendable {
    public var name: DomainName
    public var type: RRType
    public var ttl: Int
    public var data: [String]
    public init(name: DomainName, type: RRType, ttl: Int, data: [String]) {
      self.name = name
      self.type = type
      self.ttl = ttl
      self.data = data
    }
  }
  public struct Server: Codable, Equatable, Sendable {
    public enum Verdict: String, Codable, Sendable {
      case ok, lame, refused, servfail, timeout, forged, unknown
    }
    public var name: DomainName?
    /// `address:port`
    public var address: String
    public var authoritative: Bool
    public var rcode: RCode?
    /// CNAME, A, AAAA, HTTPS at the name itself.
    public var answers: [RRset]
    public var soaSerial: UInt32?
    /// As a `ServerLook` of the same server has it; for a server of no known address its name stands there.
    public var observedAddress: String? {
      address.isEmpty ? name.map { DNSServer(address: $0.host).description } : address
    }
    public var rttMilliseconds: Double?
    public var verdict: Verdict
    /// nil for none.
    public var extendedErrors: [ExtendedDNSError]?
    public init(
      name: DomainName?, address: String, authoritative: Bool = false, rcode: RCode? = nil,
      answers: [RRset] = [], soaSerial: UInt32? = nil, rttMilliseconds: Double? = nil,
      verdict: Verdict
    ) {
      self.name = name
      self.address = address
      self.authoritative = authoritative
      self.rcode = rcode
      self.answers = answers
      self.soaSerial = soaSerial
      self.rttMilliseconds = rttMilliseconds
      self.verdict = verdict
    }
  }
  /// One CNAME of the chain, as its zone's own servers give it.
  public struct Link: Codable, Equatable, Sendable {
    public var name: DomainName
    public var zone: DomainName
    public var type: RRType
    public var ttl: Int
    public var target: DomainName
    public init(name: DomainName, zone: DomainName, type: RRType, ttl: Int, target: DomainName) {
      self.name = name
      self.zone = zone
      self.type = type
      self.ttl = ttl
      self.target = target
    }
  }
  public struct DNSSEC: Codable, Equatable, Sendable {
    public enum State: String, Codable, Sendable { case signed, insecure, bogus, unknown }
    public var state: State
    public var earliestExpiration: Date?
    public init(state: State, earliestExpiration: Date? = nil) {
      self.state = state
      self.earliestExpiration = earliestExpiration
    }
  }
  public struct Recursive: Codable, Equatable, Sendable {
    public var address: String
    public var rcode: RCode?
    public var answers: [RRset]
    /// Of the RRset at the name itself, seconds.
    public var remainingTTL: Int?
    /// A TTL above or below what the authoritative servers allow, as `floor 300` or `cap 3600`; nil for none seen.
    public var clamp: String?
    public var verdict: String
    /// What two reads, a few seconds apart, show of its caches; nil for nothing odd.
    public var habits: [Habit]?
    /// nil for none.
    public var extendedErrors: [ExtendedDNSError]?
    public enum Habit: String, Codable, Sendable {
      /// The TTL does not count down: whoever asks later keeps the answer for as long again.
      case fixedTTL = "fixed-ttl"
      /// One address is many caches: the remaining TTL rises or jumps from read to read.
      case manyCaches = "many-caches"
      /// It keeps answers longer, or less long, than the servers allow.
      case raisesTTL = "raises-ttl"
      case cutsTTL = "cuts-ttl"
    }
    /// Whether an old copy may outlive the time that it shows.
    public var outlivesTTL: Bool { habits?.contains { $0 != .cutsTTL } ?? false }
    public init(
      address: String, rcode: RCode? = nil, answers: [RRset] = [], remainingTTL: Int? = nil,
      clamp: String? = nil, verdict: String
    ) {
      self.address = address
      self.rcode = rcode
      self.answers = answers
      self.remainingTTL = remainingTTL
      self.clamp = clamp
      self.verdict = verdict
    }
  }
  public var name: DomainName
  /// The zone that holds it: nil when no zone cut was found.
  public var zone: DomainName?
  public var servers: [Server]
  public var chain: [Link]
  /// Why nobody knows what follows the last link; nil where the chain ends.
  public var chainUnknown: String?
  /// The wire TTL of the SOA in a real negative answer, the largest over all servers; seconds.
  public var negativeTTL: Int?
  public var dnssec: DNSSEC
  public var recursives: [Recursive]
  public var verdict: String
  /// What the verdict was deduced from.
  public var because: [String]
  /// REFRESH, RETRY and EXPIRE of the zone's SOA, seconds; nil when no server gave it.
  public var soa: SOATimers?
  public struct SOATimers: Codable, Equatable, Sendable {
    public var refresh: Int
    public var retry: Int
    public var expire: Int
    public var minimum: Int
    public init(refresh: Int, retry: Int, expire: Int, minimum: Int) {
      self.refresh = refresh
      self.retry = retry
      self.expire = expire
      self.minimum = minimum
    }
  }
  public init(
    name: DomainName, zone: DomainName?, servers: [Server] = [], chain: [Link] = [],
    negativeTTL: Int? = nil, dnssec: DNSSEC = DNSSEC(state: .unknown), recursives: [Recursive] = [],
    verdict: String, because: [String] = [], soa: SOATimers? = nil
  ) {
    self.name = name
    self.zone = zone
    self.servers = servers
    self.chain = chain
    self.negativeTTL = negativeTTL
    self.dnssec = dnssec
    self.recursives = recursives
    self.verdict = verdict
    self.because = because
    self.soa = soa
  }
}

/// Whether names have moved: `edgeferry.verdict/1`.
public struct CutoverVerdict: Codable, Equatable, Sendable {
  public enum DNS: String, Codable, Sendable {
    case changed
    case notYet = "not-yet"
    /// k of n servers.
    case disagree
    case splitByFamily = "split-by-family"
    case overriddenByView = "overridden-by-view"
    case bogus
    case negativeCached = "negative-cached"
    case unknown
  }
  public enum Serving: String, Codable, Sendable { case target, source, mixed, neither, unknown }
  public struct Name: Codable, Equatable, Sendable {
    public var name: DomainName
    public var dns: DNS
    public var serving: Serving
    /// Both DNS and traffic have moved (rule 7).
    public var cutOver: Bool
    public var because: [String]
    public init(name: DomainName, dns: DNS, serving: Serving, because: [String]) {
      self.name = name
      self.dns = dns
      self.serving = serving
      cutOver = dns == .changed && serving == .target
      self.because = because
    }
  }
  public struct Difference: Codable, Equatable, Sendable {
    public var path: String
    public var source: String?
    public var target: String?
    /// The move itself makes them differ there; anything else is a failure.
    public var expected: Bool
    public var reason: String?
    public init(
      path: String, source: String?, target: String?, expected: Bool, reason: String? = nil
    ) {
      self.path = path
      self.source = source
      self.target = target
      self.expected = expected
      self.reason = reason
    }
  }
  public var schema = "edgeferry.verdict/1"
  public var names: [Name]
  public var differences: [Difference]
  public init(names: [Name], differences: [Difference] = []) {
    self.names = names
    self.differences = differences
  }
}

// What could not be observed is there as null: a script need not tell a missing key from an unknown value. Habits,
// extended errors and unknown ends of chains came later and are left out where there are none, so that older plans keep their digests.

extension CutoverVerdict.Difference {
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(path, forKey: .path)
    try box.encode(source, forKey: .source)
    try box.encode(target, forKey: .target)
    try box.encode(expected, forKey: .expected)
    try box.encode(reason, forKey: .reason)
  }
}
extension ProbedName {
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(name, forKey: .name)
    try box.encode(zone, forKey: .zone)
    try box.encode(servers, forKey: .servers)
    try box.encode(chain, forKey: .chain)
    try box.encodeIfPresent(chainUnknown, forKey: .chainUnknown)
    try box.encode(negativeTTL, forKey: .negativeTTL)
    try box.encode(dnssec, forKey: .dnssec)
    try box.encode(recursives, forKey: .recursives)
    try box.encode(verdict, forKey: .verdict)
    try box.encode(because, forKey: .because)
    try box.encode(soa, forKey: .soa)
  }
}
extension ProbedName.Server {
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(name, forKey: .name)
    try box.encode(address, forKey: .address)
    try box.encode(authoritative, forKey: .authoritative)
    try box.encode(rcode, forKey: .rcode)
    try box.encode(answers, forKey: .answers)
    try box.encode(soaSerial, forKey: .soaSerial)
    try box.encode(rttMilliseconds, forKey: .rttMilliseconds)
    try box.encode(verdict, forKey: .verdict)
    try box.encodeIfPresent(extendedErrors, forKey: .extendedErrors)
  }
}
extension ProbedName.DNSSEC {
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(state, forKey: .state)
    try box.encode(earliestExpiration, forKey: .earliestExpiration)
  }
}
extension ProbedName.Recursive {
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(address, forKey: .address)
    try box.encode(rcode, forKey: .rcode)
    try box.encode(answers, forKey: .answers)
    try box.encode(remainingTTL, forKey: .remainingTTL)
    try box.encode(clamp, forKey: .clamp)
    try box.encode(verdict, forKey: .verdict)
    try box.encodeIfPresent(habits, forKey: .habits)
    try box.encodeIfPresent(extendedErrors, forKey: .extendedErrors)
  }
}
