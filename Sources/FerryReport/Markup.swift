/// HTML or SVG in which what the source writes is markup, and what is put into it is text.
///
/// A literal is markup; an interpolated `String` is escaped for element content and quoted attributes alike,
/// controls and invisible marks as `safe` shows them; interpolated markup and numbers stand as they are. So no
/// text of a plan can become a tag, an attribute, an entity or a style.
struct Markup: ExpressibleByStringInterpolation {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }
  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }
  init(joining parts: [Markup], by separator: Markup = "") {
    text = parts.map(\.text).joined(separator: separator.text)
  }
  static func + (one: Markup, other: Markup) -> Markup { Markup(joining: [one, other]) }
  static func += (one: inout Markup, other: Markup) { one.text += other.text }

  struct StringInterpolation: StringInterpolationProtocol {
    var text = ""
    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }
    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ foreign: String) { text += Markup.escaped(foreign) }
    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
    mutating func appendInterpolation(_ parts: [Markup]) { for part in parts { text += part.text } }
    mutating func appendInterpolation(_ number: Int) { text += "\(number)" }
    /// To a tenth, as coordinates need it.
    mutating func appendInterpolation(_ number: Double) {
      let tenths = number.isFinite ? Int((min(max(number, -1e9), 1e9) * 10).rounded()) : 0
      let sign = tenths < 0 ? "-" : ""
      text += sign + "\(abs(tenths) / 10)" + (tenths % 10 == 0 ? "" : ".\(abs(tenths) % 10)")
    }
  }

  static func escaped(_ foreign: String) -> String {
    var out = ""
    for character in safe(foreign, limit: 70_000).unicodeScalars {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}
