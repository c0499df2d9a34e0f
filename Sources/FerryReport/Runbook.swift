import FerryCore
import Foundation

/// A plan as Markdown that a person can follow by hand if the tool dies.
public enum Runbook {
  public static func render(
    _ plan: Plan, path: String, rollback: Plan?, site: Site = Site()
  ) -> String {
    let hand = ByHand(plan: plan, path: path, site: site)
    let clock = site.clock(for: plan)
    let timeline = Timeline(plan)
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
    if timeline.isFixed {
      out += "| begins | \(times(timeline.start, clock)) |\n"
      out += "| settled | \(times(timeline.end, clock)) |\n"
      if let date = plan.schedule.allClear {
        out += "| the last cache is clean | \(times(date, clock)) |\n"
      }
      if let date = plan.schedule.retire {
        out += "| the old target may go | \(times(date, clock)) |\n"
      }
    }
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
    let apply = "edgeferry apply \(word) --approve \(plan.digest)"
    let flag = plan.runsTools ? " --run-commands" : ""
    out += "\n## Run it\n\n```\n\(apply)\(flag)\n```\n\n"
    if plan.runsTools {
      out += "It runs the commands of other tools and judges what they say. Without "
      out +=
        "`--run-commands` each of these steps waits for a person, who runs its commands and approves it:\n\n"
      out += "```\n\(apply)\n```\n\n"
    }
    out +=
      "From cron or CI: \(code("edgeferry advance \(word) --approve \(plan.digest)\(flag)")) does what is due and exits 3 "
    out +=
      "while there is something to wait for. Stop it: \(code("edgeferry hold \(word) --reason TEXT")). Where it stands: "
    out += "\(code("edgeferry status \(word)")).\n"
    out += table(timeline, plan, clock)
    out += "\n## Steps\n"
    if plan.steps.contains(where: { $0.action.dns == nil && $0.action != .observe }) {
      out +=
        "\nEach write to CloudFront carries the newest ETag; read it again right before. A 412 means: read, compare, "
      out += "and stop if anything but your own change is there.\n"
    }
    if plan.steps.contains(where: { $0.action.dns != nil }) {
      out +=
        "\nEach change of DNS replaces exactly what the plan saw; if the server refuses it, read, compare, and stop if "
      out +=
        "it is neither the old nor the new. A wait runs from the moment that the last authoritative server gives the new answer. "
      out += "`kdig` takes the same words as `dig`; `drill` says `-o rd` for `+norecurse`.\n"
    }
    let undone = rollback?.steps ?? []
    for (index, entry) in timeline.entries.enumerated() {
      let step = entry.step
      out += "\n### \(index + 1). \(markdown(step.title))\n\n"
      out += "- id \(code(step.id)), \(step.account.map { "account \(markdown($0)), " } ?? "")"
      out +=
        timeline.isFixed
        ? "begins \(times(entry.begins, clock))\n"
        : "about \(span(entry.begins.since(timeline.start))) after the start\n"
      if let latest = step.latest { out += "- must begin before \(times(latest, clock))\n" }
      if let gate = step.gate {
        out += "- approval: \(markdown(gate.reason)); then "
        out += "\(code("edgeferry approve \(word) --step \(step.id) --reference TEXT"))\n"
      }
      if let window = step.window {
        out += "- window: \(code(window)) of the settings\n"
      }
      for edit in step.action.edits {
        out += "- \(code(edit.path)): \(value(edit.from)) → \(value(edit.to))\n"
      }
      for line in PlanText.changes(step.action) { out += "- \(markdown(line))\n" }
      if case .external(let it) = step.action { out += "- \(markdown(it.says))\n" }
      for check in step.checks { out += "- then \(markdown(PlanText.describe(check)))\n" }
      if let wait = step.wait, wait.seconds > 0 {
        out += "- wait \(span(wait.seconds)) from \(markdown(PlanText.origin(wait.from))): "
        out +=
          wait.terms.map { "\(markdown($0.term)) \(span($0.seconds)) (\(markdown($0.source)))" }
          .joined(separator: " + ")
          + "\n"
      }
      if let failure = step.onFailure {
        out += "- if a check fails: \(PlanText.describe(failure))\n"
      }
      out +=
        "- undo: \(step.inverse.map { markdown(PlanText.undo($0)) } ?? (step.action == .observe ? "nothing to undo" : "**cannot be undone**"))"
      out += "\n"
      for line in PlanText.wayBack(step, plan, { timeline.moment($0, clock) }) {
        out += "- \(line)\n"
      }
      let numbers = undone.indices.filter { number in
        plan.steps[...index].contains { $0.id == undone[number].undoes }
      }
      if !numbers.isEmpty {
        out +=
          "- to undo from here by hand: undo \(numbers.map { "\($0 + 1)" }.joined(separator: ", ")) below\n"
      }
      out += block("What to look at", hand.look(step))
      out += block("By hand", hand.change(step))
    }
    out +=
      "\n## Undo from here\n\n```\nedgeferry rollback \(word) --approve \(rollback?.digest ?? "DIGEST-OF-THE-ROLLBACK-PLAN")\(flag)\n```\n\n"
    out +=
      "Before that, \(code("edgeferry hold \(word) --reason TEXT")) keeps the plan from going on meanwhile. It takes back what was done, in reverse, by the plan \(code(String(rollbackPath))); `--to STEP` goes back to "
    out += "the state right after that step."
    out += plan.runsTools ? " Without `--run-commands` a person runs its commands, too.\n" : "\n"
    if let rollback {
      let hand = ByHand(plan: rollback, path: String(rollbackPath), site: site)
      for (index, step) in rollback.steps.enumerated() {
        out += "\n### Undo \(index + 1). \(markdown(step.title))\n"
        if let wait = step.wait, wait.seconds > 0 {
          out += "\nThen wait \(span(wait.seconds)) from \(markdown(PlanText.origin(wait.from))).\n"
        }
        out += block("By hand", hand.change(step))
      }
    }
    return out
  }

  private static func block(_ title: String, _ lines: [String]) -> String {
    lines.isEmpty ? "" : "\n\(title):\n\n```\n\(lines.joined(separator: "\n"))\n```\n"
  }
  /// Local and UTC, or UTC alone where they are one.
  static func times(_ date: Date, _ clock: LocalClock) -> String {
    clock.isUTC ? clock.text(date) : "\(clock.text(date)) (\(Timestamp.text(date)))"
  }
  private static func table(_ timeline: Timeline, _ plan: Plan, _ clock: LocalClock) -> String {
    var out = "\n## Timeline\n\n"
    if timeline.isFixed {
      let zone = markdown(clock.name)
      out += "The earliest times. Local times are those of \(zone).\n\n"
      out +=
        clock.isUTC
        ? "| step | begins | settled |"
        : "| step | begins, \(zone) | begins, UTC | settled, \(zone) | settled, UTC |"
      out += " undo from there takes |\n"
      out += clock.isUTC ? "| --- | --- | --- | --- |\n" : "| --- | --- | --- | --- | --- | --- |\n"
    } else {
      out +=
        "From whenever it is started; nothing in it waits for a time of day but the windows.\n\n"
      out +=
        "| step | begins after | settled after | undo from there takes |\n| --- | --- | --- | --- |\n"
    }
    for entry in timeline.entries {
      let undo =
        PlanText.rollbackSeconds(entry.step, plan).map(span)
        ?? (entry.step.inverse == nil && entry.step.action != .observe
          ? "cannot be undone" : "not known")
      out += "| \(entry.number). \(code(entry.step.id)) | "
      for date in [entry.begins, entry.settles] {
        if !timeline.isFixed {
          out += "\(span(date.since(timeline.start))) | "
        } else {
          out += clock.text(date) + " | " + (clock.isUTC ? "" : "\(Timestamp.text(date)) | ")
        }
      }
      out += "\(undo) |\n"
    }
    return out
  }
  private static func value(_ text: String?) -> String {
    guard let text else { return "(absent)" }
    return text.isEmpty ? "(empty)" : code(PlanText.plain(text))
  }
}
