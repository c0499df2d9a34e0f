import FerryCore
import Foundation
import Testing

@testable import FerryModel
@testable import Lab

struct LabUnitTests {
  /// The point is AWS's own (aws-c-auth, v4a test suite); the signature was made by awscrt 0.38.1.
  @Test
  func `a Version 4A signature is accepted from its signer and for the request it was made for`()
    throws
  {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    let point = try #require(SignatureA.publicKey(accessKeyID: "AKIDEXAMPLE", secret: secret))
    #expect(
      Digest.hex(point)
        == "04b6618f6a65740a99e650b33b6b4b5bd0d43b176d721a3edfea7e7d2d56d936b1865ed22a7eadc9c5cb9d2cbaca1b3699139fedc5043dc6661864218330c8e518"
    )
    let good = WireRequest(
      method: "PUT",
      rawPath:
        "/key-value-stores/arn%3Aaws%3Acloudfront%3A%3A111111111111%3Akey-value-store%2Fa1/keys/k",
      rawQuery: "",
      headers: [
        "host": "111111111111.127.0.0.1:8080", "if-match": "KV1",
        "x-amz-date": "20150830T123600Z", "x-amz-region-set": "*",
        "authorization":
          "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/cloudfront-keyvaluestore/aws4_request, SignedHeaders=host;if-match;x-amz-date;x-amz-region-set, Signature=304402206af4ed3957c6484262c813b6c6c4dae3d312b11858f3510656f692a8f742522c02207622b7745a6334e910a25f79b90bd028cd2f6908ecc994b0fa724ebb34632b16",
      ], body: Array(#"{"Value":"v"}"#.utf8))
    func answer(_ secret: String, _ change: (inout WireRequest) -> Void) -> String {
      let key = ModelCredential(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: secret, sessionToken: nil,
        account: "111111111111", arn: "arn:aws:iam::111111111111:user/x", expires: nil)
      var request = good
      change(&request)
      do throws(Signature.Refused) {
        return try Signature.verify(
          request, credentials: ["AKIDEXAMPLE": key],
          now: Date(timeIntervalSince1970: 1_440_938_160), skewToleranceSeconds: 300
        ).service
      } catch { return error.code }
    }
    #expect(answer(secret) { _ in } == "cloudfront-keyvaluestore")
    #expect(Signature.scope(good)?.service == "cloudfront-keyvaluestore")
    #expect(answer("other") { _ in } == "SignatureDoesNotMatch")
    #expect(answer(secret) { $0.headers["if-match"] = "KV2" } == "SignatureDoesNotMatch")
    #expect(answer(secret) { $0.headers["x-amz-region-set"] = "eu-1" } == "SignatureDoesNotMatch")
    #expect(
      answer(secret) { $0.headers["authorization"]?.removeLast(4) } == "SignatureDoesNotMatch")
    #expect(
      answer(secret) {
        $0.headers["authorization"] = $0.headers["authorization"]?.replacingOccurrences(
          of: ";x-amz-region-set", with: "")
      } == "IncompleteSignature")
  }

  /// AWS's own test suite, get-vanilla with a query, checked from the receiving side.
  @Test func `a right signature names its signer and any change of the request is refused`() throws
  {
    let keys = [
      "AKIDEXAMPLE": ModelCredential(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        sessionToken: nil,
        account: "111111111111", arn: "arn:aws:iam::111111111111:user/x", expires: nil)
    ]
    let now = Date(timeIntervalSince1970: 1_440_938_160)
    let good = WireRequest(
      method: "GET", rawPath: "/", rawQuery: "Param2=value2&Param1=value1",
      headers: [
        "host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z",
        "authorization":
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
      ], body: [])
    let signer = try Signature.verify(
      good, credentials: keys, now: now, skewToleranceSeconds: 300)
    #expect(
      signer.credential.account == "111111111111" && signer.service == "service"
        && signer.region == "us-east-1")
    func code(
      _ change: (inout WireRequest) -> Void, at: Date? = nil, keys: [String: ModelCredential]
    ) -> String {
      var request = good
      change(&request)
      do throws(Signature.Refused) {
        _ = try Signature.verify(
          request, credentials: keys, now: at ?? now, skewToleranceSeconds: 300)
        return ""
      } catch { return error.code }
    }
    #expect(code({ $0.method = "PUT" }, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ $0.rawPath = "/x" }, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ $0.rawQuery = "Param1=value1" }, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ $0.body = [1] }, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ $0.headers["host"] = "evil.example" }, keys: keys) == "SignatureDoesNotMatch")
    let stated = "x-amz-content-sha256"
    #expect(
      code({ $0.headers[stated] = Digest.hex(Digest.sha256([1])) }, keys: keys)
        == "XAmzContentSHA256Mismatch")
    #expect(
      code({ $0.headers["x-amz-date"] = "20150831T123600Z" }, keys: keys)
        == "IncompleteSignature")
    #expect(code({ $0.headers["authorization"] = nil }, keys: keys) == "MissingAuthenticationToken")
    #expect(code({ $0.headers["authorization"] = "Basic x" }, keys: keys) == "IncompleteSignature")
    #expect(code({ _ in }, keys: [:]) == "InvalidClientTokenId")
    #expect(
      code({ $0.headers["x-amz-security-token"] = "t" }, keys: keys) == "InvalidClientTokenId")
    #expect(code({ _ in }, at: now + 301, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ _ in }, at: now - 301, keys: keys) == "SignatureDoesNotMatch")
    #expect(code({ _ in }, at: now + 300, keys: keys) == "")
    #expect(code({ _ in }, at: now - 300, keys: keys) == "")
    var expired = keys
    expired["AKIDEXAMPLE"]?.expires = now
    #expect(code({ _ in }, keys: expired) == "ExpiredToken")
    expired["AKIDEXAMPLE"]?.expires = now + 1
    #expect(code({ _ in }, keys: expired) == "")
  }

  @Test func `the sample loads and holds the trio that is healthy`() throws {
    let now = Date(timeIntervalSince1970: 1_795_514_400)
    var model = CloudFrontModel(accounts: [])
    try model.load(Sample.inventory(now: now), now: now)
    let snapshot = model.snapshot(account: "111111111111", now: now)
    #expect(snapshot.distributions.count >= 24 && snapshot.policies.count == 8)
    #expect(snapshot.distribution(Sample.healthyPrimary)?.policyID == "P01SAMPLESHOP")
    #expect(snapshot.distributions.allSatisfy { $0.status == "Deployed" })
  }

  @Test(arguments: ["acm", "organizations"])
  func `a service that speaks JSON is refused in JSON`(_ service: String) {
    var model = CloudFrontModel(accounts: ["111111111111"])
    let request = ServiceRequest(
      AWSService(environmentName: "", configKey: "", signingName: service), "", method: "POST",
      path: "/", headers: ["content-type": "application/x-amz-json-1.1"], body: Array("{}".utf8))
    let answer = model.handle(request, account: "111111111111", callerARN: "", now: Date())
    #expect(answer.status == 400)
    #expect(
      String(decoding: answer.body, as: UTF8.self).contains(
        #""__type":"UnknownOperationException""#))
  }

  @Test func `the Date header is IMF-fixdate`() {
    #expect(
      HTTPDate.text(Date(timeIntervalSince1970: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }
}
