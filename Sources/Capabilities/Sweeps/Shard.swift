import FerryCore

/// One of N parts of the accounts: the same account is always in the same part.
struct Shard: Equatable, Sendable {
  /// From 1.
  var number: Int
  var of: Int

  /// - Throws: `.badInput` (64) for anything but K/N with 1 ≤ K ≤ N.
  init(_ text: String) throws(FerryError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let of = parts[1], (1...10_000).contains(of),
      (1...of).contains(number)
    else {
      throw .badInput(
        "bad-usage", what: "could not read --shard",
        why: "\(text.debugDescription) is not K/N with K from 1 to N", next: "write it as 2/5")
    }
    self.number = number
    self.of = of
  }
  /// - Parameter name: of the account in the settings, or its id.
  func holds(_ name: String) -> Bool {
    let hash = Digest.sha256(Array(name.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return hash % UInt64(of) == UInt64(number - 1)
  }
}
