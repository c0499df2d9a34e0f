import FerryCore
import FerryHTTP
import Foundation

/// DNS over HTTPS, for networks that let nothing else out.
///
/// - Source: RFC 8484 §4.1 (POST, id 0), §5.1 (a cache's age is taken off the TTLs).
struct DNSOverHTTPS: Sendable {
  private let engine: HTTPEngine

  init(caFile: String?) throws(FerryError) {
    engine = try HTTPEngine(.init(caFile: caFile))
  }

  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    guard let sent = SentQuery(query, id: 0, edns: true, letters: nil) else {
      return .silent(because: "the name or the type cannot be asked")
    }
    let request = HTTPRequest(
      method: "POST", url: server.address,
      headers: [
        ("content-type", "application/dns-message"), ("accept", "application/dns-message"),
      ], body: sent.octets, deadlineSeconds: query.timeoutSeconds)
    var why = ""
    for _ in 0..<max(1, query.tries) {
      let start = ContinuousClock.now
      do throws(FerryError) {
        let answer = try await engine.send(request)
        let span = ContinuousClock.now - start
        return Self.judge(answer, to: sent, milliseconds: span / .milliseconds(1))
      } catch {
        why = error.why
        if Task.isCancelled { return .silent(because: "cancelled") }
      }
    }
    return .silent(because: why)
  }

  static func judge(_ answer: HTTPResponse, to sent: SentQuery, milliseconds: Double)
    -> DNSOutcome
  {
    let kind = answer.headers["content-type"]?.lowercased().prefix { $0 != ";" }
    guard answer.status == 200, kind == "application/dns-message" else {
      return .silent(
        because: "HTTP \(answer.status) with \(kind.map { "\($0)" } ?? "no type"), no DNS message")
    }
    if case .foreign(let why) = answer.body.withUnsafeBufferPointer(sent.judge) {
      return .forged(because: "a message came that does not count: \(why)")
    }
    guard var message = try? DNSWire.decode(answer.body) else {
      return .forged(because: "a message came that cannot be read")
    }
    if let age = answer.headers["age"].flatMap({ UInt32($0) }) {
      for section in [\DNSMessage.answer, \.authority, \.additional] {
        for index in message[keyPath: section].indices {
          let ttl = message[keyPath: section][index].ttl
          message[keyPath: section][index].ttl = ttl - min(ttl, age)
        }
      }
    }
    return .reply(message, milliseconds: milliseconds)
  }
}
