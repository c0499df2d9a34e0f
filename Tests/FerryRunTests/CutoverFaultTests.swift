import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryRun

/// What may go wrong around one change of DNS.
enum NameFault: String, CaseIterable, Sendable {
  /// The write.
  case throttled, unavailable, lostBefore, lostAfter, denied, noCredentials, badTime
  /// The provider says yes and changes nothing, or never that the change arrived.
  case ignored, neverInSync
  /// Somebody else changes the record between read and write.
  case foreignEdit
  /// Reads and looks that get no answer.
  case readSilent, looksSilent
  /// One server.
  case serverSilent, serverLame, serverLying, serverBehind
  case resolversSilent

  /// How a run has to end that meets it once (or for 100 s), or for as long as the run lasts.
  func exit(lasting: Bool) -> ExitCode {
    switch self {
    case .denied: .denied
    // Missing credentials pause a run; a clock that is wrong, as TSIG has it, ends it.
    case .noCredentials: .notYet
    case .badTime: .failed
    // The write landed, whatever was said of it: reading tells.
    case .lostAfter: .done
    // Two minutes of reading back end in "not yet".
    case .ignored: .notYet
    case .foreignEdit, .serverLying: .stale
    // Resolvers are evidence, and no gate.
    case .resolversSilent: .done
    case .throttled, .unavailable, .lostBefore, .neverInSync, .readSilent, .looksSilent,
      .serverSilent, .serverLame, .serverBehind:
      lasting ? .notYet : .done
    }
  }
}

/// Every fault at every change of a cutover and of its rollback: exit code, end state, number of writes.
struct CutoverFaultTests {
  static let other = RecordValue(ttl: 60, data: ["other.example.net."])

  final class Strike: @unchecked Sendable {
    let fault: NameFault
    let lasting: Bool
    // The hooks hold the strike, and the names hold the hooks.
    unowned let names: SimulatedNames
    private let lock = NSLock()
    private var count = 0
    private var over = false
    private let until: Double
    init(_ fault: NameFault, lasting: Bool, _ names: SimulatedNames) {
      self.fault = fault
      self.lasting = lasting
      self.names = names
      until = names.clock.passedSeconds + 100
      switch fault {
      case .ignored: names.change { $0.ignoresWrites = true }
      case .neverInSync: names.change { $0.syncSeconds = 1e9 }
      case .serverSilent: names.changeServer(1) { $0.fault = .silent }
      case .serverLame: names.changeServer(1) { $0.fault = .lame }
      case .serverLying: names.changeServer(1) { $0.fault = .lying(CutoverFaultTests.other) }
      case .serverBehind:
        let last = names.stateCount - 1
        names.changeServer(1) { $0.fault = .reverted(last) }
      case .resolversSilent:
        for index in 0..<4 { names.changeResolver(index) { $0.isSilent = true } }
      default: break
      }
    }
    var hasStruck: Bool { lock.withLock { count > 0 } }
    /// The world is well again.
    func end() {
      lock.withLock { over = true }
      names.change {
        $0.ignoresWrites = false
        $0.syncSeconds = 20
      }
      names.changeServer(1) { $0.fault = nil }
      for index in 0..<4 { names.changeResolver(index) { $0.isSilent = false } }
    }
    private func strikes() -> Bool {
      lock.withLock {
        guard !over, lasting || count == 0 else { return false }
        count += 1
        return true
      }
    }
    private func error(_ code: FerryError.Code, _ exit: ExitCode = .failed) -> FerryError {
      FerryError(code, exit: exit, what: "could not ask", why: "by the test", next: "see the test")
    }
    private func service(_ status: Int, _ code: String, _ exit: ExitCode = .failed) -> FerryError {
      FerryError(
        .serviceRefused, exit: exit, what: "refused", why: "by the test", next: "",
        service: .init(
          operation: "ChangeResourceRecordSets", status: status, code: code, message: "",
          requestID: "r"))
    }
    var hooks: SimulatedNames.Hooks {
      .init(
        before: { [self] call, _ throws(FerryError) in
          if !lasting, names.clock.passedSeconds > until, !fault.isOfCalls { end() }
          switch (fault, call) {
          case (.throttled, .write) where strikes(): throw service(400, "Throttling")
          case (.unavailable, .write) where strikes(): throw service(503, "ServiceUnavailable")
          case (.lostBefore, .write) where strikes(): throw error(.noAnswer)
          case (.denied, .write) where strikes(): throw service(403, "AccessDenied", .denied)
          case (.noCredentials, .write) where strikes(): throw error(.credentials)
          case (.badTime, .write) where strikes(): throw error("tsig-refused")
          case (.readSilent, .read) where strikes(): throw error(.noAnswer)
          case (.looksSilent, .authoritative) where strikes(): throw error(.noAnswer)
          case (.foreignEdit, .write) where strikes():
            names.edit(CutoverWorld.key, CutoverFaultTests.other)
          case (.ignored, .write), (.neverInSync, .inSync), (.serverSilent, .authoritative),
            (.serverLame, .authoritative), (.serverLying, .authoritative),
            (.serverBehind, .authoritative), (.resolversSilent, .recursive):
            _ = strikes()
          default: break
          }
        },
        after: { [self] call, _ throws(FerryError) in
          if fault == .lostAfter, call == .write, strikes() { throw error(.noAnswer) }
        })
    }
  }

  static func options(_ world: CutoverWorld) -> RunOptions {
    var options = world.options()
    options.authoritativePollSeconds = 30
    return options
  }

  @Test(arguments: [false, true])
  func `each fault at each change has its exit code, and the same command goes on to the same end`(
    _ back: Bool
  ) async throws {
    let start = CutoverWorld(window: nil, ttl: 300, bakeSeconds: 240)
    let store = try start.store()
    defer { KillTests.remove(store.path) }
    if back {
      #expect(try await start.run(store: store, options: Self.options(start)).exit == .done)
    }
    let plan = back ? start.rollback : start.plan
    var struck: [NameFault: Int] = [:]
    for (index, step) in plan.steps.enumerated() where step.action != .observe {
      var options = Self.options(start)
      options.until = step.id
      #expect(try await start.run(plan, store: store, options: options).exit == .notYet)
      let database = try Data(contentsOf: URL(fileURLWithPath: store.path))
      let next = index + 1 < plan.steps.count ? plan.steps[index + 1].id : nil
      for fault in NameFault.allCases {
        for lasting in [false, true] {
          let label = "\(fault) \(lasting ? "lasting" : "once") \(step.id)"
          let world = start.copy()
          let path = KillTests.temporary()
          defer { KillTests.remove(path) }
          _ = try SQLiteState(path: path, durable: false)
          try database.write(to: URL(fileURLWithPath: path))
          chmod(path, 0o600)
          let copy = try SQLiteState(path: path, durable: false)
          let before = world.names.effectiveWrites.count
          let strike = Strike(fault, lasting: lasting, world.names)
          world.names.set(strike.hooks)
          options.until = next
          let outcome = try await world.run(plan, store: copy, options: options)
          let stopped = outcome.error?.code == "stopped-before" ? .done : outcome.exit
          if strike.hasStruck { struck[fault, default: 0] += 1 }
          let expected = strike.hasStruck ? fault.exit(lasting: lasting) : .done
          #expect(stopped == expected, "\(label): \(String(describing: outcome.error))")
          if stopped != .done {
            #expect(outcome.error?.next.isEmpty == false, "\(label)")
            strike.end()
            // Whoever edited the record takes that back.
            if fault == .foreignEdit {
              world.names.edit(CutoverWorld.key, step.action.dns?.changes[0].from)
            }
            let again = try await world.run(plan, store: copy, options: options)
            #expect(
              again.exit == .done || again.error?.code == "stopped-before",
              "\(label), resumed: \(String(describing: again.error))")
          }
          #expect(
            world.names.records[CutoverWorld.key] == step.action.dns?.changes[0].to, "\(label)")
          #expect(world.names.effectiveWrites.count == before + 1, "\(label)")
        }
      }
    }
    for fault in NameFault.allCases {
      #expect((struck[fault] ?? 0) >= (fault == .resolversSilent ? 1 : 4), "\(fault) hardly struck")
    }
    print(
      "fault matrix: \(struck.values.reduce(0, +)) cells of a cutover\(back ? "'s rollback" : "") struck"
    )
  }

  @Test func `a server that came back with what it had before begins the wait anew`() async throws {
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let (names, clock) = (world.names, world.clock)
    let down = Once()
    let up = Once()
    let outcome = try await world.run(store: store) { event in
      guard case .waiting(let step, _, _, _, _) = event, step.id == "lower-ttl" else { return }
      if clock.passedSeconds > 3000, down.first() {
        names.changeServer(2) { $0.fault = .reverted(0) }
      }
      if clock.passedSeconds > 4500, up.first() { names.changeServer(2) { $0.fault = nil } }
    }
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(names.effectiveWrites[1].at >= 4500 + 3960)
  }

  @Test func `a change that was made twice at once by two commands is made once`() async throws {
    // The answer of the first write is lost; a second one sent blindly would meet the new record.
    let world = CutoverWorld(window: nil)
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    let once = Once()
    let names = world.names
    names.set(
      .init(before: { [unowned names] call, _ throws(FerryError) in
        guard call == .write, once.first() else { return }
        // Somebody with the same plan was faster.
        names.edit(CutoverWorld.key, CutoverWorld.lowered)
      }))
    let outcome = try await world.run(store: store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(outcome.report.steps[0].writes == 0)
    #expect(world.history == [CutoverWorld.flipped, CutoverWorld.restored])
  }
}

extension NameFault {
  /// It strikes a call rather than the world.
  var isOfCalls: Bool {
    switch self {
    case .throttled, .unavailable, .lostBefore, .lostAfter, .denied, .noCredentials, .badTime,
      .foreignEdit, .readSilent, .looksSilent, .ignored:
      true
    case .neverInSync, .serverSilent, .serverLame, .serverLying, .serverBehind, .resolversSilent:
      false
    }
  }
}
