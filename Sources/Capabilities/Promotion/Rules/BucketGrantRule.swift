import FerryCore

/// An origin that only staging reads through an origin access control must let the primary read, too.
///
/// - Source: Developer Guide, "Quotas and other considerations for continuous deployment": the bucket's policy names
///   each distribution by its ARN; "Restricting access to an AWS Lambda function URL origin": so does the function's.
struct BucketGrantRule: PromotionRule {
  private struct Place: Hashable {
    var isBucket: Bool
    var name: String
  }
  private static func signed(_ config: XElement) -> Set<Place> {
    let origins = config.at("Origins/Items")?.children ?? []
    return Set(
      origins.compactMap { origin in
        guard !(origin.text(at: "OriginAccessControlId") ?? "").isEmpty else { return nil }
        let domain = (origin.text(at: "DomainName") ?? "").lowercased()
        let bucket = BucketName.of(origin: domain)
        return Place(isBucket: bucket != nil, name: bucket ?? domain)
      })
  }
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let new = Self.signed(it.staging.config).subtracting(Self.signed(it.primary.config))
    return new.sorted { $0.name < $1.name }.map { place in
      let what = (place.isBucket ? "bucket " : "") + place.name
      return PromotionFinding(
        place.isBucket ? "bucket-grant-unverified" : "origin-grant-unverified", .risk,
        of: it.primary.id,
        "after the promote \(it.primary.id) reads \(what), whose policy has to name \(it.primary.arn); that was not looked at",
        [it.evidence("GetDistribution", "an origin of \(it.staging.id) is \(what)")])
    }
  }
}
