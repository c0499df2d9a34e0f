import FerryCore
import FerryHTTP
import FerryModel
import Foundation

/// HTTP in front of the model: signatures, faults, and the lab's own few paths.
final class LabServer: Sendable {
  let port: UInt16
  private let server: HTTPServer

  init(_ model: SharedModel, faults: FaultPlan, port: UInt16, host: String) throws(FerryError) {
    model.with { $0.stuck = faults.stuck }
    let answerer = LabAnswerer(model: model, faults: faults, state: Locked(LabState()))
    let socket = try ListeningSocket(host: host, port: port)
    self.port = socket.port
    server = try HTTPServer([
      .init(socket: socket, tls: nil) { request, _ in answerer.answer(request) }
    ])
  }
  func start() { server.start() }
  func stop() { server.stop() }
}

/// Counters and past states that faults need.
private struct LabState {
  /// What an account has, without its documents: for tests and curious people.
  static func json(_ it: ModelSnapshot) -> JSONValue {
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

  mutating func chance(_ percent: Double) -> Bool {
    percent > 0 && Double.random(in: 0..<100, using: &random) < percent
  }
  /// A token bucket that holds one second's worth.
  mutating func passes(rate: Double, now: Date) -> Bool {
    bucket = min(max(rate, 1), bucket + min(3600, now.timeIntervalSince(filled)) * rate)
    filled = now
    guard bucket >= 1 else { return false }
    bucket -= 1
    return true
  }
  /// The model as it was, for stale reads; the newest state that is old enough.
  mutating func remember(_ model: CloudFrontModel, now: Date, seconds: Double) {
    past.append((now, model))
    while past.count > 1, past[1].at <= now - seconds { past.removeFirst() }
  }
  func stale(now: Date, seconds: Double) -> CloudFrontModel? {
    past.last { $0.at <= now - seconds }?.model ?? past.first?.model
  }
}

private struct LabAnswerer: Sendable {
  let model: SharedModel
  let faults: FaultPlan
  let state: Locked<LabState>

  func answer(_ arrived: WireRequest) -> WireAnswer {
    if arrived.rawPath.hasPrefix("/_lab/") { return own(arrived) }
    if faults.latencyMilliseconds > 0 {
      usleep(UInt32(faults.latencyMilliseconds) * 1000)
    }
    let now = Date()
    if let rate = faults.throttleRate, !state.withLock({ $0.passes(rate: rate, now: now) }) {
      return answer(
        .awsError(status: 400, code: "Throttling", message: "Rate exceeded", requestID: id()))
    }
    if state.withLock({ $0.chance(faults.errorPercent) }) {
      return answer(
        .awsError(
          status: faults.errorStatus, code: "ServiceUnavailable",
          message: "CloudFront encountered an internal error. Please try again.", requestID: id()))
    }
    if state.withLock({ $0.chance(faults.dropBeforePercent) }) {
      return WireAnswer(ending: .silence)
    }
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
      }, headers: arrived.headers, body: arrived.body)
    let response: ServiceResponse
    let isRead = arrived.method == "GET"
    if faults.staleReadSeconds > 0 {
      if isRead,
        var old = state.withLock({ $0.stale(now: now, seconds: faults.staleReadSeconds) })
      {
        response = old.handle(
          call, account: signer.credential.account, callerARN: signer.credential.arn, now: now)
      } else {
        remember(now)
        response = handle(call, signer, now)
        remember(now)
      }
    } else {
      response = handle(call, signer, now)
    }
    if state.withLock({ $0.chance(faults.dropAfterPercent) }) {
      return WireAnswer(ending: .silence)
    }
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

  private func remember(_ now: Date) {
    let model = model.with { $0 }
    state.withLock { $0.remember(model, now: now, seconds: faults.staleReadSeconds) }
  }

  private func answer(_ response: ServiceResponse) -> WireAnswer {
    var headers: [WireAnswer.Header] = [.init("Date", HTTPDate.text(Date()))]
    for (name, value) in response.headers.sorted(by: { $0.key < $1.key }) {
      let written =
        name == "etag"
        ? "ETag"
        : name == "x-amzn-requestid"
          ? "x-amzn-RequestId"
          : name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(
            separator: "-")
      headers.append(.init(written, value))
    }
    return WireAnswer(status: response.status, headers: headers, body: response.body)
  }

  /// Paths that are the lab's own: loopback clients only, since the lab listens nowhere else.
  private func own(_ request: WireRequest) -> WireAnswer {
    switch (request.method, request.rawPath) {
    case ("GET", "/_lab/requests"):
      return json(JSONValue.of(model.with { $0.log }))
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
        let document = try JSONValue.read(request.body, what: "inventory")
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
  private func json(_ value: JSONValue, status: Int = 200) -> WireAnswer {
    WireAnswer(
      status: status, headers: [.init("Content-Type", "application/json")],
      body: Array(value.canonical.utf8))
  }
}
