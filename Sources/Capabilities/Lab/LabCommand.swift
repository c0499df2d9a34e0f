import ArgumentParser
import FerryCommand
import FerryCore
import FerryModel
import Foundation

/// `edgeferry lab`: a local CloudFront, Route 53, DNS, STS and CloudFormation to learn, test and rehearse on.
public struct LabCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "A local CloudFront, Route 53, DNS, STS and CloudFormation, without an AWS account.",
    subcommands: [Serve.self, Env.self, Load.self])
  public init() {}

  struct Serve: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "Serve until interrupted; loopback only.",
      discussion: """
        When ready, one JSON line goes to stdout and to the ready file.

        Faults (--fault):
        \(FaultPlan.help.map { "  \($0.0)\n      \($0.1)" }.joined(separator: "\n"))
        \(FaultPlan.filters)

        Behaviours (--behaviour), the default first:
        \(Behaviours.help.map { "  \($0.key)=\($0.values)" }.joined(separator: "\n"))
        """)
    @Option(help: "Where the API listens; port 0 chooses one.") var api = "127.0.0.1:0"
    @Option(
      help:
        "Where DNS listens: four name servers, on this address and the three after it; port 0 chooses one."
    )
    var dns = "127.0.0.1:0"
    @Option(
      help: "Where the edge speaks TLS: a port for each POP from this one on; 0 chooses them.")
    var edge = "127.0.0.1:0"
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
      let apiAddress = try Self.address(api)
      let edgeAddress = try Self.address(edge)
      let dnsAddress = try Self.address(dns)
      let nameServers = try DNSSocket.hosts(
        from: dnsAddress.host, count: CloudFrontModel.nameServerCount)
      var faults = FaultPlan()
      for text in fault { try faults.add(text) }
      let clock = LabClock(skewSeconds: faults.skewSeconds)
      let shared = SharedModel(try model(now: clock.now))
      let edge = EdgeServer(model: shared, clock: clock, pops: pops, faults: faults.edge)
      let answerer = LabServer(shared, faults: faults, clock: clock)
      let authority = try LabAuthority()
      // A port that was asked for comes before those that may be any.
      let apiSocket = try ListeningSocket(host: apiAddress.host, port: apiAddress.port)
      let dnsSockets = try DNSSocket.each(of: nameServers, port: dnsAddress.port)
      let edgeSockets = try ListeningSocket.run(
        of: pops, host: edgeAddress.host, port: edgeAddress.port)
      let plainSocket = try ListeningSocket(host: edgeAddress.host, port: 0)
      let terms = TLSTerms(authority: authority) {
        edge.certificate($0, pop: $1 % edge.pops)
      }
      let resolverSocket = try DNSSocket(host: dnsAddress.host, port: 0)
      let edgeSockets6 = ListeningSocket.same(as: edgeSockets, host: "::1")
      shared.with {
        $0.nameServerAddresses = nameServers
        $0.edgeAddress = edgeAddress.host
        $0.edgeIPv6Address = edgeSockets6.isEmpty ? nil : "::1"
      }
      // The POPs' ports come first, so that a listener's number tells its POP.
      let server = try HTTPServer(
        (edgeSockets + edgeSockets6).map { socket in
          .init(socket: socket, tls: terms) { request, arrival in
            edge.answer(request, pop: arrival.listener % edge.pops, tls: arrival.tls)
          }
        } + [
          .init(socket: plainSocket) { request, _ in edge.answer(request, pop: 0, tls: nil) },
          .init(socket: apiSocket) { request, _ in answerer.answer(request) },
        ])
      let trust = try TrustFile(authority.pem, beside: readyFile)
      defer { trust.remove() }
      let names = LabNames(model: shared, clock: clock, faults: faults.nameServers)
      let dnsServer = try DNSServerLoop(
        dnsSockets.enumerated().map { ($1, names.nameServer($0)) }
          + [(resolverSocket, names.cachingResolver())])
      server.start()
      defer { server.stop() }
      dnsServer.start()
      defer { dnsServer.stop() }
      let line =
        JSONValue.object([
          "api": .string("http://\(apiAddress.host):\(apiSocket.port)"),
          "dns": .string(dnsSockets[0].text),
          "nameservers": .array(dnsSockets.map { .string($0.text) }),
          "resolver": .string(resolverSocket.text),
          "edge": .string("\(edgeAddress.host):\(edgeSockets.first?.port ?? 0)"),
          "edgeHTTP": .string("\(edgeAddress.host):\(plainSocket.port)"),
          "ca": .string(trust.path), "accounts": Self.keys(shared),
        ]).canonical + "\n"
      if let readyFile { try Files.write(line, to: readyFile, mode: 0o600) }
      try context.terminal.answer(line)
      // A signal ends the lab as it should.
      while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
      return .done
    }

    /// The world that the options ask for.
    private func model(now: Date) throws(FerryError) -> CloudFrontModel {
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
      var model = CloudFrontModel(
        accounts: ids, propagationSeconds: seconds, pops: pops, behaviours: behaviours)
      if sample { try model.load(Sample.inventory(now: now), now: now) }
      for file in load {
        try model.load(
          try JSONValue.read(Files.read(file, what: "inventory"), what: "inventory \(file)"),
          now: now)
      }
      return model
    }

    private static func keys(_ model: SharedModel) -> JSONValue {
      var keys: [String: JSONValue] = [:]
      for (id, key) in model.with({ model in
        model.accountIDs.map { ($0, model.accessKey(of: $0)) }
      }) {
        keys[id] = [
          "accessKeyId": .string(key?.accessKeyID ?? ""),
          "secretAccessKey": .string(key?.secretAccessKey ?? ""),
        ]
      }
      return .object(keys)
    }

    static func address(_ text: String) throws(FerryError) -> (host: String, port: UInt16) {
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

  /// The authority's certificate as a file: beside the ready file, or in a folder of its own that goes with
  /// the lab.
  struct TrustFile {
    let path: String
    private let folder: URL?

    init(_ pem: String, beside readyFile: String?) throws(FerryError) {
      if let readyFile {
        folder = nil
        path = URL(fileURLWithPath: readyFile).path + ".ca.pem"
      } else {
        let made = FileManager.default.temporaryDirectory.appendingPathComponent(
          "edgeferry-lab-\(UUID().uuidString)")
        folder = made
        path = made.appendingPathComponent("ca.pem").path
        do {
          try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        } catch {
          throw FerryError(
            "file-write", what: "could not make \(made.path)", why: "\(error.localizedDescription)",
            next: "give --ready-file, or set TMPDIR to a place that can be written")
        }
      }
      try Files.write(pem, to: path, mode: 0o644)
    }
    func remove() {
      if let folder { try? FileManager.default.removeItem(at: folder) }
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
      let edge = (document["edge"]?.string ?? "").split(separator: ":").last.map(String.init)
      let values = [
        ("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", api),
        ("EDGEFERRY_EDGE_PORT", edge ?? ""),
      ]
      let ca = document["ca"]?.string ?? ""
      guard
        values.allSatisfy({ $0.1.allSatisfy { $0.isASCII && !"'\"\\$`\n ;&|<>()".contains($0) } }),
        !ca.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
      else {
        throw .badInput(
          "bad-ready-file", what: "could not use \(ready.readyFile)",
          why: "it holds what no lab wrote", next: "start the lab again")
      }
      // A path may hold anything, so it is quoted for the shell.
      let quoted = "'" + ca.replacingOccurrences(of: "'", with: "'\\''") + "'"
      try context.answer(
        (values + [("EDGEFERRY_EDGE_CA", quoted)]).map { "export \($0.0)=\($0.1)\n" }.joined()
          + "unset AWS_SESSION_TOKEN AWS_PROFILE\n"
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
