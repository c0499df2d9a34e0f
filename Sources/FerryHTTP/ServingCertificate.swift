import COpenSSL
import FerryCore
import Foundation

/// Reads certificates into values; libcrypto's pointers stay in this file.
enum ServingCertificate {
  private static let namesMax = 200

  /// The leaf of a chain that has just been verified, and the verdict on it.
  static func read(_ store: OpaquePointer, host: String) -> ServingLook.Certificate? {
    guard let leaf = X509_STORE_CTX_get0_cert(store) else { return nil }
    let code = X509_STORE_CTX_get_error(store)
    var out = ServingLook.Certificate(
      names: names(leaf), notAfter: notAfter(leaf), isTrusted: code == X509_V_OK,
      coversName: covers(leaf, host))
    if code != X509_V_OK, let text = X509_verify_cert_error_string(Int(code)) {
      out.problem = String(cString: text)
    }
    out.fingerprint = fingerprint(leaf)
    return out
  }

  private static func covers(_ leaf: OpaquePointer, _ host: String) -> Bool {
    if EdgeProbe.isAddress(host) { return X509_check_ip_asc(leaf, host, 0) == 1 }
    let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
    return X509_check_host(leaf, host, host.utf8.count, UInt32(flags), nil) == 1
  }
  private static func names(_ leaf: OpaquePointer) -> [String] {
    guard let all = co_alt_names(leaf) else { return [] }
    defer { co_alt_free(all) }
    var out: [String] = []
    for index in 0..<min(Int(co_alt_count(all)), namesMax) {
      var bytes: UnsafePointer<UInt8>?
      let count = co_alt_dns(all, Int32(index), &bytes)
      guard count > 0, let bytes else { continue }
      out.append(
        String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
          .lowercased())
    }
    return out
  }
  /// The epoch for a time that cannot be read: long over.
  private static func notAfter(_ leaf: OpaquePointer) -> Date {
    var parts = tm()
    guard let time = X509_get0_notAfter(leaf), ASN1_TIME_to_tm(time, &parts) == 1 else {
      return Date(timeIntervalSince1970: 0)
    }
    return Date(timeIntervalSince1970: TimeInterval(timegm(&parts)))
  }
  private static func fingerprint(_ leaf: OpaquePointer) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard X509_digest(leaf, EVP_sha256(), &bytes, &count) == 1 else { return nil }
    let digits = Array("0123456789abcdef".utf8)
    let hex = bytes.prefix(Int(count)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: hex, as: UTF8.self)
  }

  /// - Throws: `bad-ca` (64) unless the file holds a certificate in PEM.
  static func check(caFile: String) throws(FerryError) {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-ca", what: "could not use the edge's CA file \(caFile)", why: why,
        next: "correct edge.caFile in the settings, or EDGEFERRY_EDGE_CA")
    }
    guard access(caFile, R_OK) == 0 else { throw refuse(String(cString: strerror(errno))) }
    guard let file = BIO_new_file(caFile, "r") else {
      ERR_clear_error()
      throw refuse("it cannot be opened")
    }
    defer { BIO_free(file) }
    guard let certificate = PEM_read_bio_X509(file, nil, nil, nil) else {
      ERR_clear_error()
      throw refuse("it holds no certificate in PEM")
    }
    X509_free(certificate)
  }
}
