import FerryCore

/// A server of the delegation that does not serve the zone.
struct LameRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard !it.unknown.isEmpty else { return nil }
    return Judgement(
      .lame,
      because: [
        "\(it.unknown.count) of \(it.probed.servers.count) servers do not serve \(it.probed.zone?.text ?? "the zone")"
      ] + it.unknown.map { "\($0.words): \($0.says)" })
  }
}
