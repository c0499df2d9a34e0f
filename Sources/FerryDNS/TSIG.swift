import COpenSSL
import FerryCore
import Foundation

/// A secret that two parties share to sign messages; it never prints.
public struct TSIGKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// - Source: RFC 8945 §6. hmac-md5 must not be used, and hmac-sha1 is not recommended.
  public enum Algorithm: String, CaseIterable, Sendable {
    case sha256 = "hmac-sha256"
    case sha384 = "hmac-sha384"
    case sha512 = "hmac-sha512"
    var digest: String { "SHA" + rawValue.dropFirst(8) }
    var octets: Int {
      switch self {
      case .sha256: 32
      case .sha384: 48
      case .sha512: 64
      }
    }
  }
  public let name: DomainName
  public let algorithm: Algorithm
  private let secret: [UInt8]
  fileprivate let wireName: [UInt8]

  /// - Parameter base64: the secret as key files have it; white space around it does not count.
  /// - Throws: `bad-tsig-key` (64); the secret is never in the message.
  public init(name: DomainName, algorithm: Algorithm = .sha256, base64: String) throws(FerryError) {
    let text = base64.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let data = Data(base64Encoded: text), data.count >= 8,
      let wireName = DNSWire.octets(of: name)
    else {
      throw .badInput(
        "bad-tsig-key", what: "could not read the secret of the TSIG key \(name)",
        why: "it is no base64 of 8 octets or more", next: "write it as tsig-keygen prints it")
    }
    self.wireName = wireName
    self.name = name
    self.algorithm = algorithm
    secret = Array(data)
  }
  public var description: String { "TSIG key \(name) ‹redacted›" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }

  fileprivate func mac(_ octets: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count = 0
    let done = EVP_Q_mac(
      nil, "HMAC", nil, algorithm.digest, nil, secret, secret.count, octets, octets.count, &out,
      out.count, &count)
    precondition(done != nil, "libcrypto has no HMAC")
    return Array(out[..<count])
  }
}

/// Transaction signatures over the octets of messages.
///
/// Not ldns's: it signs with the system's clock alone, and checks neither the time nor the error.
/// - Source: RFC 8945 §4.2, §4.3, §5.
enum TSIG {
  static let fudgeSeconds: UInt16 = 300

  /// The fields of a TSIG record.
  struct Record: Equatable {
    var keyName: [UInt8]
    var algorithm: [UInt8]
    /// Seconds since 1970, 48 bits.
    var time: UInt64
    var fudge: UInt16
    var mac: [UInt8]
    var originalID: UInt16
    var error: UInt16
    var other: [UInt8]
  }
  enum Verdict: Equatable {
    case right
    /// The server says that it did not accept our signature; its clock where it told it.
    case refused(error: UInt16, serverTime: UInt64?)
    /// The reply proves nothing.
    case worthless(because: String)
  }

  /// The message with a signature at its end, and the MAC that the reply's signature covers.
  static func sign(
    _ message: [UInt8], key: TSIGKey, at seconds: UInt64, answering requestMAC: [UInt8]? = nil,
    error: UInt16 = 0, other: [UInt8] = []
  ) -> (octets: [UInt8], mac: [UInt8]) {
    var record = Record(
      keyName: key.wireName, algorithm: wire(key.algorithm), time: seconds, fudge: fudgeSeconds,
      mac: [], originalID: UInt16(message[0]) << 8 | UInt16(message[1]), error: error, other: other)
    record.mac = key.mac(digested(message, record, requestMAC))
    return (attach(record, to: message), record.mac)
  }

  /// Whether a reply is signed by the key, belongs to the request, and is of now.
  static func verify(_ reply: [UInt8], key: TSIGKey, requestMAC: [UInt8], at seconds: UInt64)
    -> Verdict
  {
    guard let frame = WireFrame(reply) else {
      return .worthless(because: "it is no DNS message")
    }
    guard let start = frame.tsigStart else { return .worthless(because: "it is not signed") }
    guard let record = read(reply, start) else {
      return .worthless(because: "its signature cannot be read")
    }
    guard record.keyName == key.wireName, record.algorithm == wire(key.algorithm) else {
      return .worthless(because: "it is signed with another key or algorithm")
    }
    let rcode = reply[3] & 15
    // BADSIG and BADKEY come without a signature: no key would fit (RFC 8945 §5.3.2).
    if record.mac.isEmpty, rcode == 9, record.error == 16 || record.error == 17 {
      return .refused(error: record.error, serverTime: nil)
    }
    var message = Array(reply[..<start])
    message[0] = UInt8(record.originalID >> 8)
    message[1] = UInt8(record.originalID & 255)
    let additional = Int(message[10]) << 8 | Int(message[11])
    // RFC 8945 §5.1: the last record of the additional section, which a forger may have put elsewhere.
    guard additional > 0 else { return .worthless(because: "its signature is out of place") }
    message[10] = UInt8((additional - 1) >> 8)
    message[11] = UInt8((additional - 1) & 255)
    let expected = key.mac(digested(message, record, requestMAC))
    // Never a shortened one: what we sign with is whole.
    guard record.mac.count == expected.count,
      CRYPTO_memcmp(record.mac, expected, expected.count) == 0
    else { return .worthless(because: "its signature is wrong") }
    if record.error == 18, rcode == 9 {
      let clock = record.other.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .refused(error: 18, serverTime: record.other.count == 6 ? clock : nil)
    }
    guard record.error == 0 else {
      return rcode == 9
        ? .refused(error: record.error, serverTime: nil)
        : .worthless(because: "its signature carries the error \(record.error)")
    }
    let off = seconds > record.time ? seconds - record.time : record.time - seconds
    guard off <= UInt64(min(record.fudge, fudgeSeconds)) else {
      return .worthless(because: "it was signed \(off) seconds away from now")
    }
    return .right
  }

  /// The refusal as an error: nothing was changed.
  static func refusal(
    _ code: UInt16, serverTime: UInt64?, clock: UInt64, key: TSIGKey, server: DNSServer
  ) -> FerryError {
    let (why, next) =
      switch code {
      case 16: ("BADSIG: the secret differs from the server's", "compare the secrets")
      case 17:
        (
          "BADKEY: the server does not know the key, or not with \(key.algorithm.rawValue)",
          "compare the name and the algorithm with the server's"
        )
      case 18:
        (
          serverTime.map { "BADTIME: its clock is at \($0), this one at \(clock)" }
            ?? "BADTIME: the clocks differ by more than \(fudgeSeconds) seconds",
          "set the clocks by NTP"
        )
      default: ("TSIG error \(code)", "look at the server's log")
      }
    return FerryError(
      .tsigRefused, exit: .denied, what: "\(server) refused the signature with the key \(key.name)",
      why: why, next: next + ", then run the command again")
  }

  /// What the MAC covers: the request's MAC, the message, and the fields of the record.
  private static func digested(_ message: [UInt8], _ record: Record, _ requestMAC: [UInt8]?)
    -> [UInt8]
  {
    var out: [UInt8] = []
    if let requestMAC { out += short(requestMAC.count) + requestMAC }
    out += message
    out += record.keyName + [0, 255, 0, 0, 0, 0] + record.algorithm
    out += time(record.time) + short(Int(record.fudge)) + short(Int(record.error))
    return out + short(record.other.count) + record.other
  }
  private static func attach(_ record: Record, to message: [UInt8]) -> [UInt8] {
    var data = record.algorithm + time(record.time) + short(Int(record.fudge))
    data += short(record.mac.count) + record.mac
    data += short(Int(record.originalID)) + short(Int(record.error))
    data += short(record.other.count) + record.other
    var out = message
    let count = (Int(out[10]) << 8 | Int(out[11])) + 1
    out[10] = UInt8(count >> 8)
    out[11] = UInt8(count & 255)
    return out + record.keyName + [0, 250, 0, 255, 0, 0, 0, 0] + short(data.count) + data
  }
  /// The record at `start`, of a message whose lengths a `WireFrame` has checked; nil for what is none.
  static func read(_ octets: [UInt8], _ start: Int) -> Record? {
    guard let (keyName, end) = name(octets, start), end + 10 <= octets.count,
      Array(octets[(end + 2)..<(end + 8)]) == [0, 255, 0, 0, 0, 0],
      let (algorithm, dataStart) = name(octets, end + 10)
    else { return nil }
    var at = dataStart
    func take(_ count: Int) -> [UInt8]? {
      guard at + count <= octets.count else { return nil }
      defer { at += count }
      return Array(octets[at..<(at + count)])
    }
    func number(_ count: Int) -> UInt64? {
      take(count)?.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    guard let time = number(6), let fudge = number(2), let size = number(2),
      let mac = take(Int(size)), let id = number(2), let error = number(2),
      let otherSize = number(2), let other = take(Int(otherSize)), at == octets.count
    else { return nil }
    return Record(
      keyName: keyName, algorithm: algorithm, time: time, fudge: UInt16(fudge), mac: mac,
      originalID: UInt16(id), error: UInt16(error), other: other)
  }
  /// A name without pointers, in lower case, and where it ends. Nobody compresses the names of TSIG (§4.2).
  private static func name(_ octets: [UInt8], _ start: Int) -> ([UInt8], Int)? {
    var at = start
    while at < octets.count, octets[at] != 0 {
      guard octets[at] < 0x40 else { return nil }
      at += Int(octets[at]) + 1
    }
    guard at < octets.count, at - start < 255 else { return nil }
    return (lower(octets[start...at]), at + 1)
  }
  private static func lower(_ octets: ArraySlice<UInt8>) -> [UInt8] {
    // Length octets are below 0x40, so no letter.
    octets.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
  }
  private static func wire(_ algorithm: TSIGKey.Algorithm) -> [UInt8] {
    [UInt8(algorithm.rawValue.utf8.count)] + Array(algorithm.rawValue.utf8) + [0]
  }
  private static func short(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }
  private static func time(_ seconds: UInt64) -> [UInt8] {
    stride(from: 40, through: 0, by: -8).map { UInt8(truncatingIfNeeded: seconds >> UInt64($0)) }
  }
}
