import FerryCore

/// A zone that a person changes: edgeferry says what to do and watches DNS until it is done.
public struct ManualZone: ZoneEditor {
  public let provider = "manual"
  private let zone: DomainName
  private let look: @Sendable ([RecordKey]) async throws(FerryError) -> [ServerLook]

  /// - Parameter look: asks every authoritative server of the zone.
  public init(
    _ zone: DomainName,
    look: @escaping @Sendable ([RecordKey]) async throws(FerryError) -> [ServerLook]
  ) {
    self.zone = zone
    self.look = look
  }

  /// - Throws: `no-answer` also while the servers disagree: then nothing can be said yet.
  public func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    let looks = try await look(keys)
    var out: [RecordKey: RecordValue] = [:]
    for key in Set(keys) {
      var values: Set<RecordValue?> = []
      var silent: [String] = []
      for look in looks where look.key == key {
        switch look.answer {
        case .value(let value): values.insert(value)
        case .absent: values.insert(nil)
        case .unknown(let because): silent.append("\(look.server): \(because)")
        }
      }
      guard let value = values.first, values.count == 1 else {
        throw FerryError(
          .noAnswer, what: "could not read \(key.name) \(key.rrtype.rawValue)",
          why: values.isEmpty
            ? "no authoritative server of \(zone) answered"
            : "the authoritative servers of \(zone) disagree",
          next: "run the same command again; see `edgeferry cutover probe \(key.name.host)`",
          causes: silent)
      }
      out[key] = value
    }
    return out
  }

  /// Writes nothing: `ticket` is what a person gets, and DNS shows when it is done.
  public func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try RecordChange.check(changes, in: zone)
    return ""
  }
  public func isInSync(_ change: String) async throws(FerryError) -> Bool? { nil }
  public func ticket(_ changes: [RecordChange]) -> String? {
    ChangeTicket(zone: zone, changes: changes).text
  }
}
