import COpenSSL
import FerryCore
import Foundation

/// A P-256 key that proves its possession, the way `aws login` sessions ask for it.
///
/// - Source: RFC 9449 (DPoP), RFC 7515 and RFC 7518 §3.4 (ES256); botocore 1.43.11 `_build_dpop_header`.
struct DPoPKey: ~Copyable {
  private let key: OpaquePointer
  /// The public point: 0x04, 32 bytes of x, 32 bytes of y.
  private let point: [UInt8]

  /// - Parameter pem: SEC 1 or PKCS #8 in PEM armour; nil for anything but a P-256 key.
  init?(pem: String) {
    let body = pem.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
    guard let der = Data(base64Encoded: body.trimmingCharacters(in: .whitespaces)) else {
      return nil
    }
    let bytes = Array(der)
    let parsed = bytes.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var start = buffer.baseAddress
      return d2i_AutoPrivateKey(nil, &start, buffer.count)
    }
    guard let parsed else { return nil }
    var point = [UInt8](repeating: 0, count: 65)
    var length = 0
    var group = [CChar](repeating: 0, count: 64)
    guard EVP_PKEY_get_utf8_string_param(parsed, "group", &group, group.count, nil) == 1,
      group.prefix(while: { $0 != 0 }).elementsEqual("prime256v1".utf8.map { CChar($0) }),
      EVP_PKEY_get_octet_string_param(parsed, "pub", &point, point.count, &length) == 1,
      length == 65, point[0] == 4
    else {
      EVP_PKEY_free(parsed)
      return nil
    }
    key = parsed
    self.point = point
  }
  deinit { EVP_PKEY_free(key) }

  /// The JWT of one request; nil when the key does not sign.
  func proof(method: String, url: String, issued: Date, id: String) -> String? {
    let jwk: JSONValue = [
      "kty": "EC", "crv": "P-256", "x": .string(Self.base64(point[1..<33])),
      "y": .string(Self.base64(point[33..<65])),
    ]
    let header: JSONValue = ["typ": "dpop+jwt", "alg": "ES256", "jwk": jwk]
    let payload: JSONValue = [
      "htm": .string(method), "htu": .string(url),
      "iat": .int(Int64(issued.timeIntervalSince1970)), "jti": .string(id),
    ]
    let text =
      Self.base64(Array(header.canonical.utf8)[...]) + "."
      + Self.base64(Array(payload.canonical.utf8)[...])
    guard let signature = sign(Array(text.utf8)) else { return nil }
    return text + "." + Self.base64(signature[...])
  }

  /// r and s, 32 bytes each.
  private func sign(_ bytes: [UInt8]) -> [UInt8]? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    var der = [UInt8](repeating: 0, count: 128)
    var length = der.count
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
      EVP_DigestSign(context, &der, &length, bytes, bytes.count) == 1
    else { return nil }
    return Self.pair(der[..<length])
  }

  /// A DER `SEQUENCE { INTEGER, INTEGER }` as two numbers of 32 bytes; both lengths fit in one byte here.
  static func pair(_ der: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = der
    guard rest.popFirst() == 0x30, let total = rest.popFirst(), total == rest.count else {
      return nil
    }
    var out: [UInt8] = []
    for _ in 0..<2 {
      guard rest.popFirst() == 0x02, let length = rest.popFirst(), length <= rest.count else {
        return nil
      }
      let number = rest.prefix(Int(length)).drop { $0 == 0 }
      guard number.count <= 32 else { return nil }
      out += [UInt8](repeating: 0, count: 32 - number.count) + number
      rest = rest.dropFirst(Int(length))
    }
    return rest.isEmpty ? out : nil
  }

  static func base64(_ bytes: ArraySlice<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
  }
}
