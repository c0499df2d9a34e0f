import ArgumentParser
import FerryCore
import FerryReport
import Foundation
import Logging

/// The root of the command line; the executable names its capabilities.
public protocol RootCommand: AsyncParsableCommand {}

/// Parse, run, print the error if there is one, exit with its code.
public enum Entry {
  public static func run<Root: RootCommand>(_ root: Root.Type, arguments: [String]) async -> Never {
    signal(SIGPIPE, SIG_IGN)
    let builtIns = Root.configuration.subcommands.map { $0._commandName }.sorted()
    PluginsCommand.List.builtIns.withLock { names in names = builtIns }
    let arguments = hoisted(arguments)
    let wantsJSON = outputIsJSON(arguments)
    if arguments.first == "help", arguments.dropFirst().first == "exit-codes" {
      let rows = FerryCore.ExitCode.allCases.map { ["\($0.rawValue)", $0.meaning] }
      Terminal.write(table(rows), to: STDOUT_FILENO)
      exit(0)
    }
    if let name = arguments.first, !name.hasPrefix("-"), name != "help",
      !Root.configuration.subcommands.contains(where: { $0._commandName == name })
    {
      do {
        try Plugins.execute(name, arguments: Array(arguments.dropFirst()))
      } catch {
        fail(error, json: wantsJSON)
      }
    }
    let command: any ParsableCommand
    do {
      command = try Root.parseAsRoot(arguments)
    } catch {
      let code = Root.exitCode(for: error).rawValue
      if code == FerryCore.ExitCode.usage.rawValue, wantsJSON {
        fail(
          .badInput(
            "bad-usage", what: "could not understand the command line",
            why: Root.message(for: error), next: "see edgeferry help"), json: true)
      }
      Root.exit(withError: error)
    }
    guard let ferry = command as? any FerryCommand else {
      var command = command
      do {
        if var asynchronous = command as? any AsyncParsableCommand {
          try await asynchronous.run()
        } else {
          try command.run()
        }
      } catch let error as FerryError {
        fail(error, json: wantsJSON)
      } catch {
        Root.exit(withError: error)
      }
      exit(0)
    }
    log(verbose: ferry.global.verbose)
    let outcome = await interruptible { () -> Result<FerryCore.ExitCode, FerryError> in
      do throws(FerryError) {
        let context = try Context(ferry.global)
        return .success(try await ferry.run(context))
      } catch {
        return .failure(error)
      }
    }
    switch outcome {
    case .success(let code): exit(code.rawValue)
    case .failure(let error): fail(error, json: wantsJSON)
    }
  }

  private static func fail(_ error: FerryError, json: Bool) -> Never {
    let terminal = Terminal(
      quiet: false, verbose: false, noColor: CommandLine.arguments.contains("--no-color"),
      environment: ProcessInfo.processInfo.environment)
    terminal.progress(nil)
    Terminal.write(
      json ? Terminal.json(error) : Terminal.text(error, colour: terminal.colour),
      to: STDERR_FILENO)
    exit(error.exit.rawValue)
  }

  /// SIGINT, SIGTERM and SIGHUP cancel the work, which ends between two calls with its journal intact.
  private static func interruptible<T: Sendable>(_ work: @escaping @Sendable () async -> T) async
    -> T
  {
    let task = Task { await work() }
    var sources: [any DispatchSourceSignal] = []
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { task.cancel() }
      source.resume()
      sources.append(source)
    }
    let value = await task.value
    for source in sources { source.cancel() }
    return value
  }

  private static func log(verbose: Bool) {
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = verbose ? .debug : .critical
      return handler
    }
  }

  private static func outputIsJSON(_ arguments: [String]) -> Bool {
    if arguments.contains("--output=json") { return true }
    return zip(arguments, arguments.dropFirst()).contains { $0 == "--output" && $1 == "json" }
  }

  /// Global options may stand before the command, as in git and kubectl: they are moved behind it.
  static func hoisted(_ arguments: [String]) -> [String] {
    let valued: Set = [
      "--profile", "--role-arn", "--endpoint-url", "--config", "--state", "--workspace", "--output",
      "--out", "--at",
    ]
    let flags: Set = ["--quiet", "--verbose", "--no-color"]
    var leading: [String] = []
    var rest = arguments[...]
    while let first = rest.first {
      if flags.contains(first) || valued.contains(where: { first.hasPrefix($0 + "=") }) {
        leading.append(first)
        rest = rest.dropFirst()
      } else if valued.contains(first), rest.count > 1 {
        leading += rest.prefix(2)
        rest = rest.dropFirst(2)
      } else {
        break
      }
    }
    guard !leading.isEmpty, !rest.isEmpty else { return arguments }
    let end = rest.firstIndex(of: "--") ?? rest.endIndex
    return Array(rest[..<end]) + leading + Array(rest[end...])
  }
}
