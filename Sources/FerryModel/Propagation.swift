import FerryCore
import Foundation

extension CloudFrontModel {
  /// `InProgress` until the last write has reached every POP.
  /// - Source: Developer Guide "Updating a distribution".
  func status(_ it: ModelDistribution, now: Date) -> String {
    if stuck.contains(it.id) { return "InProgress" }
    guard let last = it.changes.last else { return "Deployed" }
    return now >= last.at.addingTimeInterval(propagationSeconds) ? "Deployed" : "InProgress"
  }

  /// Records that a distribution's configuration, or the policy it names, changed just now.
  mutating func propagate(_ it: inout ModelDistribution, now: Date) {
    let policy = accounts[it.account]?.policies[it.policyID]?.config
    it.changes.append(.init(at: now, config: it.config, policy: policy))
    edgeChanges += 1
    // All POPs have the newest change that is older than one span; what came before it is over.
    let settled = it.changes.lastIndex {
      now >= $0.at.addingTimeInterval(propagationSeconds)
    }
    if let settled, settled > 0 { it.changes.removeFirst(settled) }
  }

  /// What a POP serves for a distribution at a time; nil where it has not heard of it.
  ///
  /// POPs change over one by one during the propagation span, in an order that the seed chooses.
  /// - Parameter pop: 0..<pops.
  public func popView(distribution id: String, pop: Int, now: Date) -> POPView? {
    guard let it = accounts.values.lazy.compactMap({ $0.distributions[id] }).first else {
      return nil
    }
    return view(it, pop: pop, now: now)
  }

  /// What a POP serves for this distribution at a time; nil where it has not heard of it.
  func view(_ it: ModelDistribution, pop: Int, now: Date) -> POPView? {
    let delay = popDelay(pop)
    let seen = it.changes.last { now >= $0.at.addingTimeInterval(delay) }
    return seen.map { POPView(config: $0.config, policy: $0.policy) }
  }

  /// Seconds from a write until this POP has it.
  func popDelay(_ pop: Int) -> Double {
    precondition(popTurns.indices.contains(pop), "no such POP")
    return propagationSeconds * Double(popTurns[pop] + 1) / Double(pops)
  }

  /// Everything an account has, for assertions.
  public func snapshot(account: AccountID, now: Date) -> ModelSnapshot {
    let it = accounts[account] ?? Account()
    return ModelSnapshot(
      distributions: it.distributionIDs.compactMap { it.distributions[$0] }.map {
        .init(
          id: $0.id, domainName: $0.domainName, etag: $0.etag, status: status($0, now: now),
          config: $0.config, tags: $0.tags, enabled: $0.enabled, staging: $0.staging,
          policyID: $0.policyID)
      },
      policies: it.policies.values.sorted { $0.id < $1.id }.map {
        .init(id: $0.id, etag: $0.etag, enabled: $0.enabled, config: $0.config)
      })
  }

  /// Whether some existing distribution answers to this `d….cloudfront.net` name.
  public func knows(domainName: String) -> Bool {
    distribution(domainName: domainName.lowercased()) != nil
  }

  /// Forgets the requests handled so far.
  public mutating func clearLog() { log = [] }

  /// What AWS Support does: an alias goes from whoever has it to another distribution, past every rule.
  /// - Returns: false when that has it already, or is not there.
  public mutating func handOver(alias: String, to id: String, now: Date) -> Bool {
    guard let to = owner(of: id) else { return false }
    func holds(_ it: ModelDistribution) -> Bool {
      it.aliases.contains { $0.lowercased() == alias.lowercased() }
    }
    guard let target = accounts[to]?.distributions[id], !holds(target) else { return false }
    let holders = accounts.values.flatMap { $0.distributions.values.filter(holds) }
    for holder in holders {
      let left = holder.aliases.filter { $0.lowercased() != alias.lowercased() }
      edit(distribution: holder.id, account: holder.account, now: now) {
        $0 = Self.config($0, aliases: left)
      }
    }
    edit(distribution: id, account: to, now: now) {
      $0 = Self.config($0, aliases: target.aliases + [alias])
    }
    return true
  }

  /// Another operator's edit, made past every rule: a config changed under somebody's hands.
  public mutating func edit(
    distribution id: String, account: AccountID, now: Date, _ change: (inout XElement) -> Void
  ) {
    guard var it = accounts[account]?.distributions[id] else { return }
    var config = it.config
    change(&config)
    it.replace(config: config)
    it.etag = random.capitalID()
    it.lastModified = now
    propagate(&it, now: now)
    accounts[account]?.put(it)
  }
}
