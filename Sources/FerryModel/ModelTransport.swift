import FerryCore
import Foundation

/// One model shared by whoever asks it: the lab's connections, or the clients of a test.
public final class SharedModel: Sendable {
  private let model: Locked<CloudFrontModel>
  public init(_ model: CloudFrontModel) { self.model = Locked(model) }
  /// Reads or changes the model; nobody else does meanwhile.
  public func with<T, E>(_ body: (inout CloudFrontModel) throws(E) -> T) throws(E) -> T {
    try model.withLock(body)
  }
}

/// Carries calls to a model in this process, with room for faults.
public final class ModelTransport: ServiceTransport {
  /// What may go wrong around a request; `number` counts this transport's requests from 1.
  public struct Faults: Sendable {
    /// Runs before the model sees the request. An answer replaces the model's; a thrown `.noAnswer`
    /// is a request that got lost.
    public var before:
      @Sendable (_ request: ServiceRequest, _ number: Int) throws(FerryError) ->
        ServiceResponse?
    /// Runs after the model changed. A thrown `.noAnswer` is an answer that got lost.
    public var after:
      @Sendable (_ request: ServiceRequest, _ answer: ServiceResponse, _ number: Int)
        throws(FerryError) -> ServiceResponse

    public init(
      before:
        @escaping @Sendable (ServiceRequest, Int) throws(FerryError) -> ServiceResponse? = {
          (_, _) throws(FerryError) in nil
        },
      after:
        @escaping @Sendable (ServiceRequest, ServiceResponse, Int) throws(FerryError) ->
        ServiceResponse = { (_, answer, _) throws(FerryError) in answer }
    ) {
      self.before = before
      self.after = after
    }

    /// What a broken connection looks like to a client.
    public static func lost(_ request: ServiceRequest) -> FerryError {
      FerryError(
        .noAnswer, what: "\(request.operation) got no answer",
        why: "the connection broke after the request was sent",
        next: "read the resource to learn whether the request arrived")
    }
  }

  private let model: SharedModel
  private let account: AccountID
  private let callerARN: String
  private let clock: any FerryClock
  private let faults: Faults
  private let counter = Counter()

  private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    func next() -> Int {
      lock.withLock {
        count += 1
        return count
      }
    }
  }

  /// - Parameter callerARN: default: the account's lab user.
  public init(
    _ model: SharedModel, account: AccountID, callerARN: String? = nil, clock: any FerryClock,
    faults: Faults = Faults()
  ) {
    self.model = model
    self.account = account
    self.callerARN = callerARN ?? "arn:aws:iam::\(account):user/edgeferry-lab"
    self.clock = clock
    self.faults = faults
  }

  public func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let number = counter.next()
    if let answer = try faults.before(request, number) { return answer }
    let now = clock.now
    let answer = model.with {
      $0.handle(request, account: account, callerARN: callerARN, now: now)
    }
    return try faults.after(request, answer, number)
  }
}

/// A clock whose sleeps are over at once: time moves only when somebody waits or says so.
///
/// Its wall clock can be set, stopped and made to run at another rate; its elapsed time cannot.
public final class VirtualClock: FerryClock, @unchecked Sendable {
  private let lock = NSLock()
  private var time: Date
  private var passed = 0.0
  private var booted = 0.0
  private var rate = 1.0
  private var boot = "virtual/1"
  /// - Parameter now: default 2026-01-01T00:00:00Z.
  public init(_ now: Date = Date(timeIntervalSince1970: 1_767_225_600)) { time = now }
  public var now: Date { lock.withLock { time } }
  public var elapsed: Elapsed {
    lock.withLock { Elapsed(seconds: passed - booted, origin: boot) }
  }
  /// What really went by since it was made, whatever was done to it.
  public var passedSeconds: Double { lock.withLock { passed } }
  public func advance(seconds: Double) {
    lock.withLock {
      passed += seconds
      time.addTimeInterval(seconds * rate)
    }
  }
  /// Sets the wall clock forward, or back for a negative number; no time goes by.
  public func jump(seconds: Double) { lock.withLock { time.addTimeInterval(seconds) } }
  /// How fast the wall clock runs from now on: 0 stands still.
  public func run(atRate rate: Double) { lock.withLock { self.rate = rate } }
  /// For the copy of a world: as much went by as on the clock that it was copied from.
  public func sync(passedSeconds: Double) { lock.withLock { passed = passedSeconds } }
  /// Restarts the machine, or moves to another: elapsed time begins anew.
  public func reboot(as origin: String) {
    lock.withLock {
      booted = passed
      boot = origin
    }
  }
  public func sleep(seconds: Double) async throws(FerryError) { advance(seconds: max(0, seconds)) }
}
