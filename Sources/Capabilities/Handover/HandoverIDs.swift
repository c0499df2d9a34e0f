import FerryCloudFront
import FerryCode
import FerryCommand
import FerryCore

/// Ids of distributions and policies as the commands take them.
enum HandoverIDs {
  /// What a command does to them, as its errors say it.
  enum Purpose: String {
    case detect = "say who owns"
    case emit = "write code for"
    case plan = "plan the handover of"
    case check
    /// What an error tells of files that a run would have made.
    fileprivate var untouched: String {
      [.emit, .plan].contains(self) ? "; nothing was written" : ""
    }
  }

  /// Once each.
  /// - Throws: `.badInput` (64) `bad-id` for what cannot be an id.
  static func read(_ given: [String], to purpose: Purpose) throws(FerryError) -> [String] {
    var out: [String] = []
    for id in given where !out.contains(id) {
      guard (1...64).contains(id.count),
        id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
      else {
        throw .badInput(
          "bad-id", what: "could not \(purpose.rawValue) \(id.debugDescription)",
          why: "the id of a distribution or policy is letters, digits and hyphens, as E1EXAMPLE",
          next: "list them with `edgeferry inventory take`")
      }
      out.append(id)
    }
    return out
  }

  /// The account that has all of them, with what they refer to. A policy brings its primary and its staging distribution.
  /// Accounts that did not answer are warned about.
  static func closure(of ids: [String], account: String?, to purpose: Purpose, _ context: Context)
    async throws(FerryError) -> (closure: Closure, place: Reach.Place, unreached: [Inventory.Gap])
  {
    var closures: [Closure] = []
    let reach = try await context.reach(accounts: account.map { [$0] } ?? [])
    context.warnAboutGaps(reach.gaps)
    var failures = reach.failure.map { [$0] } ?? []
    for place in reach.places {
      let terminal = context.terminal
      let shown = terminal.errorIsTerminal
      let reader = ClosureReader(
        transport: place.transport, account: place.account, region: place.region,
        reach: .configuration,
        progress: { done, of in
          if shown { terminal.progress("reading \(place.account): \(done) of \(of)") }
        })
      do throws(FerryError) {
        let closure = try await closure(of: ids, by: reader)
        if closure.missing.isEmpty, closure.has(ids) { return (closure, place, reach.gaps) }
        closures.append(closure)
      } catch {
        if error.exit == .interrupted { throw error }
        failures.append(error)
      }
      terminal.progress(nil)
    }
    if let failure = failures.first { throw failure }
    if let gap = closures.flatMap(\.gaps).first(where: { ids.contains($0.resource ?? "") }) {
      throw FerryError(
        "unread-distribution", what: "could not \(purpose.rawValue) \(gap.resource ?? "")",
        why: gap.reason, next: "allow \(gap.action ?? gap.call)\(purpose.untouched)")
    }
    let missing = closures.map(\.missing).min { $0.count < $1.count } ?? ids
    throw FerryError(
      "unknown-distribution",
      what:
        "could not \(purpose.rawValue) \((missing.isEmpty ? ids : missing).joined(separator: ", "))",
      why: closures.count > 1
        ? "no account that was read has all of \(ids.joined(separator: ", "))"
        : "the account has no such distribution or policy",
      next:
        "check the ids and the account (--account, --profile); all must be of one account\(purpose.untouched)"
    )
  }

  /// Ids that are no distribution's are asked for as policies.
  private static func closure(of ids: [String], by reader: ClosureReader)
    async throws(FerryError) -> Closure
  {
    let client = CloudFrontClient(reader.transport)
    var distributions: [String] = []
    var policies: [String] = []
    for id in ids {
      // The ids of distributions have no hyphen, and begin with E.
      if id.hasPrefix("E"), !id.contains("-") {
        distributions.append(id)
        continue
      }
      do throws(FerryError) {
        _ = try await client.policy(id)
        policies.append(id)
      } catch {
        guard error.isService("NoSuchContinuousDeploymentPolicy") else { throw error }
        distributions.append(id)
      }
    }
    guard !policies.isEmpty else { return try await reader.read(distributions) }
    let primaries = try await primaries(of: policies, by: reader)
    var out = try await reader.read(
      distributions + primaries.filter { !distributions.contains($0) }, policies: policies)
    out.missing.removeAll { !ids.contains($0) }
    return out
  }

  /// No list says which distribution has a policy: their configs are read.
  /// - Throws: `incomplete` (4) where not all were read and a policy's primary is not among those that were.
  private static func primaries(of policies: [String], by reader: ClosureReader)
    async throws(FerryError) -> [String]
  {
    var options = InventoryReader.Options()
    options.tags = .none
    let all = InventoryReader(
      CloudFrontClient(reader.transport), account: reader.account, options: options)
    var found: [String: String] = [:]
    let rest = try await all.read { (it: Inventory.Distribution) in
      if !it.isStaging, let policy = it.policyID { found[policy] = it.id }
    }
    let gap = rest.gaps.first { ["ListDistributions", "GetDistribution"].contains($0.call) }
    if let gap, let alone = policies.first(where: { found[$0] == nil }) {
      throw FerryError(
        "incomplete", exit: .blocked, what: "could not find the primary of policy \(alone)",
        why: "\(gap.call)\(gap.resource.map { " \($0)" } ?? ""): \(gap.reason)",
        next: "allow the reads, or name the distribution instead")
    }
    return policies.compactMap { found[$0] }
  }
}

extension Closure {
  fileprivate func has(_ ids: [String]) -> Bool {
    let there = Set(account.distributions.map(\.id)).union(
      account.continuousDeploymentPolicies.map(\.id))
    return ids.allSatisfy(there.contains)
  }
}
