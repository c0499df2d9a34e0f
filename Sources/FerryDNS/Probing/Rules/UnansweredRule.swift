import FerryCore

/// No server whose answer is known: nothing is known. Lame servers alone are a fault that can be named.
struct UnansweredRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard it.known.isEmpty else { return nil }
    guard !it.probed.servers.isEmpty else {
      return Judgement(.unknown, "no authoritative server was found")
    }
    let states = it.probed.servers.map { "\($0.words): \($0.says)" }
    let areLame = it.probed.servers.allSatisfy { $0.verdict == .lame || $0.verdict == .refused }
    return Judgement(
      areLame ? .lame : .unknown,
      because: [
        "none of \(it.probed.servers.count) authoritative servers gave an answer that counts"
      ]
        + states)
  }
}
