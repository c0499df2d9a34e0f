import CLDNS
import FerryCore
import Foundation

/// One connected UDP socket: the kernel gives it a random port and drops what other addresses send.
final class DatagramSocket {
  let descriptor: Int32
  unowned let route: Route
  var inFlight: [UInt16: Exchange] = [:]
  /// Ids that were used here: what comes with one of them is late or doubled, not forged.
  private var usedIDs = [UInt64](repeating: 0, count: 1024)
  var outbox: [Exchange] = []
  /// The kernel took no more; epoll tells when it does.
  var isFull = false
  /// The last thing that came and belonged to nobody, and when.
  var foreign: (why: String, at: Int)?
  /// Nanoseconds.
  var idleSince = 0

  /// - Throws: an error number in `SocketError`.
  init(_ route: Route) throws(SocketError) {
    let fresh = try SocketError.open(SOCK_DGRAM, route.address)
    // A flood must not push out the true answer.
    var size: Int32 = 2 << 20
    setsockopt(fresh, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    guard route.address.connect(fresh) == 0 else {
      let error = SocketError(number: errno)
      close(fresh)
      throw error
    }
    self.route = route
    // Last, so that a failed init has nothing that `deinit` would close again.
    descriptor = fresh
  }
  deinit { close(descriptor) }

  func freshID(_ random: RandomPool) -> UInt16 {
    while true {
      let id = UInt16(truncatingIfNeeded: random.next())
      guard inFlight[id] == nil else { continue }
      usedIDs[Int(id >> 6)] |= 1 << UInt64(id & 63)
      return id
    }
  }
  func note(foreignID id: UInt16, now: Int) {
    let isUsed = usedIDs[Int(id >> 6)] & 1 << UInt64(id & 63) != 0
    if !isUsed { foreign = ("a message came with another id", now) }
  }
}

struct SocketError: Error {
  var number: Int32
  var text: String { String(cString: strerror(number)) }
  static func open(_ kind: __socket_type, _ address: SocketAddress) throws(SocketError) -> Int32 {
    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, Int32(kind.rawValue) | flags, 0)
    guard descriptor >= 0 else { throw SocketError(number: errno) }
    return descriptor
  }
}

/// A numeric address and a port, as the system takes them.
struct SocketAddress {
  private var storage = sockaddr_storage()
  private let length: socklen_t
  var family: Int32 { Int32(storage.ss_family) }

  init?(_ server: DNSServer) {
    var four = sockaddr_in()
    var six = sockaddr_in6()
    if inet_pton(AF_INET, server.address, &four.sin_addr) == 1 {
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = server.port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &storage) { to in
        withUnsafeBytes(of: four) { to.copyMemory(from: $0) }
      }
    } else if inet_pton(AF_INET6, server.address, &six.sin6_addr) == 1 {
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = server.port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &storage) { to in
        withUnsafeBytes(of: six) { to.copyMemory(from: $0) }
      }
    } else {
      return nil
    }
  }
  func connect(_ descriptor: Int32) -> Int32 {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, length)
      }
    }
  }
}

/// The buffers with which many datagrams are sent or received by one call.
final class DatagramBuffers {
  static let count = 64
  static let size = 4096
  private let octets: UnsafeMutableRawPointer
  private let vectors: UnsafeMutablePointer<iovec>
  private let messages: UnsafeMutablePointer<cl_message>

  init() {
    octets = .allocate(byteCount: Self.count * Self.size, alignment: 16)
    vectors = .allocate(capacity: Self.count)
    messages = .allocate(capacity: Self.count)
    for index in 0..<Self.count {
      vectors[index] = iovec(iov_base: octets + index * Self.size, iov_len: Self.size)
      messages[index] = cl_message()
      messages[index].header.msg_iov = vectors + index
      messages[index].header.msg_iovlen = 1
    }
  }
  deinit {
    octets.deallocate()
    vectors.deallocate()
    messages.deallocate()
  }

  /// - Returns: how many went out, and the error number when not all did.
  func send(_ packets: ArraySlice<Exchange>, on descriptor: Int32) -> (sent: Int, error: Int32) {
    var count = 0
    for exchange in packets.prefix(Self.count) {
      let packet = exchange.sent?.octets ?? []
      let size = min(packet.count, Self.size)
      packet.withUnsafeBytes { from in
        if let base = from.baseAddress {
          (octets + count * Self.size).copyMemory(from: base, byteCount: size)
        }
      }
      vectors[count].iov_len = size
      count += 1
    }
    let sent = cl_send_many(descriptor, messages, UInt32(count))
    let error = sent < 0 ? errno : 0
    for index in 0..<count { vectors[index].iov_len = Self.size }
    return (Int(max(0, sent)), error)
  }
  /// - Returns: how many came; negative with `errno` set.
  func receive(from descriptor: Int32) -> Int {
    Int(cl_receive_many(descriptor, messages, UInt32(Self.count)))
  }
  /// What came at that place of the last `receive`; nil when it was longer than the buffer.
  func received(_ index: Int) -> UnsafeBufferPointer<UInt8>? {
    guard messages[index].header.msg_flags & Int32(MSG_TRUNC) == 0 else { return nil }
    let start = (octets + index * Self.size).assumingMemoryBound(to: UInt8.self)
    return UnsafeBufferPointer(start: start, count: Int(messages[index].length))
  }
}
