import FerryCloudFront
import FerryCore
import Foundation

/// Where credentials come from, in the order of the AWS CLI: a pure choice over environment and files.
public struct CredentialChain: Sendable {
  public var environment: [String: String]
  public var profiles: Profiles
  /// A profile named by argument; then the environment's keys are not looked at.
  public var profile: String?
  /// A role to assume on top of what was found.
  public var roleARN: String?

  public init(
    environment: [String: String], profiles: Profiles, profile: String?, roleARN: String?
  ) {
    self.environment = environment
    self.profiles = profiles
    self.profile = profile
    self.roleARN = roleARN
  }

  /// What has to be done to get credentials: static keys, then each role in turn.
  public struct Recipe: Equatable, Sendable {
    public enum Base: Equatable, Sendable {
      case keys(AWSCredentials, source: String)
      case process(command: String, source: String)
    }
    public struct Role: Equatable, Sendable {
      public var arn: String
      public var externalID: String?
      public var sessionName: String
      public var durationSeconds: Int?
    }
    public var base: Base
    public var roles: [Role]
  }

  public var profileName: String {
    profile ?? environment["AWS_DEFAULT_PROFILE"].flatMap { $0.isEmpty ? nil : $0 }
      ?? environment["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
  }
  public var profileKeys: [String: String] { profiles.profiles[profileName] ?? [:] }

  /// - Throws: `.credentials`, listing each source with its reason; `.badInput` for a profile that cannot
  ///   be right (a loop, a missing source).
  public func recipe() throws(FerryError) -> Recipe {
    var causes: [String] = []
    var recipe: Recipe?
    if profile == nil {
      switch environmentKeys() {
      case .success(let keys): recipe = Recipe(base: .keys(keys, source: "environment"), roles: [])
      case .failure(let reason): causes.append(reason.text)
      }
    } else {
      causes.append("environment: not looked at, since a profile was named")
    }
    if recipe == nil {
      if profiles.profiles[profileName] != nil {
        recipe = try fromProfile(profileName, visited: [], causes: &causes)
      } else if profile != nil || environment["AWS_PROFILE"]?.isEmpty == false {
        throw .badInput(
          "unknown-profile", what: "could not use the profile \(profileName)",
          why: "neither the AWS config file nor the credentials file has it",
          next: "check the name with `aws configure list-profiles`")
      } else {
        causes.append("profile \(profileName): neither the config nor the credentials file has it")
      }
    }
    guard var found = recipe else {
      throw FerryError(
        .credentials, what: "could not find AWS credentials", why: "no source gave any",
        next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile",
        causes: causes)
    }
    if let roleARN {
      found.roles.append(
        .init(
          arn: roleARN, externalID: nil, sessionName: sessionName(profileKeys), durationSeconds: nil
        ))
    }
    return found
  }

  private struct Reason: Error { var text: String }
  private func environmentKeys() -> Result<AWSCredentials, Reason> {
    guard let key = environment["AWS_ACCESS_KEY_ID"], !key.isEmpty else {
      return .failure(Reason(text: "environment: AWS_ACCESS_KEY_ID is not set"))
    }
    guard let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty else {
      return .failure(Reason(text: "environment: AWS_SECRET_ACCESS_KEY is not set"))
    }
    let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
    return .success(
      AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token))
  }
  private func sessionName(_ keys: [String: String]) -> String {
    environment["AWS_ROLE_SESSION_NAME"] ?? keys["role_session_name"] ?? "edgeferry"
  }
  private func staticKeys(_ keys: [String: String]) -> AWSCredentials? {
    guard let id = keys["aws_access_key_id"], let secret = keys["aws_secret_access_key"] else {
      return nil
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: keys["aws_session_token"])
  }

  private func fromProfile(_ name: String, visited: [String], causes: inout [String])
    throws(FerryError) -> Recipe?
  {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-profile", what: "could not use the profile \(name)", why: why,
        next: "correct the AWS config file")
    }
    guard let keys = profiles.profiles[name] else {
      throw refuse("it is a source profile that no file has")
    }
    if let arn = keys["role_arn"] {
      var recipe: Recipe?
      switch (keys["source_profile"], keys["credential_source"]) {
      case (let source?, nil):
        if source == name {
          guard let own = staticKeys(keys) else {
            throw refuse("it names itself as its source and has no keys of its own")
          }
          recipe = Recipe(base: .keys(own, source: "profile \(name)"), roles: [])
        } else {
          guard !visited.contains(source) else {
            throw refuse(
              "its sources form a loop: \((visited + [name, source]).joined(separator: " → "))")
          }
          recipe = try fromProfile(source, visited: visited + [name], causes: &causes)
        }
      case (nil, "Environment"):
        switch environmentKeys() {
        case .success(let own): recipe = Recipe(base: .keys(own, source: "environment"), roles: [])
        case .failure(let reason):
          throw refuse("credential_source is Environment, but \(reason.text)")
        }
      case (nil, let other?):
        throw refuse("this build cannot use the credential_source \(other)")
      case (nil, nil):
        throw refuse("it has a role_arn but neither source_profile nor credential_source")
      case (_?, _?): throw refuse("it has both source_profile and credential_source")
      }
      let duration = keys["duration_seconds"].flatMap { Int($0) }
      recipe?.roles.append(
        .init(
          arn: arn, externalID: keys["external_id"], sessionName: sessionName(keys),
          durationSeconds: duration))
      return recipe
    }
    if let own = staticKeys(keys) {
      return Recipe(base: .keys(own, source: "profile \(name)"), roles: [])
    }
    if let command = keys["credential_process"] {
      return Recipe(base: .process(command: command, source: "profile \(name)"), roles: [])
    }
    causes.append("profile \(name): it has neither keys, role_arn nor credential_process")
    return nil
  }
}

/// Credentials kept fresh: got when first needed, renewed 15 minutes before they expire.
public actor CredentialProvider {
  private let chain: CredentialChain
  private let clock: any FerryClock
  /// AssumeRole with given keys; the transport layer provides it.
  private let assume:
    @Sendable (Recipe.Role, AWSCredentials) async throws(FerryError) -> AWSCredentials
  private var current: AWSCredentials?
  typealias Recipe = CredentialChain.Recipe

  init(
    _ chain: CredentialChain, clock: any FerryClock,
    assume:
      @escaping @Sendable (CredentialChain.Recipe.Role, AWSCredentials) async throws(FerryError)
      -> AWSCredentials
  ) {
    self.chain = chain
    self.clock = clock
    self.assume = assume
  }

  public func credentials() async throws(FerryError) -> AWSCredentials {
    if let current {
      guard let expiration = current.expiration else { return current }
      let left = expiration.timeIntervalSince(clock.now)
      if left > 900 { return current }
      do throws(FerryError) {
        return try await renew()
      } catch {
        // Advisory from 15 minutes on, compulsory from 10.
        if left > 600 { return current }
        throw error
      }
    }
    return try await renew()
  }

  private func renew() async throws(FerryError) -> AWSCredentials {
    let recipe = try chain.recipe()
    var keys: AWSCredentials
    switch recipe.base {
    case .keys(let own, _): keys = own
    case .process(let command, let source):
      keys = try await Self.run(command, source: source, environment: chain.environment)
    }
    for role in recipe.roles { keys = try await assume(role, keys) }
    current = keys
    return keys
  }

  /// Runs a profile's `credential_process`, without a shell.
  private static func run(_ command: String, source: String, environment: [String: String])
    async throws(FerryError) -> AWSCredentials
  {
    func fail(_ why: String) -> FerryError {
      FerryError(
        .credentials, what: "could not get credentials from the credential_process of \(source)",
        why: why, next: "run the command by hand and correct it")
    }
    let child: Subprocess
    do throws(FerryError) {
      child = try Subprocess(words(command), environment: environment)
    } catch {
      throw fail("it could not be started: \(error.why)")
    }
    let ending = await child.wait()
    guard ending.code == 0 else { throw fail("it exited with \(ending.code)") }
    guard let json = try? JSONValue.read(ending.stdout, what: "its answer"),
      json["Version"]?.int == 1, let id = json["AccessKeyId"]?.string,
      let secret = json["SecretAccessKey"]?.string
    else { throw fail("its answer is not the documented JSON of version 1") }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: json["SessionToken"]?.string,
      expiration: json["Expiration"]?.string.flatMap(Timestamp.read))
  }
  /// Words of a command line: blanks separate, quotes hold together.
  static func words(_ text: String) -> [String] {
    var out: [String] = []
    var word = ""
    var quote: Character?
    var open = false
    for character in text {
      if let mark = quote {
        if character == mark { quote = nil } else { word.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        open = true
      } else if character.isWhitespace {
        if open || !word.isEmpty { out.append(word) }
        word = ""
        open = false
      } else {
        word.append(character)
      }
    }
    if open || !word.isEmpty { out.append(word) }
    return out
  }
}
