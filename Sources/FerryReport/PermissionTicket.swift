import FerryCore
import Foundation

/// A request for rights, or for somebody who has them to act: why, evidence, commands, versions, expiry, rollback.
public struct PermissionTicket: Sendable {
  public struct Denied: Sendable {
    public var account: String
    public var action: String
    public var resource: String
    public init(account: String, action: String, resource: String) {
      self.account = account
      self.action = action
      self.resource = resource
    }
  }
  public var accounts: [AccountGrants]
  /// What IAM said would be denied; empty also when it was not asked.
  public var denied: [Denied]
  public init(accounts: [AccountGrants], denied: [Denied]) {
    self.accounts = accounts
    self.denied = denied
  }
  /// Without a last start in the plan, a request is good for a week.
  static let lifeSeconds = 7 * 86_400.0

  public func render(command: String, at now: Date) -> String {
    var out = "# Permissions for \(code("edgeferry \(command)"))\n\n## Why\n\n"
    out += "To run \(code("edgeferry \(command)")), which makes no call but these.\n"
    out += deniedText
    out +=
      "\n## Expiry\n\nNot needed any more after \(Timestamp.text(now + Self.lifeSeconds)), unless renewed.\n"
    out += policies
    return out + "\n## Rollback\n\nDetach the policies again; nothing else was changed.\n"
  }

  /// - Parameter rollback: the plan that takes it back, and where it is.
  public func render(
    _ plan: Plan, path: String, rollback: (plan: Plan, path: String)?, site: Site, at now: Date
  ) -> String {
    let hand = ByHand(plan: plan, path: path, site: site)
    let clock = site.clock(for: plan)
    let latest = plan.steps.compactMap(\.latest).min()
    var out = "# Permissions for the plan \(markdown(plan.name))\n\n## Why\n\n"
    for step in plan.steps where step.action != .observe {
      out += "- \(markdown(step.title))\(step.account.map { " (account \(markdown($0)))" } ?? "")\n"
    }
    out += "\nEither grant the policies below, or carry the commands out in this order.\n"
    out += deniedText
    out += "\n## Evidence\n\n"
    out +=
      "- plan \(code(path)), digest `\(safe(plan.digest))`, made \(Timestamp.text(plan.createdAt)) by \(markdown(plan.tool))\n"
    out += "- read from an inventory with the digest \(code(plan.observed.inventoryDigest))\n"
    if let endpoint = plan.observed.endpoint {
      out += "- for the endpoint \(code(endpoint)), which is not AWS's\n"
    }
    for note in plan.notes { out += "- \(markdown(note))\n" }
    for risk in plan.risks {
      out +=
        "- risk \(code(risk.code)) (\(risk.accepted ? "accepted" : "**not accepted**")): \(markdown(risk.text))\n"
    }
    out += "- point of no return: \(plan.pointOfNoReturn.map(code) ?? "none")\n"
    out += "\n## Expiry\n\n"
    out +=
      latest.map {
        "The plan must begin before \(Runbook.times($0, clock)); after that it is made again.\n"
      }
      ?? "Good until \(Runbook.times(now + Self.lifeSeconds, clock)); after that the plan is made again.\n"
    out +=
      "\n## Commands\n\nStop when something is not as planned: another ETag means that somebody changed it since.\n"
    for (index, step) in plan.steps.enumerated() {
      out += "\n### \(index + 1). \(markdown(step.title))\n\n"
      if let etag = step.expects.etag { out += "- ETag as planned: \(code(etag))\n" }
      if let digest = step.expects.configDigest { out += "- config as planned: \(code(digest))\n" }
      for edit in step.action.edits {
        out += "- \(code(edit.path)): \(code(edit.from ?? "")) to \(code(edit.to ?? ""))\n"
      }
      for check in step.checks { out += "- then \(markdown(PlanText.describe(check)))\n" }
      if let wait = step.wait, wait.seconds > 0 { out += "- wait \(span(wait.seconds))\n" }
      out += Self.block(hand.change(step))
    }
    out += "\nOr with edgeferry, once the rights are there:\n\n"
    out += Self.block(["edgeferry apply \(shellWord(path)) --approve \(shellWord(plan.digest))"])
    out += policies
    for note in plan.unlistedNeeds { out += "\nNote: \(markdown(note)).\n" }
    out += "\n## Rollback\n\n"
    guard let rollback else {
      return out + "No rollback plan is beside the plan.\n"
    }
    out += "The plan \(code(rollback.path)) takes it back, in this order:\n\n"
    out += Self.block([
      "edgeferry rollback \(shellWord(path)) --approve \(shellWord(rollback.plan.digest))"
    ])
    let undo = ByHand(plan: rollback.plan, path: rollback.path, site: site)
    for (index, step) in rollback.plan.steps.enumerated() {
      out += "\n### Undo \(index + 1). \(markdown(step.title))\n\n"
      out += Self.block(undo.change(step))
    }
    return out
  }

  private var deniedText: String {
    guard !denied.isEmpty else { return "" }
    return "\nIAM says that these are missing now:\n\n"
      + denied.map {
        "- \(code($0.action)) on \(code($0.resource)), account \(markdown($0.account))\n"
      }.joined()
  }
  private var policies: String {
    var out = "\n## Policies\n"
    for it in accounts {
      let name =
        it.account == "*" ? "the account of the credentials" : "account \(markdown(it.account))"
      for (what, isEmpty, document) in [
        ("read", !it.grants.contains(where: \.isRead), it.read),
        ("write", it.grants.allSatisfy(\.isRead), it.write),
      ] where !isEmpty {
        out +=
          "\n\(what.capitalized), \(name):\n\n```json\n\(jsonSafe(FerryJSON.document(document)))```\n"
      }
    }
    return out
  }
  private static func block(_ lines: [String]) -> String {
    lines.isEmpty ? "" : "\n```sh\n\(lines.joined(separator: "\n"))\n```\n"
  }
}
