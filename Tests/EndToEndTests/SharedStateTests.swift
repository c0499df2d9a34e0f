import FerryAWS
import FerryCore
import Foundation
import Testing

/// A state in a bucket that several machines share, through the binary: against moto's S3, and where requests race
/// against a server that decides each in one moment, which moto's does not.
struct SharedStateTests {
  static let bucket = "edgeferry-state"
  static let state = "s3://\(bucket)/team"

  /// A server of `clients/s3_server.py`.
  struct Bucket {
    let process: Subprocess
    let url: String
    init(_ ferry: Ferry, _ faults: String...) async throws {
      process = try Subprocess(
        [Ferry.python, Ferry.client("s3_server.py"), SharedStateTests.bucket] + faults,
        environment: ferry.environment)
      url = await process.firstLine()
      try #require(url.hasPrefix("http://"))
    }
    func stop() async {
      process.signal(SIGTERM)
      _ = await process.wait()
    }
  }
  /// Another machine: its own workspace, with the plans and nothing else of the first.
  private static func otherMachine(_ ferry: Ferry) throws -> Ferry {
    let other = try Ferry()
    for name in ["plans", "edgeferry.yaml"] {
      try FileManager.default.copyItem(
        at: ferry.folder.appendingPathComponent(name), to: other.folder.appendingPathComponent(name)
      )
    }
    return other
  }
  /// Ends and empties what holds it on to this machine: a lease that is looked at from elsewhere.
  private static func plan(_ ferry: Ferry, _ variables: [String: String], finding: [String])
    async throws -> String
  {
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let planned = try await ferry.run(
      ["orphans", "plan", "--name", "some", "--output", "json"]
        + finding.flatMap { ["--finding", $0] }, extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    return planned.json["digest"]?.string ?? ""
  }
  private static let findings = [
    "policy-staging-missing:P05SAMPLECHAT", "staging-unreferenced:E2SAMPLELOST09",
  ]

  @Test func `a plan is applied and taken back with its state in moto's bucket alone`() async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_S3"] = moto.url
    variables["EDGEFERRY_STATE"] = Self.state
    // No bucket yet.
    let none = try await ferry("state", "show", "--output", "json", extra: variables)
    #expect(none.code == 64 && none.error["code"] == "no-bucket", "\(none.talk)")
    let made = try await ferry.run(
      ["-m", "awscli", "s3api", "create-bucket", "--bucket", Self.bucket], extra: variables,
      program: Ferry.python)
    #expect(made.code == 0, "\(made.talk)")
    let empty = try await ferry("state", "show", extra: variables)
    #expect(empty.code == 0 && empty.out == "no plan was run with this state\n")

    let digest = try await Self.plan(ferry, variables, finding: Self.findings)
    let applied = try await ferry("apply", "some", "--approve", digest, extra: variables)
    #expect(applied.code == 0, "\(applied.talk)")
    #expect(
      !FileManager.default.fileExists(
        atPath: ferry.folder.appendingPathComponent(".edgeferry").path))
    let other = try Self.otherMachine(ferry)
    defer { other.remove() }
    let status = try await other("status", "some", "--output", "json", extra: variables)
    #expect(status.code == 0 && status.json["state"] == "done", "\(status.talk)")
    let shown = try await other("state", "show", "--output", "json", extra: variables)
    #expect(shown.json.array?.map { $0["state"] } == ["done"])
    let check = try await other("state", "check", extra: variables)
    #expect(check.code == 0 && check.out.hasPrefix("sound: "), "\(check.talk)")

    // Out of the bucket, into a file, and back into another prefix.
    let out = try await other("state", "export", "all.json", extra: variables)
    #expect(out.code == 0, "\(out.talk)")
    let mode =
      try FileManager.default.attributesOfItem(
        atPath: other.folder.appendingPathComponent("all.json").path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    for place in ["here.sqlite", "s3://\(Self.bucket)/copy"] {
      let into = try await other("state", "import", "all.json", "--state", place, extra: variables)
      #expect(into.code == 0, "\(into.talk)")
      let checked = try await other("state", "check", "--state", place, extra: variables)
      #expect(checked.out == check.out, "\(checked.talk)")
      let again = try await other(
        "state", "import", "all.json", "--state", place, "--output", "json", extra: variables)
      #expect(again.code == 64 && again.error["code"] == "state-not-empty", "\(again.talk)")
    }
    // The copy takes it back, from another machine.
    let undo = try other.read("plans/some.rollback.plan.json")["digest"]?.string ?? ""
    let back = try await other(
      "rollback", "some", "--approve", undo, "--state", "s3://\(Self.bucket)/copy",
      extra: variables)
    #expect(back.code == 0, "\(back.talk)")
    await lab.stop()
    await moto.stop()
  }

  @Test func `killed at random moments on two machines, a removal ends whole through a bad bucket`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bucket = try await Bucket(
      ferry, "--conflict", "5", "--slow", "5", "--lose", "8", "--seed", "7")
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_S3"] = bucket.url
    variables["EDGEFERRY_STATE"] = Self.state
    let digest = try await Self.plan(ferry, variables, finding: Self.findings)
    let other = try Self.otherMachine(ferry)
    defer { other.remove() }
    var kills = 0
    var done = false
    for round in 0..<200 where !done {
      let machine = round % 2 == 0 ? ferry : other
      let seconds = Double.random(in: 0.1...(0.6 + 0.05 * Double(round)))
      let answer = try await machine.run(
        [
          "--foreground", "-s", "KILL", "\(seconds)", Ferry.binary.path, "apply", "some",
          "--approve", digest,
        ], extra: variables, program: "timeout")
      done = answer.code == 0
      // 124: its time was up in the moment that it ended by itself.
      if [124, 137].contains(answer.code) {
        kills += 1
      } else {
        #expect(answer.code == 0, "\(answer.talk)")
      }
    }
    #expect(done && kills > 0)
    let effects = try await ProcessKillTests.written(ferry, lab).byResource
    #expect(effects.count == 5 && effects.values.allSatisfy { $0 == 1 }, "\(effects)")
    let check = try await other("state", "check", extra: variables)
    #expect(check.code == 0, "\(check.talk)")
    print("shared state: \(kills) kills")
    await lab.stop()
    await bucket.stop()
  }

  @Test func `a run whose bucket goes away in the middle waits and goes on once it is back`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bucket = try await Bucket(ferry, "--away", "4")
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_S3"] = bucket.url
    variables["EDGEFERRY_STATE"] = Self.state
    variables["AWS_MAX_ATTEMPTS"] = "1"
    let digest = try await Self.plan(ferry, variables, finding: Self.findings)
    var interrupted = 0
    var begun = 0
    for _ in 0..<60 {
      bucket.process.signal(SIGUSR1)
      let answer = try await ferry(
        "apply", "some", "--approve", digest, "--output", "json", extra: variables)
      if answer.code == 0 { break }
      interrupted += 1
      #expect(answer.code == 3, "\(answer.out) \(answer.talk)")
      #expect(
        ["state-read", "journal-write"].contains(answer.error["code"]?.string), "\(answer.talk)")
      if try await !ProcessKillTests.written(ferry, lab).byResource.isEmpty { begun += 1 }
    }
    let effects = try await ProcessKillTests.written(ferry, lab).byResource
    #expect(effects.count == 5 && effects.values.allSatisfy { $0 == 1 }, "\(effects)")
    #expect(interrupted > 2 && begun > 1, "\(interrupted) and \(begun)")
    bucket.process.signal(SIGUSR1)
    let check = try await ferry("state", "check", extra: variables)
    #expect(check.code == 0, "\(check.talk)")
    print("shared state: away \(interrupted) times, \(begun) of them after a write")
    await lab.stop()
    await bucket.stop()
  }

  @Test func `of operators that start at once one runs the plan and the others are told who`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bucket = try await Bucket(ferry, "--conflict", "10", "--lose", "10", "--seed", "3")
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "12s"])
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_S3"] = bucket.url
    variables["EDGEFERRY_STATE"] = Self.state
    let digest = try await Self.plan(ferry, variables, finding: Self.findings)
    let machines = try (0..<3).map { _ in try Self.otherMachine(ferry) }
    defer { for machine in machines { machine.remove() } }
    let running = try machines.map {
      try $0.start(["apply", "some", "--approve", digest, "--output", "json"], extra: variables)
    }
    var codes: [Int32] = []
    for it in running {
      let ending = await it.process.wait()
      codes.append(ending.code)
      if ending.code == 4 {
        #expect(text(it.talk.path).contains("lease-taken"), "\(text(it.talk.path))")
      }
    }
    #expect(codes.sorted() == [0, 4, 4])
    let effects = try await ProcessKillTests.written(ferry, lab).byResource
    #expect(effects.count == 5 && effects.values.allSatisfy { $0 == 1 }, "\(effects)")
    // Holds by several people at once are all in the journal.
    let held = try machines.enumerated().map { index, machine in
      try machine.start(["hold", "some", "--reason", "person \(index)"], extra: variables)
    }
    for it in held { #expect(await it.process.wait().code == 0, "\(text(it.talk.path))") }
    _ = try await ferry("state", "export", "all.json", extra: variables)
    let kinds =
      try ferry.read("all.json")["journal"]?.array?.compactMap { $0["kind"]?.string } ?? []
    #expect(kinds.count { $0 == "held" } == 3)
    await lab.stop()
    await bucket.stop()
  }

  @Test func `a place that cannot be a bucket is bad input before anything is sent`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    for place in ["s3://", "s3://Bucket/x", "s3://bucket/a//b", "s3:/bucket/x"] {
      let answer = try await ferry(
        "state", "show", "--state", place, "--output", "json",
        extra: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
      #expect(answer.code == 64 && answer.error["code"] == "bad-state", "\(answer.talk)")
    }
  }
}
