import FerryCore

/// What becomes of the sources.
extension MigrationPlanner {
  mutating func retireSource(of move: Move) {
    let name = move.it.id.lowercased()
    guard move.sourceAliases.isEmpty else {
      builder.note("\(move.it.id) keeps other aliases, so it is neither disabled nor deleted")
      return
    }
    guard move.it.isEnabled || input.deletesSource else { return }
    var idle = Step.Check(.idle, distribution: move.it.id)
    idle.quietSeconds = input.keepSourceSeconds
    idle.limitSeconds = 30 * 86_400
    add(
      Step(
        id: "await-idle-\(name)",
        title:
          "Keep \(move.it.id) until it has had no request for \(input.keepSourceSeconds) s",
        account: source, action: .observe, window: nil, checks: [idle], inverse: .observe),
      parts: part(move), rollback: [])
    for edit in grants(move) where !edit.old.isEmpty {
      let step =
        "revoke-\(edit.statements.service.rawValue)-\(plain(edit.statements.resource))\(suffix(move))"
      var statements = edit.statements
      statements.add = edit.rest
      statements.remove = edit.old
      add(
        Step(
          id: step, title: "Take the grant of \(move.it.id) off \(statements.resource)",
          account: source, action: .editStatements(statements)),
        parts: part(move),
        rollback: [
          Step(
            id: "un\(step)", title: "Let \(move.it.id) read \(statements.resource) again",
            account: source, action: .editStatements(statements.inverse), undoes: step)
        ])
    }
    let disabled = Self.disabled(move.sourceConfig)
    if move.it.isEnabled {
      let step = "disable-source-\(name)"
      add(
        Step(
          id: step, title: "Disable \(move.it.id)", account: source,
          action: .setEnabled(distribution: move.it.id, from: true, to: false),
          expects: .init(configDigest: builder.image(move.sourceConfig)),
          checks: [PlanBuilder.deployed(move.it.id)]), parts: part(move),
        rollback: [
          Step(
            id: "enable-source-\(name)", title: "Enable \(move.it.id) again", account: source,
            action: .setEnabled(distribution: move.it.id, from: false, to: true),
            checks: [PlanBuilder.deployed(move.it.id)], undoes: step)
        ])
    }
    if input.deletesSource {
      add(
        Step(
          id: "delete-source-\(name)", title: "Delete \(move.it.id)", account: source,
          action: .deleteDistribution(distribution: move.it.id),
          expects: .init(configDigest: builder.image(disabled)),
          checks: [.init(.absent, distribution: move.it.id)]), parts: part(move), rollback: [])
      removeTwin(move)
    }
  }

  private static func disabled(_ config: XElement) -> XElement {
    config.edited(
      [.init(path: "Enabled", from: "true", to: "false")], shape: "DistributionConfig")
  }
  /// What the deleted source leaves behind would be an orphan.
  private mutating func removeTwin(_ move: Move) {
    guard let policy = move.policy, let staging = move.staging else { return }
    let name = move.it.id.lowercased()
    add(
      Step(
        id: "delete-source-policy-\(name)", title: "Delete policy \(policy.id)", account: source,
        action: .deletePolicy(policy: policy.id),
        expects: .init(configDigest: builder.image(policy.config)),
        checks: [.init(.absent, policy: policy.id)]),
      parts: part(move), rollback: [])
    if staging.isEnabled {
      add(
        Step(
          id: "disable-source-staging-\(name)", title: "Disable \(staging.id)", account: source,
          action: .setEnabled(distribution: staging.id, from: true, to: false),
          expects: .init(configDigest: builder.image(staging.config)),
          checks: [PlanBuilder.deployed(staging.id)]), parts: part(move), rollback: [])
    }
    add(
      Step(
        id: "delete-source-staging-\(name)", title: "Delete \(staging.id)", account: source,
        action: .deleteDistribution(distribution: staging.id),
        expects: .init(configDigest: builder.image(Self.disabled(staging.config))),
        checks: [.init(.absent, distribution: staging.id)]), parts: part(move), rollback: [])
  }
}
