import FerryCore
import FerryModel
import Foundation

/// Clients that ask for the plan's names all the time, through every resolver and at every POP, and what they get.
///
/// What they get changes at known instants alone, a copy that runs out or a POP whose turn it is, so that a day costs no
/// more than what happens in it.
struct Viewers: Sendable {
  struct Host: Equatable, Sendable {
    /// Without the last dot.
    var name: String
    /// The records that lead to where it is served; none where the plan's zones say nothing of it.
    var keys: [RecordKey]
  }
  private(set) var hosts: [Host]
  private let pops: Int
  private let start: Date
  /// By host and POP: the distribution that answers; nil for a refusal.
  private var answers: [[String?]] = [] {
    didSet { edges = nil }
  }
  /// By host: at how many POPs it is refused, and by which distributions it is served; nil until it is asked for.
  private var edges: [(refusing: Int, served: Set<String>)]?
  /// When which POP has something new, seconds since the start; sorted.
  private var turns: [(at: Double, pop: Int)] = []
  private(set) var now = 0.0

  /// Seconds in which some client got a broken answer, and the same for clients of compliant resolvers alone.
  private(set) var exposureSeconds = 0.0
  private(set) var compliantSeconds = 0.0
  /// Those seconds weighed by the share of all clients that got one.
  private(set) var clientSeconds = 0.0
  /// By distribution, when it last answered somebody.
  private(set) var lastServed: [String: Double] = [:]
  /// Each span of broken answers and what it began with.
  private(set) var outages: [(from: Double, to: Double, because: String)] = []

  /// Names under cloudfront.net of distributions that the rehearsal has nothing of.
  private let foreign: Set<String>

  init(
    _ hosts: [Host], foreign: Set<String>, pops: Int, start: Date, model: CloudFrontModel
  ) {
    self.hosts = hosts
    self.foreign = foreign
    self.pops = pops
    self.start = start
    answers = hosts.map { host in
      (0..<pops).map { Self.answer(host.name, pop: $0, model, start) }
    }
  }

  private static func answer(_ host: String, pop: Int, _ model: CloudFrontModel, _ now: Date)
    -> String?
  {
    let certificate = model.edgeCertificate(serverName: host, pop: pop, now: now)
    guard certificate.names.contains(where: { covers($0, host) }) else { return nil }
    let request = EdgeRequest(host: host, certificate: certificate)
    switch model.edge(request, pop: pop, now: now, random: 0.999) {
    case .served(let by, _), .redirect(_, let by): return by
    case .refused: return nil
    }
  }
  /// A certificate's wildcard stands for one label.
  static func covers(_ name: String, _ host: String) -> Bool {
    guard name.hasPrefix("*.") else { return name.lowercased() == host }
    return host.split(separator: ".").dropFirst().joined(separator: ".")
      == name.dropFirst(2).lowercased()
  }

  /// A write that POPs will hear of, each at its turn.
  mutating func written(_ model: CloudFrontModel, at: Double) {
    for pop in 0..<pops {
      for turn in model.popTurnSeconds(pop) { turns.append((at + turn, pop)) }
    }
    turns.sort { $0.at < $1.at }
  }

  /// What the clients of one resolver get of a host.
  enum Way: Equatable, Sendable {
    /// The edge decides, POP by POP.
    case edge
    /// Somewhere that the plan knows nothing of.
    case elsewhere
    case broken(String)
  }
  func way(
    _ host: Host, _ cache: inout ResolverCache, _ zones: ZoneTimeline, _ model: CloudFrontModel,
    at: Double
  ) -> Way {
    guard !host.keys.isEmpty else { return .edge }
    var leads = Way.broken("no record")
    for key in host.keys {
      var value = cache.copy(key, zones, at: at).value
      var depth = 0
      while let target = value?.data.first.map(DomainName.init(wire:)), key.rrtype == .cname,
        zones.knows(RecordKey(target, .cname)), depth < 8
      {
        value = cache.copy(RecordKey(target, .cname), zones, at: at).value
        depth += 1
      }
      guard let value else {
        // A name may have addresses of one family alone.
        if host.keys.count == 1 { return .broken("no record") }
        continue
      }
      leads = way(value, key.rrtype, model)
      if case .broken = leads { return leads }
    }
    return leads
  }
  /// Whether a name leads to another one of the plan's zones, of which each resolver has a copy of its own.
  private func isChained(_ values: [RecordValue?], _ zones: ZoneTimeline) -> Bool {
    values.contains { value in
      value?.data.first.map { zones.knows(RecordKey(DomainName(wire: $0), .cname)) } ?? false
    }
  }
  private func way(_ value: RecordValue, _ type: RRType, _ model: CloudFrontModel) -> Way {
    let target = value.alias?.dnsName.host ?? (type == .cname ? value.data.first ?? "" : "")
    let name = target.hasSuffix(".") ? String(target.dropLast()) : target
    guard name.hasSuffix(".cloudfront.net") else { return .elsewhere }
    if model.knows(domainName: name) { return .edge }
    return foreign.contains(name) ? .elsewhere : .broken("\(name) is gone")
  }

  /// Leaves out the hosts that are broken before anything was done.
  mutating func dropBroken(
    _ caches: inout [ResolverCache], _ zones: ZoneTimeline, _ model: CloudFrontModel
  )
    -> [Host]
  {
    var dropped: [Host] = []
    for index in hosts.indices.reversed() {
      let isWhole = caches.indices.allSatisfy { cache in
        switch way(hosts[index], &caches[cache], zones, model, at: now) {
        case .edge: answers[index].allSatisfy { $0 != nil }
        case .elsewhere: true
        case .broken: false
        }
      }
      if isWhole { continue }
      dropped.append(hosts.remove(at: index))
      answers.remove(at: index)
    }
    return dropped.reversed()
  }

  /// Lets the time go by until `end` with the world as it is, before it is changed then.
  mutating func advance(
    to end: Double, _ caches: inout [ResolverCache], _ zones: ZoneTimeline, _ model: CloudFrontModel
  ) {
    while now < end {
      while let turn = turns.first, turn.at <= now {
        for index in hosts.indices {
          answers[index][turn.pop] = Self.answer(
            hosts[index].name, pop: turn.pop, model, start + now)
        }
        turns.removeFirst()
      }
      var next = min(end, turns.first?.at ?? end)
      let edges =
        edges ?? answers.map { row in (row.count { $0 == nil }, Set(row.compactMap { $0 })) }
      self.edges = edges
      let total = caches.reduce(0) { $0 + $1.kind.share }
      var failing = 0.0
      var served: Set<String> = []
      var isCompliant = false
      var because: String?
      for index in hosts.indices {
        let refusing = edges[index].refusing
        // Most resolvers have the same copies, and they lead to the same place.
        var known: (values: [RecordValue?], way: Way)?
        var failingHere = 0.0
        var isServed = false
        for cache in caches.indices {
          var values: [RecordValue?] = []
          for key in hosts[index].keys {
            values.append(caches[cache].copy(key, zones, at: now).value)
            if let change = caches[cache].nextChange(key, zones, after: now) {
              next = min(next, max(change, now + 0.001))
            }
          }
          let way: Way
          if let known, known.values == values {
            way = known.way
          } else {
            way = self.way(hosts[index], &caches[cache], zones, model, at: now)
            if !isChained(values, zones) { known = (values, way) }
          }
          var share = 0.0
          switch way {
          case .edge:
            share = Double(refusing) / Double(max(1, pops))
            if refusing > 0 {
              because = because ?? "\(hosts[index].name) is refused at \(refusing) of \(pops) edges"
            }
            if refusing < pops { isServed = true }
          case .elsewhere: break
          case .broken(let why):
            share = 1
            because = because ?? "\(hosts[index].name): \(why)"
          }
          guard share > 0 else { continue }
          failingHere += share * caches[cache].kind.share / total
          if caches[cache].kind.isCompliant { isCompliant = true }
        }
        failing = max(failing, failingHere)
        if isServed { served.formUnion(edges[index].served) }
      }
      let seconds = next - now
      if let because, failing > 0 {
        exposureSeconds += seconds
        clientSeconds += seconds * failing
        if isCompliant { compliantSeconds += seconds }
        if let last = outages.last, last.to == now {
          outages[outages.count - 1].to = next
        } else {
          outages.append((now, next, because))
        }
      }
      for id in served { lastServed[id] = next }
      now = next
    }
  }
  /// Who answers for a host at each POP now.
  func served(_ host: String) -> [String?]? {
    hosts.firstIndex { $0.name == host }.map { answers[$0] }
  }
}
