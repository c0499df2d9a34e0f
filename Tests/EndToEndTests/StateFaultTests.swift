import FerryAWS
import FerryCore
import Foundation
import Testing

/// What a damaged, newer or loose state database gets, through the binary; nothing is sent.
struct StateFaultTests {
  @Test func `a state that cannot be trusted stops every run before a write`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    let variables = lab.variables()
    let planned = try await ferry(
      "orphans", "plan", "--finding", "staging-disabled:E2SAMPLEIDLE10", "--name", "idle",
      "--output", "json", extra: variables)
    let digest = planned.json["digest"]?.string ?? ""
    let state = ferry.folder.appendingPathComponent(".edgeferry/state.sqlite")
    let whole = try Data(contentsOf: state)
    for (bytes, mode, code) in [
      (Data(repeating: 0x5A, count: 4096), 0o600, Int32(1)),
      (whole.prefix(whole.count / 2), 0o600, 1),
      (whole, 0o666, 64),
    ] as [(Data, Int, Int32)] {
      try bytes.write(to: state)
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: state.path)
      let answer = try await ferry(
        "apply", "idle", "--approve", digest, "--output", "json", extra: variables)
      #expect(answer.code == code, "\(answer.talk)")
      #expect(answer.error["what"]?.string?.contains("state.sqlite") == true)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: state.path)
    }
    try whole.write(to: state)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: state.path)
    // Two operators: the second is told who has it.
    let first = try ferry.start(["apply", "idle", "--approve", digest], extra: variables)
    let done = await first.process.wait()
    #expect(done.code == 0)
    // A saved config that was changed is met before anything is made from it.
    func change(_ from: String, to: String) async throws {
      let changed = try await ferry.run(
        [
          "-c",
          "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute('UPDATE images SET xml=replace(xml,?,?)',sys.argv[2:]);c.commit()",
          state.path, from, to,
        ], program: "python3")
      #expect(changed.code == 0, "\(changed.talk)")
    }
    let undo = try ferry.read("plans/idle.rollback.plan.json")["digest"]?.string ?? ""
    let back = ["rollback", "idle", "--approve", undo, "--output", "json"]
    try await change("<Staging>true<", to: "<Staging>false<")
    let damaged = try await ferry.run(back, extra: variables)
    #expect(damaged.code == 1 && damaged.error["code"] == "state-damaged", "\(damaged.talk)")
    #expect(try await ferry("state", "check").code == 1)
    let deleted = try await ProcessKillTests.written(ferry, lab).byOperation
    #expect(deleted == ["DeleteDistribution": 1], "\(deleted)")
    try await change("<Staging>false<", to: "<Staging>true<")
    let undone = try await ferry.run(back, extra: variables)
    #expect(undone.code == 0, "\(undone.talk)")
    // What was made again has another id: that the old one is gone is no success.
    let again = try await ferry(
      "apply", "idle", "--approve", digest, "--output", "json", extra: variables)
    #expect(
      again.code == 5 && again.talk.contains("under another id"), "\(again.code) \(again.talk)")
    #expect(again.error["next"]?.string?.contains("nothing was written by this step") == true)
    await lab.stop()
  }

  @Test(.timeLimit(.minutes(15))) func `a second operator is told who is running the plan`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "30s"])
    let variables = lab.variables()
    let planned = try await ferry(
      "orphans", "plan", "--finding", "staging-unreferenced:E2SAMPLELOST09", "--name", "lost",
      "--output", "json", extra: variables)
    let digest = planned.json["digest"]?.string ?? ""
    let first = try ferry.start(["apply", "lost", "--approve", digest], extra: variables)
    // The first has the lease as soon as its first write shows.
    var started = false
    while !started {
      let status = try await ferry("status", "lost", "--output", "json")
      started = status.json["steps"]?.array?.first?["writes"]?.int == 1
    }
    let second = try await ferry(
      "apply", "lost", "--approve", digest, "--output", "json", extra: variables)
    #expect(second.code == 4 && second.error["code"] == "lease-taken", "\(second.talk)")
    #expect(second.error["why"]?.string?.contains("process \(first.process.pid)") == true)
    first.process.signal(SIGTERM)
    let ended = await first.process.wait()
    #expect(ended.code == 130)
    #expect(text(first.talk.path).contains("edgeferry apply lost --approve"))
    await lab.stop()
  }
}
