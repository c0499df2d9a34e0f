import FerryCore
import FerryHTTP
import Foundation
import Testing

@testable import FerryAWS

/// Answers what the test arranged, in order, and keeps what was sent.
private final class Script: HTTPSender {
  enum Line: Sendable {
    case answer(status: Int, code: String = "", headers: [String: String] = [:])
    case json(status: Int, String)
    case nothing(String)
  }
  private let lines: Locked<[Line]>
  private let log = Locked<[HTTPRequest]>([])
  private let clock: CountingClock
  var sent: [HTTPRequest] { log.withLock { $0 } }
  init(_ lines: [Line], _ clock: CountingClock) {
    self.lines = Locked(lines)
    self.clock = clock
  }
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse {
    log.withLock { $0.append(request) }
    clock.advance(0.2)
    let line: Line = lines.withLock { $0.isEmpty ? .answer(status: 418) : $0.removeFirst() }
    switch line {
    case .nothing(let why): throw FerryError(.noAnswer, what: "no answer", why: why, next: "")
    case .json(let status, let text):
      return HTTPResponse(status: status, headers: [:], body: Array(text.utf8))
    case .answer(let status, let code, let headers):
      let body =
        code.isEmpty ? "<A/>" : "<ErrorResponse><Error><Code>\(code)</Code></Error></ErrorResponse>"
      return HTTPResponse(status: status, headers: headers, body: Array(body.utf8))
    }
  }
}

/// A clock that a sleeper moves on; `slept` lists the sleeps.
private final class CountingClock: FerryClock {
  private let state: Locked<(now: Date, slept: [Double])>
  init(_ now: Date) { state = Locked((now, [])) }
  var now: Date { state.withLock { $0.now } }
  var slept: [Double] { state.withLock { $0.slept } }
  func advance(_ seconds: Double) { state.withLock { $0.now += seconds } }
  func sleep(seconds: Double) async throws(FerryError) {
    state.withLock {
      $0.now += seconds
      $0.slept.append(seconds)
    }
  }
}

struct WireTests {
  private let clock = CountingClock(Date(timeIntervalSince1970: 1_440_938_160))
  private static let keys = AWSCredentials(accessKeyID: "AKID", secretAccessKey: "secret")

  private func wire(_ lines: [Script.Line], policy: RetryPolicy = RetryPolicy()) -> (Wire, Script) {
    let script = Script(lines, clock)
    let place = EndpointPlace(
      argument: "https://lab.example/base/", environment: [:], profile: [:], services: [:],
      region: "us-east-1", fips: false, dualStack: false)
    return (
      Wire(engine: script, clock: clock, place: place, policy: policy, paces: Paces()), script
    )
  }
  private func send(_ wire: Wire, _ method: String = "GET", operation: String = "GetDistribution")
    async throws(FerryError) -> ServiceResponse
  {
    try await wire.send(
      ServiceRequest(.cloudFront, operation, method: method, path: "/2020-05-31/x")
    ) { Self.keys }
  }
  private func dates(_ script: Script) -> [String] {
    script.sent.map { request in request.headers.first { $0.name == "x-amz-date" }?.value ?? "" }
  }

  @Test func `a store is asked at its account's own host, with one signature for all regions`()
    async throws
  {
    let script = Script([.answer(status: 200)], clock)
    let place = EndpointPlace(
      argument: nil, environment: [:], profile: [:], services: [:], region: "eu-west-1",
      fips: false, dualStack: false)
    let wire = Wire(
      engine: script, clock: clock, place: place, policy: RetryPolicy(), paces: Paces())
    var request = ServiceRequest(.keyValueStore, "ListKeys", path: "/key-value-stores/x/keys")
    request.hostPrefix = "111111111111"
    _ = try await wire.send(request) { Self.keys }
    let sent = try #require(script.sent.first)
    let headers = Dictionary(sent.headers.map { ($0.name, $0.value) }) { first, _ in first }
    let host = "111111111111.cloudfront-kvs.global.api.aws"
    #expect(sent.url == "https://\(host)/key-value-stores/x/keys")
    #expect(headers["host"] == host && headers["x-amz-region-set"] == "*")
    #expect(headers["authorization"]?.hasPrefix("AWS4-ECDSA-P256-SHA256 ") == true)
  }

  @Test func `a configured endpoint is one address for all accounts`() async throws {
    let (wire, script) = wire([.answer(status: 200)])
    var request = ServiceRequest(.keyValueStore, "ListKeys", path: "/key-value-stores/x/keys")
    request.hostPrefix = "111111111111"
    _ = try await wire.send(request) { Self.keys }
    #expect(script.sent.first?.url == "https://lab.example/base/key-value-stores/x/keys")
  }

  @Test func `a read that is throttled in JSON is tried again as one in XML is`() async throws {
    let (wire, script) = wire([
      .json(status: 400, #"{"__type":"com.amazon#ThrottlingException"}"#),
      .json(status: 200, "{}"),
    ])
    let answer = try await wire.send(
      ServiceRequest(.acm, "DescribeCertificate", region: "us-east-1", method: "POST", path: "/")
    ) { Self.keys }
    #expect(answer.status == 200 && script.sent.count == 2)
  }

  @Test func `a call goes to the endpoint's base path, signed for its host`() async throws {
    let (wire, script) = wire([.answer(status: 200)])
    #expect(try await send(wire).status == 200)
    let request = try #require(script.sent.first)
    #expect(request.url == "https://lab.example/base/2020-05-31/x")
    let headers = Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) })
    #expect(headers["host"] == "lab.example")
    #expect(
      headers["authorization"]?.hasPrefix(
        "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/cloudfront/aws4_request, SignedHeaders=host;x-amz-date, "
      ) == true)
  }
  @Test func `a read is sent again after an outage's answer, signed anew`() async throws {
    let (wire, script) = wire([
      .answer(status: 503), .nothing("Timeout was reached"), .answer(status: 200),
    ])
    #expect(try await send(wire).status == 200)
    #expect(script.sent.count == 3)
    #expect(clock.slept.count == 2 && clock.slept.allSatisfy { $0 < 0.1 })
  }
  @Test(arguments: [
    Script.Line.answer(status: 500), .answer(status: 503, code: "ServiceUnavailable"),
    .answer(status: 412, code: "PreconditionFailed"), .nothing("Timeout was reached"),
    .nothing("Couldn't connect to server"),
  ])
  private func `a write with an unknown outcome is handed to the caller after one attempt`(
    _ line: Script.Line
  ) async throws {
    let (wire, script) = wire([line, .answer(status: 200)])
    _ = try? await send(wire, "PUT", operation: "UpdateDistribution")
    #expect(script.sent.count == 1)
  }
  @Test func `a throttled write is sent again`() async throws {
    let (wire, script) = wire([.answer(status: 400, code: "Throttling"), .answer(status: 200)])
    #expect(try await send(wire, "PUT", operation: "UpdateDistribution").status == 200)
    #expect(script.sent.count == 2)
  }
  @Test func `a POST is a write unless its operation only reads`() {
    func post(_ operation: String, _ service: AWSService = .cloudFront) -> Bool {
      ServiceRequest(service, operation, method: "POST", path: "/").onlyReads
    }
    #expect(post("GetCallerIdentity", .sts) && post("AssumeRole", .sts))
    #expect(post("ListStacks", .cloudFormation) && post("DescribeStacks", .cloudFormation))
    #expect(!post("CreateDistribution") && !post("UpdateStack", .cloudFormation))
    #expect(!post("DeleteStack", .cloudFormation) && !post("ChangeResourceRecordSets"))
  }

  @Test func `a clock that is off is corrected once, remembered and followed`() async throws {
    let server = ["date": "Sun, 30 Aug 2015 13:36:00 GMT"]
    let (wire, script) = wire([
      .answer(status: 403, code: "RequestExpired", headers: server),
      .answer(status: 200, headers: server), .answer(status: 200),
    ])
    #expect(try await send(wire).status == 200)
    #expect(try await send(wire).status == 200)
    // The offset is the server's time less the midpoint of the exchange: 3600 s − 0.1 s.
    #expect(dates(script) == ["20150830T123600Z", "20150830T133600Z", "20150830T133600Z"])
  }
  @Test(arguments: [
    ["date": "Sun, 30 Aug 2015 13:36:00 GMT"], ["date": "garbage"], [:],
  ])
  func `a service that is never content with the time is asked no more than twice`(
    _ headers: [String: String]
  ) async throws {
    let line = Script.Line.answer(status: 403, code: "RequestTimeTooSkewed", headers: headers)
    let (wire, script) = wire([line, line, line, line])
    #expect(try await send(wire).status == 403)
    #expect(script.sent.count == (headers["date"]?.hasSuffix("GMT") == true ? 2 : 1))
  }
  @Test func `a write refused for its time did not land and is signed again`() async throws {
    let (wire, script) = wire([
      .answer(
        status: 403, code: "RequestExpired", headers: ["date": "Sun, 30 Aug 2015 13:36:00 GMT"]),
      .answer(status: 200),
    ])
    #expect(try await send(wire, "PUT", operation: "UpdateDistribution").status == 200)
    #expect(script.sent.count == 2)
  }
  @Test func `the signing key is made anew on another day and for other credentials`() async throws
  {
    let (wire, script) = wire([.answer(status: 200), .answer(status: 200), .answer(status: 200)])
    _ = try await send(wire)
    clock.advance(86_400)
    _ = try await send(wire)
    _ = try await wire.send(
      ServiceRequest(.cloudFront, "GetDistribution", path: "/2020-05-31/x")
    ) { AWSCredentials(accessKeyID: "OTHER", secretAccessKey: "another") }
    let signed = script.sent.map { request in
      request.headers.first { $0.name == "authorization" }?.value ?? ""
    }
    #expect(signed[0].contains("AKID/20150830/") && signed[1].contains("AKID/20150831/"))
    #expect(signed[2].contains("OTHER/20150831/"))
    for (request, value) in zip(script.sent, signed) {
      let stamp = request.headers.first { $0.name == "x-amz-date" }?.value ?? ""
      let keys =
        value.contains("OTHER")
        ? AWSCredentials(accessKeyID: "OTHER", secretAccessKey: "another") : Self.keys
      let fresh = SigV4.SigningKey(
        keys, day: String(stamp.prefix(8)), region: "us-east-1", service: "cloudfront")
      let again = SigV4.authorization(
        .init(
          method: "GET", path: "/base/2020-05-31/x", query: [],
          headers: request.headers.filter { ["host", "x-amz-date"].contains($0.name) }, body: []),
        with: fresh, stamp: stamp)
      #expect(value == again)
    }
  }
  @Test func `calls of two sessions with one key share the pace`() {
    let paces = Paces()
    let endpoint = Endpoint(url: "https://x", signingRegion: "us-east-1", isAWS: false)
    let one = paces.pace(Self.keys, .cloudFront, endpoint, RetryPolicy())
    #expect(one === paces.pace(Self.keys, .cloudFront, endpoint, RetryPolicy()))
    #expect(one !== paces.pace(Self.keys, .sts, endpoint, RetryPolicy()))
    let other = AWSCredentials(accessKeyID: "OTHER", secretAccessKey: "x")
    #expect(one !== paces.pace(other, .cloudFront, endpoint, RetryPolicy()))
  }
}
