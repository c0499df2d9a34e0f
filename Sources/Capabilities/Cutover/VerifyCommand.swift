import ArgumentParser
import FerryCommand
import FerryCore
import FerryDNS
import FerryReport
import Foundation

/// `edgeferry cutover verify`: whether names have moved, in DNS and in traffic; 0 only for both.
struct VerifyCommand: FerryCommand {
  static let uses = AWSUse([
    "cloudfront:ListDistributions", "cloudwatch:GetMetricData",
  ])
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Prove that names have moved: in DNS, and in what is served.",
    discussion: """
      Ends with 0 when every name has moved in both, else with 4. Reads only, and never waits.

      Example: edgeferry cutover verify www.example.com --to d222222abcdef8.cloudfront.net
      """)
  @Argument(help: ArgumentHelp("DNS names with --to; or one plan.", valueName: "name-or-plan"))
  var given: [String] = []
  @Option(help: "Where the names should point.") var to: String?
  @Option(help: "Where they pointed before; tells an old answer from a foreign one.")
  var from: String?
  @Option(help: "A CSV file without a head line: name,target.") var names: String?
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let moves = try self.moves(context)
    // Ten thousand questions are more than a resolver that nobody named should get.
    let asksResolvers = context.settings.resolvers != nil || moves.count <= Prober.fewNames
    if !asksResolvers {
      context.terminal.talk(
        "note: of more than \(Prober.fewNames) names the system's resolvers are not asked; name some under resolvers:"
      )
    }
    let looked = try await context.prober().look(moves, asksResolvers: asksResolvers)
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    let serving = try await Self.serving(looked, context)
    let names = zip(looked, serving).map(CutoverVerdict.Name.init)
    try context.answer(global.output == .json ? VerdictText.json(names) : VerdictText.plain(names))
    return names.allSatisfy(\.cutOver) ? .done : .blocked
  }

  /// Who serves each name, with what CloudFront counted beside it.
  private static func serving(_ looked: [LookedMove], _ context: Context)
    async throws(FerryError) -> [ServingVerdict]
  {
    guard looked.count <= ServingCheck.namesMax || context.settings.health != nil else {
      let why =
        "not asked: of more than \(ServingCheck.namesMax) names it is when the settings have health:"
      return [ServingVerdict](
        repeating: ServingVerdict(.unknown, because: [why]), count: looked.count)
    }
    let moves = looked.map { ServingCheck.Move($0) }
    var check = ServingCheck(
      try context.servingProbe(), health: context.settings.health, now: context.clock.now)
    if moves.count > ServingCheck.namesMax { check.tries = 1 }
    async let counted = RequestEvidence.read(
      moves.flatMap { [$0.target] + ($0.source.map { [$0] } ?? []) }, context)
    var out = await check.verdicts(of: moves)
    let counts = await counted
    for (index, move) in moves.enumerated() {
      out[index].because += [move.source, move.target].compactMap {
        $0.flatMap { counts.lines[$0] }
      }
      if let denied = counts.denied { out[index].because.append(denied) }
    }
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    return out
  }

  // MARK: What to verify

  private func moves(_ context: Context) throws(FerryError) -> [NameMove] {
    let source: DomainName? = try from.map { text throws(FerryError) in try DomainName(text) }
    if let names {
      guard given.isEmpty else { throw Self.usage("--names FILE and NAME are not for each other") }
      let target: DomainName? = try to.map { text throws(FerryError) in try DomainName(text) }
      let bytes = try Files.read(names, what: "names", limit: NamesFile.bytesMax)
      return try Self.moves(
        NamesFile.read(bytes, named: names, target: target), from: source)
    }
    if let to {
      guard !given.isEmpty else { throw Self.usage("no name was given") }
      let target = try DomainName(to)
      var wanted: [WantedMove] = []
      for text in given { wanted.append(WantedMove(name: try DomainName(text), target: target)) }
      return try Self.moves(wanted, from: source)
    }
    guard given.count == 1, let plan = given.first, from == nil else {
      throw Self.usage("give one PLAN, or NAME… --to TARGET, or --names FILE")
    }
    return try Self.moves(of: context.plan(plan).plan)
  }
  private static func usage(_ why: String) -> FerryError {
    .badInput(
      "bad-usage", what: "could not verify", why: why, next: "see `edgeferry cutover verify --help`"
    )
  }

  /// Each name once.
  /// - Throws: `bad-names` (64) for a name with two targets.
  static func moves(_ wanted: [WantedMove], from source: DomainName?) throws(FerryError)
    -> [NameMove]
  {
    var targets: [DomainName: DomainName] = [:]
    var out: [NameMove] = []
    for it in wanted {
      let earlier = targets.updateValue(it.target, forKey: it.name)
      guard earlier == nil || earlier == it.target else {
        throw .badInput(
          "bad-names", what: "could not verify \(it.name)", why: "it is there with two targets",
          next: "name it once, with the one target that it should have")
      }
      if earlier == nil {
        out.append(NameMove(name: it.name, target: it.target, source: source))
      }
    }
    return out
  }

  /// From the first value that a plan replaces to the last that it leaves, for each name.
  /// - Throws: `bad-plan` (64) for a plan that moves no name.
  static func moves(of plan: Plan) throws(FerryError) -> [NameMove] {
    var order: [DomainName] = []
    var first: [DomainName: DomainName] = [:]
    var last: [DomainName: DomainName] = [:]
    for change in plan.steps.compactMap(\.action.dns).flatMap(\.changes) {
      if let from = change.from?.target, first[change.name] == nil {
        first[change.name] = from
      }
      guard let to = change.to?.target else { continue }
      if last.updateValue(to, forKey: change.name) == nil { order.append(change.name) }
    }
    let moves = order.compactMap { name -> NameMove? in
      guard let target = last[name], first[name] != target else { return nil }
      return NameMove(name: name, target: target, source: first[name])
    }
    guard !moves.isEmpty else {
      throw .badInput(
        "bad-plan", what: "could not verify plan \(plan.name)", why: "it moves no name in DNS",
        next: "name the names, and where they should point with --to")
    }
    return moves
  }
}

extension RecordValue {
  /// The name that a CNAME or an alias record points to.
  fileprivate var target: DomainName? {
    if let alias { return alias.dnsName }
    guard data.count == 1, let text = data.first, text.hasSuffix(".") else { return nil }
    return DomainName(wire: text)
  }
}
