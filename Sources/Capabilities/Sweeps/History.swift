import ArgumentParser
import FerryCommand
import FerryCore
import FerryReport
import FerryRun
import Foundation

/// Everything that the sweeps of a state remember; nothing is asked of AWS.
struct Remembered: Sendable {
  var ledgers: [AccountLedger]
  /// Accounts that the last sweep over them could not judge.
  var unread: [Inventory.Gap]

  init(_ store: any StateStore) async throws(FerryError) {
    ledgers = []
    unread = try await store.unreadAccounts()
    for account in try await store.sweptAccounts() {
      if let ledger = try await store.ledger(of: account) { ledgers.append(ledger) }
    }
  }
  func history(since: Date) -> SweepHistory {
    SweepHistory(
      Dictionary(ledgers.map { ($0.account, $0.runs) }) { first, _ in first }, since: since)
  }
  /// Open findings, and those closed since.
  func report(since: Date) -> FindingsReport {
    var findings = ledgers.flatMap { $0.findings(closedSince: since) }
    findings.sort {
      ($0.account, $0.severity, $0.code, $0.resource.id)
        < ($1.account, $1.severity, $1.code, $1.resource.id)
    }
    return FindingsReport(
      accounts: ledgers.map(\.account), findings: findings, gaps: ledgers.flatMap(\.gaps) + unread,
      quotas: [])
  }
}

/// `--since`: a date or an RFC 3339 time.
func sweepDate(_ text: String, option: String) throws(FerryError) -> Date {
  guard let date = Timestamp.read(text) ?? Timestamp.read("\(text)T00:00:00Z") else {
    throw .badInput(
      "bad-usage", what: "could not read \(option)",
      why: "\(text.debugDescription) is neither a date nor an RFC 3339 time",
      next: "write it as 2027-01-31")
  }
  return date
}

extension SweepCommand {
  struct Report: FerryCommand {
    static let uses = AWSUse(state: .reads)
    static let configuration = CommandConfiguration(
      commandName: "report", abstract: "What the sweeps of this state found, shards together.",
      discussion: """
        Open findings, and those that healed or were removed since --since. Nothing is asked of AWS. HTML is one file \
        with the history as plots.

        Example: edgeferry sweep report --since 2026-11-01 --output html --out sweep.html
        """)
    @Option(help: "Also what was closed since then: a date, or an RFC 3339 time.")
    var since: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json, .ndjson, .markdown, .html)
      let since = try since.map { (text: String) throws(FerryError) in
        try sweepDate(text, option: "--since")
      }
      guard let store = try context.existingStateStore() else { throw noState(context) }
      let remembered = try await Remembered(store)
      guard !remembered.ledgers.isEmpty || !remembered.unread.isEmpty else {
        throw noState(context)
      }
      let report = remembered.report(since: since ?? context.planningTime)
      let history = remembered.history(since: since ?? .distantPast)
      switch global.output {
      case .json:
        guard case .object(var members) = JSONValue.of(report) else { return .failed }
        members["history"] = JSONValue.of(history.days)
        try context.answer(FerryJSON.document(JSONValue.object(members)))
      case .ndjson:
        try context.answer(report.findings.map { JSONValue.of($0).canonical + "\n" }.joined())
      case .markdown: try context.answer(SweepText.markdown(report))
      case .html:
        try context.answer(SweepPage.render(history, report, at: context.planningTime))
      default:
        try context.answer(
          SweepReport(
            at: context.planningTime, findings: report, selected: [:], overCaps: [], actions: [],
            unfinished: Dictionary(
              remembered.ledgers.compactMap { ledger in
                ledger.acting.map { (ledger.account, $0.plan) }
              }
            ) { first, _ in first }
          ).text)
      }
      return .done
    }
  }

  struct History: FerryCommand {
    static let uses = AWSUse(state: .reads)
    static let configuration = CommandConfiguration(
      commandName: "history", abstract: "What the sweeps of this state found and did, by day.")
    @Option(help: "Only since then: a date, or an RFC 3339 time.") var since: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json, .markdown)
      let since = try since.map { (text: String) throws(FerryError) in
        try sweepDate(text, option: "--since")
      }
      guard let store = try context.existingStateStore() else { throw noState(context) }
      let history = try await Remembered(store).history(since: since ?? .distantPast)
      switch global.output {
      case .json: try context.answer(FerryJSON.document(history))
      case .markdown: try context.answer(SweepText.markdown(history))
      default: try context.answer(SweepText.table(history))
      }
      return .done
    }
  }

  static func noState(_ context: Context) -> FerryError {
    .badInput(
      "no-sweep", what: "could not report on sweeps",
      why: "no sweep has run with the state \(context.statePath)",
      next: "run `edgeferry sweep run`, or name its --state")
  }
}
private func noState(_ context: Context) -> FerryError { SweepCommand.noState(context) }
