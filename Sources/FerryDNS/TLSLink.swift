import COpenSSL
import FerryCore
import Foundation

/// One TLS session over octets that a socket carries; the server's certificate is always verified.
final class TLSLink {
  private let ssl: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer

  /// What verifies every session; nil when there are no CAs to be read.
  final class Terms {
    fileprivate let context: OpaquePointer
    init?(caFile: String?) {
      guard let context = SSL_CTX_new(TLS_client_method()) else { return nil }
      SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
      let loaded =
        caFile.map { SSL_CTX_load_verify_file(context, $0) }
        ?? SSL_CTX_set_default_verify_paths(context)
      guard loaded == 1 else {
        SSL_CTX_free(context)
        return nil
      }
      self.context = context
    }
    deinit { SSL_CTX_free(context) }
  }

  /// - Parameter address: what the certificate must name (RFC 8310 §8.1, an address as a subject name).
  init?(_ terms: Terms, address: String) {
    guard let ssl = SSL_new(terms.context) else { return nil }
    guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
      SSL_free(ssl)
      return nil
    }
    SSL_set_bio(ssl, input, output)
    guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address) == 1 else {
      SSL_free(ssl)
      return nil
    }
    SSL_set_connect_state(ssl)
    self.ssl = ssl
    self.input = input
    self.output = output
  }
  deinit { SSL_free(ssl) }

  /// What to send: the start of the handshake, then what `seal` and `open` made.
  func drain() -> [UInt8] {
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = BIO_read(output, &buffer, Int32(buffer.count))
      guard count > 0 else { return out }
      out += buffer[..<Int(count)]
    }
  }
  /// Goes on with the handshake.
  /// - Returns: whether it is over, or why it failed.
  func handshake() -> (isDone: Bool, why: String?) {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    if result == 1 { return (true, nil) }
    let error = SSL_get_error(ssl, result)
    if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return (false, nil) }
    let verdict = SSL_get_verify_result(ssl)
    return verdict == Int(X509_V_OK)
      ? (false, "TLS failed")
      : (
        false,
        "its certificate is not trusted: " + String(cString: X509_verify_cert_error_string(verdict))
      )
  }
  func feed(_ octets: UnsafeRawBufferPointer) {
    guard let start = octets.baseAddress, !octets.isEmpty else { return }
    BIO_write(input, start, Int32(octets.count))
  }
  /// What the other side said; nil at its end or for what is no TLS.
  func open() -> [UInt8]? {
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      ERR_clear_error()
      let count = SSL_read(ssl, &buffer, Int32(buffer.count))
      guard count > 0 else {
        let error = SSL_get_error(ssl, count)
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || !out.isEmpty
          ? out : nil
      }
      out += buffer[..<Int(count)]
    }
  }
  func seal(_ octets: [UInt8]) {
    guard !octets.isEmpty else { return }
    ERR_clear_error()
    SSL_write(ssl, octets, Int32(octets.count))
  }
}
