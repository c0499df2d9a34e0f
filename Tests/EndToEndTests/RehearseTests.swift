import FerryCore
import Foundation
import Testing

/// `edgeferry rehearse`, and what its result does to `apply`.
struct RehearseEndToEndTests {
  @Test func `a removal is rehearsed as it is read from AWS, told as a story, and required`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab(["--propagation", "0.2s", "--sample"]) { lab in
      let extra = lab.variables()
      func run(_ arguments: String...) async throws -> Ferry.Answer {
        try await ferry.run(arguments + ["--output", "json"], extra: extra)
      }
      try ferry.write(
        "version: 1\nrehearsal: required\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
      let planned = try await run(
        "orphans", "plan", "--finding", "policy-unattached:P03SAMPLENEWS", "--name", "tidy")
      #expect(planned.code == 0, "\(planned.talk)")
      let digest = planned.json["digest"]?.string ?? ""
      let early = try await run("apply", "tidy", "--approve", digest)
      #expect(early.code == 4 && early.error["code"] == "not-rehearsed", "\(early.talk)")
      // A world where nothing goes wrong is not what is required.
      for faults in ["none", "kill,throttle"] {
        #expect(try await run("rehearse", "tidy", "--seeds", "2", "--faults", faults).code == 0)
        let weak = try await run("apply", "tidy", "--approve", digest)
        #expect(weak.code == 4 && weak.error["code"] == "not-rehearsed", "\(weak.talk)")
      }

      let report = try await run("rehearse", "tidy", "--seeds", "8")
      #expect(report.code == 0, "\(report.talk)")
      #expect(report.json["schema"] == "edgeferry.rehearsal/1")
      #expect(report.json["planDigest"]?.string == digest)
      #expect(report.json["seeds"]?.int == 8)
      #expect(report.json["violations"]?.array?.isEmpty == true)
      for spread in ["durationSeconds", "exposureSeconds"] {
        for key in ["p50", "p90", "max"] {
          #expect(report.json[spread]?[key]?.int != nil, "\(spread) \(key)")
        }
      }
      let back = report.json["rollbackSeconds"]?.array ?? []
      #expect(!back.isEmpty)
      #expect(back.allSatisfy { $0["step"]?.string != nil && $0["p50"] != nil && $0["max"] != nil })
      let again = try await run("rehearse", "tidy", "--seeds", "8")
      #expect(again.out == report.out)

      // The world may come from a file, by either name, and the command that is named plays in that world.
      let taken = try await ferry("inventory", "take", "--out", "world.json", extra: extra)
      #expect(taken.code == 0, "\(taken.talk)")
      let there = try await run("rehearse", "tidy", "--seeds", "8", "--from", "world.json")
      #expect(there.code == 0 && there.json["endings"] == report.json["endings"], "\(there.talk)")
      let world = try Data(contentsOf: ferry.folder.appendingPathComponent("world.json"))
      #expect(there.json["inventory"]?.string == Digest.tagged(Array(world)))
      #expect(report.json["inventory"] == nil && there.json["probe"] == nil)

      let story = try await ferry("rehearse", "tidy", "--seed", "3", "--trace", extra: extra)
      #expect(story.code == 0, "\(story.talk)")
      #expect(story.out.contains("DeleteContinuousDeploymentPolicy P03SAMPLENEWS"), "\(story.out)")
      let told = try await run("rehearse", "tidy", "--seed", "3", "--trace")
      let alone = try await run("rehearse", "tidy", "--seed", "3", "--seeds", "1")
      var members: [String: JSONValue] = [:]
      if case .object(let all) = told.json { members = all }
      let lines = members["story"]?.array ?? []
      #expect(lines.contains { $0["says"]?.string?.contains("P03SAMPLENEWS") == true })
      let ending = members["ending"]?.string ?? ""
      #expect(members["seed"]?.int == 3 && alone.json["endings"]?[ending] == 1, "\(ending)")
      for key in ["story", "seed", "ending", "seconds"] { members[key] = nil }
      #expect(JSONValue.object(members) == alone.json)
      // Nothing of all that was written to AWS.
      let writes = try await lab.get("/_lab/requests", ferry).array?.filter { request in
        let operation = request["operation"]?.string ?? ""
        return !["Get", "List", "Describe"].contains { operation.hasPrefix($0) }
      }
      #expect(writes?.isEmpty == true, "\(writes ?? [])")

      let applied = try await run("apply", "tidy", "--approve", digest)
      #expect(applied.code == 0, "\(applied.talk)")
      let gone = try await run("rehearse", "tidy", "--seeds", "2")
      #expect(gone.code == 64 && gone.error["code"] == "not-in-inventory", "\(gone.talk)")
    }
  }

  @Test func `an unattended sweep stops at its new plan until that is rehearsed`() async throws {
    let scene = try await SweepEndToEndTests.Scene(
      1, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 10, maxPercent: 100")
    let ferry = scene.ferry
    let file = ferry.folder.appendingPathComponent("edgeferry.yaml")
    let settings = try String(contentsOf: file, encoding: .utf8)
    try ferry.write(settings + "rehearsal: required\n", to: "edgeferry.yaml")
    let stopped = try await scene.sweep(["--apply"])
    let action = stopped.json["sweep"]?["actions"]?.array?.first
    #expect(stopped.code == 4 && action?["exit"]?.int == 4, "\(stopped.out) \(stopped.talk)")
    #expect(stopped.out.contains("rehears"), "\(stopped.out)")
    #expect(try await ProcessKillTests.written(ferry, scene.lab).byOperation == [:])
    let made = try FileManager.default.contentsOfDirectory(
      atPath: ferry.folder.appendingPathComponent("plans").path
    ).filter { $0.hasSuffix(".plan.json") && !$0.contains("rollback") }
    #expect(made.count == 1)
    let plan = String(try #require(made.first).dropLast(".plan.json".count))
    let rehearsed = try await ferry(
      "rehearse", plan, "--seeds", "2", extra: scene.variables)
    #expect(rehearsed.code == 0, "\(rehearsed.out) \(rehearsed.talk)")
    let done = try await scene.sweep(["--apply"], at: 1)
    #expect(done.code == 0, "\(done.out) \(done.talk)")
    let written = try await ProcessKillTests.written(ferry, scene.lab).byOperation
    #expect(written["DeleteContinuousDeploymentPolicy"] == 1, "\(written)")
    await scene.end()
  }

  private static let short =
    "cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 0s, restoreTTL: false }\n"

  @Test func `a plan whose waits are too short for the settings is refused until it is accepted`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let server = try await NameServer.bind(
      ferry,
      zones: [
        "example.com.": NameServer.zone(
          "example.com.", "www 1 IN CNAME d111111abcdef8.cloudfront.net.")
      ], key: key)
    do {
      let zone =
        "version: 1\nresolvers: []\nzones: { example.com: { provider: manual, nameservers: [\"\(server.address)\"] } }\n"
      try ferry.write(
        zone + Self.short, to: "edgeferry.yaml")
      let planned = try await ferry(
        "cutover", "plan", "www.example.com", "--to", "d222222abcdef8.cloudfront.net", "--name",
        "flip", "--output", "json")
      #expect(planned.code == 0, "\(planned.talk)")
      let digest = planned.json["digest"]?.string ?? ""
      let quick = try await ferry("rehearse", "flip", "--seeds", "10", "--faults", "none")
      #expect(quick.code == 0, "\(quick.out)\(quick.talk)")

      // Browsers keep addresses for a minute or two, and these settings say so.
      try ferry.write(zone, to: "edgeferry.yaml")
      let report = try await ferry(
        "rehearse", "flip", "--seeds", "10", "--faults", "none", "--output", "json")
      #expect(report.code == 4, "\(report.talk)")
      let rules = Set(report.json["violations"]?.array?.compactMap { $0["rule"]?.string } ?? [])
      #expect(rules == ["old-answer-after-wait"])
      let first = report.json["violations"]?.array?.first
      #expect(first?["seed"]?.int != nil && first?["atSeconds"]?.int != nil)
      let shown = try await ferry("rehearse", "flip", "--seeds", "10", "--faults", "none")
      #expect(shown.code == 4 && shown.out.contains("--trace"), "\(shown.out)")

      let refused = try await ferry("apply", "flip", "--approve", digest, "--output", "json")
      #expect(refused.code == 4, "\(refused.talk)")
      #expect(refused.error["code"] == "rehearsal-broke-rules")
      let other = try await ferry(
        "apply", "flip", "--approve", digest, "--accept-rehearsal",
        "sha256:" + String(repeating: "0", count: 64), "--output", "json")
      #expect(other.error["code"] == "rehearsal-broke-rules")
      let named = report.json["digest"]?.string ?? ""
      // Neither fewer faults nor fewer or other seeds undo it, though none of those breaks a rule.
      let flawed = try await ferry(
        "rehearse", "flip", "--seeds", "10", "--faults", "throttle", "--output", "json")
      #expect(flawed.code == 4, "\(flawed.talk)")
      let both = try await ferry(
        "advance", "flip", "--approve", digest, "--accept-rehearsal", named)
      #expect(both.code == 4, "\(both.talk)")
      try ferry.write(zone + Self.short, to: "edgeferry.yaml")
      for weaker in [
        ["--seeds", "10", "--faults", "none"], ["--seeds", "10", "--faults", "kill"],
        ["--seeds", "9", "--faults", "throttle"],
        ["--seeds", "10", "--faults", "throttle", "--seed", "2"],
      ] {
        #expect(try await ferry.run(["rehearse", "flip"] + weaker).code == 0, "\(weaker)")
        for verb in ["apply", "advance"] {
          let still = try await ferry(verb, "flip", "--approve", digest, "--output", "json")
          #expect(still.code == 4 && still.error["code"] == "rehearsal-broke-rules", "\(weaker)")
        }
      }
      // A world from a file may be any.
      try ferry.write(
        "{\"schema\":\"edgeferry.inventory/1\",\"accounts\":[]}", to: "empty.json")
      #expect(
        try await ferry(
          "rehearse", "flip", "--seeds", "12", "--faults", "throttle,kill", "--inventory",
          "empty.json"
        ).code == 0)
      let elsewhere = try await ferry("advance", "flip", "--approve", digest, "--output", "json")
      #expect(elsewhere.error["code"] == "rehearsal-broke-rules", "\(elsewhere.talk)")
      let wider = try await ferry(
        "rehearse", "flip", "--seeds", "12", "--faults", "throttle,kill")
      #expect(wider.code == 0, "\(wider.out)")
      let cleared = try await ferry("advance", "flip", "--approve", digest, "--output", "json")
      #expect(cleared.error["code"] == "gate", "\(cleared.talk)")
      let needless = try await ferry(
        "advance", "flip", "--approve", digest, "--accept-rehearsal", named)
      #expect(needless.code == 4, "\(needless.talk)")
      #expect(
        needless.talk.contains(
          "--accept-rehearsal \(named): no report of broken rules with that digest stands"),
        "\(needless.talk)")
      try ferry.write(zone, to: "edgeferry.yaml")
      #expect(
        try await ferry("rehearse", "flip", "--seeds", "10", "--faults", "none").code == 4)
      let accepted = try await ferry(
        "apply", "flip", "--approve", digest, "--accept-rehearsal", named, "--output", "json")
      #expect(accepted.code == 4 && accepted.error["code"] == "gate", "\(accepted.talk)")
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  @Test func `bad arguments say what there is`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    for (arguments, says) in [
      (["--faults", "fire"], "drop-after"), (["--seeds", "0"], "1 to 1,000,000"),
    ] {
      let answer = try await ferry.run(["rehearse", "none"] + arguments)
      #expect(answer.code == 64 && answer.talk.contains(says), "\(answer.talk)")
    }
  }
}

/// Plans of every kind, each as its planner makes it on the lab.
struct RehearsedKindsTests {
  private static func distribution(
    _ id: String, _ domain: String, _ aliases: [String], staging: Bool = false,
    enabled: Bool = true, more: String = ""
  ) -> String {
    let names = aliases.map { "\"\($0)\"" }.joined(separator: ",")
    return """
      {"id":"\(id)","domainName":"\(domain).cloudfront.net","config":{"CallerReference":"\(id)","Comment":"\(more)","Enabled":\(enabled),
      "Staging":\(staging),"Aliases":{"Quantity":\(aliases.count),"Items":[\(names)]},"HttpVersion":"http2",
      "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,
      "OriginProtocolPolicy":"https-only","OriginSslProtocols":{"Quantity":1,"Items":["TLSv1.2"]}}}]},
      "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},
      "ViewerCertificate":{"ACMCertificateArn":"arn:aws:acm:us-east-1:111111111111:certificate/old","SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"}
      \(domain == "d5" ? ",\"ContinuousDeploymentPolicyId\":\"cdp-off\"" : "")}}
      """
  }
  private static func certificate(_ account: String, _ name: String) -> String {
    """
    {"id":"arn:aws:acm:us-east-1:\(account):certificate/\(name)","config":{"DomainName":"example.com",
    "SubjectAlternativeNames":["example.com","*.example.com"],"Status":"ISSUED"}}
    """
  }
  private static let inventory = """
    {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","certificates":[\(certificate("111111111111", "old"))],
    "distributions":[\([
      distribution("E1ALIAS", "d1", ["al.example.com"]), distribution("E2NEW", "d2", ["addr.example.com"]),
      distribution("E3SUPPORT", "d3", ["sup.example.com"]), distribution("E4SAME", "d4", ["same.example.com"]),
      distribution("E5PRIMARY", "d5", ["canary.example.com"]),
      distribution("E6STAGING", "d6", [], staging: true, more: "to be promoted"),
    ].joined(separator: ","))],
    "continuousDeploymentPolicies":[{"id":"cdp-off","config":{"Enabled":false,"StagingDistributionDnsNames":{"Quantity":1,
    "Items":["d6.cloudfront.net"]},"TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}}}}],
    "hostedZones":[{"id":"Z1","name":"example.com.","records":[
    {"name":"al.example.com.","type":"A","alias":{"hostedZoneId":"Z2FDTNDATAQYW2","dnsName":"d1.cloudfront.net.","evaluateTargetHealth":false}},
    {"name":"al.example.com.","type":"AAAA","alias":{"hostedZoneId":"Z2FDTNDATAQYW2","dnsName":"d1.cloudfront.net.","evaluateTargetHealth":false}},
    {"name":"addr.example.com.","type":"A","ttl":300,"data":["192.0.2.1"]},
    {"name":"addr.example.com.","type":"AAAA","ttl":600,"data":["2001:db8::1"]},
    {"name":"sup.example.com.","type":"CNAME","ttl":300,"data":["d3.cloudfront.net."]},
    {"name":"same.example.com.","type":"CNAME","ttl":300,"data":["d4.cloudfront.net."]},
    {"name":"canary.example.com.","type":"CNAME","ttl":300,"data":["d5.cloudfront.net."]}]}]},
    {"id":"222222222222","certificates":[\(certificate("222222222222", "new"))],"distributions":[]}]}
    """

  @Test func `a plan of any kind breaks no rule where nothing goes wrong`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "i.json")
    let lab = try await RunningLab(
      ferry,
      [
        "--propagation", "0.2s", "--load", ferry.folder.appendingPathComponent("i.json").path,
      ])
    var profiles = ""
    for (name, account) in [("source", "111111111111"), ("target", "222222222222")] {
      let keys = lab.variables(account: account)
      profiles += """
        [profile \(name)]
        aws_access_key_id = \(keys["AWS_ACCESS_KEY_ID"] ?? "")
        aws_secret_access_key = \(keys["AWS_SECRET_ACCESS_KEY"] ?? "")
        region = us-east-1

        """
    }
    try ferry.write(profiles, to: "aws.config")
    let variables = [
      "AWS_CONFIG_FILE": ferry.folder.appendingPathComponent("aws.config").path,
      "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL": lab.api,
    ]
    let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
      .map { "\"\($0)\"" }.joined(separator: ", ")
    try ferry.write(
      """
      version: 1
      accounts: { source: { profile: source }, target: { profile: target } }
      zones: { example.com: { provider: route53, zoneId: Z1, account: source, nameservers: [\(servers)] } }
      resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]
      """, to: "edgeferry.yaml")
    let move = ["--source", "source", "--target", "target", "--accept-risk", "outage"]
    let within = ["--source", "source", "--target", "source"]
    for (name, words) in [
      ("alias", ["migrate", "plan", "E1ALIAS"] + move),
      ("support", ["migrate", "plan", "E3SUPPORT", "--method", "support"] + move),
      ("within", ["migrate", "plan", "E4SAME"] + within),
      ("deleted", ["migrate", "plan", "E4SAME", "--delete-source"] + within),
      ("promote", ["promote", "plan", "E5PRIMARY", "--account", "source"]),
      ("addresses", ["cutover", "plan", "addr.example.com", "--to", "d2.cloudfront.net"]),
    ] {
      let planned = try await ferry.run(
        words + ["--name", name, "--output", "json"], extra: variables)
      #expect(planned.code == 0, "\(name): \(planned.talk)")
      let calm = try await ferry.run(
        ["rehearse", name, "--seeds", "14", "--faults", "none"], extra: variables)
      #expect(calm.code == 0, "\(name): \(calm.out) \(calm.talk)")
      let rough = try await ferry.run(["rehearse", name, "--seeds", "20"], extra: variables)
      #expect(rough.code == 0, "\(name): \(rough.out) \(rough.talk)")
    }
    await lab.stop()
  }
}
