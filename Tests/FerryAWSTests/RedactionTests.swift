import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryAWS

struct RedactionTests {
  let keys = AWSCredentials(
    accessKeyID: "AKIDEXAMPLE", secretAccessKey: "canary/Secret+Key/0123456789",
    sessionToken: "canary//Session+Token==0123456789")

  @Test func `a refusal that repeats what was signed keeps no secret of ours`() {
    for (name, secret) in [
      ("secret", keys.secretAccessKey), ("token", keys.sessionToken ?? ""),
    ] {
      let canary = Canary(name, secret)
      for form in [
        secret, percentEncoded(secret), Data(secret.utf8).base64EncodedString(),
        secret.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(),
      ] {
        let body = "<Message>The Canonical String was x-amz-security-token:\(form)\nhost</Message>"
        let out = Redaction.of(Array(body.utf8), keys: keys)
        #expect(!canary.isIn(out))
        #expect(
          String(decoding: out, as: UTF8.self).contains("x-amz-security-token:‹redacted›\nhost"))
      }
    }
  }
  @Test func `a signature is taken out and everything else stays`() {
    let signature = String(repeating: "0aF", count: 21) + "1"
    let out = Redaction.of(
      Array("Credential=AKIDEXAMPLE/x, Signature=\(signature)!".utf8), keys: keys)
    #expect(
      String(decoding: out, as: UTF8.self) == "Credential=AKIDEXAMPLE/x, Signature=‹redacted›!")
    // Bytes that are no UTF-8 come back as they were when there is nothing to take out.
    #expect(Redaction.of([0xFF, 0x61], keys: keys) == [0xFF, 0x61])
  }
  @Test func `credentials describe themselves without their secrets`() {
    var text = "\(keys) \(String(reflecting: keys))"
    dump(keys, to: &text)
    #expect(!text.contains("canary"))
  }
}
