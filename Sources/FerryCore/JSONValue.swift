import Foundation

/// Any JSON document, kept as it was read; the base of digests and of the AWS CLI's config shape.
public enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  public subscript(_ key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }
  public var string: String? { if case .string(let it) = self { it } else { nil } }
  public var array: [JSONValue]? { if case .array(let it) = self { it } else { nil } }
  public var object: [String: JSONValue]? { if case .object(let it) = self { it } else { nil } }
  public var bool: Bool? { if case .bool(let it) = self { it } else { nil } }
  public var int: Int? {
    switch self {
    case .int(let it): Int(exactly: it)
    case .double(let it): Int(exactly: it)
    default: nil
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}

extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    let box = try decoder.singleValueContainer()
    // What there is most of comes first: each kind that it is not costs an error.
    if let it = try? box.decode(String.self) {
      self = .string(it)
    } else if box.decodeNil() {
      self = .null
    } else if let it = try? box.decode([String: JSONValue].self) {
      self = .object(it)
    } else if let it = try? box.decode([JSONValue].self) {
      self = .array(it)
    } else if let it = try? box.decode(Int64.self) {
      self = .int(it)
    } else if let it = try? box.decode(Bool.self) {
      self = .bool(it)
    } else {
      self = .double(try box.decode(Double.self))
    }
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    switch self {
    case .null: try box.encodeNil()
    case .bool(let it): try box.encode(it)
    case .int(let it): try box.encode(it)
    case .double(let it): try box.encode(it)
    case .string(let it): try box.encode(it)
    case .array(let it): try box.encode(it)
    case .object(let it): try box.encode(it)
    }
  }
}

extension JSONValue {
  /// - Parameter what: names the document in the error, such as `"plan plans/x.plan.json"`.
  /// - Throws: `.badInput` (exit 64) for anything that is not one JSON document.
  public static func read(_ bytes: [UInt8], what: String) throws(FerryError) -> JSONValue {
    guard depth(bytes) <= depthMax else {
      throw .badInput(
        "bad-json", what: "could not read \(what)", why: "it nests deeper than \(depthMax) levels",
        next: "check that the file is what it should be")
    }
    do {
      return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    } catch {
      throw .badInput(
        "bad-json", what: "could not read \(what)", why: "it is not valid JSON",
        next: "check that the file is complete and was not edited by hand")
    }
  }
  private static let depthMax = 128
  /// How deep arrays and objects nest. Reading recurses, slowly where it is deep, so that is bounded first.
  private static func depth(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      var (depth, deepest, isText, isEscaped) = (0, 0, false, false)
      for byte in bytes {
        if isText {
          if isEscaped {
            isEscaped = false
          } else if byte == 0x5C {
            isEscaped = true
          } else if byte == 0x22 {
            isText = false
          }
          continue
        }
        switch byte {
        case 0x22: isText = true
        case 0x5B, 0x7B:
          depth += 1
          deepest = max(deepest, depth)
        case 0x5D, 0x7D: depth -= 1
        default: break
        }
      }
      return deepest
    }
  }
  /// Any Codable value as a JSON value, with edgeferry's date form.
  public static func of(_ value: some Encodable) -> JSONValue {
    do {
      return try JSONTree.value(of: value)
    } catch {
      preconditionFailure("a value that cannot be written as JSON: \(error)")
    }
  }
  public func decoded<T: Decodable>(_ type: T.Type, what: String) throws(FerryError) -> T {
    do {
      return try FerryJSON.decoder.decode(type, from: Data(canonical.utf8))
    } catch let error as DecodingError {
      throw .badInput(
        FerryError.Code(rawValue: "bad-\(what.split(separator: " ").first ?? "input")"),
        what: "could not read \(what)",
        why: FerryJSON.explain(error),
        next: "check that the file is complete and was not edited by hand")
    } catch {
      throw .badInput(
        what: "could not read \(what)", why: "\(error)", next: "check that the file is complete")
    }
  }

  /// RFC 8785: members sorted by UTF-16 code units, no blanks, ECMAScript numbers.
  public var canonical: String {
    var out = JSONBytes()
    write(into: &out)
    return String(decoding: out.bytes, as: UTF8.self)
  }
  func write(into out: inout JSONBytes) {
    switch self {
    case .null: out.raw("null")
    case .bool(let it): out.raw(it ? "true" : "false")
    case .int(let it): out.bytes.append(contentsOf: String(it).utf8)
    case .double(let it): out.bytes.append(contentsOf: Self.ecmaScript(it).utf8)
    case .string(let it): out.string(it)
    case .array(let items): out.list(items) { $0.write(into: &$1) }
    case .object(let members): out.object(members) { _, _, _ in false }
    }
  }
  /// ECMA-262 Number::toString, from Swift's shortest digits.
  static func ecmaScript(_ value: Double) -> String {
    if value == 0 { return "0" }
    precondition(value.isFinite, "JSON has no such number")
    if value < 0 { return "-" + ecmaScript(-value) }
    let text = "\(value)"
    let parts = text.split(separator: "e")
    var digits = parts[0].replacingOccurrences(of: ".", with: "")
    let pointAt = parts[0].firstIndex(of: ".").map {
      parts[0].distance(from: parts[0].startIndex, to: $0)
    }
    var point = (pointAt ?? parts[0].count) + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.hasPrefix("0"), digits.count > 1 {
      digits.removeFirst()
      point -= 1
    }
    while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
    let count = digits.count
    if count <= point && point <= 21 {
      return digits + String(repeating: "0", count: point - count)
    }
    if 0 < point && point <= 21 { return digits.prefix(point) + "." + digits.dropFirst(point) }
    if -6 < point && point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
    let exponent = point - 1
    let sign = exponent < 0 ? "-" : "+"
    let mantissa = count == 1 ? digits : digits.prefix(1) + "." + digits.dropFirst(1)
    return "\(mantissa)e\(sign)\(abs(exponent))"
  }
}

/// The one way edgeferry writes and reads JSON: sorted keys, RFC 3339 UTC times.
public enum FerryJSON {
  public static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .custom { date, encoder in
      var box = encoder.singleValueContainer()
      try box.encode(Timestamp.text(date))
    }
    return encoder
  }
  public static var prettyEncoder: JSONEncoder {
    let encoder = Self.encoder
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return encoder
  }
  public static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .custom { decoder in
      let box = try decoder.singleValueContainer()
      let text = try box.decode(String.self)
      guard let date = Timestamp.read(text) else {
        throw DecodingError.dataCorruptedError(
          in: box, debugDescription: "\(text) is not an RFC 3339 time")
      }
      return date
    }
    return decoder
  }
  /// A pretty document with a final newline, as files and stdout carry it.
  public static func document(_ value: some Encodable) -> String {
    do {
      return String(decoding: try prettyEncoder.encode(value), as: UTF8.self) + "\n"
    } catch {
      preconditionFailure("a value that cannot be written as JSON: \(error)")
    }
  }
  static func explain(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context) -> String {
      context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        .joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      let place = path(context)
      return "the key \(key.stringValue) is missing\(place.isEmpty ? "" : " in \(place)")"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(path(context)) has the wrong type"
    case .dataCorrupted(let context):
      return "\(path(context)): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}

/// RFC 3339 times in UTC, seconds precision when written; fractions and offsets are read.
public enum Timestamp {
  ///
  /// What lies outside the years 0000 to 9999 is written as the nearest instant that does not.
  public static func text(_ date: Date) -> String {
    let whole = date.timeIntervalSince1970.rounded(.down)
    var seconds = Int(min(max(whole.isNaN ? 0 : whole, -62_167_219_200), 253_402_300_799))
    let days = Int((Double(seconds) / 86_400).rounded(.down))
    seconds -= days * 86_400
    let (year, month, day) = civil(days)
    let numbers = [
      year / 100, year % 100, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60,
    ]
    let marks = Array("  --T::".utf8)
    return String(unsafeUninitializedCapacity: 20) { out in
      var count = 0
      func put(_ byte: UInt8) {
        out.initializeElement(at: count, to: byte)
        count += 1
      }
      for (place, number) in numbers.enumerated() {
        if place > 1 { put(marks[place]) }
        put(UInt8(ascii: "0") + UInt8(number / 10))
        put(UInt8(ascii: "0") + UInt8(number % 10))
      }
      put(UInt8(ascii: "Z"))
      return count
    }
  }
  public static func read(_ text: String) -> Date? {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: false)
    if let date = try? style.parse(text) { return date }
    return try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)
  }
  /// Howard Hinnant's civil-from-days; days since 1970-01-01.
  private static func civil(_ days: Int) -> (Int, Int, Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
