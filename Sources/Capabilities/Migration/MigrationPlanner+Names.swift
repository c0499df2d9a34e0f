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
      add(legs.flip, move, undo: legs.undoFlip + [drop.undo] + legs.drains)
      add(
        drop.step, parts: part(move), rollback: legs.flip.isEmpty ? [drop.undo] : [],
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
      add(legs.flip, move, undo: legs.undoFlip + legs.drains)
      hold(aliases, "claim", "Give the copy of \(move.it.id) the alias", at: index, tail)
      finish(aliases, legs, move, tail)
    case .sameAccount:
      let texts = ownership(aliases, move)
      add(texts.make, move, undo: texts.unmake)
      add(legs.lower, move, undo: legs.undoLower)
      take(aliases, at: index, tail)
      add(legs.flip, move, undo: legs.undoFlip + legs.drains)
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
      add(legs.flip, move, undo: legs.undoFlip + legs.drains)
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
            says:
              "Open a case with AWS Support: move the alternate domain name \(alias) from \(move.it.id) (account \(source)) to the copy (account \(target)).",
            commands: []), window: nil,
          gate: .init(reason: "a case with AWS Support for \(alias)"),
          checks: [check, PlanBuilder.deployed(move.id)])
        step.parts = part(move)
        add(step, parts: part(move), rollback: [])
      }
      moves[index].held += aliases
      forget(aliases, at: index)
      add(legs.flip, move, undo: legs.undoFlip + legs.drains)
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

  // MARK: DNS

  /// Steps of a phase; what takes them back comes as one block, before all that is there.
  mutating func add(_ steps: [Step], _ move: Move, undo: [Step]) {
    for (index, step) in steps.enumerated() {
      let isLast = index == steps.count - 1
      add(step, parts: part(move), rollback: isLast ? undo : [], inverse: step.inverse)
    }
  }
  private mutating func legs(_ aliases: [String], _ move: Move, suffix: String)
    throws(FerryError) -> DNSLegs
  {
    let placeholder = DNSLegs.placeholder(move.it.id)
    let wanted = Set(aliases.map { DomainName(wire: $0) })
    let observed = input.names.filter { wanted.contains($0.name) }.map { it in
      var out = it
      out.target = placeholder
      return out
    }
    let seen = Set(observed.map(\.name))
    for name in wanted.subtracting(seen).sorted() {
      builder.note("\(name) has no record that leads to \(move.it.id), so DNS is left alone")
    }
    guard !observed.isEmpty else { return DNSLegs() }
    guard let legs = try CutoverPlanner.legs(observed, input: input.cutover) else {
      return DNSLegs()
    }
    // Whether a rollback still fits is told by the times of the whole plan.
    for risk in legs.risks where risk.code != "rollback-outside-window" {
      builder.risk(risk.code, risk.text)
    }
    return DNSLegs(
      legs, suffix: suffix,
      references: [(placeholder, move.create, "the copy of \(move.it.id)")])
  }

  /// TXT records that show control of the names: the target's domain for the way there, the source's for the
  /// way back.
  ///
  /// - Source: reference facts on CloudFront, section 4.2.
  private mutating func ownership(_ aliases: [String], _ move: Move) -> (
    make: [Step], unmake: [Step], remove: [Step], restore: [Step]
  ) {
    var out: (make: [Step], unmake: [Step], remove: [Step], restore: [Step]) = ([], [], [], [])
    let policy = input.cutover.policy
    var owners: Set<DomainName> = []
    for alias in aliases {
      guard let it = input.names.first(where: { $0.name == DomainName(wire: alias) }) else {
        continue
      }
      let owner = Self.ownershipName(alias, zone: it.zone.name)
      // An apex and the wildcard over its names have one between them.
      guard owners.insert(owner).inserted else { continue }
      if owner.text.hasPrefix("_.") {
        builder.note(
          "AWS names the TXT record that shows control by _ and the name itself; for \(alias) that is no name of the zone \(it.zone.name), so it is \(owner), as others have found to work"
        )
      }
      let value = RecordValue(
        ttl: policy.ttl, data: ["\"\(move.domain)\"", "\"\(move.it.domainName.lowercased())\""])
      let change = RecordChange(RecordKey(owner, .txt), from: nil, to: value)
      let label = Self.plain(alias)
      func step(
        _ id: String, _ title: String, _ change: RecordChange, undoes: String? = nil
      ) -> Step {
        var out = Step(
          id: id, title: title, account: it.account, action: .replace(zone: it.zone.name, change),
          expects: .init(records: [RecordState(change.key, change.from)]), window: "dns",
          inverse: .replace(zone: it.zone.name, change.inverse), undoes: undoes)
        var check = Step.Check(
          .authoritative, typicalSeconds: policy.propagationSeconds, limitSeconds: 5400)
        check.zone = it.zone.name
        check.records = [RecordState(change.key, change.to)]
        out.checks = [check]
        return out
      }
      let make = "own-\(label)"
      let remove = "disown-\(label)"
      out.make.append(step(make, "Show control of \(alias) by the TXT record \(owner)", change))
      out.unmake.insert(
        step("un\(make)", "Remove the TXT record \(owner)", change.inverse, undoes: make), at: 0)
      out.remove.append(step(remove, "Remove the TXT record \(owner)", change.inverse))
      out.restore.insert(
        step("un\(remove)", "Show control of \(alias) by \(owner) again", change, undoes: remove),
        at: 0)
    }
    return out
  }

  /// `_` + name; where that is outside the name's own zone, as for an apex, `_.` + name.
  ///
  /// - Source: reference facts on CloudFront, section 4.2. No official text has the apex's form.
  static func ownershipName(_ alias: String, zone: DomainName) -> DomainName {
    let bare = alias.hasPrefix("*.") ? String(alias.dropFirst(2)) : alias
    let plain = DomainName(wire: "_\(bare)")
    return plain.isWithin(zone) ? plain : DomainName(wire: "_.\(bare)")
  }

  // MARK: Aliases

  /// Adds names to the copy.
  private mutating func hold(
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
  private mutating func release(_ names: [String], at index: Int, _ tail: String) {
    guard !names.isEmpty else { return }
    let move = moves[index]
    set(
      move.held.filter { !names.contains($0) }, step: "remove-bridge\(tail)",
      title: "Take \(names.joined(separator: ", ")) off the copy of \(move.it.id)",
      undo: "unremove-bridge\(tail)",
      undoTitle: "Let the copy of \(move.it.id) answer by \(names.joined(separator: ", ")) again",
      at: index)
  }
  private mutating func set(
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
  private mutating func dropSource(_ aliases: [String], at index: Int, _ tail: String) -> (
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
  private mutating func forget(_ aliases: [String], at index: Int) {
    let old = moves[index].sourceAliases
    moves[index].sourceConfig = moves[index].sourceConfig.edited(
      AliasList.edits(from: old, to: old.filter { !aliases.contains($0) }),
      shape: "DistributionConfig")
  }

  /// Moves names in one call each; the source must not be in use elsewhere, as CloudFront checks.
  private mutating func take(_ aliases: [String], at index: Int, _ tail: String) {
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
  private func resume(_ aliases: [String], at index: Int, _ tail: String) -> Step {
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
  private mutating func prove(_ names: [String], _ stem: String, _ move: Move, _ tail: String) {
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
