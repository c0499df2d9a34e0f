/// Foreign text inside a line of Markdown: `safe`, with all that Markdown would read as markup escaped.
///
/// No emphasis, code, link, image, raw HTML, entity, table cell, heading, list or autolink can begin in it.
/// - Source: CommonMark 0.31 §2.4 (backslash escapes), GFM §6.9 (autolinks).
public func markdown(_ text: String) -> String {
  var out = ""
  for character in safe(text) {
    if "\\`*_[]<>|#!~&$".contains(character) { out.append("\\") }
    out.append(character)
  }
  out = out.replacing("://", with: "\\://").replacing("www.", with: "www\\.")
  // At the start of an item or a line these would open a list, a rule or a heading of their own.
  let digits = out.prefix { $0.isASCII && $0.isNumber }
  let marker = out.dropFirst(digits.count).first
  if let first = out.first, "-+=".contains(first) {
    out.insert("\\", at: out.startIndex)
  } else if !digits.isEmpty, marker == "." || marker == ")" {
    out.insert("\\", at: digits.endIndex)
  } else if out.first == " " {
    out.replaceSubrange(..<out.index(after: out.startIndex), with: "&#32;")
  }
  return out
}

/// Foreign text as a code span, which nothing in it can end; not for table cells, where `|` would.
public func code(_ text: String) -> String {
  let text = safe(text, limit: 4096)
  var longest = 0
  var run = 0
  for character in text {
    run = character == "`" ? run + 1 : 0
    longest = max(longest, run)
  }
  let fence = String(repeating: "`", count: longest + 1)
  let pad = text.isEmpty || text.first == "`" || text.last == "`" ? " " : ""
  return fence + pad + text + pad + fence
}
