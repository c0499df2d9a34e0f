import FerryCore
import Foundation

/// A plan as Markdown that a person can follow by hand if the tool dies.
public enum Runbook {
  public static func render(_ plan: Plan, path: String, rollback: Plan?) -> String {
    let rollbackPath =
      path.hasSuffix(".plan.json") ? path.dropLast(10) + ".rollback.plan.json" : path[...]
    let word = shellWord(path)
    var out = "# Runbook: \(markdown(plan.name))\n\n"
    out +=
      "Made by \(markdown(plan.tool)) at \(Timestamp.text(plan.createdAt)) from the plan \(code(path)).\n\n"
    out += "| what | value |\n| --- | --- |\n"
    for (name, id) in plan.accounts.sorted(by: { $0.key < $1.key }) {
      out += "| account \(markdown(name)) | \(markdown(id)) |\n"
    }
    if let endpoint = plan.observed.endpoint {
      out += "| endpoint, not AWS | \(markdown(endpoint)) |\n"
    }
    out += "| steps | \(plan.steps.count) |\n"
    out += "| takes about | \(span(plan.schedule.criticalPathSeconds)) |\n"
    out += "| viewers may see errors for | \(span(plan.schedule.exposureSeconds)) |\n"
    out += "| point of no return | \(plan.pointOfNoReturn.map(markdown) ?? "none") |\n"
    out += "| digest | `\(plan.digest)` |\n"
    if let rollback { out += "| rollback digest | `\(rollback.digest)` |\n" }
    if !plan.risks.isEmpty {
      out += "\n## Risks\n\n"
      for risk in plan.risks {
        out +=
          "- \(code(risk.code)) (\(risk.accepted ? "accepted" : "**not accepted**")): \(markdown(risk.text))\n"
      }
    }
    if !plan.notes.isEmpty {
      out += "\n## To know before approving\n\n"
      for note in plan.notes { out += "- \(markdown(note))\n" }
    }
    out += "\n## Run it\n\n```\nedgeferry apply \(word) --approve \(plan.digest)\n```\n\n"
    out +=
      "From cron or CI: \(code("edgeferry advance \(word) --approve \(plan.digest)")) does what is due and exits 3 "
    out +=
      "while there is something to wait for. Stop it: \(code("edgeferry hold \(word) --reason TEXT")). Where it stands: "
    out += "\(code("edgeferry status \(word)")).\n"
    out +=
      "\n## Steps\n\nEach write carries the newest ETag; read it again right before. A 412 means: read, compare, "
    out += "and stop if anything but your own change is there.\n"
    var start = 0
    for (index, step) in plan.steps.enumerated() {
      out += "\n### \(index + 1). \(markdown(step.title))\n\n"
      out +=
        "- id \(code(step.id)), \(step.account.map { "account \(markdown($0)), " } ?? "")about \(span(start)) after the start\n"
      if let gate = step.gate { out += "- gate: \(markdown(gate.reason))\n" }
      if let window = step.window { out += "- window: \(code(window)) of the settings\n" }
      for edit in step.action.edits {
        out += "- \(code(edit.path)): \(value(edit.from)) → \(value(edit.to))\n"
      }
      for line in PlanText.changes(step.action) { out += "- \(markdown(line))\n" }
      for check in step.checks { out += "- then \(markdown(PlanText.describe(check)))\n" }
      if let wait = step.wait {
        out += "- wait \(span(wait.seconds)) from \(markdown(wait.from)): "
        out +=
          wait.terms.map { "\(markdown($0.term)) \(span($0.seconds))" }.joined(separator: " + ")
          + "\n"
      }
      out +=
        "- undo: \(step.inverse.map { markdown(PlanText.undo($0)) } ?? "**cannot be undone**")\n"
      let commands = byHand(step)
      if !commands.isEmpty {
        out += "\nBy hand:\n\n```\n\(commands.joined(separator: "\n"))\n```\n"
      }
      start += step.checks.compactMap(\.typicalSeconds).max() ?? 0
      start += step.wait?.seconds ?? 0
    }
    out +=
      "\n## Undo from here\n\n```\nedgeferry rollback \(word) --approve \(rollback?.digest ?? "DIGEST-OF-THE-ROLLBACK-PLAN")\n```\n\n"
    out +=
      "It takes back what was done, in reverse, by the plan \(code(String(rollbackPath))); `--to STEP` goes back to "
    out += "the state right after that step.\n"
    if let rollback {
      out += "\n"
      for (index, step) in rollback.steps.enumerated() {
        out += "\(index + 1). \(markdown(step.title))\n"
      }
    }
    return out
  }

  private static func value(_ text: String?) -> String {
    guard let text else { return "(absent)" }
    return text.isEmpty ? "(empty)" : code(PlanText.plain(text))
  }

  /// The AWS CLI calls that do the same.
  static func byHand(_ step: Step) -> [String] {
    func edit(_ edits: [ConfigEdit]) -> String {
      "# in config.json set "
        + edits.map { "\(safe($0.path)) to \"\(safe($0.to ?? ""))\"" }.joined(separator: " and ")
        + ", leave all else as it is"
    }
    func get(_ verb: String, _ id: String, _ key: String) -> [String] {
      [
        "aws cloudfront \(verb) --id \(shellWord(id)) > read.json",
        "jq -r .ETag read.json; jq .\(key) read.json > config.json",
      ]
    }
    let deployed = step.checks.filter { $0.type == .deployed }.compactMap(\.distribution).map {
      "aws cloudfront wait distribution-deployed --id \(shellWord($0))"
    }
    switch step.action {
    case .updateConfig(let id, let set):
      return get("get-distribution-config", id, "DistributionConfig") + [
        edit(set),
        "aws cloudfront update-distribution --id \(shellWord(id)) --if-match ETAG --distribution-config file://config.json",
      ] + deployed
    case .setEnabled(let id, _, _):
      return get("get-distribution-config", id, "DistributionConfig") + [
        edit(step.action.edits),
        "aws cloudfront update-distribution --id \(shellWord(id)) --if-match ETAG --distribution-config file://config.json",
      ] + deployed
    case .deleteDistribution(let id):
      return [
        "aws cloudfront get-distribution --id \(shellWord(id)) --query '[ETag,Distribution.Status]'",
        "aws cloudfront delete-distribution --id \(shellWord(id)) --if-match ETAG",
      ]
    case .updatePolicy(let id, let set):
      return get("get-continuous-deployment-policy-config", id, "ContinuousDeploymentPolicyConfig")
        + [
          edit(set),
          "aws cloudfront update-continuous-deployment-policy --id \(shellWord(id)) --if-match ETAG --continuous-deployment-policy-config file://config.json",
        ] + deployed
    case .deletePolicy(let id):
      return [
        "aws cloudfront get-continuous-deployment-policy --id \(shellWord(id)) --query ETag",
        "aws cloudfront delete-continuous-deployment-policy --id \(shellWord(id)) --if-match ETAG",
      ]
    case .createPolicy(let image, _):
      return [
        "# config.json: the saved image \(safe(image)), see edgeferry state show",
        "aws cloudfront create-continuous-deployment-policy --continuous-deployment-policy-config file://config.json",
      ]
    case .createDistribution(let image, _, let reference, _):
      return [
        "# config.json: the saved image \(safe(image)) with CallerReference \(safe(reference)), see edgeferry state show",
        "aws cloudfront create-distribution --distribution-config file://config.json",
      ] + deployed
    case .replace, .batch, .observe: return []
    }
  }
}
