import FerryCloudFront
import FerryCore
import FerryReport

/// What an export says about its file: `edgeferry.export/1`.
struct ExportReport: Codable, Equatable, Sendable {
  struct Item: Codable, Equatable, Sendable {
    var kind: String
    var id: String
    var name: String?
    var arn: String?
  }
  var schema = "edgeferry.export/1"
  var path: String
  var complete: Bool
  var gaps: [Inventory.Gap]
  var resources: [Item]
  var cannotCross: [Crossing]
  var managed: [Closure.Managed]

  init(path: String, inventory: Inventory, managed: [Closure.Managed], isRedacted: Bool) {
    self.path = path
    complete = inventory.complete
    gaps = inventory.gaps
    self.managed = managed
    resources = inventory.accounts.flatMap { account in
      account.distributions.map {
        Item(
          kind: "distribution", id: $0.id, name: $0.aliases.first ?? $0.domainName, arn: $0.arn)
      }
        + account.continuousDeploymentPolicies.map {
          Item(
            kind: "continuous-deployment-policy", id: $0.id, name: nil,
            arn: $0.arn(account: account.id))
        }
        + account.resources.map {
          Item(kind: $0.kind.rawValue, id: $0.id, name: $0.name, arn: $0.arn)
        }
    }
    cannotCross = inventory.accounts.flatMap { Crossing.all(in: $0, isRedacted: isRedacted) }
  }

  var text: String {
    func count(_ number: Int, _ what: String) -> String {
      "\(number) \(what)\(number == 1 ? "" : "s")"
    }
    let distributions = resources.count { $0.kind == "distribution" }
    var out =
      "\(safe(path)): \(count(distributions, "distribution")), \(count(resources.count - distributions, "other resource")), "
    out += complete ? "complete\n" : "\(count(gaps.count, "gap"))\n"
    out +=
      "\n"
      + table(
        [["  KIND", "ID", "NAME"]]
          + resources.map { ["  " + $0.kind, safe($0.id), safe($0.name ?? "-")] })
    if !managed.isEmpty {
      out += "\nAWS's own, the same in every account:\n"
      out += table(managed.map { ["  " + $0.kind.rawValue, safe($0.id), safe($0.name)] })
    }
    if !cannotCross.isEmpty {
      out += "\ndoes not cross as it stands:\n"
      for it in cannotCross {
        out += "  \(it.kind) \(safe(it.id))\n"
        out += "    why:    \(safe(it.reason))\n    supply: \(safe(it.supply))\n"
      }
    }
    return out
  }
}
