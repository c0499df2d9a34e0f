import ArgumentParser
import FerryCore
import FerryReport
import FerryRun
import Foundation

/// The commands that work on any plan.
public let planCommands: [any ParsableCommand.Type] = [
  ShowCommand.self, RunbookCommand.self, ExportCommand.self, ApplyCommand.self, AdvanceCommand.self,
  StatusCommand.self, HoldCommand.self, ReleaseCommand.self, ApproveCommand.self,
  RollbackCommand.self, PlanSigningCommand.self, AuditCommand.self, StateCommand.self,
]

struct PlanArgument: ParsableArguments, Sendable {
  @Argument(help: "A plan file, or the name of a plan under plans/.") var plan: String
}

struct ShowCommand: FerryCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a plan as text, JSON, Markdown, HTML or SVG.",
    discussion: """
      HTML is one file with a timeline, to read, print and follow; SVG is the timeline alone. Clock times \
      are those of the settings' window, and in UTC.
      """)
  @OptionGroup var argument: PlanArgument
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json, .markdown, .html, .svg)
    let (plan, path) = try context.plan(argument.plan)
    let rollback = context.rollbackPlan(of: path)
    switch global.output {
    case .json: try context.answer(FerryJSON.document(plan))
    case .markdown:
      try context.answer(
        Runbook.render(plan, path: path, rollback: rollback, site: context.site))
    case .html:
      try context.answer(
        PlanPage.render(plan, path: path, rollback: rollback, site: context.site))
    case .svg: try context.answer(PlanPage.timeline(plan, site: context.site))
    default: try context.answer(PlanText.render(plan) + "\n\(plan.digest)\n")
    }
    return .done
  }
}

struct RunbookCommand: FerryCommand {
  static let configuration = CommandConfiguration(
    commandName: "runbook", abstract: "Write a plan as a Markdown runbook.",
    discussion: "Written to runbooks/NAME.md, or to --out FILE; --out - prints it.")
  @OptionGroup var argument: PlanArgument
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .markdown)
    let (plan, path) = try context.plan(argument.plan)
    let text = Runbook.render(
      plan, path: path, rollback: context.rollbackPlan(of: path), site: context.site)
    if global.out == "-" {
      try context.say(text)
      return .done
    }
    let target: String
    if let out = global.out {
      target = out
    } else {
      try context.makeFolder("runbooks")
      target = context.place("runbooks/\(plan.name).md")
    }
    try Files.write(text, to: target)
    try context.say("\(target)\n")
    return .done
  }
}

struct RunArguments: ParsableArguments, Sendable {
  @Option(help: "The plan's digest, sha256:…, as printed when it was made.") var approve: String?
  @Option(help: "Stop before this step.") var until: String?
  @Option(
    name: .customLong("max-wait"), help: "Wait this long at most in all, such as 30m; then exit 3.")
  var maxWait: String?
  @Flag(
    name: .customLong("run-commands"),
    help:
      "Run the commands of other tools (terraform, aws) that steps name, instead of waiting for a person to."
  )
  var runCommands = false
  @Option(
    name: .customLong("accept-rehearsal"),
    help:
      "Run it although a rehearsal broke a rule: that report's digest, sha256:…, once for each such report."
  )
  var acceptRehearsal: [String] = []

  /// What can be told of the options before anybody is asked for anything.
  private func options(_ plan: Plan, named name: String) throws(FerryError) {
    if let until, !plan.steps.contains(where: { $0.id == until }) {
      throw .badInput(
        "unknown-step", what: "could not stop before \(until)",
        why: "the plan has no step of that id", next: "see `edgeferry show \(shellWord(name))`")
    }
    for digest in acceptRehearsal where !Digest.isTagged(digest) {
      throw .badInput(
        "bad-usage", what: "could not read --accept-rehearsal",
        why: "\(digest.debugDescription) is no digest of a rehearsal's report",
        next: "give what the refusal names: sha256: and 64 hexadecimal digits")
    }
  }
  /// - Parameter isApproved: whether the command itself says so; another one may need a person first.
  fileprivate func run(
    _ plan: Plan, at path: String, named name: String, _ mode: RunOptions.Mode, isApproved: Bool,
    _ context: Context
  ) async throws(FerryError) -> FerryCore.ExitCode {
    try options(plan, named: name)
    let (signers, rollback) = try context.cleared(plan, at: path)
    let store = try context.stateStore()
    return try await context.patiently(isApproved: isApproved) { () async throws(FerryError) in
      if let (rollback, _) = try await context.rollbackUnderWay(of: plan, at: path, store) {
        throw FerryError(
          "rollback-under-way", exit: .blocked, what: "could not run plan \(plan.name)",
          why: "it is being taken back, and that is not done",
          next: "edgeferry rollback \(shellWord(name)) --approve \(rollback.digest)")
      }
      let reports = try await context.checkRehearsal(
        of: plan, named: name, accepted: acceptRehearsal, store: store)
      var approval = try await context.approve(
        plan, for: mode.rawValue, given: approve, name: plan.name, signers: signers,
        recorded: mode == .advance, store: store)
      if !reports.isEmpty { approval?.reference = reports.joined(separator: ", ") }
      return try await context.execute(
        plan, store: store, named: name, mode: mode, arguments: self, approval: approval,
        rollback: rollback)
    }
  }
}

struct ApplyCommand: FerryCommand {
  static let uses = AWSUse(state: .writes, followsPlan: true)
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Run a plan to the end, with live progress.",
    discussion: """
      Needs the digest that a person approved (--approve), or on a terminal the plan's name typed in \
      full. Killed or interrupted, the same command goes on where it stopped.
      """)
  @OptionGroup var argument: PlanArgument
  @OptionGroup var arguments: RunArguments
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    try refuseRollback(plan)
    return try await arguments.run(
      plan, at: path, named: argument.plan, .apply, isApproved: arguments.approve != nil, context)
  }
  private func refuseRollback(_ plan: Plan) throws(FerryError) {
    guard plan.rollbackOf != nil else { return }
    throw .badInput(
      "rollback-plan", what: "could not apply \(argument.plan)",
      why: "it is a rollback plan, which is run through the plan that it takes back",
      next: "edgeferry rollback \(shellWord(argument.plan)) --approve \(plan.digest)")
  }
}

struct AdvanceCommand: FerryCommand {
  static let uses = AWSUse(state: .writes, followsPlan: true)
  static let configuration = CommandConfiguration(
    commandName: "advance",
    abstract: "Do only what is due now; exit 3 while there is something to wait for.",
    discussion:
      "For cron, CI and schedulers. The digest may be approved once with `edgeferry approve PLAN --digest`."
  )
  @OptionGroup var argument: PlanArgument
  @OptionGroup var arguments: RunArguments
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    // The approval may be in the state that cannot be reached.
    return try await arguments.run(
      plan, at: path, named: argument.plan, .advance, isApproved: true, context)
  }
}

struct RollbackCommand: FerryCommand {
  static let uses = AWSUse(state: .writes, followsPlan: true)
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Take back what a plan did, in reverse.",
    discussion:
      "The digest is that of the rollback plan file. --to STEP keeps that step and those before it."
  )
  @OptionGroup var argument: PlanArgument
  @Option(help: "Go back to the state right after this step.") var to: String?
  @Option(help: "The rollback plan's digest.") var approve: String?
  @Option(name: .customLong("max-wait"), help: "Wait this long at most in all; then exit 3.")
  var maxWait: String?
  @Flag(
    name: .customLong("run-commands"),
    help: "Run the commands of other tools that steps name, instead of waiting for a person to.")
  var runCommands = false
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    let rollback: Plan
    let rollbackPath = plan.rollbackOf == nil ? Context.rollbackPath(of: path) : path
    if plan.rollbackOf != nil {
      rollback = plan
    } else {
      rollback = try context.plan(rollbackPath).plan
      guard rollback.rollbackOf == plan.digest else {
        throw .badInput(
          "other-rollback", what: "could not roll back \(plan.name)",
          why: "the rollback plan beside it belongs to another plan", next: "plan again")
      }
    }
    return try await context.patiently(isApproved: approve != nil) { () async throws(FerryError) in
      try await takeBack(plan, with: rollback, at: rollbackPath, context)
    }
  }

  private func takeBack(
    _ plan: Plan, with rollback: Plan, at rollbackPath: String, _ context: Context
  ) async throws(FerryError) -> FerryCore.ExitCode {
    let store = try context.stateStore()
    var undoOnly: Set<String>?
    if let to {
      guard let index = plan.steps.firstIndex(where: { $0.id == to }) else {
        throw .badInput(
          "unknown-step", what: "could not go back to \(to)",
          why: "the plan has no step of that id",
          next: "see `edgeferry show \(shellWord(argument.plan))`")
      }
      undoOnly = Set(plan.steps[(index + 1)...].map(\.id))
    }
    let original = RunState(try await store.records(plan: rollback.rollbackOf ?? ""))
    let open = original.steps.filter { $0.value.hadEffect && undoOnly?.contains($0.key) != false }
    // A run that was killed right after its last step has still to say that everything is taken back.
    let isUnsaid =
      undoOnly == nil && !original.isRolledBack
      && original.steps.values.contains(where: \.isUndone)
    if open.isEmpty, !isUnsaid {
      if global.output == .json {
        let state = RunState(try await store.records(plan: rollback.digest))
        try context.answer(
          FerryJSON.document(StatusReport(rollback, state, path: shellWord(argument.plan))))
      } else {
        try context.answer("nothing to take back: no step of \(plan.name) had an effect\n")
      }
      return .done
    }
    let signers = try context.cleared(rollback, at: rollbackPath).signers
    let approval = try await context.approve(
      rollback, for: "rollback", given: approve, name: rollback.name, signers: signers,
      recorded: false, store: store)
    var arguments = RunArguments()
    arguments.runCommands = runCommands
    arguments.maxWait = maxWait
    arguments.until = nil
    arguments.acceptRehearsal = []
    arguments.approve = approve
    return try await context.execute(
      rollback, store: store, named: argument.plan, mode: .apply, arguments: arguments,
      approval: approval, undoOnly: undoOnly)
  }
}

extension Context {
  /// The rollback of a plan that began to change something and stopped: until it is done, the plan is not.
  fileprivate func rollbackUnderWay(of plan: Plan, at path: String, _ store: (any StateStore)?)
    async throws(FerryError) -> (Plan, RunState)?
  {
    guard let store, plan.rollbackOf == nil, let rollback = rollbackPlan(of: path),
      rollback.rollbackOf == plan.digest
    else { return nil }
    let run = RunState(try await store.records(plan: rollback.digest))
    // One that takes itself back goes on with the same command.
    let isItsOwn = RunState(try await store.records(plan: plan.digest)).undoing != nil
    return run.isUnderWay && !isItsOwn ? (rollback, run) : nil
  }
}

struct StatusCommand: FerryCommand {
  static let uses = AWSUse(state: .reads)
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Where a plan stands: 0 done, 3 running or owed, 4 blocked, 5 stale, 1 failed.")
  @OptionGroup var argument: PlanArgument
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    let store = try context.existingStateStore()
    var report = StatusReport(
      plan, RunState(try await store?.records(plan: plan.digest) ?? []),
      path: shellWord(argument.plan))
    if let (rollback, run) = try await context.rollbackUnderWay(of: plan, at: path, store) {
      report.follow(StatusReport(rollback, run, path: shellWord(argument.plan)))
    }
    try context.answer(
      global.output == .json ? FerryJSON.document(report) : StatusText.render(report, plan))
    return report.exit
  }
}

struct HoldCommand: FerryCommand {
  static let uses = AWSUse(state: .writes)
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Stop a plan before its next write.")
  @OptionGroup var argument: PlanArgument
  @Option(help: "Why; shown to everybody who meets the hold.") var reason: String
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    guard !reason.allSatisfy(\.isWhitespace) else {
      throw .badInput(
        "bad-usage", what: "could not hold \(plan.name)", why: "--reason is empty",
        next: "say why: whoever meets the hold reads it")
    }
    var body = Record.Body()
    body.reason = reason
    body.by = NSUserName()
    let store = try context.stateStore()
    try await store.savePlan(plan)
    try await store.append(.held, plan: plan.digest, at: context.clock.now, body: body)
    // A rollback under way is held with its plan.
    if let rollback = context.rollbackPlan(of: path) {
      let state = RunState(try await store.records(plan: rollback.digest))
      if state.isStarted, !state.isFinished {
        try await store.append(.held, plan: rollback.digest, at: context.clock.now, body: body)
      }
    }
    try await context.answer(
      "held: no further write of \(plan.name) begins until `edgeferry release \(shellWord(argument.plan))`\n",
      standing: plan, named: argument.plan, store)
    return .done
  }
}

struct ReleaseCommand: FerryCommand {
  static let uses = AWSUse(state: .writes)
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Let a held plan go on.")
  @OptionGroup var argument: PlanArgument
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    let store = try context.stateStore()
    var body = Record.Body()
    body.by = NSUserName()
    var released = false
    for digest in [plan.digest, context.rollbackPlan(of: path)?.digest].compactMap({ $0 }) {
      guard RunState(try await store.records(plan: digest)).hold != nil else { continue }
      try await store.append(.released, plan: digest, at: context.clock.now, body: body)
      released = true
    }
    try await context.answer(
      released ? "released\n" : "nothing to do: \(plan.name) is not held\n", standing: plan,
      named: argument.plan, store)
    return .done
  }
}

struct ApproveCommand: FerryCommand {
  static let uses = AWSUse(state: .writes)
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Pass a step's gate, or approve a plan's digest once for advance.")
  @OptionGroup var argument: PlanArgument
  @Option(help: "The step whose gate is passed.") var step: String?
  @Option(help: "The ticket or person that approved it.") var reference: String?
  @Option(help: "The plan's digest, approved once for `edgeferry advance`.") var digest: String?
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let (plan, path) = try context.plan(argument.plan)
    var body = Record.Body()
    body.by = NSUserName()
    switch (step, reference, digest) {
    case (let step?, let reference?, nil):
      // The gates on the way back are those of the rollback plan.
      let owner = [plan, context.rollbackPlan(of: path)].compactMap { $0 }.first {
        $0.steps.contains { $0.id == step }
      }
      guard let owner else {
        throw .badInput(
          "unknown-step", what: "could not approve \(step)",
          why: "neither the plan nor its rollback plan has a step of that id",
          next: "see `edgeferry show \(shellWord(argument.plan))`")
      }
      guard owner.steps.contains(where: { $0.id == step && $0.gate != nil }) else {
        throw .badInput(
          "no-gate", what: "could not approve \(step)", why: "the step has no gate to pass",
          next: "see `edgeferry show \(shellWord(argument.plan))`")
      }
      guard !reference.allSatisfy(\.isWhitespace) else {
        throw .badInput(
          "bad-usage", what: "could not approve \(step)", why: "--reference is empty",
          next: "name the ticket or the person that approved it")
      }
      body.reference = reference
      let store = try context.stateStore()
      try await store.savePlan(owner)
      try await store.append(
        .gate, plan: owner.digest, step: step, at: context.clock.now, body: body)
      try await context.answer(
        "approved: step \(step)\n", standing: plan, named: argument.plan, store)
    case (nil, nil, let digest?):
      try context.check(digest, is: plan, to: "approve")
      let store = try context.stateStore()
      try await store.savePlan(plan)
      try await store.append(
        .approved, plan: plan.digest, at: context.clock.now, body: body)
      try await context.answer(
        "approved: \(plan.digest)\n", standing: plan, named: argument.plan, store)
    default:
      throw .badInput(
        "bad-usage", what: "could not approve",
        why: "either --step ID --reference TEXT or --digest sha256:… is needed",
        next: "see edgeferry help approve")
    }
    return .done
  }
}

extension Context {
  /// What was done to a plan, in words, or in JSON how it stands now.
  fileprivate func answer(
    _ text: String, standing plan: Plan, named name: String, _ store: any StateStore
  ) async throws(FerryError) {
    guard options.output == .json else { return try answer(text) }
    let state = RunState(try await store.records(plan: plan.digest))
    try answer(FerryJSON.document(StatusReport(plan, state, path: shellWord(name))))
  }
  /// What the settings say that a plan does not.
  package var site: Site {
    Site(windows: settings.windows, zones: settings.zones, resolvers: settings.resolvers ?? [])
  }
}
