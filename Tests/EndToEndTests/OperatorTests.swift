import FerryAWS
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

/// What an operator, a shell or a second operator does to a run: the journal is intact, nothing is done twice.
struct OperatorTests {
  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func `a signal at any moment ends in 130 and the same command goes on`(_ number: Int32)
    async throws
  {
    let run = try await RemovalRun(propagation: "2s", faults: ["latency:milliseconds=20"])
    var random = SplitMix64(seed: UInt64(number))
    var interrupted = 0
    for _ in 0..<4 {
      let started = try run.ferry.start(run.apply, extra: run.variables)
      #expect(try await run.hears("/5 ", in: started.talk))
      try await Task.sleep(for: .milliseconds(Int.random(in: 0...400, using: &random)))
      started.process.signal(number)
      let code = await started.process.wait().code
      if code == 0 { break }
      interrupted += 1
      let talk = text(started.talk.path)
      #expect(code == 130, "\(talk)")
      #expect(talk.contains("error[interrupted]"), "\(talk)")
      #expect(talk.contains("edgeferry apply some --approve \(run.digest)"), "\(talk)")
      let check = try await run.ferry("state", "check")
      #expect(check.code == 0, "\(check.talk)")
    }
    #expect(interrupted > 0)
    try await run.finishOnce()
    await run.end()
  }

  @Test func `a way back that was held between two steps is gone on with, and nothing else is`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write("version: 1\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    try await ferry.withLab(["--sample", "--propagation", "6s"]) { lab in
      let variables = lab.variables()
      let planned = try await ferry(
        "orphans", "detach", "E1SAMPLESHOP01", "--name", "off", "--output", "json",
        extra: variables)
      #expect(planned.code == 0, "\(planned.talk)")
      let apply = ["apply", "off", "--approve", planned.json["digest"]?.string ?? ""]
      let back = [
        "rollback", "off", "--approve",
        try ferry.read("plans/off.rollback.plan.json")["digest"]?.string ?? "",
      ]
      // In a later round as in the first.
      for _ in 1...2 {
        let there = try await ferry.run(apply, extra: variables)
        #expect(there.code == 0, "\(there.talk)")
        let started = try ferry.start(back, extra: variables)
        for _ in 0..<3000 where !text(started.talk.path).contains("1/2 ") {
          try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await ferry("hold", "off", "--reason", "look first").code == 0)
        #expect(await started.process.wait().code == 4, "\(text(started.talk.path))")
        let held = try await ferry("status", "off", "--output", "json")
        #expect(held.code == 4 && held.json["next"] == "edgeferry release off", "\(held.out)")
        #expect(try await ferry("release", "off").code == 0)
        let standing = try await ferry("status", "off", "--output", "json")
        #expect(standing.json["reason"]?.string?.hasPrefix("it is being taken back") == true)
        #expect(standing.json["next"]?.string == "edgeferry \(back.joined(separator: " "))")
        let forward = try await ferry.run(apply + ["--output", "json"], extra: variables)
        #expect(
          forward.code == 4 && forward.error["code"] == "rollback-under-way", "\(forward.talk)")
        let undone = try await ferry.run(back, extra: variables)
        #expect(undone.code == 0, "\(undone.talk)")
        let end = try await ferry("status", "off", "--output", "json")
        #expect(end.code == 0 && end.json["state"] == "rolled-back", "\(end.out)")
      }
      let written = try await ProcessKillTests.written(ferry, lab).byResource
      #expect(written.values.reduce(0, +) == 8, "\(written)")
      #expect(try await ferry("state", "check").code == 0)
    }
  }

  @Test func `a signal that was ignored at the start stays so, as nohup wants`() async throws {
    let run = try await RemovalRun(propagation: "0.3s")
    let started = try run.ferry.start(
      ["-c", "trap '' HUP; exec \"$@\"", "sh", Ferry.binary.path] + run.apply, extra: run.variables,
      program: "sh")
    #expect(try await run.hears("/5 ", in: started.talk))
    started.process.signal(SIGHUP)
    #expect(await started.process.wait().code == 0, "\(text(started.talk.path))")
    try await run.finishOnce()
    await run.end()
  }

  @Test func `a second Ctrl-C ends at once what does not listen to the first`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    // It ends with the workspace alone.
    try ferry.writeProgram("#!/bin/sh\nwhile [ -e \"$0\" ]; do sleep 0.2; done\n", to: "forever")
    let program = ferry.folder.appendingPathComponent("forever").path
    try ferry.write("[profile slow]\ncredential_process = \(program)\n", to: ".aws/config")
    let started = try ferry.start(["orphans", "discover", "--profile", "slow"])
    try await Task.sleep(for: .milliseconds(1000))
    // On a busy machine two signals may be taken for one.
    let typing = Task {
      while !Task.isCancelled {
        started.process.signal(SIGINT)
        try await Task.sleep(for: .milliseconds(300))
      }
    }
    let code = await started.process.wait().code
    typing.cancel()
    #expect(code == 130)
  }

  @Test func `a closed terminal is a hang-up, not a crash`() async throws {
    let run = try await RemovalRun(propagation: "1s")
    let script = Ferry.client("pty_run.py")
    let closed = try await run.ferry.run(
      [script, "waiting for", "close", Ferry.binary.path] + run.apply, extra: run.variables,
      program: "python3")
    #expect(closed.out.hasPrefix("130\n"), "\(closed.out)")
    #expect(try await run.ferry("state", "check").code == 0)
    try await run.finishOnce()
    await run.end()
  }

  @Test func `on a terminal the plan's name typed in full approves, and Ctrl-C does not`()
    async throws
  {
    let run = try await RemovalRun(propagation: "0.1s")
    let script = Ferry.client("pty_run.py")
    // A closed terminal ends what is typed before it is heard of as a signal, or after.
    for (typed, codes) in [
      ("other\\n", [4]), ("\\x03", [130]), ("", [4, 130]), ("some\\n", [0]),
    ] {
      let act = typed.isEmpty ? "close" : typed
      let answer = try await run.ferry.run(
        [script, "to approve it", act, Ferry.binary.path, "apply", "some"], extra: run.variables,
        program: "python3")
      let code = answer.out.split(separator: "\n").first.flatMap { Int($0) } ?? -1
      #expect(codes.contains(code), "\(typed): \(answer.out) \(answer.talk)")
      // On a terminal, too, only our own colours and line rewriting are sent.
      var shown = answer.out.replacing(/\u{1B}\[[0-9]{1,2}A\r\u{1B}\[J/, with: "\n")
      for own in [
        "\r\u{1B}[K", "\u{1B}[31m", "\u{1B}[32m", "\u{1B}[33m", "\u{1B}[35m", "\u{1B}[0m", "\r\n",
      ] {
        shown = shown.replacingOccurrences(of: own, with: "\n")
      }
      #expect(HostileText.intruder(in: shown) == nil)
      if code != 0 { #expect(try await run.effects().isEmpty) }
    }
    try await run.finishOnce()
    await run.end()
  }

  @Test func `a reader that goes away ends the talk and never the work`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    func piped(_ words: [String], into reader: String) async throws -> Ferry.Answer {
      try await run.ferry.run(
        [
          "-c", "\"$@\" 2>&1 | \(reader) >/dev/null; echo ${PIPESTATUS[0]}", "bash",
          Ferry.binary.path,
        ]
          + words, extra: run.variables, program: "bash")
    }
    for output in ["text", "json"] {
      for reader in ["head -c 1", "true"] {
        let found = try await piped(["orphans", "discover", "--output", output], into: reader)
        #expect(found.out == "0\n" && found.talk.isEmpty, "\(found.talk)")
      }
    }
    #expect(try await piped(run.apply, into: "true").out == "0\n")
    try await run.finishOnce()
    // A full disk behind stdout is no reader that went away.
    let full = try await run.ferry.run(
      ["-c", "exec \"$@\" > /dev/full", "sh", Ferry.binary.path, "orphans", "discover"],
      extra: run.variables, program: "sh")
    #expect(full.code == 1 && full.talk.contains("error[answer-lost]"), "\(full.talk)")
    await run.end()
  }

  @Test func `of operators who begin at once exactly one runs and the others are told who`()
    async throws
  {
    let run = try await RemovalRun(propagation: "60s")
    let operators = try (0..<3).map { _ in
      try run.ferry.start(run.apply + ["--output", "json"], extra: run.variables)
    }
    // A step waits a minute for the lab: whoever ends before that was turned away.
    await withTaskGroup(of: (Int, Int32).self) { group in
      for (index, it) in operators.enumerated() {
        group.addTask { (index, await it.process.wait().code) }
      }
      var ended: [Int: Int32] = [:]
      for await (index, code) in group {
        ended[index] = code
        if ended.count == 3 { #expect(code == 130) }
        guard ended.count == 2, let runs = (0..<3).first(where: { ended[$0] == nil }) else {
          continue
        }
        for (index, code) in ended {
          let talk = text(operators[index].talk.path)
          #expect(code == 4 && talk.contains("lease-taken"), "\(talk)")
          #expect(talk.contains("process \(operators[runs].process.pid)"), "\(talk)")
        }
        operators[runs].process.signal(SIGTERM)
      }
    }
    #expect(try await run.effects().values.allSatisfy { $0 == 1 })
    await run.end()
  }

  @Test(.timeLimit(.minutes(15)))
  func `a paused operator whose lease was taken over writes nothing more`() async throws {
    let run = try await RemovalRun(propagation: "60s")
    let first = try run.ferry.start(run.apply + ["--output", "json"], extra: run.variables)
    var writes = 0
    while writes == 0 {
      let status = try await run.ferry("status", "some", "--output", "json", extra: run.variables)
      writes = status.json["steps"]?.array?.first?["writes"]?.int ?? 0
    }
    // Stopped outside a transaction, and its lease run out.
    let state = run.ferry.folder.appendingPathComponent(".edgeferry/state.sqlite").path
    while true {
      first.process.signal(SIGSTOP)
      let expired = try await run.python(
        "import sqlite3,sys;c=sqlite3.connect(sys.argv[1],timeout=0.5);c.execute('UPDATE leases SET expires=1');c.commit()",
        [state])
      if expired.code == 0 { break }
      first.process.signal(SIGCONT)
    }
    // The step waits a minute for the lab; the second does what is due, and that is nothing.
    let advance = ["advance"] + run.apply.dropFirst()
    let second = try await run.ferry.run(advance, extra: run.variables)
    #expect(second.code == 3, "\(second.talk)")
    let before = try await run.effects()
    first.process.signal(SIGCONT)
    let code = await first.process.wait().code
    #expect(code == 4 && text(first.talk.path).contains("lease-lost"), "\(text(first.talk.path))")
    #expect(try await run.effects() == before && before.values.allSatisfy { $0 == 1 })
    #expect(try await run.ferry.run(advance, extra: run.variables).code == 3)
    #expect(try await run.ferry("state", "check").code == 0)
    await run.end()
  }
}
