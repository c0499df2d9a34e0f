import Foundation

/// An absolute domain name: lower case, A-labels, with the trailing dot.
///
/// - Source: RFC 1035 §2.3.4 (63 octets a label, 255 in all), RFC 5891 (IDN), RFC 4592 (wildcards).
public struct DomainName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Presentation form; octets that are no plain characters stand as `\DDD`, dots in labels as `\.`.
  public let text: String
  public var description: String { text }
  public static let root = DomainName(wire: ".")

  /// A name from the wire or from another trusted reader, which has checked its lengths.
  public init(wire text: String) {
    let lower = text.utf8.contains { (0x41...0x5A).contains($0) } ? text.lowercased() : text
    self.text = lower.utf8.last == 0x2E ? lower : lower + "."
  }

  /// A name that a person wrote: with or without the trailing dot, in Unicode or as A-labels.
  ///
  /// - Throws: `bad-name` (64), saying which label is wrong and why.
  public init(_ given: String) throws(FerryError) {
    if let plain = Self.plain(given) {
      text = plain
      return
    }
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-name", what: "could not read the name \(given.debugDescription)", why: why,
        next: "write it as www.example.com")
    }
    var name = given
    for dot in ["\u{3002}", "\u{FF0E}", "\u{FF61}"] {
      name = name.replacingOccurrences(of: dot, with: ".")
    }
    if name.hasSuffix(".") { name.removeLast() }
    guard !name.isEmpty else {
      if given == "." {
        self = .root
        return
      }
      throw refuse("it is empty")
    }
    var labels: [String] = []
    for (index, part) in name.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
      let label = part.utf8.allSatisfy { $0 < 0x80 } ? part.lowercased() : Self.encoded(part)
      guard let label else { throw refuse("the label \(part.debugDescription) is no IDN label") }
      guard !label.isEmpty else { throw refuse("it has an empty label") }
      guard label.utf8.count <= 63 else { throw refuse("a label has more than 63 octets") }
      let isWildcard = label == "*" && index == 0
      guard isWildcard || label.utf8.allSatisfy(Self.isPlain) else {
        throw refuse("the label \(part.debugDescription) holds more than letters, digits, - and _")
      }
      guard !label.hasPrefix("-"), !label.hasSuffix("-") else {
        throw refuse("the label \(part.debugDescription) begins or ends with -")
      }
      labels.append(label)
    }
    guard labels.reduce(1, { $0 + $1.utf8.count + 1 }) <= 255 else {
      throw refuse("it has more than 255 octets")
    }
    text = labels.joined(separator: ".") + "."
  }
  /// What nearly every name is, read in one pass: nothing but letters, digits, - and _ in fitting labels. Nil sends
  /// all else, what is wrong included, the long way.
  private static func plain(_ given: String) -> String? {
    let count = given.utf8.count
    guard count > 0, count <= 253 else { return nil }
    var isPlain = true
    let out = String(unsafeUninitializedCapacity: count + 1) { out in
      var label = 0
      var last: UInt8 = 0x2E
      var index = 0
      for byte in given.utf8 {
        let lower = (0x41...0x5A).contains(byte) ? byte + 32 : byte
        if byte == 0x2E {
          if label == 0 || last == 0x2D { isPlain = false }
          label = 0
        } else {
          if !Self.isPlain(lower) || (label == 0 && lower == 0x2D) { isPlain = false }
          label += 1
          if label > 63 { isPlain = false }
        }
        guard isPlain else { return 0 }
        out[index] = lower
        index += 1
        last = byte
      }
      if last == 0x2D {
        isPlain = false
        return 0
      }
      if last != 0x2E {
        out[index] = 0x2E
        index += 1
      }
      return index
    }
    return isPlain ? out : nil
  }
  private static func isPlain(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
  }
  /// Foundation maps and encodes hosts by UTS 46; nil for what that refuses.
  private static func encoded(_ label: Substring) -> String? {
    var parts = URLComponents()
    parts.scheme = "http"
    parts.host = String(label)
    guard let host = parts.encodedHost, host.hasPrefix("xn--"), host.utf8.allSatisfy({ $0 < 0x80 })
    else { return nil }
    return host.lowercased()
  }

  public var labels: [Substring] {
    var out: [Substring] = []
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      if text[index] == "\\" {
        index = text.index(index, offsetBy: 2, limitedBy: text.endIndex) ?? text.endIndex
        continue
      }
      if text[index] == "." {
        if index > start { out.append(text[start..<index]) }
        start = text.index(after: index)
      }
      index = text.index(after: index)
    }
    return out
  }
  /// The name without its first label; nil for the root.
  public var parent: DomainName? {
    guard let first = labels.first else { return nil }
    let rest = text.dropFirst(first.count + 1)
    return DomainName(wire: rest.isEmpty ? "." : String(rest))
  }
  /// Whether it is `zone` or below it.
  public func isWithin(_ zone: DomainName) -> Bool {
    if zone.text == "." || text == zone.text { return true }
    let (own, other) = (text.utf8, zone.text.utf8)
    guard own.count > other.count, own.suffix(other.count).elementsEqual(other) else {
      return false
    }
    let before = own.dropLast(other.count)
    return before.last == 0x2E && before.dropLast().last != 0x5C
  }
  public var isWildcard: Bool { text.hasPrefix("*.") }
  /// The labels below `zone`: `www` of www.example.com. in example.com.; empty at the apex.
  public func relative(to zone: DomainName) -> String {
    guard self != zone, isWithin(zone) else { return self == zone ? "" : text }
    return zone.text == "." ? String(text.dropLast()) : String(text.dropLast(zone.text.count + 1))
  }
  /// Without the trailing dot, as hosts are written in URLs, SNI and CloudFront aliases.
  public var host: String { text == "." ? "." : String(text.dropLast()) }

  /// The name with its A-labels in Unicode; nil when it has none, or one that is no IDN label.
  public var unicode: String? {
    guard text.contains("xn--") else { return nil }
    var parts = URLComponents()
    parts.scheme = "http"
    parts.encodedHost = host
    guard let decoded = parts.host, decoded != host else { return nil }
    return decoded + "."
  }

  public static func < (one: DomainName, other: DomainName) -> Bool { one.text < other.text }
}

extension DomainName: Codable {
  public init(from decoder: any Decoder) throws {
    self.init(wire: try decoder.singleValueContainer().decode(String.self))
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    try box.encode(text)
  }
}
