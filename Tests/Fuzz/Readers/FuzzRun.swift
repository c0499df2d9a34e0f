import FerryCore
import Foundation

/// A bounded run of one reader over mutated seeds, in this process.
///
/// The input at work is kept in `.build-fuzz/last/READER`, so that one which ends the process is at hand.
public struct FuzzRun: Sendable {
  public var reader: FuzzReader
  public var seed: UInt64
  /// Inputs that were read, and those among them that were refused.
  public private(set) var inputs = 0
  public private(set) var refused = 0
  /// The slowest, seconds, and what it was.
  public private(set) var slowest = 0.0
  public private(set) var slowestInput: [UInt8] = []

  public init(_ reader: FuzzReader, seed: UInt64) {
    self.reader = reader
    self.seed = seed
  }

  /// - Parameters:
  ///   - inputs: how many at most.
  ///   - least: how many whatever the time.
  ///   - seconds: for how long at most.
  public mutating func go(inputs most: Int, least: Int = 0, seconds: Double, bytesMax: Int = 4096) {
    let folder = FuzzSeeds.package.appendingPathComponent(".build-fuzz/last")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let last = open(
      folder.appendingPathComponent(reader.rawValue).path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    defer { if last >= 0 { close(last) } }
    var mutator = FuzzMutator(reader, seed: seed, bytesMax: bytesMax)
    let clock = ContinuousClock()
    let began = clock.now
    while inputs < least || (inputs < most && clock.now - began < .seconds(seconds)) {
      let bytes = mutator.next()
      if last >= 0 {
        pwrite(last, bytes, bytes.count, 0)
        ftruncate(last, off_t(bytes.count))
      }
      let start = clock.now
      do throws(FerryError) {
        try reader.read(bytes)
      } catch {
        refused += 1
      }
      let took = (clock.now - start) / .seconds(1)
      if took > slowest { (slowest, slowestInput) = (took, bytes) }
      inputs += 1
    }
  }
}
