import ArgumentParser
import FerryCommand
import FerryCore
import FerryModel
import Foundation

/// `edgeferry lab`: a local CloudFront, STS and CloudFormation to learn, test and rehearse on.
public struct LabCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "A local CloudFront, STS and CloudFormation, without an AWS account.",
    subcommands: [Serve.self, Env.self, Load.self])
  public init() {}

  struct Serve: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "Serve until interrupted; loopback only.",
      discussion: """
        When ready, one JSON line goes to stdout and to the ready file.

        Faults (--fault):
        \(FaultPlan.help.map { "  \($0.0)  \($0.1)" }.joined(separator: "\n"))
        \(FaultPlan.filters)

        Behaviours (--behaviour), the default first:
        \(Behaviours.help.map { "  \($0.key)=\($0.values)" }.joined(separator: "\n"))
        """)
    @Option(help: "Where the API listens; port 0 chooses one.") var api = "127.0.0.1:0"
    @Option(help: "Where DNS is to listen; checked, and not served by this version.") var dns:
      String?
    @Option(help: "Where the edge is to listen; checked, and not served by this version.")
    var edge: String?
    @Option(help: "Account numbers, separated by commas.") var accounts =
      "111111111111,222222222222"
    @Option(help: "How long a change takes to reach every POP.") var propagation = "2s"
    @Option(help: "How many POPs there are.") var pops = 8
    @Option(help: "An inventory to begin with (repeatable).") var load: [String] = []
    @Flag(
      help: "Begin with the sample accounts: a few dozen distributions and every kind of orphan.")
    var sample = false
    @Option(name: .customLong("ready-file"), help: "Written when the lab is ready, mode 0600.")
    var readyFile: String?
    @Option(help: "KEY=VALUE, where sources disagree about AWS (repeatable).") var behaviour:
      [String] = []
    @Option(help: "KIND[:key=value,…], something to go wrong (repeatable).") var fault: [String] =
      []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      let (host, port) = try Self.address(api)
      for (name, address) in [("--dns", dns), ("--edge", edge)] {
        guard let address else { continue }
        _ = try Self.address(address)
        context.terminal.warn("\(name) is not served by this version; the API alone is")
      }
      guard let seconds = Settings.seconds(propagation), (1...256).contains(pops) else {
        throw .badInput(
          "bad-usage", what: "could not start the lab",
          why: "--propagation is a span and --pops 1 to 256",
          next: "see `edgeferry lab serve --help`")
      }
      let ids = accounts.split(separator: ",").map(String.init)
      guard !ids.isEmpty, ids.allSatisfy({ $0.count == 12 && $0.allSatisfy(\.isNumber) }) else {
        throw .badInput(
          "bad-usage", what: "could not start the lab", why: "--accounts takes 12-digit numbers",
          next: "write them as 111111111111,222222222222")
      }
      var behaviours = Behaviours()
      for text in behaviour { try behaviours.set(text) }
      var faults = FaultPlan()
      for text in fault { try faults.add(text) }
      let clock = LabClock(skewSeconds: faults.skewSeconds)
      var model = CloudFrontModel(
        accounts: ids, propagationSeconds: seconds, pops: pops, behaviours: behaviours)
      if sample { try model.load(Sample.inventory(now: clock.now), now: clock.now) }
      for file in load {
        try model.load(
          try JSONValue.read(Files.read(file, what: "inventory"), what: "inventory \(file)"),
          now: clock.now)
      }
      let shared = SharedModel(model)
      let answerer = LabServer(shared, faults: faults, clock: clock)
      let socket = try ListeningSocket(host: host, port: port)
      let server = try HTTPServer([
        .init(socket: socket) { request, _ in answerer.answer(request) }
      ])
      var keys: [String: JSONValue] = [:]
      for (id, key) in shared.with({ model in
        model.accountIDs.map { ($0, model.accessKey(of: $0)) }
      }) {
        keys[id] = [
          "accessKeyId": .string(key?.accessKeyID ?? ""),
          "secretAccessKey": .string(key?.secretAccessKey ?? ""),
        ]
      }
      server.start()
      defer { server.stop() }
      let line =
        JSONValue.object([
          "api": .string("http://\(host):\(socket.port)"), "accounts": .object(keys),
        ]).canonical + "\n"
      if let readyFile { try Files.write(line, to: readyFile, mode: 0o600) }
      try context.terminal.answer(line)
      // A signal ends the lab as it should.
      while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
      return .done
    }

    static func address(_ text: String) throws(FerryError) -> (String, UInt16) {
      let parts = text.split(separator: ":")
      guard parts.count == 2, let port = UInt16(parts[1]) else {
        throw .badInput(
          "bad-address", what: "could not listen on \(text.debugDescription)",
          why: "it is no address and port", next: "write it as 127.0.0.1:0")
      }
      let octets = parts[0].split(separator: ".")
      guard octets.count == 4, octets[0] == "127", octets.allSatisfy({ UInt8($0) != nil }) else {
        throw .badInput(
          "bad-address", what: "could not listen on \(text.debugDescription)",
          why: "the lab listens on loopback addresses alone", next: "write it as 127.0.0.1:0")
      }
      return (String(parts[0]), port)
    }
  }

  struct Ready: ParsableArguments, Sendable {
    @Option(name: .customLong("ready-file"), help: "The file that `lab serve` wrote.")
    var readyFile: String

    func read() throws(FerryError) -> JSONValue {
      try JSONValue.read(
        Files.read(readyFile, what: "the ready file", limit: 1 << 20),
        what: "ready file \(readyFile)")
    }
  }

  struct Env: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the export lines that point AWS clients at a running lab.")
    @OptionGroup var ready: Ready
    @Option(help: "The account to be.") var account: String
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      let document = try ready.read()
      guard let keys = document["accounts"]?[account], let api = document["api"]?.string,
        let key = keys["accessKeyId"]?.string, let secret = keys["secretAccessKey"]?.string
      else {
        let known = document["accounts"]?.object?.keys.sorted().joined(separator: ", ") ?? ""
        throw .badInput(
          "unknown-account", what: "could not be account \(account)", why: "the lab has \(known)",
          next: "name one of them")
      }
      let values = [
        ("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", api),
      ]
      guard
        values.allSatisfy({ $0.1.allSatisfy { $0.isASCII && !"'\"\\$`\n ;&|<>()".contains($0) } })
      else {
        throw .badInput(
          "bad-ready-file", what: "could not use \(ready.readyFile)",
          why: "it holds what no lab wrote", next: "start the lab again")
      }
      try context.answer(
        values.map { "export \($0.0)=\($0.1)\n" }.joined() + "unset AWS_SESSION_TOKEN AWS_PROFILE\n"
      )
      return .done
    }
  }

  struct Load: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Load an inventory into a running lab, also a state that the API would not let you create.")
    @OptionGroup var ready: Ready
    @Argument(help: "An inventory file.") var inventory: String
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      let body = try Files.read(inventory, what: "inventory")
      let api = try ready.read()["api"]?.string ?? ""
      let answer = try await context.post(body, to: api + "/_lab/load")
      guard answer.status == 200 else {
        let said = try? JSONValue.read(answer.body, what: "answer")
        throw .badInput(
          "bad-inventory", what: said?["what"]?.string ?? "could not load \(inventory)",
          why: said?["why"]?.string ?? "the lab answered \(answer.status)",
          next: "correct the inventory")
      }
      try context.answer("loaded \(inventory)\n")
      return .done
    }
  }
}
