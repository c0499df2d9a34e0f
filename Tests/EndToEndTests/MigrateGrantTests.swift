import FerryAWS
import FerryCore
import Foundation
import Testing

/// A move whose bucket and key are on a server that shares no code with ours: moto's S3 and KMS, in two accounts by
/// assumed roles.
struct MigrateGrantTests {
  typealias Scene = MigrateEndToEndTests.Scene
  private static func role(_ account: String) -> String {
    "arn:aws:iam::\(account):role/edgeferry"
  }
  private static let arn = "arn:aws:cloudfront::111111111111:distribution/EBUCKET"
  /// A distribution that reads a bucket by origin access control.
  private static let distribution = """
    {"id":"EBUCKET","domainName":"d1.cloudfront.net","config":{"CallerReference":"EBUCKET","Comment":"","Enabled":true,
    "Aliases":{"Quantity":1,"Items":["www.example.com"]},"ViewerCertificate":{"ACMCertificateArn":"\(Scene.certificate)",
    "SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"},"HttpVersion":"http2",
    "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"assets-1.s3.eu-west-1.amazonaws.com",
    "OriginAccessControlId":"EOAC","S3OriginConfig":{"OriginAccessIdentity":""}}]},
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only",
    "CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}}
    """
  private static let control = """
    {"id":"EOAC","config":{"Name":"oac","SigningProtocol":"sigv4","SigningBehavior":"always","OriginAccessControlOriginType":"s3"}}
    """
  private static let inventory = """
    {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111",
    "certificates":[\(Scene.certificate("111111111111", "old"))],"distributions":[\(distribution)],
    "originAccessControls":[\(control)],"hostedZones":[{"id":"Z1","name":"example.com.","records":[
    {"name":"www.example.com.","type":"CNAME","ttl":6,"data":["d1.cloudfront.net."]}]}]},
    {"id":"222222222222","certificates":[\(Scene.certificate("222222222222", "new"))]}]}
    """

  /// Base keys that nobody has, and a role in each account.
  private func prepare(_ ferry: Ferry, _ lab: RunningLab, _ gateway: String, _ moto: String) throws
    -> [String: String]
  {
    var profiles = "[profile base]\naws_access_key_id=AKIABASE\naws_secret_access_key=secret\n"
    for (name, account) in [("old", "111111111111"), ("new", "222222222222")] {
      profiles +=
        "[profile \(name)]\nrole_arn=\(Self.role(account))\nsource_profile=base\nregion=us-east-1\n"
    }
    try ferry.write(profiles, to: "aws.config")
    let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
      .map { "\"\($0)\"" }.joined(separator: ", ")
    try ferry.write(
      """
      version: 1
      accounts: { source: { profile: old }, target: { profile: new } }
      zones: { example.com: { provider: route53, zoneId: Z1, account: source, nameservers: [\(servers)] } }
      resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]
      polling: { deployed: 0.5s, authoritative: 0.3s, rounds: 1 }
      cutover: { ttl: 3, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 1s }
      migrate: { keepSource: 60s }
      """, to: "edgeferry.yaml")
    let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init)
    return [
      "AWS_CONFIG_FILE": ferry.folder.appendingPathComponent("aws.config").path,
      "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL": gateway,
      "AWS_ENDPOINT_URL_S3": moto, "AWS_ENDPOINT_URL_KMS": moto, "AWS_REGION": "us-east-1",
      "EDGEFERRY_EDGE_PORT": port ?? "", "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
    ]
  }
  private func policies(_ ferry: Ferry, _ moto: MotoServer, _ key: String) async throws -> JSONValue
  {
    let answer = try await ferry.run(
      [Ferry.client("moto_grants.py"), moto.url, "show", Self.role("111111111111"), key],
      program: Ferry.python)
    #expect(answer.code == 0, "\(answer.talk)")
    return answer.json
  }
  private func sources(_ policy: JSONValue?) -> [String] {
    (policy?["Statement"]?.array ?? []).compactMap {
      $0["Condition"]?["StringEquals"]?["AWS:SourceArn"]?.string
    }
  }

  @Test(.timeLimit(.minutes(15)))
  func `a bucket and its key admit the copy from when it is made, and as before after a rollback`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "i.json")
    let moto = try await MotoServer.start(ferry)
    let lab = try await RunningLab(
      ferry,
      ["--propagation", "0.3s", "--load", ferry.folder.appendingPathComponent("i.json").path])
    let gateway = try Subprocess(
      [Ferry.python, Ferry.client("account_gateway.py"), moto.url, lab.readyFile],
      environment: ferry.environment,
      stderr: ferry.folder.appendingPathComponent(".gateway-talk").path)
    func end() async {
      gateway.signal(SIGTERM)
      _ = await gateway.wait()
      await moto.stop()
      await lab.stop()
    }
    do {
      let url = await gateway.firstLine()
      let variables = try prepare(ferry, lab, url, moto.url)
      func run(_ words: [String]) async throws -> Ferry.Answer {
        try await ferry.run(words + ["--output", "json"], extra: variables)
      }
      let made = try await ferry.run(
        [Ferry.client("moto_grants.py"), moto.url, "make", Self.role("111111111111"), Self.arn],
        program: Ferry.python)
      try #require(made.code == 0, "\(made.talk)")
      let key = made.json["key"]?.string ?? ""
      #expect(key.contains(":111111111111:"))
      let before = try await policies(ferry, moto, key)

      let planned = try await run([
        "migrate", "plan", "EBUCKET", "--source", "source", "--target", "target", "--name", "move",
      ])
      try #require(planned.code == 0, "\(planned.talk)")
      #expect(!planned.talk.contains("not read"), "\(planned.talk)")
      let there = try await run([
        "apply", "move", "--approve", planned.json["digest"]?.string ?? "", "--until",
        "await-idle-ebucket",
      ])
      #expect(there.code == 3 && there.error["code"] == "stopped-before", "\(there.talk)")
      let copy = try await lab.get("/_lab/state", ferry)["222222222222"]?["distributions"]?.array?
        .first?["id"]?.string
      let copied = "arn:aws:cloudfront::222222222222:distribution/\(copy ?? "")"
      let between = try await policies(ferry, moto, key)
      for name in ["bucket", "key"] {
        #expect(sources(between[name]) == [Self.arn, copied], "\(name): \(between.canonical)")
        let kept = between[name]?["Statement"]?.array ?? []
        #expect(before[name]?["Statement"]?.array?.allSatisfy(kept.contains) == true, "\(name)")
      }
      let digest = try ferry.read("plans/move.rollback.plan.json")["digest"]?.string ?? ""
      let back = try await run(["rollback", "move", "--approve", digest])
      #expect(back.code == 0, "\(back.talk)")
      #expect(try await policies(ferry, moto, key) == before)
      #expect(try await lab.get("/_lab/state", ferry)["222222222222"]?["distributions"] == [])
    } catch {
      await end()
      throw error
    }
    await end()
  }
}
