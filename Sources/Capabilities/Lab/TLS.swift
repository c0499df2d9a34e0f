import COpenSSL
import FerryCore
import FerryHTTP
import FerryModel
import Foundation

/// How a port speaks TLS: with the lab's own certificates, one chosen for each name asked for.
struct TLSTerms: Sendable {
  var authority: LabAuthority
  /// The certificate for the name that a client asked for, on the port of that number.
  var choose: @Sendable (_ serverName: String?, _ listener: Int) -> EdgeCertificate
}

/// What a handshake agreed on.
struct TLSSession: Equatable, Sendable {
  /// SNI in lower case; nil when the client sent none.
  var serverName: String?
  var certificate: EdgeCertificate
}

/// The lab's own certificate authority, made in memory; its keys are never written.
///
/// Every OpenSSL pointer of the lab lives in this file: the authority owns its keys, its certificates and
/// the context, a stream its connection's state; each frees what it owns once.
final class LabAuthority: @unchecked Sendable {
  private let key: OpaquePointer
  private let leafKey: OpaquePointer
  private let certificate: OpaquePointer
  fileprivate let context: OpaquePointer
  /// Certificates by the names they are for.
  private let leaves = Locked<[[String]: OpaquePointer]>([:])
  private static let leavesMax = 4096

  /// - Throws: `lab` when OpenSSL refuses.
  init() throws(FerryError) {
    let failed = FerryError(
      "lab", what: "could not make the lab's certificates", why: "OpenSSL refused",
      next: "check the installation of OpenSSL, or give it entropy")
    guard let key = co_ec_key() else { throw failed }
    guard let leafKey = co_ec_key() else {
      EVP_PKEY_free(key)
      throw failed
    }
    guard let certificate = Self.issue([], for: key, by: nil, signedWith: key) else {
      EVP_PKEY_free(key)
      EVP_PKEY_free(leafKey)
      throw failed
    }
    guard let context = SSL_CTX_new(TLS_server_method()) else {
      EVP_PKEY_free(key)
      EVP_PKEY_free(leafKey)
      X509_free(certificate)
      throw failed
    }
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    // A resumed session would skip the choice of a certificate.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    SSL_CTX_set_num_tickets(context, 0)
    self.key = key
    self.leafKey = leafKey
    self.certificate = certificate
    self.context = context
  }
  deinit {
    leaves.withLock { for leaf in $0.values { X509_free(leaf) } }
    SSL_CTX_free(context)
    X509_free(certificate)
    EVP_PKEY_free(leafKey)
    EVP_PKEY_free(key)
  }

  /// The authority's certificate, for clients to trust.
  var pem: String {
    var der: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(certificate, &der)
    defer { CRYPTO_free(der, "", 0) }
    let text = Data(UnsafeBufferPointer(start: der, count: Int(max(0, count))))
      .base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
  }

  /// Puts a certificate for those names on a connection.
  fileprivate func present(_ names: [String], on ssl: OpaquePointer) -> Bool {
    leaves.withLock { leaves in
      if leaves[names] == nil {
        if leaves.count >= Self.leavesMax {
          for leaf in leaves.values { X509_free(leaf) }
          leaves = [:]
        }
        leaves[names] = Self.issue(names, for: leafKey, by: certificate, signedWith: key)
      }
      // The connection holds a reference of its own from here on.
      guard let leaf = leaves[names] else { return false }
      return SSL_use_certificate(ssl, leaf) == 1 && SSL_use_PrivateKey(ssl, leafKey) == 1
    }
  }

  /// A certificate for names, or without names the authority's own.
  /// - Parameter names: host names, a wildcard label allowed; others are left out.
  private static func issue(
    _ names: [String], for key: OpaquePointer, by issuer: OpaquePointer?,
    signedWith signer: OpaquePointer
  ) -> OpaquePointer? {
    guard let made = X509_new() else { return nil }
    let subject = X509_get_subject_name(made)
    let title = issuer == nil ? "edgeferry lab CA" : "edgeferry lab"
    var isGood =
      X509_set_version(made, 2) == 1
      && ASN1_INTEGER_set_uint64(
        X509_get_serialNumber(made), UInt64.random(in: 1...UInt64(Int64.max))) == 1
      && X509_gmtime_adj(X509_getm_notBefore(made), -3600) != nil
      && X509_gmtime_adj(X509_getm_notAfter(made), 365 * 86_400) != nil
      && X509_set_pubkey(made, key) == 1
      && X509_NAME_add_entry_by_txt(
        subject, "CN", V_ASN1_UTF8STRING, title, Int32(title.utf8.count), -1, 0) == 1
      && X509_set_issuer_name(made, X509_get_subject_name(issuer ?? made)) == 1
    // RFC 5280 §4.2; strict verifiers ask for both key identifiers.
    var extensions = [(NID_subject_key_identifier, "hash")]
    if issuer == nil {
      extensions += [
        (NID_basic_constraints, "critical,CA:TRUE"),
        (NID_key_usage, "critical,keyCertSign,cRLSign"),
      ]
    } else {
      extensions += [
        (NID_authority_key_identifier, "keyid:always"),
        (NID_basic_constraints, "critical,CA:FALSE"),
        (NID_key_usage, "critical,digitalSignature"), (NID_ext_key_usage, "serverAuth"),
      ]
      let good = names.filter(isName).map { "DNS:\($0)" }
      if !good.isEmpty { extensions.append((NID_subject_alt_name, good.joined(separator: ","))) }
    }
    var terms = X509V3_CTX()
    X509V3_set_ctx(&terms, issuer ?? made, made, nil, nil, 0)
    for (kind, value) in extensions where isGood {
      guard let it = X509V3_EXT_conf_nid(nil, &terms, kind, value) else {
        isGood = false
        break
      }
      isGood = X509_add_ext(made, it, -1) == 1
      X509_EXTENSION_free(it)
    }
    guard isGood, X509_sign(made, signer, EVP_sha256()) > 0 else {
      X509_free(made)
      return nil
    }
    return made
  }

  /// What may stand in OpenSSL's text for an extension without meaning something else.
  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
  }
}

/// The server's side of one TLS connection; used by one thread.
final class TLSStream {
  private let ssl: OpaquePointer
  private let terms: TLSTerms
  private let listener: Int
  private var session: TLSSession?

  init?(_ descriptor: Int32, _ terms: TLSTerms, listener: Int) {
    guard let ssl = SSL_new(terms.authority.context) else { return nil }
    self.ssl = ssl
    self.terms = terms
    self.listener = listener
    SSL_set_fd(ssl, descriptor)
  }
  deinit { SSL_free(ssl) }

  /// nil when the client is no TLS client, or wants what the lab does not speak.
  func handshake() -> TLSSession? {
    SSL_set_cert_cb(ssl, chooseCertificate, Unmanaged.passUnretained(self).toOpaque())
    defer { SSL_set_cert_cb(ssl, nil, nil) }
    ERR_clear_error()
    return SSL_accept(ssl) == 1 ? session : nil
  }

  fileprivate func choose() -> Bool {
    let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map {
      String(cString: $0).lowercased()
    }
    let certificate = terms.choose(name, listener)
    session = TLSSession(serverName: name, certificate: certificate)
    return terms.authority.present(certificate.names, on: ssl)
  }

  /// How many bytes came; 0 or less at the end or after an error.
  func read(into chunk: inout [UInt8]) -> Int {
    ERR_clear_error()
    return Int(SSL_read(ssl, &chunk, Int32(chunk.count)))
  }
  func write(_ bytes: [UInt8]) -> Bool {
    ERR_clear_error()
    var sent = 0
    return bytes.isEmpty || SSL_write_ex(ssl, bytes, bytes.count, &sent) == 1
  }
  /// Says that no more will come.
  func farewell() {
    ERR_clear_error()
    SSL_shutdown(ssl)
  }
}

/// At file scope, so that it belongs to no actor.
private let chooseCertificate: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 =
  {
    _, raw in
    guard let raw else { return 0 }
    return Unmanaged<TLSStream>.fromOpaque(raw).takeUnretainedValue().choose() ? 1 : 0
  }
