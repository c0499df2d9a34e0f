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

  init(_ probe: any ServingProbe, health: HealthPolicy?, clock: any FerryClock) {
    self.probe = probe
    self.health = health
    self.clock = clock
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
      out.own = await probe.look(url: url(for: domain), at: nil, marker: marker)
    }
    out.forName = await forName
    return out
  }

  /// `serving` of `edgeferry.verdict/1`, with what it was deduced from.
  func verdict(of name: DomainName, source: DomainName?, target: DomainName) async
    -> ServingVerdict
  {
    let scene = await scene(of: name, source: source, target: target)
    var looks: [ServingLook] = []
    for _ in 0..<tries { looks += await probe.look(url: url(for: name), at: nil, marker: marker) }
    return scene.verdict(
      through: looks, expectStatus: isHealthURL(of: name) ? health?.expectStatus : nil,
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
