import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryReport
import FerryRun
import Foundation

extension Context {
  /// The rollback plan beside a plan, when it is there and sound.
  package func rollbackPlan(of path: String) -> Plan? {
    try? plan(Self.rollbackPath(of: path)).plan
  }

  /// What settings say of how a run polls. A lab's reads lag no longer than it is polled.
  func runOptions(_ plan: Plan, named path: String) -> RunOptions {
    var options = RunOptions(path: shellWord(path))
    options.deployedPollSeconds = settings.deployedPollSeconds
    if plan.observed.endpoint != nil {
      options.policyLagSeconds = min(options.policyLagSeconds, options.deployedPollSeconds)
    }
    return options
  }

  /// - Throws: exit 4 for another digest.
  func check(_ digest: String, is plan: Plan, to verb: String = "run") throws(FerryError) {
    guard digest != plan.digest else { return }
    throw FerryError(
      "other-digest", exit: .blocked, what: "could not \(verb) plan \(plan.name)",
      why: "its digest is \(plan.digest), and \(digest) was approved",
      next: "read the plan (edgeferry show) and approve its own digest")
  }

  /// The digest a person approved: given, recorded once, or typed as the plan's name on a terminal.
  /// - Parameters:
  ///   - command: what is approved, such as `apply`.
  ///   - signers: whose signatures were verified.
  /// - Returns: what the journal is to say of it; nil where the approval is there already.
  /// - Throws: exit 4 for another digest; 64 when there is none and nobody to ask.
  func approve(
    _ plan: Plan, for command: String, given: String?, name: String, signers: [String],
    recorded: Bool, store: any StateStore
  ) async throws(FerryError) -> Record.Body? {
    var body = Record.Body()
    body.action = command
    body.by = NSUserName()
    if !signers.isEmpty { body.signatures = signers }
    if let given {
      try check(given, is: plan)
      return body
    }
    if recorded, RunState(try await store.records(plan: plan.digest)).approved {
      // Who signed is told even where the approval is not new.
      return signers.isEmpty ? nil : body
    }
    guard terminal.inputIsTerminal, terminal.errorIsTerminal else {
      throw .badInput(
        "not-approved", what: "could not run plan \(plan.name)",
        why: "no approval was given and there is no terminal to ask on",
        next: "read the plan, then add --approve \(plan.digest)")
    }
    Terminal.write(
      printable(PlanText.render(plan) + "\nType the plan's name (\(name)) to approve it: "),
      to: STDERR_FILENO)
    let typed = Terminal.typed()
    if Task.isCancelled {
      Terminal.write("\n", to: STDERR_FILENO)
      throw FerryError(
        "interrupted", exit: .interrupted, what: "could not run plan \(plan.name)",
        why: "it was interrupted before it was approved", next: "nothing was done")
    }
    guard typed == name else {
      throw FerryError(
        "not-approved", exit: .blocked, what: "could not run plan \(plan.name)",
        why: "it was not approved", next: "nothing was done")
    }
    return body
  }

  /// - Parameter rollback: what a plan that may take itself back does that with, as it was cleared.
  func execute(
    _ plan: Plan, store: any StateStore, named path: String, mode: RunOptions.Mode,
    arguments: RunArguments, approval: Record.Body?, rollback: Plan? = nil,
    undoOnly: Set<String>? = nil
  ) async throws(FerryError) -> ExitCode {
    var options = runOptions(plan, named: path)
    options.approval = approval
    options.mode = mode
    options.until = arguments.until
    options.undoOnly = undoOnly
    options.authoritativePollSeconds = settings.cutover.authoritativePollSeconds
    options.rounds = settings.cutover.rounds
    options.rollback = rollback
    if let text = arguments.maxWait {
      guard let seconds = Settings.seconds(text) else {
        throw .badInput(
          "bad-usage", what: "could not read --max-wait",
          why: "\(text.debugDescription) is no span",
          next: "write it as 20s, 15m or 2h")
      }
      options.maxWaitSeconds = seconds
    }
    // A run that undoes itself writes where its rollback plan says, too.
    var steps = plan
    steps.steps += options.rollback?.steps ?? []
    let progress = Progress(terminal, plan, site: site)
    var outcome: RunOutcome
    do throws(FerryError) {
      let world = try await world(of: steps, runsCommands: arguments.runCommands)
      outcome = try await Runner.run(plan, store: store, world: world, options: options) {
        event in
        progress.show(event)
      }
      // Every other end of a run is in the journal as what it is.
      if let error = outcome.error, Self.stateCodes.contains(error.code.rawValue),
        let later = postponed(error)
      {
        outcome.error = later
        outcome.exit = later.exit
      }
    } catch {
      progress.end()
      outcome = try await waiting(on: error, plan, store: store, options)
    }
    progress.end()
    if self.options.output == .json {
      try answer(FerryJSON.document(outcome.report))
    } else {
      try answer(StatusText.render(outcome.report, plan))
    }
    if let error = outcome.error {
      Terminal.write(
        self.options.output == .json
          ? Terminal.json(error)
          : Terminal.text(progress.unrepeated(error), colour: terminal.colour), to: STDERR_FILENO)
    }
    return outcome.exit
  }

  /// Everything that a run may ask or change, with the accounts proven.
  private func world(of steps: Plan, runsCommands: Bool) async throws(FerryError) -> World {
    let clients = try await clients(for: steps)
    let zones = try await zoneEditors(for: steps)
    var world = World(
      clock: clock, windows: settings.windows, zones: zones,
      names: try zones != nil || steps.looksAtDNS ? liveNames() : nil,
      serving: try steps.looksAtEdges ? servingProbe() : nil
    ) { account throws(FerryError) in
      guard let client = clients[account] else {
        throw FerryError(
          "other-account", exit: .blocked, what: "could not use account \(account)",
          why: "no credentials at hand belong to it", next: "see edgeferry.yaml")
      }
      return client
    }
    if runsCommands {
      world.tools = LiveTools(
        folder: workspace.path, environment: environment.merging(try toolEndpoints()) { $1 })
    }
    return world
  }
}

/// AWS that cannot be reached, or not as anybody, says nothing of an approved plan: "not yet", and the same command goes on.
extension Context {
  /// What a command does on its way to an approved plan.
  /// - Parameter isApproved: whether the command itself says so; another one may need a person first.
  func patiently(
    isApproved: Bool, _ body: () async throws(FerryError) -> ExitCode
  ) async throws(FerryError) -> ExitCode {
    do throws(FerryError) {
      return try await body()
    } catch {
      guard isApproved, let later = postponed(error) else { throw error }
      throw later
    }
  }

  private static let stateCodes = ["journal-write", "state-read"]
  /// nil for an error that is an answer.
  private func postponed(_ error: FerryError) -> FerryError? {
    guard error.exit == .failed else { return nil }
    let isOfBucket = S3Place.isOne(statePath) && Self.stateCodes.contains(error.code.rawValue)
    let lacksCredentials = Runner.lacksCredentials(error)
    guard Runner.isTransient(error) || lacksCredentials || (isOfBucket && error.service == nil)
    else { return nil }
    var out = error
    out.exit = .notYet
    out.next =
      lacksCredentials
      ? "\(error.next); then run the same command again"
      : "run the same command again: it goes on once there is an answer"
    return out
  }

  /// How a plan stands whose run could not begin, or could not go on with its state.
  private func waiting(
    on error: FerryError, _ plan: Plan, store: any StateStore, _ options: RunOptions
  ) async throws(FerryError) -> RunOutcome {
    guard let later = postponed(error) else { throw error }
    // Where the state itself cannot be read nothing is known of the plan.
    guard let records = try? await store.records(plan: plan.digest) else { throw later }
    return RunOutcome(
      waitingOn: later, StatusReport(plan, RunState(records), path: options.path))
  }
}

extension Context {
  /// Where the plan's own calls go the tools go, too: `clients(for:)` has found all accounts at one place.
  fileprivate func toolEndpoints() throws(FerryError) -> [String: String] {
    guard let account = try accounts(named: []).first else { return [:] }
    return try session(account).endpointVariables
  }
}

extension Plan {
  fileprivate var looksAtDNS: Bool {
    steps.contains { $0.checks.contains { [.authoritative, .recursive].contains($0.type) } }
  }
  fileprivate var looksAtEdges: Bool {
    steps.contains { $0.checks.contains { [.serving, .health].contains($0.type) } }
  }
}

enum StatusText {
  static func render(_ report: StatusReport, _ plan: Plan) -> String {
    var out = "\(safe(report.plan)): \(report.state.rawValue)"
    let done = report.steps.count { [.verified, .skipped].contains($0.state) }
    out += ", \(done) of \(report.steps.count) steps\n"
    if report.state != .done {
      var rows: [[String]] = []
      for (step, status) in zip(plan.steps, report.steps) {
        rows.append(["  " + status.state.rawValue, safe(step.title)])
      }
      out += table(rows)
    }
    if let reason = report.reason { out += "because: \(safe(reason, limit: 4000))\n" }
    if let until = report.until { out += "until: \(Timestamp.text(until))\n" }
    for debt in report.debts { out += "owed: \(safe(debt))\n" }
    if let next = report.next { out += "next: \(safe(next))\n" }
    return out
  }
}
