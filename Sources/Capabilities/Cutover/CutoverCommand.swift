import ArgumentParser
import FerryCommand

public struct CutoverCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "cutover",
    abstract: "Observe names in DNS, plan their move to another target, and prove that they moved.",
    subcommands: [ProbeCommand.self, PlanCommand.self, VerifyCommand.self])
  public init() {}
}
