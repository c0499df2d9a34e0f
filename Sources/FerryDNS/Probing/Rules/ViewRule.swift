import FerryCore

/// A resolver that answers what the zone never said: a private zone, a split view, a filter.
///
/// Certain when it answers with authority of its own, or neither source nor target where both are known.
struct ViewRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    for resolver in it.probed.recursives {
      if resolver.verdict == "overridden-by-view", it.side(of: resolver.answers) != .source {
        return Judgement(
          .overriddenByView,
          "resolver \(resolver.address) answers \(resolver.answers.words) from a view of its own"
            + resolver.extendedErrors.added)
      }
      guard it.move?.source != nil, !resolver.answers.isEmpty,
        it.side(of: resolver.answers) == .other
      else { continue }
      return Judgement(
        .overriddenByView,
        "resolver \(resolver.address) answers neither source nor target but \(resolver.answers.words)"
          + resolver.extendedErrors.added
      )
    }
    return nil
  }
}
