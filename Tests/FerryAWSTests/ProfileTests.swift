import FerryCore
import FerryHTTP
import FerryModel
import Foundation
import Testing

@testable import FerryAWS

/// The files' dialect; the oracle in EndToEndTests holds it against botocore's own reader.
struct ProfileTests {
  func profiles(_ config: String, credentials: String? = nil) throws(FerryError) -> Profiles {
    try Profiles(config: config, credentials: credentials)
  }

  @Test func `which file a key came from is remembered, and the credentials file wins key by key`()
    throws
  {
    let it = try profiles(
      "[default]\nregion = r\naws_access_key_id = C\n",
      credentials: "[default]\naws_access_key_id = S\n[only]\nx = 1\n")
    #expect(it.profiles["default"] == ["region": "r", "aws_access_key_id": "S"])
    #expect(it.configured["default"]?["aws_access_key_id"] == "C")
    #expect(it.shared["default"] == ["aws_access_key_id": "S"])
    #expect(it.profiles["only"] == ["x": "1"] && it.configured["only"] == nil)
  }
  @Test func `sections of sessions and services are no profiles`() throws {
    let it = try profiles(
      "[sso-session corp]\nsso_region = r\n[services lab]\nsts =\n  endpoint_url = u\n[plain]\na = 1\n"
    )
    #expect(it.profiles == [:])
    #expect(it.ssoSessions == ["corp": ["sso_region": "r"]])
    #expect(it.services == ["lab": ["sts.endpoint_url": "u"]])
  }
  @Test func `a value may be of several lines, and blank ones at its end do not count`() throws {
    let it = try profiles(
      "[default]\na = 1\n  two\n\n  three\n\n\nb =\n\n[profile x]\n  c = 2\n  d=3")
    #expect(it.profiles["default"] == ["a": "1\ntwo\n\nthree", "b": ""])
    #expect(it.profiles["x"] == ["c": "2", "d": "3"])
  }
  @Test(arguments: [
    ("a = 1\n", 1), ("[default]\nnothing\n", 2), ("[default]\na = 1\nA = 2\n", 3),
    ("[profile a]\n[profile b]\n[profile a]\n", 3), ("[default]\n= 1\n", 2),
    ("\u{FEFF}[default]\n", 1), ("[]\n", 1), ("# x\r\r\n[default\n", 3),
  ])
  func `a file that cannot be read says on which line and never what stands there`(
    _ text: String, _ line: Int
  ) {
    let error = #expect(throws: FerryError.self) { try profiles(text) }
    #expect(error?.code == "bad-profiles" && error?.exit == .usage)
    #expect(error?.why.hasPrefix("line \(line): ") == true)
  }
  @Test func `bytes that are no text are refused`() {
    #expect(throws: FerryError.self) {
      try Profiles(config: [0x5B, 0x61, 0x5D, 0x0A, 0xFF, 0xFE], credentials: nil)
    }
  }
  @Test func `no file of any content makes it crash`() {
    var random = SplitMix64(seed: 3)
    let pieces = [
      "[", "]", "profile ", "default", "=", ":", "\n", "\r", "  ", "\t", "#", ";", "'", "\"", "\\",
      "a", "é", "\u{0}", "\u{1F600}", "services ", "DEFAULT", "\u{2028}", "\u{85}",
    ]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        pieces.randomElement(using: &random) ?? ""
      }.joined()
      let bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      _ = try? Profiles(config: Array(text.utf8), credentials: bytes)
      _ = shellWords(text)
      _ = Profiles.expanded(text, environment: ["a": "$a"])
    }
  }
  @Test(arguments: [
    ("~/x", "/home/me/x"), ("~", "/home/me"), ("$HOME/x", "/home/me/x"), ("${HOME}x", "/home/mex"),
    ("$NONE/x", "$NONE/x"), ("${HOME", "${HOME"), ("a$", "a$"), ("/a/~", "/a/~"), ("", ""),
    ("~nobody-of-this-name/x", "~nobody-of-this-name/x"),
  ])
  func `paths have their variables and their home filled in`(_ text: String, _ path: String) {
    #expect(Profiles.expanded(text, environment: ["HOME": "/home/me"]) == path)
  }
  @Test func `the files are where the variables say`() throws {
    let environment = [
      "HOME": "/h", "AWS_CONFIG_FILE": "$HOME/c", "AWS_SHARED_CREDENTIALS_FILE": "~/s",
    ]
    let it = try Profiles.read(environment: environment) { path in
      ["/h/c": Array("[profile a]\nx = 1\n".utf8), "/h/s": Array("[b]\nx = 2\n".utf8)][path]
    }
    #expect(it.profiles == ["a": ["x": "1"], "b": ["x": "2"]])
  }
  @Test func `a FIFO or a folder in the place of a file is no file, and nothing waits for it`()
    throws
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let fifo = folder.appendingPathComponent("fifo").path
    #expect(mkfifo(fifo, 0o600) == 0)
    #expect(AWSFiles.read(fifo) == nil)
    #expect(AWSFiles.read(folder.path) == nil)
    #expect(AWSFiles.read("/dev/zero") == nil)
    let file = folder.appendingPathComponent("cache.json").path
    try AWSFiles.replace(file, with: Array("one".utf8))
    try AWSFiles.replace(file, with: Array("two".utf8))
    #expect(AWSFiles.read(file) == Array("two".utf8))
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    #expect(throws: FerryError.self) { try AWSFiles.replace(folder.path + "/no/x", with: []) }
  }
}

struct CredentialPlaceTests {
  func place(_ region: String, legacy: Bool, environment: [String: String] = [:]) -> EndpointPlace {
    EndpointPlace(
      argument: nil, environment: environment, profile: [:], services: [:], region: region,
      fips: false, dualStack: false, stsIsLegacy: legacy)
  }
  @Test(arguments: [
    ("eu-west-1", false, "https://sts.eu-west-1.amazonaws.com", "eu-west-1"),
    ("eu-west-1", true, "https://sts.amazonaws.com", "us-east-1"),
    ("eu-south-1", true, "https://sts.eu-south-1.amazonaws.com", "eu-south-1"),
    ("cn-north-1", true, "https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
  ])
  func `STS is regional, and global only where and when it is asked to be`(
    _ region: String, _ legacy: Bool, _ url: String, _ signing: String
  ) throws {
    let it = try place(region, legacy: legacy).endpoint(.sts, region: nil)
    #expect(it.url == url && it.signingRegion == signing)
  }
  @Test func `an endpoint that was configured is not replaced by the global one`() throws {
    let it = try place(
      "eu-west-1", legacy: true, environment: ["AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"]
    ).endpoint(.sts, region: nil)
    #expect(it.url == "http://127.0.0.1:1" && it.signingRegion == "eu-west-1")
  }
  func session(_ environment: [String: String]) throws -> AWSSession {
    try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: environment.merging(["AWS_CONFIG_FILE": ""]) { $1 }, engine: HTTPEngine(),
      clock: StandingClock())
  }
  @Test func `the kind of STS endpoint is one of two words`() throws {
    func sts(_ word: String) throws -> String {
      try session(["AWS_REGION": "us-west-2", "AWS_STS_REGIONAL_ENDPOINTS": word]).endpoint(
        for: .sts)
    }
    #expect(try sts("legacy") == "https://sts.amazonaws.com")
    #expect(try sts("regional") == "https://sts.us-west-2.amazonaws.com")
    #expect(throws: FerryError.self) { try sts("global") }
  }

  @Test(arguments: [
    ("eu-west-1", "https://eu-west-1.signin.aws.amazon.com"),
    ("cn-north-1", "https://cn-north-1.signin.amazonaws.cn"),
    ("us-gov-west-1", "https://us-gov-west-1.signin.amazonaws-us-gov.com"),
    ("us-iso-east-1", "https://signin.us-iso-east-1.c2s.ic.gov"),
  ])
  func `the sign-in service has names of its own`(_ region: String, _ url: String) throws {
    let place = place(region, legacy: false)
    let world = LiveCredentialWorld(
      environment: [:], clock: StandingClock(), engine: try HTTPEngine(),
      wire: Wire(
        engine: try HTTPEngine(), clock: StandingClock(), place: place, policy: RetryPolicy()),
      place: place)
    #expect(try world.endpoint(LoginSession.signin, region: region) == url)
  }
  @Test func `--endpoint-url gets no sign-in's token, and the variables of the SDKs hold`() throws {
    var place = place(
      "eu-west-1", legacy: false, environment: ["AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:2"])
    place.argument = "https://lab.example"
    let world = LiveCredentialWorld(
      environment: [:], clock: StandingClock(), engine: try HTTPEngine(),
      wire: Wire(
        engine: try HTTPEngine(), clock: StandingClock(), place: place, policy: RetryPolicy()),
      place: place)
    #expect(
      try world.endpoint(SSO.portal, region: "eu-west-2")
        == "https://portal.sso.eu-west-2.amazonaws.com")
    #expect(try world.endpoint(SSO.oidc, region: "eu-west-2") == "http://127.0.0.1:2")
    #expect(try world.endpoint(.sts, region: nil) == "https://lab.example")
  }

  @Test(arguments: [
    "http://169.254.169.254/", "http://169.254.170.2/x", "http://[fd00:ec2::254]/",
    "http://[fd00:ec2::23]/",
  ])
  func `metadata addresses are for metadata alone`(_ url: String) throws {
    try HTTPEngine.check(url, allowingMetadata: true)
    #expect(throws: FerryError.self) { try HTTPEngine.check(url) }
  }
  @Test(arguments: ["http://169.254.169.253/", "http://10.0.0.1/", "http://metadata.example/"])
  func `other addresses are no metadata`(_ url: String) {
    #expect(throws: FerryError.self) { try HTTPEngine.check(url, allowingMetadata: true) }
  }
}
