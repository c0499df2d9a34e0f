import ArgumentParser
import FerryCode

/// `edgeferry handover`: move ownership between CloudFormation or CDK and Terraform, with nothing replaced.
public struct HandoverCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "handover",
    abstract:
      "Say who owns what is live, write the code that takes it over, and watch it for drift.",
    subcommands: [Detect.self, Emit.self, PlanCommand.self, Check.self])
  public init() {}
}
