import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `edgeferry cutover plan` against a real name server, without AWS and without an edge.
@Suite struct CutoverPlanEndToEndTests {
  static let records = """
    www 3600 IN CNAME d111111abcdef8.cloudfront.net.
    done 300 IN CNAME d222222abcdef8.cloudfront.net.
    api 300 IN A 192.0.2.7
    mail 300 IN A 192.0.2.8
    mail 300 IN MX 10 mx
    ever 2147483647 IN CNAME d111111abcdef8.cloudfront.net.
    * 120 IN CNAME d111111abcdef8.cloudfront.net.
    """

  private func withZone(
    _ settings: String = "", _ body: (Ferry, NameServer) async throws -> Void
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bind = try await NameServer.bind(
      ferry, zones: ["example.com.": NameServer.zone("example.com.", Self.records)])
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: manual, nameservers: ["\(bind.address)"] } }
      resolvers: []
      \(settings)
      """, to: "edgeferry.yaml")
    do {
      try await body(ferry, bind)
    } catch {
      await bind.stop()
      throw error
    }
    await bind.stop()
  }
  private func plan(_ ferry: Ferry, _ words: String...) async throws -> Ferry.Answer {
    try await ferry.run(
      ["cutover", "plan"] + words + ["--at", "2026-12-07T09:00:00Z", "--output", "json"])
  }
  private func root(_ path: String) -> String {
    Shared.package.appendingPathComponent(path).path
  }
  private func hasPlans(_ ferry: Ferry) -> Bool {
    FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent("plans").path)
  }

  @Test func `a plan and its rollback plan come from what the zone's servers say`() async throws {
    try await withZone(
      """
      windows:
        dns: { timeZone: Europe/London, allow: ["Tue,Thu 10:00-12:00"] }
      """
    ) { ferry, _ in
      let answer = try await plan(
        ferry, "www.example.com", "--to", "d222222abcdef8.cloudfront.net", "--accept-risk",
        "no-such-risk")
      #expect(answer.code == 0, "\(answer.talk)")
      #expect(answer.talk.contains("--accept-risk no-such-risk: the plan has no such risk"))
      #expect(answer.json["path"]?.string == "plans/www-example-com.plan.json")
      let plan = try ferry.read("plans/www-example-com.plan.json")
      let back = try ferry.read("plans/www-example-com.rollback.plan.json")
      #expect(plan["digest"] == answer.json["digest"])
      #expect(back["rollbackOf"] == plan["digest"])
      let steps = plan["steps"]?.array ?? []
      #expect(
        steps.map { $0["id"]?.string } == [
          "lower-ttl-www", "flip-www", "bake-www", "restore-ttl-www",
        ])
      #expect(steps.first?["earliest"]?.string == "2026-12-08T10:00:00Z")
      #expect(steps.first?["wait"]?["seconds"]?.int == 3960)
      let term = steps.first?["wait"]?["terms"]?.array?.first
      #expect(term?["source"]?.string == "authoritative 1 of 1")
      #expect(steps.first?["gate"]?["reason"] != nil)
      #expect(plan["risks"]?.array?.first?["code"]?.string == "rollback-outside-window")
      #expect(plan["risks"]?.array?.first?["accepted"]?.bool == false)
      let places = [
        "plans/www-example-com.plan.json", "plans/www-example-com.rollback.plan.json",
      ]
      let shipped = ["cutover-www", "remove-orphaned-policy", "blue-green"].flatMap {
        ["plans/\($0).plan.json", "plans/\($0).rollback.plan.json"]
      }
      let schema = try await ferry.run(
        [Ferry.client("plan_schema.py"), root("plans/plan.schema.json")] + places
          + shipped.map(root), program: Ferry.python)
      #expect(schema.code == 0 && schema.out.isEmpty, "\(schema.out)\(schema.talk)")
      // It does tell a plan that is none.
      try ferry.write(
        FerryJSON.document(plan).replacingOccurrences(of: "dns.replace", with: "dns.upsert"),
        to: "odd.json")
      let odd = try await ferry.run(
        [Ferry.client("plan_schema.py"), root("plans/plan.schema.json"), "odd.json"],
        program: Ferry.python)
      #expect(odd.out.contains("steps/0/action"), "\(odd.out)\(odd.talk)")
      let text = try await ferry(
        "cutover", "plan", "www.example.com.", "--to", "d222222abcdef8.cloudfront.net", "--at",
        "2026-12-07T09:00:00Z", "--accept-risk", "rollback-outside-window", "--name", "again")
      #expect(text.code == 0, "\(text.talk)")
      let lines = text.out.split(separator: "\n").map(String.init)
      #expect(lines.suffix(2).first == "plans/again.plan.json")
      #expect(lines.last?.hasPrefix("sha256:") == true)
      let again = try ferry.read("plans/again.plan.json")
      #expect(again["risks"]?.array?.first?["accepted"]?.bool == true)
    }
  }

  @Test func `with nothing to do no file is written`() async throws {
    try await withZone { ferry, _ in
      let answer = try await plan(
        ferry, "done.example.com", "--to", "d222222abcdef8.cloudfront.net")
      #expect(answer.code == 0, "\(answer.talk)")
      #expect(answer.json["path"] == .null)
      #expect(!hasPlans(ferry))
    }
  }

  @Test func `bad input is refused with its code, and nothing is written`() async throws {
    try await withZone { ferry, _ in
      let target = "d222222abcdef8.cloudfront.net"
      try ferry.write("www.example.com,\(target)\napi.example.com;x\n", to: "bad.csv")
      try ferry.write("\n\n", to: "empty.csv")
      let cases: [(words: [String], code: String, exit: Int32)] = [
        (["a..b", "--to", target], "bad-name", 64), (["www.example.com"], "bad-usage", 64),
        (["--to", target], "bad-usage", 64), (["www.example.com", "--to", "."], "bad-usage", 64),
        (["www.example.com", "--to", "www.example.com"], "bad-usage", 64),
        (["www.example.com", "--to", target, "--start", "soon"], "bad-usage", 64),
        (["www.example.com", "--to", target, "--as", "mx"], "bad-usage", 64),
        (["www.example.com", "--to", target, "--as", "alias"], "no-alias", 64),
        (["www.example.com", "--to", target, "--name", "../x"], "bad-plan-name", 64),
        (["example.com", "--to", target], "apex-cname", 64),
        (["mail.example.com", "--to", target], "cname-conflict", 4),
        (["www.example.net", "--to", target], "unknown-zone", 64),
        (["--names", "bad.csv"], "bad-names", 64), (["--names", "empty.csv"], "bad-names", 64),
        (["--names", "none.csv"], "no-such-file", 64),
        (["--names", "bad.csv", "www.example.com"], "bad-usage", 64),
      ]
      for it in cases {
        let words = it.words.map { $0.hasSuffix(".csv") ? ferry.folder.path + "/" + $0 : $0 }
        let answer = try await ferry.run(["cutover", "plan"] + words + ["--output", "json"])
        #expect(answer.code == it.exit, "\(it.words): \(answer.talk)")
        #expect(answer.error["code"]?.string == it.code, "\(it.words): \(answer.talk)")
        if it.words.contains("bad.csv"), it.words.count == 2 {
          #expect(answer.error["what"]?.string?.contains("line 2") == true)
        }
      }
      #expect(!hasPlans(ferry))
    }
  }

  @Test func `absent, wildcard and very long-lived names are planned as what they are`()
    async throws
  {
    try await withZone { ferry, _ in
      let target = "d222222abcdef8.cloudfront.net"
      let made = try await plan(ferry, "*.example.com", "--to", target, "--name", "wild")
      #expect(made.code == 0, "\(made.talk)")
      let wild = try ferry.read("plans/wild.plan.json")
      #expect(wild["steps"]?.array?.first?["id"]?.string == "lower-ttl-wildcard")
      let long = try await plan(ferry, "ever.example.com", "--to", target, "--name", "ever")
      #expect(long.code == 0, "\(long.talk)")
      let risks = try ferry.read("plans/ever.plan.json")["risks"]?.array ?? []
      #expect(risks.map { $0["code"]?.string } == ["ttl-extreme"])
      try ferry.write("api.example.com,\(target)\nwww.example.com,\(target)\n", to: "names.csv")
      let many = try await plan(
        ferry, "--names", ferry.folder.appendingPathComponent("names.csv").path, "--name", "many")
      #expect(many.code == 0, "\(many.talk)")
      let steps = try ferry.read("plans/many.plan.json")["steps"]?.array ?? []
      #expect(
        steps.map { $0["id"]?.string } == ["lower-ttl", "flip", "bake", "restore-ttl"])
      #expect(steps.first?["action"]?["type"]?.string == "dns.batch")
    }
  }

  @Test func `windows that never open, freezes for years and odd time zones end in 4 or 64`()
    async throws
  {
    for (window, exit) in [
      ("timeZone: UTC, freeze: [\"2020-01-01/2040-01-01\"]", 4),
      ("timeZone: UTC, allow: [\"Tue 10:00-10:05\"]", 4),
      ("timeZone: Mars/Olympus, allow: [\"Tue 10:00-12:00\"]", 64),
      ("timeZone: UTC, allow: [\"Tue 10:00-10:00\"]", 64),
    ] as [(String, Int32)] {
      try await withZone("windows: { dns: { \(window) } }") { ferry, _ in
        let answer = try await plan(
          ferry, "www.example.com", "--to", "d222222abcdef8.cloudfront.net")
        #expect(answer.code == exit, "\(window): \(answer.talk)")
        #expect(!hasPlans(ferry))
      }
    }
  }
}
