import FerryCore

/// The servers have it, and a resolver still holds that there is none.
struct NegativeCachedRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard it.known.contains(where: { !$0.answers.isEmpty }),
      let resolver = it.probed.recursives.first(where: { $0.verdict == "negative-cached" })
    else { return nil }
    let left = resolver.remainingTTL ?? it.probed.negativeTTL
    return Judgement(
      .negativeCached,
      "resolver \(resolver.address) answers that there is none"
        + (left.map { ", for at most \($0 + 1) s more" } ?? "") + resolver.extendedErrors.added)
  }
}
