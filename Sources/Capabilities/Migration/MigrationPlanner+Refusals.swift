import FerryCore

/// What is refused before anything is planned, because no plan of it could be carried out.
extension MigrationPlanner {
  /// - Throws: 4 for what has no counterpart, or whose name is taken by something else.
  mutating func admit() throws(FerryError) {
    for move in moves {
      try Self.refuseStaging(move.it)
      _ = carrier.rewriting(move.it.config, of: .distribution)
      if let staging = move.staging { _ = carrier.rewriting(staging.config, of: .distribution) }
      if move.it.config.text(at: "ConnectionMode") == "tenant-only" {
        throw FerryError(
          "multi-tenant", exit: .blocked, what: "could not plan \(move.it.id)",
          why: "it is a multi-tenant distribution, and every tenant's DNS would change",
          next: "move its tenants one by one by hand")
      }
      if move.policy != nil,
        ["http3", "http2and3"].contains(move.it.config.text(at: "HttpVersion") ?? "")
      {
        throw FerryError(
          "http3-with-continuous-deployment", exit: .blocked,
          what: "could not plan \(move.it.id)",
          why: "HTTP/3 rules continuous deployment out, so the policy could not be attached again",
          next: "set HttpVersion to http2, or take the policy off with `edgeferry orphans detach`")
      }
      if move.it.policyID != nil, move.policy == nil || move.staging == nil {
        throw FerryError(
          "policy-unread", exit: .blocked, what: "could not plan \(move.it.id)",
          why: "its continuous-deployment policy or the staging distribution was not read",
          next: "have the reads allowed, or detach the policy first")
      }
      for it in [move.it, move.staging].compactMap({ $0 }) { try Self.refuseUncreatable(it) }
      if let alias = move.aliases.first, !Self.hasCertificate(move.it.config) {
        throw FerryError(
          "no-certificate", exit: .blocked, what: "could not plan \(move.it.id)",
          why:
            "it holds \(alias) without a certificate, and CloudFront gives an alias only to a distribution that has one",
          next: "give it a certificate that covers its aliases, then plan again")
      }
    }
    guard carrier.missing.isEmpty else {
      throw FerryError(
        "mapping-missing", exit: .blocked, what: "could not plan the move to \(target)",
        why: "\(carrier.missing.count) things cannot be copied and are not mapped",
        next: "write the template with --map-out FILE, fill it in, and plan with --map FILE",
        causes: carrier.missing.map { "\($0.section): \($0.id): \($0.why)" }.sorted())
    }
    try refuseUnknownCertificates()
    guard carrier.collisions.isEmpty else {
      throw FerryError(
        "name-taken", exit: .blocked, what: "could not plan the move to \(target)",
        why: "names that have to be unique in an account are taken",
        next: "rename or remove those of the target account", causes: carrier.collisions)
    }
  }

  /// An entry of the map for a certificate that the target does not have, as far as its certificates were read.
  private func refuseUnknownCertificates() throws(FerryError) {
    guard !carrier.isSameAccount,
      !input.target.gaps.contains(where: { $0.action == "acm:ListCertificates" })
    else { return }
    let known = Set(input.target.certificates.map(\.arn))
    let used = Set(
      carrier.closure.distributions.flatMap { Reference.all(in: $0.config, of: .distribution) }
        .filter { [.certificate, .serverCertificate].contains($0.kind) }.map(\.id))
    let wrong = carrier.map.certificates.filter {
      used.contains($0.key) && !known.contains($0.value)
    }
    .sorted { $0.key < $1.key }
    guard let first = wrong.first else { return }
    throw FerryError(
      "mapping-unknown", exit: .blocked, what: "could not plan the move to \(target)",
      why:
        "the map's certificates: \(first.key) names \(first.value), and account \(target) has no such certificate in us-east-1",
      next: "correct the entry, or take it out and let --map-out match one",
      causes: wrong.dropFirst().map { "certificates: \($0.key): there is no \($0.value)" })
  }
  /// It serves nobody by a name of its own, so nothing could prove its copy.
  private static func refuseStaging(_ it: Inventory.Distribution) throws(FerryError) {
    guard it.isStaging else { return }
    throw FerryError(
      "staging-alone", exit: .blocked, what: "could not plan \(it.id)",
      why: "it is a staging distribution, which is reached through a policy of its primary alone",
      next:
        "plan the primary, and it goes along; one without a primary is listed by `edgeferry orphans discover`"
    )
  }
  private static func hasCertificate(_ config: XElement) -> Bool {
    ["ACMCertificateArn", "IAMCertificateId"].contains {
      config.text(at: "ViewerCertificate/\($0)")?.isEmpty == false
    }
  }
  /// Configs that CloudFront would not make, whoever sends them.
  ///
  /// - Source: CloudFront API Reference, CacheBehavior: TargetOriginId names an origin or an origin group, and one of
  ///   CachePolicyId and ForwardedValues is there.
  private static func refuseUncreatable(_ it: Inventory.Distribution) throws(FerryError) {
    let config = it.config
    let targets = Set(
      ["Origins/Items", "OriginGroups/Items"].flatMap {
        config.at($0)?.children.compactMap { $0.text(at: "Id") } ?? []
      })
    let behaviours =
      [config.first("DefaultCacheBehavior")].compactMap { $0 }
      + (config.at("CacheBehaviors/Items")?.children ?? [])
    for behaviour in behaviours {
      let target = behaviour.text(at: "TargetOriginId") ?? ""
      let place = behaviour.text(at: "PathPattern").map { "for \($0)" } ?? "by default"
      var why: String?
      if !targets.contains(target) {
        why = "its behaviour \(place) goes to \(target), and it has no origin of that id"
      } else if (behaviour.text(at: "CachePolicyId") ?? "").isEmpty,
        behaviour.first("ForwardedValues") == nil
      {
        why = "its behaviour \(place) has neither a cache policy nor forwarded values"
      }
      guard let why else { continue }
      throw FerryError(
        "not-creatable", exit: .blocked, what: "could not plan \(it.id)",
        why: "\(why), so CloudFront would not make a copy of it",
        next: "correct the distribution, then plan again")
    }
  }
}
