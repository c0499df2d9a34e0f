import FerryCloudFront
import FerryCore
import FerryZones
import Foundation

@testable import FerryModel
@testable import FerryRun
@testable import Migration

/// Two accounts, a zone and an edge in one model, and the plan that moves distributions between the accounts.
struct MoveWorld {
  static let source = "111111111111"
  static let target = "222222222222"
  static let zone = DomainName(wire: "example.com.")
  static let www = DomainName(wire: "www.example.com.")

  let clock: WatchedClock
  let model: SharedModel
  let pair: PlanPair
  let hostedZone: Route53Client.HostedZone
  /// What services beside the model answer, when the plan is made and when it is run.
  let answer: @Sendable (ServiceRequest) -> ServiceResponse?

  /// - Parameters:
  ///   - before: changes the inventory before it is loaded.
  ///   - edit: changes what the plan is made from.
  init(
    _ ids: [String] = ["EPRIMARY"], inventory: JSONValue = MoveScene.trio,
    account: AccountID = MoveWorld.target, behaviours: [String] = [], propagation: Double = 10,
    map: MigrationMap = MoveScene.map,
    edit: (inout MigrationInput) -> Void = { _ in },
    answer: @escaping @Sendable (ServiceRequest) -> ServiceResponse? = { _ in nil }
  ) async throws {
    var chosen = Behaviours()
    for text in behaviours { try chosen.set(text) }
    let model = SharedModel(
      CloudFrontModel(
        accounts: [Self.source, Self.target], propagationSeconds: propagation, pops: 4,
        behaviours: chosen))
    let clock = WatchedClock(model)
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(inventory, now: clock.now)
    }
    clock.base.advance(seconds: 1000)
    self.model = model
    self.clock = clock
    self.answer = answer
    func transport(_ account: AccountID) -> ModelTransport {
      ModelTransport(
        model, account: account, clock: clock,
        faults: .init(before: { request, _ throws(FerryError) in
          answer(request) ?? Neighbours.answer(request)
        }))
    }
    let from = transport(Self.source)
    let closure = try await ClosureReader(transport: from, account: Self.source).read(ids)
    let scene = try await TargetReader(transport: transport(account), account: account).read(
      for: closure.account)
    let carrier = Carrier(
      closure.account, managed: Set(closure.managed.map(\.id)), target: scene, map: map,
      planName: "move")
    let quotas = try await QuotaReader(transport: transport(account), account: account).read(
      MigrationPlanner.quotas(of: carrier))
    let zone = try await Route53Zone.find(
      Self.zone, id: "Z1", client: Route53Client(from))
    guard let zone else { throw FerryError("zone", what: "no zone", why: "", next: "") }
    hostedZone = zone.zone
    var scenes: [AliasScene] = []
    var names: [CutoverObservation] = []
    var leads: [Lead] = []
    for it in closure.account.distributions where ids.contains(it.id) {
      for alias in it.aliases {
        let found = try await MoveScene.observation(alias, it, zone)
        if let found {
          names.append(found)
        } else if let lead = try await LeadScene.lead(alias, it, model, from, clock.now) {
          leads.append(lead)
        }
        let overlaps = try await OverlapReader(client: CloudFrontClient(from)).overlaps(
          of: alias, on: it)
        scenes.append(
          AliasScene(
            alias: alias, distribution: it.id, isSameAccount: account == Self.source,
            isSourceEnabled: it.isEnabled, certificateNames: carrier.certificateNames(for: it),
            overlaps: overlaps.found, unheard: overlaps.unheard,
            zone: "example.com", isHeldBySource: true))
      }
    }
    let accounts = ["source": Self.source, "target": account]
    var policy = CutoverPolicy()
    policy.ttl = 20
    policy.bakeSeconds = 120
    policy.staleHoldSeconds = 0
    let cutover = CutoverInput(
      name: "move", accounts: accounts, createdAt: clock.now, start: clock.now,
      tool: "edgeferry test", policy: policy)
    var input = MigrationInput(
      planning: PlanningInput(
        capability: "migrate", name: "move", accounts: accounts, createdAt: clock.now,
        start: clock.now, tool: "edgeferry test", endpoint: nil, inventoryDigest: Digest.tagged([]),
        acceptedRisks: []),
      closure: closure.account, managed: Set(closure.managed.map(\.id)), target: scene,
      quotas: quotas, map: carrier.map, distributions: ids, aliases: nil, names: names,
      leads: leads, cutover: cutover,
      scenes: scenes, method: nil, order: nil, keepSourceSeconds: 60, deletesSource: false,
      health: nil)
    edit(&input)
    pair = try MigrationPlanner.plan(input)
    model.with { $0.clearLog() }
  }

  // MARK: Running

  /// Something that may end a run at a call of either account.
  class Calls: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    var killBefore: Int?
    var killAfter: Int?
    static let death = FerryError("killed", what: "killed", why: "by the test", next: "resume")
    func before() throws(FerryError) {
      let number = lock.withLock {
        count += 1
        return count
      }
      if number == killBefore { throw Self.death }
    }
    func after() throws(FerryError) {
      if lock.withLock({ count }) == killAfter { throw Self.death }
    }
    var number: Int { lock.withLock { count } }
  }

  func world(
    _ calls: Calls = Calls(),
    answer: @escaping @Sendable (ServiceRequest) -> ServiceResponse? = { _ in nil }
  ) -> World {
    let (model, clock, ours) = (model, clock, self.answer)
    @Sendable func transport(_ account: AccountID) -> ModelTransport {
      ModelTransport(
        model, account: account, clock: clock,
        faults: .init(
          before: { request, _ throws(FerryError) in
            try calls.before()
            return answer(request) ?? ours(request) ?? Neighbours.answer(request)
          },
          after: { _, answer, _ throws(FerryError) in
            try calls.after()
            return answer
          }))
    }
    let zone = Route53Zone(hostedZone, client: Route53Client(transport(Self.source)))
    return World(
      clock: clock, zones: { _ throws(FerryError) in zone }, names: ModelNames(model, clock),
      serving: ModelEdge(model, clock),
      client: { account throws(FerryError) in CloudFrontClient(transport(account)) })
  }
  func store(_ path: String = MoveWorld.temporary()) throws -> SQLiteState {
    let store = try SQLiteState(path: path, durable: false)
    try store.saveImages(pair.images)
    return store
  }
  func options(until: String? = nil, polling: Double = 5) -> RunOptions {
    var options = RunOptions(path: "move")
    options.until = until
    options.deployedPollSeconds = polling
    options.authoritativePollSeconds = polling
    options.rounds = 1
    return options
  }
  @discardableResult
  func run(
    _ store: SQLiteState, _ plan: Plan? = nil, until: String? = nil, polling: Double = 5,
    calls: Calls = Calls(),
    answer: @escaping @Sendable (ServiceRequest) -> ServiceResponse? = { _ in nil },
    tell: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws(FerryError) -> RunOutcome {
    try await Runner.run(
      plan ?? pair.plan, store: store, world: world(calls, answer: answer),
      options: options(until: until, polling: polling), tell: tell)
  }
  static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent(
      "ferry-\(UUID().uuidString)/state.sqlite"
    ).path
  }
  static func remove(_ path: String) {
    try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
  }

  /// The same world at the same time, apart from now on.
  func copy() -> MoveWorld { MoveWorld(copyOf: self) }
  private init(copyOf other: MoveWorld) {
    model = SharedModel(other.model.with { $0 })
    clock = WatchedClock(model)
    clock.base.advance(seconds: other.clock.now.timeIntervalSince(clock.now))
    (pair, hostedZone, answer) = (other.pair, other.hostedZone, other.answer)
  }

  // MARK: What is there

  /// How a reader sees an account.
  func transport(_ account: AccountID) -> any ServiceTransport {
    let answer = answer
    return ModelTransport(
      model, account: account, clock: clock,
      faults: .init(before: { request, _ throws(FerryError) in
        answer(request) ?? Neighbours.answer(request)
      }))
  }
  /// Every record of the zones, SOA and NS left out.
  var zoneRecords: [String] {
    model.with { model in
      model.zones(of: Self.source).flatMap(\.records)
        .filter { !["SOA", "NS"].contains($0.type.rawValue) }.map { "\($0)" }.sorted()
    }
  }

  /// Everything of an account that a move may touch, without versions and times.
  func facts(_ account: AccountID) -> [String] {
    model.with { model in
      guard let it = model.accounts[account] else { return [] }
      var out: [String] = []
      for one in it.distributions.values {
        out.append("distribution \(one.id) \(one.config.configDigest) \(one.tags)")
      }
      for (id, one) in it.policies { out.append("policy \(id) \(one.config.configDigest)") }
      for (kind, all) in it.entities {
        for (id, one) in all { out.append("\(kind) \(id) \(one.config.configDigest)") }
      }
      for name in it.functions.keys { out.append("function \(name)") }
      for (name, one) in it.stores { out.append("store \(name) \(one.items)") }
      for name in it.logConfigs.keys { out.append("log config \(name)") }
      return out.sorted()
    }
  }
  /// Kinds of things in an account, with how many there are.
  func counts(_ account: AccountID) -> [String: Int] {
    Dictionary(grouping: facts(account)) { String($0.prefix { $0 != " " }) }.mapValues(\.count)
  }
  var records: [RecordKey: RecordValue] {
    get async throws {
      let client = Route53Client(ModelTransport(model, account: Self.source, clock: clock))
      let keys = ["www.example.com.", "_www.example.com.", "example.com.", "_example.com."]
        .flatMap {
          [RecordKey(DomainName(wire: $0), .cname), RecordKey(DomainName(wire: $0), .txt)]
        }
      return try await Route53Zone(hostedZone, client: client).read(keys)
    }
  }
  var summary: [String] {
    get async throws {
      facts(Self.source) + facts(Self.target) + (try await records).map { "\($0)" }.sorted()
    }
  }
}

/// A virtual clock under which the edge is asked for a name again and again while anybody waits.
final class WatchedClock: FerryClock, @unchecked Sendable {
  let base = VirtualClock()
  private let model: SharedModel
  private let lock = NSLock()
  private var host: String?
  private var seen: Set<String> = []
  init(_ model: SharedModel) { self.model = model }
  var now: Date { base.now }
  var elapsed: Elapsed { base.elapsed }
  /// From now on every POP is asked for the name each second.
  func watch(_ host: String) { lock.withLock { self.host = host } }
  /// Who answered, or the status of who refused, since the last call.
  func answers() -> Set<String> {
    lock.withLock {
      defer { seen = [] }
      return seen
    }
  }
  func sleep(seconds: Double) async throws(FerryError) {
    guard let host = lock.withLock({ host }) else {
      base.advance(seconds: max(0, seconds))
      return
    }
    var left = max(0, seconds)
    while left > 0 {
      base.advance(seconds: min(1, left))
      left -= 1
      let found = ModelEdge(model, self).all(host)
      lock.withLock { seen.formUnion(found.map(\.says)) }
    }
  }
}

/// The model's edge, each POP asked with the name's own SNI.
struct ModelEdge: ServingProbe {
  let model: SharedModel
  let clock: any FerryClock
  init(_ model: SharedModel, _ clock: any FerryClock) {
    self.model = model
    self.clock = clock
  }
  struct Answer {
    var status: Int
    var by: String?
    var names: [String]
    var says: String { by ?? "\(status)" }
  }
  func all(_ host: String) -> [Answer] {
    let now = clock.now
    return model.with { model in
      (0..<model.pops).map { pop in
        let certificate = model.edgeCertificate(serverName: host, pop: pop, now: now)
        let request = EdgeRequest(host: host, certificate: certificate)
        switch model.edge(request, pop: pop, now: now, random: 0.99) {
        case .served(let by, _), .redirect(_, let by):
          return Answer(status: 200, by: by, names: certificate.names)
        case .refused(let status, _): return Answer(status: status, names: certificate.names)
        }
      }
    }
  }
  func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    let host = String(url.dropFirst("https://".count).prefix { $0 != "/" && $0 != ":" })
    return all(host).enumerated().map { pop, it in
      ServingLook(
        peer: "pop \(pop)", status: it.status, httpVersion: "2", marker: it.by,
        certificate: .init(
          names: it.names, notAfter: .distantFuture, isTrusted: true,
          coversName: AliasMethods.covers(it.names, host)))
    }
  }
}

/// The model's name servers and one resolver that keeps nothing.
struct ModelNames: NameObserver {
  let model: SharedModel
  let clock: any FerryClock
  init(_ model: SharedModel, _ clock: any FerryClock) {
    self.model = model
    self.clock = clock
  }
  private func ask(_ key: RecordKey, server: Int, recursive: Bool) -> ServerLook.Answer {
    let now = clock.now
    let reply = model.with {
      $0.answer(key, recursionDesired: recursive, server: server, now: now)
    }
    let found = reply.answer.filter { $0.name == key.name && $0.type == key.rrtype }
    guard let first = found.first else { return .absent(negativeTTL: 60) }
    return .value(RecordValue(ttl: Int(first.ttl), data: found.map(\.data)))
  }
  func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError)
    -> [ServerLook]
  {
    keys.flatMap { key in
      (0..<4).map { server in
        ServerLook(
          server: DNSServer(address: "192.0.2.\(server + 1)"), serverName: nil, key: key,
          answer: ask(key, server: server, recursive: false))
      }
    }
  }
  func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook] {
    keys.map {
      ResolverLook(
        resolver: DNSServer(address: "198.51.100.1"), key: $0,
        answer: ask($0, server: 0, recursive: true))
    }
  }
}

/// Services beside CloudFront that the model does not serve and a closure asks.
enum Neighbours {
  static func answer(_ request: ServiceRequest) -> ServiceResponse? {
    guard request.service.signingName == "logs" else { return nil }
    return ServiceResponse(status: 200, headers: [:], body: Array("{}".utf8))
  }
}
