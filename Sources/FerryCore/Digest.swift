import COpenSSL

/// SHA-256 and HMAC-SHA-256 from libcrypto.
public enum Digest {
  public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    var length = 0
    let done = EVP_Q_digest(nil, "SHA256", nil, bytes, bytes.count, &out, &length)
    precondition(done == 1 && length == 32, "libcrypto has no SHA-256")
    return out
  }
  /// Of the pieces one after the other.
  public static func sha256(of pieces: [ArraySlice<UInt8>]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var done = EVP_DigestInit_ex(context, EVP_sha256(), nil)
    for piece in pieces {
      done &= piece.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    }
    done &= EVP_DigestFinal_ex(context, &out, nil)
    precondition(done == 1, "libcrypto has no SHA-256")
    return out
  }
  public static func hmac(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    var length = 0
    let result = EVP_Q_mac(
      nil, "HMAC", nil, "SHA256", nil, key, key.count, bytes, bytes.count, &out, out.count,
      &length)
    precondition(result != nil && length == 32, "libcrypto has no HMAC")
    return out
  }
  public static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
  }
  /// `sha256:` and 64 hexadecimal digits, the form of every digest that a person sees.
  /// Whether it is written as `tagged` writes one.
  public static func isTagged(_ text: String) -> Bool {
    let digits = text.utf8.dropFirst(7)
    return text.hasPrefix("sha256:") && digits.count == 64
      && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
  public static func tagged(_ text: String) -> String { tagged(Array(text.utf8)) }
  public static func tagged(_ bytes: [UInt8]) -> String { "sha256:" + hex(sha256(bytes)) }
}
