import ArgumentParser
import FerryCore
import FerryHTTP
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
    CommandTree.roots.withLock { roots in roots = Root.configuration.subcommands }
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
      do throws(FerryError) {
        try Plugins.execute(name, arguments: Array(arguments.dropFirst()))
        throw .badInput(
          "bad-usage", what: "could not understand the command line",
          why: "there is no command \(name.debugDescription), built in or on PATH",
          next: "see `edgeferry --help` and `edgeferry plugins list`")
      } catch {
        fail(error, json: wantsJSON)
      }
    }
    let command: any ParsableCommand
    do {
      command = try Root.parseAsRoot(arguments)
    } catch {
      // Help, the version and completion scripts come as errors too, and are no complaint.
      guard Root.exitCode(for: error).rawValue == FerryCore.ExitCode.usage.rawValue else {
        Root.exit(withError: error)
      }
      fail(
        .badInput(
          "bad-usage", what: "could not understand the command line",
          why: Root.message(for: error), next: "see `\(help(Root.self, arguments))`"),
        json: wantsJSON)
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

  /// What was given after the program's name.
  ///
  /// Swift's runtime finds none where a preloaded library has changed the environment first; the kernel knows them.
  public static let arguments: [String] = {
    let given = Array(CommandLine.arguments.dropFirst())
    guard given.isEmpty,
      let line = try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/cmdline"))
    else { return given }
    return line.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast()
      .map { String(decoding: $0, as: UTF8.self) }
  }()

  private static func fail(_ error: FerryError, json: Bool) -> Never {
    let terminal = Terminal(
      quiet: false, verbose: false, noColor: arguments.contains("--no-color"),
      environment: ProcessInfo.processInfo.environment)
    terminal.progress(nil)
    Terminal.write(
      json ? Terminal.json(error) : Terminal.text(error, colour: terminal.colour),
      to: STDERR_FILENO)
    exit(error.exit.rawValue)
  }

  /// SIGINT, SIGTERM and SIGHUP cancel the work, which ends between two calls with its journal intact; a
  /// second SIGINT or SIGTERM ends it at once, as a kill would, which the journal survives too.
  ///
  /// A signal that was ignored when edgeferry was started (nohup, a shell's background job) stays so.
  private static func interruptible<T: Sendable>(_ work: @escaping @Sendable () async -> T) async
    -> T
  {
    let seen = Locked((times: 0, task: Task<T, Never>?.none))
    var sources: [any DispatchSourceSignal] = []
    for number in [SIGINT, SIGTERM, SIGHUP] {
      var disposition = sigaction()
      guard sigaction(number, nil, &disposition) == 0, !isIgnored(disposition) else { continue }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        let (times, task) = seen.withLock { state in
          state.times += 1
          return (state.times, state.task)
        }
        task?.cancel()
        guard number != SIGHUP else { return }
        if times > 1 { _exit(FerryCore.ExitCode.interrupted.rawValue) }
        if number == SIGINT, isatty(STDERR_FILENO) == 1 {
          Terminal.write(
            "\nending after the call in flight; once more ends at once\n", to: STDERR_FILENO)
        }
      }
      // The work begins once its signals are caught: before that they end the process as ever.
      await withCheckedContinuation { registered in
        source.setRegistrationHandler { registered.resume() }
        source.resume()
      }
      sources.append(source)
    }
    let task = Task { await work() }
    let early = seen.withLock { state in
      state.task = task
      return state.times > 0
    }
    if early { task.cancel() }
    let value = await task.value
    for source in sources { source.cancel() }
    return value
  }
  private static func isIgnored(_ disposition: sigaction) -> Bool {
    unsafeBitCast(disposition.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func log(verbose: Bool) {
    LoggingSystem.bootstrap { label in
      var handler = TalkLog(label: label)
      handler.logLevel = verbose ? .debug : .critical
      return handler
    }
  }

  /// The help of the deepest command that the arguments name.
  private static func help<Root: RootCommand>(_ root: Root.Type, _ arguments: [String]) -> String {
    var path = ["edgeferry"]
    var commands = root.configuration.subcommands
    for word in arguments {
      guard let next = commands.first(where: { $0._commandName == word }) else { break }
      path.append(word)
      commands = next.configuration.subcommands
    }
    return (path + ["--help"]).joined(separator: " ")
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

/// Log lines on stderr, one each, what is foreign in them escaped.
struct TalkLog: LogHandler {
  let label: String
  var logLevel = Logger.Level.critical
  var metadata: Logger.Metadata = [:]

  init(label: String) { self.label = label }
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
  func log(event: LogEvent) {
    let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      .map { " \($0.key)=\($0.value)" }.joined()
    let line = safe("\(event.level) \(label): \(event.message)\(pairs)", limit: 2000)
    Terminal.write("\(Timestamp.text(Date())) \(line)\n", to: STDERR_FILENO)
  }
}
