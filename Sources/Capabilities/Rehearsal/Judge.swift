import FerryCore
import FerryModel
import Foundation

/// A rule that a run broke, and when.
struct Violation: Codable, Hashable, Sendable {
  var rule: Rule
  var seed: UInt64
  /// Since the run began.
  var atSeconds: Int
  /// For a person; empty where the rule says it all.
  var because: String
}

enum Rule: String, Codable, CaseIterable, Sendable {
  case exposure = "exposure-not-predicted"
  case oldAnswer = "old-answer-after-wait"
  case window = "write-outside-window"
  case moreThanNamed = "changed-more-than-named"
  case twice = "created-twice"
  case askedEarly = "asked-before-created"
  case notDeployed = "verified-before-deployed"
  case overwroteRival = "overwrote-somebody-else"
  case goal = "goal-not-reached"
  case notRestored = "not-restored"
  case unfinished = "unfinished"
  case falseStale = "stale-without-reason"
  case wrongEnd = "ended-wrong"
  case neverEnds = "never-ends"

  var says: String {
    switch self {
    case .exposure: "clients got broken answers where the plan predicts none"
    case .oldAnswer: "a resolver that keeps to TTLs had the old answer when the wait was over"
    case .window: "a write fell outside its window"
    case .moreThanNamed: "a write changed a field that its step does not name"
    case .twice: "one step made something twice"
    case .askedEarly: "a resolver was asked for a name before it was created"
    case .notDeployed: "a step was verified while a distribution it waits for was still in progress"
    case .overwroteRival: "a change that somebody else made is gone"
    case .goal: "the run ended as done, and the world is not what the plan says"
    case .notRestored: "the rollback ended as done, and the world is not as it was"
    case .unfinished: "nothing went wrong in the world, and the run was not done in the end"
    case .falseStale: "the run took the world for changed, and nobody else had changed it"
    case .wrongEnd: "the run ended otherwise than a run may"
    case .neverEnds: "the run had not ended after sixty days, or after being begun 4,000 times"
    }
  }
}

/// Watches one run: what is written, when, and what the world is in the end.
///
/// - Source: design, section 6, and the promises that plans make in `schedule` and `wait`.
struct Judge: Sendable {
  private let windows: [String: ChangeWindow]
  private let created: Set<RecordKey>
  private var made: [String: Int] = [:]
  /// By step: what it created last.
  private var ids: [String: String] = [:]
  var isRollback = false
  /// Steps on the way back whose longest copies another step waits for, by their ids: it comes later, since users are back
  /// before those have run out.
  private let drains: [String: String]
  private var undrained: [String: [Step]] = [:]
  private(set) var found: [(rule: Rule, at: Double, because: String)] = []

  init(_ scene: Scene) {
    windows = scene.windows
    var created: Set<RecordKey> = []
    for step in scene.plan.steps {
      for change in step.action.dns?.changes ?? [] where change.from == nil {
        created.insert(change.key)
      }
    }
    self.created = created
    drains = Self.drains(scene.rollback?.steps ?? [])
  }
  private static func drains(_ steps: [Step]) -> [String: String] {
    func drains(_ step: Step) -> Bool { step.wait?.from == "last-authoritative-change" }
    var out: [String: String] = [:]
    for (place, step) in steps.enumerated() where step.action.dns != nil && drains(step) {
      out[step.id] =
        steps[place...].first { $0.action == .observe && $0.undoes != nil && drains($0) }?.id
    }
    return out
  }

  mutating func add(_ rule: Rule, at: Double, _ because: String) {
    if !found.contains(where: { $0.rule == rule }) { found.append((rule, at, because)) }
  }

  mutating func wrote(
    _ step: Step?, operation: String, resource: String, at: Date, seconds: Double,
    before: XElement?, after: XElement?
  ) {
    guard let step else { return }
    if operation.hasPrefix("Create") { ids[step.id] = resource }
    if let name = step.window, var window = windows[name] {
      // Undoing has its own rules: docs/decisions/0003 and 0007.
      if isRollback { window = window.forUndoing }
      if !isRollback || name == "dns", case .closed(_, let because, _) = window.state(at: at) {
        add(.window, at: seconds, "\(step.id) wrote at \(Timestamp.text(at)): \(because)")
      }
    }
    if operation.hasPrefix("Create") {
      let place = "\(isRollback) \(step.id) \(operation)"
      made[place, default: 0] += 1
      if made[place, default: 0] > 1 { add(.twice, at: seconds, "\(step.id) called \(operation)") }
    }
    if operation.hasPrefix("Update"), let before, let after, !step.action.edits.isEmpty {
      // Without the places in lists: `Items[3]` is `Items`.
      func plain(_ path: String) -> String {
        guard path.utf8.contains(UInt8(ascii: "[")) else { return path }
        return path.split(separator: "/").map { $0.prefix { $0 != "[" } }.joined(separator: "/")
      }
      let named = step.action.edits.map { plain($0.path) }
      let odd = before.differences(to: after).map { plain($0.path) }.first { path in
        !named.contains { path.hasPrefix($0) || $0.hasPrefix(path) }
      }
      if let odd { add(.moreThanNamed, at: seconds, "\(step.id) changed \(odd)") }
    }
  }

  /// The wait of a step that moved a name is over.
  mutating func verified(
    _ step: Step, _ caches: inout [ResolverCache], _ zones: ZoneTimeline, at: Double
  ) {
    if isRollback, let drain = drains[step.id] {
      undrained[drain, default: []].append(step)
    } else {
      judge(step, &caches, zones, at: at)
    }
    ended(step, &caches, zones, at: at)
  }
  /// A step is over, or was skipped since there was nothing to wait for.
  mutating func ended(
    _ step: Step, _ caches: inout [ResolverCache], _ zones: ZoneTimeline, at: Double
  ) {
    for it in undrained.removeValue(forKey: step.id) ?? [] {
      judge(it, &caches, zones, at: at)
    }
  }
  private mutating func judge(
    _ step: Step, _ caches: inout [ResolverCache], _ zones: ZoneTimeline, at: Double
  ) {
    guard step.wait?.from == "last-authoritative-change" else { return }
    for change in step.action.dns?.changes ?? [] {
      guard let from = change.from, from.data != change.to?.data else { continue }
      for index in caches.indices where caches[index].kind.isCompliant {
        let copy = caches[index].copy(change.key, zones, at: at)
        guard copy.value?.data == from.data, copy.value != zones[change.key] else { continue }
        add(
          .oldAnswer, at: at,
          "\(caches[index].kind.name) had \(Stage.shown(copy.value)) for \(change.key.name) for another \(Int(copy.until - at)) s after \(step.id)"
        )
      }
    }
  }
  /// An id, or that of what the step made that it refers to.
  func resolved(_ id: String) -> String {
    id.hasPrefix("${") ? ids[String(id.dropFirst(2).prefix { $0 != "." })] ?? "" : id
  }
  /// Every distribution that a verified step waits for has its last write at every edge.
  mutating func verified(_ step: Step, _ model: CloudFrontModel, now: Date, at: Double) {
    for check in step.checks where check.type == .deployed {
      let id = resolved(check.distribution ?? "")
      if model.status(of: id, now: now) == "InProgress" {
        add(.notDeployed, at: at, "\(id), after \(step.id)")
      }
    }
  }
  mutating func asked(_ keys: [RecordKey], _ zones: ZoneTimeline, at: Double) {
    guard !isRollback else { return }
    for key in keys where created.contains(key) && zones[key] == nil {
      add(.askedEarly, at: at, "\(key.name) \(key.rrtype.rawValue)")
    }
  }
}

/// What a run may have changed, for a comparison before and after.
struct Fingerprint: Equatable, Sendable {
  var records: [RecordKey: RecordValue]
  /// By account.
  var counts: [AccountID: [String: Int]]
  /// By distribution: its config, ids of policies aside.
  var configs: [String: String]
  /// By alias: the account that holds it.
  var aliases: [String: AccountID]
  /// By policy: its config.
  var policies: [String: String]
  /// By bucket or key: who may what.
  var statements: [String: Set<String>]

  init(_ stage: Stage) {
    records = stage.records
    statements = stage.statements
    // A promote that is taken back leaves its policy disabled: docs/decisions/0010.
    let isPromote = stage.scene.plan.steps.contains {
      if case .promote = $0.action { true } else { false }
    }
    policies = [:]
    let model = stage.model
    counts = [:]
    configs = [:]
    aliases = [:]
    for account in model.accountIDs {
      counts[account] = model.counts(account: account)
      for it in model.distributions(of: account) {
        for alias in it.aliases { aliases[alias.lowercased()] = account }
        var config = it.config
        if !it.policyID.isEmpty {
          config.set("(one)", at: "ContinuousDeploymentPolicyId", shape: "DistributionConfig")
        }
        configs[it.id] = config.configDigest
      }
      for (id, config) in model.policyConfigs(of: account) {
        var config = config
        if isPromote {
          config.set("(any)", at: "Enabled", shape: "ContinuousDeploymentPolicyConfig")
        }
        policies[id] = config.configDigest
      }
    }
  }

  /// How the world differs from what it was; nil for not at all. What had to be made anew has another id.
  /// - Parameter isWhole: false where something was done that cannot be undone: then only names are compared.
  func difference(from before: Fingerprint, isWhole: Bool) -> String? {
    for (key, value) in before.records.sorted(by: { $0.key.name < $1.key.name })
    where records[key] != value {
      return
        "\(key.name) \(key.rrtype.rawValue) is \(Stage.shown(records[key])) and was \(Stage.shown(value))"
    }
    if let extra = records.keys.first(where: { before.records[$0] == nil }) {
      return "\(extra.name) \(extra.rrtype.rawValue) is there still"
    }
    if aliases != before.aliases { return "an alias is not where it was" }
    guard isWhole else { return nil }
    for (account, kinds) in before.counts.sorted(by: { $0.key < $1.key })
    where counts[account] != kinds {
      return "account \(account) has \(Self.text(counts[account])) and had \(Self.text(kinds))"
    }
    for (id, config) in configs.sorted(by: { $0.key < $1.key }) {
      if let was = before.configs[id], was != config { return "\(id) is not configured as it was" }
    }
    for (id, config) in policies.sorted(by: { $0.key < $1.key }) {
      if let was = before.policies[id], was != config { return "policy \(id) is not as it was" }
    }
    let places = Set(statements.keys).union(before.statements.keys)
    if let place = places.sorted().first(where: { statements[$0] != before.statements[$0] }) {
      return "who may use \(place) is not as it was"
    }
    return nil
  }
  private static func text(_ kinds: [String: Int]?) -> String {
    (kinds ?? [:]).sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(
      separator: ", ")
  }
}
