import FerryCore
import FerryReport

/// The verdicts of `cutover verify` as text and as JSON, written name by name into one buffer: ten thousand names
/// need no tree of the whole document.
enum VerdictText {
  static func plain(_ names: [CutoverVerdict.Name]) -> String {
    var out = ""
    for it in names {
      out +=
        "\(ProbeText.both(it.name))  DNS \(it.dns.rawValue), serving \(it.serving.rawValue): \(it.cutOver ? "cut over" : "NOT CUT OVER")\n"
      // Of many names only those that need a look are explained.
      guard !it.cutOver || names.count <= 20 else { continue }
      for line in it.because { out += "  \(safe(line))\n" }
    }
    let done = names.count(where: \.cutOver)
    return out + "\(done) of \(names.count) cut over\n"
  }

  /// `edgeferry.verdict/1`, octet for octet what `FerryJSON.document` writes.
  static func json(_ names: [CutoverVerdict.Name]) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(256 + names.count * 320)
    func put(_ text: StaticString) {
      out.append(
        contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    put("{\n  \"differences\" : [\n\n  ],\n  \"names\" : [")
    for (index, it) in names.enumerated() {
      put(index == 0 ? "\n    {\n      \"because\" : [" : ",\n    {\n      \"because\" : [")
      for (index, line) in it.because.enumerated() {
        put(index == 0 ? "\n        " : ",\n        ")
        quote(line, into: &out)
      }
      put(
        it.because.isEmpty
          ? "\n\n      ],\n      \"cutOver\" : " : "\n      ],\n      \"cutOver\" : ")
      put(it.cutOver ? "true" : "false")
      put(",\n      \"dns\" : ")
      quote(it.dns.rawValue, into: &out)
      put(",\n      \"name\" : ")
      quote(it.name.text, into: &out)
      put(",\n      \"serving\" : ")
      quote(it.serving.rawValue, into: &out)
      put("\n    }")
    }
    put(names.isEmpty ? "\n\n  ],\n  \"schema\" : " : "\n  ],\n  \"schema\" : ")
    quote(CutoverVerdict(names: []).schema, into: &out)
    put("\n}\n")
    return String(decoding: out, as: UTF8.self)
  }
  /// - Source: RFC 8259 §7.
  private static func quote(_ text: String, into out: inout [UInt8]) {
    out.append(0x22)
    let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }
    if isPlain {
      out.append(contentsOf: text.utf8)
    } else {
      let digits = Array("0123456789abcdef".utf8)
      for byte in text.utf8 {
        switch byte {
        case 0x22, 0x5C: out += [0x5C, byte]
        case 0x08: out += [0x5C, 0x62]
        case 0x09: out += [0x5C, 0x74]
        case 0x0A: out += [0x5C, 0x6E]
        case 0x0C: out += [0x5C, 0x66]
        case 0x0D: out += [0x5C, 0x72]
        case 0..<0x20:
          out += [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: out.append(byte)
        }
      }
    }
    out.append(0x22)
  }
}
