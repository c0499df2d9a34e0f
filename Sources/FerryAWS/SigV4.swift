import FerryCore
import Foundation

/// Keys that sign requests. Printing one shows no secret.
public struct AWSCredentials: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
  public var accessKeyID: String
  public var secretAccessKey: String
  public var sessionToken: String?
  /// UTC; nil for keys that do not expire.
  public var expiration: Date?

  public init(
    accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil,
    expiration: Date? = nil
  ) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
    self.expiration = expiration
  }
  public var description: String { "‹redacted›" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// AWS Signature Version 4 as a pure function.
///
/// - Source: AWS General Reference, "Signature Version 4"; right on AWS's own test suite.
public enum SigV4 {
  public struct Request: Sendable {
    public var method: String
    /// As it goes on the wire.
    public var path: String
    public var query: [ServiceRequest.QueryItem]
    /// In order; a repeated name's values are joined by commas.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    public init(
      method: String, path: String, query: [ServiceRequest.QueryItem],
      headers: [(name: String, value: String)], body: [UInt8]
    ) {
      self.method = method
      self.path = path
      self.query = query
      self.headers = headers
      self.body = body
    }
  }

  /// The key of one day, region and service; deriving it takes four digests, so it is made once.
  public struct SigningKey: Sendable, CustomStringConvertible, CustomReflectable {
    let credentials: AWSCredentials
    let day: String
    let scope: String
    let bytes: [UInt8]
    public var description: String { "‹redacted›" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
    public init(_ credentials: AWSCredentials, day: String, region: String, service: String) {
      self.credentials = credentials
      self.day = day
      scope = "\(day)/\(region)/\(service)/aws4_request"
      bytes = [day, region, service, "aws4_request"].reduce(
        Array("AWS4\(credentials.secretAccessKey)".utf8)
      ) { Digest.hmac(key: $0, Array($1.utf8)) }
    }
  }

  /// The value of the `Authorization` header. `headers` must hold `host` and `x-amz-date`.
  public static func authorization(
    _ request: Request, credentials: AWSCredentials, region: String, service: String, date: Date
  ) -> String {
    let stamp = stamp(date)
    return authorization(
      request,
      with: SigningKey(
        credentials, day: String(stamp.prefix(8)), region: region, service: service), stamp: stamp)
  }
  /// - Parameter stamp: the time as `x-amz-date` has it, on the key's day.
  static func authorization(_ request: Request, with key: SigningKey, stamp: String) -> String {
    let (canonical, signed) = canonicalRequest(request)
    let text = stringToSign(canonical, scope: key.scope, stamp: stamp)
    let signature = Digest.hex(Digest.hmac(key: key.bytes, Array(text.utf8)))
    return
      "AWS4-HMAC-SHA256 Credential=\(key.credentials.accessKeyID)/\(key.scope), SignedHeaders=\(signed), Signature=\(signature)"
  }

  static func stringToSign(_ canonical: String, scope: String, stamp: String) -> String {
    "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(Digest.hex(Digest.sha256(Array(canonical.utf8))))"
  }

  static func canonicalRequest(_ request: Request) -> (text: String, signedHeaders: String) {
    var headers = request.headers.enumerated().map {
      (place: $0, name: lower($1.name), value: folded($1.value))
    }
    // Stable: a repeated name's values keep their order.
    headers.sort {
      $0.name == $1.name
        ? $0.place < $1.place : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
    var lines = ""
    var signed = ""
    for (index, header) in headers.enumerated() {
      if index > 0, headers[index - 1].name == header.name {
        lines.removeLast()
        lines += ","
      } else {
        if index > 0 { signed += ";" }
        signed += header.name
        lines += header.name
        lines += ":"
      }
      lines += header.value
      lines += "\n"
    }
    let body = request.body.isEmpty ? emptyDigest : Digest.hex(Digest.sha256(request.body))
    let text =
      "\(request.method)\n\(path(request.path))\n\(query(request.query))\n\(lines)\n\(signed)\n\(body)"
    return (text, signed)
  }
  private static let emptyDigest = Digest.hex(Digest.sha256([]))

  private static func lower(_ name: String) -> String {
    name.utf8.contains { (0x41...0x5A).contains($0) || $0 >= 0x80 } ? name.lowercased() : name
  }

  /// Dot segments and double slashes folded, then every segment encoded once more.
  private static func path(_ path: String) -> String {
    var segments: [Substring] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: true) {
      if segment == "." { continue }
      if segment == ".." {
        _ = segments.popLast()
      } else {
        segments.append(segment)
      }
    }
    let encoded = segments.map { percentEncoded(String($0)) }.joined(separator: "/")
    let slash = path.hasSuffix("/") && !encoded.isEmpty ? "/" : ""
    return "/" + encoded + slash
  }

  private static func query(_ items: [ServiceRequest.QueryItem]) -> String {
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    return items.map { (percentEncoded($0.name), percentEncoded($0.value ?? "")) }
      .sorted {
        $0.0 == $1.0
          ? bytes($0.1).lexicographicallyPrecedes(bytes($1.1))
          : bytes($0.0).lexicographicallyPrecedes(bytes($1.0))
      }
      .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }

  private static func folded(_ value: String) -> String {
    if !value.utf8.contains(where: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A }) { return value }
    return value.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).joined(
      separator: " ")
  }

  /// `20150830T123600Z`
  public static func stamp(_ date: Date) -> String {
    Timestamp.text(date).filter { $0 != "-" && $0 != ":" }
  }
}
