import FerryAWS
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

/// `sweep` through the built binary, on a lab with many accounts.
struct SweepEndToEndTests {
  /// A lab of some accounts, each with a healthy distribution, and a profile for each.
  struct Scene {
    let ferry: Ferry
    let lab: RunningLab
    let accounts: [String]
    let variables: [String: String]
    static let begin = "2026-11-01T00:00:00Z"

    static func distribution(_ id: String, staging: Bool = false, tags: String = "{}") -> String {
      """
      {"id":"\(id)","domainName":"\(id.lowercased()).cloudfront.net","tags":\(tags),"config":{"CallerReference":"\(id)","Comment":"","Enabled":true,
      "HttpVersion":"http2","Staging":\(staging),"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net",
      "CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only","OriginSslProtocols":{"Quantity":1,"Items":["TLSv1.2"]}},
      "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-key","HeaderValue":"canary-header"}]}}]},
      "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}}
      """
    }
    /// A staging distribution and a policy that no distribution names.
    static func unused(_ index: Int, tags: String = "{}") -> (staging: String, policy: String) {
      (
        distribution("ESTAGE\(index)", staging: true, tags: tags),
        """
        {"id":"unused-\(index)","config":{"Enabled":true,"StagingDistributionDnsNames":{"Quantity":1,"Items":["estage\(index).cloudfront.net"]},
        "TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}}}}
        """
      )
    }
    static func account(_ id: String, _ index: Int, orphan: Bool, tags: String = "{}") -> String {
      let unused = unused(index, tags: tags)
      return """
        {"id":"\(id)","distributions":[\(distribution("EMAIN\(index)"))\(orphan ? "," + unused.staging : "")],
        "continuousDeploymentPolicies":[\(orphan ? unused.policy : "")]}
        """
    }

    /// - Parameter orphans: which accounts have something that nobody uses.
    init(
      _ count: Int, orphans: @Sendable (Int) -> Bool, sweep: String = "", faults: [String] = []
    ) async throws {
      ferry = try Ferry()
      accounts = (0..<count).map { String(100_000_000_000 + $0) }
      let bodies = accounts.enumerated().map {
        Self.account($0.element, $0.offset, orphan: orphans($0.offset))
      }
      try ferry.write(
        #"{"schema":"edgeferry.inventory/1","accounts":[\#(bodies.joined(separator: ","))]}"#,
        to: "inventory.json")
      lab = try await RunningLab(
        ferry,
        [
          "--accounts", accounts.joined(separator: ","), "--propagation", "0.2s", "--load",
          ferry.folder.appendingPathComponent("inventory.json").path,
        ] + faults.flatMap { ["--fault", $0] })
      var profiles = ""
      for account in accounts {
        let keys = lab.ready["accounts"]?[account]
        profiles += """
          [profile p\(account)]
          aws_access_key_id=\(keys?["accessKeyId"]?.string ?? "")
          aws_secret_access_key=\(keys?["secretAccessKey"]?.string ?? "")
          region=us-east-1

          """
      }
      try ferry.write(profiles, to: "aws.config")
      variables = [
        "AWS_CONFIG_FILE": ferry.folder.appendingPathComponent("aws.config").path,
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL": lab.api,
        "AWS_REGION": "us-east-1",
      ]
      try settings(sweep)
    }
    func settings(_ sweep: String) throws {
      let lines = accounts.map { "  a\($0): { profile: p\($0) }" }.joined(separator: "\n")
      try ferry.write(
        "version: 1\naccounts:\n\(lines)\npolling: { deployed: 0.2s }\n\(sweep.isEmpty ? "" : "sweep: { \(sweep) }\n")",
        to: "edgeferry.yaml")
    }
    func end() async {
      await lab.stop()
      ferry.remove()
    }
    /// - Parameter at: days after the first sweep.
    func sweep(_ more: [String] = [], at days: Double = 0) async throws -> Ferry.Answer {
      let start = Timestamp.read(Self.begin) ?? .distantPast
      return try await ferry.run(
        ["sweep", "run", "--output", "json", "--at", Timestamp.text(start + days * 86_400)] + more,
        extra: variables)
    }
  }
  private func states(_ answer: Ferry.Answer) -> [String: Int] {
    (answer.json["findings"]?.array ?? []).reduce(into: [:]) {
      $0[$1["ledger"]?["state"]?.string ?? "none", default: 0] += 1
    }
  }
  private func selected(_ answer: Ferry.Answer) -> Set<String> {
    Set(
      (answer.json["sweep"]?["selected"]?.array ?? []).compactMap {
        "\($0["account"]?.string ?? "") \($0["finding"]?.string ?? "")"
      })
  }
  private func removed(_ answer: Ferry.Answer) -> Set<String> {
    Set(
      (answer.json["sweep"]?["actions"]?.array ?? []).flatMap { action in
        (action["removed"]?.array ?? []).map {
          "\(action["account"]?.string ?? "") \($0.string ?? "")"
        }
      })
  }

  @Test
  func
    `fifty accounts are swept, what is due goes within the caps, and what was selected is what went`()
    async throws
  {
    let scene = try await Scene(50, orphans: { $0 % 10 == 3 })
    let (ferry, lab) = (scene.ferry, scene.lab)
    let first = try await scene.sweep()
    #expect(first.code == 0, "\(first.talk)")
    #expect(states(first) == ["new": 5] && selected(first) == [])
    #expect(first.json["accounts"]?.array?.count == 50 && first.json["complete"] == true)
    let second = try await scene.sweep(at: 13.99)
    #expect(states(second) == ["in-grace": 5])

    // Ten deletions of ten resources are over both caps: nothing is done.
    let capped = try await scene.sweep(["--apply"], at: 14)
    #expect(capped.code == 4 && states(capped) == ["due": 5], "\(capped.talk)")
    #expect(try await ProcessKillTests.written(ferry, lab).byOperation == [:])

    try scene.settings("maxDeletions: 10, maxPercent: 100")
    let dry = try await scene.sweep(at: 14)
    #expect(dry.code == 0 && selected(dry).count == 5)
    let applied = try await scene.sweep(["--apply", "--verbose"], at: 14)
    #expect(applied.code == 0, "\(applied.talk)")
    #expect(removed(applied) == selected(dry) && states(applied) == ["removed": 5])
    let needs = try await ferry("permissions", "sweep", "run", "--apply", "--output", "json")
    let odd = PermissionEndToEndTests.called(applied.talk).subtracting(
      PermissionEndToEndTests.declared(needs))
    #expect(odd.isEmpty, "\(odd.sorted())")
    let written = try await ProcessKillTests.written(ferry, lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 5)
    #expect(written.byOperation["DeleteDistribution"] == 5)
    let last = try await scene.sweep(["--apply"], at: 15)
    #expect(last.code == 0 && states(last) == [:] && removed(last) == [])
    // Only what changed is read again, and no secret is kept.
    let state = try await ferry(
      "state", "export", ferry.folder.appendingPathComponent("s.json").path)
    #expect(state.code == 0, "\(state.talk)")
    let rest = try await ferry("orphans", "discover", "--output", "json", extra: scene.variables)
    #expect(rest.json["findings"] == [])
    await scene.end()
  }

  @Test func `a config that did not change is not read again`() async throws {
    let scene = try await Scene(3, orphans: { $0 == 0 })
    func gets() async throws -> Int {
      (try await scene.lab.get("/_lab/requests", scene.ferry).array ?? []).count {
        $0["operation"] == "GetDistribution"
      }
    }
    #expect(try await scene.sweep().code == 0)
    let first = try await gets()
    #expect(first == 4)
    #expect(try await scene.sweep(at: 1).code == 0)
    #expect(try await gets() == first)
    // Only the account with a policy is asked for its stacks.
    let stacks = (try await scene.lab.get("/_lab/requests", scene.ferry).array ?? []).count {
      $0["operation"] == "ListStacks"
    }
    #expect(stacks == 2)
    await scene.end()
  }

  @Test func `an account that cannot be reached is a gap, and the rest is swept`() async throws {
    let scene = try await Scene(
      3, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 10, maxPercent: 100")
    let path = scene.ferry.folder.appendingPathComponent("aws.config")
    let text = try String(contentsOf: path, encoding: .utf8)
    let secret = scene.lab.ready["accounts"]?["100000000001"]?["secretAccessKey"]?.string ?? ""
    try scene.ferry.write(text.replacingOccurrences(of: secret, with: "wrong"), to: "aws.config")
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 4, "\(swept.talk)")
    #expect(swept.json["complete"] == false && removed(swept).count == 2)
    #expect(swept.json["gaps"]?.array?.first?["account"] == "a100000000001")
    let failing = try await scene.sweep(["--fail-on", "gaps"], at: 0.5)
    #expect(failing.code == 2, "\(failing.talk)")
    try scene.ferry.write(
      text.replacingOccurrences(of: "aws_secret_access_key=", with: "aws_secret_access_key=x"),
      to: "aws.config")
    let none = try await scene.sweep(at: 1)
    #expect([1, 77].contains(none.code), "\(none.code) \(none.talk)")
    await scene.end()
  }

  @Test func `an account of two names is swept once, and counts once against the caps`()
    async throws
  {
    let scene = try await Scene(1, orphans: { _ in true })
    try scene.ferry.write(
      """
      version: 1
      accounts: { one: { profile: p100000000000 }, two: { profile: p100000000000 } }
      polling: { deployed: 0.2s }
      sweep: { grace: 0s, maxDeletions: 2, maxPercent: 100 }
      """, to: "edgeferry.yaml")
    let found = try await scene.ferry(
      "orphans", "discover", "--output", "json", extra: scene.variables)
    #expect(found.json["accounts"] == ["100000000000"], "\(found.out)")
    #expect(found.json["findings"]?.array?.count == 1)
    #expect(found.talk.contains("note: one and two are both account 100000000000"), "\(found.talk)")
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 0 && states(swept) == ["removed": 1], "\(swept.out) \(swept.talk)")
    #expect(swept.json["accounts"] == ["100000000000"])
    #expect(swept.talk.contains("note: one and two are both account 100000000000"), "\(swept.talk)")
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 1, "\(written)")
    await scene.end()
  }

  @Test func `what is kept stays until its date`() async throws {
    let scene = try await Scene(
      1, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 10, maxPercent: 100")
    let kept = try await scene.ferry.run(
      [
        "sweep", "keep", "unused-0", "--until", "2026-11-10", "--reason", "match day", "--at",
        Scene.begin,
      ], extra: scene.variables)
    #expect(kept.code == 0, "\(kept.talk)")
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 0 && states(swept) == ["kept": 1], "\(swept.talk)")
    let keptBy = swept.json["findings"]?.array?.first?["ledger"]?["keptBy"]?.string ?? ""
    #expect(keptBy.contains("match day"))
    let later = try await scene.sweep(["--apply"], at: 9)
    #expect(later.code == 0 && states(later) == ["removed": 1], "\(later.talk)")
    // Nobody had swept yet; later the ledger knows it, and what would go along.
    #expect(kept.talk.contains("no sweep of this state has found unused-0"), "\(kept.talk)")
    for (id, until, reason, code, isKnown) in [
      ("unused-0", "soon", "x", Int32(64), true), ("unused-0", "2027-01-01", "", 64, true),
      ("unused-0", "2027-01-01", " ", 64, true), ("unused-0", "2027-01-01", "x", 0, true),
      ("ESTAGE0", "2027-01-01", "x", 0, true), ("ENOSUCH", "2027-01-01", "x", 0, false),
    ] {
      let answer = try await scene.ferry.run(
        ["sweep", "keep", id, "--until", until, "--reason", reason, "--at", Scene.begin],
        extra: scene.variables)
      #expect(answer.code == code, "\(id) \(until): \(answer.talk)")
      #expect(answer.talk.contains("no sweep of this state") != isKnown, "\(id): \(answer.talk)")
    }
    await scene.end()
  }

  @Test func `a plan made now is applied later just as it was, and later arrivals are left alone`()
    async throws
  {
    let scene = try await Scene(
      2, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 10, maxPercent: 100")
    let (ferry, lab) = (scene.ferry, scene.lab)
    let file = ferry.folder.appendingPathComponent("wednesday.plan.json").path
    let planned = try await ferry.run(
      ["sweep", "run", "--plan-out", file, "--at", Scene.begin], extra: scene.variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.out.split(separator: "\n").last.map(String.init) ?? ""
    #expect(digest.hasPrefix("sha256:"))
    // One more arrives.
    let more = Scene.unused(7)
    try ferry.write(
      """
      {"schema":"edgeferry.inventory/1","accounts":[{"id":"100000000000","distributions":[\(more.staging)],
      "continuousDeploymentPolicies":[\(more.policy)]}]}
      """, to: "more.json")
    let loaded = try await ferry(
      "lab", "load", "--ready-file", lab.readyFile,
      ferry.folder.appendingPathComponent("more.json").path)
    #expect(loaded.code == 0, "\(loaded.talk)")
    let applied = try await ferry(
      "apply", file, "--approve", digest, extra: scene.variables)
    #expect(applied.code == 0, "\(applied.talk)")
    let written = try await ProcessKillTests.written(ferry, lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 2)
    let after = try await scene.sweep(at: 2)
    #expect(
      states(after) == ["due": 1, "removed": 2]
        && selected(after).first?.contains("unused-7") == true,
      "\(states(after))")
    let removed = (after.json["findings"]?.array ?? []).filter {
      $0["ledger"]?["state"] == "removed"
    }
    #expect(removed.allSatisfy { $0["verdict"] == "orphan" }, "\(after.out)")
    let history = try await ferry.run(
      ["sweep", "history", "--output", "json"], extra: scene.variables)
    let days = history.json["days"]?.array ?? []
    #expect(days.last?["removed"] == 2 && days.last?["healed"] == 0, "\(history.out)")
    await scene.end()
  }

  @Test func `killed again and again a sweep ends with everything removed once`() async throws {
    let scene = try await Scene(
      4, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 20, maxPercent: 100")
    let (ferry, lab) = (scene.ferry, scene.lab)
    var kills = 0
    for round in 0..<400 {
      // The first lives are too short for the whole of it on any machine; later ones are longer and longer.
      let seconds =
        round < 10
        ? Double.random(in: 0.02...0.12)
        : Double.random(in: 0.05...(round < 25 ? 0.4 : 0.6 + 0.04 * Double(round)))
      let answer = try await ferry.run(
        [
          "--foreground", "-s", "KILL", "\(seconds)", Ferry.binary.path, "sweep", "run", "--apply",
          "--at", Scene.begin,
        ], extra: scene.variables, program: "timeout")
      // 124: its time was up in the moment that it ended by itself.
      if [124, 137].contains(answer.code) {
        kills += 1
        continue
      }
      #expect(answer.code == 0, "\(answer.out) \(answer.talk)")
      break
    }
    let written = try await ProcessKillTests.written(ferry, lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 4, "\(written)")
    #expect(written.byOperation["DeleteDistribution"] == 4)
    #expect(written.byResource.allSatisfy { $0.value == 1 || $0.key.hasPrefix("Update") })
    let last = try await scene.sweep(["--apply"], at: 1)
    #expect(last.code == 0 && (last.json["sweep"]?["unfinished"] ?? []) == [], "\(last.talk)")
    #expect(kills >= 8, "killed only \(kills) times")
    await scene.end()
  }

  @Test func `two sweeps at once remove everything once`() async throws {
    let scene = try await Scene(
      4, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 20, maxPercent: 100")
    async let one = scene.sweep(["--apply"])
    async let two = scene.sweep(["--apply"])
    let codes = [try await one.code, try await two.code].sorted()
    // One meets what the other is at, or has just done.
    #expect(codes.allSatisfy { [0, 4, 5].contains($0) }, "\(codes)")
    let rest = try await scene.sweep(["--apply"], at: 1)
    #expect(rest.code == 0, "\(rest.talk)")
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 4, "\(written)")
    #expect(written.byOperation["DeleteDistribution"] == 4)
    await scene.end()
  }

  @Test func `what is to be kept after a sweep began with it is held, or let alone`() async throws {
    let scene = try await Scene(
      2, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 20, maxPercent: 100",
      faults: [
        "error:status=403,code=AccessDenied,operation=DeleteContinuousDeploymentPolicy,times=1"
      ])
    func keep(_ id: String) async throws -> Ferry.Answer {
      try await scene.ferry.run(
        [
          "sweep", "keep", id, "--until", "2026-12-01", "--reason", "in use", "--at", Scene.begin,
        ], extra: scene.variables)
    }
    let begun = try await scene.sweep(["--apply"])
    #expect(begun.code == 77, "\(begun.code) \(begun.talk)")
    let actions = begun.json["sweep"]?["actions"]?.array ?? []
    let stopped = try #require(actions.first { $0["exit"]?.int == 77 })
    let account = stopped["account"]?.string ?? ""
    let index = try #require(scene.accounts.firstIndex(of: account))
    let kept = try await keep("ESTAGE\(index)")
    #expect(kept.code == 0 && kept.talk.contains("held before its next write"), "\(kept.talk)")
    let met = try await scene.sweep(["--apply"], at: 1)
    #expect(met.code == 4 && met.out.contains("ESTAGE\(index) is to be kept until"), "\(met.out)")
    // A second keep adds no second hold, and one of what is done holds nothing.
    #expect(try await !keep("ESTAGE\(index)").talk.contains("held"))
    #expect(try await !keep("ESTAGE\(1 - index)").talk.contains("held"))
    // Taken back, it is over, and what is kept stays.
    let plan = stopped["plan"]?.string ?? ""
    let undo = try scene.ferry.read(
      plan.replacing(".plan.json", with: ".rollback.plan.json"))
    let back = try await scene.ferry.run(
      ["rollback", plan, "--approve", undo["digest"]?.string ?? ""], extra: scene.variables)
    #expect(back.code == 0, "\(back.talk)")
    let after = try await scene.sweep(["--apply"], at: 2)
    #expect(
      after.code == 0 && after.out.contains("ESTAGE\(index) is kept until"), "\(after.out)")
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab).byOperation
    #expect(written["DeleteContinuousDeploymentPolicy"] == 1, "\(written)")
    #expect(written["DeleteDistribution"] == 1)
    await scene.end()
  }

  @Test func `a plan that changed nothing yet is given up for what is to be kept`() async throws {
    let scene = try await Scene(
      1, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 20, maxPercent: 100")
    let file = scene.ferry.folder.appendingPathComponent("edgeferry.yaml")
    let settings = try String(contentsOf: file, encoding: .utf8)
    try scene.ferry.write(settings + "rehearsal: required\n", to: "edgeferry.yaml")
    #expect(try await scene.sweep(["--apply"]).code == 4)
    let kept = try await scene.ferry.run(
      [
        "sweep", "keep", "ESTAGE0", "--until", "2026-12-01", "--reason", "in use", "--at",
        Scene.begin,
      ], extra: scene.variables)
    #expect(kept.code == 0 && kept.talk.contains("held before its next write"), "\(kept.talk)")
    let next = try await scene.sweep(["--apply"], at: 1)
    #expect(next.code == 0 && next.out.contains("ESTAGE0 is kept until"), "\(next.out)")
    // And is not taken up again.
    let last = try await scene.sweep(["--apply"], at: 2)
    #expect(last.code == 0 && last.json["sweep"]?["actions"]?.array?.isEmpty == true, "\(last.out)")
    #expect(try await ProcessKillTests.written(scene.ferry, scene.lab).byOperation == [:])
    await scene.end()
  }

  @Test func `shards cover every account once`() async throws {
    let scene = try await Scene(6, orphans: { _ in false })
    var seen: [String] = []
    for part in ["1/3", "2/3", "3/3"] {
      let swept = try await scene.sweep(["--shard", part])
      #expect(swept.code == 0, "\(swept.talk)")
      seen += swept.json["accounts"]?.array?.compactMap(\.string) ?? []
    }
    #expect(seen.sorted() == scene.accounts)
    #expect(try await scene.sweep(["--shard", "4/3"]).code == 64)
    await scene.end()
  }
}

/// What goes wrong while many accounts are swept.
struct SweepFaultTests {
  typealias Scene = SweepEndToEndTests.Scene
  private static let all = "grace: 0s, maxDeletions: 1000, maxPercent: 100"

  private func found(_ answer: Ferry.Answer) -> Set<String> {
    Set(
      (answer.json["findings"]?.array ?? []).map {
        "\($0["account"]?.string ?? "") \($0["code"]?.string ?? ""):\($0["resource"]?["id"]?.string ?? "")"
      })
  }
  private func actions(_ answer: Ferry.Answer) -> Set<String> {
    Set(
      (answer.json["sweep"]?["actions"]?.array ?? []).flatMap { action in
        (action["removed"]?.array ?? []).map {
          "\(action["account"]?.string ?? "") \($0.string ?? "")"
        }
      })
  }
  private func selected(_ answer: Ferry.Answer) -> Set<String> {
    Set(
      (answer.json["sweep"]?["selected"]?.array ?? []).map {
        "\($0["account"]?.string ?? "") \($0["finding"]?.string ?? "")"
      })
  }

  @Test func `on two hundred seeded accounts the dry run selects what the real run removes`()
    async throws
  {
    var random = SplitMix64(seed: 20_261_128)
    let seeds = (0..<200).map { _ in Int.random(in: 0..<4, using: &random) }
    let scene = try await Scene(200, orphans: { seeds[$0] == 0 }, sweep: Self.all)
    // Some of what is due is kept.
    let due = seeds.indices.filter { seeds[$0] == 0 }
    for index in due.prefix(3) {
      let kept = try await scene.ferry.run(
        [
          "sweep", "keep", "estage\(index)".uppercased(), "--until", "2026-12-01", "--reason",
          "in use", "--at", Scene.begin,
        ], extra: scene.variables)
      #expect(kept.code == 0, "\(kept.talk)")
    }
    let dry = try await scene.sweep()
    #expect(dry.code == 0 && selected(dry).count == due.count - 3, "\(dry.talk)")
    let real = try await scene.sweep(["--apply"])
    #expect(real.code == 0, "\(real.talk)")
    #expect(actions(real) == selected(dry) && selected(real) == selected(dry))
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == due.count - 3)
    await scene.end()
  }

  @Test func `throttled accounts are swept in whole, more slowly`() async throws {
    let scene = try await Scene(
      4, orphans: { _ in true }, sweep: Self.all, faults: ["throttle:rate=20"])
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 0 && actions(swept).count == 4, "\(swept.out) \(swept.talk)")
    await scene.end()
  }

  @Test func `a denied read leaves the finding unknown, and nothing of it is removed`() async throws
  {
    let scene = try await Scene(
      2, orphans: { _ in true }, sweep: Self.all,
      faults: ["error:status=403,code=AccessDenied,operation=GetDistribution"])
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 4 && actions(swept) == [], "\(swept.talk)")
    let verdicts = (swept.json["findings"]?.array ?? []).compactMap { $0["verdict"]?.string }
    #expect(!verdicts.isEmpty && !verdicts.contains("orphan"))
    #expect(try await ProcessKillTests.written(scene.ferry, scene.lab).byOperation == [:])
    await scene.end()
  }

  @Test func `a session that expires in the middle is a gap, and the next sweep does the rest`()
    async throws
  {
    let scene = try await Scene(
      3, orphans: { _ in true }, sweep: Self.all,
      faults: [
        "error:status=403,code=ExpiredToken,operation=DeleteContinuousDeploymentPolicy,times=1"
      ])
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code != 0 && actions(swept).count == 2, "\(swept.out) \(swept.talk)")
    let rest = try await scene.sweep(["--apply"], at: 1)
    #expect(rest.code == 0 && actions(rest).count == 1, "\(rest.out) \(rest.talk)")
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 3)
    await scene.end()
  }

  @Test func `a clock that was set back sweeps nothing and says so`() async throws {
    let scene = try await Scene(2, orphans: { _ in true }, sweep: Self.all)
    #expect(try await scene.sweep(at: 10).code == 0)
    let back = try await scene.sweep(["--apply"], at: 2)
    #expect(back.code == 4 && back.talk.contains("clock"), "\(back.code) \(back.talk)")
    #expect(try await ProcessKillTests.written(scene.ferry, scene.lab).byOperation == [:])
    await scene.end()
  }

  @Test func `outside the change window nothing is begun`() async throws {
    let scene = try await Scene(1, orphans: { _ in true }, sweep: Self.all)
    let settings = scene.ferry.folder.appendingPathComponent("edgeferry.yaml").path
    try scene.ferry.write(
      text(settings) + "windows: { cloudfront: { freeze: [\"2020-01-01/2099-01-01\"] } }\n",
      to: "edgeferry.yaml")
    let swept = try await scene.sweep(["--apply"])
    #expect(swept.code == 3 && swept.talk.contains("freeze"), "\(swept.talk)")
    #expect(try await ProcessKillTests.written(scene.ferry, scene.lab).byOperation == [:])
    await scene.end()
  }

  @Test func `shards on machines of their own share the ledger in a bucket, and make one report`()
    async throws
  {
    let scene = try await Scene(6, orphans: { _ in true }, sweep: Self.all)
    let bucket = try await SharedStateTests.Bucket(scene.ferry)
    var variables = scene.variables
    variables["AWS_ENDPOINT_URL_S3"] = bucket.url
    variables["AWS_ACCESS_KEY_ID"] = "state"
    variables["AWS_SECRET_ACCESS_KEY"] = "state"
    variables["EDGEFERRY_STATE"] = SharedStateTests.state
    let machines = try (0..<3).map { _ in
      let it = try Ferry()
      try FileManager.default.copyItem(
        at: scene.ferry.folder.appendingPathComponent("edgeferry.yaml"),
        to: it.folder.appendingPathComponent("edgeferry.yaml"))
      return it
    }
    defer { for it in machines { it.remove() } }
    let environment = variables
    let codes = try await withThrowingTaskGroup(of: Ferry.Answer.self) { group in
      for (index, machine) in machines.enumerated() {
        group.addTask {
          try await machine.run(
            ["sweep", "run", "--apply", "--shard", "\(index + 1)/3", "--at", Scene.begin],
            extra: environment)
        }
      }
      var out: [Ferry.Answer] = []
      for try await it in group { out.append(it) }
      return out
    }
    for it in codes { #expect(it.code == 0, "\(it.out) \(it.talk)") }
    let written = try await ProcessKillTests.written(scene.ferry, scene.lab)
    #expect(written.byOperation["DeleteContinuousDeploymentPolicy"] == 6, "\(written)")
    let report = try await machines[0].run(
      ["sweep", "report", "--since", "2026-10-01", "--output", "json"], extra: environment)
    #expect(report.json["accounts"]?.array?.count == 6, "\(report.talk)")
    #expect(
      report.json["findings"]?.array?.count { $0["ledger"]?["state"] == "removed" } == 6,
      "\(report.out)")
    let check = try await machines[1].run(["state", "check"], extra: environment)
    #expect(check.code == 0, "\(check.talk)")
    await bucket.stop()
    await scene.end()
  }
}
