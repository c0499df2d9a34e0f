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

struct RetryTests {
  @Test(
    arguments: [
      (400, "Throttling", RetryPolicy.Fault.throttled), (503, "SlowDown", .throttled),
      (429, "", .throttled),
      (500, "InternalError", .transient), (502, "", .transient),
      (503, "ServiceUnavailable", .transient), (504, "", .transient),
      (400, "RequestTimeout", .transient),
    ])
  func `faults are told apart by code and status`(
    _ status: Int, _ code: String, _ fault: RetryPolicy.Fault
  ) {
    #expect(RetryPolicy.fault(status: status, code: code) == fault)
  }
  @Test(arguments: [
    (400, "InvalidArgument"), (412, "PreconditionFailed"), (403, "AccessDenied"),
    (404, "NoSuchDistribution"), (200, ""),
  ])
  func `what will not change is not tried again`(_ status: Int, _ code: String) {
    #expect(RetryPolicy.fault(status: status, code: code) == nil)
  }
  @Test func `delays double up to a cap and stop after three attempts`() {
    let policy = RetryPolicy()
    #expect(policy.delay(after: .transient, attempt: 1, isRead: true, random: 0.5) == 0.5)
    #expect(policy.delay(after: .transient, attempt: 2, isRead: true, random: 0.5) == 1)
    #expect(policy.delay(after: .transient, attempt: 3, isRead: true, random: 0.5) == nil)
    #expect(policy.delay(after: .throttled, attempt: 3, isRead: false, random: 1) == nil)
    #expect(policy.delay(after: .throttled, attempt: 9, isRead: true, random: 1) == 20)
    #expect(policy.delay(after: .throttled, attempt: 12, isRead: true, random: 1) == nil)
  }
  @Test func `the server's wish is honoured within five seconds`() {
    let policy = RetryPolicy()
    #expect(
      policy.delay(after: .throttled, attempt: 1, isRead: true, random: 0, retryAfter: 3) == 3)
    #expect(
      policy.delay(after: .throttled, attempt: 1, isRead: true, random: 0, retryAfter: 60) == 5)
  }
  @Test func `the quota runs dry in an outage and fills again`() {
    var quota = RetryQuota()
    var taken = 0
    while quota.take(.transient) != nil { taken += 1 }
    #expect(taken == 100)
    quota.give(5)
    #expect(quota.tokens == 5)
    for _ in 0..<1000 { quota.give(nil) }
    #expect(quota.tokens == 500)
  }
  @Test func `a skewed clock is learnt from the server's Date`() {
    let local = Date(timeIntervalSince1970: 1_440_938_160)
    #expect(
      ClockSkew.offset(
        code: "RequestExpired", dateHeader: "Sun, 30 Aug 2015 13:36:00 GMT", local: local) == 3600)
    #expect(
      ClockSkew.offset(
        code: "SignatureDoesNotMatch", dateHeader: "Sun, 30 Aug 2015 12:37:00 GMT", local: local)
        == nil)
    #expect(
      ClockSkew.offset(
        code: "SignatureDoesNotMatch", dateHeader: "Sun, 30 Aug 2015 12:41:00 GMT", local: local)
        == 300)
    #expect(
      ClockSkew.offset(
        code: "AccessDenied", dateHeader: "Sun, 30 Aug 2015 13:36:00 GMT", local: local) == nil)
    #expect(ClockSkew.offset(code: "RequestExpired", dateHeader: "yesterday", local: local) == nil)
  }
}
