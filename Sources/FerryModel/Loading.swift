import FerryCore
import Foundation

/// Taking an inventory as the state of the world, also one that the API would not let anybody create.
extension CloudFrontModel {
  /// Takes all of a document or none of it. What has an id that the model knows is replaced.
  ///
  /// - Parameter document: `edgeferry.inventory/1`; `configXML` wins over `config`. Accounts that the model
  ///   does not know are added, and the arrays of what distributions refer
  ///   to (`EntityLoading`), `hostedZones` and `quotas` are taken where they are given. `takenAt`, `complete`, `gaps` and a stack's `resources` may be left out of
  ///   one written by hand.
  /// - Throws: `.badInput` (64) for another schema or a broken document, naming the place.
  public mutating func load(_ document: JSONValue, now: Date) throws(FerryError) {
    try checkSchema(document, is: Inventory.schema, what: "inventory")
    let inventory = try Self.completed(document, now: now)
      .decoded(Inventory.self, what: "inventory")
    var loaded = self
    func distinct(_ ids: [String], _ place: String) throws(FerryError) {
      var seen: Set<String> = []
      for (index, id) in ids.enumerated() {
        guard !id.isEmpty, seen.insert(id).inserted else {
          throw Self.unloadable(
            "\(place)[\(index)].id \(id.debugDescription) is empty or given twice")
        }
      }
    }
    for (index, account) in inventory.accounts.enumerated() {
      let place = "accounts[\(index)]"
      guard account.id.count == 12, account.id.allSatisfy({ $0.isASCII && $0.isNumber }) else {
        throw Self.unloadable("\(place).id \(account.id.debugDescription) is not 12 digits")
      }
      try distinct(account.distributions.map(\.id), "\(place).distributions")
      try distinct(
        account.continuousDeploymentPolicies.map(\.id), "\(place).continuousDeploymentPolicies")
      try distinct(account.stacks.map(\.id), "\(place).stacks")
      loaded.take(account, now: now)
      try loaded.takeEntities(document["accounts"]?.array?[index], account.id, place, now: now)
      try loaded.takeZones(document["accounts"]?.array?[index], account.id, place, now: now)
      try loaded.takeQuotas(document["accounts"]?.array?[index], account.id, place)
    }
    self = loaded
  }

  private mutating func take(_ account: Inventory.Account, now: Date) {
    add(account: account.id)
    for it in account.continuousDeploymentPolicies {
      var config = it.config
      config.attributes.removeAll { $0.name == "xmlns" }
      accounts[account.id]?.policies[it.id] = ModelPolicy(
        id: it.id, account: account.id, etag: it.etag.isEmpty ? random.capitalID() : it.etag,
        lastModified: Timestamp.read(it.lastModified) ?? now, config: config)
    }
    for it in account.distributions {
      var config = it.config
      config.attributes.removeAll { $0.name == "xmlns" }
      config = Defaults.filled(config)
      var made = ModelDistribution(
        id: it.id, account: account.id,
        domainName: it.domainName.isEmpty
          ? "d\(it.id.lowercased().dropFirst()).cloudfront.net" : it.domainName.lowercased(),
        etag: it.etag.isEmpty ? random.capitalID() : it.etag,
        lastModified: Timestamp.read(it.lastModified) ?? now, tags: it.tags, config: config)
      if !it.arn.isEmpty { made.arn = it.arn }
      // After the policies, so that the POPs know the one that is attached.
      propagate(&made, now: it.status == "InProgress" ? now : now - propagationSeconds)
      accounts[account.id]?.put(made)
    }
    for it in account.stacks {
      accounts[account.id]?.stacks.removeAll { $0.id == it.id }
      accounts[account.id]?.stacks.append(
        ModelStack(
          id: it.id, name: it.name, region: it.region, status: it.status, created: now,
          resources: it.resources.map {
            .init(
              logicalID: $0.logicalId, type: $0.type, physicalID: $0.physicalId,
              status: $0.status)
          }, template: it.template))
    }
  }

  static func unloadable(_ why: String) -> FerryError {
    .badInput(
      "bad-inventory", what: "could not load the inventory", why: why,
      next: "correct the file; nothing of it was loaded")
  }

  /// The members that only an inventory somebody took must have.
  private static func completed(_ document: JSONValue, now: Date) -> JSONValue {
    guard case .object(var members) = document else { return document }
    let standard: [String: JSONValue] = [
      "takenAt": .string(Timestamp.text(now)), "complete": true, "gaps": [],
    ]
    members.merge(standard) { given, _ in given }
    if let accounts = members["accounts"]?.array {
      members["accounts"] = .array(
        accounts.map { account in
          guard case .object(var it) = account, let stacks = it["stacks"]?.array else {
            return account
          }
          it["stacks"] = .array(
            stacks.map { stack in
              guard case .object(var stack) = stack else { return stack }
              stack["resources"] = stack["resources"] ?? []
              return .object(stack)
            })
          return .object(it)
        })
    }
    return .object(members)
  }
}
