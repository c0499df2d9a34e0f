import Foundation

/// One name's part of a cutover: which RRsets change in each phase, and what each phase waits for.
package struct CutoverMove: Equatable, Sendable {
  /// A wait with the terms that add up to it.
  struct Drain: Equatable, Sendable {
    var seconds: Int
    var terms: [Step.Wait.Term]
    var wait: Step.Wait {
      Step.Wait(from: "last-authoritative-change", seconds: seconds, terms: terms)
    }
  }
  var name: DomainName
  var zone: ZoneSettings
  var account: AccountID?
  var target: DomainName
  var lower: [RecordChange] = []
  var flip: [RecordChange] = []
  var restore: [RecordChange] = []
  var lowerDrain: Drain?
  var flipDrain: Drain
  /// After a flip is taken back, and after a TTL is.
  var undoDrain: Drain
  /// After a flip is taken back whose TTL had been restored.
  var undoRestoredDrain: Drain?
  /// In place at the flip, seconds.
  var flipTTL: Int
  /// Above the cap of resolvers: how it was seen.
  var extremeTTL: Int?
  var notes: [String] = []

  /// The RRsets that the move may touch.
  package static let types: [RRType] = [.cname, .a, .aaaa, .https]
  /// - Source: Route 53 answers an alias of CloudFront with it; it cannot be set.
  static let aliasTTL = 60

  /// - Returns: nil when the name is at its target already.
  /// - Throws: 64 for what can never be (`apex-cname`), 4 for what cannot be now.
  static func make(
    _ it: CutoverObservation, policy: CutoverPolicy, form: CutoverInput.Form?,
    known: inout KnownDrains
  ) throws(FerryError) -> CutoverMove? {
    let present = types.filter { it.current[$0] != nil }
    let form = try self.form(it, asked: form)
    var after = try wanted(it, form: form, present: present)
    let there = present.allSatisfy { type in
      guard let now = it.current[type], let then = after[type] else { return false }
      return now.data == then.data && now.alias == then.alias
    }
    if there, after.keys.allSatisfy({ it.current[$0] != nil }) { return nil }
    var out = CutoverMove(
      name: it.name, zone: it.zone, account: it.account, target: it.target,
      flipDrain: Drain(seconds: 0, terms: []), undoDrain: Drain(seconds: 0, terms: []),
      flipTTL: policy.ttl)
    let seen = Seen(it)
    for type in present {
      guard let value = it.current[type], let ttl = value.ttl else { continue }
      _ = try CutoverPolicy.checked(ttl: ttl)
      guard ttl > policy.ttl else { continue }
      var low = value
      low.ttl = policy.ttl
      out.lower.append(RecordChange(RecordKey(it.name, type), from: value, to: low))
    }
    // What caches may hold before anything is changed.
    var old: Seen.TTL?
    for type in present {
      guard let found = try seen.oldest(type, it.current[type]) else { continue }
      if found.ttl > old?.ttl ?? -1 { old = found }
    }
    if let old {
      if old.ttl > policy.resolverCapSeconds { out.extremeTTL = old.ttl }
      if !out.lower.isEmpty {
        out.lowerDrain = known.drain(
          "old TTL", old, policy, floor: seen.floor, again: seen.again, holds: false,
          unverified: seen.expire)
      }
    }
    // What they may hold after the flip: what is in place then, or a denial.
    var flips: [Drain] = []
    for type in present {
      let isLowered = out.lower.contains { $0.rrtype == type }
      let version: Seen.TTL? =
        isLowered
        ? .init(ttl: policy.ttl, source: "settings") : try seen.oldest(type, it.current[type])
      guard let version else { continue }
      flips.append(
        known.drain(
          isLowered ? "low TTL" : "TTL", version, policy, floor: seen.floor, again: seen.again,
          holds: true,
          unverified: seen.expire))
    }
    let createsAddress =
      after[.cname] != nil
      || after[.aaaa] != nil && it.current[.aaaa] == nil && it.current[.cname] == nil
    if present.isEmpty || (createsAddress && it.current[.cname] == nil && it.current[.aaaa] == nil)
    {
      flips.append(
        known.negative(seen.negative, policy, floor: seen.floor, unverified: seen.expire))
    }
    out.flipDrain = flips.max { $0.seconds < $1.seconds } ?? out.flipDrain
    out.flipTTL =
      after[.cname].map { _ in
        let old = it.current[.cname]?.ttl ?? present.compactMap { it.current[$0]?.ttl }.max()
        return old.map { $0 > policy.ttl || $0 == 0 ? policy.ttl : $0 } ?? policy.ttl
      } ?? aliasTTL
    after[.cname]?.ttl = out.flipTTL
    for type in types {
      let low = out.lower.firstIndex { $0.rrtype == type }
      let (old, new) = (low.flatMap { out.lower[$0].to } ?? it.current[type], after[type])
      guard old != new else { continue }
      out.flip.append(RecordChange(RecordKey(it.name, type), from: old, to: new))
    }
    let new = Seen.TTL(ttl: out.flipTTL, source: "plan")
    out.undoDrain = known.drain(
      "low TTL", new, policy, floor: seen.floor, again: seen.again, holds: true, unverified: nil)
    if policy.restoresTTL, let low = after[.cname],
      let old = it.current[.cname]?.ttl ?? out.lower.compactMap({ $0.from?.ttl }).max(),
      old > out.flipTTL
    {
      var high = low
      high.ttl = old
      out.restore = [RecordChange(RecordKey(it.name, .cname), from: low, to: high)]
      out.undoRestoredDrain = known.drain(
        "restored TTL", .init(ttl: old, source: "plan"), policy, floor: seen.floor,
        again: seen.again, holds: true,
        unverified: nil)
    }
    out.notes = notes(it, wanted: after, seen: seen)
    return out
  }

  // MARK: What it shall be

  private static func form(_ it: CutoverObservation, asked: CutoverInput.Form?)
    throws(FerryError) -> CutoverInput.Form
  {
    let isApex = it.name == it.zone.name
    let canAlias = it.zone.provider == .route53 && aliasZone(it) != nil
    let isAlias = it.current.values.contains { $0.alias != nil }
    if asked == .alias, !canAlias {
      throw .badInput(
        "no-alias", what: "could not plan an alias record for \(it.name)",
        why: it.zone.provider == .route53
          ? "\(it.target) is neither a CloudFront distribution's name nor a name of the same zone"
          : "the provider \(it.zone.provider.rawValue) has no alias records",
        next: "leave --as away")
    }
    if asked == .alias || (asked == nil && canAlias && (isAlias || isApex)) { return .alias }
    guard !isApex else {
      throw .badInput(
        "apex-cname", what: "could not plan a CNAME at \(it.name)",
        why:
          "it is the apex of its zone: SOA and NS are there, and a CNAME can have no other data beside it (RFC 1034 §3.6.2)",
        next:
          "use a Route 53 alias record of a dxxxx.cloudfront.net name, your provider's ALIAS or ANAME, or an HTTPS record in AliasMode beside A and AAAA (RFC 9460 §2.4.2)"
      )
    }
    return .cname
  }
  /// The hosted zone of an alias record's target; nil where that cannot be told from its name.
  private static func aliasZone(_ it: CutoverObservation) -> String? {
    if it.target.text.hasSuffix(".cloudfront.net.") { return RecordValue.Alias.cloudFrontZone }
    return it.target.isWithin(it.zone.name) ? it.zone.zoneID : nil
  }
  private static func wanted(
    _ it: CutoverObservation, form: CutoverInput.Form, present: [RRType]
  ) throws(FerryError) -> [RRType: RecordValue] {
    switch form {
    case .alias:
      var kept = present.filter { $0 != .cname }
      if kept.isEmpty { kept = [.a, .aaaa] }
      let zone = aliasZone(it) ?? ""
      var out: [RRType: RecordValue] = [:]
      for type in kept {
        let health = it.current[type]?.alias?.evaluateTargetHealth ?? false
        out[type] = RecordValue(
          alias: .init(hostedZoneId: zone, dnsName: it.target, evaluateTargetHealth: health))
      }
      return out
    case .cname:
      let others = it.current.keys.filter { !types.contains($0) }.sorted()
      guard others.isEmpty || it.current[.cname] != nil else {
        throw FerryError(
          "cname-conflict", exit: .blocked, what: "could not plan a CNAME at \(it.name)",
          why:
            "\(others.map(\.rawValue).joined(separator: ", ")) is there too, and a CNAME can have no other data beside it (RFC 1034 §3.6.2)",
          next: "move those records to another name first, or use an alias record")
      }
      return [.cname: RecordValue(ttl: 0, data: [it.target.text])]
    }
  }

  // MARK: What it waits for

  static func drain(
    _ term: String, _ version: Seen.TTL, _ policy: CutoverPolicy, floor: Seen.TTL?, again: String?,
    holds: Bool, unverified: Seen.TTL?
  ) -> Drain {
    let capped = min(version.ttl, policy.resolverCapSeconds)
    let kept = policy.effective(version.ttl, floor: floor?.ttl ?? 0)
    var terms: [Step.Wait.Term] = []
    if let unverified {
      terms.append(
        .init(term: "zone EXPIRE", seconds: unverified.ttl, source: unverified.source.text))
    }
    terms.append(
      .init(
        term: term, seconds: capped,
        source: capped < version.ttl
          ? "\(version.source.text); capped from \(version.ttl) s" : version.source.text))
    if kept > capped {
      let own = policy.resolverFloorSeconds >= floor?.ttl ?? 0
      terms.append(
        .init(
          term: "resolver floor", seconds: kept - capped,
          source: own ? "settings" : floor?.source.text ?? "settings"))
    }
    guard let again else { return finished(terms, kept, policy, holds: holds) }
    // Caches in a row add up (dns-cutover-facts.md §0): the last second of one is the first of the next.
    terms.append(.init(term: "the same downstream", seconds: kept, source: again))
    return finished(terms, 2 * kept, policy, holds: holds)
  }
  static func negative(
    _ version: Seen.TTL, _ policy: CutoverPolicy, floor: Seen.TTL?, unverified: Seen.TTL?
  ) -> Drain {
    let capped = min(version.ttl, CutoverPolicy.negativeCapSeconds)
    let kept = policy.effectiveNegative(version.ttl)
    var terms: [Step.Wait.Term] = []
    if let unverified {
      terms.append(
        .init(term: "zone EXPIRE", seconds: unverified.ttl, source: unverified.source.text))
    }
    terms.append(.init(term: "negative TTL", seconds: capped, source: version.source.text))
    if kept > capped {
      terms.append(.init(term: "resolver floor", seconds: kept - capped, source: "settings"))
    }
    return finished(terms, kept, policy, holds: true)
  }
  private static func finished(
    _ terms: [Step.Wait.Term], _ kept: Int, _ policy: CutoverPolicy, holds: Bool
  ) -> Drain {
    var terms = terms
    terms.append(.init(term: "margin", seconds: policy.margin(kept), source: "settings"))
    if holds {
      terms.append(
        .init(term: "client hold", seconds: policy.clientHoldSeconds, source: "settings"))
    }
    return Drain(seconds: terms.reduce(0) { $0 + $1.seconds }, terms: terms)
  }

  private static func notes(
    _ it: CutoverObservation, wanted: [RRType: RecordValue], seen: Seen
  ) -> [String] {
    var out: [String] = []
    if it.current.isEmpty {
      out.append(
        "\(it.name) is not there yet: no resolver is asked for it before every authoritative server has it, since a denial would be kept for \(seen.negative.ttl) s"
      )
    }
    if let wildcard = it.wildcard {
      out.append(
        "the servers answer for \(it.name) as the wildcard \(wildcard.name) does: if it has no record of its own, the first change makes one, and taking back leaves one with today's answer"
      )
    }
    if wanted[.a] != nil, wanted[.aaaa] == nil {
      out.append(
        "\(it.name) has no AAAA record and gets none: clients keep the answer that there is none for \(seen.negative.ttl) s"
      )
    }
    if it.current[.cname] != nil, wanted[.cname] == nil {
      out.append(
        "\(it.name) changes from CNAME to alias records: the cached CNAME runs out by its own TTL")
    }
    for resolver in it.probe.recursives where resolver.outlivesTTL {
      let habits = (resolver.habits ?? []).map(\.rawValue).joined(separator: ", ")
      out.append(
        "resolver \(resolver.address) does not keep to TTLs (\(habits)): no step waits for it to let an old answer go"
      )
    }
    if it.probe.chain.count > 1 {
      out.append(
        "\(it.name) is the first of \(it.probe.chain.count) links; only its own TTL counts, the others stay"
      )
    }
    return out
  }
}

extension CutoverObservation {
  /// What a move of this name waits for after its flip, and after that is taken back, seconds from the last
  /// authoritative change; nil when it is at its target or cannot be planned.
  package func drainSeconds(_ policy: CutoverPolicy, form: CutoverInput.Form? = nil) -> (
    flip: Int, undo: Int
  )? {
    var known = KnownDrains()
    guard
      let move = try? CutoverMove.make(self, policy: policy, form: form, known: &known)
    else { return nil }
    return (move.flipDrain.seconds, move.undoDrain.seconds)
  }
}

/// The waits of the names so far: those of one zone have the same, and share it.
struct KnownDrains {
  private struct Key: Equatable {
    var term: String
    var version: Seen.TTL
    var floor: Seen.TTL?
    var again: String?
    var holds: Bool
    var unverified: Seen.TTL?
  }
  /// The first so many; the others are made again.
  private var drains: [(key: Key, drain: CutoverMove.Drain)] = []
  private static let drainsMax = 16

  private mutating func known(_ key: Key, _ make: () -> CutoverMove.Drain) -> CutoverMove.Drain {
    if let place = drains.firstIndex(where: { $0.key == key }) { return drains[place].drain }
    let made = make()
    if drains.count < Self.drainsMax { drains.append((key, made)) }
    return made
  }

  mutating func drain(
    _ term: String, _ version: Seen.TTL, _ policy: CutoverPolicy, floor: Seen.TTL?,
    again: String?, holds: Bool, unverified: Seen.TTL?
  ) -> CutoverMove.Drain {
    let key = Key(
      term: term, version: version, floor: floor, again: again, holds: holds,
      unverified: unverified)
    return known(key) {
      CutoverMove.drain(
        term, version, policy, floor: floor, again: again, holds: holds, unverified: unverified)
    }
  }
  mutating func negative(
    _ version: Seen.TTL, _ policy: CutoverPolicy, floor: Seen.TTL?, unverified: Seen.TTL?
  ) -> CutoverMove.Drain {
    let key = Key(
      term: "negative TTL", version: version, floor: floor, holds: true, unverified: unverified)
    return known(key) {
      CutoverMove.negative(version, policy, floor: floor, unverified: unverified)
    }
  }
}

/// What the observation says of caches, each figure with its source.
struct Seen {
  struct TTL: Equatable, Sendable {
    var ttl: Int
    var source: Source
  }
  /// Where a figure is from; put into words only when a wait is made of it.
  enum Source: Equatable, Sendable, ExpressibleByStringLiteral {
    case words(String)
    case provider(ZoneSettings.Provider)
    case authoritative(Int, of: Int)
    case highest(at: String)
    init(stringLiteral value: String) { self = .words(value) }
    var text: String {
      switch self {
      case .words(let text): text
      case .provider(let provider): "provider \(provider.rawValue)"
      case .authoritative(let count, let all): "authoritative \(count) of \(all)"
      case .highest(let address): "the highest, at \(address)"
      }
    }
  }
  private let probe: ProbedName
  private let provider: ZoneSettings.Provider
  /// The largest floor that a resolver was seen to apply.
  let floor: TTL?
  /// A resolver that was seen to hand out TTLs that do not count down.
  let again: String?
  let negative: TTL
  /// EXPIRE, when a server cannot be verified: until then its old answers may come back.
  let expire: TTL?

  /// - Source: RFC 2308 §5 (the wire TTL of a real denial), else min(MINIMUM, …), else the cap.
  init(_ it: CutoverObservation) {
    probe = it.probe
    provider = it.zone.provider
    var floor: TTL?
    for resolver in it.probe.recursives {
      let words = (resolver.clamp ?? "").split(separator: " ")
      guard words.count == 2, words[0] == "floor", let seconds = Int(words[1]), seconds >= 0,
        seconds <= CutoverPolicy.ttlMax, seconds > floor?.ttl ?? -1
      else { continue }
      floor = TTL(ttl: seconds, source: .words("seen at resolver \(resolver.address)"))
    }
    self.floor = floor
    again = it.probe.recursives.first { $0.habits?.contains(.fixedTTL) ?? false }.map {
      "resolver \($0.address) does not count TTLs down"
    }
    if let wire = it.probe.negativeTTL {
      negative = TTL(ttl: max(0, wire), source: "SOA of a denial")
    } else if let soa = it.probe.soa {
      negative = TTL(ttl: max(0, soa.minimum), source: "SOA MINIMUM")
    } else {
      negative = TTL(ttl: CutoverPolicy.negativeCapSeconds, source: "unknown, so the cap")
    }
    let silent = it.probe.servers.count { $0.verdict != .ok }
    expire =
      silent == 0
      ? nil
      : TTL(
        ttl: max(0, min(it.probe.soa?.expire ?? 1_209_600, CutoverPolicy.ttlMax)),
        source: .words("\(silent) of \(it.probe.servers.count) servers cannot be verified"))
  }
  static func unverified(_ probe: ProbedName) -> [ProbedName.Server] {
    probe.servers.filter { $0.verdict != .ok }
  }

  /// The highest TTL that any server or cache shows for the RRset; nil when there is none.
  func oldest(_ type: RRType, _ value: RecordValue?) throws(FerryError) -> TTL? {
    guard let value else { return nil }
    var out = TTL(
      ttl: value.ttl ?? CutoverMove.aliasTTL,
      source: value.ttl == nil
        ? "an alias record has none of its own" : .provider(provider))
    var agreeing = 0
    var isHigher = false
    for server in probe.servers where server.verdict == .ok {
      for answer in server.answers where answer.type == type && answer.name == probe.name {
        let ttl = try CutoverPolicy.checked(ttl: answer.ttl)
        if ttl == out.ttl { agreeing += 1 }
        if ttl > out.ttl {
          out = TTL(ttl: ttl, source: .highest(at: server.address))
          isHigher = true
        }
      }
    }
    if agreeing > 0, !isHigher {
      out.source = .authoritative(agreeing, of: probe.servers.count)
    }
    for resolver in probe.recursives {
      guard let left = resolver.remainingTTL, left < CutoverPolicy.ttlMax, left > out.ttl,
        resolver.answers.contains(where: { $0.type == type && $0.name == probe.name })
      else { continue }
      let isMany = resolver.habits?.contains(.manyCaches) ?? false
      let which = isMany ? "one of the caches of " : ""
      out = TTL(
        ttl: left + 1, source: .words("still kept by \(which)resolver \(resolver.address)"))
    }
    return out
  }
}
