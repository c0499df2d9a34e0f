import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation

/// What getting credentials touches: files, the network, other programs, the person at the terminal.
protocol CredentialWorld: Sendable {
  var environment: [String: String] { get }
  var clock: any FerryClock { get }
  /// nil when it is not there or cannot be opened.
  func file(_ path: String) -> [UInt8]?
  /// Replaces a file as one act, mode 0600.
  func replace(_ path: String, with bytes: [UInt8]) throws(FerryError)
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse
  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> String
  /// STS AssumeRole, signed with these keys.
  func assume(
    _ role: CredentialChain.Recipe.Role, with keys: AWSCredentials, mfaCode: String?
  ) async throws(FerryError) -> AWSCredentials
  func run(_ words: [String]) async throws(FerryError) -> Subprocess.Ending
  /// A secret answer typed at the terminal.
  /// - Throws: `no-terminal` when there is nobody to ask.
  func ask(_ question: String) async throws(FerryError) -> String
}

extension CredentialWorld {
  /// Of the user's home or wherever the variables in it point.
  func path(_ text: String) -> String { Profiles.expanded(text, environment: environment) }
  /// A token that was refreshed, in the cache of its tool. Where that cannot be written, in a container with
  /// a home to read alone, the token is good all the same: the next command refreshes it again.
  func keep(_ document: JSONValue, at path: String) {
    try? replace(path, with: Array(document.canonical.utf8))
  }
  func json(_ path: String) -> JSONValue? {
    file(path).flatMap { try? JSONValue.read($0, what: path) }
  }
}

/// A time as the tools around credentials write it: RFC 3339, or with `UTC` for its `Z`.
func expirationTime(_ text: String) -> Date? {
  guard text.hasSuffix("UTC") else { return Timestamp.read(text) }
  return Timestamp.read(text.dropLast(3).trimmingCharacters(in: .whitespaces) + "Z")
}

extension FerryError {
  static func credentials(from source: String, _ why: String, next: String) -> FerryError {
    FerryError(
      .credentials, what: "could not get credentials from \(source)", why: why, next: next)
  }
}

/// Calls that carry no signature, tried three times; the token in them is their proof.
struct UnsignedTransport: ServiceTransport {
  var world: any CredentialWorld
  /// Taken out of what a service says about it.
  var secret = ""

  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    var base = try world.endpoint(request.service, region: request.region)
    if base.hasSuffix("/") { base.removeLast() }
    let query = request.query.map {
      percentEncoded($0.name) + "=" + percentEncoded($0.value ?? "")
    }.joined(separator: "&")
    var headers = request.headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    headers.append((name: "user-agent", value: "edgeferry"))
    headers.append((name: "accept", value: "*/*"))
    let call = HTTPRequest(
      method: request.method, url: base + request.path + (query.isEmpty ? "" : "?" + query),
      headers: headers, body: request.body, deadlineSeconds: 20)
    var attempt = 1
    while true {
      do throws(FerryError) {
        let answer = try await world.send(call)
        guard attempt < 3, answer.status == 429 || answer.status >= 500 else {
          let told = AWSCredentials(accessKeyID: "", secretAccessKey: secret)
          return ServiceResponse(
            status: answer.status, headers: answer.headers,
            body: answer.status >= 400 ? Redaction.of(answer.body, keys: told) : answer.body)
        }
      } catch {
        guard attempt < 3, error.code == .noAnswer else { throw error }
      }
      try await world.clock.sleep(seconds: .random(in: 0..<1) * Double(1 << (attempt - 1)))
      attempt += 1
    }
  }

  /// The error code of a REST-JSON service, from its header or its document.
  static func code(_ answer: ServiceResponse) -> String {
    let json = try? JSONValue.read(answer.body, what: "the answer")
    let text =
      answer.headers["x-amzn-errortype"] ?? json?["__type"]?.string ?? json?["error"]?.string
      ?? json?["code"]?.string ?? "no code"
    return String(text.prefix { $0 != ":" }.split(separator: "#").last ?? "no code")
  }
}

/// The real one.
struct LiveCredentialWorld: CredentialWorld {
  var environment: [String: String]
  var clock: any FerryClock
  var engine: HTTPEngine
  var wire: Wire
  var place: EndpointPlace

  func file(_ path: String) -> [UInt8]? { AWSFiles.read(path) }
  func replace(_ path: String, with bytes: [UInt8]) throws(FerryError) {
    try AWSFiles.replace(path, with: bytes)
  }
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse {
    try await engine.send(request)
  }
  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> String {
    var place = place
    // --endpoint-url is for the services of the command; it must not be handed a sign-in's tokens.
    if service != .sts { place.argument = nil }
    let endpoint = try place.endpoint(service, region: region)
    guard service == LoginSession.signin, endpoint.isAWS, !place.fips, !place.dualStack,
      let region
    else { return endpoint.url }
    // Its names do not follow the others' pattern.
    // Source: botocore 1.43.11, endpoint rule set of signin 2023-01-01.
    if region.hasPrefix("cn-") { return "https://\(region).signin.amazonaws.cn" }
    if region.hasPrefix("us-gov-") { return "https://\(region).signin.amazonaws-us-gov.com" }
    return endpoint.url.hasSuffix(".amazonaws.com")
      ? "https://\(region).signin.aws.amazon.com" : endpoint.url
  }
  func assume(
    _ role: CredentialChain.Recipe.Role, with keys: AWSCredentials, mfaCode: String?
  ) async throws(FerryError) -> AWSCredentials {
    try await AWSCredentials(
      STSClient(FixedTransport(wire: wire, keys: keys)).assumeRole(
        role.arn, sessionName: role.sessionName, externalID: role.externalID,
        durationSeconds: role.durationSeconds,
        mfa: mfaCode.flatMap { code in role.mfaSerial.map { ($0, code) } }))
  }
  func run(_ words: [String]) async throws(FerryError) -> Subprocess.Ending {
    let child = try Subprocess(words, environment: environment)
    return await withTaskCancellationHandler {
      await child.wait()
    } onCancel: {
      child.signal(SIGTERM)
    }
  }
  func ask(_ question: String) async throws(FerryError) -> String {
    try await TerminalPrompt.ask(question)
  }
}

/// Signs with keys at hand.
struct FixedTransport: ServiceTransport {
  var wire: Wire
  var keys: AWSCredentials
  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    try await wire.send(request) { keys }
  }
}

extension AWSCredentials {
  init(_ keys: STSClient.TemporaryKeys) {
    self.init(
      accessKeyID: keys.accessKeyID, secretAccessKey: keys.secretAccessKey,
      sessionToken: keys.sessionToken, expiration: keys.expiration)
  }
}
