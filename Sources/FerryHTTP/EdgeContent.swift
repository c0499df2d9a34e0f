import FerryCore

/// What an edge answered in full, for a comparison with what another one answers.
public struct EdgeContent: Equatable, Sendable {
  /// `address:port` that answered; empty when none was reached.
  public var peer: String
  public var status: Int?
  /// Names in lower case; every value of a repeated header, in order.
  public var headers: [String: [String]] = [:]
  public var body: [UInt8] = []
  /// The body is longer than what is here.
  public var isCutOff = false
  public var certificate: ServingLook.Certificate?
  /// Why there was no answer that counts; a certificate that is not trusted or is for another name is one.
  public var failure: String?
  public init(peer: String = "", status: Int? = nil, failure: String? = nil) {
    self.peer = peer
    self.status = status
    self.failure = failure
  }
}

/// Asks an edge for everything that it answers.
public protocol ContentProbe: Sendable {
  /// - Parameters:
  ///   - url: `https://NAME[:port]/path`; SNI, Host and the certificate's name are NAME's.
  ///   - at: a host name or addresses to connect to instead of NAME's own; nil resolves NAME.
  ///   - bytesMax: where the body is cut off.
  func content(url: String, at: String?, bytesMax: Int) async -> EdgeContent
}

extension EdgeProbe: ContentProbe {
  /// So many addresses are tried until one answers.
  private static let triesMax = 4

  public func content(url: String, at: String?, bytesMax: Int) async -> EdgeContent {
    guard let (host, peers, failures) = await peers(of: url, at: at) else {
      return EdgeContent(failure: Self.notHTTPS)
    }
    var last = EdgeContent(failure: failures.first?.failure ?? "\(host) has no address")
    for peer in peers.prefix(Self.triesMax) {
      last = await content(url, host, peer, bytesMax)
      if last.failure == nil { break }
    }
    return last
  }

  private func content(_ url: String, _ host: String, _ peer: EdgePeer, _ bytesMax: Int) async
    -> EdgeContent
  {
    let connection = EdgeConnection(host: host, peer: peer)
    var request = request(url, connection)
    request.bodyBytesMax = bytesMax
    var out = EdgeContent(peer: peer.text)
    do throws(FerryError) {
      let answer = try await engine.send(request)
      out.certificate = connection.seen.certificate
      guard let certificate = out.certificate, certificate.isTrusted, certificate.coversName else {
        out.failure = Self.certificateFailure(out.certificate, host) ?? "no certificate was seen"
        return out
      }
      out.status = answer.status
      for (name, value) in answer.headers {
        out.headers[name] = (answer.earlier[name] ?? []) + [value]
      }
      out.body = answer.body
      out.isCutOff = answer.isCutOff
    } catch {
      out.certificate = connection.seen.certificate
      out.failure = Self.certificateFailure(out.certificate, host) ?? error.why
    }
    return out
  }
}
