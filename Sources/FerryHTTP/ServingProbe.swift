import FerryCore
import Foundation

/// Asks an edge over HTTPS as a viewer would, at addresses of one's choice: no DNS change is needed.
///
/// SNI, Host and the name that the certificate must cover are always the URL's. Certificates are always
/// verified: an edge that fails the check is asked nothing. Connections are fresh, redirects are never
/// followed, and nothing that is sent holds a credential.
public struct EdgeProbe: ServingProbe {
  public struct Options: Sendable {
    /// A CA bundle (PEM) instead of the system's.
    public var caFile: String?
    /// Where to connect when the URL names no port.
    public var port: UInt16 = 443
    public var connectSeconds = 5.0
    /// For the whole of one look.
    public var deadlineSeconds = 10.0
    /// At most this many addresses are asked.
    public var addressesMax = 32
    /// Sent with each request, besides its own.
    public var headers: [(name: String, value: String)] = []
    public init(caFile: String? = nil, port: UInt16 = 443) {
      self.caFile = caFile
      self.port = port
    }
  }
  /// Every address of a host name, both families. A fake points a name at a lab.
  public typealias Resolve = @Sendable (_ host: String) async throws(FerryError) -> [String]

  var options: Options
  private let resolve: Resolve
  let engine: HTTPEngine

  /// - Parameter resolve: default: the system's resolver.
  /// - Throws: `bad-ca` (64) for a CA file that cannot be read or holds no certificate.
  public init(_ options: Options = Options(), resolve: Resolve? = nil) throws(FerryError) {
    if let file = options.caFile { try ServingCertificate.check(caFile: file) }
    self.options = options
    self.resolve = resolve ?? systemAddresses
    var engine = HTTPEngine.Options(caFile: options.caFile)
    engine.connectSeconds = options.connectSeconds
    // Status and headers are what counts; a longer body is cut off there.
    engine.bodyBytesMax = 64 << 10
    engine.inFlightMax = 64
    self.engine = try HTTPEngine(engine)
  }

  public func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    guard let (host, peers, failures) = await peers(of: url, at: at) else {
      return [ServingLook(peer: "", failure: Self.notHTTPS)]
    }
    let asked = peers.prefix(options.addressesMax)
    var looks = await withTaskGroup(of: (Int, ServingLook, Bool).self) { group in
      for (index, peer) in asked.enumerated() {
        group.addTask {
          let (look, hasRoute) = await look(url: url, host: host, peer: peer, marker: marker)
          return (index, look, hasRoute)
        }
      }
      var out: [(Int, ServingLook, Bool)] = []
      for await it in group { out.append(it) }
      return out.sorted { $0.0 < $1.0 }
    }
    // Without IPv6 here an IPv6 address says nothing about the edge, as long as another can be asked.
    let far = looks.filter { !$0.2 }
    if far.count < looks.count { looks.removeAll { !$0.2 } }
    if !far.isEmpty, !looks.isEmpty { looks[0].1.notAsked = far.map(\.1.peer) }
    let all = looks.map(\.1) + failures
    return all.isEmpty ? [ServingLook(peer: "", failure: "\(host) has no address")] : all
  }

  public func look(
    url: String, at: String?, marker: String?, headers: [(name: String, value: String)]
  ) async -> [ServingLook] {
    var probe = self
    probe.options.headers += headers
    return await probe.look(url: url, at: at, marker: marker)
  }

  static let notHTTPS = "it is no https URL without a user"
  /// Where a URL is asked, and what could not be resolved; nil for what is no https URL.
  func peers(of url: String, at: String?) async -> (
    host: String, peers: [EdgePeer], failures: [ServingLook]
  )? {
    guard let parts = URLComponents(string: url), parts.scheme?.lowercased() == "https",
      let host = parts.encodedHost, !host.isEmpty, host.utf8.allSatisfy({ $0 < 0x80 }),
      (try? HTTPEngine.check(url)) != nil
    else { return nil }
    let given = parts.port.flatMap(UInt16.init(exactly:))
    var peers: [EdgePeer] = []
    var failures: [ServingLook] = []
    for place in Self.places(at, else: host) {
      let port = place.port ?? given ?? options.port
      do throws(FerryError) {
        let addresses = Self.isAddress(place.host) ? [place.host] : try await resolve(place.host)
        guard !addresses.isEmpty else {
          failures.append(ServingLook(peer: "", failure: "\(place.host) has no address"))
          continue
        }
        for address in addresses where Self.isAddress(address) {
          let peer = EdgePeer(address: address, port: port)
          if !peers.contains(peer) { peers.append(peer) }
        }
      } catch {
        failures.append(ServingLook(peer: "", failure: "\(place.host): \(error.why)"))
      }
    }
    return (host, peers, failures)
  }

  private func look(url: String, host: String, peer: EdgePeer, marker: String?) async
    -> (ServingLook, hasRoute: Bool)
  {
    let connection = EdgeConnection(host: host, peer: peer)
    let request = request(url, connection)
    var look = ServingLook(peer: peer.text)
    do throws(FerryError) {
      let answer = try await engine.send(request)
      let seen = connection.seen
      look.certificate = seen.certificate
      // libcurl takes a common name for want of others; viewers do not, and neither does a proof.
      guard let certificate = seen.certificate, certificate.isTrusted, certificate.coversName else {
        look.failure = Self.certificateFailure(seen.certificate, host) ?? "no certificate was seen"
        return (look, true)
      }
      look.status = answer.status
      look.httpVersion = seen.httpVersion
      if let marker {
        look.marker = answer.headers[marker.lowercased()].map { String($0.prefix(256)) }
      }
      look.isCloudFront =
        answer.headers["x-amz-cf-id"] != nil || answer.headers["x-amz-cf-pop"] != nil
    } catch {
      let seen = connection.seen
      look.certificate = seen.certificate
      look.failure = Self.certificateFailure(seen.certificate, host) ?? error.why
      if seen.hasNoRoute { return (look, false) }
    }
    return (look, true)
  }
  func request(_ url: String, _ connection: EdgeConnection) -> HTTPRequest {
    var out = HTTPRequest(
      url: url,
      headers: [
        (name: "User-Agent", value: "edgeferry"), (name: "Cache-Control", value: "no-cache"),
      ] + options.headers,
      deadlineSeconds: options.deadlineSeconds)
    out.edge = connection
    return out
  }
  /// Why a certificate is no proof; nil for a good one and for none.
  static func certificateFailure(_ it: ServingLook.Certificate?, _ host: String) -> String? {
    guard let it else { return nil }
    if !it.isTrusted { return "the certificate is not trusted: \(it.problem ?? "unknown reason")" }
    return it.coversName ? nil : "the certificate does not cover \(host)"
  }

  /// `HOST`, `HOST:PORT`, `ADDRESS`, `[V6]:PORT`, several separated by commas or blanks.
  static func places(_ at: String?, else host: String) -> [(host: String, port: UInt16?)] {
    guard let at else { return [(bare(host), nil)] }
    return at.split { $0 == "," || $0 == " " }.map { item in
      if item.first == "[", let close = item.firstIndex(of: "]") {
        let tail = item[item.index(after: close)...]
        return (
          String(item[item.index(after: item.startIndex)..<close]),
          tail.first == ":" ? UInt16(tail.dropFirst()) : nil
        )
      }
      if item.count(where: { $0 == ":" }) == 1, let colon = item.firstIndex(of: ":") {
        return (bare(String(item[..<colon])), UInt16(item[item.index(after: colon)...]))
      }
      return (bare(String(item)), nil)
    }
  }
  /// Without brackets and without the trailing dot.
  private static func bare(_ host: String) -> String {
    if host.hasPrefix("["), host.hasSuffix("]") { return String(host.dropFirst().dropLast()) }
    return host.hasSuffix(".") ? String(host.dropLast()) : host
  }
  static func isAddress(_ text: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
  }
}

/// The system's own answer to a name: what the programs of this machine would connect to.
@Sendable public func systemAddresses(_ host: String) async throws(FerryError) -> [String] {
  let result: Result<[String], FerryError> = await withCheckedContinuation { continuation in
    // getaddrinfo blocks, and the concurrency pool has one thread for each core.
    Thread.detachNewThread { continuation.resume(returning: blockingAddresses(host)) }
  }
  return try result.get()
}

private func blockingAddresses(_ host: String) -> Result<[String], FerryError> {
  var hints = addrinfo()
  hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  var list: UnsafeMutablePointer<addrinfo>?
  let code = getaddrinfo(host, nil, &hints, &list)
  guard code == 0 else {
    return .failure(
      FerryError(
        .noAnswer, what: "could not resolve \(host)", why: String(cString: gai_strerror(code)),
        next: "check the name and the resolvers"))
  }
  defer { freeaddrinfo(list) }
  var out: [String] = []
  var next = list
  while let it = next {
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    if let address = it.pointee.ai_addr,
      getnameinfo(
        address, it.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
    {
      let plain = String(
        decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if !out.contains(plain) { out.append(plain) }
    }
    next = it.pointee.ai_next
  }
  return .success(out)
}
