import FerryCloudFront
import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCommand
@testable import FerryCore
@testable import Sweeps

struct HistoryTests {
  private let noon = Timestamp.read("2026-11-01T12:00:00Z")!
  private func run(_ hours: Double, new: Int = 0, inGrace: Int = 0, due: Int = 0, removed: Int = 0)
    -> SweepHistory.Run
  {
    var it = SweepHistory.Run(at: noon + hours * 3600)
    it.new = new
    it.inGrace = inGrace
    it.due = due
    it.removed = removed
    return it
  }

  @Test func `a day sums what came and went, and ends as its last sweep left it`() {
    let history = SweepHistory([
      "1": [
        run(0, new: 2, inGrace: 2), run(1, new: 1, inGrace: 3), run(24, inGrace: 1, removed: 2),
      ],
      "2": [run(2, due: 1)],
    ])
    #expect(history.days.map(\.day) == ["2026-11-01", "2026-11-02"])
    #expect(history.days[0].new == 3 && history.days[0].inGrace == 3 && history.days[0].due == 1)
    #expect(history.days[0].accounts == 2)
    #expect(history.days[1].removed == 2 && history.days[1].due == 0 && history.days[1].open == 1)
  }

  @Test func `the sweeps of a day gone by become one that says the same`() {
    var ledger = AccountLedger(account: "1", at: noon)
    for hours in [0.0, 1, 2, 24, 25] {
      var it = AccountLedger.Run(at: noon + hours * 3600)
      it.new = 1
      it.inGrace = Int(hours) + 1
      it.removed = hours == 1 ? 1 : 0
      ledger.runs.append(it)
    }
    let before = SweepHistory(["1": ledger.runs])
    ledger.fold(before: noon + 25 * 3600)
    #expect(ledger.runs.count == 3)
    #expect(SweepHistory(["1": ledger.runs]) == before)
    #expect(before.days[0].new == 3 && before.days[0].removed == 1 && before.days[0].inGrace == 3)
  }

  @Test func `what came before the date asked for is left out`() {
    let history = SweepHistory(["1": [run(0, new: 2), run(48, inGrace: 2)]], since: noon + 3600)
    #expect(history.days.map(\.day) == ["2026-11-03"])
  }

  private var report: FindingsReport {
    var scene = SceneBuilder()
    scene.policy("P<b>", staging: nil)
    var report = scene.report()
    for index in report.findings.indices {
      report.findings[index].ledger = .init(
        state: .kept, firstSeen: noon, lastSeen: noon, dueAt: noon + 60,
        keptBy: "<script>|`x`")
    }
    return report
  }

  @Test func `foreign text in the page and the table is text`() {
    let page = SweepPage.render(
      SweepHistory(["1": [run(0, new: 2, inGrace: 1)]]), report, at: noon)
    #expect(!page.contains("<script") && page.contains("&lt;script&gt;"))
    #expect(page.contains("<svg") && page.contains("Content-Security-Policy"))
    let table = SweepText.markdown(report)
    #expect(!table.replacing("\\<", with: "").contains("<") && table.contains("P\\<b\\>"))
  }

  @Test func `one account is told as one`() {
    let one = FindingsReport(accounts: ["1"], findings: [], gaps: [], quotas: [])
    #expect(SweepText.markdown(one).hasPrefix("### Sweep of 1 account\n"))
  }

  @Test func `metrics are lines of a name, labels and a number`() throws {
    let text = SweepText.prometheus(report, at: noon, removed: 1, exit: 4)
    #expect(text.contains("edgeferry_sweep_exit_code 4\n"))
    #expect(
      text.contains("edgeferry_sweep_findings{account=\"111111111111\",state=\"kept\"} "))
    let line = /[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? -?[0-9]+/
    for it in text.split(separator: "\n") where !it.hasPrefix("#") {
      #expect(it.wholeMatch(of: line) != nil, "\(it)")
    }
  }
}

struct ScopeTests {
  @Test func `an organization's accounts are read by their role, its own without`() {
    var scope = OrganizationScope(roleName: "sweep/reader")
    scope.externalID = "x-1"
    scope.skip = ["444444444444"]
    let found = [
      ("222222222222", "ACTIVE"), ("111111111111", "ACTIVE"), ("333333333333", "SUSPENDED"),
      ("444444444444", "ACTIVE"),
    ].map { OrganizationsClient.Account(id: $0.0, name: "n", status: $0.1) }
    let places = scope.places(
      found, lister: Settings.Account(name: "main", profile: "p"),
      identity: .init(account: "111111111111", arn: "arn:aws-cn:iam::111111111111:user/u"))
    #expect(places.map(\.id) == ["111111111111", "222222222222"])
    #expect(places[0].account.roleARN == nil)
    #expect(
      places[1].account
        == Settings.Account(
          name: "222222222222", profile: "p",
          roleARN: "arn:aws-cn:iam::222222222222:role/sweep/reader", externalID: "x-1"))
  }

  @Test(arguments: [
    "sweep: { organization: { roleName: \"a b\" } }",
    "sweep: { organization: { units: [\"ou-1\"] } }",
    "sweep: { organization: { roleName: r, units: [\"x\"] } }",
    "sweep: { organization: { roleName: r, statuses: [GONE] } }",
    "sweep: { organization: { roleName: r, account: nobody } }",
    "sweep: { notify: { webhook: \"http://example.com/x\" } }",
    "sweep: { notify: { secretFile: x } }", "sweep: { maxPercent: 101 }",
    "sweep: { maxDeletions: -1 }", "sweep: { maxDeletions: 1.5 }",
  ])
  func `settings that cannot be right are refused`(text: String) {
    let error = #expect(throws: FerryError.self) {
      try Settings.read("version: 1\n\(text)\n", named: "x")
    }
    #expect(error?.exit == .usage)
  }
}

struct ScheduleTests {
  @Test func `every rhythm is said in each scheduler's terms`() throws {
    for every in ["5m", "30m", "1h", "12h", "1d", "7d"] {
      let it = try SweepRhythm(every)
      #expect(it.cron.split(separator: " ").count == 5 && it.rate.hasPrefix("rate("))
      #expect(!it.calendar.isEmpty)
    }
    for every in ["7m", "5h", "0s", "x", "2d", ""] {
      let error = #expect(throws: FerryError.self) { try SweepRhythm(every) }
      #expect(error?.exit == .usage, "\(every)")
    }
  }
}
