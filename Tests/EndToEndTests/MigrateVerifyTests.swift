import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

/// `migrate verify` from outside: a move of a trio through the lab, and what is changed by hand after it.
struct MigrateVerifyEndToEndTests {
  static func certificate(_ account: String, _ name: String) -> String {
    #"{"id":"arn:aws:acm:us-east-1:\#(account):certificate/\#(name)","config":{"DomainName":"example.com","SubjectAlternativeNames":["example.com","*.example.com"],"Status":"ISSUED"}}"#
  }
  static func origins(_ headers: String) -> String {
    #"{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only","OriginSslProtocols":{"Quantity":1,"Items":["TLSv1.2"]}}\#(headers)}]}"#
  }
  static let inventory = """
    {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111",
    "certificates":[\(certificate("111111111111", "old"))],
    "distributions":[
    {"id":"EPRIMARY","domainName":"d1.cloudfront.net","tags":{"team":"web"},"config":{"CallerReference":"p",
    "Comment":"","Enabled":true,"ContinuousDeploymentPolicyId":"cdp-1","Aliases":{"Quantity":1,"Items":["www.example.com"]},"HttpVersion":"http2",
    "ViewerCertificate":{"ACMCertificateArn":"arn:aws:acm:us-east-1:111111111111:certificate/old","SSLSupportMethod":"sni-only","MinimumProtocolVersion":"TLSv1.2_2021"},
    "Origins":\(origins(#","CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-key","HeaderValue":"canary-header"}]}"#)),
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache",
    "OriginRequestPolicyId":"216adef6-5c7f-47e4-b989-5492eafa07d3","FunctionAssociations":{"Quantity":1,"Items":[{"EventType":"viewer-request",
    "FunctionARN":"arn:aws:cloudfront::111111111111:function/rewrite"}]}}}},
    {"id":"ESTAGING","domainName":"d2.cloudfront.net","config":{"CallerReference":"s","Comment":"","Enabled":true,
    "Staging":true,"HttpVersion":"http2","Origins":\(origins("")),
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}}],
    "continuousDeploymentPolicies":[{"id":"cdp-1","config":{"Enabled":true,
    "StagingDistributionDnsNames":{"Quantity":1,"Items":["d2.cloudfront.net"]},
    "TrafficConfig":{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}}}],
    "cachePolicies":[{"id":"custom-cache","config":{"Name":"cache","MinTTL":1}}],
    "functions":[{"id":"rewrite","name":"rewrite","stage":"LIVE","code":"ZnVuY3Rpb24gaGFuZGxlcihlKSB7IHJldHVybiBlLnJlcXVlc3QgfQ==","config":{"Comment":"c","Runtime":"cloudfront-js-2.0","KeyValueStoreAssociations":{"Quantity":1,"Items":[{"KeyValueStoreARN":"arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111"}]}}}],
    "keyValueStores":[{"id":"redirects","name":"redirects","arn":"arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111","items":{"a":"b","c":"canary-kvs"},"config":{"Name":"redirects","Comment":"x"}}],
    "hostedZones":[{"id":"Z1","name":"example.com.","records":[{"name":"www.example.com.","type":"CNAME","ttl":10,"data":["d1.cloudfront.net."]}]}]},
    {"id":"222222222222","certificates":[\(certificate("222222222222", "new"))]}]}
    """

  /// Settings, credentials and variables of a lab with two accounts.
  private func prepare(_ ferry: Ferry, _ lab: RunningLab) throws -> [String: String] {
    func text(_ key: String) -> String { lab.ready[key]?.string ?? "" }
    let servers = (lab.ready["nameservers"]?.array ?? []).compactMap(\.string)
      .map { "\"\($0)\"" }.joined(separator: ", ")
    try ferry.write(
      """
      version: 1
      accounts: { source: { profile: old }, target: { profile: new } }
      zones:
        example.com: { provider: route53, zoneId: Z1, account: source, nameservers: [\(servers)] }
      resolvers: ["\(text("resolver"))"]
      polling: { deployed: 1s, authoritative: 1s, rounds: 2 }
      cutover: { ttl: 5, propagation: 1s, margin: { percent: 10, minimum: 1s, maximum: 5s }, resolverFloor: 0s, clientHold: 1s, bake: 2s, restoreTTL: true }
      migrate: { keepSource: 60s }
      """, to: "edgeferry.yaml")
    var profiles = ""
    for (name, account) in [("old", "111111111111"), ("new", "222222222222")] {
      let keys = lab.variables(account: account)
      profiles +=
        "[profile \(name)]\naws_access_key_id=\(keys["AWS_ACCESS_KEY_ID"] ?? "")\naws_secret_access_key=\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")\nregion=us-east-1\n"
    }
    try ferry.write(profiles, to: "aws.config")
    let port = text("edge").split(separator: ":").last.map(String.init) ?? ""
    return [
      "AWS_CONFIG_FILE": ferry.folder.appendingPathComponent("aws.config").path,
      "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ENDPOINT_URL": lab.api,
      "AWS_REGION": "us-east-1", "EDGEFERRY_EDGE_PORT": port, "EDGEFERRY_EDGE_CA": text("ca"),
    ]
  }
  private func differences(_ answer: Ferry.Answer, expected: Bool) -> [String] {
    (answer.json["differences"]?.array ?? []).filter { $0["expected"] == .bool(expected) }
      .compactMap { $0["path"]?.string }
  }

  @Test(.timeLimit(.minutes(15)))
  func `a finished move is verified, and a field changed by hand after it is found`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "i.json")
    let lab = try await RunningLab(
      ferry,
      [
        "--propagation", "1s", "--load", ferry.folder.appendingPathComponent("i.json").path,
      ])
    let extra = try prepare(ferry, lab)
    let planned = try await ferry(
      "migrate", "plan", "EPRIMARY", "--source", "source", "--target", "target", "--output", "json",
      extra: extra)
    #expect(planned.code == 0, "\(planned.talk)")
    let verify = ["migrate", "verify", "migrate-eprimary", "--output", "json"]
    let early = try await ferry.run(verify, extra: extra)
    #expect(early.code == 4 && early.error["code"] == "not-created", "\(early.talk)")

    let applied = try await ferry(
      "apply", "migrate-eprimary", "--approve", planned.json["digest"]?.string ?? "", "--until",
      "await-idle-eprimary", extra: extra)
    #expect([0, 3].contains(applied.code), "\(applied.out)\(applied.talk)")
    let done = try await ferry.run(verify, extra: extra)
    #expect(done.code == 0, "\(done.out)\(done.talk)")
    #expect(done.json["schema"] == "edgeferry.verdict/1")
    #expect(differences(done, expected: false) == [])
    let name = done.json["names"]?.array?.first
    #expect(name?["name"] == "www.example.com." && name?["cutOver"] == true)
    let meant = differences(done, expected: true)
    for path in [
      "distribution/EPRIMARY/CallerReference", "distribution/EPRIMARY/Aliases/www.example.com",
      "distribution/EPRIMARY/ViewerCertificate/ACMCertificateArn",
      "distribution/EPRIMARY/ContinuousDeploymentPolicyId",
      "distribution/EPRIMARY/DefaultCacheBehavior/CachePolicyId",
      "https://www.example.com/#body",
    ] {
      #expect(meant.contains(path), "\(path) of \(meant)")
    }
    for it in done.json["differences"]?.array ?? [] {
      #expect(Set((it.object ?? [:]).keys) == ["path", "source", "target", "expected", "reason"])
    }

    // By id, with the map that the plan had matched by itself.
    let ids = try await pair(ferry, extra)
    try ferry.write(
      "version: 1\ncertificates: { \"arn:aws:acm:us-east-1:111111111111:certificate/old\": \"arn:aws:acm:us-east-1:222222222222:certificate/new\" }\n",
      to: "map.yaml")
    try ferry.write("/\nhttps://www.example.com/a?b=c\n", to: "urls.txt")
    let byID = [
      "migrate", "verify", "--source-id", "ESTAGING", "--target-id", ids.staging, "--output",
      "json",
    ]
    let staging = try await ferry.run(byID, extra: extra)
    #expect(staging.code == 0, "\(staging.out)\(staging.talk)")

    try await change(ids.primary, lab, ferry)
    let changed = try await ferry.run(verify + ["--urls", "urls.txt"], extra: extra)
    let spoken = try await ferry(
      "migrate", "verify", "migrate-eprimary", "--map", "map.yaml", extra: extra)
    await lab.stop()
    #expect(changed.code == 4, "\(changed.out)\(changed.talk)")
    #expect(differences(changed, expected: false) == ["distribution/EPRIMARY/Comment"])
    #expect(differences(changed, expected: true).contains("https://www.example.com/a?b=c#body"))
    #expect(spoken.code == 4)
    #expect(
      spoken.out.contains(
        "NOT MEANT to differ:\n  distribution/EPRIMARY/Comment: (absent) -> by hand"),
      "\(spoken.out)")
    let all = done.out + done.talk + changed.out + changed.talk + spoken.out + spoken.talk
    #expect(!all.contains("canary"))
  }

  /// The copies' ids, which an export of the target names.
  private func pair(_ ferry: Ferry, _ extra: [String: String]) async throws -> (
    primary: String, staging: String
  ) {
    let taken = try await ferry(
      "inventory", "take", "--account", "target", "--out", "t.json", extra: extra)
    #expect(taken.code == 0, "\(taken.talk)")
    let all = try ferry.read("t.json")["accounts"]?.array?.first?["distributions"]?.array ?? []
    func id(_ isStaging: Bool) -> String {
      all.first { ($0["config"]?["Staging"] == true) == isStaging }?["id"]?.string ?? ""
    }
    return (id(false), id(true))
  }
  /// As a person would in the console.
  private func change(_ id: String, _ lab: RunningLab, _ ferry: Ferry) async throws {
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(lab.variables(account: "222222222222")) { $1 },
      engine: HTTPEngine(), clock: SystemClock())
    let client = CloudFrontClient(session.transport)
    let it = try await client.distribution(id)
    _ = try await client.call(
      "UpdateDistribution", method: "PUT", path: "/distribution/\(id)/config",
      headers: ["if-match": it.etag],
      body: it.config.edited(
        [.init(path: "Comment", from: "", to: "by hand")], shape: "DistributionConfig"))
  }

  @Test func `what is not to be verified is refused before anything is asked`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write("http://x/\n", to: "urls.txt")
    let ids = ["--source-id", "E1", "--target-id", "E2"]
    for arguments in [
      [], ["--source-id", "E1"], ["nosuchplan"], ["nosuchplan"] + ids,
      ids + ["--urls", "urls.txt"], ids + ["--urls", "nosuch.txt"], ids + ["--map", "nosuch.yaml"],
      ["--source-id", "../x", "--target-id", "E2"], ["--source-id", "E1", "--target-id", "E1"],
      ids + ["--output", "html"],
    ] {
      let answer = try await ferry.run(["migrate", "verify"] + arguments)
      #expect(answer.code == 64, "\(arguments): \(answer.talk)")
    }
  }
}
