import FerryCore

/// Addresses that could be anybody's prove nothing.
struct UnclearRule: NameRule {
  func judge(_ it: NameEvidence) -> Finding? {
    for server in it.known {
      if case .unclear(let because) = it.side(of: server.answers) {
        return Finding(.unknown, because)
      }
    }
    return nil
  }
}
