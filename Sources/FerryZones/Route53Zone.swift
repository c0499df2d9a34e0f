import FerryCore

/// A hosted zone of Route 53.
///
/// A change is one batch of DELETE with the set exactly as it was read and CREATE of the new one. Route 53 refuses
/// the whole batch when the old set is gone, changed by a TTL even, or when a set to be created is there: that is
/// the compare-and-swap. UPSERT has none, so it is never sent.
/// - Source: Route 53 API Reference, ChangeResourceRecordSets: "Change batches are transactional".
public struct Route53Zone: ZoneEditor {
  public let provider = "route53"
  public let zone: Route53Client.HostedZone
  private let client: Route53Client

  /// The most `ResourceRecord` elements in one batch, and the most characters in their values.
  /// - Source: Route 53 Developer Guide, quotas of ChangeResourceRecordSets.
  public static let recordsMax = 1000
  public static let charactersMax = 32_000

  public init(_ zone: Route53Client.HostedZone, client: Route53Client) {
    self.zone = zone
    self.client = client
  }

  /// Finds a zone by its id, or else by its name.
  ///
  /// - Returns: nil when no zone has that name.
  /// - Throws: `zone-ambiguous` (64) for two zones of one name, and for a private one that no id names;
  ///   `zone-mismatch` (64) for an id of another name's zone.
  public static func find(_ name: DomainName, id: String?, client: Route53Client)
    async throws(FerryError) -> Route53Zone?
  {
    if let id {
      let zone = try await client.hostedZone(id: id)
      guard zone.name == name else {
        throw .badInput(
          "zone-mismatch", what: "could not use the hosted zone \(id)",
          why: "it is \(zone.name), not \(name)", next: "correct zoneId in the settings")
      }
      return Route53Zone(zone, client: client)
    }
    let zones = try await client.hostedZones(named: name)
    guard let zone = zones.first else { return nil }
    guard zones.count == 1, !zone.isPrivate else {
      throw .badInput(
        "zone-ambiguous", what: "could not choose the hosted zone of \(name)",
        why: zones.count == 1
          ? "the only one is private: \(zone.text)"
          : "there are \(zones.count): \(zones.map(\.text).joined(separator: ", "))",
        next: "name it in the settings: zones: { \(name.host): { provider: route53, zoneId: … } }")
    }
    return Route53Zone(zone, client: client)
  }

  public func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    try await client.records(keys, zoneID: zone.id).compactMapValues(\.value)
  }

  public func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try RecordChange.check(changes, in: zone.name)
    let found = try await client.records(changes.map(\.key), zoneID: zone.id)
    switch Standing(changes, found: found.compactMapValues(\.value)) {
    case .after: return ""
    case .other(let differences): throw .recordMoved(zone.name, differences)
    case .before: break
    }
    let batch = Self.batch(changes, found: found)
    try Self.check(batch, zone.name)
    do throws(FerryError) {
      return try await client.change(batch, zoneID: zone.id, comment: comment)
    } catch {
      // The batch did nothing. Whether somebody was faster is what a read tells.
      guard error.isService("InvalidChangeBatch") || error.isService("InvalidInput") else {
        throw error
      }
      switch Standing(changes, found: try await read(changes.map(\.key))) {
      case .after: return ""
      case .other(let differences): throw .recordMoved(zone.name, differences)
      case .before: throw error
      }
    }
  }

  public func isInSync(_ change: String) async throws(FerryError) -> Bool? {
    change.isEmpty ? nil : try await client.isInSync(change: change)
  }

  public func ticket(_ changes: [RecordChange]) -> String? { nil }

  /// What goes first makes room for what comes after it, such as a CNAME for an alias.
  static func batch(_ changes: [RecordChange], found: [RecordKey: Route53Client.RecordSet])
    -> [Route53Client.Change]
  {
    let real = changes.filter { $0.from != $0.to }
    let deletes = real.compactMap { change in
      found[change.key].map { Route53Client.Change(action: .delete, element: $0.element) }
    }
    let creates = real.compactMap { change in
      change.to.map {
        Route53Client.Change(
          action: .create, element: Route53Client.element(change.key, $0))
      }
    }
    return deletes + creates
  }

  private static func check(_ batch: [Route53Client.Change], _ zone: DomainName) throws(FerryError)
  {
    var records = 0
    var characters = 0
    for change in batch {
      let values = change.element.first("ResourceRecords")?.children ?? []
      records += max(1, values.count)
      characters += values.reduce(0) { $0 + ($1.text(at: "Value")?.count ?? 0) }
    }
    guard records <= recordsMax, characters <= charactersMax else {
      throw .badInput(
        "batch-too-large", what: "could not change the records of \(zone) in one batch",
        why:
          "it has \(records) records and \(characters) characters; Route 53 takes \(recordsMax) and \(charactersMax)",
        next: "plan fewer names at once")
    }
  }
}
