import FerryCore
import Yams

/// Whose signatures a plan needs before anything of it runs.
package struct SignatureRules: Equatable, Sendable {
  /// How many of the keys have to have signed; 0 when none has to.
  package var required = 0
  /// Public keys in PEM armour, beside the settings.
  package var keys: [String] = []

  package init() {}
}

extension SettingsReader {
  func signatures(_ node: Node) throws(FerryError) -> SignatureRules {
    var out = SignatureRules()
    out.keys = texts(node["keys"])
    guard !out.keys.isEmpty else {
      throw refuse("signatures.keys lists the files of the public keys, one at least", at: node)
    }
    out.required = 1
    if let count = node["required"] {
      guard let number = count.int, number >= 1, number <= out.keys.count else {
        throw refuse(
          "signatures.required is a whole number, 1 to the number of keys", at: count)
      }
      out.required = number
    }
    return out
  }
}
