import FerryCore

/// What CloudFront refuses in a document whatever the state of the account.
enum Validation {
  /// Required members, types, and `Quantity` against the number of items; unknown members pass.
  static func check(_ element: XElement, shape name: String) throws(Refusal) {
    try check(element, shape: name, path: name)
  }
  /// - Parameter path: made for a refusal alone.
  private static func check(
    _ element: XElement, shape name: String, path: @autoclosure () -> String
  ) throws(Refusal) {
    guard let shape = Shape.named(name) else { return }
    // Most documents are in the API's order: each member is looked for behind the one before.
    var next = element.nodes.startIndex
    func child(_ name: String) -> XElement? {
      for range in [next..<element.nodes.endIndex, element.nodes.startIndex..<next] {
        for index in range {
          guard case .element(let it) = element.nodes[index], it.name == name else { continue }
          next = index + 1
          return it
        }
      }
      return nil
    }
    for member in shape.members {
      func place() -> String { "\(path())/\(member.name)" }
      guard let child = child(member.name) else {
        // A list without items may leave `Items` out even where the model requires it.
        if member.required, member.name != "Items" {
          throw .malformed(
            "1 validation error detected: Value null at '\(place())' failed to satisfy constraint: Member must not be null"
          )
        }
        continue
      }
      try check(child, kind: member.kind, path: place())
    }
    if shape.member("Quantity") != nil, shape.member("Items") != nil {
      let items = element.first("Items")?.children.count ?? 0
      guard Int(element.text(at: "Quantity") ?? "") == items else {
        throw Refusal(
          400, "InconsistentQuantities",
          "The value of Quantity and the size of Items don't match at '\(path())'.")
      }
    }
  }

  private static func check(
    _ element: XElement, kind: Shape.Kind, path: @autoclosure () -> String
  ) throws(Refusal) {
    let text = element.text
    switch kind {
    case .structure(let name): try check(element, shape: name, path: path())
    case .list(let item, let of):
      for child in element.children {
        guard child.name == item else {
          throw .malformed("The element \(child.name) at '\(path())' is not valid; use \(item).")
        }
        try check(child, kind: of, path: path())
      }
    case .boolean:
      guard text == "true" || text == "false" else {
        throw .malformed("The value at '\(path())' must be true or false.")
      }
    case .integer:
      guard Int64(text) != nil else {
        throw .malformed("The value at '\(path())' must be a number.")
      }
    case .float:
      guard Double(text) != nil else {
        throw .malformed("The value at '\(path())' must be a number.")
      }
    case .string, .timestamp: break
    }
  }

  /// Rules inside one distribution config that hold for create and update alike.
  static func distribution(_ config: XElement) throws(Refusal) {
    try check(config, shape: "DistributionConfig")
    guard !(config.text(at: "CallerReference") ?? "").isEmpty else {
      throw .invalidArgument("The parameter CallerReference is required.")
    }
    let origins = config.at("Origins/Items")?.children ?? []
    guard !origins.isEmpty else {
      throw .invalidArgument("The parameter Origins must contain at least one origin.")
    }
    var targets = Set(origins.compactMap { $0.text(at: "Id") })
    guard targets.count == origins.count else {
      throw .invalidArgument("The parameter Origin Id must be unique.")
    }
    targets.formUnion(
      config.at("OriginGroups/Items")?.children.compactMap { $0.text(at: "Id") } ?? [])
    for behaviour in behaviours(config) {
      guard targets.contains(behaviour.text(at: "TargetOriginId") ?? "") else {
        throw Refusal(
          404, "NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
      }
      let cached = !(behaviour.text(at: "CachePolicyId") ?? "").isEmpty
      guard cached || behaviour.first("ForwardedValues") != nil else {
        throw .invalidArgument("The parameter ForwardedValues is required.")
      }
    }
    if let version = config.text(at: "HttpVersion") {
      guard ["http1.1", "http2", "http3", "http2and3"].contains(version.lowercased()) else {
        throw .invalidArgument("The parameter HttpVersion is not valid.")
      }
    }
    let aliases = config.at("Aliases/Items")?.children.map(\.text) ?? []
    guard Set(aliases).count == aliases.count else {
      throw .invalidArgument("The parameter CNAME contains duplicates.")
    }
    if config.text(at: "Staging") == "true" {
      // - Source: RJPearson94/terraform-aws-open-next #75.
      guard aliases.isEmpty else {
        throw .invalidArgument("The parameter Aliases is not supported for staging distributions.")
      }
      guard (config.text(at: "ContinuousDeploymentPolicyId") ?? "").isEmpty else {
        throw .invalidArgument(
          "The parameter ContinuousDeploymentPolicyId is not supported for staging distributions.")
      }
    }
  }

  /// Anycast addresses, viewer mTLS, gRPC or VPC origins.
  static func usesNewerFeatures(_ config: XElement) -> Bool {
    !(config.text(at: "AnycastIpListId") ?? "").isEmpty || config.first("ViewerMtlsConfig") != nil
      || behaviours(config).contains { $0.text(at: "GrpcConfig/Enabled") == "true" }
      || config.at("Origins/Items")?.children.contains { $0.first("VpcOriginConfig") != nil }
        == true
  }

  /// What a distribution may have of a thing.
  static func quotas(_ config: XElement, _ quotas: Quotas) throws(Refusal) {
    for (member, code, most) in [
      ("Origins", "TooManyOrigins", quotas.origins),
      ("OriginGroups", "TooManyOriginGroupsPerDistribution", quotas.originGroups),
      ("CacheBehaviors", "TooManyCacheBehaviors", quotas.behaviours),
    ] where (config.at("\(member)/Items")?.children.count ?? 0) > most {
      throw Refusal(400, code, "Your request contains more \(member) than are allowed.")
    }
  }

  /// Members in the API's order; unknown ones may stand anywhere.
  static func order(_ config: XElement) throws(Refusal) {
    let order = Shape.named("DistributionConfig")?.order ?? []
    let ranks = config.children.compactMap { order.firstIndex(of: $0.name) }
    guard ranks == ranks.sorted() else {
      throw .malformed("The members of DistributionConfig are out of order.")
    }
  }

  static func behaviours(_ config: XElement) -> [XElement] {
    [config.first("DefaultCacheBehavior")].compactMap { $0 }
      + (config.at("CacheBehaviors/Items")?.children ?? [])
  }

  /// What may be left out of a create but not of an update.
  /// - Source: Developer Guide "Required fields for creating and updating distributions".
  static func requiredForUpdate(_ config: XElement) throws(Refusal) {
    let members = [
      "Aliases", "DefaultRootObject", "CacheBehaviors", "CustomErrorResponses", "Logging",
      "PriceClass", "ViewerCertificate", "Restrictions", "WebACLId", "HttpVersion",
    ]
    for name in members where config.first(name) == nil {
      throw .illegalUpdate("\(name) is required for updates.")
    }
    let ofBehaviours = [
      "AllowedMethods", "SmoothStreaming", "Compress", "LambdaFunctionAssociations",
      "FieldLevelEncryptionId",
    ]
    for behaviour in behaviours(config) {
      for name in ofBehaviours where behaviour.first(name) == nil {
        throw .illegalUpdate("\(name) is required for updates.")
      }
    }
  }

  /// Settings that may change on primary and staging while a policy joins them. `Enabled` has rules
  /// of its own.
  /// - Source: Developer Guide "Using CloudFront continuous deployment to safely test CDN
  ///   configuration changes".
  static let openWhileAttached: Set<String> = [
    "DefaultCacheBehavior", "CacheBehaviors", "Origins", "OriginGroups", "CustomErrorResponses",
    "Restrictions", "DefaultRootObject", "Logging", "Comment", "Enabled", "CallerReference",
    "ContinuousDeploymentPolicyId",
  ]

  static func unchangedWhileAttached(from old: XElement, to new: XElement) throws(Refusal) {
    /// Clients write members in orders of their own (aws-sdk-go-v2: by name), and aliases are a set.
    func sorted(_ it: XElement) -> XElement {
      let children = it.children.map(sorted)
      guard !children.isEmpty else { return it }
      let isSequence = it.name == "Items" && children.first?.name != "CNAME"
      return XElement(
        it.name,
        isSequence ? children : children.sorted { ($0.name, $0.text) < ($1.name, $1.text) })
    }
    func closed(_ config: XElement) -> [XElement] {
      sorted(config.canonical).children.filter { !openWhileAttached.contains($0.name) }
    }
    // - Source: the message as reported in terraform-provider-aws #28920.
    guard closed(old) == closed(new) else {
      throw .illegalUpdate(
        "One or more fields updated are not supported for continuous deployment.")
    }
  }

  /// Rules inside one policy.
  /// - Source: API reference of ContinuousDeploymentSingleWeightConfig, SessionStickinessConfig and
  ///   ContinuousDeploymentSingleHeaderConfig; lengths from the CloudFormation registry schema.
  static func policy(_ config: XElement) throws(Refusal) {
    try check(config, shape: "ContinuousDeploymentPolicyConfig")
    guard let names = config.at("StagingDistributionDnsNames/Items")?.children, !names.isEmpty
    else {
      throw .invalidArgument("The parameter StagingDistributionDnsNames must contain a DNS name.")
    }
    guard let traffic = config.first("TrafficConfig") else { return }
    switch traffic.text(at: "Type") {
    case "SingleWeight":
      guard let weighted = traffic.first("SingleWeightConfig") else {
        throw .invalidArgument("The parameter SingleWeightConfig is required.")
      }
      guard let weight = Double(weighted.text(at: "Weight") ?? ""), (0...0.15).contains(weight)
      else { throw .invalidArgument("The parameter Weight must be between 0 and 0.15.") }
      guard let sticky = weighted.first("SessionStickinessConfig") else { return }
      guard let idle = Int(sticky.text(at: "IdleTTL") ?? ""), (300...3600).contains(idle),
        let maximum = Int(sticky.text(at: "MaximumTTL") ?? ""), (300...3600).contains(maximum)
      else {
        throw .invalidArgument(
          "The parameters IdleTTL and MaximumTTL must be between 300 and 3600.")
      }
      guard idle <= maximum else {
        throw .invalidArgument("The parameter IdleTTL must not be greater than MaximumTTL.")
      }
    case "SingleHeader":
      guard let header = traffic.first("SingleHeaderConfig") else {
        throw .invalidArgument("The parameter SingleHeaderConfig is required.")
      }
      let name = header.text(at: "Header") ?? ""
      guard name.lowercased().hasPrefix("aws-cf-cd-"), (1...256).contains(name.count) else {
        throw .invalidArgument("The parameter Header must start with aws-cf-cd-.")
      }
      guard (1...1783).contains((header.text(at: "Value") ?? "").count) else {
        throw .invalidArgument("The parameter Value must have 1 to 1783 characters.")
      }
    default: throw .invalidArgument("The parameter Type must be SingleWeight or SingleHeader.")
    }
  }
}
