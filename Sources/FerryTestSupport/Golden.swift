import Foundation
import Testing

/// Compares text with a golden file beside the test; `make golden` rewrites it and still fails.
public func expectGolden(
  _ text: String, _ path: String, file: String = #filePath,
  location: SourceLocation = #_sourceLocation
) {
  let url = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(path)
  let found = try? String(contentsOf: url, encoding: .utf8)
  if ProcessInfo.processInfo.environment["EDGEFERRY_GOLDEN"] == "write" {
    try? FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? text.write(to: url, atomically: true, encoding: .utf8)
    Issue.record("golden file \(path) rewritten; read its diff", sourceLocation: location)
    return
  }
  guard let found else {
    Issue.record("golden file \(path) is missing: make golden", sourceLocation: location)
    return
  }
  #expect(text == found, "golden file \(path) differs", sourceLocation: location)
}

/// Compares a table with what stands between two marks of a page; `make golden` rewrites it and still fails.
public func expectTable(
  _ table: String, in page: String, between mark: String,
  location: SourceLocation = #_sourceLocation
) throws {
  let url = Shared.package.appendingPathComponent(page)
  let parts = try String(contentsOf: url, encoding: .utf8).components(separatedBy: mark + "\n")
  try #require(
    parts.count == 3, "\(page) has no two marks \(mark)", sourceLocation: location)
  if ProcessInfo.processInfo.environment["EDGEFERRY_GOLDEN"] == "write" {
    try [parts[0], table, parts[2]].joined(separator: mark + "\n").write(
      to: url, atomically: true, encoding: .utf8)
    Issue.record("\(page) rewritten; read its diff", sourceLocation: location)
    return
  }
  #expect(parts[1] == table, "\(table)", sourceLocation: location)
}

/// Folders outside the package that tests use in addition, when they are there.
public enum Shared {
  public static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of vectors and corpus, or nil with a line that says so.
  public static func folder(_ name: String) -> URL? {
    let environment = ProcessInfo.processInfo.environment
    let root =
      environment["EDGEFERRY_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? package.deletingLastPathComponent().appendingPathComponent("shared")
    let url = root.appendingPathComponent(name)
    if FileManager.default.fileExists(atPath: url.path) { return url }
    print("skipped: no folder \(name) beside the project; its own fixtures are tested alone")
    return nil
  }
}
