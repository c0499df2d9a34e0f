import FerryCore
import FerryHTTP
import FerryModel
import Foundation

/// The lab's time: the machine's, or off by a fault.
struct LabClock: Sendable {
  var skewSeconds = 0.0
  /// The machine's time.
  var time: @Sendable () -> Date = { Date() }
  var now: Date { time() + skewSeconds }
}

/// HTTP in front of the model: signatures, faults, and the lab's own few paths.
struct LabServer: Sendable {
  let model: SharedModel
  let clock: LabClock
  private let state: Locked<FaultState>

  init(_ model: SharedModel, faults: FaultPlan, clock: LabClock) {
    self.model = model
    self.clock = clock
    state = Locked(FaultState(faults.faults))
    model.with {
      $0.stuck = faults.stuck
      $0.nameServerLagSeconds = faults.nameServerLagSeconds
    }
  }

  func answer(_ arrived: WireRequest) -> WireAnswer {
    if arrived.rawPath.hasPrefix("/_lab/") { return own(arrived) }
    let call = Self.call(arrived)
    let asked = Fault.Asked(call)
    let latency = state.withLock { $0.latencyMilliseconds(asked, now: clock.now) }
    if latency > 0 { Thread.sleep(forTimeInterval: Double(latency) / 1000) }
    let now = clock.now
    if let fault = state.withLock({ $0.before(asked, now: now) }),
      let answer = broken(fault, call)
    {
      return answer
    }
    let signer: Signature.Signer
    do throws(Signature.Refused) {
      let (credentials, tolerance) = model.with {
        ($0.credentials, $0.behaviours.skewToleranceSeconds)
      }
      signer = try Signature.verify(
        arrived, credentials: credentials, now: now, skewToleranceSeconds: tolerance)
    } catch {
      return answer(error: error.status, error.code, error.message, to: call)
    }
    return damaged(handle(call, asked, signer, now), call, asked, now)
  }

  /// The request as the model takes it, named by the service that its signature names.
  private static func call(_ arrived: WireRequest) -> ServiceRequest {
    let scope = Signature.scope(arrived)
    // The data plane of key value stores has paths of its own, whatever host a client was sent to.
    let isKeys = arrived.rawPath.hasPrefix("/key-value-stores/")
    return ServiceRequest(
      AWSService(
        environmentName: "", configKey: "",
        signingName: isKeys ? "cloudfront-keyvaluestore" : scope?.service ?? "cloudfront"),
      "", region: scope?.region, method: arrived.method, path: arrived.rawPath,
      query: arrived.rawQuery.split(separator: "&").map { pair in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        func plain(_ text: Substring) -> String {
          let blanks = String(text.map { $0 == "+" ? " " : $0 })
          return blanks.removingPercentEncoding ?? blanks
        }
        return .init(plain(sides[0]), sides.count > 1 ? plain(sides[1]) : nil)
      }, headers: arrived.headers, body: arrived.body)
  }

  private func handle(
    _ call: ServiceRequest, _ asked: Fault.Asked, _ signer: Signature.Signer, _ now: Date
  ) -> ServiceResponse {
    let credential = signer.credential
    if var old = state.withLock({ $0.stale(asked, now: now) }) {
      return old.handle(
        call, account: credential.account, callerARN: credential.arn, now: now)
    }
    let remembers = !asked.isRead && state.withLock { $0.remembers }
    if remembers { remember(now) }
    defer { if remembers { remember(now) } }
    return model.with {
      $0.handle(call, account: credential.account, callerARN: credential.arn, now: now)
    }
  }
  private func remember(_ now: Date) {
    let model = model.with { $0 }
    state.withLock { $0.remember(model, now: now) }
  }

  // MARK: Faults

  /// The answer that replaces another one; nil for a kind that only changes it.
  private func broken(_ fault: Fault.Kind, _ call: ServiceRequest) -> WireAnswer? {
    switch fault {
    case .throttle(_, let milliseconds):
      var out = answer(error: 400, "Throttling", "Rate exceeded", to: call)
      if let milliseconds { out.headers.append(.init("x-amz-retry-after", "\(milliseconds)")) }
      return out
    case .error(let status, let code, _):
      return answer(
        error: status, code,
        status < 500
          ? "The lab refuses this request, as it was told to."
          : (call.service.signingName == "route53" ? "Route 53" : "CloudFront")
            + " encountered an internal error. Please try again.", to: call)
    case .drop: return WireAnswer(ending: .silence)
    case .garbage:
      return WireAnswer(
        headers: [.init("Date", HTTPDate.text(clock.now)), .init("Content-Type", "text/xml")],
        body: [0x00, 0xFF, 0xFE] + Array("<?xml garbage <<&nothing; \u{1B}[31m".utf8) + [
          0xC3, 0x28,
        ])
    case .latency, .staleRead, .lostETag, .reorderedETag, .truncate: return nil
    }
  }

  /// The answer with what faults do to it.
  private func damaged(
    _ response: ServiceResponse, _ call: ServiceRequest, _ asked: Fault.Asked, _ now: Date
  ) -> WireAnswer {
    let path = Self.resourcePath(call, response)
    let (faults, older) = state.withLock { state in
      let faults = state.after(
        asked, path: path, etag: response.headers["etag"], hasBody: response.body.count > 1,
        now: now)
      return (faults, state.olderVersion(path: path))
    }
    var response = response
    var ending = WireAnswer.Ending.whole
    for fault in faults {
      if let answer = broken(fault, call) { return answer }
      switch fault {
      case .lostETag: response.headers["etag"] = nil
      case .reorderedETag: response.headers["etag"] = older
      case .truncate: ending = .cut(after: response.body.count / 2)
      default: break
      }
    }
    var out = answer(response)
    out.ending = ending
    return out
  }

  /// `/2020-05-31/KIND/ID` of what a request is about, whichever operation it is.
  private static func resourcePath(_ call: ServiceRequest, _ response: ServiceResponse) -> String {
    let path = response.headers["location"].flatMap { URLComponents(string: $0)?.path }
    return "/" + (path ?? call.path).split(separator: "/").prefix(3).joined(separator: "/")
  }

  // MARK: Answers

  /// A refusal in the form that the caller's protocol reads.
  private func answer(
    error status: Int, _ code: String, _ message: String, to call: ServiceRequest
  ) -> WireAnswer {
    let id = UUID().uuidString.lowercased()
    if call.service.signingName == "cloudfront-keyvaluestore" {
      return answer(
        .restJSONError(status: status, code: code, message: message, requestID: id))
    }
    guard call.headers["content-type"]?.hasPrefix("application/x-amz-json") == true else {
      return answer(.awsError(status: status, code: code, message: message, requestID: id))
    }
    let body: JSONValue = ["__type": .string(code), "message": .string(message)]
    return answer(
      ServiceResponse(
        status: status,
        headers: ["content-type": "application/x-amz-json-1.1", "x-amzn-requestid": id],
        body: Array(body.canonical.utf8)))
  }

  private func answer(_ response: ServiceResponse) -> WireAnswer {
    var headers: [WireAnswer.Header] = [.init("Date", HTTPDate.text(clock.now))]
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

  // MARK: The lab's own paths

  /// Loopback clients only, since the lab listens nowhere else.
  private func own(_ request: WireRequest) -> WireAnswer {
    switch (request.method, request.rawPath) {
    case ("GET", "/_lab/requests"):
      return json(JSONValue.of(model.with { $0.log }))
    case ("GET", "/_lab/edge-requests"):
      return json(.object(model.with { $0.viewerRequests.mapValues { .int(Int64($0.total)) } }))
    case ("GET", "/_lab/state"):
      let now = clock.now
      return json(
        .object(
          model.with { model in
            Dictionary(
              uniqueKeysWithValues: model.accountIDs.map {
                (
                  $0,
                  Self.state(
                    model.snapshot(account: $0, now: now),
                    model.zones(of: $0).map { ($0, model.isInSync($0, now: now)) })
                )
              })
          }))
    case ("POST", "/_lab/load"): return change(request, what: "inventory", Self.load)
    case ("POST", "/_lab/txt"): return change(request, what: "TXT records", Self.publish)
    default: return json(["why": "the lab has no such path"], status: 404)
    }
  }

  private func change(
    _ request: WireRequest, what: String,
    _ body: (JSONValue, inout CloudFrontModel, Date) throws(FerryError) -> Void
  ) -> WireAnswer {
    do throws(FerryError) {
      let document = try JSONValue.read(request.body, what: what)
      let now = clock.now
      try model.with { (it: inout CloudFrontModel) throws(FerryError) in
        try body(document, &it, now)
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
  }
  private static func load(_ document: JSONValue, _ model: inout CloudFrontModel, _ now: Date)
    throws(FerryError)
  {
    try model.load(document, now: now)
  }
  /// TXT records as `{"_NAME": ["VALUE", …]}`, besides those of hosted zones.
  private static func publish(_ document: JSONValue, _ model: inout CloudFrontModel, _ now: Date)
    throws(FerryError)
  {
    for (name, values) in try document.decoded([String: [String]].self, what: "TXT records") {
      model.txtRecords[name.lowercased()] = Set(values.map { $0.lowercased() })
    }
  }

  /// What an account has, without its documents: for tests and curious people.
  private static func state(_ it: ModelSnapshot, _ zones: [(zone: ModelZone, inSync: Bool)])
    -> JSONValue
  {
    [
      "hostedZones": .array(
        zones.map { zone, inSync in
          [
            "id": .string(zone.id), "name": .string(zone.name.text),
            "private": .bool(zone.isPrivate), "inSync": .bool(inSync),
            "nameServers": .array(zone.nameServers.map { .string($0.text) }),
            "records": .array(zone.records.map(Self.state)),
          ]
        }),
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
  private static func state(_ it: ModelRecordSet) -> JSONValue {
    var out: [String: JSONValue] = [
      "name": .string(it.name.text), "type": .string(it.type.rawValue),
    ]
    if let ttl = it.ttl {
      out["ttl"] = .int(Int64(ttl))
      out["data"] = .array(it.values.map(JSONValue.string))
    }
    if let alias = it.alias {
      out["alias"] = [
        "hostedZoneId": .string(alias.hostedZoneId), "dnsName": .string(alias.dnsName.text),
        "evaluateTargetHealth": .bool(alias.evaluateTargetHealth),
      ]
    }
    return .object(out)
  }
  private func json(_ value: JSONValue, status: Int = 200) -> WireAnswer {
    WireAnswer(
      status: status, headers: [.init("Content-Type", "application/json")],
      body: Array(value.canonical.utf8))
  }
}
