import FerryCloudFront
import FerryCore
import Foundation

/// What the target's own configuration says about taking a name, where credentials let one read it.
struct TargetDistribution: Sendable {
  let id: String
  let domainName: String
  let status: String
  let isEnabled: Bool
  let isStaging: Bool
  let aliases: [String]

  init(_ it: CloudFrontClient.Distribution) {
    id = it.id
    domainName = it.domainName.lowercased()
    status = it.status
    isEnabled = it.config.text(at: "Enabled") == "true"
    isStaging = it.config.text(at: "Staging") == "true"
    aliases = it.config.at("Aliases/Items")?.children.map { $0.text.lowercased() } ?? []
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

  func findings(for name: DomainName, target: DomainName) -> [ServingFinding] {
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
      out.append(
        .init(
          "alias-not-on-target", .block,
          "\(id) does not have the alias \(name.host): viewers would get 403, since between distributions it is the alias that switches, not DNS"
        ))
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
