import FerryCore
import FerryDNS

/// Reads the secret of a TSIG key from a file's text: base64 alone, or a key clause as `tsig-keygen` writes it.
///
/// The text is in no error.
public enum TSIGSecret {
  /// - Parameter file: how errors call it.
  /// - Throws: `bad-tsig-key` (64), also when the clause is of another key or algorithm than the settings name.
  public static func key(_ text: String, _ settings: ZoneSettings.TSIG, file: String)
    throws(FerryError) -> TSIGKey
  {
    func refuse(_ why: String, _ next: String) -> FerryError {
      .badInput(
        "bad-tsig-key", what: "could not read the TSIG secret in \(file)", why: why, next: next)
    }
    guard let algorithm = TSIGKey.Algorithm(rawValue: settings.algorithm) else {
      throw refuse(
        "\(settings.algorithm) is none of ours",
        "use hmac-sha256, hmac-sha384 or hmac-sha512 (RFC 8945 §6)")
    }
    let name = try DomainName(settings.name)
    var words = Self.words(text)
    guard words.contains("{") else {
      guard words.count == 1 else {
        throw refuse(
          "it is neither base64 alone nor a key clause", "write it as tsig-keygen prints it")
      }
      return try TSIGKey(name: name, algorithm: algorithm, base64: words[0])
    }
    guard words.count >= 3, words.removeFirst() == "key", let own = try? DomainName(words[0]) else {
      throw refuse("it holds no key clause", "write it as tsig-keygen prints it")
    }
    guard own == name else {
      throw refuse("its key is \(own), and the settings name \(name)", "correct tsig.name")
    }
    func value(_ field: String) -> String? {
      words.firstIndex(of: field).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }
    guard let secret = value("secret") else {
      throw refuse("its key has no secret", "write it as tsig-keygen prints it")
    }
    if let given = value("algorithm"), given.lowercased() != algorithm.rawValue {
      throw refuse(
        "its key is for another algorithm than \(algorithm.rawValue)", "correct tsig.algorithm")
    }
    guard words.count(where: { $0 == "secret" }) == 1 else {
      throw refuse("it holds more than one key", "keep one key in a file of its own")
    }
    return try TSIGKey(name: name, algorithm: algorithm, base64: secret)
  }

  /// Words and braces of BIND's configuration, without comments, quotes and semicolons.
  private static func words(_ text: String) -> [String] {
    var out: [String] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let trimmed = line.drop { $0 == " " || $0 == "\t" }
      // Base64 holds slashes: only a line that begins with them is a comment.
      if trimmed.hasPrefix("#") || trimmed.hasPrefix("//") { continue }
      var word = ""
      for character in line {
        switch character {
        case " ", "\t", ";", "\"", "\r":
          if !word.isEmpty { out.append(word) }
          word = ""
        case "{", "}":
          if !word.isEmpty { out.append(word) }
          out.append(String(character))
          word = ""
        default: word.append(character)
        }
      }
      if !word.isEmpty { out.append(word) }
    }
    return out
  }
}
