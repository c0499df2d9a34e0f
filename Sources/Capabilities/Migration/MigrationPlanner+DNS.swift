import FerryCore

/// Records of the names: the legs of the cutover, and what shows control of them.
extension MigrationPlanner {
  /// Steps of a phase; what takes them back comes as one block, before all that is there.
  mutating func add(_ steps: [Step], _ move: Move, undo: [Step]) {
    for (index, step) in steps.enumerated() {
      let isLast = index == steps.count - 1
      add(step, parts: part(move), rollback: isLast ? undo : [], inverse: step.inverse)
    }
  }
  mutating func legs(_ aliases: [String], _ move: Move, suffix: String)
    throws(FerryError) -> DNSLegs
  {
    let placeholder = DNSLegs.placeholder(move.it.id)
    let wanted = Set(aliases.map { DomainName(wire: $0) })
    let observed = observed(wanted, to: placeholder)
    let seen = Set(observed.map(\.name)).union(input.leads.map(\.name))
    for name in wanted.subtracting(seen).sorted() {
      builder.note("\(name) has no record that leads to \(move.it.id), so DNS is left alone")
    }
    var out = DNSLegs()
    (out.repoint, out.undoRepoint) = repoints(aliases, move, suffix: suffix)
    guard !observed.isEmpty,
      let legs = try CutoverPlanner.legs(observed, input: input.cutover)
    else { return out }
    // Whether a rollback still fits is told by the times of the whole plan.
    for risk in legs.risks where risk.code != "rollback-outside-window" {
      builder.risk(risk.code, risk.text)
    }
    out.add(
      legs, suffix: suffix,
      references: [(placeholder, move.create, "the copy of \(move.it.id)")])
    return out
  }
  private func observed(_ names: Set<DomainName>, to target: DomainName) -> [CutoverObservation] {
    input.names.filter { names.contains($0.name) }.map { it in
      var out = it
      out.target = target
      return out
    }
  }
  /// What the DNS steps of an alias wait for; nil where it has none.
  func drain(of scene: AliasScene) -> AliasScene.Drain? {
    let seen = observed(
      [DomainName(wire: scene.alias)], to: DNSLegs.placeholder(scene.distribution))
    return seen.first?.drainSeconds(input.cutover.policy, form: input.cutover.form).map {
      .init(flipSeconds: $0.flip, undoSeconds: $0.undo)
    }
  }

  /// TXT records that show control of the names: the target's domain for the way there, the source's for the
  /// way back.
  ///
  /// - Source: reference facts on CloudFront, section 4.2.
  mutating func ownership(_ aliases: [String], _ move: Move) -> (
    make: [Step], unmake: [Step], remove: [Step], restore: [Step]
  ) {
    var out: (make: [Step], unmake: [Step], remove: [Step], restore: [Step]) = ([], [], [], [])
    let policy = input.cutover.policy
    var owners: Set<DomainName> = []
    let seen = input.names + input.leads.map(\.alias)
    for alias in aliases {
      guard let it = seen.first(where: { $0.name == DomainName(wire: alias) }) else { continue }
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
          gate: .byHand(it.zone), inverse: .replace(zone: it.zone.name, change.inverse),
          undoes: undoes)
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
}
