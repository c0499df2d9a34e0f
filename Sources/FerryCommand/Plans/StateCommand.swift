import ArgumentParser
import FerryCore
import FerryReport
import FerryRun
import Foundation

struct StateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state", abstract: "Look at, copy and check the state database.",
    subcommands: [Show.self, Export.self, Import.self, Check.self])

  struct Show: FerryCommand {
    static let uses = AWSUse(state: .reads)
    static let configuration = CommandConfiguration(
      abstract: "The plans that were run, and where each stands.")
    @OptionGroup var global: GlobalOptions
    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let store = try context.existingStateStore()
      var reports: [StatusReport] = []
      for plan in try await store?.plans() ?? [] {
        guard let store else { continue }
        reports.append(
          StatusReport(plan, RunState(try await store.records(plan: plan.digest)), path: plan.name))
      }
      if global.output == .json {
        try context.answer(FerryJSON.document(reports))
      } else if reports.isEmpty {
        try context.answer("no plan was run with this state\n")
      } else {
        try context.answer(
          table(
            [["PLAN", "STATE", "DIGEST"]]
              + reports.map { [safe($0.plan), $0.state.rawValue, $0.digest] }))
      }
      return .done
    }
  }
  struct Export: FerryCommand {
    static let uses = AWSUse(state: .reads)
    static let configuration = CommandConfiguration(
      abstract: "Write the whole state as JSON; it holds before-images, so the file is 0600.")
    @Argument(help: "The file to write.") var file: String
    @OptionGroup var global: GlobalOptions
    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard let store = try context.existingStateStore() else {
        throw .badInput(
          "no-state", what: "could not export the state",
          why: "there is none at \(context.statePath)", next: "name it with --state or --workspace")
      }
      let document = FerryJSON.document(try await store.export())
      try Files.write(jsonSafe(document), to: file, mode: 0o600)
      try context.say(
        global.output == .json
          ? FerryJSON.document(
            ["schema": "edgeferry.state-export/1", "path": .string(file)] as JSONValue)
          : "\(file)\n")
      return .done
    }
  }
  struct Import: FerryCommand {
    static let uses = AWSUse(state: .writes)
    static let configuration = CommandConfiguration(
      abstract: "Load an exported state into an empty one.")
    @Argument(help: "A file that `edgeferry state export` wrote.") var file: String
    @OptionGroup var global: GlobalOptions
    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let document = try JSONValue.read(Files.read(file, what: "the state"), what: "state \(file)")
      try checkSchema(document, is: "edgeferry.state/1", what: "state \(file)")
      // Before there is a state that it would be loaded into.
      try checkExportedState(document)
      try await context.stateStore().load(document)
      try context.say(
        global.output == .json
          ? FerryJSON.document(
            [
              "schema": "edgeferry.state-import/1", "path": .string(file),
              "state": .string(context.statePath),
            ] as JSONValue) : "imported into \(context.statePath)\n")
      return .done
    }
  }
  struct Check: FerryCommand {
    static let uses = AWSUse(state: .reads)
    static let configuration = CommandConfiguration(
      abstract: "The journal's hash chain, and everything else against its digest.")
    @OptionGroup var global: GlobalOptions
    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard let store = try context.existingStateStore() else {
        try context.answer(
          global.output == .json
            ? document(records: nil, context) : "there is no state at \(context.statePath) yet\n")
        return .done
      }
      let count = try await store.check()
      try context.answer(
        global.output == .json
          ? document(records: count, context)
          : "sound: \(count) journal record\(count == 1 ? "" : "s"), every hash in its chain\n")
      return .done
    }
    /// A state that is not sound ends with an error.
    private func document(records: Int?, _ context: Context) -> String {
      FerryJSON.document(
        [
          "schema": "edgeferry.state-check/1", "state": .string(context.statePath),
          "exists": .bool(records != nil), "records": .int(Int64(records ?? 0)),
        ] as JSONValue)
    }
  }
}
