import ArgumentParser
import FerryCloudFront
import FerryCode
import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// A tool that code is written for.
enum EmitTarget: String, ExpressibleByArgument, CaseIterable, Sendable {
  case terraform, cloudformation
}

extension HandoverCommand {
  struct Emit: FerryCommand {
    static let uses = AWSUse(
      ClosureActions.configuration + InventoryReader.actions.filter { $0.hasPrefix("cloudfront:") }
        + Context.objectActions)
    static let configuration = CommandConfiguration(
      abstract: "Write distributions and everything they refer to as code into the folder --out.",
      discussion: """
        The code is read back and compared with what is live before anything is written; what the tool cannot \
        express is listed with the reason. Values of origin headers go to a file of mode 0600 that git ignores.
        """)
    @Argument(help: "The id of a distribution or policy (repeatable).") var id: [String]
    @Option(help: "The tool: terraform or cloudformation.") var to: EmitTarget
    @Option(help: "The account of the settings that has them (default: all are asked).")
    var account: String?
    @Option(
      help:
        "A Terraform state, version 4: a file or s3://bucket/key (repeatable). What it holds keeps its address."
    )
    var tfstate: [String] = []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard let out = global.out else {
        throw .badInput(
          "bad-usage", what: "could not write code", why: "no folder was named",
          next: "add --out DIR: a folder that is new or empty")
      }
      guard to == .terraform || tfstate.isEmpty else {
        throw .badInput(
          "bad-usage", what: "could not write code", why: "--tfstate is for --to terraform",
          next:
            "leave it out; `edgeferry handover plan --from terraform` takes things out of a state")
      }
      let ids = try HandoverIDs.read(id, to: .emit)
      try CodeFolder.isFree(out)
      let states = try await HeldState.read(tfstate, context)
      let (closure, _, unreached) = try await HandoverIDs.closure(
        of: ids, account: account, to: .emit, context)
      let holdings = try Holdings(Subject.all(in: closure.account), states: states)
      let subjects = holdings.free
      guard !subjects.isEmpty else {
        throw FerryError(
          "nothing-to-emit", what: "could not write code for \(ids.joined(separator: ", "))",
          why: "the states hold all of it where no other code can have it",
          next: "write into the modules that hold it: edgeferry handover detect --tfstate …")
      }
      let code = try EmittedCode(
        subjects, managed: closure.managed, to: to, held: holdings.taken)
      try CodeFolder.write(code.files, to: out)
      context.warnAboutGaps(closure.gaps)
      let gaps = unreached + closure.gaps
      let report = EmitReport(
        to: to.rawValue, path: out, account: closure.account.id, complete: gaps.isEmpty,
        gaps: gaps, files: code.files.map(\.path), resources: code.items,
        variables: code.secrets, notTaken: holdings.notTaken, notExpressed: code.left,
        notes: code.notes)
      try context.say(global.output == .json ? FerryJSON.document(report) : report.text)
      return .done
    }
  }
}
