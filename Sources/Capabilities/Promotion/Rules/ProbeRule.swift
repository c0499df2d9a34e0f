import FerryCore

/// What viewers with the policy's header get, beside what all others get and what the settings expect.
struct ProbeRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    guard let probe = it.probe else { return [] }
    func says(_ looks: [ServingLook]) -> String {
      looks.prefix(4).map { look in
        let answer = look.failure ?? look.status.map { "\($0)" } ?? "no answer"
        return answer + (look.marker.map { " from \($0)" } ?? "")
      }.joined(separator: ", ")
    }
    var evidence: [Finding.Evidence] = []
    for (looks, how) in [(probe.with, "with the policy's header"), (probe.without, "without it")]
    where !looks.isEmpty {
      evidence.append(it.evidence("GET \(probe.url) \(how)", says(looks)))
    }
    func finding(
      _ code: String, _ weight: PromotionFinding.Weight, unknown: Bool = false, _ says: String
    ) -> [PromotionFinding] {
      [PromotionFinding(code, weight, unknown: unknown, of: it.staging.id, says, evidence)]
    }
    if let skipped = probe.skipped {
      return finding("not-probed", .note, unknown: true, "not probed: \(skipped)")
    }
    let answers = probe.with.filter { $0.status != nil && $0.failure == nil }
    guard !answers.isEmpty else {
      return finding(
        "probe-unanswered", .note, unknown: true,
        "\(probe.url) gave no answer that counts with the policy's header")
    }
    if let bad = answers.compactMap(\.status).first(where: { $0 != probe.expected }) {
      let others = StagingProbe.statuses(probe.without).filter { $0 != probe.expected }
      // A primary that is not there either is as bad; one that only answers something else is not as bad as an error.
      let isWorse = Self.isError(bad) ? !others.contains(where: Self.isError) : others.isEmpty
      return finding(
        "probe-failed", isWorse ? .blocker : .note,
        "with the policy's header \(probe.url) answers \(bad) instead of \(probe.expected)\(isWorse ? ", and without it not" : ", and so it does without it")"
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
  private static func isError(_ status: Int) -> Bool {
    status == 403 || status == 421 || status >= 500
  }
}
