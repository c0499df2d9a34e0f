import FerryCore
import FerryReport

/// Who owns distributions and policies: `edgeferry.owners/1`.
struct Ownership: Codable, Equatable, Sendable {
  /// A tool that would change or delete a thing when it is next run.
  struct Owner: Codable, Equatable, Sendable {
    enum Kind: String, Codable, Sendable { case cloudformation, terraform }
    var kind: Kind
    /// The stack's id, or the state's file.
    var id: String
    var name: String?
    var region: String?
    var logicalId: String?
    /// The stack was made by the CDK, as its metadata resource says; nil for a Terraform state.
    var isCDK: Bool?
  }
  enum Verdict: String, Codable, Sendable {
    case one, several, none
    /// Stacks of a region were not asked for, or could not be read.
    case unknown
  }
  struct Item: Codable, Equatable, Sendable {
    var account: AccountID
    var type: String
    var id: String
    var name: String?
    var verdict: Verdict
    var owners: [Owner]
    /// Deleted stacks that let go of it.
    var released: [Owner]
  }
  var schema = "edgeferry.owners/1"
  var complete: Bool
  var gaps: [Inventory.Gap]
  var resources: [Item]
  /// Ids that were asked for and that no account has.
  var missing: [String]

  /// - Parameters:
  ///   - terraform: what each state file holds as managed.
  ///   - ids: distributions and policies; empty for all.
  init(_ inventory: Inventory, terraform: [String: Set<String>], ids: [String]) {
    complete = inventory.complete
    gaps = inventory.gaps
    let wanted = Set(ids)
    resources = inventory.accounts.flatMap { account -> [Item] in
      let isUnsure =
        account.regions.isEmpty
        || inventory.gaps.contains {
          $0.account == account.id && ["ListStacks", "ListStackResources"].contains($0.call)
        }
      func item(_ type: String, _ id: String, _ name: String?) -> Item {
        var owners: [Owner] = []
        var released: [Owner] = []
        for stack in account.stacks {
          guard let it = stack.resources.first(where: { $0.physicalId == id }) else { continue }
          let owner = Owner(
            kind: .cloudformation, id: stack.id, name: stack.name, region: stack.region,
            logicalId: it.logicalId,
            isCDK: stack.resources.contains { $0.type == "AWS::CDK::Metadata" })
          let isGone = stack.isDeleted || it.status.hasPrefix("DELETE_SKIPPED")
          if it.status == "DELETE_COMPLETE" { continue }
          if isGone { released.append(owner) } else { owners.append(owner) }
        }
        owners += terraform.keys.sorted().filter { terraform[$0]?.contains(id) == true }.map {
          Owner(kind: .terraform, id: $0)
        }
        let verdict: Verdict =
          switch owners.count {
          case 0: isUnsure ? .unknown : .none
          case 1: .one
          default: .several
          }
        return Item(
          account: account.id, type: type, id: id, name: name, verdict: verdict, owners: owners,
          released: released)
      }
      return
        (account.distributions.map {
          item("distribution", $0.id, $0.aliases.first ?? $0.domainName)
        }
        + account.continuousDeploymentPolicies.map {
          item("continuous-deployment-policy", $0.id, nil)
        }).filter { wanted.isEmpty || wanted.contains($0.id) }
    }
    let found = Set(resources.map(\.id))
    missing = ids.filter { !found.contains($0) }
  }

  var text: String {
    var rows = [["TYPE", "ID", "NAME", "OWNER"]]
    for it in resources {
      let told: [String] =
        switch it.verdict {
        case .none: ["none"]
        case .unknown: ["unknown: stacks of a region were not read"]
        case .one: it.owners.map(\.text)
        case .several: it.owners.enumerated().map { "\($0 + 1) of \(it.owners.count): \($1.text)" }
        }
      let lines = told + it.released.map { "was: \($0.text), deleted" }
      for (index, line) in lines.enumerated() {
        rows.append(
          index == 0
            ? [it.type, safe(it.id), safe(it.name ?? "-"), line] : ["", "", "", line])
      }
    }
    var out = table(rows)
    let several = resources.count { $0.verdict == .several }
    if several > 0 {
      out +=
        "\n\(several) with more than one owner: the next run of one undoes what the other did\n"
    }
    if !complete { out += "\nnot everything was read; see the warnings\n" }
    return out
  }
}

extension Ownership.Owner {
  var text: String {
    switch kind {
    case .terraform: "Terraform state \(safe(id))"
    case .cloudformation:
      "\(isCDK == true ? "CDK stack" : "stack") \(safe(name ?? id)) in \(safe(region ?? "?")) (\(safe(logicalId ?? "?")))"
    }
  }
}
