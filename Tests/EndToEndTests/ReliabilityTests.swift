import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// docs/reliability.md: every fault against every kind of plan, made by rehearsals of the built binary and compared; and
/// the tests that it names for the faults of the machine itself.
struct ReliabilityEndToEndTests {
  private static let seeds = 6

  @Test func `every fault ends every kind of plan as the page says`() async throws {
    var columns = try await removals()
    columns.append(("cutover", try await cutover()))
    columns += try await moves()
    columns += try await sample()
    let faults = columns[0].cells.keys.sorted {
      $0 == "none" ? $1 != "none" : $1 != "none" && $0 < $1
    }
    var table = "| fault | \(columns.map(\.name).joined(separator: " | ")) |\n"
    table += "| --- | \(columns.map { _ in "---" }.joined(separator: " | ")) |\n"
    for fault in faults {
      table +=
        "| `\(fault)` | \(columns.map { $0.cells[fault] ?? "" }.joined(separator: " | ")) |\n"
    }
    try expectTable(table, in: "docs/reliability.md", between: "<!-- matrix -->")
  }

  /// A column: rehearsals with one fault each, and with none.
  private func rehearse(_ ferry: Ferry, _ plan: String, _ extra: [String: String]) async throws
    -> [String: String]
  {
    let help = try await ferry("rehearse", "--help")
    let faults = [
      "throttle", "error", "drop-before", "drop-after", "stale-read", "stuck", "lag",
      "stale-resolver", "kill", "expired", "late-operator", "rival",
    ]
    for fault in faults { #expect(help.out.contains("\(fault) ("), "\(fault)") }
    var out: [String: String] = [:]
    for fault in faults + ["none"] {
      let answer = try await ferry(
        "rehearse", plan, "--seeds", "\(Self.seeds)", "--faults", fault, "--output", "json",
        extra: extra)
      #expect(answer.code == 0, "\(plan) \(fault): \(answer.out.prefix(2000)) \(answer.talk)")
      let endings = answer.json["endings"]?.object ?? [:]
      out[fault] = endings.sorted { $0.key < $1.key }.map {
        let exits = (answer.json["exits"]?[$0.key]?.array ?? []).compactMap(\.int)
        #expect(Set(exits).isSubset(of: [0, 3, 4, 5, 6]), "\(plan) \(fault): \(exits)")
        return "\(exits.map { "\($0)" }.joined(separator: " ")) \($0.key) ×\($0.value.int ?? 0)"
      }.joined(separator: ", ")
    }
    return out
  }

  /// What is orphaned, by a plan of a person and by that of a sweep; and a healthy policy, taken off and put back.
  private func removals() async throws -> [(name: String, cells: [String: String])] {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let plain = "version: 1\nsweep: { grace: 0s, maxDeletions: 100, maxPercent: 100 }\n"
    try ferry.write(plain, to: "edgeferry.yaml")
    var out: [(name: String, cells: [String: String])] = []
    try await ferry.withLab(["--sample", "--propagation", "0.2s"]) { lab in
      let at = ["--at", "2026-11-24T10:00:00Z"]
      for (name, plan, words) in [
        ("removal", "tidy", ["orphans", "plan", "--name", "tidy"]),
        ("sweep", "due", ["sweep", "run", "--plan-out", "plans/due.plan.json"]),
        ("detach", "off", ["orphans", "detach", "E1SAMPLECART02", "--name", "off"]),
        (
          "reattach", "on",
          ["orphans", "reattach", "E1SAMPLECART02", "--plan", "off", "--name", "on"]
        ),
      ] {
        let planned = try await ferry.run(words + at, extra: lab.variables())
        #expect(planned.code == 0, "\(words) \(planned.talk)")
        out.append((name, try await rehearse(ferry, plan, lab.variables())))
        guard plan == "off" else { continue }
        // What is put back has to be off.
        try ferry.write(plain + "polling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
        let digest = try ferry.read("plans/off.plan.json")["digest"]?.string ?? ""
        let applied = try await ferry("apply", "off", "--approve", digest, extra: lab.variables())
        #expect(applied.code == 0, "\(applied.talk)")
        try ferry.write(plain, to: "edgeferry.yaml")
      }
    }
    return out
  }

  private func cutover() async throws -> [String: String] {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      version: 1
      windows: { dns: { timeZone: Europe/London, allow: ["Tue,Thu 10:00-12:00"], freeze: ["2026-12-18/2027-01-04"] } }
      """, to: "edgeferry.yaml")
    let shipped = Shared.package.appendingPathComponent("plans")
    let plans = ferry.folder.appendingPathComponent("plans")
    try FileManager.default.createDirectory(at: plans, withIntermediateDirectories: true)
    for name in ["cutover-www.plan.json", "cutover-www.rollback.plan.json"] {
      try FileManager.default.copyItem(
        at: shipped.appendingPathComponent(name), to: plans.appendingPathComponent(name))
    }
    return try await rehearse(ferry, "cutover-www", [:])
  }

  /// Plans that wait for requests: their time begins with the lab's, since what was changed later is waited for.
  private func sample() async throws -> [(name: String, cells: [String: String])] {
    let ferry = try Ferry()
    defer { ferry.remove() }
    var out: [(name: String, cells: [String: String])] = []
    try await ferry.withLab(["--sample", "--propagation", "0.2s"]) { lab in
      for (name, words) in [
        ("promote", ["promote", "plan", "E1SAMPLECART02"]),
        ("blue/green", ["promote", "plan", "E1SAMPLECART02", "--origin-path", "/releases/42"]),
        (
          "handover",
          [
            "handover", "plan", "E1SAMPLECART02", "--from", "none", "--to", "terraform", "--dir",
            "code",
          ]
        ),
      ] {
        let plan = name.replacing("/", with: "-")
        let planned = try await ferry.run(words + ["--name", plan], extra: lab.variables())
        #expect(planned.code == 0, "\(planned.talk)")
        out.append((name, try await rehearse(ferry, plan, lab.variables())))
      }
    }
    return out
  }

  private func moves() async throws -> [(name: String, cells: [String: String])] {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let inventory = Shared.package.appendingPathComponent(
      "runbooks/lab/account-move.inventory.json")
    var out: [(name: String, cells: [String: String])] = []
    try await ferry.withLab(["--load", inventory.path, "--propagation", "0.2s"]) { lab in
      var config = ""
      for (name, id) in [("source", "111111111111"), ("target", "222222222222")] {
        let variables = lab.variables(account: id)
        config += """
          [profile \(name)]
          aws_access_key_id = \(variables["AWS_ACCESS_KEY_ID"] ?? "")
          aws_secret_access_key = \(variables["AWS_SECRET_ACCESS_KEY"] ?? "")
          region = us-east-1

          """
      }
      try ferry.write(config, to: "aws.config")
      var variables = lab.variables()
      variables["AWS_ACCESS_KEY_ID"] = nil
      variables["AWS_SECRET_ACCESS_KEY"] = nil
      variables["AWS_CONFIG_FILE"] = ferry.folder.appendingPathComponent("aws.config").path
      let servers = JSONValue.array(lab.ready["nameservers"]?.array ?? []).canonical
      try ferry.write(
        """
        version: 1
        accounts: { source: { profile: source }, target: { profile: target } }
        zones: { example.com: { provider: route53, zoneId: Z1, account: source, nameservers: \(servers) } }
        resolvers: []
        """, to: "edgeferry.yaml")
      // Within one account the alias goes in one call, without a bridge.
      for (name, target) in [("account move", "target"), ("move in one account", "source")] {
        let planned = try await ferry(
          "migrate", "plan", "E1MOVEWWW", "--source", "source", "--target", target, "--name",
          target, "--at", "2026-11-24T10:00:00Z", extra: variables)
        #expect(planned.code == 0, "\(planned.talk)")
        out.append((name, try await rehearse(ferry, target, variables)))
      }
    }
    return out
  }

  @Test func `a run that loses AWS in the middle goes on when it is back`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write("version: 1\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    // Another lab takes the port over: none that the kernel gives to the next who asks.
    let first = try await RunningLab(
      ferry,
      [
        "--api", "127.0.0.1:\(NameServer.freePort())", "--sample", "--propagation", "0.2s",
      ])
    let variables = first.variables()
    let planned = try await ferry(
      "orphans", "plan", "--name", "tidy", "--finding", "policy-unattached:P03SAMPLENEWS",
      "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.json["digest"]?.string ?? ""
    let begun = try await ferry(
      "apply", "tidy", "--approve", digest, "--until", "delete-policy-P03SAMPLENEWS",
      extra: variables)
    #expect(begun.code == 3, "\(begun.talk)")
    let taken = try await ferry(
      "inventory", "take", "--include-secrets", "--out", "world.json", extra: variables)
    #expect(taken.code == 0, "\(taken.talk)")
    await first.stop()
    // Nobody listens there any more.
    let undo = try ferry.read("plans/tidy.rollback.plan.json")["digest"]?.string ?? ""
    for words in [
      ["apply", "tidy", "--approve", digest], ["advance", "tidy", "--approve", digest],
      ["rollback", "tidy", "--approve", undo],
    ] {
      let lost = try await ferry.run(
        words + ["--output", "json"], extra: variables.merging(["AWS_MAX_ATTEMPTS": "1"]) { $1 })
      #expect(lost.code == 3 && lost.error["code"] == "no-answer", "\(lost.code) \(lost.talk)")
      #expect(lost.json["state"] == "waiting", "\(lost.out)")
      #expect(lost.json["reason"]?.string?.contains("connect") == true, "\(lost.out)")
    }
    let second = try await RunningLab(
      ferry,
      [
        "--api", first.api.replacing("http://", with: ""), "--propagation", "0.2s", "--load",
        ferry.folder.appendingPathComponent("world.json").path,
      ])
    let done = try await ferry(
      "apply", "tidy", "--approve", digest, "--output", "json", extra: second.variables())
    #expect(done.code == 0, "\(done.talk)")
    await second.stop()
  }

  @Test(arguments: [
    ("error:status=503", 3, "service-refused"), ("throttle:percent=100", 3, "service-refused"),
    ("garbage", 3, "unreadable-answer"), ("error:status=403,code=InvalidClientTokenId", 1, ""),
    ("error:status=403,code=AccessDenied", 77, "access-denied"),
    ("error:status=403,code=ExpiredToken", 3, "credentials"),
  ])
  func `a plan that is approved waits for an AWS that fails, and not for one that refuses`(
    _ fault: String, _ code: Int32, _ says: String
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let calm = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    let planned = try await ferry(
      "orphans", "plan", "--name", "tidy", "--finding", "policy-unattached:P03SAMPLENEWS",
      "--output", "json", extra: calm.variables())
    await calm.stop()
    let digest = planned.json["digest"]?.string ?? ""
    #expect(!digest.isEmpty, "\(planned.talk)")
    let lab = try await RunningLab(
      ferry, ["--sample", "--propagation", "0.1s", "--fault", fault])
    let once = lab.variables().merging(["AWS_MAX_ATTEMPTS": "1"]) { $1 }
    let unapproved = try await ferry("apply", "tidy", extra: once)
    #expect(unapproved.code == 64, "\(unapproved.talk)")
    #expect(try await ferry("approve", "tidy", "--digest", digest).code == 0)
    for words in [["apply", "tidy", "--approve", digest], ["advance", "tidy"]] {
      let answer = try await ferry.run(words + ["--output", "json"], extra: once)
      #expect(answer.code == code, "\(words): \(answer.code) \(answer.talk)")
      if !says.isEmpty { #expect(answer.error["code"]?.string == says, "\(answer.talk)") }
      if code == 3 { #expect(answer.json["state"] == "waiting", "\(answer.out)") }
    }
    await lab.stop()
  }

  @Test func `a plan whose state is in a bucket that cannot be reached waits for it`() async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab(["--sample", "--propagation", "0.1s"]) { lab in
      let planned = try await ferry(
        "orphans", "plan", "--name", "tidy", "--finding", "policy-unattached:P03SAMPLENEWS",
        "--output", "json", extra: lab.variables())
      let digest = planned.json["digest"]?.string ?? ""
      // The discard port: nobody listens.
      let away = lab.variables().merging(
        ["AWS_MAX_ATTEMPTS": "1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"]) { $1 }
      let undo = try ferry.read("plans/tidy.rollback.plan.json")["digest"]?.string ?? ""
      for (words, code) in [
        (["apply", "tidy", "--approve", digest], 3), (["advance", "tidy"], 3),
        (["rollback", "tidy", "--approve", undo], 3), (["apply", "tidy"], 1),
        (["status", "tidy"], 1),
      ] as [([String], Int32)] {
        let answer = try await ferry.run(
          words + ["--state", "s3://ops-state/edgeferry", "--output", "json"], extra: away)
        #expect(
          answer.code == code && answer.error["code"] == "state-read", "\(words): \(answer.talk)")
      }
    }
  }

  @Test func `every test that the page names is there`() throws {
    let text = try ["docs/reliability.md", "docs/commands/plans.md"].map {
      try String(contentsOf: Shared.package.appendingPathComponent($0), encoding: .utf8)
    }.joined()
    var sources = ""
    let tests = Shared.package.appendingPathComponent("Tests")
    let files = FileManager.default.enumerator(atPath: tests.path)
    while let file = files?.nextObject() as? String {
      guard file.hasSuffix("Tests.swift") else { continue }
      sources += try String(contentsOf: tests.appendingPathComponent(file), encoding: .utf8)
    }
    let named = text.matches(of: #/\| \*(.+?)\* \|/#).map { String($0.1) }
    #expect(named.count >= 10)
    let missing = named.filter { !sources.contains("`\($0)`") }
    #expect(missing.isEmpty, "\(missing)")
  }
}
