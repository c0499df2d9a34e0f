import Foundation

/// What both sides of a move answered over HTTPS, asked for the name and for themselves; no DNS was changed for it.
public struct ServingScene: Codable, Equatable, Sendable {
  /// One side, as it is reached by its own addresses.
  public struct Side: Codable, Equatable, Sendable {
    public var domain: DomainName
    /// The name that moves, asked at this side's addresses.
    public var forName: [ServingLook]
    /// The side's own name, where it is a distribution's: what it answers whoever holds the alias.
    public var own: [ServingLook]
    public init(domain: DomainName, forName: [ServingLook], own: [ServingLook] = []) {
      self.domain = domain
      self.forName = forName
      self.own = own
    }
    /// CloudFront's edges choose by the alias, whichever distribution's addresses are asked.
    /// - Source: CloudFront Developer Guide, "Use custom URLs by adding alternate domain names (CNAMEs)".
    public var isDistribution: Bool { domain.text.hasSuffix(".cloudfront.net.") }
    /// The marker's values, and whether they are surely this side's own.
    var markers: (values: Set<String>, areOwn: Bool) {
      let own = Set(self.own.filter { $0.failure == nil }.compactMap(\.marker))
      if !own.isEmpty { return (own, true) }
      return (Set(forName.filter { $0.failure == nil }.compactMap(\.marker)), !isDistribution)
    }
    var fingerprints: Set<String> {
      Set(forName.filter { $0.failure == nil }.compactMap { $0.certificate?.fingerprint })
    }
    /// Whether CloudFront answered; nil when looks disagree or there are none.
    var isCloudFront: Bool? {
      let seen = Set(forName.filter { $0.failure == nil }.compactMap(\.isCloudFront))
      return seen.count == 1 ? seen.first : nil
    }
  }
  public var name: DomainName
  /// The response header that names the serving side.
  public var marker: String?
  /// nil when it is not known or is the same as the target.
  public var source: Side?
  public var target: Side
  public init(name: DomainName, marker: String?, source: Side?, target: Side) {
    self.name = name
    self.marker = marker
    self.source = source
    self.target = target
  }

  /// How an answer shows whose it is.
  public enum Tell: Equatable, Sendable {
    /// A header's value; the source's are empty when it could not be asked.
    case marker(source: Set<String>, target: Set<String>)
    /// The certificate that the name gets; it may be renewed at any time, so another one proves nothing.
    case certificate(source: Set<String>, target: Set<String>)
    /// One side is CloudFront, the other is not.
    case cloudFront(isTarget: Bool)
  }
  /// nil when nothing tells them apart.
  public var tell: Tell? {
    let target = self.target.markers
    if !target.values.isEmpty {
      var source = self.source?.markers ?? (values: [], areOwn: false)
      // Where the alias has moved, the source's edge answers with the target's distribution.
      if target.areOwn, !source.areOwn, !source.values.isDisjoint(with: target.values) {
        source.values = []
      }
      let isKnown = target.areOwn || !source.values.isEmpty
      if isKnown, source.values.isDisjoint(with: target.values) {
        return .marker(source: source.values, target: target.values)
      }
    }
    guard let source else { return nil }
    let prints = (source: source.fingerprints, target: self.target.fingerprints)
    if !prints.source.isEmpty, !prints.target.isEmpty, prints.source.isDisjoint(with: prints.target)
    {
      return .certificate(source: prints.source, target: prints.target)
    }
    if let one = source.isCloudFront, let other = self.target.isCloudFront, one != other {
      return .cloudFront(isTarget: other)
    }
    return nil
  }
  /// The marker's value that proves the target, when there is one alone: for the checks of a plan.
  public var targetMarker: String? { value(of: \.target) }
  public var sourceMarker: String? { value(of: \.source) }
  private func value(of side: KeyPath<(source: Set<String>, target: Set<String>), Set<String>>)
    -> String?
  {
    guard case .marker(let source, let target) = tell else { return nil }
    let values = (source: source, target: target)[keyPath: side]
    return values.count == 1 ? values.first : nil
  }
}

/// What a look at the target found that a move should know; the planner makes risks and blocks of it.
public struct ServingFinding: Codable, Equatable, Sendable {
  public enum Weight: String, Codable, Sendable {
    /// Viewers would get errors: there is no plan.
    case block
    /// To be accepted by whoever plans.
    case risk
    case note
  }
  public var code: String
  public var weight: Weight
  public var text: String
  public init(_ code: String, _ weight: Weight, _ text: String) {
    self.code = code
    self.weight = weight
    self.text = text
  }
}

extension ServingScene {
  /// Days of a certificate below which it is warned about.
  public static let daysMin = 21

  /// What would go wrong if DNS pointed at the target.
  ///
  /// - Parameter until: when the plan ends; the certificate must live that long.
  /// - Parameter expectStatus: what a healthy answer has; nil takes any that is no server's error.
  public func findings(now: Date, until: Date, expectStatus: Int? = nil) -> [ServingFinding] {
    let place = "\(target.domain.host), asked for \(name.host),"
    let heard = target.forName.filter { $0.certificate != nil || $0.status != nil }
    guard !heard.isEmpty else {
      let why = target.forName.compactMap(\.failure).first ?? "it was not asked"
      return [
        ServingFinding("target-silent", .risk, "\(place) could not be asked: \(why)")
      ]
    }
    var out: [ServingFinding] = []
    func add(_ code: String, _ weight: ServingFinding.Weight, _ text: String) {
      if !out.contains(where: { $0.code == code }) { out.append(.init(code, weight, text)) }
    }
    for look in target.forName {
      guard let it = look.certificate else {
        if let failure = look.failure {
          add(
            "target-silent", .risk,
            "\(target.domain.host) did not answer at \(look.peer): \(failure)")
        }
        continue
      }
      // CloudFront shows its own certificate for a name that it does not know.
      if !it.coversName {
        let names = it.names.prefix(5).joined(separator: ", ")
        add(
          "certificate-name", .block,
          "\(place) shows a certificate that does not cover it (it covers \(names.isEmpty ? "no name" : names))"
            + (target.isDistribution ? "; the alias is not on the target" : ""))
      }
      if !it.isTrusted {
        add(
          "certificate-untrusted", .block,
          "\(place) shows a certificate that is not trusted: \(it.problem ?? "unknown reason")")
      }
      let days = Int((it.notAfter.timeIntervalSince(now) / 86_400).rounded(.down))
      if it.isTrusted, it.notAfter < until {
        add(
          "certificate-ends", .block,
          "the target's certificate ends at \(Timestamp.text(it.notAfter)), before the plan does")
      } else if it.isTrusted, days < Self.daysMin {
        add(
          "certificate-ends-soon", .note,
          "the target's certificate ends at \(Timestamp.text(it.notAfter)), in \(days) d")
      }
    }
    let ownStatuses = Set(target.own.compactMap(\.status))
    for look in target.forName {
      guard let status = look.status else { continue }
      if status == 421 || (status == 403 && target.isDistribution && !ownStatuses.contains(403)) {
        add(
          "alias-not-on-target", .block,
          "\(place) answers \(status): the alias is not on it yet, and between distributions it is the alias that switches, not DNS"
        )
      } else if status != expectStatus ?? (status >= 500 ? 0 : status) {
        add(
          "target-fails", .risk,
          "\(place) answers \(status)" + (expectStatus.map { " instead of \($0)" } ?? ""))
      } else if case .marker(let source, _) = tell, let value = look.marker, source.contains(value)
      {
        add(
          "alias-on-source", .risk,
          "\(place) is answered by the source: between distributions it is the alias that switches, not DNS"
        )
      }
    }
    if tell == nil {
      add(
        "indistinct", .note,
        "nothing tells source and target apart, so serving cannot be proved; name a header under health.marker"
      )
    }
    let versions = (
      source: Set((source?.forName ?? []).compactMap(\.httpVersion)),
      target: Set(target.forName.compactMap(\.httpVersion))
    )
    if versions.source.contains("2"), !versions.target.isEmpty, !versions.target.contains("2") {
      add("no-http2", .note, "the source speaks HTTP/2, the target does not")
    }
    return out
  }
}
