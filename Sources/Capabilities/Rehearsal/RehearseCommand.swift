import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import FerryRun
import Foundation

public struct RehearseCommand: FerryCommand {
  public static let uses = AWSUse(
    ["cloudfront:GetDistribution", "cloudfront:GetContinuousDeploymentPolicy"], state: .writes)
  public static let configuration = CommandConfiguration(
    commandName: "rehearse",
    abstract: "Run a plan in a simulated world, many times over, and say what may happen.",
    discussion: """
      The real runner runs the plan against a model of CloudFront, of DNS servers, of resolvers and of viewers, under a \
      clock that does not wait. Each seed is another world; the same seed is the same on every machine. What each seed \
      has in store is drawn from --faults; POPs, name servers and people differ in speed without any.

      A broken rule makes it exit 4, and `edgeferry apply` refuse the plan unless the report's digest is named. \
      Nothing is written but the result, into the state.

      Faults: \(Hazard.allCases.map { "\($0.rawValue) (\($0.says))" }.joined(separator: "; ")).

      Example: edgeferry rehearse move --seeds 1000 --faults all
      """)
  @Argument(help: "A plan file, or the name of a plan under plans/.") var plan: String
  @Option(help: "How many worlds.") var seeds = 200
  @Option(help: "all, none, or a list such as kill,throttle.") var faults = "all"
  @Option(help: "The first seed; with --trace the only one.") var seed: UInt64?
  @Flag(help: "Tell the story of one seed as a timeline.") var trace = false
  @Option(
    name: [.long, .customLong("from")],
    help: "Take the world from this inventory (default: what the plan names is read from AWS).")
  var inventory: String?
  @Option(
    help: "Fit resolvers and name servers to what `cutover probe --output json` saw (a file).")
  var probe: String?
  @OptionGroup public var global: GlobalOptions
  public init() {}

  public func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let hazards = try Hazard.list(faults)
    guard (1...1_000_000).contains(seeds) else {
      throw .badInput(
        "bad-usage", what: "could not read --seeds", why: "\(seeds) is not 1 to 1,000,000",
        next: "give a number of worlds, such as 1000")
    }
    let (plan, path) = try context.plan(plan)
    guard plan.rollbackOf == nil else {
      throw .badInput(
        "rollback-plan", what: "could not rehearse \(self.plan)",
        why: "it is a rollback plan, which is rehearsed with the plan that it takes back",
        next: "name that plan")
    }
    let scene = try await scene(plan, path, context)
    if trace {
      let result = await Play(scene: scene, hazards: hazards).run(seed ?? 1, tellsStory: true)
      if global.output == .json {
        let report = RehearsalReport(
          scene, results: [result], firstSeed: result.seed, faults: hazards)
        try context.answer(FerryJSON.document(StoryDocument(report: report, result: result)))
      } else {
        try context.answer(RehearsalText.story(result, plan: plan))
      }
      return result.violations.isEmpty ? .done : .blocked
    }
    let seeds = seeds
    let terminal = context.terminal
    let report = await Rehearsal.run(
      scene, seeds: seeds, firstSeed: seed ?? 1, hazards: hazards
    ) { terminal.progress("\($0) of \(seeds) seeds") }
    terminal.progress(nil)
    if Task.isCancelled {
      throw FerryError(
        "interrupted", exit: .interrupted, what: "could not rehearse plan \(plan.name)",
        why: "it was interrupted", next: "run the command again")
    }
    try await context.keepRehearsal(
      of: plan, digest: report.digest, broken: Set(report.violations.map(\.seed)).count,
      seeds: seeds, firstSeed: seed ?? 1,
      faults: hazards.count == Hazard.allCases.count ? nil : hazards.map(\.rawValue),
      inventory: report.inventory, probe: report.probe)
    if global.output == .json {
      try context.answer(FerryJSON.document(report))
    } else {
      try context.answer(
        RehearsalText.render(report, plan: plan, again: again))
    }
    return report.violations.isEmpty ? .done : .blocked
  }

  /// The command line that rehearses in the same worlds.
  private var again: String {
    var words = ["edgeferry rehearse", shellWord(plan)]
    if let inventory { words += ["--inventory", shellWord(inventory)] }
    if let probe { words += ["--probe", shellWord(probe)] }
    return words.joined(separator: " ") + global.places
  }

  private func scene(_ plan: Plan, _ path: String, _ context: Context) async throws(FerryError)
    -> Scene
  {
    let rollback = context.rollbackPlan(of: path)
    var images: [String: String] = [:]
    var isBegun = false
    if let store = try context.existingStateStore() {
      let state = RunState(try await store.records(plan: plan.digest))
      isBegun = state.steps.values.contains { $0.writes > 0 }
      for step in plan.steps + (rollback?.steps ?? []) {
        for digest in step.action.images {
          if let image = try await store.image(digest) { images[digest] = image }
        }
      }
    }
    var terms = Scene.Terms()
    terms.windows = context.settings.windows
    terms.cutover = context.settings.cutover
    terms.deployedPollSeconds = context.settings.deployedPollSeconds
    terms.manualZones = Set(
      context.settings.zones.filter { $0.provider == .manual }.map(\.name))
    if let probe {
      let bytes = try Files.read(probe, what: "probe")
      terms.probes = try Self.probes(bytes, named: probe)
      terms.probeDigest = Digest.tagged(bytes)
    }
    let isItsOwn = rollback?.rollbackOf == plan.digest
    let world: JSONValue?
    if let inventory {
      let bytes = try Files.read(inventory, what: "inventory")
      let document = try JSONValue.read(bytes, what: "inventory \(inventory)")
      try checkSchema(document, is: "edgeferry.inventory/1", what: "inventory \(inventory)")
      world = document
      terms.inventoryDigest = Digest.tagged(bytes)
    } else {
      world = try await self.world(plan, context)
    }
    var scene = try Scene(
      plan, rollback: isItsOwn ? rollback : nil, inventory: world, images: images, terms: terms)
    if !isItsOwn {
      let file = Context.rollbackPath(of: path)
      scene.notes.append(
        rollback == nil
          ? "taking back is not rehearsed: \(file) cannot be read"
          : "taking back is not rehearsed: \(file) takes back another plan")
    }
    if isBegun {
      scene.notes.append(
        "the plan has been begun already: these worlds begin with what its accounts hold now")
    }
    if world?["complete"]?.bool == false {
      scene.notes.append("the inventory has gaps: what could not be read is not in these worlds")
    }
    return scene
  }

  /// What `cutover probe --output json` wrote.
  static func probes(_ bytes: [UInt8], named name: String) throws(FerryError) -> [ProbedName] {
    let document = try JSONValue.read(bytes, what: "probe \(name)")
    try checkSchema(document, is: "edgeferry.probe/1", what: "probe \(name)")
    return try (document["names"] ?? []).decoded([ProbedName].self, what: "probe \(name)")
  }

  /// The accounts as they are now, as far as the plan names what they have.
  private func world(_ plan: Plan, _ context: Context) async throws(FerryError) -> JSONValue? {
    let (distributions, policies) = (Scene.touched(plan), Scene.policies(plan))
    guard !distributions.isEmpty || !policies.isEmpty else { return nil }
    let clients = try await context.clients(for: plan)
    var accounts: [Inventory.Account] = []
    for (id, client) in clients.sorted(by: { $0.key < $1.key }) {
      var account = Inventory.Account(id: id, regions: [])
      var wanted = policies
      // A distribution brings the policy that is attached to it, and that one its staging distribution by name alone.
      for distribution in distributions {
        guard
          let it = try await Self.found({ () async throws(FerryError) in
            try await client.distribution(distribution)
          })
        else { continue }
        account.distributions.append(
          .init(
            id: it.id, arn: it.arn, domainName: it.domainName, status: it.status, etag: it.etag,
            lastModified: it.lastModified, tags: [:], config: it.config))
        if let policy = account.distributions.last?.policyID { wanted.insert(policy) }
      }
      for policy in wanted.sorted() {
        guard
          let it = try await Self.found({ () async throws(FerryError) in
            try await client.policy(policy)
          })
        else { continue }
        account.continuousDeploymentPolicies.append(
          .init(id: it.id, etag: it.etag, lastModified: it.lastModified, config: it.config))
      }
      accounts.append(account)
    }
    return JSONValue.of(Inventory(takenAt: context.clock.now, gaps: [], accounts: accounts))
  }
  /// nil for what this account does not have.
  private static func found<T>(_ body: () async throws(FerryError) -> T) async throws(FerryError)
    -> T?
  {
    do throws(FerryError) {
      return try await body()
    } catch {
      if ["NoSuchDistribution", "NoSuchContinuousDeploymentPolicy"].contains(error.service?.code) {
        return nil
      }
      throw error
    }
  }
}

/// The story of one seed, as `--trace --output json` writes it: the report of that seed alone, and what happened.
private struct StoryDocument: Encodable {
  struct Line: Encodable {
    var atSeconds: Int
    var who: String
    var says: String
  }
  var report: RehearsalReport
  var result: SeedResult

  private enum Keys: CodingKey { case seed, ending, seconds, story }
  func encode(to encoder: any Encoder) throws {
    try report.encode(to: encoder)
    var own = encoder.container(keyedBy: Keys.self)
    try own.encode(result.seed, forKey: .seed)
    try own.encode(result.ending.rawValue, forKey: .ending)
    try own.encode(Int(result.seconds), forKey: .seconds)
    try own.encode(
      result.story.map { Line(atSeconds: Int($0.at), who: $0.who, says: $0.says) }, forKey: .story)
  }
}
