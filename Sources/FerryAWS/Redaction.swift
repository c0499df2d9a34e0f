import FerryCore
import Foundation

/// Takes our own secrets out of what a service says about a request.
enum Redaction {
  static let mark = "‹redacted›"

  /// The body with the secret key, the session token and any signature replaced, in clear, percent-encoded,
  /// or as base64 or hex.
  static func of(_ body: [UInt8], keys: AWSCredentials) -> [UInt8] {
    var text = String(decoding: body, as: UTF8.self)
    let before = text
    for secret in [keys.secretAccessKey, keys.sessionToken].compactMap({ $0 })
    where secret.count >= 8 {
      for form in forms(secret) { text = text.replacingOccurrences(of: form, with: mark) }
    }
    // Of an Authorization header, or of a signed URL.
    text = text.replacing(/(Signature=)[0-9A-Fa-f]{64,}/) { "\($0.1)\(mark)" }
    return text == before ? body : Array(text.utf8)
  }
  private static func forms(_ secret: String) -> [String] {
    let hex = secret.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    return [
      secret, percentEncoded(secret), Data(secret.utf8).base64EncodedString(), hex,
      hex.uppercased(),
    ]
  }
}
