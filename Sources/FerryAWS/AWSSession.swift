import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Logging

/// One identity at one place: credentials, region and endpoints, with a transport that signs and retries.
public struct AWSSession: Sendable {
  public let regionName: String
  public let transport: AWSTransport
  private let place: EndpointPlace

  /// Nothing is sent until the first call.
  /// - Throws: `.badInput` (64) for an endpoint that is neither https nor loopback.
  public init(
    profile: String?, roleARN: String?, region: String?, endpointURL: String?,
    environment: [String: String], engine: HTTPEngine, clock: any FerryClock
  ) throws(FerryError) {
    let profiles = Profiles.read(environment: environment) { path in
      try? String(contentsOfFile: path, encoding: .utf8)
    }
    let chain = CredentialChain(
      environment: environment, profiles: profiles, profile: profile, roleARN: roleARN)
    let keys = chain.profileKeys
    func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    regionName =
      region ?? given("AWS_REGION") ?? given("AWS_DEFAULT_REGION") ?? keys["region"] ?? "us-east-1"
    let place = EndpointPlace(
      argument: endpointURL, environment: environment, profile: keys, services: profiles.services,
      region: regionName,
      fips: (given("AWS_USE_FIPS_ENDPOINT") ?? keys["use_fips_endpoint"]) == "true",
      dualStack: (given("AWS_USE_DUALSTACK_ENDPOINT") ?? keys["use_dualstack_endpoint"]) == "true")
    self.place = place
    for service in [AWSService.cloudFront, .sts, .cloudFormation] {
      try HTTPEngine.check(try place.endpoint(service, region: nil).url)
    }
    var policy = RetryPolicy()
    if let text = given("AWS_MAX_ATTEMPTS") ?? keys["max_attempts"] {
      guard let count = Int(text), count >= 1 else {
        throw .badInput(
          "bad-retries", what: "could not read the number of attempts",
          why: "\(text.debugDescription) is not 1 or more", next: "correct AWS_MAX_ATTEMPTS")
      }
      policy.attemptsMax = count
    }
    let bare = Wire(engine: engine, clock: clock, place: place, policy: policy)
    let provider = CredentialProvider(chain, clock: clock) { role, base throws(FerryError) in
      try await bare.assume(role, with: base)
    }
    transport = AWSTransport(wire: bare, provider: provider)
  }

  public func identity() async throws(FerryError) -> STSClient.Identity {
    try await STSClient(transport).callerIdentity()
  }
  public func endpoint(for service: AWSService) throws(FerryError) -> String {
    try place.endpoint(service, region: nil).url
  }
  public var isAWSEndpoint: Bool {
    (try? place.endpoint(.cloudFront, region: nil).isAWS) ?? false
  }
}

/// The settings that decide where a service is.
struct EndpointPlace: Sendable {
  var argument: String?
  var environment: [String: String]
  var profile: [String: String]
  var services: [String: [String: String]]
  var region: String
  var fips: Bool
  var dualStack: Bool

  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> Endpoint {
    try Endpoints.resolve(
      service, region: region ?? self.region,
      custom: Endpoints.configured(
        service, argument: argument, environment: environment, profile: profile, services: services),
      fips: fips, dualStack: dualStack)
  }
}

/// Signed HTTPS to AWS with the standard retries.
public struct AWSTransport: ServiceTransport {
  let wire: Wire
  let provider: CredentialProvider

  public func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    try await wire.send(request) { () throws(FerryError) in try await provider.credentials() }
  }
}

/// Sends one request with given credentials, again while the policy says so.
final class Wire: Sendable {
  private struct State {
    var quota = RetryQuota()
    var skewSeconds = 0.0
  }
  private let engine: HTTPEngine
  private let clock: any FerryClock
  private let place: EndpointPlace
  private let policy: RetryPolicy
  private let state = Locked(State())
  private let log = Logger(label: "edgeferry.aws")

  init(engine: HTTPEngine, clock: any FerryClock, place: EndpointPlace, policy: RetryPolicy) {
    self.engine = engine
    self.clock = clock
    self.place = place
    self.policy = policy
  }

  func send(
    _ request: ServiceRequest,
    credentials: () async throws(FerryError) -> AWSCredentials
  ) async throws(FerryError) -> ServiceResponse {
    let endpoint = try place.endpoint(request.service, region: request.region)
    let isRead = request.method == "GET" || request.service != .cloudFront
    var attempt = 1
    var cost: Int?
    var corrected = false
    while true {
      let keys = try await credentials()
      let sent = clock.now
      let skew = state.withLock { $0.skewSeconds }
      let outcome: Result<HTTPResponse, FerryError>
      do throws(FerryError) {
        outcome = .success(
          try await engine.send(signed(request, at: endpoint, keys, date: sent + skew)))
      } catch {
        guard error.code == .noAnswer else { throw error }
        outcome = .failure(error)
      }
      let fault: RetryPolicy.Fault?
      var retryAfter: Double?
      switch outcome {
      case .failure(let error):
        fault = error.why.lowercased().contains("timeout") ? .timeout : .transient
      case .success(let response):
        let code = response.status >= 400 ? Self.code(response) : ""
        let middle = sent + clock.now.timeIntervalSince(sent) / 2
        if !corrected,
          let offset = ClockSkew.offset(
            code: code, dateHeader: response.headers["date"], local: middle)
        {
          corrected = true
          state.withLock { $0.skewSeconds = offset }
          log.debug("clock corrected", metadata: ["seconds": "\(Int(offset))"])
          continue
        }
        fault = RetryPolicy.fault(status: response.status, code: code)
        retryAfter = response.headers["x-amz-retry-after"].flatMap(Double.init).map { $0 / 1000 }
      }
      if let fault {
        let delay = policy.delay(
          after: fault, attempt: attempt, isRead: isRead, random: .random(in: 0..<1),
          retryAfter: retryAfter)
        let patient = fault == .throttled && isRead
        // Whether a write landed that got no answer, or a 5xx, is for the caller to read; a throttled one did not.
        let mayRepeat = isRead || fault == .throttled
        let taken =
          !mayRepeat || delay == nil ? nil : patient ? 0 : state.withLock { $0.quota.take(fault) }
        if let delay, let taken {
          cost = (cost ?? 0) + taken
          log.debug(
            "trying again",
            metadata: ["operation": "\(request.operation)", "attempt": "\(attempt)"])
          attempt += 1
          try await clock.sleep(seconds: delay)
          continue
        }
      }
      switch outcome {
      case .failure(let error): throw error
      case .success(let response):
        if fault == nil { state.withLock { [cost] in $0.quota.give(cost) } }
        return ServiceResponse(
          status: response.status, headers: response.headers,
          // A refusal may repeat what was signed, SignatureDoesNotMatch above all.
          body: response.status >= 400 ? Redaction.of(response.body, keys: keys) : response.body)
      }
    }
  }

  private func signed(
    _ request: ServiceRequest, at endpoint: Endpoint, _ keys: AWSCredentials, date: Date
  ) -> HTTPRequest {
    let base = endpoint.url.hasSuffix("/") ? String(endpoint.url.dropLast()) : endpoint.url
    let authority = base.drop { $0 != "/" }.dropFirst(2)
    let host = authority.prefix { $0 != "/" }
    let path = authority.dropFirst(host.count) + request.path
    let query = request.query.map { item in
      percentEncoded(item.name) + (item.value.map { "=" + percentEncoded($0) } ?? "")
    }.joined(separator: "&")
    var headers = request.headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    headers.append((name: "host", value: String(host)))
    headers.append((name: "x-amz-date", value: SigV4.stamp(date)))
    if let token = keys.sessionToken {
      headers.append((name: "x-amz-security-token", value: token))
    }
    let authorization = SigV4.authorization(
      .init(
        method: request.method, path: String(path), query: request.query, headers: headers,
        body: request.body), credentials: keys, region: endpoint.signingRegion,
      service: request.service.signingName, date: date)
    headers.append((name: "authorization", value: authorization))
    headers.append((name: "user-agent", value: "edgeferry"))
    headers.append((name: "accept", value: "*/*"))
    let scheme = base.prefix { $0 != ":" }
    return HTTPRequest(
      method: request.method,
      url: "\(scheme)://\(host)\(path)" + (query.isEmpty ? "" : "?" + query),
      headers: headers, body: request.body)
  }

  private static func code(_ response: HTTPResponse) -> String {
    guard let root = try? XMLReader.read(response.body) else { return "" }
    return root.text(at: "Error/Code") ?? root.text(at: "Errors/Error/Code") ?? ""
  }

  func assume(_ role: CredentialChain.Recipe.Role, with keys: AWSCredentials)
    async throws(FerryError) -> AWSCredentials
  {
    let transport = Fixed(wire: self, keys: keys)
    let answer = try await STSClient(transport).assumeRole(
      role.arn, sessionName: role.sessionName, externalID: role.externalID,
      durationSeconds: role.durationSeconds)
    return AWSCredentials(
      accessKeyID: answer.accessKeyID, secretAccessKey: answer.secretAccessKey,
      sessionToken: answer.sessionToken, expiration: answer.expiration)
  }
  private struct Fixed: ServiceTransport {
    var wire: Wire
    var keys: AWSCredentials
    func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
      try await wire.send(request) { keys }
    }
  }
}
