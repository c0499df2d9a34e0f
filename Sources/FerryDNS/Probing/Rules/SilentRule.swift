import FerryCore

/// A server that was not heard may still hand out the old answer, until the zone expires there: unknown.
///
/// - Source: RFC 1034 §4.3.5; facts section 5, rules. A timeout is never anything else.
struct SilentRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    let unheard = it.unknown.filter { $0.verdict != .lame && $0.verdict != .refused }
    guard !unheard.isEmpty else { return nil }
    return Judgement(
      .unknown,
      because: [
        "\(it.known.count) of \(it.probed.servers.count) servers answer, and what the others have is not known"
      ]
        + unheard.map { "\($0.words): \($0.says)" })
  }
}
