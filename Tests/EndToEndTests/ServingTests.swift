import FerryAWS
import FerryCore
import FerryHTTP
import FerryTestSupport
import Foundation
import Testing

/// `cutover verify` against the lab: its name servers, its edge over TLS and its CloudWatch.
struct ServingEndToEndTests {
  /// Two distributions, of which the owner holds the alias, and the zone that leads to one of them.
  private static func inventory(owner: String?, leadsTo: String) -> String {
    func distribution(_ id: String, _ domain: String) -> String {
      let aliases =
        id == owner ? #"{"Quantity":1,"Items":["www.example.com"]}"# : #"{"Quantity":0}"#
      return """
        {"id":"\(id)","domainName":"\(domain)","status":"Deployed","config":{"CallerReference":"\(id)","Aliases":\(aliases),
        "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","S3OriginConfig":{"OriginAccessIdentity":""}}]},
        "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"allow-all","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},
        "ViewerCertificate":{"ACMCertificateArn":"arn:aws:acm:us-east-1:111111111111:certificate/any","SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"},
        "Comment":"","Enabled":true}}
        """
    }
    return """
      {"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111",
      "distributions":[\(distribution("E1SOURCE", "d111.cloudfront.net")),\(distribution("E2TARGET", "d222.cloudfront.net"))],
      "hostedZones":[{"id":"Z1","name":"example.com.","records":[
      {"name":"www.example.com.","type":"CNAME","ttl":60,"data":["\(leadsTo)."]}]}]}]}
      """
  }
  private func settings(_ lab: RunningLab, zone: String = "example.com", more: String = "")
    -> String
  {
    let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
      .map { "\"\($0)\"" }.joined(separator: ", ")
    return """
      version: 1
      zones:
        \(zone): { provider: route53, zoneId: Z1, nameservers: [\(servers)] }
      resolvers: ["\(lab.ready["dns"]?.string ?? "")"]
      \(more)
      """
  }
  private func edge(_ lab: RunningLab) -> [String: String] {
    let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init) ?? ""
    return lab.variables().merging([
      "EDGEFERRY_EDGE_PORT": port, "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
    ]) { $1 }
  }
  private func verify(
    _ ferry: Ferry, _ lab: RunningLab, extra: [String: String]? = nil, from: Bool = true
  ) async throws -> (code: Int32, name: JSONValue, because: String) {
    let answer = try await ferry.run(
      ["cutover", "verify", "www.example.com", "--to", "d222.cloudfront.net", "--output", "json"]
        + (from ? ["--from", "d111.cloudfront.net"] : []), extra: extra ?? edge(lab))
    let name = answer.json["names"]?.array?.first ?? .null
    let because = (name["because"]?.array ?? []).compactMap(\.string).joined(separator: "\n")
    #expect(!because.isEmpty, "\(answer.talk)")
    return (answer.code, name, because)
  }

  @Test func `only DNS and the edge together are cut over`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory(owner: "E2TARGET", leadsTo: "d111.cloudfront.net"), to: "a.json")
    try ferry.write(Self.inventory(owner: "E2TARGET", leadsTo: "d222.cloudfront.net"), to: "b.json")
    try ferry.write(Self.inventory(owner: "E1SOURCE", leadsTo: "d222.cloudfront.net"), to: "c.json")
    try ferry.write(Self.inventory(owner: nil, leadsTo: "d222.cloudfront.net"), to: "d.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("a.json").path, "--propagation", "0s"])
    try ferry.write(settings(lab), to: "edgeferry.yaml")

    // The alias has moved, the name has not.
    let early = try await verify(ferry, lab)
    #expect(early.name["dns"]?.string == "not-yet")
    #expect(early.name["serving"]?.string == "target", "\(early.because)")
    #expect(early.code == 4)

    _ = try await ferry("lab", "load", "--ready-file", lab.readyFile, "b.json")
    let done = try await verify(ferry, lab)
    #expect(done.name["dns"]?.string == "changed")
    #expect(done.name["serving"]?.string == "target", "\(done.because)")
    #expect(done.name["cutOver"] == true)
    #expect(done.code == 0)
    #expect(done.because.contains("x-lab-distribution E2TARGET, the target's"))
    #expect(done.because.contains("the certificate covers www.example.com, is trusted"))
    #expect(done.because.contains("HTTP/1.1"))
    // The looks themselves were requests.
    #expect(done.because.contains("CloudWatch: E2TARGET (d222.cloudfront.net) had "))
    #expect(done.because.contains("CloudWatch: E1SOURCE (d111.cloudfront.net) had "))
    // Without credentials there are no counts, and the verdict is the same.
    var bare = edge(lab)
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] { bare[name] = nil }
    let unsigned = try await verify(ferry, lab, extra: bare)
    #expect(unsigned.code == 0)
    #expect(!unsigned.because.contains("CloudWatch"))
    #expect(try await verify(ferry, lab, from: false).code == 0)

    // DNS moved, traffic did not: the edge goes by the alias.
    _ = try await ferry("lab", "load", "--ready-file", lab.readyFile, "c.json")
    let cosmetic = try await verify(ferry, lab)
    #expect(cosmetic.name["dns"]?.string == "changed")
    #expect(cosmetic.name["serving"]?.string == "source", "\(cosmetic.because)")
    #expect(cosmetic.code == 4)

    // Nobody holds the alias: the edge shows its own certificate.
    _ = try await ferry("lab", "load", "--ready-file", lab.readyFile, "d.json")
    let nobody = try await verify(ferry, lab)
    #expect(nobody.name["serving"]?.string == "neither", "\(nobody.because)")
    #expect(nobody.because.contains("does not cover www.example.com"))
    #expect(nobody.code == 4)
    await lab.stop()
  }

  @Test func `a CA that is not the edge's proves nothing, and one in the settings is used`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory(owner: "E2TARGET", leadsTo: "d222.cloudfront.net"), to: "a.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("a.json").path, "--propagation", "0s"])
    try ferry.write(settings(lab), to: "edgeferry.yaml")
    var variables = edge(lab)
    variables["EDGEFERRY_EDGE_CA"] = nil
    let distrusted = try await verify(ferry, lab, extra: variables)
    #expect(distrusted.code == 4)
    #expect(distrusted.name["serving"]?.string == "unknown")
    #expect(distrusted.because.contains("the certificate is not trusted"), "\(distrusted.because)")

    try ferry.write(text(lab.ready["ca"]?.string ?? ""), to: "ca.pem")
    try ferry.write(settings(lab, more: "edge: { caFile: ca.pem }"), to: "edgeferry.yaml")
    #expect(try await verify(ferry, lab, extra: variables).code == 0)

    for (name, value, code) in [
      ("EDGEFERRY_EDGE_PORT", "http", "bad-edge-port"), ("EDGEFERRY_EDGE_CA", "a.json", "bad-ca"),
    ] {
      let refused = try await ferry.run(
        [
          "cutover", "verify", "www.example.com", "--to", "d222.cloudfront.net", "--output", "json",
        ],
        extra: edge(lab).merging([name: value]) { $1 })
      #expect(refused.code == 64)
      #expect(refused.error["code"]?.string == code)
    }
    await lab.stop()
  }

  @Test func `what a hostile edge calls itself reaches no terminal`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      {"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111",
      "distributions":[],"hostedZones":[{"id":"Z1","name":"example.test.","records":[
      {"name":"www.example.test.","type":"CNAME","ttl":1,"data":["lb.example.test."]},
      {"name":"lb.example.test.","type":"A","ttl":60,"data":["127.0.0.1"]},
      {"name":"new.example.test.","type":"A","ttl":60,"data":["127.0.0.1"]}]}]}]}
      """, to: "a.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("a.json").path, "--propagation", "0s"])
    let server = try Subprocess(
      [Ferry.python, Ferry.client("edge_server.py")], environment: ferry.environment)
    let ready = try JSONValue.read(Array(await server.firstLine().utf8), what: "ready line")
    try ferry.write(
      settings(
        lab, zone: "example.test",
        more: """
          health: { url: "https://{name}/hostile", marker: { header: X-Marker } }
          cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s, restoreTTL: false }
          polling: { authoritative: 0.2s, rounds: 1 }
          """), to: "edgeferry.yaml")
    let extra = lab.variables().merging([
      "EDGEFERRY_EDGE_PORT": "\(ready["ports"]?["good"]?.int ?? 0)",
      "EDGEFERRY_EDGE_CA": ready["ca"]?.string ?? "",
    ]) { $1 }
    for output in ["text", "json"] {
      let answer = try await ferry.run(
        [
          "cutover", "verify", "www.example.test", "--to", "lb.example.test", "--output", output,
        ], extra: extra)
      #expect(answer.code == 0, "\(answer.out)\(answer.talk)")
      #expect(answer.out.contains("owned"))
      let steering: [Unicode.Scalar] = ["\u{1B}", "\u{07}", "\u{202E}"]
      #expect(!answer.out.unicodeScalars.contains { steering.contains($0) })
    }
    // Nor does it from a plan, its pages and the progress of its run.
    func run(_ words: String...) async throws -> Ferry.Answer {
      let answer = try await ferry.run(words, extra: extra)
      #expect(answer.code == 0, "\(words): \(answer.talk)")
      let found = HostileText.intruder(in: answer.out) ?? HostileText.intruder(in: answer.talk)
      #expect(found == nil, "\(words)")
      return answer
    }
    let made = try await run(
      "cutover", "plan", "www.example.test", "--to", "new.example.test", "--name", "www",
      "--accept-risk", "marker-unknown")
    // Both sides call themselves the same.
    #expect(
      made.out.contains("does not answer for www.example.test. with a header X-Marker of its own"))
    for output in ["text", "json", "markdown", "html", "svg"] {
      _ = try await run("show", "www", "--output", output)
    }
    _ = try await run("runbook", "www", "--out", "-")
    _ = try await run("export", "www", "--format", "stepfunctions")
    let digest = try ferry.read("plans/www.plan.json")["digest"]?.string ?? ""
    let applied = try await run("apply", "www", "--approve", digest)
    #expect(applied.talk.contains("owned"), "\(applied.talk)")
    server.signal(SIGTERM)
    await lab.stop()
  }

  @Test func `POPs that change over one by one are mixed, then the target's`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory(owner: "E1SOURCE", leadsTo: "d222.cloudfront.net"), to: "a.json")
    let lab = try await RunningLab(
      ferry,
      [
        "--load", ferry.folder.appendingPathComponent("a.json").path, "--propagation", "15s",
        "--pops", "8",
      ])
    let first =
      (lab.ready["edge"]?.string ?? "").split(separator: ":").last.flatMap { Int($0) } ?? 0
    let probe = try EdgeProbe(.init(caFile: lab.ready["ca"]?.string))
    let pops = (first..<first + 8).map { "127.0.0.1:\($0)" }.joined(separator: ",")
    func look() async -> [ServingLook] {
      await probe.look(
        url: "https://www.example.com/", at: pops, marker: "x-lab-distribution")
    }
    #expect(await look().map(\.marker) == Array(repeating: "E1SOURCE", count: 8))
    // Looked at from before the call on: a busy machine may learn of its end after the last POP's.
    async let moved = ferry.run(
      [
        "-c",
        "import boto3;boto3.client('cloudfront').associate_alias(TargetDistributionId='E2TARGET',Alias='www.example.com')",
      ], extra: lab.variables(), program: Ferry.python)
    func side(_ name: String, _ id: String) -> ServingScene.Side {
      let own = ServingLook(peer: "192.0.2.1:443", status: 200, marker: id)
      return .init(domain: DomainName(wire: name), forName: [], own: [own])
    }
    let scene = ServingScene(
      name: DomainName(wire: "www.example.com"), marker: "x-lab-distribution",
      source: side("d111.cloudfront.net", "E1SOURCE"),
      target: side("d222.cloudfront.net", "E2TARGET"))
    var seen: [CutoverVerdict.Serving] = []
    // Ends when the last POP has changed over.
    while seen.last != .target, seen.count < 4000 {
      seen.append(scene.verdict(through: await look(), expectStatus: nil, now: Date()).serving)
      if seen.last != .target { try await Task.sleep(for: .milliseconds(100)) }
    }
    let call = try await moved
    #expect(call.code == 0, "\(call.talk)")
    await lab.stop()
    #expect(seen.contains(.mixed))
    #expect(seen.last == .target)
  }
}
