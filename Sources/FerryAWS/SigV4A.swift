import COpenSSL
import FerryCore

/// AWS Signature Version 4A: one signature for a set of regions, by ECDSA on P-256 with a key that is derived
/// from the secret key.
///
/// - Source: AWS General Reference, "Signature Version 4A"; aws-c-auth key_derivation.c, whose test of a fixed
///   pair of keys this agrees with.
public enum SigV4A {
  static let algorithm = "AWS4-ECDSA-P256-SHA256"

  /// The private number of one pair of keys, 32 bytes, the highest first; of no day, region or service.
  public struct SigningKey: Sendable, CustomStringConvertible, CustomReflectable {
    let credentials: AWSCredentials
    let bytes: [UInt8]
    public var description: String { "‹redacted›" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    /// NIST SP 800-108 in counter mode, tried until the number is at most n - 2; then one more than it.
    public init(_ credentials: AWSCredentials) {
      self.credentials = credentials
      let secret = Array("AWS4A\(credentials.secretAccessKey)".utf8)
      for counter in UInt8(1)...254 {
        var fixed: [UInt8] = [0, 0, 0, 1] + Array(SigV4A.algorithm.utf8) + [0]
        fixed += Array(credentials.accessKeyID.utf8) + [counter, 0, 0, 1, 0]
        let candidate = Digest.hmac(key: secret, fixed)
        guard !Self.orderLessTwo.lexicographicallyPrecedes(candidate) else { continue }
        bytes = Self.incremented(candidate)
        return
      }
      // One candidate in four thousand million is refused: 254 in a row never are.
      preconditionFailure("no key could be derived")
    }
    /// The order n of P-256, less two.
    private static let orderLessTwo: [UInt8] = [
      0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
      0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63,
      0x25, 0x4F,
    ]
    private static func incremented(_ bytes: [UInt8]) -> [UInt8] {
      var out = bytes
      for index in out.indices.reversed() {
        out[index] &+= 1
        if out[index] != 0 { break }
      }
      return out
    }
  }

  /// The value of the `Authorization` header. `headers` must hold `host`, `x-amz-date` and `x-amz-region-set`.
  /// - Parameter stamp: the time as `x-amz-date` has it.
  static func authorization(
    _ request: SigV4.Request, with key: SigningKey, service: String, stamp: String
  ) -> String {
    let (canonical, signed) = SigV4.canonicalRequest(request)
    let scope = "\(stamp.prefix(8))/\(service)/aws4_request"
    let text = stringToSign(canonical, scope: scope, stamp: stamp)
    let digest = Digest.sha256(Array(text.utf8))
    var signature = [UInt8](repeating: 0, count: 80)
    let length = co_p256_sign(key.bytes, digest, &signature)
    precondition(length > 0, "libcrypto cannot sign on P-256")
    return
      "\(algorithm) Credential=\(key.credentials.accessKeyID)/\(scope), SignedHeaders=\(signed), Signature=\(Digest.hex(Array(signature[..<length])))"
  }

  static func stringToSign(_ canonical: String, scope: String, stamp: String) -> String {
    "\(algorithm)\n\(stamp)\n\(scope)\n\(Digest.hex(Digest.sha256(Array(canonical.utf8))))"
  }
}
