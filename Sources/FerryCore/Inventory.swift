import Foundation

/// A dated, lossless copy of what was read of one or more accounts; what could not be read is a gap.
public struct Inventory: Codable, Equatable, Sendable {
  public static let schema = "edgeferry.inventory/1"

  /// Something that could not be read, and so may overturn a verdict.
  public struct Gap: Codable, Equatable, Hashable, Sendable {
    public var account: AccountID
    /// The API call, such as `GetDistribution`.
    public var call: String
    public var reason: String
    /// The resource or region that the call was for, when there was one.
    public var resource: String?
    /// The IAM action that the call needs, where the reader knows it.
    public var action: String?
    public init(
      account: AccountID, call: String, reason: String, resource: String? = nil,
      action: String? = nil
    ) {
      self.account = account
      self.call = call
      self.reason = reason
      self.resource = resource
      self.action = action
    }
  }

  public struct Distribution: Codable, Equatable, Sendable {
    public var id: String
    public var arn: String
    public var domainName: String
    public var status: String
    public var etag: String
    public var lastModified: String
    public var tags: [String: String]
    /// The `DistributionConfig` as read, origin header values redacted unless asked otherwise.
    public var config: XElement

    public init(
      id: String, arn: String, domainName: String, status: String, etag: String,
      lastModified: String, tags: [String: String], config: XElement
    ) {
      self.id = id
      self.arn = arn
      self.domainName = domainName
      self.status = status
      self.etag = etag
      self.lastModified = lastModified
      self.tags = tags
      self.config = config
    }
    public var isStaging: Bool { config.text(at: "Staging") == "true" }
    public var isEnabled: Bool { config.text(at: "Enabled") == "true" }
    /// The attached policy's id, nil when the element is empty or absent.
    public var policyID: String? {
      config.text(at: "ContinuousDeploymentPolicyId").flatMap { $0.isEmpty ? nil : $0 }
    }
    public var aliases: [String] { config.at("Aliases/Items")?.children.map(\.text) ?? [] }

    enum CodingKeys: String, CodingKey {
      case id, arn, domainName, status, etag, lastModified, tags, config, configXML
    }
    public init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      id = try box.decode(String.self, forKey: .id)
      arn = try box.decodeIfPresent(String.self, forKey: .arn) ?? ""
      domainName = try box.decodeIfPresent(String.self, forKey: .domainName) ?? ""
      status = try box.decodeIfPresent(String.self, forKey: .status) ?? "Deployed"
      etag = try box.decodeIfPresent(String.self, forKey: .etag) ?? ""
      lastModified = try box.decodeIfPresent(String.self, forKey: .lastModified) ?? ""
      tags = try box.decodeIfPresent([String: String].self, forKey: .tags) ?? [:]
      config = try Inventory.config(
        box.decodeIfPresent(String.self, forKey: .configXML),
        box.decodeIfPresent(JSONValue.self, forKey: .config), shape: "DistributionConfig",
        of: id, at: box.codingPath)
    }
    public func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encode(id, forKey: .id)
      try box.encode(arn, forKey: .arn)
      try box.encode(domainName, forKey: .domainName)
      try box.encode(status, forKey: .status)
      try box.encode(etag, forKey: .etag)
      try box.encode(lastModified, forKey: .lastModified)
      try box.encode(tags, forKey: .tags)
      try box.encode(Shape.json(config, shape: "DistributionConfig"), forKey: .config)
      try box.encode(config.xml, forKey: .configXML)
    }
  }

  public struct Policy: Codable, Equatable, Sendable {
    public var id: String
    public var etag: String
    public var lastModified: String
    /// The `ContinuousDeploymentPolicyConfig` as read.
    public var config: XElement

    public init(id: String, etag: String, lastModified: String, config: XElement) {
      self.id = id
      self.etag = etag
      self.lastModified = lastModified
      self.config = config
    }
    public var isEnabled: Bool { config.text(at: "Enabled") == "true" }
    /// The `d….cloudfront.net` names of the staging distributions that it routes to.
    public var stagingNames: [String] {
      config.at("StagingDistributionDnsNames/Items")?.children.map(\.text) ?? []
    }
    public func arn(account: AccountID) -> String {
      "arn:aws:cloudfront::\(account):continuous-deployment-policy/\(id)"
    }

    enum CodingKeys: String, CodingKey { case id, etag, lastModified, config, configXML }
    public init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      id = try box.decode(String.self, forKey: .id)
      etag = try box.decodeIfPresent(String.self, forKey: .etag) ?? ""
      lastModified = try box.decodeIfPresent(String.self, forKey: .lastModified) ?? ""
      config = try Inventory.config(
        box.decodeIfPresent(String.self, forKey: .configXML),
        box.decodeIfPresent(JSONValue.self, forKey: .config),
        shape: "ContinuousDeploymentPolicyConfig", of: id, at: box.codingPath)
    }
    public func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encode(id, forKey: .id)
      try box.encode(etag, forKey: .etag)
      try box.encode(lastModified, forKey: .lastModified)
      try box.encode(Shape.json(config, shape: "ContinuousDeploymentPolicyConfig"), forKey: .config)
      try box.encode(config.xml, forKey: .configXML)
    }
  }

  public struct Stack: Codable, Equatable, Sendable {
    public struct Resource: Codable, Equatable, Sendable {
      public var logicalId: String
      public var type: String
      public var physicalId: String
      public var status: String
      public init(logicalId: String, type: String, physicalId: String, status: String) {
        self.logicalId = logicalId
        self.type = type
        self.physicalId = physicalId
        self.status = status
      }
    }
    public var id: String
    public var name: String
    public var region: String
    public var status: String
    public var resources: [Resource]
    /// In JSON's form; an inventory that was taken has none, a lab may be given one.
    public var template: JSONValue?
    public init(
      id: String, name: String, region: String, status: String, resources: [Resource]
    ) {
      self.id = id
      self.name = name
      self.region = region
      self.status = status
      self.resources = resources
    }
    public var isDeleted: Bool { status == "DELETE_COMPLETE" }
  }

  public struct Account: Codable, Equatable, Sendable {
    public var id: AccountID
    public var distributions: [Distribution]
    public var continuousDeploymentPolicies: [Policy]
    public var stacks: [Stack]
    /// The regions whose stacks were asked for; a region not asked leaves the owner unknown.
    public var regions: [String]
    /// What distributions refer to, of every kind; in the file each kind is an array of its own.
    public var resources: [Resource]

    public init(
      id: AccountID, distributions: [Distribution] = [], policies: [Policy] = [],
      stacks: [Stack] = [], regions: [String] = [], resources: [Resource] = []
    ) {
      self.id = id
      self.distributions = distributions
      self.continuousDeploymentPolicies = policies
      self.stacks = stacks
      self.regions = regions
      self.resources = resources
    }
    enum CodingKeys: String, CodingKey {
      case id, distributions, continuousDeploymentPolicies, stacks, regions
    }
    /// An array of one kind.
    private struct KindKey: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
    public init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      id = try box.decode(String.self, forKey: .id)
      distributions = try box.decodeIfPresent([Distribution].self, forKey: .distributions) ?? []
      continuousDeploymentPolicies =
        try box.decodeIfPresent([Policy].self, forKey: .continuousDeploymentPolicies) ?? []
      stacks = try box.decodeIfPresent([Stack].self, forKey: .stacks) ?? []
      regions =
        try box.decodeIfPresent([String].self, forKey: .regions)
        ?? Array(Set(stacks.map(\.region))).sorted()
      resources = []
      let arrays = try decoder.container(keyedBy: KindKey.self)
      for kind in ResourceKind.kept {
        guard let name = kind.inventoryKey else { continue }
        let key = KindKey(stringValue: name)
        let items = try arrays.decodeIfPresent([JSONValue].self, forKey: key) ?? []
        for (index, item) in items.enumerated() {
          resources.append(
            try Resource(
              item, kind: kind, place: "\(name)[\(index)]", at: arrays.codingPath + [key]))
        }
      }
    }
    public func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encode(id, forKey: .id)
      try box.encode(distributions, forKey: .distributions)
      try box.encode(continuousDeploymentPolicies, forKey: .continuousDeploymentPolicies)
      try box.encode(stacks, forKey: .stacks)
      try box.encode(regions, forKey: .regions)
      var arrays = encoder.container(keyedBy: KindKey.self)
      for kind in ResourceKind.kept {
        let items = resources.filter { $0.kind == kind }.map(\.item)
        guard let name = kind.inventoryKey, !items.isEmpty else { continue }
        try arrays.encode(items, forKey: KindKey(stringValue: name))
      }
    }
  }

  public var schema = Inventory.schema
  public var takenAt: Date
  public var complete: Bool
  public var gaps: [Gap]
  public var accounts: [Account]

  public init(takenAt: Date, gaps: [Gap], accounts: [Account]) {
    self.takenAt = takenAt
    self.complete = gaps.isEmpty
    self.gaps = gaps
    self.accounts = accounts
  }

  /// The same with the values of origin headers and of key value stores replaced by their SHA-256.
  public var redacted: Inventory {
    var out = self
    for account in out.accounts.indices {
      for index in out.accounts[account].distributions.indices {
        out.accounts[account].distributions[index].config =
          out.accounts[account].distributions[index].config.redacted
      }
      out.accounts[account].resources = out.accounts[account].resources.map(\.redacted)
    }
    return out
  }

  /// - Throws: `.badInput` (64) for another schema or a broken document.
  public static func read(_ bytes: [UInt8], named what: String) throws(FerryError) -> Inventory {
    let document = try JSONValue.read(bytes, what: "inventory \(what)")
    try checkSchema(document, is: schema, what: "inventory \(what)")
    return try document.decoded(Inventory.self, what: "inventory \(what)")
  }

  static func config(
    _ xml: String?, _ json: JSONValue?, shape: String, of id: String, at path: [any CodingKey]
  ) throws -> XElement {
    func broken(_ why: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: path, debugDescription: "\(id): \(why)"))
    }
    do {
      if let xml {
        let root = try XMLReader.read(xml)
        guard root.name == shape else {
          throw broken("configXML holds <\(root.name)>, not <\(shape)>")
        }
        return root
      }
      if let json { return try Shape.xml(json, shape: shape) }
    } catch let error as FerryError {
      throw broken("\(error.what): \(error.why)")
    }
    throw broken("it has neither config nor configXML")
  }
}
