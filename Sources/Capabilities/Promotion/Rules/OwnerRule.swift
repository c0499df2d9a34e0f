/// A stack that owns the primary wants the old settings back with its next update.
///
/// - Source: aws-samples/amazon-cloudfront-continuous-deployment #8; reference facts on CloudFront, section 6.4.
struct OwnerRule: PromotionRule {
  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    guard let stack = it.primary.tags["aws:cloudformation:stack-name"] else { return [] }
    return [
      PromotionFinding(
        "owned-by-live-stack", .note, of: it.primary.id,
        "\(it.primary.id) belongs to stack \(stack): after the promote its template is behind, and the next update of the stack fails or takes the promote back unless the template follows (edgeferry promote check --drift)",
        [it.evidence("ListTagsForResource", "aws:cloudformation:stack-name is \(stack)")])
    ]
  }
}
