import FerryCore
import Foundation

/// DNS and alias legs, by the method chosen for each alias.
extension MigrationPlanner {
  /// Aliases of one distribution that move by one method.
  struct NameMove {
    var index: Int
    var method: AliasMethods.Method
    var own: [AliasMethods.Choice]
    var legs: DNSLegs
    /// Keeps the ids of its steps apart from those of others.
    var tail: String
    /// The wildcards that its copy answers by for a while.
    var bridges: [String]
    var aliases: [String] { own.map(\.scene.alias) }
  }

  mutating func moveNames() throws(FerryError) {
    var all: [NameMove] = []
    for method in AliasMethods.Method.allCases {
      for index in moves.indices {
        let own = choices.filter {
          $0.method == method && $0.scene.distribution == moves[index].it.id
        }
        guard !own.isEmpty else { continue }
        let move = moves[index]
        let tail =
          suffix(move) + (choices.contains { $0.method != method } ? "-\(method.rawValue)" : "")
        let isBridged = method == .wildcardBridge && own.allSatisfy { $0.order == "dns-first" }
        all.append(
          NameMove(
            index: index, method: method, own: own,
            legs: try legs(own.map(\.scene.alias), move, suffix: tail), tail: tail,
            bridges: isBridged
              ? Array(Set(own.map(\.scene.bridge))).sorted().filter { !move.held.contains($0) }
              : []))
      }
    }
    // Of several, all TTLs are lowered before the first name moves: the caches empty together.
    let lowersFirst = moves.count > 1
    if lowersFirst {
      try together(all) { $0.add($1.legs.lower, $0.moves[$1.index], undo: $1.legs.undoLower) }
    }
    for name in all {
      for step in name.legs.lower + name.legs.restore {
        terms.reserves[step.id] = name.legs.reserveSeconds
      }
    }
    for wave in waves(all) {
      reserve(wave)
      try together(wave) { it, name throws(FerryError) in
        var name = name
        if lowersFirst { (name.legs.lower, name.legs.undoLower) = ([], []) }
        try it.move(name)
      }
    }
  }
  /// Those that go side by side: of one method, no two that need the same wildcard, and no more than the DNS window
  /// holds together with a rollback of all of them.
  private func waves(_ all: [NameMove]) -> [[NameMove]] {
    var out: [[NameMove]] = []
    for it in all {
      let fitting = out.firstIndex { wave in
        wave[0].method == it.method
          && wave.allSatisfy { Set($0.bridges).isDisjoint(with: it.bridges) }
          && fits(wave + [it])
      }
      if let fitting { out[fitting].append(it) } else { out.append([it]) }
    }
    return out
  }
  private func flips(_ wave: [NameMove]) -> [Step] { wave.flatMap(\.legs.flip) }
  /// What the first flip of a wave needs of the window: all of them, the last one's drain, and the way back of each.
  private func need(_ wave: [NameMove], at place: Int = 0) -> Int {
    let reserve = wave.map(\.legs.reserveSeconds).max() ?? 0
    let count = flips(wave).count
    let each = input.cutover.policy.propagationSeconds
    // An accepted risk leaves the way back to later windows.
    return reserve + (count - 1 - place) * each + (reserve > 1 ? (count - 1) * each : 0)
  }
  private func fits(_ wave: [NameMove]) -> Bool {
    guard flips(wave).count > 1, let window = input.cutover.window, window.everCloses,
      let longest = window.longestSpan(after: input.cutover.start)
    else { return true }
    return need(wave) <= longest
  }
  private mutating func reserve(_ wave: [NameMove]) {
    // Parts with more than one flip write theirs first.
    for (place, step) in flips(wave).enumerated() {
      terms.reserves[step.id] = need(wave, at: place)
    }
    if let last = flips(wave).last { waves.append((last.id, flips(wave).count)) }
  }

  private mutating func move(_ name: NameMove) throws(FerryError) {
    let (index, method, own, legs, tail) = (
      name.index, name.method, name.own, name.legs, name.tail
    )
    let (move, aliases) = (moves[index], name.aliases)
    let isDNSFirst = own.allSatisfy { $0.order == "dns-first" }
    switch method {
    case .wildcardBridge where isDNSFirst:
      let bridges = name.bridges
      hold(bridges, "bridge", "Let the copy of \(move.it.id) answer by", at: index, tail)
      prove(bridges.map { Self.throwaway($0, input.planning.name) }, "prove-bridge", move, tail)
      add(legs.lower, move, undo: legs.undoLower)
      let drop = dropSource(aliases, at: index, tail)
      // On the way back DNS returns first, while the copy still answers.
      add(legs.turn, move, undo: legs.undoTurn + [drop.undo] + legs.drains)
      add(
        drop.step, parts: part(move), rollback: legs.turn.isEmpty ? [drop.undo] : [],
        inverse: drop.undo.action)
      hold(aliases, "claim", "Give the copy of \(move.it.id) the alias", at: index, tail)
      prove(aliases.filter { !$0.hasPrefix("*") }, "prove-alias", move, tail)
      add(legs.bake, move, undo: [])
      add(legs.restore, move, undo: legs.undoRestore)
      release(bridges.filter { !aliases.contains($0) }, at: index, tail)
    case .wildcardBridge:
      add(legs.lower, move, undo: legs.undoLower)
      let drop = dropSource(aliases, at: index, tail)
      add(drop.step, parts: part(move), rollback: [drop.undo])
      add(legs.turn, move, undo: legs.undoTurn + legs.drains)
      hold(aliases, "claim", "Give the copy of \(move.it.id) the alias", at: index, tail)
      finish(aliases, legs, move, tail)
    case .sameAccount:
      let texts = ownership(aliases, move)
      add(texts.make, move, undo: texts.unmake)
      add(legs.lower, move, undo: legs.undoLower)
      take(aliases, at: index, tail)
      add(legs.turn, move, undo: legs.undoTurn + legs.drains)
      finish(aliases, legs, move, tail)
      add(texts.remove, move, undo: texts.restore)
    case .disabledSource:
      let texts = ownership(aliases, move)
      add(texts.make, move, undo: texts.unmake)
      add(legs.lower, move, undo: legs.undoLower)
      if move.it.isEnabled {
        let step = "stop-source\(tail)"
        add(
          Step(
            id: step, title: "Disable \(move.it.id): the outage begins", account: source,
            action: .setEnabled(distribution: move.it.id, from: true, to: false),
            expects: .init(configDigest: move.sourceConfig.configDigest),
            checks: [PlanBuilder.deployed(move.it.id)]), parts: part(move),
          rollback: [
            Step(
              id: "start-source\(tail)", title: "Enable \(move.it.id) again", account: source,
              action: .setEnabled(distribution: move.it.id, from: false, to: true),
              checks: [PlanBuilder.deployed(move.it.id)], undoes: step),
            resume(aliases, at: index, tail),
          ])
      }
      take(aliases, at: index, tail)
      add(legs.turn, move, undo: legs.undoTurn + legs.drains)
      finish(aliases, legs, move, tail)
      add(texts.remove, move, undo: texts.restore)
    case .support:
      add(legs.lower, move, undo: legs.undoLower)
      for alias in aliases {
        var check = Step.Check(.alias, distribution: move.id, value: alias)
        check.limitSeconds = 30 * 86_400
        var step = Step(
          id: "support-\(Self.plain(alias))\(tail)", title: "AWS Support moves \(alias)",
          account: target,
          action: .external(
            .init(
              says:
                "Open a case with AWS Support: move the alternate domain name \(alias) from \(move.it.id) (account \(source)) to the copy (account \(target)).",
              commands: [])), window: nil,
          gate: .init(reason: "a case with AWS Support for \(alias)"),
          checks: [check, PlanBuilder.deployed(move.id)])
        step.parts = part(move)
        add(step, parts: part(move), rollback: [])
      }
      moves[index].held += aliases
      forget(aliases, at: index)
      add(legs.turn, move, undo: legs.undoTurn + legs.drains)
      finish(aliases, legs, move, tail)
    }
  }

  private mutating func finish(_ aliases: [String], _ legs: DNSLegs, _ move: Move, _ tail: String) {
    prove(aliases.filter { !$0.hasPrefix("*") }, "prove-alias", move, tail)
    add(legs.bake, move, undo: [])
    add(legs.restore, move, undo: legs.undoRestore)
  }

  static func plain(_ alias: String) -> String {
    alias.replacing("*", with: "wildcard").replacing(".", with: "-")
  }
}
