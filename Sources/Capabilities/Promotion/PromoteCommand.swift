import ArgumentParser

/// `edgeferry promote`: is a staging distribution fit to be promoted, and the plan that does it.
public struct PromoteCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "promote",
    abstract: "Promote a staging distribution once it has shown that it is fit, with a way back.",
    subcommands: [CheckCommand.self, PlanCommand.self])
  public init() {}
}
