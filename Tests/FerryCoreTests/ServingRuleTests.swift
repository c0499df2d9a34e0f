import Foundation
import Testing

@testable import FerryCore

struct ServingRuleTests {
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)
  private var now: Date { Self.now }

  private static func certificate(
    _ print: String = "aa", days: Double = 90, covers: Bool = true, trusted: Bool = true
  ) -> ServingLook.Certificate {
    var out = ServingLook.Certificate(
      names: ["www.example.com"], notAfter: now + days * 86_400, isTrusted: trusted,
      coversName: covers)
    out.fingerprint = print
    if !trusted { out.problem = "certificate has expired" }
    return out
  }
  private static func look(
    _ marker: String?, status: Int = 200, peer: String = "192.0.2.1:443", print: String = "aa",
    days: Double = 90, isCloudFront: Bool = true, version: String = "2"
  ) -> ServingLook {
    var out = ServingLook(
      peer: peer, status: status, httpVersion: version, marker: marker,
      certificate: certificate(print, days: days))
    out.isCloudFront = isCloudFront
    return out
  }
  private static func silent(_ peer: String = "192.0.2.1:443", why: String = "Timeout was reached")
    -> ServingLook
  { ServingLook(peer: peer, failure: why) }
  private static func refused(_ peer: String = "192.0.2.1:443") -> ServingLook {
    ServingLook(
      peer: peer, certificate: certificate(covers: false),
      failure: "the certificate does not cover www.example.com")
  }
  private static func scene(
    source: ServingScene.Side? = .init(
      domain: DomainName(wire: "d111.cloudfront.net"), forName: [look("E1")], own: [look("E1")]),
    target: ServingScene.Side = .init(
      domain: DomainName(wire: "d222.cloudfront.net"), forName: [look("E1")], own: [look("E2")])
  ) -> ServingScene {
    ServingScene(
      name: DomainName(wire: "www.example.com"), marker: "x-distribution", source: source,
      target: target)
  }
  private func serving(
    _ looks: [ServingLook], _ scene: ServingScene = scene(), expectStatus: Int? = nil
  ) -> CutoverVerdict.Serving {
    scene.verdict(through: looks, expectStatus: expectStatus, now: now).serving
  }

  @Test func `the marker of each distribution's own name tells them apart whoever holds the alias`()
  {
    #expect(Self.scene().tell == .marker(source: ["E1"], target: ["E2"]))
    #expect(Self.scene().targetMarker == "E2")
    #expect(Self.scene().sourceMarker == "E1")
    #expect(serving([Self.look("E2")]) == .target)
    #expect(serving([Self.look("E1")]) == .source)
    #expect(serving([Self.look("E3")]) == .neither)
    #expect(serving([]) == .unknown)
  }
  @Test func `one POP that still has the source makes it mixed`() {
    let looks = [Self.look("E2"), Self.look("E2", peer: "192.0.2.2:443"), Self.look("E1")]
    #expect(serving(looks) == .mixed)
    #expect(serving([Self.look("E2"), Self.look(nil, status: 403)]) == .mixed)
    #expect(serving([Self.look("E2"), Self.refused("192.0.2.2:443")]) == .mixed)
  }
  @Test func `a certificate that no viewer accepts is served by neither`() {
    #expect(serving([Self.refused()]) == .neither)
  }
  @Test func `an edge that refuses the name serves it for neither`() {
    #expect(serving([Self.look(nil, status: 403)]) == .neither)
    #expect(serving([Self.look(nil, status: 421)]) == .neither)
  }
  @Test func `an error of the target's is no proof that it serves`() {
    #expect(serving([Self.look("E2", status: 503)]) == .neither)
    #expect(serving([Self.look("E2", status: 404)]) == .target)
    #expect(serving([Self.look("E2", status: 404)], expectStatus: 200) == .neither)
    #expect(serving([Self.look("E2", status: 503)], expectStatus: 503) == .target)
  }
  @Test func `silence of an address leaves it open, a lost try does not`() {
    #expect(serving([Self.silent()]) == .unknown)
    #expect(serving([Self.look("E2"), Self.silent("192.0.2.2:443")]) == .unknown)
    #expect(serving([Self.look("E2"), Self.silent(), Self.look("E2")]) == .target)
    #expect(serving([Self.look("E1"), Self.silent("192.0.2.2:443")]) == .unknown)
    // What is known to be mixed stays so.
    #expect(serving([Self.look("E1"), Self.look("E2"), Self.silent("192.0.2.2:443")]) == .mixed)
  }
  @Test func `an address family that this machine cannot reach proves nothing and hides nothing`() {
    var near = Self.look("E2")
    near.notAsked = ["[2001:db8::1]:443"]
    let verdict = Self.scene().verdict(through: [near], expectStatus: nil, now: now)
    #expect(verdict.serving == .target)
    #expect(
      verdict.because.contains { $0.contains("[2001:db8::1]:443") && $0.contains("no route") })
  }
  @Test func `what answers alike on both sides is unknown, whatever it answers`() {
    let same = Self.scene(
      source: .init(
        domain: DomainName(wire: "d111.cloudfront.net"), forName: [Self.look("E2")],
        own: [Self.look("E2")]))
    #expect(same.tell == nil)
    #expect(serving([Self.look("E2")], same) == .unknown)
    #expect(
      same.verdict(through: [Self.look("E2")], expectStatus: nil, now: now).because.first?
        .contains("cannot be told apart") == true)
    let mute = Self.scene(
      source: .init(domain: DomainName(wire: "d111.cloudfront.net"), forName: [Self.look(nil)]),
      target: .init(domain: DomainName(wire: "d222.cloudfront.net"), forName: [Self.look(nil)]))
    #expect(mute.tell == nil)
    #expect(serving([Self.look(nil)], mute) == .unknown)
  }
  @Test
  func `a target edge that answers for the alias with the source's marker is not the target's`() {
    // Neither distribution answers to its own name: only the alias was seen, on both edges alike.
    let scene = Self.scene(
      source: .init(domain: DomainName(wire: "d111.cloudfront.net"), forName: [Self.look("E1")]),
      target: .init(domain: DomainName(wire: "d222.cloudfront.net"), forName: [Self.look("E1")]))
    #expect(scene.tell == nil)
    let alone = Self.scene(
      source: nil,
      target: .init(domain: DomainName(wire: "d222.cloudfront.net"), forName: [Self.look("E1")]))
    #expect(alone.tell == nil)
  }
  @Test func `a source whose alias has moved is told by its absence`() {
    let scene = Self.scene(
      source: .init(domain: DomainName(wire: "d111.cloudfront.net"), forName: [Self.look("E2")]))
    #expect(scene.tell == .marker(source: [], target: ["E2"]))
    #expect(serving([Self.look("E2")], scene) == .target)
    #expect(serving([Self.look("E1")], scene) == .unknown)
  }
  @Test func `without a source the target's own marker still proves the target`() {
    let scene = Self.scene(source: nil)
    #expect(serving([Self.look("E2")], scene) == .target)
    #expect(serving([Self.look("E1")], scene) == .unknown)
    #expect(serving([Self.look("E2"), Self.look("E1")], scene) == .unknown)
  }
  @Test func `other servers are told apart by what they answer for the name`() {
    let scene = Self.scene(
      source: .init(domain: DomainName(wire: "lb.old.example"), forName: [Self.look("old")]),
      target: .init(domain: DomainName(wire: "lb.new.example"), forName: [Self.look("new")]))
    #expect(serving([Self.look("new")], scene) == .target)
    #expect(serving([Self.look("old")], scene) == .source)
  }
  @Test func `without a marker certificates tell, and a third one proves nothing`() {
    let scene = Self.scene(
      source: .init(
        domain: DomainName(wire: "lb.old.example"), forName: [Self.look(nil, print: "aa")]),
      target: .init(
        domain: DomainName(wire: "d222.cloudfront.net"), forName: [Self.look(nil, print: "bb")]))
    #expect(scene.tell == .certificate(source: ["aa"], target: ["bb"]))
    #expect(serving([Self.look(nil, print: "bb")], scene) == .target)
    #expect(serving([Self.look(nil, print: "aa")], scene) == .source)
    #expect(serving([Self.look(nil, print: "cc")], scene) == .unknown)
    #expect(serving([Self.look(nil, status: 403, print: "bb")], scene) == .neither)
  }
  @Test func `without either, CloudFront is told from what is not CloudFront`() {
    let scene = Self.scene(
      source: .init(
        domain: DomainName(wire: "lb.old.example"), forName: [Self.look(nil, isCloudFront: false)]),
      target: .init(domain: DomainName(wire: "d222.cloudfront.net"), forName: [Self.look(nil)]))
    #expect(scene.tell == .cloudFront(isTarget: true))
    #expect(serving([Self.look(nil)], scene) == .target)
    #expect(serving([Self.look(nil, isCloudFront: false)], scene) == .source)
  }
  @Test func `a verdict says the marker, the days left and the version`() {
    let verdict = Self.scene().verdict(
      through: [Self.look("E2", days: 5)], expectStatus: nil, now: now)
    #expect(
      verdict.because == [
        "1 of 1 looks (192.0.2.1:443): x-distribution E2, the target's",
        "the certificate covers www.example.com, is trusted and has 5 d left: renew it", "HTTP/2",
      ])
  }

  // MARK: Findings

  private func codes(_ target: [ServingLook], own: [ServingLook] = [look("E2")], days: Double = 1)
    -> [String: ServingFinding.Weight]
  {
    let scene = Self.scene(
      target: .init(domain: DomainName(wire: "d222.cloudfront.net"), forName: target, own: own))
    let found = scene.findings(now: now, until: now + days * 86_400)
    return Dictionary(uniqueKeysWithValues: found.map { ($0.code, $0.weight) })
  }

  @Test func `a target that serves the name well gives no finding`() {
    #expect(codes([Self.look("E2")]) == [:])
  }
  @Test func `an edge that does not know the name blocks the plan`() {
    #expect(codes([Self.look(nil, status: 403)]) == ["alias-not-on-target": .block])
    #expect(codes([Self.look(nil, status: 421)]) == ["alias-not-on-target": .block])
    // The distribution itself answers 403: it is the origin's, and the alias may well be there.
    #expect(codes([Self.look("E2", status: 403)], own: [Self.look("E2", status: 403)]) == [:])
  }
  @Test func `an alias that is still the source's is a risk`() {
    #expect(codes([Self.look("E1")]) == ["alias-on-source": .risk])
  }
  @Test func `a certificate that does not cover the name, is not trusted or ends too early blocks`()
  {
    #expect(codes([Self.refused()]) == ["certificate-name": .block])
    var bad = Self.refused()
    bad.certificate = Self.certificate(trusted: false)
    #expect(codes([bad]) == ["certificate-untrusted": .block])
    #expect(codes([Self.look("E2", days: 30)], days: 40) == ["certificate-ends": .block])
    #expect(codes([Self.look("E2", days: 20.9)]) == ["certificate-ends-soon": .note])
    #expect(codes([Self.look("E2", days: 21.1)]) == [:])
  }
  @Test func `a target that was not reached or fails is a risk`() {
    #expect(codes([Self.silent()]) == ["target-silent": .risk])
    #expect(codes([]) == ["target-silent": .risk])
    #expect(codes([Self.look("E2"), Self.silent("192.0.2.2:443")]) == ["target-silent": .risk])
    #expect(codes([Self.look("E2", status: 502)]) == ["target-fails": .risk])
  }
  @Test func `sides that cannot be told apart and a lost HTTP/2 are noted`() {
    #expect(codes([Self.look(nil)], own: [Self.look(nil)]) == ["indistinct": .note])
    #expect(codes([Self.look("E2", version: "1.1")]) == ["no-http2": .note])
  }
}
