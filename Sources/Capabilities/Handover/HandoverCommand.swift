import ArgumentParser

/// `edgeferry handover`: move ownership between CloudFormation or CDK and Terraform, with nothing replaced.
public struct HandoverCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "handover",
    abstract: "Write the code that takes over what is live.",
    subcommands: [Emit.self])
  public init() {}
}
