import FerryCore

/// What viewers with the policy's header get, beside what all others get.
struct ProbeRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    guard let probe = it.probe else { return [] }
    func says(_ looks: [ServingLook]) -> String {
      looks.prefix(4).map { look in
        let answer = look.failure ?? look.status.map { "\($0)" } ?? "no answer"
        return answer + (look.marker.map { " from \($0)" } ?? "")
      }.joined(separator: ", ")
    }
    let evidence = [
      it.evidence("GET \(probe.url) with the policy's header", says(probe.with)),
      it.evidence("GET \(probe.url) without it", says(probe.without)),
    ]
    func finding(
      _ code: String, _ weight: PromotionFinding.Weight, unknown: Bool = false, _ says: String
    ) -> [PromotionFinding] {
      [PromotionFinding(code, weight, unknown: unknown, of: it.staging.id, says, evidence)]
    }
    let answers = probe.with.filter { $0.status != nil && $0.failure == nil }
    guard !answers.isEmpty else {
      return finding(
        "probe-unanswered", .note, unknown: true,
        "\(probe.url) gave no answer that counts with the policy's header")
    }
    if let bad = answers.first(where: { Self.isError($0.status) }) {
      let isWorse = !probe.without.contains { Self.isError($0.status) }
      return finding(
        "probe-failed", isWorse ? .blocker : .note,
        "with the policy's header \(probe.url) answers \(bad.status ?? 0)\(isWorse ? ", and without it not" : ", and so it does without it")"
      )
    }
    let markers = Set(answers.map(\.marker))
    if probe.hasMarker, !markers.isDisjoint(with: probe.without.map(\.marker)) {
      return finding(
        "probe-same-side", .pending,
        "with the policy's header \(probe.url) is answered by the same side as without it")
    }
    return finding(
      "probe-answered", .note,
      "with the policy's header \(probe.url) answers \(answers[0].status ?? 0)\(probe.hasMarker ? " from another side than without it" : "")"
    )
  }
  /// What an edge says that does not serve the name, and what an origin says that cannot.
  private static func isError(_ status: Int?) -> Bool {
    status.map { $0 == 403 || $0 == 421 || $0 >= 500 } ?? false
  }
}
