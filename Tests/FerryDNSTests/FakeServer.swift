import FerryCore
import FerryHTTP
import Foundation

@testable import FerryDNS

/// A DNS server on loopback, UDP and TCP on one port, that does to each query what the test says.
final class FakeServer: @unchecked Sendable {
  /// How a query came.
  enum Way: Sendable { case udp, tcp }
  /// What is done with it.
  enum Deed: Sendable {
    case send([UInt8])
    /// From another address, or from another port of the same.
    case sendFrom(address: String, [UInt8])
    case pause(microseconds: UInt32)
    /// Over TCP: closes the connection.
    case close
  }
  let server: DNSServer
  private let log = Locked<[(way: Way, octets: [UInt8], port: UInt16)]>([])
  var queries: [(way: Way, octets: [UInt8], port: UInt16)] { log.withLock { $0 } }

  init(
    tcp: Bool = true, _ deeds: @escaping @Sendable (_ way: Way, _ query: [UInt8]) -> [Deed]
  ) {
    // A port that is free for both.
    var datagrams: Int32 = -1
    var listener: Int32 = -1
    var port: UInt16 = 0
    repeat {
      if datagrams >= 0 { Foundation.close(datagrams) }
      if listener >= 0 { Foundation.close(listener) }
      datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      port = Self.bind(datagrams, "127.0.0.1", 0) ?? 0
    } while tcp && Self.bind(listener, "127.0.0.1", port) == nil
    if tcp { listen(listener, 64) } else { Foundation.close(listener) }
    server = DNSServer(address: "127.0.0.1", port: port)
    let log = self.log
    let (udp, accepting) = (datagrams, listener)
    // They serve until the tests end, so that no other test gets the port meanwhile.
    Thread.detachNewThread {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        var peer = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &peer) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(udp, &buffer, buffer.count, 0, $0, &length)
          }
        }
        guard count > 0 else { continue }
        let query = Array(buffer[..<count])
        log.withLock { $0.append((.udp, query, UInt16(bigEndian: peer.sin_port))) }
        for deed in deeds(.udp, query) {
          switch deed {
          case .send(let octets): Self.send(octets, on: udp, to: peer)
          case .sendFrom(let address, let octets):
            let other = socket(
              AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            _ = Self.bind(other, address, 0)
            Self.send(octets, on: other, to: peer)
            Foundation.close(other)
          case .pause(let span): usleep(span)
          case .close: break
          }
        }
      }
    }
    guard tcp else { return }
    Thread.detachNewThread {
      while true {
        let peer = accept(accepting, nil, nil)
        if peer < 0 { return }
        Thread.detachNewThread {
          defer { Foundation.close(peer) }
          while let size = Self.read(peer, 2),
            let query = Self.read(peer, Int(size[0]) << 8 | Int(size[1]))
          {
            log.withLock { $0.append((.tcp, query, 0)) }
            for deed in deeds(.tcp, query) {
              switch deed {
              case .send(let octets), .sendFrom(_, let octets):
                let framed = [UInt8(octets.count >> 8), UInt8(octets.count & 255)] + octets
                _ = framed.withUnsafeBytes {
                  Foundation.send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
              case .pause(let span): usleep(span)
              case .close: return
              }
            }
          }
        }
      }
    }
  }
  private static func read(_ descriptor: Int32, _ count: Int) -> [UInt8]? {
    var out = [UInt8](repeating: 0, count: count)
    var have = 0
    while have < count {
      let got = out.withUnsafeMutableBytes {
        recv(descriptor, $0.baseAddress.map { $0 + have }, count - have, 0)
      }
      guard got > 0 else { return nil }
      have += got
    }
    return out
  }
  private static func bind(_ descriptor: Int32, _ address: String, _ port: UInt16) -> UInt16? {
    var own = sockaddr_in()
    own.sin_family = sa_family_t(AF_INET)
    own.sin_port = port.bigEndian
    own.sin_addr.s_addr = inet_addr(address)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &own) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        guard Foundation.bind(descriptor, raw, length) == 0 else { return nil }
        getsockname(descriptor, raw, &length)
        return UInt16(bigEndian: pointer.pointee.sin_port)
      }
    }
  }
  private static func send(_ octets: [UInt8], on descriptor: Int32, to peer: sockaddr_in) {
    _ = withUnsafePointer(to: peer) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, octets, octets.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// The true answer to a query: one address.
  static func answer(
    _ query: [UInt8], _ data: String = "192.0.2.1", _ change: (inout DNSMessage) -> Void = { _ in }
  ) -> [UInt8] {
    guard var message = try? DNSWire.decode(query), let question = message.question else {
      return []
    }
    message.isResponse = true
    message.isAuthoritative = true
    message.answer = [DNSRecord(question.name, .a, ttl: 60, data)]
    message.edns = nil
    change(&message)
    return (try? DNSWire.encode(message, echoing: query)) ?? []
  }
}

extension DNSOutcome {
  var message: DNSMessage? { if case .reply(let message, _) = self { message } else { nil } }
  var isSilent: Bool { if case .silent = self { true } else { false } }
  var forgery: String? { if case .forged(let why) = self { why } else { nil } }
}
