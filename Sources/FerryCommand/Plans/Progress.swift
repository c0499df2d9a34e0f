import FerryCore
import FerryHTTP
import FerryReport
import FerryRun
import Foundation

/// Live progress on stderr: on a terminal the current wait as a block that is written over, elsewhere one
/// line per change.
final class Progress: Sendable {
  private let terminal: Terminal
  private struct State {
    var text: ProgressText
    /// Lines of the block that stands at the cursor.
    var drawn = 0
    /// The lines of tickets that were shown.
    var tickets: Set<String> = []
  }
  private let state: Locked<State>

  init(_ terminal: Terminal, _ plan: Plan, site: Site) {
    self.terminal = terminal
    state = Locked(State(text: ProgressText(plan, times: site.times(of: plan))))
  }
  func show(_ event: RunEvent) {
    guard !terminal.quiet else { return }
    state.withLock { state in
      let told = state.text.tell(event, at: Date())
      if case .ticket(_, let text) = event {
        state.tickets.formUnion(text.split(separator: "\n").map(String.init))
      }
      guard terminal.rewrites else {
        for line in told.lines + told.changes { terminal.talk(line) }
        return
      }
      if !told.lines.isEmpty {
        erase(&state)
        for line in told.lines { terminal.talk(line) }
      }
      if let wait = told.wait { draw(wait, &state) }
    }
  }
  /// The error without the lines of a ticket that stands above it already.
  func unrepeated(_ error: FerryError) -> FerryError {
    var out = error
    let tickets = state.withLock { $0.tickets }
    out.causes.removeAll { tickets.contains($0) }
    return out
  }
  /// Takes the block away; what was told in lines stays.
  func end() { state.withLock { erase(&$0) } }

  private func erase(_ state: inout State) {
    guard state.drawn > 0 else { return }
    Terminal.write("\u{1B}[\(state.drawn)A\r\u{1B}[J", to: STDERR_FILENO)
    state.drawn = 0
  }
  private func draw(_ wait: ProgressText.Wait, _ state: inout State) {
    let size = terminal.size
    let rows = wait.rows(servers: max(1, min(16, size.rows - 9)))
    // One write, so that nothing flickers; no line may wrap, since it could not be written over.
    var out = state.drawn > 0 ? "\u{1B}[\(state.drawn)A\r\u{1B}[J" : ""
    for row in rows {
      let text = printable(row.text).prefix(max(1, size.columns - 1))
      if let server = row.state, terminal.colour {
        out += Self.colour(server) + text + "\u{1B}[0m\n"
      } else {
        out += text + "\n"
      }
    }
    Terminal.write(out, to: STDERR_FILENO)
    state.drawn = rows.count
  }
  private static func colour(_ state: ObservedServer.State) -> String {
    switch state {
    case .new: "\u{1B}[32m"
    case .old: "\u{1B}[33m"
    case .unknown: "\u{1B}[35m"
    case .failing: "\u{1B}[31m"
    }
  }
}

/// What a run's events say to a person; pure, so that it can be tested as text.
struct ProgressText {
  /// What is waited for, at most until when, who has it and what comes next.
  struct Wait: Equatable {
    struct Row: Equatable {
      var text: String
      var state: ObservedServer.State?
    }
    var head: [String]
    var servers: [ObservedServer]
    var next: [String]

    /// - Parameter servers: at most so many are shown, those that lack it first.
    func rows(servers most: Int) -> [Row] {
      var out = head.map { Row(text: "    " + $0) }
      let order: [ObservedServer.State] = [.failing, .old, .unknown, .new]
      let sorted = order.flatMap { state in servers.filter { $0.state == state } }
      let shown = sorted.count > most ? Array(sorted.prefix(most)) : servers
      let width = shown.map { safe($0.label).count }.max() ?? 0
      for it in shown {
        let label = safe(it.label)
        let pad = String(repeating: " ", count: width - label.count)
        let word = it.state.rawValue + String(repeating: " ", count: 7 - it.state.rawValue.count)
        out.append(Row(text: "      \(label)\(pad)  \(word)  \(safe(it.says))", state: it.state))
      }
      if sorted.count > shown.count {
        let rest = sorted.dropFirst(shown.count)
        out.append(
          Row(text: "      and \(rest.count) more, \(rest.count { $0.state == .new }) of them new"))
      }
      return out + next.map { Row(text: "    " + $0) }
    }
  }
  struct Told: Equatable {
    /// Said once and left standing.
    var lines: [String] = []
    /// What there is to say of a wait where no block can be drawn.
    var changes: [String] = []
    var wait: Wait?
  }

  private let plan: Plan
  private let times: @Sendable (Date) -> String
  private var servers: [ObservedServer] = []
  private var lastSaid: [String] = []

  init(_ plan: Plan, times: @escaping @Sendable (Date) -> String) {
    self.plan = plan
    self.times = times
  }

  mutating func tell(_ event: RunEvent, at now: Date) -> Told {
    switch event {
    case .began(let step, let number, let total):
      servers = []
      return Told(lines: ["\(number)/\(total) \(safe(step.title))"])
    case .alreadyHeld: return Told(lines: ["    already so; nothing written"])
    case .applied(let step, let writes):
      if case .external = step.action {
        return Told(lines: [
          "    its commands ended as they should\(writes == 0 ? "; nothing was to be written" : "")"
        ])
      }
      return Told(lines: ["    written and read back (\(writes) write\(writes == 1 ? "" : "s"))"])
    case .observed(_, let seen):
      let before = Dictionary(servers.map { ($0.label, $0.state) }, uniquingKeysWith: { $1 })
      let moved = seen.filter { before[$0.label] != $0.state }
      servers = seen
      guard !moved.isEmpty else { return Told() }
      return Told(changes: [summary(moved)])
    case .waiting(let step, let what, let since, let atMost, let lastSeen):
      return waiting(step, what, since, atMost, lastSeen, now)
    case .verified(let step): return Told(lines: ["    done: \(safe(step.id))"])
    case .skipped(let step, let because):
      return Told(lines: ["\(safe(step.title)): skipped, \(safe(because))"])
    case .resolving(_, let because): return Told(lines: ["    \(safe(because))"])
    case .running(_, let command):
      return Told(lines: ["    running: \(safe(command, limit: 4000))"])
    case .ticket(_, let text):
      return Told(
        lines: ["    a person has to make this change:"]
          + text.split(separator: "\n", omittingEmptySubsequences: false).map {
            "    \(safe(String($0), limit: 4000))"
          })
    case .rollingBack(let because):
      return Told(lines: ["    taking everything back: \(safe(because, limit: 4000))"])
    }
  }
  private func summary(_ moved: [ObservedServer]) -> String {
    let new = servers.count { $0.state == .new }
    let shown = moved.prefix(8).map {
      "\(safe($0.label)) \($0.state.rawValue)\($0.says.isEmpty ? "" : " (\(safe($0.says)))")"
    }
    return "    \(new) of \(servers.count) new: " + shown.joined(separator: "; ")
      + (moved.count > 8 ? "; and \(moved.count - 8) more" : "")
  }

  private mutating func waiting(
    _ step: Step, _ what: String, _ since: Date, _ atMost: Date, _ lastSeen: String, _ now: Date
  ) -> Told {
    // A wait without an end is for a person.
    let isEndless = atMost.timeIntervalSince(now) > 10 * 366 * 86_400
    let most = isEndless ? "" : "at most until \(times(atMost))"
    let seconds = now.timeIntervalSince(since)
    let so = seconds >= 1 && seconds < 1e9 ? ", \(span(Int(seconds))) so far" : ""
    var head = ["waiting for \(safe(what))\(so)"]
    if !isEndless { head.append("  \(most)") }
    if servers.isEmpty, !lastSeen.isEmpty { head.append("  last seen: \(safe(lastSeen))") }
    var next: [String] = []
    if let index = plan.steps.firstIndex(where: { $0.id == step.id }) {
      next = plan.steps[(index + 1)...].prefix(2).enumerated().map {
        "\($0 == 0 ? "then" : "    ") \(index + 2 + $0). \(safe($1.title))"
      }
    }
    // What each server says has been told as a change of its own.
    let parts = [
      "waiting for \(safe(what))", most,
      servers.isEmpty && !lastSeen.isEmpty ? "last seen: \(safe(lastSeen))" : "",
    ].filter { !$0.isEmpty }
    let key = [what, servers.isEmpty ? lastSeen : ""]
    defer { lastSaid = key }
    let isNew = lastSaid != key
    return Told(
      changes: isNew ? ["    " + parts.joined(separator: ", ")] : [],
      wait: Wait(head: head, servers: servers, next: next))
  }
}
