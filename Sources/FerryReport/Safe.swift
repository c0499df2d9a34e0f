/// Text from the network or a file, made safe for a terminal, Markdown and logs.
///
/// Controls (C0, C1, DEL, ESC, CR, LF), bidirectional and zero-width marks are shown as `\u{…}`, so no
/// sequence can move the cursor, set a title or reorder what a person reads. Longer than `limit`
/// characters is cut with an ellipsis.
/// - Source: CVE-2021-25743 (kubectl), Unicode TR36.
public func safe(_ text: String, limit: Int = 512) -> String {
  var out = ""
  var count = 0
  for scalar in text.unicodeScalars {
    if count >= limit {
      out += "…"
      break
    }
    count += 1
    if isHostile(scalar) {
      out += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else {
      out.unicodeScalars.append(scalar)
    }
  }
  return out
}

private func isHostile(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x00...0x1F, 0x7F...0x9F, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E,
    0x2060...0x206F, 0xFE00...0xFE0F, 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE0FFF:
    true
  default: false
  }
}

/// The same, with Markdown's own characters escaped.
public func markdown(_ text: String) -> String {
  var out = ""
  for character in safe(text) {
    if "\\`*_[]<>|#!~".contains(character) { out.append("\\") }
    out.append(character)
  }
  return out
}

/// Lines of cells as an aligned table; the last column is not padded.
public func table(_ rows: [[String]], indent: String = "") -> String {
  guard let columns = rows.map(\.count).max() else { return "" }
  var widths = [Int](repeating: 0, count: columns)
  for row in rows {
    for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
  }
  var out = ""
  for row in rows {
    var line = indent
    for (index, cell) in row.enumerated() {
      line += cell
      if index < row.count - 1 {
        line += String(repeating: " ", count: widths[index] - cell.count + 2)
      }
    }
    while line.last == " " { line.removeLast() }
    out += line + "\n"
  }
  return out
}

/// Seconds as `45 s`, `5 min`, `1 h 30 min`.
public func span(_ seconds: Int) -> String {
  if seconds < 120 { return "\(seconds) s" }
  if seconds < 7200 {
    return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
  }
  let minutes = seconds / 60 % 60
  return "\(seconds / 3600) h" + (minutes == 0 ? "" : " \(minutes) min")
}
