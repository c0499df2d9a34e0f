import FerryAWS
import FerryCore
import FerryHTTP
import FerryTestSupport
import Foundation
import Testing

@testable import FerryModel
@testable import Lab

/// A lab without sockets, with a clock of its own and the sample loaded.
private final class TestLab: @unchecked Sendable {
  /// Read by the lab on the thread that asks it.
  var now = Date(timeIntervalSince1970: 1_795_514_400)
  let model: SharedModel
  private(set) var server: LabServer
  private let key: AWSCredentials
  /// A policy that nothing references, so that writing it is allowed.
  static let policy = "/2020-05-31/continuous-deployment-policy/P04SAMPLEMAPS"

  init(_ faults: String...) throws {
    var plan = FaultPlan()
    for text in faults { try plan.add(text) }
    var model = CloudFrontModel(accounts: ["111111111111"])
    try model.load(Sample.inventory(now: now), now: now)
    let credential = try #require(model.accessKey(of: "111111111111"))
    key = AWSCredentials(
      accessKeyID: credential.accessKeyID, secretAccessKey: credential.secretAccessKey)
    self.model = SharedModel(model)
    server = LabServer(self.model, faults: plan, clock: LabClock())
    server = LabServer(
      self.model, faults: plan,
      clock: LabClock(skewSeconds: plan.skewSeconds) { [unowned self] in self.now })
  }

  func send(
    _ method: String, _ path: String, _ headers: [String: String] = [:], body: [UInt8] = []
  ) -> WireAnswer {
    var headers = headers
    headers["host"] = "lab.example"
    headers["x-amz-date"] = SigV4.stamp(now)
    headers["authorization"] = SigV4.authorization(
      .init(
        method: method, path: path, query: [],
        headers: headers.map { (name: $0.key, value: $0.value) }, body: body),
      credentials: key, region: "us-east-1", service: "cloudfront", date: now)
    return server.answer(
      WireRequest(method: method, rawPath: path, rawQuery: "", headers: headers, body: body))
  }
  func get() -> WireAnswer { send("GET", Self.policy + "/config") }
  /// Writes the policy back as it is; the version moves.
  func put() -> WireAnswer {
    let version = model.with { $0.accounts["111111111111"]?.policies["P04SAMPLEMAPS"]?.etag }
    let config = model.with { $0.accounts["111111111111"]?.policies["P04SAMPLEMAPS"]?.config }
    var root = config ?? XElement("")
    root.attributes = [
      .init(name: "xmlns", value: "http://cloudfront.amazonaws.com/doc/2020-05-31/")
    ]
    return send("PUT", Self.policy, ["if-match": version ?? ""], body: Array(root.xml.utf8))
  }
  /// How many requests changed something.
  var writes: Int { model.with { $0.log.filter(\.effective).count } }
}

extension WireAnswer {
  fileprivate func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name }?.value
  }
  fileprivate var code: String? {
    (try? XMLReader.read(body))?.text(at: "Error/Code")
  }
}

struct FaultTests {
  @Test func `faults are read with their numbers and filters`() throws {
    var plan = FaultPlan()
    for text in [
      "throttle:rate=5,retry-after=20", "error:status=500,percent=10,code=InternalError,when=after",
      "drop:when=after,percent=5", "latency:milliseconds=50,on=reads", "stuck:distribution=E1",
      "stale-read:seconds=5,operation=GetDistribution", "lost-etag:times=1", "reordered-etag",
      "truncate:skip=2,seed=7", "garbage:on=writes", "skew:seconds=-600",
      "edge-error:distribution=E1,percent=10",
    ] { try plan.add(text) }
    #expect(
      plan.faults == [
        Fault(kind: .throttle(rate: 5, retryAfterMilliseconds: 20)),
        Fault(kind: .error(status: 500, code: "InternalError", .after), percent: 10),
        Fault(kind: .drop(.after), percent: 5),
        Fault(kind: .latency(milliseconds: 50), on: .reads),
        Fault(kind: .staleRead(seconds: 5), operation: "GetDistribution"),
        Fault(kind: .lostETag, times: 1), Fault(kind: .reorderedETag),
        Fault(kind: .truncate, skip: 2, seed: 7), Fault(kind: .garbage(.after), on: .writes),
      ])
    #expect(plan.edge == [EdgeFault(distribution: "E1", status: 502, percent: 10)])
    #expect(plan.stuck == ["E1"] && plan.skewSeconds == -600)
  }

  @Test(
    arguments: [
      "", "flood", "throttle", "throttle:rate=0", "throttle:rate=x", "error:status=200",
      "drop:percent=5", "drop:when=later", "latency:seconds=5", "stuck", "stale-read:seconds=-1",
      "throttle:rate=5,colour=red", "lost-etag:percent=101", "truncate:on=both", "garbage:times=x",
      "skew", "stuck:distribution=E1,times=2", "latency:=", "drop:when=after,when=before",
      "error:code=", "error:code=a b", "edge-error:status=502",
      "edge-error:distribution=E1,times=1",
    ])
  func `a fault that is none is refused`(_ text: String) {
    var plan = FaultPlan()
    let error = #expect(throws: FerryError.self) { try plan.add(text) }
    #expect(error?.exit == .usage)
  }

  @Test func `every kind that the help lists can be read as it is written there`() throws {
    for (spelling, _) in FaultPlan.help {
      var plan = FaultPlan()
      try plan.add(
        spelling.replacingOccurrences(of: "before|after", with: "after"))
    }
  }

  @Test func `filters choose one request and leave every other alone`() throws {
    let lab = try TestLab("error:operation=GetContinuousDeploymentPolicyConfig,skip=1,times=2")
    #expect(lab.send("GET", TestLab.policy).status == 200)
    #expect((0..<5).map { _ in lab.get().status } == [200, 503, 503, 200, 200])
    #expect(lab.put().status == 200)
  }

  @Test func `a fault of writes leaves reads alone and one of reads leaves writes alone`() throws {
    let writes = try TestLab("error:on=writes,status=500")
    #expect(writes.get().status == 200 && writes.put().status == 500)
    let reads = try TestLab("error:on=reads,status=500")
    #expect(reads.get().status == 500 && reads.put().status == 200)
  }

  @Test func `the same seed gives the same chances and another seed others`() throws {
    func chances(_ seed: Int) throws -> [Int] {
      let lab = try TestLab("error:percent=50,seed=\(seed)")
      return (0..<40).map { _ in lab.get().status }
    }
    let first = try chances(7)
    #expect(try first == chances(7))
    #expect(try first != chances(8))
    #expect(Set(first) == [200, 503])
  }

  @Test func `throttling answers 400 and may say when to come back`() throws {
    let lab = try TestLab("throttle:percent=100,times=1,retry-after=50")
    let first = lab.get()
    #expect(first.status == 400 && first.code == "Throttling")
    #expect(first.header("x-amz-retry-after") == "50")
    #expect(lab.get().status == 200)
  }

  @Test func `a rate lets so many requests a second pass`() throws {
    let lab = try TestLab("throttle:rate=2")
    #expect((0..<3).map { _ in lab.get().status } == [200, 200, 400])
    lab.now += 0.5
    #expect((0..<2).map { _ in lab.get().status } == [200, 400])
    lab.now += 60
    #expect((0..<3).map { _ in lab.get().status } == [200, 200, 400])
  }

  @Test(arguments: [("before", 0), ("after", 1)])
  func `an error comes before the write or after it has landed`(_ when: String, _ writes: Int)
    throws
  {
    let lab = try TestLab("error:status=502,code=BadGateway,when=\(when),on=writes,times=1")
    let answer = lab.put()
    #expect(answer.status == 502 && answer.code == "BadGateway")
    #expect(lab.writes == writes)
  }

  @Test(arguments: [("before", 0), ("after", 1)])
  func `a connection breaks before the write or after it has landed`(_ when: String, _ writes: Int)
    throws
  {
    let lab = try TestLab("drop:when=\(when),on=writes,times=1")
    #expect(lab.put().ending == .silence)
    #expect(lab.writes == writes)
    #expect(lab.put().status == 200)
  }

  @Test(arguments: [("before", 0), ("after", 1)])
  func `garbage is a 200 that no reader of XML takes`(_ when: String, _ writes: Int) throws {
    let lab = try TestLab("garbage:when=\(when),on=writes,times=1")
    let answer = lab.put()
    #expect(answer.status == 200 && answer.header("etag") == nil)
    #expect(throws: FerryError.self) { try XMLReader.read(answer.body) }
    #expect(lab.writes == writes)
  }

  @Test func `a truncated body keeps the length that was promised`() throws {
    let lab = try TestLab("truncate:times=1")
    let answer = lab.get()
    #expect(answer.ending == .cut(after: answer.body.count / 2) && answer.body.count > 100)
    let bytes = answer.bytes(isHead: false, keepsAlive: true)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("Content-Length: \(answer.body.count)\r\n"))
    let sent =
      bytes.count
      - (text.range(of: "\r\n\r\n").map {
        text.utf8.distance(from: text.startIndex, to: $0.upperBound)
      } ?? 0)
    #expect(sent == answer.body.count / 2)
    #expect(lab.get().ending == .whole)
  }

  @Test func `a lost ETag is missing once and the version is not changed by it`() throws {
    let lab = try TestLab("lost-etag:times=1")
    #expect(lab.get().header("etag") == nil)
    #expect(lab.get().header("etag") != nil)
  }

  @Test func `a reordered ETag is that of the version before`() throws {
    let lab = try TestLab("reordered-etag:times=1")
    let first = try #require(lab.get().header("etag"))
    let second = try #require(lab.put().header("etag"))
    #expect(first != second)
    #expect(lab.get().header("etag") == first)
    #expect(lab.get().header("etag") == second)
  }

  @Test func `a stale read shows the state before the last write until its time is over`() throws {
    let lab = try TestLab("stale-read:seconds=5")
    let first = lab.get().header("etag")
    let second = lab.put().header("etag")
    #expect(lab.get().header("etag") == first)
    lab.now += 4.9
    #expect(lab.get().header("etag") == first)
    lab.now += 0.2
    #expect(lab.get().header("etag") == second)
  }

  @Test func `latencies add up for the requests they concern`() throws {
    var plan = FaultPlan()
    try plan.add("latency:milliseconds=50")
    try plan.add("latency:milliseconds=7,on=writes")
    var state = FaultState(plan.faults)
    func asked(_ method: String) -> Fault.Asked {
      Fault.Asked(ServiceRequest(.cloudFront, "", method: method, path: "/2020-05-31/distribution"))
    }
    let now = Date(timeIntervalSince1970: 0)
    #expect(state.latencyMilliseconds(asked("GET"), now: now) == 50)
    #expect(state.latencyMilliseconds(asked("POST"), now: now) == 57)
  }

  @Test(arguments: [(600.0, "Signature expired: "), (-600.0, "Signature not yet current: ")])
  func `a clock that is off refuses the signature and tells its own time`(
    _ seconds: Double, _ message: String
  ) throws {
    let lab = try TestLab("skew:seconds=\(seconds)")
    let answer = lab.get()
    #expect(answer.status == 403 && answer.code == "SignatureDoesNotMatch")
    #expect(String(decoding: answer.body, as: UTF8.self).contains(message))
    #expect(answer.header("date") == HTTPDate.text(lab.now + seconds))
    #expect(try TestLab("skew:seconds=200").get().status == 200)
    let patient = try TestLab("skew:seconds=\(seconds)")
    patient.model.with { $0.behaviours.skewToleranceSeconds = 900 }
    #expect(patient.get().status == 200)
  }

  @Test func `a service that speaks JSON is refused in JSON before its signature too`() throws {
    let lab = try TestLab()
    let answer = lab.server.answer(
      WireRequest(
        method: "POST", rawPath: "/", rawQuery: "",
        headers: ["content-type": "application/x-amz-json-1.1"], body: Array("{}".utf8)))
    let body = try JSONValue.read(answer.body, what: "answer")
    #expect(answer.status == 403 && body["__type"] == "MissingAuthenticationToken")
  }

  @Test func `TXT records are taken whole or refused`() throws {
    let lab = try TestLab()
    func post(_ text: String) -> Int {
      lab.server.answer(
        WireRequest(
          method: "POST", rawPath: "/_lab/txt", rawQuery: "", headers: [:], body: Array(text.utf8))
      ).status
    }
    #expect(post(#"{"_WWW.example.com":["D1.cloudfront.net"]}"#) == 200)
    #expect(lab.model.with { $0.txtRecords } == ["_www.example.com": ["d1.cloudfront.net"]])
    #expect(post(#"{"_a.example.com":"d1"}"#) == 400)
    // Brackets inside a text nest nothing.
    #expect(post("{\"_b.example.com\":[\"\(String(repeating: "[{\\\"", count: 200))\"]}") == 200)
    #expect(lab.model.with { $0.txtRecords.count } == 2)
  }

  @Test func `the operation is known from path, form or target before the signature is checked`() {
    func operation(_ service: String, _ headers: [String: String], _ body: String) -> String {
      Fault.Asked(
        ServiceRequest(
          AWSService(environmentName: "", configKey: "", signingName: service), "", method: "POST",
          path: "/", headers: headers, body: Array(body.utf8))
      ).operation
    }
    #expect(operation("sts", [:], "Action=AssumeRole&Version=1") == "AssumeRole")
    #expect(
      operation("acm", ["x-amz-target": "CertificateManager.ListCertificates"], "{}")
        == "ListCertificates")
    #expect(operation("cloudfront", [:], "") == "")
  }
}
