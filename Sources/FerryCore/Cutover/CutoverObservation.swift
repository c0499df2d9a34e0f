import Foundation

/// What is known of one name when its cutover is planned; the planner reads nothing else.
public struct CutoverObservation: Equatable, Sendable {
  public var zone: ZoneSettings
  /// The number of the zone's account; nil outside AWS.
  public var account: AccountID?
  /// The RRsets at the name as the provider has them, those that a CNAME would clash with included.
  public var current: [RRType: RecordValue]
  public var probe: ProbedName
  public var target: DomainName
  /// The values of the marker header that source and target answer with, where health is watched.
  public var sourceMarker: String?
  public var targetMarker: String?
  /// The wildcard whose answer the servers give for the name; nil for none.
  package var wildcard: Wildcard?
  package struct Wildcard: Equatable, Sendable {
    package var name: DomainName
    /// Whether the name has no record of its own for sure; else one may be there that says the same.
    package var isAlone: Bool
    package init(name: DomainName, isAlone: Bool) {
      self.name = name
      self.isAlone = isAlone
    }
  }
  /// What both sides answered over HTTPS, where health is watched.
  public var serving: ServingScene?
  public var name: DomainName { probe.name }
  /// The wildcards over the name in its zone, the closest first: a closer one, or a name on the way, keeps those further
  /// up from answering (RFC 4592 §3.3.1).
  package var wildcardsAbove: [DomainName] {
    var out: [DomainName] = []
    var above = name.parent
    while let parent = above, parent.isWithin(zone.name) {
      out.append(DomainName(wire: parent == .root ? "*." : "*.\(parent)"))
      above = parent.parent
    }
    return out.filter { $0 != name }
  }

  public init(
    zone: ZoneSettings, account: AccountID? = nil, current: [RRType: RecordValue],
    probe: ProbedName, target: DomainName, sourceMarker: String? = nil, targetMarker: String? = nil
  ) {
    self.zone = zone
    self.account = account
    self.current = current
    self.probe = probe
    self.target = target
    self.sourceMarker = sourceMarker
    self.targetMarker = targetMarker
  }
}

/// What a cutover plan is made with besides the observations.
public struct CutoverInput: Sendable {
  /// What the name shall be made of afterwards; nil keeps what it is where that can be.
  public enum Form: String, Sendable { case cname, alias }
  public var name: String
  public var accounts: [String: AccountID]
  public var createdAt: Date
  /// No write before it; later than `createdAt` where a start was asked for or approvals take time.
  public var start: Date
  /// Whether `start` has to be waited for even without windows.
  public var isStartAsked: Bool
  public var tool: String
  public var endpoint: String?
  public var policy: CutoverPolicy
  public var window: ChangeWindow?
  public var health: HealthPolicy?
  public var form: Form?
  /// The distribution behind the target, where one was named.
  public var distribution: String?
  /// Its configuration, where it could be read.
  package var targetDistribution: TargetDistribution?
  public var acceptedRisks: Set<String>

  public init(
    name: String, accounts: [String: AccountID] = [:], createdAt: Date, start: Date? = nil,
    tool: String, endpoint: String? = nil, policy: CutoverPolicy = CutoverPolicy(),
    window: ChangeWindow? = nil, health: HealthPolicy? = nil, form: Form? = nil,
    distribution: String? = nil, acceptedRisks: Set<String> = []
  ) {
    self.name = name
    self.accounts = accounts
    self.createdAt = createdAt
    let ready = createdAt + Double(window?.leadSeconds ?? 0)
    self.start = max(start ?? ready, ready)
    isStartAsked = start != nil || ready > createdAt
    self.tool = tool
    self.endpoint = endpoint
    self.policy = policy
    self.window = window
    self.health = health
    self.form = form
    self.distribution = distribution
    self.acceptedRisks = acceptedRisks
  }
}

extension CutoverObservation {
  /// Where the name leads now, by CNAME or alias record.
  package var currentTarget: DomainName? {
    for value in CutoverMove.types.compactMap({ current[$0] }) {
      if let alias = value.alias { return alias.dnsName }
    }
    return current[.cname]?.data.first.map(DomainName.init(wire:))
  }
}

/// A name and where it shall point.
package struct WantedMove: Equatable, Sendable {
  package var name: DomainName
  package var target: DomainName
  package init(name: DomainName, target: DomainName) {
    self.name = name
    self.target = target
  }
}
