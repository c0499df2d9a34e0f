import FerryAWS
import FerryCore
import Foundation
import Testing

/// `edgeferry cutover plan` and `apply` through each provider, with spans of a second.
struct ZoneApplyTests {
  private static let policy = """
    cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 0s, restoreTTL: false }
    polling: { authoritative: 0.2s, rounds: 1 }
    resolvers: []
    """
  private static let zoneFile = NameServer.zone(
    "example.com.", "www 1 IN CNAME d111111abcdef8.cloudfront.net.")
  private static let target = "d222222abcdef8.cloudfront.net"

  private func withBIND(_ body: (Ferry, NameServer, NameServer.Key) async throws -> Void)
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let server = try await NameServer.bind(ferry, zones: ["example.com.": Self.zoneFile], key: key)
    do {
      try await body(ferry, server, key)
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }
  private func settings(_ ferry: Ferry, _ zone: String) throws {
    try ferry.write(
      "version: 1\nzones: { example.com: { \(zone) } }\n\(Self.policy)\n", to: "edgeferry.yaml")
  }
  /// - Returns: the plan's digest.
  private func plan(_ ferry: Ferry, extra: [String: String] = [:]) async throws -> String {
    let answer = try await ferry(
      "cutover", "plan", "www.example.com", "--to", Self.target, "--name", "flip", "--output",
      "json",
      extra: extra)
    #expect(answer.code == 0, "\(answer.talk)")
    return answer.json["digest"]?.string ?? ""
  }
  private func nsupdate(_ ferry: Ferry, _ server: NameServer, _ key: NameServer.Key, _ text: String)
    async throws
  {
    try ferry.write("server 127.0.0.1 \(server.port)\n\(text)\n", to: "update")
    let answer = try await ferry.run(
      ["-y", "\(key.algorithm):\(key.name):\(key.secret)", "update"], program: "nsupdate")
    #expect(answer.code == 0, "\(answer.talk)")
  }

  @Test func `what only a wildcard answers for is refused until it has a record of its own`()
    async throws
  {
    try await withBIND { ferry, server, key in
      try settings(
        ferry,
        "provider: rfc2136, server: \"\(server.address)\", nameservers: [\"\(server.address)\"], tsig: { name: \(key.name), secretFile: tsig.secret }"
      )
      try ferry.write(key.secret + "\n", to: "tsig.secret")
      chmod(ferry.folder.appendingPathComponent("tsig.secret").path, 0o600)
      func add(_ name: String) async throws {
        try await nsupdate(
          ferry, server, key,
          "update add \(name).wild.example.com. 1 CNAME d111111abcdef8.cloudfront.net.\nsend")
      }
      func plan(_ name: String) async throws -> Ferry.Answer {
        try await ferry(
          "cutover", "plan", "\(name).wild.example.com", "--to", Self.target, "--name", "flip",
          "--output", "json")
      }
      try await add("*")
      let covered = try await plan("q")
      #expect(covered.code == 4, "\(covered.talk)")
      #expect(covered.error["code"] == "covered-by-wildcard", "\(covered.talk)")
      #expect(covered.error["why"]?.string?.contains("*.wild.example.com.") == true)
      // The same answer as before, now from a record.
      try await add("q")
      let own = try await plan("q")
      #expect(own.code == 0, "\(own.talk)")
      let applied = try await ferry(
        "apply", "flip", "--approve", own.json["digest"]?.string ?? "", "--output", "json")
      #expect(applied.code == 0, "\(applied.talk)")
    }
  }

  @Test func `apply flips a name by dynamic update, and not once somebody else has touched it`()
    async throws
  {
    try await withBIND { ferry, server, key in
      try settings(
        ferry,
        "provider: rfc2136, server: \"\(server.address)\", nameservers: [\"\(server.address)\"], tsig: { name: \(key.name), secretFile: tsig.secret }"
      )
      try ferry.write(key.secret + "\n", to: "tsig.secret")
      let loose = try await ferry(
        "cutover", "plan", "www.example.com", "--to", Self.target, "--output", "json")
      #expect(loose.code == 64)
      #expect(loose.error["code"] == "loose-mode", "\(loose.talk)")
      chmod(ferry.folder.appendingPathComponent("tsig.secret").path, 0o600)

      let digest = try await plan(ferry)
      // A rival's TTL alone is a rival's change.
      try await nsupdate(
        ferry, server, key,
        "update add www.example.com. 7 CNAME d111111abcdef8.cloudfront.net.\nsend")
      let stale = try await ferry("apply", "flip", "--approve", digest, "--output", "json")
      #expect(stale.code == 5, "\(stale.talk)")
      try await nsupdate(
        ferry, server, key,
        "update add www.example.com. 1 CNAME d111111abcdef8.cloudfront.net.\nsend")
      let applied = try await ferry("apply", "flip", "--approve", digest, "--output", "json")
      #expect(applied.code == 0, "\(applied.talk)")
      #expect(try await server.dig(ferry, "www.example.com", "CNAME") == [Self.target + "."])
      for answer in [loose, stale, applied] {
        #expect(!(answer.out + answer.talk).contains(key.secret))
      }
      let back = try ferry.read("plans/flip.rollback.plan.json")["digest"]?.string ?? ""
      let undone = try await ferry("rollback", "flip", "--approve", back)
      #expect(undone.code == 0, "\(undone.talk)")
      #expect(
        try await server.dig(ferry, "www.example.com", "CNAME")
          == ["d111111abcdef8.cloudfront.net."])
    }
  }

  @Test func `apply hands a person the ticket, and goes on once DNS shows the change`() async throws
  {
    try await withBIND { ferry, server, key in
      try settings(ferry, "provider: manual, nameservers: [\"\(server.address)\"]")
      let digest = try await plan(ferry)
      let plan = try ferry.read("plans/flip.plan.json")
      #expect(plan["steps"]?.array?.map { $0["id"]?.string } == ["flip-www"])
      #expect(plan["steps"]?.array?.first?["gate"]?["reason"]?.string != nil)
      let shown = try await ferry("show", "flip")
      #expect(shown.out.contains("gate  a person changes example.com."), "\(shown.out)")

      let gate = try await ferry("apply", "flip", "--approve", digest)
      #expect(gate.code == 4, "\(gate.talk)")
      for part in [
        "now:    d111111abcdef8.cloudfront.net. with a TTL of 1 s",
        "-www.example.com. 1 IN CNAME d111111abcdef8.cloudfront.net.",
        "+www.example.com. 1 IN CNAME \(Self.target).",
        "prereq yxrrset www.example.com. IN CNAME d111111abcdef8.cloudfront.net.",
        "\"Action\" : \"DELETE\"", "\"Action\" : \"CREATE\"", "value: \"\(Self.target).\"",
        "D_EXTEND(\"example.com\"", "resource \"aws_route53_record\" \"www_example_com_cname\"",
        "edgeferry approve flip --step flip-www --reference TEXT",
      ] {
        #expect(gate.talk.contains(part), "\(part) is not in \(gate.talk)")
      }
      // Once is enough, and what is to be copied is not escaped.
      #expect(gate.talk.components(separatedBy: "== In Terraform ==").count == 2, "\(gate.talk)")
      #expect(!gate.talk.contains("\\u{"), "\(gate.talk)")
      let again = try await ferry("advance", "flip", "--approve", digest, "--output", "json")
      #expect(again.code == 4)
      // A program gets the ticket with the error.
      let causes = again.error["causes"]?.array?.compactMap(\.string) ?? []
      #expect(causes.contains("== With nsupdate =="), "\(again.error)")

      let approved = try await ferry("approve", "flip", "--step", "flip-www", "--reference", "CHG1")
      #expect(approved.code == 0, "\(approved.talk)")
      let waiting = try await ferry("advance", "flip", "--approve", digest)
      #expect(waiting.code == 3 && waiting.talk.contains("person"), "\(waiting.talk)")
      #expect(try await ferry("status", "flip").code == 3)
      try await nsupdate(
        ferry, server, key,
        "update delete www.example.com. CNAME\nupdate add www.example.com. 1 CNAME \(Self.target).\nsend"
      )
      let done = try await ferry("apply", "flip", "--approve", digest)
      #expect(done.code == 0, "\(done.talk)")

      let back = try ferry.read("plans/flip.rollback.plan.json")["digest"]?.string ?? ""
      let blocked = try await ferry("rollback", "flip", "--approve", back)
      #expect(blocked.code == 4, "\(blocked.talk)")
      #expect(
        blocked.talk.contains("edgeferry approve flip --step undo-flip-www --reference TEXT"),
        "\(blocked.talk)")
      let second = try await ferry(
        "approve", "flip", "--step", "undo-flip-www", "--reference", "CHG2")
      #expect(second.code == 0, "\(second.talk)")
      let patient = try await ferry("rollback", "flip", "--approve", back, "--max-wait", "1s")
      #expect(patient.code == 3, "\(patient.talk)")
      try await nsupdate(
        ferry, server, key,
        "update delete www.example.com. CNAME\nupdate add www.example.com. 1 CNAME d111111abcdef8.cloudfront.net.\nsend"
      )
      let undone = try await ferry("rollback", "flip", "--approve", back)
      #expect(undone.code == 0, "\(undone.talk)")
      #expect(try await ferry("status", "flip", "--output", "json").json["state"] == "rolled-back")
    }
  }

  @Test func `apply flips a name in the lab's Route 53, found by its name`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab(["--propagation", "0.2s"]) { lab in
      let variables = ClientTests.around(ferry, lab)
      func cli(_ arguments: String...) async throws -> Ferry.Answer {
        try await ferry.run(
          ["-m", "awscli", "route53"] + arguments + ["--output", "json"], extra: variables,
          program: Ferry.python)
      }
      let made = try await cli(
        "create-hosted-zone", "--name", "example.com", "--caller-reference", "one")
      let id = made.json["HostedZone"]?["Id"]?.string ?? ""
      #expect(!id.isEmpty, "\(made.talk)")
      try ferry.write(
        """
        {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "www.example.com", "Type": "CNAME", "TTL": 1, "ResourceRecords": [{"Value": "d111111abcdef8.cloudfront.net"}]}},
          {"Action": "CREATE", "ResourceRecordSet": {"Name": "*.wild.example.com", "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": "d111111abcdef8.cloudfront.net"}]}}]}
        """, to: "batch.json")
      let set = try await cli(
        "change-resource-record-sets", "--hosted-zone-id", id, "--change-batch",
        "file://" + ferry.folder.appendingPathComponent("batch.json").path)
      #expect(set.code == 0, "\(set.talk)")
      // Before that the name servers may still answer nothing, and a plan refuses that.
      var change = set.json["ChangeInfo"]
      while let id = change?["Id"]?.string, change?["Status"] != "INSYNC" {
        change = try await cli("get-change", "--id", id).json["ChangeInfo"]
      }
      #expect(change?["Status"] == "INSYNC")
      // Without its alias moved, the name is the source's still; the DNS half is what is asked here.
      let dns = lab.ready["dns"]?.string ?? ""
      try settings(ferry, "provider: route53, nameservers: [\"\(dns)\"]")
      let digest = try await plan(ferry, extra: lab.variables())
      let applied = try await ferry(
        "apply", "flip", "--approve", digest, "--output", "json", extra: lab.variables())
      #expect(applied.code == 0, "\(applied.talk)")
      let listed = try await cli("list-resource-record-sets", "--hosted-zone-id", id)
      let www = listed.json["ResourceRecordSets"]?.array?.first {
        $0["Name"]?.string == "www.example.com."
      }
      #expect(www?["ResourceRecords"]?.array?.first?["Value"]?.string?.hasPrefix("d222222") == true)
      let batches = try await lab.get("/_lab/requests", ferry).array?.count {
        $0["operation"]?.string == "ChangeResourceRecordSets"
      }
      // One of the CLI's and one of ours.
      #expect(batches == 2)
      let covered = try await ferry(
        "cutover", "plan", "q.wild.example.com", "--to", Self.target, "--output", "json",
        extra: lab.variables())
      #expect(covered.code == 4, "\(covered.talk)")
      #expect(covered.error["code"] == "covered-by-wildcard", "\(covered.talk)")
    }
  }
}
