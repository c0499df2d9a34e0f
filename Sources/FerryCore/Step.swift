import Foundation

/// One change: what to do, what must hold before, what to wait for, what proves it, how to undo it.
public struct Step: Codable, Equatable, Sendable {
  /// What the resource must look like when the step begins.
  public struct Expectation: Codable, Equatable, Sendable {
    /// The version seen when planning; informative, since an unmoved config is what counts.
    public var etag: String?
    /// `XElement.configDigest` of the config planned against; nil when nothing can be known yet.
    public var configDigest: String?
    /// The staging distribution of a promote, likewise; nil for any other step.
    public var staging: Version?
    /// The RRsets as observed, for a change of DNS; the action's own `from` is what is compared.
    public var records: [RecordState]?
    public init(etag: String? = nil, configDigest: String? = nil, records: [RecordState]? = nil) {
      self.etag = etag
      self.configDigest = configDigest
      self.records = records
    }
    public struct Version: Codable, Equatable, Sendable {
      public var etag: String?
      public var configDigest: String?
      public init(etag: String? = nil, configDigest: String? = nil) {
        self.etag = etag
        self.configDigest = configDigest
      }
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
    public enum Kind: String, Codable, CaseIterable, Sendable {
      /// GetDistribution says `Deployed`.
      case deployed = "cloudfront.deployed"
      /// The config field at `path` reads `value` (empty equals absent).
      case config = "cloudfront.config"
      /// The resource answers NoSuch….
      case absent = "cloudfront.absent"
      /// The distribution holds the alias `value`.
      case alias = "cloudfront.alias"
      /// The distribution or policy has the version `value` (ETag) and the time of `modified` still.
      case unchanged = "cloudfront.unchanged"
      /// The stack `stack` of `region` holds the distribution or policy; or holds it no more.
      case stackHolds = "cloudformation.holds"
      case stackReleased = "cloudformation.released"
      /// CloudWatch counted no request at the distribution for `quietSeconds`.
      case idle = "cloudwatch.idle"
      /// CloudWatch's 5xx and 4xx rates of `distribution` over `windowSeconds` are within `maxErrorRateIncrease` and
      /// `maxClientErrorRateIncrease` points of
      /// those of `against`, with `minRequests` at least at both.
      case errorRate = "cloudwatch.errorRate"
      /// Every authoritative server of `zone` answers `records`, in as many agreeing rounds as asked for.
      case authoritative = "dns.authoritative"
      /// No resolver of the settings still has one of `records`: what they must not answer any more.
      case recursive = "dns.recursive"
      /// The edge serves the name with a certificate that covers it, and with the marker's value; where `policy` is given,
      /// to who sends that policy's header, read when it is asked.
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
    /// `cloudwatch.idle`: for how long there was no request.
    public var quietSeconds: Int?
    /// `cloudwatch.errorRate`: the primary, how far back is looked, and the terms.
    public var against: String?
    public var windowSeconds: Int?
    public var minRequests: Int?
    public var maxErrorRateIncrease: Double?
    /// That of 4xx; nil in plans of before it was compared: `PromotionTerms.clientIncrease`.
    public var maxClientErrorRateIncrease: Double?
    /// `cloudfront.unchanged`: LastModifiedTime as planned, as CloudFront writes it.
    public var modified: String?
    /// CloudFormation: a stack by its name or id, and where it is.
    public var stack: String?
    public var region: String?
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
  /// The distributions of a plan of many that the step is of; nil for all. When a step fails, the run goes
  /// on with the steps of the others.
  public var parts: [String]?

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

  /// Whether the two are of one part; a step without parts is of all of them.
  public func sharesPart(with other: Step) -> Bool {
    guard let parts, let others = other.parts else { return true }
    return parts.contains(where: others.contains)
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
    try box.encodeIfPresent(parts, forKey: .parts)
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
