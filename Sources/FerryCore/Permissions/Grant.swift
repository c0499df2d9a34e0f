import Foundation

/// One IAM action on one resource.
public struct Grant: Hashable, Comparable, Sendable {
  /// `service:Action`
  public var action: String
  /// An ARN, or `*` where the action takes none.
  public var resource: String
  public init(_ action: String, on resource: String) {
    self.action = action
    self.resource = resource
  }
  public static func < (left: Grant, right: Grant) -> Bool {
    (left.action, left.resource) < (right.action, right.resource)
  }
  /// Whether it changes nothing in AWS.
  public var isRead: Bool {
    let name = action.split(separator: ":").last ?? ""
    return ["Get", "List", "Describe", "Simulate", "AssumeRole"].contains { name.hasPrefix($0) }
  }
}

/// Where the resources of an action are.
public struct GrantPlace: Equatable, Sendable {
  /// An account, or `*`.
  public var account: String
  public var partition: String
  public init(account: String, partition: String = "aws") {
    self.account = account
    self.partition = partition
  }

  public func arn(_ service: String, _ resource: String, region: String = "", owned: Bool = true)
    -> String
  {
    "arn:\(partition):\(service):\(region):\(owned ? account : ""):\(resource)"
  }
  public func distribution(_ id: String) -> String { arn("cloudfront", "distribution/\(id)") }
  public func policy(_ id: String) -> String {
    arn("cloudfront", "continuous-deployment-policy/\(id)")
  }
  public func hostedZone(_ id: String) -> String {
    arn("route53", "hostedzone/\(id)", owned: false)
  }
  public func object(_ bucket: String, _ key: String? = nil) -> String {
    arn("s3", key.map { "\(bucket)/\($0)" } ?? bucket, owned: false)
  }

  /// What the action needs when it is not known which resources it will be about: all of their kind.
  ///
  /// - Source: reference facts on CloudFront, section 8.1; Service Authorization Reference. What is not known to take
  ///   an ARN gets `*`: a narrower policy would refuse it.
  public func all(of action: String) -> [Grant] {
    resources(action).map { Grant(action, on: $0) }
  }
  /// Tags are those of distributions, and of functions and VPC origins where these are read too.
  public func all(of actions: Set<String>) -> Set<Grant> {
    var out = Set(actions.flatMap { all(of: $0) })
    let tags = "cloudfront:ListTagsForResource"
    if actions.contains(tags), actions.contains("cloudfront:GetFunction") {
      out.insert(Grant(tags, on: arn("cloudfront", "function/*")))
    }
    if actions.contains(tags), actions.contains("cloudfront:GetVpcOrigin") {
      out.insert(Grant(tags, on: arn("cloudfront", "vpcorigin/*")))
    }
    return out
  }
  private func resources(_ action: String) -> [String] {
    let parts = action.split(separator: ":", maxSplits: 1)
    let (service, name) = (String(parts.first ?? ""), String(parts.last ?? ""))
    switch service {
    case "cloudfront":
      if Self.ofPolicies.contains(name) { return [policy("*")] }
      let isOne = Self.ofDistributions.contains(name) || Self.ofTags.contains(name)
      return [isOne ? distribution("*") : "*"]
    case "cloudfront-keyvaluestore": return [arn("cloudfront", "key-value-store/*")]
    case "acm" where name == "DescribeCertificate":
      return [arn(service, "certificate/*", region: "us-east-1")]
    case "cloudformation" where name == "ListStackResources":
      return [arn(service, "stack/*", region: "*")]
    case "iam":
      switch name {
      case "GetRole": return [arn(service, "role/*")]
      case "GetServerCertificate": return [arn(service, "server-certificate/*")]
      case "SimulatePrincipalPolicy": return [arn(service, "role/*"), arn(service, "user/*")]
      default: return ["*"]
      }
    case "kms": return [arn(service, "key/*", region: "*")]
    case "lambda": return [arn(service, "function:*", region: "*")]
    case "route53":
      switch name {
      case "GetChange": return [arn(service, "change/*", owned: false)]
      case "ListHostedZonesByName": return ["*"]
      default: return [hostedZone("*")]
      }
    case "s3": return [object("*")]
    case "sts": return [GrantPlace(account: "*", partition: partition).arn("iam", "role/*")]
    case "wafv2": return [arn(service, "global/*", region: "us-east-1")]
    default: return ["*"]
    }
  }
  static let ofDistributions: Set = [
    "DeleteDistribution", "GetDistribution", "ListConflictingAliases", "ListDomainConflicts",
    "UpdateDistribution", "UpdateDistributionWithStagingConfig", "UpdateDomainAssociation",
  ]
  static let ofPolicies: Set = [
    "DeleteContinuousDeploymentPolicy", "GetContinuousDeploymentPolicy",
    "UpdateContinuousDeploymentPolicy",
  ]
  static let ofTags: Set = ["ListTagsForResource", "TagResource"]
}

/// The grants of one account.
public struct AccountGrants: Equatable, Sendable {
  /// Its number; or the settings' name of it, or `*`, where no number is known.
  public var account: String
  public var grants: Set<Grant>
  public init(account: String, grants: Set<Grant> = []) {
    self.account = account
    self.grants = grants
  }
  public var read: JSONValue { Self.document(grants.filter(\.isRead), sid: "Read") }
  public var write: JSONValue { Self.document(grants.filter { !$0.isRead }, sid: "Write") }

  /// An IAM policy document; its statement list is empty when nothing is needed.
  ///
  /// Actions on the same resources share a statement, by service; everything is sorted.
  public static func document(_ grants: Set<Grant>, sid: String) -> JSONValue {
    var resources: [String: Set<String>] = [:]
    for grant in grants { resources[grant.action, default: []].insert(grant.resource) }
    struct Key: Hashable {
      var service: String
      var resources: [String]
    }
    var actions: [Key: [String]] = [:]
    for (action, places) in resources {
      let service = String(action.prefix { $0 != ":" })
      let kept = places.contains("*") ? ["*"] : places.sorted()
      actions[Key(service: service, resources: kept), default: []].append(action)
    }
    var count: [String: Int] = [:]
    let statements = actions.map { (key: $0.key, actions: $0.value.sorted()) }.sorted {
      ($0.key.service, $0.actions[0]) < ($1.key.service, $1.actions[0])
    }.map { it -> JSONValue in
      let name = it.key.service.filter { $0.isLetter || $0.isNumber }
      let number = count[name, default: 0] + 1
      count[name] = number
      return [
        "Sid": .string("\(sid)\(name.capitalized)\(number == 1 ? "" : "\(number)")"),
        "Effect": "Allow", "Action": .array(it.actions.map(JSONValue.string)),
        "Resource": .array(it.key.resources.map(JSONValue.string)),
      ]
    }
    return ["Version": "2012-10-17", "Statement": .array(statements)]
  }
}
