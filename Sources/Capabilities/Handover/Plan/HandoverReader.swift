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

  /// Who has what of the distributions and policies.
  struct Owners {
    /// The stack that lets go; nil for a Terraform state, and for none.
    var stack: Inventory.Stack?
    /// What the tool named by --from has: imported, and then let go.
    var released: Set<String> = []
    /// What nobody has: imported alone.
    var unowned: [String] = []
    /// What the tool that takes over has already, and where: neither imported nor let go.
    var held: [String: String] = [:]

    /// What the code has to import.
    func wanted(of ids: [String]) -> [String] {
      Set(ids).union(released).filter { held[$0] == nil }.sorted()
    }
    /// - Parameter adopted: what the code imports.
    func notes(adopted: Set<String>) -> [String] {
      (released.isEmpty ? [] : unowned).map {
        adopted.contains($0)
          ? "\($0) has no owner: it is imported, and nobody lets go of it"
          : "\($0) has no owner, and the code does not import it"
      }
        + held.sorted { $0.key < $1.key }.map {
          "\($0.key) is neither imported nor let go: it belongs to \($0.value) already"
        }
    }
  }

  /// - Parameters:
  ///   - name: the stack that lets go, where one was named.
  ///   - target: the stack that takes over, if a stack does.
  /// - Throws: 4 `two-owners`, `two-stacks`, `other-owner`, `has-owner`, `owner-unknown`, `no-owner`.
  func owners(stack name: String?, target: String?) throws(FerryError) -> Owners {
    let trio = Set(things.map(\.id))
    let all = Ownership(inventory, states: states, ids: trio.sorted())
    var out = Owners()
    var found: Set<String> = []
    let kinds = [ResourceKind.distribution, .continuousDeploymentPolicy].map(\.rawValue)
    for it in all.resources where kinds.contains(it.type) && trio.contains(it.id) {
      let told = it.owners.map(\.text).joined(separator: " and ")
      switch it.verdict {
      case .several:
        throw refuse(
          "two-owners", "\(it.id) has two owners: \(told)",
          "let one of them go of it first: `edgeferry handover plan` from it, or by hand")
      case .unknown:
        throw refuse(
          "owner-unknown",
          "stacks of a region were not read, so that nobody knows who owns \(it.id)",
          "set `regions` in edgeferry.yaml, allow cloudformation:ListStacks and ListStackResources, then plan again"
        )
      case .one, .none: break
      }
      guard let owner = it.owners.first else {
        out.unowned.append(it.id)
        continue
      }
      func isNamed(_ name: String?) -> Bool { name == owner.name || name == owner.id }
      let (isSource, isTarget) =
        switch owner.kind {
        case .cloudformation:
          (
            from == .cloudformation && (name == nil || isNamed(name)),
            to == .cloudformation && isNamed(target)
          )
        case .terraform: (from == .terraform, to == .terraform)
        }
      if isTarget {
        out.held[it.id] = told
        continue
      }
      guard isSource else {
        throw refuse(
          from == .none ? "has-owner" : "other-owner", "\(it.id) belongs to \(told)",
          "plan with --from \(owner.kind.rawValue), and --stack or --tfstate of that owner")
      }
      found.insert(owner.id)
      out.released.insert(it.id)
    }
    guard found.count < 2 else {
      throw refuse(
        "two-stacks", "they belong to different owners: \(found.sorted().joined(separator: ", "))",
        "hand over what one of them has, then what the other has")
    }
    guard from == .none ? !out.unowned.isEmpty : !found.isEmpty else { throw nothing(out) }
    out.stack = stacks.first { found.contains($0.id) }
    return out
  }
  private func nothing(_ owners: Owners) -> FerryError {
    let held = owners.held.sorted { $0.key < $1.key }.map { "\($0.key) belongs to \($0.value)" }
    guard !owners.unowned.isEmpty else {
      return refuse(
        from == .none ? "has-owner" : "no-owner",
        "\(held.joined(separator: "; ")), which takes over already",
        "nothing is left to be handed over")
    }
    let why =
      from == .terraform
      ? "the state holds none of \(things.map(\.id).joined(separator: ", "))"
      : "no stack has any of \(things.map(\.id).joined(separator: ", "))"
    return refuse(
      "no-owner", ([why] + held).joined(separator: "; "),
      from == .terraform
        ? "name the state that holds it with --tfstate" : "plan with --from none")
  }
  private var stacks: [Inventory.Stack] {
    inventory.accounts.first { $0.id == closure.account.id }?.stacks ?? []
  }
  /// What the tool that takes over has of the closure: no code is written for it. By kind and id, with its address.
  /// - Parameter target: the stack that takes over, if a stack does.
  func held(target: String?) -> [Subject.Key: String] {
    let subjects = Subject.all(in: closure.account)
    switch to {
    case .terraform:
      var out: [Subject.Key: String] = [:]
      for subject in subjects {
        for state in states {
          let items = state.items(of: subject.resource.kind, [subject.id, subject.importID])
          if let item = items.first { out[subject.key] = item.address }
        }
      }
      return out
    default:
      guard let target, let stack = stacks.first(where: { $0.isLive(target) }) else { return [:] }
      let moved = closure.account.moved(in: stack)
      return Dictionary(
        subjects.compactMap { subject -> (Subject.Key, String)? in
          let kind = StackKind.of(subject.resource.kind)
          let at = moved.first {
            [subject.id, kind?.identity(of: subject)].contains($0.value.physicalID)
          }
          return at.map { (subject.key, $0.key) }
        }, uniquingKeysWith: { first, _ in first })
    }
  }
  /// What of the closure belongs to somebody who keeps it, and would have two owners.
  func others(besides owner: Inventory.Stack?, adopted: Set<String>) -> [String] {
    let ofStacks = stacks.filter { !$0.isDeleted && $0.id != owner?.id }.flatMap { stack in
      closure.account.moved(in: stack).filter { adopted.contains($0.value.physicalID) }.map {
        "\($0.value.physicalID) belongs to stack \(stack.name) (\($0.key))"
      }
    }
    // The one state of --from lets go of what it has.
    let ofStates = (from == .terraform ? [] : states).flatMap { state in
      Subject.all(in: closure.account).filter { adopted.contains($0.importID) }.flatMap { it in
        state.items(of: it.resource.kind, [it.id, it.importID]).map { item in
          "\(it.id) belongs to Terraform state \(state.place) (\(item.address))"
        }
      }
    }
    return (ofStacks + ofStates).sorted()
  }

  // MARK: Stacks and states

  /// A stack that is there.
  private func read(_ stack: Inventory.Stack, moved: [String: StackEdits.Moved])
    async throws(FerryError) -> HandoverFacts.Stack
  {
    let text = try await CloudFormationClient(transport, region: stack.region).template(
      stack: stack.id)
    let template = try StackTemplate(text, named: "of stack \(stack.name)")
    return HandoverFacts.Stack(
      name: stack.name, id: stack.id, region: stack.region,
      edits: StackEdits(template: template, moved: moved), text: text)
  }
  func source(_ stack: Inventory.Stack) async throws(FerryError) -> HandoverFacts.Stack {
    try await read(stack, moved: closure.account.moved(in: stack))
  }
  /// The stack that takes over: one that is there, or a new one of that name.
  func target(_ name: String, adopts items: [String: String]) async throws(FerryError)
    -> HandoverFacts.Stack
  {
    let there = stacks.first { $0.isLive(name) }
    let moved = items.mapValues {
      StackEdits.Moved(physicalID: $0, attributes: [:], identifier: [:])
    }
    guard let there else {
      return HandoverFacts.Stack(
        name: name, region: region, edits: StackEdits(template: .init(.object([:])), moved: moved))
    }
    return try await read(there, moved: moved)
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

extension Inventory.Stack {
  /// Whether it is there by that name or id.
  fileprivate func isLive(_ name: String) -> Bool {
    !isDeleted && (self.name == name || id == name)
  }
}
