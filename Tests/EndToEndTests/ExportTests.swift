import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryTestSupport
import Foundation
import Testing

/// `migrate export` from outside: on the lab, and on a server that stands for the other services.
struct ExportEndToEndTests {
  static let inventory = """
    {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[
    {"id":"EPRIMARY","domainName":"d1.cloudfront.net","tags":{"team":"web"},"config":{"CallerReference":"p",
    "Comment":"","Enabled":true,"ContinuousDeploymentPolicyId":"cdp-1","Aliases":{"Quantity":1,"Items":["www.example.com"]},
    "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"assets-1.s3.eu-west-1.amazonaws.com",
    "OriginAccessControlId":"EOAC","S3OriginConfig":{"OriginAccessIdentity":""},
    "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-key","HeaderValue":"canary-header"}]}}]},
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache",
    "OriginRequestPolicyId":"216adef6-5c7f-47e4-b989-5492eafa07d3","TrustedKeyGroups":{"Enabled":true,"Quantity":1,"Items":["group-1"]},
    "FunctionAssociations":{"Quantity":1,"Items":[{"EventType":"viewer-request",
    "FunctionARN":"arn:aws:cloudfront::111111111111:function/rewrite"}]}}}},
    {"id":"ESTAGING","domainName":"d2.cloudfront.net","config":{"CallerReference":"s","Comment":"","Enabled":true,
    "Staging":true,"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net"}]},
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}}],
    "continuousDeploymentPolicies":[{"id":"cdp-1","config":{"Enabled":true,
    "StagingDistributionDnsNames":{"Quantity":1,"Items":["d2.cloudfront.net"]},
    "TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}}}}],
    "originAccessControls":[{"id":"EOAC","config":{"Name":"oac","SigningProtocol":"sigv4","SigningBehavior":"always",
    "OriginAccessControlOriginType":"s3"}}],
    "cachePolicies":[{"id":"custom-cache","config":{"Name":"cache","MinTTL":1}}],
    "publicKeys":[{"id":"K1","config":{"CallerReference":"k","Name":"key","EncodedKey":"-----BEGIN"}}],
    "keyGroups":[{"id":"group-1","config":{"Name":"group","Items":["K1"]}}]}]}
    """

  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBjjCCATOgAwIBAgIUU6wbELt+buOS2DtZnAR225IBDdUwCgYIKoZIzj0EAwIw
    GzEZMBcGA1UEAwwQdXBsb2FkZWQuZXhhbXBsZTAgFw0yNjExMjgyMDMzMzJaGA8y
    MTI2MTEwNDIwMzMzMlowGzEZMBcGA1UEAwwQdXBsb2FkZWQuZXhhbXBsZTBZMBMG
    ByqGSM49AgEGCCqGSM49AwEHA0IABJzTtcHmQIXKfH/idJTVVWmXnjAKN9NJEhul
    WpLKgzhT0/IRm5hxx+MApCSEjTh6QRD82VOuJaOjNWMgH98se+ejUzBRMB0GA1Ud
    DgQWBBS7iioHH4F2qIiJZAjHSb9BsTE3uDAfBgNVHSMEGDAWgBS7iioHH4F2qIiJ
    ZAjHSb9BsTE3uDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDE
    C+bJhLB4tNvAddczGqpW/456BjZA7gA8TS29dFOiaQIhAImtUXXSQaf+GbM5UyPH
    hJ151U1rqA8jTab2nC17cjW2
    -----END CERTIFICATE-----
    """

  private func mode(_ ferry: Ferry, _ name: String) -> Int {
    let path = ferry.folder.appendingPathComponent(name).path
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.posixPermissions] as? Int) ?? -1
  }
  /// A published function, which today's `lab load` does not take.
  func publish(_ lab: RunningLab, _ ferry: Ferry) async throws {
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(lab.variables()) { $1 }, engine: HTTPEngine(),
      clock: SystemClock())
    let client = CloudFrontClient(session.transport)
    let code = Data("function handler(e) { return e.request }".utf8).base64EncodedString()
    let made = try await client.call(
      "CreateFunction", method: "POST", path: "/function",
      body: XMLReader.read(
        "<CreateFunctionRequest><Name>rewrite</Name><FunctionConfig><Comment>c</Comment><Runtime>cloudfront-js-2.0</Runtime></FunctionConfig><FunctionCode>\(code)</FunctionCode></CreateFunctionRequest>"
      ))
    _ = try await client.call(
      "PublishFunction", method: "POST", path: "/function/rewrite/publish",
      headers: ["if-match": made.headers["etag"] ?? ""])
  }

  @Test
  func `a distribution is exported with its trio, policies, function and keys, and loaded again`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "i.json")
    let file = ferry.folder.appendingPathComponent("i.json").path
    let lab = try await RunningLab(ferry, ["--load", file])
    try await publish(lab, ferry)
    let export = ["migrate", "export", "EPRIMARY", "--output", "json", "--out"]
    let answer = try await ferry.run(export + ["e.json"], extra: lab.variables())
    let clear = try await ferry.run(
      export + ["clear.json", "--include-secrets"], extra: lab.variables())
    let spoken = try await ferry(
      "migrate", "export", "EPRIMARY", "--out", "t.json", extra: lab.variables())
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    let found = (answer.json["resources"]?.array ?? []).map {
      "\($0["kind"]?.string ?? "") \($0["id"]?.string ?? "")"
    }
    #expect(
      found == [
        "distribution EPRIMARY", "distribution ESTAGING", "continuous-deployment-policy cdp-1",
        "origin-access-control EOAC", "cache-policy custom-cache", "function rewrite",
        "public-key K1", "key-group group-1",
      ])
    #expect(
      answer.json["managed"]?.array?.map { $0["id"] } == ["216adef6-5c7f-47e4-b989-5492eafa07d3"])
    // The lab has no S3: a gap, with what would have to be allowed.
    #expect(answer.json["complete"] == false)
    #expect(answer.json["gaps"]?.array?.contains { $0["action"] == "s3:GetBucketPolicy" } == true)
    #expect(answer.talk.contains("not read in 111111111111: GetBucketPolicy assets-1"))
    let crossing = (answer.json["cannotCross"]?.array ?? []).map { $0["kind"]?.string ?? "" }
    #expect(crossing.contains("public-key") && crossing.contains("bucket"))

    let written = text(ferry.folder.appendingPathComponent("e.json").path)
    #expect(!written.contains("canary-header") && written.contains(Digest.tagged("canary-header")))
    #expect(mode(ferry, "e.json") == 0o644 && mode(ferry, "clear.json") == 0o600)
    #expect(text(ferry.folder.appendingPathComponent("clear.json").path).contains("canary-header"))
    #expect(!(answer.out + answer.talk + clear.out + clear.talk + spoken.out).contains("canary"))
    #expect(spoken.out.contains("does not cross as it stands:"))

    let second = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("clear.json").path])
    let again = try await ferry.run(
      export + ["again.json", "--include-secrets"], extra: second.variables())
    await second.stop()
    #expect(again.code == 0, "\(again.talk)")
    let first = try ferry.read("clear.json")["accounts"]?.array?.first
    let last = try ferry.read("again.json")["accounts"]?.array?.first
    for key in ["distributions", "continuousDeploymentPolicies", "keyGroups", "cachePolicies"] {
      let left = first?[key]?.array?.map { [$0["id"], $0["etag"], $0["configXML"]] }
      #expect(left == last?[key]?.array?.map { [$0["id"], $0["etag"], $0["configXML"]] }, "\(key)")
    }
    let shown = try await ferry("inventory", "show", "clear.json")
    #expect(shown.code == 0 && shown.out.contains("5 other resources"), "\(shown.out)")
    #expect(!shown.out.contains("canary"))
  }

  @Test func `an id that nobody has, or nobody can have, writes nothing`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let unknown = try await ferry(
      "migrate", "export", "ENOSUCH", "--out", "x.json", "--output", "json", extra: lab.variables())
    let bad = try await ferry(
      "migrate", "export", "../x", "--out", "x.json", extra: lab.variables())
    let fileless = try await ferry("migrate", "export", "ENOSUCH", extra: lab.variables())
    await lab.stop()
    #expect(unknown.code == 1 && unknown.error["code"] == "unknown-distribution")
    #expect(unknown.error["next"]?.string?.isEmpty == false)
    #expect(bad.code == 64 && fileless.code == 64)
    #expect(
      !FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent("x.json").path))
  }

  @Test func `every distribution of the corpus goes from one lab into another unchanged`()
    async throws
  {
    guard let corpus = Shared.folder("corpus") else { return }
    let folder = corpus.appendingPathComponent("distributions")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    var distributions: [JSONValue] = []
    for (index, name) in names.enumerated() {
      let xml = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      distributions.append(["id": .string("E\(1000 + index)"), "configXML": .string(xml)])
    }
    let ids = names.indices.map { "E\(1000 + $0)" }
    let ferry = try Ferry()
    defer { ferry.remove() }
    let document: JSONValue = [
      "schema": "edgeferry.inventory/1",
      "accounts": [["id": "111111111111", "distributions": .array(distributions)]],
    ]
    try ferry.write(document.canonical, to: "corpus.json")
    for (from, to) in [("corpus.json", "one.json"), ("one.json", "two.json")] {
      let lab = try await RunningLab(
        ferry, ["--load", ferry.folder.appendingPathComponent(from).path])
      let answer = try await ferry.run(
        ["migrate", "export"] + ids + ["--include-secrets", "--out", to], extra: lab.variables())
      await lab.stop()
      #expect(answer.code == 0, "\(answer.talk)")
    }
    let diff = try await ferry("inventory", "diff", "one.json", "two.json", "--fail-on", "changes")
    #expect(diff.code == 0 && diff.out == "no difference\n", "\(diff.out)")
    #expect(
      try ferry.read("two.json")["accounts"]?.array?.first?["distributions"]?.array?.count
        == names.count)
  }

  @Test func `what other services hold is read from them, each in its own protocol`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    let variables = moto.variables.merging(["AWS_ENDPOINT_URL": moto.url]) { $1 }
    // Any certificate will do; nobody looks at its names.
    try ferry.write(Self.certificate, to: "c.pem")
    let certificate = ferry.folder.appendingPathComponent("c.pem").path
    let made = try await ferry.run(
      [Ferry.client("moto_export.py"), moto.url, certificate],
      extra: variables.merging(["AWS_DEFAULT_REGION": "us-east-1"]) { $1 }, program: Ferry.python)
    #expect(made.code == 0, "\(made.talk)")
    let id = made.json["distribution"]?.string ?? ""
    let answer = try await ferry(
      "migrate", "export", id, "--out", "e.json", "--output", "json", extra: variables)
    // moto's distributions forget their functions and access controls: those are read by what made them.
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(variables) { $1 }, engine: HTTPEngine(),
      clock: SystemClock())
    let function = try await LambdaClient(session.transport).function(
      made.json["function"]?.string ?? "")
    let control = try await CloudFrontClient(session.transport).resource(
      .originAccessControl, made.json["control"]?.string ?? "")
    let names = try await ServerCertificateClient(session.transport).names()
    let uploaded = try await ServerCertificateClient(session.transport).certificate(
      names.keys.first ?? "", name: names.values.first ?? "")
    let elsewhere = try await BucketClient(session.transport, region: "us-east-1").bucket(
      "assets-1")
    await moto.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(function.json?["Runtime"] == "nodejs22.x" && function.name == "edge")
    #expect(function.json?["Code"] == nil)
    #expect(control.name == "oac" && control.document?.text(at: "SigningBehavior") == "always")
    #expect(names.values.first == "uploaded" && uploaded.json?["CertificateBody"] != nil)
    #expect(elsewhere.0.json?["encryption"]?["algorithm"] == "aws:kms")
    let account = try ferry.read("e.json")["accounts"]?.array?.first
    func item(_ key: String) -> JSONValue? { account?[key]?.array?.first }
    #expect(item("certificates")?["id"] == made.json["certificate"])
    #expect(item("certificates")?["config"]?["DomainName"] == "www.example.com")
    #expect(item("webACLs")?["id"] == made.json["webACL"])
    #expect(item("webACLs")?["config"]?["IPSets"]?.array?.first?["Name"] == "blocked")
    #expect(item("buckets")?["config"]?["region"] == "eu-west-1")
    #expect(item("buckets")?["config"]?["policy"]?["Statement"]?.array?.first?["Sid"] == "cdn")
    #expect(item("kmsKeys")?["id"] == made.json["key"])
    #expect(item("kmsKeys")?["config"]?["policy"]?["Statement"] != nil)
    #expect(item("logDeliveries")?["config"]?["source"]?["name"] == "edge")
    print("moto: not read: \((answer.json["gaps"]?.array ?? []).map { $0["call"]?.string ?? "" })")
  }
}
