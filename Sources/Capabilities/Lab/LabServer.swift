import FerryCore
import FerryModel
import FlyingFox
import FlyingSocks
import Foundation

/// HTTP in front of the model: signatures, faults, and the lab's own few paths.
final class LabServer: Sendable {
  let model: SharedModel
  let faults: FaultPlan
  private let server: HTTPServer
  private let state: LabState

  init(_ model: SharedModel, faults: FaultPlan, port: UInt16, host: String) throws(FerryError) {
    self.model = model
    self.faults = faults
    model.with { $0.stuck = faults.stuck }
    let state = LabState()
    self.state = state
    let pool = NoDelayPool(base: HTTPServer.defaultPool())
    let config: HTTPServer.Configuration
    do {
      config = HTTPServer.Configuration(
        address: try sockaddr_in.inet(ip4: host, port: port), timeout: 120, pool: pool,
        logger: .disabled)
    } catch {
      throw .badInput(
        "bad-address", what: "could not listen on \(host):\(port)", why: "\(error)",
        next: "give a loopback address such as 127.0.0.1:0")
    }
    let answerer = LabAnswerer(model: model, faults: faults, state: state)
    server = HTTPServer(config: config, handler: answerer)
  }

  /// Runs until cancelled; `ready` gets the port.
  func run(ready: @escaping @Sendable (UInt16) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let server = self.server
      group.addTask { try await server.run() }
      try await server.waitUntilListening()
      guard case .ip4(_, let port)? = await server.listeningAddress else { return }
      try await ready(port)
      try await group.waitForAll()
    }
  }
}

/// FlyingFox writes head and body apart; without this, Nagle and delayed ACK cost 40 ms a request.
private struct NoDelayPool<Base: AsyncSocketPool>: AsyncSocketPool {
  let base: Base
  func prepare() async throws { try await base.prepare() }
  func run() async throws { try await base.run() }
  func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
    // Linux hands the option on to accepted sockets.
    try? socket.setValue(
      true, for: BoolSocketOption(level: Int32(IPPROTO_TCP), name: TCP_NODELAY))
    try await base.suspendSocket(socket, untilReadyFor: events)
  }
}

/// Counters and past states that faults need.
private actor LabState {
  /// What an account has, without its documents: for tests and curious people.
  static func json(_ it: ModelSnapshot) -> FerryCore.JSONValue {
    [
      "distributions": .array(
        it.distributions.map {
          [
            "id": .string($0.id), "domainName": .string($0.domainName), "etag": .string($0.etag),
            "status": .string($0.status), "enabled": .bool($0.enabled),
            "staging": .bool($0.staging), "policyId": .string($0.policyID),
          ]
        }),
      "continuousDeploymentPolicies": .array(
        it.policies.map {
          ["id": .string($0.id), "etag": .string($0.etag), "enabled": .bool($0.enabled)]
        }),
    ]
  }

  private var random = SystemRandomNumberGenerator()
  private var bucket = 0.0
  private var filled = Date.distantPast
  private var past: [(at: Date, model: CloudFrontModel)] = []

  func chance(_ percent: Double) -> Bool {
    percent > 0 && Double.random(in: 0..<100, using: &random) < percent
  }
  /// A token bucket that holds one second's worth.
  func passes(rate: Double, now: Date) -> Bool {
    bucket = min(max(rate, 1), bucket + min(3600, now.timeIntervalSince(filled)) * rate)
    filled = now
    guard bucket >= 1 else { return false }
    bucket -= 1
    return true
  }
  /// The model as it was, for stale reads; the newest state that is old enough.
  func remember(_ model: CloudFrontModel, now: Date, seconds: Double) {
    past.append((now, model))
    while past.count > 1, past[1].at <= now - seconds { past.removeFirst() }
  }
  func stale(now: Date, seconds: Double) -> CloudFrontModel? {
    past.last { $0.at <= now - seconds }?.model ?? past.first?.model
  }
}

private struct LabAnswerer: HTTPHandler {
  let model: SharedModel
  let faults: FaultPlan
  let state: LabState

  func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
    var headers: [String: String] = [:]
    for (name, value) in request.headers { headers[name.rawValue.lowercased()] = value }
    let body = [UInt8](try await request.bodyData)
    let arrived = Signature.Arrived(
      method: request.method.rawValue, rawPath: request.target.path(),
      rawQuery: request.target.query(), headers: headers, body: body)
    if arrived.rawPath.hasPrefix("/_lab/") { return own(arrived) }
    if faults.latencyMilliseconds > 0 {
      try await Task.sleep(for: .milliseconds(faults.latencyMilliseconds))
    }
    let now = Date()
    if let rate = faults.throttleRate, await !state.passes(rate: rate, now: now) {
      return answer(
        .awsError(status: 400, code: "Throttling", message: "Rate exceeded", requestID: id()))
    }
    if await state.chance(faults.errorPercent) {
      return answer(
        .awsError(
          status: faults.errorStatus, code: "ServiceUnavailable",
          message: "CloudFront encountered an internal error. Please try again.", requestID: id()))
    }
    if await state.chance(faults.dropBeforePercent) { return Broken.response }
    let signer: Signature.Signer
    do throws(Signature.Refused) {
      signer = try Signature.verify(
        arrived, credentials: model.with { $0.credentials }, now: now)
    } catch {
      return answer(
        .awsError(
          status: error.status, code: error.code, message: error.message, requestID: id()))
    }
    let call = ServiceRequest(
      AWSService(environmentName: "", configKey: "", signingName: signer.service), "",
      region: signer.region, method: arrived.method, path: arrived.rawPath,
      query: arrived.rawQuery.split(separator: "&").map { pair in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        func plain(_ text: Substring) -> String {
          let blanks = String(text.map { $0 == "+" ? " " : $0 })
          return blanks.removingPercentEncoding ?? blanks
        }
        return .init(plain(sides[0]), sides.count > 1 ? plain(sides[1]) : nil)
      }, headers: headers, body: body)
    let response: ServiceResponse
    let isRead = arrived.method == "GET"
    if faults.staleReadSeconds > 0 {
      if isRead, var old = await state.stale(now: now, seconds: faults.staleReadSeconds) {
        response = old.handle(
          call, account: signer.credential.account, callerARN: signer.credential.arn, now: now)
      } else {
        await state.remember(model.with { $0 }, now: now, seconds: faults.staleReadSeconds)
        response = handle(call, signer, now)
        await state.remember(model.with { $0 }, now: now, seconds: faults.staleReadSeconds)
      }
    } else {
      response = handle(call, signer, now)
    }
    if await state.chance(faults.dropAfterPercent) { return Broken.response }
    return answer(response)
  }

  private func handle(_ call: ServiceRequest, _ signer: Signature.Signer, _ now: Date)
    -> ServiceResponse
  {
    model.with {
      $0.handle(
        call, account: signer.credential.account, callerARN: signer.credential.arn, now: now)
    }
  }
  private func id() -> String { UUID().uuidString.lowercased() }

  private func answer(_ response: ServiceResponse) -> HTTPResponse {
    var headers = HTTPHeaders()
    headers[HTTPHeader("Date")] = HTTPDate.text(Date())
    for (name, value) in response.headers {
      let written =
        name == "etag"
        ? "ETag"
        : name == "x-amzn-requestid"
          ? "x-amzn-RequestId"
          : name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(
            separator: "-")
      headers[HTTPHeader(written)] = value
    }
    return HTTPResponse(
      statusCode: HTTPStatusCode(response.status, phrase: ""), headers: headers,
      body: Data(response.body))
  }

  /// Paths that are the lab's own: loopback clients only, since the lab listens nowhere else.
  private func own(_ request: Signature.Arrived) -> HTTPResponse {
    switch (request.method, request.rawPath) {
    case ("GET", "/_lab/requests"):
      return json(FerryCore.JSONValue.of(model.with { $0.log }))
    case ("GET", "/_lab/state"):
      return json(
        .object(
          model.with { model in
            Dictionary(
              uniqueKeysWithValues: model.accountIDs.map {
                ($0, LabState.json(model.snapshot(account: $0, now: Date())))
              })
          }))
    case ("POST", "/_lab/load"):
      do throws(FerryError) {
        let document = try FerryCore.JSONValue.read(request.body, what: "inventory")
        try model.with { (it: inout CloudFrontModel) throws(FerryError) in
          try it.load(document, now: Date())
        }
        return json(["loaded": true])
      } catch {
        return json(
          [
            "code": .string(error.code.rawValue), "what": .string(error.what),
            "why": .string(error.why),
          ],
          status: 400)
      }
    default: return json(["why": "the lab has no such path"], status: 404)
    }
  }
  private func json(_ value: FerryCore.JSONValue, status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      statusCode: HTTPStatusCode(status, phrase: ""),
      headers: HTTPHeaders([HTTPHeader("Content-Type"): "application/json"]),
      body: Data(value.canonical.utf8))
  }
}

/// An answer that breaks off: the client sees the connection end in its middle.
private struct Broken: AsyncBufferedSequence {
  typealias Element = UInt8
  struct Iterator: AsyncBufferedIteratorProtocol {
    mutating func next() async throws -> UInt8? { throw CancellationError() }
    mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
      throw CancellationError()
    }
  }
  func makeAsyncIterator() -> Iterator { Iterator() }
  static var response: HTTPResponse {
    HTTPResponse(statusCode: .ok, body: HTTPBodySequence(from: Broken(), count: 1000))
  }
}

/// RFC 9110 §5.6.7, IMF-fixdate.
enum HTTPDate {
  static func text(_ date: Date) -> String {
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let stamp = Array(Timestamp.text(date))
    let day = days[Int((date.timeIntervalSince1970 / 86_400).rounded(.down)) % 7]
    let month = months[(Int(String(stamp[5..<7])) ?? 1) - 1]
    return
      "\(day), \(String(stamp[8..<10])) \(month) \(String(stamp[0..<4])) \(String(stamp[11..<19])) GMT"
  }
}
