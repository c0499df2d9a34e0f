import FerryCore
import FerryModel
import Foundation

/// One thing that the lab does wrong on purpose, to which requests and how often.
struct Fault: Equatable, Sendable {
  /// Whether the model has handled the request by then.
  enum When: String, Sendable { case before, after }
  enum Kind: Equatable, Sendable {
    /// More than `rate` requests a second are refused; without a rate, whatever chance picks.
    case throttle(rate: Double?, retryAfterMilliseconds: Int?)
    case error(status: Int, code: String, When)
    case drop(When)
    case latency(milliseconds: Int)
    case staleRead(seconds: Double)
    case lostETag
    case reorderedETag
    case truncate
    case garbage(When)
  }
  enum Side: String, Sendable { case reads, writes }

  var kind: Kind
  /// Of the requests concerned, 0...100.
  var percent = 100.0
  var on: Side?
  var operation: String?
  /// So many of the requests concerned pass first.
  var skip = 0
  /// After so many times it is over.
  var times: Int?
  var seed: UInt64?

  /// What a fault can tell requests apart by.
  struct Asked: Equatable, Sendable {
    var operation: String
    var isRead: Bool

    /// STS counts as a read: nothing of CloudFront changes.
    init(_ request: ServiceRequest) {
      let operation = CloudFrontModel.operation(of: request)
      self.operation = operation
      isRead =
        request.method == "GET" || request.method == "HEAD"
        || request.service.signingName == "sts"
        || ["Get", "List", "Describe", "Verify"].contains { operation.hasPrefix($0) }
    }
  }

  func concerns(_ asked: Asked) -> Bool {
    switch kind {
    case .staleRead, .reorderedETag: guard asked.isRead else { return false }
    default: break
    }
    if let on, (on == .reads) != asked.isRead { return false }
    return operation == nil || operation == asked.operation
  }
}

/// What viewers get wrong from one distribution.
struct EdgeFault: Equatable, Sendable {
  var distribution: String
  var status: Int
  /// 0...100
  var percent: Double
}

/// What the lab does wrong on purpose: `KIND[:key=value,…]`, each `--fault` one more.
struct FaultPlan: Equatable, Sendable {
  var faults: [Fault] = []
  var stuck: Set<String> = []
  var edge: [EdgeFault] = []
  /// How far the lab's clock runs ahead of the machine's; negative: behind.
  var skewSeconds = 0.0
  var nameServers: [DNSFault] = []
  /// By the number of the name server, from 0.
  var nameServerLagSeconds: [Int: Double] = [:]

  static let help = [
    ("throttle:rate=5", "more than 5 requests a second are answered with 400 Throttling"),
    ("throttle:percent=10,retry-after=50", "that share is; x-amz-retry-after says 50 ms"),
    ("error:status=503,percent=10", "that share of requests is answered with that status"),
    ("error:code=NAME,when=before|after", "the code, and whether the write lands first"),
    ("drop:when=before|after,percent=5", "the connection breaks before or after the write landed"),
    ("latency:milliseconds=50", "every answer takes that long"),
    ("stuck:distribution=ID", "that distribution stays InProgress"),
    (
      "edge-error:distribution=ID,status=502,percent=10",
      "that share of what viewers ask that distribution is answered with that status"
    ),
    ("stale-read:seconds=5", "reads show the state of that long ago"),
    ("lost-etag:percent=10", "the ETag header is left out"),
    ("reordered-etag:percent=10", "a read answers with the ETag of the version before"),
    ("truncate:percent=10", "the body ends before its Content-Length"),
    ("garbage:percent=10,when=after", "200 with bytes that are no XML, before or after handling"),
    ("skew:seconds=600", "the lab's clock runs that far ahead; negative: behind"),
    ("dns-lag:server=2,seconds=5", "name server 2 of 4 learns of changes that much later"),
    (
      "dns:server=2,does=refuse",
      "or servfail, silent, lame, lie, truncate, wrong-id, "
        + "slow (seconds=2); times=N: for so many answers"
    ),
  ]
  static let filters =
    "All but stuck, edge-error, skew, dns-lag and dns also take percent=N, on=reads|writes, operation=NAME (such as UpdateDistribution), "
    + "skip=N (the first N requests concerned pass), times=N (N times at most) and seed=N (the same chances "
    + "in every run)."

  /// - Throws: `.badInput` (64) naming what is accepted.
  mutating func add(_ text: String) throws(FerryError) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    var keys = FaultKeys(text: text)
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: ",") {
      let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2, keys.values.updateValue(sides[1], forKey: sides[0]) == nil else {
        throw keys.refusal
      }
    }
    switch parts.first {
    case "stuck": stuck.insert(try keys.name("distribution"))
    case "edge-error":
      edge.append(
        EdgeFault(
          distribution: try keys.name("distribution"),
          status: Int(try keys.number("status", in: 400...599, default: 502)),
          percent: try keys.number("percent", in: 0...100, default: 100)))
    case "dns-lag":
      nameServerLagSeconds[try keys.server() - 1] = try keys.number("seconds", in: 0...86_400)
    case "dns": nameServers.append(try keys.nameServerFault())
    case "skew": skewSeconds = try keys.number("seconds", in: -1e9...1e9)
    case let kind: faults.append(try keys.fault(kind ?? ""))
    }
    guard keys.values.isEmpty else { throw keys.refusal }
  }
}

/// The `key=value` pairs of one fault; each is taken out when it is read.
private struct FaultKeys {
  var text: String
  var values: [String: String] = [:]

  var refusal: FerryError {
    .badInput(
      "bad-fault", what: "could not read the fault \(text.debugDescription)",
      why: "the kinds are \(FaultPlan.help.map(\.0).joined(separator: ", "))",
      next: "see `edgeferry lab serve --help`")
  }

  mutating func number(
    _ key: String, in range: ClosedRange<Double>, default standard: Double? = nil
  ) throws(FerryError) -> Double {
    guard let text = values.removeValue(forKey: key) else {
      if let standard { return standard }
      throw refusal
    }
    guard let value = Double(text), range.contains(value) else { throw refusal }
    return value
  }
  mutating func count(_ key: String) throws(FerryError) -> Int? {
    values[key] == nil ? nil : Int(try number(key, in: 0...1e9))
  }
  mutating func name(_ key: String, default standard: String? = nil) throws(FerryError) -> String {
    guard let name = values.removeValue(forKey: key) ?? standard,
      name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw refusal }
    return name
  }
  mutating func choice<T: RawRepresentable<String>>(_ key: String, default standard: T?)
    throws(FerryError) -> T
  {
    guard let text = values.removeValue(forKey: key) else {
      if let standard { return standard }
      throw refusal
    }
    guard let value = T(rawValue: text) else { throw refusal }
    return value
  }

  mutating func server() throws(FerryError) -> Int {
    Int(try number("server", in: 1...Double(CloudFrontModel.nameServerCount)))
  }
  mutating func nameServerFault() throws(FerryError) -> DNSFault {
    let server = try server()
    let does = try name("does")
    if does == "slow" {
      let seconds = try number("seconds", in: 0...60, default: 2)
      return DNSFault(server: server, does: .slow(seconds: seconds), times: try count("times"))
    }
    guard let kind = DNSFault.kinds[does] else { throw refusal }
    return DNSFault(server: server, does: kind, times: try count("times"))
  }

  mutating func fault(_ kind: String) throws(FerryError) -> Fault {
    var out = Fault(kind: try self.kind(kind))
    out.percent = try number("percent", in: 0...100, default: 100)
    if values["on"] != nil { out.on = try choice("on", default: nil) }
    if values["operation"] != nil { out.operation = try name("operation") }
    out.skip = try count("skip") ?? 0
    out.times = try count("times")
    out.seed = try count("seed").map { UInt64($0) }
    return out
  }

  /// What CloudFront's errors of a status are called most.
  ///
  /// - Source: botocore 1.43.11, cloudfront 2020-05-31, errors with their `httpStatusCode`; CloudFront API reference,
  ///   "Common Errors".
  private static func code(of status: Int) -> String {
    switch status {
    case 400: "InvalidArgument"
    case 403: "AccessDenied"
    case 404: "NoSuchResource"
    case 412: "PreconditionFailed"
    case 429: "TooManyRequestsException"
    case 500: "InternalError"
    default: "ServiceUnavailable"
    }
  }
  private mutating func kind(_ name: String) throws(FerryError) -> Fault.Kind {
    switch name {
    case "throttle":
      // Refusing every request for ever has to be said.
      guard values["rate"] != nil || values["percent"] != nil else { throw refusal }
      let rate = values["rate"] == nil ? nil : try number("rate", in: 0.1...100_000)
      return .throttle(rate: rate, retryAfterMilliseconds: try count("retry-after"))
    case "error":
      let status = Int(try number("status", in: 400...599, default: 503))
      return .error(
        status: status, code: try self.name("code", default: Self.code(of: status)),
        try choice("when", default: .before))
    case "drop": return .drop(try choice("when", default: nil))
    case "latency":
      return .latency(milliseconds: Int(try number("milliseconds", in: 0...600_000)))
    case "stale-read": return .staleRead(seconds: try number("seconds", in: 0...3600))
    case "lost-etag": return .lostETag
    case "reordered-etag": return .reorderedETag
    case "truncate": return .truncate
    case "garbage": return .garbage(try choice("when", default: .after))
    default: throw refusal
    }
  }
}
