import FerryFuzz
import Foundation

// ferry-fuzz --list | --seeds READER FOLDER | READER [libFuzzer's options and folders]
// Tests/Support/fuzz.sh runs it; `make fuzz`.

/// libFuzzer's own loop, of the runtime that comes with the compiler.
@_silgen_name("LLVMFuzzerRunDriver")
func fuzzForever(
  _ count: UnsafeMutablePointer<Int32>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

let words = CommandLine.arguments
switch words.dropFirst().first {
case "--list":
  print(FuzzReader.allCases.map(\.rawValue).joined(separator: "\n"))
case "--seeds":
  guard words.count == 4, let reader = FuzzReader(rawValue: words[2]) else { exit(64) }
  try FileManager.default.createDirectory(
    atPath: words[3], withIntermediateDirectories: true)
  for (index, bytes) in FuzzSeeds.all(reader).enumerated() {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(words[3])/seed-\(index)"))
  }
default:
  guard words.count > 1, let reader = FuzzReader(rawValue: words[1]) else { exit(64) }
  FuzzOne.reader = reader
  var count = CommandLine.argc - 1
  var rest = CommandLine.unsafeArgv + 1
  exit(withUnsafeMutablePointer(to: &rest) { fuzzForever(&count, $0, FuzzOne.call) })
}
