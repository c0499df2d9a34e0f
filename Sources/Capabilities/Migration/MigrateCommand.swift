import ArgumentParser

/// `edgeferry migrate`: carry a distribution and its closure to another account.
public struct MigrateCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Carry a distribution and everything it refers to to another account.",
    subcommands: [Export.self, Plan.self, Verify.self])
  public init() {}
}
