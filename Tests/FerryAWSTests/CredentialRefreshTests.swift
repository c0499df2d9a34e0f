import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

@testable import FerryAWS

/// Keys are renewed before they expire, for everybody at once, and never become somebody else's unnoticed.
struct CredentialRefreshTests {
  static let roleFiles = [
    "/home/me/.aws/config": """
    [default]
    role_arn = arn:aws:iam::222222222222:role/ferry
    source_profile = base
    [profile base]
    aws_access_key_id = BASE
    aws_secret_access_key = b
    [profile mfa]
    role_arn = arn:aws:iam::222222222222:role/mfa
    mfa_serial = arn:aws:iam::111111111111:mfa/me
    source_profile = base
    """
  ]

  @Test(arguments: [
    (3600.0, 0.0, Freshness.Need.none), (3600, 2699, .none), (3600, 2701, .advisory),
    (3600, 3001, .mandatory), (3600, 3599, .mandatory), (3600, 4000, .mandatory),
    // Keys of a quarter of an hour are not renewed at each call.
    (900, 0, .none), (900, 59, .none), (900, 61, .advisory), (900, 301, .mandatory),
    (10, 0.5, .none), (10, 1.5, .mandatory),
  ])
  func `keys are renewed from 15 minutes before they expire, and must be from 10`(
    _ life: Double, _ after: Double, _ need: Freshness.Need
  ) {
    let got = Date(timeIntervalSince1970: 0)
    let freshness = Freshness(expiration: got + life, tried: got, got: got)
    #expect(freshness.need(at: got + after) == need)
  }
  @Test func `keys that do not expire are never renewed`() {
    let got = Date(timeIntervalSince1970: 0)
    #expect(Freshness(expiration: nil, tried: got, got: got).need(at: got + 1e9) == .none)
  }

  @Test func `an hour-long wait that polls has fresh keys all along`() async throws {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    let provider = try CredentialProvider(world)
    var used: Set<String> = []
    for _ in 0..<(3 * 180) {
      let keys = try await provider.credentials()
      used.insert(keys.accessKeyID)
      #expect((keys.expiration ?? .distantPast) > world.standing.now + 600)
      world.standing.pass(20)
    }
    #expect(used == ["ROLE1", "ROLE2", "ROLE3", "ROLE4"])
  }
  @Test func `a renewal that fails early keeps the old keys, and late it is an error`() async throws
  {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    let provider = try CredentialProvider(world)
    _ = try await provider.credentials()
    world.state.withLock {
      $0.assumeError = FerryError(.noAnswer, what: "no answer", why: "down", next: "")
    }
    world.standing.pass(2800)
    #expect(try await provider.credentials().accessKeyID == "ROLE1")
    world.standing.pass(300)
    await #expect(throws: FerryError.self) { try await provider.credentials() }
    world.state.withLock { $0.assumeError = nil }
    #expect(try await provider.credentials().accessKeyID == "ROLE2")
  }
  @Test func `fifty calls at once make one renewal`() async throws {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    let provider = try CredentialProvider(world)
    let found = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<50 { group.addTask { try await provider.credentials().accessKeyID } }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(found == ["ROLE1"])
  }

  @Test func `a process is run again before what it gave expires`() async throws {
    let world = FakeCredentialWorld(files: [
      "/home/me/.aws/config": "[default]\ncredential_process = /bin/keys --for 'x y'\n"
    ])
    let clock = world.standing
    world.state.withLock {
      $0.process = { count in
        let json = """
          {"Version":1,"AccessKeyId":"P\(count)","SecretAccessKey":"s","Expiration":"\(Timestamp.text(clock.now + 1800))"}
          """
        return Subprocess.Ending(code: 0, stdout: Array(json.utf8))
      }
    }
    let provider = try CredentialProvider(world)
    #expect(try await provider.credentials().accessKeyID == "P1")
    world.standing.pass(600)
    #expect(try await provider.credentials().accessKeyID == "P1")
    world.standing.pass(700)
    #expect(try await provider.credentials().accessKeyID == "P2")
  }
  @Test func `keys that come expired are an error that says since when`() async throws {
    let world = FakeCredentialWorld([
      "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s",
      "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
    ])
    let provider = try CredentialProvider(world)
    let error = await #expect(throws: FerryError.self) { try await provider.credentials() }
    #expect(error?.code == .credentials)
    #expect(error?.causes == ["environment: they expired at 2020-01-01T00:00:00Z"])
  }

  @Test func `a code is asked for once, and later its lack is a pause`() async throws {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    world.state.withLock { $0.codes = ["123456", "654321"] }
    let provider = try CredentialProvider(world, profile: "mfa")
    #expect(try await provider.credentials().accessKeyID == "ROLE1")
    #expect(world.state.withLock { $0.assumed.map(\.mfaCode) } == ["123456"])
    #expect(
      world.state.withLock { $0.questions } == [
        "Enter MFA code for arn:aws:iam::111111111111:mfa/me: "
      ])
    world.standing.pass(3500)
    let error = await #expect(throws: FerryError.self) { try await provider.credentials() }
    #expect(error?.code == .credentials && error?.exit == .notYet)
    #expect(world.state.withLock { $0.questions.count } == 1)
  }
  @Test func `without a terminal the error says that a code is needed`() async throws {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    let provider = try CredentialProvider(world, profile: "mfa")
    let error = await #expect(throws: FerryError.self) { try await provider.credentials() }
    #expect(error?.code == .credentials && error?.exit == .failed)
    #expect(error?.why.contains("MFA code of arn:aws:iam::111111111111:mfa/me") == true)
  }

  @Test func `keys that AWS calls expired are replaced by what the files hold by now`() async throws
  {
    let path = "/home/me/.aws/credentials"
    func text(_ key: String) -> String {
      "[default]\naws_access_key_id=\(key)\naws_secret_access_key=s\n"
    }
    let world = FakeCredentialWorld(files: [path: text("OLD")])
    let provider = try CredentialProvider(world)
    let old = try await provider.credentials()
    #expect(try await provider.refreshed(after: old) == false)
    world.state.withLock { $0.files[path] = text("NEW") }
    #expect(try await provider.refreshed(after: old))
    #expect(try await provider.credentials().accessKeyID == "NEW")
    // Somebody else found out before.
    #expect(try await provider.refreshed(after: old))
  }
  @Test func `a role whose source keys STS calls expired is a matter of credentials`() async throws
  {
    let world = FakeCredentialWorld(files: Self.roleFiles)
    world.state.withLock {
      $0.assumeError = FerryError(
        .serviceRefused, what: "", why: "", next: "",
        service: .init(
          operation: "AssumeRole", status: 403, code: "ExpiredToken", message: "", requestID: ""))
    }
    let provider = try CredentialProvider(world)
    let error = await #expect(throws: FerryError.self) { try await provider.credentials() }
    #expect(error?.code == .credentials)
  }
}

struct IdentityProofTests {
  func proof(_ arns: [String: String]) -> IdentityProof {
    IdentityProof(
      .init(account: "111111111111", arn: "arn:aws:sts::111111111111:assumed-role/ferry/one"),
      accessKeyID: "FIRST"
    ) { keys throws(FerryError) in
      guard let arn = arns[keys.accessKeyID] else {
        throw FerryError(.noAnswer, what: "", why: "not arranged", next: "")
      }
      return .init(account: String(arn.split(separator: ":")[3]), arn: arn)
    }
  }
  func keys(_ id: String) -> AWSCredentials { .init(accessKeyID: id, secretAccessKey: "s") }

  @Test func `the keys that a run began with and the same role's next ones may write`() async throws
  {
    let proof = proof(["NEXT": "arn:aws:sts::111111111111:assumed-role/ferry/two"])
    try await proof.check(keys("FIRST"))
    try await proof.check(keys("NEXT"))
  }
  @Test(arguments: [
    "arn:aws:sts::111111111111:assumed-role/other/one",
    "arn:aws:sts::222222222222:assumed-role/ferry/one", "arn:aws:iam::111111111111:user/ferry",
  ])
  func `another role, account or user may not`(_ arn: String) async throws {
    let proof = proof(["OTHER": arn])
    for _ in 0..<2 {
      let error = await #expect(throws: FerryError.self) { try await proof.check(keys("OTHER")) }
      #expect(error?.code == "other-identity" && error?.exit == .blocked)
    }
  }
  @Test func `keys that could not be asked about may not`() async {
    await #expect(throws: FerryError.self) { try await proof([:]).check(keys("NEXT")) }
  }
  @Test(arguments: [
    ("arn:aws:sts::1:assumed-role/r/s", "arn:aws:sts::1:assumed-role/r"),
    ("arn:aws:iam::1:user/path/me", "arn:aws:iam::1:user/path/me"),
    ("arn:aws:sts::1:federated-user/me", "arn:aws:sts::1:federated-user/me"),
    ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
  ])
  func `the session's name is no part of who somebody is`(_ arn: String, _ subject: String) {
    #expect(IdentityProof.subject(arn) == subject)
  }
}
