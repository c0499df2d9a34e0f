import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryDNS
import FerryHTTP
import FerryReport
import FerryRun

extension MigrateCommand {
  struct Verify: FerryCommand {
    static let uses = AWSUse(ClosureActions.all, state: .reads)
    static let configuration = CommandConfiguration(
      abstract: "Compare source and target: every field, and what both edges answer.",
      discussion: """
        Ends with 0 when every difference is meant, everything was read and every name is cut over, else with 4; with \
        1 for an id that no account has. Reads only, and never waits.

        Example: edgeferry migrate verify migrate-e1example --urls urls.txt
        """)
    @Argument(help: "A plan of `migrate plan` that was applied.") var plan: String?
    @Option(name: .customLong("source-id"), help: "Without a plan: the source distribution.")
    var sourceID: String?
    @Option(name: .customLong("target-id"), help: "Without a plan: the target distribution.")
    var targetID: String?
    @Option(help: "The account of the settings that has the source (default: looked for).")
    var source: String?
    @Option(help: "The account of the settings that has the target (default: looked for).")
    var target: String?
    @Option(help: "A YAML file of what stands in the target for what cannot be copied.") var map:
      String?
    @Option(help: "A file of URLs or paths, one a line (default: / of every alias).") var urls:
      String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      var scope = try await scope(context)
      if let map { scope.intent.map = try context.migrationMap(map) }
      let entries = try urls.map { (file: String) throws(FerryError) in
        try URLList.read(
          Files.read(file, what: "the URLs", limit: URLList.bytesMax), named: file)
      }
      let (from, to) = try await closures(scope, context)
      let gaps = from.gaps + to.gaps
      context.warnAboutGaps(gaps)
      let sides = (
        source: Comparison.Side(account: from.account, managed: Set(from.managed.map(\.id))),
        target: Comparison.Side(account: to.account, managed: Set(to.managed.map(\.id)))
      )
      let pairs = scope.pairs.compactMap { pair in
        sides.source.distribution(pair.source).flatMap { one in
          sides.target.distribution(pair.target).map { (source: one, target: $0) }
        }
      }.filter { !$0.source.isStaging && !$0.target.isStaging }
      let asks = try EdgeAsk.all(entries ?? URLList.roots, pairs)
      var out = CutoverVerdict(names: [])
      out.differences = Self.unread(gaps)
      out.differences += Comparison.differences(
        of: scope.pairs, source: sides.source, target: sides.target, intent: scope.intent)
      out.differences += await EdgeAsk.differences(
        asks,
        Dictionary(
          pairs.flatMap { [$0.source, $0.target] }.map { ($0.id, $0.domainName) },
          uniquingKeysWith: { one, _ in one }), probe: try context.servingProbe(),
        marker: context.settings.health?.marker)
      out.names = try await names(pairs, scope.names, context)
      guard !Task.isCancelled else { throw .interruptedWhileReading }
      try context.answer(
        global.output == .json ? FerryJSON.document(out) : VerdictText.plain(out))
      let isDone = out.differences.allSatisfy(\.expected) && out.names.allSatisfy(\.cutOver)
      return isDone ? .done : .blocked
    }

    // MARK: What to compare

    private func scope(_ context: Context) async throws(FerryError) -> VerifyScope {
      if let plan {
        guard sourceID == nil, targetID == nil else {
          throw Self.usage("a PLAN and --source-id, --target-id are not for each other")
        }
        let plan = try context.plan(plan).plan
        let store = try context.existingStateStore()
        let state = RunState(try await store?.records(plan: plan.digest) ?? [])
        var images = plan.observed.images
        for case .createPolicy(let digest, _) in plan.steps.map(\.action)
        where images[digest] == nil {
          images[digest] = try await store?.image(digest)
        }
        return try VerifyScope(plan, state) { digest throws(FerryError) in
          try images[digest].map { (text: String) throws(FerryError) in try XMLReader.read(text) }
        }
      }
      guard let sourceID, let targetID else {
        throw Self.usage("give a PLAN, or --source-id and --target-id")
      }
      let ids = try Export.ids([sourceID, targetID], verb: "verify")
      guard ids.count == 2 else { throw Self.usage("source and target are the same") }
      return VerifyScope(.init(source: ids[0], target: ids[1]))
    }
    private static func usage(_ why: String) -> FerryError {
      .badInput(
        "bad-usage", what: "could not verify", why: why,
        next: "see `edgeferry migrate verify --help`")
    }

    // MARK: Reading

    private func closures(_ scope: VerifyScope, _ context: Context) async throws(FerryError) -> (
      source: Closure, target: Closure
    ) {
      // Another account's credentials may fail as long as those at hand are enough.
      let known = Set(context.settings.accounts.map(\.name))
      let names = scope.accountNames.allSatisfy(known.contains) ? scope.accountNames : []
      let all = source != nil && target != nil ? Reach() : try await context.reach(accounts: names)
      context.warnAboutGaps(all.gaps)
      func reach(_ name: String?, _ number: AccountID?) async throws(FerryError) -> Reach {
        var out = all
        if let name { out = try await context.reach(accounts: [name]) }
        guard let number else { return out }
        out.places.removeAll { $0.account != number }
        guard out.places.isEmpty else { return out }
        if let failure = out.failure { throw failure }
        throw FerryError(
          "other-account", exit: .blocked, what: "could not verify the plan",
          why: "no credentials at hand belong to its account \(number)",
          next: "name the account under accounts: in edgeferry.yaml")
      }
      let sources = try await reach(source, scope.accounts?.source)
      let targets = try await reach(target, scope.accounts?.target)
      async let one = read(scope.pairs.map(\.source), sources)
      async let other = read(scope.pairs.map(\.target), targets)
      let results = (await one, await other)
      return (try results.0.get(), try results.1.get())
    }
    /// From the first of the accounts that has them all.
    private func read(_ ids: [String], _ reach: Reach) async -> Result<Closure, FerryError> {
      var missing: [String] = ids
      var failure = reach.failure
      for place in reach.places {
        do throws(FerryError) {
          let closure = try await ClosureReader(
            transport: place.transport, account: place.account, region: place.region
          ).read(ids)
          if closure.missing.isEmpty { return .success(closure) }
          if closure.missing.count < missing.count { missing = closure.missing }
        } catch {
          if error.exit == .interrupted { return .failure(error) }
          failure = failure ?? error
        }
      }
      if let failure { return .failure(failure) }
      let accounts = reach.places.map(\.account)
      return .failure(
        FerryError(
          "unknown-distribution", what: "could not compare \(missing.joined(separator: ", "))",
          why: accounts.count == 1
            ? "account \(accounts[0]) has no distribution of that id"
            : "none of the accounts \(accounts.joined(separator: ", ")) has a distribution of that id",
          next: "check the id and the account; what a plan has deleted cannot be compared any more")
      )
    }

    /// What CloudFront itself would not say may differ: unknown is no equality.
    static func unread(_ gaps: [Inventory.Gap]) -> [CutoverVerdict.Difference] {
      gaps.filter { $0.action?.hasPrefix("cloudfront") ?? true }.map {
        .init(
          path: "gaps/\($0.account)/\($0.call)" + ($0.resource.map { "/" + $0 } ?? ""), source: nil,
          target: nil, expected: false, reason: "not read, so not compared: \($0.reason)")
      }
    }

    // MARK: Names

    /// Whether the aliases are cut over, in DNS and in what is served.
    private func names(
      _ pairs: [(source: Inventory.Distribution, target: Inventory.Distribution)],
      _ wanted: Set<String>?, _ context: Context
    ) async throws(FerryError) -> [CutoverVerdict.Name] {
      var moves: [NameMove] = []
      for (source, target) in pairs {
        for alias in Set((source.aliases + target.aliases).map { $0.lowercased() }).sorted() {
          if let wanted, !wanted.contains(alias) {
            context.terminal.talk(
              "note: the plan does not move \(safe(alias)) in DNS, so DNS was not asked for it")
            continue
          }
          moves.append(
            NameMove(
              name: DomainName(wire: alias), target: DomainName(wire: target.domainName),
              source: DomainName(wire: source.domainName)))
        }
      }
      guard !moves.isEmpty else { return [] }
      var looked = try await context.prober().look(
        moves, asksResolvers: context.settings.resolvers != nil || moves.count <= Prober.fewNames)
      for it in looked where it.isAbsent {
        context.terminal.talk("note: \(safe(it.name.text)) is not in DNS")
      }
      if wanted == nil { looked.removeAll(where: \.isAbsent) }
      var check = ServingCheck(
        try context.servingProbe(), health: context.settings.health, now: context.clock.now)
      if looked.count > ServingCheck.namesMax { check.tries = 1 }
      let serving = await check.verdicts(of: looked.map { ServingCheck.Move($0) })
      return zip(looked, serving).map(CutoverVerdict.Name.init)
    }
  }
}

/// The verdict as a person reads it; what is not meant comes first.
enum VerdictText {
  static func plain(_ it: CutoverVerdict) -> String {
    var out = ""
    for name in it.names {
      out +=
        "\(safe(name.name.text))  DNS \(name.dns.rawValue), serving \(name.serving.rawValue): \(name.cutOver ? "cut over" : "NOT CUT OVER")\n"
      for line in name.because { out += "  \(safe(line))\n" }
    }
    let odd = it.differences.filter { !$0.expected }
    let meant = it.differences.filter(\.expected)
    for (title, list) in [("NOT MEANT to differ:", odd), ("meant to differ:", meant)]
    where !list.isEmpty {
      out += (out.isEmpty ? "" : "\n") + title + "\n"
      for difference in list {
        out +=
          "  \(safe(difference.path)): \(shown(difference.source)) -> \(shown(difference.target))"
        out += (difference.reason.map { "  (\(safe($0)))" } ?? "") + "\n"
      }
    }
    out += out.isEmpty ? "" : "\n"
    let done = it.names.count(where: \.cutOver)
    return out
      + "\(odd.count) not meant, \(meant.count) meant; \(done) of \(it.names.count) names cut over\n"
  }
  private static func shown(_ text: String?) -> String {
    text.map { $0.isEmpty ? "(empty)" : safe($0) } ?? "(absent)"
  }
}
