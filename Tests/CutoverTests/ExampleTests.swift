import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

/// The example of a cutover that ships in plans/ and runbooks/, made anew and compared.
struct CutoverExampleTests {
  private static let plans: CutoverPlans? = {
    let day = RecordValue(ttl: 86_400, data: [Scene.old])
    var www = Scene.records([.cname: day]) { probe in
      probe.servers = (1...4).map { index in
        ProbedName.Server(
          name: Scene.name("ns\(index).example.com."), address: "192.0.2.\(index):53",
          authoritative: true, rcode: .noError, answers: probe.servers[0].answers,
          soaSerial: 2_026_120_701, verdict: .ok)
      }
      probe.chain = [
        .init(
          name: probe.name, zone: Scene.name("example.com."), type: .cname, ttl: 86_400,
          target: Scene.name(Scene.old))
      ]
      probe.because = ["4 of 4 servers answer CNAME \(Scene.old) (TTL 86400)"]
    }
    www.zone.account = "source"
    www.zone.zoneID = "Z0EXAMPLE"
    www.sourceMarker = "E1SOURCE"
    www.targetMarker = "E2TARGET"
    let window = try? ChangeWindow(
      timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"],
      freeze: ["2026-12-18/2027-01-04"], leadSeconds: 86_400)
    let input = CutoverInput(
      name: "cutover-www", accounts: ["source": "111111111111"], createdAt: Scene.now,
      tool: "edgeferry 0.1.0", window: window,
      health: HealthPolicy(
        url: "https://{name}/healthz", marker: "x-distribution", onFailure: .rollBack),
      distribution: "E2TARGET", acceptedRisks: ["rollback-outside-window"])
    return try? CutoverPlanner.plan([www], input: input)
  }()

  @Test func `the golden example of a cutover is what the planner makes today`() throws {
    let made = try #require(Self.plans)
    expectGolden(FerryJSON.document(made.plan), "../../plans/cutover-www.plan.json")
    expectGolden(FerryJSON.document(made.rollback), "../../plans/cutover-www.rollback.plan.json")
    expectGolden(
      Runbook.render(
        made.plan, path: "plans/cutover-www.plan.json", rollback: made.rollback,
        site: Site(
          windows: [
            "dns": try ChangeWindow(
              timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"],
              freeze: ["2026-12-18/2027-01-04"], leadSeconds: 86_400)
          ],
          zones: [
            ZoneSettings(
              name: Scene.name("example.com."), provider: .route53, zoneID: "Z0EXAMPLE",
              account: "source")
          ])), "../../runbooks/cutover-www.md")
    let shipped = Shared.package.appendingPathComponent("plans/cutover-www.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == made.plan)
  }

  /// By hand: planned Mon 7 Dec 09:00; a day's lead makes Tue 8 Dec 10:00 the first moment. A day's TTL and a margin
  /// of an hour (the most) end Wed 11:00:30, so the flip is Thu 10:00; then 60 + 60 + 120 s.
  @Test func `the times of the example are those that a person reckons`() throws {
    let made = try #require(Self.plans)
    let steps = made.plan.steps
    #expect(steps.map(\.id) == ["lower-ttl-www", "flip-www", "bake-www", "restore-ttl-www"])
    #expect(steps[0].earliest == Scene.time("2026-12-08T10:00:00Z"))
    #expect(steps[0].wait?.seconds == 86_400 + 3600)
    #expect(steps[1].earliest == Scene.time("2026-12-10T10:00:00Z"))
    #expect(steps[1].wait?.seconds == 60 + 60 + 120)
    #expect(made.plan.schedule.allClear == Scene.time("2026-12-10T10:04:30Z"))
    #expect(made.plan.schedule.retire == Scene.time("2026-12-11T10:04:30Z"))
    #expect(steps[2].onFailure == .rollBack)
    #expect(made.plan.risks.map(\.code) == ["rollback-outside-window"])
  }
}
