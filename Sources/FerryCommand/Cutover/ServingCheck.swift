import FerryCore
import FerryDNS
import FerryHTTP
import Foundation

/// Who serves a name: what both sides answer is learned first, then the name is asked as viewers ask for it.
package struct ServingCheck: Sendable {
  let probe: any ServingProbe
  let health: HealthPolicy?
  /// Days left of certificates are counted from here.
  let now: Date
  /// Looks at every address through normal resolution; each resolves anew.
  package var tries = 3
  /// What the lab's edge names itself by; real edges never send it.
  static let labMarker = "x-lab-distribution"
  private var marker: String { health?.marker ?? Self.labMarker }

  private static let movesAtOnce = 32
  /// More names than this are asked on request alone, and once each.
  package static let namesMax = 100
  /// What distributions answer to their own names is the same for every name that moves.
  private let ownLooks = Locked<[DomainName: Task<[ServingLook], Never>]>([:])

  /// One name's move.
  package struct Move: Sendable {
    package var name: DomainName
    package var source: DomainName?
    package var target: DomainName
    /// No server has the name: resolvers must not be asked, since they would keep the denial.
    package var isAbsent: Bool
    package init(
      name: DomainName, source: DomainName?, target: DomainName, isAbsent: Bool = false
    ) {
      self.name = name
      self.source = source
      self.target = target
      self.isAbsent = isAbsent
    }
  }

  package init(_ probe: any ServingProbe, health: HealthPolicy?, now: Date) {
    self.probe = probe
    self.health = health
    self.now = now
  }

  /// `serving` of each move, in the order given.
  package func verdicts(of moves: [Move]) async -> [ServingVerdict] {
    await each(moves) { await verdict(of: $0) }
  }
  /// Both sides of each move, in the order given.
  package func scenes(of moves: [Move]) async -> [ServingScene] {
    await each(moves) { await scene(of: $0.name, source: $0.source, target: $0.target) }
  }
  private func each<Result: Sendable>(
    _ moves: [Move], _ body: @escaping @Sendable (Move) async -> Result
  ) async -> [Result] {
    await withTaskGroup(of: (Int, Result).self) { group in
      var out: [(Int, Result)] = []
      for (index, move) in moves.enumerated() {
        if index >= Self.movesAtOnce, let done = await group.next() { out.append(done) }
        group.addTask { (index, await body(move)) }
      }
      for await done in group { out.append(done) }
      return out.sorted { $0.0 < $1.0 }.map(\.1)
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
    // Where nothing tells the sides apart, one look is shown and proves nothing.
    for _ in 0..<(scene.tell == nil ? 1 : tries) {
      looks += await probe.look(url: url(for: move.name), at: nil, marker: marker)
    }
    return scene.verdict(
      through: looks, expectStatus: isHealthURL(of: move.name) ? health?.expectStatus : nil,
      now: now)
  }

  /// The health check's URL where it is one of the name's own; else the name's root.
  private func url(for name: DomainName) -> String {
    guard isHealthURL(of: name), let health else { return "https://\(Self.host(name))/" }
    return health.url.replacing("{name}", with: Self.host(name))
  }
  private func isHealthURL(of name: DomainName) -> Bool {
    guard let health else { return false }
    let url = health.url.replacing("{name}", with: Self.host(name))
    return URLComponents(string: url)?.encodedHost?.lowercased() == Self.host(name)
  }
  /// A wildcard is asked by a name below it that nobody else has.
  static func host(_ name: DomainName) -> String {
    name.isWildcard ? "edgeferry-check" + name.host.dropFirst() : name.host
  }
}

extension ServingCheck.Move {
  package init(_ it: LookedMove) {
    self.init(name: it.name, source: it.source, target: it.target, isAbsent: it.isAbsent)
  }
}
