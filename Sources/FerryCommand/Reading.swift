import FerryAWS
import FerryCloudFront
import FerryCore
import FerryReport
import Foundation

/// Reading accounts, as discovery and the inventory share it.
extension Context {
  /// The accounts of those names as live readers, each proven by GetCallerIdentity.
  public func readers(
    accounts names: [String], includeSecrets: Bool, tags: InventoryReader.Options.Tags,
    concurrency: Int = 64
  ) async throws(FerryError) -> [(name: String, reader: InventoryReader, endpoint: String?)] {
    var out: [(name: String, reader: InventoryReader, endpoint: String?)] = []
    for account in try accounts(named: names) {
      let session = try session(account)
      announce(session)
      let identity = try await session.identity()
      let terminal = self.terminal
      let shown = terminal.errorIsTerminal
      var options = readerOptions(session, includeSecrets: includeSecrets, tags: tags)
      options.concurrency = concurrency
      out.append(
        (
          account.name,
          InventoryReader(
            CloudFrontClient(session.transport), account: identity.account, options: options,
            progress: { done, of in
              guard shown, done % 10 == 0 || done == of else { return }
              terminal.progress("reading \(identity.account): \(done) of \(of) distributions")
            }), foreignEndpoint(session)
        ))
    }
    return out
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

  /// The accounts of those names, each proven by GetCallerIdentity, with a transport that nobody else signs.
  public func places(accounts names: [String]) async throws(FerryError) -> [(
    account: AccountID, region: String, transport: any ServiceTransport
  )] {
    var out: [(account: AccountID, region: String, transport: any ServiceTransport)] = []
    for account in try accounts(named: names) {
      let session = try session(account)
      announce(session)
      let (identity, transport) = try await session.proven()
      out.append((identity.account, session.regionName, transport))
    }
    return out
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
    var gaps: [Inventory.Gap] = []
    var known: [AccountID: String] = [:]
    var endpoint: String?
    var failure: FerryError?
    for (name, reader, place) in try await readers(
      accounts: names, includeSecrets: includeSecrets, tags: .ofStaging)
    {
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
