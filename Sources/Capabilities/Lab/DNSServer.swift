import FerryCore
import FerryDNS
import FerryHTTP
import FerryModel
import Foundation

/// A DNS server for loopback: one thread answers over UDP, each TCP connection has a thread of its own.
final class DNSServerLoop: Sendable {
  /// What comes back: octets, after how many seconds; nil: nothing.
  struct Reply: Sendable {
    var octets: [UInt8]
    var delaySeconds = 0.0
  }
  typealias Handler = @Sendable (_ query: [UInt8], _ isTCP: Bool) -> Reply?

  static let connectionsMax = 512
  static let idleSeconds = 30

  private let ports: [(socket: DNSSocket, handler: Handler)]
  private let wake: [Int32]
  private let open = Locked<Set<Int32>>([])

  /// - Throws: `lab` when the system has no descriptors left.
  init(_ ports: [(socket: DNSSocket, handler: Handler)]) throws(FerryError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw FerryError(
        "lab", what: "could not serve DNS", why: String(cString: strerror(errno)),
        next: "free file descriptors")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wake = ends
    self.ports = ports
  }
  deinit { for end in wake { close(end) } }

  func start() { Self.thread { self.serve() } }
  func stop() {
    var byte: UInt8 = 0
    _ = write(wake[1], &byte, 1)
    open.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
  }

  private static func thread(_ work: @escaping @Sendable () -> Void) {
    let thread = Thread(block: work)
    thread.name = "edgeferry-lab-dns"
    thread.stackSize = 1 << 20
    thread.start()
  }

  private func serve() {
    var polled = ports.flatMap { [$0.socket.udp.descriptor, $0.socket.tcp.descriptor] }.map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    polled.append(pollfd(fd: wake[0], events: Int16(POLLIN), revents: 0))
    while true {
      guard poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { return }
      if polled[polled.count - 1].revents != 0 { return }
      for (index, port) in ports.enumerated() {
        if polled[2 * index].revents != 0 { answerDatagrams(port.socket.udp, port.handler) }
        if polled[2 * index + 1].revents != 0 { accept(port.socket.tcp, port.handler) }
      }
    }
  }

  private func answerDatagrams(_ socket: DatagramSocket, _ handler: Handler) {
    // Not all that is waiting: the other ports have their turn.
    for _ in 0..<64 {
      guard let (octets, sender) = socket.receive() else { return }
      guard let reply = handler(octets, false) else { continue }
      if reply.delaySeconds > 0 {
        Self.thread {
          Thread.sleep(forTimeInterval: reply.delaySeconds)
          socket.send(reply.octets, to: sender)
        }
      } else {
        socket.send(reply.octets, to: sender)
      }
    }
  }

  private func accept(_ socket: ListeningSocket, _ handler: @escaping Handler) {
    while true {
      let descriptor = Foundation.accept(socket.descriptor, nil, nil)
      guard descriptor >= 0 else {
        if errno == EMFILE || errno == ENFILE { usleep(10_000) }
        return
      }
      let isRoom = open.withLock { open in
        open.count < Self.connectionsMax && open.insert(descriptor).inserted
      }
      guard isRoom else {
        close(descriptor)
        continue
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
      Self.thread {
        Self.answerStream(descriptor, handler)
        // Under the lock: once it is closed the number may belong to another connection.
        self.open.withLock { open in
          open.remove(descriptor)
          close(descriptor)
        }
      }
    }
  }

  /// Messages with their length before them, one after the other (RFC 7766).
  private static func answerStream(_ descriptor: Int32, _ handler: Handler) {
    while let head = read(2, from: descriptor),
      let query = read(Int(head[0]) << 8 | Int(head[1]), from: descriptor)
    {
      guard let reply = handler(query, true) else { return }
      if reply.delaySeconds > 0 { Thread.sleep(forTimeInterval: reply.delaySeconds) }
      let count = reply.octets.count
      guard count <= 65_535 else { return }
      var rest = [UInt8(count >> 8), UInt8(count & 0xFF)] + reply.octets
      while !rest.isEmpty {
        let sent = send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
        if sent < 0, errno == EINTR { continue }
        guard sent > 0 else { return }
        rest.removeFirst(sent)
      }
    }
  }
  private static func read(_ count: Int, from descriptor: Int32) -> [UInt8]? {
    var out: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: max(1, count))
    while out.count < count {
      let got = recv(descriptor, &chunk, count - out.count, 0)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return nil }
      out += chunk[..<got]
    }
    return out
  }
}

/// What the name servers and the resolver of the lab say, from the model.
struct LabNames: Sendable {
  let model: SharedModel
  let clock: LabClock
  let faults: [DNSFault]
  private let resolver = Locked(CachingResolver())
  private let counts: Locked<[Int]>

  init(model: SharedModel, clock: LabClock, faults: [DNSFault]) {
    self.model = model
    self.clock = clock
    self.faults = faults
    counts = Locked(faults.map { _ in 0 })
  }

  /// One of the four, as a handler.
  func nameServer(_ server: Int) -> DNSServerLoop.Handler {
    { octets, isTCP in
      let fault = self.fault(of: server)
      return Self.reply(to: octets, isTCP: isTCP, fault: fault) { query, key in
        let now = self.clock.now
        return self.model.with {
          $0.answer(key, recursionDesired: query.recursionDesired, server: server, now: now)
        }
      }
    }
  }
  /// The one that keeps what it was told.
  func cachingResolver() -> DNSServerLoop.Handler {
    { octets, isTCP in
      Self.reply(to: octets, isTCP: isTCP, fault: nil) { query, key in
        guard query.recursionDesired else {
          return DNSMessage(id: 0, isResponse: true, rcode: .refused, question: key)
        }
        let now = self.clock.now
        let model = self.model.with { $0 }
        return self.resolver.withLock { $0.answer(key, in: model, now: now) }
      }
    }
  }

  private func fault(of server: Int) -> DNSFault.Kind? {
    counts.withLock { counts in
      for (index, fault) in faults.enumerated() where fault.server == server + 1 {
        guard counts[index] < fault.times ?? .max else { continue }
        counts[index] += 1
        return fault.does
      }
      return nil
    }
  }

  /// The octets that answer a query; nil for what gets no answer.
  static func reply(
    to octets: [UInt8], isTCP: Bool, fault: DNSFault.Kind?,
    _ answer: (DNSMessage, RecordKey) -> DNSMessage
  ) -> DNSServerLoop.Reply? {
    // An answer is not answered, or two servers would talk for ever.
    guard octets.count >= 12, octets[2] & 0x80 == 0 else { return nil }
    if fault == .silent { return nil }
    guard let query = try? DNSWire.decode(octets) else {
      return .init(octets: [octets[0], octets[1], 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0])
    }
    var out: DNSMessage
    if query.opcode != 0 {
      out = DNSMessage(
        id: 0, isResponse: true, opcode: query.opcode, rcode: .notImp, question: query.question)
    } else if let key = query.question {
      let isTransfer = ["AXFR", "IXFR"].contains(key.rrtype.rawValue)
      out =
        isTransfer
        ? DNSMessage(id: 0, isResponse: true, rcode: .refused, question: key)
        : answer(query, key)
      fault?.damage(&out, key, isTCP: isTCP)
    } else {
      out = DNSMessage(id: 0, isResponse: true, rcode: .formErr, question: nil)
    }
    out.id = query.id
    out.recursionDesired = query.recursionDesired
    out.checkingDisabled = query.checkingDisabled
    if let edns = query.edns {
      out.edns = .init(udpSize: 1232, dnssecOK: edns.dnssecOK)
    }
    let limit = isTCP ? 65_535 : Int(max(512, query.edns?.udpSize ?? 512))
    var bytes = encoded(out, octets)
    if bytes.count > limit || out.isTruncated {
      out.isTruncated = true
      out.answer = []
      out.authority = []
      out.additional = []
      bytes = encoded(out, octets)
    }
    if fault == .wrongID { bytes[0] ^= 0xFF }
    return .init(octets: bytes, delaySeconds: fault?.delaySeconds ?? 0)
  }

  private static func encoded(_ message: DNSMessage, _ query: [UInt8]) -> [UInt8] {
    if let bytes = try? DNSWire.encode(message, echoing: query) { return bytes }
    // Data that no wire can carry, such as those of a type that ldns does not know.
    var failed = DNSMessage(
      id: message.id, isResponse: true, rcode: .servFail, question: message.question)
    failed.recursionDesired = message.recursionDesired
    failed.edns = message.edns
    let plain: [UInt8] = [query[0], query[1], 0x80, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]
    return (try? DNSWire.encode(failed, echoing: query)) ?? plain
  }
}
