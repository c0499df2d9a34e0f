/// Steps of several parts merged into one order in which they wait together.
///
/// Each part keeps its own order, and nothing of a part comes before what it has to wait for: a write that is waited
/// for becomes the write, read back, and an `await-…` step after the same write of the others.
enum SideBySide {
  static func merged(_ lanes: [[Step]]) -> [Step] {
    var rest = lanes.map { $0[...] }
    var out: [Step] = []
    while rest.contains(where: { !$0.isEmpty }) {
      let round = rest.indices.map { take(&rest[$0]) }
      // Nothing to wait together with.
      let waiting = round.filter { $0.last?.isWaitedFor ?? false }
      guard waiting.count > 1 else {
        for steps in round where !(steps.last?.isWaitedFor ?? false) { out += steps }
        for steps in waiting { out += steps }
        continue
      }
      var awaits: [Step] = []
      for steps in round {
        guard let last = steps.last, last.isWaitedFor else {
          out += steps
          continue
        }
        let (write, wait) = last.apart
        out += steps.dropLast() + [write].compactMap { $0 }
        awaits.append(wait)
      }
      out += awaits
    }
    return out
  }
  /// As far as the first step that is waited for.
  private static func take(_ steps: inout ArraySlice<Step>) -> [Step] {
    var out: [Step] = []
    while let step = steps.popFirst() {
      out.append(step)
      if step.isWaitedFor { break }
    }
    return out
  }
}

extension Step {
  fileprivate var isWaitedFor: Bool {
    wait != nil || action != .observe && checks.contains { $0.type == .deployed }
  }
  /// The write alone, and what waits for it; a step that writes nothing is all wait.
  fileprivate var apart: (write: Step?, wait: Step) {
    guard action != .observe else { return (nil, self) }
    var write = self
    write.wait = nil
    write.checks.removeAll { [.deployed, .recursive].contains($0.type) }
    let distributions = checks.filter { $0.type == .deployed }.count
    var waiting = Step(
      id: "await-\(id)",
      title: distributions > 0
        ? "Wait until it is Deployed: \(title.prefix(1).lowercased() + title.dropFirst())"
        : "Wait until caches have let go: \(title.prefix(1).lowercased() + title.dropFirst())",
      account: account, action: .observe, window: nil, wait: wait,
      checks: checks.filter {
        [.deployed, .recursive].contains($0.type)
          || $0.type == .authoritative && wait != nil && $0.records != nil
      }, inverse: .observe, undoes: undoes, unless: unless)
    waiting.parts = parts
    return (write, waiting)
  }
}
