/// A small seeded generator, so that ids, versions and the order of POPs repeat from run to run.
/// - Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators (OOPSLA 2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  private static let capitals = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
  private static let small = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
  private static let mixed = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
  private static let hex = Array("0123456789abcdef".utf8)

  private mutating func text(_ count: Int, of alphabet: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: count) { out in
      for place in 0..<count {
        out.initializeElement(at: place, to: alphabet[Int(next() % UInt64(alphabet.count))])
      }
      return count
    }
  }
  /// A distribution id or a version, such as `E2QWRUHAPOMQZL`.
  mutating func capitalID() -> String { "E" + text(13, of: Self.capitals) }
  /// A distribution's own name, such as `d111111abcdef8.cloudfront.net`.
  mutating func domainName() -> String { "d" + text(13, of: Self.small) + ".cloudfront.net" }
  mutating func accessKeyID(prefix: String) -> String { prefix + text(16, of: Self.capitals) }
  mutating func secret(_ count: Int = 40) -> String { text(count, of: Self.mixed) }
  mutating func uuid() -> String {
    [8, 4, 4, 4, 12].map { text($0, of: Self.hex) }.joined(separator: "-")
  }
}
