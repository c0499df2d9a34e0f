import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import Foundation

extension MigrateCommand {
  struct Plan: FerryCommand {
    static let uses = AWSUse(
      OverlapReader.actions, source: ClosureActions.all + ZoneSessions.readingActions,
      target: TargetReader.actions + QuotaReader.actions + ZoneSessions.readingActions,
      state: .writes)
    static let configuration = CommandConfiguration(
      commandName: "plan",
      abstract: "Plan the move of distributions to another account, with the way back.",
      discussion: """
        Reads both accounts, the target's quotas, DNS, and who holds the aliases in any account of the settings; \
        nothing is changed. What cannot be copied is mapped by a \
        file: --map-out writes it with everything that could be matched.

        Example: edgeferry migrate plan E1EXAMPLE --source source --target target --map map.yaml
        """)
    @Argument(help: "The id of a distribution (repeatable).") var distribution: [String]
    @Option(help: "The account of the settings that has them.") var source: String
    @Option(help: "The account of the settings that they go to.") var target: String
    @Option(help: "A YAML file of what stands in the target for what cannot be copied.") var map:
      String?
    @Option(name: .customLong("map-out"), help: "Write that file, filled in as far as possible.")
    var mapOut: String?
    @Option(help: "Move only this alias (repeatable; default: all).") var alias: [String] = []
    @Option(help: "same-account, wildcard-bridge, disabled-source or support (default: chosen).")
    var method: String?
    @Option(help: "dns-first or alias-first (default: by the method).") var order: String?
    @Flag(name: .customLong("delete-source"), help: "Delete the source at the end.")
    var deleteSource = false
    @Option(help: "No change of DNS before this time (RFC 3339).") var start: String?
    @Option(help: "The plan's name; plans/NAME.plan.json is written (default: derived).")
    var name: String?
    @Option(name: .customLong("accept-risk"), help: "Accept a risk by its code (repeatable).")
    var acceptRisk: [String] = []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let ids = try Export.ids(distribution, verb: "plan the move of")
      let given = try arguments()
      let map = try map.map { (file: String) throws(FerryError) in
        try context.migrationMap(file)
      }
      let from = try await place(source, context)
      let to = source == target ? from : try await place(target, context)
      let closure = try await read(ids, from, context)
      let scene = try await TargetReader(transport: to.transport, account: to.account).read(
        for: closure.account)
      context.warnAboutGaps(closure.gaps + scene.gaps)
      try Self.refuseGaps(closure.gaps + scene.gaps)
      let planName = name ?? Self.derived(ids)
      let carrier = Carrier(
        closure.account, managed: Set(closure.managed.map(\.id)), target: scene,
        map: map ?? MigrationMap(), planName: planName)
      for it in MapUse.unused(of: map ?? MigrationMap(), in: closure.account) {
        context.terminal.warn("the map's \(it.section): \(safe(it.key)) matches nothing that moves")
      }
      try writeMap(carrier)
      let quotas = try await QuotaReader(transport: to.transport, account: to.account).read(
        MigrationPlanner.quotas(of: carrier))
      context.warnAboutGaps(quotas.gaps)
      let alias = alias.map { $0.lowercased() }
      let primaries = closure.account.distributions.filter { ids.contains($0.id) }
      let aliases = primaries.flatMap { it in
        it.aliases.filter { alias.isEmpty || alias.contains($0.lowercased()) }.map {
          (it, $0.lowercased())
        }
      }
      if let odd = alias.first(where: { name in !aliases.contains { $0.1 == name } }) {
        throw .badInput(
          "unknown-alias", what: "could not plan the move of \(odd)",
          why: "\(ids.joined(separator: ", ")) does not hold it",
          next: "name an alias of the distribution, or leave --alias away")
      }
      let (names, leads, notes) = try await observe(aliases, context)
      for note in notes { context.terminal.talk("note: \(safe(note))") }
      var scenes: [AliasScene] = []
      let reader =
        aliases.isEmpty
        ? OverlapReader(client: CloudFrontClient(from.transport))
        : try await OverlapReader.reading(
          [(source, from.account, from.transport), (target, to.account, to.transport)],
          context: context)
      let overlaps = await TargetReader.each(aliases) { it, alias throws(FerryError) in
        try await reader.overlaps(of: alias, on: it)
      }
      let zones = Dictionary(
        (names + leads.map(\.alias)).map { ($0.name, String($0.zone.name.text.dropLast())) },
        uniquingKeysWith: { first, _ in first })
      for ((it, alias), result) in zip(aliases, overlaps) {
        let overlaps = try result.get()
        scenes.append(
          AliasScene(
            alias: alias, distribution: it.id, isSameAccount: from.account == to.account,
            isSourceEnabled: it.isEnabled, certificateNames: carrier.certificateNames(for: it),
            overlaps: overlaps.found, unheard: overlaps.unheard,
            zone: zones[DomainName(wire: alias)],
            isHeldBySource: it.aliases.contains { $0.lowercased() == alias }))
      }
      let accounts = [source: from.account].merging([target: to.account]) { $1 }
      let endpoint = try context.accounts(named: [source]).first.map {
        (account: Settings.Account) throws(FerryError) in
        context.foreignEndpoint(try context.session(account))
      }
      var cutover = CutoverInput(
        name: planName, accounts: accounts, createdAt: context.planningTime, start: given.start,
        tool: Context.tool, endpoint: endpoint ?? nil, policy: context.settings.cutover,
        window: context.settings.windows["dns"], health: context.settings.health,
        acceptedRisks: Set(acceptRisk))
      cutover.health?.marker = nil
      let pair = try MigrationPlanner.plan(
        MigrationInput(
          planning: PlanningInput(
            capability: "migrate", name: planName, accounts: accounts,
            createdAt: context.planningTime, start: context.planningTime, tool: Context.tool,
            endpoint: endpoint ?? nil, inventoryDigest: Self.digest(closure.account),
            acceptedRisks: Set(acceptRisk + context.settings.cutover.acceptedRisks)),
          closure: closure.account, managed: Set(closure.managed.map(\.id)), target: scene,
          quotas: quotas, map: carrier.map, distributions: ids,
          aliases: alias.isEmpty ? nil : Set(alias),
          names: names, leads: leads, cutover: cutover, windows: context.settings.windows,
          scenes: scenes, method: given.method,
          order: order, keepSourceSeconds: context.settings.keepSourceSeconds,
          deletesSource: deleteSource, health: context.settings.health))
      context.warnAboutUnusedRisks(acceptRisk, pair.plan)
      try await context.save(pair.plan, rollback: pair.rollback, images: pair.images)
      return .done
    }

    // MARK: Arguments

    private func arguments() throws(FerryError) -> (method: AliasMethods.Method?, start: Date?) {
      func refuse(_ what: String, _ why: String, _ next: String) -> FerryError {
        .badInput("bad-usage", what: "could not read \(what)", why: why, next: next)
      }
      let method = try method.map { (text: String) throws(FerryError) in
        guard let it = AliasMethods.Method(rawValue: text) else {
          throw refuse(
            "--method", "\(text.debugDescription) is unknown",
            "give " + AliasMethods.Method.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return it
      }
      if let order, !["dns-first", "alias-first"].contains(order) {
        throw refuse(
          "--order", "\(order.debugDescription) is unknown", "give dns-first or alias-first")
      }
      if let name, !FerryCore.Plan.isName(name) {
        throw refuse(
          "--name", "\(name.debugDescription) is no name of a plan",
          "use a to z, 0 to 9, '.', '_' and '-', 64 at most")
      }
      let start = try start.map { (text: String) throws(FerryError) in
        guard let date = Timestamp.read(text) else {
          throw refuse(
            "--start", "\(text.debugDescription) is no RFC 3339 time",
            "write it as 2026-12-07T09:00:00Z")
        }
        return date
      }
      return (method, start)
    }
    private static func derived(_ ids: [String]) -> String {
      let stem = "migrate-\(ids.first?.lowercased() ?? "")"
      return ids.count > 1 ? "\(stem)-and-\(ids.count - 1)-more" : stem
    }
    private static func digest(_ account: Inventory.Account) -> String {
      Digest.tagged(JSONValue.of(account).canonical)
    }

    // MARK: The world

    private func place(_ name: String, _ context: Context) async throws(FerryError) -> Reach.Place {
      try await context.reach(accounts: [name]).places[0]
    }
    private func read(_ ids: [String], _ place: Reach.Place, _ context: Context)
      async throws(FerryError) -> Closure
    {
      let terminal = context.terminal
      let shown = terminal.errorIsTerminal
      let closure = try await ClosureReader(
        transport: place.transport, account: place.account, region: place.region,
        progress: { done, of in
          if shown { terminal.progress("reading \(place.account): \(done) of \(of)") }
        }
      ).read(ids)
      terminal.progress(nil)
      guard closure.missing.isEmpty else {
        throw FerryError(
          "unknown-distribution",
          what: "could not plan the move of \(closure.missing.joined(separator: ", "))",
          why: "account \(place.account) has no distribution of that id",
          next: "check the id and --source; nothing was written")
      }
      return closure
    }
    /// What CloudFront itself would not say may be what the copy lacks: unknown moves nothing.
    private static func refuseGaps(_ gaps: [Inventory.Gap]) throws(FerryError) {
      let own = gaps.filter { gap in
        gap.action?.hasPrefix("cloudfront") ?? true
      }
      guard let first = own.first else { return }
      let isDenied = own.contains { $0.reason.contains("AccessDenied") }
      throw FerryError(
        "closure-incomplete", exit: isDenied ? .denied : .blocked,
        what: "could not plan the move",
        why: "\(first.call) of \(first.resource ?? first.account) gave nothing: \(first.reason)",
        next: "have \(first.action ?? first.call) allowed, then plan again",
        causes: own.dropFirst().prefix(20).map { "\($0.call) \($0.resource ?? ""): \($0.reason)" })
    }
    private func writeMap(_ carrier: Carrier) throws(FerryError) {
      guard let mapOut else { return }
      var carrier = carrier
      for it in carrier.closure.distributions {
        _ = carrier.rewriting(it.config, of: .distribution)
      }
      let missing = carrier.missing.map { (section: $0.section, id: $0.id, why: $0.why) }
        .sorted { ($0.section, $0.id) < ($1.section, $1.id) }
      try Files.write(carrier.map.yaml(missing: missing), to: mapOut)
    }
    /// The names that lead to their distribution in DNS by a record of their own, and those that do by others; the
    /// rest is left alone.
    private func observe(
      _ aliases: [(Inventory.Distribution, String)], _ context: Context
    ) async throws(FerryError) -> (names: [CutoverObservation], leads: [Lead], notes: [String]) {
      guard !aliases.isEmpty else { return ([], [], []) }
      let wanted = aliases.map {
        WantedMove(
          name: DomainName(wire: $0.1), target: DNSLegs.placeholder($0.0.id))
      }
      let reader = try context.cutoverReader(health: nil)
      let (seen, notes) = try await reader.observe(wanted)
      var names: [CutoverObservation] = []
      var others: [(CutoverObservation, DomainName)] = []
      for (it, alias) in zip(seen, aliases) {
        let domain = DomainName(wire: alias.0.domainName)
        if it.currentTarget == domain { names.append(it) } else { others.append((it, domain)) }
      }
      let placeholder = wanted[0].target
      let follower = LeadReader(
        zones: context.settings.zones + seen.map(\.zone),
        look: { names throws(FerryError) in
          try await reader.observe(names.map { WantedMove(name: $0, target: placeholder) })
            .observations
        })
      var leads: [Lead] = []
      for it in await TargetReader.each(
        others, { it, domain throws(FerryError) in try await follower.lead(of: it, to: domain) })
      {
        if let lead = try it.get() { leads.append(lead) }
      }
      return (names, leads, notes)
    }
  }
}
