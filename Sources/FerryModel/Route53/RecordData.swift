import FerryCore
import Foundation

/// What the value of a resource record must be, and its presentation form on the wire.
///
/// - Source: Developer Guide "Supported DNS record types"; the messages as quoted in public issue threads.
enum RecordData {
  /// Route 53's message on a value that it refuses; nil for one that it takes.
  static func problem(_ value: String, _ type: RRType) -> String? {
    func fatal(_ code: String, _ what: String) -> String {
      "Invalid Resource Record: FATAL problem: \(code) (\(what)) encountered with '\(value)'"
    }
    let words = Self.words(value)
    func isNumber(_ index: Int, _ most: Int) -> Bool {
      words.indices.contains(index) && Int(words[index]).map { (0...most).contains($0) } == true
    }
    func nameProblem(_ text: String) -> String? {
      do throws(Route53.NameProblem) {
        _ = try Route53.name(text)
        return nil
      } catch {
        return "Invalid Resource Record: \(error.text)"
      }
    }
    guard !value.isEmpty, value.utf8.count <= 4000 else {
      return fatal("InvalidLength", "Value is empty or has more than 4000 characters")
    }
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
      return fatal("UnsupportedCharacter", "Value contains unsupported characters")
    }
    switch type.rawValue {
    case "A":
      return address(value, AF_INET) == nil
        ? fatal("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address") : nil
    case "AAAA":
      return address(value, AF_INET6) == nil
        ? fatal("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address") : nil
    case "CNAME", "NS", "PTR": return nameProblem(value)
    case "TXT", "SPF":
      guard let strings = words.isEmpty ? nil : words, strings.allSatisfy(isQuoted) else {
        return fatal(
          "InvalidCharacterString", "Value should be enclosed in quotation marks")
      }
      return strings.allSatisfy { $0.utf8.count <= 257 }
        ? nil : fatal("CharacterStringTooLong", "Value is too long")
    case "MX":
      guard words.count == 2, isNumber(0, 65_535) else {
        return fatal("MXRRDATAMalformed", "MX record doesn't have 2 fields")
      }
      return nameProblem(words[1])
    case "SRV":
      guard words.count == 4, (0..<3).allSatisfy({ isNumber($0, 65_535) }) else {
        return fatal("SRVRRDATANotFourFields", "SRV record doesn't have 4 fields")
      }
      return words[3] == "." ? nil : nameProblem(words[3])
    case "CAA":
      guard words.count == 3, isNumber(0, 255), isQuoted(words[2]) else {
        return fatal("CAARRDATAMalformed", "CAA record doesn't have 3 fields")
      }
      return nil
    case "SOA":
      guard words.count == 7, (2..<7).allSatisfy({ isNumber($0, 2_147_483_647) }) else {
        return fatal("SOARRDATANotSevenFields", "SOA record doesn't have 7 fields")
      }
      return nameProblem(words[0]) ?? nameProblem(words[1])
    default: return words.count >= 2 ? nil : fatal("Malformed", "Value has too few fields")
    }
  }

  /// One line as a zone file has it, names absolute and in lower case.
  static func presentation(_ value: String, _ type: RRType) -> String {
    func absolute(_ name: String) -> String {
      name == "." ? name : ((try? Route53.name(name))?.text ?? name)
    }
    var words = Self.words(value)
    switch type.rawValue {
    case "A": return address(value, AF_INET) ?? value
    case "AAAA": return address(value, AF_INET6) ?? value
    case "CNAME", "NS", "PTR": return absolute(value)
    case "MX", "SRV":
      if let last = words.popLast() { words.append(absolute(last)) }
    case "SOA":
      for index in words.indices.prefix(2) { words[index] = absolute(words[index]) }
    default: break
    }
    return words.joined(separator: " ")
  }

  /// Text of any kind as the data of a TXT record: strings of at most 255 octets in quotation marks.
  static func quoted(_ text: String) -> String {
    let octets = Array(text.utf8)
    let pieces = stride(from: 0, to: max(1, octets.count), by: 255).map { start in
      octets[start..<min(start + 255, octets.count)].map { octet in
        switch octet {
        case 0x22, 0x5C: "\\" + String(UnicodeScalar(octet))
        case 0x20..<0x7F: String(UnicodeScalar(octet))
        default: "\\" + String("00\(octet)".suffix(3))
        }
      }.joined()
    }
    return pieces.map { "\"\($0)\"" }.joined(separator: " ")
  }

  /// The address in its one form; nil for what is none.
  static func address(_ text: String, _ family: Int32) -> String? {
    var octets = [UInt8](repeating: 0, count: 16)
    guard inet_pton(family, text, &octets) == 1 else { return nil }
    var out = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(family, octets, &out, socklen_t(out.count)) != nil else { return nil }
    return String(decoding: out.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func isQuoted(_ word: String) -> Bool {
    word.utf8.count >= 2 && word.hasPrefix("\"") && word.hasSuffix("\"")
  }
  /// The fields; one in quotation marks may hold blanks, and `\"`.
  static func words(_ value: String) -> [String] {
    var out: [String] = []
    var word: [UInt8] = []
    var isInside = false
    var isEscaped = false
    for byte in value.utf8 {
      if !isInside, byte == 0x20 || byte == 0x09 {
        if !word.isEmpty { out.append(String(decoding: word, as: UTF8.self)) }
        word = []
        continue
      }
      word.append(byte)
      if isEscaped {
        isEscaped = false
      } else if byte == 0x5C {
        isEscaped = true
      } else if byte == 0x22 {
        isInside.toggle()
      }
    }
    if !word.isEmpty { out.append(String(decoding: word, as: UTF8.self)) }
    return out
  }
}
