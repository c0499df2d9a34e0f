import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryAWS

struct SigV4Tests {
  static let credentials = AWSCredentials(
    accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
  static let date = Date(timeIntervalSince1970: 1_440_938_160)

  /// The suite's raw request; its path and query may hold bytes that no client would send unencoded.
  static func request(_ text: String) -> SigV4.Request? {
    let halves = text.components(separatedBy: "\n\n")
    var lines = halves[0].components(separatedBy: "\n")
    let first = lines.removeFirst()
    guard let method = first.split(separator: " ").first,
      let version = first.range(of: " HTTP/", options: .backwards)
    else { return nil }
    let target = String(first[..<version.lowerBound].dropFirst(method.count + 1))
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var headers: [(name: String, value: String)] = []
    for line in lines where !line.isEmpty {
      if line.hasPrefix(" ") || line.hasPrefix("\t") {
        headers[headers.count - 1].value += "\n" + line
      } else if let colon = line.firstIndex(of: ":") {
        headers.append(
          (name: String(line[..<colon]), value: String(line[line.index(after: colon)...])))
      }
    }
    let query: [ServiceRequest.QueryItem] =
      parts.count < 2
      ? []
      : parts[1].split(separator: "&").map { (pair: Substring) -> ServiceRequest.QueryItem in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        func plain(_ text: Substring) -> String {
          String(text).removingPercentEncoding ?? String(text)
        }
        return .init(plain(sides[0]), sides.count > 1 ? plain(sides[1]) : nil)
      }
    return SigV4.Request(
      method: String(method), path: String(parts[0]), query: query, headers: headers,
      body: Array(halves.dropFirst().joined(separator: "\n\n").utf8))
  }

  @Test func `a request of the test suite is signed right without the shared folder`() throws {
    let request = try #require(
      Self.request(
        "GET /?Param2=value2&Param1=value1 HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z"
      ))
    #expect(
      SigV4.authorization(
        request, credentials: Self.credentials, region: "us-east-1", service: "service",
        date: Self.date)
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    )
  }

  @Test func `every vector of AWS's suite comes out right`() throws {
    guard let folder = Shared.folder("vectors/sigv4") else { return }
    var count = 0
    for url in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    where url.hasSuffix(".req") {
      let base = folder.appendingPathComponent(String(url.dropLast(4))).path
      func text(_ kind: String) throws -> String {
        String(
          decoding: try Data(contentsOf: URL(fileURLWithPath: "\(base).\(kind)")), as: UTF8.self)
      }
      var request = try #require(Self.request(try text("req")), "\(url)")
      // One request of the suite is signed with a token that stands in its canonical form alone.
      let name = "x-amz-security-token"
      if let line = try text("creq").split(separator: "\n").first(where: {
        $0.hasPrefix(name + ":")
      }),
        !request.headers.contains(where: { $0.name.lowercased() == name })
      {
        request.headers.append((name: name, value: String(line.dropFirst(name.count + 1))))
      }
      let canonical = SigV4.canonicalRequest(request).text
      #expect(canonical == (try text("creq")), "\(url)")
      #expect(
        SigV4.authorization(
          request, credentials: Self.credentials, region: "us-east-1", service: "service",
          date: Self.date) == (try text("authz")), "\(url)")
      count += 1
    }
    #expect(count >= 30)
  }

  @Test func `printing credentials shows no secret`() {
    let keys = AWSCredentials(accessKeyID: "AKID", secretAccessKey: "hunter2", sessionToken: "tok")
    for text in ["\(keys)", String(reflecting: keys), String(describing: Optional(keys))] {
      #expect(!text.contains("hunter2") && !text.contains("tok"))
    }
    var dumped = ""
    dump(keys, to: &dumped)
    #expect(!dumped.contains("hunter2"))
  }
}
