import FerryCore
import FerryHTTP
import FerryModel
import Foundation
import Testing

@testable import Lab

/// A server on loopback whose handler says what arrived; `/cut` and `/silence` break off.
private final class Echo: Sendable {
  let server: HTTPServer
  let port: UInt16

  /// A lab's API instead.
  init(_ lab: LabServer) throws {
    let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
    port = socket.port
    server = try HTTPServer([.init(socket: socket) { request, _ in lab.answer(request) }])
    server.start()
  }
  init() throws {
    let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
    port = socket.port
    server = try HTTPServer([
      .init(socket: socket) { request, _ in
        let query = request.rawQuery.isEmpty ? "" : "?\(request.rawQuery)"
        let text = "\(request.method) \(request.rawPath)\(query) \(request.body.count)"
        let ending: WireAnswer.Ending =
          request.rawPath == "/cut"
          ? .cut(after: 4) : request.rawPath == "/silence" ? .silence : .whole
        return WireAnswer(
          headers: [.init("x-seen", request.headers["x-say"] ?? "")],
          body: Array((text + " " + String(decoding: request.body.prefix(40), as: UTF8.self)).utf8),
          ending: ending)
      }
    ])
    server.start()
  }
  deinit { server.stop() }

  /// Sends bytes as they are and reads until the server ends the connection.
  func talk(_ bytes: [UInt8]) -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return "no connection" }
    // The server may have had enough before the last byte.
    _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    shutdown(descriptor, Int32(SHUT_WR))
    var out: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count <= 0 { return String(decoding: out, as: UTF8.self) }
      out += chunk[..<count]
    }
  }
  func talk(_ text: String) -> String { talk(Array(text.utf8)) }
}

struct HTTPServerTests {
  @Test func `requests follow each other on one connection, also without waiting`() throws {
    let echo = try Echo()
    let said = echo.talk(
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Say: hi\r\n\r\nPOST /d HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzGET /e HTTP/1.1\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n"
    )
    #expect(said.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
    for part in ["GET /a?b=c 0", "x-seen: hi", "POST /d 3 xyz", "GET /e 0"] {
      #expect(said.contains(part), "\(part)")
    }
    #expect(!said.contains("/never"))
  }

  @Test func `a chunked body arrives whole and its trailers are left aside`() throws {
    let said = try Echo().talk(
      "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX-T: 1\r\n\r\nGET /after HTTP/1.1\r\n\r\n"
    )
    #expect(said.contains("PUT /c 8 abcdefgh") && said.contains("GET /after 0"))
  }

  @Test func `a client that waits for 100 Continue is told to go on`() throws {
    let said = try Echo().talk(
      "PUT /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    #expect(said.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n"))
    let sent = try Echo().talk(
      "PUT /c HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nok")
    #expect(sent.contains("HTTP/1.1 200 OK") && sent.contains("PUT /c 2 ok"))
  }

  @Test func `HEAD has the length and not the body`() throws {
    let said = try Echo().talk("HEAD /h HTTP/1.1\r\n\r\n")
    #expect(said.contains("Content-Length: 10\r\n") && said.hasSuffix("\r\n\r\n"))
  }

  @Test func `an answer can break off in its body or before its first byte`() throws {
    let echo = try Echo()
    let cut = echo.talk("GET /cut HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n")
    #expect(cut.contains("Content-Length: 11\r\n") && cut.hasSuffix("\r\n\r\nGET "))
    #expect(echo.talk("GET /silence HTTP/1.1\r\n\r\n") == "")
  }

  static let hostile: [(String, String)] = [
    ("400", "\u{16}\u{3}\u{1}\u{2}"), ("400", "GET\r\n\r\n"), ("400", "GET / HTTP/1.1 x\r\n\r\n"),
    ("400", "GET http://x/ HTTP/1.1\r\n\r\n"), ("505", "GET / HTTP/2.0\r\n\r\n"),
    ("400", "G@T / HTTP/1.1\r\n\r\n"), ("400", "GET / HTTP/1.1\r\n: x\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nno colon\r\n\r\n"), ("400", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nA : b\r\n\r\n"), ("400", "GET / HTTP/1.1\r\nA: b\u{0}\r\n\r\n"),
    ("400", "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
    ("400", "PUT / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n"),
    ("400", "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("400", "PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("413", "PUT / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n"),
    ("400", "PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("501", "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ("400", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    ("400", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
    ("400", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
    ("400", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"),
    ("413", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
    ("417", "PUT / HTTP/1.1\r\nExpect: miracles\r\n\r\n"),
    ("431", "GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 70_000) + "\r\n\r\n"),
    ("431", "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 300) + "\r\n"),
  ]

  @Test(arguments: HTTPServerTests.hostile)
  func `hostile bytes are refused and the server lives on`(_ status: String, _ text: String) throws
  {
    let echo = try Echo()
    let said = echo.talk(text)
    #expect(said.hasPrefix("HTTP/1.1 \(status) "), "\(said.prefix(100))")
    #expect(said.contains("Connection: close\r\n"))
    #expect(echo.talk("GET /alive HTTP/1.1\r\n\r\n").contains("GET /alive 0"))
  }

  @Test func `any bytes at all leave the server alive`() throws {
    let echo = try Echo()
    var random = SplitMix64(seed: 20_261_124)
    for _ in 0..<100 {
      var bytes = Array(
        "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".utf8)
      for _ in 0..<4 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255)
      }
      _ = echo.talk(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
    }
    #expect(echo.talk("GET /alive HTTP/1.1\r\n\r\n").contains("GET /alive 0"))
  }

  @Test(arguments: [
    ("[", "]", ""), (#"{"a":"#, "}", "1"), ("<a>", "</a>", ""), ("[", "", ""),
  ])
  func `a document nested without end is refused at once`(
    _ open: String, _ close: String, _ middle: String
  ) throws {
    let model = SharedModel(CloudFrontModel(accounts: ["111111111111"]))
    let lab = try Echo(
      LabServer(model, faults: FaultPlan(), clock: LabClock()))
    for depth in [64, 511, 20_000] {
      let body =
        String(repeating: open, count: depth) + middle + String(repeating: close, count: depth)
      let said = lab.talk(
        "POST /_lab/load HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      #expect(said.hasPrefix("HTTP/1.1 400 "), "\(depth)")
    }
  }

  @Test func `what a request brings in begins no header of its own`() {
    let answer = WireAnswer(headers: [.init("Location", "https://x/\r\nSet-Cookie: a=b")])
    let text = String(decoding: answer.bytes(isHead: false, keepsAlive: true), as: UTF8.self)
    #expect(text.components(separatedBy: "\r\n").count == 5)
  }

  @Test func `a run of ports is consecutive and a taken one is refused by name`() throws {
    let run = try ListeningSocket.run(of: 5, host: "127.0.0.1", port: 0)
    #expect(run.map(\.port) == (0..<5).map { run[0].port + $0 })
    let error = #expect(throws: FerryError.self) {
      try ListeningSocket.run(of: 2, host: "127.0.0.1", port: run[3].port)
    }
    #expect(error?.code == "bad-address" && error?.exit == .usage)
  }
}
