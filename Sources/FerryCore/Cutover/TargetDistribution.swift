import Foundation

/// What the target's own configuration says about taking a name, where credentials let one read it.
package struct TargetDistribution: Equatable, Sendable {
  let id: String
  let domainName: String
  let status: String
  let isEnabled: Bool
  let isStaging: Bool
  let aliases: [String]

  package init(id: String, domainName: String, status: String, config: XElement) {
    self.id = id
    self.domainName = domainName.lowercased()
    self.status = status
    isEnabled = config.text(at: "Enabled") == "true"
    isStaging = config.text(at: "Staging") == "true"
    aliases = config.at("Aliases/Items")?.children.map { $0.text.lowercased() } ?? []
  }

  /// Whether an alias is the name's, or a wildcard over it.
  /// - Source: CloudFront Developer Guide, "Use custom URLs by adding alternate domain names (CNAMEs)".
  func answers(to name: DomainName) -> Bool {
    aliases.contains { alias in
      if alias == name.host { return true }
      guard alias.hasPrefix("*.") else { return false }
      return name.host.hasSuffix(alias.dropFirst()) && name.host != alias
    }
  }

  /// - Parameter source: where the name leads now.
  func findings(for name: DomainName, target: DomainName, source: DomainName?) -> [ServingFinding] {
    var out: [ServingFinding] = []
    if target.text.hasSuffix(".cloudfront.net."), target.host != domainName {
      out.append(
        .init(
          "target-is-another", .block,
          "\(id) is \(domainName), and the name would point at \(target.host)"))
    }
    if !isEnabled { out.append(.init("target-disabled", .block, "\(id) is disabled")) }
    if isStaging {
      out.append(
        .init(
          "target-staging", .block, "\(id) is a staging distribution, which answers to no alias"))
    }
    if !answers(to: name) {
      // Between distributions whoever holds the alias goes on serving, wherever DNS points.
      let isBetween = source?.text.hasSuffix(".cloudfront.net.") == true
      out.append(
        .init(
          "alias-not-on-target", isBetween ? .note : .block,
          "\(id) does not have the alias \(name.host): "
            + (isBetween
              ? "between distributions it is the alias that switches, so DNS alone moves no traffic"
              : "viewers would get 403")))
    }
    if status != "Deployed" {
      out.append(
        .init(
          "target-in-progress", .risk, "\(id) is \(status): not every edge has its newest settings"
        ))
    }
    return out
  }
}
