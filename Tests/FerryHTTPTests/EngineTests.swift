import FerryCore
import Foundation
import Testing

@testable import FerryHTTP

/// A loopback server that answers each request on its own thread as the test says.
private final class TinyServer: @unchecked Sendable {
  let port: Int
  private let connections = Locked(0)
  var connectionCount: Int { connections.withLock { $0 } }

  /// - Parameter answer: bytes for a request's first line; nil never answers.
  init(_ answer: @escaping @Sendable (String) -> [UInt8]?) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        let done = bind(listener, raw, length)
        listen(listener, 64)
        getsockname(listener, raw, &length)
        return done
      }
    }
    precondition(bound == 0)
    port = Int(UInt16(bigEndian: address.sin_port))
    let connections = self.connections
    Thread.detachNewThread {
      while true {
        let peer = accept(listener, nil, nil)
        if peer < 0 { return }
        connections.withLock { $0 += 1 }
        Thread.detachNewThread {
          var buffer = [UInt8](repeating: 0, count: 65_536)
          while true {
            let count = read(peer, &buffer, buffer.count)
            if count <= 0 { break }
            let line = String(decoding: buffer[..<count].prefix { $0 != 0x0D }, as: UTF8.self)
            guard let bytes = answer(line) else { continue }
            var rest = bytes[...]
            while !rest.isEmpty {
              let sent = rest.withUnsafeBytes {
                send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
              }
              if sent <= 0 { break }
              rest = rest.dropFirst(sent)
            }
          }
          close(peer)
        }
      }
    }
  }
  // It listens until the tests end: a test may let go of its server before its exchange is over, and the port
  // would be another test's then.
  func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

  static func ok(_ body: String, status: String = "200 OK", headers: String = "") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)".utf8)
  }
}

struct EngineTests {
  @Test func `answers come back with status, headers in lower case and body over one connection`()
    async throws
  {
    let server = TinyServer { line in TinyServer.ok(line, headers: "ETag: V1\r\n") }
    let engine = try HTTPEngine()
    let clock = ContinuousClock()
    var (last, longest) = (clock.now, Duration.zero)
    for index in 0..<20 {
      longest = max(longest, clock.now - last)
      last = clock.now
      let answer = try await engine.send(.init(url: server.url("/\(index)?a=b")))
      #expect(answer.status == 200)
      #expect(answer.headers["etag"] == "V1")
      #expect(String(decoding: answer.body, as: UTF8.self) == "GET /\(index)?a=b HTTP/1.1")
    }
    // A connection that was idle for 118 s is not used again (CURLOPT_MAXAGE_CONN): a starved machine may take that long.
    #expect(server.connectionCount == 1 || longest > .seconds(60))
  }
  @Test func `a redirect is an answer and is not followed`() async throws {
    let server = TinyServer { _ in
      TinyServer.ok("", status: "302 Found", headers: "Location: http://127.0.0.1:1/\r\n")
    }
    #expect(try await HTTPEngine().send(.init(url: server.url("/"))).status == 302)
  }
  @Test func `dots in a path go out as they are`() async throws {
    let server = TinyServer { TinyServer.ok($0) }
    let answer = try await HTTPEngine().send(.init(url: server.url("/a/../b")))
    #expect(String(decoding: answer.body, as: UTF8.self) == "GET /a/../b HTTP/1.1")
  }
  @Test func `a body above the cap ends the exchange`() async throws {
    let server = TinyServer { _ in TinyServer.ok(String(repeating: "x", count: 100_000)) }
    var options = HTTPEngine.Options()
    options.bodyBytesMax = 10_000
    let engine = try HTTPEngine(options)
    let error = await #expect(throws: FerryError.self) {
      try await engine.send(.init(url: server.url("/")))
    }
    #expect(error?.code == .unreadableAnswer)
  }
  @Test func `a server that never answers ends at the deadline`() async throws {
    let server = TinyServer { _ in nil }
    let engine = try HTTPEngine()
    let error = await #expect(throws: FerryError.self) {
      try await engine.send(.init(url: server.url("/"), deadlineSeconds: 0.1))
    }
    #expect(error?.code == .noAnswer)
  }
  @Test func `cancelling ends two hundred exchanges at once`() async throws {
    let server = TinyServer { _ in nil }
    let engine = try HTTPEngine()
    let url = server.url("/")
    let work = Task {
      await withTaskGroup(of: FerryError.Code?.self) { group in
        for _ in 0..<200 {
          group.addTask {
            do throws(FerryError) {
              _ = try await engine.send(.init(url: url, deadlineSeconds: 3600))
              return nil
            } catch { return error.code }
          }
        }
        var codes: [FerryError.Code?] = []
        for await code in group { codes.append(code) }
        return codes
      }
    }
    while server.connectionCount < 10 {
      try await Task.sleep(for: .milliseconds(2))
    }
    work.cancel()
    #expect(await work.value.allSatisfy { $0 == "interrupted" })
  }
  @Test func `no server is no answer`() async throws {
    let engine = try HTTPEngine()
    let error = await #expect(throws: FerryError.self) {
      try await engine.send(.init(url: "http://127.0.0.1:1/"))
    }
    #expect(error?.code == .noAnswer)
  }
  @Test(
    arguments: [
      "http://192.0.2.1/", "http://example.com", "ftp://127.0.0.1/", "file:///etc/passwd",
      "https://user:pass@example.com/", "",
      "http://127.0.0.1.example.com/", "http://0x7f.1/", "http://2130706433/",
      "http://[::ffff:192.0.2.1]/", "127.0.0.1",
    ])
  func `plain http beyond loopback and odd URLs are refused before anything is sent`(_ url: String)
  {
    let error = #expect(throws: FerryError.self) { try HTTPEngine.check(url) }
    #expect(error?.exit == .usage)
  }
  @Test(arguments: ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b"])
  func `a line break in a header is refused before anything is sent`(_ value: String) async throws {
    let server = TinyServer { TinyServer.ok($0) }
    let engine = try HTTPEngine()
    let url = server.url("/")
    let error = await #expect(throws: FerryError.self) {
      try await engine.send(.init(url: url, headers: [(name: "if-match", value: value)]))
    }
    #expect(error?.exit == .usage)
    #expect(server.connectionCount == 0)
  }
  @Test func `a write never rides on a connection that may be dead`() async throws {
    let server = TinyServer { TinyServer.ok($0) }
    let engine = try HTTPEngine()
    _ = try await engine.send(.init(url: server.url("/")))
    _ = try await engine.send(.init(method: "PUT", url: server.url("/"), body: [0x61]))
    #expect(server.connectionCount == 2)
  }
  @Test func `engines come and go without a trace`() async throws {
    let server = TinyServer { TinyServer.ok($0) }
    for _ in 0..<50 {
      #expect(try await HTTPEngine().send(.init(url: server.url("/"))).status == 200)
    }
  }
  @Test func `a CA bundle that is not there is refused`() {
    #expect(throws: FerryError.self) { try HTTPEngine(.init(caFile: "/nonexistent.pem")) }
  }
}
