import FerryCore

/// Authoritative servers that answer differently: k of n.
struct DisagreeRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    if it.move != nil { return ofMove(it) }
    var groups: [(answers: [ProbedName.RRset], servers: [ProbedName.Server])] = []
    for server in it.known {
      if let index = groups.firstIndex(where: { $0.answers == server.answers }) {
        groups[index].servers.append(server)
      } else {
        groups.append((server.answers, [server]))
      }
    }
    guard groups.count > 1 else { return nil }
    return Judgement(
      .disagree,
      because: groups.map { group in
        "\(group.servers.count) of \(it.probed.servers.count) servers answer \(Self.words(group.answers)): \(group.servers.map(\.words).joined(separator: ", "))"
      })
  }

  /// Some have the target and some have not. Without any it is not yet, whatever else they say.
  private func ofMove(_ it: NameEvidence) -> Judgement? {
    let moved = it.known.filter { it.side(of: $0.answers) == .target }
    let rest = it.known.filter {
      guard let side = it.side(of: $0.answers), side != .target else { return false }
      if case .unclear = side { return false }
      return true
    }
    guard !moved.isEmpty, !rest.isEmpty else { return nil }
    return Judgement(
      .disagree,
      because: ["\(moved.count) of \(it.probed.servers.count) servers answer the target"]
        + rest.map { "\($0.words) still answers \(Self.words($0.answers))" })
  }
  static func words(_ answers: [ProbedName.RRset]) -> String {
    answers.isEmpty
      ? "that there is none"
      : answers.map { "\($0.type.rawValue) \($0.data.joined(separator: " ")) (TTL \($0.ttl))" }
        .joined(separator: ", ")
  }
}
