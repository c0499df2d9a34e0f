import FerryCore
import FerryFuzz

/// What libFuzzer calls for each input: outside main.swift, whose closures belong to the main actor.
enum FuzzOne {
  nonisolated(unsafe) static var reader = FuzzReader.xml

  static let call: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32 = { start, count in
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    do throws(FerryError) {
      try reader.read(bytes)
    } catch {
      return 0
    }
    return 0
  }
}
