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
    profile: String?, roleARN: String?, externalID: String? = nil, region: String?,
    endpointURL: String?, environment: [String: String], engine: HTTPEngine, clock: any FerryClock
  ) throws(FerryError) {
    let profiles = try Profiles.read(environment: environment, file: AWSFiles.read)
    let chain = CredentialChain(
      environment: environment, profiles: profiles, profile: profile, roleARN: roleARN,
      externalID: externalID)
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
    for service in EndpointPlace.known {
      try HTTPEngine.check(try place.endpoint(service, region: nil).url)
    }
    let policy = try RetryPolicy(environment: environment, profile: keys)
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
  /// The variables by which other tools of AWS find the endpoints of this session; empty where they are AWS's own.
  public var endpointVariables: [String: String] {
    get throws(FerryError) { try place.variables }
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

  static let known: [AWSService] = [
    .cloudFront, .keyValueStore, .route53, .sts, .cloudFormation, .acm, .iam, .wafv2, .lambda, .s3,
    .kms, .logs, .organizations,
  ]

  /// - Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints": the variable of a service goes before
  ///   `AWS_ENDPOINT_URL`, and this before a profile.
  var variables: [String: String] {
    get throws(FerryError) {
      var out: [String: String] = [:]
      for service in Self.known {
        let endpoint = try endpoint(service, region: nil)
        guard !endpoint.isAWS else { continue }
        let name = "AWS_ENDPOINT_URL_" + service.environmentName
        // A state in a bucket may be elsewhere than what the argument is for.
        let own = service == .s3 ? environment[name] ?? "" : ""
        out[name] = own.isEmpty ? endpoint.url : own
      }
      guard !out.isEmpty else { return out }
      // Services that are not listed here, and SDKs that are told to look at no variable.
      out["AWS_ENDPOINT_URL"] = argument.flatMap { $0.isEmpty ? nil : $0 }
      out["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
      return out
    }
  }

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

/// Carries one HTTP exchange: libcurl in the world, a script in tests.
protocol HTTPSender: Sendable {
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse
}
extension HTTPEngine: HTTPSender {}

/// Sends one request with given credentials, again while the policy says so.
final class Wire: Sendable {
  /// Where a service is, taken apart once.
  private struct Target {
    var endpoint: Endpoint
    var origin: String
    var host: String
    var basePath: String
  }
  private struct TargetKey: Hashable {
    var service: AWSService
    var region: String?
    var hostPrefix: String?
  }
  private struct State {
    var skew = ClockSkew()
    var targets: [TargetKey: Target] = [:]
    var keys: [TargetKey: SigV4.SigningKey] = [:]
    var asymmetric: SigV4A.SigningKey?
  }
  private let sender: any HTTPSender
  private let clock: any FerryClock
  private let place: EndpointPlace
  private let policy: RetryPolicy
  private let paces: Paces
  private let state = Locked(State())
  private let log = Logger(label: "edgeferry.aws")

  init(
    engine: any HTTPSender, clock: any FerryClock, place: EndpointPlace, policy: RetryPolicy,
    paces: Paces = .ofProcess
  ) {
    sender = engine
    self.clock = clock
    self.place = place
    self.policy = policy
    self.paces = paces
  }

  func send(
    _ request: ServiceRequest,
    credentials: () async throws(FerryError) -> AWSCredentials
  ) async throws(FerryError) -> ServiceResponse {
    let key = TargetKey(
      service: request.service, region: request.region, hostPrefix: request.hostPrefix)
    let target = try target(key)
    var call = ServicePace.Call(isRead: request.onlyReads)
    var pace: Locked<ServicePace>?
    var corrected = false
    while true {
      let keys = try await credentials()
      let shared = pace ?? paces.pace(keys, request.service, target.endpoint, policy)
      pace = shared
      try await turn(&call, in: shared, operation: request.operation)
      let sent = clock.now
      let outcome: ServicePace.Outcome
      let result: Result<HTTPResponse, FerryError>
      do throws(FerryError) {
        let response = try await sender.send(signed(request, key, at: target, keys, sent))
        let code = response.status >= 400 ? Self.code(response) : ""
        let span = clock.now.timeIntervalSince(sent)
        log.debug(
          "answered",
          metadata: [
            "service": "\(request.service.signingName)", "operation": "\(request.operation)",
            "status": "\(response.status)",
            "milliseconds": "\(Int(span * 1000))",
          ])
        let isSkew = state.withLock { state in
          state.skew.learn(
            code: code, isSuccess: response.status < 300, date: response.headers["date"],
            middle: sent + span / 2)
        }
        if isSkew, !corrected {
          corrected = true
          log.debug(
            "clock corrected",
            metadata: ["seconds": "\(Int(state.withLock { $0.skew.offsetSeconds }))"])
          continue
        }
        result = .success(response)
        outcome = .answered(
          status: response.status, code: code,
          retryAfter: RetryPolicy.retryAfter(response.headers["x-amz-retry-after"]))
      } catch {
        guard error.code == .noAnswer else { throw error }
        log.debug("no answer", metadata: ["operation": "\(request.operation)"])
        result = .failure(error)
        outcome = .unanswered(timedOut: error.why.lowercased().contains("timeout"))
      }
      let now = clock.now.timeIntervalSinceReferenceDate
      let (decision, rate, wasRate) = shared.withLock { pace in
        let before = pace.limiter.rate
        let decision = pace.judge(outcome, of: &call, random: .random(in: 0..<1), now: now)
        return (decision, pace.limiter.rate, before)
      }
      if let rate, outcome.fault == .throttled, rate != wasRate {
        log.debug(
          "slowed down",
          metadata: [
            "operation": "\(request.operation)", "callsPerSecond": "\((rate * 10).rounded() / 10)",
          ])
      }
      switch decision {
      case .again(let seconds):
        log.debug(
          "trying again",
          metadata: [
            "operation": "\(request.operation)", "attempt": "\(call.attempt)",
            "milliseconds": "\(Int(seconds * 1000))",
          ])
        if seconds > 0 { try await clock.sleep(seconds: seconds) }
      case .deliver:
        let response = try result.get()
        return ServiceResponse(
          status: response.status, headers: response.headers,
          // A refusal may repeat what was signed, SignatureDoesNotMatch above all.
          body: response.status >= 400 ? Redaction.of(response.body, keys: keys) : response.body)
      }
    }
  }

  /// Waits until the limiter lets the call go.
  private func turn(
    _ call: inout ServicePace.Call, in pace: Locked<ServicePace>, operation: String
  ) async throws(FerryError) {
    var isFirst = true
    while true {
      let now = clock.now.timeIntervalSinceReferenceDate
      guard let wait = pace.withLock({ $0.admit(&call, now: now) }) else { return }
      if isFirst { log.debug("waiting for the rate", metadata: ["operation": "\(operation)"]) }
      isFirst = false
      do throws(FerryError) {
        try await clock.sleep(seconds: wait)
      } catch {
        pace.withLock { $0.leave(call) }
        throw error
      }
    }
  }

  private func target(_ key: TargetKey) throws(FerryError) -> Target {
    if let known = state.withLock({ $0.targets[key] }) { return known }
    let endpoint = try place.endpoint(key.service, region: key.region)
    let base = endpoint.url.hasSuffix("/") ? String(endpoint.url.dropLast()) : endpoint.url
    let scheme = base.prefix { $0 != ":" }
    let authority = base.drop { $0 != "/" }.dropFirst(2)
    let place = authority.prefix { $0 != "/" }
    // What somebody configured is one address for all accounts.
    let prefix = endpoint.isAWS ? key.hostPrefix.map { $0 + "." } ?? "" : ""
    let host = prefix + place
    let target = Target(
      endpoint: endpoint, origin: "\(scheme)://\(host)", host: host,
      basePath: String(authority.dropFirst(place.count)))
    state.withLock { $0.targets[key] = target }
    return target
  }

  private func signed(
    _ request: ServiceRequest, _ key: TargetKey, at target: Target, _ keys: AWSCredentials,
    _ now: Date
  ) -> HTTPRequest {
    let path = target.basePath + request.path
    let query = request.query.map { item in
      percentEncoded(item.name) + (item.value.map { "=" + percentEncoded($0) } ?? "")
    }.joined(separator: "&")
    var headers = request.headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    headers.append((name: "host", value: target.host))
    let date = state.withLock { now + $0.skew.offsetSeconds }
    let stamp = SigV4.stamp(date)
    headers.append((name: "x-amz-date", value: stamp))
    if let token = keys.sessionToken {
      headers.append((name: "x-amz-security-token", value: token))
    }
    if key.service.signsForAllRegions { headers.append((name: "x-amz-region-set", value: "*")) }
    let authorization = authorization(
      .init(
        method: request.method, path: path, query: request.query, headers: headers,
        body: request.body), key, region: target.endpoint.signingRegion, keys, stamp: stamp)
    headers.append((name: "authorization", value: authorization))
    headers.append((name: "user-agent", value: "edgeferry"))
    headers.append((name: "accept", value: "*/*"))
    return HTTPRequest(
      method: request.method, url: target.origin + path + (query.isEmpty ? "" : "?" + query),
      headers: headers, body: request.body)
  }

  /// The header's value; the key that a signature is made with is derived once.
  private func authorization(
    _ request: SigV4.Request, _ key: TargetKey, region: String, _ keys: AWSCredentials,
    stamp: String
  ) -> String {
    let day = String(stamp.prefix(8))
    let service = key.service.signingName
    if key.service.signsForAllRegions {
      let known = state.withLock { $0.asymmetric }
      let signing = known?.credentials == keys ? known ?? .init(keys) : .init(keys)
      state.withLock { $0.asymmetric = signing }
      return SigV4A.authorization(request, with: signing, service: service, stamp: stamp)
    }
    if let known = state.withLock({ $0.keys[key] }), known.day == day, known.credentials == keys {
      return SigV4.authorization(request, with: known, stamp: stamp)
    }
    let signing = SigV4.SigningKey(keys, day: day, region: region, service: service)
    state.withLock { $0.keys[key] = signing }
    return SigV4.authorization(request, with: signing, stamp: stamp)
  }

  private static func code(_ response: HTTPResponse) -> String {
    ServiceFailure(
      ServiceResponse(status: response.status, headers: response.headers, body: response.body))?
      .code ?? ""
  }
}

/// The paces of this process: one for each access key, service and endpoint, whatever session asks.
final class Paces: Sendable {
  static let ofProcess = Paces()
  private struct Key: Hashable {
    var accessKeyID: String
    var service: String
    var endpoint: String
  }
  private let table = Locked<[Key: Locked<ServicePace>]>([:])

  func pace(
    _ keys: AWSCredentials, _ service: AWSService, _ endpoint: Endpoint, _ policy: RetryPolicy
  ) -> Locked<ServicePace> {
    let key = Key(
      accessKeyID: keys.accessKeyID, service: service.signingName, endpoint: endpoint.url)
    return table.withLock { table in
      if let made = table[key] { return made }
      let pace = Locked(ServicePace(policy, callsPerSecond: service.callsPerSecond))
      table[key] = pace
      return pace
    }
  }
}

extension AWSService {
  /// Whether its rule set asks for SigV4A and the region set `*`.
  fileprivate var signsForAllRegions: Bool { self == .keyValueStore }
}

extension ServiceRequest {
  /// Whether the call changes nothing, so that it may be sent again whatever came of it.
  var onlyReads: Bool {
    if method == "GET" || method == "HEAD" { return true }
    let verbs = ["Get", "List", "Describe", "AssumeRole", "Simulate", "Decode", "Validate"]
    return verbs.contains { operation.hasPrefix($0) }
  }
}
