/// A value as HCL writes it, as far as emitted code needs it.
package indirect enum HCLValue: Equatable, Sendable {
  package struct Pair: Equatable, Sendable {
    package var key: String
    package var value: HCLValue
    package init(key: String, value: HCLValue) {
      self.key = key
      self.value = value
    }
  }
  case string(String)
  /// As it is written: `3`, `0.05`.
  case number(String)
  case bool(Bool)
  case list([HCLValue])
  case map([Pair])
  /// An address such as `aws_cloudfront_function.rewrite.arn`.
  case reference(String)
  /// `file("${path.module}/PATH")`: the path, relative to the folder.
  case file(String)
}

/// A block: `type "label" { … }`.
package struct HCLBlock: Equatable, Sendable {
  package var type: String
  package var labels: [String]
  package var attributes: [HCLValue.Pair]
  package var blocks: [HCLBlock]
  /// What stands above it, a line each.
  package var comment: [String]

  package init(
    _ type: String, _ labels: [String] = [], _ attributes: [(String, HCLValue)] = [],
    blocks: [HCLBlock] = [], comment: [String] = []
  ) {
    self.type = type
    self.labels = labels
    self.attributes = attributes.map { .init(key: $0.0, value: $0.1) }
    self.blocks = blocks
    self.comment = comment
  }
  package func attribute(_ name: String) -> HCLValue? { attributes.first { $0.key == name }?.value }
  /// `aws_cloudfront_function.rewrite`; with `data.` before it for a data source.
  package var address: String { ((type == "data" ? ["data"] : []) + labels).joined(separator: ".") }
}

// MARK: Writing

extension HCLBlock {
  /// Blocks one after the other, in the form that `terraform fmt` leaves alone.
  package static func text(_ blocks: [HCLBlock]) -> String {
    blocks.map { $0.lines(indent: "").joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private func lines(indent: String) -> [String] {
    var out = comment.map { indent + "# " + $0 }
    let head = ([type] + labels.map(HCLText.quoted)).joined(separator: " ")
    guard !attributes.isEmpty || !blocks.isEmpty else { return out + ["\(indent)\(head) {}"] }
    out.append("\(indent)\(head) {")
    out += HCLText.pairs(attributes, indent: indent + "  ")
    for block in blocks {
      if out.last?.hasSuffix("{") == false || !attributes.isEmpty || block != blocks.first {
        out.append("")
      }
      out += block.lines(indent: indent + "  ")
    }
    return out + ["\(indent)}"]
  }
}

package enum HCLText {
  /// Attributes a line each, the signs of neighbouring lines under one another.
  package static func pairs(_ pairs: [HCLValue.Pair], indent: String) -> [String] {
    var out: [String] = []
    var run: [(key: String, value: String)] = []
    func flush() {
      let width = run.map(\.key.count).max() ?? 0
      for (key, value) in run {
        out.append(indent + key + String(repeating: " ", count: width - key.count) + " = " + value)
      }
      run = []
    }
    for pair in pairs {
      let key = isName(pair.key) ? pair.key : quoted(pair.key)
      let lines = lines(pair.value, indent: indent, room: 96 - indent.count - key.count)
      if lines.count == 1 {
        run.append((key, lines[0]))
      } else {
        flush()
        out.append("\(indent)\(key) = \(lines[0])")
        out += lines.dropFirst()
      }
    }
    flush()
    return out
  }

  private static func lines(_ value: HCLValue, indent: String, room: Int) -> [String] {
    switch value {
    case .string(let it): return [quoted(it)]
    case .number(let it): return [it]
    case .bool(let it): return [it ? "true" : "false"]
    case .reference(let it): return [it]
    case .file(let path): return ["file(\"${path.module}/\(escaped(path))\")"]
    case .list(let items):
      // Items are scalars and references: one line each.
      let parts = items.flatMap { lines($0, indent: indent, room: room) }
      let whole = "[" + parts.joined(separator: ", ") + "]"
      guard whole.count > room, items.count > 1 else { return [whole] }
      return ["["] + parts.map { "\(indent)  \($0)," } + ["\(indent)]"]
    case .map(let items):
      guard !items.isEmpty else { return ["{}"] }
      return ["{"] + pairs(items, indent: indent + "  ") + ["\(indent)}"]
    }
  }

  /// - Source: HCL native syntax specification, identifiers; here of ASCII alone.
  package static func isName(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, first.isASCII,
      first.properties.isAlphabetic || first == "_"
    else { return false }
    return text.unicodeScalars.allSatisfy {
      $0.isASCII
        && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-".contains(Character($0)))
    }
  }
  package static func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }

  /// Nothing in it ends the string, begins a template, or steers or reorders what a reader sees.
  /// - Source: HCL native syntax specification, quoted templates.
  package static func escaped(_ text: String) -> String {
    var out = ""
    var before: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      // "${" and "%{" begin a template; doubled they are themselves.
      case "{" where before == "$" || before == "%":
        out.unicodeScalars.removeLast()
        out += before == "$" ? "$${" : "%%{"
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
          .paragraphSeparator:
          let hex = String(scalar.value, radix: 16)
          let long = scalar.value > 0xFFFF
          out +=
            (long ? "\\U" : "\\u")
            + String(repeating: "0", count: max(0, (long ? 8 : 4) - hex.count)) + hex
        default: out.unicodeScalars.append(scalar)
        }
      }
      before = scalar
    }
    return out
  }
}
