import FerryCore

/// What one recursive resolver has for a name that exists, compared with what the zone's servers say.
struct ResolverReport {
  struct Outcomes: Sendable {
    /// RD=0: whether its cache had the name before it was asked; most resolvers refuse to say.
    var before: DNSOutcome?
    /// Each type, more than once where one address is many caches.
    var reads: [DNSOutcome]
    /// The same with CD=1, after a SERVFAIL.
    var unchecked: DNSOutcome?
    /// When the reads were, elapsed seconds.
    var began = 0.0
    var ended = 0.0
    /// The same some seconds later.
    struct Again: Sendable {
      var reads: [DNSOutcome]
      var began: Double
      var ended: Double
    }
    var again: Again?
  }
  var entry: ProbedName.Recursive
  var findings: [String] = []
  /// The resolver validated the answer (AD).
  var isValidated = false

  /// Caps that resolvers come with, seconds. A fresh answer with one of them, or one a second younger, was cut.
  /// - Source: facts section 3.
  private static let usualCaps = [3600, 7200, 21_600, 43_200, 86_400, 604_800]

  /// - Parameters:
  ///   - authoritative: what the servers answer, each set once for each way of answering.
  init(
    _ server: DNSServer, of name: DomainName, authoritative: [[ProbedName.RRset]],
    _ outcomes: Outcomes
  ) {
    entry = .init(address: server.description, verdict: "unknown")
    var records: [DNSRecord] = []
    var seen: [[ProbedName.RRset]] = []
    var isStale = false
    var isOwn = false
    var negative: UInt32?
    var failure: String?
    for outcome in outcomes.reads {
      guard case .reply(let message, _) = outcome else {
        if case .forged = outcome { failure = "forged" } else { failure = failure ?? "timeout" }
        continue
      }
      entry.rcode = entry.rcode ?? message.rcode
      isValidated = isValidated || message.authenticData
      switch message.rcode {
      case .noError, .nxDomain: break
      case .servFail: failure = failure ?? "servfail"
      case .refused: failure = failure ?? "refused"
      default: failure = failure ?? "unknown"
      }
      guard message.rcode == .noError || message.rcode == .nxDomain else { continue }
      isStale = isStale || message.isStale
      let here = message.answer.filter { $0.name == name }
      // A server of the zone itself, asked as a resolver, offers no recursion.
      isOwn =
        isOwn
        || message.isAuthoritative && message.recursionAvailable
          && (!here.isEmpty || message.rcode == .nxDomain)
      records += here.filter { !records.contains($0) }
      let sets = RRsets(here, at: name, types: ServerReport.types).sets
      if !sets.isEmpty { seen.append(sets) }
      if sets.isEmpty, message.rcode == .nxDomain || negative == nil {
        negative = message.authority.first { $0.type == .soa }?.ttl ?? negative
      }
    }
    // Several caches behind one address: what is not the zone's answer is what counts.
    let odd = seen.first { sets in !authoritative.contains { Self.fits(sets, $0) } }
    if let odd, odd[.cname] != nil || seen.allSatisfy({ $0 == odd }) {
      entry.answers = odd
    } else {
      entry.answers = RRsets(records, at: name, types: ServerReport.types).sets
    }
    if seen.contains(where: { one in
      seen.contains { one.map(\.type) == $0.map(\.type) && !one.holdsSame(as: $0) }
    }) {
      findings.append(
        "resolver \(server) answers differently from one time to the next: many caches")
    }
    // The longest that any of its caches showed.
    let later = outcomes.again.map { again in
      entry.answers.flatMap { again.reads.remaining(of: name, $0) }
    }
    entry.remainingTTL =
      (entry.answers.map(\.ttl) + (later ?? [])).max() ?? negative.map(Int.init)
    entry.extendedErrors = (outcomes.reads + (outcomes.again?.reads ?? [])).extendedErrors
    entry.verdict = judged(
      authoritative, failure: failure, isStale: isStale, isOwn: isOwn,
      opens: outcomes.unchecked.map(Self.hasData) ?? false)
    if entry.verdict == "ok" { judgeClamp(authoritative, outcomes.before, server) }
    judgeHabits(name, authoritative, outcomes, server)
  }

  /// What the reads of each RRset show of the caches behind the address.
  private mutating func judgeHabits(
    _ name: DomainName, _ authoritative: [[ProbedName.RRset]], _ outcomes: Outcomes,
    _ server: DNSServer
  ) {
    var habits: [ProbedName.Recursive.Habit] = []
    for set in entry.answers {
      let first = CacheHabits.Round(
        ttls: outcomes.reads.remaining(of: name, set), began: outcomes.began,
        ended: outcomes.ended)
      let again = outcomes.again.map {
        CacheHabits.Round(
          ttls: $0.reads.remaining(of: name, set), began: $0.began, ended: $0.ended)
      }
      let full = Self.full(set, authoritative)
      guard let habit = CacheHabits.judged(first, again, full: full), !habits.contains(habit)
      else { continue }
      habits.append(habit)
      let (before, after) = (first.ttls.max() ?? 0, again?.ttls.max())
      switch habit {
      case .fixedTTL:
        findings.append(
          "resolver \(server) does not count TTLs down (\(before) s, and \(after ?? 0) s some seconds later): whoever asks it keeps an answer for as long again"
        )
      default:
        findings.append(
          "resolver \(server) is many caches: the remaining TTL jumps from read to read; the longest counts, \(entry.remainingTTL ?? 0) s"
        )
      }
    }
    if let clamp = entry.clamp { habits.append(clamp.hasPrefix("floor") ? .raisesTTL : .cutsTTL) }
    entry.habits = habits.isEmpty ? nil : habits
  }
  /// The highest TTL that the servers give an RRset of that type.
  fileprivate static func full(
    _ set: ProbedName.RRset, _ authoritative: [[ProbedName.RRset]]
  ) -> Int {
    authoritative.compactMap { $0[set.type]?.ttl }.max() ?? set.ttl
  }

  private static func hasData(_ outcome: DNSOutcome) -> Bool {
    guard case .reply(let message, _) = outcome else { return false }
    return message.rcode == .noError || message.rcode == .nxDomain
  }
  /// Each RRset is the zone's own: a resolver is asked type by type.
  private static func fits(_ sets: [ProbedName.RRset], _ authoritative: [ProbedName.RRset]) -> Bool
  {
    sets.allSatisfy { set in authoritative[set.type]?.data == set.data }
  }

  private func judged(
    _ authoritative: [[ProbedName.RRset]], failure: String?, isStale: Bool, isOwn: Bool, opens: Bool
  ) -> String {
    if entry.answers.isEmpty, let failure {
      return failure == "servfail" && opens ? "bogus" : failure
    }
    let isSame =
      !entry.answers.isEmpty && authoritative.contains { Self.fits(entry.answers, $0) }
    if isSame { return isStale ? "stale" : "ok" }
    if isOwn { return "overridden-by-view" }
    if entry.answers.isEmpty {
      return authoritative.contains { !$0.isEmpty } ? "negative-cached" : "ok"
    }
    if isPrivate(beside: authoritative) { return "overridden-by-view" }
    return isStale ? "stale" : "differs"
  }
  /// Private addresses where the zone gives public ones.
  private func isPrivate(beside authoritative: [[ProbedName.RRset]]) -> Bool {
    func addresses(_ sets: [ProbedName.RRset]) -> [String] {
      sets.filter { $0.type == .a || $0.type == .aaaa }.flatMap(\.data)
    }
    let own = addresses(entry.answers)
    let zone = authoritative.flatMap(addresses)
    return !own.isEmpty && own.allSatisfy(isPrivateAddress)
      && !zone.contains(where: isPrivateAddress)
  }

  /// A TTL that the servers never gave, or one cut to what resolvers cut to.
  private mutating func judgeClamp(
    _ authoritative: [[ProbedName.RRset]], _ before: DNSOutcome?, _ server: DNSServer
  ) {
    for set in entry.answers {
      let ttls = authoritative.compactMap { $0[set.type] }.filter { $0.data == set.data }.map(\.ttl)
      guard let highest = ttls.max(), let lowest = ttls.min() else { continue }
      if set.ttl > highest {
        entry.clamp = "floor \(set.ttl)"
        findings.append(
          "resolver \(server) gives \(set.type.rawValue) a TTL of \(set.ttl) s, the servers \(highest) s: it raises TTLs, or has a copy from before the TTL was lowered"
        )
        return
      }
      let cap = Self.usualCaps.first { set.ttl == $0 || set.ttl == $0 - 1 } ?? set.ttl
      let isFresh = before.map { Self.wasMiss($0) } ?? false
      // A second may pass between fetching and answering.
      guard cap + 1 < lowest, isFresh || Self.usualCaps.contains(cap) else { continue }
      entry.clamp = "cap \(cap)"
      findings.append(
        "resolver \(server) cuts the TTL of \(set.type.rawValue) from \(lowest) s to \(cap) s")
      return
    }
  }
  /// Without recursion it had nothing at the name: what it fetched next was fresh.
  private static func wasMiss(_ outcome: DNSOutcome) -> Bool {
    guard case .reply(let message, _) = outcome else { return false }
    return message.rcode == .noError && message.answer.isEmpty && !message.isAuthoritative
      && !message.authority.contains { $0.type == .soa }
  }
}

/// Loopback, link-local, and the private ranges of RFC 1918, RFC 6598 and RFC 4193.
func isPrivateAddress(_ text: String) -> Bool {
  let parts = text.split(separator: ".").compactMap { Int($0) }
  if parts.count == 4, !text.contains(":") {
    switch (parts[0], parts[1]) {
    case (10, _), (127, _), (192, 168), (169, 254), (172, 16...31), (100, 64...127): return true
    default: return false
    }
  }
  let lower = text.lowercased()
  return lower == "::1"
    || ["fc", "fd", "fe8", "fe9", "fea", "feb"].contains(where: lower.hasPrefix)
}

extension ResolverReport.Outcomes {
  /// Whether a second read some seconds later can show anything.
  func isTelling(of name: DomainName, authoritative: [[ProbedName.RRset]]) -> Bool {
    for case .reply(let message, _) in reads {
      for set in RRsets(message.answer, at: name, types: ServerReport.types).sets
      where CacheHabits.isTelling(
        reads.remaining(of: name, set), full: ResolverReport.full(set, authoritative))
      {
        return true
      }
    }
    return false
  }
}

extension [DNSOutcome] {
  /// The TTLs with which caches gave the same RRset; a server of the zone itself is no cache.
  func remaining(of name: DomainName, _ set: ProbedName.RRset) -> [Int] {
    compactMap { outcome in
      guard case .reply(let message, _) = outcome, !message.isAuthoritative else { return nil }
      let found = RRsets(message.answer, at: name, types: [set.type]).sets.first
      return found?.data == set.data ? found?.ttl : nil
    }
  }
}
