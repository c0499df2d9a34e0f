import FerryCore
import Foundation

/// What a rehearsal does to the model besides sending it requests.
extension CloudFrontModel {
  /// Takes a zone with records that every server has had for long; one of that name is replaced.
  public mutating func take(zone name: DomainName, account: AccountID, records: [RecordState]) {
    add(account: account)
    for id in publicZones.removeValue(forKey: name) ?? [] { zones[id] = nil }
    let sets = records.compactMap { state in state.value.map { Self.set(state.key, $0) } }
    let id = "Z" + name.labels.joined().uppercased().filter { $0.isLetter || $0.isNumber }
    _ = makeZone(
      id: id, name: name, account: account, callerReference: "rehearsed-\(name)", records: sets,
      at: .distantPast)
  }
  /// A change of a zone's records that services of AWS see from a time on.
  public mutating func change(zone name: DomainName, _ changes: [RecordChange], seenAt: Date) {
    guard let id = publicZones[name]?.first, let zone = zones[id] else { return }
    var data = zone.data
    for change in changes {
      if let to = change.to {
        data.put(Self.set(change.key, to))
      } else {
        data.remove(change.key)
      }
    }
    publish(data, of: id, now: seenAt - nameServerDelay(0))
  }
  private static func set(_ key: RecordKey, _ value: RecordValue) -> ModelRecordSet {
    var out = ModelRecordSet(name: key.name, type: key.rrtype, ttl: value.ttl, values: value.data)
    out.alias = value.alias
    return out
  }

  /// When, after a write now, a POP changes what it answers: at its turn, and once more when a name that crossed
  /// accounts is no longer refused. Seconds.
  public func popTurnSeconds(_ pop: Int) -> [Double] {
    let turn = popDelay(pop)
    let gap = behaviours.aliasSwapGapSeconds
    return gap > 0 ? [turn, turn + gap] : [turn]
  }
  /// The config of a distribution or a continuous-deployment policy.
  public func config(_ id: String, account: AccountID) -> XElement? {
    accounts[account]?.distributions[id]?.config ?? accounts[account]?.policies[id]?.config
  }
  /// `Deployed` or `InProgress`; nil where there is no such distribution.
  public func status(of id: String, now: Date) -> String? {
    owner(of: id).flatMap { status(of: id, account: $0, now: now) }
  }
  /// nil where that account has none.
  public func status(of id: String, account: AccountID, now: Date) -> String? {
    accounts[account]?.distributions[id].map { status($0, now: now) }
  }
  /// The account that has a distribution.
  public func owner(of id: String) -> AccountID? {
    accountIDs.first { accounts[$0]?.distributions[id] != nil }
  }
  /// The `d….cloudfront.net` name of a distribution of any account; empty where there is none.
  public func domainName(of id: String) -> String {
    owner(of: id).flatMap { accounts[$0]?.distributions[id]?.domainName } ?? ""
  }
  /// The staging distribution that the primary's policy sends viewers to, and the share of requests that it gets.
  ///
  /// By a header only those come who know it: a tenth is assumed.
  public func stagingShare(ofPrimary id: String) -> (staging: String, share: Double)? {
    guard let account = owner(of: id), let it = accounts[account]?.distributions[id],
      let policy = accounts[account]?.policies[it.policyID], policy.enabled,
      let staging = policy.stagingNames.lazy.compactMap({ name in
        accounts[account]?.domainNames[name]
      }).first, accounts[account]?.distributions[staging]?.enabled == true
    else { return nil }
    let weight = policy.config.text(at: "TrafficConfig/SingleWeightConfig/Weight")
    return (staging, weight.flatMap(Double.init) ?? 0.1)
  }
  /// The config of every continuous deployment policy of an account, by id.
  public func policyConfigs(of account: AccountID) -> [String: XElement] {
    accounts[account]?.policies.mapValues(\.config) ?? [:]
  }
  /// Every distribution of an account, by id.
  public func distributions(of account: AccountID) -> [ModelDistribution] {
    guard let it = accounts[account] else { return [] }
    return it.distributionIDs.compactMap { it.distributions[$0] }
  }
  /// Every account with what it has, ids aside: how many of each kind.
  public func counts(account: AccountID) -> [String: Int] {
    guard let it = accounts[account] else { return [:] }
    var out = it.entities.mapValues(\.count).filter { $0.value > 0 }
    out["Distribution"] = it.distributions.count
    out["ContinuousDeploymentPolicy"] = it.policies.count
    out["Function"] = it.functions.count
    out["KeyValueStore"] = it.stores.count
    out["RealtimeLogConfig"] = it.logConfigs.count
    out["VpcOrigin"] = it.vpcOrigins.values.count { $0.deleted == nil }
    return out.filter { $0.value > 0 }
  }
}
