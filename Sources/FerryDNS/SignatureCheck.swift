import CLDNS
import FerryCore
import Foundation

/// DNSSEC signatures checked through ldns; no pointer leaves this file.
enum SignatureCheck {
  enum Result: Equatable {
    case holds
    case failed(because: String)
  }
  /// What is checked of one set at most: more would only be somebody's attempt to keep us busy.
  private static let countMax = 64

  /// Whether one of the signatures of an RRset holds at `now` with one of the keys.
  ///
  /// It says nothing of the chain of trust above the keys, nor whether a wildcard's answer is the closest one.
  /// - Source: RFC 4035 §5.3.
  static func verify(
    _ set: [DNSRecord], _ signatures: [DNSRecord], _ keys: [DNSRecord], at now: Date
  ) -> Result {
    guard let rrset = List(set), let rrsigs = List(signatures), let dnskeys = List(keys) else {
      return .failed(because: "the records could not be read")
    }
    guard dnskeys.count > 0 else { return .failed(because: "the zone gives no DNSKEY") }
    guard let good = ldns_rr_list_new() else { return .failed(because: "out of memory") }
    // It borrows the keys: what it points to is freed with them.
    defer { ldns_rr_list_free(good) }
    let time = time_t(clamping: Int64(now.timeIntervalSince1970.rounded(.down)))
    let status = ldns_verify_time(rrset.pointer, rrsigs.pointer, dnskeys.pointer, time, good)
    guard status != LDNS_STATUS_OK else { return .holds }
    let text = ldns_get_errorstr_by_id(status).map { String(cString: $0) } ?? "status \(status)"
    return .failed(because: "the signature does not hold: \(text)")
  }

  /// Whether a DS is that of one of the keys.
  static func anyMatches(_ keys: [DNSRecord], _ delegation: [DNSRecord]) -> Bool {
    guard let dnskeys = List(keys), let digests = List(delegation) else { return false }
    for key in dnskeys.records {
      for digest in digests.records where ldns_rr_compare_ds(digest, key) != 0 { return true }
    }
    return false
  }

  /// Owns records in ldns' form and frees them once.
  private struct List: ~Copyable {
    let pointer: UnsafeMutablePointer<ldns_rr_list>
    init?(_ records: [DNSRecord]) {
      guard records.count <= countMax, let list = ldns_rr_list_new() else { return nil }
      for record in records {
        var rr: UnsafeMutablePointer<ldns_rr>?
        let line = "\(record.name) \(record.ttl) IN \(record.type.rawValue) \(record.data)"
        guard ldns_rr_new_frm_str(&rr, line, 0, nil, nil) == LDNS_STATUS_OK, let rr else {
          ldns_rr_list_deep_free(list)
          return nil
        }
        ldns_rr_list_push_rr(list, rr)
      }
      pointer = list
    }
    deinit { ldns_rr_list_deep_free(pointer) }
    var count: Int { ldns_rr_list_rr_count(pointer) }
    var records: [UnsafeMutablePointer<ldns_rr>] {
      (0..<count).compactMap { ldns_rr_list_rr(pointer, $0) }
    }
  }
}
