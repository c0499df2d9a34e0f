import FerryCore
import Foundation
import Testing

@testable import FerryAWS

struct CredentialTests {
  static let config = """
    # comment
    [default]
    region = eu-west-1
    [profile work]
    role_arn = arn:aws:iam::222222222222:role/ferry
    source_profile = base
    external_id = x1
    role_session_name = me
    duration_seconds = 900
    [profile chain]
    role_arn = arn:aws:iam::333333333333:role/far
    source_profile = work
    [profile own]
    role_arn = arn:aws:iam::222222222222:role/own
    source_profile = own
    aws_access_key_id = OWN
    aws_secret_access_key = own-secret
    [profile loop-a]
    role_arn = arn:aws:iam::2:role/a
    source_profile = loop-b
    [profile loop-b]
    role_arn = arn:aws:iam::2:role/b
    source_profile = loop-a
    [profile env]
    role_arn = arn:aws:iam::222222222222:role/env
    credential_source = Environment
    [profile both]
    role_arn = arn:aws:iam::2:role/b
    source_profile = base
    credential_source = Environment
    [profile process]
    credential_process = /bin/echo "two words" three
    [profile local]
    services = lab
    [services lab]
    cloudfront =
      endpoint_url = http://localhost:1
    sts =
      endpoint_url = http://localhost:2
    """
  static let shared =
    "[base]\naws_access_key_id = BASE\naws_secret_access_key = s3cr=t\n"

  func chain(_ profile: String? = nil, environment: [String: String] = [:], role: String? = nil)
    throws(FerryError) -> CredentialChain
  {
    CredentialChain(
      environment: environment,
      profiles: try Profiles(config: Self.config, credentials: Self.shared), profile: profile,
      roleARN: role)
  }
  let variables = [
    "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "es", "AWS_SESSION_TOKEN": "et",
  ]

  @Test func `the environment's keys come first`() throws {
    let recipe = try chain(environment: variables.merging(["AWS_PROFILE": "base"]) { $1 }).recipe()
    #expect(
      recipe.base
        == .keys(
          .init(accessKeyID: "ENV", secretAccessKey: "es", sessionToken: "et"),
          source: "environment"))
  }
  @Test func `a profile named by argument beats the environment's keys`() throws {
    let recipe = try chain("base", environment: variables).recipe()
    #expect(
      recipe.base
        == .keys(
          .init(accessKeyID: "BASE", secretAccessKey: "s3cr=t"),
          source: "the credentials file, base"))
  }
  @Test func `roles are assumed from their source on, then the one given on top`() throws {
    let recipe = try chain("chain", role: "arn:aws:iam::4:role/top").recipe()
    #expect(
      recipe.roles.map(\.arn) == [
        "arn:aws:iam::222222222222:role/ferry", "arn:aws:iam::333333333333:role/far",
        "arn:aws:iam::4:role/top",
      ])
    #expect(
      recipe.roles[0]
        == .init(
          arn: "arn:aws:iam::222222222222:role/ferry", externalID: "x1", sessionName: "me",
          durationSeconds: 900))
  }
  @Test func `a profile that is its own source means its own keys`() throws {
    let recipe = try chain("own").recipe()
    #expect(
      recipe.base
        == .keys(
          .init(accessKeyID: "OWN", secretAccessKey: "own-secret"),
          source: "the config file, own"))
    #expect(recipe.roles.map(\.arn) == ["arn:aws:iam::222222222222:role/own"])
  }
  @Test func `a role may take the environment as its source`() throws {
    let recipe = try chain("env", environment: variables).recipe()
    #expect(
      recipe.base
        == .keys(
          .init(accessKeyID: "ENV", secretAccessKey: "es", sessionToken: "et"),
          source: "environment"))
    #expect(recipe.roles.count == 1)
  }
  @Test(arguments: ["loop-a", "both", "nowhere"])
  func `a profile that cannot be right is bad input`(_ profile: String) {
    let error = #expect(throws: FerryError.self) { try chain(profile).recipe() }
    #expect(error?.exit == .usage)
  }
  @Test func `when nothing works each source is listed with its reason, in order`() {
    let error = #expect(throws: FerryError.self) {
      try chain(environment: ["AWS_EC2_METADATA_DISABLED": "true"]).recipe()
    }
    #expect(error?.code == .credentials)
    #expect(
      error?.causes.map { $0.prefix { $0 != ":" } } == [
        "environment", "assume role", "web identity", "SSO", "credentials file", "login session",
        "credential_process", "config file", "container", "instance metadata",
      ])
    #expect(error?.causes.first?.contains("AWS_ACCESS_KEY_ID") == true)
  }
  @Test func `nested sections are read`() throws {
    let profiles = try Profiles(config: Self.config, credentials: nil)
    #expect(profiles.services["lab"]?["cloudfront.endpoint_url"] == "http://localhost:1")
    #expect(profiles.services["lab"]?["sts.endpoint_url"] == "http://localhost:2")
  }
  @Test(arguments: [
    ("/bin/x \"two words\" 'a b' c", ["/bin/x", "two words", "a b", "c"]), ("", []),
    ("a\\ b 'c\\d' \"e\\\"f\\g\"", ["a b", "c\\d", "e\"f\\g"]), ("a'b c'd ''", ["ab cd", ""]),
    ("\u{2028}a", ["\u{2028}a"]),
  ])
  func `a process's command line is split as a shell would, without one`(
    _ line: String, _ words: [String]
  ) {
    #expect(shellWords(line) == words)
  }
  @Test(arguments: ["'open", "\"open", "end\\"])
  func `an open quote is no command line`(_ line: String) { #expect(shellWords(line) == nil) }
}
