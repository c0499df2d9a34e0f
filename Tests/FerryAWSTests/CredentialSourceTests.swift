import COpenSSL
import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

@testable import FerryAWS

/// What each source reads, sends and refuses.
struct CredentialSourceTests {
  static let agent =
    #"{"AccessKeyId":"AGENT","SecretAccessKey":"s","Token":"t","Expiration":"2027-02-01T00:00:00Z"}"#

  // MARK: Container

  @Test(arguments: [
    ("http://169.254.170.2/x", true), ("http://169.254.170.23/x", true),
    ("http://[fd00:ec2::23]/x", true), ("http://127.0.0.1:9/x", true),
    ("http://localhost/x", true), ("https://agent.example/x", true),
    ("http://169.254.170.3/x", false), ("http://10.0.0.1/x", false),
    ("http://169.254.170.2.example/x", false), ("http://me@169.254.170.2/x", false),
    ("ftp://169.254.170.2/x", false), ("/x", false),
  ])
  func `a container's agent is on loopback, at AWS's own addresses or behind TLS`(
    _ url: String, _ isAllowed: Bool
  ) async throws {
    let world = FakeCredentialWorld(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
    world.arrange("GET /x", .answer(200, Self.agent))
    let source = try #require(ContainerCredentials(world.environment))
    if isAllowed {
      #expect(try await source.load(world).accessKeyID == "AGENT")
      #expect(world.requests.first?.deadlineSeconds == 2)
      #expect(world.requests.first?.allowsMetadataHost == true)
    } else {
      let error = await #expect(throws: FerryError.self) { try await source.load(world) }
      #expect(error?.code == .credentials)
      #expect(world.requests.isEmpty)
    }
  }
  @Test func `a container's agent is asked three times, a second apart`() async throws {
    let world = FakeCredentialWorld(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"])
    let source = try #require(ContainerCredentials(world.environment))
    let began = world.standing.now
    world.arrange("GET /v2/x", .silence, .answer(500, ""), .answer(200, Self.agent))
    #expect(try await source.load(world).accessKeyID == "AGENT")
    #expect(world.standing.now.timeIntervalSince(began) == 2)
    world.arrange("GET /v2/x", .answer(200, "not JSON"))
    let error = await #expect(throws: FerryError.self) { try await source.load(world) }
    #expect(error?.why == "169.254.170.2: its answer is not JSON")
    #expect(world.requests.count == 6)
    #expect(world.requests[0].url == "http://169.254.170.2/v2/x")
  }
  @Test func `a token with a line break is not sent`() async throws {
    let world = FakeCredentialWorld([
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nx-injected: b",
    ])
    let source = try #require(ContainerCredentials(world.environment))
    let error = await #expect(throws: FerryError.self) { try await source.load(world) }
    #expect(error?.why.contains("x-injected") == false)
    #expect(world.requests.isEmpty)
  }

  // MARK: Instance metadata

  static let roles = "GET /latest/meta-data/iam/security-credentials/"
  func instance(
    _ world: FakeCredentialWorld, _ profile: [String: String] = [:]
  ) throws -> InstanceMetadata { try InstanceMetadata(world.environment, profile: profile) }

  @Test func `an instance is asked for a token, its role and the keys`() async throws {
    let world = FakeCredentialWorld()
    world.arrange("PUT /latest/api/token", .answer(200, "imds"))
    world.arrange(Self.roles, .answer(200, "web\n"))
    world.arrange(Self.roles + "web", .answer(200, Self.agent))
    let keys = try await instance(world).load(world)
    #expect(keys.accessKeyID == "AGENT" && keys.sessionToken == "t")
    #expect(
      world.requests.map(\.url) == [
        "http://169.254.169.254/latest/api/token",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/web",
      ])
    #expect(world.requests.allSatisfy { $0.deadlineSeconds == 1 && $0.allowsMetadataHost })
    #expect(
      world.requests[2].headers.contains {
        $0.name == "x-aws-ec2-metadata-token" && $0.value == "imds"
      })
  }
  @Test func `version 1 stands in for version 2 unless it is off`() async throws {
    let world = FakeCredentialWorld()
    world.arrange("PUT /latest/api/token", .answer(404, ""))
    world.arrange(Self.roles, .answer(200, "web"))
    world.arrange(Self.roles + "web", .answer(200, Self.agent))
    #expect(try await instance(world).load(world).accessKeyID == "AGENT")
    #expect(
      !world.requests.contains {
        $0.headers.contains { $0.name == "x-aws-ec2-metadata-token" }
      })
    let off = try instance(world, ["ec2_metadata_v1_disabled": "True"])
    await #expect(throws: FerryError.self) { try await off.load(world) }
  }
  @Test func `a role's name that steers is not followed`() async throws {
    let world = FakeCredentialWorld()
    world.arrange("PUT /latest/api/token", .answer(200, "imds"))
    world.arrange(Self.roles, .answer(200, "a b\u{1B}[2J"))
    let error = await #expect(throws: FerryError.self) { try await instance(world).load(world) }
    #expect(error?.code == .credentials)
    #expect(world.requests.count == 2)
  }
  @Test func `where the service is follows the variables and the profile`() throws {
    func url(_ environment: [String: String], _ profile: [String: String] = [:]) throws -> String {
      try InstanceMetadata(environment, profile: profile).url
    }
    #expect(try url([:]) == "http://169.254.169.254/")
    #expect(
      try url(["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"]) == "http://[fd00:ec2::254]/")
    #expect(try url([:], ["imds_use_ipv6": "true"]) == "http://[fd00:ec2::254]/")
    #expect(
      try url(
        ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"],
        ["ec2_metadata_service_endpoint_mode": "ipv6"]) == "http://127.0.0.1:1/")
    let source = try InstanceMetadata(
      ["AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3", "AWS_METADATA_SERVICE_TIMEOUT": "5"], profile: [:])
    #expect(source.attempts == 3 && source.timeoutSeconds == 5)
    #expect(throws: FerryError.self) {
      try InstanceMetadata(["AWS_METADATA_SERVICE_NUM_ATTEMPTS": "many"], profile: [:])
    }
  }
  @Test func `keys that the service hands out past their time stay in use for a while`() {
    let now = Date(timeIntervalSince1970: 1_000_000)
    func extended(_ left: Double) -> Double {
      InstanceMetadata.extended(now + left, now: now, jitterSeconds: 200).timeIntervalSince(now)
    }
    #expect(extended(-5) == 1100 && extended(1100) == 1100 && extended(1101) == 1101)
  }

  // MARK: Web identity

  @Test func `a web identity's token is read anew each time and the call carries no signature`()
    async throws
  {
    let world = FakeCredentialWorld(files: ["/token": "first"])
    world.arrange("POST /", .silence, .answer(200, Self.webAnswer))
    let source = WebIdentity(
      tokenFile: "/token", roleARN: "arn:aws:iam::2:role/web", sessionName: "ci")
    #expect(try await source.load(world).accessKeyID == "WEB")
    world.state.withLock { $0.files["/token"] = "second" }
    _ = try await source.load(world)
    let bodies = world.requests.map { String(decoding: $0.body, as: UTF8.self) }
    #expect(bodies.count == 3)
    #expect(bodies[1].contains("WebIdentityToken=first"))
    #expect(bodies[2].contains("WebIdentityToken=second"))
    #expect(!world.requests.contains { $0.headers.contains { $0.name == "authorization" } })
    #expect(world.requests[0].url == "https://sts.us-east-1.amazonaws.com/")
  }
  static let webAnswer = """
    <AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
    <Expiration>2027-02-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
    </AssumeRoleWithWebIdentityResponse>
    """

  @Test func `a web identity's token that STS repeats in an error is not shown`() async throws {
    let world = FakeCredentialWorld(files: ["/token": "eyJ0.planted.token"])
    world.arrange(
      "POST /",
      .answer(
        400,
        "<ErrorResponse><Error><Code>ValidationError</Code><Message>bad: eyJ0.planted.token</Message></Error></ErrorResponse>"
      ))
    let source = WebIdentity(
      tokenFile: "/token", roleARN: "arn:aws:iam::2:role/web", sessionName: "ci")
    let error = await #expect(throws: FerryError.self) { try await source.load(world) }
    #expect(error?.service?.code == "ValidationError")
    #expect(error.map { "\($0)".contains("planted") } == false)
  }

  // MARK: SSO

  static let sso = SSO(
    accountID: "333333333333", roleName: "Admin", startURL: "https://start.example",
    region: "eu-central-1", session: "corp", profile: "work")
  static let portalAnswer =
    #"{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"s","sessionToken":"t","expiration":1801000000123}}"#
  func ssoWorld(secondsLeft: Double, more: [String: JSONValue] = [:]) -> FakeCredentialWorld {
    let world = FakeCredentialWorld()
    var document: [String: JSONValue] = [
      "accessToken": "old",
      "expiresAt": .string(Timestamp.text(world.standing.now + secondsLeft)),
    ]
    document.merge(more) { $1 }
    let text = JSONValue.object(document).canonical
    world.state.withLock { $0.files[world.path(Self.sso.cacheFile)] = text }
    world.arrange("GET /federation/credentials", .answer(200, Self.portalAnswer))
    return world
  }
  static let client: [String: JSONValue] = [
    "refreshToken": "r1", "clientId": "c1", "clientSecret": "cs1",
    "registrationExpiresAt": "2027-12-01T00:00:00Z", "scopes": ["sso:account:access"],
  ]
  func bearer(_ request: HTTPRequest?) -> String? {
    request?.headers.first { $0.name == "x-amz-sso_bearer_token" }?.value
  }

  @Test func `the cache's file is named by the session, or by the start URL`() {
    #expect(Self.sso.cacheFile == "~/.aws/sso/cache/\(SHA1.hex(Array("corp".utf8))).json")
    var legacy = Self.sso
    legacy.session = nil
    #expect(
      legacy.cacheFile == "~/.aws/sso/cache/\(SHA1.hex(Array("https://start.example".utf8))).json")
    #expect(SHA1.hex(Array("abc".utf8)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
  }
  @Test func `the portal gives the role's keys for the cached token`() async throws {
    let world = ssoWorld(secondsLeft: 3600)
    let keys = try await Self.sso.load(world)
    #expect(keys.accessKeyID == "SSO")
    #expect(keys.expiration == Date(timeIntervalSince1970: 1_801_000_000))
    #expect(
      world.requests.map(\.url) == [
        "https://portal.sso.eu-central-1.amazonaws.com/federation/credentials?role_name=Admin&account_id=333333333333"
      ])
    #expect(bearer(world.requests.first) == "old")
  }
  @Test func `a token about to expire is refreshed and the cache rewritten with all it held`()
    async throws
  {
    let world = ssoWorld(secondsLeft: 899, more: Self.client)
    world.arrange(
      "POST /token",
      .answer(200, #"{"accessToken":"new","expiresIn":28800,"refreshToken":"r2"}"#))
    _ = try await Self.sso.load(world)
    #expect(world.requests.first?.url == "https://oidc.eu-central-1.amazonaws.com/token")
    #expect(bearer(world.requests.last) == "new")
    let cached = try #require(world.json(world.path(Self.sso.cacheFile)))
    #expect(cached["accessToken"] == "new" && cached["refreshToken"] == "r2")
    #expect(cached["clientSecret"] == "cs1" && cached["scopes"] == ["sso:account:access"])
    #expect(cached["expiresAt"] == .string(Timestamp.text(world.standing.now + 28800)))
  }
  @Test func `a token that expired and cannot be refreshed asks for a login`() async throws {
    for (world, requests) in [
      (ssoWorld(secondsLeft: -1), 0), (ssoWorld(secondsLeft: -1, more: Self.client), 3),
    ] {
      let error = await #expect(throws: FerryError.self) { try await Self.sso.load(world) }
      #expect(error?.code == .credentials)
      #expect(error?.next == "run aws sso login --profile work")
      #expect(world.requests.count == requests)
    }
  }
  @Test func `a cache that cannot be written takes nothing from the token`() async throws {
    let world = ssoWorld(secondsLeft: -5, more: Self.client)
    world.state.withLock { $0.isReadOnly = true }
    world.arrange("POST /token", .answer(200, #"{"accessToken":"new","expiresIn":28800}"#))
    #expect(try await Self.sso.load(world).accessKeyID == "SSO")
    #expect(bearer(world.requests.last) == "new")
  }
  @Test func `a refresh that fails leaves a token that still holds`() async throws {
    let world = ssoWorld(secondsLeft: 60, more: Self.client)
    world.arrange("POST /token", .answer(400, #"{"error":"invalid_grant"}"#))
    #expect(try await Self.sso.load(world).accessKeyID == "SSO")
    #expect(bearer(world.requests.last) == "old")
  }
  @Test func `the older form's token is not refreshed`() async throws {
    var legacy = Self.sso
    legacy.session = nil
    let world = ssoWorld(secondsLeft: 60, more: Self.client)
    let text = world.state.withLock { $0.files[world.path(Self.sso.cacheFile)] }
    world.state.withLock { [legacy] in $0.files[world.path(legacy.cacheFile)] = text }
    #expect(try await legacy.load(world).accessKeyID == "SSO")
    #expect(world.requests.count == 1)
  }

  // MARK: Login

  static let login = LoginSession(name: "me", region: "eu-west-1", profile: "work")
  /// Made anew for each run, in PEM armour.
  static let pem: String = {
    let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    EVP_PKEY_keygen_init(context)
    EVP_PKEY_CTX_set_group_name(context, "prime256v1")
    EVP_PKEY_generate(context, &key)
    defer { EVP_PKEY_free(key) }
    var der: UnsafeMutablePointer<UInt8>?
    let length = i2d_PrivateKey(key, &der)
    defer { CRYPTO_free(der, "", 0) }
    let body = Data(UnsafeBufferPointer(start: der, count: Int(max(0, length))))
    let text = body.base64EncodedString(options: .lineLength64Characters)
    return "-----BEGIN EC PRIVATE KEY-----\n\(text)\n-----END EC PRIVATE KEY-----\n"
  }()
  static let loginFile =
    "/home/me/.aws/login/cache/\(Digest.hex(Digest.sha256(Array("me".utf8)))).json"
  func loginWorld(secondsLeft: Double, key: String = pem) -> FakeCredentialWorld {
    let world = FakeCredentialWorld()
    let document: JSONValue = [
      "accessToken": [
        "accessKeyId": "OLD", "secretAccessKey": "s", "sessionToken": "t",
        "accountId": "111111111111",
        "expiresAt": .string(Timestamp.text(world.standing.now + secondsLeft)),
      ], "clientId": "c", "refreshToken": "r1", "dpopKey": .string(key), "other": "kept",
    ]
    world.state.withLock { $0.files[Self.loginFile] = document.canonical }
    return world
  }

  @Test func `a login session is used as it is until five minutes before its end`() async throws {
    let world = loginWorld(secondsLeft: 301)
    #expect(try await Self.login.load(world).accessKeyID == "OLD")
    #expect(world.requests.isEmpty)
  }
  @Test func `a login session is refreshed with a proof that its key signed`() async throws {
    let world = loginWorld(secondsLeft: 200)
    world.arrange(
      "POST /v1/token",
      .answer(
        200,
        #"{"accessToken":{"accessKeyId":"NEW","secretAccessKey":"s2","sessionToken":"t2"},"expiresIn":900,"refreshToken":"r2"}"#
      ))
    let keys = try await Self.login.load(world)
    #expect(keys.accessKeyID == "NEW" && keys.expiration == world.standing.now + 900)
    let cached = try #require(world.json(Self.loginFile))
    #expect(cached["refreshToken"] == "r2" && cached["other"] == "kept")
    #expect(cached["accessToken"]?["accountId"] == "111111111111")
    let request = try #require(world.requests.first)
    let proof = try #require(request.headers.first { $0.name == "dpop" }?.value)
    let parts = proof.split(separator: ".").map { Self.decoded(String($0)) }
    #expect(parts.count == 3)
    let header = try JSONValue.read(parts[0], what: "header")
    #expect(header["alg"] == "ES256" && header["typ"] == "dpop+jwt")
    let payload = try JSONValue.read(parts[1], what: "payload")
    #expect(payload["htm"] == "POST" && payload["htu"] == .string(request.url))
    #expect(payload["iat"] == 1_800_000_000)
    #expect(
      try Self.verifies(
        header["jwk"],
        signed: Array(proof.prefix { $0 != "." }.utf8) + [0x2E]
          + Array(proof.drop { $0 != "." }.dropFirst().prefix { $0 != "." }.utf8),
        signature: parts[2]))
  }
  @Test func `a refresh that fails leaves what has not expired, and else asks for a login`()
    async throws
  {
    let good = loginWorld(secondsLeft: 200)
    good.arrange("POST /v1/token", .answer(403, #"{"error":"TOKEN_EXPIRED"}"#))
    #expect(try await Self.login.load(good).accessKeyID == "OLD")
    for world in [loginWorld(secondsLeft: -1), loginWorld(secondsLeft: -1, key: "nonsense")] {
      world.arrange("POST /v1/token", .answer(403, #"{"error":"TOKEN_EXPIRED"}"#))
      let error = await #expect(throws: FerryError.self) { try await Self.login.load(world) }
      #expect(error?.next == "run aws login --profile work")
    }
  }
  @Test(
    arguments: [
      ([0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x07], true),
      ([0x30, 0x08, 0x02, 0x02, 0x00, 0x85, 0x02, 0x02, 0x00, 0xFF], true),
      ([0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x02, 0x07], false), ([0x30], false), ([], false),
      ([0x30, 0x05, 0x02, 0x01, 0x05, 0x02, 0x01], false),
    ] as [([UInt8], Bool)])
  func `a signature's two numbers are padded to 32 bytes, and nonsense is nil`(
    _ der: [UInt8], _ isGood: Bool
  ) {
    let pair = DPoPKey.pair(der[...])
    #expect((pair?.count == 64) == isGood)
  }

  static func decoded(_ text: String) -> [UInt8] {
    var text = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(
      of: "_", with: "/")
    while text.count % 4 != 0 { text += "=" }
    return Array(Data(base64Encoded: text) ?? Data())
  }
  /// With the public key that the proof itself names, as the service does.
  static func verifies(_ jwk: JSONValue?, signed: [UInt8], signature: [UInt8]) throws -> Bool {
    let x = decoded(jwk?["x"]?.string ?? "")
    let y = decoded(jwk?["y"]?.string ?? "")
    // SubjectPublicKeyInfo of a P-256 key up to its point.
    let head: [UInt8] = [
      0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
      0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
    let info = head + x + y
    let key = info.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var start = buffer.baseAddress
      return d2i_PUBKEY(nil, &start, buffer.count)
    }
    defer { EVP_PKEY_free(key) }
    func number(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
      var digits = Array(bytes.drop { $0 == 0 })
      if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
      return [0x02, UInt8(digits.count)] + digits
    }
    guard signature.count == 64 else { return false }
    let body = number(signature[..<32]) + number(signature[32...])
    let der = [0x30, UInt8(body.count)] + body
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
      && EVP_DigestVerify(context, der, der.count, signed, signed.count) == 1
  }
}
