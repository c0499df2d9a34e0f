import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `migrate plan` and its run through the built binary, on a lab with two accounts.
struct MigrateEndToEndTests {
  /// A lab with what can be moved, profiles for both accounts and settings that wait for seconds only.
  struct Scene {
    let ferry: Ferry
    let lab: RunningLab
    let variables: [String: String]

    static let certificate = "arn:aws:acm:us-east-1:111111111111:certificate/old"
    static func certificate(_ account: String, _ name: String) -> String {
      """
      {"id":"arn:aws:acm:us-east-1:\(account):certificate/\(name)","config":{"DomainName":"example.com",
      "SubjectAlternativeNames":["example.com","*.example.com"],"Status":"ISSUED"}}
      """
    }
    static func distribution(
      _ id: String, _ domain: String, alias: String? = nil, more: String = ""
    ) -> String {
      let names =
        alias.map {
          """
          "Aliases":{"Quantity":1,"Items":["\($0)"]},"ViewerCertificate":{"ACMCertificateArn":"\(certificate)",
          "SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"},
          """
        } ?? ""
      return """
        {"id":"\(id)","domainName":"\(domain)","tags":{"team":"web"},"config":{"CallerReference":"\(id)","Comment":"","Enabled":true,
        \(names)\(more)"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,
        "HTTPSPort":443,"OriginProtocolPolicy":"https-only","OriginSslProtocols":{"Quantity":1,"Items":["TLSv1.2"]}},
        "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-key","HeaderValue":"canary-header"}]}}]},
        "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}}
        """
    }
    static func policy(_ id: String, _ staging: String) -> String {
      """
      {"id":"\(id)","config":{"Enabled":true,"StagingDistributionDnsNames":{"Quantity":1,"Items":["\(staging)"]},
      "TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}}}}
      """
    }

    /// - Parameters:
    ///   - target: more members of the target's inventory.
    ///   - third: distributions of a third account that the settings have too.
    ///   - settings: more accounts of the settings.
    ///   - more: distributions beside those that are always there.
    ///   - cnames: records beside those, as `name:target`.
    init(
      target: String = "", third: [String]? = nil, settings: String = "", more: [String] = [],
      cnames: [String] = []
    ) async throws {
      ferry = try Ferry()
      let http = #""HttpVersion":"http2","#
      var distributions = [
        Self.distribution(
          "EPRIMARY", "d1.cloudfront.net", alias: "www.example.com",
          more: http + #""ContinuousDeploymentPolicyId":"cdp-1","#),
        Self.distribution("ESTAGING", "d2.cloudfront.net", more: http + #""Staging":true,"#),
        Self.distribution("EPLAIN", "d3.cloudfront.net", alias: "plain.example.com", more: http),
        Self.distribution("EAPEX", "d4.cloudfront.net", alias: "example.com", more: http),
        Self.distribution(
          "EHTHREE", "d5.cloudfront.net", alias: "h3.example.com",
          more: #""HttpVersion":"http2and3","ContinuousDeploymentPolicyId":"cdp-3","#),
        Self.distribution("ESTAGING3", "d6.cloudfront.net", more: http + #""Staging":true,"#),
        Self.distribution("ENODNS", "d7.cloudfront.net", alias: "nodns.example.com", more: http),
        Self.distribution(
          "EWAF", "d8.cloudfront.net", alias: "waf.example.com",
          more: http + #""WebACLId":"arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1","#),
      ]
      distributions += more
      let own = ["www:d1", "plain:d3", "h3:d5", "waf:d8"].map { "\($0).cloudfront.net." }
      let records = (own + cnames).map {
        let words = $0.split(separator: ":")
        return
          #"{"name":"\#(words[0]).example.com.","type":"CNAME","ttl":6,"data":["\#(words[1])"]}"#
      }
      try ferry.write(
        """
        {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111",
        "certificates":[\(Self.certificate("111111111111", "old"))],
        "distributions":[\(distributions.joined(separator: ","))],
        "continuousDeploymentPolicies":[\(Self.policy("cdp-1", "d2.cloudfront.net")),\(Self.policy("cdp-3", "d6.cloudfront.net"))],
        "cachePolicies":[{"id":"custom-cache","config":{"Name":"cache","MinTTL":1}}],
        "hostedZones":[{"id":"Z1","name":"example.com.","records":[\(records.joined(separator: ","))]}]},
        {"id":"222222222222",\(target)"certificates":[\(Self.certificate("222222222222", "new"))]},
        {"id":"333333333333","distributions":[\((third ?? []).joined(separator: ","))]}]}
        """, to: "inventory.json")
      lab = try await RunningLab(
        ferry,
        [
          "--accounts", "111111111111,222222222222,333333333333", "--propagation", "0.3s", "--load",
          ferry.folder.appendingPathComponent("inventory.json").path,
        ])
      let keys = lab.ready["accounts"]
      func profile(_ name: String, _ account: String) -> String {
        """
        [profile \(name)]
        aws_access_key_id=\(keys?[account]?["accessKeyId"]?.string ?? "")
        aws_secret_access_key=\(keys?[account]?["secretAccessKey"]?.string ?? "")
        region=us-east-1

        """
      }
      try ferry.write(
        profile("old", "111111111111") + profile("new", "222222222222")
          + profile("third", "333333333333"), to: "aws.config")
      let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init)
      variables = [
        "AWS_CONFIG_FILE": ferry.folder.appendingPathComponent("aws.config").path,
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL": lab.api,
        "AWS_REGION": "us-east-1", "EDGEFERRY_EDGE_PORT": port ?? "",
        "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
      ]
      let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
        .map { "\"\($0)\"" }.joined(separator: ", ")
      try ferry.write(
        """
        version: 1
        accounts: { source: { profile: old }, target: { profile: new }, again: { profile: old }\(third == nil ? "" : ", third: { profile: third }")\(settings) }
        zones: { example.com: { provider: route53, zoneId: Z1, account: source, nameservers: [\(servers)] } }
        resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]
        polling: { deployed: 0.5s, authoritative: 0.3s, rounds: 1 }
        cutover: { ttl: 3, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }
        migrate: { keepSource: 60s }
        """, to: "edgeferry.yaml")
    }
    func end() async {
      await lab.stop()
      ferry.remove()
    }

    func run(_ words: [String]) async throws -> Ferry.Answer {
      try await ferry.run(words + ["--output", "json"], extra: variables)
    }
    func plan(_ id: String, _ more: [String] = [], target: String = "target") async throws
      -> Ferry.Answer
    {
      try await run(
        ["migrate", "plan", id, "--source", "source", "--target", target, "--name", "move"] + more)
    }
    var hasPlan: Bool {
      FileManager.default.fileExists(
        atPath: ferry.folder.appendingPathComponent("plans/move.plan.json").path)
    }
    /// Applies as far as the watch over the source.
    func apply(_ planned: Ferry.Answer, _ id: String) async throws -> Ferry.Answer {
      try await run([
        "apply", "move", "--approve", planned.json["digest"]?.string ?? "", "--until",
        "await-idle-\(id.lowercased())",
      ])
    }
    func rollBack() async throws -> Ferry.Answer {
      let digest = try ferry.read("plans/move.rollback.plan.json")["digest"]?.string ?? ""
      return try await run(["rollback", "move", "--approve", digest])
    }
    /// What every config of the source account says, versions and times left out.
    func configs() async throws -> Set<String> {
      let answer = try await run(["inventory", "take", "--account", "source", "--out", "i.json"])
      #expect(answer.code == 0, "\(answer.talk)")
      let account = try ferry.read("i.json")["accounts"]?.array?.first
      return Set(
        try ["distributions", "continuousDeploymentPolicies"].flatMap { key in
          try (account?[key]?.array ?? []).map {
            let config = try XMLReader.read($0["configXML"]?.string ?? "")
            return "\($0["id"]?.string ?? "") \(config.configDigest)"
          }
        })
    }
    /// Zone, distributions and policies of an account.
    func state(_ account: String) async throws -> JSONValue {
      try await lab.get("/_lab/state", ferry)[account] ?? .null
    }
    func record(_ name: String) async throws -> String? {
      let zone = try await state("111111111111")["hostedZones"]?.array?.first
      return zone?["records"]?.array?.first {
        $0["name"]?.string == name && $0["type"] == "CNAME"
      }?["data"]?.array?.first?.string
    }
    /// Batches that changed records.
    func batches() async throws -> Int {
      try await lab.get("/_lab/requests", ferry).array?.count {
        $0["operation"]?.string == "ChangeResourceRecordSets" && $0["effective"] == true
      } ?? 0
    }
    /// Things that the target account was given and that were not taken away, by their operations.
    func leftBehind() async throws -> [String: Int] {
      var out: [String: Int] = [:]
      for entry in try await lab.get("/_lab/requests", ferry).array ?? []
      where entry["account"] == "222222222222" && entry["effective"] == true {
        let operation = entry["operation"]?.string ?? ""
        let kind = operation.replacing("WithTags", with: "")
        if kind.hasPrefix("Create") { out[String(kind.dropFirst(6)), default: 0] += 1 }
        if kind.hasPrefix("Delete") { out[String(kind.dropFirst(6)), default: 0] -= 1 }
      }
      return out.filter { $0.value != 0 }
    }
  }
  func with(_ body: (Scene) async throws -> Void) async throws {
    let scene = try await Scene()
    do {
      try await body(scene)
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }

  @Test func `a name that leads to the source by another record than its own is refused`()
    async throws
  {
    let scene = try await Scene(
      more: [
        Scene.distribution("ECHAIN", "d11.cloudfront.net", alias: "chain.example.com"),
        Scene.distribution("EWILD", "d12.cloudfront.net", alias: "shop.wc.example.com"),
      ],
      cnames: [
        "chain:end.example.com.", "end:d11.cloudfront.net.", "*.wc:d12.cloudfront.net.",
      ])
    do {
      for (id, code, way) in [
        ("ECHAIN", "dns-through-chain", "end.example.com."),
        ("EWILD", "dns-through-wildcard", "*.wc.example.com."),
      ] {
        let refused = try await scene.plan(id, ["--delete-source"], target: "again")
        #expect(refused.code == 4 && refused.error["code"]?.string == code, "\(refused.talk)")
        #expect(refused.error["why"]?.string?.contains("through \(way),") == true)
        #expect(!scene.hasPlan)
      }
      let accepted = try await scene.plan(
        "ECHAIN", ["--delete-source", "--accept-risk", "dns-through-chain"], target: "again")
      #expect(accepted.code == 0, "\(accepted.talk)")
      let steps = try scene.ferry.read("plans/move.plan.json")["steps"]?.array ?? []
      #expect(steps.contains { $0["id"]?.string == "repoint-chain-example-com" })
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }

  @Test
  func
    `a distribution with its trio goes to the other account and back, and no viewer is ever refused`()
    async throws
  {
    try await with { scene in
      let before = try await scene.configs()
      let stop = scene.ferry.folder.appendingPathComponent("stop").path
      let watching = try scene.ferry.start(
        [Ferry.client("edge_watch.py"), scene.lab.readyFile, "www.example.com", stop],
        program: "python3")
      let planned = try await scene.plan("EPRIMARY")
      #expect(planned.code == 0, "\(planned.talk)")
      let plan = try scene.ferry.read("plans/move.plan.json")
      #expect(plan["methods"]?.array?.first?["chosen"] == "wildcard-bridge")
      #expect(plan["schedule"]?["exposureSeconds"] == 0 && plan["pointOfNoReturn"] == .null)
      // Every quota and list of the target was read, by the built binary too (docs/decisions/0008).
      let risks = plan["risks"]?.array ?? []
      #expect(risks.isEmpty, "\(risks)")
      #expect(!planned.talk.contains("not read"), "\(planned.talk)")
      let there = try await scene.apply(planned, "EPRIMARY")
      #expect(there.code == 3, "\(there.talk)")
      #expect(there.error["code"] == "stopped-before")
      let moved = try await scene.state("222222222222")
      #expect(moved["distributions"]?.array?.count == 2)
      #expect(moved["continuousDeploymentPolicies"]?.array?.count == 1)
      let copy = moved["distributions"]?.array?.first { $0["staging"] == false }
      #expect(copy?["policyId"] == moved["continuousDeploymentPolicies"]?.array?.first?["id"])
      #expect(try await scene.record("www.example.com.") == "\(copy?["domainName"]?.string ?? "").")
      let back = try await scene.rollBack()
      #expect(back.code == 0, "\(back.talk)")
      _ = FileManager.default.createFile(atPath: stop, contents: nil)
      _ = await watching.process.wait()
      let seen = try JSONValue.read(Array(Data(contentsOf: watching.out)), what: "watch")
      let answered = Set((seen.object ?? [:]).keys)
      // The policies send a twentieth to the twins.
      let twins =
        ["ESTAGING"] + (moved["distributions"]?.array ?? []).compactMap { $0["id"]?.string }
      #expect(answered.isSubset(of: ["EPRIMARY"] + twins), "\(seen.canonical)")
      #expect(answered.isSuperset(of: ["EPRIMARY", copy?["id"]?.string ?? ""]))
      let after = try await scene.configs()
      #expect(after == before, "\(after.symmetricDifference(before).sorted())")
      #expect(try await scene.record("www.example.com.") == "d1.cloudfront.net.")
      #expect(try await scene.leftBehind() == [:])
      #expect(try await scene.state("222222222222")["distributions"] == [])
      let status = try await scene.run(["status", "move"])
      #expect(status.code == 0 && status.json["state"] == "rolled-back")
      #expect(try await scene.ferry("state", "check").code == 0)
      let files = ["plans/move.plan.json", "plans/move.rollback.plan.json"].map {
        text(scene.ferry.folder.appendingPathComponent($0).path)
      }
      #expect(!(files.joined() + there.out + there.talk + back.talk).contains("canary"))
      print("watched: \(seen.canonical)")
    }
  }

  @Test(.timeLimit(.minutes(30)))
  func
    `killed at random moments a move to another account and its rollback end whole, nothing made twice`()
    async throws
  {
    try await with { scene in
      let before = try await scene.configs()
      let planned = try await scene.plan("EPLAIN")
      #expect(planned.code == 0, "\(planned.talk)")
      let end = "await-idle-eplain"
      let steps = try scene.ferry.read("plans/move.plan.json")["steps"]?.array ?? []
      let ahead = steps.prefix { $0["id"]?.string != end }.compactMap {
        $0["action"]?["type"]?.string
      }
      let creates = ahead.count { $0.hasPrefix("cloudfront.create") }
      let changes = ahead.count { $0.hasPrefix("dns.") }
      #expect(ahead.count < steps.count && creates >= 2 && changes >= 1, "\(ahead)")
      let killed = try await ProcessKillTests.untilDone(
        scene.ferry,
        ["apply", "move", "--approve", planned.json["digest"]?.string ?? "", "--until", end],
        scene.variables, plan: "move", code: 3, shortLives: 15, growth: 0.6)
      let made = try await scene.leftBehind()
      #expect(made.values.reduce(0, +) == creates, "\(made)")
      #expect(try await scene.batches() == changes)
      let copy = try await scene.state("222222222222")["distributions"]?.array?.first
      #expect(
        try await scene.record("plain.example.com.") == "\(copy?["domainName"]?.string ?? "").")
      let undo = try scene.ferry.read("plans/move.rollback.plan.json")["digest"]?.string ?? ""
      let back = try await ProcessKillTests.untilDone(
        scene.ferry, ["rollback", "move", "--approve", undo], scene.variables, plan: "move",
        shortLives: 15, growth: 0.6)
      let after = try await scene.configs()
      #expect(after == before, "\(after.symmetricDifference(before).sorted())")
      #expect(try await scene.leftBehind() == [:])
      #expect(try await scene.record("plain.example.com.") == "d3.cloudfront.net.")
      let status = try await scene.run(["status", "move"])
      #expect(status.code == 0 && status.json["state"] == "rolled-back")
      #expect(try await scene.ferry("state", "check").code == 0)
      #expect(killed >= 20 && back >= 20, "killed only \(killed) and \(back) times")
      print("process kill test: \(killed) kills of a move, \(back) of its rollback")
    }
  }

  @Test func `within one account the alias moves in one call and comes back`() async throws {
    try await with { scene in
      let before = try await scene.configs()
      let planned = try await scene.plan("EPLAIN", target: "again")
      #expect(planned.code == 0, "\(planned.talk)")
      #expect(
        try scene.ferry.read("plans/move.plan.json")["methods"]?.array?.first?["chosen"]
          == "same-account")
      let there = try await scene.apply(planned, "EPLAIN")
      #expect(there.code == 3, "\(there.talk)")
      #expect(try await scene.record("plain.example.com.") != "d3.cloudfront.net.")
      let back = try await scene.rollBack()
      #expect(back.code == 0, "\(back.talk)")
      let after = try await scene.configs()
      #expect(after == before, "\(after.symmetricDifference(before).sorted())")
      #expect(try await scene.record("plain.example.com.") == "d3.cloudfront.net.")
    }
  }

  @Test func `the same account named twice moves within it, as two names of one account do`()
    async throws
  {
    try await with { scene in
      let planned = try await scene.plan("EPLAIN", target: "source")
      #expect(planned.code == 0, "\(planned.talk)")
      let plan = try scene.ferry.read("plans/move.plan.json")
      #expect(plan["accounts"] == ["source": "111111111111"])
      #expect(plan["methods"]?.array?.first?["chosen"] == "same-account")
      let twoNames = try await scene.plan("EPLAIN", target: "again")
      #expect(twoNames.code == 0, "\(twoNames.talk)")
      #expect(try scene.ferry.read("plans/move.plan.json")["steps"] == plan["steps"])
    }
  }

  @Test func `a disabled source is an outage: refused until it is accepted, then done and undone`()
    async throws
  {
    try await with { scene in
      let before = try await scene.configs()
      let refused = try await scene.plan("EPLAIN", ["--method", "disabled-source"])
      #expect(refused.code == 4 && refused.error["code"] == "no-method", "\(refused.talk)")
      #expect(refused.error["next"]?.string?.contains("--accept-risk outage") == true)
      #expect(!scene.hasPlan)
      let planned = try await scene.plan(
        "EPLAIN", ["--method", "disabled-source", "--accept-risk", "outage"])
      #expect(planned.code == 0, "\(planned.talk)")
      let there = try await scene.apply(planned, "EPLAIN")
      #expect(there.code == 3, "\(there.talk)")
      let source = try await scene.state("111111111111")["distributions"]?.array?.first {
        $0["id"] == "EPLAIN"
      }
      #expect(source?["enabled"] == false)
      let back = try await scene.rollBack()
      #expect(back.code == 0, "\(back.talk)")
      let after = try await scene.configs()
      #expect(after == before, "\(after.symmetricDifference(before).sorted())")
      #expect(try await scene.leftBehind() == [:])
    }
  }

  @Test func `what cannot be moved as asked is refused with the reason, and no plan is written`()
    async throws
  {
    try await with { scene in
      for (id, more, code, error) in [
        ("EAPEX", [], 4, "no-method"),
        ("EHTHREE", [], 4, "http3-with-continuous-deployment"),
        ("EWAF", [], 4, "mapping-missing"),
        ("ENOSUCH", [], 1, "unknown-distribution"),
        ("EPLAIN", ["--alias", "other.example.com"], 64, "unknown-alias"),
        ("EPLAIN", ["--method", "same-account"], 4, "no-method"),
        ("EPLAIN", ["--order", "alias-first"], 4, "no-method"),
        ("EPLAIN", ["--order", "sideways"], 64, "bad-usage"),
        ("EPLAIN", ["--method", "teleport"], 64, "bad-usage"),
        ("EPLAIN", ["--start", "tomorrow"], 64, "bad-usage"),
        ("EPLAIN", ["--map", "nowhere.yaml"], 64, nil),
        ("../x", [], 64, "bad-id"),
      ] as [(String, [String], Int32, String?)] {
        let answer = try await scene.plan(id, more)
        #expect(answer.code == code, "\(id) \(more): \(answer.talk)")
        #expect(error == nil || answer.error["code"]?.string == error, "\(id) \(more)")
        #expect(!scene.hasPlan, "\(id) \(more)")
      }
      let apex = try await scene.ferry.run(
        ["migrate", "plan", "EAPEX", "--source", "source", "--target", "target"],
        extra: scene.variables)
      #expect(apex.talk.contains("wildcard-bridge: ruled out: example.com is the apex"))
    }
  }

  @Test func `the map that is asked for is written, filled in and used`() async throws {
    try await with { scene in
      let missing = try await scene.plan("EWAF", ["--map-out", "map.yaml"])
      #expect(missing.code == 4 && missing.error["code"] == "mapping-missing", "\(missing.talk)")
      let template = text(scene.ferry.folder.appendingPathComponent("map.yaml").path)
      #expect(template.contains("certificate/old\": \"arn:aws:acm:us-east-1:222222222222"))
      let unfilled = try await scene.plan("EWAF", ["--map", "map.yaml"])
      #expect(unfilled.code == 64 && unfilled.error["code"] == "bad-map")
      #expect(unfilled.error["what"]?.string?.contains("line ") == true)
      let acl = "arn:aws:wafv2:us-east-1:222222222222:global/webacl/w/2"
      try scene.ferry.write(
        template.replacing("webacl/w/1\": \"\"", with: "webacl/w/1\": \"\(acl)\""), to: "map.yaml")
      let planned = try await scene.plan("EWAF", ["--map", "map.yaml"])
      #expect(planned.code == 0, "\(planned.talk)")
      let create = try scene.ferry.read("plans/move.plan.json")["steps"]?.array?.first {
        $0["id"] == "create-distribution-ewaf"
      }
      #expect(
        create?["action"]?["set"]?.array?.contains {
          $0["path"] == "WebACLId" && $0["to"]?.string == acl
        }
          == true)
    }
  }

  @Test
  func `a map's certificate that the target lacks is refused by its entry, and idle words warn`()
    async throws
  {
    try await with { scene in
      let gone = "arn:aws:acm:us-east-1:222222222222:certificate/gone"
      try scene.ferry.write(
        "version: 1\ncertificates: { \"\(Scene.certificate)\": \"\(gone)\" }\n", to: "map.yaml")
      let refused = try await scene.plan("EPLAIN", ["--map", "map.yaml"])
      #expect(refused.code == 4 && refused.error["code"] == "mapping-unknown", "\(refused.talk)")
      let why = refused.error["why"]?.string ?? ""
      #expect(why.contains(Scene.certificate) && why.contains(gone), "\(why)")
      #expect(!scene.hasPlan)
      try scene.ferry.write("version: 1\nbuckets: { nobodys-bucket: other }\n", to: "map.yaml")
      let planned = try await scene.plan(
        "EPLAIN", ["--map", "map.yaml", "--accept-risk", "no-such-risk"])
      #expect(planned.code == 0, "\(planned.talk)")
      #expect(planned.talk.contains("buckets: nobodys-bucket matches nothing"), "\(planned.talk)")
      #expect(planned.talk.contains("--accept-risk no-such-risk"), "\(planned.talk)")
      try scene.ferry.write("", to: "map.yaml")
      let empty = try await scene.plan("EPLAIN", ["--map", "map.yaml"])
      #expect(empty.code == 64 && empty.error["code"] == "bad-map", "\(empty.talk)")
      let bad = try await scene.plan("../x")
      #expect(bad.error["what"]?.string?.hasPrefix("could not plan the move of") == true)
      for (words, accounts) in [
        ([], "none of the accounts"),
        (["--source", "source", "--target", "source"], "account 111111111111 has no"),
      ] {
        let unknown = try await scene.run(
          ["migrate", "verify", "--source-id", "EPLAIN", "--target-id", "ENOSUCH"] + words)
        #expect(unknown.code == 1 && unknown.error["code"] == "unknown-distribution")
        #expect(unknown.error["why"]?.string?.contains(accounts) == true, "\(unknown.talk)")
      }
    }
  }

  @Test func `the point of no return is named, and a name without a record is left to its owner`()
    async throws
  {
    try await with { scene in
      let planned = try await scene.plan("ENODNS", ["--delete-source"])
      #expect(planned.code == 0, "\(planned.talk)")
      let plan = try scene.ferry.read("plans/move.plan.json")
      #expect(plan["pointOfNoReturn"] == "delete-source-enodns")
      #expect(
        plan["notes"]?.array?.contains {
          $0.string?.contains("nodns.example.com. has no record") == true
        } == true)
      #expect(
        plan["steps"]?.array?.contains {
          $0["action"]?["type"]?.string?.hasPrefix("dns") == true
        } == false)
      let shown = try await scene.ferry("show", "move")
      #expect(shown.code == 0 && shown.out.contains("delete-source-enodns"), "\(shown.out)")
      let there = try await scene.apply(planned, "ENODNS")
      #expect(there.code == 3, "\(there.talk)")
      let back = try await scene.rollBack()
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.leftBehind() == [:])
    }
  }
}
