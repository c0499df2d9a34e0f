import FerryCode
import FerryCore
import FerryReport

/// The answer of `promote check`: `edgeferry.promote-check/1`.
struct PromotionReport: Codable, Equatable, Sendable {
  enum Verdict: String, Codable, Sendable {
    case ready, blocked
    /// Nothing speaks against it but what could not be told.
    case unknown
  }
  struct Difference: Codable, Equatable, Sendable {
    var path: String
    var primary: String?
    var staging: String?
  }
  var schema = "edgeferry.promote-check/1"
  var complete: Bool
  var account: AccountID
  var primary: String
  /// nil where there is none.
  var policy: String?
  var staging: String?
  var verdict: Verdict
  var findings: [PromotionFinding]
  var traffic: PromotionTraffic?
  /// Of 5xx, and of 4xx.
  var errorRate: ErrorRateGate.Judgement?
  var clientErrorRate: ErrorRateGate.Judgement?
  /// What a promote would change on the primary.
  var differences: [Difference]
  var gaps: [Inventory.Gap]
  /// Code beside what is live, where some was given.
  var drift: HandoverCheck?
  /// What to do now.
  var next: String

  /// - Parameter side: the words of a command line that staging is pointed at first; empty for none.
  init(_ pair: PromotionPair, side: String = "") {
    self.init(
      account: pair.account, primary: pair.primary.id, findings: PromotionRules.judge(pair),
      gaps: pair.gaps, side: side)
    policy = pair.policy.id
    staging = pair.staging.id
    traffic = pair.traffic
    if pair.traffic.unread == nil {
      let judged = pair.traffic.judged(by: pair.terms.gate)
      (errorRate, clientErrorRate) = (judged.server, judged.client)
    }
    differences = pair.differences.map {
      Difference(path: $0.path, primary: $0.planned, staging: $0.found)
    }
  }
  /// Of a primary without a pair to judge.
  init(
    account: AccountID, primary: String, findings: [PromotionFinding], gaps: [Inventory.Gap],
    side: String = ""
  ) {
    complete = gaps.isEmpty
    self.account = account
    self.primary = primary
    self.findings = PromotionRules.sorted(findings)
    let stops = findings.filter(\.stops)
    verdict = stops.isEmpty ? .ready : stops.allSatisfy(\.isUnknown) ? .unknown : .blocked
    differences = []
    self.gaps = gaps
    next = Self.next(primary, self.findings, side: side)
  }
  /// Accounts that did not answer; the verdict is of one that did.
  mutating func add(_ unreached: [Inventory.Gap]) {
    gaps = unreached + gaps
    complete = gaps.isEmpty
  }
  /// What could not be told for want of a permission alone is a matter of that permission.
  var exit: ExitCode {
    guard verdict != .ready else { return .done }
    let blockers = findings.filter { $0.weight == .blocker }
    let isDenied = !blockers.isEmpty && blockers.allSatisfy { $0.denied != nil }
    return verdict == .unknown && isDenied ? .denied : .blocked
  }

  /// - Parameter findings: the severest first.
  private static func next(
    _ primary: String, _ findings: [PromotionFinding], side: String
  ) -> String {
    let check = "edgeferry promote check \(primary)\(side)"
    let plan = "edgeferry promote plan \(primary)\(side)"
    let denied = Set(findings.compactMap(\.denied)).sorted()
    guard denied.isEmpty else {
      return
        "have \(denied.joined(separator: ", ")) allowed (edgeferry permissions promote check --ticket writes the request), then: \(check)"
    }
    if let first = findings.first(where: { $0.weight == .blocker }) {
      switch first.code {
      case "no-policy", "policy-missing", "no-staging":
        return "attach a policy with a staging distribution to \(primary), then: \(check)"
      case "error-rate-worse", "client-error-rate-worse", "probe-failed":
        return
          "mend what staging serves and ask again: \(check); or point it elsewhere: edgeferry promote plan \(primary) --origin-path PATH"
      default: return "see to what is marked blocker, then: \(check)"
      }
    }
    if findings.contains(where: { $0.code == "nothing-to-promote" }) {
      return
        "change the staging distribution, or point it at another side: edgeferry promote plan \(primary) --origin-path PATH"
    }
    if findings.contains(where: { $0.weight == .pending }) {
      return "\(plan), whose run waits for what is pending; or ask again later: \(check)"
    }
    return plan
  }

  private static let differencesMax = 50
  var text: String {
    var out = "\(safe(primary)) in account \(safe(account)): \(verdict.rawValue)\n"
    if let policy, let staging {
      out += "policy \(safe(policy)), staging \(safe(staging))\n"
    }
    for finding in findings {
      out += "\n  \(finding.weight.rawValue)  \(finding.code)  \(safe(finding.resource))"
      out += finding.isUnknown ? "  unknown\n" : "\n"
      out += "      \(safe(finding.says, limit: 1000))\n"
      for evidence in finding.evidence {
        out += "      \(safe(evidence.says, limit: 1000)) (\(safe(evidence.call)))\n"
      }
    }
    if !differences.isEmpty { out += "\na promote changes \(safe(primary)):\n" }
    for it in differences.prefix(Self.differencesMax) {
      out += "  \(safe(it.path)): \(Self.value(it.primary)) -> \(Self.value(it.staging))\n"
    }
    if differences.count > Self.differencesMax {
      out += "  and \(differences.count - Self.differencesMax) more; see --output json\n"
    }
    if let drift { out += "\ncode beside what is live:\n" + drift.text }
    if !complete { out += "\nnot everything was read; see the warnings\n" }
    return out + "\nnext: \(safe(next, limit: 1000))\n"
  }
  private static func value(_ text: String?) -> String {
    text.map { $0.isEmpty ? "(empty)" : safe($0) } ?? "(absent)"
  }
}
