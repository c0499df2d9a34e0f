import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// What may go wrong with a request of the runner.
enum RunFault: String, CaseIterable, Sendable {
  case throttled, unavailable
  /// A 500 after the write landed.
  case failedAfter
  case droppedBefore, droppedAfter
  case lostETag, olderETag, truncated, garbage
  /// Reads show the state of half a minute ago; with or without the write's answer.
  case staleReads, droppedAndStale
  /// The distribution's status stays InProgress.
  case stuck
  case expiredToken, noCredentials, denied
}

/// Where in a step it goes wrong.
enum RunPlace: String, CaseIterable, Sendable {
  /// The reads before the write.
  case before
  case write
  /// Reading back, and the checks.
  case after
}

/// One cell of the matrix: a fault, met by one step at one place, once or as long as the step lasts.
struct MatrixCell: CustomStringConvertible, Sendable {
  var fault: RunFault
  var place: RunPlace
  var lasting: Bool
  var step: Step
  var description: String {
    "\(fault) \(place) \(lasting ? "lasting" : "once") \(step.id)"
  }

  /// What the run has to end with, given that the fault struck.
  var exit: ExitCode {
    switch (fault, place, lasting) {
    case (.denied, _, _): .denied
    // Missing credentials pause a run.
    case (.expiredToken, _, _), (.noCredentials, _, _): .notYet
    // The write landed, whatever was said of it: reading tells.
    case (.failedAfter, .write, _), (.droppedAfter, .write, _), (.truncated, .write, _),
      (.garbage, .write, _), (.lostETag, .write, _), (.olderETag, .write, _):
      .done
    // A version that never moves and is never accepted is no race: its message is shown.
    case (.olderETag, .before, true): .failed
    case (.olderETag, _, _): .done
    case (.staleReads, _, _), (.droppedAndStale, _, _): .done
    case (.stuck, .before, _), (.stuck, .write, _): .done
    case (.stuck, _, true): step.checks.contains { $0.type == .deployed } ? .notYet : .done
    case (_, _, false): .done
    case (_, _, true): .notYet
    }
  }
}

/// Strikes the requests of one step; the runner's own events say which step is at work.
final class StepFaults: @unchecked Sendable {
  private let lock = NSLock()
  private let cell: MatrixCell
  private let world: RemovalWorld
  private var isAtWork = false
  private var wrote = false
  private var strikes = 0
  /// The state before the step's write, and when that was.
  private var past: (model: CloudFrontModel, at: Date)?

  init(_ cell: MatrixCell, _ world: RemovalWorld) {
    self.cell = cell
    self.world = world
  }
  var hasStruck: Bool { lock.withLock { strikes > 0 } }

  func hear(_ event: RunEvent) {
    guard case .began(let step, _, _) = event else { return }
    lock.withLock {
      isAtWork = step.id == cell.step.id
      wrote = false
    }
  }

  private func place(_ request: ServiceRequest) -> RunPlace {
    request.method == "GET" ? (wrote ? .after : .before) : .write
  }
  /// Whether to strike this request; counts it when so.
  private func strikes(_ request: ServiceRequest, _ at: RunPlace) -> Bool {
    guard isAtWork, at == cell.place, cell.lasting || strikes == 0 else { return false }
    strikes += 1
    return true
  }

  var hooks: ModelTransport.Faults {
    ModelTransport.Faults(
      before: { [self] request, _ throws(FerryError) in
        let result = lock.withLock { () -> Result<ServiceResponse?, FerryError> in
          let at = place(request)
          if at == .write, isAtWork, past == nil {
            past = (world.model.with { $0 }, world.clock.now)
          }
          do throws(FerryError) {
            return .success(try early(request, at))
          } catch {
            return .failure(error)
          }
        }
        return try result.get()
      },
      after: { [self] request, answer, _ throws(FerryError) in
        let result = lock.withLock { () -> Result<ServiceResponse, FerryError> in
          let at = place(request)
          if at == .write, answer.status < 300 { wrote = true }
          do throws(FerryError) {
            return .success(try late(request, answer, at))
          } catch {
            return .failure(error)
          }
        }
        return try result.get()
      })
  }

  /// Faults that keep a request from CloudFront.
  private func early(_ request: ServiceRequest, _ at: RunPlace) throws(FerryError)
    -> ServiceResponse?
  {
    switch cell.fault {
    case .throttled:
      guard strikes(request, at) else { return nil }
      return .awsError(status: 400, code: "Throttling", message: "Rate exceeded", requestID: "r")
    case .unavailable:
      guard strikes(request, at) else { return nil }
      return .awsError(status: 503, code: "ServiceUnavailable", message: "later", requestID: "r")
    case .expiredToken:
      guard strikes(request, at) else { return nil }
      return .awsError(
        status: 403, code: "ExpiredToken", message: "The security token is expired", requestID: "r")
    case .denied:
      guard strikes(request, at) else { return nil }
      return .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r")
    case .noCredentials:
      guard strikes(request, at) else { return nil }
      throw FerryError(
        .credentials, what: "could not find AWS credentials", why: "no source gave any", next: "")
    case .droppedBefore:
      guard strikes(request, at) else { return nil }
      throw ModelTransport.Faults.lost(request)
    case .staleReads, .droppedAndStale:
      guard isAtWork, at == .after, cell.place == .after, let past, world.clock.now < past.at + 30
      else { return nil }
      strikes += 1
      var old = past.model
      return old.handle(
        request, account: RemovalWorld.account, callerARN: "arn:aws:iam::1:user/x",
        now: world.clock.now)
    default: return nil
    }
  }

  /// Faults of the answer.
  private func late(_ request: ServiceRequest, _ answer: ServiceResponse, _ at: RunPlace)
    throws(FerryError) -> ServiceResponse
  {
    var out = answer
    switch cell.fault {
    case .failedAfter:
      guard strikes(request, at) else { return answer }
      return .awsError(status: 500, code: "InternalError", message: "later", requestID: "r")
    case .droppedAfter:
      guard strikes(request, at) else { return answer }
      throw ModelTransport.Faults.lost(request)
    case .droppedAndStale:
      guard isAtWork, at == .write, cell.place == .after, strikes == 0 else { return answer }
      strikes += 1
      throw ModelTransport.Faults.lost(request)
    case .lostETag:
      guard answer.headers["etag"] != nil, strikes(request, at) else { return answer }
      out.headers["etag"] = nil
    case .olderETag:
      guard answer.headers["etag"] != nil, strikes(request, at) else { return answer }
      out.headers["etag"] = "E0OLDVERSION00"
    case .truncated:
      guard !answer.body.isEmpty, strikes(request, at) else { return answer }
      out.body = Array(answer.body.prefix(answer.body.count / 2))
    case .garbage:
      guard !answer.body.isEmpty, strikes(request, at) else { return answer }
      out.body = Array("\u{1B}[2J<<<not XML".utf8)
    case .stuck:
      guard let text = String(validating: answer.body, as: UTF8.self),
        text.contains("<Status>Deployed</Status>"), strikes(request, at)
      else { return answer }
      out.body = Array(
        text.replacingOccurrences(
          of: "<Status>Deployed</Status>", with: "<Status>InProgress</Status>"
        ).utf8)
    default: break
    }
    return out
  }
}

/// Every fault × every step × every place: the exit code, the end state, the number of effective writes.
struct FaultMatrixTests {
  /// A world in which everything before a step is done, with its state database.
  struct Eve {
    var step: Step
    var world: RemovalWorld
    var database: Data
    /// Where the step's requests are.
    var places: Set<RunPlace> = []
  }

  final class Watch: @unchecked Sendable {
    private let lock = NSLock()
    private var step = ""
    private var wrote = false
    private(set) var places: [String: Set<RunPlace>] = [:]
    func hear(_ event: RunEvent) {
      guard case .began(let it, _, _) = event else { return }
      lock.withLock { (step, wrote) = (it.id, false) }
    }
    func see(_ request: ServiceRequest) {
      lock.withLock {
        let isRead = request.method == "GET"
        places[step, default: []].insert(isRead ? (wrote ? .after : .before) : .write)
        wrote = wrote || !isRead
      }
    }
  }

  /// The eves of a plan's steps, and the effective writes of a run that nothing disturbs.
  static func eves(_ key: KeyPath<RemovalWorld, Plan>, of world: RemovalWorld) async throws -> (
    eves: [Eve], writes: [String: Int]
  ) {
    let store = try world.store()
    defer { KillTests.remove(store.path) }
    if key == \.rollback {
      _ = try await Runner.run(
        world.plan, store: store, world: world.world(), options: world.options())
      world.model.with { $0.clearLog() }
    }
    var eves: [Eve] = []
    let watch = Watch()
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      watch.see(request)
      return nil
    })
    for step in world[keyPath: key].steps + [nil] {
      var options = world.options()
      options.until = step?.id
      let outcome = try await Runner.run(
        world[keyPath: key], store: store, world: world.world(faults: faults), options: options
      ) { watch.hear($0) }
      #expect(outcome.exit == (step == nil ? .done : .notYet))
      guard let step else { continue }
      eves.append(
        .init(
          step: step, world: world.copy(),
          database: try Data(contentsOf: URL(fileURLWithPath: store.path))))
    }
    for index in eves.indices { eves[index].places = watch.places[eves[index].step.id] ?? [] }
    return (eves, byOperation(world))
  }
  /// Ids of what a rollback makes are new in each world.
  static func byOperation(_ world: RemovalWorld) -> [String: Int] {
    var out: [String: Int] = [:]
    for (write, count) in world.writes {
      out[write.split(separator: " ").first.map(String.init) ?? "", default: 0] += count
    }
    return out
  }

  /// Runs one cell, then the same command without the fault.
  /// - Returns: whether the fault struck.
  static func check(
    _ cell: MatrixCell, on eve: Eve, _ key: KeyPath<RemovalWorld, Plan>, undisturbed: [String: Int],
    isEnd: (RemovalWorld) -> Bool
  ) async throws -> Bool {
    let world = eve.world.copy()
    let path = KillTests.temporary()
    defer { KillTests.remove(path) }
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try eve.database.write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    let store = try SQLiteState(path: path, durable: false)
    let faults = StepFaults(cell, world)
    let outcome = try await Runner.run(
      world[keyPath: key], store: store, world: world.world(faults: faults.hooks),
      options: world.options()
    ) { faults.hear($0) }
    let expected = faults.hasStruck ? cell.exit : .done
    #expect(outcome.exit == expected, "\(cell): \(String(describing: outcome.error))")
    if outcome.exit == .done {
      #expect(isEnd(world), "\(cell)")
    } else {
      // What it says to do next is the way on.
      #expect(outcome.error?.next.isEmpty == false, "\(cell)")
      let again = try await Runner.run(
        world[keyPath: key], store: store, world: world.world(), options: world.options())
      #expect(again.exit == .done, "\(cell), resumed: \(String(describing: again.error))")
      #expect(isEnd(world), "\(cell), resumed")
    }
    let writes = byOperation(world)
    #expect(writes == undisturbed, "\(cell)")
    return faults.hasStruck
  }

  /// - Parameter least: how often each fault has to strike.
  static func checkAll(
    _ key: KeyPath<RemovalWorld, Plan>, of world: RemovalWorld, _ name: String, least: Int = 4,
    isEnd: (RemovalWorld) -> Bool
  ) async throws {
    let (eves, writes) = try await Self.eves(key, of: world)
    var struck: [RunFault: Int] = [:]
    for eve in eves {
      for fault in RunFault.allCases {
        for place in RunPlace.allCases where eve.places.contains(place) {
          for lasting in [false, true] {
            let cell = MatrixCell(fault: fault, place: place, lasting: lasting, step: eve.step)
            if try await check(cell, on: eve, key, undisturbed: writes, isEnd: isEnd) {
              struck[fault, default: 0] += 1
            }
          }
        }
      }
    }
    for fault in RunFault.allCases {
      #expect((struck[fault] ?? 0) >= least, "\(fault) hardly struck")
    }
    print("fault matrix: \(struck.values.reduce(0, +)) cells of the \(name) struck")
  }

  @Test func `each fault at each step of a removal has its exit code, end state and writes`()
    async throws
  {
    try await Self.checkAll(
      \.plan, of: RemovalWorld(propagation: 30), "removal", isEnd: \.isRemoved)
  }

  @Test func `each fault at each step of a rollback has its exit code, end state and writes`()
    async throws
  {
    try await Self.checkAll(
      \.rollback, of: RemovalWorld(propagation: 30), "rollback", isEnd: \.isRestored)
  }
}
