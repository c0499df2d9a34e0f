import FerryCore
import Foundation

/// What many seeds of a plan came to: `edgeferry.rehearsal/1`.
struct RehearsalReport: Codable, Equatable, Sendable {
  static let schema = "edgeferry.rehearsal/1"
  struct Broken: Codable, Equatable, Sendable {
    var rule: Rule
    var seed: UInt64
    var atSeconds: Int
    var because: String
  }
  /// Seconds, by nearest rank; 0 where nothing was measured.
  struct Spread: Codable, Equatable, Sendable {
    var p50: Int
    var p90: Int
    var max: Int
    init(_ values: [Double]) {
      let sorted = values.sorted()
      func rank(_ share: Double) -> Int {
        guard !sorted.isEmpty else { return 0 }
        let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return Int(sorted[min(Swift.max(index, 0), sorted.count - 1)].rounded(.up))
      }
      (p50, p90, max) = (rank(0.5), rank(0.9), rank(1))
    }
  }
  struct Rollback: Codable, Equatable, Sendable {
    /// It was decided to undo right after it.
    var step: String
    var p50: Int
    var max: Int
    /// How many seeds turned back there.
    var seeds: Int
  }

  var schema = RehearsalReport.schema
  var planDigest: String
  var seeds: Int
  /// The first seed; the others follow it.
  var firstSeed: UInt64
  var faults: [Hazard]
  /// The first seed that broke each rule comes first.
  var violations: [Broken]
  /// How the runs ended, and how many did.
  var endings: [String: Int]
  /// What the runs exited with that ended so, those on the way included.
  var exits: [String: [Int32]]
  /// Of runs that were done.
  var durationSeconds: Spread
  /// Seconds in which some client got a broken answer.
  var exposureSeconds: Spread
  /// Those seconds weighed by the share of clients that did.
  var clientSeconds: Spread
  var rollbackSeconds: [Rollback]
  /// The digests of the inventory and of the probe that it was given; nil for none.
  var inventory: String?
  var probe: String?
  /// The resolvers that were asked, with their share of all clients.
  var population: Population
  var notes: [String]
  /// `sha256:…` over the canonical JSON without this field.
  var digest = ""

  init(
    _ scene: Scene, results: [SeedResult], firstSeed: UInt64, faults: [Hazard]
  ) {
    planDigest = scene.plan.digest
    seeds = results.count
    self.firstSeed = firstSeed
    self.faults = faults
    violations = results.flatMap(\.violations).map {
      Broken(rule: $0.rule, seed: $0.seed, atSeconds: $0.atSeconds, because: $0.because)
    }
    endings = results.reduce(into: [:]) { $0[$1.ending.rawValue, default: 0] += 1 }
    exits = results.reduce(into: [String: Set<Int32>]()) {
      $0[$1.ending.rawValue, default: []].formUnion($1.exits)
    }.mapValues { $0.sorted() }
    durationSeconds = Spread(results.filter { $0.ending == .done }.map(\.seconds))
    exposureSeconds = Spread(results.map(\.exposureSeconds))
    clientSeconds = Spread(results.map(\.clientSeconds))
    rollbackSeconds = scene.plan.steps.compactMap { step in
      let seconds = results.compactMap { $0.rollback?.step == step.id ? $0.rollback?.seconds : nil }
      guard !seconds.isEmpty else { return nil }
      let spread = Spread(seconds)
      return Rollback(step: step.id, p50: spread.p50, max: spread.max, seeds: seconds.count)
    }
    inventory = scene.sources.inventory
    probe = scene.sources.probe
    population = scene.population
    notes = scene.notes
    if scene.plan.steps.contains(where: { $0.action.dns != nil }), scene.hosts.count == 24 {
      notes.append("viewers ask for 24 of the plan's names, which stand for all")
    }
    let leftOut = Stage(scene, seed: firstSeed, hazards: [], tellsStory: false).leftOut
    if !leftOut.isEmpty {
      notes.append(
        (leftOut.count == scene.hosts.count
          ? "exposure was not measured: none of the names is served even now: "
          : "not served even now, and left out of exposure: ")
          + leftOut.prefix(8).joined(separator: ", ")
          + (leftOut.count > 8 ? " and \(leftOut.count - 8) more" : ""))
    }
    var document = JSONValue.of(self)
    if case .object(var members) = document {
      members["digest"] = nil
      document = .object(members)
    }
    digest = Digest.tagged(document.canonical)
  }
}

/// Plays many seeds, as many at a time as the machine has cores; what comes out does not depend on how many.
enum Rehearsal {
  static func run(
    _ scene: Scene, seeds: Int, firstSeed: UInt64, hazards: [Hazard],
    told: @escaping @Sendable (Int) -> Void = { _ in }
  ) async -> RehearsalReport {
    let lanes = max(1, min(seeds, ProcessInfo.processInfo.activeProcessorCount))
    let plays = (0..<lanes).map { lane in
      Play(scene: lane == 0 ? scene : (try? scene.detached()) ?? scene, hazards: hazards)
    }
    var results: [SeedResult] = []
    await withTaskGroup(of: (lane: Int, result: SeedResult).self) { group in
      var begun = 0
      // Whichever lane is free takes the next seed: some take ten times as long as others.
      func begin(_ lane: Int) {
        guard begun < seeds, !Task.isCancelled else { return }
        let seed = firstSeed &+ UInt64(begun)
        begun += 1
        let play = plays[lane]
        group.addTask { (lane, await play.run(seed)) }
      }
      for lane in plays.indices { begin(lane) }
      for await done in group {
        results.append(done.result)
        told(results.count)
        begin(done.lane)
      }
    }
    results.sort { $0.seed < $1.seed }
    return RehearsalReport(scene, results: results, firstSeed: firstSeed, faults: hazards)
  }
}
