import FerryCore

/// Addresses that could be anybody's prove nothing.
struct UnclearRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    for server in it.known {
      if case .unclear(let because) = it.side(of: server.answers) {
        return Judgement(.unknown, because)
      }
    }
    return nil
  }
}
