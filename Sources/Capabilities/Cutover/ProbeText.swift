import FerryCore
import FerryReport
import Foundation

/// What a probe found, for a person: one block for each name, a row for each server.
enum ProbeText {
  static func render(_ document: Probe) -> String {
    document.names.map(block).joined(separator: "\n")
  }

  /// Both forms of a name that is no plain ASCII.
  static func both(_ name: DomainName) -> String {
    safe(name.text) + (name.unicode.map { " (\(safe($0)))" } ?? "")
  }

  private static func block(_ it: ProbedName) -> String {
    var out = "\(both(it.name))  \(safe(it.verdict).uppercased())\n"
    for line in it.because { out += "  \(safe(line))\n" }
    out += "  zone \(it.zone.map { safe($0.text) } ?? "not found")"
    if let ttl = it.negativeTTL { out += ", denials are kept \(span(ttl))" }
    if let soa = it.soa {
      out += ", secondaries ask every \(span(soa.refresh)), again after \(span(soa.retry))"
    }
    out += ", DNSSEC \(it.dnssec.state.rawValue)"
    if let date = it.dnssec.earliestExpiration {
      out += " until \(Timestamp.text(date))"
    }
    out += "\n"
    for link in it.chain {
      out +=
        "  \(both(link.name)) -> \(both(link.target))  TTL \(link.ttl), zone \(safe(link.zone.text))\n"
    }
    out += table(servers(it), indent: "  ")
    if !it.recursives.isEmpty { out += table(resolvers(it), indent: "  ") }
    for line in errors(it) { out += "  \(safe(line))\n" }
    return out
  }

  static func servers(_ it: ProbedName) -> [[String]] {
    [["SERVER", "ADDRESS", "STATE", "AA", "RCODE", "SERIAL", "MS", "ANSWER"]]
      + it.servers.map { server in
        [
          server.name.map { safe($0.text) } ?? "-",
          server.address.isEmpty ? "-" : safe(server.address),
          server.verdict.rawValue, server.authoritative ? "yes" : "no", server.rcode?.text ?? "-",
          server.soaSerial.map { "\($0)" } ?? "-", milliseconds(server.rttMilliseconds),
          answers(server.answers),
        ]
      }
  }
  static func resolvers(_ it: ProbedName) -> [[String]] {
    [["RESOLVER", "STATE", "RCODE", "LEFT", "CLAMP", "HABITS", "ANSWER"]]
      + it.recursives.map { resolver in
        [
          safe(resolver.address), safe(resolver.verdict), resolver.rcode?.text ?? "-",
          resolver.remainingTTL.map { "\($0) s" } ?? "-", safe(resolver.clamp ?? "-"),
          resolver.habits.map { $0.map(\.rawValue).joined(separator: ", ") } ?? "-",
          answers(resolver.answers),
        ]
      }
  }
  /// The extended errors (RFC 8914), a line for each address that sent some.
  static func errors(_ it: ProbedName) -> [String] {
    (it.servers.map { ($0.address, $0.extendedErrors) }
      + it.recursives.map { ($0.address, $0.extendedErrors) }).compactMap { address, errors in
        errors.map { "\(address) says: \($0.words)" }
      }
  }
  private static func milliseconds(_ value: Double?) -> String {
    value.map { String(format: "%.1f", $0) } ?? "-"
  }
  private static func answers(_ sets: [ProbedName.RRset]) -> String {
    guard !sets.isEmpty else { return "-" }
    return sets.map { set in
      "\(set.type.rawValue) \(safe(set.data.joined(separator: " "))) (TTL \(set.ttl))"
    }.joined(separator: ", ")
  }

  /// The same as Markdown, for a ticket.
  static func markdownText(_ document: Probe) -> String {
    var out = "# DNS at \(Timestamp.text(document.at))\n"
    for it in document.names {
      out += "\n## \(markdown(both(it.name))): \(markdown(it.verdict))\n\n"
      for line in it.because { out += "- \(markdown(line))\n" }
      out += "- zone \(markdown(it.zone?.text ?? "not found")), DNSSEC \(it.dnssec.state.rawValue)"
      out += it.negativeTTL.map { ", negative TTL \($0) s\n" } ?? "\n"
      for link in it.chain {
        out += "- \(markdown("\(link.name) -> \(link.target)")), TTL \(link.ttl) s\n"
      }
      for rows in [servers(it), it.recursives.isEmpty ? [] : resolvers(it)] where !rows.isEmpty {
        out += "\n"
        for (index, row) in rows.enumerated() {
          out += "| " + row.map(markdown).joined(separator: " | ") + " |\n"
          if index == 0 { out += "|" + String(repeating: " --- |", count: row.count) + "\n" }
        }
      }
      let errors = errors(it)
      if !errors.isEmpty { out += "\n" }
      for line in errors { out += "- \(markdown(line))\n" }
    }
    return out
  }
}
