import FerryCore
import FerryModel
import Foundation

/// What the run sees when it asks an edge for a name.
extension Stage: ServingProbe {
  func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    await look(url: url, at: at, marker: marker, headers: [])
  }
  func look(
    url: String, at: String?, marker: String?, headers: [(name: String, value: String)]
  ) async -> [ServingLook] {
    lock.withLock {
      settle()
      let host = String(
        (url.components(separatedBy: "://").last ?? "").prefix { $0 != "/" && $0 != ":" }
      )
      .lowercased()
      let keys = [RRType.cname, .a].map { RecordKey(DomainName(wire: host), $0) }
      let led = keys.compactMap { zones[$0] }.first
      let target =
        at ?? led?.alias?.dnsName.host ?? led?.data.first.map { DomainName(wire: $0).host } ?? ""
      let bare = target.hasSuffix(".") ? String(target.dropLast()) : target
      guard model.knows(domainName: bare) || led == nil else {
        return [seen("elsewhere", scene.status(of: url), scene.markers[bare], [host], host)]
      }
      return (0..<model.pops).map { pop in
        let certificate = model.edgeCertificate(serverName: host, pop: pop, now: date)
        let request = EdgeRequest(
          host: host, certificate: certificate,
          headers: Dictionary(
            headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }))
        switch model.edge(request, pop: pop, now: date, random: 0.999) {
        case .served(let by, _), .redirect(_, let by):
          return seen(
            "pop \(pop)", scene.status(of: url), scene.markers[model.domainName(of: by)] ?? by,
            certificate.names, host)
        case .refused(let status, _):
          return seen("pop \(pop)", status, nil, certificate.names, host)
        }
      }
    }
  }
  private func seen(
    _ peer: String, _ status: Int, _ marker: String?, _ names: [String], _ host: String
  ) -> ServingLook {
    ServingLook(
      peer: peer, status: status, httpVersion: "2", marker: marker,
      certificate: .init(
        names: names, notAfter: .distantFuture, isTrusted: true,
        coversName: names.contains { Viewers.covers($0, host) }))
  }
}
