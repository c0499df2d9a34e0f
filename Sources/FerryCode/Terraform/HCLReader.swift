import FerryCore

/// Reads the HCL that `HCLBlock.text` writes; anything else is an error, never a guess.
package struct HCLReader {
  private let text: [Unicode.Scalar]
  private var place = 0
  private var depth = 0
  private static let depthMax = 100

  private init(_ text: String) { self.text = Array(text.unicodeScalars) }

  /// - Throws: `unreadable-code` (1) with the line.
  package static func read(_ text: String, named name: String) throws(FerryError) -> [HCLBlock] {
    var reader = HCLReader(text)
    do {
      let body = try reader.body(until: nil)
      guard body.attributes.isEmpty else { throw Fault.unexpected }
      return body.blocks
    } catch {
      throw reader.error(name)
    }
  }
  /// A file of values: `name = "text"` lines.
  package static func values(_ text: String, named name: String) throws(FerryError) -> [HCLValue
    .Pair]
  {
    var reader = HCLReader(text)
    do {
      return try reader.body(until: nil).attributes
    } catch {
      throw reader.error(name)
    }
  }

  private enum Fault: Error { case unexpected }
  private func error(_ name: String) -> FerryError {
    let line = text.prefix(place).count { $0 == "\n" } + 1
    return FerryError(
      "unreadable-code", what: "could not read \(name) back",
      why: "line \(line) is not what was meant to be written",
      next: "report it with the distribution's config; nothing was written")
  }

  private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }
  private mutating func skip() {
    while let it = next {
      if it == "#" {
        while let it = next, it != "\n" {
          _ = it
          place += 1
        }
      } else if it == " " || it == "\n" {
        place += 1
      } else {
        return
      }
    }
  }
  private mutating func take(_ wanted: Unicode.Scalar) throws {
    skip()
    guard next == wanted else { throw Fault.unexpected }
    place += 1
  }
  private mutating func name() throws -> String {
    skip()
    var out = ""
    while let it = next,
      it.isASCII, it.properties.isAlphabetic || ("0"..."9").contains(it) || it == "_" || it == "-"
    {
      out.unicodeScalars.append(it)
      place += 1
    }
    guard HCLText.isName(out) else { throw Fault.unexpected }
    return out
  }

  /// Reading recurses, so that is bounded.
  private mutating func enter() throws {
    depth += 1
    guard depth <= Self.depthMax else { throw Fault.unexpected }
  }

  private mutating func body(until end: Unicode.Scalar?) throws -> HCLBlock {
    try enter()
    defer { depth -= 1 }
    var out = HCLBlock("")
    while true {
      skip()
      guard let it = next else {
        if end == nil { return out }
        throw Fault.unexpected
      }
      if it == end {
        place += 1
        return out
      }
      let name = try name()
      skip()
      if next == "=" {
        place += 1
        guard out.attribute(name) == nil else { throw Fault.unexpected }
        out.attributes.append(.init(key: name, value: try value()))
        continue
      }
      var labels: [String] = []
      while next == "\"" {
        labels.append(try quoted())
        skip()
      }
      try take("{")
      var block = try body(until: "}")
      block.type = name
      block.labels = labels
      out.blocks.append(block)
    }
  }

  private mutating func value() throws -> HCLValue {
    try enter()
    defer { depth -= 1 }
    skip()
    switch next {
    case "\"": return .string(try quoted())
    case "[":
      place += 1
      var items: [HCLValue] = []
      while true {
        skip()
        if next == "]" { break }
        items.append(try value())
        skip()
        if next == "," { place += 1 } else if next != "]" { throw Fault.unexpected }
      }
      place += 1
      return .list(items)
    case "{":
      place += 1
      var items: [HCLValue.Pair] = []
      while true {
        skip()
        if next == "}" { break }
        let key = next == "\"" ? try quoted() : try name()
        try take("=")
        items.append(.init(key: key, value: try value()))
      }
      place += 1
      return .map(items)
    case let it? where ("0"..."9").contains(it) || it == "-":
      var out = ""
      while let it = next, ("0"..."9").contains(it) || "-+.eE".unicodeScalars.contains(it) {
        out.unicodeScalars.append(it)
        place += 1
      }
      return .number(out)
    default:
      var out = try name()
      if out == "true" || out == "false" { return .bool(out == "true") }
      if out == "file" {
        try take("(")
        let path = try quoted(inModule: true)
        try take(")")
        return .file(path)
      }
      while next == "." {
        place += 1
        out += "." + (try name())
      }
      return .reference(out)
    }
  }

  /// - Parameter inModule: it begins with `${path.module}/`, which is left out.
  private mutating func quoted(inModule: Bool = false) throws -> String {
    try take("\"")
    if inModule {
      for scalar in "${path.module}/".unicodeScalars {
        guard next == scalar else { throw Fault.unexpected }
        place += 1
      }
    }
    var out = String.UnicodeScalarView()
    while let it = next, it != "\n" {
      place += 1
      switch it {
      case "\"": return String(out)
      case "\\":
        guard let kind = next else { throw Fault.unexpected }
        place += 1
        switch kind {
        case "\"", "\\": out.append(kind)
        case "n": out.append("\n")
        case "r": out.append("\r")
        case "t": out.append("\t")
        case "u", "U":
          let length = kind == "u" ? 4 : 8
          guard place + length <= text.count else { throw Fault.unexpected }
          let digits = String(String.UnicodeScalarView(text[place..<place + length]))
          guard let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code) else {
            throw Fault.unexpected
          }
          place += length
          out.append(scalar)
        default: throw Fault.unexpected
        }
      case "$", "%":
        if next == it, place + 1 < text.count, text[place + 1] == "{" {
          out.append(it)
          out.append("{")
          place += 2
        } else if next == "{" {
          throw Fault.unexpected
        } else {
          out.append(it)
        }
      default: out.append(it)
      }
    }
    throw Fault.unexpected
  }
}
