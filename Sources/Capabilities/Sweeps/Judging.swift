import FerryCommand
import FerryCore
import Foundation

/// What a person asked to be left alone for a while.
struct Keep: Codable, Equatable, Sendable {
  var id: String
  var until: Date
  var reason: String
  var by: String
  var at: Date
}

/// One account as a sweep judges it; values only.
struct Judging {
  var inventory: Inventory
  var account: Inventory.Account
  var report: FindingsReport
  var rules: SweepRules
  var keeps: [Keep]
  var now: Date
  /// Name of the plans made to see what a removal takes along.
  var input: PlanningInput

  /// The ledger after this look. Clocks go on, whatever was read between; what could not be read closes nothing.
  ///
  /// - Parameter removed: what plans of this state deleted: the plan's digest by id.
  /// - Throws: `ledger-from-future` (4) when the ledger's last run is ahead of this clock.
  func ledger(after old: AccountLedger?, removed: [String: String] = [:]) throws(FerryError)
    -> AccountLedger
  {
    if let old, old.lastRun > now + AccountLedger.skewSeconds {
      throw FerryError(
        "ledger-from-future", exit: .blocked, what: "could not judge account \(account.id)",
        why:
          "its ledger was written at \(Timestamp.text(old.lastRun)), and the clock here says \(Timestamp.text(now))",
        next: "correct the clock; no finding was touched")
    }
    var out = old ?? AccountLedger(account: account.id, at: now)
    var run = AccountLedger.Run(at: now)
    out.gaps = report.gaps.filter { $0.account == account.id }
    run.gaps = out.gaps.count
    out.lastRun = max(now, out.lastRun)
    out.entries.removeAll { $0.closedAt.map { $0 < now - AccountLedger.historySeconds } ?? false }
    out.runs.removeAll { $0.at < now - AccountLedger.historySeconds }

    var seen: [AccountLedger.Key: Finding] = [:]
    for finding in report.findings where finding.account == account.id && finding.verdict != .inUse
    {
      seen[AccountLedger.Key(finding)] = finding
    }
    for index in out.entries.indices where out.entries[index].isOpen {
      let key = out.entries[index].key
      if let finding = seen.removeValue(forKey: key) {
        out.entries[index].finding = finding
        out.entries[index].lastSeen = now
        // A new grace counts from when it was first seen; a clock is never started again.
        out.entries[index].dueAt = out.entries[index].firstSeen + Double(rules.graceSeconds)
      } else if run.gaps == 0 {
        out.entries[index].closedAt = now
        out.entries[index].plan = removed[key.id]
        out.entries[index].state = removed[key.id] == nil ? .healed : .removed
        if !exists(key.id) { out.entries[index].isGone = true }
        if removed[key.id] == nil { run.healed += 1 } else { run.removed += 1 }
      }
    }
    // Not by its time: another sweep may have seen it within the same second.
    let fresh = Set(seen.keys)
    for finding in seen.values {
      out.entries.append(
        .init(
          finding: finding, firstSeen: now, lastSeen: now, dueAt: now + Double(rules.graceSeconds),
          state: .new))
    }
    for index in out.entries.indices where out.entries[index].isOpen {
      out.entries[index].keptBy = nil
      out.entries[index].heldBack = nil
      let it = out.entries[index]
      if it.lastSeen == now, it.finding.verdict == .unknown { run.unknown += 1 }
      let isOrphan = it.lastSeen == now && it.finding.verdict == .orphan
      let removal = isOrphan ? try removal(of: [it.key]) : Removal()
      if let why = keep(it.finding, removal) {
        out.entries[index].state = .kept
        out.entries[index].keptBy = why
        run.kept += 1
      } else if isOrphan, let due = it.dueAt, now >= due {
        out.entries[index].state = .due
        let held = removal.risks + unread(it.finding, removal)
        if !held.isEmpty { out.entries[index].heldBack = held }
        run.due += 1
      } else if fresh.contains(it.key), it.firstSeen == now {
        out.entries[index].state = .new
        run.new += 1
        run.inGrace += 1
      } else {
        out.entries[index].state = .inGrace
        run.inGrace += 1
      }
    }
    out.entries.sort { ($0.key, $0.firstSeen) < ($1.key, $1.firstSeen) }
    out.runs.append(run)
    out.fold(before: now)
    return out
  }

  private func exists(_ id: String) -> Bool {
    account.distributions.contains { $0.id == id }
      || account.continuousDeploymentPolicies.contains { $0.id == id }
  }
  /// What open entries of a ledger are of and the account no longer has.
  func gone(from ledger: AccountLedger?) -> Set<String> {
    Set((ledger?.entries ?? []).filter(\.isOpen).map(\.key.id).filter { !exists($0) })
  }

  /// The findings that an unattended sweep may act on now, whether it is asked to or not.
  static func selection(_ ledger: AccountLedger) -> [AccountLedger.Key] {
    ledger.entries.filter { $0.isOpen && $0.state == .due && $0.heldBack == nil }.map(\.key)
      .sorted()
  }

  // MARK: What a removal takes along

  struct Removal: Equatable {
    /// Policies and distributions that are deleted.
    var deleted: [String] = []
    /// Codes of risks that somebody would have to accept.
    var risks: [String] = []
    var pair: PlanPair?
  }
  /// - Throws: what the removal planner refuses.
  func removal(of keys: [AccountLedger.Key]) throws(FerryError) -> Removal {
    // An empty selection means everything to the planner.
    guard !keys.isEmpty,
      let pair = try RemovalPlanner.plan(
        inventory, report, selection: keys.map(\.text), keepStaging: false, input: input)
    else { return Removal() }
    var out = Removal(pair: pair)
    for step in pair.plan.steps {
      switch step.action {
      case .deletePolicy(let id), .deleteDistribution(let id): out.deleted.append(id)
      default: break
      }
    }
    out.risks = Array(Set(pair.plan.risks.filter { !$0.accepted }.map(\.code))).sorted()
    return out
  }

  /// Why a finding is left alone: it, or something that would go with it, is kept.
  private func keep(_ finding: Finding, _ removal: Removal) -> String? {
    let ids = Set([finding.resource.id] + removal.deleted).sorted()
    for id in ids {
      if let keep = keeps.filter({ $0.id == id && $0.until > now }).max(by: { $0.until < $1.until })
      {
        return "\(id) until \(Timestamp.text(keep.until)): \(keep.reason)"
      }
      if let pattern = rules.keepIDs.first(where: { Self.matches(id, $0) }) {
        return "sweep.keep.ids \(pattern)"
      }
    }
    let stacks = finding.related.filter { $0.role == .stack }.map(\.id) + [finding.owner.id]
    for stack in account.stacks where stacks.contains(stack.id) {
      if let pattern = rules.keepStacks.first(where: { Self.matches(stack.name, $0) }) {
        return "sweep.keep.stacks \(pattern)"
      }
    }
    // A policy has no tags of its own: those of its distributions speak for it.
    let distributions = Set(ids + finding.related.map(\.id))
    for it in account.distributions where distributions.contains(it.id) {
      for (key, value) in rules.keepTags.sorted(by: { $0.key < $1.key })
      where it.tags[key].map({ Self.matches($0, value) }) ?? false {
        return "sweep.keep.tags \(key): \(value) on \(it.id)"
      }
    }
    return nil
  }

  /// What could not be read and might say that a finding is kept or owned: unknown removes nothing.
  private func unread(_ finding: Finding, _ removal: Removal) -> [String] {
    let gaps = report.gaps.filter { $0.account == account.id }
    let ids = Set([finding.resource.id] + removal.deleted + finding.related.map(\.id))
    var out: [String] = []
    if gaps.contains(where: \.isOfStacks) { out.append("owner-unread") }
    let isTagUnread = gaps.contains { gap in
      gap.call == "ListTagsForResource" && gap.resource.map(ids.contains) ?? true
    }
    if !rules.keepTags.isEmpty, isTagUnread { out.append("tags-unread") }
    return out
  }

  /// Whether a text matches a pattern in which `*` stands for anything.
  static func matches(_ text: String, _ pattern: String) -> Bool {
    var text = text[...]
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, let last = parts.last else {
      return text == pattern
    }
    guard text.hasPrefix(first) else { return false }
    text = text.dropFirst(first.count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = text.firstRange(of: part) else { return false }
      text = text[range.upperBound...]
    }
    return text.count >= last.count && text.hasSuffix(last)
  }
}

/// The limits of an unattended run: over one of them nothing is done.
struct Caps {
  /// What one account would lose, of how many CD policies and staging distributions.
  struct Share: Equatable, Sendable {
    var account: AccountID
    var deletions: Int
    var of: Int
  }
  /// - Returns: each limit that is exceeded, as a person reads it.
  static func exceeded(_ shares: [Share], _ rules: SweepRules) -> [String] {
    func over(_ who: String, _ deletions: Int, _ of: Int) -> [String] {
      var out: [String] = []
      if deletions > rules.maxDeletions {
        out.append(
          "\(who): \(deletions) deletions are due, and sweep.maxDeletions is \(rules.maxDeletions)")
      }
      if deletions * 100 > rules.maxPercent * of {
        out.append(
          "\(who): \(deletions) of \(of) policies and staging distributions are due, and sweep.maxPercent is \(rules.maxPercent)"
        )
      }
      return out
    }
    var out = shares.flatMap { over("account \($0.account)", $0.deletions, $0.of) }
    if shares.count > 1 {
      out += over(
        "this run", shares.reduce(0) { $0 + $1.deletions }, shares.reduce(0) { $0 + $1.of })
    }
    return out
  }
}
