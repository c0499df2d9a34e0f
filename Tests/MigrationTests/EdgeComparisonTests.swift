import FerryCore
import FerryHTTP
import Foundation
import Testing

@testable import Migration

/// What two edges answer, and what is asked of them.
struct EdgeComparisonTests {
  static func content(
    _ status: Int = 200, _ headers: [String: [String]] = [:], body: String = "hello",
    print: String = "a"
  ) -> EdgeContent {
    var out = EdgeContent(peer: "192.0.2.1:443", status: status)
    out.headers = headers
    out.body = Array(body.utf8)
    out.certificate = .init(
      names: ["www.example.com"], notAfter: Date(timeIntervalSince1970: 0), isTrusted: true,
      coversName: true)
    out.certificate?.fingerprint = print
    return out
  }
  static func differences(
    _ old: EdgeContent, _ new: EdgeContent, again: EdgeContent? = nil
  ) -> [CutoverVerdict.Difference] {
    EdgeComparison(url: "https://www.example.com/", marker: "x-dist").differences(
      .init(names: ["E1", "d1.cloudfront.net"], host: "d1.cloudfront.net", content: old),
      .init(names: ["E2", "d2.cloudfront.net"], host: "www.example.com", content: new),
      again: again)
  }

  @Test func `equal answers do not differ`() {
    #expect(Self.differences(Self.content(), Self.content()) == [])
  }
  @Test(arguments: [
    (content(404), "status"), (content(200, ["x-a": ["2"]]), "header/x-a"),
    (content(200, [:]), "header/x-a"), (content(body: "other"), "body"),
    (content(200, ["x-a": ["1"], "set-cookie": ["session=1"]]), "set-cookie"),
    (EdgeContent(failure: "the certificate does not cover www.example.com"), "answer"),
  ])
  func `status, headers, body, cookies and a failure are differences that nobody meant`(
    _ new: EdgeContent, _ part: String
  ) {
    let found = Self.differences(Self.content(200, ["x-a": ["1"]]), new).filter { !$0.expected }
    #expect(found.contains { $0.path == "https://www.example.com/#\(part)" }, "\(found)")
  }
  @Test(arguments: [
    "date", "age", "via", "x-cache", "server-timing", "x-amz-cf-id", "x-amz-request-id", "x-dist",
    "content-length",
  ])
  func `what every answer has anew is meant, with its reason`(_ name: String) {
    let found = Self.differences(
      Self.content(200, [name: ["1"]]), Self.content(200, [name: ["2"]]))
    #expect(found.map(\.expected) == [true] && found.first?.reason != nil)
  }
  @Test func `cookies are compared by name, and no value is shown`() {
    let found = Self.differences(
      Self.content(200, ["set-cookie": ["a=canary; Path=/", "b=1"]]),
      Self.content(200, ["set-cookie": ["a=canary2", "b=2"]]))
    #expect(found.map(\.expected) == [true] && !"\(found)".contains("canary"))
  }
  @Test func `an answer may name its own distribution, its name and its host`() {
    let found = Self.differences(
      Self.content(301, ["location": ["https://d1.cloudfront.net/x"]], body: "served by E1"),
      Self.content(301, ["location": ["https://www.example.com/x"]], body: "served by E2"))
    #expect(found.map(\.expected) == [true, true])
    #expect(found.allSatisfy { $0.reason == EdgeComparison.ownNames })
  }
  @Test func `a body that the source itself changes from answer to answer proves nothing`() {
    let (old, new) = (Self.content(body: "1"), Self.content(body: "2"))
    #expect(Self.differences(old, new).map(\.expected) == [false])
    #expect(Self.differences(old, new, again: old).map(\.expected) == [false])
    #expect(Self.differences(old, new, again: Self.content(body: "3")).map(\.expected) == [true])
  }
  @Test func `another trusted certificate is meant`() {
    let found = Self.differences(Self.content(print: "a"), Self.content(print: "b"))
    #expect(found.map(\.path) == ["https://www.example.com/#certificate"])
    #expect(found.map(\.expected) == [true])
  }

  // MARK: What is asked

  static func distribution(_ id: String, _ aliases: [String], isEnabled: Bool = true)
    -> Inventory.Distribution
  {
    let config = XElement("DistributionConfig", [XElement("Enabled", text: "\(isEnabled)")])
      .edited(AliasList.edits(from: [], to: aliases), shape: "DistributionConfig")
    return .init(
      id: id, arn: "", domainName: "\(id.lowercased()).cloudfront.net", status: "", etag: "",
      lastModified: "", tags: [:], config: config)
  }
  @Test func `each side is asked by an alias that it holds, and else by its own name`() throws {
    let pair = (
      source: Self.distribution("D1", ["www.example.com"]),
      target: Self.distribution("D2", ["*.example.com"])
    )
    let asks = try EdgeAsk.all([.init(host: nil, path: "/a?b=1")], [pair])
    #expect(
      asks.map(\.shown) == [
        "https://edgeferry-check.example.com/a?b=1", "https://www.example.com/a?b=1",
      ])
    #expect(asks[0].source?.url == "https://d1.cloudfront.net/a?b=1")
    #expect(asks[0].target.at == "d2.cloudfront.net")
    // The exact name wins at every edge, so the bridge does not hold it.
    #expect(
      asks[1].source
        == .init(
          host: "www.example.com", url: "https://www.example.com/a?b=1", at: "d1.cloudfront.net"))
    #expect(asks[1].target.url == "https://d2.cloudfront.net/a?b=1" && asks[1].target.at == nil)
  }
  @Test func `a disabled source is not asked, and a host that nobody holds is refused`() throws {
    let pair = (
      source: Self.distribution("D1", [], isEnabled: false), target: Self.distribution("D2", [])
    )
    let asks = try EdgeAsk.all(URLList.roots, [pair])
    #expect(asks.map(\.shown) == ["https://d2.cloudfront.net/"] && asks[0].source == nil)
    #expect(throws: FerryError.self) {
      try EdgeAsk.all([.init(host: "www.example.org", path: "/")], [pair])
    }
  }
  @Test func `URLs and paths are read line by line`() throws {
    let text = "# pages\n\n/a\nhttps://WWW.example.com\n https://www.example.com/b?c \n/a\n"
    #expect(
      try URLList.read(Array(text.utf8), named: "u") == [
        .init(host: nil, path: "/a"), .init(host: "www.example.com", path: "/"),
        .init(host: "www.example.com", path: "/b?c"),
      ])
  }
  @Test(arguments: [
    "", "http://x/", "https://user@x/", "https://x:1/", "//x", "/a#b", "/a b", "/\u{1B}[0m", "x",
    "https:///a",
  ])
  func `what is neither a URL nor a path is bad input`(_ line: String) {
    #expect {
      try URLList.read(Array(line.utf8), named: "u")
    } throws: { ($0 as? FerryError)?.code == "bad-urls" && ($0 as? FerryError)?.exit == .usage }
  }

  /// Answers by URL, the next of its list each time.
  private final class FakeEdge: ContentProbe {
    let answers: Locked<[String: [EdgeContent]]>
    init(_ answers: [String: [EdgeContent]]) { self.answers = Locked(answers) }
    func content(url: String, at: String?, bytesMax: Int) async -> EdgeContent {
      answers.withLock {
        guard $0[url]?.isEmpty == false else { return EdgeContent(failure: "not arranged: \(url)") }
        return $0[url]?.removeFirst() ?? EdgeContent()
      }
    }
  }
  private static func found(_ isEnabled: Bool, _ answers: [String: [EdgeContent]]) async throws
    -> [CutoverVerdict.Difference]
  {
    let pair = (
      source: distribution("D1", [], isEnabled: isEnabled), target: distribution("D2", [])
    )
    return await EdgeAsk.differences(
      try EdgeAsk.all(URLList.roots, [pair]), [:], probe: FakeEdge(answers), marker: nil)
  }
  @Test(arguments: [(200, true), (404, true), (502, false), (421, false)])
  func `of a disabled source only the target is asked, and it has to serve`(
    _ status: Int, _ expected: Bool
  ) async throws {
    let found = try await Self.found(
      false, ["https://d2.cloudfront.net/": [Self.content(status)]])
    #expect(found.map(\.expected) == [expected] && found.first?.source == nil)
  }
  @Test func `where bodies differ the source is asked once more`() async throws {
    let target = [Self.content(body: "t")]
    for (again, expected) in [("1", false), ("2", true)] {
      let found = try await Self.found(
        true,
        [
          "https://d1.cloudfront.net/": [Self.content(body: "1"), Self.content(body: again)],
          "https://d2.cloudfront.net/": target,
        ])
      #expect(found.map(\.path) == ["https://d2.cloudfront.net/#body"])
      #expect(found.map(\.expected) == [expected])
    }
  }
  @Test func `what others wrote cannot steer a terminal, and what is not meant comes first`() {
    let text = VerdictText.plain(
      CutoverVerdict(
        names: [],
        differences: [
          .init(path: "a", source: nil, target: "", expected: true),
          .init(
            path: "b\u{1B}[2J", source: "x\ny", target: nil, expected: false, reason: "\u{202E}"),
        ]))
    #expect(
      text == """
        NOT MEANT to differ:
          b\\u{1b}[2J: x\\u{a}y -> (absent)  (\\u{202e})

        meant to differ:
          a: (absent) -> (empty)

        1 not meant, 1 meant; 0 of 0 names cut over

        """)
  }
}
