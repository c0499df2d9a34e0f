import FerryCore
import Foundation

/// A resolver that keeps what it was told until its TTL is over, each RRset on its own clock.
///
/// It asks the name servers in turn, follows chains link by link and shows what is left of each TTL.
/// - Source: RFC 1034 §5.3.3, RFC 2308 §5.
public struct CachingResolver: Sendable {
  private struct Entry: Sendable {
    var records: [DNSRecord]
    /// Of a negative answer: the SOA.
    var authority: [DNSRecord]
    var rcode: RCode
    var stored: Date
    var seconds: UInt32
    func isFresh(_ now: Date) -> Bool { stored <= now && now < stored + Double(seconds) }
  }
  private var entries: [RecordKey: Entry] = [:]
  private var turn = 0
  /// How many RRsets are kept at most.
  let entriesMax: Int

  public init(entriesMax: Int = 100_000) { self.entriesMax = entriesMax }

  public mutating func answer(_ key: RecordKey, in model: CloudFrontModel, now: Date) -> DNSMessage
  {
    var out = DNSMessage(id: 0, isResponse: true, question: key)
    out.recursionDesired = true
    out.recursionAvailable = true
    var name = key.name
    var seen: Set<DomainName> = []
    while true {
      guard seen.insert(name).inserted, seen.count <= CloudFrontModel.linksMax + 1 else {
        out.rcode = .servFail
        out.answer = []
        return out
      }
      let entry = entry(RecordKey(name, key.rrtype), in: model, now: now)
      let left = UInt32(
        clamping: Int(Double(entry.seconds) - now.timeIntervalSince(entry.stored)))
      func aged(_ records: [DNSRecord]) -> [DNSRecord] {
        records.map { DNSRecord($0.name, $0.type, ttl: min($0.ttl, left), $0.data) }
      }
      out.answer += aged(entry.records)
      out.authority = aged(entry.authority)
      out.rcode = entry.rcode
      guard let link = entry.records.first, link.type == .cname, key.rrtype != .cname else {
        return out
      }
      name = DomainName(wire: link.data)
    }
  }

  /// One link: what is kept for the key, or what the next server says.
  private mutating func entry(_ key: RecordKey, in model: CloudFrontModel, now: Date) -> Entry {
    for kept in [key, RecordKey(key.name, .cname)] {
      if let it = entries[kept], it.isFresh(now) { return it }
    }
    let reply = model.answer(
      key, recursionDesired: true, server: turn % CloudFrontModel.nameServerCount, now: now)
    turn += 1
    let records = reply.answer.filter { $0.name == key.name }
    var made = Entry(
      records: records, authority: [], rcode: .noError, stored: now,
      seconds: records.map(\.ttl).min() ?? 0)
    if records.isEmpty {
      made.authority = reply.authority
      made.rcode = reply.rcode
      made.seconds = reply.authority.map(\.ttl).min() ?? 0
    }
    if made.seconds > 0 {
      if entries.count >= entriesMax { entries = entries.filter { $0.value.isFresh(now) } }
      if entries.count >= entriesMax { entries = [:] }
      entries[RecordKey(key.name, records.first?.type ?? key.rrtype)] = made
    }
    return made
  }
}
