import FerryCore
import FerryDNS
import FerryHTTP

/// Observing DNS as the settings have it.
extension Context {
  /// The recursive vantage points: those of the settings, else the system's.
  public var resolvers: [DNSServer] { settings.resolvers ?? SystemResolvers.ofThisMachine }

  private static let engines = Locked<DNSEngine?>(nil)
  /// One engine for the whole run; its thread sleeps while nothing is asked.
  public func dnsTransport() throws(FerryError) -> DNSEngine {
    if let made = Self.engines.withLock({ $0 }) { return made }
    let engine = try DNSEngine(.init(caFile: edgeCAFile))
    return Self.engines.withLock { slot in
      if let made = slot { return made }
      slot = engine
      return engine
    }
  }

  public func prober() throws(FerryError) -> Prober {
    Prober(try dnsTransport(), zones: settings.zones, resolvers: resolvers)
  }
  /// What the planner and the runner look at DNS with.
  public func liveNames() throws(FerryError) -> LiveNames {
    LiveNames(try dnsTransport(), zones: settings.zones, resolvers: resolvers)
  }
}
