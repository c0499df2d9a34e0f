import FerryCloudFront
import FerryCode
import FerryCommand
import FerryCore
import Foundation

/// Gathers what a handover is planned from, and refuses what cannot be handed over safely.
struct HandoverReader {
  var ids: [String]
  var from: HandoverFacts.Tool
  var to: HandoverFacts.Tool
  var closure: Closure
  var inventory: Inventory
  var states: [HeldState]
  var transport: any ServiceTransport
  var region: String

  // MARK: Owners

  private func refuse(_ code: FerryError.Code, _ why: String, _ next: String) -> FerryError {
    FerryError(
      code, exit: .blocked, what: "could not plan the handover of \(ids.joined(separator: ", "))",
      why: why, next: next)
  }

  /// The stack that has them all, and nobody else has any.
  /// - Throws: 4 `two-owners`, `other-owner`, `has-owner`, `owner-unknown`, `no-owner`.
  func owner(stack name: String?) throws(FerryError) -> Inventory.Stack? {
    let owners = Ownership(inventory, states: states, ids: ids)
    var found: Set<String> = []
    let kinds = [ResourceKind.distribution, .continuousDeploymentPolicy].map(\.rawValue)
    let trio = Set(things.map(\.id))
    for it in owners.resources where kinds.contains(it.type) && trio.contains(it.id) {
      let told = it.owners.map(\.text).joined(separator: " and ")
      switch it.verdict {
      case .several:
        throw refuse(
          "two-owners", "\(it.id) has two owners: \(told)",
          "let one of them go of it first: `edgeferry handover plan` from it, or by hand")
      case .unknown where from != .terraform:
        throw refuse(
          "owner-unknown",
          "stacks of a region were not read, so that nobody knows who owns \(it.id)",
          "set `regions` in edgeferry.yaml, allow cloudformation:ListStacks and ListStackResources, then plan again"
        )
      case .none where from != .none:
        throw refuse(
          "no-owner", "nobody owns \(it.id)",
          from == .terraform
            ? "name the state that holds it with --tfstate" : "plan with --from none")
      case .one, .none, .unknown: break
      }
      guard let owner = it.owners.first else { continue }
      let isWanted =
        switch owner.kind {
        case .cloudformation:
          from == .cloudformation && (name == nil || name == owner.name || name == owner.id)
        case .terraform: from == .terraform
        }
      guard isWanted else {
        throw refuse(
          from == .none ? "has-owner" : "other-owner", "\(it.id) belongs to \(told)",
          "plan with --from \(owner.kind.rawValue), and --stack or --tfstate of that owner")
      }
      found.insert(owner.id)
    }
    guard found.count < 2 else {
      throw refuse(
        "two-stacks", "they belong to different owners: \(found.sorted().joined(separator: ", "))",
        "hand over what one of them has, then what the other has")
    }
    return stacks.first { found.contains($0.id) }
  }
  private var stacks: [Inventory.Stack] {
    inventory.accounts.first { $0.id == closure.account.id }?.stacks ?? []
  }
  /// What of the closure belongs to somebody who keeps it, and would have two owners.
  func others(besides owner: Inventory.Stack?, adopted: Set<String>) -> [String] {
    stacks.filter { !$0.isDeleted && $0.id != owner?.id }.flatMap { stack in
      closure.account.moved(in: stack).filter { adopted.contains($0.value.physicalID) }.map {
        "\($0.value.physicalID) belongs to stack \(stack.name) (\($0.key))"
      }
    }.sorted()
  }

  // MARK: Stacks and states

  func template(of stack: Inventory.Stack) async throws(FerryError) -> StackTemplate {
    let text = try await CloudFormationClient(transport, region: stack.region).template(
      stack: stack.id)
    return try StackTemplate(text, named: "of stack \(stack.name)")
  }
  func source(_ stack: Inventory.Stack) async throws(FerryError) -> HandoverFacts.Stack {
    HandoverFacts.Stack(
      name: stack.name, id: stack.id, region: stack.region,
      edits: StackEdits(
        template: try await template(of: stack), moved: closure.account.moved(in: stack)))
  }
  /// The stack that takes over: one that is there, or a new one of that name.
  func target(_ name: String, adopts items: [String: String]) async throws(FerryError)
    -> HandoverFacts.Stack
  {
    let there = stacks.first { !$0.isDeleted && ($0.name == name || $0.id == name) }
    let moved = items.mapValues {
      StackEdits.Moved(physicalID: $0, attributes: [:], identifier: [:])
    }
    guard let there else {
      return HandoverFacts.Stack(
        name: name, region: region, edits: StackEdits(template: .init(.object([:])), moved: moved))
    }
    return HandoverFacts.Stack(
      name: there.name, id: there.id, region: there.region,
      edits: StackEdits(template: try await template(of: there), moved: moved))
  }

  /// What the state has of the closure, by address.
  func state() throws(FerryError) -> HandoverFacts.State {
    guard let state = states.first, states.count == 1 else {
      throw .badInput(
        "bad-usage", what: "could not plan the handover", why: "it needs the one state that has it",
        next: "name it with --tfstate, once")
    }
    var addresses: [String: String] = [:]
    for subject in Subject.all(in: closure.account) {
      for it in state.items(of: subject.resource.kind, [subject.id, subject.importID]) {
        addresses[it.address] = subject.importID
      }
    }
    return HandoverFacts.State(
      name: state.place,
      folder: ObjectPlace.isOne(state.place)
        ? nil : URL(fileURLWithPath: state.place).deletingLastPathComponent().relativePath,
      addresses: addresses)
  }

  /// The versions that have to stay.
  var things: [HandoverFacts.Thing] {
    closure.account.distributions.map {
      .init(id: $0.id, isPolicy: false, etag: $0.etag, modified: $0.lastModified)
    }
      + closure.account.continuousDeploymentPolicies.map {
        .init(id: $0.id, isPolicy: true, etag: $0.etag, modified: $0.lastModified)
      }
  }
}
