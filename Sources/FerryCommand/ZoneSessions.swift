import FerryAWS
import FerryCore
import FerryDNS
import FerryHTTP
import FerryZones
import Foundation

/// Finds who changes which zone: as the settings say, or else Route 53 of the accounts at hand, or else a person.
///
/// Nothing is sent before the first question; each account proves itself once.
public actor ZoneSessions {
  /// The IAM actions that finding and reading a zone needs.
  public static let readingActions = [
    "route53:GetHostedZone", "route53:ListHostedZonesByName", "route53:ListResourceRecordSets",
  ]
  /// Who changes a zone, in which account, and what a person should know of that choice.
  public struct Place: Sendable {
    public var editor: any ZoneEditor
    /// nil outside AWS.
    public var account: AccountID?
    public var note: String?
  }
  private struct Session {
    var account: AccountID
    var client: Route53Client
  }
  private let context: Context
  private let dns: any DNSTransport & UpdateTransport
  private let names: any NameObserver
  private var sessions: [String: Result<Session, FerryError>] = [:]

  public init(_ context: Context, dns: any DNSTransport & UpdateTransport, names: any NameObserver)
  {
    self.context = context
    self.dns = dns
    self.names = names
  }

  /// The zone that a name is in: the longest of the settings, or of Route 53's where the settings name none.
  ///
  /// - Returns: nil when neither has one: its zone is then a person's to change.
  /// - Throws: what kept Route 53 from answering, other than missing credentials and permissions.
  public func zone(of name: DomainName) async throws(FerryError) -> ZoneSettings? {
    if let given = context.settings.zones.filter({ name.isWithin($0.name) }).max(by: {
      $0.name.text.utf8.count < $1.name.text.utf8.count
    }) {
      return given
    }
    let accounts = try context.accounts(named: [])
    var place: DomainName? = name
    while let zone = place, zone != .root {
      for account in accounts {
        guard let session = try await reachable(account) else { continue }
        do throws(FerryError) {
          guard let found = try await Route53Zone.find(zone, id: nil, client: session.client)
          else { continue }
          return ZoneSettings(
            name: zone, provider: .route53, zoneID: found.zone.id,
            account: account.name == "default" ? nil : account.name)
        } catch {
          // Who may not look for zones has to name his in the settings.
          guard error.exit == .denied else { throw error }
        }
      }
      place = zone.parent
    }
    return nil
  }

  /// - Parameter account: the only one to look in; nil for those of the settings.
  /// - Throws: `zone-not-found` (64) when Route 53 has no such zone in the account that the settings name;
  ///   `bad-settings` (64) for what they lack; `loose-mode` (64) for a secret that others may read.
  public func place(_ zone: ZoneSettings, in account: AccountID? = nil) async throws(FerryError)
    -> Place
  {
    switch zone.provider {
    case .manual: return manual(zone.name, note: nil)
    case .rfc2136:
      guard let server = zone.server else {
        throw .badInput(
          "bad-settings", what: "could not use the zone \(zone.name)",
          why: "zones: names no server for its updates", next: "add server: to it")
      }
      return Place(
        editor: UpdateZone(
          zone.name, server: server, key: try secret(zone.tsig), dns: dns, updates: dns))
    case .route53:
      guard let found = try await route53(zone, in: account) else {
        throw .badInput(
          "zone-not-found", what: "could not find the hosted zone of \(zone.name)",
          why: "Route 53 of the accounts at hand has none of that name",
          next: "correct account and zoneId under zones: in the settings")
      }
      return found
    }
  }

  /// The zone of a plan's step, by its name.
  ///
  /// - Parameter account: the step's own. A plan that was made for Route 53 is never carried out by a person instead.
  func place(named name: DomainName, account: AccountID?) async throws(FerryError) -> Place {
    var found: Place
    if let zone = context.settings.zones.first(where: { $0.name == name }) {
      found = try await place(zone, in: zone.provider == .route53 ? account : nil)
    } else if account != nil {
      found = try await place(ZoneSettings(name: name, provider: .route53), in: account)
    } else {
      found = manual(
        name, note: "the settings do not name the zone \(name): a person has to change it")
    }
    guard account == nil || found.account == account else {
      throw FerryError(
        "other-account", exit: .blocked, what: "could not change the zone \(name)",
        why:
          "the plan is for account \(account ?? ""), and the zone is \(found.account.map { "in \($0)" } ?? "outside AWS")",
        next: "correct zones: in edgeferry.yaml, or plan again")
    }
    return found
  }

  private func manual(_ zone: DomainName, note: String?) -> Place {
    let names = self.names
    return Place(
      editor: ManualZone(zone) { keys throws(FerryError) in
        try await names.authoritative(zone: zone, keys)
      }, note: note)
  }

  // MARK: Route 53

  /// The one account that has the zone.
  private func route53(_ zone: ZoneSettings, in wanted: AccountID?) async throws(FerryError)
    -> Place?
  {
    let accounts = try context.accounts(named: zone.account.map { [$0] } ?? [])
    var found: [(zone: Route53Zone, account: AccountID)] = []
    var failure: FerryError?
    for account in accounts {
      do throws(FerryError) {
        let session = try await session(account)
        if found.contains(where: { $0.account == session.account }) { continue }
        if let wanted, session.account != wanted { continue }
        if let it = try await Route53Zone.find(zone.name, id: zone.zoneID, client: session.client) {
          found.append((it, session.account))
        }
      } catch {
        if error.exit == .interrupted { throw error }
        // Another account's own trouble: the zone may be in the next one.
        if !error.isService("NoSuchHostedZone") || accounts.count == 1 {
          failure = failure ?? error
        }
      }
    }
    if found.count > 1 {
      let places = found.map { "\($0.zone.zone.id) in \($0.account)" }.joined(separator: ", ")
      throw .badInput(
        "zone-ambiguous", what: "could not choose the hosted zone of \(zone.name)",
        why: "several accounts have one: \(places)",
        next: "name its account and zoneId under zones: in the settings")
    }
    if let only = found.first { return Place(editor: only.zone, account: only.account) }
    if let failure { throw failure }
    return nil
  }
  private func session(_ account: Settings.Account) async throws(FerryError) -> Session {
    if let known = sessions[account.name] { return try known.get() }
    let result: Result<Session, FerryError>
    do throws(FerryError) {
      let session = try context.session(account)
      let (identity, transport) = try await session.proven()
      result = .success(Session(account: identity.account, client: Route53Client(transport)))
    } catch {
      result = .failure(error)
    }
    sessions[account.name] = result
    return try result.get()
  }
  /// nil for an account without credentials: then it cannot be asked what it has.
  private func reachable(_ account: Settings.Account) async throws(FerryError) -> Session? {
    do throws(FerryError) {
      return try await session(account)
    } catch {
      guard error.code == .credentials else { throw error }
      return nil
    }
  }

  // MARK: TSIG

  private func secret(_ tsig: ZoneSettings.TSIG?) throws(FerryError) -> TSIGKey? {
    guard let tsig else { return nil }
    let path = URL(fileURLWithPath: tsig.secretFile, relativeTo: context.settingsFolder).path
    let bytes = try Files.read(path, what: "the TSIG secret", limit: 1 << 16, isSecret: true)
    return try TSIGSecret.key(
      String(decoding: bytes, as: UTF8.self), tsig, file: tsig.secretFile)
  }
}

extension Context {
  public func zoneSessions() throws(FerryError) -> ZoneSessions {
    ZoneSessions(self, dns: try dnsTransport(), names: try liveNames())
  }

  /// What the runner changes a plan's zones with; nil for a plan that touches no DNS.
  ///
  /// - Throws: what `ZoneSessions.place` throws: before any step, so that nothing is half done.
  func zoneEditors(for plan: Plan) async throws(FerryError) -> (
    @Sendable (DomainName) throws(FerryError) -> any ZoneEditor
  )? {
    var wanted: [DomainName: AccountID?] = [:]
    for step in plan.steps {
      if let dns = step.action.dns { wanted.updateValue(step.account, forKey: dns.zone) }
    }
    guard !wanted.isEmpty else { return nil }
    let sessions = try zoneSessions()
    var editors: [DomainName: any ZoneEditor] = [:]
    for (zone, account) in wanted.sorted(by: { $0.key < $1.key }) {
      let place = try await sessions.place(named: zone, account: account)
      if let note = place.note { terminal.talk("note: \(note)") }
      editors[zone] = place.editor
    }
    let found = editors
    return { zone throws(FerryError) in
      guard let editor = found[zone] else {
        throw FerryError(
          "other-zone", exit: .blocked, what: "could not change the zone \(zone)",
          why: "no step of the plan names it", next: "plan again")
      }
      return editor
    }
  }
}
