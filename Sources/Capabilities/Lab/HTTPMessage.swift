import FerryCore
import Foundation

/// A request as it arrived: target undecoded, header names in lower case, repeated headers joined by `,`.
struct WireRequest: Equatable, Sendable {
  var method: String
  var rawPath: String
  var rawQuery: String
  var headers: [String: String]
  var body: [UInt8]

  /// Why a request is refused before anybody handles it.
  struct Malformed: Error, Equatable {
    var status = 400
    var why: String
  }
}

/// What comes before a body: the request line and the headers, with what they say about the rest.
/// - Source: RFC 9112 §3, §5, §6; RFC 9110 §10.1.1 (Expect).
struct RequestHead: Equatable {
  var request: WireRequest
  var bodyBytes = 0
  var isChunked = false
  var wantsContinue = false
  var keepsAlive = true

  static let bytesMax = 65_536
  static let headersMax = 200

  /// - Parameter bytes: up to and without the empty line.
  static func read(_ bytes: ArraySlice<UInt8>) throws(WireRequest.Malformed) -> RequestHead {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    for index in lines.indices where lines[index].last == 0x0D { lines[index].removeLast() }
    // RFC 9112 §2.2: an empty line before a request is ignored.
    while lines.first?.isEmpty == true { lines.removeFirst() }
    let words = (lines.first ?? []).split(separator: 0x20, omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[0].allSatisfy(isToken),
      words[1].first == 0x2F, words[1].allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw .init(why: "the request line is malformed") }
    let version = String(decoding: words[2], as: UTF8.self)
    guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
      throw .init(status: 505, why: "the version is not HTTP/1.1")
    }
    let target = words[1].split(
      separator: 0x3F, maxSplits: 1, omittingEmptySubsequences: false)
    var head = RequestHead(
      request: WireRequest(
        method: String(decoding: words[0], as: UTF8.self),
        rawPath: String(decoding: target[0], as: UTF8.self),
        rawQuery: target.count > 1 ? String(decoding: target[1], as: UTF8.self) : "",
        headers: [:], body: []))
    guard lines.count <= headersMax else { throw .init(status: 431, why: "too many headers") }
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex,
        line[..<colon].allSatisfy(isToken),
        line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
      else { throw .init(why: "a header is malformed") }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
        .trimmingCharacters(in: .whitespaces)
      if let before = head.request.headers[name] {
        head.request.headers[name] = "\(before),\(value)"
      } else {
        head.request.headers[name] = value
      }
    }
    try head.frame(version: version)
    return head
  }

  /// How long the body is, and whether another request may follow.
  private mutating func frame(version: String) throws(WireRequest.Malformed) {
    let headers = request.headers
    if let coding = headers["transfer-encoding"] {
      guard headers["content-length"] == nil else {
        throw .init(why: "Content-Length and Transfer-Encoding contradict each other")
      }
      guard coding.lowercased() == "chunked" else {
        throw .init(status: 501, why: "the transfer coding is not known")
      }
      isChunked = true
    }
    if let length = headers["content-length"] {
      guard !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let count = Int(length)
      else { throw .init(why: "Content-Length is not a number") }
      bodyBytes = count
    }
    if let expected = headers["expect"] {
      guard expected.lowercased() == "100-continue" else {
        throw .init(status: 417, why: "the expectation is not known")
      }
      wantsContinue = true
    }
    let connection = (headers["connection"] ?? "").lowercased()
    keepsAlive =
      version == "HTTP/1.1" ? !connection.contains("close") : connection.contains("keep-alive")
  }

  /// RFC 9110 §5.6.2.
  static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

/// What is answered, and how the answer goes wrong if it is to.
struct WireAnswer: Equatable, Sendable {
  enum Ending: Equatable, Sendable {
    case whole
    /// The body breaks off after that many bytes; Content-Length promised all of them.
    case cut(after: Int)
    /// The connection ends without a byte.
    case silence
  }
  struct Header: Equatable, Sendable {
    var name: String
    var value: String
    init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }
  var status = 200
  var headers: [Header] = []
  var body: [UInt8] = []
  var ending = Ending.whole

  /// The bytes on the wire.
  /// - Parameter isHead: the request was a HEAD, so the body stays away.
  func bytes(isHead: Bool, keepsAlive: Bool) -> [UInt8] {
    if ending == .silence { return [] }
    var text = "HTTP/1.1 \(status) \(Self.reason(status))\r\n"
    for header in headers {
      // What a request brought in must not begin a header of its own.
      let value = header.value.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
      text += "\(header.name): \(String(String.UnicodeScalarView(value)))\r\n"
    }
    // RFC 9110 §8.6: neither has a body or says how long it would be.
    let hasBody = status != 204 && status != 304
    if hasBody { text += "Content-Length: \(body.count)\r\n" }
    if !keepsAlive { text += "Connection: close\r\n" }
    text += "\r\n"
    var out = Array(text.utf8)
    guard hasBody, !isHead else { return out }
    if case .cut(let count) = ending { out += body.prefix(count) } else { out += body }
    return out
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 409: "Conflict"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 503: "Service Unavailable"
    default: status < 400 ? "OK" : "Error"
    }
  }
}

/// RFC 9110 §5.6.7, IMF-fixdate.
enum HTTPDate {
  static func text(_ date: Date) -> String {
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let stamp = Array(Timestamp.text(date))
    let day = days[Int((date.timeIntervalSince1970 / 86_400).rounded(.down)) % 7]
    let month = months[(Int(String(stamp[5..<7])) ?? 1) - 1]
    return
      "\(day), \(String(stamp[8..<10])) \(month) \(String(stamp[0..<4])) \(String(stamp[11..<19])) GMT"
  }
}
