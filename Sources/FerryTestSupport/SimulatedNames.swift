import FerryCore
import FerryModel
import Foundation

/// A zone, its servers, the resolvers that ask them and the edge that its name leads to, without a network.
///
/// Servers get each change after a lag of their own; busy resolvers keep copies and fetch new ones from the
/// slowest server the moment these expire, which is the worst that a compliant cache can do.
public final class SimulatedNames: NameObserver, ServingProbe, @unchecked Sendable {
  public enum Call: Hashable, Sendable { case read, write, inSync, authoritative, recursive }
  public enum ServerFault: Sendable {
    case silent, lame
    case lying(RecordValue?)
    /// It has gone back to the nth state of the zone.
    case reverted(Int)
  }
  public struct Server: Sendable {
    public var name: DomainName
    public var server: DNSServer
    public var lagSeconds: Double
    public var fault: ServerFault?
  }
  public struct Resolver: Sendable {
    public var server: DNSServer
    public var floorSeconds = 0
    public var isSilent = false
    var cache: [RecordKey: (value: RecordValue?, until: Double)] = [:]
    public init(_ address: String) { server = DNSServer(address: address) }
  }
  public struct Write: Sendable {
    public var changes: [RecordChange]
    public var at: Double
    public var wall: Date
  }
  /// What a test makes of the nth call; a thrown error is the call's.
  public struct Hooks: Sendable {
    public var before: @Sendable (Call, Int) throws(FerryError) -> Void
    /// The call has had its effect; only its answer can be lost.
    public var after: @Sendable (Call, Int) throws(FerryError) -> Void
    public init(
      before: @escaping @Sendable (Call, Int) throws(FerryError) -> Void = {
        _, _ throws(FerryError) in
      },
      after: @escaping @Sendable (Call, Int) throws(FerryError) -> Void = {
        _, _ throws(FerryError) in
      }
    ) {
      self.before = before
      self.after = after
    }
  }

  public let clock: VirtualClock
  private let lock = NSRecursiveLock()
  private var states: [(at: Double, records: [RecordKey: RecordValue])]
  private var servers: [Server]
  private var resolvers: [Resolver]
  private var hooks = Hooks()
  private var calls = 0
  private var writes: [Write] = []
  private var settings = Settings()

  /// How the world behaves; see the names.
  public struct Settings: Sendable {
    /// Until a change is in sync; nil for a provider that gives no proof.
    public var syncSeconds: Double? = 20
    /// Answers yes and changes nothing.
    public var ignoresWrites = false
    /// A person changes the zone, so many seconds after the ticket was shown; nil for never.
    public var person: Double?
    public var isManual = false
    /// The distribution behind each target, by its name in DNS.
    public var markers: [String: String] = [:]
    /// A target's answer to HTTPS at a time, seconds since the start.
    public var status: @Sendable (_ target: String, _ at: Double) -> Int = { _, _ in 200 }
    public init() {}
  }

  public init(
    _ records: [RecordKey: RecordValue], lags: [Double], resolvers: Int, clock: VirtualClock
  ) {
    self.clock = clock
    states = [(-1e9, records)]
    servers = lags.enumerated().map { index, lag in
      Server(
        name: DomainName(wire: "ns\(index + 1).example.net."),
        server: DNSServer(address: "192.0.2.\(index + 1)"), lagSeconds: lag)
    }
    self.resolvers = (0..<resolvers).map { Resolver("198.51.100.\($0 + 1)") }
  }

  /// The same world apart from now on, on another clock.
  public convenience init(_ other: SimulatedNames, clock: VirtualClock) {
    self.init([:], lags: [], resolvers: 0, clock: clock)
    other.lock.withLock {
      states = other.states
      servers = other.servers
      resolvers = other.resolvers
      settings = other.settings
      writes = other.writes
    }
  }

  private func locked<T>(_ body: () throws(FerryError) -> T) throws(FerryError) -> T {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }
  public func set(_ hooks: Hooks) {
    lock.withLock {
      self.hooks = hooks
      calls = 0
    }
  }
  public func change(_ body: (inout Settings) -> Void) { lock.withLock { body(&settings) } }
  public func changeServer(_ index: Int, _ body: (inout Server) -> Void) {
    lock.withLock { body(&servers[index]) }
  }
  public func changeResolver(_ index: Int, _ body: (inout Resolver) -> Void) {
    lock.withLock { body(&resolvers[index]) }
  }
  /// Somebody else's edit, at once on every server.
  public func edit(_ key: RecordKey, _ value: RecordValue?) {
    lock.withLock {
      var records = states.last?.records ?? [:]
      records[key] = value
      states.append((-1e9, records))
    }
  }
  /// States that the zone has been in, edits by others included.
  public var stateCount: Int { lock.withLock { states.count } }
  public var callCount: Int { lock.withLock { calls } }
  public var records: [RecordKey: RecordValue] { lock.withLock { states.last?.records ?? [:] } }
  /// The writes that had an effect, in order.
  public var effectiveWrites: [Write] { lock.withLock { writes } }
  /// When the last server began to serve the nth effective write, seconds since the start.
  public func seenEverywhere(_ write: Int) -> Double {
    lock.withLock { writes[write].at + (servers.map(\.lagSeconds).max() ?? 0) }
  }
  public func zone() -> SimulatedZone { SimulatedZone(world: self) }

  // MARK: Calls

  private func began(_ call: Call) throws(FerryError) -> Int {
    calls += 1
    try hooks.before(call, calls)
    return calls
  }

  private func view(_ server: Server, at: Double) -> [RecordKey: RecordValue] {
    if case .reverted(let index)? = server.fault { return states[index].records }
    return states.last { $0.at + server.lagSeconds <= at }?.records ?? [:]
  }

  public func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError)
    -> [ServerLook]
  {
    try locked { () throws(FerryError) in
      let number = try began(.authoritative)
      var out: [ServerLook] = []
      for server in servers {
        let records = view(server, at: clock.passedSeconds)
        for key in keys {
          func answer(_ value: RecordValue?) -> ServerLook.Answer {
            guard var value else { return .absent(negativeTTL: 900) }
            // Every alias answers the addresses of its target.
            if let alias = value.alias {
              value = RecordValue(ttl: 60, data: ["203.0.113.\(alias.dnsName.text.utf8.count)"])
            }
            return .value(value)
          }
          let it: ServerLook.Answer =
            switch server.fault {
            case .silent: .unknown(because: "no answer in 4 s")
            case .lame: .unknown(because: "not authoritative")
            case .lying(let value): answer(value)
            case .reverted, nil: answer(records[key])
            }
          out.append(
            ServerLook(server: server.server, serverName: server.name, key: key, answer: it))
        }
      }
      try hooks.after(.authoritative, number)
      return out
    }
  }

  public func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook] {
    try locked { () throws(FerryError) in
      let number = try began(.recursive)
      let now = clock.passedSeconds
      var out: [ResolverLook] = []
      for index in resolvers.indices {
        for key in keys {
          guard !resolvers[index].isSilent else {
            out.append(
              ResolverLook(
                resolver: resolvers[index].server, key: key, answer: .unknown(because: "silent")))
            continue
          }
          let copy = refreshed(index, key, now)
          var value = copy.value
          value?.ttl = max(0, Int(copy.until - now))
          out.append(
            ResolverLook(
              resolver: resolvers[index].server, key: key,
              answer: value.map(ServerLook.Answer.value) ?? .absent(negativeTTL: 900)))
        }
      }
      try hooks.after(.recursive, number)
      return out
    }
  }
  /// A resolver's copy now, every copy between the last look and now fetched as the one before expired.
  private func refreshed(_ index: Int, _ key: RecordKey, _ now: Double) -> (
    value: RecordValue?, until: Double
  ) {
    let slowest = servers.max { $0.lagSeconds < $1.lagSeconds }
    // Resolvers are not in phase.
    var copy = resolvers[index].cache[key] ?? (nil, -Double(index * 7))
    while copy.until <= now {
      let value = slowest.flatMap { view($0, at: copy.until)[key] }
      let ttl = max(value?.ttl ?? 900, resolvers[index].floorSeconds, 1)
      copy = (value, copy.until + Double(ttl))
    }
    resolvers[index].cache[key] = copy
    return copy
  }
  /// Whether any resolver has that data now.
  public func isCached(_ key: RecordKey, _ data: [String]) -> Bool {
    lock.withLock {
      resolvers.indices.contains { refreshed($0, key, clock.passedSeconds).value?.data == data }
    }
  }

  fileprivate func read(_ keys: [RecordKey]) throws(FerryError) -> [RecordKey: RecordValue] {
    try locked { () throws(FerryError) in
      let number = try began(.read)
      personActs()
      let records = states.last?.records ?? [:]
      try hooks.after(.read, number)
      return records.filter { keys.contains($0.key) }
    }
  }
  fileprivate func write(_ changes: [RecordChange]) throws(FerryError) -> String {
    try locked { () throws(FerryError) in
      let number = try began(.write)
      let records = states.last?.records ?? [:]
      guard changes.allSatisfy({ records[$0.key] == $0.from }) else {
        throw FerryError(
          .recordMoved, exit: .stale, what: "could not change the zone",
          why: "a record is not what was planned against", next: "plan again")
      }
      if !settings.ignoresWrites { commit(changes) }
      try hooks.after(.write, number)
      return settings.syncSeconds == nil ? "" : "C\(writes.count)"
    }
  }
  private func commit(_ changes: [RecordChange]) {
    var records = states.last?.records ?? [:]
    for change in changes { records[change.key] = change.to }
    states.append((clock.passedSeconds, records))
    writes.append(Write(changes: changes, at: clock.passedSeconds, wall: clock.now))
  }
  fileprivate func isInSync(_ change: String) throws(FerryError) -> Bool? {
    try locked { () throws(FerryError) in
      let number = try began(.inSync)
      try hooks.after(.inSync, number)
      guard let sync = settings.syncSeconds, let index = Int(change.dropFirst()),
        writes.indices.contains(index - 1)
      else { return nil }
      return clock.passedSeconds >= writes[index - 1].at + sync
    }
  }

  // MARK: A person

  private var asked: (changes: [RecordChange], at: Double)?
  fileprivate func ticket(_ changes: [RecordChange]) -> String? {
    lock.withLock {
      guard settings.isManual else { return nil }
      if asked?.changes != changes { asked = (changes, clock.passedSeconds) }
      return changes.map {
        "change \($0.name) \($0.rrtype.rawValue)\nto \($0.to?.data.joined() ?? "")"
      }
      .joined(separator: "\n")
    }
  }
  private func personActs() {
    guard settings.isManual, let seconds = settings.person, let asked,
      clock.passedSeconds >= asked.at + seconds
    else { return }
    self.asked = nil
    commit(asked.changes)
  }

  // MARK: The edge

  public func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    lock.withLock {
      let now = clock.passedSeconds
      let host = url.dropFirst("https://".count).prefix { $0 != "/" && $0 != ":" }
      let key = RecordKey(DomainName(wire: String(host)), .cname)
      let target = at ?? refreshed(0, key, now).value?.data.first ?? ""
      let status = settings.status(target, now)
      guard status > 0 else { return [ServingLook(peer: target, failure: "connection refused")] }
      return [
        ServingLook(
          peer: target, status: status, httpVersion: "2", marker: settings.markers[target],
          certificate: .init(
            names: [String(host)], notAfter: .distantFuture, isTrusted: true, coversName: true))
      ]
    }
  }
}

/// The zone of a simulated world, as a provider shows it.
public struct SimulatedZone: ZoneEditor {
  let world: SimulatedNames
  public var provider: String { "simulated" }
  public func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    try world.read(keys)
  }
  public func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try world.write(changes)
  }
  public func isInSync(_ change: String) async throws(FerryError) -> Bool? {
    try world.isInSync(change)
  }
  public func ticket(_ changes: [RecordChange]) -> String? { world.ticket(changes) }
}
