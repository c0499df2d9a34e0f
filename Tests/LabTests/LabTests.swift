import FerryCore
import Foundation
import Testing

@testable import FerryModel
@testable import Lab

struct LabUnitTests {
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
