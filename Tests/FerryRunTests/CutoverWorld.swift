import FerryCloudFront
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation

@testable import FerryRun

/// One name on three servers behind four resolvers, the plan that moves it, and its rollback plan.
struct CutoverWorld {
  static let zone = DomainName(wire: "example.com.")
  static let key = RecordKey(DomainName(wire: "www.example.com."), .cname)
  static let source = "d111.cloudfront.net."
  static let target = "d222.cloudfront.net."
  static let before = RecordValue(ttl: 3600, data: [source])
  static let lowered = RecordValue(ttl: 60, data: [source])
  static let flipped = RecordValue(ttl: 60, data: [target])
  static let restored = RecordValue(ttl: 3600, data: [target])

  let clock: VirtualClock
  let names: SimulatedNames
  let before: RecordValue
  let restored: RecordValue
  /// How long the run waits after the lowering and while it bakes.
  let drainSeconds: Int
  let bakeSeconds: Int
  var plan: Plan
  var rollback: Plan

  /// - Parameter ttl: the old TTL; a short one makes for short runs.
  init(
    onFailure: Step.OnFailure? = .rollBack, window: String? = "dns", ttl: Int = 3600,
    bakeSeconds: Int = 900
  ) {
    before = RecordValue(ttl: ttl, data: [Self.source])
    restored = RecordValue(ttl: ttl, data: [Self.target])
    drainSeconds = ttl + max(60, ttl / 10)
    self.bakeSeconds = bakeSeconds
    clock = VirtualClock()
    names = SimulatedNames([Self.key: before], lags: [0, 12, 33], resolvers: 4, clock: clock)
    names.change { $0.markers = [Self.source: "E111", Self.target: "E222"] }
    (plan, rollback) = Self.plans(
      before: before, restored: restored, drain: drainSeconds, bake: bakeSeconds,
      onFailure: onFailure, window: window, start: clock.now)
  }
  private static func plans(
    before: RecordValue, restored: RecordValue, drain: Int, bake bakeSeconds: Int,
    onFailure: Step.OnFailure?, window: String?, start: Date
  ) -> (Plan, Plan) {
    func change(_ from: RecordValue, _ to: RecordValue) -> Action {
      .replace(zone: zone, RecordChange(key, from: from, to: to))
    }
    func seen(_ value: RecordValue) -> Step.Check {
      var check = Step.Check(.authoritative, limitSeconds: 7200)
      check.zone = zone
      check.records = [RecordState(key, value)]
      return check
    }
    func gone(_ value: RecordValue) -> Step.Check {
      var check = Step.Check(.recursive, limitSeconds: 7200)
      check.records = [RecordState(key, value)]
      return check
    }
    func edge(_ kind: Step.Check.Kind, _ value: String, at: String? = nil) -> Step.Check {
      var check = Step.Check(kind, value: value)
      check.url = "https://www.example.com/healthz"
      check.at = at
      check.status = 200
      check.marker = "x-distribution"
      return check
    }
    func wait(_ seconds: Int, from: String = "last-authoritative-change") -> Step.Wait {
      .init(from: from, seconds: seconds, terms: [])
    }
    func step(
      _ id: String, _ action: Action, _ wait: Step.Wait?, _ checks: [Step.Check],
      undoes: String? = nil
    ) -> Step {
      Step(
        id: id, title: "Do \(id)", account: nil, action: action,
        window: action == .observe ? nil : window, wait: wait, checks: checks, undoes: undoes)
    }
    var bake = step(
      "bake", .observe, wait(bakeSeconds, from: "write"),
      [edge(.health, "E222"), edge(.serving, "E222")])
    bake.onFailure = onFailure
    let steps = [
      step(
        "lower-ttl", change(before, lowered), wait(drain), [seen(lowered), gone(before)]),
      step("prove-target", .observe, nil, [edge(.serving, "E222", at: target)]),
      step("flip", change(lowered, flipped), wait(240), [seen(flipped), gone(lowered)]),
      bake,
      step("restore-ttl", change(flipped, restored), nil, [seen(restored)]),
    ]
    let back = [
      step(
        "lower-again", change(restored, flipped), wait(drain), [seen(flipped)],
        undoes: "restore-ttl"
      ),
      step(
        "flip-back", change(flipped, lowered), wait(240),
        [seen(lowered), gone(flipped), edge(.serving, "E111")], undoes: "flip"),
      step("raise-ttl", change(lowered, before), nil, [seen(before)], undoes: "lower-ttl"),
    ]
    func plan(_ name: String, _ steps: [Step], of: String?, debts: [String]) -> Plan {
      Plan(
        name: name, capability: "cutover", createdAt: start, tool: "edgeferry test", accounts: [:],
        observed: .init(inventoryDigest: "sha256:0"), steps: steps,
        schedule: .init(start: start, end: start, criticalPathSeconds: 0, exposureSeconds: 0),
        debts: debts, permissions: [], rollbackOf: of
      ).sealed
    }
    let forward = plan("www", steps, of: nil, debts: ["restore-ttl"])
    return (forward, plan("www.rollback", back, of: forward.digest, debts: []))
  }

  /// The same world at the same time, apart from now on.
  func copy() -> CutoverWorld { CutoverWorld(copyOf: self) }
  private init(copyOf other: CutoverWorld) {
    clock = VirtualClock(other.clock.now)
    clock.sync(passedSeconds: other.clock.passedSeconds)
    names = SimulatedNames(other.names, clock: clock)
    (before, restored) = (other.before, other.restored)
    (drainSeconds, bakeSeconds) = (other.drainSeconds, other.bakeSeconds)
    (plan, rollback) = (other.plan, other.rollback)
  }

  func world(windows: [String: ChangeWindow] = [:]) -> World {
    let names = names
    return World(
      clock: clock, windows: windows, zones: { _ throws(FerryError) in names.zone() }, names: names,
      serving: names,
      client: { _ throws(FerryError) in
        throw .badInput("no-client", what: "no CloudFront here", why: "DNS alone moves", next: "")
      })
  }
  func options(_ mode: RunOptions.Mode = .apply) -> RunOptions {
    var options = RunOptions(path: "www")
    options.mode = mode
    options.rollback = rollback
    return options
  }
  func store(_ path: String = KillTests.temporary()) throws -> SQLiteState {
    try SQLiteState(path: path, durable: false)
  }
  func run(
    _ plan: Plan? = nil, store: SQLiteState, windows: [String: ChangeWindow] = [:],
    options: RunOptions? = nil, tell: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws -> RunOutcome {
    try await Runner.run(
      plan ?? self.plan, store: store, world: world(windows: windows),
      options: options ?? self.options(), tell: tell)
  }

  var isMoved: Bool { names.records[Self.key] == restored }
  var isBefore: Bool { names.records[Self.key] == before }
  /// What the effective writes made of the record, in order.
  var history: [RecordValue?] { names.effectiveWrites.map { $0.changes.first?.to } }
}
