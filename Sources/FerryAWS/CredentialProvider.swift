import FerryCore
import Foundation

/// When credentials are to be renewed, as a value.
///
/// - Source: botocore 1.43.11 `RefreshableCredentials`: tried from 15 minutes before expiry, compulsory from
///   10. It tries at each call; here a success is good for a tenth of its life, a minute at most, so that
///   keys of 15 minutes are not renewed for every request.
struct Freshness: Equatable, Sendable {
  enum Need: Equatable { case none, advisory, mandatory }
  static let advisorySeconds = 900.0
  static let mandatorySeconds = 600.0
  static let pauseSeconds = 60.0

  var expiration: Date?
  /// When they were got, or last tried for in vain while they were still good for a while.
  var tried: Date
  var got: Date

  func need(at now: Date) -> Need {
    guard let expiration else { return .none }
    let left = expiration.timeIntervalSince(now)
    let life = expiration.timeIntervalSince(got)
    let pause = min(Self.pauseSeconds, max(0, life / 10))
    if left >= Self.advisorySeconds || (left > pause && now < tried + pause) { return .none }
    return left < Self.mandatorySeconds ? .mandatory : .advisory
  }
}

/// Credentials kept fresh: got when first needed, renewed before they expire, one renewal at a time.
public actor CredentialProvider {
  typealias Recipe = CredentialChain.Recipe
  private let chain: CredentialChain
  private let world: any CredentialWorld
  private var held: (keys: AWSCredentials, freshness: Freshness)?
  private var renewal: Task<Result<AWSCredentials, FerryError>, Never>?
  /// The roles that a person gave a code for: it is not asked for a second time.
  private var asked: Set<String> = []

  init(_ chain: CredentialChain, world: any CredentialWorld) {
    self.chain = chain
    self.world = world
  }

  /// - Throws: `.credentials` with each source and its reason in `causes`; `.badInput` for a profile that
  ///   cannot be right; what STS answered.
  public func credentials() async throws(FerryError) -> AWSCredentials {
    guard let held else { return try await renewed() }
    switch held.freshness.need(at: world.clock.now) {
    case .none: return held.keys
    case .mandatory: return try await renewed()
    case .advisory:
      // Whoever renews them renews them for all; the old ones are still good.
      if renewal != nil { return held.keys }
      do throws(FerryError) {
        return try await renewed()
      } catch {
        if error.exit == .interrupted { throw error }
        self.held?.freshness.tried = world.clock.now
        return held.keys
      }
    }
  }

  /// Renews keys that AWS called expired or unknown.
  ///
  /// - Returns: whether there are other keys now, to sign again with.
  public func refreshed(after refused: AWSCredentials) async throws(FerryError) -> Bool {
    if let held, held.keys.accessKeyID != refused.accessKeyID { return true }
    return try await renewed().accessKeyID != refused.accessKeyID
  }

  private func renewed() async throws(FerryError) -> AWSCredentials {
    while true {
      let task: Task<Result<AWSCredentials, FerryError>, Never>
      if let renewal {
        task = renewal
      } else {
        task = Task { await self.renew() }
        renewal = task
      }
      let result = await withTaskCancellationHandler {
        await task.value
      } onCancel: {
        task.cancel()
      }
      // Somebody else's cancellation is not ours: begin anew.
      if case .failure(let error) = result, error.exit == .interrupted, !Task.isCancelled {
        continue
      }
      return try result.get()
    }
  }

  private func renew() async -> Result<AWSCredentials, FerryError> {
    defer { renewal = nil }
    do throws(FerryError) {
      let keys = try await load()
      let now = world.clock.now
      held = (keys, Freshness(expiration: keys.expiration, tried: now, got: now))
      return .success(keys)
    } catch {
      return .failure(error)
    }
  }

  /// The files are read anew: another tool may have written fresh keys meanwhile.
  private func load() async throws(FerryError) -> AWSCredentials {
    var chain = chain
    chain.profiles = try Profiles.read(environment: chain.environment) { world.file($0) }
    let recipe = try chain.recipe()
    var keys: AWSCredentials
    do throws(FerryError) {
      keys = try await base(recipe.base)
      if let expiration = keys.expiration, expiration <= world.clock.now {
        throw .credentials(
          from: recipe.base.name, "they expired at \(Timestamp.text(expiration))",
          next: "renew them, then run the same command again")
      }
    } catch {
      guard error.code == .credentials else { throw error }
      var error = error
      error.causes = recipe.passedOver + ["\(recipe.base.name): \(error.why)"]
      if case .instanceMetadata = recipe.base, recipe.roles.isEmpty {
        // The last source of all: it is there for everybody and nobody asked for it.
        throw CredentialChain.none(error.causes)
      }
      throw error
    }
    for role in recipe.roles { keys = try await assume(role, with: keys) }
    return keys
  }

  private func base(_ base: Recipe.Base) async throws(FerryError) -> AWSCredentials {
    switch base {
    case .keys(let keys, _): keys
    case .webIdentity(let it): try await it.load(world)
    case .sso(let it): try await it.load(world)
    case .login(let it): try await it.load(world)
    case .process(let command, let source):
      try await ProcessCredentials.load(command, source: source, world)
    case .container(let it): try await it.load(world)
    case .instanceMetadata(let it): try await it.load(world)
    }
  }

  private func assume(_ role: Recipe.Role, with keys: AWSCredentials) async throws(FerryError)
    -> AWSCredentials
  {
    var code: String?
    if let serial = role.mfaSerial { code = try await mfaCode(serial, role) }
    do throws(FerryError) {
      return try await world.assume(role, with: keys, mfaCode: code)
    } catch {
      guard AWSTransport.expiredCodes.contains(error.service?.code ?? "") else { throw error }
      throw .credentials(
        from: "the role \(role.arn)",
        "STS takes the keys it is assumed with no more (\(error.service?.code ?? ""))",
        next: "renew them, then run the same command again")
    }
  }

  /// A code is asked for once: a wait of hours must not stand at a question that nobody reads.
  private func mfaCode(_ serial: String, _ role: Recipe.Role) async throws(FerryError) -> String {
    func refuse(_ why: String, exit: ExitCode = .failed) -> FerryError {
      FerryError(
        .credentials, exit: exit, what: "could not assume the role \(role.arn)", why: why,
        next: "run the command again on a terminal, or use a profile that needs no MFA",
        causes: ["assume role: \(why)"])
    }
    guard asked.insert(role.arn).inserted else {
      throw refuse(
        "its session is over and a new one needs an MFA code of \(serial)", exit: .notYet)
    }
    do throws(FerryError) {
      return try await world.ask("Enter MFA code for \(serial): ")
    } catch {
      asked.remove(role.arn)
      guard error.code == "no-terminal" else { throw error }
      throw refuse("it needs an MFA code of \(serial), and there is no terminal to ask on")
    }
  }
}

extension CredentialChain.Recipe.Base {
  /// As the list of causes names it.
  var name: String {
    switch self {
    case .keys(_, let source): source
    case .webIdentity: "web identity"
    case .sso: "SSO"
    case .login: "login session"
    case .process(_, let source): "credential_process of \(source)"
    case .container: "container"
    case .instanceMetadata: "instance metadata"
    }
  }
}

/// A profile's `credential_process`, run without a shell each time keys are needed.
///
/// - Source: botocore 1.43.11 `ProcessProvider`.
enum ProcessCredentials {
  static func load(_ command: String, source: String, _ world: any CredentialWorld)
    async throws(FerryError) -> AWSCredentials
  {
    func refuse(_ why: String) -> FerryError {
      .credentials(
        from: "the credential_process of \(source)", why,
        next: "run the command by hand and correct it")
    }
    guard let words = shellWords(command), !words.isEmpty else {
      throw refuse("its command line is empty or has an open quote")
    }
    let ending: Subprocess.Ending
    do throws(FerryError) {
      ending = try await world.run(words)
    } catch {
      throw refuse("it could not be started: \(error.why)")
    }
    if Task.isCancelled { throw .interrupted }
    guard ending.code == 0 else { throw refuse("it exited with \(ending.code)") }
    guard let json = try? JSONValue.read(ending.stdout, what: "its answer"),
      json["Version"]?.int == 1, let id = json["AccessKeyId"]?.string,
      let secret = json["SecretAccessKey"]?.string
    else { throw refuse("its answer is not the documented JSON of version 1") }
    var expiration: Date?
    if let text = json["Expiration"]?.string {
      guard let date = expirationTime(text) else {
        throw refuse("the Expiration in its answer is no RFC 3339 time")
      }
      expiration = date
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: json["SessionToken"]?.string,
      expiration: expiration)
  }
}
