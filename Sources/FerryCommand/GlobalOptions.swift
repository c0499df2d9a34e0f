import ArgumentParser
import FerryCore
import FerryReport

public enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case text, json, ndjson, markdown, html, svg
}

/// The options that every command takes.
public struct GlobalOptions: ParsableArguments, Sendable {
  @Option(help: "The AWS profile to use.") public var profile: String?
  @Option(name: .customLong("role-arn"), help: "A role to assume with those credentials.")
  public var roleARN: String?
  @Option(
    name: .customLong("endpoint-url"),
    help: "Another endpoint than AWS's own, such as the lab's. Plain http only to loopback.")
  public var endpointURL: String?
  @Option(help: "The settings file (default: edgeferry.yaml when present).")
  public var config: String?
  @Option(
    help:
      "Where the state is: a path (default: .edgeferry/state.sqlite in the workspace), or s3://BUCKET/PREFIX."
  )
  public var state: String?
  @Option(help: "The folder that holds plans, runbooks and state (default: this one).")
  public var workspace: String?
  @Option(help: "text, json, ndjson, markdown or html, as fits the command.")
  public var output: OutputFormat = .text
  @Option(help: "Write the answer to this file instead of stdout.") public var out: String?
  @Option(help: "Plan as if it were this time (RFC 3339).") public var at: String?
  @Flag(help: "Say only the answer, warnings and errors.") public var quiet = false
  @Flag(help: "Say more: calls, waits, retries.") public var verbose = false
  @Flag(name: .customLong("no-color"), help: "No colours (NO_COLOR is honoured too).")
  public var noColor = false

  public init() {}

  /// Those of them that say where things are, as words of a command line that finds the same; each after a space.
  package var places: String {
    let given: [(String, String?)] = [
      ("profile", profile), ("role-arn", roleARN), ("endpoint-url", endpointURL),
      ("config", config), ("state", state), ("workspace", workspace),
    ]
    return given.compactMap { name, value in value.map { " --\(name) \(shellWord($0))" } }.joined()
  }
}

/// A command of edgeferry: parsed by ArgumentParser, run with a context, ended by an exit code.
public protocol FerryCommand: AsyncParsableCommand, Sendable {
  var global: GlobalOptions { get }
  /// What it may call itself.
  static var uses: AWSUse { get }
  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode
}

extension FerryCommand {
  public static var uses: AWSUse { .none }
  /// The formats that this command can write; anything else is bad usage.
  public func formats(_ allowed: OutputFormat...) throws(FerryError) {
    guard allowed.contains(global.output) else {
      throw .badInput(
        "bad-usage", what: "could not write \(global.output.rawValue)",
        why: "this command writes \(allowed.map(\.rawValue).joined(separator: ", "))",
        next: "choose one of them with --output")
    }
  }
  /// Called by ArgumentParser; edgeferry's own entry point calls `run(_:)` instead.
  public mutating func run() async throws {
    let context = try Context(global)
    let code = try await run(context)
    if code != .done { throw ArgumentParser.ExitCode(code.rawValue) }
  }
}
