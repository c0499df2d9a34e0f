import COpenSSL
import Foundation

/// A public Ed25519 key: who may sign.
///
/// - Source: RFC 8032 (the signature), RFC 8410 (its DER forms), RFC 7468 (the armour).
public struct VerifyingKey: Hashable, Sendable {
  /// 32 bytes.
  public let point: [UInt8]

  static let prefix: [UInt8] = [
    0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
  ]
  /// The SubjectPublicKeyInfo in DER.
  public var info: [UInt8] { Self.prefix + point }
  /// `sha256:…` of `info`.
  public var id: String { "sha256:" + Digest.hex(Digest.sha256(info)) }

  /// - Parameters:
  ///   - pem: one `PUBLIC KEY` in PEM armour, as `openssl pkey -pubout` writes it.
  ///   - what: the file's name, for errors.
  /// - Throws: `bad-key` (64) for anything else.
  public init(pem: [UInt8], named what: String) throws(FerryError) {
    let der = try PEM.only("PUBLIC KEY", in: pem, named: what)
    guard der.count == 44, der.starts(with: Self.prefix) else {
      throw PEM.refused(what, "it is no Ed25519 public key")
    }
    point = Array(der.dropFirst(Self.prefix.count))
  }
  init(point: [UInt8]) { self.point = point }

  /// In PEM armour, with a final newline.
  public var pem: String {
    "-----BEGIN PUBLIC KEY-----\n\(Data(info).base64EncodedString())\n-----END PUBLIC KEY-----\n"
  }

  /// Whether 64 bytes are this key's signature of a message.
  public func accepts(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    guard signature.count == 64, point.count == 32,
      let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, point, point.count)
    else { return false }
    defer { EVP_PKEY_free(key) }
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}

/// A private Ed25519 key; it is freed, and so wiped, with its value.
public struct SigningKey: ~Copyable {
  private let key: OpaquePointer
  public let verifying: VerifyingKey

  /// - Parameters:
  ///   - pem: one `PRIVATE KEY` (PKCS #8) in PEM armour, as `openssl genpkey -algorithm ed25519` writes it.
  ///   - what: the file's name, for errors.
  /// - Throws: `bad-key` (64) for anything else, an encrypted key too: nobody is asked for its passphrase.
  public init(pem: [UInt8], named what: String) throws(FerryError) {
    var der = try PEM.only("PRIVATE KEY", in: pem, named: what)
    defer { der.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    let parsed = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
      var start = bytes.baseAddress
      guard let key = d2i_AutoPrivateKey(nil, &start, bytes.count) else { return nil }
      guard let base = bytes.baseAddress, start == base + bytes.count else {
        EVP_PKEY_free(key)
        return nil
      }
      return key
    }
    guard let parsed else { throw PEM.refused(what, "it is no private key of PKCS #8") }
    var point = [UInt8](repeating: 0, count: 32)
    var length = point.count
    guard EVP_PKEY_is_a(parsed, "ED25519") == 1,
      EVP_PKEY_get_raw_public_key(parsed, &point, &length) == 1, length == 32
    else {
      EVP_PKEY_free(parsed)
      throw PEM.refused(what, "it is no Ed25519 key")
    }
    key = parsed
    verifying = VerifyingKey(point: point)
  }
  deinit { EVP_PKEY_free(key) }

  /// 64 bytes; nil when libcrypto does not sign.
  public func sign(_ message: [UInt8]) -> [UInt8]? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    var out = [UInt8](repeating: 0, count: 64)
    var length = out.count
    guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
      EVP_DigestSign(context, &out, &length, message, message.count) == 1, length == 64
    else { return nil }
    return out
  }
}

/// Base64 between two lines of dashes.
enum PEM {
  static func refused(_ what: String, _ why: String) -> FerryError {
    .badInput(
      "bad-key", what: "could not use the key \(what)", why: why,
      next: "make one: openssl genpkey -algorithm ed25519 -out KEY && openssl pkey -in KEY -pubout")
  }

  /// The bytes of the one block that a file holds.
  /// - Throws: `bad-key` (64) for another block, several, or none.
  static func only(_ label: String, in pem: [UInt8], named what: String) throws(FerryError)
    -> [UInt8]
  {
    let begin = "-----BEGIN "
    let lines = String(decoding: pem, as: UTF8.self).split(whereSeparator: \.isNewline)
    let heads = lines.indices.filter { lines[$0].hasPrefix(begin) }
    guard let head = heads.first else { throw refused(what, "it is not in PEM armour") }
    guard heads.count == 1 else { throw refused(what, "it holds several keys") }
    let found = lines[head].dropFirst(begin.count).prefix { $0 != "-" }
    guard found == label else {
      // A file's own words are not repeated: it may be a secret of another kind.
      throw refused(
        what,
        found == "ENCRYPTED PRIVATE KEY"
          ? "it is encrypted, and nobody is asked for a passphrase"
          : "it holds no \(label), but something else")
    }
    let body = lines[(head + 1)...].prefix { !$0.hasPrefix("-----") }
    guard head + 1 + body.count < lines.endIndex,
      lines[head + 1 + body.count] == "-----END \(label)-----",
      let der = Data(base64Encoded: body.joined().filter { $0 != " " })
    else { throw refused(what, "it is cut off or no base64") }
    return Array(der)
  }
}
