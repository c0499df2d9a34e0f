import FerryCore
import Foundation
import Testing

@testable import FerryRun

struct AuditTests {
  private func record(
    _ sequence: Int64, _ kind: Record.Kind, at seconds: Double, plan: String = "sha256:p",
    step: String? = nil, _ change: (inout Record.Body) -> Void = { _ in }
  ) -> Record {
    var body = Record.Body()
    change(&body)
    return Record(
      sequence: sequence, plan: plan, step: step, kind: kind,
      at: Date(timeIntervalSince1970: seconds), body: body)
  }
  private func events(_ log: AuditLog) -> [AuditLog.Event] { log.entries.map(\.event) }

  @Test func `a run that was killed did not end, and the next one begins by itself`() {
    let log = AuditLog(
      place: "p",
      journals: [
        (
          "sha256:p", nil,
          [
            record(1, .approved, at: 1) { $0.action = "apply" },
            record(2, .intended, at: 2, step: "a"),
            record(3, .approved, at: 3) { $0.action = "apply" },
            record(4, .applied, at: 4, step: "a") { $0.resource = "E1" },
            record(5, .applied, at: 5, step: "b"), record(6, .finished, at: 6),
          ]
        )
      ])
    #expect(
      events(log) == [
        .approved, .runBegan, .writeIntended, .approved, .runBegan, .written, .runEnded,
      ])
  }

  @Test func `a run is told from its approval to its end, with what it wrote`() {
    let records = [
      record(1, .approved, at: 1) {
        $0.by = "ann"
        $0.action = "apply"
        $0.signatures = ["sha256:k Ann"]
      },
      record(2, .intended, at: 2, step: "a") {
        $0.action = "cloudfront.setEnabled"
        $0.resource = "E1"
        $0.image = "sha256:before"
      },
      record(3, .applied, at: 3, step: "a") {
        $0.resource = "E1"
        $0.readBack = "sha256:after"
        $0.writes = 1
      },
      record(4, .waiting, at: 4, step: "a"), record(5, .verified, at: 5, step: "a"),
      record(6, .gate, at: 6, step: "b") {
        $0.by = "bob"
        $0.reference = "CHG-1"
      },
      record(7, .applied, at: 7, step: "b") { $0.alreadyHeld = true },
      record(8, .stopped, at: 8, step: "b") {
        $0.exit = 3
        $0.reason = "not yet"
      },
      record(9, .waiting, at: 9, step: "b"), record(10, .finished, at: 10),
    ]
    let log = AuditLog(place: "p", journals: [("sha256:p", nil, records)])
    #expect(
      events(log) == [
        .approved, .runBegan, .writeIntended, .written, .gatePassed, .alreadySo, .runEnded,
        .runBegan, .runEnded,
      ])
    #expect(log.entries[0].by == "ann" && log.entries[0].command == "apply")
    #expect(log.entries[0].signatures == ["sha256:k Ann"])
    #expect(log.entries[2].before == "sha256:before" && log.entries[2].resource == "E1")
    #expect(log.entries[3].after == "sha256:after" && log.entries[3].writes == 1)
    #expect(log.entries[4].reference == "CHG-1" && log.entries[4].by == "bob")
    #expect(log.entries[6].exit == 3 && log.entries[6].reason == "not yet")
    #expect(log.entries[8].exit == 0)
  }

  @Test func `a run that undoes itself says so, and who asked for nothing is named by nobody`() {
    let records = [
      record(1, .armed, at: 1), record(2, .undoing, at: 2, step: "a") { $0.reason = "check" },
      record(3, .undone, at: 3, step: "a"), record(4, .rolledBack, at: 4),
      record(5, .held, at: 5) {
        $0.by = "ann"
        $0.reason = "wait"
      }, record(6, .released, at: 6) { $0.by = "ann" },
    ]
    let log = AuditLog(place: "p", journals: [("sha256:p", nil, records)])
    #expect(events(log) == [.runBegan, .rollingBack, .undone, .rolledBack, .held, .released])
    #expect(log.entries[1].reason == "check" && log.entries[4].reason == "wait")
    #expect(log.entries[0].by == nil)
  }

  @Test func `plans are told side by side by time, each in the order of its chain`() {
    let one = [
      record(1, .approved, at: 10, plan: "sha256:a"), record(3, .held, at: 5, plan: "sha256:a"),
      record(5, .released, at: 30, plan: "sha256:a"),
    ]
    let two = [
      record(2, .approved, at: 7, plan: "sha256:b"), record(4, .held, at: 20, plan: "sha256:b"),
    ]
    let log = AuditLog(
      place: "p", journals: [("sha256:a", nil, one), ("sha256:b", nil, two)])
    #expect(
      log.entries.map { "\($0.digest.last ?? "?") \($0.event.rawValue)" }
        == ["b approved", "a approved", "a held", "b held", "a released"])
    let since = AuditLog(
      place: "p", journals: [("sha256:a", nil, one), ("sha256:b", nil, two)],
      since: Date(timeIntervalSince1970: 20))
    #expect(events(since) == [.held, .released])
  }

  @Test func `an approval for one command is none for an advance from cron`() {
    var state = RunState([record(1, .approved, at: 1) { $0.action = "apply" }])
    #expect(!state.approved)
    state.add(record(2, .approved, at: 2))
    #expect(state.approved)
  }
}
