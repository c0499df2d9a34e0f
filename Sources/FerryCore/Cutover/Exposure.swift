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
  /// The ways to move an alias that a distribution holds.
  public enum Way: Equatable, Sendable {
    /// One call takes it from one distribution of the account to another.
    case sameAccount
    /// The target answers by the wildcard over the name while that leaves the source and joins the target;
    /// alias first, it does so without the wildcard.
    case wildcardBridge(Order)
    /// - Parameter isEnabled: whether the source serves until then.
    case disabledSource(isEnabled: Bool)
    /// AWS Support moves it between two that serve.
    case support
  }
  /// How long an alias takes from owner to owner on the last edge location, as planned, seconds.
  /// - Source: the usual time of a distribution to become Deployed.
  public static let aliasSeconds = 300

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
    predict(
      order, accounts, aliasSeconds: aliasSeconds,
      dnsSeconds: policy.stepCost(distribution: distribution, ttl: ttl))
  }
  /// - Parameters:
  ///   - aliasSeconds: how long the alias takes from owner to owner on the last edge location.
  ///   - dnsSeconds: from the flip to the last cache without the old answer.
  static func predict(_ order: Order, _ accounts: Accounts, aliasSeconds: Int, dnsSeconds: Int)
    -> Exposure
  {
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
        order: order, seconds: aliasSeconds + dnsSeconds,
        because:
          "\(rule); across accounts who still has the old answer gets 421 from the moment the alias moves until that copy runs out"
      )
    case (.cross, .dnsFirst):
      // DNS changes first: the new answer meets 421 until the alias follows on the last edge location.
      return Exposure(
        order: order, seconds: dnsSeconds + aliasSeconds,
        because:
          "\(rule); across accounts who has the new answer gets 421 until the alias has moved, which waits for the last old answer"
      )
    }
  }

  /// What a way of moving an alias exposes viewers to; DNS follows within it, from the last server on.
  public static func predict(
    _ way: Way, ttl: Int, aliasSeconds: Int = Exposure.aliasSeconds, distribution: Int,
    policy: CutoverPolicy
  ) -> Exposure {
    predict(
      way, aliasSeconds: aliasSeconds,
      dnsSeconds: policy.stepCost(distribution: distribution, ttl: ttl))
  }
  /// - Parameter dnsSeconds: from the flip to the last cache without the old answer, as the plan waits for it.
  package static func predict(
    _ way: Way, aliasSeconds: Int = Exposure.aliasSeconds, dnsSeconds: Int
  ) -> Exposure {
    // Two changes of CloudFront, and DNS in between or after: who has the old answer waits for all of it.
    let whole = 2 * aliasSeconds + dnsSeconds
    switch way {
    case .sameAccount:
      return predict(
        .aliasFirst, .same, aliasSeconds: aliasSeconds, dnsSeconds: dnsSeconds)
    case .wildcardBridge(.dnsFirst):
      return Exposure(
        order: .dnsFirst, seconds: 0,
        because:
          "one of the two answers for the name at any time: the source by the name itself, then the target by the wildcard"
      )
    case .wildcardBridge(.aliasFirst):
      return Exposure(
        order: .aliasFirst, seconds: whole,
        because:
          "nobody owns the name from when it leaves the source until DNS has drained and it has joined the target"
      )
    case .disabledSource(isEnabled: true):
      return Exposure(
        order: .aliasFirst, seconds: whole,
        because:
          "nobody serves the name from when the source is disabled until the alias has moved and DNS has drained"
      )
    case .disabledSource(isEnabled: false):
      return Exposure(
        order: .aliasFirst, seconds: 0, because: "the source serves nobody, so nobody loses it")
    case .support:
      return predict(
        .aliasFirst, .cross, aliasSeconds: aliasSeconds, dnsSeconds: dnsSeconds)
    }
  }
}
