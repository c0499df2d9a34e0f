import FerryAWS
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryRun
import Foundation

/// What a sweep found in one account; small, whatever the account holds.
struct Observation: Sendable {
  var place: SweepPlace
  /// nil when nobody could say who the credentials belong to.
  var account: AccountID?
  var findings: [Finding] = []
  var gaps: [Inventory.Gap] = []
  var quotas: [FindingsReport.Quota] = []
  var selected: [AccountLedger.Key] = []
  /// What removing the selected ones would delete.
  var share: Caps.Share?
  var acting: AccountLedger.Acting?
  var run: AccountLedger.Run?
  /// Why nothing of the account could be judged.
  var failure: FerryError?
}

/// Looks at accounts, many at once, each with its own session and rate.
struct SweepObserver: Sendable {
  var context: Context
  var store: any StateStore
  var rules: SweepRules
  /// Whole seconds.
  var now: Date
  static let accountsAtOnce = 8

  /// A place, and whose its credentials are.
  private struct Identified: Sendable {
    var place: SweepPlace
    var session: AWSSession?
    var account: AccountID?
    var failure: FerryError?
  }

  func observe(_ places: [SweepPlace], keeps: [Keep]) async throws(FerryError) -> [Observation] {
    let terminal = context.terminal
    let identified = await each(places) { await identify($0) }
    let (once, repeated) = distinct(identified)
    let removals = Removals(store)
    let found = await each(once) {
      await observe($0, keeps: keeps, removals)
    } progress: { done in
      if terminal.errorIsTerminal {
        terminal.progress("swept \(done) of \(once.count) accounts")
      }
    }
    terminal.progress(nil)
    if let error = found.lazy.compactMap(\.failure).first(where: { $0.exit == .interrupted }) {
      throw error
    }
    let judged = found.filter { $0.failure == nil }.compactMap { it in
      it.account.map { (it.place.account.name, $0) }
    }
    let unread = found.filter { $0.failure != nil }.compactMap { it in
      it.gaps.last.map { (it.place.account.name, $0) }
    }
    try await store.note(
      judged: Dictionary(judged + repeated) { $1 }, unread: Dictionary(unread) { $1 })
    return found
  }

  /// One answer for each, in order, so many asked at once.
  private func each<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ ask: @escaping @Sendable (Item) async -> Value,
    progress: (Int) -> Void = { _ in }
  ) async -> [Value] {
    await withTaskGroup(of: (Int, Value).self) { group in
      var next = items.indices.makeIterator()
      func add() {
        guard let index = next.next() else { return }
        group.addTask { (index, await ask(items[index])) }
      }
      for _ in 0..<Self.accountsAtOnce { add() }
      var out: [Int: Value] = [:]
      for await (index, it) in group {
        out[index] = it
        progress(out.count)
        add()
      }
      return items.indices.compactMap { out[$0] }
    }
  }
  /// Every account once, by the first of its names; and the other names.
  private func distinct(_ all: [Identified]) -> ([Identified], repeated: [(String, AccountID)]) {
    var first: [AccountID: String] = [:]
    var repeated: [(String, AccountID)] = []
    let once = all.filter { it in
      guard let account = it.account else { return true }
      let name = it.place.account.name
      guard let known = first[account] else {
        first[account] = name
        return true
      }
      context.noteSame(account, known, name)
      repeated.append((name, account))
      return false
    }
    return (once, repeated)
  }
  private func identify(_ place: SweepPlace) async -> Identified {
    var out = Identified(place: place)
    do throws(FerryError) {
      let session = try context.session(place.account)
      let account = try await session.identity().account
      if let id = place.id, id != account {
        throw FerryError(
          "other-account", exit: .blocked, what: "could not sweep account \(id)",
          why: "the credentials for it belong to \(account)", next: "correct sweep.organization")
      }
      out.session = session
      out.account = account
    } catch {
      out.failure = error
    }
    return out
  }

  private func observe(_ it: Identified, keeps: [Keep], _ removals: Removals) async -> Observation {
    var out = Observation(place: it.place)
    do throws(FerryError) {
      if let failure = it.failure { throw failure }
      guard let session = it.session, let account = it.account else { return out }
      out.account = account
      let (old, version) = try await store.lastRead(of: account)
      var options = context.readerOptions(session, includeSecrets: false, tags: .ofStaging)
      options.stacksAreNeeded = false
      options.known = old.distributions
      let judging = try await judging(
        InventoryReader(CloudFrontClient(session.transport), account: account, options: options),
        keeps: keeps)
      let read = LastRead(judging.account.distributions, after: old)
      if read != old { try await store.save(read, of: account, expecting: version) }
      out.gaps = judging.inventory.gaps
      out.quotas = judging.report.quotas
      let gone = judging.gone(from: try await store.ledger(of: account))
      let removed = try await removals.plans(of: account, deleting: gone)
      let ledger = try await store.changeLedger(of: account) { (old) throws(FerryError) in
        try judging.ledger(after: old, removed: removed)
      }
      out.findings =
        ledger.findings(closedSince: now) + judging.report.findings.filter { $0.verdict == .inUse }
      out.selected = Judging.selection(ledger)
      out.acting = ledger.acting
      out.run = ledger.runs.last
      out.share = Caps.Share(
        account: account, deletions: try judging.removal(of: out.selected).deleted.count,
        of: judging.resources)
    } catch {
      out.failure = error
      out.gaps.append(
        .init(
          account: out.account ?? it.place.id ?? it.place.account.name,
          call: error.service?.operation ?? "sweep", reason: "\(error.what): \(error.why)"))
    }
    return out
  }

  /// Reads an account and judges it.
  func judging(
    _ reader: InventoryReader, keeps: [Keep], planName: String = "sweep", endpoint: String? = nil
  ) async throws(FerryError) -> Judging {
    let (account, gaps) = try await reader.account()
    let inventory = Inventory(takenAt: now, gaps: gaps, accounts: [account])
    return Judging(
      inventory: inventory, account: account,
      report: Discovery.discover(
        inventory, idleAfterSeconds: context.settings.idleAfterSeconds), rules: rules,
      keeps: keeps, now: now,
      input: PlanningInput(
        capability: "sweep", name: planName, accounts: [reader.account: reader.account],
        createdAt: now, start: now, tool: Context.tool, endpoint: endpoint,
        inventoryDigest: inventory.planningDigest, acceptedRisks: []))
  }
}

extension Judging {
  /// CD policies and staging distributions of the account.
  var resources: Int {
    account.continuousDeploymentPolicies.count + account.distributions.count(where: \.isStaging)
  }
}
