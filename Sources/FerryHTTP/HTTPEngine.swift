import CCurl
import FerryCore
import Foundation

/// One HTTP exchange.
public struct HTTPRequest: Sendable {
  public var method: String
  public var url: String
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]
  /// Seconds for the whole exchange.
  public var deadlineSeconds: Double
  /// For the metadata services of EC2, ECS and EKS alone: plain http to their fixed addresses, never
  /// through a proxy.
  public var allowsMetadataHost = false
  /// A look at an edge: a fresh connection to an address of its own, and the end of the body left unread.
  var edge: EdgeConnection?
  /// Where a body ends, instead of the engine's limit.
  var bodyBytesMax: Int?
  public init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], deadlineSeconds: Double = 60
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.deadlineSeconds = deadlineSeconds
  }
}

public struct HTTPResponse: Sendable, Equatable {
  public var status: Int
  /// Names in lower case; the last of a repeated header.
  public var headers: [String: String]
  /// What a repeated header said before that, in order.
  public var earlier: [String: [String]] = [:]
  public var body: [UInt8]
  /// The body is longer than what is here; of looks at an edge alone.
  public var isCutOff = false
  public init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// HTTP on libcurl's multi interface: one owner thread, one continuation per exchange.
///
/// Certificates are always verified, redirects never followed, plain http is for loopback alone, and
/// an answer larger than `bodyBytesMax` ends the exchange.
public final class HTTPEngine: @unchecked Sendable {
  public struct Options: Sendable {
    /// A CA bundle (PEM) instead of the system's: `AWS_CA_BUNDLE`.
    public var caFile: String?
    public var inFlightMax = 256
    public var connectSeconds = 10.0
    public var bodyBytesMax = 16 << 20
    public init(caFile: String? = nil) { self.caFile = caFile }
  }

  private struct Inbox {
    /// Origins that passed `check`, and whether they are loopback.
    var origins: [Substring: Bool] = [:]
    var fresh: [Transfer] = []
    var cancelled: [UInt64] = []
    var isClosed = false
    var nextID: UInt64 = 0
  }
  private let options: Options
  private let loop = SocketLoop()
  private let inbox = Locked(Inbox())

  /// - Throws: `.badInput` when the CA file cannot be read.
  /// As libcurl says it, such as `libcurl/8.5.0 OpenSSL/3.0.13 …`.
  public static var libraryVersion: String { String(cString: curl_version()) }
  public init(_ options: Options = Options()) throws(FerryError) {
    self.options = options
    if let file = options.caFile, access(file, R_OK) != 0 {
      throw .badInput(
        "bad-ca-bundle", what: "could not read the CA bundle \(file)",
        why: String(cString: strerror(errno)), next: "correct AWS_CA_BUNDLE")
    }
    _ = Self.started
    guard let raw = curl_multi_init() else { preconditionFailure("libcurl has no memory") }
    _ = cc_mset_long(raw, CURLMOPT_MAXCONNECTS, 256)
    loop.attach(to: raw)
    let core = EngineCore(multi: raw, loop: loop, options: options)
    let inbox = self.inbox
    let thread = Thread {
      core.run(
        take: {
          inbox.withLock { box in
            defer {
              box.fresh = []
              box.cancelled = []
            }
            return (box.fresh, box.cancelled, box.isClosed)
          }
        })
    }
    thread.name = "edgeferry-http"
    thread.stackSize = 1 << 20
    thread.start()
  }
  private static let started: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  deinit {
    inbox.withLock { $0.isClosed = true }
    loop.ring()
  }

  /// - Throws: `.noAnswer` when the exchange failed on the way; `.unreadableAnswer` for a body above the
  ///   cap; `interrupted` when the task was cancelled; `.badInput` for plain http beyond loopback and for a
  ///   line break in a header.
  public func send(_ request: HTTPRequest) async throws(FerryError) -> HTTPResponse {
    let goesDirect =
      if let edge = request.edge { Self.isLoopback(edge.peer.address) } else {
        request.allowsMetadataHost
          ? try Self.isMetadata(checked: request.url) : try isLoopback(request.url)
      }
    func isSafe(_ text: String) -> Bool {
      text.utf8.allSatisfy { $0 != 0x0D && $0 != 0x0A && $0 != 0 }
    }
    for header in request.headers {
      guard isSafe(header.name), isSafe(header.value) else {
        throw .badInput(
          "bad-header", what: "could not send the header \(header.name)",
          why: "its value holds a line break or a NUL", next: "correct the value")
      }
    }
    let transfer = Transfer(
      request, goesDirect: goesDirect,
      bodyBytesMax: request.bodyBytesMax ?? options.bodyBytesMax)
    let id = inbox.withLock { box in
      box.nextID += 1
      return box.nextID
    }
    transfer.id = id
    let result: Result<HTTPResponse, FerryError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        transfer.continuation = continuation
        let wake = inbox.withLock { box in
          box.fresh.append(transfer)
          return box.fresh.count == 1
        }
        if wake { loop.ring() }
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
    return try result.get()
  }
  private func cancel(_ id: UInt64) {
    inbox.withLock { $0.cancelled.append(id) }
    loop.ring()
  }

  /// `check`, once for each origin: all that it looks at stands before the path.
  private func isLoopback(_ url: String) throws(FerryError) -> Bool {
    var slashes = 0
    let end = url.utf8.firstIndex { byte in
      if byte == UInt8(ascii: "/") { slashes += 1 }
      return slashes == 3
    }
    // Without a path the rest might be anything.
    guard let end else {
      try Self.check(url)
      return Self.isLoopback(URLComponents(string: url)?.host ?? "")
    }
    let origin = url[..<end]
    if let known = inbox.withLock({ $0.origins[origin] }) { return known }
    try Self.check(url)
    let isLoopback = Self.isLoopback(URLComponents(string: url)?.host ?? "")
    inbox.withLock { box in
      if box.origins.count < 256 { box.origins[Substring(String(origin))] = isLoopback }
    }
    return isLoopback
  }
  /// Whether a metadata request goes past every proxy: to its fixed address, or to loopback.
  private static func isMetadata(checked url: String) throws(FerryError) -> Bool {
    try check(url, allowingMetadata: true)
    let host = URLComponents(string: url)?.host ?? ""
    return isLoopback(host) || isMetadata(host)
  }
  /// - Throws: `.badInput` (64) unless the URL is https, or http to a loopback address; metadata services
  ///   have fixed link-local addresses and speak http alone.
  public static func check(_ url: String, allowingMetadata: Bool = false) throws(FerryError) {
    guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
      let scheme = parts.scheme?.lowercased(), scheme == "https" || scheme == "http",
      parts.user == nil, parts.password == nil
    else {
      throw .badInput(
        "bad-endpoint", what: "could not use the endpoint \(withoutUserinfo(url))",
        why: url.contains("@")
          ? "it is no https URL without a user and a password" : "it is no https URL",
        next: "correct the endpoint")
    }
    guard scheme == "https" || isLoopback(host) || (allowingMetadata && isMetadata(host)) else {
      throw .badInput(
        "bad-endpoint", what: "could not use the endpoint \(url)",
        why: "plain http is accepted for loopback addresses alone", next: "use https")
    }
  }
  static func isMetadata(_ host: String) -> Bool {
    [
      "169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]",
      "fd00:ec2::254", "fd00:ec2::23",
    ].contains(host.lowercased())
  }
  /// A URL as it may be shown: what stands before `@` is often a password.
  public static func withoutUserinfo(_ url: String) -> String {
    guard let at = url.lastIndex(of: "@") else { return url }
    let scheme = url.range(of: "://").map { url[..<$0.upperBound] } ?? ""
    return scheme + "‹redacted›" + url[at...]
  }
  public static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// One exchange while the engine's thread owns it.
final class Transfer: @unchecked Sendable {
  let request: HTTPRequest
  let goesDirect: Bool
  let bodyBytesMax: Int
  var id: UInt64 = 0
  var continuation: CheckedContinuation<Result<HTTPResponse, FerryError>, Never>?
  var headers: [String: String] = [:]
  var earlier: [String: [String]] = [:]
  var body: [UInt8] = []
  var tooLarge = false
  var list: UnsafeMutablePointer<curl_slist>?
  var easy: UnsafeMutableRawPointer?

  init(_ request: HTTPRequest, goesDirect: Bool, bodyBytesMax: Int) {
    self.request = request
    self.goesDirect = goesDirect
    self.bodyBytesMax = bodyBytesMax
  }
  func response(_ status: Int) -> HTTPResponse {
    var out = HTTPResponse(status: status, headers: headers, body: body)
    out.earlier = earlier
    out.isCutOff = tooLarge
    return out
  }
  /// One line of an answer's head; a status line begins another head.
  func read(line: UnsafeRawBufferPointer) {
    if line.starts(with: "HTTP/".utf8) {
      headers = [:]
      earlier = [:]
    } else if let colon = line.firstIndex(of: UInt8(ascii: ":")), headers.count < 256 {
      func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
      }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let rest = line[(colon + 1)...].drop(while: isBlank)
      let end = rest.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? rest.startIndex
      if let old = headers.updateValue(
        String(decoding: rest[..<end], as: UTF8.self), forKey: name),
        earlier[name, default: []].count < 64
      {
        earlier[name, default: []].append(old)
      }
    }
  }
}

// File-scope C callbacks: closures made in MainActor code would trap on the engine's thread.
private let receiveBody: cc_data_callback = { data, size, count, context in
  guard let data, let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  let length = size * count
  let room = min(length, transfer.bodyBytesMax - transfer.body.count)
  transfer.body.append(
    contentsOf: UnsafeRawBufferPointer(start: data, count: room).bindMemory(to: UInt8.self))
  transfer.tooLarge = room < length
  return room
}
private let receiveHeader: cc_data_callback = { data, size, count, context in
  guard let data, let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  let length = size * count
  transfer.read(line: UnsafeRawBufferPointer(start: data, count: length))
  return length
}

/// The loop on the owner thread; nothing else touches its handles.
private final class EngineCore: @unchecked Sendable {
  let multi: UnsafeMutableRawPointer
  let loop: SocketLoop
  let options: HTTPEngine.Options
  var active: [UInt64: Transfer] = [:]
  var waiting: [Transfer] = []
  var pool: [UnsafeMutableRawPointer] = []

  init(multi: UnsafeMutableRawPointer, loop: SocketLoop, options: HTTPEngine.Options) {
    self.multi = multi
    self.loop = loop
    self.options = options
  }

  func run(take: () -> (fresh: [Transfer], cancelled: [UInt64], isClosed: Bool)) {
    while true {
      let (fresh, cancelled, isClosed) = take()
      waiting += fresh
      for id in cancelled { cancel(id) }
      if isClosed, active.isEmpty, waiting.isEmpty { break }
      while active.count < options.inFlightMax, !waiting.isEmpty { begin(waiting.removeFirst()) }
      loop.fire(multi)
      collect()
      loop.wait(multi)
      collect()
    }
    for easy in pool { curl_easy_cleanup(easy) }
    curl_multi_cleanup(multi)
  }

  private func begin(_ transfer: Transfer) {
    guard let easy = pool.popLast() ?? curl_easy_init() else {
      preconditionFailure("libcurl has no memory")
    }
    let request = transfer.request
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    transfer.easy = easy
    _ = cc_set_str(easy, CURLOPT_URL, request.url)
    _ = cc_set_long(easy, CURLOPT_PATH_AS_IS, 1)
    _ = cc_set_long(easy, CURLOPT_NOSIGNAL, 1)
    _ = cc_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
    _ = cc_set_str(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    _ = cc_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
    _ = cc_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
    _ = cc_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    // Without a CApath the CA bundle is read once and not for every connection: 35 ms become 1.
    _ = cc_set_ptr(easy, CURLOPT_CAPATH, nil)
    _ = cc_set_str(easy, CURLOPT_CAINFO, options.caFile ?? Self.systemBundle)
    _ = cc_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(options.connectSeconds * 1000))
    _ = cc_set_long(easy, CURLOPT_TIMEOUT_MS, Int(request.deadlineSeconds * 1000))
    _ = cc_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
    _ = cc_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    // Loopback never goes through a proxy; elsewhere libcurl honours the user's variables.
    if transfer.goesDirect {
      _ = cc_set_str(easy, CURLOPT_PROXY, "")
    }
    // libcurl sends a request again when a reused connection turns out to be dead. A write whose outcome is
    // unknown is resolved by reading, so it never rides on a connection that may be.
    if !["GET", "HEAD"].contains(request.method) {
      _ = cc_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
    }
    _ = cc_set_data(easy, CURLOPT_WRITEFUNCTION, receiveBody)
    _ = cc_set_ptr(easy, CURLOPT_WRITEDATA, context)
    _ = cc_set_data(easy, CURLOPT_HEADERFUNCTION, receiveHeader)
    _ = cc_set_ptr(easy, CURLOPT_HEADERDATA, context)
    _ = cc_set_ptr(easy, CURLOPT_PRIVATE, context)
    if !request.body.isEmpty || ["POST", "PUT"].contains(request.method) {
      _ = cc_set_off(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
      request.body.withUnsafeBytes { bytes in
        _ = cc_set_const(
          easy, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(context))
      }
    }
    _ = cc_set_str(easy, CURLOPT_CUSTOMREQUEST, request.method)
    var list: UnsafeMutablePointer<curl_slist>?
    list = curl_slist_append(list, "Expect:")
    if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
      list = curl_slist_append(list, "Content-Type:")
    }
    for header in request.headers {
      // A header without a value is written "Name;" for libcurl.
      list = curl_slist_append(
        list, header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
    }
    transfer.list = list
    _ = cc_set_slist(easy, CURLOPT_HTTPHEADER, list)
    request.edge?.apply(to: easy)
    active[transfer.id] = transfer
    curl_multi_add_handle(multi, easy)
  }
  private static let systemBundle = "/etc/ssl/certs/ca-certificates.crt"

  private func collect() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else {
        continue
      }
      let code = cc_msg_result(message)
      var context: UnsafeMutableRawPointer?
      _ = cc_get_ptr(easy, CURLINFO_PRIVATE, &context)
      guard let context else { continue }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      var status = 0
      _ = cc_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
      transfer.request.edge?.ended(easy)
      end(
        transfer,
        code == CURLE_OK || (transfer.tooLarge && transfer.request.edge != nil)
          ? .success(transfer.response(status))
          : .failure(failure(transfer, code)))
    }
  }

  private func failure(_ transfer: Transfer, _ code: CURLcode) -> FerryError {
    let place = transfer.request.url.prefix { $0 != "?" }
    if transfer.tooLarge {
      return FerryError(
        .unreadableAnswer, what: "could not read the answer of \(place)",
        why: "it is larger than \(transfer.bodyBytesMax >> 20) MiB",
        next: "check what answers there")
    }
    return FerryError(
      .noAnswer, what: "no answer from \(place)", why: String(cString: curl_easy_strerror(code)),
      next: "check the network and the endpoint, then run the command again")
  }

  private func cancel(_ id: UInt64) {
    if let index = waiting.firstIndex(where: { $0.id == id }) {
      waiting.remove(at: index).continuation?.resume(returning: .failure(.interrupted))
    } else if let transfer = active[id] {
      end(transfer, .failure(.interrupted))
    }
  }

  private func end(_ transfer: Transfer, _ result: Result<HTTPResponse, FerryError>) {
    active[transfer.id] = nil
    if let easy = transfer.easy {
      curl_multi_remove_handle(multi, easy)
      curl_easy_reset(easy)
      if pool.count < options.inFlightMax { pool.append(easy) } else { curl_easy_cleanup(easy) }
    }
    transfer.easy = nil
    curl_slist_free_all(transfer.list)
    transfer.list = nil
    let continuation = transfer.continuation
    transfer.continuation = nil
    continuation?.resume(returning: result)
  }
}
