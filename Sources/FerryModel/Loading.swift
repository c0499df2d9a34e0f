import FerryCore
import Foundation

/// Taking an inventory as the state of the world, also one that the API would not let anybody create.
extension CloudFrontModel {
  /// - Parameter document: `edgeferry.inventory/1`; `configXML` wins over `config`. Accounts that the model
  ///   does not know are added.
  /// - Throws: `.badInput` (64) for another schema or a broken document.
  public mutating func load(_ document: JSONValue, now: Date) throws(FerryError) {
    try checkSchema(document, is: Inventory.schema, what: "inventory")
    let inventory = try document.decoded(Inventory.self, what: "inventory")
    for account in inventory.accounts {
      guard account.id.count == 12, account.id.allSatisfy(\.isNumber) else {
        throw .badInput(
          "bad-inventory", what: "could not load the inventory",
          why: "\(account.id.debugDescription) is no account number", next: "use 12 digits")
      }
      add(account: account.id)
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
        propagate(
          &made, now: it.status == "InProgress" ? now : now - propagationSeconds)
        accounts[account.id]?.put(made)
      }
      for it in account.continuousDeploymentPolicies {
        var config = it.config
        config.attributes.removeAll { $0.name == "xmlns" }
        accounts[account.id]?.policies[it.id] = ModelPolicy(
          id: it.id, account: account.id, etag: it.etag.isEmpty ? random.capitalID() : it.etag,
          lastModified: Timestamp.read(it.lastModified) ?? now, config: config)
      }
      for it in account.stacks {
        accounts[account.id]?.stacks.append(
          ModelStack(
            id: it.id, name: it.name, region: it.region, status: it.status, created: now,
            resources: it.resources.map {
              .init(
                logicalID: $0.logicalId, type: $0.type, physicalID: $0.physicalId,
                status: $0.status)
            }))
      }
    }
  }
}
