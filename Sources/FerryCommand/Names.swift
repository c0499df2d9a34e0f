import FerryCore
import FerryDNS
import FerryHTTP

/// Observing DNS as the settings have it.
extension Context {
  /// The recursive vantage points: those of the settings, else the system's.
  public var resolvers: [DNSServer] { settings.resolvers ?? SystemResolvers.ofThisMachine }

  private static let engines = Locked<DNSEngine?>(nil)
  /// One engine for the whole run; its thread sleeps while nothing is asked.
  public func dnsEngine() throws(FerryError) -> DNSEngine {
    if let made = Self.engines.withLock({ $0 }) { return made }
    let caFile = environment["EDGEFERRY_EDGE_CA"].flatMap { $0.isEmpty ? nil : $0 }
    let engine = try DNSEngine(.init(caFile: caFile ?? settings.edgeCAFile))
    return Self.engines.withLock { slot in
      if let made = slot { return made }
      slot = engine
      return engine
    }
  }

  public func prober() throws(FerryError) -> Prober {
    Prober(try dnsEngine(), zones: settings.zones, resolvers: resolvers)
  }
  /// What the planner and the runner look at DNS with.
  public func liveNames() throws(FerryError) -> LiveNames {
    LiveNames(try dnsEngine(), zones: settings.zones, resolvers: resolvers)
  }
}
