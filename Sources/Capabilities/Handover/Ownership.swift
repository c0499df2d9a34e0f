import FerryCode
import FerryCore
import FerryReport

/// Who owns distributions, policies and what they refer to: `edgeferry.owners/1`.
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
    /// The resource's address in a Terraform state.
    var address: String?
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
    /// What the next run of an owner may do that nobody means.
    var dangers: [String]
  }
  var schema = "edgeferry.owners/1"
  var complete: Bool
  var gaps: [Inventory.Gap]
  var resources: [Item]
  /// Ids that were asked for and that no account has.
  var missing: [String]

  /// - Parameters:
  ///   - inventory: with what the distributions refer to among the accounts' resources.
  ///   - states: Terraform states.
  ///   - ids: distributions, with all that belongs to them, and policies; empty for all.
  init(_ inventory: Inventory, states: [HeldState], ids: [String]) {
    complete = inventory.complete
    gaps = inventory.gaps
    resources = inventory.accounts.flatMap { account -> [Item] in
      let isUnsure =
        account.regions.isEmpty
        || inventory.gaps.contains {
          $0.account == account.id && ["ListStacks", "ListStackResources"].contains($0.call)
        }
      let pending = Self.pending(in: account)
      return Self.named(in: account, ids: ids).map { thing in
        var it = Item(
          account: account.id, type: thing.kind.rawValue, id: thing.id, name: thing.name,
          verdict: .none, owners: [], released: [], dangers: [])
        for stack in account.stacks {
          guard
            let held = stack.resources.first(where: {
              thing.ids.contains($0.physicalId)
                && thing.kind.cloudFormationType.map($0.type.hasSuffix) ?? false
            })
          else { continue }
          let owner = Owner(
            kind: .cloudformation, id: stack.id, name: stack.name, region: stack.region,
            logicalId: held.logicalId,
            isCDK: stack.resources.contains { $0.type == "AWS::CDK::Metadata" })
          let isGone = stack.isDeleted || held.status.hasPrefix("DELETE_SKIPPED")
          if held.status == "DELETE_COMPLETE" { continue }
          if isGone { it.released.append(owner) } else { it.owners.append(owner) }
        }
        for state in states {
          for held in state.items(of: thing.kind, thing.ids) {
            it.owners.append(Owner(kind: .terraform, id: state.place, address: held.address))
            it.dangers += held.dangers.map { "\(held.address) in \(state.place): \($0)" }
          }
        }
        if thing.kind == .distribution, let said = pending[thing.id] { it.dangers.append(said) }
        it.verdict =
          switch it.owners.count {
          case 0: isUnsure ? .unknown : .none
          case 1: .one
          default: .several
          }
        return it
      }
    }
    let found = Set(resources.map(\.id))
    missing = ids.filter { !found.contains($0) }
  }

  /// Primaries whose staging distribution has something else in what a promote copies.
  private static func pending(in account: Inventory.Account) -> [String: String] {
    var out: [String: String] = [:]
    for policy in account.continuousDeploymentPolicies {
      let names = Set(policy.stagingNames.map { $0.lowercased() })
      guard
        let primary = account.distributions.first(where: {
          $0.policyID == policy.id && !$0.isStaging
        }),
        let staging = account.distributions.first(where: {
          names.contains($0.domainName.lowercased())
        })
      else { continue }
      let differing = Promote.carried.filter {
        !primary.config.hasSame([$0], as: staging.config)
      }
      guard !differing.isEmpty else { continue }
      out[primary.id] =
        "promote-pending: a promote copies \(differing.joined(separator: ", ")) from \(staging.id); afterwards code that does not have it takes it back"
    }
    return out
  }

  /// Something that may have an owner, by everything that a tool may call it.
  private struct Thing {
    var kind: ResourceKind
    var id: String
    var name: String?
    var ids: Set<String>
  }
  private static func named(in account: Inventory.Account, ids: [String]) -> [Thing] {
    let scope = Scope(ids, in: account)
    return account.distributions.filter { scope.distributions.contains($0.id) }.map {
      Thing(
        kind: .distribution, id: $0.id, name: $0.aliases.first ?? $0.domainName, ids: [$0.id])
    }
      + account.continuousDeploymentPolicies.filter { scope.policies.contains($0.id) }.map {
        Thing(kind: .continuousDeploymentPolicy, id: $0.id, name: nil, ids: [$0.id])
      }
      + account.resources.filter { ResourceType.of($0.kind) != nil }.map {
        Thing(
          kind: $0.kind, id: $0.id, name: $0.name,
          ids: Set([$0.id, $0.arn, $0.storeID].compactMap { $0 }))
      }
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
      let lines =
        told + it.released.map { "was: \($0.text), deleted" }
        + it.dangers.map { "danger: \(safe($0))" }
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
    case .terraform: "Terraform state \(safe(id))" + (address.map { " (\(safe($0)))" } ?? "")
    case .cloudformation:
      "\(isCDK == true ? "CDK stack" : "stack") \(safe(name ?? id)) in \(safe(region ?? "?")) (\(safe(logicalId ?? "?")))"
    }
  }
}
