/// The seconds in which some viewer may see a broken answer while an alias moves between two CloudFront
/// distributions, by ordering and by accounts.
///
/// One rule decides: CloudFront routes by who owns the alias, whichever `dxxxx.cloudfront.net` name DNS
/// points at. So DNS breaks nothing within an account; across accounts the certificate of the handshake
/// and the owner of the alias must be of one account, or the answer is 421.
/// - Source: CloudFront Developer Guide, "Using custom URLs by adding alternate domain names (CNAMEs)".
public struct Exposure: Equatable, Sendable {
  public enum Order: String, Sendable {
    case dnsFirst = "dns-first"
    case aliasFirst = "alias-first"
  }
  public enum Accounts: Sendable { case same, cross }
  public var order: Order
  public var seconds: Int
  public var because: String

  /// - Parameters:
  ///   - ttl: seconds, in place when DNS flips.
  ///   - aliasSeconds: how long the alias takes from owner to owner on the last edge location.
  ///   - distribution: until the last authoritative server has the new answer, seconds.
  public static func predict(
    _ order: Order, _ accounts: Accounts, ttl: Int, aliasSeconds: Int, distribution: Int,
    policy: CutoverPolicy
  ) -> Exposure {
    let rule =
      "CloudFront routes by who owns the alias, whichever dxxxx.cloudfront.net name DNS points at"
    switch (accounts, order) {
    case (.same, _):
      return Exposure(
        order: order, seconds: 0,
        because:
          "\(rule): in one account the alias is always one distribution's, and DNS only names the edge"
      )
    case (.cross, .aliasFirst):
      // The owner changes first: copies of the old answer meet 421 until the last has run out.
      return Exposure(
        order: order, seconds: aliasSeconds + distribution + policy.flipWait(ttl: ttl),
        because:
          "\(rule); across accounts who still has the old answer gets 421 from the moment the alias moves until that copy runs out"
      )
    case (.cross, .dnsFirst):
      // DNS changes first: the new answer meets 421 until the alias follows on the last edge location.
      return Exposure(
        order: order, seconds: distribution + policy.flipWait(ttl: ttl) + aliasSeconds,
        because:
          "\(rule); across accounts who has the new answer gets 421 until the alias has moved, which waits for the last old answer"
      )
    }
  }
}
