import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryReport
import FerryRun
import Foundation

/// What a command works with: settings, workspace, clock, output and sessions; made once per run.
public struct Context: Sendable {
  public let options: Options
  public let settings: Settings
  public let terminal: Terminal
  public let environment: [String: String]
  public let workspace: URL
  public let clock: any FerryClock

  /// The parsed global options, as values that cross tasks.
  public struct Options: Sendable {
    public var profile: String?
    public var roleARN: String?
    public var endpointURL: String?
    public var output: OutputFormat
    public var out: String?
    public var state: String?
  }

  /// The time that plans are made for: `--at`, or now.
  public let planningTime: Date

  public static let version = "0.1.0"
  public static let tool = "edgeferry \(version)"

  public init(_ global: GlobalOptions) throws(FerryError) {
    environment = ProcessInfo.processInfo.environment
    terminal = Terminal(
      quiet: global.quiet, verbose: global.verbose, noColor: global.noColor,
      environment: environment)
    options = Options(
      profile: global.profile, roleARN: global.roleARN, endpointURL: global.endpointURL,
      output: global.output, out: global.out, state: global.state)
    let here = global.workspace ?? environment["EDGEFERRY_WORKSPACE"] ?? "."
    workspace = URL(fileURLWithPath: here, isDirectory: true)
    clock = SystemClock()
    if let at = global.at {
      guard let date = Timestamp.read(at) else {
        throw .badInput(
          "bad-usage", what: "could not read --at",
          why: "\(at.debugDescription) is no RFC 3339 time",
          next: "write it as 2026-12-07T09:00:00Z")
      }
      planningTime = date
    } else {
      planningTime = Date()
    }
    settings = try Self.settings(global, workspace: workspace)
  }

  private static func settings(_ global: GlobalOptions, workspace: URL) throws(FerryError)
    -> Settings
  {
    let url: URL
    if let config = global.config {
      url = URL(fileURLWithPath: config)
    } else {
      url = workspace.appendingPathComponent("edgeferry.yaml")
      guard FileManager.default.fileExists(atPath: url.path) else { return Settings() }
    }
    let bytes = try Files.read(
      url.path, what: "the settings", limit: 1 << 20, refuseLooseModes: true)
    var settings = try Settings.read(
      String(decoding: bytes, as: UTF8.self), named: global.config ?? "edgeferry.yaml")
    settings.path = url.path
    return settings
  }

  // MARK: Output

  /// Writes the answer in the format asked for, to `--out` or stdout.
  public func answer(_ text: String) throws(FerryError) {
    guard let out = options.out else { return try say(text) }
    try Files.write(escaped(text), to: out)
  }
  /// Writes to stdout, whatever `--out` says: it may name another file of the command.
  public func say(_ text: String) throws(FerryError) { try terminal.answer(escaped(text)) }
  private func escaped(_ text: String) -> String {
    let isJSON = options.output == .json || options.output == .ndjson
    return isJSON ? jsonSafe(text) : printable(text)
  }

  // MARK: Accounts

  /// The settings' accounts of those names; without names all of them, or the current credentials alone.
  /// - Throws: `.badInput` (64) for a name that the settings do not have.
  public func accounts(named names: [String]) throws(FerryError) -> [Settings.Account] {
    if names.isEmpty {
      return settings.accounts.isEmpty || options.profile != nil
        ? [.init(name: "default", profile: options.profile, roleARN: options.roleARN)]
        : settings.accounts
    }
    var out: [Settings.Account] = []
    for name in names {
      guard let account = settings.accounts.first(where: { $0.name == name }) else {
        let known = settings.accounts.map(\.name).joined(separator: ", ")
        throw .badInput(
          "unknown-account", what: "could not use account \(name.debugDescription)",
          why: known.isEmpty ? "no settings file names accounts" : "the settings name \(known)",
          next: "name it under accounts: in edgeferry.yaml")
      }
      out.append(account)
    }
    return out
  }

  /// A signed session for an account; nothing is sent until its first call.
  public func session(_ account: Settings.Account) throws(FerryError) -> AWSSession {
    try AWSSession(
      profile: account.profile ?? options.profile, roleARN: account.roleARN ?? options.roleARN,
      externalID: account.externalID, region: nil, endpointURL: options.endpointURL,
      environment: environment,
      engine: Self.engine(environment),
      clock: clock)
  }

  private static let engines = Locked<HTTPEngine?>(nil)
  private static func engine(_ environment: [String: String]) throws(FerryError) -> HTTPEngine {
    if let made = engines.withLock({ $0 }) { return made }
    let engine = try HTTPEngine(
      .init(caFile: environment["AWS_CA_BUNDLE"].flatMap { $0.isEmpty ? nil : $0 }))
    return engines.withLock { slot in
      if let made = slot { return made }
      slot = engine
      return engine
    }
  }

  private static let announced = Locked<Set<String>>([])
  /// Says on stderr where calls go when that is not AWS, once.
  public func announce(_ session: AWSSession) {
    if let endpoint = foreignEndpoint(session),
      Self.announced.withLock({ $0.insert(endpoint).inserted })
    {
      terminal.talk("note: CloudFront is \(safe(endpoint)), not AWS")
    }
  }
  /// The CloudFront endpoint when it is not one of AWS's own.
  public func foreignEndpoint(_ session: AWSSession) -> String? {
    session.isAWSEndpoint ? nil : (try? session.endpoint(for: .cloudFront))
  }

  // MARK: State

  public var statePath: String {
    let given = options.state ?? environment["EDGEFERRY_STATE"]
    return given ?? workspace.appendingPathComponent(".edgeferry/state.sqlite").path
  }
  public func stateStore() throws(FerryError) -> any StateStore {
    if S3Place.isOne(statePath) {
      let place = try S3Place(statePath)
      let session = try stateSession()
      return S3State(
        place, transport: session.transport, region: session.regionName, clock: clock)
    }
    return try SQLiteState(path: statePath)
  }
  /// The current credentials, whatever accounts the settings name. An S3 endpoint of its own goes before
  /// `--endpoint-url`, which is where CloudFront is.
  func stateSession() throws(FerryError) -> AWSSession {
    let own = environment["AWS_ENDPOINT_URL_S3"] ?? ""
    return try AWSSession(
      profile: options.profile, roleARN: options.roleARN, region: nil,
      endpointURL: own.isEmpty ? options.endpointURL : nil, environment: environment,
      engine: Self.engine(environment), clock: clock)
  }
  /// The state where there is one: what only reads makes none.
  public func existingStateStore() throws(FerryError) -> (any StateStore)? {
    var info = stat()
    if !S3Place.isOne(statePath), lstat(statePath, &info) != 0, errno == ENOENT { return nil }
    return try stateStore()
  }
}

extension Context {
  /// Where files that the settings name are: beside them, wherever the command was started.
  package var settingsFolder: URL {
    settings.path.map { URL(fileURLWithPath: $0).deletingLastPathComponent() } ?? workspace
  }
  /// One exchange, unsigned.
  package func send(_ request: HTTPRequest) async throws(FerryError) -> (
    status: Int, body: [UInt8]
  ) {
    let answer = try await Self.engine(environment).send(request)
    return (answer.status, answer.body)
  }
  /// Sends a document to a loopback service of our own, unsigned.
  public func post(_ body: [UInt8], to url: String) async throws(FerryError) -> (
    status: Int, body: [UInt8]
  ) {
    let answer = try await Self.engine(environment).send(
      HTTPRequest(
        method: "POST", url: url, headers: [(name: "content-type", value: "application/json")],
        body: body))
    return (answer.status, answer.body)
  }
}
