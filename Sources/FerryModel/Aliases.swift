import FerryCore
import Foundation

/// The alias table over all accounts: who holds which name, what overlaps, and how a name moves.
extension CloudFrontModel {
  /// A name of a deleted distribution that is still taken for a while.
  struct GhostAlias: Equatable, Sendable {
    var name: String
    var until: Date
  }

  /// A name that crossed accounts: an edge that has heard of it refuses it for a while.
  struct SwapGap: Equatable, Sendable {
    var name: String
    var at: Date
    var seconds: Double
  }

  /// The distributions that hold the exact name, in any account.
  private func holder(of name: String) -> ModelDistribution? {
    let name = name.lowercased()
    for account in accounts.values {
      for it in account.distributions.values
      where it.aliases.contains(where: { $0.lowercased() == name }) {
        return it
      }
    }
    return nil
  }

  private static func hasCertificate(_ it: ModelDistribution) -> Bool {
    let certificate = it.config.first("ViewerCertificate")
    return ["ACMCertificateArn", "IAMCertificateId"].contains {
      certificate?.text(at: $0)?.isEmpty == false
    }
  }

  /// Judges names that a create or an update adds: lower case, free in every account, and with a
  /// certificate. Whether the certificate covers them the model cannot know.
  ///
  /// An alias is unique over all accounts; a wildcard may overlap a specific name.
  /// - Source: Developer Guide "Use custom URLs by adding alternate domain names (CNAMEs)".
  func aliasesFree(_ it: ModelDistribution, after old: ModelDistribution? = nil, now: Date)
    throws(Refusal)
  {
    let wanted = Set(it.aliases).subtracting(old?.aliases ?? [])
    let neededCertificate = !it.aliases.isEmpty && old.map(Self.hasCertificate) == true
    guard !wanted.isEmpty || neededCertificate else { return }
    guard wanted.isEmpty || it.aliases.count <= limit(.aliases, of: it.account) else {
      throw Refusal(
        400, "TooManyDistributionCNAMEs",
        "Your request contains more CNAMEs than are allowed per distribution.")
    }
    for name in wanted where !Self.isAlias(name) {
      throw .invalidArgument("The parameter CNAME contains \(name), which is not valid.")
    }
    guard Self.hasCertificate(it) else {
      throw Refusal(
        400, "InvalidViewerCertificate",
        "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your authorization to use the domain name."
      )
    }
    let isTaken =
      ghosts.contains { wanted.contains($0.name) && now < $0.until }
      || accounts.values.contains { account in
        account.distributions.values.contains { other in
          other.id != it.id && other.aliases.contains { wanted.contains($0.lowercased()) }
        }
      }
    guard !isTaken else {
      throw Refusal(
        409, "CNAMEAlreadyExists",
        "One or more of the CNAMEs you provided are already associated with a different resource.")
    }
    guard behaviours.checksDNSOfAliases else { return }
    // Wildcards are added freely: the bridge between accounts rests on it.
    for name in wanted.sorted() where !name.hasPrefix("*.") {
      guard let found = distribution(ledToBy: name, now: now), found != it.domainName else {
        continue
      }
      throw Refusal(
        409, "CNAMEAlreadyExists",
        "One or more aliases specified for the distribution includes an incorrectly configured DNS record that points to another CloudFront distribution. You must update the DNS record to correct the problem. For more information, see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-restrictions"
      )
    }
  }

  /// A host name in lower case; `*` may only be the whole first label.
  private static func isAlias(_ name: String) -> Bool {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    return labels.count >= 2 && name.utf8.count <= 253
      && labels.enumerated().allSatisfy { index, label in
        if index == 0, label == "*" { return true }
        return (1...63).contains(label.utf8.count)
          && label.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
          }
      }
  }

  // MARK: Moving

  mutating func associateAlias(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let target = try distribution(id, call)
    let name = call.query("Alias") ?? ""
    try move(name, to: target, call)
    return Answer(effective: target.aliases != accounts[call.account]?.distributions[id]?.aliases)
  }

  mutating func updateDomainAssociation(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "UpdateDomainAssociationRequest")
    let name = root.text(at: "Domain") ?? ""
    let target = try entityNotFound(root.first("TargetResource"), call)
    try ifMatch(call, [target.etag])
    try move(name, to: target, call)
    let etag = accounts[call.account]?.distributions[target.id]?.etag ?? ""
    return Answer(
      headers: ["etag": etag],
      body: XElement(
        "UpdateDomainAssociationResult",
        [XElement("Domain", text: name), XElement("ResourceId", text: target.id)]),
      resource: target.id, effective: etag != target.etag)
  }

  /// A distribution named in a document; the newer operations answer `EntityNotFound`.
  private func entityNotFound(_ resource: XElement?, _ call: Call) throws(Refusal)
    -> ModelDistribution
  {
    guard let id = resource?.text(at: "DistributionId"), !id.isEmpty else {
      throw .invalidArgument("Name a distribution; the lab has no distribution tenants.")
    }
    guard let it = accounts[call.account]?.distributions[id] else {
      throw Refusal(404, "EntityNotFound", "The entity was not found.")
    }
    return it
  }

  /// The name leaves its holder and joins the target in one step.
  ///
  /// - Source: Developer Guide "Move an alternate domain name to a different distribution". Between
  ///   accounts the source must be disabled; inside one the API reference asks for it and the guide
  ///   does not (`same-account-move-needs-disabled-source`). The guide asks for the TXT record, the API
  ///   reference does not (`alias-move-needs-txt`): what no zone of the lab shows is not shown.
  private mutating func move(_ name: String, to target: ModelDistribution, _ call: Call)
    throws(Refusal)
  {
    guard Self.isAlias(name) else { throw .invalidArgument("The parameter Alias is not valid.") }
    guard !target.aliases.contains(name) else { return }
    guard target.aliases.count < limit(.aliases, of: target.account) else {
      throw Refusal(
        400, "TooManyDistributionCNAMEs",
        "Your request contains more CNAMEs than are allowed per distribution.")
    }
    guard Self.hasCertificate(target) else {
      throw .illegalUpdate("The target distribution has no certificate that covers \(name).")
    }
    guard !target.staging, !joined(target) else {
      throw .illegalUpdate("Continuous deployment does not allow this change of the target.")
    }
    let old = holder(of: name)
    let isForeign = old.map { $0.account != call.account } ?? false
    if behaviours.aliasMoveNeedsTXT == .always
      || behaviours.aliasMoveNeedsTXT == .foreign && isForeign
    {
      let bare = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
      // An apex has no `_` + name in its own zone.
      let values = ["_\(name)", "_\(bare)", "_.\(bare)"].flatMap { txtValues($0, now: call.now) }
      guard values.contains(target.domainName) else {
        throw .illegalUpdate("Invalid or missing alias DNS TXT records.")
      }
    }
    if var source = old {
      guard !joined(source) else {
        throw .illegalUpdate("Continuous deployment does not allow this change of the source.")
      }
      guard !source.enabled || !isForeign && !behaviours.sameAccountMoveNeedsDisabledSource else {
        throw .illegalUpdate("The distribution that holds \(name) must be disabled first.")
      }
      setAliases(source.aliases.filter { $0.lowercased() != name }, of: &source, call)
      swapGaps.removeAll { $0.name == name }
      if isForeign, behaviours.aliasSwapGapSeconds > 0 {
        swapGaps.append(
          SwapGap(name: name, at: call.now, seconds: behaviours.aliasSwapGapSeconds))
      }
    }
    var target = target
    setAliases(target.aliases + [name], of: &target, call)
  }

  private mutating func setAliases(
    _ names: [String], of it: inout ModelDistribution, _ call: Call
  ) {
    it.replace(config: Self.config(it.config, aliases: names))
    write(&it, call)
  }
  static func config(_ old: XElement, aliases names: [String]) -> XElement {
    var config = old
    var list = XElement("Aliases", [XElement("Quantity", text: "\(names.count)")])
    if !names.isEmpty {
      list.put(XElement("Items", names.map { XElement("CNAME", text: $0) }))
    }
    config.put(list, order: Shape.named("DistributionConfig")?.order ?? [])
    return config
  }

  // MARK: Conflicts

  /// Every alias of another distribution that is the name, covers it or is covered by it.
  private func conflicts(_ name: String, besides id: String)
    -> [(alias: String, holder: ModelDistribution)]
  {
    func covers(_ wildcard: String, _ other: String) -> Bool {
      wildcard.hasPrefix("*.") && other.hasSuffix(wildcard.dropFirst())
    }
    return accounts.values.flatMap { $0.distributions.values }.filter { $0.id != id }.flatMap {
      holder in
      holder.aliases.map { $0.lowercased() }
        .filter { $0 == name || covers($0, name) || covers(name, $0) }.map { ($0, holder) }
    }.sorted { ($0.alias, $0.holder.id) < ($1.alias, $1.holder.id) }
  }

  /// The first half hidden, so that an owner knows his own and nobody else learns more.
  /// - Source: API reference of ListConflictingAliases.
  static func masked(_ id: String) -> String {
    String(repeating: "*", count: id.count / 2) + id.suffix(id.count - id.count / 2)
  }

  private func covering(_ it: ModelDistribution, _ name: String) throws(Refusal) {
    guard Self.isAlias(name), Self.hasCertificate(it) else {
      throw .invalidArgument("The distribution has no certificate that covers the name.")
    }
  }

  func listConflictingAliases(_ call: Call) throws(Refusal) -> Answer {
    let it = try distribution(call.query("DistributionId") ?? "", call)
    let name = call.query("Alias") ?? ""
    try covering(it, name)
    let found = Dictionary(conflicts(name, besides: it.id).map { ($0.alias, $0) }) { first, _ in
      first
    }
    return list(
      "ConflictingAliasesList", found.keys.sorted(), truncates: false, try paging(call)
    ) { alias in
      found[alias].map {
        XElement(
          "ConflictingAlias",
          [
            XElement("Alias", text: alias),
            XElement("DistributionId", text: Self.masked($0.holder.id)),
            XElement("AccountId", text: Self.masked($0.holder.account)),
          ])
      }
    }
  }

  /// Both the list and each of its items are called `DomainConflicts`.
  func listDomainConflicts(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "ListDomainConflictsRequest")
    let it = try entityNotFound(root.first("DomainControlValidationResource"), call)
    let name = root.text(at: "Domain") ?? ""
    try covering(it, name)
    let found = Dictionary(conflicts(name, besides: it.id).map { ($0.alias, $0) }) { first, _ in
      first
    }
    let (page, next) = Self.page(
      found.keys.sorted(), try paging(root.text(at: "Marker"), root.text(at: "MaxItems")))
    let items = page.compactMap { alias in
      found[alias].map {
        XElement(
          "DomainConflicts",
          [
            XElement("Domain", text: alias), XElement("ResourceType", text: "distribution"),
            XElement("ResourceId", text: Self.masked($0.holder.id)),
            XElement("AccountId", text: Self.masked($0.holder.account)),
          ])
      }
    }
    return Answer(
      body: XElement(
        "ListDomainConflictsResult",
        [XElement("DomainConflicts", items)]
          + (next.map { [XElement("NextMarker", text: $0)] } ?? [])
      ))
  }
}
