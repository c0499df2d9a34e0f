import FerryCore

/// Nothing speaks against it: every server answers, and all alike.
struct SettledRule {
  func judged(_ it: NameEvidence) -> Judgement {
    let count = it.probed.servers.count
    var because = [
      it.move == nil
        ? "\(count) of \(count) servers answer \(DisagreeRule.words(it.known.first?.answers ?? []))"
        : "\(count) of \(count) servers answer the target"
    ]
    for resolver in it.probed.recursives where resolver.answers.isEmpty {
      because.append(
        "resolver \(resolver.address) says nothing about it: \(resolver.verdict)"
          + resolver.extendedErrors.added)
    }
    return Judgement(it.move == nil ? .ok : .changed, because: because)
  }
}
