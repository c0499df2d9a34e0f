/// Reads and changes the records of one zone: Route 53, dynamic update, or a person.
///
/// Values are those of the provider itself where it can be asked, and of its authoritative servers otherwise.
public protocol ZoneEditor: Sendable {
  /// `route53`, `rfc2136` or `manual`, as the settings have it.
  var provider: String { get }
  /// What is there now; a key that is missing has no record.
  /// - Throws: a transient error (`no-answer`) when nothing can be said.
  func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue]
  /// Of records that `read` gives, those that are there themselves and are not a wildcard's; nil when the provider
  /// cannot tell. Changes nothing.
  func own(_ keys: [RecordKey]) async throws(FerryError) -> Set<RecordKey>?
  /// Applies all of the changes or none, and only if each name still holds what its `from` says.
  ///
  /// - Returns: what the provider calls the change, such as Route 53's change id; empty without one.
  /// - Throws: `.recordMoved` (exit 5) when something else is there: nothing was written. A transient error
  ///   when the outcome is unknown.
  func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String
  /// The provider's own proof that a change has reached its servers; nil when it gives none.
  func isInSync(_ change: String) async throws(FerryError) -> Bool?
  /// For a person: the exact change in every form that one may need; nil when `write` writes itself.
  func ticket(_ changes: [RecordChange]) -> String?
}

extension ZoneEditor {
  public func own(_ keys: [RecordKey]) async throws(FerryError) -> Set<RecordKey>? { nil }
}

extension FerryError.Code {
  /// A record is no longer what the plan was made for.
  public static let recordMoved: FerryError.Code = "record-moved"
}

/// What one authoritative server answered for one RRset.
public struct ServerLook: Equatable, Sendable {
  public enum Answer: Equatable, Sendable {
    /// The authoritative RRset; for an alias record the addresses it gives.
    case value(RecordValue)
    /// An authoritative "there is none"; the wire TTL of its SOA.
    case absent(negativeTTL: Int?)
    /// Lame, refused, silent, forged: nothing is known about what it would answer. Never counts as changed.
    case unknown(because: String)
  }
  public var server: DNSServer
  public var serverName: DomainName?
  public var key: RecordKey
  public var answer: Answer
  public init(server: DNSServer, serverName: DomainName?, key: RecordKey, answer: Answer) {
    self.server = server
    self.serverName = serverName
    self.key = key
    self.answer = answer
  }
}

/// What one recursive resolver has for one RRset.
public struct ResolverLook: Equatable, Sendable {
  public var resolver: DNSServer
  public var key: RecordKey
  /// The RRset at the name itself, with the remaining TTL of that cache.
  public var answer: ServerLook.Answer
  /// Marked as stale (RFC 8914 code 3 or 19).
  public var isStale: Bool
  public init(resolver: DNSServer, key: RecordKey, answer: ServerLook.Answer, isStale: Bool = false)
  {
    self.resolver = resolver
    self.key = key
    self.answer = answer
    self.isStale = isStale
  }
}

/// One look at DNS, as the runner needs it: every authoritative address of a zone, every resolver.
public protocol NameObserver: Sendable {
  /// Each key on each address of each authoritative server, asked over TCP with RD=0.
  func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError) -> [ServerLook]
  /// Each key on each recursive resolver of the settings, more than once where one address is many caches. Never asked for a name about to be created.
  func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook]
}
