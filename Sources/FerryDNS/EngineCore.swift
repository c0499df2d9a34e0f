import CLDNS
import FerryCore
import Foundation

/// Everything that the engine has open towards one server.
final class Route {
  let server: DNSServer
  let address: SocketAddress
  var sockets: [DatagramSocket] = []
  var streams: [Stream] = []
  var waiting = ExchangeQueue()
  var waitingForStream = ExchangeQueue()
  /// Over UDP.
  var inFlight = 0
  /// Exchanges in a row that ended without any answer.
  var silentRun = 0
  /// Whether one connection carries several questions at once: some servers close after each answer.
  var pipelines = true

  init(_ server: DNSServer, _ address: SocketAddress) {
    self.server = server
    self.address = address
  }
}

/// The loop on the engine's own thread; nothing else touches what it holds.
final class EngineCore: @unchecked Sendable {
  private let options: DNSEngine.Options
  private let epoll: Int32
  private let bell: Int32
  private var routes: [DNSServer: Route] = [:]
  private var sockets: [Int32: DatagramSocket] = [:]
  private var streams: [Int32: Stream] = [:]
  private var unsent: [DatagramSocket] = []
  /// Routes whose questions wait for a descriptor.
  private var starving: [Route] = []
  private var deadlines = Deadlines()
  private let random = RandomPool()
  private let buffers = DatagramBuffers()
  private var aliases = AliasReader()
  private let streamBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 65_536, alignment: 16)
  private lazy var tlsTerms = TLSLink.Terms(caFile: options.caFile)
  private var now = 0
  private static let idleNanoseconds = 10_000_000_000

  init(_ options: DNSEngine.Options, bell: Int32) {
    self.options = options
    self.bell = bell
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    precondition(epoll >= 0, "the system gives no file descriptors")
    watch(bell, UInt32(EPOLLIN.rawValue), EPOLL_CTL_ADD)
  }
  deinit {
    streamBuffer.deallocate()
    close(epoll)
    close(bell)
  }

  func run(take: () -> (fresh: [Exchange], cancelled: [Exchange], isClosed: Bool)) {
    var events = [epoll_event](repeating: epoll_event(), count: 128)
    while true {
      let (fresh, cancelled, isClosed) = take()
      if isClosed { return }
      now = Self.clock()
      for exchange in fresh { start(exchange) }
      for exchange in cancelled where !exchange.isEnded {
        leave(exchange)
        exchange.end(.silent("cancelled"))
      }
      flush()
      let count = epoll_wait(epoll, &events, Int32(events.count), patience())
      now = Self.clock()
      for event in events.prefix(Int(max(0, count))) {
        if event.data.fd == bell {
          var rung: UInt64 = 0
          _ = read(bell, &rung, MemoryLayout<UInt64>.size)
        } else if let socket = sockets[event.data.fd] {
          if socket.isFull, event.events & UInt32(EPOLLOUT.rawValue) != 0 {
            socket.isFull = false
            watch(socket.descriptor, UInt32(EPOLLIN.rawValue), EPOLL_CTL_MOD)
            unsent.append(socket)
          }
          receive(socket)
        } else if let stream = streams[event.data.fd] {
          serve(stream, event.events)
        }
      }
      for exchange in deadlines.takeDue(now: now) { timedOut(exchange) }
      closeIdle()
    }
  }
  private static func clock() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
  /// Milliseconds to wait for events, rounded up so that a deadline is over when it is looked at.
  private func patience() -> Int32 {
    if let next = deadlines.next() {
      return Int32(clamping: max(0, next - now + 999_999) / 1_000_000)
    }
    return sockets.isEmpty && streams.isEmpty ? -1 : 1000
  }
  private func watch(_ descriptor: Int32, _ what: UInt32, _ operation: Int32) {
    var event = epoll_event()
    event.events = what
    event.data.fd = descriptor
    epoll_ctl(epoll, operation, descriptor, &event)
  }

  // MARK: the way of an exchange

  /// - Parameter again: it waited before, so it goes ahead of the others.
  private func start(_ exchange: Exchange, again: Bool = false) {
    guard !exchange.isEnded else { return }
    guard let route = exchange.route ?? route(to: exchange.server) else {
      exchange.end(.silent("\(exchange.server) is no address"))
      return
    }
    exchange.route = route
    exchange.place = .waiting
    if exchange.overStream {
      route.waitingForStream.add(exchange, atFront: again)
      pumpStreams(route)
    } else {
      route.waiting.add(exchange, atFront: again)
      pump(route)
    }
  }
  private func route(to server: DNSServer) -> Route? {
    if let known = routes[server] { return known }
    guard let address = SocketAddress(server) else { return nil }
    let route = Route(server, address)
    routes[server] = route
    return route
  }
  /// Takes it off its socket or stream, if it is on one.
  private func leave(_ exchange: Exchange) {
    guard let sent = exchange.sent else { return }
    exchange.timer += 1
    exchange.sent = nil
    switch exchange.place {
    case .datagram(let socket):
      socket.inFlight[sent.id] = nil
      socket.route.inFlight -= 1
      if socket.inFlight.isEmpty { socket.idleSince = now }
      exchange.place = .nowhere
      pump(socket.route)
      feedStarving()
    case .stream(let stream):
      stream.inFlight[sent.id] = nil
      exchange.place = .nowhere
      if stream.inFlight.isEmpty {
        stream.idleSince = now
        if stream.isTired || stream.isReserved { drop(stream) }
      }
      pumpStreams(stream.route)
    case .nowhere, .waiting, .ended: break
    }
  }
  private func answer(_ exchange: Exchange, _ ending: Exchange.Ending) {
    leave(exchange)
    exchange.route?.silentRun = 0
    exchange.end(ending)
  }
  private func goOverStream(_ exchange: Exchange, because why: String) {
    noteForeign(exchange)
    leave(exchange)
    exchange.detour = why
    exchange.overStream = true
    exchange.attempt = 0
    start(exchange, again: true)
  }
  /// What came to its socket meanwhile and belonged to nobody was meant for it.
  private func noteForeign(_ exchange: Exchange) {
    if case .datagram(let socket) = exchange.place, let foreign = socket.foreign,
      foreign.at >= exchange.sentAt
    {
      exchange.forged = exchange.forged ?? foreign.why
    }
  }
  private func timedOut(_ exchange: Exchange) {
    noteForeign(exchange)
    if case .stream(let stream) = exchange.place { stream.isTired = true }
    leave(exchange)
    tryAgain(exchange, "no answer in \(exchange.query.timeoutSeconds) s")
  }
  private func tryAgain(_ exchange: Exchange, _ why: String) {
    exchange.attempt += 1
    guard exchange.message == nil, exchange.attempt < exchange.query.tries else {
      exchange.giveUp(exchange.attempt > 1 ? "\(why), \(exchange.attempt) times" : why)
      if let route = routes[exchange.server] { loseHope(route) }
      return
    }
    start(exchange, again: true)
  }
  /// Who asks thousands of a dead server does not wait for each.
  private func loseHope(_ route: Route) {
    route.silentRun += 1
    guard route.silentRun >= options.inFlightPerServer else { return }
    let why = "the server answered none of the \(route.silentRun) questions before"
    for exchange in route.waiting.takeAll() + route.waitingForStream.takeAll() {
      exchange.giveUp(why)
    }
    if route.inFlight == 0 { route.silentRun = 0 }
  }

  // MARK: UDP

  private func pump(_ route: Route) {
    while route.inFlight < options.inFlightPerServer, let exchange = route.waiting.first {
      guard !exchange.isEnded else {
        _ = route.waiting.popFirst()
        continue
      }
      let socket: DatagramSocket
      do {
        guard let chosen = try chooseSocket(route) else { return }
        socket = chosen
      } catch {
        _ = route.waiting.popFirst()
        exchange.giveUp(error.text)
        continue
      }
      _ = route.waiting.popFirst()
      let sent = SentQuery(
        exchange.query, id: socket.freshID(random), edns: exchange.usesEDNS, letters: random)
      guard let sent else {
        exchange.end(.silent("the name or the type cannot be asked"))
        continue
      }
      exchange.sent = sent
      exchange.sentAt = now
      exchange.place = .datagram(socket)
      socket.inFlight[sent.id] = exchange
      route.inFlight += 1
      if socket.outbox.isEmpty, !socket.isFull { unsent.append(socket) }
      socket.outbox.append(exchange)
      deadlines.set(exchange, now: now)
    }
  }
  /// One of the route's sockets by chance; more of them the more is asked. Nil: it has to wait for one.
  private func chooseSocket(_ route: Route) throws(SocketError) -> DatagramSocket? {
    let wanted = min(options.socketsPerServer, 1 + route.inFlight / 8)
    if route.sockets.count < wanted {
      if sockets.count + streams.count >= options.descriptorsMax { dropAnIdle() }
      if sockets.count + streams.count < options.descriptorsMax {
        let fresh = try DatagramSocket(route)
        route.sockets.append(fresh)
        sockets[fresh.descriptor] = fresh
        watch(fresh.descriptor, UInt32(EPOLLIN.rawValue), EPOLL_CTL_ADD)
        return fresh
      }
    }
    guard !route.sockets.isEmpty else {
      if !starving.contains(where: { $0 === route }) { starving.append(route) }
      return nil
    }
    return route.sockets[Int(random.next() % UInt64(route.sockets.count))]
  }
  private func flush() {
    while let socket = unsent.popLast() {
      while !socket.outbox.isEmpty {
        // What has been answered or given up meanwhile does not go out.
        socket.outbox.removeAll { exchange in
          guard case .datagram(let place) = exchange.place else { return true }
          return place !== socket || exchange.sent == nil
        }
        guard !socket.outbox.isEmpty else { break }
        let (sent, error) = buffers.send(socket.outbox[...], on: socket.descriptor)
        socket.outbox.removeFirst(sent)
        guard error != 0 else { continue }
        if error == EAGAIN || error == ENOBUFS {
          socket.isFull = true
          watch(
            socket.descriptor, UInt32(EPOLLIN.rawValue | EPOLLOUT.rawValue), EPOLL_CTL_MOD)
          break
        }
        // The refusal of an earlier packet, or a network that is not there.
        fail(socket, SocketError(number: error).text)
      }
    }
  }
  /// Every question on the socket failed at once.
  private func fail(_ socket: DatagramSocket, _ why: String) {
    socket.outbox = []
    for exchange in Array(socket.inFlight.values) {
      leave(exchange)
      tryAgain(exchange, why)
    }
  }
  private func receive(_ socket: DatagramSocket) {
    // Bounded, so that a flood on one socket does not starve the others.
    for _ in 0..<16 {
      let count = buffers.receive(from: socket.descriptor)
      guard count > 0 else {
        if count < 0, errno != EAGAIN, errno != EINTR {
          fail(socket, SocketError(number: errno).text)
        }
        return
      }
      for index in 0..<count {
        if let octets = buffers.received(index) { handle(octets, on: socket) }
      }
      if count < DatagramBuffers.count { return }
    }
  }
  private func handle(_ octets: UnsafeBufferPointer<UInt8>, on socket: DatagramSocket) {
    guard octets.count >= 12 else {
      socket.foreign = ("a message came that is too short for DNS", now)
      return
    }
    let id = UInt16(octets[0]) << 8 | UInt16(octets[1])
    guard let exchange = socket.inFlight[id], let sent = exchange.sent else {
      socket.note(foreignID: id, now: now)
      return
    }
    switch sent.judge(octets) {
    case .foreign(let why): exchange.forged = "a message came that does not count: \(why)"
    case .otherCase:
      exchange.forged = "a message came that does not count: its name has letters in other case"
      goOverStream(exchange, because: "it was asked again")
    case .bare:
      exchange.usesEDNS = false
      goOverStream(exchange, because: "over UDP a refusal without a question came")
    case .ours where octets[2] & 2 != 0:
      goOverStream(exchange, because: "the answer over UDP was truncated")
    case .ours:
      if exchange.readsAlias,
        let (target, ttl) = aliases.read(octets, questionEnd: sent.questionEnd)
      {
        let milliseconds = Double(now - exchange.sentAt) / 1e6
        answer(exchange, .alias(to: target, ttl: ttl, milliseconds: milliseconds))
        return
      }
      guard let message = try? DNSWire.decode(octets, to: exchange.query) else {
        exchange.forged = "a message came that cannot be read"
        return
      }
      if sent.hasEDNS, Self.mayMindEDNS(message.rcode) {
        leave(exchange)
        exchange.usesEDNS = false
        start(exchange, again: true)
        return
      }
      answer(exchange, .reply(message, milliseconds: Double(now - exchange.sentAt) / 1e6))
    }
  }
  private static func mayMindEDNS(_ code: RCode) -> Bool {
    code == .formErr || code == .notImp || code.rawValue == 16
  }

  // MARK: TCP and TLS

  private func pumpStreams(_ route: Route) {
    while let exchange = route.waitingForStream.first {
      guard !exchange.isEnded else {
        _ = route.waitingForStream.popFirst()
        continue
      }
      do {
        guard let stream = try chooseStream(route, reserved: exchange.message != nil) else {
          return
        }
        _ = route.waitingForStream.popFirst()
        put(exchange, on: stream)
      } catch {
        _ = route.waitingForStream.popFirst()
        exchange.giveUp(error.text)
      }
    }
  }
  private func chooseStream(_ route: Route, reserved: Bool) throws(SocketError) -> Stream? {
    if !reserved,
      let free = route.streams.first(where: {
        !$0.isTired && !$0.isReserved && $0.inFlight.count < (route.pipelines ? 32 : 1)
      })
    {
      return free
    }
    let most = route.pipelines ? 2 : 8
    guard reserved || route.streams.count(where: { !$0.isTired && !$0.isReserved }) < most else {
      return nil
    }
    if sockets.count + streams.count >= options.descriptorsMax { dropAnIdle() }
    guard sockets.count + streams.count < options.descriptorsMax else {
      if !starving.contains(where: { $0 === route }) { starving.append(route) }
      return nil
    }
    var link: TLSLink?
    if route.server.transport == .tls {
      link = tlsTerms.flatMap { TLSLink($0, address: route.server.address) }
      guard link != nil else { throw SocketError(number: ENOPROTOOPT) }
    }
    let fresh = try Stream(route, tls: link, isReserved: reserved)
    route.streams.append(fresh)
    streams[fresh.descriptor] = fresh
    fresh.isWatchedForWriting = true
    watch(fresh.descriptor, UInt32(EPOLLIN.rawValue | EPOLLOUT.rawValue), EPOLL_CTL_ADD)
    return fresh
  }
  private func put(_ exchange: Exchange, on stream: Stream) {
    var id = UInt16(truncatingIfNeeded: random.next())
    while stream.inFlight[id] != nil { id = UInt16(truncatingIfNeeded: random.next()) }
    let made =
      exchange.message.map { SentQuery(message: $0) }
      ?? SentQuery(exchange.query, id: id, edns: exchange.usesEDNS, letters: nil)
    guard let sent = made else {
      exchange.end(.silent("the name or the type cannot be asked"))
      return
    }
    exchange.sent = sent
    exchange.sentAt = now
    exchange.place = .stream(stream)
    stream.inFlight[sent.id] = exchange
    deadlines.set(exchange, now: now)
    stream.queue(sent.octets)
    rewatch(stream)
  }
  private func rewatch(_ stream: Stream) {
    guard stream.wantsToWrite != stream.isWatchedForWriting else { return }
    stream.isWatchedForWriting = stream.wantsToWrite
    let both = UInt32(EPOLLIN.rawValue | EPOLLOUT.rawValue)
    watch(
      stream.descriptor, stream.wantsToWrite ? both : UInt32(EPOLLIN.rawValue), EPOLL_CTL_MOD)
  }
  private func serve(_ stream: Stream, _ events: UInt32) {
    var why: String?
    if stream.wantsToWrite || events & UInt32(EPOLLOUT.rawValue) != 0 {
      if case .closed(let reason) = stream.write() { why = reason }
    }
    if why == nil {
      if case .closed(let reason) = stream.read(into: streamBuffer, { handle($0, on: stream) }) {
        why = reason
      }
    }
    guard streams[stream.descriptor] === stream else { return }
    if let why {
      fail(stream, why)
    } else {
      rewatch(stream)
    }
  }
  private func handle(_ octets: UnsafeBufferPointer<UInt8>, on stream: Stream) {
    guard octets.count >= 12 else { return }
    let id = UInt16(octets[0]) << 8 | UInt16(octets[1])
    guard let exchange = stream.inFlight[id], let sent = exchange.sent else { return }
    switch sent.judge(octets) {
    case .foreign(let why): exchange.forged = "a message came that does not count: \(why)"
    case .ours, .otherCase, .bare:
      stream.answered += 1
      if exchange.message != nil {
        answer(exchange, .octets(Array(octets)))
        return
      }
      guard let message = try? DNSWire.decode(octets, to: exchange.query) else {
        leave(exchange)
        exchange.end(.forged("a message came over TCP that cannot be read"))
        return
      }
      if sent.hasEDNS, Self.mayMindEDNS(message.rcode) {
        leave(exchange)
        exchange.usesEDNS = false
        start(exchange, again: true)
        return
      }
      answer(exchange, .reply(message, milliseconds: Double(now - exchange.sentAt) / 1e6))
    }
  }
  private func fail(_ stream: Stream, _ why: String) {
    drop(stream)
    let left = Array(stream.inFlight.values)
    if stream.answered > 0, !left.isEmpty { stream.route.pipelines = false }
    stream.inFlight = [:]
    for exchange in left {
      exchange.timer += 1
      exchange.sent = nil
      exchange.place = .nowhere
      // Closed between two questions: that was no attempt at this one.
      if stream.answered > 0, exchange.message == nil, exchange.drops < 16 {
        exchange.drops += 1
        start(exchange, again: true)
      } else {
        tryAgain(exchange, why)
      }
    }
    pumpStreams(stream.route)
  }

  // MARK: descriptors

  private func drop(_ stream: Stream) {
    guard streams[stream.descriptor] === stream else { return }
    epoll_ctl(epoll, EPOLL_CTL_DEL, stream.descriptor, nil)
    streams[stream.descriptor] = nil
    stream.route.streams.removeAll { $0 === stream }
    feedStarving()
  }
  private func drop(_ socket: DatagramSocket) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket.descriptor, nil)
    sockets[socket.descriptor] = nil
    socket.route.sockets.removeAll { $0 === socket }
  }
  private func dropAnIdle() {
    if let idle = sockets.values.first(where: { $0.inFlight.isEmpty }) {
      drop(idle)
    } else if let idle = streams.values.first(where: { $0.inFlight.isEmpty }) {
      drop(idle)
    }
  }
  private func feedStarving() {
    guard !starving.isEmpty else { return }
    let routes = starving
    starving = []
    for route in routes {
      pump(route)
      pumpStreams(route)
    }
  }
  private var lastSweep = 0
  private func closeIdle() {
    guard now - lastSweep > 1_000_000_000 else { return }
    lastSweep = now
    for socket in Array(sockets.values)
    where socket.inFlight.isEmpty && now - socket.idleSince > Self.idleNanoseconds {
      drop(socket)
    }
    for stream in Array(streams.values)
    where stream.inFlight.isEmpty && now - stream.idleSince > Self.idleNanoseconds {
      drop(stream)
    }
  }
}
