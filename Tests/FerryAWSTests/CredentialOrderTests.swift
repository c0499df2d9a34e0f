import FerryCore
import Foundation
import Testing

@testable import FerryAWS

/// The choice among sources, with everything at hand at once and then one less at a time.
struct CredentialOrderTests {
  enum Kind: String, CaseIterable {
    case environment, assumeRole, webIdentity, sso, credentialsFile, login, process, configFile
    case container, instanceMetadata
  }
  /// A machine that has the sources given, all for the default profile.
  func recipe(_ kinds: some Sequence<Kind>, profile: String? = nil) throws
    -> CredentialChain.Recipe
  {
    var environment = ["AWS_REGION": "eu-west-3"]
    var config = "[default]\n"
    var credentials = ""
    for kind in kinds {
      switch kind {
      case .environment:
        environment["AWS_ACCESS_KEY_ID"] = "ENV"
        environment["AWS_SECRET_ACCESS_KEY"] = "s"
      case .assumeRole:
        config += "role_arn = arn:aws:iam::2:role/r\ncredential_source = Ec2InstanceMetadata\n"
      case .webIdentity:
        environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token"
        environment["AWS_ROLE_ARN"] = "arn:aws:iam::2:role/web"
      case .sso:
        config +=
          "sso_account_id = 3\nsso_role_name = A\nsso_start_url = https://s\nsso_region = r\n"
      case .credentialsFile:
        credentials = "[default]\naws_access_key_id = SHARED\naws_secret_access_key = s\n"
      case .login: config += "login_session = me\n"
      case .process: config += "credential_process = /bin/keys\n"
      case .configFile: config += "aws_access_key_id = CONFIG\naws_secret_access_key = s\n"
      case .container: environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x"
      case .instanceMetadata: break
      }
    }
    return try CredentialChain(
      environment: environment,
      profiles: try Profiles(config: config, credentials: credentials), profile: profile,
      roleARN: nil
    ).recipe()
  }
  func kind(_ recipe: CredentialChain.Recipe) -> Kind {
    if !recipe.roles.isEmpty { return .assumeRole }
    switch recipe.base {
    case .keys(let keys, _):
      return ["ENV": .environment, "SHARED": .credentialsFile][keys.accessKeyID] ?? .configFile
    case .webIdentity: return .webIdentity
    case .sso: return .sso
    case .login: return .login
    case .process: return .process
    case .container: return .container
    case .instanceMetadata: return .instanceMetadata
    }
  }

  @Test(arguments: Kind.allCases)
  func `a source comes before all that follow it`(_ first: Kind) throws {
    let index = Kind.allCases.firstIndex(of: first) ?? 0
    let recipe = try recipe(Kind.allCases[index...])
    #expect(kind(recipe) == first)
    // Each one before it is accounted for.
    #expect(recipe.passedOver.count == index)
  }
  @Test
  func `a profile named by argument takes no keys from the environment, nor its web identity`()
    throws
  {
    #expect(try kind(recipe([.environment, .configFile], profile: "default")) == .configFile)
    #expect(try kind(recipe([.webIdentity, .process], profile: "default")) == .process)
    #expect(try kind(recipe([.environment, .container], profile: "default")) == .container)
  }
  @Test func `every detail of a source is the files' and the environment's own`() throws {
    #expect(
      try recipe([.sso]).base
        == .sso(
          SSO(
            accountID: "3", roleName: "A", startURL: "https://s", region: "r", session: nil,
            profile: "default")))
    #expect(
      try recipe([.webIdentity]).base
        == .webIdentity(
          WebIdentity(
            tokenFile: "/token", roleARN: "arn:aws:iam::2:role/web", sessionName: "edgeferry")))
    #expect(
      try recipe([.login]).base
        == .login(LoginSession(name: "me", region: "eu-west-3", profile: "default")))
    #expect(
      try recipe([.process]).base
        == .process(command: "/bin/keys", source: "the profile default"))
  }

  @Test(arguments: ["a", "two words", "a/b", String(repeating: "x", count: 65), "é1"])
  func `a session name that STS would refuse is refused`(_ name: String) throws {
    let config =
      "[profile r]\nrole_arn = arn:aws:iam::2:role/r\ncredential_source = Environment\nrole_session_name = \(name)\n"
    let chain = CredentialChain(
      environment: ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"],
      profiles: try Profiles(config: config, credentials: nil), profile: "r", roleARN: nil)
    let error = #expect(throws: FerryError.self) { try chain.recipe() }
    #expect(error?.code == "bad-session-name" && error?.exit == .usage)
  }
  @Test func `an MFA device is part of the role`() throws {
    let config =
      "[profile r]\nrole_arn = arn:aws:iam::2:role/r\ncredential_source = Environment\nmfa_serial = arn:aws:iam::1:mfa/me\n"
    let chain = CredentialChain(
      environment: ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"],
      profiles: try Profiles(config: config, credentials: nil), profile: "r", roleARN: nil)
    #expect(try chain.recipe().roles.map(\.mfaSerial) == ["arn:aws:iam::1:mfa/me"])
  }
}
