import FerryCore
import Foundation

/// Aliases of source and copy, one after another, and the proof that they are answered.
extension MigrationPlanner {
  /// Adds names to the copy.
  mutating func hold(
    _ names: [String], _ stem: String, _ words: String, at index: Int, _ tail: String
  ) {
    let move = moves[index]
    let new = names.filter { !move.held.contains($0) }
    guard !new.isEmpty else { return }
    set(
      move.held + new, step: "\(stem)\(tail)",
      title: "\(words) \(new.joined(separator: ", "))",
      undo: "un\(stem)\(tail)",
      undoTitle: "Take \(new.joined(separator: ", ")) off the copy of \(move.it.id)", at: index)
  }
  mutating func release(_ names: [String], at index: Int, _ tail: String) {
    guard !names.isEmpty else { return }
    let move = moves[index]
    set(
      move.held.filter { !names.contains($0) }, step: "remove-bridge\(tail)",
      title: "Take \(names.joined(separator: ", ")) off the copy of \(move.it.id)",
      undo: "unremove-bridge\(tail)",
      undoTitle: "Let the copy of \(move.it.id) answer by \(names.joined(separator: ", ")) again",
      at: index)
  }
  mutating func set(
    _ list: [String], step id: String, title: String, undo: String, undoTitle: String, at index: Int
  ) {
    let move = moves[index]
    let edits = AliasList.edits(from: move.held, to: list)
    let back = AliasList.edits(from: list, to: move.held)
    func checks(_ names: [String]) -> [Step.Check] {
      names.map { .init(.alias, distribution: move.id, value: $0) } + [
        PlanBuilder.deployed(move.id)
      ]
    }
    add(
      Step(
        id: id, title: title, account: target,
        action: .updateConfig(distribution: move.id, set: edits),
        checks: checks(list.filter { !move.held.contains($0) })), parts: part(move),
      rollback: [
        Step(
          id: undo, title: undoTitle, account: target,
          action: .updateConfig(distribution: move.id, set: back),
          checks: checks(move.held.filter { !list.contains($0) }), undoes: id)
      ])
    moves[index].held = list
  }

  /// Takes names off the source, and how they come back.
  mutating func dropSource(_ aliases: [String], at index: Int, _ tail: String) -> (
    step: Step, undo: Step
  ) {
    let move = moves[index]
    let old = move.sourceAliases
    let new = old.filter { !aliases.contains($0) }
    let edits = AliasList.edits(from: old, to: new)
    let id = "leave-source\(tail)"
    let names = aliases.joined(separator: ", ")
    let after = move.sourceConfig.edited(edits, shape: "DistributionConfig")
    let step = Step(
      id: id, title: "Take \(names) off \(move.it.id)", account: source,
      action: .updateConfig(distribution: move.it.id, set: edits),
      expects: .init(configDigest: move.sourceConfig.configDigest),
      checks: [PlanBuilder.deployed(move.it.id)])
    let undo = Step(
      id: "return-to-source\(tail)", title: "Give \(names) back to \(move.it.id)", account: source,
      action: .updateConfig(
        distribution: move.it.id, set: AliasList.edits(from: new, to: old)),
      expects: .init(configDigest: after.configDigest),
      checks: aliases.map { .init(.alias, distribution: move.it.id, value: $0) }
        + [PlanBuilder.deployed(move.it.id)], undoes: id)
    _ = builder.image(move.sourceConfig)
    moves[index].sourceConfig = after
    return (step, undo)
  }
  mutating func forget(_ aliases: [String], at index: Int) {
    let old = moves[index].sourceAliases
    moves[index].sourceConfig = moves[index].sourceConfig.edited(
      AliasList.edits(from: old, to: old.filter { !aliases.contains($0) }),
      shape: "DistributionConfig")
  }

  /// Moves names in one call each; the source must not be in use elsewhere, as CloudFront checks.
  mutating func take(_ aliases: [String], at index: Int, _ tail: String) {
    let move = moves[index]
    // The last first: the way back appends them in the order that they had.
    for alias in aliases.reversed() {
      let id = "move-\(Self.plain(alias))\(tail)"
      func checks(_ distribution: String) -> [Step.Check] {
        [
          .init(.alias, distribution: distribution, value: alias),
          PlanBuilder.deployed(distribution),
        ]
      }
      var rollback = [
        Step(
          id: "un\(id)", title: "Move \(alias) back to \(move.it.id)", account: source,
          action: .moveAlias(alias: alias, from: move.id, to: move.it.id),
          checks: checks(move.it.id), undoes: id)
      ]
      if source != target, move.it.isEnabled {
        // Out of another account an alias comes only from a disabled distribution.
        rollback.insert(
          Step(
            id: "pause-for-\(Self.plain(alias))\(tail)",
            title: "Disable the copy of \(move.it.id), so that \(alias) can leave it",
            account: target, action: .setEnabled(distribution: move.id, from: true, to: false),
            checks: [PlanBuilder.deployed(move.id)], undoes: id), at: 0)
      }
      add(
        Step(
          id: id, title: "Move \(alias) from \(move.it.id) to the copy", account: target,
          action: .moveAlias(alias: alias, from: move.it.id, to: move.id), checks: checks(move.id)),
        parts: part(move), rollback: rollback)
    }
    moves[index].held += aliases
    forget(aliases, at: index)
  }

  /// Enables the copy again after its aliases went back, as it was before they came.
  func resume(_ aliases: [String], at index: Int, _ tail: String) -> Step {
    let move = moves[index]
    return Step(
      id: "resume-copy\(tail)", title: "Enable the copy of \(move.it.id) again", account: target,
      action: .setEnabled(distribution: move.id, from: false, to: true),
      checks: [PlanBuilder.deployed(move.id)],
      undoes: "move-\(Self.plain(aliases.last ?? ""))\(tail)")
  }

  // MARK: Proof

  /// A label under a wildcard that nobody uses.
  static func throwaway(_ wildcard: String, _ plan: String) -> String {
    "edgeferry-\(Digest.hex(Digest.sha256(Array((plan + wildcard).utf8))).prefix(8))."
      + wildcard.dropFirst(2)
  }
  /// Asks the copy's own addresses with the real name and SNI.
  mutating func prove(_ names: [String], _ stem: String, _ move: Move, _ tail: String) {
    guard !names.isEmpty, move.it.isEnabled else { return }
    let checks = names.prefix(20).map { name -> Step.Check in
      var check = Step.Check(.serving, distribution: move.id)
      check.url =
        input.health?.url.replacing("{name}", with: name) ?? "https://\(name)/"
      check.at = move.domain
      check.status = input.health?.expectStatus
      return check
    }
    add(
      Step(
        id: "\(stem)\(tail)",
        title:
          "Ask the addresses of the copy of \(move.it.id) for \(names.joined(separator: ", "))",
        account: nil, action: .observe, window: nil, checks: checks, inverse: .observe),
      parts: part(move), rollback: [])
  }
}
