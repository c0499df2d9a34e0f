extension Plan {
  /// What carrying the plan out needs, by account; with the inverses of its steps where it may undo itself.
  ///
  /// - Parameter zones: the settings', for the ids of hosted zones.
  public func grants(zones: [ZoneSettings], partition: String = "aws") -> [AccountGrants] {
    var out: [String: Set<Grant>] = [:]
    for account in accounts.values { out[account] = [] }
    let undoes = steps.contains { $0.onFailure == .rollBack }
    let inverses = undoes ? steps.compactMap(\.inverted) : []
    for step in steps + inverses {
      guard let account = step.account else { continue }
      let place = GrantPlace(account: account, partition: partition)
      out[account, default: []].formUnion(step.grants(in: place, zones: zones))
      // The alias may leave a distribution of the other account, which is looked at there.
      guard case .moveAlias(_, let from, _) = step.action else { continue }
      for other in accounts.values where other != account {
        let place = GrantPlace(account: other, partition: partition)
        out[other, default: []].insert(
          Grant("cloudfront:GetDistribution", on: place.distribution(Step.known(from))))
      }
    }
    return out.map { AccountGrants(account: $0.key, grants: $0.value) }.sorted {
      $0.account < $1.account
    }
  }
}

extension Step {
  fileprivate var inverted: Step? {
    inverse.map { action in
      var out = self
      out.action = action
      return out
    }
  }
  /// An id that the plan knows; `*` for one that a step of it makes.
  static func known(_ id: String) -> String { id.contains("${") ? "*" : id }

  /// The step's actions on the resources that it names.
  func grants(in place: GrantPlace, zones: [ZoneSettings]) -> Set<Grant> {
    var distributions: Set<String> = []
    var policies: Set<String> = []
    var out: Set<Grant> = []
    switch action {
    case .updateConfig(let id, _), .setEnabled(let id, _, _), .deleteDistribution(let id):
      distributions.insert(id)
    case .updatePolicy(let id, _), .deletePolicy(let id): policies.insert(id)
    case .moveAlias(_, let from, let to): distributions.formUnion([from, to])
    case .promote(let id, let staging): distributions.formUnion([id, staging])
    case .restoreConfig(let id, _, _): distributions.insert(id)
    case .createDistribution: distributions.insert("*")
    case .createPolicy: policies.insert("*")
    default: break
    }
    for check in checks {
      if let id = check.distribution { distributions.insert(id) }
      if let id = check.against { distributions.insert(id) }
      if let id = check.policy { policies.insert(id) }
    }
    let zone = action.dns.flatMap { dns in zones.first { $0.name == dns.zone } }
    if action.dns != nil, account != nil, zone?.zoneID == nil {
      out.formUnion(place.all(of: "route53:ListHostedZonesByName"))
    }
    for need in stackNeeds { out.formUnion(need.grants(in: place)) }
    for action in permissions where !action.hasPrefix("cloudformation:") {
      let name = String(action.drop { $0 != ":" }.dropFirst())
      if GrantPlace.ofDistributions.contains(name), action.hasPrefix("cloudfront:") {
        let ids = distributions.isEmpty ? ["*"] : Set(distributions.map(Self.known))
        out.formUnion(ids.map { Grant(action, on: place.distribution($0)) })
      } else if GrantPlace.ofPolicies.contains(name) {
        let ids = policies.isEmpty ? ["*"] : Set(policies.map(Self.known))
        out.formUnion(ids.map { Grant(action, on: place.policy($0)) })
      } else if action.hasPrefix("route53:"), name != "GetChange", let id = zone?.zoneID {
        out.insert(Grant(action, on: place.hostedZone(id)))
      } else if case .editStatements(let edit) = self.action, name.contains("Policy") {
        let resource = Self.known(edit.resource)
        if edit.service == .bucket {
          out.insert(Grant(action, on: place.object(resource)))
        } else {
          out.formUnion(
            resource.hasPrefix("arn:") ? [Grant(action, on: resource)] : place.all(of: action))
        }
      } else if GrantPlace.ofTags.contains(name) {
        out.insert(Grant(action, on: place.arn("cloudfront", "\(taggedKind)/*")))
      } else {
        out.formUnion(place.all(of: action))
      }
    }
    return out
  }
  private var taggedKind: String {
    guard case .create(let draft) = action else { return "distribution" }
    return draft.kind.rawValue
  }
}
