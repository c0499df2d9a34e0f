import COpenSSL
import FerryCore
import Testing

@testable import FerryAWS

struct SigV4ATests {
  /// The fixed pair of aws-c-auth's test of key derivation, and the public point that belongs to it.
  static let keys = AWSCredentials(
    accessKeyID: "AKISORANDOMAASORANDOM",
    secretAccessKey: "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom")
  static let point =
    "0415d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
    + "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"

  static func bytes(_ hex: Substring) -> [UInt8] {
    var out: [UInt8] = []
    var rest = hex
    while let byte = UInt8(rest.prefix(2), radix: 16) {
      out.append(byte)
      rest = rest.dropFirst(2)
    }
    return out
  }
  static func request(_ path: String) -> SigV4.Request {
    .init(
      method: "GET", path: path, query: [.init("MaxResults", "50")],
      headers: [
        (name: "host", value: "111111111111.cloudfront-kvs.global.api.aws"),
        (name: "x-amz-date", value: "20260101T000000Z"), (name: "x-amz-region-set", value: "*"),
      ], body: [])
  }

  @Test func `a signature belongs to the public key that AWS derives from the same secret`() throws
  {
    let request = Self.request("/key-value-stores/arn%3Aaws")
    let header = SigV4A.authorization(
      request, with: .init(Self.keys), service: "cloudfront-keyvaluestore",
      stamp: "20260101T000000Z")
    let scope = "20260101/cloudfront-keyvaluestore/aws4_request"
    #expect(
      header.hasPrefix(
        "AWS4-ECDSA-P256-SHA256 Credential=AKISORANDOMAASORANDOM/\(scope), SignedHeaders=host;x-amz-date;x-amz-region-set, Signature="
      ))
    let signature = Self.bytes(try #require(header.split(separator: "=").last))
    func holds(_ path: String) -> Bool {
      let canonical = SigV4.canonicalRequest(Self.request(path)).text
      let text = SigV4A.stringToSign(canonical, scope: scope, stamp: "20260101T000000Z")
      return co_p256_verify(
        Self.bytes(Self.point[...]), Digest.sha256(Array(text.utf8)), signature, signature.count)
        == 1
    }
    #expect(holds("/key-value-stores/arn%3Aaws"))
    #expect(!holds("/key-value-stores/other"))
  }

  @Test func `printing a derived key shows nothing of it`() {
    let key = SigV4A.SigningKey(Self.keys)
    #expect("\(key)" == "‹redacted›" && String(reflecting: key) == "‹redacted›")
  }
}
