import FerryCore
import FerryDNS

/// Observing DNS as the settings have it.
extension Context {
  /// The recursive vantage points: those of the settings, else the system's.
  public var resolvers: [DNSServer] { settings.resolvers ?? SystemResolvers.ofThisMachine }

  public func prober() throws(FerryError) -> Prober {
    Prober(try dnsTransport(), zones: settings.zones, resolvers: resolvers)
  }
  /// What the planner and the runner look at DNS with.
  public func liveNames() throws(FerryError) -> LiveNames {
    LiveNames(try dnsTransport(), zones: settings.zones, resolvers: resolvers)
  }
}

extension Context {
  func dnsTransport() throws(FerryError) -> any DNSTransport {
    throw FerryError("x", what: "", why: "", next: "")
  }
}
