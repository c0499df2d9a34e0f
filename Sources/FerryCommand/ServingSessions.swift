import FerryCore
import FerryDNS
import FerryHTTP
import Foundation

/// Asking edges over HTTPS as the settings have it.
extension Context {
  /// Connects to `edge.port` with `edge.caFile`, which EDGEFERRY_EDGE_PORT and EDGEFERRY_EDGE_CA override; names
  /// resolve by the settings' resolvers, or else by the system.
  ///
  /// - Parameter headers: sent with each request, besides its own.
  /// - Throws: `bad-edge-port` or `bad-ca` (64).
  public func servingProbe(headers: [(name: String, value: String)] = []) throws(FerryError)
    -> EdgeProbe
  {
    var options = EdgeProbe.Options(caFile: edgeCAFile, port: settings.edgePort)
    options.headers = headers
    if let text = environment["EDGEFERRY_EDGE_PORT"], !text.isEmpty {
      guard let port = UInt16(text), port > 0 else {
        throw .badInput(
          "bad-edge-port", what: "could not use EDGEFERRY_EDGE_PORT",
          why: "\(text.debugDescription) is no port", next: "set it to 1 to 65535, or unset it")
      }
      options.port = port
    }
    guard let resolvers = settings.resolvers else { return try EdgeProbe(options) }
    return try EdgeProbe(
      options, resolve: AddressLookup(try dnsTransport(), resolvers: resolvers).addresses)
  }
  /// A path in the settings is relative to their file, one in the environment to the current folder.
  var edgeCAFile: String? {
    if let given = environment["EDGEFERRY_EDGE_CA"], !given.isEmpty { return given }
    guard let file = settings.edgeCAFile else { return nil }
    guard let path = settings.path, !file.hasPrefix("/") else { return file }
    return URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(file).path
  }
}
