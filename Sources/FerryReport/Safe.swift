/// Text from the network or a file, made safe for a terminal, Markdown and logs.
///
/// Controls (C0, C1, DEL, ESC, CR, LF), bidirectional, zero-width and other invisible marks are shown as
/// `\u{…}`, so no sequence can move the cursor, set a title or reorder what a person reads. Longer than
/// `limit` characters is cut with an ellipsis.
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
  if (0x20...0x7E).contains(scalar.value) { return false }
  let properties = scalar.properties
  switch properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return true
  default:
    return properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
  }
}
/// Whether a document is ASCII that prints, and newlines: most are, and need no second look.
private func isPlain(_ document: String) -> Bool {
  func isPlain(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) || byte == 0x0A }
  return document.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(isPlain) }
    ?? document.utf8.allSatisfy(isPlain)
}

/// A JSON document with what steers a terminal written as `\uXXXX`; outside strings JSON holds none of it.
public func jsonSafe(_ document: String) -> String {
  if isPlain(document) { return document }
  var out = ""
  for scalar in document.unicodeScalars {
    guard scalar != "\n", isHostile(scalar) else {
      out.unicodeScalars.append(scalar)
      continue
    }
    for unit in String(scalar).utf16 {
      let hex = String(unit, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    }
  }
  return out
}

/// The last look at whole lines before they leave: what a piece of text forgot to escape is escaped here.
public func printable(_ lines: String) -> String {
  if isPlain(lines) { return lines }
  var out = ""
  for scalar in lines.unicodeScalars {
    if scalar != "\n", isHostile(scalar) {
      out += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else {
      out.unicodeScalars.append(scalar)
    }
  }
  return out
}

/// One word of a shell command that a person may copy: quoted unless it is plain.
public func shellWord(_ text: String) -> String {
  let isPlain = text.utf8.allSatisfy {
    (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
      || "-._:/@%+,=".utf8.contains($0)
  }
  return isPlain && !text.isEmpty
    ? text : "'" + safe(text, limit: 4096).replacing("'", with: "'\\''") + "'"
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
