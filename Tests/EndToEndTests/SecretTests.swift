import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// Planted secrets, and every byte that edgeferry writes.
struct SecretTests {
  static let header = Canary("origin header", "canary+Origin/Header=Value&0001")
  static let otherHeader = Canary("changed origin header", "canary+Other/Header=Value&0002")
  static let token = Canary("session token", "canary//Session+Token/0003==")
  static let ssoToken = Canary("SSO token", "canary-sso-access-token-0004")
  static let container = Canary("container token", "Bearer canary-container-token-0005")
  static let web = Canary("web identity token", "canary.web.identity.token.0006")
  static let tsig = Canary("TSIG secret", "Y2FuYXJ5LXRzaWctc2VjcmV0LTAwMDc=")
  static let process = Canary("credential_process", "canary/Process+Secret/0008")
  static let userinfo = Canary("a URL's password", "canary-url-password-0009")
  static let proxy = Canary("a proxy's password", "canary-proxy-password-0010")
  static let state = Canary("Terraform state", "canary-terraform-attribute-0011")
  static let all = [
    header, otherHeader, token, ssoToken, container, web, tsig, process, userinfo, proxy, state,
  ]

  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  /// A healthy primary with its policy and staging distribution, and a staging distribution nobody needs.
  private func inventory(_ header: Canary) -> String {
    func distribution(_ id: String, _ more: String) -> String {
      """
      {"id":"\(id)","domainName":"\(id.lowercased()).cloudfront.net","config":{"CallerReference":"\(id)",\(more),
       "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net",
        "CustomHeaders":{"Quantity":1,"Items":[{"HeaderName":"x-origin-verify","HeaderValue":"\(header.secret)"}]},
        "CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},
       "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},
       "Comment":"c"}}
      """
    }
    return """
      {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[
       \(distribution("E1CANARY", #""Enabled":true,"Staging":false,"HttpVersion":"http2","ContinuousDeploymentPolicyId":"P1CANARY""#)),
       \(distribution("E2CANARY", #""Enabled":true,"Staging":true,"HttpVersion":"http2""#)),
       \(distribution("E3CANARY", #""Enabled":false,"Staging":true"#))],
       "continuousDeploymentPolicies":[{"id":"P1CANARY","config":{"StagingDistributionDnsNames":{"Quantity":1,"Items":["e2canary.cloudfront.net"]},
        "Enabled":true,"TrafficConfig":{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}}}]}]}
      """
  }

  /// Every place where edgeferry reads a secret, filled.
  private func plant(_ lab: RunningLab) throws {
    let keys = lab.variables()
    try ferry.write(
      """
      version: 1
      regions: [eu-west-1]
      polling: { deployed: 0.2s }
      zones:
        example.net: { provider: rfc2136, server: "127.0.0.1:5301", tsig: { name: k., algorithm: hmac-sha256, secretFile: planted/tsig.secret } }
      """, to: "edgeferry.yaml")
    try ferry.write(Self.tsig.secret, to: "planted/tsig.secret")
    try ferry.write(Self.web.secret, to: "planted/web-token")
    try ferry.write(
      """
      {"version":4,"resources":[{"mode":"managed","type":"aws_cloudfront_distribution","instances":[
       {"attributes":{"id":"E1CANARY","secret":"\(Self.state.secret)"}}]}]}
      """, to: "planted/terraform.tfstate")
    try ferry.write("{\"broken\": \"\(Self.state.secret)\"", to: "planted/broken.json")
    try ferry.writeProgram(
      """
      #!/bin/sh
      cat "/proc/$$/cmdline" "/proc/$PPID/cmdline" >> "$HOME/argv"
      case "$1" in
        good) echo '{"Version":1,"AccessKeyId":"\(keys["AWS_ACCESS_KEY_ID"] ?? "")","SecretAccessKey":"\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")"}' ;;
        odd) echo '{"Version":9,"SecretAccessKey":"\(Self.process.secret)"}' ;;
        fail) echo '\(Self.process.secret)'; exit 3 ;;
      esac
      """, to: "planted/process")
    let process = ferry.folder.appendingPathComponent("planted/process").path
    let web = ferry.folder.appendingPathComponent("planted/web-token").path
    try ferry.write(
      """
      [profile good]
      credential_process = \(process) good
      [profile odd]
      credential_process = \(process) odd
      [profile fail]
      credential_process = \(process) fail
      [profile sso]
      sso_start_url = https://sso.example/start
      sso_region = us-east-1
      sso_account_id = 111111111111
      sso_role_name = r
      [profile web]
      role_arn = arn:aws:iam::111111111111:role/r
      web_identity_token_file = \(web)
      [profile container]
      role_arn = arn:aws:iam::111111111111:role/r
      credential_source = EcsContainer
      [profile half]
      aws_access_key_id = AKIDHALF
      [profile keys]
      aws_access_key_id = AKIDKEYS
      aws_secret_access_key = \(Self.process.secret)
      """, to: ".aws/config")
    // The cache file of an SSO start URL is named by its SHA-1.
    try ferry.write(
      """
      {"startUrl":"https://sso.example/start","region":"us-east-1","accessToken":"\(Self.ssoToken.secret)",
       "expiresAt":"2099-01-01T00:00:00Z","clientSecret":"\(Self.ssoToken.secret)","refreshToken":"\(Self.ssoToken.secret)"}
      """, to: ".aws/sso/cache/98df91031e87f97bfc088c045be6442dc5d70b2a.json")
  }

  /// Everything below the workspace that edgeferry wrote, by its path.
  private func written() throws -> [(path: String, bytes: [UInt8])] {
    let planted = ["planted/", ".aws/", "given", ".lab-talk", "ready-", "edgeferry.yaml"]
    return try FileManager.default.subpathsOfDirectory(atPath: ferry.folder.path).sorted()
      .filter { path in !planted.contains { path.hasPrefix($0) } }
      .compactMap { path in
        let url = ferry.folder.appendingPathComponent(path)
        return (try? Data(contentsOf: url)).map { (path, Array($0)) }
      }
  }

  @Test func `planted secrets are in no byte that any command writes`() async throws {
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "0.1s"])
    try plant(lab)
    try ferry.write(inventory(Self.header), to: "given.json")
    try ferry.write(inventory(Self.otherHeader), to: "given-other.json")
    let keys = lab.variables()
    let labKey = Canary("the lab's secret key", keys["AWS_SECRET_ACCESS_KEY"] ?? "")
    let extra = keys.merging([
      "AWS_CONTAINER_AUTHORIZATION_TOKEN": Self.container.secret,
      "https_proxy": "http://user:\(Self.proxy.secret)@127.0.0.1:1",
    ]) { $1 }
    var heard: [(command: String, bytes: [UInt8])] = []
    @discardableResult
    func run(_ line: String, code: Int32? = 0, extra more: [String: String] = [:]) async throws
      -> Ferry.Answer
    {
      let words = line.split(separator: " ").map(String.init)
      let answer = try await ferry.run(
        words + ["--verbose"], extra: extra.merging(more) { $1 }.filter { !$0.value.isEmpty })
      if let code { #expect(answer.code == code, "\(line): \(answer.talk)") }
      heard.append((line, Array(answer.out.utf8) + Array(answer.talk.utf8)))
      return answer
    }
    func digest(_ name: String) -> String {
      (try? ferry.read("plans/\(name).plan.json"))?["digest"]?.string ?? ""
    }
    try await run("lab load --ready-file \(lab.readyFile) given.json")
    try await run("inventory take --out taken.json")
    try await run("inventory take --include-secrets --out secret.json --output json")
    for file in ["taken.json", "secret.json"] {
      for output in ["text", "json"] {
        try await run("inventory show \(file) --output \(output)")
        try await run("inventory diff \(file) taken.json --output \(output)")
      }
    }
    for output in ["text", "json", "ndjson", "markdown"] {
      try await run("orphans discover --output \(output)")
    }
    try await run("orphans discover --inventory secret.json --tfstate planted/terraform.tfstate")
    try await run("orphans discover --tfstate planted/broken.json", code: 64)
    try await run("orphans plan --name gone --output json")
    try await run("orphans plan --inventory secret.json --name filed")
    try await run("orphans detach E1CANARY --name off")
    for name in ["gone", "off", "filed"] {
      for output in ["text", "json", "markdown"] {
        try await run("show \(name) --output \(output)")
      }
      try await run("runbook \(name)")
    }
    try await run("hold gone --reason why")
    try await run("advance gone --approve \(digest("gone"))", code: 4)
    try await run("release gone")
    try await run("apply gone --approve \(digest("gone")) --output json")
    try await run("status gone --output json")
    let rollback = (try? ferry.read("plans/gone.rollback.plan.json"))?["digest"]?.string ?? ""
    try await run("rollback gone --approve \(rollback)")
    // What was deleted came back with its header value: the image in the state is in clear.
    let back = try await run("inventory take --include-secrets --out again.json")
    #expect(back.code == 0)
    // Another header value than planned against: stale, and neither value is shown.
    try await run("lab load --ready-file \(lab.readyFile) given-other.json")
    let stale = try await run(
      "apply off --approve \(digest("off")) --output json", code: nil)
    try await run("inventory take --include-secrets --out changed.json")
    try await run("inventory diff secret.json changed.json --output json")
    let diff = try await run("inventory diff secret.json changed.json")
    #expect(diff.out.contains("HeaderValue: sha256:"))
    try await run("status off", code: nil)
    try await run("orphans detach E1CANARY --name off2")
    try await run("apply off2 --approve \(digest("off2"))")
    try await run("orphans reattach E1CANARY --name on")
    try await run("apply on --approve \(digest("on"))")
    for command in ["state show", "state show --output json", "state check", "plugins list"] {
      try await run(command)
    }
    try await run("state export state.json")
    try await run("state import state.json --state copy/state.sqlite")
    // Identities that work and that do not, and errors of every kind.
    let none = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]
    try await run("orphans discover --profile good", extra: none)
    for profile in ["odd", "fail", "sso", "web", "container", "half", "keys", "nobody"] {
      let answer = try await run("orphans discover --profile \(profile)", code: nil, extra: none)
      #expect(answer.code != 0)
    }
    try await run(
      "orphans discover --endpoint-url http://user:\(Self.userinfo.secret)@127.0.0.1:1/", code: 64)
    try await run(
      "orphans discover --endpoint-url https://\(Self.userinfo.secret)@host.example:x/", code: 64)
    try await run(
      "orphans discover", code: 64,
      extra: ["AWS_ENDPOINT_URL": "ftp://u:\(Self.userinfo.secret)@h/"])
    try await run(
      "orphans discover", code: nil,
      extra: ["AWS_ENDPOINT_URL": "https://ferry.invalid", "AWS_MAX_ATTEMPTS": "1"])
    try await run("orphans discover", code: nil, extra: ["AWS_SECRET_ACCESS_KEY": "wrong"])
    try await run("apply gone --approve sha256:0", code: 4)
    await lab.stop()

    #expect(stale.code == 5, "\(stale.talk)")
    for (command, bytes) in heard {
      for canary in Self.all + [labKey] {
        #expect(!canary.isIn(bytes), "\(canary.name) in the output of \(command)")
      }
    }
    // Before-images hold header values so that a rollback can bring them back; so do files made to.
    let keepers = [
      ".edgeferry/state.sqlite", "copy/state.sqlite", "state.json", "secret.json", "again.json",
      "changed.json",
    ]
    let files = try written()
    // The child told what arguments it and we were started with.
    #expect(files.contains { $0.path == "argv" && $0.bytes.count > 20 })
    #expect(files.count > 15)
    for (path, bytes) in files {
      for canary in Self.all + [labKey] {
        let mayHold =
          keepers.contains(path) && [Self.header.name, Self.otherHeader.name].contains(canary.name)
        if canary.isIn(bytes), !mayHold { Issue.record("\(canary.name) in \(path)") }
      }
    }
    for path in keepers {
      let bytes = files.first { $0.path == path }?.bytes ?? []
      #expect(Self.header.isIn(bytes) || Self.otherHeader.isIn(bytes), "\(path)")
      let mode = try FileManager.default.attributesOfItem(
        atPath: ferry.folder.appendingPathComponent(path).path)[.posixPermissions]
      #expect(mode as? Int == 0o600, "\(path)")
    }
    #expect(Self.header.isIn(files.first { $0.path == "again.json" }?.bytes ?? []))
  }

  @Test func `a planted TSIG secret is in no byte of a cutover, whether it is right or wrong`()
    async throws
  {
    defer { ferry.remove() }
    let key = NameServer.Key()
    let wrong = "Y2FuYXJ5IG9mIGEgd3JvbmcgVFNJRyBzZWNyZXQsIDAwMTM="
    // As it is in the file (base64, and that in hex and URLs), and as the octets that sign.
    let canaries = [key.secret, wrong].flatMap { text in
      let octets = String(decoding: Data(base64Encoded: text) ?? Data(), as: UTF8.self)
      return [Canary("TSIG secret", text), Canary("TSIG secret, decoded", octets)]
    }
    #expect(canaries.allSatisfy { $0.secret.count > 30 })
    let server = try await NameServer.bind(
      ferry,
      zones: [
        "example.com.": NameServer.zone(
          "example.com.", "www 1 IN CNAME d111111abcdef8.cloudfront.net.")
      ], key: key)
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: rfc2136, server: "\(server.address)", nameservers: ["\(server.address)"], tsig: { name: \(key.name), secretFile: planted/tsig.secret } } }
      cutover: { ttl: 1, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 0s, restoreTTL: false }
      polling: { authoritative: 0.2s, rounds: 1 }
      resolvers: []
      """, to: "edgeferry.yaml")
    func plant(_ text: String) throws {
      try ferry.write(text, to: "planted/tsig.secret")
      chmod(ferry.folder.appendingPathComponent("planted/tsig.secret").path, 0o600)
    }
    var heard: [(command: String, bytes: [UInt8])] = []
    func run(_ line: String, code: Int32 = 0) async throws {
      let answer = try await ferry.run(line.split(separator: " ").map(String.init) + ["--verbose"])
      #expect(answer.code == code, "\(line): \(answer.talk)")
      heard.append((line, Array(answer.out.utf8) + Array(answer.talk.utf8)))
    }
    func digest(_ name: String) throws -> String {
      try ferry.read("plans/\(name).plan.json")["digest"]?.string ?? ""
    }
    // What cannot be read as a secret is not quoted either.
    try plant(wrong + " \(key.secret)")
    try await run(
      "cutover plan www.example.com --to d222222abcdef8.cloudfront.net --name flip", code: 64)
    try plant("key \(key.name) { algorithm hmac-sha512; secret \"\(key.secret)\"; };")
    try await run(
      "cutover plan www.example.com --to d222222abcdef8.cloudfront.net --output json", code: 64)
    try plant(wrong)
    try await run("cutover probe www.example.com --output json")
    try await run("cutover plan www.example.com --to d222222abcdef8.cloudfront.net --name flip")
    try await run("apply flip --approve \(try digest("flip"))", code: 77)
    try await run("status flip --output json", code: 4)
    try plant("key \(key.name) { algorithm \(key.algorithm); secret \"\(key.secret)\"; };")
    try await run("apply flip --approve \(try digest("flip")) --output json")
    for output in ["text", "json", "markdown", "html", "svg"] {
      try await run("show flip --output \(output)")
    }
    try await run("runbook flip")
    try await run("export flip --format stepfunctions --out machine.json")
    try await run("rollback flip --approve \(try digest("flip.rollback"))")
    try await run("state show --output json")
    try await run("state export state.json")
    await server.stop()

    for (command, bytes) in heard {
      for canary in canaries { #expect(!canary.isIn(bytes), "\(canary.name) in \(command)") }
    }
    let conf = server.folder.lastPathComponent
    let files = try written().filter { !$0.path.hasPrefix(conf) }
    #expect(files.contains { $0.path == ".edgeferry/state.sqlite" })
    #expect(files.contains { $0.path == "plans/flip.plan.json" })
    for (path, bytes) in files {
      for canary in canaries where canary.isIn(bytes) {
        Issue.record("\(canary.name) in \(path)")
      }
    }
  }

  @Test func `a service that repeats the request in its refusal gives nothing away`() async throws {
    defer { ferry.remove() }
    let script = Ferry.client("hostile_server.py")
    let server = try Subprocess(
      ["python3", script, "echo"], environment: ferry.environment,
      stderr: ferry.folder.appendingPathComponent("server-talk").path)
    let port = await server.firstLine()
    defer { server.signal(SIGKILL) }
    let key = Canary("secret key", "canary/Secret+Key/0012")
    for output in ["text", "json"] {
      let answer = try await ferry(
        "orphans", "discover", "--verbose", "--output", output,
        extra: [
          "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": key.secret,
          "AWS_SESSION_TOKEN": Self.token.secret,
          "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_MAX_ATTEMPTS": "1",
        ])
      #expect(answer.code == 1 && answer.talk.contains("‹redacted›"), "\(answer.talk)")
      let bytes = Array(answer.out.utf8) + Array(answer.talk.utf8)
      for canary in [key, Self.token] { #expect(!canary.isIn(bytes), "\(answer.talk)") }
      #expect(answer.talk.firstMatch(of: /Signature=[0-9a-f]{16}/) == nil)
    }
  }

  @Test(arguments: ["000", "077", "277"])
  func `files with secrets are their owner's alone under any umask`(_ umask: String) async throws {
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "0.1s"])
    try ferry.write(inventory(Self.header), to: "given.json")
    for line in [
      "lab load --ready-file \(lab.readyFile) given.json",
      "inventory take --include-secrets --out secret.json",
      "orphans plan --name gone", "state export state.json",
    ] {
      let answer = try await ferry.run(
        ["-c", "umask \(umask); exec \(Ferry.binary.path) \(line)"], extra: lab.variables(),
        program: "sh")
      #expect(answer.code == 0, "\(line): \(answer.talk)")
    }
    await lab.stop()
    func mode(_ name: String) throws -> Int? {
      try FileManager.default.attributesOfItem(
        atPath: ferry.folder.appendingPathComponent(name).path)[.posixPermissions] as? Int
    }
    #expect(try mode("secret.json") == 0o600)
    #expect(try mode("state.json") == 0o600)
    #expect(try mode(".edgeferry/state.sqlite") == 0o600)
    #expect(try mode(".edgeferry") == 0o700)
    // A plan is no secret, but nobody else may change it.
    #expect(try (mode("plans/gone.plan.json") ?? 0o777) & 0o022 == 0)
  }

  @Test func `settings and plans that others may write are refused with what to do`() async throws {
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    let variables = lab.variables()
    let planned = try await ferry(
      "orphans", "plan", "--finding", "staging-disabled:E2SAMPLEIDLE10", "--name", "idle",
      "--output", "json", extra: variables)
    let digest = planned.json["digest"]?.string ?? ""
    try ferry.write("version: 1\n", to: "edgeferry.yaml")
    for (file, mode) in [
      ("edgeferry.yaml", 0o664), ("edgeferry.yaml", 0o646), ("plans/idle.plan.json", 0o666),
      ("plans/idle.plan.json", 0o660),
    ] {
      let path = ferry.folder.appendingPathComponent(file).path
      chmod(path, mode_t(mode))
      let answer = try await ferry(
        "apply", "idle", "--approve", digest, "--output", "json", extra: variables)
      #expect(answer.code == 64 && answer.error["code"] == "loose-mode", "\(answer.talk)")
      #expect(answer.error["next"]?.string?.contains("chmod go-w") == true)
      chmod(path, 0o644)
    }
    #expect(try await ferry("apply", "idle", "--approve", digest, extra: variables).code == 0)
    await lab.stop()
  }
}
