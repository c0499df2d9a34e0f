import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryReport
import FerryRun
import Foundation

extension Context {
  /// Runs a plan of one account to its end with nobody at the terminal, as a sweep does.
  ///
  /// The plan's own digest counts as approved: the settings say what an unattended run may do. Where they want
  /// signatures or a rehearsal, it needs those first.
  /// - Parameters:
  ///   - path: where the plan is, for the commands that are shown.
  ///   - approver: who is written down as having approved it.
  package func runUnattended(
    _ plan: Plan, store: any StateStore, client: CloudFrontClient, path: String, approver: String
  ) async throws(FerryError) -> RunOutcome {
    let signers = try cleared(plan, at: path).signers
    _ = try await checkRehearsal(of: plan, named: path, accepted: [], store: store)
    if !RunState(try await store.records(plan: plan.digest)).approved {
      var body = Record.Body()
      body.by = approver
      if !signers.isEmpty { body.signatures = signers }
      try await store.append(.approved, plan: plan.digest, at: clock.now, body: body)
    }
    let options = runOptions(plan, named: path)
    let world = World(clock: clock, windows: settings.windows) { _ in client }
    let terminal = self.terminal
    let who = Set(plan.steps.compactMap(\.account)).sorted().joined(separator: ", ")
    let text = Locked(ProgressText(plan, times: site.times(of: plan)))
    return try await Runner.run(plan, store: store, world: world, options: options) { event in
      let told = text.withLock { $0.tell(event, at: Date()) }
      for line in told.lines + told.changes { terminal.talk("\(safe(who)): \(line)") }
    }
  }
}
