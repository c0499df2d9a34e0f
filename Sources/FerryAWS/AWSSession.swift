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
    let profiles = try Profiles.read(environment: environment, file: AWSFiles.read)
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
      dualStack: (given("AWS_USE_DUALSTACK_ENDPOINT") ?? keys["use_dualstack_endpoint"]) == "true",
      stsIsLegacy: try Self.stsIsLegacy(
        environment["AWS_STS_REGIONAL_ENDPOINTS"] ?? keys["sts_regional_endpoints"]))
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
    let provider = CredentialProvider(
      chain,
      world: LiveCredentialWorld(
        environment: environment, clock: clock, engine: engine, wire: bare, place: place))
    transport = AWSTransport(wire: bare, provider: provider)
  }
  private static func stsIsLegacy(_ text: String?) throws(FerryError) -> Bool {
    switch text ?? "" {
    case "", "regional": return false
    case "legacy": return true
    default:
      throw .badInput(
        "bad-endpoint", what: "could not choose the endpoint of sts",
        why: "sts_regional_endpoints is neither regional nor legacy",
        next: "correct AWS_STS_REGIONAL_ENDPOINTS or the profile")
    }
  }

  public func identity() async throws(FerryError) -> STSClient.Identity {
    try await STSClient(transport).callerIdentity()
  }
  /// Who signs, and a transport whose calls nobody else signs, whatever the credentials become.
  public func proven() async throws(FerryError) -> (
    identity: STSClient.Identity, transport: AWSTransport
  ) {
    let identity = try await identity()
    var out = transport
    let wire = transport.wire
    out.proof = IdentityProof(
      identity, accessKeyID: transport.signedLast.withLock { $0 }?.accessKeyID
    ) { keys throws(FerryError) in
      try await STSClient(FixedTransport(wire: wire, keys: keys)).callerIdentity()
    }
    return (identity, out)
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
  /// Whether STS is the global one in the regions that had no other once.
  var stsIsLegacy = false
  /// - Source: botocore 1.43.11 args.py, LEGACY_GLOBAL_STS_REGIONS.
  private static let stsLegacyRegions: Set = [
    "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
    "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
  ]

  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> Endpoint {
    let custom = Endpoints.configured(
      service, argument: argument, environment: environment, profile: profile, services: services)
    var region = region ?? self.region
    if stsIsLegacy, service == .sts, custom == nil, !fips, !dualStack,
      Self.stsLegacyRegions.contains(region)
    {
      region = "aws-global"
    }
    return try Endpoints.resolve(
      service, region: region, custom: custom, fips: fips, dualStack: dualStack)
  }
}

/// Signed HTTPS to AWS with the standard retries.
public struct AWSTransport: ServiceTransport {
  let wire: Wire
  let provider: CredentialProvider
  /// Asked about the keys that are to sign a call: what somebody else reads is not what the run asked for.
  var proof: IdentityProof?
  let signedLast = Locked<AWSCredentials?>(nil)

  static let expiredCodes: Set = ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"]

  /// Keys that AWS calls expired are renewed once and the call signed again: such a call did nothing.
  public func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let used = Locked<AWSCredentials?>(nil)
    func keys() async throws(FerryError) -> AWSCredentials {
      let keys = try await provenKeys()
      used.withLock { $0 = keys }
      signedLast.withLock { $0 = keys }
      return keys
    }
    let answer = try await wire.send(request, credentials: keys)
    guard let code = Self.expired(answer), let refused = used.withLock({ $0 }) else {
      return answer
    }
    if try await provider.refreshed(after: refused) {
      let second = try await wire.send(request, credentials: keys)
      guard let code = Self.expired(second) else { return second }
      throw Self.ended(code)
    }
    if code == "InvalidClientTokenId" { return answer }
    throw Self.ended(code)
  }
  private func provenKeys() async throws(FerryError) -> AWSCredentials {
    let keys = try await provider.credentials()
    guard let proof else { return keys }
    do throws(FerryError) {
      try await proof.check(keys)
      return keys
    } catch {
      guard let code = Self.expired(error) else { throw error }
      guard try await provider.refreshed(after: keys) else { throw Self.ended(code) }
      let fresh = try await provider.credentials()
      try await proof.check(fresh)
      return fresh
    }
  }
  private static func expired(_ answer: ServiceResponse) -> String? {
    guard answer.status >= 400 else { return nil }
    do throws(FerryError) {
      _ = try accepted(answer, operation: "")
      return nil
    } catch {
      return expired(error)
    }
  }
  private static func expired(_ error: FerryError) -> String? {
    error.service.flatMap { expiredCodes.contains($0.code) ? $0.code : nil }
  }
  private static func ended(_ code: String) -> FerryError {
    FerryError(
      .credentials, what: "could not use the credentials", why: "AWS calls them expired (\(code))",
      next: "renew them, then run the same command again")
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
          status: response.status, headers: response.headers, body: response.body)
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
}
