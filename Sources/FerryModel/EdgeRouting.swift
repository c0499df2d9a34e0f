import FerryCore
import Foundation

/// The certificate that an edge shows for a name.
public struct EdgeCertificate: Equatable, Sendable {
  /// The names it is for.
  public var names: [String]
  /// Whose it is; nil for CloudFront's own, shown to who asks for no name or an unknown one.
  public var account: AccountID?

  static let ownName = "*.cloudfront.net"
}

/// What a viewer asks of an edge.
public struct EdgeRequest: Equatable, Sendable {
  /// The Host header.
  public var host: String
  /// The certificate that answered the handshake; nil over plain HTTP.
  public var certificate: EdgeCertificate?
  /// The path, without its query.
  public var path: String
  public var query: String
  /// Names in lower case.
  public var headers: [String: String]

  public init(
    host: String, certificate: EdgeCertificate? = nil, path: String = "/", query: String = "",
    headers: [String: String] = [:]
  ) {
    self.host = host
    self.certificate = certificate
    self.path = path
    self.query = query
    self.headers = headers
  }

  /// The cookies, by name.
  var cookies: [String: String] {
    var out: [String: String] = [:]
    for pair in (headers["cookie"] ?? "").split(whereSeparator: { $0 == ";" || $0 == "," }) {
      let sides = pair.split(separator: "=", maxSplits: 1)
      guard sides.count == 2 else { continue }
      out[String(sides[0].drop { $0 == " " })] = String(sides[1])
    }
    return out
  }
}

/// How an edge answers.
public enum EdgeAnswer: Equatable, Sendable {
  /// A distribution's content comes; `cookie` is the value of a Set-Cookie header, when there is one.
  case served(by: String, cookie: String?)
  /// 301 to the same place over TLS.
  case redirect(to: String, by: String)
  /// An error of CloudFront's own: 400, 403 or 421.
  case refused(status: Int, why: String)
}

/// Which distribution answers for a name, at one POP and one time.
///
/// Ownership goes over all accounts, by what that POP has heard: first who holds the exact name, then who
/// holds the longest wildcard over it. Whoever holds it is the answer, also a disabled one.
/// - Source: Developer Guide "Use custom URLs by adding alternate domain names (CNAMEs)", "Delete a
///   distribution", and the note on domain fronting there (421).
extension CloudFrontModel {
  /// The certificate for a name that a client asks for in its handshake.
  public func edgeCertificate(serverName: String?, pop: Int, now: Date) -> EdgeCertificate {
    Self.certificate(of: serverName.flatMap { owner(of: $0, pop: pop, now: now) })
  }
  private static func certificate(of owner: Owner?) -> EdgeCertificate {
    guard let owner else {
      return EdgeCertificate(names: [EdgeCertificate.ownName], account: nil)
    }
    // One certificate a distribution; it covers one label of a wildcard alias, as certificates do.
    let names = owner.seen.aliases
    return EdgeCertificate(
      names: owner.isOwnName || names.isEmpty ? [EdgeCertificate.ownName] : names.sorted(),
      account: owner.it.account)
  }

  /// Answers one request of a viewer; changes nothing.
  ///
  /// - Parameters:
  ///   - pop: 0..<pops.
  ///   - random: 0..<1, decides by weight.
  public func edge(_ request: EdgeRequest, pop: Int, now: Date, random: Double) -> EdgeAnswer {
    edge(
      request, owner(of: request.host, pop: pop, now: now), pop: pop, now: now, random: random)
  }
  /// A handshake for a name and a request for its root, as browsers do it: the certificate, and the answer if that is taken.
  public func visit(_ host: String, pop: Int, now: Date, random: Double) -> (
    certificate: EdgeCertificate, answer: EdgeAnswer
  ) {
    let owner = owner(of: host, pop: pop, now: now)
    let certificate = Self.certificate(of: owner)
    let request = EdgeRequest(host: host, certificate: certificate)
    return (certificate, edge(request, owner, pop: pop, now: now, random: random))
  }
  private func edge(
    _ request: EdgeRequest, _ owner: Owner?, pop: Int, now: Date, random: Double
  ) -> EdgeAnswer {
    let host = Self.name(request.host)
    guard !host.isEmpty else { return .refused(status: 400, why: "The Host header is missing.") }
    guard let owner else {
      return .refused(
        status: 403, why: "No distribution of this lab answers to this name at this edge.")
    }
    if isSwapping(host, pop: pop, now: now) {
      return request.certificate == nil
        ? .refused(status: 403, why: "This name is moving to another account.")
        : .refused(
          status: 421,
          why: "The certificate of this connection belongs to another account than this name.")
    }
    if let account = request.certificate?.account, account != owner.it.account {
      return .refused(
        status: 421,
        why: "The certificate of this connection belongs to another account than this name.")
    }
    guard owner.seen.isEnabled else {
      return .refused(status: 403, why: "The distribution is disabled.")
    }
    // - Source: Developer Guide "Using CloudFront continuous deployment to safely test CDN configuration
    //   changes": viewers reach a staging distribution through the policy alone.
    guard !owner.it.staging else {
      return .refused(status: 403, why: "A staging distribution does not answer to viewers.")
    }
    let turn = turn(request, owner, pop: pop, now: now, random: random)
    if request.certificate == nil {
      switch Self.viewerProtocol(turn.config, path: request.path) {
      case "https-only":
        return .refused(status: 403, why: "The distribution wants HTTPS.")
      case "redirect-to-https":
        let query = request.query.isEmpty ? "" : "?\(request.query)"
        return .redirect(to: "https://\(host)\(request.path)\(query)", by: turn.id)
      default: break
      }
    }
    return .served(by: turn.id, cookie: turn.cookie)
  }

  /// Whether a name has just crossed accounts, as this POP has heard.
  private func isSwapping(_ host: String, pop: Int, now: Date) -> Bool {
    swapGaps.contains {
      let heard = $0.at + popDelay(pop)
      return $0.name == host && now >= heard && now < heard + $0.seconds
    }
  }

  // MARK: Ownership

  /// What a POP knows of a distribution's names.
  private struct Seen {
    var aliases: [String]
    var isEnabled: Bool
    var view: POPView
  }
  private struct Owner {
    var it: ModelDistribution
    var seen: Seen
    /// Asked for by its `d….cloudfront.net` name.
    var isOwnName: Bool
  }

  private func seen(_ it: ModelDistribution, pop: Int, now: Date) -> Seen? {
    guard let view = view(it, pop: pop, now: now) else { return nil }
    // The usual case: the POP has heard the newest, which has been read already.
    if view.config == it.config {
      return Seen(aliases: it.aliases, isEnabled: it.enabled, view: view)
    }
    return Seen(
      aliases: view.config.at("Aliases/Items")?.children.map(\.text) ?? [],
      isEnabled: view.config.text(at: "Enabled") == "true", view: view)
  }

  private func owner(of host: String, pop: Int, now: Date) -> Owner? {
    let name = Self.name(host)
    var best: (rank: Int, owner: Owner)?
    for account in accounts.values {
      for it in account.distributions.values {
        if it.domainName == name {
          return seen(it, pop: pop, now: now).map { Owner(it: it, seen: $0, isOwnName: true) }
        }
        // A staging distribution has no names but its own.
        guard !it.staging, let seen = seen(it, pop: pop, now: now) else { continue }
        guard let rank = seen.aliases.compactMap({ Self.rank($0, of: name) }).max() else {
          continue
        }
        let owner = Owner(it: it, seen: seen, isOwnName: false)
        // Two that hold the same name are possible in a loaded state alone: the enabled one, then the
        // smaller id.
        if let best,
          (best.rank, best.owner.seen.isEnabled ? 1 : 0, it.id)
            > (rank, seen.isEnabled ? 1 : 0, best.owner.it.id)
        {
          continue
        }
        best = (rank, owner)
      }
    }
    return best?.owner
  }

  /// How well an alias matches: nil not at all, else the more the more specific.
  private static func rank(_ alias: String, of name: String) -> Int? {
    let alias = alias.lowercased()
    if alias == name { return .max }
    // A wildcard also stands for several labels, never for none.
    guard alias.hasPrefix("*."), name.hasSuffix(alias.dropFirst()),
      name.utf8.count > alias.utf8.count - 1
    else { return nil }
    return alias.utf8.count
  }

  /// A host without its port, in lower case.
  private static func name(_ host: String) -> String {
    let isPlain = host.utf8.allSatisfy {
      $0 < 0x80 && $0 != UInt8(ascii: ":") && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
    }
    return isPlain ? host : String(host.prefix { $0 != ":" }).lowercased()
  }

  // MARK: Staging

  /// Who serves, with what, and the cookie that keeps it so.
  private struct Turn {
    var id: String
    var config: XElement
    var cookie: String?
  }

  /// The primary's turn or its staging distribution's, by the policy as the POP has it.
  /// - Source: ContinuousDeploymentPolicyConfig of the API model; Developer Guide as above.
  private func turn(
    _ request: EdgeRequest, _ owner: Owner, pop: Int, now: Date, random: Double
  ) -> Turn {
    let primary = Turn(id: owner.it.id, config: owner.seen.view.config)
    let given = request.cookies[EdgeSession.name]
    // A viewer who comes while nothing is sticky begins anew when it is again.
    func free(_ turn: Turn) -> Turn {
      Turn(id: turn.id, config: turn.config, cookie: given == nil ? nil : EdgeSession.expired)
    }
    guard let policy = owner.seen.view.policy, policy.text(at: "Enabled") == "true",
      let staging = staging(of: policy, account: owner.it.account, pop: pop, now: now)
    else { return free(primary) }
    if let header = policy.at("TrafficConfig/SingleHeaderConfig") {
      let value = request.headers[(header.text(at: "Header") ?? "").lowercased()]
      return free(value != nil && value == header.text(at: "Value") ? staging : primary)
    }
    guard let terms = policy.at("TrafficConfig/SingleWeightConfig") else { return free(primary) }
    let weight = terms.text(at: "Weight").flatMap(Double.init) ?? 0
    let drawn = random < weight ? staging : primary
    guard let sticky = terms.first("SessionStickinessConfig"),
      let idle = sticky.text(at: "IdleTTL").flatMap({ Int($0) }),
      let longest = sticky.text(at: "MaximumTTL").flatMap({ Int($0) })
    else { return free(drawn) }
    var session = EdgeSession(distribution: drawn.id, started: now, seen: now)
    if let old = given.flatMap(EdgeSession.init),
      old.holds([primary.id, staging.id], idle: idle, longest: longest, now: now)
    {
      session.distribution = old.distribution
      session.started = old.started
    }
    let chosen = session.distribution == staging.id ? staging : primary
    return Turn(id: chosen.id, config: chosen.config, cookie: session.setCookie(idle: idle))
  }

  /// The policy's staging distribution, when this POP has heard of it and it is enabled.
  private func staging(of policy: XElement, account: AccountID, pop: Int, now: Date) -> Turn? {
    let names = policy.at("StagingDistributionDnsNames/Items")?.children.map {
      $0.text.lowercased()
    }
    guard let names, let all = accounts[account]?.distributions.values else { return nil }
    for it in all where it.staging && names.contains(it.domainName) {
      guard let seen = seen(it, pop: pop, now: now), seen.isEnabled else { continue }
      return Turn(id: it.id, config: seen.view.config)
    }
    return nil
  }

  // MARK: Behaviours

  /// ViewerProtocolPolicy of the first cache behaviour whose pattern matches, else of the default one.
  private static func viewerProtocol(_ config: XElement, path: String) -> String {
    for behaviour in config.at("CacheBehaviors/Items")?.children ?? []
    where matches(path, pattern: behaviour.text(at: "PathPattern") ?? "") {
      return behaviour.text(at: "ViewerProtocolPolicy") ?? ""
    }
    return config.text(at: "DefaultCacheBehavior/ViewerProtocolPolicy") ?? ""
  }

  /// Whether `*` (any run) and `?` (any one character) make the pattern the whole path.
  /// - Source: Developer Guide "Path pattern": case counts, a leading slash may be left out.
  static func matches(_ path: String, pattern: String) -> Bool {
    let path = Array(path.utf8.drop { $0 == 0x2F })
    let pattern = Array(pattern.utf8.drop { $0 == 0x2F })
    var place = (path: 0, pattern: 0)
    /// Where to go on when what followed the last `*` does not fit.
    var retry: (path: Int, pattern: Int)?
    while place.path < path.count {
      if place.pattern < pattern.count, pattern[place.pattern] == 0x2A {
        retry = (place.path, place.pattern)
        place.pattern += 1
      } else if place.pattern < pattern.count,
        pattern[place.pattern] == 0x3F || pattern[place.pattern] == path[place.path]
      {
        place = (place.path + 1, place.pattern + 1)
      } else if let last = retry {
        retry = (last.path + 1, last.pattern)
        place = (last.path + 1, last.pattern + 1)
      } else {
        return false
      }
    }
    return pattern[place.pattern...].allSatisfy { $0 == 0x2A }
  }
}

/// The cookie that keeps a viewer where the weight once put them.
///
/// CloudFront's own cookie is opaque and its name unpublished; the lab's can be read.
struct EdgeSession: Equatable {
  static let name = "x-lab-session"
  static let expired = "\(name)=; Max-Age=0; Path=/"

  var distribution: String
  var started: Date
  var seen: Date

  init(distribution: String, started: Date, seen: Date) {
    self.distribution = distribution
    self.started = started
    self.seen = seen
  }
  /// nil for a cookie that no edge wrote.
  init?(_ text: String) {
    let parts = text.split(separator: ".").map(String.init)
    guard parts.count == 3, let started = Int(parts[1]), let seen = Int(parts[2]) else {
      return nil
    }
    self.init(
      distribution: parts[0], started: Date(timeIntervalSince1970: Double(started) / 1000),
      seen: Date(timeIntervalSince1970: Double(seen) / 1000))
  }

  /// Whether it still binds: to one of these, not idle for too long, not older than allowed.
  /// - Source: SessionStickinessConfig of the API model: IdleTTL, MaximumTTL, in seconds.
  func holds(_ ids: [String], idle: Int, longest: Int, now: Date) -> Bool {
    ids.contains(distribution) && started <= seen && seen <= now + 1
      && now.timeIntervalSince(seen) <= Double(idle)
      && now.timeIntervalSince(started) <= Double(longest)
  }
  func setCookie(idle: Int) -> String {
    func milliseconds(_ date: Date) -> Int { Int((date.timeIntervalSince1970 * 1000).rounded()) }
    return
      "\(Self.name)=\(distribution).\(milliseconds(started)).\(milliseconds(seen)); Max-Age=\(idle); Path=/"
  }
}
