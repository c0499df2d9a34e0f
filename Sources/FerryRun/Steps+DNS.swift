import FerryCore
import Foundation

/// What one step does to a zone: read, compare, write all or nothing, read back.
extension Runner {
  /// What a zone holds of a step's records.
  private enum Records {
    case goal
    /// Every record is what was planned against.
    case ready
    /// Anything else, a batch that is there in part included: ours are atomic, so somebody else's.
    case moved([String])
  }

  func editor(_ zone: DomainName) throws(Stop) -> any ZoneEditor {
    guard let zones = world.zones else {
      throw blocked(
        "no-zone-editor", "nothing here can change the zone \(zone)",
        next: "name the zone under zones: in edgeferry.yaml")
    }
    return try stopping { () throws(FerryError) in try zones(zone) }
  }

  func apply(_ step: Step, zone: DomainName, _ changes: [RecordChange]) async throws(Stop) {
    let editor = try editor(zone)
    beginResolving(step)
    let others = state.steps[step.id]?.phase == .intended ? nil : unresolvedSince
    var attempt = 0
    while true {
      attempt += 1
      try await keepLease()
      // A person was asked: from then on DNS is watched, however long its servers disagree.
      if state.steps[step.id]?.phase == .intended, let ticket = editor.ticket(changes) {
        return try await person(step, editor, changes, ticket: ticket)
      }
      switch try await read(step, editor, changes) {
      case .goal:
        let ours = unresolvedSince != nil && unresolvedSince != others
        if !ours, try await mayStillLand(step) {
          attempt -= 1
          continue
        }
        try await record(
          Effect(resource: Self.resource(changes)), step: step, writes: ours ? 1 : 0,
          alreadyHeld: !ours)
        tell(ours ? .applied(step: step, writes: 1) : .alreadyHeld(step: step))
        return
      case .moved(let causes):
        throw stale(step, "the records are no longer what the plan was made for", causes)
      case .ready: break
      }
      if let ticket = editor.ticket(changes) {
        return try await person(step, editor, changes, ticket: ticket)
      }
      guard try await mayWrite(step) else {
        attempt -= 1
        continue
      }
      try await intend(step, changes)
      do throws(FerryError) {
        let change = try await editor.write(changes, comment: "\(plan.name) \(step.id)")
        try await finish(step, editor, changes, change: change)
        return
      } catch {
        if let seconds = try pauseAfter(error, step: step, attempt: attempt) {
          try await sleep(seconds)
          continue
        }
        // Refused because something else is there: it may be our own lost write, or a change elsewhere in the
        // zone. Reading tells.
        guard error.code == .recordMoved, attempt < Self.attemptsMax else {
          throw refusal(error, step)
        }
        tell(.resolving(step: step, because: "\(error.why); reading again"))
        try await sleep(Double(attempt))
      }
    }
  }

  private func read(
    _ step: Step, _ editor: any ZoneEditor, _ changes: [RecordChange]
  ) async throws(Stop) -> Records {
    let keys = changes.map(\.key)
    let found =
      try await call(step) { () async throws(FerryError) in try await editor.read(keys) } ?? [:]
    return Self.compare(found, changes)
  }
  private static func compare(
    _ found: [RecordKey: RecordValue], _ changes: [RecordChange]
  ) -> Records {
    let moving = changes.filter { $0.from != $0.to }
    if changes.allSatisfy({ found[$0.key] == $0.to }) { return .goal }
    if changes.allSatisfy({ found[$0.key] == $0.from }) { return .ready }
    let isPartly = !moving.isEmpty && moving.contains { found[$0.key] == $0.to }
    return .moved(
      changes.filter { found[$0.key] != $0.from && (!isPartly || $0.from != $0.to) }.prefix(50).map
      {
        "\($0.name) \($0.rrtype.rawValue): planned \(shown($0.from)), found \(shown(found[$0.key]))"
      })
  }
  static func shown(_ value: RecordValue?) -> String {
    guard let value else { return "none" }
    if let alias = value.alias { return "alias \(alias.dnsName)" }
    let data = value.data.prefix(8).joined(separator: ", ")
    return "\(value.ttl ?? 0) \(data)" + (value.data.count > 8 ? ", …" : "")
  }
  private static func resource(_ changes: [RecordChange]) -> String {
    let first = changes.prefix(3).map { "\($0.name) \($0.rrtype.rawValue)" }
    return first.joined(separator: ", ")
      + (changes.count > 3 ? " and \(changes.count - 3) more" : "")
  }

  private func intend(_ step: Step, _ changes: [RecordChange]) async throws(Stop) {
    var body = Record.Body()
    body.action = step.action.type
    body.resource = Self.resource(changes)
    try await calling { () async throws(FerryError) in
      try await append(.intended, step: step.id, body: body)
    }
  }

  /// A write is done when it is read back: a server may say yes and change nothing.
  ///
  /// - Source: RFC 2136 §3.4.2.2.
  private func finish(
    _ step: Step, _ editor: any ZoneEditor, _ changes: [RecordChange], change: String
  ) async throws(FerryError) {
    do throws(Stop) {
      unresolvedSince = world.clock.now
      let limit = ClockReading(world.clock)
      var pause = 1.0
      while true {
        switch try await read(step, editor, changes) {
        case .goal:
          var effect = Effect(resource: Self.resource(changes))
          if !change.isEmpty { effect.outputs["change"] = change }
          try await record(effect, step: step, writes: 1, alreadyHeld: false)
          tell(.applied(step: step, writes: 1))
          return
        case .moved(let causes):
          throw stale(step, "the records were changed again right after the write", causes)
        case .ready: break
        }
        guard ClockReading(world.clock).seconds(since: limit) < Self.readBackSeconds else {
          throw notYet(
            "the change to \(Self.resource(changes)) was accepted and is not read back yet",
            until: nil)
        }
        tell(.resolving(step: step, because: "the change is not read back yet"))
        try await sleep(pause)
        pause = min(pause * 2, 10)
      }
    } catch {
      throw error.error
    }
  }

  /// A zone that a person changes: the exact change is shown, and the step waits until DNS has it, however
  /// long that takes. Showing the change is what may have an effect, so the intent comes before it.
  private func person(
    _ step: Step, _ editor: any ZoneEditor, _ changes: [RecordChange], ticket: String
  ) async throws(Stop) {
    try await checkOrders()
    if state.steps[step.id]?.phase != .intended { try await intend(step, changes) }
    tell(.ticket(step: step, text: ticket))
    let lines = ticket.split(separator: "\n").map(String.init)
    do throws(Stop) {
      var mayBegin = false
      while true {
        let answer = try await transient(step, absent: "") { () async throws(FerryError) in
          try await editor.read(changes.map(\.key))
        }
        var lastSeen = answer.text
        if case .found(let found) = answer {
          switch Self.compare(found, changes) {
          case .goal:
            try await record(
              Effect(resource: Self.resource(changes)), step: step, writes: 1, alreadyHeld: false)
            tell(.applied(step: step, writes: 1))
            return
          case .moved(let causes):
            throw stale(step, "the records are no longer what the plan was made for", causes)
          case .ready: lastSeen = Self.shown(changes.first?.from)
          }
        }
        if !mayBegin {
          mayBegin = try await mayWrite(step)
          continue
        }
        let now = world.clock.now
        if options.mode == .advance {
          throw notYet(
            "waiting for a person to change \(Self.resource(changes))",
            until: (now + options.authoritativePollSeconds).roundedUp)
        }
        tell(
          .waiting(
            step: step, for: "a person to make the change", since: now, atMost: .distantFuture,
            lastSeen: lastSeen))
        try await sleep(max(0.05, options.authoritativePollSeconds))
      }
    } catch {
      var stop = error
      if [.notYet, .blocked].contains(stop.exit) { stop.error.causes += lines }
      throw stop
    }
  }
}
