import FerryCloudFront
import FerryCore
import FerryModel
import FerryRun
import Foundation

/// What all seeds of a rehearsal begin with: the plan, and the world as it was observed.
struct Scene: Sendable {
  struct Server: Sendable {
    var name: DomainName?
    var server: DNSServer
  }

  var plan: Plan
  var rollback: Plan?
  var images: [String: String]
  var model: CloudFrontModel
  var records: [RecordKey: RecordValue]
  var hosts: [Viewers.Host]
  /// Names under cloudfront.net that records lead to and that the rehearsal has no distribution of.
  var foreign: Set<String>
  var population: Population
  var windows: [String: ChangeWindow]
  var start: Date
  var deployedPollSeconds: Double
  var authoritativePollSeconds: Double
  var rounds: Int
  /// Until all servers of a zone have a change, by the settings.
  var propagationSeconds: Double
  var manualZones: Set<DomainName>
  /// By step: aliases that somebody else moves there.
  private(set) var handedOver: [String: [Step.Check]] = [:]
  /// By the `d….cloudfront.net` name or another target: what its health marker says.
  var markers: [String: String] = [:]
  /// What a rehearsal takes for granted.
  var notes: [String] = []
  /// The digests of the files that were given.
  var sources: (inventory: String?, probe: String?)
  private var serversByZone: [DomainName: [Server]] = [:]
  private let given: Given
  private struct Given: Sendable {
    var plan: Plan
    var rollback: Plan?
    var inventory: JSONValue?
    var images: [String: String]
    var terms: Terms
  }

  /// What settings say of the world that a plan is run in.
  struct Terms: Sendable {
    var windows: [String: ChangeWindow] = [:]
    var cutover = CutoverPolicy()
    var deployedPollSeconds = 20.0
    var manualZones: Set<DomainName> = []
    var probes: [ProbedName] = []
    /// The digests of the files that the inventory and the probes were read from; nil where there was none.
    var inventoryDigest: String?
    var probeDigest: String?
  }

  /// - Parameters:
  ///   - inventory: `edgeferry.inventory/1` of the accounts that the plan touches; nil where it touches none.
  ///   - images: configs by their digest, besides those that the plan has.
  /// - Throws: `.badInput` (64) for an inventory without what the plan names.
  init(
    _ plan: Plan, rollback: Plan?, inventory: JSONValue?, images: [String: String], terms: Terms
  ) throws(FerryError) {
    given = Given(
      plan: plan, rollback: rollback, inventory: inventory, images: images, terms: terms)
    var plan = plan
    // What a person has not accepted yet may be rehearsed.
    for index in plan.risks.indices { plan.risks[index].accepted = true }
    var notes: [String] = []
    for step in plan.steps {
      guard case .external = step.action else { continue }
      let moved = step.checks.filter { $0.type == .alias }
      if !moved.isEmpty { handedOver[step.id] = moved }
    }
    plan.steps = plan.steps.map { Self.playable($0, &notes) }
    var back = rollback
    back?.steps = (rollback?.steps ?? []).map { Self.playable($0, &notes) }
    self.plan = plan
    self.rollback = back
    self.notes = notes
    self.images = plan.observed.images.merging(images) { _, given in given }
    sources = (terms.inventoryDigest, terms.probeDigest)
    windows = terms.windows
    start = plan.createdAt
    // Settings for a lab ask five times a second; a world whose deployments take minutes to hours need not be asked more
    // often than AWS is.
    deployedPollSeconds = max(terms.deployedPollSeconds, 20)
    authoritativePollSeconds = max(terms.cutover.authoritativePollSeconds, 10)
    rounds = terms.cutover.rounds
    propagationSeconds = Double(terms.cutover.propagationSeconds)
    manualZones = terms.manualZones
    let probes = (plan.observed.probes ?? []) + terms.probes
    population = Population.usual.fitted(to: plan.observed.probes ?? [], later: terms.probes)
    for index in population.resolvers.indices {
      // A plan answers for what its settings reckon with, and for what a later probe has shown.
      let kind = population.resolvers[index]
      if kind.isProbedLater { continue }
      if kind.hold > terms.cutover.clientHoldSeconds
        || kind.floor > max(terms.cutover.resolverFloorSeconds, 1)
      {
        population.resolvers[index].isCompliant = false
      }
    }
    let accounts = Set(
      plan.accounts.values + (plan.steps + (back?.steps ?? [])).compactMap(\.account))
    var model = CloudFrontModel(
      accounts: accounts.sorted(), propagationSeconds: 86_400, pops: 4)
    if let inventory { try model.load(inventory, now: plan.createdAt) }
    records = Self.records(of: plan)
    let zoneAccount = accounts.min() ?? "000000000000"
    var byZone: [DomainName: [RecordState]] = [:]
    for step in plan.steps + (back?.steps ?? []) {
      if let (zone, _) = step.action.dns { byZone[zone] = byZone[zone] ?? [] }
    }
    for (key, value) in records {
      let zone = byZone.keys.filter { key.name.isWithin($0) }.max {
        $0.labels.count < $1.labels.count
      }
      if let zone { byZone[zone, default: []].append(RecordState(key, value)) }
    }
    for (zone, states) in byZone.sorted(by: { $0.key.text < $1.key.text }) {
      model.take(zone: zone, account: zoneAccount, records: states)
      var servers: [Server] = []
      for it in probes.filter({ $0.zone == zone }).flatMap(\.servers) {
        guard let address = it.observedAddress else { continue }
        let server = Self.server(address)
        if !servers.contains(where: { $0.server == server && $0.name == it.name }) {
          servers.append(Server(name: it.name, server: server))
        }
      }
      serversByZone[zone] = servers.isEmpty ? nil : servers
    }
    model.assumed = Self.assumed(plan.steps + (back?.steps ?? []), self.images)
    self.model = model
    (hosts, foreign) = ([], [])
    hosts = Self.hosts(plan, records, model)
    foreign = Set(
      records.values.flatMap { value in
        [value.alias?.dnsName.host].compactMap { $0 }
          + value.data.map { DomainName(wire: $0).host }
      }.map { $0.hasSuffix(".") ? String($0.dropLast()) : $0 }
        .filter { $0.hasSuffix(".cloudfront.net") && !model.knows(domainName: $0) })
    for change in plan.steps.flatMap({ $0.action.dns?.changes ?? [] }) {
      for value in [change.from, change.to].compactMap({ $0 }) {
        for name in value.data + [value.alias?.dnsName.text].compactMap({ $0 })
        where !name.contains("${") {
          let bare = name.hasSuffix(".") ? String(name.dropLast()) : name
          if bare.hasSuffix(".cloudfront.net"), !model.knows(domainName: bare) {
            foreign.insert(bare)
          }
        }
      }
    }
    markers = Self.markers(plan, back)
    try checkKnown()
  }

  /// The same scene that shares no memory with this one: two threads that count references to the same values wait for
  /// each other all the time.
  func detached() throws(FerryError) -> Scene {
    func copy(_ plan: Plan) throws(FerryError) -> Plan {
      try JSONValue.read(Array(FerryJSON.document(plan).utf8), what: "the plan")
        .decoded(Plan.self, what: "the plan")
    }
    return try Scene(
      copy(given.plan), rollback: given.rollback.map(copy),
      inventory: given.inventory.map { (it: JSONValue) throws(FerryError) in
        try JSONValue.read(Array(it.canonical.utf8), what: "the inventory")
      },
      images: given.images.mapValues { String(decoding: Array($0.utf8), as: UTF8.self) },
      terms: given.terms)
  }

  /// A step of another tool, or a look at what only another tool changes, is taken as done.
  private static func playable(_ step: Step, _ notes: inout [String]) -> Step {
    var out = step
    let foreign: Set<Step.Check.Kind> = [.stackHolds, .stackReleased]
    if case .external = step.action {
      out.action = .observe
      out.gate = nil
      // An observer waits for what earlier steps wrote, which an alias that came since is not.
      if out.checks.contains(where: { $0.type == .alias }) {
        out.checks.removeAll { $0.type == .deployed }
      }
      notes.append("\(step.id) is done by another tool or a person, and taken as done")
    }
    out.checks.removeAll { foreign.contains($0.type) }
    return out
  }
  /// What the zones hold before the plan begins, as far as it says.
  private static func records(of plan: Plan) -> [RecordKey: RecordValue] {
    var out: [RecordKey: RecordValue] = [:]
    var known: Set<RecordKey> = []
    for step in plan.steps {
      for change in step.action.dns?.changes ?? [] where known.insert(change.key).inserted {
        out[change.key] = change.from
      }
    }
    for step in plan.steps {
      for state in step.expects.records ?? [] where known.insert(state.key).inserted {
        out[state.key] = state.value
      }
    }
    return out
  }
  /// What a config that is created, or made again, names and no step makes: the planner has seen it in the account.
  private static func assumed(_ steps: [Step], _ images: [String: String]) -> Set<String> {
    var out: Set<String> = []
    for step in steps {
      let image: String
      switch step.action {
      case .createDistribution(let it, _, _, _): image = it
      case .create(let draft): image = draft.image
      default:
        for edit in step.action.edits { if let to = edit.to { out.insert(to) } }
        continue
      }
      for edit in step.action.edits { if let to = edit.to { out.insert(to) } }
      guard let text = images[image], let config = try? XMLReader.read(text) else { continue }
      func walk(_ element: XElement) {
        let text = element.text
        if element.children.isEmpty, !text.isEmpty, text.count < 200 {
          out.insert(text)
          if let last = text.split(separator: "/").last { out.insert(String(last)) }
        }
        for child in element.children { walk(child) }
      }
      walk(config)
    }
    return out.filter { !$0.contains("${") }
  }

  /// The names that viewers ask for: those that the plan moves, and those of the distributions that it touches.
  private static func hosts(
    _ plan: Plan, _ records: [RecordKey: RecordValue], _ model: CloudFrontModel
  ) -> [Viewers.Host] {
    var keys: [String: [RecordKey]] = [:]
    for step in plan.steps {
      for change in step.action.dns?.changes ?? [] {
        let name = change.key.name
        guard [RRType.cname, .a, .aaaa].contains(change.key.rrtype), !name.isWildcard,
          !name.labels.contains(where: { $0.hasPrefix("_") })
        else { continue }
        if keys[name.host]?.contains(change.key) != true {
          keys[name.host, default: []].append(change.key)
        }
      }
    }
    for id in touched(plan) {
      guard let account = model.owner(of: id), let config = model.config(id, account: account),
        config.text(at: "Staging") != "true", config.text(at: "Enabled") == "true"
      else { continue }
      let aliases = config.at("Aliases/Items")?.children.map { $0.text.lowercased() } ?? []
      for alias in aliases where keys[alias] == nil {
        let name = alias.hasPrefix("*.") ? "any" + alias.dropFirst() : alias
        keys[name] = keys[name] ?? []
      }
      let isKept = !plan.steps.contains {
        switch $0.action {
        case .setEnabled(id, _, let to): !to
        case .deleteDistribution(id): true
        default: false
        }
      }
      if aliases.isEmpty, isKept { keys[model.domainName(of: id)] = [] }
    }
    // A batch of thousands is alike: some of them stand for all.
    return keys.sorted { $0.key < $1.key }.prefix(24).map { name, keys in
      let host = name.hasSuffix(".") ? String(name.dropLast()) : name
      let leading = keys.filter { records[$0] != nil }
      return Viewers.Host(name: host, keys: leading.isEmpty ? keys : leading)
    }
  }

  /// The distributions that the plan names, in its order.
  static func touched(_ plan: Plan) -> [String] {
    var out: [String] = []
    func add(_ id: String?) {
      guard let id, !id.isEmpty, !id.contains("${"), !out.contains(id) else { return }
      out.append(id)
    }
    for step in plan.steps {
      for check in step.checks where check.type == .unchanged { add(check.distribution) }
      switch step.action {
      case .updateConfig(let id, _), .setEnabled(let id, _, _), .deleteDistribution(let id): add(id)
      case .moveAlias(_, let from, let to):
        add(from)
        add(to)
      case .promote(let primary, let staging):
        add(primary)
        add(staging)
      case .restoreConfig(let id, _, _): add(id)
      default: break
      }
      // An answer of an edge may name any distribution.
      for check in step.checks where ![.health, .serving].contains(check.type) {
        add(check.distribution)
        add(check.against)
      }
    }
    return out
  }
  /// Those that a step changes, or relies on that nobody does.
  var touched: [String] {
    Self.touched(plan).filter { id in
      plan.steps.contains { step in
        if step.checks.contains(where: { $0.type == .unchanged && $0.distribution == id }) {
          return true
        }
        return switch step.action {
        case .updateConfig(id, _), .setEnabled(id, _, _), .deleteDistribution(id),
          .promote(id, _):
          true
        default: false
        }
      }
    }
  }
  /// The policies that the plan names.
  static func policies(_ plan: Plan) -> Set<String> {
    var out: Set<String> = []
    for step in plan.steps {
      switch step.action {
      case .updatePolicy(let id, _), .deletePolicy(let id): out.insert(id)
      default: break
      }
      for check in step.checks { if let id = check.policy { out.insert(id) } }
    }
    return out.filter { !$0.contains("${") && !$0.isEmpty }
  }
  func owner(of id: String, in model: CloudFrontModel) -> AccountID? { model.owner(of: id) }

  private func checkKnown() throws(FerryError) {
    let lost = plan.steps.lazy.compactMap { step -> String? in
      guard let account = step.account else { return nil }
      switch step.action {
      case .updateConfig(let id, _), .setEnabled(let id, _, _), .deleteDistribution(let id),
        .updatePolicy(let id, _), .deletePolicy(let id):
        return id.contains("${") || model.config(id, account: account) != nil ? nil : id
      default: return nil
      }
    }.first
    guard let lost else { return }
    throw .badInput(
      "not-in-inventory", what: "could not rehearse plan \(plan.name)",
      why: "the plan changes \(lost), and the inventory has nothing of that id",
      next: "give an inventory of all accounts of the plan (edgeferry inventory take)")
  }

  // MARK: Names

  static func server(_ address: String) -> DNSServer {
    if address.hasPrefix("https://") { return DNSServer(.https, address: address) }
    let isBracketed = address.hasPrefix("[")
    let parts = isBracketed ? address.dropFirst().split(separator: "]") : [Substring(address)]
    if isBracketed, let host = parts.first {
      let port = parts.count > 1 ? UInt16(parts[1].dropFirst()) : nil
      return DNSServer(address: String(host), port: port ?? 53)
    }
    let pair = address.split(separator: ":")
    guard pair.count == 2, let port = UInt16(pair[1]) else { return DNSServer(address: address) }
    return DNSServer(address: String(pair[0]), port: port)
  }
  private static let usualServers = (1...4).map {
    Server(
      name: DomainName(wire: "ns\($0).rehearsal.invalid."),
      server: DNSServer(address: "192.0.2.\($0)"))
  }
  func servers(of zone: DomainName) -> [Server] { serversByZone[zone] ?? Self.usualServers }
  var serversMost: Int { max(4, serversByZone.values.map(\.count).max() ?? 0) }

  /// What the plan expects a URL to answer; an edge that serves it answers just that.
  func status(of url: String) -> Int {
    plan.steps.flatMap(\.checks).first { $0.url == url && $0.status != nil }?.status ?? 200
  }
  /// Which target answers with which marker, as the checks have it.
  private static func markers(_ plan: Plan, _ rollback: Plan?) -> [String: String] {
    var out: [String: String] = [:]
    var now = records(of: plan)
    func bare(_ name: String) -> String { name.hasSuffix(".") ? String(name.dropLast()) : name }
    for step in plan.steps + (rollback?.steps ?? []) {
      for change in step.action.dns?.changes ?? [] { now[change.key] = change.to }
      for check in step.checks where check.marker != nil {
        guard let value = check.value, let url = check.url else { continue }
        let host = (url.components(separatedBy: "://").last ?? "").prefix { $0 != "/" && $0 != ":" }
        let name = DomainName(wire: host + ".")
        let record = now[RecordKey(name, .cname)] ?? now[RecordKey(name, .a)]
        let target = check.at ?? record?.alias?.dnsName.text ?? record?.data.first
        if let target, !target.contains("${") { out[bare(target)] = out[bare(target)] ?? value }
      }
    }
    return out
  }
}
