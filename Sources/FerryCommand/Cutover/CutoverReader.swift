import FerryCore
import Foundation

/// Looks at names before their cutover is planned; only reads.
package struct CutoverReader: Sendable {
  /// Who changes a zone, the number of the account that does (nil outside AWS), and what to know of it.
  package typealias Place = (editor: any ZoneEditor, account: AccountID?, note: String?)

  /// The zones of the settings.
  package var zones: [ZoneSettings]
  /// What DNS says, in the order given.
  package var probe: @Sendable ([DomainName]) async -> [ProbedName]
  /// Who has a zone that the settings do not name; nil for nobody that can be asked.
  package var owner: @Sendable (DomainName) async throws(FerryError) -> ZoneSettings?
  package var place: @Sendable (ZoneSettings) async throws(FerryError) -> Place
  package var serving: (any ServingProbe)?
  package var health: HealthPolicy?

  package init(
    zones: [ZoneSettings], probe: @escaping @Sendable ([DomainName]) async -> [ProbedName],
    owner: @escaping @Sendable (DomainName) async throws(FerryError) -> ZoneSettings?,
    place: @escaping @Sendable (ZoneSettings) async throws(FerryError) -> Place,
    serving: (any ServingProbe)? = nil, health: HealthPolicy? = nil
  ) {
    self.zones = zones
    self.probe = probe
    self.owner = owner
    self.place = place
    self.serving = serving
    self.health = health
  }

  /// What a CNAME cannot stand beside, besides the types that a move changes.
  static let otherTypes: [RRType] = ["TXT", "MX", "NS", "SRV", "CAA", "DNAME", "NAPTR", "SVCB"]
  /// Above this many names a zone that only its servers tell of is read by the probe alone.
  static let readMax = 100

  /// - Throws: `unknown-zone` (64) for a name whose zone nothing knows; what `Admission.checkProbe`, `owner` and
  ///   `place` throw.
  package func observe(_ moves: [WantedMove]) async throws(FerryError) -> (
    observations: [CutoverObservation], notes: [String]
  ) {
    // A secret that cannot be read is told before anything is asked.
    for (index, zone) in zones.enumerated()
    where zone.provider == .rfc2136
      && moves.contains(where: { ZoneSettings.place(of: $0.name, in: zones) == index })
    {
      _ = try await place(zone)
    }
    let probed = await probe(moves.map(\.name))
    guard probed.count == moves.count else {
      throw FerryError(
        "no-probe", exit: .blocked, what: "could not look at the names",
        why: "\(probed.count) of \(moves.count) were looked at", next: "run the command again")
    }
    var found: [DomainName: ZoneSettings] = [:]
    var out: [CutoverObservation] = []
    out.reserveCapacity(moves.count)
    var order: [ZoneSettings] = []
    for (index, move) in moves.enumerated() {
      let zone = try await zone(of: probed[index], &found)
      if !order.contains(where: { $0.name == zone.name }) { order.append(zone) }
      out.append(
        CutoverObservation(
          zone: zone, current: Self.current(probed[index]), probe: probed[index],
          target: move.target))
      try Admission.checkProbe(out[index])
    }
    var notes: [String] = []
    for zone in order {
      let own = out.indices.filter { out[$0].zone.name == zone.name }
      if let note = try await read(zone, own, &out) { notes.append(note) }
    }
    await lookAtEdges(&out)
    return (out, notes)
  }

  /// That of the settings, else the one that the delegation says, with whoever has it.
  private func zone(of probe: ProbedName, _ found: inout [DomainName: ZoneSettings])
    async throws(FerryError) -> ZoneSettings
  {
    if let place = ZoneSettings.place(of: probe.name, in: zones) { return zones[place] }
    guard let cut = probe.zone else {
      let known = zones.map(\.name.host).sorted().joined(separator: ", ")
      throw FerryError(
        "unknown-zone", exit: .usage, what: "could not plan \(probe.name)",
        why: (known.isEmpty
          ? "no settings file names zones" : "it is in no zone of the settings (\(known))")
          + ", and its delegation was not found",
        next: "name its zone under zones: in edgeferry.yaml", causes: probe.because)
    }
    if let known = found[cut] { return known }
    let zone = try await owner(cut) ?? ZoneSettings(name: cut, provider: .manual)
    found[cut] = zone
    return zone
  }

  /// The provider's own values take the place of what its servers answer: only it knows of alias records.
  /// - Returns: what a person should know of who changes the zone.
  private func read(_ zone: ZoneSettings, _ own: [Int], _ out: inout [CutoverObservation])
    async throws(FerryError) -> String?
  {
    let (editor, account, note) = try await place(zone)
    guard zone.provider == .route53 || own.count <= Self.readMax else { return note }
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
    if zone.provider == .route53 {
      for index in own { out[index].wildcard = try await wildcardBehind(out[index], editor) }
    } else {
      try await findWildcards(own, &out, editor)
    }
    return note
  }
  /// A wildcard is asked for itself.
  private static func wildcards(over it: CutoverObservation) -> [DomainName] {
    it.name.isWildcard ? [] : it.wildcardsAbove
  }
  /// What Route 53 answers for a name that it has nothing of: the closest wildcard that it has.
  private func wildcardBehind(_ it: CutoverObservation, _ editor: any ZoneEditor)
    async throws(FerryError) -> CutoverObservation.Wildcard?
  {
    let answered = Self.current(it.probe)
    guard it.current.isEmpty, !answered.isEmpty else { return nil }
    for name in Self.wildcards(over: it) {
      let values = try await editor.read(CutoverMove.types.map { RecordKey(name, $0) })
      guard !values.isEmpty else { continue }
      // Anything else is a change that has not reached every server yet.
      let fits = answered.allSatisfy { type, answer in
        guard let value = values[RecordKey(name, type)] else { return false }
        return value.alias != nil || value.data.sorted() == answer.data.sorted()
      }
      return fits ? .init(name: name, isAlone: true) : nil
    }
    return nil
  }
  /// Where the servers alone tell of a zone: wildcards that they answer the same for as for a name, unless that is
  /// known to have records of its own.
  private func findWildcards(
    _ own: [Int], _ out: inout [CutoverObservation], _ editor: any ZoneEditor
  ) async throws(FerryError) {
    let seen = out
    func keys(_ index: Int, _ name: DomainName) -> [RecordKey] {
      CutoverMove.types.filter { seen[index].current[$0] != nil }.map { RecordKey(name, $0) }
    }
    func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
      do throws(FerryError) {
        return keys.isEmpty ? [:] : try await editor.read(keys)
      } catch {
        // A person sees for themselves what is there.
        guard editor.provider == ZoneSettings.Provider.manual.rawValue else { throw error }
        return [:]
      }
    }
    let closest = Set(
      own.flatMap { index in
        Self.wildcards(over: seen[index]).prefix(1).flatMap { keys(index, $0) }
      })
    let first = try await read(closest.sorted())
    for index in own {
      let it = seen[index]
      var like: DomainName?
      for (level, name) in Self.wildcards(over: it).enumerated() {
        let asked = keys(index, name)
        let values = level == 0 ? first : try await read(asked)
        // Below its own parent a wildcard answers for `*`, too: it is the last of those that say the same.
        guard !asked.isEmpty, asked.allSatisfy({ values[$0] == it.current[$0.rrtype] }) else {
          break
        }
        like = name
      }
      guard let like else { continue }
      let there = try await editor.own(keys(index, it.name))
      guard there?.isEmpty ?? true else { continue }
      out[index].wildcard = .init(name: like, isAlone: there != nil)
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

  /// What source and target answer, and call themselves, where health is watched.
  private func lookAtEdges(_ out: inout [CutoverObservation]) async {
    guard let health, let serving else { return }
    let asked = out.indices.filter { !out[$0].name.isWildcard }.prefix(CutoverPlanner.sampleMax)
    let moves = asked.map {
      ServingCheck.Move(
        name: out[$0].name, source: out[$0].currentTarget, target: out[$0].target)
    }
    let scenes = await ServingCheck(serving, health: health, now: Date()).scenes(of: moves)
    for (index, scene) in zip(asked, scenes) {
      out[index].serving = scene
      guard health.marker != nil else { continue }
      out[index].sourceMarker = scene.sourceMarker
      out[index].targetMarker = scene.targetMarker
    }
  }
}

extension Context {
  /// - Parameter health: nil to leave the edges alone.
  package func cutoverReader(health: HealthPolicy?) throws(FerryError) -> CutoverReader {
    let engine = try dnsTransport()
    let look = BulkLook(engine: engine, prober: try prober(), zones: settings.zones)
    let sessions = ZoneSessions(self, dns: engine, names: try liveNames())
    return CutoverReader(
      zones: settings.zones, probe: { await look.probe($0) },
      owner: { zone throws(FerryError) in try await sessions.zone(of: zone) },
      place: { zone throws(FerryError) in
        let place = try await sessions.place(zone)
        return (place.editor, place.account, place.note)
      }, serving: health == nil ? nil : try servingProbe(), health: health)
  }
}
