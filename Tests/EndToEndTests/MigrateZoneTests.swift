import FerryCore
import Foundation
import Testing

/// `migrate` where the names are not in Route 53: a zone written by dynamic update, and one in a person's hands.
struct MigrateZoneTests {
  private static let old = "d7.cloudfront.net."

  /// A scene whose zone is BIND's; of the lab's own DNS its distribution has no name.
  private func with(
    _ zone: (NameServer, NameServer.Key) -> String,
    _ body: (MigrateEndToEndTests.Scene, NameServer, NameServer.Key) async throws -> Void
  ) async throws {
    let scene = try await MigrateEndToEndTests.Scene()
    let key = NameServer.Key()
    let server = try await NameServer.bind(
      scene.ferry,
      zones: ["example.com.": NameServer.zone("example.com.", "nodns 6 IN CNAME \(Self.old)")],
      key: key)
    // One that knows the zone by its own server, and CloudFront's names by the lab's.
    let resolver = try await NameServer.unbound(
      scene.ferry,
      stubs: [
        "example.com.": [server.address],
        "cloudfront.net.": (scene.lab.ready["nameservers"]?.array ?? []).compactMap(\.string),
      ])
    func end() async {
      await resolver.stop()
      await server.stop()
      await scene.end()
    }
    do {
      try scene.ferry.write(
        """
        version: 1
        accounts: { source: { profile: old }, target: { profile: new } }
        zones: { example.com: { \(zone(server, key)), nameservers: ["\(server.address)"] } }
        resolvers: ["\(resolver.address)"]
        polling: { deployed: 0.5s, authoritative: 0.3s, rounds: 1 }
        cutover: { ttl: 3, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }
        migrate: { keepSource: 60s }
        """, to: "edgeferry.yaml")
      try scene.ferry.write(key.secret + "\n", to: "tsig.secret")
      chmod(scene.ferry.folder.appendingPathComponent("tsig.secret").path, 0o600)
      try await body(scene, server, key)
    } catch {
      await end()
      throw error
    }
    await end()
  }
  private func name(_ scene: MigrateEndToEndTests.Scene, _ server: NameServer) async throws
    -> String?
  {
    try await server.dig(scene.ferry, "nodns.example.com", "CNAME").first
  }

  @Test func `a name in a zone of dynamic updates moves with its distribution, and back`()
    async throws
  {
    let zone: (NameServer, NameServer.Key) -> String = { server, key in
      "provider: rfc2136, server: \"\(server.address)\", tsig: { name: \(key.name), secretFile: tsig.secret }"
    }
    try await with(zone) { scene, server, key in
      let planned = try await scene.plan("ENODNS")
      #expect(planned.code == 0, "\(planned.talk)")
      let there = try await scene.apply(planned, "ENODNS")
      #expect(there.code == 3 && there.error["code"] == "stopped-before", "\(there.talk)")
      let copy = try await scene.state("222222222222")["distributions"]?.array?.first
      #expect(try await name(scene, server) == "\(copy?["domainName"]?.string ?? "").")
      let back = try await scene.rollBack()
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await name(scene, server) == Self.old)
      #expect(try await scene.leftBehind() == [:])
      #expect(!(planned.talk + there.talk + back.talk).contains(key.secret))
    }
  }

  @Test func `a name in a person's zone moves by tickets, each waited for at its gate`()
    async throws
  {
    let zone: (NameServer, NameServer.Key) -> String = { _, _ in "provider: manual" }
    try await with(zone) { scene, server, key in
      let planned = try await scene.plan("ENODNS")
      #expect(planned.code == 0, "\(planned.talk)")
      let steps = try scene.ferry.read("plans/move.plan.json")["steps"]?.array ?? []
      let zoneSteps = steps.filter {
        $0["action"]?["type"]?.string?.hasPrefix("dns.") == true
      }
      #expect(zoneSteps.count >= 3)
      #expect(zoneSteps.allSatisfy { $0["gate"]?["reason"]?.string != nil })
      let digest = planned.json["digest"]?.string ?? ""
      func go() async throws -> Ferry.Answer {
        try await scene.run([
          "apply", "move", "--approve", digest, "--until", "await-idle-enodns", "--max-wait", "60s",
        ])
      }
      var asked: [String] = []
      var answer = try await go()
      while answer.code == 4, answer.error["code"] == "gate", asked.count < 9 {
        let step = answer.json["step"]?["id"]?.string ?? ""
        asked.append(step)
        // The ticket has an update that a person can run as it stands.
        let causes = answer.error["causes"]?.array?.compactMap(\.string) ?? []
        let update = causes.filter { $0.hasPrefix("update ") }
        #expect(!update.isEmpty, "\(causes)")
        try scene.ferry.write(
          "server 127.0.0.1 \(server.port)\n\(update.joined(separator: "\n"))\nsend\n",
          to: "update")
        let sent = try await scene.ferry.run(
          ["-y", "\(key.algorithm):\(key.name):\(key.secret)", "update"], program: "nsupdate")
        #expect(sent.code == 0, "\(sent.talk)")
        let approved = try await scene.run(["approve", "move", "--step", step, "--reference", "C1"])
        #expect(approved.code == 0, "\(approved.talk)")
        answer = try await go()
      }
      #expect(answer.code == 3 && answer.error["code"] == "stopped-before", "\(answer.talk)")
      #expect(asked.count == zoneSteps.count, "\(asked)")
      let copy = try await scene.state("222222222222")["distributions"]?.array?.first
      #expect(try await name(scene, server) == "\(copy?["domainName"]?.string ?? "").")
    }
  }
}
