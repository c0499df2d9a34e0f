import FerryCore
import FerryHTTP

/// One URL and how each side is asked for it.
struct EdgeAsk: Equatable, Sendable {
  struct Place: Equatable, Sendable {
    var host: String
    var url: String
    /// The distribution's own name where the host is an alias.
    var at: String?
  }
  /// The distributions' ids.
  var pair: Comparison.Pair
  var shown: String
  /// nil where the source is disabled.
  var source: Place?
  var target: Place

  /// - Parameter pairs: both sides of each, staging distributions left out.
  /// - Throws: `bad-urls` (64) for a host that no pair answers for.
  static func all(
    _ entries: [URLList.Entry],
    _ pairs: [(source: Inventory.Distribution, target: Inventory.Distribution)]
  ) throws(FerryError) -> [EdgeAsk] {
    var out: [EdgeAsk] = []
    for entry in entries {
      var isKnown = false
      for (source, target) in pairs {
        var hosts = Set((source.aliases + target.aliases).map { Self.host($0.lowercased()) })
        if hosts.isEmpty { hosts = [target.domainName.lowercased()] }
        if let host = entry.host {
          guard Self.isOf(host, source, target) else { continue }
          hosts = [host]
        }
        isKnown = true
        for host in hosts.sorted() {
          let it = EdgeAsk(
            pair: .init(source: source.id, target: target.id),
            shown: "https://\(host)\(entry.path)",
            source: source.isEnabled
              ? place(host, entry.path, source, other: target) : nil,
            target: place(host, entry.path, target, other: source))
          if !out.contains(it) { out.append(it) }
        }
      }
      if let host = entry.host, !isKnown {
        throw URLList.refuse(
          "neither distribution answers for \(host)",
          "name an alias of the source or the target")
      }
    }
    return out
  }
  /// A wildcard is asked by a name below it that nobody else has.
  private static func host(_ alias: String) -> String {
    alias.hasPrefix("*.") ? "edgeferry-check" + alias.dropFirst() : alias
  }
  private static func isOf(
    _ host: String, _ source: Inventory.Distribution, _ target: Inventory.Distribution
  ) -> Bool {
    rank(host, source.aliases) >= 0 || rank(host, target.aliases) >= 0
      || [source, target].contains { $0.domainName.lowercased() == host }
  }
  /// How closely a list of aliases names a host; -1 when it does not.
  ///
  /// - Source: CloudFront Developer Guide, "Use custom URLs": the exact name wins over a wildcard.
  private static func rank(_ host: String, _ aliases: [String]) -> Int {
    aliases.map { alias in
      let alias = alias.lowercased()
      if alias == host { return Int.max }
      return alias.hasPrefix("*.") && host.hasSuffix(alias.dropFirst()) ? alias.utf8.count : -1
    }.max() ?? -1
  }
  private static func place(
    _ host: String, _ path: String, _ it: Inventory.Distribution, other: Inventory.Distribution
  ) -> Place {
    let own = rank(host, it.aliases)
    let domain = it.domainName.lowercased()
    guard own >= 0, own >= rank(host, other.aliases) else {
      return Place(host: domain, url: "https://\(domain)\(path)", at: nil)
    }
    return Place(host: host, url: "https://\(host)\(path)", at: domain)
  }
}

extension EdgeAsk {
  /// Where bodies are cut off, in bytes.
  static let bytesMax = 1 << 20
  private static let atOnce = 16

  /// What both edges answer, compared; in the order of the asks.
  static func differences(
    _ asks: [EdgeAsk], _ domains: [String: String], probe: any ContentProbe, marker: String?
  ) async -> [CutoverVerdict.Difference] {
    await withTaskGroup(of: (Int, [CutoverVerdict.Difference]).self) { group in
      var all: [Int: [CutoverVerdict.Difference]] = [:]
      for (index, ask) in asks.enumerated() {
        if index >= atOnce, let done = await group.next() { all[done.0] = done.1 }
        group.addTask { (index, await ask.differences(domains, probe, marker?.lowercased())) }
      }
      for await done in group { all[done.0] = done.1 }
      return asks.indices.flatMap { all[$0] ?? [] }
    }
  }

  private func differences(
    _ domains: [String: String], _ probe: any ContentProbe, _ marker: String?
  ) async -> [CutoverVerdict.Difference] {
    func ask(_ place: Place) async -> EdgeContent {
      await probe.content(url: place.url, at: place.at, bytesMax: Self.bytesMax)
    }
    func side(_ id: String, _ place: Place, _ content: EdgeContent) -> EdgeComparison.Side {
      .init(names: [id, domains[id] ?? ""], host: place.host, content: content)
    }
    let new = await ask(target)
    guard let source else {
      return [
        .init(
          path: "\(shown)#answer", source: nil,
          target: new.failure ?? new.status.map { "status \($0)" },
          expected: new.failure == nil && (new.status ?? 500) < 500 && new.status != 421,
          reason: "the source is disabled, so only the target was asked")
      ]
    }
    let old = await ask(source)
    let comparison = EdgeComparison(url: shown, marker: marker)
    let sides = (side(pair.source, source, old), side(pair.target, target, new))
    let found = comparison.differences(sides.0, sides.1)
    guard found.contains(where: { $0.path == "\(shown)#body" && !$0.expected }) else {
      return found
    }
    return comparison.differences(sides.0, sides.1, again: await ask(source))
  }
}
