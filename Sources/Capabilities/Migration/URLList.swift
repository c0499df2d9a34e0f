import FerryCore
import Foundation

/// URLs or paths, one a line: what both edges are asked for.
enum URLList {
  struct Entry: Equatable, Sendable {
    /// In lower case; nil for a path, which every alias is asked for.
    var host: String?
    /// With its query.
    var path: String
  }
  static let linesMax = 1000
  static let bytesMax = 1 << 20
  static let roots = [Entry(host: nil, path: "/")]

  /// - Throws: `bad-urls` (64) with the line.
  static func read(_ bytes: [UInt8], named file: String) throws(FerryError) -> [Entry] {
    var out: [Entry] = []
    let text = String(decoding: bytes, as: UTF8.self)
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let item = line.trimmingCharacters(in: .whitespaces)
      if item.isEmpty || item.hasPrefix("#") { continue }
      guard let entry = entry(item) else {
        throw refuse(
          "line \(index + 1) of \(file) is neither https://NAME/path nor /path",
          "write it in ASCII, percent-encoded, without user, port and fragment")
      }
      if !out.contains(entry) { out.append(entry) }
      guard out.count <= linesMax else {
        throw refuse("\(file) holds more than \(linesMax) of them", "ask for fewer at once")
      }
    }
    guard !out.isEmpty else { throw refuse("\(file) holds none", "write one a line") }
    return out
  }
  static func refuse(_ why: String, _ next: String) -> FerryError {
    .badInput("bad-urls", what: "could not read the URLs", why: why, next: next)
  }

  private static func entry(_ text: String) -> Entry? {
    guard text.utf8.count <= 8192, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      !text.contains("#"), !text.contains("\\")
    else { return nil }
    if text.hasPrefix("/") { return text.hasPrefix("//") ? nil : Entry(host: nil, path: text) }
    guard text.lowercased().hasPrefix("https://") else { return nil }
    let rest = text.dropFirst("https://".count)
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    guard !host.isEmpty,
      host.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_" })
    else { return nil }
    let path = rest.dropFirst(host.count)
    return Entry(
      host: host.lowercased(), path: path.hasPrefix("/") ? String(path) : "/" + path)
  }
}
