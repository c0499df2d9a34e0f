import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// Reports, schedules, notifications and organizations of `sweep` through the built binary.
struct SweepReportTests {
  private func schedule(_ ferry: Ferry, _ words: [String]) async throws -> String {
    let printed = try await ferry.run(["sweep", "schedule"] + words)
    #expect(printed.code == 0, "\(printed.talk)")
    return printed.out
  }

  @Test func `reports and history tell what every shard found`() async throws {
    let scene = try await SweepEndToEndTests.Scene(
      4, orphans: { $0 < 2 }, sweep: "grace: 1d, maxDeletions: 20, maxPercent: 100")
    let none = try await scene.ferry.run(["sweep", "report"], extra: scene.variables)
    #expect(none.code == 64)
    for part in ["1/2", "2/2"] {
      #expect(try await scene.sweep(["--shard", part]).code == 0)
    }
    let summary = scene.ferry.folder.appendingPathComponent("summary.md").path
    let metrics = scene.ferry.folder.appendingPathComponent("edgeferry.prom").path
    var variables = scene.variables
    variables["GITHUB_STEP_SUMMARY"] = summary
    let applied = try await scene.ferry.run(
      [
        "sweep", "run", "--apply", "--at", "2026-11-03T00:00:00Z", "--prometheus", metrics,
        "--fail-on", "changes",
      ], extra: variables)
    #expect(applied.code == 2, "\(applied.out) \(applied.talk)")
    #expect(text(summary).contains("### Sweep of 4 accounts\n"))
    #expect(text(summary).contains("2 removed") && text(summary).contains("policy-unattached"))
    #expect(text(metrics).contains("edgeferry_sweep_removed 2"))
    let report = try await scene.ferry.run(
      [
        "sweep", "report", "--since", "2026-11-01", "--output", "json", "--at",
        "2026-11-04T00:00:00Z",
      ], extra: scene.variables)
    #expect(report.code == 0, "\(report.talk)")
    #expect(report.json["schema"] == "edgeferry.findings/1")
    #expect(report.json["accounts"]?.array?.count == 4)
    #expect(
      report.json["findings"]?.array?.allSatisfy { $0["ledger"]?["state"] == "removed" } == true)
    #expect(report.json["findings"]?.array?.count == 2)
    let history = try await scene.ferry.run(
      ["sweep", "history", "--output", "json"], extra: scene.variables)
    let days = history.json["days"]?.array ?? []
    #expect(days.compactMap { $0["day"]?.string } == ["2026-11-01", "2026-11-03"])
    #expect(days.first?["new"] == 2 && days.last?["removed"] == 2, "\(history.out)")
    for format in ["text", "markdown", "html", "ndjson"] {
      let shown = try await scene.ferry.run(
        ["sweep", "report", "--since", "2026-11-01", "--output", format], extra: scene.variables)
      #expect(shown.code == 0 && shown.out.contains("policy-unattached"), "\(shown.talk)")
      #expect(!shown.out.contains("canary-header"))
    }
    let table = try await scene.ferry.run(["sweep", "history"], extra: scene.variables)
    #expect(table.out.contains("2026-11-03"))
    await scene.end()
  }

  @Test func `a hook and a signed webhook hear of a sweep, again after an error`() async throws {
    let scene = try await SweepEndToEndTests.Scene(1, orphans: { _ in true })
    let (ferry, folder) = (scene.ferry, scene.ferry.folder)
    try ferry.writeProgram("#!/bin/sh\ncat > \(folder.path)/hook.json\n", to: "hook")
    try ferry.write("open sesame\n", to: "secret")
    chmod(folder.appendingPathComponent("secret").path, 0o600)
    // Fails once, then keeps what it gets.
    let server = """
      import http.server,sys
      class H(http.server.BaseHTTPRequestHandler):
        count=0
        def do_POST(self):
          H.count+=1
          body=self.rfile.read(int(self.headers['content-length']))
          self.send_response(503 if H.count==1 else 204); self.end_headers()
          if H.count>1:
            open(sys.argv[1],'wb').write(body)
            open(sys.argv[1]+'.signature','w').write(self.headers['x-edgeferry-signature-256'])
        def log_message(self,*a): pass
      s=http.server.HTTPServer(('127.0.0.1',0),H)
      print(s.server_port,flush=True)
      s.serve_forever()
      """
    let kept = folder.appendingPathComponent("posted.json").path
    let process = try Subprocess(
      ["python3", "-c", server, kept], environment: ferry.environment)
    let port = await process.firstLine()
    let settings = folder.appendingPathComponent("edgeferry.yaml").path
    try ferry.write(
      text(settings)
        + "sweep: { notify: { hook: ./hook, webhook: \"http://127.0.0.1:\(port)/x\", secretFile: secret } }\n",
      to: "edgeferry.yaml")
    let swept = try await scene.sweep()
    #expect(swept.code == 0, "\(swept.talk)")
    for file in [kept, folder.appendingPathComponent("hook.json").path] {
      let told = try JSONValue.read(Array(text(file).utf8), what: "the report")
      #expect(told["schema"] == "edgeferry.findings/1" && told["exitCode"] == 0)
    }
    let check = try await ferry.run(
      [
        "-c",
        "import hmac,sys;b=open(sys.argv[1],'rb').read();print('sha256='+hmac.new(b'open sesame',b,'sha256').hexdigest()==open(sys.argv[1]+'.signature').read())",
        kept,
      ], program: "python3")
    #expect(check.out == "True\n", "\(check.talk)")
    #expect(!swept.talk.contains("sesame") && !text(kept).contains("sesame"))
    // No news: nobody is told.
    unlink(kept)
    #expect(try await scene.sweep(at: 1).code == 0)
    #expect(text(kept) == "")
    // A hook that fails is a warning; the sweep is done.
    try ferry.writeProgram("#!/bin/sh\nexit 3\n", to: "hook")
    process.signal(SIGTERM)
    _ = await process.wait()
    try ferry.write(
      text(settings).replacingOccurrences(of: "notify: {", with: "notify: { always: true, "),
      to: "edgeferry.yaml")
    let warned = try await scene.sweep(at: 2)
    #expect(warned.code == 0 && warned.talk.contains("it ended with 3"), "\(warned.talk)")
    #expect(warned.talk.contains("the webhook was not told"))
    await scene.end()
  }

  @Test func `systemd takes the units as they are printed`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let units = try await schedule(ferry, ["--for", "systemd", "--every", "4h", "--apply"])
    let parts = units.components(separatedBy: "# /etc/systemd/system/").dropFirst()
    #expect(parts.count == 2)
    for part in parts {
      let name = String(part.prefix { $0 != "\n" })
      try ferry.write(
        String(part.dropFirst(name.count)).replacingOccurrences(
          of: "/usr/local/bin/edgeferry", with: Ferry.binary.path), to: name)
    }
    guard let analyze = Ferry.tool("systemd-analyze") else { return }
    let service = ferry.folder.appendingPathComponent("edgeferry-sweep.service").path
    let timer = ferry.folder.appendingPathComponent("edgeferry-sweep.timer").path
    let verified = try await ferry.run(
      ["verify", "--man=no", "--recursive-errors=one", service, timer], program: analyze)
    #expect(
      verified.code == 0 && !verified.talk.contains("edgeferry-sweep"),
      "\(verified.out) \(verified.talk)")
    let calendar = try await ferry.run(["calendar", "0/4:17"], program: analyze)
    #expect(calendar.code == 0)
  }

  @Test func `cfn-lint has nothing to say of the EventBridge template`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lint = try #require(Ferry.tool("cfn-lint"))
    for extra in [[], ["--apply"]] {
      try ferry.write(
        try await schedule(
          ferry, ["--for", "eventbridge", "--state", "s3://bucket-of-state/sweeps"] + extra),
        to: "template.yaml")
      let linted = try await ferry.run(
        [ferry.folder.appendingPathComponent("template.yaml").path], program: lint)
      #expect(linted.code == 0, "\(linted.out) \(linted.talk)")
    }
  }

  @Test func `Kubernetes' schema takes the CronJob, with and without shards`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let validate = try #require(Ferry.tool("kubernetes-validate"))
    for extra in [[], ["--shards", "5", "--apply"]] {
      let printed = try await schedule(
        ferry, ["--for", "kubernetes", "--state", "s3://bucket/sweeps"] + extra)
      try ferry.write(printed, to: "job.yaml")
      let checked = try await ferry.run(
        ["--strict", ferry.folder.appendingPathComponent("job.yaml").path], program: validate)
      #expect(checked.code == 0, "\(checked.out) \(checked.talk)")
      #expect(printed.contains("/5\"]") == !extra.isEmpty)
    }
  }

  @Test func `GitHub's schema takes the workflow`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let check = try #require(Ferry.tool("check-jsonschema"))
    try ferry.write(
      try await schedule(ferry, ["--for", "github-actions", "--state", "s3://bucket/sweeps"]),
      to: "workflow.yml")
    let checked = try await ferry.run(
      [
        "--builtin-schema", "vendor.github-workflows",
        ferry.folder.appendingPathComponent("workflow.yml").path,
      ], program: check)
    #expect(checked.code == 0, "\(checked.out) \(checked.talk)")
  }

  @Test func `cron's line runs as it is printed`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let printed = try await schedule(ferry, ["--for", "cron", "--every", "15m"])
    let line = try #require(printed.split(separator: "\n").last { !$0.hasPrefix("#") })
    #expect(line.hasPrefix("*/15 * * * * edgeferry "))
    // The command part, by the shell that cron uses, with a program that tells what it was given.
    let command = line.split(separator: " ", maxSplits: 6)[6]
    try ferry.writeProgram("#!/bin/sh\necho \"$@\"\n", to: "bin/edgeferry")
    let ran = try await ferry.run(
      [
        "-c",
        "PATH=\(ferry.folder.path)/bin:$PATH; "
          + String(command).replacingOccurrences(of: "/var/lib/edgeferry", with: ferry.folder.path),
      ], program: "sh")
    #expect(
      ran.out == "sweep run --quiet --config /etc/edgeferry/edgeferry.yaml\n", "\(ran.talk)")
  }

  @Test func `schedulers that keep no files need a state that lasts`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    for kind in ["kubernetes", "github-actions", "eventbridge"] {
      let open = try await ferry.run(["sweep", "schedule", "--for", kind])
      #expect(open.code == 0 && open.talk.contains("warning: no state was given"), "\(open.talk)")
      #expect(open.out.contains("s3://BUCKET/edgeferry"))
      // Who runs them so is told, and nothing is swept.
      let left = try await ferry.run(["sweep", "run", "--state", "s3://BUCKET/edgeferry"])
      #expect(left.code == 64 && left.talk.contains("BUCKET"), "\(left.talk)")
      let refused = try await ferry.run(
        ["sweep", "schedule", "--for", kind, "--state", "state.sqlite"])
      #expect(refused.code == 64 && refused.talk.contains("s3://"))
    }
    for kind in ["systemd", "cron", "kubernetes", "github-actions"] {
      let printed = try await schedule(
        ferry, ["--for", kind, "--state", "s3://bucket/sweeps", "--apply"])
      let lines = printed.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(
        lines.contains("# Least privilege: edgeferry permissions sweep run --apply"), "\(printed)")
    }
    for kind in ["cron", "systemd", "github-actions"] {
      let refused = try await ferry.run(
        ["sweep", "schedule", "--for", kind, "--state", "s3://b/x", "--image", "x"])
      #expect(refused.code == 64 && refused.talk.contains("--image"), "\(refused.talk)")
    }
    for words in [
      ["--for", "systemd", "--every", "7m"], ["--for", "systemd", "--shards", "2"],
      ["--for", "kubernetes", "--state", "s3://b/x; rm"],
      ["--for", "kubernetes", "--state", "s3://b/x", "--image", "a b"],
    ] {
      #expect(try await ferry.run(["sweep", "schedule"] + words).code == 64)
    }
  }

  @Test func `an organization's accounts are listed by moto and read through their roles`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    let made = try await ferry.run(
      [
        "-c",
        """
        import boto3,sys
        c=boto3.client('organizations',endpoint_url=sys.argv[1],region_name='us-east-1',aws_access_key_id='a',aws_secret_access_key='b')
        c.create_organization(FeatureSet='ALL')
        root=c.list_roots()['Roots'][0]['Id']
        unit=c.create_organizational_unit(ParentId=root,Name='web')['OrganizationalUnit']['Id']
        inner=c.create_organizational_unit(ParentId=unit,Name='shop')['OrganizationalUnit']['Id']
        ids=[c.create_account(AccountName=n,Email=n+'@example.com')['CreateAccountStatus']['AccountId'] for n in ('one','two','three')]
        c.move_account(AccountId=ids[0],SourceParentId=root,DestinationParentId=unit)
        c.move_account(AccountId=ids[1],SourceParentId=root,DestinationParentId=inner)
        print(unit,*ids)
        """, moto.url,
      ], program: Ferry.python)
    #expect(made.code == 0, "\(made.talk)")
    let words = made.out.split(whereSeparator: \.isWhitespace).map(String.init)
    let (unit, ids) = (words[0], Array(words.dropFirst()))
    let lab = try await RunningLab(
      ferry, ["--accounts", (["111111111111"] + ids).joined(separator: ",")])
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_ORGANIZATIONS"] = moto.url
    func accounts(_ more: String) async throws -> [String] {
      try ferry.write(
        "version: 1\nsweep: { organization: { roleName: sweep-reader, externalId: e-1\(more) } }\n",
        to: "edgeferry.yaml")
      let swept = try await ferry(
        "sweep", "run", "--output", "json", "--quiet", extra: variables)
      #expect([0, 4].contains(swept.code), "\(swept.talk)")
      return swept.json["accounts"]?.array?.compactMap(\.string) ?? []
    }
    #expect(try await accounts(", units: [\(unit)]") == Array(ids[0...1]).sorted())
    #expect(
      try await accounts(", units: [\(unit)], skip: [\"\(ids[0])\"]") == [ids[1]])
    #expect(try await accounts(", statuses: [SUSPENDED]") == [])
    // moto's own management account is none of the lab's: a gap, and the rest is swept.
    #expect(try await Set(accounts("")).isSuperset(of: ids))
    let loud = try await ferry("sweep", "run", "--verbose", extra: variables)
    let called = PermissionEndToEndTests.called(loud.talk)
    #expect(
      called.contains("organizations:ListAccountsForParent")
        || called.contains("organizations:ListAccounts"), "\(called)")
    #expect(called.contains("sts:AssumeRole"))
    let needs = try await ferry("permissions", "sweep", "run", "--output", "json")
    let odd = called.subtracting(PermissionEndToEndTests.declared(needs))
    #expect(odd.isEmpty, "\(odd.sorted())")
    await moto.stop()
    await lab.stop()
  }
}
