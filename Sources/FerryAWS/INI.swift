/// The INI dialect of the AWS config and credentials files, read as botocore reads it.
///
/// Full-line comments alone (`#`, `;`), keys in lower case, `=` or `:` between key and value, deeper-indented
/// lines continue a value, twice the same section or key is an error.
///
/// - Source: CPython 3.11 configparser.RawConfigParser, on which botocore's configloader.py stands.
enum INI {
  struct Section: Equatable, Sendable {
    /// What stands between the brackets.
    var name: String
    /// Values of several lines hold line feeds; one that begins with a line feed is a nested section.
    var keys: [String: String]
  }

  /// Why a file cannot be read: never its content, which may be a secret.
  struct Fault: Error, Equatable {
    /// 1 first.
    var line: Int
    var why: String
  }

  static func read(_ bytes: [UInt8]) throws(Fault) -> [Section] {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Fault(line: 1, why: "it is not UTF-8")
    }
    guard !text.unicodeScalars.starts(with: ["\u{FEFF}"]) else {
      throw Fault(
        line: 1, why: "it begins with a byte order mark, which the AWS CLI refuses too")
    }
    var reader = Reader()
    for (index, line) in lines(text).enumerated() { try reader.take(line, number: index + 1) }
    return reader.finish()
  }

  /// Lines end with LF, CR LF or CR, and with nothing else that Unicode calls a line break.
  private static func lines(_ text: String) -> [Substring.UnicodeScalarView] {
    var out: [Substring.UnicodeScalarView] = []
    var rest = text.unicodeScalars[...]
    while let end = rest.firstIndex(where: { $0 == "\n" || $0 == "\r" }) {
      out.append(rest[..<end])
      let next = rest.index(after: end)
      let isPair = rest[end] == "\r" && next < rest.endIndex && rest[next] == "\n"
      rest = rest[(isPair ? rest.index(after: next) : next)...]
    }
    out.append(rest)
    return out
  }

  private struct Reader {
    private var sections: [String: [String: [String]]] = [:]
    private var order: [String] = []
    private var defaults: [String: [String]] = [:]
    /// The section that keys go to; nil before the first.
    private var section: String?
    private var key: String?
    private var indent = 0

    mutating func take(_ line: Substring.UnicodeScalarView, number: Int) throws(Fault) {
      let value = trimmed(line)
      if value.isEmpty {
        if section != nil, key != nil { extend("") }
        return
      }
      if value.first == "#" || value.first == ";" { return }
      let depth = line.prefix { isBlank($0) }.count
      if section != nil, key != nil, depth > indent {
        extend(String(value))
        return
      }
      indent = depth
      if value.first == "[", let close = value.lastIndex(of: "]"),
        value.index(after: value.startIndex) < close
      {
        try begin(String(value[value.index(after: value.startIndex)..<close]), number)
        return
      }
      guard let section else { throw Fault(line: number, why: "it has no section header above it") }
      guard let split = value.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
        throw Fault(line: number, why: "it is neither a section, a key with a value nor a comment")
      }
      let name = String(trimmed(value[..<split])).lowercased()
      guard !name.isEmpty else { throw Fault(line: number, why: "its key is empty") }
      let text = String(trimmed(value[value.index(after: split)...]))
      if section == "DEFAULT" {
        guard defaults.updateValue([text], forKey: name) == nil else {
          throw Fault(line: number, why: "the key is there twice in one section")
        }
      } else {
        guard sections[section]?.updateValue([text], forKey: name) == nil else {
          throw Fault(line: number, why: "the key is there twice in one section")
        }
      }
      key = name
    }

    private mutating func begin(_ name: String, _ number: Int) throws(Fault) {
      key = nil
      section = name
      if name == "DEFAULT" { return }
      guard sections[name] == nil else {
        throw Fault(line: number, why: "the section is there twice")
      }
      sections[name] = [:]
      order.append(name)
    }

    private mutating func extend(_ line: String) {
      guard let section, let key else { return }
      if section == "DEFAULT" {
        defaults[key, default: []].append(line)
      } else {
        sections[section]?[key]?.append(line)
      }
    }

    /// The keys of `[DEFAULT]`, in capitals, are every section's.
    func finish() -> [Section] {
      order.map { name in
        let keys = defaults.merging(sections[name] ?? [:]) { $1 }
        return Section(name: name, keys: keys.mapValues { joined($0) })
      }
    }
    private func joined(_ lines: [String]) -> String {
      let text = lines.joined(separator: "\n").unicodeScalars
      let end = text.lastIndex { !isBlank($0) }.map { text.index(after: $0) } ?? text.startIndex
      return String(text[..<end])
    }
  }
}

private func isBlank(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
}
private func trimmed(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
  let head = text.drop { isBlank($0) }
  guard let last = head.lastIndex(where: { !isBlank($0) }) else { return head[head.endIndex...] }
  return head[...last]
}

/// The words of a command line as a POSIX shell would split it, without one; nil for an open quote.
///
/// - Source: CPython's shlex.split, which botocore uses for `credential_process` and for section names.
func shellWords(_ text: String) -> [String]? {
  var out: [String] = []
  var word = ""
  /// Whether a word has begun: `''` is an empty one.
  var open = false
  var quote: Character?
  var rest = Array(text)[...]
  while let character = rest.popFirst() {
    switch (character, quote) {
    case ("\"", "\""), ("'", "'"): quote = nil
    case ("\\", "\""):
      guard let next = rest.popFirst() else { return nil }
      word += next == "\"" || next == "\\" ? "\(next)" : "\\\(next)"
    case (_, .some): word.append(character)
    case ("\"", nil), ("'", nil):
      quote = character
      open = true
    case ("\\", nil):
      guard let next = rest.popFirst() else { return nil }
      word.append(next)
      open = true
    case (" ", nil), ("\t", nil), ("\n", nil), ("\r", nil), ("\r\n", nil):
      if open { out.append(word) }
      word = ""
      open = false
    default:
      word.append(character)
      open = true
    }
  }
  guard quote == nil else { return nil }
  if open { out.append(word) }
  return out
}
