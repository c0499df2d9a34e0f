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
    static let uses = AWSUse(ClosureActions.configuration + Context.objectActions)
    static let configuration = CommandConfiguration(
      abstract: "Write distributions and everything they refer to as code into the folder --out.",
      discussion: """
        The code is read back and compared with what is live before anything is written; what the tool cannot \
        express is listed with the reason. Values of origin headers go to a file of mode 0600 that git ignores.
        """)
    @Argument(help: "The id of a distribution (repeatable).") var id: [String]
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
      let ids = try Self.ids(id)
      try CodeFolder.isFree(out)
      let states = try await HeldState.read(tfstate, context)
      let (closure, _, unreached) = try await Self.closure(of: ids, account: account, context)
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

    /// The account that has all of them, with what they refer to. Accounts that did not answer are warned about.
    static func closure(of ids: [String], account: String?, _ context: Context)
      async throws(FerryError) -> (closure: Closure, place: Reach.Place, unreached: [Inventory.Gap])
    {
      var closures: [Closure] = []
      let reach = try await context.reach(accounts: account.map { [$0] } ?? [])
      context.warnAboutGaps(reach.gaps)
      var failures = reach.failure.map { [$0] } ?? []
      for place in reach.places {
        let terminal = context.terminal
        let shown = terminal.errorIsTerminal
        let reader = ClosureReader(
          transport: place.transport, account: place.account, region: place.region,
          reach: .configuration,
          progress: { done, of in
            if shown { terminal.progress("reading \(place.account): \(done) of \(of)") }
          })
        do throws(FerryError) {
          let closure = try await reader.read(ids)
          if closure.missing.isEmpty, closure.has(ids) { return (closure, place, reach.gaps) }
          closures.append(closure)
        } catch {
          if error.exit == .interrupted { throw error }
          failures.append(error)
        }
        terminal.progress(nil)
      }
      if let failure = failures.first { throw failure }
      if let gap = closures.flatMap(\.gaps).first(where: { ids.contains($0.resource ?? "") }) {
        throw FerryError(
          "unread-distribution", what: "could not read distribution \(gap.resource ?? "")",
          why: gap.reason, next: "allow \(gap.action ?? gap.call); nothing was written")
      }
      let missing = closures.map(\.missing).min { $0.count < $1.count } ?? ids
      throw FerryError(
        "unknown-distribution",
        what:
          "could not write code for \((missing.isEmpty ? ids : missing).joined(separator: ", "))",
        why: closures.count > 1
          ? "no account that was read has all of \(ids.joined(separator: ", "))"
          : "the account has no such distribution",
        next:
          "check the ids and the account (--account, --profile); one folder is of one account; nothing was written"
      )
    }

    /// Once each.
    ///
    /// - Parameter verb: what cannot be done with it, such as `check`.
    /// - Throws: `.badInput` (64) for what cannot be an id, and for none.
    static func ids(_ given: [String], verb: String = "write code for") throws(FerryError)
      -> [String]
    {
      var out: [String] = []
      for id in given where !out.contains(id) {
        guard (1...64).contains(id.count),
          id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
          throw .badInput(
            "bad-id", what: "could not \(verb) \(id.debugDescription)",
            why: "the id of a distribution is letters and digits, as E1EXAMPLE",
            next: "list them with `edgeferry inventory take`")
        }
        out.append(id)
      }
      return out
    }
  }
}

extension Closure {
  fileprivate func has(_ ids: [String]) -> Bool {
    let there = Set(account.distributions.map(\.id))
    return ids.allSatisfy(there.contains)
  }
}
