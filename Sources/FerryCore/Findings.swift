import Foundation

/// Whether something is still used. Unknown is never folded into either of the others.
public enum Verdict: String, Codable, Sendable {
  case orphan
  case inUse = "in-use"
  /// Something could not be read. Never planned for deletion.
  case unknown
}

public enum Severity: String, Codable, CaseIterable, Sendable, Comparable {
  case high, medium, low, info
  public static func < (left: Severity, right: Severity) -> Bool {
    (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
  }
}

/// A judged fact with a stable code, its evidence, and the gaps that could overturn it.
public struct Finding: Codable, Equatable, Sendable {
  public struct Resource: Codable, Equatable, Hashable, Sendable {
    /// `continuous-deployment-policy` or `distribution`.
    public var type: String
    public var id: String
    public var arn: String
    public init(type: String, id: String, arn: String) {
      self.type = type
      self.id = id
      self.arn = arn
    }
  }
  public struct Related: Codable, Equatable, Sendable {
    public enum Role: String, Codable, Sendable { case primary, staging, policy, stack }
    public var role: Role
    public var type: String
    public var id: String
    public init(role: Role, type: String, id: String) {
      self.role = role
      self.type = type
      self.id = id
    }
  }
  public struct Evidence: Codable, Equatable, Sendable {
    /// The call that showed it.
    public var call: String
    public var at: Date
    public var says: String
    public init(call: String, at: Date, says: String) {
      self.call = call
      self.at = at
      self.says = says
    }
  }
  public struct Owner: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable { case cloudformation, terraform, none, unknown }
    public var kind: Kind
    /// The stack's id or the state file's address; empty for none and unknown.
    public var id: String
    public init(kind: Kind, id: String) {
      self.kind = kind
      self.id = id
    }
  }
  public var code: String
  public var severity: Severity
  public var verdict: Verdict
  public var account: AccountID
  public var resource: Resource
  public var related: [Related]
  public var evidence: [Evidence]
  public var overturnedBy: [String]
  public var owner: Owner
  /// Where it stands in a sweep's ledger; nil outside sweeps.
  public var ledger: Standing?

  /// How long a finding is known, and when it may be acted on.
  public struct Standing: Codable, Equatable, Sendable {
    public enum State: String, Codable, CaseIterable, Sendable {
      /// Seen for the first time by this sweep.
      case new
      case inGrace = "in-grace"
      case due, kept
      /// No longer there, and no sweep removed it.
      case healed
      /// A sweep removed it.
      case removed
    }
    public var state: State
    public var firstSeen: Date
    public var lastSeen: Date
    /// nil for what is never acted on.
    public var dueAt: Date?
    /// What keeps it: a rule of the settings, or `sweep keep`.
    public var keptBy: String?
    /// Risks and reasons that an unattended sweep never acts against.
    public var heldBack: [String]?
    public init(
      state: State, firstSeen: Date, lastSeen: Date, dueAt: Date? = nil, keptBy: String? = nil,
      heldBack: [String]? = nil
    ) {
      self.state = state
      self.firstSeen = firstSeen
      self.lastSeen = lastSeen
      self.dueAt = dueAt
      self.keptBy = keptBy
      self.heldBack = heldBack
    }
  }

  public init(
    code: String, severity: Severity, verdict: Verdict, account: AccountID, resource: Resource,
    related: [Related] = [], evidence: [Evidence] = [], overturnedBy: [String] = [], owner: Owner
  ) {
    self.code = code
    self.severity = severity
    self.verdict = verdict
    self.account = account
    self.resource = resource
    self.related = related
    self.evidence = evidence
    self.overturnedBy = overturnedBy
    self.owner = owner
  }
}

/// The answer of `orphans discover`: `edgeferry.findings/1`.
public struct FindingsReport: Codable, Equatable, Sendable {
  public static let schema = "edgeferry.findings/1"
  public struct Quota: Codable, Equatable, Sendable {
    public var account: AccountID
    public var what: String
    public var used: Int
    public var limit: Int
    /// How many the orphans among them would free.
    public var reclaimable: Int
    public init(account: AccountID, what: String, used: Int, limit: Int, reclaimable: Int) {
      self.account = account
      self.what = what
      self.used = used
      self.limit = limit
      self.reclaimable = reclaimable
    }
  }
  public var schema = FindingsReport.schema
  public var complete: Bool
  public var accounts: [AccountID]
  public var findings: [Finding]
  public var gaps: [Inventory.Gap]
  public var quotas: [Quota]
  public init(
    accounts: [AccountID], findings: [Finding], gaps: [Inventory.Gap], quotas: [Quota]
  ) {
    self.complete = gaps.isEmpty
    self.accounts = accounts
    self.findings = findings
    self.gaps = gaps
    self.quotas = quotas
  }
}
