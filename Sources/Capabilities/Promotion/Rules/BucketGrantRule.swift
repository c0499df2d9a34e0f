import FerryCore

/// A bucket that only staging reads through an origin access control must let the primary read, too.
///
/// - Source: Developer Guide, "Quotas and other considerations for continuous deployment": the bucket's policy names
///   each distribution by its ARN.
struct BucketGrantRule: PromotionRule {
  static func buckets(_ config: XElement) -> Set<String> {
    let origins = config.at("Origins/Items")?.children ?? []
    return Set(
      origins.compactMap { origin in
        guard !(origin.text(at: "OriginAccessControlId") ?? "").isEmpty else { return nil }
        return BucketName.of(origin: origin.text(at: "DomainName") ?? "")
      })
  }
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let new = Self.buckets(it.staging.config).subtracting(Self.buckets(it.primary.config)).sorted()
    return new.map {
      PromotionFinding(
        "bucket-grant-unverified", .risk, of: it.primary.id,
        "after the promote \(it.primary.id) reads bucket \($0), whose policy has to name \(it.primary.arn); that was not looked at",
        [it.evidence("GetDistribution", "an origin of \(it.staging.id) is bucket \($0)")])
    }
  }
}
