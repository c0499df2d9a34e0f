import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun

/// Steps of other tools: run when told to, and otherwise a person's.
struct ToolTests {
  /// Answers by the last word of a command, and remembers what was run.
  final class Tools: ToolRunner, @unchecked Sendable {
    private let lock = NSLock()
    private var answers: [String: ToolEnding] = [:]
    private var ran: [String] = []
    private var digests: [String: String] = [:]
    var onRun: (@Sendable (String) -> Void)?

    func answer(_ word: String, _ code: Int = 0, out: String = "", talk: String = "") {
      lock.withLock {
        answers[word] = ToolEnding(code: code, stdout: Array(out.utf8), stderr: talk)
      }
    }
    func file(_ path: String, _ digest: String?) { lock.withLock { digests[path] = digest } }
    var words: [String] { lock.withLock { ran } }
    func forget() { lock.withLock { ran = [] } }
    func run(_ command: ToolCommand) async throws(FerryError) -> ToolEnding {
      let word = command.arguments.last ?? ""
      onRun?(word)
      return lock.withLock {
        ran.append(word)
        return answers[word] ?? ToolEnding(code: 0, stdout: [], stderr: "")
      }
    }
    func digest(of file: String) throws(FerryError) -> String? { lock.withLock { digests[file] } }
  }
  struct Scene {
    let world: RemovalWorld
    let tools = Tools()
    let store: SQLiteState
    let plan: Plan

    /// A step whose commands are `make` and `show`, judged, on one distribution that must stay as it is.
    init(
      tools commands: [ToolCommand] = [
        ToolCommand(["tool", "make"], files: ["code.tf": "sha256:1"]),
        ToolCommand(["tool", "show"], proves: ToolProof(.terraformImports, only: ["a.x"])),
        ToolCommand(["tool", "apply"]),
      ], settled: ToolCommand? = nil
    ) async throws {
      world = try await RemovalWorld()
      store = try SQLiteState(path: KillTests.temporary(), durable: false)
      let client = CloudFrontClient(
        ModelTransport(world.model, account: RemovalWorld.account, clock: world.clock))
      let it = try await client.distribution(world.primary)
      var check = Step.Check(.unchanged, distribution: it.id, value: it.etag)
      check.modified = it.lastModified
      check.limitSeconds = 60
      let external = External(
        says: "Import it.",
        tools: commands, settled: settled, done: ToolCommand(["tool", "is-done"]))
      plan =
        Plan(
          name: "over", capability: "handover", createdAt: world.clock.now, tool: "t",
          accounts: ["default": RemovalWorld.account], observed: .init(inventoryDigest: "sha256:0"),
          steps: [
            Step(
              id: "adopt", title: "Import it", account: RemovalWorld.account,
              action: .external(external), gate: .init(reason: "run the commands"), checks: [check])
          ],
          schedule: .init(
            start: world.clock.now, end: world.clock.now, criticalPathSeconds: 0,
            exposureSeconds: 0), debts: [], permissions: [], rollbackOf: nil
        ).sealed
      tools.answer("is-done", 2)
      tools.answer("show", out: Self.imports)
      tools.file("code.tf", "sha256:1")
    }
    static let imports =
      #"{"format_version":"1.2","resource_changes":[{"address":"a.x","mode":"managed","change":{"actions":["no-op"],"importing":{"id":"E"}}}]}"#

    func run(told: Bool = true, _ mode: RunOptions.Mode = .apply) async throws -> RunOutcome {
      var it = World(clock: world.clock) { [world] _ in
        CloudFrontClient(
          ModelTransport(world.model, account: RemovalWorld.account, clock: world.clock))
      }
      it.tools = told ? tools : nil
      var options = RunOptions(path: "over")
      options.mode = mode
      return try await Runner.run(plan, store: store, world: it, options: options, tell: { _ in })
    }
    func end() { KillTests.remove(store.path) }
  }

  @Test func `told to, the run runs the commands in order, and asks nobody`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let done = try await scene.run()
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(scene.tools.words == ["is-done", "make", "show", "apply"])
    #expect(done.report.steps.first?.writes == 1)
  }

  @Test func `where the goal holds already nothing is run`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    scene.tools.answer("is-done", 0)
    #expect(try await scene.run().exit == .done)
    #expect(scene.tools.words == ["is-done"])
  }

  @Test func `otherwise a person gets the commands, and the run goes on once that is approved`()
    async throws
  {
    let scene = try await Scene()
    defer { scene.end() }
    let blocked = try await scene.run(told: false)
    #expect(blocked.exit == .blocked && blocked.error?.code == "gate")
    #expect(
      blocked.error?.causes == [
        "Import it.", "tool make", "tool show",
        "# must say: imports of a.x as they stand, and nothing else", "tool apply",
      ])
    try scene.store.append(
      RecordDraft(.gate, plan: scene.plan.digest, step: "adopt", at: scene.world.clock.now),
      under: nil)
    #expect(try await scene.run(told: false).exit == .done)
    #expect(scene.tools.words == [])
  }

  @Test
  func `a command that fails ends the run with what it said, and is run again from the first`()
    async throws
  {
    let scene = try await Scene()
    defer { scene.end() }
    scene.tools.answer("apply", 1, talk: "Error: no\nmore")
    let failed = try await scene.run()
    #expect(failed.exit == .failed && failed.error?.code == "tool-failed")
    #expect(failed.error?.causes == ["Error: no", "more"])
    scene.tools.answer("apply", 0)
    scene.tools.forget()
    #expect(try await scene.run().exit == .done)
    #expect(scene.tools.words == ["is-done", "make", "show", "apply"])
  }

  @Test(arguments: [
    #"{"format_version":"1.2","resource_changes":[{"address":"a.x","mode":"managed","change":{"actions":["delete","create"]}}]}"#,
    "no json", "",
  ])
  func `what the plan does not want is never applied`(_ said: String) async throws {
    let scene = try await Scene()
    defer { scene.end() }
    scene.tools.answer("show", out: said)
    let refused = try await scene.run()
    #expect(refused.exit == .blocked && refused.error?.code == "tool-refused")
    #expect(refused.error?.causes.isEmpty == false)
    #expect(scene.tools.words == ["is-done", "make", "show"])
  }

  @Test(arguments: ["sha256:2", nil])
  func `files that are not those of the plan are stale, and nothing is run`(_ found: String?)
    async throws
  {
    let scene = try await Scene()
    defer { scene.end() }
    scene.tools.file("code.tf", found)
    let stale = try await scene.run()
    #expect(stale.exit == .stale && scene.tools.words == ["is-done"])
  }

  private static let settled = ToolCommand(
    ["tool", "is-settled"], exits: [0, 254], proves: ToolProof(.stackSettled))
  private static func stack(_ status: String) -> String {
    #"{"Stacks":[{"StackStatus":"\#(status)"}]}"#
  }

  @Test func `what is still under way is waited for before anything else is asked or run`()
    async throws
  {
    let scene = try await Scene(settled: Self.settled)
    defer { scene.end() }
    scene.tools.answer("is-settled", out: Self.stack("UPDATE_IN_PROGRESS"))
    let later = try await scene.run(.advance)
    #expect(later.exit == .notYet && later.error?.why == "the stack is UPDATE_IN_PROGRESS")
    #expect(scene.tools.words == ["is-settled"])
    // Until it has taken longer than anybody waits.
    let began = scene.world.clock.now
    let late = try await scene.run()
    #expect(late.exit == .notYet)
    #expect(scene.world.clock.now.timeIntervalSince(began) >= 3600)
    #expect(Set(scene.tools.words) == ["is-settled"])

    scene.tools.forget()
    let tools = scene.tools
    // It would hold itself.
    defer { tools.onRun = nil }
    tools.onRun = { word in
      guard word == "is-settled", tools.words.count == 3 else { return }
      tools.answer("is-settled", out: Self.stack("UPDATE_COMPLETE"))
      tools.answer("is-done", 0)
    }
    #expect(try await scene.run().exit == .done)
    #expect(scene.tools.words == Array(repeating: "is-settled", count: 4) + ["is-done"])
  }

  @Test func `a stack that is not there has nothing under way, and one that is not told stops`()
    async throws
  {
    let scene = try await Scene(settled: Self.settled)
    defer { scene.end() }
    scene.tools.answer("is-settled", 253, talk: "no credentials")
    let failed = try await scene.run()
    #expect(failed.exit == .failed && failed.error?.causes == ["no credentials"])
    #expect(scene.tools.words == ["is-settled"])
    scene.tools.forget()
    scene.tools.answer("is-settled", 254)
    #expect(try await scene.run().exit == .done)
    #expect(scene.tools.words == ["is-settled", "is-done", "make", "show", "apply"])
  }

  @Test func `what a killed run may have done is no objection, and what was refused was not done`()
    async throws
  {
    let scene = try await Scene(tools: [
      ToolCommand(["terraform", "init"]),
      ToolCommand(["terraform", "show"], proves: ToolProof(.terraformForgets, only: ["a.x"])),
      ToolCommand(["terraform", "apply"]),
    ])
    defer { scene.end() }
    scene.tools.answer("show", out: #"{"format_version":"1.2","resource_changes":[]}"#)
    for _ in 1...2 {
      let refused = try await scene.run()
      #expect(refused.exit == .blocked && refused.error?.code == "tool-refused")
      #expect(refused.report.steps.first?.state == .pending)
    }
    try scene.store.append(
      RecordDraft(.intended, plan: scene.plan.digest, step: "adopt", at: scene.world.clock.now),
      under: nil)
    let done = try await scene.run()
    #expect(done.exit == .done && done.report.steps.first?.writes == 1)
  }

  @Test func `a step that failed after its work was done counts as this plan's`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    scene.tools.answer("apply", 1)
    #expect(try await scene.run().exit == .failed)
    scene.tools.answer("is-done", 0)
    let done = try await scene.run()
    #expect(done.exit == .done && done.report.steps.first?.writes == 1)
  }

  @Test func `a tool that touches what is live is found out`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let world = scene.world
    scene.tools.onRun = { word in
      guard word == "apply" else { return }
      let client = CloudFrontClient(
        ModelTransport(world.model, account: RemovalWorld.account, clock: world.clock))
      let group = DispatchGroup()
      group.enter()
      Task {
        let it = try await client.distribution(world.primary)
        let edit = ConfigEdit(path: "Comment", from: "trio", to: "changed")
        _ = try await client.updateDistribution(
          it.id, config: it.config.edited([edit], shape: "DistributionConfig"), ifMatch: it.etag)
        group.leave()
      }
      group.wait()
    }
    let held = try await scene.run()
    #expect(held.exit == .blocked, "\(held.exit)")
    #expect(held.report.steps.first?.state != .verified)
  }

  @Test func `a step whose commands only look has written nothing`() async throws {
    let scene = try await Scene(tools: [ToolCommand(["terraform", "plan", "-detailed-exitcode"])])
    defer { scene.end() }
    let done = try await scene.run()
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(scene.tools.words.last == "-detailed-exitcode")
    #expect(done.report.steps.first?.writes == 0)
  }
}
