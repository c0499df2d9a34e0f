import FerryCore
import FerryHTTP
import Foundation

/// An HTTP/1.1 server for loopback: one thread accepts, each connection has a thread of its own.
///
/// A handler may block: it holds up its own connection alone. Hostile input is answered with 400 or ends
/// the connection.
final class HTTPServer: Sendable {
  /// Where a request came in.
  struct Arrival: Sendable {
    /// Which of the server's ports, from 0.
    var listener: Int
    /// nil on a port that speaks plain HTTP.
    var tls: TLSSession?
  }
  typealias Handler = @Sendable (WireRequest, Arrival) -> WireAnswer

  /// One port: its socket and what speaks on it.
  struct Port: Sendable {
    let socket: ListeningSocket
    var tls: TLSTerms?
    var handler: Handler
  }

  static let connectionsMax = 1024
  static let bodyBytesMax = 256 << 20
  /// How long a connection may be silent.
  static let idleSeconds = 120

  private let ports: [Port]
  private let wake: [Int32]
  private let open = Locked<Set<Int32>>([])

  /// - Throws: `lab` when the system has no descriptors left.
  init(_ ports: [Port]) throws(FerryError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw FerryError(
        "lab", what: "could not serve", why: String(cString: strerror(errno)),
        next: "free file descriptors")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wake = ends
    self.ports = ports
  }
  deinit { for end in wake { close(end) } }

  /// Begins to accept; returns at once.
  func start() {
    // OpenSSL writes without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN)
    Self.thread("edgeferry-lab") { self.acceptAll() }
  }

  /// Accepts no more, ends every connection, and waits a moment for their threads.
  func stop() {
    var byte: UInt8 = 0
    _ = write(wake[1], &byte, 1)
    open.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    for _ in 0..<200 where open.withLock({ !$0.isEmpty }) { usleep(5000) }
  }

  private static func thread(_ name: String, _ work: @escaping @Sendable () -> Void) {
    let thread = Thread(block: work)
    thread.name = name
    // Reading nested documents takes more than a small stack, above all in a sanitizer's build.
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func acceptAll() {
    var polled = (ports.map(\.socket.descriptor) + [wake[0]]).map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    while true {
      guard poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { return }
      if polled[ports.count].revents != 0 { return }
      for index in ports.indices where polled[index].revents != 0 {
        while true {
          let descriptor = accept(ports[index].socket.descriptor, nil, nil)
          if descriptor < 0 {
            // Out of descriptors: the connection waits in the queue until one is free.
            if errno == EMFILE || errno == ENFILE { usleep(10_000) }
            break
          }
          take(descriptor, index)
        }
      }
    }
  }

  private func take(_ descriptor: Int32, _ index: Int) {
    let isRoom = open.withLock { open in
      guard open.count < Self.connectionsMax else { return false }
      open.insert(descriptor)
      return true
    }
    guard isRoom else {
      close(descriptor)
      return
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var on: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    var span = timeval(tv_sec: Self.idleSeconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(
        descriptor, SOL_SOCKET, option, &span, socklen_t(MemoryLayout<timeval>.size))
    }
    let port = ports[index]
    Self.thread("edgeferry-lab-\(index)") {
      let connection = Connection(descriptor, listener: index, port)
      connection.serve()
      // Under the lock: once it is closed the number may belong to another connection.
      self.open.withLock { open in
        open.remove(descriptor)
        close(descriptor)
      }
    }
  }
}

/// A bound, listening socket on a loopback address; closed with its last owner.
final class ListeningSocket: Sendable {
  let descriptor: Int32
  let port: UInt16

  /// - Parameter port: 0 lets the system choose.
  /// - Throws: `.badInput` `bad-address` with the system's reason.
  init(host: String, port: UInt16) throws(FerryError) {
    let isIPv6 = host.contains(":")
    let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var on: Int32 = 1
    setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    if isIPv6 {
      setsockopt(
        descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      inet_pton(AF_INET6, host, &address.sin6_addr)
    } else {
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &address) { raw in
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &four.sin_addr)
        withUnsafeBytes(of: &four) { raw.copyMemory(from: $0) }
      }
    }
    let bound = withUnsafeMutablePointer(to: &address) { typed in
      typed.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        descriptor >= 0 && bind(descriptor, $0, length) == 0 && listen(descriptor, 512) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard bound else {
      let code = errno
      if descriptor >= 0 { close(descriptor) }
      throw .badInput(
        "bad-address", what: "could not listen on \(host):\(port)",
        why: String(cString: strerror(code)),
        next: "give a free loopback address such as 127.0.0.1:0")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    self.descriptor = descriptor
    // At the same place in both kinds of address.
    self.port = UInt16(bigEndian: address.sin6_port)
  }
  deinit { close(descriptor) }

  /// The same ports on another address; none where the machine lacks it or one of them is taken.
  static func same(as others: [ListeningSocket], host: String) -> [ListeningSocket] {
    let made = others.compactMap { try? ListeningSocket(host: host, port: $0.port) }
    return made.count == others.count ? made : []
  }

  /// That many sockets on consecutive ports.
  /// - Parameter port: the first; 0 looks for a free run of them.
  static func run(of count: Int, host: String, port: UInt16) throws(FerryError)
    -> [ListeningSocket]
  {
    var attempt = 0
    while true {
      attempt += 1
      do throws(FerryError) {
        var out = [try ListeningSocket(host: host, port: port)]
        while out.count < count {
          guard let next = UInt16(exactly: Int(out[0].port) + out.count) else {
            throw .badInput(
              "bad-address", what: "could not listen on \(count) ports from \(out[0].port) on",
              why: "the last port is 65535", next: "begin lower")
          }
          out.append(try ListeningSocket(host: host, port: next))
        }
        return out
      } catch {
        // Somebody else holds a port of the run that the system's choice began.
        guard port == 0, attempt < 200 else { throw error }
      }
    }
  }
}

/// One connection, from its first byte to its last; used by its own thread alone.
private final class Connection {
  private let descriptor: Int32
  private let listener: Int
  private let port: HTTPServer.Port
  private var tls: TLSStream?
  /// Bytes that were read and not yet used.
  private var buffer: [UInt8] = []
  private var chunk = [UInt8](repeating: 0, count: 16_384)

  init(_ descriptor: Int32, listener: Int, _ port: HTTPServer.Port) {
    self.descriptor = descriptor
    self.listener = listener
    self.port = port
  }

  func serve() {
    var session: TLSSession?
    if let terms = port.tls {
      guard let stream = TLSStream(descriptor, terms, listener: listener),
        let greeted = stream.handshake()
      else { return }
      tls = stream
      session = greeted
    }
    let arrival = HTTPServer.Arrival(listener: listener, tls: session)
    while true {
      do throws(WireRequest.Malformed) {
        guard let head = try readHead() else { break }
        guard let body = try readBody(head) else { return }
        var request = head.request
        request.body = body
        let answer = port.handler(request, arrival)
        let sent = send(
          answer.bytes(isHead: request.method == "HEAD", keepsAlive: head.keepsAlive))
        // A broken answer ends as a broken connection does: without TLS's farewell.
        guard sent, answer.ending == .whole else { return }
        guard head.keepsAlive else { break }
      } catch {
        refuse(error)
        break
      }
    }
    tls?.farewell()
  }

  /// Answers, and reads what still comes for a moment: closing on unread bytes would reset the
  /// connection before the client has the answer.
  private func refuse(_ error: WireRequest.Malformed) {
    let answer = WireAnswer(
      status: error.status, headers: [.init("Content-Type", "text/plain")],
      body: Array("\(error.why)\n".utf8))
    guard send(answer.bytes(isHead: false, keepsAlive: false)), tls == nil else { return }
    shutdown(descriptor, Int32(SHUT_WR))
    var span = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &span, socklen_t(MemoryLayout<timeval>.size))
    for _ in 0..<1024 {
      buffer = []
      guard fill() else { return }
    }
  }

  // MARK: Reading

  /// nil when the client has no more to ask.
  private func readHead() throws(WireRequest.Malformed) -> RequestHead? {
    var scanned = 0
    while true {
      let end = headEnd(from: scanned)
      guard (end ?? buffer.count) <= RequestHead.bytesMax else {
        throw .init(status: 431, why: "the headers are too large")
      }
      if let end {
        let head = try RequestHead.read(buffer[..<end])
        buffer.removeFirst(end + 4)
        return head
      }
      // What cannot become a request is not waited for, such as a TLS greeting on a plain port.
      if let first = buffer.first, first != 0x0D, !RequestHead.isToken(first) {
        throw .init(why: "the request line is malformed")
      }
      scanned = max(0, buffer.count - 3)
      guard fill() else { return nil }
    }
  }

  /// Where the empty line after the headers begins.
  private func headEnd(from start: Int) -> Int? {
    buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      var place = start
      while place + 4 <= bytes.count,
        let hit = memchr(base + place, 0x0D, bytes.count - place - 3)
      {
        let index = base.distance(to: UnsafeRawPointer(hit))
        if bytes[index + 1] == 0x0A, bytes[index + 2] == 0x0D, bytes[index + 3] == 0x0A {
          return index
        }
        place = index + 1
      }
      return nil
    }
  }

  /// nil when the connection ended before the body did.
  private func readBody(_ head: RequestHead) throws(WireRequest.Malformed) -> [UInt8]? {
    guard head.bodyBytes <= HTTPServer.bodyBytesMax else {
      throw .init(status: 413, why: "the body is too large")
    }
    if head.wantsContinue, head.isChunked || head.bodyBytes > buffer.count {
      guard send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) else { return nil }
    }
    guard head.isChunked else { return take(head.bodyBytes) }
    var body: [UInt8] = []
    while true {
      guard let line = try readLine() else { return nil }
      let digits = line.prefix { $0 != 0x3B && $0 != 0x20 && $0 != 0x09 }
      guard !digits.isEmpty, digits.count <= 8,
        let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count >= 0
      else { throw .init(why: "a chunk's size is malformed") }
      if count == 0 { break }
      guard body.count + count <= HTTPServer.bodyBytesMax else {
        throw .init(status: 413, why: "the body is too large")
      }
      guard let piece = take(count), let end = take(2) else { return nil }
      guard end == [0x0D, 0x0A] else { throw .init(why: "a chunk is longer than its size") }
      body += piece
    }
    // Trailers are read and left aside.
    for _ in 0..<RequestHead.headersMax {
      guard let line = try readLine() else { return nil }
      if line.isEmpty { return body }
    }
    throw .init(status: 431, why: "too many trailers")
  }

  /// One line without its end.
  private func readLine() throws(WireRequest.Malformed) -> [UInt8]? {
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        var line = Array(buffer[..<end])
        buffer.removeFirst(end + 1)
        if line.last == 0x0D { line.removeLast() }
        return line
      }
      guard buffer.count <= 4096 else { throw .init(why: "a line of the body is too long") }
      guard fill() else { return nil }
    }
  }

  private func take(_ count: Int) -> [UInt8]? {
    var out: [UInt8] = []
    while true {
      let piece = min(buffer.count, count - out.count)
      out += buffer[..<piece]
      buffer.removeFirst(piece)
      if out.count == count { return out }
      guard fill() else { return nil }
    }
  }

  /// Reads what there is; false at the end, after an error, or after a long silence.
  private func fill() -> Bool {
    while true {
      let count = tls?.read(into: &chunk) ?? recv(descriptor, &chunk, chunk.count, 0)
      if count > 0 {
        buffer += chunk[..<count]
        return true
      }
      guard count < 0, tls == nil, errno == EINTR else { return false }
    }
  }

  // MARK: Writing

  private func send(_ bytes: [UInt8]) -> Bool {
    if let tls { return tls.write(bytes) }
    return bytes.withUnsafeBytes { raw in
      var rest = raw[...]
      while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let count = Foundation.send(
          descriptor, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }
}
