import FerryCore
import Foundation

/// Looks at names before their cutover is planned; only reads.
struct CutoverReader: Sendable {
  var zones: [ZoneSettings]
  /// What DNS says, in the order given.
  var probe: @Sendable ([DomainName]) async -> [ProbedName]
  /// What changes a zone, and the number of the account that does; nil outside AWS.
  var editor: @Sendable (ZoneSettings) async throws(FerryError) -> (any ZoneEditor, AccountID?)
  var serving: (any ServingProbe)?
  var health: HealthPolicy?

  /// What a CNAME cannot stand beside, besides the types that a move changes.
  static let otherTypes: [RRType] = ["TXT", "MX", "NS", "SRV", "CAA", "DNAME", "NAPTR", "SVCB"]
  /// Above this many names a zone that only its servers tell of is read by the probe alone.
  static let readMax = 100

  /// - Throws: `unknown-zone` (64) for a name outside every zone of the settings; what the editor throws.
  func observe(_ moves: [WantedMove]) async throws(FerryError) -> [CutoverObservation] {
    var places: [ZoneSettings] = []
    for move in moves { places.append(try zone(of: move.name)) }
    let probed = await probe(moves.map(\.name))
    guard probed.count == moves.count else {
      throw FerryError(
        "no-probe", exit: .blocked, what: "could not look at the names",
        why: "\(probed.count) of \(moves.count) were looked at", next: "run the command again")
    }
    var out: [CutoverObservation] = []
    out.reserveCapacity(moves.count)
    for (index, move) in moves.enumerated() {
      out.append(
        CutoverObservation(
          zone: places[index], current: Self.current(probed[index]), probe: probed[index],
          target: move.target))
    }
    for zone in zones {
      let own = out.indices.filter { out[$0].zone.name == zone.name }
      if !own.isEmpty { try await read(zone, own, &out) }
    }
    await learnMarkers(&out)
    return out
  }

  func zone(of name: DomainName) throws(FerryError) -> ZoneSettings {
    let found = zones.filter { name.isWithin($0.name) }.max {
      $0.name.text.utf8.count < $1.name.text.utf8.count
    }
    guard let found else {
      let known = zones.map(\.name.host).sorted().joined(separator: ", ")
      throw .badInput(
        "unknown-zone", what: "could not plan \(name)",
        why: known.isEmpty
          ? "no settings file names zones" : "it is in none of the zones of the settings: \(known)",
        next: "name its zone under zones: in edgeferry.yaml")
    }
    return found
  }

  /// The provider's own values take the place of what its servers answer: only it knows of alias records.
  private func read(_ zone: ZoneSettings, _ own: [Int], _ out: inout [CutoverObservation])
    async throws(FerryError)
  {
    guard zone.provider == .route53 || own.count <= Self.readMax else { return }
    let (editor, account) = try await editor(zone)
    let types = CutoverMove.types + (own.count <= Self.readMax ? Self.otherTypes : [])
    let keys = own.flatMap { index in types.map { RecordKey(out[index].name, $0) } }
    let values = try await editor.read(keys)
    for index in own {
      let name = out[index].name
      out[index].account = account
      out[index].current = [:]
      for type in types {
        out[index].current[type] = values[RecordKey(name, type)]
      }
      // SOA and NS are at every apex, and no CNAME is planned there.
      if name == zone.name { out[index].current["NS"] = nil }
    }
  }
  /// The RRsets that the first server in good order answers.
  static func current(_ probe: ProbedName) -> [RRType: RecordValue] {
    var out: [RRType: RecordValue] = [:]
    guard let server = probe.servers.first(where: { $0.verdict == .ok }) else { return out }
    for answer in server.answers where answer.name == probe.name {
      out[answer.type] = RecordValue(ttl: answer.ttl, data: answer.data)
    }
    return out
  }

  /// What source and target call themselves, where health tells them apart by a header.
  private func learnMarkers(_ out: inout [CutoverObservation]) async {
    guard let health, let marker = health.marker, let serving else { return }
    for index in out.indices.prefix(CutoverPlanner.sampleMax) where !out[index].name.isWildcard {
      let it = out[index]
      let url = health.url.replacingOccurrences(of: "{name}", with: it.name.host)
      let source = await serving.look(url: url, at: nil, marker: marker)
      let target = await serving.look(url: url, at: it.target.host, marker: marker)
      out[index].sourceMarker = source.lazy.compactMap(\.marker).first
      out[index].targetMarker = target.lazy.compactMap(\.marker).first
    }
  }
}
