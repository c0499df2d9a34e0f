import COpenSSL
import FerryCore

/// Signature Version 4A: the same request signed with a key on P-256 that both sides derive from the secret,
/// good for every region that `X-Amz-Region-Set` names.
/// - Source: AWS IAM User Guide "Signature Version 4A"; the derivation as in aws-c-auth `key_derivation.c`:
///   NIST SP 800-108 in counter mode over HMAC-SHA-256, FIPS 186-4 B.4.2.
enum SignatureA {
  static let algorithm = "AWS4-ECDSA-P256-SHA256"

  /// Whether the signature, DER in hexadecimal digits, is this key's over the text.
  static func verify(_ text: String, signature: String, accessKeyID: String, secret: String)
    -> Bool
  {
    guard let signature = bytes(hex: signature),
      let point = publicKey(accessKeyID: accessKeyID, secret: secret),
      let template = co_ec_key(), let key = EVP_PKEY_new(), let context = EVP_MD_CTX_new()
    else { return false }
    defer {
      EVP_PKEY_free(template)
      EVP_PKEY_free(key)
      EVP_MD_CTX_free(context)
    }
    let text = Array(text.utf8)
    return EVP_PKEY_copy_parameters(key, template) == 1
      && EVP_PKEY_set1_encoded_public_key(key, point, point.count) == 1
      && EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
  }

  /// The point of an access key, uncompressed; nil where OpenSSL fails.
  static func publicKey(accessKeyID: String, secret: String) -> [UInt8]? {
    guard let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
      let order = EC_GROUP_get0_order(group), let limit = BN_dup(order),
      let point = EC_POINT_new(group)
    else { return nil }
    defer {
      EC_GROUP_free(group)
      BN_free(limit)
      EC_POINT_free(point)
    }
    guard BN_sub_word(limit, 2) == 1 else { return nil }
    for counter in UInt8(1)...254 {
      let candidate = candidate(counter, accessKeyID: accessKeyID, secret: secret)
      guard let number = BN_bin2bn(candidate, Int32(candidate.count), nil) else { return nil }
      defer { BN_free(number) }
      if BN_cmp(number, limit) > 0 { continue }
      var out = [UInt8](repeating: 0, count: 65)
      guard BN_add_word(number, 1) == 1, EC_POINT_mul(group, point, number, nil, nil, nil) == 1,
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, &out, out.count, nil) == 65
      else { return nil }
      return out
    }
    return nil
  }

  private static func candidate(_ counter: UInt8, accessKeyID: String, secret: String) -> [UInt8] {
    let input: [UInt8] =
      [0, 0, 0, 1] + Array(algorithm.utf8) + [0] + Array(accessKeyID.utf8) + [counter]
      + [0, 0, 1, 0]
    return Digest.hmac(key: Array("AWS4A\(secret)".utf8), input)
  }

  private static func bytes(hex: String) -> [UInt8]? {
    let digits = Array(hex.utf8)
    guard digits.count.isMultiple(of: 2), digits.count <= 512 else { return nil }
    var out: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard
        let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
      else { return nil }
      out.append(byte)
    }
    return out
  }
}
