import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryHTTP

/// The edges of `edge_server.py`, started once; they end with the tests.
private struct Edges: Sendable {
  var ca: String
  var empty: String
  var ports: [String: UInt16]

  static let shared = Task { () throws -> Edges in
    let environment = ProcessInfo.processInfo.environment
    let python = environment["EDGEFERRY_PYTHON"] ?? "python3"
    let program = Shared.package.appendingPathComponent(
      "Tests/EndToEndTests/clients/edge_server.py")
    let process = try Subprocess([python, program.path], environment: environment)
    let ready = try JSONValue.read(Array(await process.firstLine().utf8), what: "ready line")
    var ports: [String: UInt16] = [:]
    for (kind, port) in ready["ports"]?.object ?? [:] { ports[kind] = UInt16(port.int ?? 0) }
    return Edges(
      ca: try #require(ready["ca"]?.string), empty: try #require(ready["empty"]?.string),
      ports: ports)
  }
  func probe(
    _ kind: String, caFile: String? = nil, deadlineSeconds: Double = 20,
    resolve: EdgeProbe.Resolve? = nil
  ) throws -> EdgeProbe {
    var options = EdgeProbe.Options(caFile: caFile ?? ca, port: try #require(ports[kind]))
    options.deadlineSeconds = deadlineSeconds
    return try EdgeProbe(options, resolve: resolve)
  }
}

struct ServingProbeTests {
  private let host = "www.example.test"
  private func look(
    _ kind: String, path: String = "/", host: String? = nil, deadlineSeconds: Double = 20
  ) async throws -> ServingLook {
    let probe = try await Edges.shared.value.probe(kind, deadlineSeconds: deadlineSeconds)
    let looks = await probe.look(
      url: "https://\(host ?? self.host)\(path)", at: "127.0.0.1", marker: "X-Marker")
    #expect(looks.count == 1)
    return try #require(looks.first)
  }

  @Test
  func `a good edge shows its status, marker, version and a certificate that covers the name`()
    async throws
  {
    let edges = try await Edges.shared.value
    let seen = try await look("good")
    #expect(seen.peer == "127.0.0.1:\(edges.ports["good"] ?? 0)")
    #expect(seen.failure == nil)
    #expect(seen.status == 200)
    #expect(seen.marker == "E1")
    #expect(seen.httpVersion == "1.1")
    #expect(seen.isCloudFront == true)
    let certificate = try #require(seen.certificate)
    #expect(certificate.names == [host, "*.wild.example.test"])
    #expect(certificate.isTrusted && certificate.coversName)
    #expect(certificate.problem == nil)
    #expect(certificate.fingerprint?.count == 64)
    let days = certificate.notAfter.timeIntervalSinceNow / 86_400
    #expect(days > 29 && days < 31)
  }
  @Test func `the edge sees the name that viewers ask for, and no port of ours`() async throws {
    let edges = try await Edges.shared.value
    let looks = try await edges.probe("good").look(
      url: "https://\(host)/a/../b?c=d", at: "127.0.0.1", marker: "x-saw")
    #expect(looks.first?.marker == "GET /a/../b?c=d HTTP/1.1|\(host)")
  }
  @Test func `HTTP/2 is spoken where the edge offers it, and said`() async throws {
    let seen = try await look("h2")
    #expect(seen.httpVersion == "2")
    #expect(seen.status == 200)
    #expect(seen.marker == "E1")
  }
  @Test(arguments: [
    ("incomplete", false, true, "unable to get local issuer certificate"),
    ("elsewhere", true, false, "does not cover www.example.test"),
    ("nameless", true, false, "does not cover www.example.test"),
    ("expired", false, true, "certificate has expired"),
    ("foreign", false, true, "not trusted"),
    ("own", false, true, "self-signed certificate"),
  ])
  func `a bad certificate is never served, and the reason is told`(
    _ kind: String, _ isTrusted: Bool, _ covers: Bool, _ why: String
  ) async throws {
    let seen = try await look(kind)
    #expect(seen.status == nil)
    #expect(seen.marker == nil)
    #expect(seen.httpVersion == nil)
    #expect(seen.failure?.contains(why) == true, "\(seen.failure ?? "none")")
    let certificate = try #require(seen.certificate)
    #expect(certificate.isTrusted == isTrusted)
    #expect(certificate.coversName == covers)
  }
  @Test func `a CA that is not named is not trusted`() async throws {
    let edges = try await Edges.shared.value
    var options = EdgeProbe.Options(port: try #require(edges.ports["good"]))
    options.deadlineSeconds = 20
    let seen = try await EdgeProbe(options).look(
      url: "https://\(host)/", at: "127.0.0.1", marker: nil)
    #expect(seen.first?.status == nil)
    #expect(seen.first?.certificate?.isTrusted == false)
  }
  @Test func `TLS below 1.2 is refused`() async throws {
    let seen = try await look("old")
    #expect(seen.status == nil)
    #expect(seen.failure != nil)
  }
  @Test(arguments: [("a.wild.example.test", true), ("a.b.wild.example.test", false)])
  func `a wildcard covers one label`(_ name: String, _ covers: Bool) async throws {
    let seen = try await look("good", host: name)
    #expect(seen.certificate?.coversName == covers)
    #expect((seen.status == 200) == covers)
  }
  @Test func `a redirect is not followed and a question for a password not answered`() async throws
  {
    #expect(try await look("good", path: "/redirect").status == 302)
    #expect(try await look("good", path: "/basic").status == 401)
  }
  @Test func `an answer is read in full for a comparison, its body up to a limit`() async throws {
    let probe = try await Edges.shared.value.probe("good")
    func content(_ path: String, host: String, _ bytesMax: Int) async -> EdgeContent {
      await probe.content(url: "https://\(host)\(path)", at: "127.0.0.1", bytesMax: bytesMax)
    }
    let seen = await content("/", host: host, 1000)
    #expect(seen.status == 200 && seen.failure == nil && !seen.isCutOff)
    #expect(seen.headers["x-marker"] == ["E1"] && seen.certificate?.fingerprint?.count == 64)
    let big = await content("/big", host: host, 1000)
    #expect(big.status == 200 && big.isCutOff && big.body.count == 1000)
    #expect(seen.headers["set-cookie"] == ["a=b", "c=d"])
    let foreign = await content("/", host: "other.example.test", 1000)
    #expect(foreign.status == nil && foreign.failure?.contains("does not cover") == true)
  }
  @Test func `a body without end counts by its head`() async throws {
    let seen = try await look("good", path: "/big")
    #expect(seen.status == 200)
    #expect(seen.marker == "E1")
  }
  @Test func `a long marker is cut`() async throws {
    #expect(try await look("good", path: "/long").marker?.count == 256)
  }
  @Test func `an edge that says nothing ends at the deadline`() async throws {
    let seen = try await look("good", path: "/silent", deadlineSeconds: 0.5)
    #expect(seen.status == nil)
    #expect(seen.failure?.isEmpty == false)
  }
  @Test func `every address is asked, and one that is closed hides no other`() async throws {
    let edges = try await Edges.shared.value
    let looks = try await edges.probe("good") { _ throws(FerryError) in ["127.0.0.9", "127.0.0.1"] }
      .look(url: "https://\(host)/", at: nil, marker: "x-marker")
    #expect(looks.map { $0.peer.prefix { $0 != ":" } } == ["127.0.0.9", "127.0.0.1"])
    #expect(looks.map(\.status) == [nil, 200])
  }
  @Test func `the target's own name is resolved in place of the URL's`() async throws {
    let edges = try await Edges.shared.value
    let asked = Locked<[String]>([])
    let looks = try await edges.probe("good") { name throws(FerryError) in
      asked.withLock { $0.append(name) }
      return ["127.0.0.1"]
    }.look(url: "https://\(host)/", at: "d222.cloudfront.net.", marker: nil)
    #expect(asked.withLock { $0 } == ["d222.cloudfront.net"])
    #expect(looks.map(\.status) == [200])
  }
  @Test func `a name that does not resolve is a look that failed`() async throws {
    let edges = try await Edges.shared.value
    let looks = try await edges.probe("good") { _ throws(FerryError) in
      throw FerryError(.noAnswer, what: "", why: "no such name", next: "")
    }.look(url: "https://\(host)/", at: nil, marker: nil)
    #expect(looks == [ServingLook(peer: "", failure: "\(host): no such name")])
  }
  @Test(arguments: ["http://127.0.0.1/", "https://user:pass@www.example.test/", "", "ftp://a/"])
  func `what is no https URL is not asked`(_ url: String) async throws {
    let looks = try await EdgeProbe { _ throws(FerryError) in [] }.look(
      url: url, at: nil, marker: nil)
    #expect(looks.count == 1)
    #expect(looks.first?.failure?.isEmpty == false)
    #expect(looks.first?.peer == "")
  }
  @Test func `a CA file that holds none is refused before anything is asked`() async throws {
    let empty = try await Edges.shared.value.empty
    for file in [empty, "/nonexistent.pem"] {
      let error = #expect(throws: FerryError.self) { try EdgeProbe(.init(caFile: file)) }
      #expect(error?.code == "bad-ca")
      #expect(error?.exit == .usage)
    }
  }
  @Test func `places to connect to are read in every form`() {
    func text(_ at: String?) -> [String] {
      EdgeProbe.places(at, else: "www.example.test.").map { "\($0.host) \($0.port ?? 0)" }
    }
    #expect(text(nil) == ["www.example.test 0"])
    #expect(text("192.0.2.1") == ["192.0.2.1 0"])
    #expect(
      text("192.0.2.1:8443, d1.cloudfront.net. [2001:db8::1]:444,2001:db8::2,[2001:db8::3]") == [
        "192.0.2.1 8443", "d1.cloudfront.net 0", "2001:db8::1 444", "2001:db8::2 0",
        "2001:db8::3 0",
      ])
  }

  @Test func `a name in Unicode is asked for by its A-labels`() async throws {
    let probe = try EdgeProbe(resolve: { host throws(FerryError) in
      throw FerryError("no-address", what: host, why: "asked for \(host)", next: "")
    })
    let looks = await probe.look(
      url: "https://xn--bcher-kva.example.test/", at: nil, marker: nil)
    #expect(
      looks.map(\.failure) == [
        "xn--bcher-kva.example.test: asked for xn--bcher-kva.example.test"
      ])
  }
}
