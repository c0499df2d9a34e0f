import FerryCore
import FerryHTTP
import Foundation

/// One address on which a name server is asked: the same port over UDP and TCP.
struct DNSSocket: Sendable {
  let host: String
  let udp: DatagramSocket
  let tcp: ListeningSocket
  var port: UInt16 { tcp.port }
  var text: String { "\(host):\(port)" }

  /// - Parameter port: 0 lets the system choose one that is free for both.
  init(host: String, port: UInt16) throws(FerryError) {
    self = try Self.each(of: [host], port: port)[0]
  }
  private init(host: String, tcp: ListeningSocket) throws(FerryError) {
    self.host = host
    self.tcp = tcp
    udp = try DatagramSocket(host: host, port: tcp.port)
  }

  /// One for each address, all on one port.
  static func each(of hosts: [String], port: UInt16) throws(FerryError) -> [DNSSocket] {
    var attempt = 0
    while true {
      attempt += 1
      do throws(FerryError) {
        var out: [DNSSocket] = []
        for host in hosts {
          out.append(
            try DNSSocket(
              host: host, tcp: ListeningSocket(host: host, port: out.first?.port ?? port)))
        }
        return out
      } catch {
        // Somebody else holds, on another address or over UDP, the port that the system chose.
        guard port == 0, attempt < 200 else { throw error }
      }
    }
  }

  /// The addresses from this one on, one for each name server.
  static func hosts(from first: String, count: Int) throws(FerryError) -> [String] {
    let octets = first.split(separator: ".")
    guard let last = octets.last.flatMap({ Int($0) }), last + count <= 255 else {
      throw .badInput(
        "bad-address", what: "could not serve DNS from \(first) on",
        why: "\(count) addresses follow each other there", next: "give --dns 127.0.0.1:0")
    }
    let net = octets.dropLast().joined(separator: ".")
    return (0..<count).map { "\(net).\(last + $0)" }
  }
}

/// A bound UDP socket on a loopback address; closed with its last owner.
final class DatagramSocket: Sendable {
  let descriptor: Int32

  /// - Throws: `.badInput` `bad-address` with the system's reason.
  init(host: String, port: UInt16) throws(FerryError) {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    let bound = withUnsafePointer(to: &address) { typed in
      typed.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        descriptor >= 0
          && bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard bound else {
      let code = errno
      if descriptor >= 0 { close(descriptor) }
      throw .badInput(
        "bad-address", what: "could not answer DNS on \(host):\(port)",
        why: String(cString: strerror(code)),
        next: "give a free loopback address such as 127.0.0.1:0")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    // Ten thousand questions may come at once.
    var size: Int32 = 8 << 20
    for option in [SO_RCVBUF, SO_SNDBUF] {
      setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    self.descriptor = descriptor
  }
  deinit { close(descriptor) }

  /// One datagram and its sender; nil when none is waiting.
  func receive() -> (octets: [UInt8], sender: sockaddr_in)? {
    var sender = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = withUnsafeMutablePointer(to: &sender) { typed in
      typed.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
      }
    }
    guard count >= 0 else { return nil }
    return (Array(buffer.prefix(count)), sender)
  }
  func send(_ octets: [UInt8], to receiver: sockaddr_in) {
    var receiver = receiver
    _ = withUnsafePointer(to: &receiver) { typed in
      typed.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          descriptor, octets, octets.count, Int32(MSG_NOSIGNAL), $0,
          socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
