import FerryCore
import Foundation

/// `--names FILE`: CSV without a head line, `name,target` a line.
enum NamesFile {
  static let bytesMax = 16 << 20
  static let namesMax = 100_000

  /// - Parameter target: for lines that have a name alone.
  /// - Throws: `bad-names` (64) with the line; `two-targets` (64) for a name that an earlier line gave another.
  static func read(_ bytes: [UInt8], named file: String, target: DomainName?)
    throws(FerryError) -> [WantedMove]
  {
    func refuse(_ line: Int, _ why: String, _ code: FerryError.Code = "bad-names") -> FerryError {
      .badInput(
        code, what: "could not read line \(line) of \(file)", why: why,
        next: "write each line as name,target, without a head line")
    }
    var bytes = bytes[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    var out: [WantedMove] = []
    var known: [Substring: DomainName] = [:]
    var targets: [DomainName: DomainName] = [:]
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
    {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw refuse(index + 1, "it is not UTF-8")
      }
      let plain = trimmed(text[...])
      if plain.isEmpty { continue }
      guard out.count < namesMax else {
        throw refuse(index + 1, "there are more than \(namesMax) names")
      }
      let cells = plain.utf8.split(separator: 0x2C, omittingEmptySubsequences: false).map {
        cell(Substring($0))
      }
      guard cells.count == 2 || (cells.count == 1 && target != nil) else {
        throw refuse(
          index + 1,
          cells.count == 1 ? "it has no target, and --to gives none" : "it has \(cells.count) cells"
        )
      }
      do throws(FerryError) {
        let name = try DomainName(String(cells[0]))
        var to = target ?? .root
        if cells.count == 2 {
          if let seen = known[cells[1]] {
            to = seen
          } else {
            to = try DomainName(String(cells[1]))
            known[cells[1]] = to
          }
        }
        guard name != to, name != .root, to != .root, !to.isWildcard else {
          throw .badInput(
            "bad-names", what: "could not plan \(name)", why: "it cannot point to \(to)",
            next: "correct the line")
        }
        guard (targets.updateValue(to, forKey: name) ?? to) == to else {
          throw .badInput(
            "two-targets", what: "could not plan \(name)",
            why: "an earlier line gives it another target than \(to)", next: "name it once")
        }
        out.append(WantedMove(name: name, target: to))
      } catch {
        throw refuse(
          index + 1, "\(error.what): \(error.why)",
          error.code == "two-targets" ? error.code : "bad-names")
      }
    }
    guard !out.isEmpty else {
      throw .badInput(
        "bad-names", what: "could not read \(file)", why: "it has no name",
        next: "write each line as name,target, without a head line")
    }
    return out
  }
  private static func trimmed(_ text: Substring) -> Substring {
    var out = text
    while let last = out.utf8.last, last == 0x0D || last == 0x20 || last == 0x09 {
      out.removeLast()
    }
    while let first = out.utf8.first, first == 0x20 || first == 0x09 { out.removeFirst() }
    return out
  }
  /// A cell, with the quotes that spreadsheets put around it taken off.
  private static func cell(_ text: Substring) -> Substring {
    let plain = trimmed(text)
    guard plain.utf8.count >= 2, plain.utf8.first == 0x22, plain.utf8.last == 0x22 else {
      return plain
    }
    return plain.dropFirst().dropLast()
  }
}
