import COpenSSL
import FerryCore
import FerryHTTP
import Foundation
import Testing

@testable import FerryDNS

/// A TCP server on loopback that hands each connection to the test, on a thread of its own.
private func listen(_ serve: @escaping @Sendable (Int32) -> Void) -> UInt16 {
  let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  var own = sockaddr_in()
  own.sin_family = sa_family_t(AF_INET)
  own.sin_addr.s_addr = inet_addr("127.0.0.1")
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutablePointer(to: &own) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
      precondition(Foundation.bind(listener, raw, length) == 0)
      Foundation.listen(listener, 64)
      getsockname(listener, raw, &length)
    }
  }
  Thread.detachNewThread {
    while true {
      let peer = accept(listener, nil, nil)
      if peer < 0 { return }
      Thread.detachNewThread {
        serve(peer)
        close(peer)
      }
    }
  }
  return UInt16(bigEndian: own.sin_port)
}

struct DNSOverHTTPSTests {
  /// One exchange: status, headers and body for the body that came.
  private static func serve(
    _ answer: @escaping @Sendable ([UInt8]) -> (status: String, headers: String, body: [UInt8])
  ) -> (server: DNSServer, heads: Locked<[String]>) {
    let heads = Locked<[String]>([])
    let port = listen { peer in
      var got: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(peer, &buffer, buffer.count)
        guard count > 0 else { return }
        got += buffer[..<count]
        let text = String(decoding: got, as: UTF8.self)
        guard let head = text.components(separatedBy: "\r\n\r\n").first, head != text,
          let line = head.lowercased().components(separatedBy: "content-length: ").last,
          let size = Int(line.prefix { $0.isNumber }), got.count >= head.utf8.count + 4 + size
        else { continue }
        heads.withLock { $0.append(head) }
        let (status, headers, body) = answer(Array(got.suffix(size)))
        let reply =
          Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(headers)\r\n".utf8) + body
        _ = reply.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        got = []
      }
    }
    return (DNSServer(.https, address: "http://127.0.0.1:\(port)/dns-query", port: port), heads)
  }
  private static let kind = "Content-Type: application/dns-message\r\n"

  @Test func `a query is posted with the id 0, and a cache's age is taken off the TTLs`()
    async throws
  {
    let ids = Locked<[[UInt8]]>([])
    let (server, heads) = Self.serve { query in
      ids.withLock { $0.append(Array(query[..<2])) }
      return ("200 OK", Self.kind + "Age: 25\r\n", FakeServer.answer(query))
    }
    let outcome = try await DNSEngine().ask(DNSEngineTests.query(), of: server)
    #expect(outcome.message?.answer.first?.ttl == 35)
    #expect(ids.withLock { $0 } == [[0, 0]])
    let head = heads.withLock { $0[0].lowercased() }
    #expect(head.hasPrefix("post /dns-query http/1.1"))
    #expect(head.contains("content-type: application/dns-message"))
  }
  @Test func `what is no DNS message is silence, and what answers something else is forged`()
    async throws
  {
    let engine = try DNSEngine()
    for (status, headers) in [
      ("503 Service Unavailable", Self.kind), ("200 OK", "Content-Type: text/html\r\n"),
      ("200 OK", ""),
    ] {
      let (server, _) = Self.serve { (status, headers, FakeServer.answer($0)) }
      #expect(await engine.ask(DNSEngineTests.query(), of: server).isSilent)
    }
    for index in DNSEngineTests.forgeries.indices {
      let (server, _) = Self.serve { query in
        ("200 OK", Self.kind, DNSEngineTests.forgeries[index].1(query))
      }
      let outcome = await engine.ask(DNSEngineTests.query(), of: server)
      #expect(outcome.forgery != nil, "\(DNSEngineTests.forgeries[index].0): \(outcome)")
    }
    let nobody = DNSServer(.https, address: "http://127.0.0.1:1/", port: 1)
    #expect(await engine.ask(DNSEngineTests.query(), of: nobody).isSilent)
    let open = DNSServer(.https, address: "http://192.0.2.1/", port: 80)
    #expect(await engine.ask(DNSEngineTests.query(), of: open).isSilent)
  }
  @Test func `servers of every kind are asked in one go`() async throws {
    let (web, _) = Self.serve { ("200 OK", Self.kind, FakeServer.answer($0, "192.0.2.9")) }
    let plain = FakeServer { _, query in [.send(FakeServer.answer(query, "192.0.2.8"))] }
    let asks = (0..<40).map {
      DNSAsk(DNSEngineTests.query(), of: $0 % 2 == 0 ? web : plain.server)
    }
    let got = Locked([Int: String]())
    try await DNSEngine().askAll(asks) { index, outcome in
      got.withLock { $0[index] = DNSEngineTests.data(outcome)?.first }
    }
    let expected = (0..<40).map { ($0, $0 % 2 == 0 ? "192.0.2.9" : "192.0.2.8") }
    #expect(got.withLock { $0 } == Dictionary(uniqueKeysWithValues: expected))
  }
}

struct DNSOverTLSTests {
  /// A key, a certificate for that address signed by itself, and the file that it is in.
  private struct Identity {
    let key: OpaquePointer
    let certificate: OpaquePointer
    let file = FileManager.default.temporaryDirectory.path + "/edgeferry-\(UUID().uuidString).pem"

    init(_ address: String) throws {
      key = try #require(co_ec_key())
      certificate = try #require(X509_new())
      X509_set_version(certificate, 2)
      ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
      X509_gmtime_adj(X509_getm_notBefore(certificate), -60)
      X509_gmtime_adj(X509_getm_notAfter(certificate), 3600)
      X509_set_pubkey(certificate, key)
      let name = X509_get_subject_name(certificate)
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, "dns", -1, -1, 0)
      X509_set_issuer_name(certificate, name)
      let names = X509V3_EXT_conf_nid(nil, nil, NID_subject_alt_name, "IP:\(address)")
      X509_add_ext(certificate, names, -1)
      X509_EXTENSION_free(names)
      try #require(X509_sign(certificate, key, EVP_sha256()) > 0)
      let pem = BIO_new_file(file, "w")
      try #require(PEM_write_bio_X509(pem, certificate) == 1)
      BIO_free(pem)
    }
    func free() {
      EVP_PKEY_free(key)
      X509_free(certificate)
      unlink(file)
    }
  }
  /// A server of DNS over TLS that answers each query with one address.
  private static func serve(_ identity: Identity) throws -> DNSServer {
    let context = try #require(SSL_CTX_new(TLS_server_method()))
    try #require(SSL_CTX_use_certificate(context, identity.certificate) == 1)
    try #require(SSL_CTX_use_PrivateKey(context, identity.key) == 1)
    let shared = UInt(bitPattern: context)
    let port = listen { peer in
      signal(SIGPIPE, SIG_IGN)
      guard let context = OpaquePointer(bitPattern: shared), let ssl = SSL_new(context) else {
        return
      }
      defer { SSL_free(ssl) }
      SSL_set_fd(ssl, peer)
      guard SSL_accept(ssl) == 1 else { return }
      var have: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = SSL_read(ssl, &buffer, Int32(buffer.count))
        guard count > 0 else { return }
        have += buffer[..<Int(count)]
        while have.count >= 2, have.count >= 2 + Int(have[0]) << 8 + Int(have[1]) {
          let size = Int(have[0]) << 8 + Int(have[1])
          let answer = FakeServer.answer(Array(have[2..<(2 + size)]))
          have.removeFirst(2 + size)
          let framed = [UInt8(answer.count >> 8), UInt8(answer.count & 255)] + answer
          SSL_write(ssl, framed, Int32(framed.count))
        }
      }
    }
    return DNSServer(.tls, address: "127.0.0.1", port: port)
  }

  @Test func `questions over TLS are answered by whom the certificate names`() async throws {
    let identity = try Identity("127.0.0.1")
    defer { identity.free() }
    let server = try Self.serve(identity)
    let asks = (0..<50).map { _ in DNSAsk(DNSEngineTests.query(), of: server) }
    let answered = Locked(0)
    try await DNSEngine(.init(caFile: identity.file)).askAll(asks) { _, outcome in
      if DNSEngineTests.data(outcome) == ["192.0.2.1"] { answered.withLock { $0 += 1 } }
    }
    #expect(answered.withLock { $0 } == 50)
    // The system's CAs do not know it.
    let outcome = try await DNSEngine().ask(DNSEngineTests.query(), of: server)
    guard case .silent(let why) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(why.contains("not trusted"))
  }
  @Test func `a certificate for another address is not trusted`() async throws {
    let identity = try Identity("127.0.0.2")
    defer { identity.free() }
    let server = try Self.serve(identity)
    let outcome = try await DNSEngine(.init(caFile: identity.file))
      .ask(DNSEngineTests.query(), of: server)
    guard case .silent(let why) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(why.contains("not trusted"))
    // Who speaks no TLS is no server of it.
    let plain = FakeServer { _, query in [.send(FakeServer.answer(query))] }
    let other = DNSServer(.tls, address: "127.0.0.1", port: plain.server.port)
    #expect(
      try await DNSEngine().ask(DNSEngineTests.query(0.5), of: other).message == nil)
  }
}
