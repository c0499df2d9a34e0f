import ArgumentParser
import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// `edgeferry cutover plan`: look at the names, reckon the schedule, write the plan and its rollback plan.
struct PlanCommand: FerryCommand {
  static let uses = AWSUse(
    ZoneSessions.readingActions + ["cloudfront:GetDistribution"], state: .writes)
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Plan the move of names to another target, with clock times and a rollback plan.",
    discussion: """
      Reads DNS and the zones' providers; nothing is changed. The waits follow from the TTLs that the zones' own \
      servers give.

      Example: edgeferry cutover plan www.example.com --to d222222abcdef8.cloudfront.net
      """)
  @Argument(help: "A DNS name (repeatable), such as www.example.com.") var names: [String] = []
  @Option(help: "Where the names shall point: any DNS name, such as d222.cloudfront.net.") var to:
    String?
  @Option(name: .customLong("to-id"), help: "The id of the distribution behind the target.")
  var toID: String?
  @Option(help: "No write before this time (RFC 3339).") var start: String?
  @Option(
    name: .customLong("names"), help: "A CSV file without a head line, name,target a line.")
  var namesFile: String?
  @Option(
    name: .customLong("as"),
    help: "cname or alias: what the names shall be (default: what they are).")
  var form: String?
  @Option(help: "The plan's name; plans/NAME.plan.json is written (default: derived).") var name:
    String?
  @Option(name: .customLong("accept-risk"), help: "Accept a risk by its code (repeatable).")
  var acceptRisk: [String] = []
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let moves = try wanted()
    let form = try self.form.map { (text: String) throws(FerryError) in try Self.form(text) }
    let start = try self.start.map { (text: String) throws(FerryError) in try Self.time(text) }
    if let name, !Plan.isName(name) {
      throw .badInput(
        "bad-plan-name", what: "could not use the plan name \(name.debugDescription)",
        why:
          "a name is a to z, 0 to 9, '.', '_' and '-', 64 at most, and begins with a letter or digit",
        next: "give another name")
    }
    let (observations, notes) = try await context.cutoverReader(
      health: context.settings.health
    ).observe(moves)
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    for note in notes { context.terminal.talk("note: \(safe(note))") }
    var input = CutoverInput(
      name: name ?? Self.derived(moves), accounts: Self.accounts(observations),
      createdAt: context.planningTime, start: start, tool: Context.tool,
      endpoint: try endpoint(context, observations), policy: context.settings.cutover,
      window: context.settings.windows["dns"], health: context.settings.health, form: form,
      distribution: toID, acceptedRisks: Set(acceptRisk))
    if let toID {
      input.targetDistribution = await TargetDistribution.find(toID, context)
      if input.targetDistribution == nil {
        context.terminal.talk(
          "note: distribution \(safe(toID)) could not be read with the credentials at hand, so its aliases are not checked"
        )
      }
    }
    if let start, input.start > start {
      context.terminal.warn(
        "nothing can be written before \(Timestamp.text(input.start)), so the plan begins then")
    }
    guard let made = try CutoverPlanner.plan(observations, input: input) else {
      if context.options.output == .json {
        try context.say(
          FerryJSON.document(
            JSONValue.object(["path": .null, "rollbackPath": .null, "digest": .null])))
      } else {
        try context.say("nothing to do: \(Self.shown(moves)) at the target already\n")
      }
      return .done
    }
    if context.settings.cutover.ttl < 30 {
      context.terminal.warn(
        "cutover.ttl is \(context.settings.cutover.ttl) s; below 30 some resolvers raise it")
    }
    context.warnAboutUnusedRisks(acceptRisk, made.plan)
    try await context.save(
      made.plan, rollback: made.rollback, images: [:], written: (made.bytes, made.rollbackBytes))
    return .done
  }

  // MARK: Arguments

  private func wanted() throws(FerryError) -> [WantedMove] {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-usage", what: "could not understand what to plan", why: why,
        next: "give NAME… --to TARGET, or --names FILE")
    }
    let target = try to.map { (text: String) throws(FerryError) in try DomainName(text) }
    if let namesFile {
      guard names.isEmpty else { throw refuse("names are given and a file of them too") }
      return try NamesFile.read(
        Files.read(namesFile, what: "the names", limit: NamesFile.bytesMax), named: namesFile,
        target: target)
    }
    guard !names.isEmpty else { throw refuse("no name is given") }
    guard let target else { throw refuse("--to is missing") }
    guard target != .root, !target.isWildcard else { throw refuse("\(target) can be no target") }
    var out: [WantedMove] = []
    for text in names {
      let name = try DomainName(text)
      guard name != .root else { throw refuse("the root cannot be moved") }
      guard name != target else { throw refuse("\(name) cannot point to itself") }
      out.append(WantedMove(name: name, target: target))
    }
    return out
  }
  private static func form(_ text: String) throws(FerryError) -> CutoverInput.Form {
    guard let form = CutoverInput.Form(rawValue: text) else {
      throw .badInput(
        "bad-usage", what: "could not read --as", why: "\(text.debugDescription) is unknown",
        next: "give cname or alias")
    }
    return form
  }
  private static func time(_ text: String) throws(FerryError) -> Date {
    guard let date = Timestamp.read(text) else {
      throw .badInput(
        "bad-usage", what: "could not read --start",
        why: "\(text.debugDescription) is no RFC 3339 time",
        next: "write it as 2026-12-07T09:00:00Z")
    }
    return date
  }
  /// `www-example-com` for one name; `www-example-com-and-2-more` for three.
  static func derived(_ moves: [WantedMove]) -> String {
    let host = moves.first?.name.host ?? ""
    let plain = String(
      host.replacingOccurrences(of: "*", with: "wildcard").map {
        $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-"
      }
    ).trimmingCharacters(in: ["-"])
    let stem = String(plain.prefix(40)).trimmingCharacters(in: ["-"])
    let base = stem.isEmpty ? "cutover" : stem
    return moves.count > 1 ? "\(base)-and-\(moves.count - 1)-more" : base
  }
  private static func shown(_ moves: [WantedMove]) -> String {
    moves.count == 1 ? "\(safe(moves[0].name.text)) is" : "\(moves.count) names are"
  }

  // MARK: The world

  private static func accounts(_ observations: [CutoverObservation]) -> [String: AccountID] {
    var out: [String: AccountID] = [:]
    for it in observations {
      if let account = it.account { out[it.zone.account ?? "default"] = account }
    }
    return out
  }
  /// Where AWS is for this plan, when that is not AWS itself; `apply` compares it.
  private func endpoint(_ context: Context, _ observations: [CutoverObservation])
    throws(FerryError) -> String?
  {
    guard let it = observations.first(where: { $0.account != nil }) else { return nil }
    let accounts = try context.accounts(named: it.zone.account.map { [$0] } ?? [])
    return try accounts.first.map { (account: Settings.Account) throws(FerryError) in
      context.foreignEndpoint(try context.session(account))
    } ?? nil
  }
}
