import FerryCore

/// A dynamic update of one zone: all of it happens or nothing.
///
/// - Source: RFC 2136 §2. A server answers NOERROR to changes that it silently ignores (§3.4.2.2): read back.
public struct DNSUpdate: Equatable, Sendable {
  public enum Prerequisite: Equatable, Sendable {
    /// The RRset holds exactly these data, or the answer is NXRRSET. Its TTL does not count.
    case holds(RecordKey, data: [String])
    /// There is such an RRset, whatever it holds, or the answer is NXRRSET.
    case exists(RecordKey)
    /// There is no such RRset, or the answer is YXRRSET.
    case absent(RecordKey)
    /// The name has no record of any type, or the answer is YXDOMAIN.
    case unused(DomainName)
  }
  public enum Change: Equatable, Sendable {
    /// One record more. A CNAME replaces the one that is there; the same data take the new TTL.
    case add(RecordKey, ttl: Int, data: String)
    /// One record less.
    case remove(RecordKey, data: String)
    /// The whole RRset.
    case removeAll(RecordKey)
  }
  public var zone: DomainName
  public var prerequisites: [Prerequisite]
  public var changes: [Change]
  public init(zone: DomainName, prerequisites: [Prerequisite], changes: [Change]) {
    self.zone = zone
    self.prerequisites = prerequisites
    self.changes = changes
  }
}

/// Sends one update to one server, once.
public protocol UpdateTransport: Sendable {
  /// - Returns: what the server says; with a key only when its signature is right.
  /// - Throws: `no-answer` when the outcome is unknown: nothing came, or nothing that may count.
  ///   `tsig-refused` (77) with BADSIG, BADKEY or BADTIME in `why`: nothing was changed.
  ///   `bad-record` (64) for data that are none.
  func send(_ update: DNSUpdate, key: TSIGKey?, to server: DNSServer) async throws(FerryError)
    -> RCode
}

extension FerryError.Code {
  /// The server did not accept the signature of an update.
  public static let tsigRefused: Self = "tsig-refused"
}
