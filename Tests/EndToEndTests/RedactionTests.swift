import FerryAWS
import FerryCore
import FerryHTTP
import FerryTestSupport
import Foundation
import Testing

/// Planted secrets of every kind, and every byte that leaves a command of any group: its output, the files of the
/// workspace, and the list of processes while it runs. `SecretTests` looks at credentials and at removals.
struct RedactionTests {
  static let header = Canary("origin header", "canary+Origin/Header=Value&0101")
  static let changed = Canary("changed origin header", "canary+Other/Header=Value&0106")
  static let value = Canary("key value store", "canary-kvs-value/0102+")
  static let tsig = Canary("TSIG secret", "Y2FuYXJ5LXRzaWctc2VjcmV0LTAxMDMtMzItYnl0ZXM=")
  static let hook = Canary("webhook secret", "canary webhook secret 0104")
  static let token = Canary("session token", "canary//Session+Token/0105==")

  static let inventory = """
    {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[
    {"id":"EPRIMARY","domainName":"d1.cloudfront.net","config":{"CallerReference":"p","Comment":"","Enabled":true,
    "ContinuousDeploymentPolicyId":"cdp-1","HttpVersion":"http2","Origins":\(origins),
    "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache",
    "FunctionAssociations":{"Quantity":1,"Items":[{"EventType":"viewer-request","FunctionARN":"arn:aws:cloudfront::111111111111:function/rewrite"}]}}}},
    {"id":"ESTAGING","domainName":"d2.cloudfront.net","config":{"CallerReference":"s","Comment":"","Enabled":true,"Staging":true,
    "HttpVersion":"http2","Origins":\(origins),"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}},
    {"id":"ELOST","domainName":"d3.cloudfront.net","config":{"CallerReference":"l","Comment":"","Enabled":true,"Staging":true,
    "HttpVersion":"http2","Origins":\(origins),"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}}],
    "continuousDeploymentPolicies":[{"id":"cdp-1","config":{"Enabled":true,"StagingDistributionDnsNames":{"Quantity":1,"Items":["d2.cloudfront.net"]},
    "TrafficConfig":{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}}}],
    "cachePolicies":[{"id":"custom-cache","config":{"Name":"cache","MinTTL":1}}],
    "functions":[{"id":"rewrite","name":"rewrite","stage":"LIVE","code":"ZnVuY3Rpb24gaGFuZGxlcihlKSB7IHJldHVybiBlLnJlcXVlc3QgfQ==","config":{"Comment":"c","Runtime":"cloudfront-js-2.0","KeyValueStoreAssociations":{"Quantity":1,"Items":[{"KeyValueStoreARN":"arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111"}]}}}],
    "keyValueStores":[{"id":"redirects","name":"redirects","arn":"arn:aws:cloudfront::111111111111:key-value-store/11111111-1111-1111-1111-111111111111","items":{"a":"b","c":"\(value.secret)"},"config":{"Name":"redirects","Comment":"x"}}]},
    {"id":"222222222222"}]}
    """
  private static func quoted(_ secret: String) -> String {
    secret.replacing("&", with: "\\u0026")
  }
  private static func terraformPlan(_ secret: String) -> String {
    """
    {"format_version":"1.2","resource_changes":[{"address":"aws_cloudfront_distribution.d","mode":"managed","type":"aws_cloudfront_distribution","name":"d",
    "change":{"actions":["update"],"before":{"id":"EPRIMARY","enabled":true,"origin":[\(terraformOrigin(header.secret))]},
    "after":{"id":"EPRIMARY","enabled":false,"origin":[\(terraformOrigin(secret))]},"after_unknown":{}}}]}
    """
  }
  private static func terraformOrigin(_ secret: String) -> String {
    """
    {"origin_id":"o","domain_name":"o.example.net","custom_header":[{"name":"x-key","value":"\(quoted(secret))"}]}
    """
  }
  private static func template(_ secret: String) -> String {
    """
    {"Resources":{"D":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":false,"Origins":[{"Id":"o",
    "DomainName":"o.example.net","CustomOriginConfig":{"OriginProtocolPolicy":"https-only"},"OriginCustomHeaders":[{"HeaderName":"x-key",
    "HeaderValue":"\(quoted(secret))"}]}],"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"custom-cache"}}}}}}
    """
  }
  private static let origins = """
    {"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,
    "OriginProtocolPolicy":"https-only","OriginSslProtocols":{"Quantity":1,"Items":["TLSv1.2"]}},
    "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-key","HeaderValue":"\(header.secret.replacing("&", with: "\\u0026"))"}]}}]}
    """

  /// Command lines of every process of this machine, as they come up.
  private final class Watch: Sendable {
    private let seen = Locked<Set<String>>([])
    private let task: Task<Void, Never>
    init() {
      let seen = seen
      task = Task.detached {
        while !Task.isCancelled {
          for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
          where name.allSatisfy(\.isNumber) {
            let line = text("/proc/\(name)/cmdline")
            if !line.isEmpty { seen.withLock { _ = $0.insert(line) } }
          }
          try? await Task.sleep(for: .milliseconds(5))
        }
      }
    }
    func end() async -> Set<String> {
      task.cancel()
      await task.value
      return seen.withLock { $0 }
    }
  }

  /// Settings with every place where a secret is read from, and what is read there.
  private func plant(_ ferry: Ferry, _ lab: RunningLab, webhook: String) async throws {
    try ferry.write(
      """
      version: 1
      accounts: { source: { profile: old }, target: { profile: new } }
      zones: { example.net: { provider: rfc2136, server: "127.0.0.1:9", nameservers: ["127.0.0.1:9"], tsig: { name: k., algorithm: hmac-sha256, secretFile: planted/tsig } } }
      resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]
      polling: { deployed: 0.2s, authoritative: 0.2s, rounds: 1 }
      signatures: { keys: [planted/sign.pub] }
      sweep: { grace: 0s, maxDeletions: 10, maxPercent: 100, notify: { hook: planted/hook, webhook: "\(webhook)", secretFile: planted/hmac, always: true } }
      """, to: "edgeferry.yaml")
    try ferry.write(Self.tsig.secret + "\n", to: "planted/tsig")
    try ferry.write(Self.hook.secret + "\n", to: "planted/hmac")
    try ferry.writeProgram("#!/bin/sh\ncat > hooked.json; env > hooked.env\n", to: "planted/hook")
    try ferry.writeProgram(
      "#!/bin/sh\necho \"$EDGEFERRY_CONTEXT\" > plugged.json\n", to: "planted/edgeferry-look")
    var profiles = ""
    for (name, account) in [("old", "111111111111"), ("new", "222222222222")] {
      let keys = lab.variables(account: account)
      profiles += """
        [profile \(name)]
        aws_access_key_id=\(keys["AWS_ACCESS_KEY_ID"] ?? "")
        aws_secret_access_key=\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")
        region=us-east-1

        """
    }
    try ferry.write(profiles, to: "planted/aws.config")
    for name in ["tsig", "hmac", "aws.config"] {
      chmod(ferry.folder.appendingPathComponent("planted/\(name)").path, 0o600)
    }
    let made = try await ferry.run(
      [
        "-ec",
        "umask 077; openssl genpkey -algorithm ed25519 -out planted/sign.key; openssl pkey -in planted/sign.key -pubout -out planted/sign.pub",
      ], program: "sh")
    #expect(made.code == 0, "\(made.talk)")
  }

  /// A receiver that answers 204.
  private static let receiver = """
    import http.server
    class H(http.server.BaseHTTPRequestHandler):
      def do_POST(self):
        self.rfile.read(int(self.headers['content-length']));self.send_response(204);self.end_headers()
      def log_message(self,*a): pass
    s=http.server.HTTPServer(('127.0.0.1',0),H)
    print(s.server_port,flush=True)
    s.serve_forever()
    """

  @Test(.timeLimit(.minutes(25)))
  func `no command of any group lets a planted secret out`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(Self.inventory, to: "given.json")
    let lab = try await RunningLab(
      ferry,
      ["--propagation", "0.1s", "--load", ferry.folder.appendingPathComponent("given.json").path])
    let receiver = try Subprocess(
      ["python3", "-c", Self.receiver], environment: ferry.environment)
    let port = await receiver.firstLine()
    try await plant(ferry, lab, webhook: "http://127.0.0.1:\(port)/x")
    func planted(_ name: String) -> String {
      text(ferry.folder.appendingPathComponent("planted/\(name)").path)
    }
    let keys = ["111111111111", "222222222222"].map {
      Canary("secret key of \($0)", lab.variables(account: $0)["AWS_SECRET_ACCESS_KEY"] ?? "")
    }
    let signing = Canary(
      "signing key", String(planted("sign.key").split(separator: "\n").dropFirst().first ?? ""))
    #expect(signing.secret.count == 64)
    let canaries =
      [Self.header, Self.changed, Self.value, Self.tsig, Self.hook, Self.token, signing] + keys
    let lookup = ferry.folder.appendingPathComponent("planted").path
    let edge = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init) ?? ""
    let variables = [
      "AWS_CONFIG_FILE": lookup + "/aws.config", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
      "AWS_ENDPOINT_URL": lab.api, "AWS_REGION": "us-east-1", "EDGEFERRY_EDGE_PORT": edge,
      "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
      "PATH": lookup + ":" + (ferry.environment["PATH"] ?? ""),
    ]
    var heard: [(line: String, bytes: [UInt8])] = []
    @discardableResult
    func run(_ line: String, _ code: Int32? = 0, extra: [String: String] = [:]) async throws
      -> Ferry.Answer
    {
      let words = line.split(separator: " ").map(String.init)
      let answer = try await ferry.run(
        line == "look" ? words : words + ["--verbose"], extra: variables.merging(extra) { $1 })
      if let code { #expect(answer.code == code, "\(line): \(answer.out) \(answer.talk)") }
      heard.append((line, Array((answer.out + answer.talk).utf8)))
      return answer
    }
    func digest(_ name: String) -> String {
      (try? ferry.read("plans/\(name).plan.json"))?["digest"]?.string ?? ""
    }
    /// Signs a plan, runs it and takes it back, and looks at it in every form.
    func follow(_ name: String, until: String? = nil) async throws {
      for output in ["text", "json", "markdown", "html", "svg"] {
        try await run("show \(name) --output \(output) --out shown-\(name).\(output)")
        try await run("show \(name) --output \(output)")
      }
      try await run("runbook \(name)")
      try await run("export \(name) --format stepfunctions")
      try await run("permissions --plan \(name)")
      try await run("permissions --plan \(name) --ticket")
      try await run("apply \(name) --approve \(digest(name))", 4)
      try await run("plan sign \(name) --key planted/sign.key --by ops")
      try await run("plan verify \(name) --output json")
      try await run("hold \(name) --reason lunch")
      try await run("advance \(name) --approve \(digest(name)) --output json", 4)
      try await run("release \(name)")
      let stop = until.map { " --until \($0)" } ?? ""
      try await run("apply \(name) --approve \(digest(name))\(stop)", until == nil ? 0 : 3)
      try await run("status \(name) --output json", nil)
    }
    let watch = Watch()
    try await run("doctor", nil)
    try await run("doctor --output json", nil)
    for words in ["orphans discover", "migrate plan", "sweep run --apply", "handover emit"] {
      try await run("permissions \(words)")
    }
    try await run("permissions orphans discover --check", nil)
    try await run("inventory take --out taken.json")
    try await run("inventory take --account source --include-secrets --out secret.json")
    try await run("inventory show secret.json --output json")
    try await run("inventory diff secret.json taken.json")
    try await run("migrate export EPRIMARY --account source --out export.json --output json")
    try await run("migrate export EPRIMARY --account source --include-secrets --out clear.json")
    try await run(
      "migrate plan EPRIMARY --source source --target target --name move --map-out map.yaml --accept-risk outage",
      nil)
    if digest("move").isEmpty {
      Issue.record("no plan of a move: \(String(decoding: heard.last?.bytes ?? [], as: UTF8.self))")
    } else {
      try await follow("move", until: "await-idle-eprimary")
      try await run("migrate verify move --output json", nil)
      try await run("rollback move --approve \(digest("move.rollback"))")
    }
    for tool in ["terraform", "cloudformation"] {
      try await run("handover emit EPRIMARY --account source --to \(tool) --out code-\(tool)", nil)
      try await run(
        "handover plan EPRIMARY --account source --from none --to \(tool) --dir over-\(tool) --name over-\(tool)",
        nil)
    }
    // With the secret in the code itself, and another one than what is live.
    for (file, secret) in [("same", Self.header.secret), ("other", Self.changed.secret)] {
      try ferry.write(Self.terraformPlan(secret), to: "planted/\(file).tfplan.json")
      try ferry.write(Self.template(secret), to: "planted/\(file).template.json")
      for output in ["text", "json"] {
        try await run(
          "handover check EPRIMARY --account source --tfplan planted/\(file).tfplan.json --output \(output)",
          nil)
        try await run(
          "handover check EPRIMARY --account source --template planted/\(file).template.json --output \(output)",
          nil)
      }
    }
    // They were read: what differs is told, without its value.
    #expect(
      heard.suffix(8).allSatisfy { String(decoding: $0.bytes, as: UTF8.self).contains("EPRIMARY") })
    try await run(
      "handover check EPRIMARY --account source --template code-cloudformation/template.json", nil)
    try await run("handover detect EPRIMARY", nil)
    try await run("orphans detach EPRIMARY --account source --name off")
    try await run("rehearse off --seeds 2 --faults none")
    try await run("rehearse off --seed 1 --trace --faults none --output json")
    try await run("promote check EPRIMARY --account source", nil)
    try await run("promote plan EPRIMARY --account source --name go", nil)
    try await follow("off")
    try await run("rollback off --approve \(digest("off.rollback"))")
    try await run("cutover probe www.example.net --output json", nil)
    try await run(
      "cutover plan www.example.net --to d1.cloudfront.net --name flip --output json", nil)
    for output in ["text", "json"] {
      try await run(
        "cutover verify www.example.net --to d1.cloudfront.net --from d2.cloudfront.net --output \(output)",
        nil)
      try await run("cutover verify flip --output \(output)", nil)
    }
    try await run("sweep run --output json", nil)
    try await run("sweep run --apply", 4)
    try await run("sweep keep ELOST --until 2099-01-01 --reason canary --account source", nil)
    for output in ["text", "json", "markdown", "html"] {
      try await run("sweep report --output \(output)", nil)
    }
    try await run("sweep history --output json")
    for target in ["systemd", "cron", "kubernetes", "github-actions", "eventbridge"] {
      try await run("sweep schedule --for \(target) --state s3://bucket/prefix", nil)
    }
    for output in ["text", "json", "ndjson"] { try await run("audit --output \(output)") }
    try await run("state show --output json")
    try await run("state check")
    try await run("state export state.json")
    try await run("plugins list")
    try await run("look")
    // Keys that are wrong, loose or cut are not repeated.
    try await run("plan sign off --key planted/tsig", 64)
    try await run("plan sign off --key planted/hmac --output json", 64)
    try await run("plan verify off --key planted/sign.key", 64)
    try await run(
      "orphans discover --account source", nil,
      extra: ["AWS_SESSION_TOKEN": Self.token.secret, "AWS_CONFIG_FILE": "/dev/null"])
    let processes = await watch.end()
    await lab.stop()
    receiver.signal(SIGTERM)
    _ = await receiver.wait()

    #expect(heard.count > 100)
    for (line, bytes) in heard {
      for canary in canaries where canary.isIn(bytes) {
        Issue.record("\(canary.name) in the output of \(line)")
      }
    }
    #expect(processes.contains { $0.contains("plan\0sign") })
    for line in processes {
      for canary in canaries where canary.isIn(Array(line.utf8)) {
        Issue.record("\(canary.name) in the list of processes: \(line)")
      }
    }
    // Where values of headers and stores are kept: the state, and the files that were asked to hold them.
    let keepers: Set = [
      ".edgeferry/state.sqlite", "state.json", "secret.json", "clear.json",
      "code-terraform/secrets.auto.tfvars", "over-terraform/secrets.auto.tfvars",
      "code-cloudformation/parameters.secret.json",
      "over-cloudformation/parameters.secret.json",
    ]
    let given = ["planted/", "given.json", "ready-", ".lab-talk"]
    var looked: Set<String> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: ferry.folder.path).sorted()
    where !given.contains(where: { path.hasPrefix($0) }) {
      let url = ferry.folder.appendingPathComponent(path)
      guard let data = try? Data(contentsOf: url) else { continue }
      looked.insert(path)
      for canary in canaries where canary.isIn(Array(data)) {
        guard keepers.contains(path), [Self.header.name, Self.value.name].contains(canary.name)
        else {
          Issue.record("\(canary.name) in \(path)")
          continue
        }
        let mode = try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions]
        #expect(mode as? Int == 0o600, "\(path) holds \(canary.name)")
      }
    }
    for path in [
      ".edgeferry/state.sqlite", "plans/move.plan.json", "plans/move.plan.sig", "runbooks/off.md",
      "hooked.json", "hooked.env", "plugged.json", "map.yaml",
    ] { #expect(looked.contains(path), "\(path)") }
    // What was looked for is really there to be found.
    #expect(
      Self.header.isIn(
        Array(try Data(contentsOf: ferry.folder.appendingPathComponent("clear.json")))))
    #expect(
      Self.value.isIn(
        Array(try Data(contentsOf: ferry.folder.appendingPathComponent("clear.json")))))
  }
}
