import ArgumentParser
import FerryCore
import FerryHTTP
import FerryReport
import Foundation

/// Executables named `edgeferry-NAME` on PATH, as git, kubectl and gh find theirs.
public enum Plugins {
  /// Replaces this process by the plugin; returns only when there is none of that name.
  /// - Throws: `.badInput` for a broken settings file, or when the plugin cannot be started.
  static func execute(_ name: String, arguments: [String]) throws(FerryError) {
    let environment = ProcessInfo.processInfo.environment
    guard Plan.isName(name.lowercased()), let path = external(environment)[name] else { return }
    let context = try Context(leading(arguments))
    setenv("EDGEFERRY_WORKSPACE", context.workspace.standardizedFileURL.path, 1)
    setenv("EDGEFERRY_CONTEXT", Self.context(context), 1)
    var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
    argv.append(nil)
    signal(SIGPIPE, SIG_DFL)
    execv(path, argv)
    throw FerryError(
      "plugin", what: "could not start \(path)", why: String(cString: strerror(errno)),
      next: "check that the file can be executed")
  }

  /// The global options among a plugin's own arguments, where they can be read as such.
  private static func leading(_ arguments: [String]) throws(FerryError) -> GlobalOptions {
    var kept: [String] = []
    for (flag, value) in zip(arguments, arguments.dropFirst())
    where ["--profile", "--role-arn", "--endpoint-url", "--config", "--state", "--workspace"]
      .contains(flag)
    {
      kept += [flag, value]
    }
    for given in [kept, []] {
      if let options = try? GlobalOptions.parse(given) { return options }
    }
    throw .badInput(
      "bad-usage", what: "could not read the global options", why: "their values are missing",
      next: "see edgeferry help")
  }

  /// The resolved settings as JSON; no secret is among them.
  static func context(_ context: Context) -> String {
    var accounts: [String: JSONValue] = [:]
    for account in context.settings.accounts {
      var members: [String: JSONValue] = [:]
      if let profile = account.profile { members["profile"] = .string(profile) }
      if let role = account.roleARN { members["roleArn"] = .string(role) }
      accounts[account.name] = .object(members)
    }
    var members: [String: JSONValue] = [
      "schema": "edgeferry.context/1", "version": .string(Context.version),
      "workspace": .string(context.workspace.standardizedFileURL.path),
      "state": .string(context.statePath), "accounts": .object(accounts),
      "regions": .array(context.settings.regions.map(JSONValue.string)),
      "settings": context.settings.document,
    ]
    if let path = context.settings.path { members["config"] = .string(path) }
    if let profile = context.options.profile { members["profile"] = .string(profile) }
    if let role = context.options.roleARN { members["roleArn"] = .string(role) }
    if let endpoint = context.options.endpointURL { members["endpointUrl"] = .string(endpoint) }
    return JSONValue.object(members).canonical
  }

  /// Every plugin on PATH, the first of a name winning.
  static func external(_ environment: [String: String]) -> [String: String] {
    var out: [String: String] = [:]
    for folder in (environment["PATH"] ?? "").split(separator: ":") where folder.hasPrefix("/") {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: String(folder))) ?? []
      for file in names.sorted() where file.hasPrefix("edgeferry-") {
        let name = String(file.dropFirst("edgeferry-".count))
        let path = "\(folder)/\(file)"
        if out[name] == nil, !name.isEmpty, access(path, X_OK) == 0 { out[name] = path }
      }
    }
    return out
  }
}

public struct PluginsCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "plugins", abstract: "Show the commands built in and those found on PATH.",
    subcommands: [List.self])
  public init() {}

  public struct List: FerryCommand {
    public static let configuration = CommandConfiguration(
      abstract: "List built-in commands and edgeferry-NAME executables.")
    @OptionGroup public var global: GlobalOptions
    public init() {}

    public func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let builtIn = Self.builtIns.withLock { $0 }
      let external = Plugins.external(context.environment).sorted { $0.key < $1.key }
      if global.output == .json {
        let rows: [JSONValue] =
          builtIn.map { ["name": .string($0), "kind": "built-in"] }
          + external.map {
            [
              "name": .string($0.key), "kind": "external", "path": .string($0.value),
              "shadowed": .bool(builtIn.contains($0.key)),
            ]
          }
        try context.answer(
          FerryJSON.document(
            JSONValue.object(["schema": "edgeferry.plugins/1", "plugins": .array(rows)])))
      } else {
        var rows = [["NAME", "KIND", "PATH"]]
        rows += builtIn.map { [$0, "built-in", ""] }
        rows += external.map {
          [
            safe($0.key),
            builtIn.contains($0.key) ? "ignored: built-ins are not shadowed" : "external",
            safe($0.value),
          ]
        }
        try context.answer(table(rows))
      }
      return .done
    }
    /// The root command's own subcommands, told by `Entry` once before anything runs.
    static let builtIns = Locked<[String]>([])
  }
}
