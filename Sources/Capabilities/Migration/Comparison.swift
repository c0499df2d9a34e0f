import FerryCore
import Foundation

/// Source and target of a move, field by field: what the move itself changes, with the reason, and everything
/// else that differs.
///
/// Things referred to are those that corresponding places name, and are compared by content; ids may differ
/// only where the contents agree. Secrets are compared and shown as digests.
struct Comparison {
  /// One account, as it was read.
  struct Side: Sendable {
    var account: Inventory.Account { didSet { index = ResourceIndex(account.resources) } }
    /// Ids of AWS's own policies.
    let managed: Set<String>
    private var index: ResourceIndex

    init(account: Inventory.Account, managed: Set<String> = []) {
      self.account = account
      self.managed = managed
      index = ResourceIndex(account.resources)
    }
    func resource(_ kind: ResourceKind, _ id: String) -> Inventory.Resource? { index[kind, id] }
    func distribution(_ id: String) -> Inventory.Distribution? {
      account.distributions.first { $0.id == id || $0.domainName.lowercased() == id.lowercased() }
    }
    func policy(_ id: String) -> Inventory.Policy? {
      account.continuousDeploymentPolicies.first { $0.id == id }
    }
  }
  /// What is known of the move.
  struct Intent: Sendable {
    var map = MigrationMap()
    /// Whole texts of the source's configs and what the plan writes instead.
    var successors: [String: String] = [:]
    /// The aliases that the plan moves; nil without a plan.
    var aliases: Set<String>?
    /// Wildcards that the plan holds for a while only.
    var bridges: Set<String> = []
    /// Sources that the plan disables.
    var disabled: Set<String> = []
    /// Policies that the plan takes off the source, as they were before, by the distribution's id.
    var detached: [String: XElement] = [:]
  }
  struct Pair: Hashable, Sendable {
    var source: String
    var target: String
  }
  private struct Key: Hashable {
    var kind: ResourceKind
    var source: String
    var target: String
  }

  let source: Side
  let target: Side
  let intent: Intent
  private(set) var differences: [CutoverVerdict.Difference] = []
  /// Whether two things agree; true while they are being compared.
  private var agreed: [Key: Bool] = [:]

  /// In the order of the pairs, each thing once.
  static func differences(
    of pairs: [Pair], source: Side, target: Side, intent: Intent
  ) -> [CutoverVerdict.Difference] {
    var out = Comparison(source: source, target: target, intent: intent)
    for pair in pairs {
      guard let one = source.distribution(pair.source), let other = target.distribution(pair.target)
      else {
        out.differ(
          "distribution/\(pair.source)", pair.source, pair.target, false,
          "one of them was not read, so they were not compared")
        continue
      }
      _ = out.distributions(one, other)
    }
    return out.differences
  }
  private init(source: Side, target: Side, intent: Intent) {
    self.source = source
    self.target = target
    self.intent = intent
  }
  var isSameAccount: Bool { source.account.id == target.account.id }

  // MARK: What was found

  mutating func differ(
    _ path: String, _ source: String?, _ target: String?, _ expected: Bool, _ reason: String?
  ) {
    func shown(_ text: String?) -> String? {
      text.map { $0.utf8.count > 200 ? Digest.tagged($0) : $0 }
    }
    differences.append(
      .init(
        path: path, source: shown(source), target: shown(target), expected: expected,
        reason: reason))
  }
  /// Whether nothing unexpected came up in between.
  private mutating func agree(_ key: Key, _ body: (inout Comparison) -> Void) -> Bool {
    if let known = agreed[key] { return known }
    agreed[key] = true
    let before = differences.count
    body(&self)
    let result = differences[before...].allSatisfy(\.expected)
    agreed[key] = result
    return result
  }

  // MARK: Distributions

  mutating func distributions(
    _ source: Inventory.Distribution, _ target: Inventory.Distribution
  ) -> Bool {
    agree(Key(kind: .distribution, source: source.id, target: target.id)) { it in
      let place = "distribution/\(source.id)"
      it.documents(source.config, target.config, .distribution, at: place, owner: source)
      it.aliases(source, target, at: place)
      it.tags(source.tags, target.tags, at: place)
      it.attached(source, target, at: place)
    }
  }

  /// An alias is held in one place only.
  private mutating func aliases(
    _ source: Inventory.Distribution, _ target: Inventory.Distribution, at place: String
  ) {
    let old = Set(source.aliases.map { $0.lowercased() })
    let new = Set(target.aliases.map { $0.lowercased() })
    let planned = Set((intent.aliases ?? []).map { $0.lowercased() })
    for alias in old.symmetricDifference(new).sorted() {
      let path = "\(place)/Aliases/\(alias)"
      if new.contains(alias) {
        if intent.bridges.contains(alias), !planned.contains(alias) {
          differ(path, nil, alias, true, "the bridge of the move; the plan takes it off at its end")
        } else if intent.aliases == nil || planned.contains(alias) {
          differ(path, nil, alias, true, "moved: an alias is in one place only")
        } else {
          differ(path, nil, alias, false, "the target holds an alias that the plan does not move")
        }
      } else if let aliases = intent.aliases, !aliases.contains(alias) {
        differ(path, alias, nil, true, "the plan leaves it on the source")
      } else {
        differ(path, alias, nil, true, "not moved yet")
      }
    }
  }

  private mutating func tags(
    _ source: [String: String], _ target: [String: String], at place: String
  ) {
    for key in Set(source.keys).union(target.keys).sorted() where source[key] != target[key] {
      let isOwn = key.hasPrefix("aws:")
      differ(
        "\(place)/tags/\(key)", source[key], target[key], isOwn,
        isOwn ? "AWS's own tags cannot be copied" : nil)
    }
  }

  /// What stands beside the config: metrics, and deliveries of logs.
  private mutating func attached(
    _ source: Inventory.Distribution, _ target: Inventory.Distribution, at place: String
  ) {
    let subscriptions = (
      self.source.resource(.monitoringSubscription, source.id)?.document,
      self.target.resource(.monitoringSubscription, target.id)?.document
    )
    if subscriptions.0 != nil || subscriptions.1 != nil {
      documents(
        subscriptions.0 ?? XElement("MonitoringSubscription"),
        subscriptions.1 ?? XElement("MonitoringSubscription"), .monitoringSubscription,
        at: "\(place)/MonitoringSubscription")
    }
    deliveries(source, target, at: place)
  }

  // MARK: Policies for continuous deployment

  /// The policies of a pair; a plan takes the source's off before names move.
  mutating func policies(
    _ owner: Inventory.Distribution, _ old: String?, _ new: String?, at path: String
  ) {
    let before = old.flatMap { source.policy($0)?.config } ?? intent.detached[owner.id]
    let after = new.flatMap { target.policy($0)?.config }
    switch (before, after) {
    case (let before?, let after?):
      let key = Key(
        kind: .continuousDeploymentPolicy, source: old ?? owner.id, target: new ?? "")
      let isSame = agree(key) {
        $0.documents(
          before, after, .continuousDeploymentPolicy,
          at: "continuous-deployment-policy/\(old ?? owner.id)")
      }
      guard old != new else { return }
      let reason = old == nil ? "the plan took it off the source; " : ""
      differ(path, old, new, isSame, reason + (isSame ? Self.copied : Self.differing))
    case (nil, nil) where old == nil && new == nil: return
    case (_?, nil) where new == nil:
      differ(path, old, nil, false, "the target has no policy")
    case (nil, _?) where old == nil:
      differ(path, nil, new, false, "the source has no policy")
    default: differ(path, old, new, false, Self.unread)
    }
  }
  static let copied = "the copy has an id of its own, and equal content"
  static let differing = "what it stands for differs"
  static let unread = "not read, so not compared"

  // MARK: Things referred to

  /// What two places name, by content.
  mutating func resources(_ kind: ResourceKind, _ old: String, _ new: String) -> Bool? {
    if kind == .distribution {
      guard let one = source.distribution(old), let other = target.distribution(new) else {
        return nil
      }
      return distributions(one, other)
    }
    guard let one = source.resource(kind, old), let other = target.resource(kind, new) else {
      return nil
    }
    return agree(Key(kind: kind, source: one.id, target: other.id)) { it in
      let place = "\(kind.rawValue)/\(one.id)"
      if let document = one.document, let copy = other.document {
        it.documents(document, copy, kind, at: place)
      } else {
        it.differ(place, one.id, other.id, false, Self.unread)
      }
      if one.name != other.name { it.differ("\(place)/name", one.name, other.name, false, nil) }
      switch kind {
      case .function:
        it.tags(one.tags, other.tags, at: place)
        it.code(one, other, at: "\(place)/code")
      case .keyValueStore: it.items(one, other, at: "\(place)/items")
      default: break
      }
    }
  }

  private mutating func code(
    _ source: Inventory.Resource, _ target: Inventory.Resource, at path: String
  ) {
    guard let old = Self.text(source), let new = Self.text(target) else {
      return differ(path, nil, nil, false, Self.unread)
    }
    // Code opens a store by its id, and every copy has its own.
    let stores = { (it: Inventory.Resource) in
      Reference.all(in: it.document ?? XElement(""), of: .function).compactMap {
        $0.id.split(separator: "/").last.map(String.init)
      }
    }
    var renamed = old
    for (from, to) in zip(stores(source), stores(target)) where from != to {
      renamed = renamed.replacing(from, with: to)
      if new.contains(from) {
        differ(
          path, Digest.tagged(old), Digest.tagged(new), false, "it names the source's store \(from)"
        )
        return
      }
    }
    guard old != new else { return }
    differ(
      path, Digest.tagged(old), Digest.tagged(new), renamed == new,
      renamed == new ? "it names the copy of the store" : nil)
  }
  private static func text(_ function: Inventory.Resource) -> String? {
    function.extras["code"]?.string.map { code in
      Data(base64Encoded: code).map { String(decoding: $0, as: UTF8.self) } ?? code
    }
  }

  private mutating func items(
    _ source: Inventory.Resource, _ target: Inventory.Resource, at path: String
  ) {
    guard let old = source.extras["items"]?.object, let new = target.extras["items"]?.object else {
      return differ(path, nil, nil, false, Self.unread)
    }
    func digest(_ value: JSONValue?) -> String? { value?.string.map(Digest.tagged) }
    for key in Set(old.keys).union(new.keys).sorted() {
      let (one, other) = (digest(old[key]), digest(new[key]))
      if one != other { differ("\(path)/\(key)", one, other, false, nil) }
    }
  }
}
