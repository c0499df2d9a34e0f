import FerryCore

/// Continuous-deployment policies: off the source while names move, and made anew for the new pair.
extension MigrationPlanner {
  /// No certificate, alias or HTTP version changes while a policy is attached.
  mutating func detachPolicy(of index: Int) {
    guard let policy = moves[index].policy,
      !moves[index].aliases.isEmpty || input.deletesSource
    else { return }
    let move = moves[index]
    // Made apart, so that they become steps of this part alone.
    var steps = PlanBuilder(input.planning)
    _ = PolicySteps.disable(policy, [move.it], source, reference: policy.id, unless: nil, &steps)
    PolicySteps.detach(policy.id, move.it, source, reference: policy.id, unless: nil, &steps)
    let made = steps.sealed()
    for step in made.plan.steps {
      add(step, parts: part(move), rollback: made.rollback.steps.filter { $0.undoes == step.id })
    }
    _ = builder.image(policy.config)
    _ = builder.image(move.it.config)
    moves[index].sourceConfig = move.sourceConfig.edited(
      [.init(path: "ContinuousDeploymentPolicyId", from: policy.id, to: "")],
      shape: "DistributionConfig")
  }

  /// The new pair gets the policy that the old one had, as it was.
  mutating func recreatePolicy(of move: Move) {
    guard let policy = move.policy, let staging = move.staging else { return }
    let name = move.it.id.lowercased()
    let create = "create-policy-\(name)"
    let edits = policy.stagingNames.enumerated().map { index, old in
      ConfigEdit(
        path: "StagingDistributionDnsNames/Items/DnsName"
          + (policy.stagingNames.count > 1 ? "[\(index)]" : ""), from: old,
        to: "${create-distribution-\(staging.id.lowercased()).domainname}")
    }
    add(
      Step(
        id: create, title: "Create the policy of \(move.it.id) for the new pair", account: target,
        action: .createPolicy(image: builder.image(policy.config), set: edits)),
      parts: part(move),
      rollback: [
        Step(
          id: "delete-policy-\(name)", title: "Delete the policy of the copy of \(move.it.id)",
          account: target, action: .deletePolicy(policy: "${\(create).id}"),
          checks: [.init(.absent, policy: "${\(create).id}")], undoes: create)
      ])
    let attach = "attach-policy-\(name)"
    let path = "ContinuousDeploymentPolicyId"
    let checks = { (value: String) -> [Step.Check] in
      [
        .init(.config, distribution: move.id, path: path, value: value),
        PlanBuilder.deployed(move.id),
      ]
    }
    add(
      Step(
        id: attach, title: "Attach the policy to the copy of \(move.it.id)", account: target,
        action: .updateConfig(
          distribution: move.id, set: [.init(path: path, from: "", to: "${\(create).id}")]),
        checks: checks("${\(create).id}")), parts: part(move),
      rollback: [
        Step(
          id: "detach-policy-\(name)", title: "Detach the policy from the copy of \(move.it.id)",
          account: target,
          action: .updateConfig(
            distribution: move.id, set: [.init(path: path, from: "${\(create).id}", to: "")]),
          checks: checks(""), undoes: attach)
      ])
  }
}
