import Foundation

/// An AWS service that edgeferry talks to, by its SDK service id.
public struct AWSService: Hashable, Sendable {
  /// The suffix of `AWS_ENDPOINT_URL_…`, in capitals with underscores.
  public var environmentName: String
  /// The key in a profile's `[services …]` section.
  public var configKey: String
  public var signingName: String
  /// What the service allows one account; nil where the rate has to be found.
  public var callsPerSecond: Int?

  public init(
    environmentName: String, configKey: String, signingName: String, callsPerSecond: Int? = nil
  ) {
    self.environmentName = environmentName
    self.configKey = configKey
    self.signingName = signingName
    self.callsPerSecond = callsPerSecond
  }

  public static let cloudFront = AWSService(
    environmentName: "CLOUDFRONT", configKey: "cloudfront", signingName: "cloudfront")
  /// The contents of key value stores: signed for every region at once, at an endpoint of the account's own.
  public static let keyValueStore = AWSService(
    environmentName: "CLOUDFRONT_KEYVALUESTORE", configKey: "cloudfront_keyvaluestore",
    signingName: "cloudfront-keyvaluestore")
  public static let acm = AWSService(environmentName: "ACM", configKey: "acm", signingName: "acm")
  public static let iam = AWSService(environmentName: "IAM", configKey: "iam", signingName: "iam")
  public static let wafv2 = AWSService(
    environmentName: "WAFV2", configKey: "wafv2", signingName: "wafv2")
  public static let lambda = AWSService(
    environmentName: "LAMBDA", configKey: "lambda", signingName: "lambda")
  public static let s3 = AWSService(environmentName: "S3", configKey: "s3", signingName: "s3")
  public static let kms = AWSService(environmentName: "KMS", configKey: "kms", signingName: "kms")
  public static let logs = AWSService(
    environmentName: "CLOUDWATCH_LOGS", configKey: "cloudwatch_logs", signingName: "logs")
  public static let organizations = AWSService(
    environmentName: "ORGANIZATIONS", configKey: "organizations", signingName: "organizations")
  public static let sts = AWSService(
    environmentName: "STS", configKey: "sts", signingName: "sts")
  public static let cloudFormation = AWSService(
    environmentName: "CLOUDFORMATION", configKey: "cloudformation", signingName: "cloudformation")
  public static let serviceQuotas = AWSService(
    environmentName: "SERVICE_QUOTAS", configKey: "service_quotas", signingName: "servicequotas")
  /// - Source: Route 53 Developer Guide, "Amazon Route 53 API request limits": five requests a second per account.
  public static let route53 = AWSService(
    environmentName: "ROUTE_53", configKey: "route_53", signingName: "route53", callsPerSecond: 5)
}

/// One call to an AWS service, before endpoint, signature and retries.
public struct ServiceRequest: Equatable, Sendable {
  public struct QueryItem: Equatable, Sendable {
    public var name: String
    /// nil writes the name alone (`?WithTags`).
    public var value: String?
    public init(_ name: String, _ value: String?) {
      self.name = name
      self.value = value
    }
  }
  public var service: AWSService
  /// The API's operation name, for errors, logs and the journal.
  public var operation: String
  /// nil: the service's global endpoint, or the caller's region.
  public var region: String?
  /// A label put before the host of AWS's own endpoint, such as an account.
  public var hostPrefix: String?
  public var method: String
  /// The path, already percent-encoded.
  public var path: String
  public var query: [QueryItem]
  /// Header names in lower case.
  public var headers: [String: String]
  public var body: [UInt8]

  public init(
    _ service: AWSService, _ operation: String, region: String? = nil, method: String = "GET",
    path: String, query: [QueryItem] = [], headers: [String: String] = [:], body: [UInt8] = []
  ) {
    self.service = service
    self.operation = operation
    self.region = region
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
  }
}

/// What a service answered, whatever its status.
public struct ServiceResponse: Equatable, Sendable {
  public var status: Int
  /// Header names in lower case.
  public var headers: [String: String]
  private var bytes: [UInt8]
  /// Of an answer that was made in this process: what the body is written from.
  public private(set) var document: XElement?
  /// Written from `document` whenever it is asked for, where there is one.
  public var body: [UInt8] {
    get { document.map { Array("<?xml version=\"1.0\"?>\n".utf8) + $0.xmlBytes } ?? bytes }
    set { (bytes, document) = (newValue, nil) }
  }
  public init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    bytes = body
  }
  public func hasBody(of other: ServiceResponse) -> Bool {
    bytes == other.bytes && document == other.document
  }
  public init(status: Int, headers: [String: String], document: XElement) {
    self.status = status
    self.headers = headers
    bytes = []
    self.document = document
  }
}

/// Carries calls to AWS on behalf of one identity: signed HTTPS in the world, the model in a simulation.
///
/// - Throws: `.noAnswer` when the connection failed and the outcome is unknown; `.credentials`. Any HTTP
///   status is an answer, not an error.
public protocol ServiceTransport: Sendable {
  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse
}

/// Time that only ever moves on: what waits are counted in, whatever is done to the wall clock.
public struct Elapsed: Equatable, Sendable {
  /// Since `origin` began, suspended time included.
  public var seconds: Double
  /// `HOST/BOOT`: readings of one origin may be compared, also across processes.
  public var origin: String
  public init(seconds: Double, origin: String) {
    self.seconds = seconds
    self.origin = origin
  }
}

/// Time as the runner sees it: the system's, or a virtual one in tests and rehearsals.
public protocol FerryClock: Sendable {
  /// The wall clock, which may be set back or forward at any time.
  var now: Date { get }
  var elapsed: Elapsed { get }
  /// - Throws: `.interrupted` when the wait was cancelled.
  func sleep(seconds: Double) async throws(FerryError)
}

extension FerryClock {
  /// A clock that nobody sets is its own elapsed time.
  public var elapsed: Elapsed { Elapsed(seconds: now.timeIntervalSince1970, origin: "unset/0") }
}

/// A 12-digit AWS account number.
public typealias AccountID = String

/// The text that a percent-encoding of RFC 3986 stands for; what is none, or is not UTF-8, stays as it is.
public func percentDecoded(_ text: String) -> String {
  guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
  var out: [UInt8] = []
  out.reserveCapacity(text.utf8.count)
  var rest = text.utf8.makeIterator()
  while let byte = rest.next() {
    guard byte == UInt8(ascii: "%") else {
      out.append(byte)
      continue
    }
    guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
      return text
    }
    out.append(high << 4 | low)
  }
  return String(validating: out, as: UTF8.self) ?? text
}
private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  default: nil
  }
}

/// Percent-encoding of RFC 3986: everything but the unreserved characters.
public func percentEncoded(_ text: String, keeping kept: String = "") -> String {
  func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: byte < 0x80 && kept.utf8.contains(byte)
    }
  }
  if text.utf8.allSatisfy(isPlain) { return text }
  let digits = Array("0123456789ABCDEF".utf8)
  var out: [UInt8] = []
  out.reserveCapacity(text.utf8.count + 16)
  for byte in text.utf8 {
    if isPlain(byte) {
      out.append(byte)
    } else {
      out.append(UInt8(ascii: "%"))
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
  }
  return String(decoding: out, as: UTF8.self)
}
