import FerryCore

/// Every server has the target, and a resolver still hands out what was before.
struct OldCopyRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard it.move != nil else { return nil }
    for resolver in it.probed.recursives where !resolver.answers.isEmpty {
      let side = it.side(of: resolver.answers)
      guard side == .source || side == .other else { continue }
      return Judgement(
        .notYet,
        "every server answers the target; resolver \(resolver.address) still has \(resolver.answers.words)"
          + (resolver.remainingTTL.map { " for at most \($0 + 1) s" } ?? "")
          + (resolver.verdict == "stale" ? ", marked as stale" : "") + resolver.extendedErrors.added
      )
    }
    return nil
  }
}
