import FerryCore

/// Makes what the distributions refer to, and their copies, and proves that these serve.
extension MigrationPlanner {
  mutating func createDependencies() {
    for it in carrier.creations {
      let image = carrier.images[it.draft.image].map { builder.image($0) } ?? it.draft.image
      var draft = it.draft
      draft.image = image
      if let content = it.content {
        builder.keep(
          content.text, as: content.digest, isSecret: it.draft.kind == .keyValueStore)
      }
      let undo = "delete-\(it.step.dropFirst("create-".count))"
      let users = Set(it.users.compactMap(primary))
      add(
        Step(
          id: it.step, title: it.title, account: target, action: .create(draft)),
        parts: moves.count > 1 && users.count == 1 ? users.sorted() : nil,
        rollback: [
          Step(
            id: undo, title: "Delete the \(it.draft.kind.rawValue) \(it.draft.name) of the target",
            account: target,
            action: .delete(kind: it.draft.kind, id: "${\(it.step).id:-\(it.draft.name)}"),
            undoes: it.step)
        ])
    }
    for it in carrier.reused {
      builder.note("\(it) is there already with equal content, and is used")
    }
    for it in carrier.notes { builder.note(it) }
  }

  mutating func create(_ it: Inventory.Distribution, _ move: Move) {
    var edits = carrier.rewriting(it.config, of: .distribution)
    let reference = carrier.callerReference(it.id)
    edits.append(
      .init(
        path: "CallerReference", from: it.config.text(at: "CallerReference"), to: reference))
    edits += AliasList.edits(from: it.aliases, to: [])
    if it.policyID != nil {
      edits.append(.init(path: "ContinuousDeploymentPolicyId", from: it.policyID, to: ""))
    }
    let create = "create-distribution-\(it.id.lowercased())"
    let id = "${\(create).id}"
    let undoes = create
    let what = it.isStaging ? "staging distribution" : "distribution"
    var rollback: [Step] = []
    if it.isEnabled {
      rollback.append(
        Step(
          id: "disable-copy-of-\(it.id.lowercased())", title: "Disable the copy of \(it.id)",
          account: target, action: .setEnabled(distribution: id, from: true, to: false),
          checks: [PlanBuilder.deployed(id)], undoes: undoes))
    }
    rollback.append(
      Step(
        id: "delete-copy-of-\(it.id.lowercased())", title: "Delete the copy of \(it.id)",
        account: target, action: .deleteDistribution(distribution: id),
        checks: [.init(.absent, distribution: id)], undoes: undoes))
    add(
      Step(
        id: create,
        title: "Create the copy of \(what) \(it.id), without aliases and policy", account: target,
        action: .createDistribution(
          image: builder.image(it.config), set: edits, callerReference: reference,
          tags: it.tags.filter { !$0.key.hasPrefix("aws:") }), checks: [PlanBuilder.deployed(id)]),
      parts: part(move), rollback: rollback)
    for found in input.closure.resources
    where found.kind == .monitoringSubscription && found.id == it.id {
      guard let document = found.document else { continue }
      let step = "monitor-\(it.id.lowercased())"
      add(
        Step(
          id: step, title: "Subscribe the copy of \(it.id) to additional metrics", account: target,
          action: .create(
            ResourceDraft(
              kind: .monitoringSubscription, name: id, image: builder.image(document)))),
        parts: part(move),
        rollback: [
          Step(
            id: "un\(step)", title: "End the metrics subscription of the copy of \(it.id)",
            account: target, action: .delete(kind: .monitoringSubscription, id: id), undoes: step)
        ])
    }
    deliverLogs(of: it, move, id)
    if it.config.text(at: "Logging/Bucket").map({ !$0.isEmpty }) ?? false {
      builder.note(
        "\(it.id) writes standard logs to \(it.config.text(at: "Logging/Bucket") ?? ""): the bucket must admit the target account, or map it under buckets"
      )
    }
    builder.note(
      "search your code, policies and allow-lists for \(it.id) and \(it.domainName): the copy has a new id and name"
    )
  }

  mutating func proveByOwnName() {
    for move in moves {
      guard move.it.isEnabled else {
        builder.note(
          "\(move.it.id) is disabled, and so is its copy: nothing proves that it would serve")
        continue
      }
      var check = Step.Check(.serving, distribution: move.id)
      check.url = "https://\(move.domain)/"
      add(
        Step(
          id: "prove-\(move.it.id.lowercased())",
          title: "Ask the copy of \(move.it.id) by its own name", account: nil, action: .observe,
          window: nil, checks: [check], inverse: .observe), parts: part(move), rollback: [])
    }
  }
}
