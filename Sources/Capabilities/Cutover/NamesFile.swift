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
    var known: [ArraySlice<UInt8>: DomainName] = [:]
    var last: (cell: ArraySlice<UInt8>, name: DomainName)?
    var targets: [DomainName: DomainName] = [:]
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
    {
      guard
        line.allSatisfy({ $0 < 0x80 }) || String(validating: line, as: UTF8.self) != nil
      else { throw refuse(index + 1, "it is not UTF-8") }
      let plain = trimmed(line)
      if plain.isEmpty { continue }
      guard out.count < namesMax else {
        throw refuse(index + 1, "there are more than \(namesMax) names")
      }
      let cells = plain.split(separator: 0x2C, omittingEmptySubsequences: false).map(cell)
      guard cells.count == 2 || (cells.count == 1 && target != nil) else {
        throw refuse(
          index + 1,
          cells.count == 1 ? "it has no target, and --to gives none" : "it has \(cells.count) cells"
        )
      }
      do throws(FerryError) {
        let name = try DomainName(String(decoding: cells[0], as: UTF8.self))
        var to = target ?? .root
        if cells.count == 2 {
          if let last, last.cell == cells[1] {
            to = last.name
          } else if let seen = known[cells[1]] {
            to = seen
          } else {
            to = try DomainName(String(decoding: cells[1], as: UTF8.self))
            known[cells[1]] = to
          }
          last = (cells[1], to)
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
  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var out = text
    while let last = out.last, last == 0x0D || last == 0x20 || last == 0x09 { out = out.dropLast() }
    while let first = out.first, first == 0x20 || first == 0x09 { out = out.dropFirst() }
    return out
  }
  /// A cell, with the quotes that spreadsheets put around it taken off.
  private static func cell(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let plain = trimmed(text)
    guard plain.count >= 2, plain.first == 0x22, plain.last == 0x22 else { return plain }
    return plain.dropFirst().dropLast()
  }
}
