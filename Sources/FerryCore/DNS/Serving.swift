import Foundation

/// What answered HTTPS for a name, and with which certificate.
public struct ServingLook: Codable, Equatable, Sendable {
  public struct Certificate: Codable, Equatable, Sendable {
    public var names: [String]
    public var notAfter: Date
    /// Whether the chain ends at a trusted root.
    public var isTrusted: Bool
    public var coversName: Bool
    /// Why it is not trusted, in libssl's words.
    public var problem: String?
    /// SHA-256 of the certificate, in hex.
    public var fingerprint: String?
    public init(names: [String], notAfter: Date, isTrusted: Bool, coversName: Bool) {
      self.names = names
      self.notAfter = notAfter
      self.isTrusted = isTrusted
      self.coversName = coversName
    }
  }
  /// `address:port` that was connected to; empty when none was reached.
  public var peer: String
  public var status: Int?
  /// `1.1`, `2` or `3`.
  public var httpVersion: String?
  /// The value of the marker header, when it was there.
  public var marker: String?
  public var certificate: Certificate?
  /// Why there was no answer that counts; a certificate that is not trusted or is for another name is one.
  public var failure: String?
  /// Other addresses that this machine has no route to, such as IPv6 ones without IPv6; they were not asked.
  public var notAsked: [String]?
  /// Whether CloudFront's own headers were there; nil without an answer.
  public var isCloudFront: Bool?
  public init(
    peer: String, status: Int? = nil, httpVersion: String? = nil, marker: String? = nil,
    certificate: Certificate? = nil, failure: String? = nil
  ) {
    self.peer = peer
    self.status = status
    self.httpVersion = httpVersion
    self.marker = marker
    self.certificate = certificate
    self.failure = failure
  }
}

/// Asks an edge over HTTPS with a name's own SNI and Host.
public protocol ServingProbe: Sendable {
  /// - Parameters:
  ///   - url: `https://NAME[:port]/path`; SNI, Host and the certificate's name are NAME's.
  ///   - at: host names or addresses to connect to instead of NAME's own (no DNS change needed); nil resolves NAME.
  ///   - marker: the response header that names the serving distribution.
  /// - Returns: one look for each address tried; never empty.
  func look(url: String, at: String?, marker: String?) async -> [ServingLook]
  /// The same, with headers besides its own.
  func look(url: String, at: String?, marker: String?, headers: [(name: String, value: String)])
    async -> [ServingLook]
}

extension ServingProbe {
  /// A probe that can send no headers proves nothing of what they bring about.
  public func look(
    url: String, at: String?, marker: String?, headers: [(name: String, value: String)]
  ) async -> [ServingLook] {
    guard !headers.isEmpty else { return await look(url: url, at: at, marker: marker) }
    return [ServingLook(peer: "", failure: "nothing here can send the header \(headers[0].name)")]
  }
}
