import FerryCore
import Foundation

/// A planted secret, and every form in which it could slip out.
public struct Canary: Sendable {
  public var name: String
  public var secret: String
  public init(_ name: String, _ secret: String) {
    self.name = name
    self.secret = secret
  }

  /// In clear, percent-encoded, JSON- and XML-escaped, in hex, and in base64 at each of its three alignments.
  public var forms: [[UInt8]] {
    let bytes = Array(secret.utf8)
    let hex = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    var texts = [
      secret, percentEncoded(secret), percentEncoded(secret).lowercased(), hex, hex.uppercased(),
      secret.replacingOccurrences(of: "/", with: "\\/"),
      secret.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
        of: "<", with: "&lt;"),
    ]
    for offset in 0..<3 {
      let shifted = Data([UInt8](repeating: 0, count: offset) + bytes).base64EncodedString()
      // The characters that hold only bits of the secret, wherever it stands in what was encoded.
      let from = offset == 0 ? 0 : offset + 1
      let whole = (offset + bytes.count) * 8 / 6
      let text = String(shifted.dropFirst(from).prefix(whole - from))
      texts += [text, text.replacing("+", with: "-").replacing("/", with: "_")]
    }
    return Set(texts).map { Array($0.utf8) }
  }

  public func isIn(_ bytes: [UInt8]) -> Bool {
    let hay = Data(bytes)
    return forms.contains { hay.range(of: Data($0)) != nil }
  }
}
