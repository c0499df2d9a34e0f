import FerryCore
import Foundation

/// Whether a name's answers are signed and their signatures hold; pure on what was observed.
struct DNSSECState: Equatable {
  struct Evidence: Sendable {
    var zone: DomainName
    /// What each server answered at the name and at the apex, signatures included; servers that answered alone.
    var servers: [[DNSRecord]]
    /// The zone's DNSKEY RRset with its signatures; nil when it could not be had.
    var keys: [DNSRecord]?
    /// The DS records at the parent; nil when nobody could tell.
    var delegation: [DNSRecord]?
    /// A resolver answered with AD.
    var isValidated: Bool
    var now: Date
  }
  var state: ProbedName.DNSSEC.State
  var earliestExpiration: Date?
  var findings: [String] = []

  init(_ it: Evidence) {
    guard !it.servers.isEmpty, let allKeys = it.keys else {
      state = .unknown
      return
    }
    let keys = allKeys.filter { $0.type == .dnskey && $0.name == it.zone }
    let signatures = it.servers.joined().filter { $0.type == .rrsig }.compactMap(Signature.init)
    earliestExpiration = signatures.map(\.expiration).min()
    if keys.isEmpty, signatures.isEmpty {
      let isExpected = !(it.delegation ?? []).isEmpty
      state = isExpected ? .bogus : .insecure
      if isExpected { findings.append("the parent has a DS, and the zone is not signed") }
      return
    }
    state = .signed
    var checked: [[DNSRecord]] = []
    for records in [allKeys] + it.servers where !checked.contains(records) {
      check(records, keys, it)
      checked.append(records)
    }
    if let delegation = it.delegation, state != .bogus {
      if delegation.isEmpty {
        findings.append(
          "the zone is signed, but its parent has no DS: resolvers take it as insecure")
      } else if !SignatureCheck.anyMatches(keys, delegation) {
        state = .bogus
        findings.append("no DNSKEY of the zone matches the DS at its parent")
      }
    }
    if it.isValidated { findings.append("a validating resolver vouches for the answer (AD)") }
  }

  private mutating func check(_ records: [DNSRecord], _ keys: [DNSRecord], _ it: Evidence) {
    let signatures = records.filter { $0.type == .rrsig }
    var byKey: [RecordKey: [DNSRecord]] = [:]
    for record in records where record.type != .rrsig {
      byKey[RecordKey(record.name, record.type), default: []].append(record)
    }
    for (key, set) in byKey.sorted(by: { $0.key < $1.key }) {
      let covering = signatures.filter {
        $0.name == key.name && Signature($0)?.covered == key.rrtype
      }
      let result =
        covering.isEmpty
        ? .failed(because: "there is no signature")
        : SignatureCheck.verify(set, covering, keys, at: it.now)
      guard case .failed(let because) = result else {
        if state == .signed { judgeWildcard(key, covering) }
        continue
      }
      state = .bogus
      let finding = "\(key.name) \(key.rrtype.rawValue): \(because)"
      if !findings.contains(finding) { findings.append(finding) }
    }
  }

  /// A signature of fewer labels than the name has is the wildcard's. It holds for any name below; that this one
  /// itself does not exist would have to be proven too, and nobody checks that here.
  /// - Source: RFC 4034 §3.1.3, RFC 4035 §5.3.4.
  private mutating func judgeWildcard(_ key: RecordKey, _ signatures: [DNSRecord]) {
    let labels = key.name.labels.count - (key.name.isWildcard ? 1 : 0)
    guard let signed = signatures.compactMap({ Signature($0)?.labels }).min(), signed < labels
    else { return }
    state = .unknown
    findings.append(
      "\(key.name) \(key.rrtype.rawValue) is signed as a wildcard's; whether the name itself does not exist was not checked"
    )
  }

  /// The fields of an RRSIG that matter here.
  /// - Source: RFC 4034 §3.2: covered, algorithm, labels, original TTL, expiration, inception, tag, signer, signature.
  struct Signature: Equatable {
    var covered: RRType
    var labels: Int
    var expiration: Date
    init?(_ record: DNSRecord) {
      let fields = record.data.split(separator: " ")
      guard fields.count >= 9, let labels = Int(fields[2]),
        let expiration = Self.time(fields[4])
      else { return nil }
      covered = RRType(rawValue: String(fields[0]))
      self.labels = labels
      self.expiration = expiration
    }
    /// `YYYYMMDDHHmmSS`, UTC.
    static func time(_ text: Substring) -> Date? {
      guard text.utf8.count == 14, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return UInt32(text).map { Date(timeIntervalSince1970: Double($0)) }
      }
      func part(_ from: Int, _ count: Int) -> Substring { text.dropFirst(from).prefix(count) }
      return Timestamp.read(
        "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))T\(part(8, 2)):\(part(10, 2)):\(part(12, 2))Z")
    }
  }
}
