import FerryCore
import FerryFuzz
import Foundation
import Testing

/// A short pass over every reader of bytes; `make fuzz` is the long one. A trap here ends the process: the input
/// that did it is in `.build-fuzz/last`.
struct FuzzTests {
  /// Outside the pool of the tests: some readers wait for a task of their own.
  private func apart<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { done in
      DispatchQueue.global().async { done.resume(returning: body()) }
    }
  }
  private func seconds(of reader: FuzzReader, _ bytes: [UInt8]) async -> Double {
    await apart {
      let began = ContinuousClock.now
      _ = Self.reads(reader, bytes)
      return (ContinuousClock.now - began) / .seconds(1)
    }
  }
  private static func reads(_ reader: FuzzReader, _ bytes: [UInt8]) -> Bool {
    do throws(FerryError) {
      try reader.read(bytes)
      return true
    } catch {
      return false
    }
  }

  @Test(arguments: FuzzReader.allCases)
  func `a reader returns or refuses whatever bytes it is given, within its time`(
    _ reader: FuzzReader
  ) async {
    let run = await apart {
      var run = FuzzRun(reader, seed: 8)
      run.go(inputs: 300, least: 12, seconds: 2)
      return run
    }
    // Sanitizers and a busy machine take their share; what hangs takes far longer, and does so again.
    var slowest = run.slowest
    if slowest >= 5 {
      let again = await seconds(of: reader, run.slowestInput)
      slowest = min(slowest, again)
    }
    #expect(
      slowest < 5,
      "\(reader), seed \(run.seed): \(run.slowest) s for \(Data(run.slowestInput).base64EncodedString())"
    )
  }

  @Test(arguments: FuzzReader.allCases)
  func `what once broke a reader breaks it no more`(_ reader: FuzzReader) async {
    for (name, bytes) in FuzzSeeds.found(reader) {
      var seconds = await seconds(of: reader, bytes)
      if seconds >= 5 { seconds = min(seconds, await self.seconds(of: reader, bytes)) }
      #expect(seconds < 5, "\(name)")
    }
  }

  @Test(arguments: FuzzReader.allCases)
  func `every reader has a seed that it reads to its end`(_ reader: FuzzReader) async {
    let isGood = await apart {
      FuzzSeeds.all(reader).contains { Self.reads(reader, $0) }
    }
    #expect(isGood, "\(reader)")
  }

  @Test func `the same seed makes the same inputs`() {
    var (one, other) = (FuzzMutator(.plan, seed: 3), FuzzMutator(.plan, seed: 3))
    for _ in 0..<50 { #expect(one.next() == other.next()) }
    var different = FuzzMutator(.plan, seed: 4)
    #expect((0..<10).contains { _ in one.next() != different.next() })
  }
}
