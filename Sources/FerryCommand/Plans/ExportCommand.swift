import ArgumentParser
import FerryCore
import FerryReport

/// A plan in another tool's form.
struct ExportCommand: FerryCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable, Sendable { case stepfunctions }

  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a plan as a state machine of AWS Step Functions.",
    discussion: """
      The machine runs `edgeferry advance` through a Lambda function, which its input names \
      ({"function": "NAME"}), and waits until what that says. What the function gets and answers: \
      docs/commands/plans.md.
      """)
  @OptionGroup var argument: PlanArgument
  @Option(help: "stepfunctions: Amazon States Language, JSON.") var format: Format
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, _) = try context.plan(argument.plan)
    guard plan.rollbackOf == nil else {
      throw .badInput(
        "rollback-plan", what: "could not export \(argument.plan)",
        why: "it is a rollback plan, which is run by hand through the plan that it takes back",
        next: "export that plan")
    }
    try context.answer(jsonSafe(StepFunctions.definition(plan, path: argument.plan)))
    return .done
  }
}
