import FerryCloudFront
import FerryCore
import Foundation

@testable import FerryAWS
@testable import FerryHTTP

/// Time that moves when a test says so, or when somebody sleeps.
final class StandingClock: FerryClock {
  private let time = Locked(Date(timeIntervalSince1970: 1_800_000_000))
  var now: Date { time.withLock { $0 } }
  func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
  func sleep(seconds: Double) async throws(FerryError) { pass(seconds) }
}

/// What credentials are got from, arranged by the test; whatever was not arranged is not there.
final class FakeCredentialWorld: CredentialWorld {
  struct State {
    var files: [String: String] = [:]
    /// By method and path; the last answer of a list stays.
    var answers: [String: [Result<HTTPResponse, FerryError>]] = [:]
    var requests: [HTTPRequest] = []
    var assumed: [(role: CredentialChain.Recipe.Role, keys: AWSCredentials, mfaCode: String?)] = []
    var assumeError: FerryError?
    /// Seconds that an assumed role lives.
    var life = 3600.0
    var runs = 0
    var process: (@Sendable (Int) -> Subprocess.Ending)?
    var codes: [String] = []
    var questions: [String] = []
    var isReadOnly = false
  }
  let environment: [String: String]
  let standing = StandingClock()
  var clock: any FerryClock { standing }
  let state: Locked<State>

  init(_ environment: [String: String] = [:], files: [String: String] = [:]) {
    self.environment = environment.merging(["HOME": "/home/me"]) { $1 }
    var state = State()
    state.files = files
    self.state = Locked(state)
  }
  var requests: [HTTPRequest] { state.withLock { $0.requests } }
  func arrange(_ call: String, _ answers: Result<HTTPResponse, FerryError>...) {
    state.withLock { $0.answers[call] = answers }
  }

  func file(_ path: String) -> [UInt8]? { state.withLock { $0.files[path].map { Array($0.utf8) } } }
  func replace(_ path: String, with bytes: [UInt8]) throws(FerryError) {
    try state.withLock { state throws(FerryError) in
      if state.isReadOnly { throw FerryError("cache-write", what: "", why: "", next: "") }
      state.files[path] = String(decoding: bytes, as: UTF8.self)
    }
  }
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse {
    let path = URLComponents(string: request.url)?.path ?? ""
    let answer = state.withLock { state -> Result<HTTPResponse, FerryError> in
      state.requests.append(request)
      let key = "\(request.method) \(path)"
      guard let answers = state.answers[key], let first = answers.first else { return .silence }
      if answers.count > 1 { state.answers[key] = Array(answers.dropFirst()) }
      return first
    }
    return try answer.get()
  }
  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> String {
    try Endpoints.resolve(service, region: region ?? "us-east-1", custom: nil).url
  }
  func assume(
    _ role: CredentialChain.Recipe.Role, with keys: AWSCredentials, mfaCode: String?
  ) async throws(FerryError) -> AWSCredentials {
    try state.withLock { state throws(FerryError) in
      if let error = state.assumeError { throw error }
      state.assumed.append((role, keys, mfaCode))
      return AWSCredentials(
        accessKeyID: "ROLE\(state.assumed.count)", secretAccessKey: "s", sessionToken: "t",
        expiration: standing.now + state.life)
    }
  }
  func run(_ words: [String]) async throws(FerryError) -> Subprocess.Ending {
    let (process, count) = state.withLock { state in
      state.runs += 1
      return (state.process, state.runs)
    }
    guard let process else {
      throw FerryError("subprocess", what: "", why: "No such file or directory", next: "")
    }
    return process(count)
  }
  func ask(_ question: String) async throws(FerryError) -> String {
    let code = state.withLock { state in
      state.questions.append(question)
      return state.codes.isEmpty ? nil : state.codes.removeFirst()
    }
    guard let code else {
      throw FerryError("no-terminal", what: "", why: "there is no terminal", next: "")
    }
    return code
  }
}

extension Result where Success == HTTPResponse, Failure == FerryError {
  static func answer(_ status: Int, _ body: String, headers: [String: String] = [:]) -> Self {
    .success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
  }
  static var silence: Self {
    .failure(FerryError(.noAnswer, what: "no answer", why: "Couldn't connect", next: ""))
  }
}

extension CredentialProvider {
  /// Over the world's own files.
  init(
    _ world: FakeCredentialWorld, profile: String? = nil, roleARN: String? = nil
  ) throws(FerryError) {
    self.init(
      CredentialChain(
        environment: world.environment, profiles: Profiles(), profile: profile, roleARN: roleARN),
      world: world)
  }
}
