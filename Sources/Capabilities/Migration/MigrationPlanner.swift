import FerryCore
import Foundation

/// Everything a migration plan is made from; values only.
struct MigrationInput: Sendable {
  var planning: PlanningInput
  /// The source account's closures, secrets in clear.
  var closure: Inventory.Account
  var managed: Set<String>
  var target: TargetScene
  var quotas: QuotaScene
  var map: MigrationMap
  /// The distributions to carry, staging twins left out.
  var distributions: [String]
  /// Only these aliases move; nil for all.
  var aliases: Set<String>?
  /// What was seen of each alias in DNS; those without are in no zone that edgeferry can change.
  var names: [CutoverObservation]
  var cutover: CutoverInput
  /// Of the settings, by name.
  var windows: [String: ChangeWindow] = [:]
  var scenes: [AliasScene]
  var method: AliasMethods.Method?
  var order: String?
  /// How long the source must be without a request before it is disabled.
  var keepSourceSeconds: Int
  var deletesSource: Bool
  /// Where serving proofs ask; nil for `https://{name}/`.
  var health: HealthPolicy?
}

/// Plans a move to another account: dependencies, distribution, proof, DNS and alias, and the way back.
struct MigrationPlanner {
  let input: MigrationInput
  var carrier: Carrier
  var builder: PlanBuilder
  var choices: [AliasMethods.Choice] = []
  var terms = Reckoning.Terms()
  /// The last flip of those that go side by side, and how many they are.
  var waves: [(flip: String, count: Int)] = []
  var exposure = 0
  /// What is collected of one distribution while several go side by side.
  private var lane: [PlanBuilder.Entry]?

  /// One distribution on its way.
  struct Move {
    var it: Inventory.Distribution
    var staging: Inventory.Distribution?
    var policy: Inventory.Policy?
    var aliases: [String]
    /// The source's config as the steps so far leave it.
    var sourceConfig: XElement
    /// The target's aliases as the steps so far leave them.
    var held: [String] = [] { didSet { heldMost = max(heldMost, held.count) } }
    /// The most that the target holds at any time.
    private(set) var heldMost = 0
    var create: String { "create-distribution-\(it.id.lowercased())" }
    var id: String { "${\(create).id}" }
    var domain: String { "${\(create).domainname}" }
    var sourceAliases: [String] {
      sourceConfig.at("Aliases/Items")?.children.map(\.text) ?? []
    }
  }
  var moves: [Move] = []

  static func plan(_ input: MigrationInput) throws(FerryError) -> PlanPair {
    var planner = MigrationPlanner(input)
    try planner.admit()
    try planner.choose()
    planner.createDependencies()
    try planner.together(planner.moves) { it, move in
      if let staging = move.staging { it.create(staging, move) }
      it.create(move.it, move)
    }
    planner.addGrants()
    planner.proveByOwnName()
    try planner.together(Array(planner.moves.indices)) { $0.detachPolicy(of: $1) }
    try planner.moveNames()
    try planner.together(planner.moves) { $0.recreatePolicy(of: $1) }
    try planner.together(planner.moves) { $0.retireSource(of: $1) }
    try planner.checkQuotas()
    try planner.place()
    return planner.sealed()
  }

  private init(_ input: MigrationInput) {
    self.input = input
    carrier = Carrier(
      input.closure, managed: input.managed, target: input.target, map: input.map,
      planName: input.planning.name)
    builder = PlanBuilder(input.planning)
    for it in input.closure.distributions where input.distributions.contains(it.id) {
      let policy = it.policyID.flatMap { id in
        input.closure.continuousDeploymentPolicies.first { $0.id == id }
      }
      let staging = policy.flatMap { policy in
        input.closure.distributions.first { policy.stagingNames.contains($0.domainName) }
      }
      moves.append(
        Move(
          it: it, staging: staging, policy: policy,
          aliases: it.aliases.filter { input.aliases?.contains($0.lowercased()) ?? true },
          sourceConfig: it.config
        ))
    }
  }

  var source: AccountID { input.closure.id }
  var target: AccountID { input.target.account }
  /// nil in a plan of one distribution.
  func part(_ move: Move) -> [String]? { moves.count > 1 ? [move.it.id] : nil }
  /// The one to be carried that a distribution is, or is the staging twin of.
  private func primary(_ id: String) -> String? {
    moves.first { $0.it.id == id || $0.staging?.id == id }?.it.id
  }
  func suffix(_ move: Move) -> String { moves.count > 1 ? "-\(move.it.id.lowercased())" : "" }

  mutating func add(_ step: Step, parts: [String]?, rollback: [Step], inverse: Action? = nil) {
    var step = step
    step.parts = parts
    let back = rollback.map {
      var out = $0
      out.parts = parts
      return out
    }
    guard lane != nil else { return builder.add(step, rollback: back, inverse: inverse) }
    lane?.append(PlanBuilder.Entry(step, rollback: back, inverse: inverse))
  }
  /// A phase of several distributions: they write one after another and wait together.
  mutating func together<Item>(
    _ items: [Item], _ body: (inout MigrationPlanner, Item) throws(FerryError) -> Void
  ) throws(FerryError) {
    guard items.count > 1 else {
      for item in items { try body(&self, item) }
      return
    }
    var lanes: [[PlanBuilder.Entry]] = []
    for item in items {
      lane = []
      defer { lane = nil }
      try body(&self, item)
      lanes.append(lane ?? [])
    }
    builder.add(together: lanes)
  }

  private mutating func choose() throws(FerryError) {
    let methods = AliasMethods(
      policy: input.cutover.policy, asked: input.method, askedOrder: input.order,
      isOutageAccepted: input.planning.acceptedRisks.contains("outage"))
    for scene in input.scenes {
      let choice = try methods.choose(scene)
      choices.append(choice)
      exposure = max(exposure, choice.exposureSeconds)
      if choice.exposureSeconds > 0, choice.method == .support {
        // When and how Support does it is not ours to choose.
        builder.note(
          "viewers of \(scene.alias) may see errors for up to \(choice.exposureSeconds) s after AWS Support moved it, until DNS has followed"
        )
      } else if choice.exposureSeconds > 0 {
        builder.risk(
          "outage",
          "viewers of \(scene.alias) see errors for about \(choice.exposureSeconds) s (\(choice.method.rawValue))"
        )
      }
    }
  }

  // MARK: Making

  private mutating func createDependencies() {
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

  private mutating func create(_ it: Inventory.Distribution, _ move: Move) {
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
    if it.config.text(at: "Logging/Bucket").map({ !$0.isEmpty }) ?? false {
      builder.note(
        "\(it.id) writes standard logs to \(it.config.text(at: "Logging/Bucket") ?? ""): the bucket must admit the target account, or map it under buckets"
      )
    }
    builder.note(
      "search your code, policies and allow-lists for \(it.id) and \(it.domainName): the copy has a new id and name"
    )
  }

  private mutating func addGrants() {
    for move in moves {
      for edit in grants(move) {
        let step =
          "grant-\(edit.statements.service.rawValue)-\(plain(edit.statements.resource))\(suffix(move))"
        add(
          Step(
            id: step, title: "Let the copy of \(move.it.id) read \(edit.statements.resource)",
            account: source, action: .editStatements(edit.statements)),
          parts: part(move),
          rollback: [
            Step(
              id: "un\(step)",
              title: "Take the grant of the copy of \(move.it.id) off \(edit.statements.resource)",
              account: source, action: .editStatements(edit.statements.inverse), undoes: step)
          ])
      }
    }
  }
  private func plain(_ text: String) -> String {
    String(
      text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.suffix(60))
  }
  private func grants(_ move: Move) -> [Grants.Edit] {
    var successors = carrier.grantSuccessors(distribution: move.it, reference: move.id)
    var identities = carrier.identities(of: move.it)
    if let staging = move.staging {
      successors.merge(
        carrier.grantSuccessors(
          distribution: staging, reference: "${create-distribution-\(staging.id.lowercased()).id}")
      ) { first, _ in first }
      identities.merge(carrier.identities(of: staging)) { first, _ in first }
    }
    let rewriting = Grants(
      source: source, target: target, successors: successors, identities: identities)
    return input.closure.resources.compactMap { it in
      guard let json = it.json else { return nil }
      switch it.kind {
      case .bucket:
        guard input.map.buckets[it.id] == nil, let policy = Self.policy(json["policy"]) else {
          return nil
        }
        return rewriting.edit(
          policy, service: .bucket, resource: it.id, region: json["region"]?.string ?? "us-east-1",
          part: move.it.id)
      case .kmsKey:
        guard let arn = ARN(it.id), let policy = Self.policy(json["policy"]) else { return nil }
        return rewriting.edit(
          policy, service: .key, resource: it.id, region: arn.region, part: move.it.id)
      default: return nil
      }
    }
  }
  private static func policy(_ json: JSONValue?) -> JSONValue? {
    switch json {
    case .object?: json
    case .string(let text)?: try? JSONValue.read(Array(text.utf8), what: "a policy")
    default: nil
    }
  }

  private mutating func proveByOwnName() {
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

  /// No certificate, alias or HTTP version changes while a policy is attached.
  private mutating func detachPolicy(of index: Int) {
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
  private mutating func recreatePolicy(of move: Move) {
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

  // MARK: The end

  private mutating func retireSource(of move: Move) {
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
    if move.it.isEnabled {
      let step = "disable-source-\(name)"
      add(
        Step(
          id: step, title: "Disable \(move.it.id)", account: source,
          action: .setEnabled(distribution: move.it.id, from: true, to: false),
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
          checks: [.init(.absent, distribution: move.it.id)]), parts: part(move), rollback: [])
      removeTwin(move)
    }
  }

  /// What the deleted source leaves behind would be an orphan.
  private mutating func removeTwin(_ move: Move) {
    guard let policy = move.policy, let staging = move.staging else { return }
    let name = move.it.id.lowercased()
    add(
      Step(
        id: "delete-source-policy-\(name)", title: "Delete policy \(policy.id)", account: source,
        action: .deletePolicy(policy: policy.id), checks: [.init(.absent, policy: policy.id)]),
      parts: part(move), rollback: [])
    if staging.isEnabled {
      add(
        Step(
          id: "disable-source-staging-\(name)", title: "Disable \(staging.id)", account: source,
          action: .setEnabled(distribution: staging.id, from: true, to: false),
          checks: [PlanBuilder.deployed(staging.id)]), parts: part(move), rollback: [])
    }
    add(
      Step(
        id: "delete-source-staging-\(name)", title: "Delete \(staging.id)", account: source,
        action: .deleteDistribution(distribution: staging.id),
        checks: [.init(.absent, distribution: staging.id)]), parts: part(move), rollback: [])
  }

  /// Gives the plan its times in both windows, and tells of flips whose way back may fall out of theirs.
  private mutating func place() throws(FerryError) {
    terms.windows = input.windows
    terms.starts = input.windows.mapValues {
      input.planning.createdAt + Double($0.leadSeconds)
    }
    if input.cutover.isStartAsked { terms.starts["dns"] = input.cutover.start }
    for index in builder.steps.indices {
      let step = builder.steps[index]
      guard step.id.hasPrefix("stop-source") || isAliasFirst(step) else { continue }
      let rest = builder.steps[index...]
      guard
        let flip = rest.firstIndex(where: { $0.id.hasPrefix("flip") && $0.sharesPart(with: step) })
      else { continue }
      let seconds = Reckoning.seconds(Array(builder.steps[index..<flip]))
      terms.relieved[step.id] = (builder.steps[flip], seconds)
    }
    let reckoning = try builder.place(terms)
    guard let window = input.windows["dns"] else { return }
    for (id, count) in waves {
      guard let closes = reckoning.slots[id]?.closes,
        let own = builder.steps.first(where: { $0.id == id })?.rollbackSeconds
      else { continue }
      let seconds = own + (count - 1) * input.cutover.policy.propagationSeconds
      let what = count > 1 ? "one of the \(count) flips up to \(id)" : "the flip \(id)"
      builder.risk(
        "rollback-outside-window",
        "if \(what) is wrong after \(window.localText(closes - Double(seconds))), a rollback of \(seconds) s no longer ends before the window closes at \(window.localText(closes)); the next allowed rollback is "
          + (window.nextRollback(after: closes, seconds: seconds).map(window.localText) ?? "never"))
    }
  }
  /// Takes names off the source before DNS moves.
  private func isAliasFirst(_ step: Step) -> Bool {
    step.id.hasPrefix("leave-source")
      && choices.contains {
        $0.method == .wildcardBridge && $0.order == "alias-first"
          && step.parts?.contains($0.scene.distribution) ?? true
      }
  }

  private func sealed() -> PlanPair {
    var pair = builder.sealed(
      methods: choices.map(\.record), exposureSeconds: exposure,
      debts: builder.steps.filter { $0.id.hasPrefix("restore-ttl") }.map(\.id))
    for (digest, text) in builder.secrets { pair.images[digest] = text }
    return pair
  }
}
