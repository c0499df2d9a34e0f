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

/// An RRset that is there, or that there is none of (`value` nil).
public struct RecordState: Codable, Equatable, Sendable {
  public var name: DomainName
  public var rrtype: RRType
  public var value: RecordValue?
  public init(_ key: RecordKey, _ value: RecordValue?) {
    name = key.name
    rrtype = key.rrtype
    self.value = value
  }
  public var key: RecordKey { RecordKey(name, rrtype) }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(name, forKey: .name)
    try box.encode(rrtype, forKey: .rrtype)
    try box.encode(value, forKey: .value)
  }
}

/// One change: what to do, what must hold before, what to wait for, what proves it, how to undo it.
public struct Step: Codable, Equatable, Sendable {
  /// What the resource must look like when the step begins.
  public struct Expectation: Codable, Equatable, Sendable {
    /// The version seen when planning; informative, since an unmoved config is what counts.
    public var etag: String?
    /// `XElement.configDigest` of the config planned against; nil when nothing can be known yet.
    public var configDigest: String?
    /// The RRsets as observed, for a change of DNS; the action's own `from` is what is compared.
    public var records: [RecordState]?
    public init(etag: String? = nil, configDigest: String? = nil, records: [RecordState]? = nil) {
      self.etag = etag
      self.configDigest = configDigest
      self.records = records
    }
  }
  public struct Wait: Codable, Equatable, Sendable {
    public struct Term: Codable, Equatable, Sendable {
      public var term: String
      public var seconds: Int
      public var source: String
      public init(term: String, seconds: Int, source: String) {
        self.term = term
        self.seconds = seconds
        self.source = source
      }
    }
    /// The event that the span is counted from: `write` or `last-authoritative-change`.
    public var from: String
    public var seconds: Int
    public var terms: [Term]
    public init(from: String, seconds: Int, terms: [Term]) {
      self.from = from
      self.seconds = seconds
      self.terms = terms
    }
  }
  public struct Check: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
      /// GetDistribution says `Deployed`.
      case deployed = "cloudfront.deployed"
      /// The config field at `path` reads `value` (empty equals absent).
      case config = "cloudfront.config"
      /// The resource answers NoSuch….
      case absent = "cloudfront.absent"
      /// Every authoritative server of `zone` answers `records`, in as many agreeing rounds as asked for.
      case authoritative = "dns.authoritative"
      /// No resolver of the settings still has one of `records`: what they must not answer any more.
      case recursive = "dns.recursive"
      /// The edge serves the name with a certificate that covers it, and with the marker's value.
      case serving
      /// `url` answers `status`, and with the marker's value, during the whole wait of the step.
      case health
    }
    public var type: Kind
    /// A distribution id, or a reference to a step's output.
    public var distribution: String?
    public var policy: String?
    public var path: String?
    public var value: String?
    /// How long the check usually takes, and when waiting for it ends in "not yet" (exit 3).
    public var typicalSeconds: Int?
    public var limitSeconds: Int?
    /// DNS: the zone and what must be answered, or no more.
    public var zone: DomainName?
    public var records: [RecordState]?
    /// DNS: servers, as `address:port`, that the check does not wait for: those that could not be verified when
    /// the plan was made, and resolvers whose TTLs cannot be trusted. nil for none.
    public var unverified: [String]?
    /// HTTP: what to ask, where to connect instead of the URL's own name, and what must be answered.
    public var url: String?
    public var at: String?
    public var status: Int?
    public var marker: String?
    public init(
      _ type: Kind, distribution: String? = nil, policy: String? = nil, path: String? = nil,
      value: String? = nil, typicalSeconds: Int? = nil, limitSeconds: Int? = nil
    ) {
      self.type = type
      self.distribution = distribution
      self.policy = policy
      self.path = path
      self.value = value
      self.typicalSeconds = typicalSeconds
      self.limitSeconds = limitSeconds
    }
  }
  /// What the run does when a check of the step fails for good: stop there, or undo everything (exit 6).
  public enum OnFailure: String, Codable, Sendable {
    case hold
    case rollBack = "roll-back"
  }
  /// Something a person must approve before the step: `edgeferry approve PLAN --step ID --reference TEXT`.
  public struct Gate: Codable, Equatable, Sendable {
    public var reason: String
    public init(reason: String) { self.reason = reason }
  }

  public var id: String
  public var title: String
  /// The account that the step acts in; nil for what is outside AWS.
  public var account: AccountID?
  public var action: Action
  public var expects: Expectation
  /// The settings' window that a write must fall into: `cloudfront` or `dns`.
  public var window: String?
  public var earliest: Date?
  public var latest: Date?
  public var gate: Gate?
  public var wait: Wait?
  public var checks: [Check]
  public var inverse: Action?
  public var rollbackSeconds: Int?
  /// In a rollback plan: the step of the original plan that this one takes back.
  public var undoes: String?
  /// In a rollback plan: skipped when that step of the original plan had an effect, since it cannot be
  /// taken back and this one needs it.
  public var unless: String?
  public var onFailure: OnFailure?

  public init(
    id: String, title: String, account: AccountID?, action: Action,
    expects: Expectation = Expectation(), window: String? = "cloudfront", gate: Gate? = nil,
    wait: Wait? = nil, checks: [Check] = [], inverse: Action? = nil, rollbackSeconds: Int? = nil,
    undoes: String? = nil, unless: String? = nil
  ) {
    self.id = id
    self.title = title
    self.account = account
    self.action = action
    self.expects = expects
    self.window = window
    self.gate = gate
    self.wait = wait
    self.checks = checks
    self.inverse = inverse
    self.rollbackSeconds = rollbackSeconds
    self.undoes = undoes
    self.unless = unless
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(id, forKey: .id)
    try box.encode(title, forKey: .title)
    try box.encode(account, forKey: .account)
    try box.encode(action, forKey: .action)
    try box.encode(expects, forKey: .expects)
    try box.encode(window, forKey: .window)
    try box.encode(earliest, forKey: .earliest)
    try box.encode(latest, forKey: .latest)
    try box.encode(gate, forKey: .gate)
    try box.encode(wait, forKey: .wait)
    try box.encode(checks, forKey: .checks)
    try box.encode(inverse, forKey: .inverse)
    try box.encode(rollbackSeconds, forKey: .rollbackSeconds)
    try box.encodeIfPresent(undoes, forKey: .undoes)
    try box.encodeIfPresent(unless, forKey: .unless)
    try box.encodeIfPresent(onFailure, forKey: .onFailure)
  }
}

/// What a step does; `type` in the file is `service.verb`.
///
/// String fields may hold a reference `${step.field:-otherwise}` to an output of an earlier step of the
/// same run: `id` and `domainName` of what it created.
public enum Action: Equatable, Sendable {
  /// `cloudfront.updateConfig`: changes the named fields of a distribution's config, and no other.
  case updateConfig(distribution: String, set: [ConfigEdit])
  /// `cloudfront.setEnabled`
  case setEnabled(distribution: String, from: Bool, to: Bool)
  /// `cloudfront.createDistribution`: from a saved image with edits. `callerReference` is derived from
  /// the plan, so that a repeated create is recognised.
  case createDistribution(
    image: String, set: [ConfigEdit], callerReference: String, tags: [String: String])
  /// `cloudfront.deleteDistribution`
  case deleteDistribution(distribution: String)
  /// `cloudfront.createPolicy`: a continuous-deployment policy from a saved image with edits.
  case createPolicy(image: String, set: [ConfigEdit])
  /// `cloudfront.updatePolicy`
  case updatePolicy(policy: String, set: [ConfigEdit])
  /// `cloudfront.deletePolicy`
  case deletePolicy(policy: String)
  /// `dns.replace`: one RRset, compare-and-swap.
  case replace(zone: DomainName, RecordChange)
  /// `dns.batch`: several RRsets of one zone in one atomic change.
  case batch(zone: DomainName, changes: [RecordChange])
  /// `observe`: no write; the step's checks say what must hold.
  case observe

  public var type: String {
    switch self {
    case .updateConfig: "cloudfront.updateConfig"
    case .setEnabled: "cloudfront.setEnabled"
    case .createDistribution: "cloudfront.createDistribution"
    case .deleteDistribution: "cloudfront.deleteDistribution"
    case .createPolicy: "cloudfront.createPolicy"
    case .updatePolicy: "cloudfront.updatePolicy"
    case .deletePolicy: "cloudfront.deletePolicy"
    case .replace: "dns.replace"
    case .batch: "dns.batch"
    case .observe: "observe"
    }
  }
  /// What it changes in DNS, and the zone.
  public var dns: (zone: DomainName, changes: [RecordChange])? {
    switch self {
    case .replace(let zone, let change): (zone, [change])
    case .batch(let zone, let changes): (zone, changes)
    default: nil
    }
  }
  /// The fields that the action changes on its distribution or policy.
  public var edits: [ConfigEdit] {
    switch self {
    case .updateConfig(_, let set), .updatePolicy(_, let set),
      .createDistribution(_, let set, _, _),
      .createPolicy(_, let set):
      set
    case .setEnabled(_, let from, let to):
      [ConfigEdit(path: "Enabled", from: "\(from)", to: "\(to)")]
    case .deleteDistribution, .deletePolicy, .replace, .batch, .observe: []
    }
  }
}

extension Action: Codable {
  private enum Key: String, CodingKey {
    case type, distribution, policy, set, from, to, image, callerReference, tags
    case zone, changes
  }
  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: Key.self)
    let type = try box.decode(String.self, forKey: .type)
    switch type {
    case "cloudfront.updateConfig":
      self = .updateConfig(
        distribution: try box.decode(String.self, forKey: .distribution),
        set: try box.decode([ConfigEdit].self, forKey: .set))
    case "cloudfront.setEnabled":
      self = .setEnabled(
        distribution: try box.decode(String.self, forKey: .distribution),
        from: try box.decode(Bool.self, forKey: .from), to: try box.decode(Bool.self, forKey: .to))
    case "cloudfront.createDistribution":
      self = .createDistribution(
        image: try box.decode(String.self, forKey: .image),
        set: try box.decode([ConfigEdit].self, forKey: .set),
        callerReference: try box.decode(String.self, forKey: .callerReference),
        tags: try box.decode([String: String].self, forKey: .tags))
    case "cloudfront.deleteDistribution":
      self = .deleteDistribution(distribution: try box.decode(String.self, forKey: .distribution))
    case "cloudfront.createPolicy":
      self = .createPolicy(
        image: try box.decode(String.self, forKey: .image),
        set: try box.decode([ConfigEdit].self, forKey: .set))
    case "cloudfront.updatePolicy":
      self = .updatePolicy(
        policy: try box.decode(String.self, forKey: .policy),
        set: try box.decode([ConfigEdit].self, forKey: .set))
    case "cloudfront.deletePolicy":
      self = .deletePolicy(policy: try box.decode(String.self, forKey: .policy))
    case "dns.replace":
      self = .replace(
        zone: try box.decode(DomainName.self, forKey: .zone), try RecordChange(from: decoder))
    case "dns.batch":
      self = .batch(
        zone: try box.decode(DomainName.self, forKey: .zone),
        changes: try box.decode([RecordChange].self, forKey: .changes))
    case "observe": self = .observe
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .type, in: box,
        debugDescription: "this build has no action \(type); a newer edgeferry may")
    }
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: Key.self)
    try box.encode(type, forKey: .type)
    switch self {
    case .updateConfig(let distribution, let set):
      try box.encode(distribution, forKey: .distribution)
      try box.encode(set, forKey: .set)
    case .setEnabled(let distribution, let from, let to):
      try box.encode(distribution, forKey: .distribution)
      try box.encode(from, forKey: .from)
      try box.encode(to, forKey: .to)
    case .createDistribution(let image, let set, let callerReference, let tags):
      try box.encode(image, forKey: .image)
      try box.encode(set, forKey: .set)
      try box.encode(callerReference, forKey: .callerReference)
      try box.encode(tags, forKey: .tags)
    case .deleteDistribution(let distribution):
      try box.encode(distribution, forKey: .distribution)
    case .createPolicy(let image, let set):
      try box.encode(image, forKey: .image)
      try box.encode(set, forKey: .set)
    case .updatePolicy(let policy, let set):
      try box.encode(policy, forKey: .policy)
      try box.encode(set, forKey: .set)
    case .deletePolicy(let policy): try box.encode(policy, forKey: .policy)
    case .replace(let zone, let change):
      try box.encode(zone, forKey: .zone)
      try change.encode(to: encoder)
    case .batch(let zone, let changes):
      try box.encode(zone, forKey: .zone)
      try box.encode(changes, forKey: .changes)
    case .observe: break
    }
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
