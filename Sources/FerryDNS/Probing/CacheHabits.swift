import FerryCore

/// What reads of one RRset at one resolver, some seconds apart, show of its caches; pure.
///
/// A cache counts down. What may be a copy fetched anew between two reads proves nothing: one about to run out, or
/// one in its last tenth, which resolvers prefetch.
/// - Source: dns-cutover-facts.md §9.3.
struct CacheHabits {
  /// The remaining TTLs of one round, and when it began and ended, elapsed seconds.
  struct Round: Equatable, Sendable {
    var ttls: [Int]
    var began: Double
    var ended: Double
  }
  /// How long after the first the second round is.
  static let pauseSeconds = 5.0

  /// - Parameters:
  ///   - again: nil for what was read once.
  ///   - full: the highest TTL that the servers give, seconds.
  /// - Returns: nil for one cache that counts down, and for what cannot be told.
  static func judged(_ first: Round, _ again: Round?, full: Int) -> ProbedName.Recursive.Habit? {
    if isMany(first, full) { return .manyCaches }
    guard let again, isTelling(first.ttls, full: full, seconds: again.ended - first.began),
      let before = first.ttls.max(), let after = again.ttls.max()
    else { return nil }
    if isMany(again, full) { return .manyCaches }
    let passed = (least: again.began - first.ended, most: again.ended - first.began)
    // TTLs are whole seconds: each of the two may be cut by up to one.
    if after > before + 1 || Double(after) < Double(before) - passed.most - 2 { return .manyCaches }
    return passed.least >= 3 && after >= before - 1 ? .fixedTTL : nil
  }

  /// Whether a second round so many seconds later can show anything.
  static func isTelling(_ ttls: [Int], full: Int, seconds: Double = pauseSeconds) -> Bool {
    ttls.min().map { Double($0) > seconds + Double(renewable(full)) + 2 } ?? false
  }

  /// Reads of one moment that differ by more than the moment took.
  private static func isMany(_ round: Round, _ full: Int) -> Bool {
    let settled = round.ttls.filter { $0 > renewable(full) + 5 }
    guard let high = settled.max(), let low = settled.min() else { return false }
    return Double(high - low) > round.ended - round.began + 2
  }
  /// From here on a copy may be fetched anew.
  private static func renewable(_ full: Int) -> Int { max(3, full / 10) }
}
