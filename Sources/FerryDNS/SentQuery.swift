import CLDNS
import FerryCore
import Foundation

/// A query as it went out, and what may count as its answer.
///
/// - Source: RFC 5452 §9.1: source and destination (the socket sees to those), id, name, class and type; the
///   case of the letters too (draft-vixie-dnsext-dns0x20).
struct SentQuery {
  var octets: [UInt8]
  /// Behind the type and class of the question.
  let questionEnd: Int
  let hasEDNS: Bool
  var id: UInt16 { UInt16(octets[0]) << 8 | UInt16(octets[1]) }

  private var isUpdate: Bool { octets[2] & 0x78 == 0x28 }

  enum Judgement: Equatable {
    case ours
    /// Ours but for the case of its question.
    case otherCase
    /// A refusal without a question, as servers that cannot read the query send.
    case bare
    /// Not ours, and why.
    case foreign(String)
  }

  /// - Parameter letters: where the case of the name's letters comes from; nil leaves it lower.
  /// - Returns: nil when the name or the type is none.
  init?(_ query: DNSQuery, id: UInt16, edns: Bool, letters: RandomPool?) {
    guard let name = DNSWire.octets(of: query.key.name), let type = query.key.rrtype.code else {
      return nil
    }
    var octets: [UInt8] = []
    octets.reserveCapacity(12 + name.count + 4 + 15)
    octets.append(UInt8(id >> 8))
    octets.append(UInt8(id & 255))
    octets.append(query.recursionDesired ? 1 : 0)
    octets.append(query.checkingDisabled ? 0x10 : 0)
    octets += [0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0]
    octets += name
    if let letters {
      var bits: UInt64 = 0
      var left = 0
      for index in 12..<octets.count where (0x61...0x7A).contains(octets[index]) {
        if left == 0 {
          bits = letters.next()
          left = 64
        }
        if bits & 1 == 1 { octets[index] -= 32 }
        bits >>= 1
        left -= 1
      }
    }
    octets += [UInt8(type >> 8), UInt8(type & 255), 0, 1]
    questionEnd = octets.count
    if edns {
      // OPT: 1232 octets survive every path (DNS flag day 2020); an empty NSID asks which server it is.
      octets += [0, 0, 41, 4, 208, 0, 0, query.dnssecOK ? 0x80 : 0, 0, 0, 4, 0, 3, 0, 0]
    }
    self.octets = octets
    hasEDNS = edns
  }
  /// A message that is ready, such as an update: its question is its zone.
  init?(message: [UInt8]) {
    guard let frame = WireFrame(message), frame.questionCount == 1 else { return nil }
    octets = message
    questionEnd = frame.question.upperBound + 4
    hasEDNS = false
  }

  private static func isRefusal(_ octets: UnsafeBufferPointer<UInt8>) -> Bool {
    let code = octets[3] & 15
    return code != 0 && code != 3 && octets[6..<10].allSatisfy { $0 == 0 }
  }
  /// What stands in the header and the question of a message that came.
  func judge(_ reply: UnsafeBufferPointer<UInt8>) -> Judgement {
    guard reply.count >= 12 else { return .foreign("it is too short for a DNS message") }
    guard reply[2] & 0x80 != 0 else { return .foreign("it is a question, no answer") }
    guard reply[0] == octets[0], reply[1] == octets[1] else { return .foreign("it has another id") }
    guard (reply[2] ^ octets[2]) & 0x78 == 0 else { return .foreign("it has another opcode") }
    if reply[4] == 0, reply[5] == 0 {
      // An update's answer need not repeat the zone (RFC 2136 §3.8); it comes over TCP.
      return isUpdate || Self.isRefusal(reply) ? .bare : .foreign("it has no question")
    }
    guard reply[4] == 0, reply[5] == 1, reply.count >= questionEnd else {
      return .foreign("it answers another question")
    }
    var sameCase = true
    for index in 12..<questionEnd where reply[index] != octets[index] {
      // Only letters of the name may differ, by their case alone.
      guard index < questionEnd - 4, reply[index] ^ octets[index] == 0x20,
        (0x61...0x7A).contains(reply[index] | 0x20)
      else {
        return .foreign(
          index >= questionEnd - 2
            ? "it is of another class"
            : index >= questionEnd - 4
              ? "it answers for another type" : "it answers for another name")
      }
      sameCase = false
    }
    return sameCase ? .ours : .otherCase
  }
}

extension RRType {
  private static let common: [RRType: UInt16] = [
    .a: 1, .ns: 2, .cname: 5, .soa: 6, .txt: 16, .aaaa: 28, .ds: 43, .rrsig: 46, .dnskey: 48,
    .https: 65,
  ]
  /// The number on the wire; nil for a mnemonic that there is not.
  var code: UInt16? {
    // What is asked by the ten thousand.
    if self == .cname { return 5 }
    if let known = Self.common[self] { return known }
    let code = UInt16(truncatingIfNeeded: ldns_get_rr_type_by_name(rawValue).rawValue)
    return code == 0 ? nil : code
  }
}

/// Random numbers of the system, drawn in blocks.
final class RandomPool {
  private var block = [UInt64](repeating: 0, count: 32)
  private var left = 0

  func next() -> UInt64 {
    if left == 0 {
      // 256 octets are the most that one call gives.
      let drawn = block.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
      precondition(drawn == 0, "the system gives no random numbers")
      left = block.count
    }
    left -= 1
    return block[left]
  }
}
