import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import FerryRun
import Foundation

/// `edgeferry sweep`: recurring discovery over many accounts, with a ledger, a grace period and caps.
public struct SweepCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract:
      "Find orphans in many accounts again and again; remove what stayed past its grace period.",
    subcommands: [
      Run.self, Report.self, History.self, KeepCommand.self, Schedule.self,
    ])
  public init() {}

  struct Run: FerryCommand {
    static let uses = AWSUse(
      InventoryReader.actions, organization: OrganizationsClient.actions,
      applying: RemovalPlanner.actions, state: .writes)
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Look at every account once and write the ledger.",
      discussion: """
        A finding becomes due when the grace period since it was first seen is over; what heals or is kept is left \
        alone. Only --apply changes anything in AWS, within sweep.maxDeletions and sweep.maxPercent; without it the \
        same findings are selected. An account that cannot be read is a gap: the rest is done, and it exits 4, or 2 \
        with --fail-on gaps.

        Example: edgeferry sweep run --apply
        """)
    @Flag(help: "Remove what is due.") var apply = false
    @Option(
      name: .customLong("plan-out"),
      help: "Write what is due as a plan, to be read now and applied later, just as it is.")
    var planOut: String?
    @Option(help: "Write metrics for Prometheus' textfile collector to this file.")
    var prometheus: String?
    @Option(help: "K/N: only the Kth of N parts of the accounts.") var shard: String?
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @Option(
      name: .customLong("fail-on"), help: "Exit 2 on findings, changes, gaps or quota=N%.")
    var failOn: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json, .ndjson, .markdown)
      let failOn = try FailOn(failOn)
      let shard = try shard.map { (text: String) throws(FerryError) in try Shard(text) }
      guard !apply || planOut == nil else {
        throw .badInput(
          "bad-usage", what: "could not run the sweep",
          why: "--apply and --plan-out exclude each other", next: "give one of them")
      }
      let places = try await context.sweepPlaces(named: account).filter {
        shard?.holds($0.account.name) ?? true
      }
      let state = try context.stateStore()
      let keeps = try await state.keeps()
      let now = Date(
        timeIntervalSince1970: context.planningTime.timeIntervalSince1970.rounded(.down))
      if now > context.clock.now + AccountLedger.skewSeconds {
        context.terminal.warn(
          "--at: the ledger is written as of \(Timestamp.text(now)), which is still to come: what is due then is due now, and sweeps before then are refused"
        )
      }
      let observer = SweepObserver(
        context: context, store: state, rules: context.settings.sweep, now: now)
      let seen = try await observer.observe(places, keeps: keeps)
      if let failure = seen.compactMap(\.failure).first, seen.allSatisfy({ $0.failure != nil }) {
        throw failure
      }
      context.warnAboutGaps(seen.flatMap(\.gaps))
      let over = Caps.exceeded(
        seen.compactMap(\.share).filter { $0.deletions > 0 }, observer.rules)
      var actions: [SweepAction] = []
      var exit = FerryCore.ExitCode.done
      let isWanted = seen.contains { !$0.selected.isEmpty || $0.acting != nil }
      if apply, isWanted {
        if !over.isEmpty {
          exit = .blocked
        } else if case .closed(let opens, let because, _)? =
          context.settings.windows["cloudfront"]?.state(at: context.clock.now)
        {
          exit = .notYet
          context.terminal.warn(
            "nothing was removed: \(because)\(opens.map { ", which opens \(Timestamp.text($0))" } ?? "")"
          )
        } else {
          actions = try await SweepActor(observer: observer, state: state).act(on: seen)
          exit = Self.worst(actions.map(\.exit))
        }
      }
      let report = try await report(seen, over, actions, observer)
      try show(report, context)
      if planOut != nil {
        if over.isEmpty { try await plan(seen, observer, context) } else { exit = .blocked }
      }
      if exit == .done, !report.findings.complete { exit = failOn.gaps ? .found : .blocked }
      if exit == .done { exit = Self.found(failOn, report, seen) }
      try await publish(report, exit, seen, context)
      return exit
    }

    /// Everywhere else that hears of a sweep: CI's summary, the metrics, the hook and the webhook.
    private func publish(
      _ report: SweepReport, _ exit: FerryCore.ExitCode, _ seen: [Observation], _ context: Context
    ) async throws(FerryError) {
      if let summary = context.environment["GITHUB_STEP_SUMMARY"], !summary.isEmpty {
        do throws(FerryError) {
          try Files.append(
            printable(SweepText.markdown(report.findings, overCaps: report.overCaps)), to: summary)
        } catch {
          context.terminal.warn("the step summary was not written: \(error.why)")
        }
      }
      let removed = report.actions.reduce(0) { $0 + $1.removed.count }
      if let prometheus {
        try Files.write(
          SweepText.prometheus(
            report.findings, at: report.at, removed: removed, exit: exit.rawValue), to: prometheus)
      }
      var document = report.document.object ?? [:]
      document["exitCode"] = .int(Int64(exit.rawValue))
      await SweepNotifier(context: context).tell(
        .object(document),
        isNews: Self.hasChanged(report, seen) || !report.findings.complete
          || !report.actions.isEmpty || !report.overCaps.isEmpty)
    }

    private func show(_ report: SweepReport, _ context: Context) throws(FerryError) {
      switch global.output {
      case .json: try context.answer(FerryJSON.document(report.document))
      case .ndjson:
        try context.answer(
          report.findings.findings.map { JSONValue.of($0).canonical + "\n" }.joined())
      case .markdown:
        try context.answer(SweepText.markdown(report.findings, overCaps: report.overCaps))
      default: try context.answer(report.text)
      }
    }
    static func worst(_ exits: [FerryCore.ExitCode]) -> FerryCore.ExitCode {
      let order: [FerryCore.ExitCode] = [
        .interrupted, .failed, .denied, .usage, .stale, .rolledBack, .blocked, .notYet,
      ]
      return order.first(where: exits.contains) ?? .done
    }
    /// Whether a finding came, healed or was removed.
    private static func hasChanged(_ report: SweepReport, _ seen: [Observation]) -> Bool {
      seen.contains { it in it.run.map { $0.new + $0.healed + $0.removed > 0 } ?? false }
        || report.actions.contains { !$0.removed.isEmpty }
    }
    private static func found(_ failOn: FailOn, _ report: SweepReport, _ seen: [Observation])
      -> FerryCore.ExitCode
    {
      let open = report.findings.findings.filter {
        ![.healed, .removed].contains($0.ledger?.state)
      }
      if failOn.findings, !open.isEmpty { return .found }
      if failOn.changes, hasChanged(report, seen) { return .found }
      if let percent = failOn.quotaPercent,
        report.findings.quotas.contains(where: { $0.used * 100 >= $0.limit * percent })
      {
        return .found
      }
      return .done
    }

    /// The ledgers as they are after acting.
    private func report(
      _ seen: [Observation], _ over: [String], _ actions: [SweepAction], _ observer: SweepObserver
    ) async throws(FerryError) -> SweepReport {
      var findings = seen.flatMap(\.findings)
      for action in actions {
        guard let ledger = try await observer.store.ledger(of: action.account) else { continue }
        findings.removeAll { $0.account == action.account && $0.ledger != nil }
        findings += ledger.findings(closedSince: observer.now)
      }
      findings.sort {
        ($0.account, $0.severity, $0.code, $0.resource.id)
          < ($1.account, $1.severity, $1.code, $1.resource.id)
      }
      var selected: [AccountID: [String]] = [:]
      var unfinished: [AccountID: String] = [:]
      for it in seen {
        guard let account = it.account else { continue }
        if !it.selected.isEmpty { selected[account] = it.selected.map(\.text) }
        let isOver = actions.contains {
          $0.account == account && [.done, .stale, .rolledBack].contains($0.exit)
        }
        if let acting = it.acting, !isOver { unfinished[account] = acting.plan }
      }
      return SweepReport(
        at: observer.now,
        findings: FindingsReport(
          accounts: seen.compactMap(\.account).sorted(), findings: findings,
          gaps: seen.flatMap(\.gaps), quotas: seen.flatMap(\.quotas)), selected: selected,
        overCaps: over, actions: actions, unfinished: unfinished)
    }

    /// What is due, of all accounts, as one plan that a person reads and applies later.
    private func plan(_ seen: [Observation], _ observer: SweepObserver, _ context: Context)
      async throws(FerryError)
    {
      var accounts: [Inventory.Account] = []
      var gaps: [Inventory.Gap] = []
      var names: [String: AccountID] = [:]
      var endpoint: String?
      for it in seen where !it.selected.isEmpty {
        let session = try context.session(it.place.account)
        let reader = InventoryReader(
          CloudFrontClient(session.transport), account: it.account ?? "",
          options: context.readerOptions(session, includeSecrets: true, tags: .ofStaging))
        let (account, found) = try await reader.account()
        accounts.append(account)
        gaps += found
        names[it.place.account.name] = account.id
        endpoint = endpoint ?? context.foreignEndpoint(session)
      }
      let inventory = Inventory(takenAt: observer.now, gaps: gaps, accounts: accounts)
      let lead = context.settings.windows["cloudfront"]?.leadSeconds ?? 0
      let name = "sweep-\(Timestamp.text(observer.now).filter { $0.isNumber })"
      let pair = try SweepPlan.plan(
        inventory,
        selected: Dictionary(
          seen.compactMap { it in it.account.map { ($0, it.selected.map(\.text)) } }
        ) { $0 + $1 },
        idleAfterSeconds: context.settings.idleAfterSeconds,
        input: PlanningInput(
          capability: "sweep", name: name, accounts: names, createdAt: observer.now,
          start: observer.now + Double(lead), tool: Context.tool, endpoint: endpoint,
          inventoryDigest: inventory.planningDigest, acceptedRisks: []))
      guard var pair else {
        context.terminal.talk("nothing is due, so no plan was written")
        return
      }
      if lead > 0 { pair = pair.beginning(no: pair.plan.schedule.start) }
      let path = try await context.keep(
        pair.plan, rollback: pair.rollback, images: pair.images, at: planOut)
      if global.output == .text { try context.say("\(path)\n\(pair.plan.digest)\n") }
    }
  }

  struct KeepCommand: FerryCommand {
    static let uses = AWSUse(state: .writes)
    static let configuration = CommandConfiguration(
      commandName: "keep", abstract: "Leave a policy or distribution alone until a date.",
      discussion: """
        Its clock goes on: it is due on that date if its grace period is over by then. A plan of a sweep that has begun to \
        remove it is held before its next write.
        """)
    @Argument(help: "The id of a policy or distribution.") var id: String
    @Option(help: "The first day that it may be removed again (YYYY-MM-DD), or an RFC 3339 time.")
    var until: String
    @Option(help: "Why; shown in every report.") var reason: String
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard !id.isEmpty, id.count <= 64,
        id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
      else {
        throw .badInput(
          "bad-usage", what: "could not keep \(id.debugDescription)",
          why: "it is no id of a policy or distribution", next: "give it as `sweep run` shows it")
      }
      guard !reason.allSatisfy(\.isWhitespace) else {
        throw .badInput(
          "bad-usage", what: "could not keep \(id)", why: "--reason is empty",
          next: "say why; every report shows it")
      }
      let date = try sweepDate(until, option: "--until")
      guard date > context.planningTime else {
        throw .badInput(
          "bad-usage", what: "could not keep \(id)", why: "\(until) is past",
          next: "give a later date")
      }
      let keep = Keep(
        id: id, until: date, reason: reason, by: NSUserName(), at: context.planningTime)
      let store = try context.stateStore()
      if try await !store.isInLedger(id) {
        context.terminal.talk(
          "note: no sweep of this state has found \(safe(id)); it is kept all the same")
      }
      try await store.add(keep)
      try await hold(keep, store, context)
      if global.output == .json {
        try context.answer(FerryJSON.document(JSONValue.of(keep)))
      } else {
        try context.answer("kept: \(safe(id)) until \(Timestamp.text(date))\n")
      }
      return .done
    }

    /// A sweep that is about to remove it looked for keeps before: its plan is stopped before its next write.
    private func hold(_ keep: Keep, _ store: any StateStore, _ context: Context)
      async throws(FerryError)
    {
      for acting in try await store.acting(on: keep.id) {
        let run = RunState(try await store.records(plan: acting.digest))
        guard !run.isFinished, run.hold == nil else { continue }
        var body = Record.Body()
        body.by = keep.by
        body.reason = "\(keep.id) is to be kept until \(Timestamp.text(keep.until)): \(keep.reason)"
        try await store.append(.held, plan: acting.digest, at: context.clock.now, body: body)
        context.terminal.warn(
          "a sweep had begun to remove \(safe(keep.id)); its plan is held before its next write: see `edgeferry status \(shellWord(acting.plan))`"
        )
      }
    }
  }
}
