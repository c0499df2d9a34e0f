import FerryCloudFront
import FerryCommand
import FerryCore

/// Who holds a name, or one over or under it: what CloudFront tells the one who holds it, and what the accounts that
/// can be read list.
struct OverlapReader: Sendable {
  /// The IAM actions that it needs in both accounts.
  static let actions = [
    "cloudfront:ListConflictingAliases", "cloudfront:ListDistributions",
    "cloudfront:ListDomainConflicts",
  ]
  /// The aliases of one account.
  struct Listed: Sendable {
    var account: AccountID
    var aliases: [(alias: String, distribution: String)]
  }
  /// Of the account that holds the names.
  var client: CloudFrontClient
  var listed: [Listed] = []
  /// Accounts that were not read, in words.
  var unread: [String] = []

  /// - Returns: overlaps, nil when neither of CloudFront's lists could be asked; and what was not heard, in words.
  func overlaps(of alias: String, on distribution: Inventory.Distribution)
    async throws(FerryError) -> (found: [AliasScene.Overlap]?, unheard: [String])
  {
    var told: Set<AliasScene.Overlap> = []
    var unheard: [String] = []
    var heard = false
    let client = client
    let answers = await TargetReader.each([false, true]) { isOlder throws(FerryError) in
      isOlder
        ? try await client.conflictingAliases(alias, distribution: distribution.id)
        : try await client.domainConflicts(alias, distribution: distribution.id)
    }
    for answer in answers {
      do throws(FerryError) {
        for it in try answer.get() {
          let isOwn = Self.matches(it.distribution, distribution.id)
          told.insert(
            .init(
              alias: it.alias.lowercased(), holder: isOwn ? distribution.id : it.distribution,
              account: isOwn ? nil : it.account))
        }
        heard = true
      } catch {
        if error.exit == .interrupted { throw error }
        unheard.append("\(error.service?.operation ?? error.what) gave nothing: \(error.why)")
      }
    }
    guard heard else { return (nil, unheard + unread) }
    // CloudFront leaves out what the distribution holds itself.
    let own = distribution.aliases.map { $0.lowercased() }.filter { $0 != alias }
    var known = Set(own.map { AliasScene.Overlap(alias: $0, holder: distribution.id) })
    for account in listed {
      for it in account.aliases
      where it.distribution != distribution.id && Self.overlap(it.alias, alias) {
        known.insert(.init(alias: it.alias, holder: it.distribution, account: account.account))
      }
    }
    // What is told of masked ids is no news where the account itself was read.
    let news = told.filter { it in
      !known.contains { $0.alias == it.alias && Self.matches(it.holder, $0.holder) }
    }
    return (
      known.union(news).sorted { ($0.alias, $0.holder) < ($1.alias, $1.holder) }, unheard + unread
    )
  }

  /// CloudFront masks part of an id that is not one's own.
  private static func matches(_ masked: String, _ id: String) -> Bool {
    masked.count == id.count && zip(masked, id).allSatisfy { $0 == "*" || $0 == $1 }
  }
  /// The same name, or a wildcard over it or under it; a wildcard alias reaches any depth.
  private static func overlap(_ one: String, _ other: String) -> Bool {
    func covers(_ wildcard: String, _ name: String) -> Bool {
      wildcard.hasPrefix("*.") && name.hasSuffix(wildcard.dropFirst())
    }
    return one == other || covers(one, other) || covers(other, one)
  }
}

extension OverlapReader {
  /// With what every account of the settings lists; one that cannot be read is warned about and named.
  static func reading(
    _ known: [(name: String, account: AccountID, transport: any ServiceTransport)],
    context: Context
  ) async throws(FerryError) -> OverlapReader {
    var out = OverlapReader(client: CloudFrontClient(known[0].transport))
    var seen: Set<AccountID> = []
    let others = context.settings.accounts.map(\.name).filter { name in
      !known.contains { $0.name == name }
    }
    for name in known.map(\.name) + others {
      var account: AccountID = known.first { $0.name == name }?.account ?? name
      do throws(FerryError) {
        var transport = known.first { $0.name == name }?.transport
        if transport == nil, let place = try await context.reach(accounts: [name]).places.first {
          (account, transport) = (place.account, place.transport)
        }
        guard let transport, seen.insert(account).inserted else { continue }
        out.listed.append(
          .init(account: account, aliases: try await CloudFrontClient(transport).aliases()))
      } catch {
        if error.exit == .interrupted { throw error }
        context.warnAboutGaps([
          .init(
            account: account, call: error.service?.operation ?? "ListDistributions",
            reason: error.why, action: "cloudfront:ListDistributions")
        ])
        out.unread.append("the distributions of account \(name) could not be read: \(error.why)")
      }
    }
    return out
  }
}
