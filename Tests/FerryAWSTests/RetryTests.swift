import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryAWS

struct RetryTests {
  typealias Outcome = ServicePace.Outcome

  @Test(
    arguments: [
      (400, "Throttling", RetryPolicy.Fault.throttled),
      (400, "PriorRequestNotComplete", .throttled),
      (503, "SlowDown", .throttled), (429, "", .throttled),
      (500, "InternalError", .transient), (502, "", .transient),
      (503, "ServiceUnavailable", .transient), (504, "", .transient),
      (400, "RequestTimeout", .transient), (400, "IDPCommunicationError", .transient),
    ])
  func `faults are told apart by code and status`(
    _ status: Int, _ code: String, _ fault: RetryPolicy.Fault
  ) {
    #expect(RetryPolicy.fault(status: status, code: code) == fault)
  }
  @Test(arguments: [
    (400, "InvalidArgument"), (400, "ValidationError"), (400, ""), (412, "PreconditionFailed"),
    (403, "AccessDenied"), (404, "NoSuchDistribution"), (501, "NotImplemented"), (200, ""),
  ])
  func `what will not change is not tried again`(_ status: Int, _ code: String) {
    #expect(RetryPolicy.fault(status: status, code: code) == nil)
  }

  // MARK: Settings

  @Test func `a mode and a number of attempts are read from variables before the profile`() throws {
    func policy(_ environment: [String: String], _ profile: [String: String] = [:])
      throws -> RetryPolicy
    { try RetryPolicy(environment: environment, profile: profile) }
    #expect(try policy([:]) == RetryPolicy())
    #expect(try policy(["AWS_RETRY_MODE": "Standard"]) == RetryPolicy(.standard))
    #expect(try policy([:], ["retry_mode": "legacy"]).attemptsMax == 5)
    #expect(
      try policy(["AWS_RETRY_MODE": "adaptive"], ["retry_mode": "legacy"]) == RetryPolicy(.adaptive)
    )
    #expect(
      try policy(["AWS_RETRY_MODE": "standard", "AWS_NEW_RETRIES_2026": "true"])
        == RetryPolicy(.standard, rulesOf2026: true))
    let given = try policy(["AWS_MAX_ATTEMPTS": "7"], ["max_attempts": "2"])
    #expect(given.attemptsMax == 7 && !given.waitsForRate)
    #expect(try policy(["AWS_MAX_ATTEMPTS": ""], ["max_attempts": "2"]).attemptsMax == 2)
  }
  @Test(arguments: [
    ["AWS_RETRY_MODE": "fast"], ["AWS_MAX_ATTEMPTS": "0"], ["AWS_MAX_ATTEMPTS": "-1"],
    ["AWS_MAX_ATTEMPTS": "many"], ["AWS_MAX_ATTEMPTS": "3.5"],
  ])
  func `a mode or number of attempts that is none is bad usage`(_ environment: [String: String]) {
    let error = #expect(throws: FerryError.self) {
      try RetryPolicy(environment: environment, profile: [:])
    }
    #expect(error?.exit == .usage)
  }

  // MARK: Delays and the quota

  @Test func `delays double up to a cap under full jitter`() {
    let policy = RetryPolicy()
    #expect(policy.delay(after: .transient, attempt: 1, random: 0.5) == 0.025)
    #expect(policy.delay(after: .transient, attempt: 3, random: 0.5) == 0.1)
    #expect(policy.delay(after: .throttled, attempt: 1, random: 0.5) == 0.5)
    #expect(policy.delay(after: .throttled, attempt: 9, random: 1) == 20)
    #expect(policy.delay(after: .transient, attempt: 1000, random: 1) == 20)
    #expect(policy.delay(after: .transient, attempt: 5, random: 0) == 0)
    #expect(RetryPolicy(.standard).delay(after: .transient, attempt: 2, random: 0.5) == 1)
  }
  @Test func `the service's wish is honoured within five seconds of our own delay`() {
    let policy = RetryPolicy()
    func delay(_ wish: Double) -> Double {
      policy.delay(after: .throttled, attempt: 1, random: 0.5, retryAfter: wish)
    }
    #expect(delay(0.1) == 0.5)
    #expect(delay(3) == 3)
    #expect(delay(60) == 5.5)
    #expect(
      RetryPolicy(.standard).delay(after: .throttled, attempt: 1, random: 0.5, retryAfter: 3) == 0.5
    )
  }
  @Test(arguments: ["", "-1", "soon", "1.5", "99999999999999999999", "0x10"])
  func `a wish that is no number of milliseconds is none`(_ text: String) {
    #expect(RetryPolicy.retryAfter(text) == nil)
    #expect(RetryPolicy.retryAfter("1500") == 1.5)
  }

  /// Plays a call's outcomes at one instant; what was decided for each.
  private func play(
    _ outcomes: [Outcome], isRead: Bool = true, in pace: Box<ServicePace>, random: Double = 0.5
  ) -> [ServicePace.Decision] {
    var call = ServicePace.Call(isRead: isRead)
    return outcomes.map { pace.it.judge($0, of: &call, random: random, now: 0) }
  }

  @Test func `a read is tried three times, and a success ends it`() {
    let pace = Box(ServicePace(RetryPolicy()))
    let down = Outcome.answered(status: 503)
    #expect(
      play([down, down, down], in: pace) == [
        .again(afterSeconds: 0.025), .again(afterSeconds: 0.05), .deliver,
      ])
    #expect(pace.it.quota.tokens == 500 - 2 * 14)
    #expect(
      play([.unanswered(timedOut: true), .answered(status: 200)], in: pace) == [
        .again(afterSeconds: 0.025), .deliver,
      ])
    #expect(pace.it.quota.tokens == 500 - 3 * 14 + 7)
  }
  @Test(arguments: [
    Outcome.unanswered(timedOut: true), .unanswered(timedOut: false), .answered(status: 500),
    .answered(status: 503, code: "ServiceUnavailable"),
    .answered(status: 400, code: "RequestTimeout"),
  ])
  func `a write whose outcome is unknown is never sent again`(_ outcome: Outcome) {
    for policy in [RetryPolicy(), .init(.legacy), .init(.standard), .init(.adaptive)] {
      let pace = Box(ServicePace(policy))
      #expect(play([outcome], isRead: false, in: pace) == [.deliver])
      #expect(pace.it.quota.tokens == 500)
    }
  }
  @Test func `a throttled write did not land and is tried three times`() {
    let pace = Box(ServicePace(RetryPolicy()))
    let slow = Outcome.answered(status: 400, code: "Throttling")
    #expect(
      play([slow, slow, slow], isRead: false, in: pace) == [
        .again(afterSeconds: 0.5), .again(afterSeconds: 1), .deliver,
      ])
    #expect(pace.it.quota.tokens == 490)
  }
  @Test func `a named mode counts the attempts of a throttled read; legacy has five`() {
    let slow = [Outcome](repeating: .answered(status: 400, code: "Throttling"), count: 5)
    let standard = Box(ServicePace(RetryPolicy(.standard)))
    #expect(play(slow, in: standard).firstIndex(of: .deliver) == 2)
    let legacy = Box(ServicePace(RetryPolicy(.legacy)))
    #expect(play(slow, in: legacy).firstIndex(of: .deliver) == 4)
  }
  @Test func `one attempt is one attempt, throttled or not`() throws {
    let policy = try RetryPolicy(environment: ["AWS_MAX_ATTEMPTS": "1"], profile: [:])
    for outcome in [Outcome.answered(status: 400, code: "Throttling"), .answered(status: 503)] {
      let pace = Box(ServicePace(policy))
      #expect(play([outcome], in: pace) == [.deliver])
    }
  }
  @Test func `a throttled read waits for the rate, and gives up when nothing is accepted`() {
    let pace = Box(ServicePace(RetryPolicy()))
    let slow = Outcome.answered(status: 400, code: "Throttling")
    var call = ServicePace.Call(isRead: true)
    func judge(_ outcome: Outcome, now: Double) -> ServicePace.Decision {
      pace.it.judge(outcome, of: &call, random: 0.5, now: now)
    }
    for second in 0..<30 {
      #expect(
        judge(slow, now: Double(second)) == .again(afterSeconds: 0))
    }
    #expect(pace.it.quota.tokens == 500)
    #expect(judge(slow, now: 30) == .again(afterSeconds: 0.5))
    #expect(judge(slow, now: 31) == .again(afterSeconds: 1))
    #expect(judge(slow, now: 32) == .deliver)
    // Another call that gets through shows that there is a rate to find.
    call = ServicePace.Call(isRead: true)
    #expect(judge(.answered(status: 200), now: 33) == .deliver)
    call = ServicePace.Call(isRead: true)
    #expect(judge(slow, now: 34) == .again(afterSeconds: 0))
  }
  @Test func `the quota runs dry in an outage and fills again`() {
    let pace = Box(ServicePace(RetryPolicy()))
    var retries = 0
    for _ in 0..<100 where play([.answered(status: 503)], in: pace) != [.deliver] { retries += 1 }
    #expect(retries == 500 / 14)
    for _ in 0..<1000 { _ = play([.answered(status: 200)], in: pace) }
    #expect(pace.it.quota.tokens == 500)
  }

  @Test(arguments: [0.05, 0.1, 0.15, 0.2, 0.5, 0.8, 1])
  func `retries add at most a fifth to the load of an outage, however bad`(_ share: Double) {
    // 100 runs of 1,000 calls; an outage hits the share of attempts given.
    var unread = 0
    for seed in 0..<100 {
      var random = Seeded(UInt64(seed))
      let pace = Box(ServicePace(RetryPolicy()))
      var attempts = 0
      for index in 0..<1000 {
        var call = ServicePace.Call(isRead: true)
        let isOut = index >= 100
        while true {
          attempts += 1
          let fails = isOut && Double.random(in: 0..<1, using: &random) < share
          let decision = pace.it.judge(
            .answered(status: fails ? 503 : 200), of: &call,
            random: Double.random(in: 0..<1, using: &random), now: Double(index))
          guard decision == .deliver else { continue }
          if fails { unread += 1 }
          break
        }
      }
      #expect(attempts <= 1200, "seed \(seed)")
    }
    // The quota is for outages: one error in ten is what three attempts are for.
    if share <= 0.1 { #expect(unread < 100 * 4) }
  }

  // MARK: The oracle

  @Test(arguments: [false, true])
  func `botocore decides the same for the same transcript`(_ rulesOf2026: Bool) async throws {
    var random = Seeded(7)
    let menu: [(Outcome, JSONValue)] = [
      (.answered(status: 200), ["status": 200]),
      (.answered(status: 500, code: "InternalError"), ["status": 500, "code": "InternalError"]),
      (.answered(status: 503), ["status": 503]),
      (.answered(status: 400, code: "Throttling"), ["status": 400, "code": "Throttling"]),
      (
        .answered(status: 400, code: "PriorRequestNotComplete"),
        ["status": 400, "code": "PriorRequestNotComplete"]
      ),
      (.answered(status: 400, code: "RequestTimeout"), ["status": 400, "code": "RequestTimeout"]),
      (
        .answered(status: 400, code: "InvalidArgument"), ["status": 400, "code": "InvalidArgument"]
      ),
      (
        .answered(status: 400, code: "Throttling", retryAfter: 2.5),
        ["status": 400, "code": "Throttling", "retryAfter": "2500"]
      ),
      (.unanswered(timedOut: true), ["fails": "timeout"]),
      (.unanswered(timedOut: false), ["fails": "connection"]),
    ]
    var transcript: [[Int]] = []
    for _ in 0..<300 {
      transcript.append((0..<3).map { _ in Int.random(in: 0..<menu.count, using: &random) })
    }
    let pace = Box(ServicePace(RetryPolicy(.standard, rulesOf2026: rulesOf2026)))
    var ours: [JSONValue] = []
    for outcomes in transcript {
      var call = ServicePace.Call(isRead: true)
      for index in outcomes {
        let decision = pace.it.judge(menu[index].0, of: &call, random: 0.5, now: 0)
        if case .again(let seconds) = decision {
          ours.append([.double(seconds), .int(Int64(pace.it.quota.tokens))])
        } else {
          ours.append([.null, .int(Int64(pace.it.quota.tokens))])
          break
        }
      }
    }
    let calls = JSONValue.array(transcript.map { .array($0.map { menu[$0].1 }) })
    guard let answer = try await Oracle.ask(Self.script, ["\(rulesOf2026)", calls.canonical]) else {
      return
    }
    let theirs = answer.array ?? []
    #expect(theirs.count == ours.count)
    for (index, pair) in zip(ours, theirs).enumerated() where pair.0.canonical != pair.1.canonical {
      Issue.record("decision \(index): ours \(pair.0.canonical), botocore's \(pair.1.canonical)")
      break
    }
  }
  private static let script = """
    import json, os, sys
    os.environ["AWS_NEW_RETRIES_2026"] = sys.argv[1]
    from types import SimpleNamespace as It
    from botocore.retries import quota, standard
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError
    adapter = standard.RetryEventAdapter()
    new = sys.argv[1] == "true"
    detector = standard.ThrottlingErrorDetector(adapter) if new else None
    tokens = quota.RetryQuota()
    checker = standard.RetryQuotaChecker(tokens, detector) if new else standard.RetryQuotaChecker(tokens)
    extra = dict(service_name="cloudfront", throttling_detector=detector) if new else {}
    policy = standard.RetryPolicy(standard.StandardRetryConditions(max_attempts=3),
                                  standard.ExponentialBackoff(random=lambda: 0.5, **extra))
    handler = standard.RetryHandler(policy, adapter, checker)
    operation = It(name="X", error_shapes=[], service_model=It(service_name="cloudfront"))
    out = []
    for call in json.loads(sys.argv[2]):
        context = {}
        for number, outcome in enumerate(call, 1):
            error = response = http = None
            if "fails" in outcome:
                kind = ConnectTimeoutError if outcome["fails"] == "timeout" else EndpointConnectionError
                error = kind(endpoint_url="x")
            else:
                headers = {"x-amz-retry-after": outcome["retryAfter"]} if "retryAfter" in outcome else {}
                http = It(status_code=outcome["status"], headers=headers)
                parsed = {"Error": {"Code": outcome["code"]}} if "code" in outcome else {}
                response = (http, parsed)
            delay = handler.needs_retry(response=response, attempts=number, operation=operation,
                                        caught_exception=error, request_dict={"context": context})
            if delay is None:
                checker.release_retry_quota(context, http)
            out.append([delay, tokens.available_capacity])
            if delay is None:
                break
    print(json.dumps(out))
    """
}

/// A value that an expectation may change.
final class Box<Value> {
  var it: Value
  init(_ it: Value) { self.it = it }
}

/// Random numbers that a seed fixes.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A Python with botocore; nil where there is none.
enum Oracle {
  static func ask(_ script: String, _ arguments: [String]) async throws -> JSONValue? {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    let python = environment["EDGEFERRY_PYTHON"] ?? "python3"
    let asked = try Subprocess(
      ["/usr/bin/env", python, "-c", "import botocore"], environment: environment,
      stdout: "/dev/null", stderr: "/dev/null")
    guard await asked.wait().code == 0 else {
      print("skipped: no Python with botocore to compare with")
      return nil
    }
    let process = try Subprocess(
      ["/usr/bin/env", python, "-c", script] + arguments, environment: environment)
    let ending = await process.wait()
    #expect(ending.code == 0)
    return try JSONValue.read(ending.stdout, what: "the oracle's answer")
  }
}

struct CeilingTests {
  @Test func `no second holds more calls than the ceiling, and none waits longer than it must`() {
    var pace = ServicePace(RetryPolicy(), callsPerSecond: 5)
    var now = 0.0
    var left: [Double] = []
    for index in 0..<200 {
      var call = ServicePace.Call(isRead: true)
      while let wait = pace.admit(&call, now: now) {
        #expect(wait >= 0.001 && wait <= 1)
        now += wait
      }
      left.append(now)
      // Pauses of no round number of seconds.
      if index % 3 == 0 { now += 0.1 * Double(index % 17) }
    }
    for (index, at) in left.enumerated() where index >= 5 { #expect(at - left[index - 5] >= 0.999) }
    var fresh = ServicePace(RetryPolicy(), callsPerSecond: 5)
    for index in 0..<6 {
      var call = ServicePace.Call(isRead: true)
      #expect((fresh.admit(&call, now: 0) == nil) == (index < 5))
    }
  }
  @Test func `a clock set back holds nobody until it has caught up`() {
    var ceiling = RateCeiling(callsPerSecond: 2)
    for now in [100.0, 100.1] { ceiling.count(now: now) }
    #expect(ceiling.wait(now: 100.2) != nil)
    #expect(ceiling.wait(now: 50) == nil)
    ceiling.count(now: 50)
    #expect(ceiling.wait(now: 50.5) == 0.5)
    #expect(ceiling.wait(now: 51) == nil)
  }
  @Test func `Route 53 is asked five times a second, CloudFront as often as it allows`() {
    #expect(AWSService.route53.callsPerSecond == 5)
    var free = ServicePace(RetryPolicy(), callsPerSecond: AWSService.cloudFront.callsPerSecond)
    for _ in 0..<100 {
      var call = ServicePace.Call(isRead: true)
      #expect(free.admit(&call, now: 0) == nil)
    }
  }
}
