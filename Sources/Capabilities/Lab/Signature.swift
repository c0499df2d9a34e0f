import FerryCore
import FerryModel
import Foundation

/// The other side of Signature Version 4 and 4A: who signed a request, or why it is refused.
///
/// Written apart from the client's signer, so that one mistake is not made twice.
enum Signature {
  struct Refused: Error {
    var status = 403
    var code: String
    var message: String
  }
  struct Signer {
    var credential: ModelCredential
    var service: String
    var region: String
  }
  /// The service and region that the Authorization header names, unverified.
  static func scope(_ request: WireRequest) -> (service: String, region: String)? {
    let header = request.headers["authorization"] ?? ""
    guard let start = header.range(of: "Credential=")?.upperBound else { return nil }
    let scope = header[start...].prefix { $0 != "," && $0 != " " }.split(separator: "/")
    // Version 4A names no region in the scope.
    if scope.count == 4 { return (String(scope[2]), "us-east-1") }
    return scope.count == 5 ? (String(scope[3]), String(scope[2])) : nil
  }

  static func verify(
    _ request: WireRequest, credentials: [String: ModelCredential], now: Date,
    skewToleranceSeconds: Double
  ) throws(Refused) -> Signer {
    guard let header = request.headers["authorization"] else {
      throw Refused(
        code: "MissingAuthenticationToken", message: "Missing Authentication Token")
    }
    var fields: [String: String] = [:]
    let algorithm = String(header.prefix { $0 != " " })
    let isA = algorithm == SignatureA.algorithm
    guard algorithm == "AWS4-HMAC-SHA256" || isA else {
      throw Refused(
        code: "IncompleteSignature",
        message: "The algorithm is neither AWS4-HMAC-SHA256 nor \(SignatureA.algorithm).")
    }
    for part in header.dropFirst(algorithm.count).split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1)
      guard sides.count == 2 else { continue }
      fields[sides[0].trimmingCharacters(in: .whitespaces)] = String(sides[1])
    }
    let scope = (fields["Credential"] ?? "").split(separator: "/").map(String.init)
    guard scope.count == (isA ? 4 : 5), scope.last == "aws4_request",
      let stated = fields["Signature"],
      let signedNames = fields["SignedHeaders"]?.split(separator: ";").map(String.init),
      signedNames.contains("host"), let stamp = request.headers["x-amz-date"],
      stamp.hasPrefix(scope[1])
    else {
      throw Refused(
        code: "IncompleteSignature",
        message: "The request signature does not conform to AWS standards.")
    }
    // What is signed for no region of this service is good for none.
    guard !isA || signedNames.contains("x-amz-region-set") else {
      throw Refused(
        code: "IncompleteSignature", message: "The header X-Amz-Region-Set is not signed.")
    }
    guard let credential = credentials[scope[0]],
      credential.sessionToken == request.headers["x-amz-security-token"]
    else {
      throw Refused(
        code: "InvalidClientTokenId",
        message: "The security token included in the request is invalid.")
    }
    if let expires = credential.expires, expires <= now {
      throw Refused(
        code: "ExpiredToken", message: "The security token included in the request is expired")
    }
    let bodyDigest = Digest.hex(Digest.sha256(request.body))
    let statedDigest = request.headers["x-amz-content-sha256"] ?? bodyDigest
    // The signature covers what the header states, so the header has to state the truth.
    guard statedDigest == bodyDigest || statedDigest == "UNSIGNED-PAYLOAD" else {
      throw Refused(
        status: 400, code: "XAmzContentSHA256Mismatch",
        message: "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }
    let canonical = [
      request.method, path(request.rawPath), query(request.rawQuery),
      signedNames.map { name in
        let value = (request.headers[name] ?? "").split(separator: " ").joined(separator: " ")
        return "\(name):\(value)\n"
      }.joined(), signedNames.joined(separator: ";"),
      statedDigest,
    ].joined(separator: "\n")
    let text =
      "\(algorithm)\n\(stamp)\n\(scope[1...].joined(separator: "/"))\n"
      + Digest.hex(Digest.sha256(Array(canonical.utf8)))
    guard isTrue(stated, text, scope, credential, isA: isA) else {
      throw Refused(
        code: "SignatureDoesNotMatch",
        message:
          "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
      )
    }
    guard let date = time(stamp) else {
      throw Refused(
        code: "IncompleteSignature", message: "X-Amz-Date is not a time: \(stamp)")
    }
    if let message = late(date, now: now, toleranceSeconds: skewToleranceSeconds) {
      throw Refused(code: "SignatureDoesNotMatch", message: message)
    }
    return Signer(
      credential: credential, service: scope[scope.count - 2],
      region: isA ? "us-east-1" : scope[2])
  }

  private static func isTrue(
    _ stated: String, _ text: String, _ scope: [String], _ credential: ModelCredential, isA: Bool
  ) -> Bool {
    if isA {
      return SignatureA.verify(
        text, signature: stated, accessKeyID: credential.accessKeyID,
        secret: credential.secretAccessKey)
    }
    var key = Array("AWS4\(credential.secretAccessKey)".utf8)
    for part in scope[1...] { key = Digest.hmac(key: key, Array(part.utf8)) }
    return Digest.hex(Digest.hmac(key: key, Array(text.utf8))) == stated
  }

  /// What a request is told whose time is too far off; nil when it is not.
  /// - Source: for a request of the past, CloudFront's answer in amimoto-ami/c3-cloudfront-clear-cache #41;
  ///   for one of the future, aws/aws-sdk-js #142. Both are 403 SignatureDoesNotMatch.
  private static func late(_ date: Date, now: Date, toleranceSeconds: Double) -> String? {
    let minutes = Int((toleranceSeconds / 60).rounded())
    let (sent, here) = (text(date), text(now))
    if date < now - toleranceSeconds {
      return
        "Signature expired: \(sent) is now earlier than \(text(now - toleranceSeconds)) (\(here) - \(minutes) min.)"
    }
    if date > now + toleranceSeconds {
      return
        "Signature not yet current: \(sent) is still later than \(text(now + toleranceSeconds)) (\(here) + \(minutes) min.)"
    }
    return nil
  }

  /// `20150830T123600Z`, ISO 8601 in its basic form.
  private static func time(_ stamp: String) -> Date? {
    let digits = Array(stamp)
    guard digits.count == 16, digits[8] == "T", digits[15] == "Z" else { return nil }
    func part(_ range: Range<Int>) -> String { String(digits[range]) }
    return Timestamp.read(
      "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z"
    )
  }
  private static func text(_ date: Date) -> String {
    Timestamp.text(date).filter { $0 != "-" && $0 != ":" }
  }

  /// The wire path with each segment encoded once more.
  private static func path(_ raw: String) -> String {
    let folded = raw.split(separator: "/").map { percentEncoded(String($0)) }
    let joined = "/" + folded.joined(separator: "/")
    return raw.hasSuffix("/") && joined != "/" ? joined + "/" : joined
  }
  private static func query(_ raw: String) -> String {
    raw.split(separator: "&").map { pair in
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      func again(_ text: Substring) -> String {
        percentEncoded(String(text).removingPercentEncoding ?? String(text))
      }
      return (again(sides[0]), sides.count > 1 ? again(sides[1]) : "")
    }
    .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }
}
