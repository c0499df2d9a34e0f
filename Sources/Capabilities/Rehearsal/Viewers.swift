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
  private var answers: [[String?]] = []
  /// What clients get from now on as long as nothing changes.
  private struct Look {
    /// When a resolver may next have something else; infinite for never, as things stand.
    var until = Double.infinity
    /// The share of clients that get a broken answer, why the first of them does, and whether one of them asks a
    /// resolver that keeps to TTLs.
    var failing = 0.0
    var because: String?
    var isCompliant = false
    /// The distributions that answer somebody, each once.
    var served: [String] = []
  }
  /// nil when it has to be looked anew.
  private var look: Look?
  /// By host and resolver: where its clients are led, and until when that stays so.
  private var leads: [[(way: Way, until: Double)?]] = []
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
    let (certificate, answer) = model.visit(host, pop: pop, now: now, random: 0.999)
    guard certificate.names.contains(where: { covers($0, host) }) else { return nil }
    switch answer {
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
      // A moment later: sums of seconds are not exact, and a turn that is looked at too early is never looked at again.
      for turn in model.popTurnSeconds(pop) { turns.append((at + turn + 0.001, pop)) }
    }
    turns.sort { $0.at < $1.at }
    // A distribution may be gone, or there.
    recordsChanged()
  }
  /// The zones have other records from now on.
  mutating func recordsChanged() {
    look = nil
    leads = []
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
    at: Double, until: inout Double
  ) -> Way {
    func copy(_ key: RecordKey) -> RecordValue? {
      let value = cache.copy(key, zones, at: at).value
      if let change = cache.nextChange(key, zones, after: at) {
        until = min(until, max(change, at + 0.001))
      }
      return value
    }
    guard !host.keys.isEmpty else { return .edge }
    var leads = Way.broken("no record")
    for key in host.keys {
      var (value, type) = (copy(key), key.rrtype)
      let others = zones.others(key)
      for other in others where value == nil { (value, type) = (copy(other), other.rrtype) }
      // One server has let go of the one type, and another has not got the other yet: clients ask again.
      for newest in [key] + others where value == nil && !others.isEmpty {
        (value, type) = (zones[newest], newest.rrtype)
      }
      var depth = 0
      while let target = value?.data.first.map(DomainName.init(wire:)), type == .cname,
        zones.knows(RecordKey(target, .cname)), depth < 8
      {
        value = copy(RecordKey(target, .cname))
        depth += 1
      }
      guard let value else {
        // A name may have addresses of one family alone.
        if host.keys.count == 1 { return .broken("no record") }
        continue
      }
      leads = way(value, type, model)
      if case .broken = leads { return leads }
    }
    return leads
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
        var until = Double.infinity
        return switch way(hosts[index], &caches[cache], zones, model, at: now, until: &until) {
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
          let answer = Self.answer(hosts[index].name, pop: turn.pop, model, start + now)
          guard answers[index][turn.pop] != answer else { continue }
          answers[index][turn.pop] = answer
          look = nil
        }
        turns.removeFirst()
      }
      let look: Look
      if let known = self.look, known.until > now {
        look = known
      } else {
        look = looked(&caches, zones, model)
        self.look = look
      }
      let next = min(end, turns.first?.at ?? end, look.until)
      let seconds = next - now
      if let because = look.because, look.failing > 0 {
        exposureSeconds += seconds
        clientSeconds += seconds * look.failing
        if look.isCompliant { compliantSeconds += seconds }
        if let last = outages.last, last.to == now {
          outages[outages.count - 1].to = next
        } else {
          outages.append((now, next, because))
        }
      }
      for id in look.served { lastServed[id] = next }
      now = next
    }
  }
  /// What every client gets now, through every resolver and at every POP.
  private mutating func looked(
    _ caches: inout [ResolverCache], _ zones: ZoneTimeline, _ model: CloudFrontModel
  ) -> Look {
    var look = Look()
    let total = caches.reduce(0) { $0 + $1.kind.share }
    if leads.isEmpty {
      leads = hosts.map { _ in Array(repeating: nil, count: caches.count) }
    }
    for index in hosts.indices {
      let refusing = answers[index].count { $0 == nil }
      var failingHere = 0.0
      var isServed = false
      for cache in caches.indices {
        let way: Way
        if let lead = leads[index][cache], lead.until > now {
          way = lead.way
          look.until = min(look.until, lead.until)
        } else {
          var until = Double.infinity
          way = self.way(hosts[index], &caches[cache], zones, model, at: now, until: &until)
          leads[index][cache] = (way, until)
          look.until = min(look.until, until)
        }
        var share = 0.0
        switch way {
        case .edge:
          share = Double(refusing) / Double(max(1, pops))
          if refusing > 0 {
            look.because =
              look.because ?? "\(hosts[index].name) is refused at \(refusing) of \(pops) edges"
          }
          if refusing < pops { isServed = true }
        case .elsewhere: break
        case .broken(let why):
          share = 1
          look.because = look.because ?? "\(hosts[index].name): \(why)"
        }
        guard share > 0 else { continue }
        failingHere += share * caches[cache].kind.share / total
        if caches[cache].kind.isCompliant { look.isCompliant = true }
      }
      look.failing = max(look.failing, failingHere)
      guard isServed else { continue }
      for case let id? in answers[index] where !look.served.contains(id) { look.served.append(id) }
    }
    return look
  }
  /// Who answers for a host at each POP now.
  func served(_ host: String) -> [String?]? {
    hosts.firstIndex { $0.name == host }.map { answers[$0] }
  }
}
