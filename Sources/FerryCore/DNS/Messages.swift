import Foundation

/// One resource record of a message.
public struct DNSRecord: Hashable, Codable, Sendable {
  public var name: DomainName
  public var type: RRType
  /// Seconds as on the wire, 0...4_294_967_295.
  public var ttl: UInt32
  /// Presentation form, one line; names in it lower case and absolute.
  public var data: String
  public init(_ name: DomainName, _ type: RRType, ttl: UInt32, _ data: String) {
    self.name = name
    self.type = type
    self.ttl = ttl
    self.data = data
  }
}

/// A DNS message of class IN, as values.
public struct DNSMessage: Equatable, Sendable {
  /// Sent and answered options of EDNS (RFC 6891).
  public struct EDNS: Equatable, Sendable {
    public var udpSize: UInt16
    public var dnssecOK: Bool
    /// The hex of NSID (RFC 5001), where the server named itself.
    public var nsid: String?
    public var extendedErrors: [ExtendedDNSError]
    public init(
      udpSize: UInt16 = 1232, dnssecOK: Bool = false, nsid: String? = nil,
      extendedErrors: [ExtendedDNSError] = []
    ) {
      self.udpSize = udpSize
      self.dnssecOK = dnssecOK
      self.nsid = nsid
      self.extendedErrors = extendedErrors
    }
  }
  public var id: UInt16
  public var isResponse: Bool
  public var opcode: UInt8
  public var isAuthoritative = false
  public var isTruncated = false
  public var recursionDesired = false
  public var recursionAvailable = false
  public var authenticData = false
  public var checkingDisabled = false
  public var rcode: RCode
  public var question: RecordKey?
  public var answer: [DNSRecord] = []
  public var authority: [DNSRecord] = []
  public var additional: [DNSRecord] = []
  public var edns: EDNS?

  public init(
    id: UInt16, isResponse: Bool, opcode: UInt8 = 0, rcode: RCode = .noError, question: RecordKey?
  ) {
    self.id = id
    self.isResponse = isResponse
    self.opcode = opcode
    self.rcode = rcode
    self.question = question
  }
}

/// A response code by its mnemonic; unknown ones are `RCODE4095`.
public struct RCode: RawRepresentable, Hashable, Codable, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }
  public static let noError = RCode(rawValue: 0)
  public static let formErr = RCode(rawValue: 1)
  public static let servFail = RCode(rawValue: 2)
  public static let nxDomain = RCode(rawValue: 3)
  public static let notImp = RCode(rawValue: 4)
  public static let refused = RCode(rawValue: 5)
  public static let yxRRset = RCode(rawValue: 7)
  public static let nxRRset = RCode(rawValue: 8)
  public static let notAuth = RCode(rawValue: 9)
  public static let notZone = RCode(rawValue: 10)
  static let names: [UInt16: String] = [
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
    6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADVERS",
    17: "BADKEY", 18: "BADTIME",
  ]
  public var text: String { Self.names[rawValue] ?? "RCODE\(rawValue)" }
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    rawValue = Self.names.first { $0.value == text }?.key ?? UInt16(text.dropFirst(5)) ?? 65535
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    try box.encode(text)
  }
}

/// Where to ask: `192.0.2.1:53`, `[2001:db8::1]:53`, `tls://192.0.2.1:853` or `https://dns.example/dns-query`.
public struct DNSServer: Hashable, Sendable, CustomStringConvertible {
  public enum Transport: Hashable, Sendable { case udp, tls, https }
  public var transport: Transport
  /// A numeric address, or the URL of DNS over HTTPS.
  public var address: String
  public var port: UInt16
  public init(_ transport: Transport = .udp, address: String, port: UInt16 = 53) {
    self.transport = transport
    self.address = address
    self.port = port
  }
  public var isIPv6: Bool { transport != .https && address.contains(":") }
  public var description: String {
    switch transport {
    case .https: address
    case .udp: isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    case .tls: "tls://" + (isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)")
    }
  }
}

public struct DNSQuery: Hashable, Sendable {
  public enum Transport: Hashable, Sendable {
    /// UDP first, TCP after truncation.
    case udp
    /// TCP alone, as gates ask.
    case tcp
  }
  public var key: RecordKey
  public var transport = Transport.udp
  public var recursionDesired = false
  public var dnssecOK = false
  public var checkingDisabled = false
  /// Of a reply with an answer only the answer section is wanted: tens of thousands are read in half the time.
  public var answersAlone = false
  /// For each try, in seconds.
  public var timeoutSeconds = 2.0
  public var tries = 2
  public init(_ name: DomainName, _ type: RRType, recursionDesired: Bool = false) {
    key = RecordKey(name, type)
    self.recursionDesired = recursionDesired
  }
}

/// How a query ended.
public enum DNSOutcome: Equatable, Sendable {
  /// A message whose source, id, question and case all match the query.
  case reply(DNSMessage, milliseconds: Double)
  /// Nothing came that may count: timeout, unreachable, refused connection.
  case silent(because: String)
  /// Only messages came that were not ours, such as one with another id.
  case forged(because: String)
}

/// Asks one server one question. Never throws: what went wrong is an outcome.
public protocol DNSTransport: Sendable {
  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome
}

extension DNSServer {
  /// Reads what the settings hold; nil for what is no server. Without a port it is 53, or 853 over TLS.
  public init?(_ text: String) {
    if text.hasPrefix("https://") {
      guard text.utf8.count > 8, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        return nil
      }
      self.init(.https, address: text, port: 443)
      return
    }
    let isTLS = text.hasPrefix("tls://")
    let rest = isTLS ? text.dropFirst(6) : text[...]
    var host = rest
    var port: Substring?
    if rest.hasPrefix("["), let close = rest.firstIndex(of: "]") {
      host = rest[rest.index(after: rest.startIndex)..<close]
      let tail = rest[rest.index(after: close)...]
      guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else if rest.count(where: { $0 == ":" }) == 1, let colon = rest.firstIndex(of: ":") {
      host = rest[..<colon]
      port = rest[rest.index(after: colon)...]
    }
    guard Self.isAddress(String(host)) else { return nil }
    guard let port else {
      self.init(isTLS ? .tls : .udp, address: String(host), port: isTLS ? 853 : 53)
      return
    }
    guard let number = UInt16(port), number > 0 else { return nil }
    self.init(isTLS ? .tls : .udp, address: String(host), port: number)
  }
  /// An IPv4 or IPv6 address as it is written, without brackets and port.
  package static func isAddress(_ text: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
  }
}
