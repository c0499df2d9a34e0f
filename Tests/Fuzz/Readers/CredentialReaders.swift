import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation

@testable import FerryAWS

enum CredentialReaders {
  static func profiles(_ bytes: [UInt8]) throws(FerryError) {
    // What a process says and what a person writes are told apart by words alone.
    let text = String(decoding: bytes, as: UTF8.self)
    _ = shellWords(text)
    _ = Profiles.expanded(text, environment: ["A": "x", "HOME": "/home/me"])
    _ = expirationTime(text)
    _ = try? Profiles(config: nil, credentials: bytes)
    let profiles = try Profiles(config: bytes, credentials: nil)
    for name in ["default", "a", "b"] {
      let chain = CredentialChain(
        environment: [:], profiles: profiles, profile: name, roleARN: nil)
      _ = try? chain.recipe()
    }
  }

  /// The cache files of SSO and `aws login`, what a credential process prints, and what services answer for them.
  static func cache(_ bytes: [UInt8]) throws(FerryError) {
    let world = FileWorld(bytes: bytes)
    let failure = blocking { () async throws(FerryError) in
      let sso = SSO(
        accountID: "1", roleName: "r", startURL: "https://x.example", region: "us-east-1",
        session: "s", profile: "p")
      _ = try? await sso.load(world)
      _ = try? await LoginSession(name: "arn:x", region: "us-east-1", profile: "p").load(world)
      _ = try await ProcessCredentials.load("program", source: "p", world)
    }
    if let failure { throw failure }
  }

  /// What a container's agent and an instance's metadata service answer, token, role and keys alike.
  static func metadata(_ bytes: [UInt8]) throws(FerryError) {
    var world = FileWorld(bytes: bytes)
    world.environment = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/keys"]
    let plain = world
    world.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token"
    let tokened = world
    let instance = try InstanceMetadata([:], profile: [:])
    let failure = blocking { () async throws(FerryError) in
      if let container = ContainerCredentials(tokened.environment) {
        _ = try? await container.load(tokened)
        let keys = try await container.load(plain)
        _ = Freshness(expiration: keys.expiration, tried: plain.clock.now, got: plain.clock.now)
          .need(at: plain.clock.now)
      }
      _ = try await instance.load(plain)
    }
    if let failure { throw failure }
  }

  /// Runs to its end on this thread: nothing in it waits for anything.
  private static func blocking(
    _ body: @escaping @Sendable () async throws(FerryError) -> Void
  ) -> FerryError? {
    let done = DispatchSemaphore(value: 0)
    let result = Locked<FerryError?>(nil)
    Task(executorPreference: Here.shared) {
      do throws(FerryError) {
        try await body()
      } catch {
        result.withLock { $0 = error }
      }
      done.signal()
    }
    done.wait()
    return result.withLock { $0 }
  }
  private final class Here: TaskExecutor {
    static let shared = Here()
    func enqueue(_ job: consuming ExecutorJob) {
      UnownedJob(job).runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}

/// Every file, answer and program says the same.
private struct FileWorld: CredentialWorld {
  struct StandingClock: FerryClock {
    var now: Date { Date(timeIntervalSince1970: 1_795_514_400) }
    func sleep(seconds: Double) async throws(FerryError) {}
  }
  var bytes: [UInt8]
  var environment = ["HOME": "/home/me"]
  var clock: any FerryClock { StandingClock() }
  func file(_ path: String) -> [UInt8]? { bytes }
  func replace(_ path: String, with bytes: [UInt8]) throws(FerryError) {}
  func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse {
    HTTPResponse(status: 200, headers: [:], body: bytes)
  }
  func endpoint(_ service: AWSService, region: String?) throws(FerryError) -> String {
    "https://service.example"
  }
  func assume(
    _ role: CredentialChain.Recipe.Role, with keys: AWSCredentials, mfaCode: String?
  ) async throws(FerryError) -> AWSCredentials { keys }
  func run(_ words: [String]) async throws(FerryError) -> Subprocess.Ending {
    Subprocess.Ending(code: 0, stdout: bytes)
  }
  func ask(_ question: String) async throws(FerryError) -> String { "123456" }
}
