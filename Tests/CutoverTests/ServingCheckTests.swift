import FerryCloudFront
import FerryHTTP
import FerryModel
import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

/// Answers by where it is asked; keeps what was asked.
private final class FakeEdge: ServingProbe {
  let answers: [String: ServingLook]
  let asked = Locked<[String]>([])
  init(_ answers: [String: ServingLook]) { self.answers = answers }
  func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    let place = "\(url) at \(at ?? "its own") for \(marker ?? "nothing")"
    asked.withLock { $0.append(place) }
    return [answers[place] ?? ServingLook(peer: "", failure: "\(place) was not arranged")]
  }
}

/// Serves every third name from the source; counts how many looks are under way.
private final class CountingEdge: ServingProbe {
  struct Seen {
    var names: Set<String> = []
    var atOnce = 0
    var atOnceMax = 0
  }
  let seen = Locked(Seen())
  func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    let host = url.dropFirst("https://".count).dropLast()
    seen.withLock {
      $0.atOnce += 1
      $0.atOnceMax = max($0.atOnceMax, $0.atOnce)
      if at == nil, host.hasPrefix("n") { $0.names.insert(String(host)) }
    }
    await Task.yield()
    seen.withLock { $0.atOnce -= 1 }
    let number = Int(host.dropFirst().prefix { $0 != "." }) ?? 0
    let side = at ?? (host.hasPrefix("n") ? number % 3 == 0 ? "d111" : "d222" : String(host))
    return [
      ServingLook(
        peer: "192.0.2.1:443", status: 200, httpVersion: "2",
        marker: side.hasPrefix("d111") ? "E1" : "E2",
        certificate: .init(
          names: [String(host)], notAfter: Date(timeIntervalSince1970: 4e9), isTrusted: true,
          coversName: true))
    ]
  }
}

struct ServingCheckTests {
  private let clock = VirtualClock()
  private let name = DomainName(wire: "www.example.com")
  private let source = DomainName(wire: "d111.cloudfront.net")
  private let target = DomainName(wire: "d222.cloudfront.net")
  private func look(_ marker: String, status: Int = 200) -> ServingLook {
    ServingLook(
      peer: "192.0.2.1:443", status: status, httpVersion: "2", marker: marker,
      certificate: .init(
        names: ["www.example.com"], notAfter: clock.now + 90 * 86_400, isTrusted: true,
        coversName: true))
  }
  private func check(_ edge: FakeEdge, _ health: HealthPolicy?) -> ServingCheck {
    var out = ServingCheck(edge, health: health, now: clock.now)
    out.tries = 2
    return out
  }

  @Test func `both sides are asked at their own addresses, then the name as viewers ask`()
    async throws
  {
    let health = HealthPolicy(
      url: "https://{name}/healthz", expectStatus: 204, marker: "x-distribution")
    let suffix = "for x-distribution"
    let edge = FakeEdge([
      "https://www.example.com/healthz at d111.cloudfront.net \(suffix)": look("E1", status: 204),
      "https://www.example.com/healthz at d222.cloudfront.net \(suffix)": look("E2", status: 204),
      "https://d111.cloudfront.net/healthz at its own \(suffix)": look("E1", status: 204),
      "https://d222.cloudfront.net/healthz at its own \(suffix)": look("E2", status: 204),
      "https://www.example.com/healthz at its own \(suffix)": look("E2", status: 204),
    ])
    let verdicts = await check(edge, health).verdicts(of: [
      .init(name: name, source: source, target: target),
      .init(name: name, source: source, target: target),
    ])
    #expect(verdicts.map(\.serving) == [.target, .target])
    // The distributions' own names are asked once for all names, the name itself in every try.
    let counts = Dictionary(edge.asked.withLock { $0 }.map { ($0, 1) }, uniquingKeysWith: +)
    #expect(counts["https://d222.cloudfront.net/healthz at its own \(suffix)"] == 1)
    #expect(counts["https://www.example.com/healthz at its own \(suffix)"] == 4)
    #expect(counts.count == 5)
  }
  @Test func `thousands of names are each asked at the edge, a few dozen at once`() async throws {
    let edge = CountingEdge()
    let moves = (0..<5000).map {
      ServingCheck.Move(
        name: DomainName(wire: "n\($0).example.com"), source: source, target: target)
    }
    var it = ServingCheck(
      edge, health: HealthPolicy(url: "https://{name}/", marker: "x"), now: clock.now)
    it.tries = 1
    let verdicts = await it.verdicts(of: moves)
    #expect(verdicts.count == 5000)
    // Each its own answer, in the order given.
    #expect(verdicts.enumerated().allSatisfy { $1.serving == ($0 % 3 == 0 ? .source : .target) })
    let seen = edge.seen.withLock { $0 }
    #expect(seen.names.count == 5000)
    #expect(seen.atOnceMax > 1)
    // Two sides and the name itself of each of 32 names.
    #expect(seen.atOnceMax <= 96)
  }
  @Test func `an unhealthy answer is not served, even by the target`() async throws {
    let health = HealthPolicy(url: "https://{name}/", marker: "x")
    let edge = FakeEdge([
      "https://d222.cloudfront.net/ at its own for x": look("E2"),
      "https://www.example.com/ at its own for x": look("E2", status: 503),
    ])
    let verdict = await check(edge, health).verdict(
      of: .init(name: name, source: nil, target: target))
    #expect(verdict.serving == .neither)
    #expect(verdict.because.first?.contains("status 503, not 200") == true)
  }
  @Test func `a name in Unicode is asked at the path of the health check too`() async throws {
    let edge = FakeEdge([:])
    let name = DomainName(wire: "xn--bcher-kva.example.com")
    _ = await check(edge, HealthPolicy(url: "https://{name}/healthz")).scene(
      of: name, source: nil, target: target)
    #expect(
      edge.asked.withLock { $0 }.contains {
        $0.hasPrefix("https://xn--bcher-kva.example.com/healthz at d222.cloudfront.net")
      })
  }
  @Test func `a health URL of another host gives no path and no status for the name`() async throws
  {
    let health = HealthPolicy(
      url: "https://monitor.example.net/all", expectStatus: 204, marker: "x")
    let edge = FakeEdge([
      "https://d222.cloudfront.net/ at its own for x": look("E2"),
      "https://www.example.com/ at its own for x": look("E2"),
    ])
    let verdict = await check(edge, health).verdict(
      of: .init(name: name, source: nil, target: target))
    #expect(verdict.serving == .target)
  }
  @Test func `a name that no server has is not asked of resolvers`() async throws {
    let edge = FakeEdge([:])
    let verdict = await check(edge, nil).verdict(
      of: .init(name: name, source: nil, target: target, isAbsent: true))
    #expect(verdict.serving == .unknown)
    #expect(edge.asked.withLock { $0 } == [])
  }
  @Test func `a wildcard is asked by a name below it`() async throws {
    let edge = FakeEdge([
      "https://d222.cloudfront.net/ at its own for x-lab-distribution": look("E2"),
      "https://edgeferry-check.example.com/ at its own for x-lab-distribution": look("E2"),
    ])
    let verdict = await check(edge, nil).verdict(
      of: .init(name: DomainName(wire: "*.example.com"), source: nil, target: target))
    #expect(verdict.serving == .target)
  }

  // MARK: The target's own configuration

  private func distribution(
    aliases: [String], enabled: Bool = true, staging: Bool = false, status: String = "Deployed"
  ) -> TargetDistribution {
    let config = XElement(
      "DistributionConfig",
      [
        XElement(
          "Aliases",
          [
            XElement("Quantity", text: "\(aliases.count)"),
            XElement("Items", aliases.map { XElement("CNAME", text: $0) }),
          ]), XElement("Enabled", text: "\(enabled)"), XElement("Staging", text: "\(staging)"),
      ])
    return TargetDistribution(
      id: "E2", domainName: "d222.cloudfront.net", status: status, config: config)
  }
  private func codes(_ it: TargetDistribution, target: DomainName? = nil) -> [String] {
    it.findings(for: name, target: target ?? self.target, source: nil).map(\.code)
  }
  @Test
  func `an alias that is missing blocks a move to CloudFront, and is noted between distributions`()
  {
    let bare = distribution(aliases: [])
    func weight(_ source: DomainName) -> ServingFinding.Weight? {
      bare.findings(for: name, target: target, source: source).first?.weight
    }
    #expect(weight(source) == .note)
    #expect(weight(DomainName(wire: "lb.example.net")) == .block)
  }

  @Test(arguments: [
    (["www.example.com"], true), (["WWW.example.com"], true), (["*.example.com"], true),
    (["example.com"], false), (["*.www.example.com"], false), (["*.ample.com"], false), ([], false),
  ])
  func `an alias on the target is the name itself or a wildcard over it`(
    _ aliases: [String], _ isThere: Bool
  ) {
    #expect(codes(distribution(aliases: aliases)) == (isThere ? [] : ["alias-not-on-target"]))
  }
  @Test func `a target that cannot serve is told from its configuration`() {
    let aliases = ["www.example.com"]
    #expect(codes(distribution(aliases: aliases, enabled: false)) == ["target-disabled"])
    #expect(codes(distribution(aliases: aliases, staging: true)) == ["target-staging"])
    #expect(codes(distribution(aliases: aliases, status: "InProgress")) == ["target-in-progress"])
    #expect(codes(distribution(aliases: aliases), target: source) == ["target-is-another"])
    // A name of one's own may stand before the distribution's.
    #expect(
      codes(distribution(aliases: aliases), target: DomainName(wire: "edge.example.com")) == [])
  }
}
