import FerryCore
import Foundation

/// A distribution as the model holds it.
public struct ModelDistribution: Equatable, Sendable {
  public var id: String
  public var account: AccountID
  public var arn: String
  public var domainName: String
  public var etag: String
  public var lastModified: Date
  public var tags: [String: String]
  /// The `DistributionConfig` as it was sent, defaults filled in; without `xmlns`.
  public private(set) var config: XElement
  /// The `MonitoringSubscription`, where there is one.
  var monitoring: XElement?

  // What the rules ask for often, read from the config once.
  public private(set) var enabled = false
  public private(set) var staging = false
  /// Empty when none is attached.
  public private(set) var policyID = ""
  public private(set) var aliases: [String] = []
  public private(set) var callerReference = ""

  /// What was in force from when, oldest first; older than one propagation is dropped.
  var changes: [Change] = []

  struct Change: Equatable, Sendable {
    var at: Date
    var config: XElement
    /// The attached policy's config at that time, if there was one.
    var policy: XElement?
  }

  init(
    id: String, account: AccountID, domainName: String, etag: String, lastModified: Date,
    tags: [String: String] = [:], config: XElement
  ) {
    self.id = id
    self.account = account
    arn = "arn:aws:cloudfront::\(account):distribution/\(id)"
    self.domainName = domainName
    self.etag = etag
    self.lastModified = lastModified
    self.tags = tags
    self.config = config
    read()
  }

  mutating func replace(config: XElement) {
    self.config = config
    read()
  }

  private mutating func read() {
    enabled = config.text(at: "Enabled") == "true"
    staging = config.text(at: "Staging") == "true"
    policyID = config.text(at: "ContinuousDeploymentPolicyId") ?? ""
    aliases = config.at("Aliases/Items")?.children.map(\.text) ?? []
    callerReference = config.text(at: "CallerReference") ?? ""
  }
}

/// A continuous-deployment policy as the model holds it.
public struct ModelPolicy: Equatable, Sendable {
  public var id: String
  public var account: AccountID
  public var etag: String
  public var lastModified: Date
  /// The `ContinuousDeploymentPolicyConfig` as it was sent; without `xmlns`.
  public var config: XElement

  public var enabled: Bool { config.text(at: "Enabled") == "true" }
  public var stagingNames: [String] {
    config.at("StagingDistributionDnsNames/Items")?.children.map { $0.text.lowercased() } ?? []
  }
}

/// A CloudFormation stack.
public struct ModelStack: Equatable, Sendable {
  public struct Resource: Equatable, Sendable {
    public var logicalID: String
    public var type: String
    public var physicalID: String
    public var status: String
  }
  /// The stack's ARN.
  public var id: String
  public var name: String
  public var region: String
  public var status: String
  public var created: Date
  public var resources: [Resource]
  var template: JSONValue = ["Resources": [:]]
  var changeSets: [ModelChangeSet] = []
  /// When a change of it is over, and what its status is then.
  var settles: (at: Date, status: String)?

  /// Without a template there is one of its resources, each without properties.
  init(
    id: String, name: String, region: String, status: String, created: Date,
    resources: [Resource], template: JSONValue? = nil
  ) {
    self.id = id
    self.name = name
    self.region = region
    self.status = status
    self.created = created
    self.resources = resources
    let bare = resources.map { ($0.logicalID, ["Type": .string($0.type)] as JSONValue) }
    self.template = template ?? ["Resources": .object(Dictionary(bare) { $1 })]
  }
  mutating func settle(_ now: Date) {
    guard let settles, now >= settles.at else { return }
    status = settles.status
    self.settles = nil
  }
  public static func == (one: ModelStack, other: ModelStack) -> Bool {
    one.id == other.id && one.status == other.status && one.resources == other.resources
      && one.template == other.template
  }
  public var isDeleted: Bool { status == "DELETE_COMPLETE" }
}

/// One access key that the model accepts.
public struct ModelCredential: Equatable, Sendable {
  public var accessKeyID: String
  public var secretAccessKey: String
  /// Set for temporary credentials.
  public var sessionToken: String?
  public var account: AccountID
  /// The identity that GetCallerIdentity answers.
  public var arn: String
  public var expires: Date?
}

/// One handled request, for assertions on what a run really did.
public struct LoggedRequest: Codable, Equatable, Sendable {
  public var at: Date
  public var account: AccountID
  public var service: String
  /// The API's operation name, from the wire; empty for one the model does not know.
  public var operation: String
  /// Distribution, policy or stack id; empty for lists.
  public var resource: String
  public var status: Int
  /// The error code of a refused request.
  public var code: String?
  /// Whether the request changed the model's state.
  public var effective: Bool
}

/// What one POP serves for a distribution.
public struct POPView: Equatable, Sendable {
  public var config: XElement
  /// The policy in force with it; nil when none is attached or the one named is missing.
  public var policy: XElement?
}

/// Read access to one account, for assertions.
public struct ModelSnapshot: Equatable, Sendable {
  public struct Distribution: Equatable, Sendable {
    public var id: String
    public var domainName: String
    public var etag: String
    /// `InProgress` or `Deployed`.
    public var status: String
    public var config: XElement
    public var tags: [String: String]
    public var enabled: Bool
    public var staging: Bool
    public var policyID: String
  }
  public struct Policy: Equatable, Sendable {
    public var id: String
    public var etag: String
    public var enabled: Bool
    public var config: XElement
  }
  /// By id.
  public var distributions: [Distribution]
  /// By id.
  public var policies: [Policy]

  public func distribution(_ id: String) -> Distribution? { distributions.first { $0.id == id } }
  public func policy(_ id: String) -> Policy? { policies.first { $0.id == id } }
}
