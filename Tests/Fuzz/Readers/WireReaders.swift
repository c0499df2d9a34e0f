import FerryCloudFront
import FerryCore
import Foundation

@testable import FerryAWS
@testable import FerryDNS
@testable import FerryHTTP
@testable import Lab

enum WireReaders {
  private static let asked: DNSQuery? = (try? DomainName("www.example.com.")).map {
    DNSQuery($0, .cname)
  }

  /// One message as answer and as question: read, written, read again, and judged beside what was asked.
  static func dns(_ bytes: [UInt8]) throws(FerryError) {
    if let query = asked, let sent = SentQuery(query, id: 0x1234, edns: true, letters: nil) {
      var reply = bytes
      // Past the guards against forgers, so that what lies behind them is met.
      for index in 0..<min(2, reply.count) { reply[index] = sent.octets[index] }
      _ = reply.withUnsafeBufferPointer(sent.judge)
      _ = DNSOverHTTPS.judge(
        HTTPResponse(
          status: 200, headers: ["content-type": "application/dns-message", "age": "5"],
          body: reply), to: sent, milliseconds: 1)
      var reader = AliasReader()
      _ = reply.withUnsafeBufferPointer { reader.read($0, questionEnd: sent.questionEnd) }
      _ = try? reply.withUnsafeBufferPointer { (whole) throws(FerryError) in
        try DNSWire.decode(whole, to: query)
      }
    }
    let message = try DNSWire.decode(bytes)
    guard let octets = try? DNSWire.encode(message) else { return }
    _ = try DNSWire.decode(octets)
    _ = try? DNSWire.encode(message, echoing: bytes)
  }

  /// A signed reply whose signature is right, whatever else is in it.
  static func tsig(_ bytes: [UInt8]) throws(FerryError) {
    let key = try TSIGKey(
      name: try DomainName("k."), algorithm: .sha256, base64: "c2VjcmV0IG9mIHNpeHRlZW4gYnl0ZXM="
    )
    let seconds: UInt64 = 1_795_514_400
    _ = TSIG.verify(bytes, key: key, requestMAC: [1, 2, 3], at: seconds)
    // Ours to sign is only what has room for one record more.
    guard bytes.count >= 12, bytes[10] < 255 else { return }
    let signed = TSIG.sign(bytes, key: key, at: seconds, answering: [1, 2, 3])
    _ = TSIG.verify(signed.octets, key: key, requestMAC: [1, 2, 3], at: seconds)
  }

  /// The head of a request as it comes to the lab, and what of it is answered.
  static func http(_ bytes: [UInt8]) throws(FerryError) {
    guard let head = try? RequestHead.read(bytes[...]) else { return }
    var answer = WireAnswer()
    answer.headers = head.request.headers.map { WireAnswer.Header($0.key, $0.value) }
    _ = answer.bytes(isHead: false, keepsAlive: head.keepsAlive)
  }

  /// The head of an answer line by line, as libcurl hands it on, and what is made of its headers.
  static func reply(_ bytes: [UInt8]) throws(FerryError) {
    let transfer = Transfer(
      HTTPRequest(url: "https://x.example/"), goesDirect: true, bodyBytesMax: 0)
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      Array(line).withUnsafeBytes(transfer.read)
    }
    for status in [200, 301, 400, 503] {
      let answer = transfer.response(status)
      precondition(
        answer.headers.count <= 256 && answer.earlier.values.allSatisfy { $0.count <= 64 })
      let response = ServiceResponse(status: status, headers: answer.headers, body: [])
      _ = ServiceFailure(response)
      _ = try? accepted(response, operation: "Get")
      let date = answer.headers["date"]
      _ = date.flatMap(ClockSkew.httpDate)
      var skew = ClockSkew()
      _ = skew.learn(
        code: "RequestTimeTooSkewed", isSuccess: status < 300, date: date,
        middle: Date(timeIntervalSince1970: 1_795_514_400))
      let after = RetryPolicy.retryAfter(answer.headers["x-amz-retry-after"])
      if let seconds = after { precondition(seconds.isFinite && seconds >= 0) }
      if let query = asked, let sent = SentQuery(query, id: 0x1234, edns: true, letters: nil) {
        _ = DNSOverHTTPS.judge(answer, to: sent, milliseconds: 1)
      }
    }
  }

  /// What a service answered: XML, JSON, or neither.
  static func answer(_ bytes: [UInt8]) throws(FerryError) {
    let headers = ["etag": "E1", "x-amzn-errortype": "Some#Code:x"]
    for status in [200, 400, 412, 503] {
      let response = ServiceResponse(status: status, headers: headers, body: bytes)
      _ = ServiceFailure(response)
      _ = try? accepted(response, operation: "Get")
    }
    _ = HTTPDate.text(Date(timeIntervalSince1970: Double(bytes.count)))
  }
}
