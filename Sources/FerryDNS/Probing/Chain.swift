import FerryCore

/// The CNAME chain of a name: each link as the servers of its own zone give it.
struct Chain: Sendable {
  /// RFC 9460 §10 advises no more; BIND and Unbound follow eleven.
  static let linksMax = 8
  var links: [ProbedName.Link] = []
  var findings: [String] = []
  /// Why what follows the last link is not known.
  var unknown: String?
  /// A loop or more links than may be: no plan can be made.
  var isRefused = false

  enum Next: Equatable, Sendable {
    /// The CNAME at the name, its TTL the highest over the servers.
    case link(zone: DomainName, ttl: Int, target: DomainName)
    /// No CNAME there.
    case end
    case unknown(because: String)
  }

  /// - Parameter next: what is at a name, by the servers of its zone.
  static func walk(
    from name: DomainName, _ next: (DomainName) async -> Next
  ) async -> Chain {
    var chain = Chain()
    var seen: Set = [name]
    var current = name
    while true {
      switch await next(current) {
      case .end: return chain
      case .unknown(let because):
        if !chain.links.isEmpty {
          chain.unknown = because
          chain.findings.append("the chain after \(current) is not known: \(because)")
        }
        return chain
      case .link(let zone, let ttl, let target):
        chain.links.append(
          .init(name: current, zone: zone, type: .cname, ttl: ttl, target: target))
        guard seen.insert(target).inserted else {
          chain.findings.append(
            "the CNAME chain loops: \(target) leads back to itself over \(current)")
          chain.isRefused = true
          return chain
        }
        guard chain.links.count <= linksMax else {
          chain.findings.append(
            "the CNAME chain has more than \(linksMax) links; resolvers give up on such (RFC 9460 §10)"
          )
          chain.isRefused = true
          return chain
        }
        current = target
      }
    }
  }
}
