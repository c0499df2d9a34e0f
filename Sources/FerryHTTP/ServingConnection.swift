import CCurl
import COpenSSL
import FerryCore
import Foundation

/// A numeric address and a port.
struct EdgePeer: Hashable, Sendable {
  var address: String
  var port: UInt16
  var bracketed: String { address.contains(":") ? "[\(address)]" : address }
  var text: String { "\(bracketed):\(port)" }
}

/// One connection to a chosen address, and what its handshake showed.
///
/// The chain is judged by libssl and libcurl as for every other connection; this only listens in. So the
/// reason of a refusal is known without a handshake whose verification is off.
final class EdgeConnection: @unchecked Sendable {
  struct Seen: Sendable {
    var certificate: ServingLook.Certificate?
    var httpVersion: String?
    /// This machine has no route to the address, which says nothing about the edge.
    var hasNoRoute = false
  }
  let host: String
  let peer: EdgePeer
  private let state = Locked(Seen())
  private var connectTo: UnsafeMutablePointer<curl_slist>?
  var seen: Seen { state.withLock { $0 } }

  init(host: String, peer: EdgePeer) {
    self.host = host
    self.peer = peer
  }
  deinit { curl_slist_free_all(connectTo) }

  // The rest is for the engine's thread.

  /// What makes a transfer this look; the handle is reset after it.
  func apply(to easy: UnsafeMutableRawPointer) {
    connectTo = curl_slist_append(nil, "::\(peer.text)")
    _ = cc_set_slist(easy, CURLOPT_CONNECT_TO, connectTo)
    _ = cc_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
    // A resumed session shows no certificate, a reused connection no handshake at all.
    _ = cc_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
    _ = cc_set_long(easy, CURLOPT_FORBID_REUSE, 1)
    _ = cc_set_long(easy, CURLOPT_SSL_SESSIONID_CACHE, 0)
    _ = cc_set_ssl_ctx(easy, listenIn)
    _ = cc_set_ptr(easy, CURLOPT_SSL_CTX_DATA, Unmanaged.passUnretained(self).toOpaque())
  }
  func ended(_ easy: UnsafeMutableRawPointer) {
    var version = 0
    _ = cc_get_long(easy, CURLINFO_HTTP_VERSION, &version)
    var system = 0
    _ = cc_get_long(easy, CURLINFO_OS_ERRNO, &system)
    state.withLock { seen in
      switch version {
      case CURL_HTTP_VERSION_1_0: seen.httpVersion = "1.0"
      case CURL_HTTP_VERSION_1_1: seen.httpVersion = "1.1"
      case CURL_HTTP_VERSION_2_0: seen.httpVersion = "2"
      case CURL_HTTP_VERSION_3: seen.httpVersion = "3"
      default: seen.httpVersion = nil
      }
      seen.hasNoRoute = [ENETUNREACH, EAFNOSUPPORT, EADDRNOTAVAIL].contains(Int32(clamping: system))
    }
  }
  fileprivate func judged(_ store: OpaquePointer) {
    let certificate = ServingCertificate.read(store, host: host)
    state.withLock { $0.certificate = certificate }
  }
}

// File-scope C callbacks: closures made in MainActor code would trap on the engine's thread.
private let listenIn: cc_ssl_ctx_callback = { _, context, own in
  guard let context else { return CURLE_SSL_CERTPROBLEM }
  SSL_CTX_set_cert_verify_callback(OpaquePointer(context), verify, own)
  return CURLE_OK
}
/// What libssl does without it, and then a note of what came out.
private let verify: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
  store, own in
  guard let store, let own else { return 0 }
  let verdict = X509_verify_cert(store)
  Unmanaged<EdgeConnection>.fromOpaque(own).takeUnretainedValue().judged(store)
  return verdict > 0 ? 1 : 0
}
