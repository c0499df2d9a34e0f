/// What a server says of its own answer (RFC 8914). Anybody on the way may have written it: it explains, and decides
/// nothing.
public struct ExtendedDNSError: Hashable, Sendable {
  public var code: UInt16
  /// The server's own words, as they came: hostile. Empty for none.
  public var text: String
  public init(_ code: UInt16, text: String = "") {
    self.code = code
    self.text = text
  }

  public static let staleAnswer: UInt16 = 3
  public static let staleNXDomainAnswer: UInt16 = 19
  /// What is kept of one server at most.
  public static let countMax = 16

  /// The code's registered purpose; `EDE 4711` for one that has none.
  public var name: String {
    Self.names.indices.contains(Int(code)) ? Self.names[Int(code)] : "EDE \(code)"
  }
  /// By code, from 0.
  /// - Source: RFC 8914 §4 and §5.2, and the registry that it sets up.
  private static let names = [
    "Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer",
    "Forged Answer", "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired",
    "Signature Not Yet Valid", "DNSKEY Missing", "RRSIGs Missing", "No Zone Key Bit Set",
    "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored", "Filtered", "Prohibited",
    "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported", "No Reachable Authority",
    "Network Error", "Invalid Data", "Signature Expired before Valid", "Too Early",
    "Unsupported NSEC3 Iterations Value", "Unable to conform to policy", "Synthesized",
  ]
}

extension ExtendedDNSError: Codable {
  private enum CodingKeys: String, CodingKey { case code, name, text }
  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try box.decode(UInt16.self, forKey: .code), text: try box.decode(String.self, forKey: .text))
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(code, forKey: .code)
    try box.encode(name, forKey: .name)
    try box.encode(text, forKey: .text)
  }
}

extension [ExtendedDNSError] {
  /// `DNSSEC Bogus (6): signature expired`, for a person; to be shown through `safe()`.
  public var words: String {
    map { "\($0.name) (\($0.code))" + ($0.text.isEmpty ? "" : ": \($0.text)") }
      .joined(separator: ", ")
  }
}
