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
  /// Those that lead to their distribution in DNS by other records than their own.
  var leads: [Lead] = []
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
    try planner.judgeLeads()
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
  func primary(_ id: String) -> String? {
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
      var scene = scene
      scene.drain = drain(of: scene)
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

  // MARK: Times

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
      guard let slot = reckoning.slots[id],
        let closes = window.undoingCloses(from: slot.earliest),
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
