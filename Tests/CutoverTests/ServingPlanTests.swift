import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

/// What the target's edge says before the flip decides whether there is a plan.
struct ServingPlanTests {
  private func look(
    _ marker: String?, status: Int = 200, days: Double = 90, covers: Bool = true
  ) -> ServingLook {
    let certificate = ServingLook.Certificate(
      names: ["www.example.com"], notAfter: Scene.now + days * 86_400, isTrusted: true,
      coversName: covers)
    return ServingLook(
      peer: "192.0.2.1:443", status: covers ? status : nil, marker: marker,
      certificate: certificate, failure: covers ? nil : "the certificate does not cover it")
  }
  private func observation(_ atTarget: ServingLook) -> CutoverObservation {
    var it = Scene.cname()
    it.serving = ServingScene(
      name: it.name, marker: "x-distribution",
      source: .init(
        domain: DomainName(wire: Scene.old), forName: [look("E1")], own: [look("E1")]),
      target: .init(domain: it.target, forName: [atTarget], own: [look("E2")]))
    (it.sourceMarker, it.targetMarker) = ("E1", "E2")
    return it
  }
  private func plan(_ atTarget: ServingLook, accept: Set<String> = []) throws -> Plan? {
    let health = HealthPolicy(url: "https://{name}/", marker: "x-distribution")
    return try CutoverPlanner.plan(
      [observation(atTarget)], input: Scene.input(accept: accept, health: health))?.plan
  }

  @Test func `a target that serves the name well adds nothing to the plan`() throws {
    let made = try #require(try plan(look("E2")))
    #expect(made.risks.allSatisfy { $0.code == "rollback-outside-window" })
  }
  @Test(arguments: [
    ("alias-not-on-target", 403, 90.0, true), ("certificate-name", 200, 90, false),
    ("certificate-ends", 200, 0.01, true),
  ])
  func `what would give viewers errors blocks the plan, unless it is accepted`(
    _ code: String, _ status: Int, _ days: Double, _ covers: Bool
  ) throws {
    let it = look(status == 403 ? nil : "E2", status: status, days: days, covers: covers)
    let error = #expect(throws: FerryError.self) { try plan(it) }
    #expect(error?.code.rawValue == code)
    #expect(error?.exit == .blocked)
    #expect(error?.next.contains("--accept-risk \(code)") == true)
    let made = try #require(try plan(it, accept: [code, "target-fails"]))
    #expect(made.risks.contains { $0.code == code && $0.accepted })
  }
  @Test func `an alias that is still the source's is a risk to accept`() throws {
    let made = try #require(try plan(look("E1")))
    #expect(made.risks.contains { $0.code == "alias-on-source" && !$0.accepted })
  }
  @Test func `a status that health does not expect is a risk, a certificate that ends soon a note`()
    throws
  {
    let failing = try #require(try plan(look("E2", status: 404)))
    #expect(failing.risks.contains { $0.code == "target-fails" })
    let soon = try #require(try plan(look("E2", days: 10)))
    #expect(soon.notes.contains { $0.contains("certificate ends") })
  }
}
