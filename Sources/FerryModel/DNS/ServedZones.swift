import FerryCore
import Foundation

/// What a zone is answered from.
enum ServedZone {
  /// A public hosted zone, as one server has it.
  case hosted(DomainName, id: String, ZoneData)
  /// `cloudfront.net.`, which follows the distributions.
  case cloudFront
  /// The domains of the name servers' own names.
  case servers(DomainName)
  /// The root and the top-level domains, as far as something of the lab is below them.
  case parent(DomainName)

  var name: DomainName {
    switch self {
    case .hosted(let name, _, _), .servers(let name), .parent(let name): name
    case .cloudFront: Route53.cloudFrontName
    }
  }
  var isParent: Bool { if case .parent = self { true } else { false } }
}

/// Which name server is asked, and when.
struct Moment {
  /// 0..<4.
  var server: Int
  var now: Date
}

/// The records of the lab's world, as one name server has them at one time.
extension CloudFrontModel {
  /// Seconds from a change until this server has it; servers change over one by one, as POPs do.
  func nameServerDelay(_ server: Int) -> Double {
    let turn = nameServerTurns.indices.contains(server) ? nameServerTurns[server] : 0
    return propagationSeconds * Double(turn + 1) / Double(Self.nameServerCount)
      + (nameServerLagSeconds[server] ?? 0)
  }

  /// The zone that answers for a name: the one with the longest name.
  ///
  /// - Parameter type: a DS record belongs to the zone above.
  func servedZone(_ key: RecordKey, _ at: Moment) -> ServedZone? {
    var here: DomainName? = key.name
    var own: ServedZone?
    while let name = here {
      if let zone = servedZone(named: name, at) {
        guard key.rrtype == .ds, name == key.name, name != .root else { return zone }
        own = zone
      }
      here = name.parent
    }
    return own
  }
  private func servedZone(named name: DomainName, _ at: Moment) -> ServedZone? {
    // The one that was there first is the one that the registry delegates to.
    for id in publicZones[name] ?? [] {
      guard let zone = zones[id] else { continue }
      let delay = nameServerDelay(at.server)
      if let seen = zone.versions.last(where: { at.now >= $0.at + delay }) {
        return .hosted(name, id: id, seen.data)
      }
    }
    if name == Route53.cloudFrontName { return .cloudFront }
    if name == NameServerNames.ownDomain || NameServerNames.zone(of: name) == name {
      return .servers(name)
    }
    if name == .root { return .parent(name) }
    return name.parent == .root && isAbove(name) ? .parent(name) : nil
  }
  /// Whether something of the lab stands at this name or below it.
  private func isAbove(_ name: DomainName) -> Bool {
    if name == .root { return true }
    let built = ["net.", "com.", "org.", "uk.", "co.uk."]
    return built.contains(name.text) || publicZones.keys.contains { $0.isWithin(name) }
      || txtRecords.keys.contains { DomainName(wire: $0).isWithin(name) }
  }

  // MARK: Names and records

  func exists(_ name: DomainName, in zone: ServedZone) -> Bool {
    if name == zone.name || txtRecords[name.host]?.isEmpty == false { return true }
    switch zone {
    case .hosted(_, _, let data): return data.exists(name)
    case .cloudFront: return knows(domainName: name.host)
    case .servers: return NameServerNames.server(name) != nil
    case .parent: return isAbove(name)
    }
  }

  func types(at name: DomainName, in zone: ServedZone) -> Set<RRType> {
    var out: Set<RRType> = []
    if case .hosted(_, _, let data) = zone {
      out = Set(data.sets[name].map { Array($0.keys) } ?? [])
    } else {
      if name == zone.name { out = [.soa, .ns] }
      if NameServerNames.server(name) != nil { out = [.a] }
      if case .cloudFront = zone, knows(domainName: name.host) { out = [.a, .aaaa, .https] }
    }
    if txtRecords[name.host]?.isEmpty == false { out.insert(.txt) }
    return out
  }

  /// The RRset of a key, under the name `owner`; empty where there is none, also behind an alias record.
  func records(
    _ key: RecordKey, in zone: ServedZone, owner: DomainName, _ at: Moment, depth: Int = 0
  ) -> [DNSRecord] {
    func made(_ ttl: UInt32, _ data: [String]) -> [DNSRecord] {
      data.map { DNSRecord(owner, key.rrtype, ttl: ttl, $0) }
    }
    if case .hosted(_, _, let data) = zone, let set = data[key] {
      guard let alias = set.alias else {
        return made(
          UInt32(clamping: set.ttl ?? 0), set.values.map { RecordData.presentation($0, set.type) })
      }
      // An alias of an alias ends somewhere, or is no answer.
      guard depth < 8 else { return [] }
      let target = RecordKey(alias.dnsName, key.rrtype)
      if alias.hostedZoneId == RecordValue.Alias.cloudFrontZone {
        return records(target, in: .cloudFront, owner: owner, at)
      }
      return records(target, in: zone, owner: owner, at, depth: depth + 1)
    }
    if key.rrtype == .txt, let values = txtRecords[key.name.host] {
      return made(60, values.sorted().map(RecordData.quoted))
    }
    if case .hosted = zone { return [] }
    switch key.rrtype {
    case .soa where key.name == zone.name:
      return made(
        900, ["\(NameServerNames.own[0]) hostmaster.lab-servers.net. 1 7200 900 1209600 60"])
    case .ns where key.name == zone.name:
      return made(172_800, NameServerNames.own.map(\.text))
    case .a where NameServerNames.server(key.name) != nil:
      let server = NameServerNames.server(key.name) ?? 0
      return nameServerAddresses.indices.contains(server)
        ? made(172_800, [nameServerAddresses[server]]) : []
    default: break
    }
    guard case .cloudFront = zone, let it = distribution(domainName: key.name.host) else {
      return []
    }
    switch key.rrtype {
    case .a: return made(60, [edgeAddress])
    case .aaaa:
      let isOn = it.config.text(at: "IsIPV6Enabled") == "true"
      return isOn ? made(60, edgeIPv6Address.map { [$0] } ?? []) : []
    case .https: return made(60, Self.serviceBinding(it))
    default: return []
    }
  }

  /// What a distribution's HttpVersion says in an HTTPS record.
  /// - Source: RFC 9460 §7.1; AWS publishes such records since 2025, their parameters are not documented.
  private static func serviceBinding(_ it: ModelDistribution) -> [String] {
    switch it.config.text(at: "HttpVersion")?.lowercased() {
    case "http2": ["1 . alpn=\"h2\""]
    case "http3": ["1 . alpn=\"h3\""]
    case "http2and3": ["1 . alpn=\"h3,h2\""]
    default: []
    }
  }

  /// The SOA of a negative answer: its TTL is the smaller of its own and MINIMUM.
  /// - Source: RFC 2308 §3.
  func negativeSOA(_ zone: ServedZone, _ at: Moment) -> [DNSRecord] {
    records(RecordKey(zone.name, .soa), in: zone, owner: zone.name, at).map { record in
      var out = record
      let minimum = record.data.split(separator: " ").last.flatMap { UInt32($0) }
      out.ttl = min(record.ttl, minimum ?? record.ttl)
      return out
    }
  }

  /// The name below the apex at which a hosted zone hands over to other servers; nil where it answers itself.
  func cut(_ key: RecordKey, in zone: ServedZone) -> DomainName? {
    guard case .hosted(let apex, _, let data) = zone else { return nil }
    var here: DomainName? = key.rrtype == .ds ? key.name.parent : key.name
    var found: DomainName?
    while let name = here, name != apex, name.isWithin(apex) {
      if data[RecordKey(name, .ns)] != nil { found = name }
      here = name.parent
    }
    return found
  }

  /// The name whose records answer: itself, or the wildcard that stands for it; nil where there is neither.
  /// - Source: RFC 4592 §3.3.1.
  func source(of name: DomainName, in zone: ServedZone) -> DomainName? {
    if exists(name, in: zone) { return name }
    guard case .hosted(let apex, _, let data) = zone else { return nil }
    var here = name.parent
    while let encloser = here, encloser.isWithin(apex) {
      if data.exists(encloser) {
        let wildcard = DomainName(wire: "*." + (encloser == .root ? "" : encloser.text))
        return data.sets[wildcard] == nil ? nil : wildcard
      }
      here = encloser.parent
    }
    return nil
  }
}
