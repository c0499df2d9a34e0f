import FerryCore

/// What is known of one alias when its way to the target is chosen.
struct AliasScene: Equatable, Sendable {
  /// Lower case, without the trailing dot; may begin with `*.`.
  var alias: String
  var distribution: String
  var isSameAccount: Bool
  var isSourceEnabled: Bool
  /// Names on the certificate that the target will have; nil when it could not be read.
  var certificateNames: [String]?
  /// Who else holds the name or one over or under it: alias and holder. nil when that could not be asked.
  var overlaps: [Overlap]?
  /// What was not heard of that, in words.
  var unheard: [String] = []
  /// The zone that has the name; nil when the settings name none and none was found.
  var zone: String?
  /// Whether the source's own configuration holds it.
  var isHeldBySource: Bool
  /// What caches take to follow its record; nil for that of a record with `cutover.ttl`.
  var drain: Drain?

  /// Seconds from the last authoritative change, there and back.
  struct Drain: Equatable, Sendable {
    var flipSeconds: Int
    var undoSeconds: Int
  }
  struct Overlap: Equatable, Hashable, Sendable {
    var alias: String
    var holder: String
    /// As far as it is known; CloudFront masks the ids of others.
    var account: AccountID?
    var said: String { account.map { "\(holder) of account \($0)" } ?? holder }
  }
  var isWildcard: Bool { alias.hasPrefix("*.") }
  /// `*.example.com` of `www.example.com`.
  var bridge: String {
    "*."
      + alias.split(separator: ".", omittingEmptySubsequences: false).dropFirst()
      .joined(separator: ".")
  }
  var isApex: Bool { zone.map { $0 == alias } ?? (alias.split(separator: ".").count <= 2) }
}

/// The four ways to move an alias, with the reason that each is or is not open.
///
/// - Source: reference facts on CloudFront, section 4; design.md section 6.
struct AliasMethods {
  enum Method: String, CaseIterable, Sendable {
    case sameAccount = "same-account"
    case wildcardBridge = "wildcard-bridge"
    case disabledSource = "disabled-source"
    case support
  }
  /// How one alias is moved.
  struct Choice: Equatable, Sendable {
    var scene: AliasScene
    var method: Method
    /// `dns-first` or `alias-first`.
    var order: String
    var exposureSeconds: Int
    var record: Plan.Method
  }
  /// How long DNS takes to follow, and back.
  var policy: CutoverPolicy
  var asked: Method?
  var askedOrder: String?
  var isOutageAccepted: Bool

  /// - Throws: 4 `no-method` when every way has an outage that was not accepted, or is closed.
  func choose(_ scene: AliasScene) throws(FerryError) -> Choice {
    let considered = Method.allCases.map { judge($0, scene) }
    func possible(_ method: Method) -> Plan.Method.Considered? {
      considered.first { $0.method == method.rawValue && $0.possible }
    }
    let free = considered.first { $0.possible && $0.exposureSeconds == 0 }
    var chosen = free.flatMap { Method(rawValue: $0.method) }
    if let asked {
      guard possible(asked) != nil else {
        let why = considered.first { $0.method == asked.rawValue }?.reasons.joined(separator: "; ")
        throw refusal(scene, "--method \(asked.rawValue) is impossible: \(why ?? "")", considered)
      }
      chosen = asked
    } else if chosen == nil, isOutageAccepted, possible(.disabledSource) != nil {
      chosen = .disabledSource
    }
    guard let chosen, possible(chosen) != nil else {
      throw refusal(scene, "no way is free of an outage", considered)
    }
    var predicted = exposure(chosen, scene)
    if let askedOrder, askedOrder != predicted.order.rawValue {
      guard chosen == .wildcardBridge else {
        throw refusal(
          scene,
          "--order dns-first needs a wildcard bridge: CloudFront routes by who owns the alias",
          considered)
      }
      predicted = exposure(by: .wildcardBridge(.aliasFirst), scene)
    }
    let (order, exposure) = (predicted.order.rawValue, predicted.seconds)
    if exposure > 0, chosen != .support, !isOutageAccepted {
      throw refusal(
        scene,
        "\(chosen.rawValue) with \(order) is an outage of about \(exposure) s: \(predicted.because)",
        considered)
    }
    return Choice(
      scene: scene, method: chosen, order: order, exposureSeconds: exposure,
      record: Plan.Method(
        alias: scene.alias, chosen: chosen.rawValue, order: order, considered: considered))
  }

  private func refusal(
    _ scene: AliasScene, _ why: String, _ considered: [Plan.Method.Considered]
  ) -> FerryError {
    FerryError(
      "no-method", exit: .blocked, what: "could not plan the move of \(scene.alias)", why: why,
      next:
        "accept the outage with --accept-risk outage, or let AWS Support move it with --method support",
      causes: considered.map {
        "\($0.method): \($0.possible ? "possible" : "ruled out"): \($0.reasons.joined(separator: "; "))"
      })
  }

  private func judge(_ method: Method, _ it: AliasScene) -> Plan.Method.Considered {
    var against: [String] = []
    var reasons: [String] = []
    // Whether the way exists between the two at all, so that its figures mean something.
    var exists = true
    let alias = Exposure.aliasSeconds
    let back = policy.propagationSeconds + drain(it).undoSeconds
    var rollback: Int?
    let others = (it.overlaps ?? []).filter { $0.holder != it.distribution }
    if method != .support {
      if !it.isHeldBySource { against.append("\(it.distribution) does not hold it") }
      if it.overlaps == nil {
        let why = it.unheard.isEmpty ? "" : " (\(it.unheard.joined(separator: "; ")))"
        against.append(
          "who else holds \(it.alias) could not be asked\(why), and unknown moves nothing")
      }
      if let other = others.first(where: { $0.alias == it.alias }) {
        against.append("\(other.said) holds it")
      }
      if let names = it.certificateNames, !Self.covers(names, it.alias) {
        against.append("the target's certificate does not cover \(it.alias)")
      }
      if it.certificateNames == nil {
        against.append("the target's certificate could not be read")
      }
    }
    switch method {
    case .sameAccount:
      if !it.isSameAccount {
        against.append("source and target are different accounts")
        exists = false
      }
      reasons = ["one call takes the alias from one distribution to the other"]
      rollback = alias + back
    case .wildcardBridge:
      if it.isSameAccount { against.append("within one account the alias moves in one call") }
      exists = !it.isWildcard && !it.isApex
      if it.isWildcard { against.append("no wildcard is less specific than \(it.alias)") }
      if it.isApex {
        against.append("\(it.alias) is the apex of its zone, which \(it.bridge) does not match")
      }
      if let names = it.certificateNames, !names.contains(it.bridge) {
        against.append("the target's certificate does not list \(it.bridge)")
      }
      if let other = it.overlaps?.first(where: { $0.alias == it.bridge }) {
        against.append("\(other.said) holds \(it.bridge)")
      }
      reasons = [
        "the target answers by \(it.bridge) while \(it.alias) leaves the source and joins the target"
      ]
      rollback = 3 * alias + back
    case .disabledSource:
      if it.isSameAccount { against.append("within one account no source has to be disabled") }
      reasons = [
        it.isSourceEnabled
          ? "the source is disabled before the alias is moved: viewers see errors until DNS leads to the target"
          : "the source is disabled already, so the alias moves in one call"
      ]
      rollback = 2 * alias + back
    case .support:
      if it.isSameAccount { against.append("within one account nobody else is needed") }
      reasons = [
        "AWS Support moves the alias by hand; a gate waits for it and the result is checked"
      ]
      rollback = nil
    }
    let predicted = exposure(method, it)
    return .init(
      method: method.rawValue, possible: against.isEmpty,
      reasons: against.isEmpty ? reasons + [predicted.because] + it.unheard : against,
      exposureSeconds: exists ? predicted.seconds : nil,
      rollbackSeconds: exists ? rollback : nil)
  }

  private func exposure(_ method: Method, _ it: AliasScene) -> Exposure {
    switch method {
    case .sameAccount: exposure(by: .sameAccount, it)
    case .wildcardBridge: exposure(by: .wildcardBridge(.dnsFirst), it)
    case .disabledSource: exposure(by: .disabledSource(isEnabled: it.isSourceEnabled), it)
    case .support: exposure(by: .support, it)
    }
  }
  private func exposure(by way: Exposure.Way, _ it: AliasScene) -> Exposure {
    .predict(way, dnsSeconds: policy.propagationSeconds + drain(it).flipSeconds)
  }
  private func drain(_ it: AliasScene) -> AliasScene.Drain {
    let usual = policy.flipWait(ttl: policy.ttl)
    return it.drain ?? .init(flipSeconds: usual, undoSeconds: usual)
  }

  /// A certificate's wildcard covers one label (RFC 6125 §6.4.3); a wildcard alias must be listed itself.
  static func covers(_ names: [String], _ alias: String) -> Bool {
    let alias = alias.lowercased()
    let parent = alias.split(separator: ".", omittingEmptySubsequences: false).dropFirst()
      .joined(separator: ".")
    return names.contains {
      let name = $0.lowercased()
      return name == alias || (!alias.hasPrefix("*.") && name == "*.\(parent)")
    }
  }
}
