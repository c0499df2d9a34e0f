import FerryCore
import FerryModel
import Foundation

/// The other side of Signature Version 4: who signed a request, or why it is refused.
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
  static let skewSecondsMax = 900.0

  static func verify(
    _ request: WireRequest, credentials: [String: ModelCredential], now: Date
  ) throws(Refused) -> Signer {
    guard let header = request.headers["authorization"] else {
      throw Refused(
        code: "MissingAuthenticationToken", message: "Missing Authentication Token")
    }
    var fields: [String: String] = [:]
    guard header.hasPrefix("AWS4-HMAC-SHA256 ") else {
      throw Refused(code: "IncompleteSignature", message: "The algorithm is not AWS4-HMAC-SHA256.")
    }
    for part in header.dropFirst("AWS4-HMAC-SHA256 ".count).split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1)
      guard sides.count == 2 else { continue }
      fields[sides[0].trimmingCharacters(in: .whitespaces)] = String(sides[1])
    }
    let scope = (fields["Credential"] ?? "").split(separator: "/").map(String.init)
    guard scope.count == 5, scope[4] == "aws4_request", let stated = fields["Signature"],
      let signedNames = fields["SignedHeaders"]?.split(separator: ";").map(String.init),
      signedNames.contains("host"), let stamp = request.headers["x-amz-date"],
      stamp.hasPrefix(scope[1])
    else {
      throw Refused(
        code: "IncompleteSignature",
        message: "The request signature does not conform to AWS standards.")
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
      "AWS4-HMAC-SHA256\n\(stamp)\n\(scope[1...].joined(separator: "/"))\n"
      + Digest.hex(Digest.sha256(Array(canonical.utf8)))
    var key = Array("AWS4\(credential.secretAccessKey)".utf8)
    for part in scope[1...] { key = Digest.hmac(key: key, Array(part.utf8)) }
    guard Digest.hex(Digest.hmac(key: key, Array(text.utf8))) == stated else {
      throw Refused(
        code: "SignatureDoesNotMatch",
        message:
          "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
      )
    }
    let digits = Array(stamp)
    guard digits.count == 16,
      let date = Timestamp.read(
        "\(String(digits[0..<4]))-\(String(digits[4..<6]))-\(String(digits[6..<8]))T\(String(digits[9..<11])):\(String(digits[11..<13])):\(String(digits[13..<15]))Z"
      ), abs(date.timeIntervalSince(now)) <= skewSecondsMax
    else {
      throw Refused(code: "RequestExpired", message: "Request has expired.")
    }
    return Signer(credential: credential, service: scope[3], region: scope[2])
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
