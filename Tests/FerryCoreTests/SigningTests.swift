import Foundation
import Testing

@testable import FerryCore

struct SigningTests {
  static func armoured(_ label: String, _ der: [UInt8]) -> [UInt8] {
    Array(
      "-----BEGIN \(label)-----\n\(Data(der).base64EncodedString())\n-----END \(label)-----\n".utf8)
  }
  static func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.utf8.count, by: 2).compactMap {
      UInt8(hex.dropFirst($0).prefix(2), radix: 16)
    }
  }
  /// PKCS #8 of an Ed25519 seed, RFC 8410 §7.
  static func privatePEM(_ seed: [UInt8]) -> [UInt8] {
    armoured("PRIVATE KEY", bytes("302e020100300506032b657004220420") + seed)
  }
  static func publicPEM(_ point: [UInt8]) -> [UInt8] {
    armoured("PUBLIC KEY", bytes("302a300506032b6570032100") + point)
  }

  /// RFC 8032 §7.1, tests 1 to 3.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
  ])
  func `keys sign and verify as RFC 8032 has it`(
    _ seed: String, _ point: String, _ message: String, _ signature: String
  ) throws {
    let key = try SigningKey(pem: Self.privatePEM(Self.bytes(seed)), named: "k")
    #expect(key.verifying.point == Self.bytes(point))
    #expect(key.sign(Self.bytes(message)) == Self.bytes(signature))
    let other = try VerifyingKey(pem: Self.publicPEM(Self.bytes(point)), named: "k.pub")
    #expect(other == key.verifying)
    #expect(other.accepts(Self.bytes(signature), of: Self.bytes(message)))
    #expect(!other.accepts(Self.bytes(signature), of: Self.bytes(message) + [0]))
  }

  static let seed = [UInt8](repeating: 7, count: 32)
  private func signed() throws -> (PlanSignatures, VerifyingKey) {
    let key = try SigningKey(pem: Self.privatePEM(Self.seed), named: "k")
    var all = PlanSignatures(planDigest: PlanFileTests.plan.digest)
    try all.sign(with: key, by: "ops", at: Date(timeIntervalSince1970: 1_795_514_400.9))
    return (all, key.verifying)
  }

  @Test func `every flipped bit of a signature, its time, its name or its plan makes it invalid`()
    throws
  {
    let (all, key) = try signed()
    let plan = PlanFileTests.plan
    let good = SignatureReport(plan, all, keys: [key], required: 1)
    #expect(good.isEnough && good.signatures.map(\.verdict) == [.valid])
    let bytes = Array(try #require(Data(base64Encoded: all.signatures[0].signature)))
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      var other = all
      other.signatures[0].signature = Data(flipped).base64EncodedString()
      #expect(!SignatureReport(plan, other, keys: [key], required: 1).isEnough)
    }
    for size in 0..<64 {
      var other = all
      other.signatures[0].signature = Data(bytes.prefix(size)).base64EncodedString()
      #expect(!SignatureReport(plan, other, keys: [key], required: 1).isEnough)
    }
    var later = all
    later.signatures[0].signedAt += 1
    #expect(
      SignatureReport(plan, later, keys: [key], required: 1).signatures[0].verdict == .invalid)
    var renamed = all
    renamed.signatures[0].by = "boss"
    #expect(!SignatureReport(plan, renamed, keys: [key], required: 1).isEnough)
    var otherPlan = plan
    otherPlan.notes = ["changed"]
    let report = SignatureReport(otherPlan.sealed, all, keys: [key], required: 1)
    #expect(report.signatures.map(\.verdict) == [.otherPlan] && !report.isEnough)
    // A file that claims to be about the other plan is no better.
    var moved = all
    moved.planDigest = otherPlan.sealed.digest
    #expect(!SignatureReport(otherPlan.sealed, moved, keys: [key], required: 1).isEnough)
  }

  @Test func `only listed keys count, each of them once`() throws {
    var (all, key) = try signed()
    let plan = PlanFileTests.plan
    let other = try SigningKey(
      pem: Self.privatePEM([UInt8](repeating: 9, count: 32)), named: "k")
    let unknown = SignatureReport(plan, all, keys: [other.verifying], required: 1)
    #expect(unknown.signatures.map(\.verdict) == [.unknownKey] && unknown.valid == 0)
    all.signatures.append(all.signatures[0])
    let twice = SignatureReport(plan, all, keys: [key, other.verifying], required: 2)
    #expect(twice.valid == 1 && !twice.isEnough)
    try all.sign(with: other, by: "second", at: Date(timeIntervalSince1970: 0))
    #expect(SignatureReport(plan, all, keys: [key, other.verifying], required: 2).isEnough)
    #expect(!SignatureReport(plan, nil, keys: [key], required: 1).isEnough)
  }

  @Test func `signing again with one key replaces its signature`() throws {
    var (all, key) = try signed()
    let again = try SigningKey(pem: Self.privatePEM(Self.seed), named: "k")
    try all.sign(with: again, by: "ops, again", at: Date(timeIntervalSince1970: 1_795_514_500))
    #expect(all.signatures.map(\.by) == ["ops, again"])
    #expect(SignatureReport(PlanFileTests.plan, all, keys: [key], required: 1).isEnough)
    let read = try PlanSignatures.read(
      Array(FerryJSON.document(all).utf8), named: "x.plan.sig")
    #expect(read == all)
  }

  @Test(arguments: ["", "two\nlines", "esc\u{1b}[2J", String(repeating: "x", count: 201)])
  func `a name that is no line is not signed`(_ by: String) throws {
    let key = try SigningKey(pem: Self.privatePEM(Self.seed), named: "k")
    let error = #expect(throws: FerryError.self) {
      var all = PlanSignatures(planDigest: "sha256:0")
      try all.sign(with: key, by: by, at: Date(timeIntervalSince1970: 0))
    }
    #expect(error?.exit == .usage)
  }

  @Test func `every cut or foreign key file is refused with 64`() throws {
    let secret = Self.privatePEM(Self.seed)
    let open = Self.publicPEM([UInt8](repeating: 1, count: 32))
    for count in 0..<secret.count - 1 {
      let error = #expect(throws: FerryError.self) {
        _ = try SigningKey(pem: Array(secret.prefix(count)), named: "k")
      }
      #expect(error?.code == "bad-key" && error?.exit == .usage)
    }
    for count in 0..<open.count - 1 {
      #expect(throws: FerryError.self) {
        try VerifyingKey(pem: Array(open.prefix(count)), named: "k")
      }
    }
    for odd in [
      open, secret + secret, Self.armoured("ENCRYPTED PRIVATE KEY", [1]),
      Self.armoured(
        "PRIVATE KEY", Self.bytes("302e020100300506032b657004220420") + Self.seed + [0]),
      Self.armoured("PRIVATE KEY", [0x30]), Array("not a key".utf8), [0xFF, 0xFE], [],
    ] {
      let error = #expect(throws: FerryError.self) { _ = try SigningKey(pem: odd, named: "k") }
      #expect(error?.code == "bad-key")
    }
    #expect(throws: FerryError.self) { try VerifyingKey(pem: secret, named: "k") }
  }

  @Test(arguments: [
    "{}", "[]", #"{"schema":"edgeferry.signature/2","planDigest":"x","signatures":[]}"#,
    #"{"schema":"edgeferry.signature/1","planDigest":"x"}"#,
    #"{"schema":"edgeferry.signature/1","planDigest":"x","signatures":[{"keyId":"k"}]}"#,
    #"{"schema":"edgeferry.signature/1","planDigest":"x","signatures":[{"keyId":"k","signature":"","signedAt":"now","by":""}]}"#,
  ])
  func `a broken file of signatures is refused with 64`(_ text: String) {
    let error = #expect(throws: FerryError.self) {
      try PlanSignatures.read(Array(text.utf8), named: "x.plan.sig")
    }
    #expect(error?.exit == .usage)
  }
}
