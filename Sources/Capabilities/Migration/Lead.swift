import FerryCommand
import FerryCore

/// How a name leads to its distribution's own name where no record of its own says so: a CNAME or an alias record
/// leads over other names, or a wildcard's record answers for it.
struct Lead: Equatable, Sendable {
  /// The alias as it was seen, with its zone.
  var alias: CutoverObservation
  /// Owners of the records on the way, the alias left out; the last one's data is the distribution's own name.
  var through: [DomainName]
  var domain: DomainName
  /// Why nobody knows where the last one leads; nil where it leads to `domain`.
  var unknown: String?

  var name: DomainName { alias.name }
  /// The record that DNS would have to change at.
  var end: DomainName { through.last ?? name }
  /// Whether one wildcard's record is the whole way.
  var isWildcard: Bool { through.count == 1 && end.isWildcard }
  var code: FerryError.Code {
    if unknown != nil { return "dns-chain-unknown" }
    return isWildcard ? "dns-through-wildcard" : "dns-through-chain"
  }
  var said: String {
    let way = through.map(\.text).joined(separator: " and ")
    return unknown.map { "\(name) leads through \(way), and where that leads is not known: \($0)" }
      ?? "\(name) leads to \(domain) through \(way)"
  }
}

/// Follows names from record to record.
struct LeadReader: Sendable {
  /// Zones whose providers can be asked; only they know of alias records and wildcards.
  var zones: [ZoneSettings]
  var look: @Sendable ([DomainName]) async throws(FerryError) -> [CutoverObservation]
  /// As many as a probe follows.
  static let linksMax = 8

  /// - Returns: nil when the name leads elsewhere, nowhere, or by a record of its own.
  /// - Throws: what `look` throws.
  func lead(of alias: CutoverObservation, to domain: DomainName)
    async throws(FerryError) -> Lead?
  {
    var it = alias
    var through: [DomainName] = []
    while through.count <= Self.linksMax {
      if it.isBare {
        guard let wildcard = try await wildcard(over: it) else { return nil }
        it = wildcard
        through.append(it.name)
      }
      if it.currentTarget == domain {
        return through.isEmpty ? nil : Lead(alias: alias, through: through, domain: domain)
      }
      // Of many names the chains were not asked for.
      if it.probe.chain.isEmpty, it.current[.cname] != nil {
        it = try await look([it.name]).first ?? it
      }
      let chain = it.probe.chain
      if let end = chain.firstIndex(where: { $0.target == domain }) {
        through += chain[...end].dropFirst().map(\.name)
        return through.isEmpty ? nil : Lead(alias: alias, through: through, domain: domain)
      }
      guard let next = chain.last?.target ?? it.currentTarget,
        next != alias.name, !through.contains(next)
      else { return nil }
      guard ZoneSettings.place(of: next, in: zones) != nil else {
        return it.probe.chainUnknown.map {
          Lead(
            alias: alias, through: through + chain.dropFirst().map(\.name) + [next],
            domain: domain, unknown: $0)
        }
      }
      guard let found = try await look([next]).first else { return nil }
      through += chain.dropFirst().map(\.name) + [next]
      it = found
    }
    return nil
  }

  /// The wildcard whose record answers for a name without one: the nearest, since one further up ends at the names
  /// that are there (RFC 4592 §3.3.1).
  private func wildcard(over it: CutoverObservation) async throws(FerryError) -> CutoverObservation?
  {
    guard it.probe.servers.contains(where: { !$0.answers.isEmpty }) else { return nil }
    let names = it.wildcardsAbove
    return names.isEmpty ? nil : try await look(names).first { !$0.isBare }
  }
}

extension CutoverObservation {
  /// Whether its zone has no record at the name that could lead anywhere.
  fileprivate var isBare: Bool { CutoverMove.types.allSatisfy { current[$0] == nil } }
}

/// What a plan makes of such names.
extension MigrationPlanner {
  /// - Throws: 4 `dns-through-chain`, `dns-through-wildcard` or `dns-chain-unknown`, unless accepted.
  mutating func judgeLeads() throws(FerryError) {
    let aliases = Set(moves.flatMap(\.aliases).map { DomainName(wire: $0) })
    let leads = input.leads.filter { aliases.contains($0.name) }
    let open = leads.filter { !input.planning.acceptedRisks.contains($0.code.rawValue) }
    if let first = open.first {
      throw FerryError(
        first.code, exit: .blocked, what: "could not plan the move of \(first.name.host)",
        why:
          "\(first.said), and a plan changes only a record of the name's own: the name \(first.unknown == nil ? "would" : "may") go on leading to the source",
        next:
          "give \(first.name.host) a record of its own that points at \(first.domain.host) and plan again; or accept it with --accept-risk \(first.code.rawValue): then a gate of the plan waits until \(first.end)\(first.unknown == nil ? "" : ", if it leads to the source,") was pointed at the copy by hand, or by `edgeferry cutover plan '\(first.end.host)' --to NAME` with the copy's name",
        causes: open.dropFirst().prefix(20).map(\.said))
    }
    for it in leads {
      builder.risk(
        it.code.rawValue,
        it.unknown == nil
          ? "\(it.said), a record that this plan does not change; all else that leads through it moves with it, and a name whose record is left as it is fails once the source is gone"
          : "\(it.said); if it leads to the source, the name fails once that is gone"
      )
    }
  }

  /// Gates for the records that others than the plan have to change, one for each.
  func repoints(_ aliases: [String], _ move: Move, suffix: String) -> (steps: [Step], undo: [Step])
  {
    let wanted = Set(aliases.map { DomainName(wire: $0) })
    let leads = Dictionary(grouping: input.leads.filter { wanted.contains($0.name) }, by: \.end)
    var out: (steps: [Step], undo: [Step]) = ([], [])
    for (end, own) in leads.sorted(by: { $0.key < $1.key }) {
      let names = own.map(\.name.host).joined(separator: ", ")
      let old = move.it.domainName.lowercased()
      let unknown = own.contains { $0.unknown != nil }
      func step(
        _ id: String, _ to: String, from: String, if condition: String, undoes: String? = nil
      ) -> Step {
        let only = unknown ? ", \(condition)," : ""
        return Step(
          id: id, title: "Wait until \(end)\(only) points at \(to), changed by hand", account: nil,
          action: .external(
            .init(
              says:
                "Point \(end)\(only) at \(to) instead of \(from), and wait until its old TTL has run out.",
              commands: [])), window: nil,
          gate: .init(
            reason:
              "\(names): DNS leads through \(end), which\(only) has to point at \(to) with its old TTL run out"
          ), undoes: undoes)
      }
      let id = "repoint-\(Self.plain(own[0].name.host))\(suffix)"
      let copy = "the domain name of the copy of \(move.it.id)"
      out.steps.append(step(id, copy, from: old, if: "if it leads to \(old)"))
      out.undo.insert(
        step(
          "un\(id)", old, from: "the copy's", if: "if it was pointed at the copy", undoes: id),
        at: 0)
    }
    return out
  }
}
