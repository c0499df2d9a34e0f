import FerryAWS
import FerryCloudFront
import FerryCore
import FerryReport
import Foundation

/// Accounts that answered GetCallerIdentity, each once, and those that did not.
public struct Reach: Sendable {
  /// One account, with a transport that nobody else signs.
  public struct Place: Sendable {
    /// The settings' name of it.
    public var name: String
    public var account: AccountID
    public var region: String
    public var transport: any ServiceTransport
    public var session: AWSSession
  }
  public var places: [Place] = []
  /// Accounts that did not answer, by their names.
  public var gaps: [Inventory.Gap] = []
  /// Why the first of those did not.
  public var failure: FerryError?
  public init() {}
}

/// Reading accounts, as discovery and the inventory share it.
extension Context {
  /// The accounts of those names, each proven by GetCallerIdentity. Of two names of one account the first counts.
  ///
  /// - Throws: what an account that was asked for by name answered; without names, only when none is left.
  public func reach(accounts names: [String]) async throws(FerryError) -> Reach {
    var out = Reach()
    for account in try accounts(named: names) {
      let session = try session(account)
      announce(session)
      do throws(FerryError) {
        let (identity, transport) = try await session.proven()
        if let first = out.places.first(where: { $0.account == identity.account }) {
          noteSame(identity.account, first.name, account.name)
          continue
        }
        out.places.append(
          .init(
            name: account.name, account: identity.account, region: session.regionName,
            transport: transport, session: session))
      } catch {
        try out.leave(account.name, error, isAsked: !names.isEmpty, in: settings)
      }
    }
    if out.places.isEmpty, let failure = out.failure { throw failure }
    return out
  }
  /// Says that two names of the settings are one account.
  package func noteSame(_ account: AccountID, _ first: String, _ second: String) {
    guard first != second else { return }
    terminal.talk(
      "note: \(safe(first)) and \(safe(second)) are both account \(safe(account)); it is read once, as \(safe(first))"
    )
  }
  /// What names that account of the settings again; nothing for the current credentials.
  package func names(_ place: String) -> [String] {
    let isCurrent = place == "default" && options.profile != nil
    return !isCurrent && settings.accounts.contains { $0.name == place } ? [place] : []
  }

  /// The accounts of those names as live readers, each proven by GetCallerIdentity.
  public func readers(
    accounts names: [String], includeSecrets: Bool, tags: InventoryReader.Options.Tags,
    concurrency: Int = 64
  ) async throws(FerryError) -> (
    readers: [(name: String, reader: InventoryReader, endpoint: String?)], gaps: [Inventory.Gap]
  ) {
    let reach = try await reach(accounts: names)
    let terminal = self.terminal
    let shown = terminal.errorIsTerminal
    let readers = reach.places.map { it in
      var options = readerOptions(it.session, includeSecrets: includeSecrets, tags: tags)
      options.concurrency = concurrency
      return (
        name: it.name,
        reader: InventoryReader(
          CloudFrontClient(it.session.transport), account: it.account, options: options,
          progress: { done, of in
            guard shown, done % 10 == 0 || done == of else { return }
            terminal.progress("reading \(it.account): \(done) of \(of) distributions")
          }), endpoint: foreignEndpoint(it.session)
      )
    }
    return (readers, reach.gaps)
  }
  /// How an account is read: stacks in the settings' regions and the session's own.
  package func readerOptions(
    _ session: AWSSession, includeSecrets: Bool, tags: InventoryReader.Options.Tags
  ) -> InventoryReader.Options {
    var options = InventoryReader.Options()
    options.regions = Array(Set(settings.regions + [session.regionName])).sorted()
    options.includeSecrets = includeSecrets
    options.tags = tags
    return options
  }

  /// An inventory from a file, or read live. What could not be read is said on stderr.
  public func inventory(file: String?, accounts names: [String], includeSecrets: Bool)
    async throws(FerryError) -> (
      inventory: Inventory, names: [AccountID: String], endpoint: String?
    )
  {
    if let file {
      let inventory = try Inventory.read(Files.read(file, what: "inventory"), named: file)
      warnAboutGaps(inventory.gaps)
      // The file does not say where its plan will run; the settings at hand do.
      let place = try self.accounts(named: names).first.map {
        (account: Settings.Account) throws(FerryError) in foreignEndpoint(try session(account))
      }
      return (inventory, [:], place ?? nil)
    }
    var accounts: [Inventory.Account] = []
    var known: [AccountID: String] = [:]
    var endpoint: String?
    var failure: FerryError?
    let (readers, unreached) = try await readers(
      accounts: names, includeSecrets: includeSecrets, tags: .ofStaging)
    var gaps = unreached
    for (name, reader, place) in readers {
      known[reader.account] = name
      endpoint = endpoint ?? place
      do throws(FerryError) {
        let (account, found) = try await reader.account()
        accounts.append(account)
        gaps += found
      } catch {
        if error.exit == .interrupted { throw error }
        failure = failure ?? error
        gaps.append(.init(account: reader.account, call: "ListDistributions", reason: error.why))
      }
      terminal.progress(nil)
    }
    if accounts.isEmpty, let failure { throw failure }
    warnAboutGaps(gaps)
    return (
      Inventory(takenAt: clock.now, gaps: gaps, accounts: accounts.sorted { $0.id < $1.id }), known,
      endpoint
    )
  }

  /// A line each, and one for a call that failed alike for many.
  public func warnAboutGaps(_ gaps: [Inventory.Gap]) {
    let lines = Inventory.Gap.lines(gaps)
    for line in lines.prefix(20) { terminal.warn("not read in \(line)") }
    if lines.count > 20 { terminal.warn("and \(lines.count - 20) more reads failed") }
  }
}

extension Reach {
  /// Keeps an account that did not answer as a gap.
  ///
  /// - Parameter isAsked: it was asked for by its name, so it is not left out.
  /// - Throws: the account's error, when it was asked for or the command was interrupted.
  package mutating func leave(
    _ name: String, _ error: FerryError, isAsked: Bool, in settings: Settings
  ) throws(FerryError) {
    if error.exit == .interrupted { throw error }
    let isOfSettings = settings.accounts.contains { $0.name == name }
    let named = isOfSettings ? error.using(account: name) : error
    if isAsked { throw named }
    failure = failure ?? named
    gaps.append(
      .init(
        account: name, call: "GetCallerIdentity",
        reason: error.service == nil ? "\(error.what): \(error.why)" : error.why))
  }
}
extension FerryError {
  /// The same, told of an account of the settings.
  fileprivate func using(account name: String) -> FerryError {
    var out = self
    out.what = "could not use account \(name.debugDescription)"
    out.why = "\(what): \(why)"
    return out
  }
}

extension Inventory.Gap {
  /// `ACCOUNT: CALL RESOURCE: REASON`, in the order of the first of each.
  static func lines(_ gaps: [Inventory.Gap]) -> [String] {
    var places: [[String]: Int] = [:]
    var groups: [(first: Inventory.Gap, more: Int)] = []
    for gap in gaps {
      let key = [gap.account, gap.call, gap.reason, gap.resource == nil ? "" : "of one"]
      if let place = places[key] {
        groups[place].more += 1
      } else {
        places[key] = groups.count
        groups.append((gap, 0))
      }
    }
    return groups.map { gap, more in
      let what = [gap.call, gap.resource].compactMap { $0 }.joined(separator: " ")
      let others = more == 0 ? "" : " and \(more) more"
      return "\(safe(gap.account)): \(safe(what))\(others): \(safe(gap.reason))"
    }
  }
}

/// What `--fail-on` asks for: findings, changes, gaps, quota=N%.
public struct FailOn: Equatable, Sendable {
  public var findings = false
  public var changes = false
  public var gaps = false
  public var quotaPercent: Int?

  /// - Throws: `.badInput` (64) for a word it does not know.
  public init(_ text: String?) throws(FerryError) {
    for word in (text ?? "").split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
    {
      switch word {
      case "findings": findings = true
      case "changes": changes = true
      case "gaps": gaps = true
      case "never": continue
      default:
        guard word.hasPrefix("quota="), let percent = Int(word.dropFirst(6).prefix { $0 != "%" }),
          (1...100).contains(percent), word.hasSuffix("%")
        else {
          throw .badInput(
            "bad-usage", what: "could not read --fail-on",
            why: "\(word.debugDescription) is unknown",
            next: "give findings, changes, gaps or quota=N%, separated by commas")
        }
        quotaPercent = percent
      }
    }
  }
}
