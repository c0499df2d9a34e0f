import FerryCore
import FerryModel
import Foundation

/// The zones of a stage: what the run reads and writes, what people change, and what servers and resolvers answer.
extension Stage {
  func read(_ keys: [RecordKey]) throws(FerryError) -> [RecordKey: RecordValue] {
    try locked { () throws(FerryError) in
      if try before(nil, isWrite: false) != nil { throw Self.lost("reading the zone") }
      personActs()
      return zones.records.filter { keys.contains($0.key) }
    }
  }
  func write(_ zone: DomainName, _ changes: [RecordChange]) throws(FerryError) -> String {
    try locked { () throws(FerryError) in
      if try before(nil, isWrite: true) != nil { throw Self.lost("the change of the zone") }
      guard changes.allSatisfy({ zones[$0.key] == $0.from }) else {
        throw FerryError(
          .recordMoved, exit: .stale, what: "could not change the zone",
          why: "a record is not what was planned against", next: "plan again")
      }
      commit(zone, changes)
      try after("the change of the zone", isWrite: true)
      return "C\(changesAt.count)"
    }
  }
  private func commit(_ zone: DomainName, _ changes: [RecordChange]) {
    settle()
    for index in caches.indices { caches[index].catchUp(zones, to: now) }
    for change in changes { zones.put(change.key, change.to, at: now) }
    viewers.recordsChanged()
    model.change(zone: zone, changes, seenAt: date + zones.slowest)
    changesAt.append(now)
    tell(
      "DNS",
      changes.map { "\($0.key.name) \($0.key.rrtype.rawValue) is \(Self.shown($0.to))" }.joined(
        separator: "; "))
    judging { judge, _ in
      judge.wrote(
        step, operation: "ChangeRecords", resource: "\(zone)", at: date, seconds: now, before: nil,
        after: nil)
    }
  }
  static func shown(_ value: RecordValue?) -> String {
    guard let value else { return "none" }
    return value.alias.map { "alias \($0.dnsName)" }
      ?? "\(value.ttl ?? 0) \(value.data.joined(separator: " "))"
  }
  func isInSync(_ change: String) -> Bool? {
    lock.withLock {
      guard let index = Int(change.dropFirst()), changesAt.indices.contains(index - 1) else {
        return nil
      }
      return now >= changesAt[index - 1] + zones.slowest
    }
  }
  func ticket(_ zone: DomainName, _ changes: [RecordChange]) -> String? {
    lock.withLock {
      guard scene.manualZones.contains(zone) else { return nil }
      if asked?.changes != changes { asked = (zone, changes, now + fate.person()) }
      return changes.map { "\($0.key.name) \(Self.shown($0.to))" }.joined(separator: "\n")
    }
  }
  private func personActs() {
    guard let asked, now >= asked.due else { return }
    self.asked = nil
    guard asked.changes.allSatisfy({ zones[$0.key] == $0.from }) else { return }
    tell("person", "makes the change that the ticket asks for")
    commit(asked.zone, asked.changes)
  }
}

struct StageZone: ZoneEditor {
  let stage: Stage
  let zone: DomainName
  var provider: String { "rehearsed" }
  func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    try stage.read(keys)
  }
  func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try stage.write(zone, changes)
  }
  func isInSync(_ change: String) async throws(FerryError) -> Bool? { stage.isInSync(change) }
  func ticket(_ changes: [RecordChange]) -> String? { stage.ticket(zone, changes) }
}

extension Stage: NameObserver {
  func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError)
    -> [ServerLook]
  {
    lock.withLock {
      personActs()
      return scene.servers(of: zone).enumerated().flatMap { index, server in
        keys.map { key in
          ServerLook(
            server: server.server, serverName: server.name, key: key,
            answer: answer(zones.seen(key, server: index, at: now)))
        }
      }
    }
  }
  /// Every alias answers the addresses of its target.
  private func answer(_ value: RecordValue?) -> ServerLook.Answer {
    guard let value else { return .absent(negativeTTL: scene.population.negativeTTL) }
    guard let alias = value.alias else { return .value(value) }
    let text = alias.dnsName.text
    let number = text.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) % 250 }
    return .value(RecordValue(ttl: 60, data: ["203.0.113.\(number + 1)"]))
  }

  func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook] {
    lock.withLock {
      settle()
      judging { judge, _ in judge.asked(keys, zones, at: now) }
      var out: [ResolverLook] = []
      for index in caches.indices {
        guard let address = caches[index].kind.address else { continue }
        for key in keys {
          let copy = caches[index].copy(key, zones, at: now)
          var value = copy.value
          if value?.alias == nil { value?.ttl = max(0, Int(copy.until - now)) }
          out.append(
            ResolverLook(resolver: Scene.server(address), key: key, answer: answer(value)))
        }
      }
      return out
    }
  }
}
