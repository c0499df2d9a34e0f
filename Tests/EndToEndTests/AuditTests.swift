import FerryCore
import Foundation
import Testing

/// Who approved what, as the built binary tells it of a run on the lab.
struct AuditEndToEndTests {
  private func events(_ answer: Ferry.Answer) -> [String] {
    (answer.json["entries"]?.array ?? []).compactMap { $0["event"]?.string }
  }

  @Test func `every approval, hold, write and rollback of a plan is in its log`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    let (ferry, variables) = (run.ferry, run.variables)
    #expect(try await ferry("audit").out == "nothing is in the journal\n")
    #expect(try await ferry("audit", "nowhere").code == 64)
    #expect(try await ferry("approve", "some", "--digest", run.digest).code == 0)
    #expect(try await ferry("hold", "some", "--reason", "lunch").code == 0)
    #expect(try await ferry.run(["advance", "some"], extra: variables).code == 4)
    #expect(try await ferry("release", "some").code == 0)
    #expect(try await ferry.run(run.apply, extra: variables).code == 0)
    let rollback = try ferry.read("plans/some.rollback.plan.json")["digest"]?.string ?? ""
    #expect(
      try await ferry("rollback", "some", "--approve", rollback, extra: variables).code == 0)

    let answer = try await ferry("audit", "some", "--output", "json")
    #expect(answer.code == 0, "\(answer.talk)")
    let entries = answer.json["entries"]?.array ?? []
    let told = events(answer)
    #expect(
      Array(told.prefix(4)) == ["approved", "held", "run-began", "run-ended"], "\(told)")
    #expect(told.contains("released") && told.last == "rolled-back", "\(told)")
    #expect(told.count { $0 == "undone" } > 0 && told.contains("rolled-back"))
    // Five writes of the plan, each with what it was before and after.
    let written = entries.filter { $0["digest"]?.string == run.digest && $0["event"] == "written" }
    #expect(written.count == 5, "\(told)")
    let meant = entries.filter { $0["event"] == "write-intended" }
    #expect(meant.allSatisfy { $0["action"] != nil && $0["resource"] != nil })
    let approvals = entries.filter { $0["event"] == "approved" }
    #expect(approvals.map { $0["command"]?.string } == ["approve", "apply", "rollback"])
    #expect(approvals.allSatisfy { $0["by"]?.string?.isEmpty == false })
    #expect(approvals.map { $0["digest"]?.string } == [run.digest, run.digest, rollback])
    #expect(approvals.last?["rollbackOf"]?.string == run.digest)
    let held = entries.first { $0["event"] == "held" }
    #expect(held?["reason"] == "lunch" && held?["by"]?.string?.isEmpty == false)
    let blocked = entries.first { $0["event"] == "run-ended" }
    #expect(blocked?["exit"]?.int == 4)

    // By its digest, as lines, since a day, and as a table.
    let byDigest = try await ferry("audit", rollback, "--output", "ndjson")
    let lines = byDigest.out.split(separator: "\n")
    #expect(lines.count > 3 && lines.allSatisfy { $0.contains(rollback) }, "\(byDigest.out)")
    #expect(
      try await ferry("audit", "--since", "2199-01-01", "--output", "json").json["entries"] == [])
    #expect(try await ferry("audit", "--since", "soon").code == 64)
    let table = try await ferry("audit")
    #expect(table.out.hasPrefix("AT ") && table.out.contains("lunch"), "\(table.out)")
    #expect(table.out.contains("approved") && table.out.contains(run.digest))

    // The plan's file may be gone; its name is still known.
    for name in ["some.plan.json", "some.rollback.plan.json"] {
      try FileManager.default.removeItem(at: ferry.folder.appendingPathComponent("plans/\(name)"))
    }
    let gone = try await ferry("audit", "some", "--output", "json")
    #expect(events(gone) == told, "\(gone.talk)")

    // A journal that somebody changed tells nothing.
    let forged = try await ferry.run(
      [
        "-c",
        "import sqlite3;c=sqlite3.connect('.edgeferry/state.sqlite');c.execute(\"UPDATE journal SET body=replace(body,'lunch','dinner')\");c.commit()",
      ], program: "python3")
    #expect(forged.code == 0, "\(forged.talk)")
    let damaged = try await ferry("audit", "--output", "json")
    #expect(damaged.code == 1 && damaged.error["code"] == "state-damaged", "\(damaged.talk)")
    #expect(damaged.out.isEmpty)
    await run.end()
  }

  @Test func `an approval given to apply does not let an advance go on without one`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    let odd = try await run.ferry.run(run.apply + ["--until", "none"], extra: run.variables)
    #expect(odd.code == 64)
    #expect(try await run.ferry("audit").out == "nothing is in the journal\n")
    let steps = try run.ferry.read("plans/some.plan.json")["steps"]?.array ?? []
    let begun = try await run.ferry.run(
      run.apply + ["--until", steps[1]["id"]?.string ?? ""], extra: run.variables)
    #expect(begun.code == 3, "\(begun.talk)")
    #expect(try await run.ferry.run(["advance", "some"], extra: run.variables).code == 64)
    #expect(try await run.ferry("approve", "some", "--digest", run.digest).code == 0)
    #expect(
      [0, 3].contains(try await run.ferry.run(["advance", "some"], extra: run.variables).code))
    await run.end()
  }
}
