import FerryCore
import Yams

/// When an unattended sweep may act, from the settings.
package struct SweepRules: Equatable, Sendable {
  package var graceSeconds = 14 * 86_400
  /// Resources that one run may delete, in all and in one account.
  package var maxDeletions = 5
  /// Percent of the CD policies and staging distributions that one run may delete, in all and in one account.
  package var maxPercent = 30
  /// Patterns with `*`.
  package var keepIDs: [String] = []
  package var keepStacks: [String] = []
  package var keepTags: [String: String] = [:]

  package init() {}
}

/// Whose accounts a sweep looks at, instead of those of the settings.
package struct OrganizationScope: Equatable, Sendable {
  /// The account of the settings that may list the organization's; nil for the current credentials.
  package var account: String?
  /// The role that is assumed in each account.
  package var roleName: String
  package var externalID: String?
  /// Organizational units (`ou-…`) or roots (`r-…`), with all beneath them; empty for the whole organization.
  package var units: [String] = []
  package var statuses = ["ACTIVE"]
  /// Account ids that are left out.
  package var skip: [String] = []
}

/// Who hears of a sweep that found or did something.
package struct NotifySettings: Equatable, Sendable {
  /// An executable that gets the report as JSON on its standard input.
  package var hook: String?
  /// A URL that the report is posted to.
  package var webhook: String?
  /// What the webhook's HMAC is made with.
  package var secretFile: String?
  /// Also when nothing changed.
  package var always = false
}

extension SettingsReader {
  func organization(_ node: Node?, accounts: [Settings.Account]) throws(FerryError)
    -> OrganizationScope?
  {
    guard let node else { return nil }
    guard let role = node["roleName"]?.string, !role.isEmpty,
      role.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+=,.@_/-".contains($0)) })
    else { throw refuse("sweep.organization.roleName is the name of a role", at: node) }
    var out = OrganizationScope(roleName: role)
    out.account = node["account"]?.string
    if let name = out.account, !accounts.contains(where: { $0.name == name }) {
      throw refuse("sweep.organization.account is none of accounts", at: node["account"] ?? node)
    }
    out.externalID = node["externalId"]?.string
    out.units = texts(node["units"])
    for unit in out.units where !unit.hasPrefix("ou-") && !unit.hasPrefix("r-") {
      throw refuse(
        "sweep.organization.units are ids such as ou-ab12-cdef3456 or r-ab12",
        at: node["units"] ?? node
      )
    }
    if node["statuses"] != nil { out.statuses = texts(node["statuses"]) }
    let known = ["ACTIVE", "SUSPENDED", "PENDING_CLOSURE"]
    if let odd = out.statuses.first(where: { !known.contains($0) }) {
      throw refuse(
        "sweep.organization.statuses are \(known.joined(separator: ", ")), not \(odd.debugDescription)",
        at: node["statuses"] ?? node)
    }
    out.skip = texts(node["skip"])
    return out
  }
  func notify(_ node: Node?) throws(FerryError) -> NotifySettings? {
    guard let node else { return nil }
    var out = NotifySettings()
    out.hook = node["hook"]?.string
    out.webhook = node["webhook"]?.string
    out.secretFile = node["secretFile"]?.string
    out.always = node["always"]?.bool ?? false
    if let url = out.webhook, !url.hasPrefix("https://"), !Self.isLoopback(url) {
      throw refuse(
        "sweep.notify.webhook is https, or http on loopback alone", at: node["webhook"] ?? node)
    }
    if out.secretFile != nil, out.webhook == nil {
      throw refuse("sweep.notify.secretFile signs a webhook, and there is none", at: node)
    }
    return out
  }
  private static func isLoopback(_ url: String) -> Bool {
    ["http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://[::1]:"].contains {
      url.hasPrefix($0)
    }
  }
  /// The rules alone: when an unattended sweep may act.
  func sweep(_ node: Node) throws(FerryError) -> SweepRules {
    var out = SweepRules()
    if let seconds = span(node["grace"]) { out.graceSeconds = Int(seconds) }
    if let count = node["maxDeletions"] {
      guard let number = count.int, number >= 0 else {
        throw refuse("sweep.maxDeletions is a whole number, 0 or more", at: count)
      }
      out.maxDeletions = number
    }
    if let percent = node["maxPercent"] {
      guard let number = percent.int, (0...100).contains(number) else {
        throw refuse("sweep.maxPercent is a whole number, 0 to 100", at: percent)
      }
      out.maxPercent = number
    }
    out.keepIDs = texts(node["keep"]?["ids"])
    out.keepStacks = texts(node["keep"]?["stacks"])
    for (key, value) in pairs(node["keep"]?["tags"]) { out.keepTags[key] = value.string ?? "" }
    return out
  }
}
