import FerryCore
import FerryDNS
import FerryHTTP
import Foundation

/// Thousands of names of one zone: one name is probed in full, of the others each server is asked what it has.
///
/// What is the zone's own (servers, SOA, denials, DNSSEC, what resolvers do) is the same for all of them.
struct BulkLook: Sendable {
  var engine: DNSEngine
  var prober: Prober
  var zones: [ZoneSettings]
  /// Up to this many names each is probed in full.
  static let fullMax = 100

  func probe(_ names: [DomainName]) async -> [ProbedName] {
    guard names.count > Self.fullMax else { return await prober.probe(names) }
    var places: [DomainName: [Int]] = [:]
    var alone: [Int] = []
    for (index, name) in names.enumerated() {
      if let place = ZoneSettings.place(of: name, in: zones) {
        places[zones[place].name, default: []].append(index)
      } else {
        alone.append(index)
      }
    }
    var out = [ProbedName?](repeating: nil, count: names.count)
    for (zone, indices) in places.sorted(by: { $0.key < $1.key }) {
      guard let first = indices.first,
        let model = await prober.probe([names[first]]).first
      else { continue }
      // Signatures are each RRset's own, and a zone further down has servers of its own.
      guard model.zone == zone, model.dnssec.state == .insecure else {
        alone += indices
        continue
      }
      out[first] = model
      let rest = Array(indices.dropFirst())
      for (index, it) in zip(rest, await look(rest.map { names[$0] }, like: model)) {
        out[index] = it
      }
    }
    for (index, it) in zip(alone, await prober.probe(alone.map { names[$0] })) { out[index] = it }
    return out.compactMap { $0 }
  }

  private struct Question: Sendable {
    var name: Int
    var server: Int
    var type: RRType
  }

  private func look(_ names: [DomainName], like model: ProbedName) async -> [ProbedName] {
    let servers = model.servers.map { DNSServer($0.address) }
    let template = ProbedName(
      name: model.name, zone: model.zone,
      servers: model.servers.map { entry in
        var entry = entry
        entry.answers = []
        return entry
      }, negativeTTL: model.negativeTTL, dnssec: model.dnssec,
      recursives: model.recursives.filter { $0.clamp != nil || $0.habits != nil }, verdict: "ok",
      soa: model.soa)
    var out = names.map { name in
      var it = template
      it.name = name
      return it
    }
    let known = model.servers.indices.filter {
      servers[$0] != nil && model.servers[$0].verdict == .ok
    }
    var questions = names.indices.flatMap { name in
      known.map { Question(name: name, server: $0, type: .cname) }
    }
    // A CNAME has nothing beside it; only where there is none the other types are asked for.
    for round in 0..<2 {
      let answers = await ask(questions, names, servers)
      var more: [Question] = []
      for (question, answer) in zip(questions, answers) {
        switch answer {
        case .sets(let sets):
          out[question.name].servers[question.server].answers += sets
          if round == 0, sets.isEmpty {
            more += [RRType.a, .aaaa, .https].map {
              Question(name: question.name, server: question.server, type: $0)
            }
          }
        case .denied: break
        case .lost(let verdict):
          // HTTPS is younger than many servers.
          if question.type != .https {
            out[question.name].servers[question.server].verdict = verdict
          }
        }
      }
      questions = more
      if more.isEmpty { break }
    }
    return out
  }

  private enum Answer: Sendable {
    case sets([ProbedName.RRset])
    case denied
    case lost(ProbedName.Server.Verdict)
  }
  private func ask(_ questions: [Question], _ names: [DomainName], _ servers: [DNSServer?]) async
    -> [Answer]
  {
    let asks = questions.compactMap { question in
      servers[question.server].map {
        DNSAsk(DNSQuery(names[question.name], question.type), of: $0)
      }
    }
    let answers = Locked([Answer](repeating: .lost(.unknown), count: asks.count))
    await engine.askAll(asks) { index, outcome in
      let answer = Self.answer(outcome, about: asks[index].query.key)
      answers.withLock { $0[index] = answer }
    }
    return answers.withLock { $0 }
  }
  private static func answer(_ outcome: DNSOutcome, about key: RecordKey) -> Answer {
    switch outcome {
    case .silent: return .lost(.timeout)
    case .forged: return .lost(.forged)
    case .reply(let message, _):
      switch message.rcode {
      case .noError, .nxDomain: break
      case .refused: return .lost(.refused)
      case .servFail: return .lost(.servfail)
      default: return .lost(.unknown)
      }
      guard message.isAuthoritative else { return .lost(.lame) }
      if message.rcode == .nxDomain, message.answer.isEmpty { return .denied }
      let own = message.answer.filter { $0.name == key.name && $0.type == key.rrtype }
      guard let first = own.first else { return .sets([]) }
      let ttl = own.map(\.ttl).max() ?? first.ttl
      return .sets([
        .init(name: key.name, type: key.rrtype, ttl: Int(ttl), data: own.map(\.data))
      ])
    }
  }
}
