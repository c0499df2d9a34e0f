import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// What a person sees of a plan, in the programs that people see it with.
struct ReportTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  private static let settings = """
    version: 1
    zones:
      example.com: { provider: rfc2136, server: "127.0.0.1:5301", tsig: { name: k., secretFile: tsig.secret } }
    windows:
      dns: { timeZone: America/New_York, allow: ["Tue,Thu 05:00-07:00"], freeze: ["2026-12-18/2027-01-04"] }
    """
  private func writePlans() throws {
    try ferry.write(Self.settings, to: "edgeferry.yaml")
    let names = [
      ("www", CutoverExample.plan), ("www.rollback", CutoverExample.rollback),
      ("plain", HostileText.cutover("plain", "plain")),
    ]
    for (name, plan) in names {
      try ferry.write(FerryJSON.document(plan), to: "plans/\(name).plan.json")
    }
    // What means something to a browser; the whole corpus goes through the pure tests.
    let text = HostileText.all.filter { $0.name.contains("HTML") || $0.name.contains("tag") }
      .map(\.text).joined(separator: " ")
    try ferry.write(
      FerryJSON.document(HostileText.cutover("hostile", text)), to: "plans/hostile.plan.json")
    let removal = try Data(
      contentsOf: Shared.package.appendingPathComponent("plans/remove-orphaned-policy.plan.json"))
    try ferry.write(String(decoding: removal, as: UTF8.self), to: "plans/removal.plan.json")
  }

  @Test func `a plan's page opens in Chromium by day, at night and on paper, alone and silent`()
    async throws
  {
    defer { ferry.remove() }
    try writePlans()
    var pages: [String] = []
    for name in ["www", "plain", "hostile", "removal"] {
      let page = ferry.folder.appendingPathComponent("\(name).html").path
      let shown = try await ferry("show", name, "--output", "html", "--out", page)
      #expect(shown.code == 0, "\(shown.talk)")
      pages.append(page)
    }
    let picture = ferry.folder.appendingPathComponent("timeline.svg").path
    #expect(try await ferry("show", "www", "--output", "svg", "--out", picture).code == 0)
    let answer = try await ferry.run(
      [Ferry.client("chromium_page.py"), ferry.folder.path] + pages + [picture],
      program: Ferry.python)
    if let why = answer.json["skipped"]?.string {
      print("skipped: \(why); pages are compared with their golden files alone")
      return
    }
    let seen = answer.json["pages"]?.array ?? []
    #expect(seen.count == 5, "\(answer.talk.suffix(1000))")
    for page in seen {
      let name = page["page"]?.string ?? ""
      for scheme in ["light", "dark"] {
        let look = page["looks"]?[scheme]
        #expect(look?["complaints"] == [], "\(name)")
        #expect(look?["requests"] == [], "\(name)")
        #expect((look?["rows"]?.int ?? 0) > 100, "\(name)")
      }
      guard name.hasSuffix(".html") else { continue }
      #expect(page["looks"]?["light"]?["background"] == "rgb(255, 255, 255)", "\(name)")
      #expect(page["looks"]?["dark"]?["background"] == "rgb(16, 21, 27)", "\(name)")
      #expect(page["pdf"] == "%PDF-True", "\(name)")
      #expect(page["unnamedPictures"]?.int == 0 && page["brokenLinks"]?.int == 0, "\(name)")
      #expect((page["widthAt420"]?.int ?? 999) <= 420, "\(name)")
    }
    // Whatever its texts say, a page has the elements and attributes that its structure gives it.
    for key in ["elements", "attributes", "count"] {
      #expect(seen[2][key] == seen[1][key], "\(key)")
    }
  }

  @Test func `a state machine made of a plan ends as the run that it calls ends`() async throws {
    defer { ferry.remove() }
    try writePlans()
    let made = try await ferry("export", "www", "--format", "stepfunctions", "--out", "sf.json")
    #expect(made.code == 0, "\(made.talk)")
    let ends: [(code: Int, status: String, error: String?)] = [
      (0, "SUCCEEDED", nil), (1, "FAILED", "edgeferry.Failed"), (4, "FAILED", "edgeferry.Blocked"),
      (5, "FAILED", "edgeferry.Stale"), (6, "FAILED", "edgeferry.RolledBack"),
      (64, "FAILED", "edgeferry.Failed"), (77, "FAILED", "edgeferry.Denied"),
    ]
    let scenes = ends.map {
      """
      [{"exit": 3, "until": 1, "reason": "draining"}, {"exit": \($0.code), "until": null, "reason": "so it is"}]
      """
    }
    let answer = try await ferry.run(
      [
        Ferry.client("stepfunctions_run.py"), "sf.json",
        "[\(scenes.joined(separator: ","))]",
      ], program: Ferry.python)
    let runs = answer.json.array ?? []
    #expect(runs.count == ends.count, "\(answer.talk.suffix(2000))")
    for (run, end) in zip(runs, ends) {
      #expect(run["status"]?.string == end.status && run["error"]?.string == end.error, "\(run)")
      #expect(run["cause"]?.string == (end.error == nil ? nil : "so it is"))
      #expect(run["states"]?.array?.prefix(4) == ["Advance", "Decide", "WaitUntil", "Advance"])
      let words = run["calls"]?.array?.first?["event"]?["arguments"]
      #expect(
        words == [
          "advance", "www", "--approve", .string(CutoverExample.plan.digest), "--output", "json",
        ])
      #expect(run["calls"]?.array?.count == 2)
    }
  }

  @Test func `a state machine carries a removal on the lab to its end, a call at a time`()
    async throws
  {
    let run = try await RemovalRun(propagation: "1s")
    let ferry = run.ferry
    let made = try await ferry("export", "some", "--format", "stepfunctions", "--out", "sf.json")
    #expect(made.code == 0, "\(made.talk)")
    let answer = try await ferry.run(
      [Ferry.client("stepfunctions_run.py"), "sf.json", "real", Ferry.binary.path],
      extra: run.variables, program: Ferry.python)
    let it = answer.json.array?.first
    #expect(it?["status"] == "SUCCEEDED", "\(answer.out.suffix(2000)) \(answer.talk.suffix(2000))")
    let codes = it?["calls"]?.array?.compactMap { $0["answer"]?["exit"]?.int } ?? []
    // Each disabled or detached distribution has to be Deployed first.
    #expect(codes.count > 1 && codes.dropLast().allSatisfy { $0 == 3 } && codes.last == 0)
    #expect(it?["states"]?.array?.contains("WaitUntil") == true)
    try await run.finishOnce()
    await run.end()
  }

  @Test func `what a runbook takes from the plan file by jq is the whole change`() async throws {
    defer { ferry.remove() }
    try writePlans()
    var plan = CutoverExample.plan
    let names = (0..<40).map { DomainName(wire: "n\($0).example.com.") }
    let alias = RecordValue(
      alias: .init(
        hostedZoneId: RecordValue.Alias.cloudFrontZone,
        dnsName: DomainName(wire: "d2.cloudfront.net.")))
    let changes = names.enumerated().map { index, name in
      RecordChange(
        RecordKey(name, .a),
        from: index == 1 ? nil : .init(ttl: 60, data: ["192.0.2.1", "192.0.2.2"]),
        to: index == 2 ? nil : index == 3 ? alias : .init(ttl: 300, data: ["192.0.2.9"]))
    }
    plan.steps = [
      Step(
        id: "many", title: "Many", account: nil,
        action: .batch(zone: CutoverExample.zone, changes: changes))
    ]
    try ferry.write(FerryJSON.document(plan.sealed), to: "plans/many.plan.json")
    guard try await ferry.run(["-c", "command -v jq"], program: "bash").code == 0 else {
      return print("skipped: jq is not installed")
    }
    /// Runs the runbook's lines with that word in them, as a person would.
    func run(_ word: String, _ settings: [String]) async throws -> String {
      let book = try await ferry.run(["show", "many", "--output", "markdown"] + settings).out
      let lines = book.split(separator: "\n").filter { $0.contains(word) }.map(String.init)
      let line = try #require(lines.first)
      return try await ferry.run(
        ["-c", line.replacing(" > change.json", with: "").replacing("; echo send", with: "")],
        program: "bash"
      ).out
    }
    try ferry.write("version: 1\n", to: "none.yaml")
    let batch = try JSONValue.read(
      Array(try await run("change.json", ["--config", "none.yaml"]).utf8), what: "batch")
    let entries = batch["Changes"]?.array ?? []
    #expect(
      entries.count { $0["Action"] == "DELETE" } == 39
        && entries.count { $0["Action"] == "CREATE" } == 39)
    #expect(
      entries.first?["ResourceRecordSet"]
        == [
          "Name": "n0.example.com.", "Type": "A", "TTL": 60,
          "ResourceRecords": [["Value": "192.0.2.1"], ["Value": "192.0.2.2"]],
        ])
    #expect(
      entries.contains {
        $0["ResourceRecordSet"]?["AliasTarget"]
          == [
            "HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d2.cloudfront.net.",
            "EvaluateTargetHealth": false,
          ]
      })
    // An alias is no record that an update could add, so the script is looked at without it.
    plan.steps[0].action = .batch(
      zone: CutoverExample.zone, changes: changes.filter { $0.to?.alias == nil })
    try ferry.write(FerryJSON.document(plan.sealed), to: "plans/many.plan.json")
    let script = try await run("prereq", []).split(separator: "\n")
    #expect(script.count { $0.hasPrefix("prereq yxrrset ") } == 76)
    #expect(script.contains("prereq nxrrset n1.example.com. A"))
    #expect(script.count { $0.hasPrefix("update delete ") } == 38)
    #expect(script.count { $0.hasPrefix("update add ") } == 38)
    #expect(script.contains("update add n0.example.com. 300 A 192.0.2.9"))
  }

  @Test
  func `on a terminal the current wait stands below what was done, written over as it changes`()
    async throws
  {
    let run = try await RemovalRun(propagation: "1s")
    let shown = try await run.ferry.run(
      [Ferry.client("pty_run.py"), "at most until", "", Ferry.binary.path] + run.apply,
      extra: run.variables, program: "python3")
    let text = shown.out
    #expect(text.hasPrefix("0\n"), "\(text.suffix(1000))")
    #expect(text.contains("waiting for ") && text.contains(" UTC\r\n"))
    // What comes next is named, the block is taken away by its own height, and nothing of it is left at the end.
    #expect(text.contains("    then 2. ") && text.contains("\u{1B}[J"))
    let last = text.split(separator: "\u{1B}[J").last.map(String.init) ?? ""
    #expect(last.contains("done") && !last.contains("at most until"))
    await run.end()
  }
}
