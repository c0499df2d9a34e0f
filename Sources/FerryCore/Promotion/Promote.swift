/// What a promote does to a primary: all but what it keeps becomes its staging distribution's.
///
/// - Source: API reference of UpdateDistributionWithStagingConfig; Developer Guide, "Using CloudFront continuous
///   deployment to safely test CDN configuration changes"; reference facts on CloudFront, sections 3.2 and 3.4.
public enum Promote {
  /// What may differ from the staging distribution while a policy is attached, and so can be put back afterwards.
  public static let carried = [
    "DefaultRootObject", "Origins", "OriginGroups", "DefaultCacheBehavior", "CacheBehaviors",
    "CustomErrorResponses", "Comment", "Logging", "Restrictions",
  ]
  /// What is the primary's own before and after. CallerReference never changes; Staging says which side it is.
  public static let kept = [
    "CallerReference", "Aliases", "ContinuousDeploymentPolicyId", "Staging",
  ]

  /// The primary's config as a promote leaves it.
  public static func config(of primary: XElement, from staging: XElement) -> XElement {
    staging.taking(kept, from: primary)
  }
  /// Whether the primary has everything that a promote carries over.
  public static func isDone(_ primary: XElement, from staging: XElement) -> Bool {
    primary.hasSame(carried, as: staging)
  }
}

extension XElement {
  /// With the other config's elements of those names in place of its own; what the other has not is taken out.
  public func taking(_ names: [String], from other: XElement, shape: String = "DistributionConfig")
    -> XElement
  {
    var out = self
    for name in names {
      if let child = other.first(name) {
        out.put(child, order: Shape.named(shape)?.order ?? [])
      } else {
        out.nodes.removeAll { if case .element(let it) = $0 { it.name == name } else { false } }
      }
    }
    return out
  }
  /// Whether both configs say the same in the elements of those names; empty equals absent.
  public func hasSame(_ names: [String], as other: XElement) -> Bool {
    let (own, others) = (digestForm, other.digestForm)
    return names.allSatisfy { own.first($0) == others.first($0) }
  }
}
