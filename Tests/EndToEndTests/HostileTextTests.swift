import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// One corpus of hostile text, through every field, command and output format.
struct HostileTextTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  /// Runs a command and looks at every byte of what it says.
  @discardableResult
  private func run(
    _ words: [String], code: Int32? = nil, extra: [String: String] = [:],
    location: SourceLocation = #_sourceLocation
  ) async throws -> Ferry.Answer {
    let answer = try await ferry.run(words, extra: extra)
    let found = HostileText.intruder(in: answer.out) ?? HostileText.intruder(in: answer.talk)
    #expect(found == nil, "\(words.prefix(3))", sourceLocation: location)
    if let code {
      #expect(answer.code == code, "\(words.prefix(3)) \(answer.talk)", sourceLocation: location)
    } else {
      // Whatever it ended in, it was no crash.
      #expect(answer.code < 128, "\(words.prefix(3)) \(answer.talk)", sourceLocation: location)
    }
    return answer
  }

  // MARK: Inventories

  /// A distribution, a policy and a stack for each text, the text in every field that takes one.
  private static func inventory(_ texts: [String], ids: Bool, account: String) -> JSONValue {
    var distributions: [JSONValue] = []
    var policies: [JSONValue] = []
    var stacks: [JSONValue] = []
    for (index, text) in texts.enumerated() {
      let it = JSONValue.string(text)
      let id = JSONValue.string("E\(index)H" + (ids ? text : ""))
      let policy = JSONValue.string("P\(index)H" + (ids ? text : ""))
      let status: JSONValue = ids ? it : "Deployed"
      distributions.append([
        "id": id, "arn": ids ? it : "", "domainName": .string("d\(index)" + (ids ? text : "")),
        "status": status, "etag": ids ? it : "", "lastModified": ids ? it : "",
        "tags": .object([text: it]),
        "config": [
          "CallerReference": it, "Comment": it, "Enabled": .bool(index % 3 == 0),
          "Staging": .bool(index % 3 != 0), "HttpVersion": "http2and3",
          "ContinuousDeploymentPolicyId": index % 3 == 0 ? policy : "",
          "Aliases": ["Quantity": 1, "Items": .array([it])],
          "Origins": [
            "Quantity": 1,
            "Items": [
              [
                "Id": it, "DomainName": it, "OriginPath": it,
                "CustomHeaders": [
                  "Quantity": 1, "Items": [["HeaderName": it, "HeaderValue": it]],
                ],
              ]
            ],
          ],
          "DefaultCacheBehavior": ["TargetOriginId": it, "ViewerProtocolPolicy": "https-only"],
        ],
      ])
      policies.append([
        "id": policy, "etag": ids ? it : "", "lastModified": "",
        "config": [
          "StagingDistributionDnsNames": ["Quantity": 1, "Items": .array([it])],
          "Enabled": true,
          "TrafficConfig": [
            "Type": "SingleHeader", "SingleHeaderConfig": ["Header": it, "Value": it],
          ],
        ],
      ])
      stacks.append([
        "id": .string("arn:aws:cloudformation:eu-west-1:1:stack/\(index)" + text), "name": it,
        "region": "eu-west-1", "status": index % 2 == 0 ? "DELETE_COMPLETE" : it,
        "resources": [
          [
            "logicalId": it, "type": "AWS::CloudFront::Distribution", "physicalId": id,
            "status": it,
          ]
        ],
      ])
    }
    let gaps: [JSONValue] =
      ids
      ? texts.map { ["account": .string($0), "call": .string($0), "reason": .string($0)] } : []
    return [
      "schema": "edgeferry.inventory/1", "takenAt": "2026-01-01T00:00:00Z",
      "complete": .bool(gaps.isEmpty), "gaps": .array(gaps),
      "accounts": [
        [
          "id": .string(account), "distributions": .array(distributions),
          "continuousDeploymentPolicies": .array(policies), "stacks": .array(stacks),
        ]
      ],
    ]
  }
  private static let texts = HostileText.all.map(\.text)
  /// The same in a few pieces, each short enough to be shown whole.
  private static let chunks: [String] = {
    let short = texts.filter { $0.utf8.count < 60 && !$0.contains("\0") }
    return stride(from: 0, to: short.count, by: 34).map {
      short[$0..<min($0 + 34, short.count)].joined(separator: " ")
    }
  }()

  /// A Markdown table whose every row has the cells of its head.
  private func expectTable(_ text: String, location: SourceLocation = #_sourceLocation) {
    let lines = text.split(separator: "\n")
    func cells(_ line: Substring) -> Int {
      var count = 0
      var escaped = false
      for character in line {
        if character == "|", !escaped { count += 1 }
        escaped = character == "\\" && !escaped
      }
      return count
    }
    for line in lines {
      #expect(
        line.hasPrefix("|") && cells(line) == cells(lines[0]), "\(line)", sourceLocation: location)
    }
  }

  @Test func `no field of an inventory file reaches a terminal or Markdown as it is`() async throws
  {
    defer { ferry.remove() }
    for (name, account) in [("a", "\u{1B}[2J\u{202E}"), ("b", "111111111111")] {
      try ferry.write(
        Self.inventory(Self.texts + (name == "b" ? ["more"] : []), ids: true, account: account)
          .canonical, to: "\(name).json")
    }
    for file in ["a.json", "b.json"] {
      try await run(["inventory", "show", file], code: 0)
      let shown = try await run(["inventory", "show", file, "--output", "json"], code: 0)
      // JSON keeps the meaning of what it escapes.
      let comments = shown.json["accounts"]?.array?.first?["distributions"]?.array?.prefix(
        Self.texts.count
      ).map { $0["config"]?["Comment"]?.string }
      #expect(comments == Self.texts.map(Optional.some))
      for output in file == "a.json" ? ["text", "json"] : ["text", "ndjson"] {
        try await run(
          ["orphans", "discover", "--inventory", file, "--output", output, "--verbose"], code: 0)
      }
      let table = try await run(
        ["orphans", "discover", "--inventory", file, "--output", "markdown"], code: 0)
      #expect(table.out.split(separator: "\n").count > Self.texts.count)
      expectTable(table.out)
      try await run(["orphans", "plan", "--inventory", file, "--name", "x"])
    }
    for output in ["text", "json"] {
      try await run(["inventory", "diff", "a.json", "b.json", "--output", output], code: 0)
    }
  }

  @Test func `no field of a live account reaches a terminal, a plan or a runbook as it is`()
    async throws
  {
    defer { ferry.remove() }
    let texts = Self.texts.filter(HostileText.isXML)
    #expect(texts.count > 50)
    try ferry.write(
      Self.inventory(texts, ids: false, account: "111111111111").canonical, to: "given.json")
    try ferry.write("version: 1\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let lab = try await RunningLab(ferry, ["--propagation", "0.1s"])
    let variables = lab.variables().merging(["AWS_REGION": "eu-west-1"]) { $1 }
    try await run(["lab", "load", "--ready-file", lab.readyFile, "given.json"], code: 0)
    try await run(
      ["inventory", "take", "--out", "taken.json", "--verbose"], code: 0, extra: variables)
    try await run(["inventory", "show", "taken.json"], code: 0)
    for output in ["text", "json", "ndjson", "markdown"] {
      try await run(["orphans", "discover", "--output", output], code: 0, extra: variables)
    }
    try await run(
      ["orphans", "plan", "--name", "h", "--accept-risk", "policy-still-routing"], code: 0,
      extra: variables)
    for output in ["text", "json", "markdown", "html", "svg"] {
      try await run(["show", "h", "--output", output], code: 0)
    }
    try await run(["runbook", "h"], code: 0)
    try await run(["export", "h", "--format", "stepfunctions"], code: 0)
    try await run(["orphans", "detach", "E0H", "--name", "d"], code: 0, extra: variables)
    try await run(["show", "d", "--output", "markdown"], code: 0)
    // A stale step shows the differing fields of its config.
    try ferry.write(
      Self.inventory(Array(texts.reversed()), ids: false, account: "111111111111").canonical,
      to: "other.json")
    try await run(["lab", "load", "--ready-file", lab.readyFile, "other.json"], code: 0)
    for output in ["text", "json"] {
      let digest = try ferry.read("plans/d.plan.json")["digest"]?.string ?? ""
      try await run(
        ["apply", "d", "--approve", digest, "--output", output], code: 5, extra: variables)
      try await run(["status", "d", "--output", output], code: 5)
    }
    await lab.stop()
    for name in [
      "taken.json", "plans/h.plan.json", "plans/h.rollback.plan.json", "runbooks/h.md",
    ] {
      let bytes = try Data(contentsOf: ferry.folder.appendingPathComponent(name))
      #expect(HostileText.intruder(in: String(decoding: bytes, as: UTF8.self)) == nil, "\(name)")
    }
  }

  // MARK: Plans

  @Test func `no field of a plan reaches a terminal or a runbook as it is`() async throws {
    defer { ferry.remove() }
    for chunk in Self.chunks {
      try ferry.write(FerryJSON.document(HostileText.plan("p", chunk)), to: "plans/p.plan.json")
      for output in ["text", "json", "markdown"] {
        try await run(["show", "p", "--output", output], code: 0)
      }
      try await run(["runbook", "p"], code: 0)
      let book = try Data(contentsOf: ferry.folder.appendingPathComponent("runbooks/p.md"))
      #expect(HostileText.intruder(in: String(decoding: book, as: UTF8.self)) == nil)
      try await run(["status", "p"], code: 3)
      try await run(["apply", "p", "--approve", "sha256:\(chunk)"], code: 4)
    }
  }

  @Test func `a path that a runbook or a next command shows is one word of a shell`() async throws {
    defer { ferry.remove() }
    let name = "a b`c`;$(d) 'e\u{1B}[2J"
    try ferry.write(FerryJSON.document(HostileText.plan("p", "x")), to: "\(name).plan.json")
    let path = "./\(name).plan.json"
    let book = try await run(["show", path, "--output", "markdown"], code: 0).out
    #expect(book.contains("edgeferry apply './a b`c`;$(d) '\\''e\\u{1b}[2J.plan.json' --approve"))
    let status = try await run(["status", path, "--output", "json"], code: 3)
    #expect(status.json["next"]?.string?.contains("apply './a b`c`;$(d) '\\''e") == true)
    try await run(["runbook", path, "--out", "\(name).md"], code: 0)
    try await run(["hold", path, "--reason", name], code: 0)
    try await run(["status", path], code: 4)
  }

  // MARK: Services

  @Test func `no error of a service reaches a terminal as it is`() async throws {
    defer { ferry.remove() }
    let script = Ferry.client("hostile_server.py")
    try ferry.write(JSONValue.of(Self.texts).canonical, to: "texts.json")
    let texts = ferry.folder.appendingPathComponent("texts.json").path
    for (kind, code) in [("gaps", Int32(0)), ("refusals", 1)] {
      let server = try Subprocess(
        ["python3", script, kind, texts], environment: ferry.environment,
        stderr: ferry.folder.appendingPathComponent("server-talk").path)
      let port = await server.firstLine()
      defer { server.signal(SIGKILL) }
      let variables = [
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)",
      ]
      if kind == "gaps" {
        for output in ["text", "json", "ndjson", "markdown"] {
          let answer = try await run(
            ["orphans", "discover", "--verbose", "--output", output], code: code, extra: variables)
          #expect(answer.talk.contains("not read in"))
          if output == "json" {
            #expect(answer.json["gaps"]?.array?.count ?? 0 > Self.texts.count)
          }
        }
        try await run(["inventory", "take", "--out", "g.json"], code: code, extra: variables)
        try await run(["inventory", "show", "g.json"], code: code)
      } else {
        // The server goes on to the next text with every request.
        for index in 0..<12 {
          try await run(
            ["orphans", "discover", "--output", index % 2 == 0 ? "text" : "json"], code: code,
            extra: variables)
        }
      }
    }
  }

  // MARK: DNS

  @Test func `no octet of DNS data reaches a terminal, a plan or a page as it is`() async throws {
    defer { ferry.remove() }
    // ESC, BEL, CSI, U+202E in UTF-8, a newline, markup: in a label of a target, as any server may send them.
    let octets = "\\027]0\\;owned\\007\\027[2J\\155\\226\\128\\174\\010<b>\\`\\|"
    let server = try await NameServer.script(
      ferry, zone: "example.com.",
      text: NameServer.zone(
        "example.com.",
        """
        www 1 IN CNAME \(octets).example.com.
        web 1 IN HTTPS 1 \(octets).example.com. alpn="h2"
        text 1 IN TXT "\(octets)"
        """), behaviour: "ok")
    try ferry.write(
      """
      version: 1
      zones: { example.com: { provider: manual, nameservers: ["\(server.address)"] } }
      resolvers: ["\(server.address)"]
      polling: { authoritative: 0.2s, rounds: 1 }
      """, to: "edgeferry.yaml")
    for name in ["www.example.com", "web.example.com", "text.example.com"] {
      for output in ["text", "json", "markdown"] {
        let probe = try await run(
          ["cutover", "probe", name, "--output", output, "--verbose"], code: 0)
        if name == "www.example.com" { #expect(probe.out.contains("owned"), "\(probe.out)") }
      }
      for output in ["text", "json"] {
        try await run(
          ["cutover", "verify", name, "--to", "d2.cloudfront.net", "--output", output], code: 4)
      }
    }
    try await run(
      ["cutover", "plan", "web.example.com", "--to", "d2.cloudfront.net", "--name", "web"])
    let planned = try await run(
      ["cutover", "plan", "www.example.com", "--to", "d2.cloudfront.net", "--name", "www"], code: 0)
    #expect(planned.out.contains("owned"), "\(planned.out)")
    for output in ["text", "json", "markdown", "html", "svg"] {
      let shown = try await run(["show", "www", "--output", output], code: 0)
      if ["html", "svg"].contains(output) { #expect(!shown.out.contains("<b>"), "\(output)") }
    }
    try await run(["export", "www", "--format", "stepfunctions"], code: 0)
    try await run(["runbook", "www"], code: 0)
    let digest = try ferry.read("plans/www.plan.json")["digest"]?.string ?? ""
    for output in ["text", "json"] {
      // The ticket names the old target.
      try await run(
        ["apply", "www", "--approve", digest, "--max-wait", "1s", "--output", output], code: 4)
    }
    await server.stop()
    for name in ["plans/www.plan.json", "plans/www.rollback.plan.json", "runbooks/www.md"] {
      let bytes = try Data(contentsOf: ferry.folder.appendingPathComponent(name))
      #expect(HostileText.intruder(in: String(decoding: bytes, as: UTF8.self)) == nil, "\(name)")
    }
  }

  // MARK: What the operator's side holds

  @Test func `no settings, file name, variable or argument reaches a terminal as it is`()
    async throws
  {
    defer { ferry.remove() }
    let steering = Self.texts.filter { HostileText.intruder(in: $0) != nil && !$0.contains("\0") }
    let all = steering.filter { $0.utf8.count < 60 }.joined()
    try ferry.write(
      Self.inventory(["x"], ids: true, account: "111111111111").canonical, to: "i.json")
    let quoted = JSONValue.string(all).canonical
    for text in [
      "\(quoted): 1", "version: \(quoted)", "version: \(all)", "regions: \(quoted)",
      "version: 1\naccounts: { \(quoted): { profile: \(quoted), roleArn: \(quoted) } }",
      "version: 1\nwindows: { \(quoted): {} }", "polling: { deployed: \(quoted) }",
      "version: 1\nwindows: { dns: { timeZone: \(quoted) } }", "rehearsal: \(quoted)",
      "version: 1\nwindows: { dns: { allow: [\(quoted)] } }", "sweep: { keep: { \(quoted): 1 } }",
    ] {
      try ferry.write(text + "\n", to: "edgeferry.yaml")
      #expect(try await run(["orphans", "discover"]).code != 0)
      try await run(["orphans", "discover", "--account", "none", "--output", "json"], code: 64)
    }
    try FileManager.default.removeItem(at: ferry.folder.appendingPathComponent("edgeferry.yaml"))
    for arguments in [
      [all], ["orphans", all], ["orphans", "discover", "--\(all)"], ["show", all],
      ["show", "./\(all)"],
      ["apply", "x", "--approve", all], ["--output", all, "plugins", "list"],
      ["--at", all, "plugins", "list"],
      ["orphans", "discover", "--fail-on", all], ["orphans", "discover", "--profile", all],
      ["orphans", "plan", "--name", all, "--inventory", "i.json"],
      ["orphans", "plan", "--finding", all, "--inventory", "i.json"],
      ["orphans", "detach", all], ["orphans", "reattach", all, "--policy", all],
      ["inventory", "show", all], ["inventory", "take", "--out", "/no/\(all)"],
      ["state", "show", "--state", "i.json/\(all)"], ["state", "import", all],
      ["--endpoint-url", "http://\(all)/", "orphans", "discover"],
      ["--config", all, "plugins", "list"],
      ["lab", "serve", "--fault", all], ["lab", "serve", "--behaviour", all],
      ["lab", "serve", "--api", all],
      ["lab", "env", "--ready-file", all, "--account", all], ["help", all],
    ] {
      for output in arguments.count % 2 == 0 ? ["text"] : ["text", "json"] {
        let answer = try await run(
          arguments + (arguments.contains("--output") ? [] : ["--output", output]),
          extra: [
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1",
          ])
        #expect(answer.code != 0, "\(arguments.prefix(2))")
      }
    }
    let steps = [
      "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE",
      "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_ROLE_ARN",
      "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "EDGEFERRY_STATE",
      "EDGEFERRY_WORKSPACE", "https_proxy", "TERM", "HOME",
    ]
    for name in steps {
      try await run(
        ["orphans", "discover"],
        extra: ["AWS_MAX_ATTEMPTS": "1"].merging([name: all]) { $1 })
    }
    // File names: Terraform states, inventories, plugins on PATH.
    var name = "n"
    for text in steering where !text.contains("/") && name.utf8.count + text.utf8.count < 220 {
      name += text
    }
    try ferry.write(
      #"{"version":4,"resources":[{"type":"aws_cloudfront_distribution","instances":[{"attributes":{"id":"E0Hx"}}]}]}"#,
      to: "\(name).tfstate")
    try ferry.write("#!/bin/sh\n", to: "bin/edgeferry-\(name)")
    chmod(ferry.folder.appendingPathComponent("bin/edgeferry-\(name)").path, 0o755)
    for output in ["text", "json", "markdown"] {
      let found = try await run(
        [
          "orphans", "discover", "--inventory", "i.json", "--tfstate", "\(name).tfstate",
          "--output", output,
        ], code: 0)
      if output == "json" {
        #expect(
          found.json["findings"]?.array?.contains { $0["owner"]?["kind"] == "terraform" } == true)
      }
    }
    for output in ["text", "json"] {
      let list = try await run(
        ["plugins", "list", "--output", output], code: 0,
        extra: ["PATH": ferry.folder.appendingPathComponent("bin").path + ":/usr/bin:/bin"])
      #expect(list.out.contains("external"))
    }
  }

  @Test func `bytes that are no UTF-8 end in text that is`() async throws {
    defer { ferry.remove() }
    let binary = Ferry.binary.path
    for line in [
      #"exec "$0" show "$(printf 'a\377\376\033[2J')""#,
      #"printf '{"schema":"edgeferry.inventory/1\377"}' > f.json; exec "$0" inventory show f.json"#,
      #"printf 'version: 1\n\377\300\257: 1\n' > edgeferry.yaml; exec "$0" plugins list"#,
      #"rm -f edgeferry.yaml; AWS_PROFILE="$(printf '\377\200')" exec "$0" orphans discover"#,
    ] {
      let out = ferry.folder.appendingPathComponent("raw").path
      let ending = try await Subprocess(
        ["/usr/bin/env", "-C", ferry.folder.path, "sh", "-c", line, binary],
        environment: ferry.environment, stderr: out
      ).wait()
      let talk = try Data(contentsOf: URL(fileURLWithPath: out))
      #expect(ending.code > 0 && ending.code < 128, "\(line)")
      let text = String(validating: Array(talk) + ending.stdout, as: UTF8.self)
      #expect(text != nil && HostileText.intruder(in: text ?? "") == nil, "\(line)")
    }
  }
}
