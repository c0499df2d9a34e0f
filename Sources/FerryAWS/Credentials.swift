import FerryCloudFront
import FerryCore
import Foundation

/// Where credentials come from, in the order of botocore: a pure choice over environment and files.
///
/// - Source: botocore 1.43.11 credentials.py, `create_credential_resolver` and `ProfileProviderBuilder`; its
///   two sources for boto 2 are left out.
public struct CredentialChain: Sendable {
  public var environment: [String: String]
  public var profiles: Profiles
  /// A profile named by argument; then the environment's keys are not looked at.
  public var profile: String?
  /// A role to assume on top of what was found.
  public var roleARN: String?
  /// What the role's trust policy asks for (`sts:ExternalId`).
  public var externalID: String?

  public init(
    environment: [String: String], profiles: Profiles, profile: String?, roleARN: String?,
    externalID: String? = nil
  ) {
    self.externalID = externalID
    self.environment = environment
    self.profiles = profiles
    self.profile = profile
    self.roleARN = roleARN
  }

  /// What has to be done to get credentials: the base's keys, then each role in turn.
  public struct Recipe: Equatable, Sendable {
    public enum Base: Equatable, Sendable {
      case keys(AWSCredentials, source: String)
      case webIdentity(WebIdentity)
      case sso(SSO)
      case login(LoginSession)
      case process(command: String, source: String)
      case container(ContainerCredentials)
      case instanceMetadata(InstanceMetadata)
    }
    public struct Role: Equatable, Sendable {
      public var arn: String
      public var externalID: String?
      public var mfaSerial: String?
      public var sessionName: String
      public var durationSeconds: Int?
    }
    public var base: Base
    public var roles: [Role] = []
    /// The sources that come earlier in the order, each with the reason it was passed over.
    public var passedOver: [String] = []
  }

  /// The profile that somebody named; nil when it is `default` because nobody did.
  var namedProfile: String? {
    profile ?? given("AWS_DEFAULT_PROFILE") ?? given("AWS_PROFILE")
  }
  public var profileName: String { namedProfile ?? "default" }
  public var profileKeys: [String: String] { profiles.profiles[profileName] ?? [:] }
  private func given(_ name: String) -> String? {
    environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// - Throws: `.credentials`, listing each source with its reason; `.badInput` (64) for a profile that
  ///   cannot be right (a loop, a missing source) and for one that no file has.
  public func recipe() throws(FerryError) -> Recipe {
    if let namedProfile, profiles.profiles[namedProfile] == nil {
      throw .badInput(
        "unknown-profile", what: "could not use the profile \(namedProfile)",
        why: "neither the AWS config file nor the credentials file has it",
        next: "check the name with `aws configure list-profiles`")
    }
    var passed: [String] = []
    guard var found = try base(&passed) else {
      throw Self.none(passed)
    }
    found.passedOver = passed
    if let roleARN {
      let name = given("AWS_ROLE_SESSION_NAME") ?? profileKeys["role_session_name"]
      found.roles.append(
        .init(arn: roleARN, externalID: externalID, sessionName: try sessionName(name)))
    }
    return found
  }

  static func none(_ causes: [String]) -> FerryError {
    FerryError(
      .credentials, what: "could not find AWS credentials", why: "no source gave any",
      next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile",
      causes: causes)
  }

  private func base(_ passed: inout [String]) throws(FerryError) -> Recipe? {
    if profile != nil {
      passed.append("environment: not looked at, since a profile was named")
    } else if let keys = try environmentKeys(&passed) {
      return Recipe(base: .keys(keys, source: "environment"))
    }
    if isAssumeRole(profileKeys) {
      return try assumeRole(profileName, visited: [profileName])
    }
    passed.append(
      profileKeys["role_arn"] == nil
        ? "assume role: the profile \(profileName) has no role_arn"
        : "assume role: the profile \(profileName) has a web_identity_token_file")
    if let base = try profileBase(profileName, variables: profile == nil, &passed) {
      return Recipe(base: base)
    }
    if let container = ContainerCredentials(environment) {
      return Recipe(base: .container(container))
    }
    passed.append("container: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set")
    guard !InstanceMetadata.isDisabled(environment) else {
      passed.append("instance metadata: AWS_EC2_METADATA_DISABLED is true")
      return nil
    }
    return Recipe(base: .instanceMetadata(try instanceMetadata()))
  }
  private func instanceMetadata() throws(FerryError) -> InstanceMetadata {
    try InstanceMetadata(environment, profile: profileKeys)
  }

  /// - Throws: `.credentials` for half a pair and for an expiration that is no time.
  private func environmentKeys(_ passed: inout [String]) throws(FerryError) -> AWSCredentials? {
    guard let key = given("AWS_ACCESS_KEY_ID") else {
      passed.append("environment: AWS_ACCESS_KEY_ID is not set")
      return nil
    }
    func refuse(_ why: String) -> FerryError {
      FerryError(
        .credentials, what: "could not use the keys in the environment", why: why,
        next: "set all of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or none",
        causes: ["environment: \(why)"])
    }
    guard let secret = given("AWS_SECRET_ACCESS_KEY") else {
      throw refuse("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
    }
    var expiration: Date?
    if let text = given("AWS_CREDENTIAL_EXPIRATION") {
      guard let date = expirationTime(text) else {
        throw refuse("AWS_CREDENTIAL_EXPIRATION is no RFC 3339 time")
      }
      expiration = date
    }
    return AWSCredentials(
      accessKeyID: key, secretAccessKey: secret,
      sessionToken: given("AWS_SECURITY_TOKEN") ?? given("AWS_SESSION_TOKEN"),
      expiration: expiration)
  }

  // MARK: Roles

  /// A profile with a web identity is not one that assumes a role with keys.
  private func isAssumeRole(_ keys: Profiles.Keys) -> Bool {
    keys["role_arn"] != nil && keys["web_identity_token_file"] == nil
  }
  private func hasKeys(_ keys: Profiles.Keys) -> Bool {
    keys["aws_access_key_id"] != nil || keys["aws_secret_access_key"] != nil
  }
  private func refuse(_ profile: String, _ why: String) -> FerryError {
    .badInput(
      "bad-profile", what: "could not use the profile \(profile)", why: why,
      next: "correct the AWS config file")
  }

  private func assumeRole(_ name: String, visited: [String]) throws(FerryError) -> Recipe {
    let keys = profiles.profiles[name] ?? [:]
    var recipe: Recipe
    switch (keys["source_profile"], keys["credential_source"]) {
    case (let source?, nil): recipe = try fromSource(source, of: name, visited: visited)
    case (nil, let source?): recipe = Recipe(base: try named(source, of: name))
    case (nil, nil):
      throw refuse(name, "it has a role_arn but neither source_profile nor credential_source")
    case (_?, _?): throw refuse(name, "it has both source_profile and credential_source")
    }
    recipe.roles.append(
      .init(
        arn: keys["role_arn"] ?? "", externalID: keys["external_id"],
        mfaSerial: keys["mfa_serial"], sessionName: try sessionName(keys["role_session_name"]),
        durationSeconds: keys["duration_seconds"].flatMap { Int($0) }))
    return recipe
  }

  private func fromSource(_ source: String, of name: String, visited: [String])
    throws(FerryError) -> Recipe
  {
    guard let keys = profiles.profiles[source] else {
      throw refuse(name, "its source_profile \(source) is in no file")
    }
    if visited.contains(source) {
      // A profile may be its own source and then means its static keys.
      guard source == name, hasKeys(keys) else {
        throw refuse(
          name,
          "its sources form a loop: \((visited + [source]).joined(separator: " → "))"
            + (source == name ? ", and it has no keys of its own" : ""))
      }
    }
    if isAssumeRole(keys), !hasKeys(keys) {
      return try assumeRole(source, visited: visited + [source])
    }
    var passed: [String] = []
    guard let base = try profileBase(source, variables: false, &passed) else {
      throw refuse(name, "its source_profile \(source) has no credentials")
    }
    return Recipe(base: base)
  }

  private func named(_ source: String, of name: String) throws(FerryError) -> Recipe.Base {
    func missing(_ why: String) -> FerryError {
      FerryError(
        .credentials, what: "could not use the profile \(name)",
        why: "its credential_source is \(source), but \(why)",
        next: "run where that source exists, or correct the AWS config file",
        causes: ["assume role: credential_source \(source): \(why)"])
    }
    switch source {
    case "Environment":
      var passed: [String] = []
      guard let own = try environmentKeys(&passed) else {
        throw missing("AWS_ACCESS_KEY_ID is not set")
      }
      return .keys(own, source: "environment")
    case "EcsContainer":
      guard let container = ContainerCredentials(environment) else {
        throw missing(
          "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set")
      }
      return .container(container)
    case "Ec2InstanceMetadata":
      guard !InstanceMetadata.isDisabled(environment) else {
        throw missing("AWS_EC2_METADATA_DISABLED is true")
      }
      return .instanceMetadata(try instanceMetadata())
    default:
      throw refuse(
        name, "its credential_source is none of Environment, EcsContainer and Ec2InstanceMetadata")
    }
  }

  /// - Source: STS AssumeRole, RoleSessionName: 2 to 64 of `[\w+=,.@-]`.
  private func sessionName(_ given: String?) throws(FerryError) -> String {
    let name = given.flatMap { $0.isEmpty ? nil : $0 } ?? "edgeferry"
    let isWord = name.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: Array("_+=,.@-".utf8).contains($0)
      }
    }
    guard isWord, (2...64).contains(name.count) else {
      throw .badInput(
        "bad-session-name", what: "could not use the role session name \(name.debugDescription)",
        why: "STS takes 2 to 64 letters, digits and _+=,.@-",
        next: "correct role_session_name or AWS_ROLE_SESSION_NAME")
    }
    return name
  }

  // MARK: What one profile says

  /// The sources of one profile in botocore's order; nil when it has none of them.
  ///
  /// - Parameter variables: whether AWS_WEB_IDENTITY_TOKEN_FILE and its like are looked at.
  private func profileBase(_ name: String, variables: Bool, _ passed: inout [String])
    throws(FerryError) -> Recipe.Base?
  {
    let keys = profiles.profiles[name] ?? [:]
    if let it = try webIdentity(keys, variables: variables, name) { return .webIdentity(it) }
    passed.append(
      variables
        ? "web identity: neither AWS_WEB_IDENTITY_TOKEN_FILE nor web_identity_token_file is set"
        : "web identity: the profile \(name) has no web_identity_token_file")
    if let it = try sso(keys, name) { return .sso(it) }
    passed.append("SSO: the profile \(name) has neither sso_account_id nor sso_role_name")
    if let own = try staticKeys(profiles.shared[name], name) {
      return .keys(own, source: "the credentials file, \(name)")
    }
    passed.append("credentials file: it has no keys under \(name)")
    if let session = keys["login_session"] {
      return .login(
        LoginSession(
          name: session,
          region: given("AWS_REGION") ?? given("AWS_DEFAULT_REGION")
            ?? keys["region"] ?? "us-east-1", profile: name))
    }
    passed.append("login session: the profile \(name) has no login_session")
    if let command = keys["credential_process"] {
      return .process(command: command, source: "the profile \(name)")
    }
    passed.append("credential_process: the profile \(name) has none")
    if let own = try staticKeys(profiles.configured[name], name) {
      return .keys(own, source: "the config file, \(name)")
    }
    passed.append("config file: it has no keys under \(name)")
    return nil
  }

  private func staticKeys(_ keys: Profiles.Keys?, _ name: String) throws(FerryError)
    -> AWSCredentials?
  {
    guard let keys, let id = keys["aws_access_key_id"] else { return nil }
    guard !id.isEmpty, let secret = keys["aws_secret_access_key"], !secret.isEmpty else {
      throw refuse(name, "it has one of aws_access_key_id and aws_secret_access_key, not both")
    }
    let token = keys["aws_security_token"] ?? keys["aws_session_token"]
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret,
      sessionToken: token.flatMap { $0.isEmpty ? nil : $0 })
  }

  private func webIdentity(_ keys: Profiles.Keys, variables: Bool, _ name: String)
    throws(FerryError) -> WebIdentity?
  {
    func setting(_ key: String, _ variable: String) -> String? {
      (variables ? environment[variable] : nil) ?? keys[key]
    }
    guard let file = setting("web_identity_token_file", "AWS_WEB_IDENTITY_TOKEN_FILE"),
      !file.isEmpty
    else { return nil }
    guard let arn = setting("role_arn", "AWS_ROLE_ARN"), !arn.isEmpty else {
      throw refuse(name, "a web identity token file is set, but neither AWS_ROLE_ARN nor role_arn")
    }
    return WebIdentity(
      tokenFile: file, roleARN: arn,
      sessionName: try sessionName(setting("role_session_name", "AWS_ROLE_SESSION_NAME")))
  }

  private func sso(_ keys: Profiles.Keys, _ name: String) throws(FerryError) -> SSO? {
    guard keys["sso_role_name"] != nil || keys["sso_account_id"] != nil else { return nil }
    var all = keys
    if let session = keys["sso_session"] {
      guard let shared = profiles.ssoSessions[session] else {
        throw refuse(name, "the config file has no [sso-session \(session)]")
      }
      for (key, value) in shared {
        guard all[key] ?? value == value else {
          throw refuse(name, "its \(key) is not the one of [sso-session \(session)]")
        }
        all[key] = value
      }
    }
    func need(_ key: String) throws(FerryError) -> String {
      guard let value = all[key], !value.isEmpty else {
        throw refuse(name, "it is for SSO and has no \(key)")
      }
      return value
    }
    return SSO(
      accountID: try need("sso_account_id"), roleName: try need("sso_role_name"),
      startURL: try need("sso_start_url"), region: try need("sso_region"),
      session: keys["sso_session"], profile: name)
  }
}
