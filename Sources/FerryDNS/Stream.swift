import CLDNS
import FerryCore
import Foundation

/// One connection to a server, TLS or not, that carries messages with a length before each.
///
/// - Source: RFC 1035 §4.2.2, RFC 7766 (answers come in any order), RFC 7858.
final class Stream {
  enum Event {
    /// Nothing more for now.
    case open
    /// It is over, and why.
    case closed(String)
  }
  let descriptor: Int32
  unowned let route: Route
  private let tls: TLSLink?
  private var isConnected = false
  private var isReady = false
  /// Plain octets that wait for the handshake.
  private var early: [UInt8] = []
  private var out: [UInt8] = []
  private var incoming: [UInt8] = []
  var inFlight: [UInt16: Exchange] = [:]
  var answered = 0
  /// A question on it was never answered: it gets no more.
  var isTired = false
  /// For one update alone.
  let isReserved: Bool
  /// Nanoseconds.
  var idleSince = 0
  var wantsToWrite: Bool { !isConnected || !out.isEmpty }
  /// What epoll was told.
  var isWatchedForWriting = false

  /// - Throws: an error number in `SocketError`.
  init(_ route: Route, tls: TLSLink?, isReserved: Bool) throws(SocketError) {
    self.route = route
    self.tls = tls
    self.isReserved = isReserved
    let fresh = try SocketError.open(SOCK_STREAM, route.address)
    var one: Int32 = 1
    setsockopt(fresh, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    guard route.address.connect(fresh) == 0 || errno == EINPROGRESS else {
      let error = SocketError(number: errno)
      close(fresh)
      throw error
    }
    // Last, so that a failed init has nothing that `deinit` would close again.
    descriptor = fresh
  }
  deinit { close(descriptor) }

  func queue(_ message: [UInt8]) {
    let framed = [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    if let tls, isReady {
      tls.seal(framed)
      out += tls.drain()
    } else if tls != nil {
      early += framed
    } else {
      out += framed
    }
  }

  func write() -> Event {
    if !isConnected {
      var error: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
      guard error == 0 else { return .closed(SocketError(number: error).text) }
      isConnected = true
      if tls == nil { isReady = true } else if let why = shakeHands() { return .closed(why) }
    }
    var start = 0
    while start < out.count {
      let sent = out[start...].withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if sent < 0 {
        if errno == EAGAIN { break }
        return .closed(SocketError(number: errno).text)
      }
      start += sent
    }
    out.removeFirst(start)
    return .open
  }
  private func shakeHands() -> String? {
    guard let tls else { return nil }
    let state = tls.handshake()
    out += tls.drain()
    if let why = state.why { return why }
    if state.isDone {
      isReady = true
      tls.seal(early)
      early = []
      out += tls.drain()
    }
    return nil
  }

  /// Reads what is there; whole messages go to `take`, which may end this stream's exchanges.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, _ take: (UnsafeBufferPointer<UInt8>) -> Void
  )
    -> Event
  {
    var ending: Event = .open
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count < 0 {
        if errno != EAGAIN { ending = .closed(SocketError(number: errno).text) }
        break
      }
      if count == 0 {
        ending = .closed("the server closed the connection")
        break
      }
      let got = UnsafeRawBufferPointer(start: buffer.baseAddress, count: count)
      guard let tls else {
        incoming += got
        continue
      }
      tls.feed(got)
      if !isReady, let why = shakeHands() {
        ending = .closed(why)
        break
      }
      guard isReady else { continue }
      guard let plain = tls.open() else {
        ending = .closed("the server ended TLS")
        break
      }
      incoming += plain
      out += tls.drain()
    }
    var start = 0
    incoming.withUnsafeBufferPointer { octets in
      while start + 2 <= octets.count {
        let size = Int(octets[start]) << 8 | Int(octets[start + 1])
        guard start + 2 + size <= octets.count else { break }
        take(UnsafeBufferPointer(rebasing: octets[(start + 2)..<(start + 2 + size)]))
        start += 2 + size
      }
    }
    incoming.removeFirst(start)
    return ending
  }
}
