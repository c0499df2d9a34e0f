import FerryCore

/// No server that answers has the target, and at least one certainly has something else.
struct NotYetRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard let move = it.move else { return nil }
    let sides = it.known.compactMap { it.side(of: $0.answers) }
    guard !sides.contains(.target) else { return nil }
    let others = zip(it.known, sides).filter { _, side in
      if case .unclear = side { return false }
      return true
    }
    guard let (first, side) = others.first else { return nil }
    let what = "\(others.count) of \(it.probed.servers.count) servers"
    switch side {
    case .absent:
      return Judgement(.notYet, "\(what) say that \(it.probed.name) does not exist")
    case .source:
      return Judgement(.notYet, "\(what) still answer \(move.source?.text ?? "the source")")
    default:
      let answer = DisagreeRule.words(first.answers)
      return Judgement(
        .notYet,
        move.source == nil
          ? "\(what) do not answer \(move.target): \(answer)"
          : "\(what) answer neither source nor target but \(answer): somebody else changed it")
    }
  }
}
