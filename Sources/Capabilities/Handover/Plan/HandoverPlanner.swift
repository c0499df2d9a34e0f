import FerryCode
import FerryCore

/// The steps of a handover: retain in the old tool, adopt in the new one, prove that nothing would change, release, prove that
/// nothing did. Pure; the inverse handover is the rollback plan.
struct HandoverPlanner {
  let facts: HandoverFacts
  var builder: PlanBuilder

  static func plan(_ facts: HandoverFacts, input: PlanningInput) throws(FerryError) -> PlanPair {
    var planner = HandoverPlanner(facts: facts, builder: PlanBuilder(input))
    try planner.make()
    return planner.builder.sealed()
  }

  private mutating func make() throws(FerryError) {
    builder.add(
      step("prove-before", "Prove that nothing has changed since the plan was made", .observe),
      rollback: nil)
    if facts.from == .cloudformation, let stack = facts.stack { try retain(in: stack) }
    switch facts.to {
    case .terraform: adoptInTerraform()
    case .cloudformation:
      if let stack = facts.stack { try adoptInStack(stack) }
    case .none: break
    }
    switch facts.from {
    case .cloudformation:
      if let stack = facts.stack { try release(from: stack) }
    case .terraform:
      if let state = facts.state { release(from: state) }
    case .none: break
    }
    builder.add(
      step("prove-after", "Prove that everything is as it was: id, version, time", .observe),
      rollback: nil)
    for note in facts.notes { builder.note(note) }
    if !facts.others.isEmpty {
      builder.risk(
        "shared-owner", "two tools would own this: \(facts.others.joined(separator: "; "))")
    }
  }

  static func count(_ resources: [String]) -> String {
    "\(resources.count) resource\(resources.count == 1 ? "" : "s")"
  }
  /// Each step ends with the proof that nothing live has changed.
  func step(
    _ id: String, _ title: String, _ action: Action, gate: String? = nil,
    checks: [Step.Check] = [], undoes: String? = nil
  ) -> Step {
    Step(
      id: id, title: title, account: facts.account, action: action,
      window: action == .observe ? nil : "cloudfront", gate: gate.map { .init(reason: $0) },
      checks: checks + unchanged, undoes: undoes)
  }
  private var unchanged: [Step.Check] {
    facts.things.map { thing in
      var check =
        thing.isPolicy
        ? Step.Check(.unchanged, policy: thing.id, value: thing.etag)
        : Step.Check(.unchanged, distribution: thing.id, value: thing.etag)
      check.modified = thing.modified.isEmpty ? nil : thing.modified
      check.limitSeconds = 60
      return check
    }
  }
  /// A tool's step: run when told to, and otherwise a person's.
  func tools(
    _ id: String, _ title: String, _ says: String, _ commands: [ToolCommand],
    settled: ToolCommand? = nil, done: ToolCommand? = nil, checks: [Step.Check] = [],
    undoes: String? = nil
  ) -> Step {
    step(
      id, title, .external(External(says: says, tools: commands, settled: settled, done: done)),
      gate: "run the commands of the step, or have them run by --run-commands; then approve",
      checks: checks, undoes: undoes)
  }
}
