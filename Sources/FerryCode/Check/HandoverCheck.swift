import FerryCloudFront
import FerryCore
import FerryReport

/// Whether code and what is live say the same: `edgeferry.handover-check/1`.
package struct HandoverCheck: Codable, Equatable, Sendable {
  package enum Verdict: String, Codable, Sendable {
    case inSync = "in-sync"
    /// All that differs is what the staging distribution has: one side waits for a promote or for its code.
    case promotePending = "promote-pending"
    case drift
    /// The tool would make another one in its place, or delete it.
    case replace
  }
  package struct Difference: Codable, Equatable, Sendable {
    package var path: String
    package var code: JSONValue?
    package var live: JSONValue?
    package var reason: String
  }
  package struct Item: Codable, Equatable, Sendable {
    package var id: String
    package var account: AccountID
    package var type: String
    package var address: String
    package var verdict: Verdict
    package var differences: [Difference]
    /// What the code gives only when it runs.
    package var notCompared: [String]
  }
  package var schema = "edgeferry.handover-check/1"
  package var complete: Bool
  package var gaps: [Inventory.Gap]
  package var resources: [Item]

  /// - Parameter closure: what is live: the distributions, their staging distributions and policies.
  package init(_ facts: [DriftFacts], closure: Closure) {
    complete = closure.gaps.isEmpty
    gaps = closure.gaps
    let promotes = Promotes(closure.account)
    resources = facts.map { it in
      var differences = it.differences.map { promotes.judged($0, of: it) }
      differences += it.replaces.map { .init(path: "", reason: $0) }
      let isPending = it.differences.allSatisfy { promotes.isPending($0, of: it) }
      let verdict: Verdict =
        !it.replaces.isEmpty
        ? .replace : it.differences.isEmpty ? .inSync : isPending ? .promotePending : .drift
      return Item(
        id: it.id, account: closure.account.id, type: it.kind.rawValue, address: it.address,
        verdict: verdict, differences: differences, notCompared: it.notCompared)
    }
  }

  /// Accounts that did not answer: the verdicts stand, and another one may have more.
  package mutating func add(_ unreached: [Inventory.Gap]) {
    gaps = unreached + gaps
    complete = gaps.isEmpty
  }

  package var exit: ExitCode {
    if resources.contains(where: { $0.verdict == .replace }) { return .blocked }
    return resources.contains { $0.verdict == .drift } ? .found : .done
  }

  package var text: String {
    var out = table(
      [["TYPE", "ID", "ADDRESS", "VERDICT"]]
        + resources.map { [$0.type, safe($0.id), safe($0.address), $0.verdict.rawValue] })
    for it in resources where !it.differences.isEmpty {
      out += "\n\(safe(it.address))\n"
      for difference in it.differences {
        let sides = [("code", difference.code), ("live", difference.live)]
        out += "  \(safe(difference.path.isEmpty ? "(all of it)" : difference.path))\n"
        if !difference.path.isEmpty {
          for (name, value) in sides { out += "    \(name): \(safe(value?.canonical ?? "-"))\n" }
        }
        out += "    why:  \(safe(difference.reason))\n"
      }
    }
    let unknown = resources.flatMap { it in it.notCompared.map { "\(it.address) \($0)" } }
    if !unknown.isEmpty {
      out += "\nnot compared, since only a run can tell: "
      out += unknown.map { safe($0) }.joined(separator: ", ") + "\n"
    }
    if !complete { out += "\nnot everything was read; see the warnings\n" }
    return out
  }
}

/// What a promote would do, or has done, for each primary of an account.
///
/// - Source: reference facts on CloudFront, sections 3.2 and 3.4: a promote takes all but the aliases and the policy
///   from the staging distribution, and disables the policy; while a policy is attached only these may differ.
private struct Promotes {
  private struct Pair {
    package var staging: [String: JSONValue]
    /// The primary has everything that its staging distribution has, as after a promote.
    package var isPromoted: Bool
  }
  private var pairs: [String: Pair] = [:]
  /// Policies whose primary is as after a promote.
  private var promoted: Set<String> = []

  static let members = Set(Promote.carried)
  private static func member(_ path: String) -> String {
    String(path.prefix { $0 != "/" && $0 != "[" })
  }

  package init(_ account: Inventory.Account) {
    let subjects = Subject.all(in: account)
    func leaves(_ id: String) -> [String: JSONValue] {
      guard let it = subjects.first(where: { $0.resource.kind == .distribution && $0.id == id })
      else { return [:] }
      return DriftFacts.leaves(Codec.filled(it.document, it.resource.arguments))
        .filter { Self.members.contains(Self.member($0.key)) }
    }
    for policy in account.continuousDeploymentPolicies {
      let names = Set(policy.stagingNames.map { $0.lowercased() })
      guard
        let primary = account.distributions.first(where: {
          $0.policyID == policy.id && !$0.isStaging
        }),
        let staging = account.distributions.first(where: {
          names.contains($0.domainName.lowercased())
        })
      else { continue }
      let theirs = leaves(staging.id)
      let isPromoted = leaves(primary.id) == theirs
      pairs[primary.id] = Pair(staging: theirs, isPromoted: isPromoted)
      if isPromoted { promoted.insert(policy.id) }
    }
  }

  private func side(_ it: DriftFacts.Difference, of facts: DriftFacts) -> String? {
    if facts.kind == .continuousDeploymentPolicy {
      return promoted.contains(facts.id) && it.path == "Enabled" && it.code == true
        ? "a promote has disabled the policy: the code follows" : nil
    }
    guard facts.kind == .distribution, let pair = pairs[facts.id],
      Self.members.contains(Self.member(it.path))
    else { return nil }
    if DriftFacts.isSame(it.code == false ? nil : it.code, pair.staging[it.path]) {
      return "the code is ahead: the staging distribution has this, and a promote makes it live"
    }
    return pair.isPromoted
      ? "live is ahead: it is what the staging distribution has, as after a promote; the code follows"
      : nil
  }
  package func isPending(_ it: DriftFacts.Difference, of facts: DriftFacts) -> Bool {
    side(it, of: facts) != nil
  }
  package func judged(_ it: DriftFacts.Difference, of facts: DriftFacts) -> HandoverCheck.Difference
  {
    func shown(_ value: JSONValue?) -> JSONValue? {
      guard let value else { return nil }
      if it.path.hasSuffix("HeaderValue") { return "‹redacted›" }
      // A file's content is told apart by its digest.
      guard ["Code", "EncodedKey"].contains(it.path), let text = value.string else { return value }
      return .string(Digest.tagged(text))
    }
    return .init(
      path: it.path, code: shown(it.code), live: shown(it.live),
      reason: it.reason ?? side(it, of: facts)
        ?? (it.live == nil
          ? "only the code says it" : it.code == nil ? "only live has it" : "they differ"))
  }
}
