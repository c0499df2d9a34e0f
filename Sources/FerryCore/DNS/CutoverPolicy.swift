/// How cautious a cutover is: the settings' `cutover:`, `polling:` and `health:`, spans in seconds.
public struct CutoverPolicy: Codable, Equatable, Sendable {
  /// `m(x) = clamp(ceil(x * percent / 100), minimum, maximum)`
  public struct Margin: Codable, Equatable, Sendable {
    public var percent = 10
    public var minimumSeconds = 60
    public var maximumSeconds = 3600
    public init() {}
  }
  public var ttl = 60
  public var propagationSeconds = 30
  public var margin = Margin()
  public var resolverFloorSeconds = 60
  public var resolverCapSeconds = 604_800
  public var clientHoldSeconds = 120
  public var staleHoldSeconds = 86_400
  public var bakeSeconds = 900
  public var restoresTTL = true
  /// Codes of risks that the settings accept for every plan.
  public var acceptedRisks: [String] = []
  /// How often authoritative servers are asked, and how many agreeing rounds make a change seen.
  public var authoritativePollSeconds = 10.0
  public var rounds = 3
  public init() {}
}

/// The settings' `health:`.
public struct HealthPolicy: Codable, Equatable, Sendable {
  /// `{name}` stands for the name.
  public var url: String
  public var expectStatus: Int
  /// The header that tells source from target.
  public var marker: String?
  /// What a run does when the checks fail during the bake: stop there, or undo everything by itself.
  public var onFailure: Step.OnFailure
  public init(
    url: String, expectStatus: Int = 200, marker: String? = nil,
    onFailure: Step.OnFailure = .hold
  ) {
    self.url = url
    self.expectStatus = expectStatus
    self.marker = marker
    self.onFailure = onFailure
  }
}

/// A zone of the settings.
public struct ZoneSettings: Equatable, Sendable {
  /// - Returns: the place of the zone that holds the name, the one furthest down; nil for none.
  public static func place(of name: DomainName, in zones: [ZoneSettings]) -> Int? {
    var out: Int?
    for place in zones.indices where name.isWithin(zones[place].name) {
      guard let best = out else {
        out = place
        continue
      }
      if zones[place].name.text.utf8.count > zones[best].name.text.utf8.count { out = place }
    }
    return out
  }
  public enum Provider: String, Sendable { case route53, rfc2136, manual }
  public struct TSIG: Equatable, Sendable {
    public var name: String
    public var algorithm: String
    public var secretFile: String
    public init(name: String, algorithm: String, secretFile: String) {
      self.name = name
      self.algorithm = algorithm
      self.secretFile = secretFile
    }
  }
  public var name: DomainName
  public var provider: Provider
  public var zoneID: String?
  /// The name of an account of the settings.
  public var account: String?
  /// Where updates go.
  public var server: DNSServer?
  /// Overrides what the delegation says; empty for none.
  public var nameservers: [DNSServer]
  public var tsig: TSIG?
  public init(
    name: DomainName, provider: Provider, zoneID: String? = nil, account: String? = nil,
    server: DNSServer? = nil, nameservers: [DNSServer] = [], tsig: TSIG? = nil
  ) {
    self.name = name
    self.provider = provider
    self.zoneID = zoneID
    self.account = account
    self.server = server
    self.nameservers = nameservers
    self.tsig = tsig
  }
}
