import FerryCore
import FerryModel

/// Makes inputs out of seeds; the same seed makes the same inputs on every machine.
public struct FuzzMutator {
  private let seeds: [[UInt8]]
  /// Those of them that are JSON, and as which they stay well-formed.
  private let documents: [JSONValue]
  private var random: SplitMix64
  /// What formats are made of, and numbers at their edges.
  private static let words: [[UInt8]] =
    [
      "{", "}", "[", "]", "\"", ":", ",", "\\u0000", "\\ud800", "null", "true", "-1", "0", "1e999",
      "9223372036854775807", "-9223372036854775808", "99999999999999999999",
      "1.7976931348623157e308",
      "<", "</", "/>", "&#0;", "&#x110000;", "<!--", "-->", "<![CDATA[", "]]>", "\n", "\r\n", "\t",
      " ",
      "- ", "? ", "&a ", "*a", "!!binary ", "!Ref ", "!GetAtt ", ".inf", ".nan", "<<: ", "---\n",
      "|\n",
      "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2026-11-24T10:00:00+99:99", "${", "}", "..",
      "%",
      "\u{FEFF}", "\u{202E}", "\u{1B}[", "ﬀ", "'", "=", "#", "~", "24:00", "Mon..Sun 00:00-24:00",
    ].map { Array($0.utf8) } + [
      [0], [0xFF], [0x80], [0xC0, 0x0C], [0xC0, 0x00], [0xED, 0xA0, 0x80],
    ]

  public init(_ reader: FuzzReader, seed: UInt64, bytesMax: Int = FuzzReader.bytesMax) {
    seeds = FuzzSeeds.all(reader, bytesMax: bytesMax)
    documents = seeds.compactMap { try? JSONValue.read($0, what: "seed") }
    random = SplitMix64(seed: seed)
  }

  private mutating func below(_ bound: Int) -> Int {
    bound > 0 ? Int(random.next() % UInt64(bound)) : 0
  }
  private mutating func range(in bytes: [UInt8], most: Int) -> Range<Int> {
    let start = below(bytes.count + 1)
    return start..<min(bytes.count, start + below(most + 1))
  }

  /// The next input: a seed with one to eight changes, of its values or of its bytes.
  public mutating func next() -> [UInt8] {
    if !documents.isEmpty, below(2) == 0 {
      var document = documents[below(documents.count)]
      for _ in 0...below(4) { document = changed(document) }
      return Array(document.canonical.utf8.prefix(FuzzReader.bytesMax))
    }
    var out = seeds.isEmpty ? [] : seeds[below(seeds.count)]
    for _ in 0...below(8) { change(&out) }
    return Array(out.prefix(FuzzReader.bytesMax))
  }
  private mutating func change(_ out: inout [UInt8]) {
    switch below(10) {
    case 0 where !out.isEmpty: out[below(out.count)] ^= 1 << UInt8(below(8))
    case 1 where !out.isEmpty: out[below(out.count)] = UInt8(below(256))
    case 2: out.removeSubrange(range(in: out, most: 32))
    case 3: out.removeSubrange(range(in: out, most: out.count))
    case 4:
      let word = Self.words[below(Self.words.count)]
      out.insert(contentsOf: word, at: below(out.count + 1))
    case 5:
      let word = Self.words[below(Self.words.count)]
      out.replaceSubrange(range(in: out, most: word.count), with: word)
    case 6:
      // A piece again, up to a thousand times: depth and length.
      let piece = out[range(in: out, most: 64)]
      let times = [1, 2, 8, 100, 1000][below(5)]
      let most = max(0, FuzzReader.bytesMax - out.count) / max(1, piece.count)
      let many = Array(repeatElement(piece, count: min(times, most)).joined())
      out.insert(contentsOf: many, at: below(out.count + 1))
    case 7 where !seeds.isEmpty:
      let other = seeds[below(seeds.count)]
      let piece = other[range(in: other, most: 256)]
      out.insert(contentsOf: piece, at: below(out.count + 1))
    case 8: number(&out)
    default:
      let from = range(in: out, most: 64)
      let piece = Array(out[from])
      out.removeSubrange(from)
      out.insert(contentsOf: piece, at: below(out.count + 1))
    }
  }
  /// One value of a document replaced, left out or said twice.
  private mutating func changed(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(var members) where !members.isEmpty && below(12) > 0:
      let keys = members.keys.sorted()
      let key = keys[below(keys.count)]
      switch below(12) {
      case 0: members[key] = nil
      case 1: members[key] = members[keys[below(keys.count)]]
      default: members[key] = members[key].map { changed($0) }
      }
      return .object(members)
    case .array(var items) where !items.isEmpty && below(12) > 0:
      let index = below(items.count)
      switch below(12) {
      case 0: items.remove(at: index)
      case 1: items.append(items[index])
      case 2: items = Array(repeatElement(items[index], count: [0, 3, 200][below(3)]))
      default: items[index] = changed(items[index])
      }
      return .array(items)
    default: return Self.edges[below(Self.edges.count)]
    }
  }
  private static let edges: [JSONValue] =
    [
      .null, true, false, 0, 1, -1, .int(.max), .int(.min), .int(1 << 31), .int(1 << 32),
      .double(0.5),
      .double(-0.5), .double(1.7e308), .double(1e19), [], .object([:]), ["x"], ["x": 1],
    ]
    + [
      "", " ", "x", "-1", "9223372036854775807", "99999999999999999999", "9999-12-31T23:59:59Z",
      "0000-01-01T00:00:00Z", "2026-11-24T10:00:00Z", "${", "${a.b}", "${a.b:-}", "..", "/", "a.",
      ".",
      "\u{1B}[2J", "\u{0}", "\u{202E}", "é", "*", "www.example.com.", "E1",
      "last-authoritative-change",
      "dns", "cloudfront", "<a/>", "<DistributionConfig/>", "sha256:0", "arn:aws:x:y:1:z", "::",
      "0s",
      "1e999", "true", String(repeating: "x.", count: 200), String(repeating: "9", count: 400),
    ].map(JSONValue.string)

  /// Replaces a run of digits, where there is one, by a number at an edge.
  private mutating func number(_ out: inout [UInt8]) {
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    let from = below(out.count + 1)
    guard let start = out[from...].firstIndex(where: isDigit) else { return }
    let end = out[start...].firstIndex { !isDigit($0) } ?? out.count
    let edges = [
      "0", "-1", "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808",
      "9223372036854775808", "1e308", "0.5", "00",
    ]
    out.replaceSubrange(start..<end, with: Array(edges[below(edges.count)].utf8))
  }
}
