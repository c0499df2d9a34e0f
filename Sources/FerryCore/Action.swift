/// What a step does; `type` in the file is `service.verb`.
///
/// String fields may hold a reference `${step.field:-otherwise}` to an output of an earlier step of the
/// same run: `id` and `domainName` of what it created.
public indirect enum Action: Equatable, Sendable {
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
  /// `cloudfront.create`: a resource that distributions refer to.
  case create(ResourceDraft)
  /// `cloudfront.delete`: one that is referred to no more. `id` is its id, or the name of what has none.
  case delete(kind: ResourceKind, id: String)
  /// `cloudfront.moveAlias`: takes an alias from one distribution to another in one call
  /// (UpdateDomainAssociation).
  case moveAlias(alias: String, from: String, to: String)
  /// `cloudfront.promote`: the primary takes its staging distribution's config but for what it keeps
  /// (`Promote.kept`), and the policy between them is disabled; one call.
  case promote(distribution: String, staging: String)
  /// `cloudfront.restoreConfig`: those elements of a distribution's config as in a saved image, and no other.
  case restoreConfig(distribution: String, image: String, members: [String])
  /// `s3.putBucketPolicy`, `kms.putKeyPolicy`: statements added and removed, all others kept.
  case editStatements(PolicyStatements)
  /// `external`: a command of another tool, or a person's act; the step's checks say whether it was done.
  case external(External)
  /// `observe`: no write; the step's checks say what must hold.
  case observe

  /// The digests of the saved configs and contents that it makes something from.
  public var images: [String] {
    switch self {
    case .createDistribution(let image, _, _, _), .createPolicy(let image, _),
      .restoreConfig(_, let image, _):
      [image]
    case .create(let draft): [draft.image] + [draft.content].compactMap { $0 }
    default: []
    }
  }

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
    case .create: "cloudfront.create"
    case .delete: "cloudfront.delete"
    case .moveAlias: "cloudfront.moveAlias"
    case .promote: "cloudfront.promote"
    case .restoreConfig: "cloudfront.restoreConfig"
    case .editStatements(let edit): edit.service.type
    case .external: "external"
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
    case .create(let draft): draft.set
    case .deleteDistribution, .deletePolicy, .replace, .batch, .delete, .moveAlias, .promote,
      .restoreConfig, .editStatements, .external, .observe:
      []
    }
  }
}

extension Action: Codable {
  private enum Key: String, CodingKey {
    case type, distribution, policy, set, from, to, image, callerReference, tags
    case zone, changes
    case kind, id, alias
    case staging, members
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
    case "cloudfront.create": self = .create(try ResourceDraft(from: decoder))
    case "cloudfront.delete":
      self = .delete(
        kind: try box.decode(ResourceKind.self, forKey: .kind),
        id: try box.decode(String.self, forKey: .id))
    case "cloudfront.moveAlias":
      self = .moveAlias(
        alias: try box.decode(String.self, forKey: .alias),
        from: try box.decode(String.self, forKey: .from),
        to: try box.decode(String.self, forKey: .to))
    case "cloudfront.promote":
      self = .promote(
        distribution: try box.decode(String.self, forKey: .distribution),
        staging: try box.decode(String.self, forKey: .staging))
    case "cloudfront.restoreConfig":
      self = .restoreConfig(
        distribution: try box.decode(String.self, forKey: .distribution),
        image: try box.decode(String.self, forKey: .image),
        members: try box.decode([String].self, forKey: .members))
    case "s3.putBucketPolicy", "kms.putKeyPolicy":
      self = .editStatements(try PolicyStatements(from: decoder))
    case "external": self = .external(try External(from: decoder))
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
    case .create(let draft): try draft.encode(to: encoder)
    case .delete(let kind, let id):
      try box.encode(kind, forKey: .kind)
      try box.encode(id, forKey: .id)
    case .moveAlias(let alias, let from, let to):
      try box.encode(alias, forKey: .alias)
      try box.encode(from, forKey: .from)
      try box.encode(to, forKey: .to)
    case .promote(let distribution, let staging):
      try box.encode(distribution, forKey: .distribution)
      try box.encode(staging, forKey: .staging)
    case .restoreConfig(let distribution, let image, let members):
      try box.encode(distribution, forKey: .distribution)
      try box.encode(image, forKey: .image)
      try box.encode(members, forKey: .members)
    case .editStatements(let edit): try edit.encode(to: encoder)
    case .external(let it): try it.encode(to: encoder)
    case .observe: break
    }
  }
}
