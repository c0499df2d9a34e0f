/// What `cloudfront.create` makes.
///
/// A repeated create is recognised by the name, which is unique in an account; kinds that have none (OAI) by
/// the CallerReference in their config, a monitoring subscription by its distribution.
public struct ResourceDraft: Codable, Equatable, Sendable {
  public var kind: ResourceKind
  /// The name in the target account; of a monitoring subscription the distribution's id or a reference to it, of a log
  /// delivery `SOURCE/DESTINATION-ARN`.
  public var name: String
  /// Digest of the config that it is made from: an image of the plan, or of the state database alone.
  public var image: String
  public var set: [ConfigEdit]
  /// Digest of a function's code, or of a key value store's contents: an image as well. nil for none.
  public var content: String?
  /// nil for kinds that carry none.
  public var tags: [String: String]?

  public init(
    kind: ResourceKind, name: String, image: String, set: [ConfigEdit] = [], content: String? = nil,
    tags: [String: String]? = nil
  ) {
    self.kind = kind
    self.name = name
    self.image = image
    self.set = set
    self.content = content
    self.tags = tags
  }
}

/// Statements of a resource's policy that a plan adds or takes away; nothing else of it is touched.
public struct PolicyStatements: Equatable, Sendable {
  public enum Service: String, Sendable {
    case bucket
    case key
    public var type: String { self == .bucket ? "s3.putBucketPolicy" : "kms.putKeyPolicy" }
  }
  public var service: Service
  /// A bucket's name, or a key's ARN.
  public var resource: String
  /// Where the bucket or key is.
  public var region: String
  /// As IAM reads them, each with an `Sid` of its own. Strings may hold references to earlier steps.
  public var add: [JSONValue]
  public var remove: [JSONValue]

  public init(
    _ service: Service, _ resource: String, region: String, add: [JSONValue] = [],
    remove: [JSONValue] = []
  ) {
    self.service = service
    self.resource = resource
    self.region = region
    self.add = add
    self.remove = remove
  }
  public var inverse: PolicyStatements {
    PolicyStatements(service, resource, region: region, add: remove, remove: add)
  }
}

extension PolicyStatements: Codable {
  private enum Key: String, CodingKey { case type, bucket, key, region, add, remove }
  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: Key.self)
    service = try box.decode(String.self, forKey: .type) == Service.bucket.type ? .bucket : .key
    resource = try box.decode(String.self, forKey: service == .bucket ? .bucket : .key)
    region = try box.decode(String.self, forKey: .region)
    add = try box.decode([JSONValue].self, forKey: .add)
    remove = try box.decode([JSONValue].self, forKey: .remove)
  }
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: Key.self)
    try box.encode(resource, forKey: service == .bucket ? .bucket : .key)
    try box.encode(region, forKey: .region)
    try box.encode(add, forKey: .add)
    try box.encode(remove, forKey: .remove)
  }
}
