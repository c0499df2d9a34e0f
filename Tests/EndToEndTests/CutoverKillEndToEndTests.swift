import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

/// A cutover of the lab's Route 53 through the built binary: killed at random moments, and undone by itself.
struct CutoverKillEndToEndTests {
  /// A lab with the source, which holds the alias, the target, and the name that leads to the source.
  struct Scene {
    let ferry: Ferry
    let lab: RunningLab
    let variables: [String: String]

    init(ttl: Int, more: String) async throws {
      let ferry = try Ferry()
      func distribution(_ id: String, _ domain: String, _ aliases: String) -> String {
        """
        {"id":"\(id)","domainName":"\(domain)","status":"Deployed","config":{"CallerReference":"\(id)","Aliases":\(aliases),
        "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","S3OriginConfig":{"OriginAccessIdentity":""}}]},
        "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"allow-all","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},
        "ViewerCertificate":{"ACMCertificateArn":"arn:aws:acm:us-east-1:111111111111:certificate/any","SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"},
        "Comment":"","Enabled":true}}
        """
      }
      let source = distribution(
        "E1SOURCE", "d111.cloudfront.net", #"{"Quantity":1,"Items":["www.example.com"]}"#)
      let target = distribution("E2TARGET", "d222.cloudfront.net", #"{"Quantity":0}"#)
      try ferry.write(
        """
        {"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111",
        "distributions":[\(source),\(target)],
        "hostedZones":[{"id":"Z1","name":"example.com.","records":[
        {"name":"www.example.com.","type":"CNAME","ttl":\(ttl),"data":["d111.cloudfront.net."]}]}]}]}
        """, to: "inventory.json")
      // Another lab takes the port over: none that the kernel gives to the next who asks.
      try await self.init(ferry, more: more, ["--dns", "127.0.0.1:\(NameServer.freePort())"])
    }
    /// The same world anew, with more arguments of the lab; plans stay.
    func again(more: String, _ arguments: [String]) async throws -> Scene {
      await lab.stop()
      return try await Scene(
        ferry, more: more, ["--dns", lab.ready["dns"]?.string ?? ""] + arguments)
    }
    private init(_ ferry: Ferry, more: String, _ arguments: [String]) async throws {
      self.ferry = ferry
      lab = try await RunningLab(
        ferry,
        [
          "--load", ferry.folder.appendingPathComponent("inventory.json").path, "--propagation",
          "0.2s",
        ] + arguments)
      let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init)
      variables = lab.variables().merging([
        "EDGEFERRY_EDGE_PORT": port ?? "", "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
      ]) { $1 }
      let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
        .map { "\"\($0)\"" }.joined(separator: ", ")
      try ferry.write(
        """
        version: 1
        zones: { example.com: { provider: route53, zoneId: Z1, nameservers: [\(servers)] } }
        resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]
        polling: { authoritative: 0.2s, rounds: 1 }
        \(more)
        """, to: "edgeferry.yaml")
    }
    func end() async {
      await lab.stop()
      ferry.remove()
    }
    func plan() async throws -> (apply: String, rollback: String) {
      try await CutoverServersTests.plan(
        ferry, as: "move", ["--to-id", "E2TARGET", "--accept-risk", "alias-on-source"],
        extra: variables, to: "d222.cloudfront.net")
    }
    /// TTL and target of the name, as dig has them from one of the zone's servers.
    func record() async throws -> [String] {
      let port = (lab.ready["dns"]?.string ?? "").split(separator: ":").last.map(String.init) ?? ""
      let answer = try await ferry.run(
        [
          "@127.0.0.1", "-p", port, "+time=2", "+noall", "+answer", "www.example.com", "CNAME",
        ],
        program: "dig")
      let words = answer.out.split(whereSeparator: \.isWhitespace).map(String.init)
      return words.count == 5 ? [words[1], words[4]] : words
    }
    /// Batches that changed records, by the lab's own log.
    func batches() async throws -> Int {
      try await lab.get("/_lab/requests", ferry).array?.count {
        $0["operation"]?.string == "ChangeResourceRecordSets" && $0["effective"] == true
      } ?? 0
    }
    /// Runs a command until it ends by itself with `code`, killed again and again on the way.
    /// - Returns: how often it was killed.
    func untilDone(_ arguments: [String], code: Int32 = 0, seed: UInt64) async throws -> Int {
      var random = SplitMix64(seed: seed)
      for round in 0..<1000 {
        // Longer from round to round: a busy machine gets there too.
        let seconds =
          Double.random(in: 0.05...0.6, using: &random) + 0.02 * Double(round)
          + 0.1 * Double(max(0, round - 40))
        let answer = try await ferry.run(
          // In the foreground it waits for what it killed; otherwise it kills itself as well, and at once.
          ["--foreground", "-s", "KILL", "\(seconds)", Ferry.binary.path] + arguments,
          extra: variables,
          program: "timeout")
        if answer.code == code { return round }
        // 124: its time was up in the moment that it ended by itself.
        guard [124, 137].contains(answer.code) else {
          Issue.record("\(arguments.first ?? "") ended with \(answer.code): \(answer.talk)")
          return round
        }
        guard round % 8 == 1 else { continue }
        #expect(try await ferry("state", "check").code == 0)
        #expect([0, 3].contains(try await ferry("status", "move").code))
      }
      Issue.record("\(arguments.first ?? "") is not done after 1000 lives")
      return 1000
    }
  }

  @Test
  func `killed at random moments a cutover and its rollback end whole, each change made once`()
    async throws
  {
    let scene = try await Scene(
      ttl: 3,
      more:
        "cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }"
    )
    let digest = try await scene.plan()
    let forward = try await scene.untilDone(["apply", "move", "--approve", digest.apply], seed: 4)
    #expect(try await scene.record() == ["3", "d222.cloudfront.net."])
    #expect(try await scene.batches() == 3)
    let status = try await scene.ferry("status", "move", "--output", "json")
    #expect(status.code == 0 && status.json["state"] == "done")
    for step in status.json["steps"]?.array ?? [] where step["id"]?.string != "bake-www" {
      #expect(step["writes"]?.int == 1, "\(step)")
    }

    let back = try await scene.untilDone(
      ["rollback", "move", "--approve", digest.rollback], seed: 5)
    #expect(try await scene.record() == ["3", "d111.cloudfront.net."])
    #expect(try await scene.batches() == 6)
    let undone = try await scene.ferry("status", "move", "--output", "json")
    #expect(undone.code == 0 && undone.json["state"] == "rolled-back")
    #expect(try await scene.ferry("state", "check").code == 0)
    await scene.end()
    #expect(forward >= 5 && back >= 5, "killed only \(forward) and \(back) times")
    print("cutover kill test: \(forward) kills of the cutover, \(back) of the rollback")
  }

  @Test func `killed at random moments a run that undoes itself undoes each change once`()
    async throws
  {
    let scene = try await Scene(
      ttl: 3,
      more: """
        health: { url: "https://{name}/", marker: { header: x-lab-distribution }, onFailure: roll-back }
        cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }
        """)
    let digest = try await scene.plan()
    let kills = try await scene.untilDone(
      ["apply", "move", "--approve", digest.apply], code: 6, seed: 6)
    #expect(try await scene.record() == ["3", "d111.cloudfront.net."])
    #expect(try await scene.batches() == 4)
    let status = try await scene.ferry("status", "move", "--output", "json")
    #expect(status.code == 0 && status.json["state"] == "rolled-back")
    #expect(status.json["debts"] == [])
    #expect(try await scene.ferry("state", "check").code == 0)
    await scene.end()
    #expect(kills >= 5, "killed only \(kills) times")
  }

  @Test(arguments: ["roll-back", "hold"])
  func `a bake that meets the wrong distribution does what the plan says about failing`(
    _ reaction: String
  ) async throws {
    let scene = try await Scene(
      ttl: 2,
      more: """
        health: { url: "https://{name}/", marker: { header: x-lab-distribution }, onFailure: \(reaction) }
        cutover: { ttl: 2, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 2s }
        """)
    let digest = try await scene.plan()
    let apply = ["apply", "move", "--approve", digest.apply, "--output", "json"]
    let failed = try await scene.ferry.run(apply, extra: scene.variables)
    let because = "served by E1SOURCE instead of E2TARGET"
    #expect(failed.error["why"]?.string?.contains(because) == true, "\(failed.talk)")
    let status = try await scene.ferry("status", "move", "--output", "json")
    #expect(status.json["reason"]?.string?.contains(because) == true)
    if reaction == "roll-back" {
      #expect(failed.code == 6, "\(failed.talk)")
      #expect(failed.error["code"] == "rolled-back")
      #expect(status.code == 0 && status.json["state"] == "rolled-back")
      #expect(try await scene.record() == ["2", "d111.cloudfront.net."])
      // It stays there, however often it is asked.
      #expect(try await scene.ferry.run(apply, extra: scene.variables).code == 6)
    } else {
      #expect(failed.code == 4, "\(failed.talk)")
      #expect(failed.error["code"] == "check-failed")
      #expect(failed.error["next"]?.string?.contains("edgeferry rollback move") == true)
      #expect(status.code == 4 && status.json["state"] == "blocked")
      #expect(status.json["step"]?["id"] == "bake-www")
      #expect(try await scene.record() == ["2", "d222.cloudfront.net."])
      let back = try await scene.ferry(
        "rollback", "move", "--approve", digest.rollback, extra: scene.variables)
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await scene.record() == ["2", "d111.cloudfront.net."])
    }
    #expect(try await scene.batches() == 2)
    let check = try await scene.ferry("state", "check")
    #expect(check.code == 0, "\(check.talk)")
    await scene.end()
  }
}
