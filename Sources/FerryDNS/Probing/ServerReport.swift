import FerryCore

/// What one address of one authoritative server said about a name and its zone.
struct ServerReport: Sendable {
  /// The answers to the questions that are asked; nil for one that was not asked.
  struct Outcomes: Sendable {
    var cname: DNSOutcome
    var a: DNSOutcome?
    var aaaa: DNSOutcome?
    var https: DNSOutcome?
    var soa: DNSOutcome?
    /// A random name beside this one, and then a type that the zone's apex has not: a real denial.
    var sibling: DNSOutcome?
    var denial: DNSOutcome?
  }
  /// CNAME, A, AAAA and HTTPS: what a cutover moves.
  static let types: [RRType] = [.cname, .a, .aaaa, .https]

  var entry: ProbedName.Server
  var findings: [String] = []
  /// What was answered at the name and the zone's apex, signatures included.
  var records: [DNSRecord] = []
  var negativeTTL: UInt32?
  var soa: SOAFields?
  /// The RRsets are those that any name beside it gets too.
  var isWildcard = false
  /// A zone further down that it hands the name to.
  var refersTo: DomainName?

  init(unreachable name: DomainName?) {
    entry = .init(name: name, address: "", verdict: .unknown)
    findings = ["no address is known for the name server \(name?.text ?? "")"]
  }

  /// - Parameter sibling: the random name that `outcomes.sibling` and `.denial` are about.
  init(
    _ server: DNSServer, named serverName: DomainName?, of name: DomainName, in zone: DomainName,
    sibling: DomainName? = nil, _ outcomes: Outcomes
  ) {
    entry = .init(name: serverName, address: server.description, verdict: .ok)
    var label: String { serverName.map { "\($0) (\(server))" } ?? "\(server)" }
    let main = [outcomes.cname, outcomes.a, outcomes.aaaa, outcomes.https].compactMap { $0 }
    entry.extendedErrors = main.extendedErrors
    for (index, outcome) in main.enumerated() {
      switch Reading.of(outcome, about: name, in: zone) {
      case .answer(let message, let milliseconds):
        entry.authoritative = true
        // The rcode and the time are those of the first question.
        entry.rcode = entry.rcode ?? message.rcode
        entry.rttMilliseconds = entry.rttMilliseconds ?? milliseconds
        for record in message.answer where record.name == name && !records.contains(record) {
          records.append(record)
        }
      case .referral(_, let below):
        refersTo = below
        fail(.lame, label, "it refers to \(below) instead of answering")
      case .failed(let verdict, let because, let rcode, let milliseconds):
        // HTTPS is younger than many servers: one that knows no such type is none the worse for it.
        if index == 3, verdict == .unknown { continue }
        entry.rcode = entry.rcode ?? rcode
        entry.rttMilliseconds = entry.rttMilliseconds ?? milliseconds
        fail(verdict, label, because)
      }
    }
    let sets = RRsets(records, at: name, types: Self.types)
    entry.answers = sets.sets
    if !sets.findings.isEmpty { findings += sets.findings.map { "\($0) (\(label))" } }
    if sets.hasBadTTL { entry.verdict = .unknown }
    if outcomes.soa != nil { readSOA(outcomes.soa, zone, label) }
    if let sibling, let outcome = outcomes.sibling { readSibling(outcome, sibling, zone) }
    if negativeTTL == nil, let outcome = outcomes.denial { readDenial(outcome, zone) }
  }

  /// The type that no apex has, asked for to see a denial where every name exists through a wildcard.
  static let absentType: RRType = "HINFO"

  private mutating func fail(
    _ verdict: ProbedName.Server.Verdict, _ label: String, _ because: String
  ) {
    guard entry.verdict == .ok else { return }
    entry.verdict = verdict
    findings.append("\(label): \(because)")
  }
  private mutating func readSOA(_ outcome: DNSOutcome?, _ zone: DomainName, _ label: String) {
    guard let outcome, case .answer(let message, _) = Reading.of(outcome, about: zone, in: zone),
      let record = message.answer.first(where: { $0.type == .soa && $0.name == zone })
    else { return }
    records += message.answer.filter { $0.name == zone && !records.contains($0) }
    soa = SOAFields(record.data)
    entry.soaSerial = soa?.serial
    // Until a real denial says otherwise.
    if let soa { fallback = min(UInt32(clamping: soa.timers.minimum), record.ttl) }
  }
  /// min(MINIMUM, TTL of the SOA), where no real denial could be had.
  private(set) var fallback: UInt32?

  private mutating func readSibling(
    _ outcome: DNSOutcome, _ sibling: DomainName, _ zone: DomainName
  ) {
    guard case .answer(let message, _) = Reading.of(outcome, about: sibling, in: zone) else {
      return
    }
    negativeTTL = message.negativeTTL(of: RecordKey(sibling, .a))
    let beside = RRsets(message.answer, at: sibling, types: Self.types).sets
    guard !beside.isEmpty, !entry.answers.isEmpty else { return }
    isWildcard = beside.allSatisfy { one in
      entry.answers.contains { $0.type == one.type && $0.data == one.data && $0.ttl == one.ttl }
    }
  }
  private mutating func readDenial(_ outcome: DNSOutcome, _ zone: DomainName) {
    guard case .answer(let message, _) = Reading.of(outcome, about: zone, in: zone) else { return }
    negativeTTL = message.negativeTTL(of: RecordKey(zone, Self.absentType))
  }
}
