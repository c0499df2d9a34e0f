import FerryCore
import FerryHTTP
import Foundation

/// Who serves a name: what both sides answer is learned first, then the name is asked as viewers ask for it.
struct ServingCheck: Sendable {
  let probe: any ServingProbe
  let health: HealthPolicy?
  let clock: any FerryClock
  /// Looks at every address through normal resolution; each resolves anew.
  var tries = 3
  /// What the lab's edge names itself by; real edges never send it.
  static let labMarker = "x-lab-distribution"
  private var marker: String { health?.marker ?? Self.labMarker }

  private static let movesAtOnce = 16
  /// What distributions answer to their own names is the same for every name that moves.
  private let ownLooks = Locked<[DomainName: Task<[ServingLook], Never>]>([:])

  /// One name's move.
  struct Move: Sendable {
    var name: DomainName
    var source: DomainName?
    var target: DomainName
    /// No server has the name: resolvers must not be asked, since they would keep the denial.
    var isAbsent = false
  }

  init(_ probe: any ServingProbe, health: HealthPolicy?, clock: any FerryClock) {
    self.probe = probe
    self.health = health
    self.clock = clock
  }

  /// `serving` of each move, in the order given.
  func verdicts(of moves: [Move]) async -> [ServingVerdict] {
    await withTaskGroup(of: (Int, ServingVerdict).self) { group in
      var out = [ServingVerdict](
        repeating: ServingVerdict(.unknown, because: ["it was not asked"]), count: moves.count)
      var next = 0
      func start() {
        let (index, move) = (next, moves[next])
        group.addTask { (index, await verdict(of: move)) }
        next += 1
      }
      while next < min(Self.movesAtOnce, moves.count) { start() }
      while let (index, verdict) = await group.next() {
        out[index] = verdict
        if next < moves.count, !Task.isCancelled { start() }
      }
      return out
    }
  }

  /// Both sides, asked at their own addresses; needs no DNS change and makes none.
  /// - Parameter source: nil when it is not known; the same as the target counts as that.
  func scene(of name: DomainName, source: DomainName?, target: DomainName) async -> ServingScene {
    async let targetSide = side(target, name)
    var sourceSide: ServingScene.Side?
    if let source, source != target { sourceSide = await side(source, name) }
    return ServingScene(
      name: name, marker: marker, source: sourceSide, target: await targetSide)
  }
  private func side(_ domain: DomainName, _ name: DomainName) async -> ServingScene.Side {
    var out = ServingScene.Side(domain: domain, forName: [])
    async let forName = probe.look(url: url(for: name), at: domain.host, marker: marker)
    if out.isDistribution {
      let task = ownLooks.withLock { known in
        if let task = known[domain] { return task }
        let task = Task { await probe.look(url: url(for: domain), at: nil, marker: marker) }
        known[domain] = task
        return task
      }
      out.own = await task.value
    }
    out.forName = await forName
    return out
  }

  /// `serving` of `edgeferry.verdict/1`, with what it was deduced from.
  func verdict(of move: Move) async -> ServingVerdict {
    guard !move.isAbsent else {
      return ServingVerdict(.unknown, because: ["no server of the zone has the name"])
    }
    let scene = await scene(of: move.name, source: move.source, target: move.target)
    var looks: [ServingLook] = []
    for _ in 0..<tries {
      looks += await probe.look(url: url(for: move.name), at: nil, marker: marker)
    }
    return scene.verdict(
      through: looks, expectStatus: isHealthURL(of: move.name) ? health?.expectStatus : nil,
      now: clock.now)
  }

  /// The health check's URL where it is one of the name's own; else the name's root.
  private func url(for name: DomainName) -> String {
    guard isHealthURL(of: name), let health else { return "https://\(Self.host(name))/" }
    return health.url.replacing("{name}", with: Self.host(name))
  }
  private func isHealthURL(of name: DomainName) -> Bool {
    guard let health else { return false }
    let url = health.url.replacing("{name}", with: Self.host(name))
    return URLComponents(string: url)?.host?.lowercased() == Self.host(name)
  }
  /// A wildcard is asked by a name below it that nobody else has.
  static func host(_ name: DomainName) -> String {
    name.isWildcard ? "edgeferry-check" + name.host.dropFirst() : name.host
  }
}
