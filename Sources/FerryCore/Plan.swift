import Foundation

/// An ordered list of changes with everything needed to trust, prove and undo them; data only.
///
/// File form and fields: docs/plan-format.md. `digest` covers the canonical JSON (RFC 8785) of the
/// whole document without the digest itself, unknown keys included.
public struct Plan: Codable, Equatable, Sendable {
  public static let schema = "edgeferry.plan/1"
  /// Plan files above this size are refused before they are parsed.
  public static let bytesMax = 64 << 20

  public struct Observed: Codable, Equatable, Sendable {
    /// `sha256:…` of the inventory that the plan was made from.
    public var inventoryDigest: String
    /// The CloudFront endpoint, only where it is not AWS's own.
    public var endpoint: String?
    /// Configs without secrets, by digest. Those with secrets are in the state database alone.
    public var images: [String: String]
    /// What DNS said of each name; nil where the plan touches none.
    public var probes: [ProbedName]?
    public init(
      inventoryDigest: String, endpoint: String? = nil, images: [String: String] = [:],
      probes: [ProbedName]? = nil
    ) {
      self.inventoryDigest = inventoryDigest
      self.endpoint = endpoint
      self.images = images
      self.probes = probes
    }
  }
  public struct Schedule: Codable, Equatable, Sendable {
    public var start: Date
    public var end: Date
    public var criticalPathSeconds: Int
    public var exposureSeconds: Int
    /// The share of requests that still go to the old target after the flip is seen everywhere.
    public var trafficShare: [SharePoint]?
    /// What undoing would take from each point of the plan.
    public var rollback: [RollbackPoint]?
    /// When each step begins and is over, if nothing is late.
    public var steps: [StepTime]?
    /// When the last cache is without the old answer, if nothing is late.
    public var allClear: Date?
    /// Until then the old target has to answer.
    public var retire: Date?
    public init(start: Date, end: Date, criticalPathSeconds: Int, exposureSeconds: Int) {
      self.start = start
      self.end = end
      self.criticalPathSeconds = criticalPathSeconds
      self.exposureSeconds = exposureSeconds
    }
  }
  public struct SharePoint: Codable, Equatable, Sendable {
    /// Since the last authoritative server gave the new answer.
    public var seconds: Int
    /// 0...1
    public var old: Double
    public init(seconds: Int, old: Double) {
      self.seconds = seconds
      self.old = old
    }
  }
  public struct StepTime: Codable, Equatable, Sendable {
    public var step: String
    public var start: Date
    public var end: Date
    public init(step: String, start: Date, end: Date) {
      self.step = step
      self.start = start
      self.end = end
    }
  }
  /// If it is decided at `from` (after `step`) to undo: how long that takes and when it may begin.
  public struct RollbackPoint: Codable, Equatable, Sendable {
    public var step: String
    public var from: Date
    /// From its first write to the last cache that has the old answer again.
    public var seconds: Int
    /// The next instant that the windows allow that write; nil when they never do.
    public var nextAllowed: Date?
    public init(step: String, from: Date, seconds: Int, nextAllowed: Date?) {
      self.step = step
      self.from = from
      self.seconds = seconds
      self.nextAllowed = nextAllowed
    }
  }
  /// How an alias or name may be moved, and why this way.
  public struct Method: Codable, Equatable, Sendable {
    public struct Considered: Codable, Equatable, Sendable {
      public var method: String
      public var possible: Bool
      public var reasons: [String]
      public var exposureSeconds: Int?
      public var rollbackSeconds: Int?
      public init(
        method: String, possible: Bool, reasons: [String], exposureSeconds: Int? = nil,
        rollbackSeconds: Int? = nil
      ) {
        self.method = method
        self.possible = possible
        self.reasons = reasons
        self.exposureSeconds = exposureSeconds
        self.rollbackSeconds = rollbackSeconds
      }
    }
    public var alias: String
    public var chosen: String
    /// `dns-first` or `alias-first`; nil where DNS alone moves.
    public var order: String?
    public var considered: [Considered]
    public init(alias: String, chosen: String, order: String?, considered: [Considered]) {
      self.alias = alias
      self.chosen = chosen
      self.order = order
      self.considered = considered
    }
  }
  public struct Risk: Codable, Equatable, Sendable {
    public var code: String
    public var text: String
    /// An unaccepted risk makes `apply` exit 4. Informative ones are accepted as made.
    public var accepted: Bool
    public init(code: String, text: String, accepted: Bool) {
      self.code = code
      self.text = text
      self.accepted = accepted
    }
  }

  public var schema = Plan.schema
  public var name: String
  /// The capability that made it, such as `orphans`.
  public var capability: String
  public var createdAt: Date
  public var tool: String
  /// Account names of the settings (or `default`) and their numbers.
  public var accounts: [String: AccountID]
  public var observed: Observed
  public var steps: [Step]
  /// How each alias or name is moved; nil where none is.
  public var methods: [Method]?
  public var schedule: Schedule
  /// The first step that has no inverse, or nil.
  public var pointOfNoReturn: String?
  public var debts: [String]
  public var risks: [Risk]
  /// What a person should know before approving, such as ids that a rollback cannot bring back.
  public var notes: [String]
  public var permissions: [String]
  /// The digest of the plan that this one undoes; nil for a plan of its own.
  public var rollbackOf: String?
  public var digest: String

  public init(
    name: String, capability: String, createdAt: Date, tool: String,
    accounts: [String: AccountID], observed: Observed, steps: [Step], schedule: Schedule,
    pointOfNoReturn: String? = nil, debts: [String] = [], risks: [Risk] = [], notes: [String] = [],
    permissions: [String], rollbackOf: String? = nil, methods: [Method]? = nil
  ) {
    self.methods = methods
    self.name = name
    self.capability = capability
    self.createdAt = createdAt
    self.tool = tool
    self.accounts = accounts
    self.observed = observed
    self.steps = steps
    self.schedule = schedule
    self.pointOfNoReturn = pointOfNoReturn
    self.debts = debts
    self.risks = risks
    self.notes = notes
    self.permissions = permissions
    self.rollbackOf = rollbackOf
    self.digest = ""
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(schema, forKey: .schema)
    try box.encode(name, forKey: .name)
    try box.encode(capability, forKey: .capability)
    try box.encode(createdAt, forKey: .createdAt)
    try box.encode(tool, forKey: .tool)
    try box.encode(accounts, forKey: .accounts)
    try box.encode(observed, forKey: .observed)
    try box.encode(steps, forKey: .steps)
    try box.encodeIfPresent(methods, forKey: .methods)
    try box.encode(schedule, forKey: .schedule)
    try box.encode(pointOfNoReturn, forKey: .pointOfNoReturn)
    try box.encode(debts, forKey: .debts)
    try box.encode(risks, forKey: .risks)
    try box.encode(notes, forKey: .notes)
    try box.encode(permissions, forKey: .permissions)
    try box.encodeIfPresent(rollbackOf, forKey: .rollbackOf)
    try box.encode(digest, forKey: .digest)
  }
}

// MARK: Files

extension Plan {
  /// The plan with its digest filled in.
  public var sealed: Plan { sealedBytes.plan }
  static func digest(of document: JSONValue) -> String {
    guard case .object(var members) = document else { return "" }
    members["digest"] = nil
    return Digest.tagged(JSONValue.object(members).canonical)
  }

  /// Reads a plan and proves that it is the one that was sealed.
  /// - Throws: `.badInput` (64) for another schema, a broken document or a digest that does not match.
  public static func read(_ bytes: [UInt8], named what: String) throws(FerryError) -> Plan {
    guard bytes.count <= bytesMax else {
      throw .badInput(
        "plan-too-large", what: "could not read plan \(what)",
        why: "it has \(bytes.count) bytes; the limit is \(bytesMax)", next: "give a plan file")
    }
    let document = try JSONValue.read(bytes, what: "plan \(what)")
    try checkSchema(document, is: schema, what: "plan \(what)")
    let stated = document["digest"]?.string ?? ""
    guard stated == digest(of: document) else {
      throw .badInput(
        .planDigest, what: "could not read plan \(what)",
        why: "its content does not match its own digest, so it was changed after it was made",
        next: "make the plan again; a plan is never edited by hand")
    }
    let plan = try document.decoded(Plan.self, what: "plan \(what)")
    guard Set(plan.steps.map(\.id)).count == plan.steps.count else {
      throw .badInput(
        "bad-plan", what: "could not read plan \(what)", why: "two steps share one id",
        next: "make the plan again")
    }
    try plan.checkNames(what)
    return plan
  }
  /// What becomes a file name or a word of a command that a person copies must be plain.
  /// - Throws: `bad-plan` (64).
  public func checkNames(_ what: String) throws(FerryError) {
    func isPlain(_ id: String) -> Bool {
      id.utf8.count <= 200 && id.utf8.first != 0x2D && !id.isEmpty
        && id.utf8.allSatisfy {
          (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
            || [0x2D, 0x2E, 0x5F].contains($0)
        }
    }
    let odd =
      Self.isName(name) && Self.isName(capability)
      ? steps.map(\.id).first { !isPlain($0) } : Self.isName(name) ? capability : name
    guard let odd else { return }
    throw .badInput(
      "bad-plan", what: "could not read plan \(what)",
      why: "\(odd.debugDescription) can be no name of a plan, a capability or a step",
      next: "make the plan again; a plan is never edited by hand")
  }
  /// `^[a-z0-9][a-z0-9._-]{0,63}$` without `..`: a plan's name is also its file's.
  public static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 64, !text.contains("..") else { return false }
    func plain(_ byte: UInt8) -> Bool {
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
    return plain(first) && bytes.allSatisfy { plain($0) || [0x2E, 0x5F, 0x2D].contains($0) }
  }
}

/// - Throws: `.badInput` (64) when a document names another schema or none.
public func checkSchema(_ document: JSONValue, is wanted: String, what: String) throws(FerryError) {
  let found = document["schema"]?.string
  guard found != wanted else { return }
  let family = wanted.prefix { $0 != "/" }
  let newer = found?.hasPrefix(family + "/") ?? false
  throw .badInput(
    "unknown-schema", what: "could not read \(what)",
    why: found.map { "its schema is \($0.debugDescription), not \(wanted.debugDescription)" }
      ?? "it names no schema; \(wanted.debugDescription) was expected",
    next: newer ? "use the edgeferry version that wrote it" : "give a file that edgeferry wrote")
}
