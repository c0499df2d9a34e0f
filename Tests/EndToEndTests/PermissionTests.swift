import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// No call is made that `permissions` does not declare: what the program says it called, against what it says it
/// needs.
struct PermissionEndToEndTests {
  /// What the log of `--verbose` names, as IAM actions; a call that is in no table is itself.
  static func called(_ talk: String) -> Set<String> {
    var out: Set<String> = []
    for line in talk.split(separator: "\n") where line.contains(" operation=") {
      func value(_ key: String) -> String? {
        line.range(of: " \(key)=").map { String(line[$0.upperBound...].prefix { $0 != " " }) }
      }
      guard let service = value("service"), let operation = value("operation") else { continue }
      out.formUnion(
        CalledActions.actions(service: service, operation: operation)
          ?? ["undeclared \(service):\(operation)"])
    }
    return out
  }
  static func declared(_ answer: Ferry.Answer) -> Set<String> {
    var out: Set<String> = []
    for account in answer.json["accounts"]?.array ?? [] {
      for side in ["read", "write"] {
        for statement in account[side]?["Statement"]?.array ?? [] {
          out.formUnion((statement["Action"]?.array ?? []).compactMap(\.string))
        }
      }
    }
    return out
  }
  /// Runs a command and compares.
  @discardableResult
  private func prove(
    _ ferry: Ferry, _ lab: RunningLab, _ command: [String], _ arguments: [String] = [],
    codes: Set<Int32> = [0]
  ) async throws -> Set<String> {
    let answer = try await ferry.run(command + arguments + ["--verbose"], extra: lab.variables())
    #expect(codes.contains(answer.code), "\(command): \(answer.talk)")
    let words = Array(command + arguments.filter { $0 == "--apply" })
    let needs = try await ferry.run(["permissions"] + words + ["--output", "json"])
    #expect(needs.code == 0, "\(needs.talk)")
    let called = Self.called(answer.talk)
    #expect(!called.isEmpty, "\(command) called nothing")
    let odd = called.subtracting(Self.declared(needs))
    #expect(odd.isEmpty, "\(command): \(odd.sorted())")
    return called
  }

  @Test func `reading commands call nothing that they do not declare`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let found = try await ferry.run(
      ["orphans", "discover", "--output", "json"], extra: lab.variables())
    let inventory = try await ferry.run(
      ["inventory", "take", "--out", "i.json"], extra: lab.variables())
    #expect(inventory.code == 0 && found.code == 0)
    let account = try ferry.read("i.json")["accounts"]?.array?.first
    let primary = try #require(
      // The file has them as they came; the first by id has its trio.
      account?["distributions"]?.array?.filter {
        ($0["config"]?["ContinuousDeploymentPolicyId"]?.string ?? "") != ""
      }.compactMap { $0["id"]?.string }.min())
    try await prove(ferry, lab, ["orphans", "discover"])
    try await prove(ferry, lab, ["orphans", "plan"], ["--name", "orphans"])
    try await prove(ferry, lab, ["orphans", "detach"], [primary])
    try await prove(ferry, lab, ["inventory", "take"], ["--out", "j.json"])
    try await prove(ferry, lab, ["migrate", "export"], [primary, "--out", "e.json"])
    // No list says whose a policy is, so more is read for its id.
    for (id, to, out) in [
      (primary, "terraform", "one"), ("P01SAMPLESHOP", "cloudformation", "two"),
      ("P03SAMPLENEWS", "terraform", "three"),
    ] {
      try await prove(ferry, lab, ["handover", "emit"], [id, "--to", to, "--out", out])
    }
    try await prove(
      ferry, lab, ["handover", "check"], ["P01SAMPLESHOP", "--template", "two/template.json"])
    try await prove(ferry, lab, ["handover", "detect"], ["P01SAMPLESHOP"])
    try await prove(
      ferry, lab, ["handover", "plan"],
      ["P03SAMPLENEWS", "--from", "none", "--to", "terraform", "--dir", "four"])
    try await prove(ferry, lab, ["sweep", "run"], codes: [0, 4])
    try await prove(ferry, lab, ["promote", "check"], [primary], codes: [0, 4])
    try await prove(ferry, lab, ["promote", "plan"], [primary, "--name", "next"])
    try await prove(
      ferry, lab, ["cutover", "verify"],
      ["www.example.com", "--to", "d1.cloudfront.net", "--from", "d2.cloudfront.net"],
      codes: [0, 4])
    await lab.stop()
  }

  @Test func `an applied plan and its rollback call nothing that permissions leaves out`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0s"])
    let variables = lab.variables()
    try ferry.write("version: 1\npolling: { deployed: 1s }\n", to: "edgeferry.yaml")
    let made = try await ferry(
      "orphans", "plan", "--name", "all", "--accept-risk", "policy-still-routing",
      "--accept-risk", "owned-by-live-stack", "--accept-risk", "owned-by-terraform", "--output",
      "json", extra: variables)
    #expect(made.code == 0, "\(made.talk)")
    let digest = made.json["digest"]?.string ?? ""
    let needs = try await ferry("permissions", "--plan", "all", "--output", "json")
    #expect(needs.code == 0, "\(needs.talk)")
    // Every resource that it changes is named, none by a pattern.
    for statement in needs.json["accounts"]?.array?.first?["write"]?["Statement"]?.array ?? [] {
      for resource in statement["Resource"]?.array ?? [] {
        #expect(resource.string?.contains("*") == false, "\(resource)")
      }
    }
    let done = try await ferry(
      "apply", "all", "--approve", digest, "--verbose", extra: variables)
    #expect(done.code == 0, "\(done.talk)")
    let called = Self.called(done.talk)
    #expect(called.contains("cloudfront:DeleteContinuousDeploymentPolicy"), "\(called)")
    let odd = called.subtracting(Self.declared(needs))
    #expect(odd.isEmpty, "\(odd.sorted())")

    let back = try ferry.read("plans/all.rollback.plan.json")["digest"]?.string ?? ""
    let undo = try await ferry(
      "permissions", "--plan", "plans/all.rollback.plan.json", "--output", "json")
    let undone = try await ferry(
      "rollback", "all", "--approve", back, "--verbose", extra: variables)
    await lab.stop()
    #expect([0, 4].contains(undone.code), "\(undone.talk)")
    let more = Self.called(undone.talk).subtracting(Self.declared(undo))
    #expect(more.isEmpty, "\(more.sorted())")
  }

  @Test func `what other services and a state in S3 are asked is declared too`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    let lab = try await RunningLab(ferry, ["--sample"])
    do {
      let variables = moto.variables.merging(["AWS_ENDPOINT_URL": moto.url]) { $1 }
      try ferry.write(ExportEndToEndTests.certificate, to: "c.pem")
      let made = try await ferry.run(
        [
          Ferry.client("moto_export.py"), moto.url,
          ferry.folder.appendingPathComponent("c.pem").path,
        ],
        extra: variables.merging(["AWS_DEFAULT_REGION": "us-east-1"]) { $1 },
        program: Ferry.python)
      try #require(made.code == 0, "\(made.talk)")
      let export = try await ferry(
        "migrate", "export", made.json["distribution"]?.string ?? "", "--out", "e.json",
        "--verbose", extra: variables)
      let wanted = try await ferry("permissions", "migrate", "export", "--output", "json")
      let called = Self.called(export.talk)
      #expect(called.contains("wafv2:GetWebACL") && called.contains("s3:GetBucketPolicy"))
      let odd = called.subtracting(Self.declared(wanted))
      #expect(odd.isEmpty, "\(odd.sorted())")

      let bucket = try await ferry.run(
        [
          "-c",
          "import boto3,sys;boto3.client('s3',endpoint_url=sys.argv[1],region_name='us-east-1').create_bucket(Bucket='state-1')",
          moto.url,
        ], extra: variables, program: Ferry.python)
      #expect(bucket.code == 0, "\(bucket.talk)")
      let shared = lab.variables().merging(["AWS_ENDPOINT_URL_S3": moto.url]) { $1 }
      for command in [
        ["orphans", "plan"], ["sweep", "run"], ["sweep", "report"], ["state", "check"],
      ] {
        let words = command + ["--state", "s3://state-1/team"]
        let answer = try await ferry.run(words + ["--verbose"], extra: shared)
        #expect([0, 4].contains(answer.code), "\(command): \(answer.talk)")
        let needs = try await ferry.run(["permissions"] + words + ["--output", "json"])
        let called = Self.called(answer.talk)
        #expect(called.contains { $0.hasPrefix("s3:") }, "\(command) used no S3")
        let odd = called.subtracting(Self.declared(needs))
        #expect(odd.isEmpty, "\(command): \(odd.sorted())")
      }
    } catch {
      await moto.stop()
      await lab.stop()
      throw error
    }
    await moto.stop()
    await lab.stop()
  }

  static let commands = [
    "inventory take", "inventory show", "inventory diff", "orphans discover", "orphans plan",
    "orphans detach", "orphans reattach", "migrate export", "migrate plan", "migrate verify",
    "cutover probe", "cutover plan", "cutover verify", "handover detect", "handover emit",
    "handover check", "handover plan", "promote check", "promote plan", "sweep run --apply",
    "sweep report", "sweep history", "sweep keep", "sweep schedule", "show", "runbook", "export",
    "status", "hold",
    "release", "approve", "state show", "state export", "state import", "state check", "doctor",
    "permissions", "plugins list", "lab serve", "lab env", "lab load",
  ]
  /// One step of each type, and one of each kind of thing that is made or deleted.
  static var steps: [Step] {
    get throws {
      let zone = try DomainName("example.com")
      let value = RecordValue(ttl: 60, data: ["d1.cloudfront.net."])
      let record = RecordChange(RecordKey(zone, .cname), from: value, to: value)
      var actions: [Action] = [
        .updateConfig(distribution: "E1", set: []),
        .setEnabled(distribution: "E1", from: true, to: false),
        .createDistribution(image: "", set: [], callerReference: "", tags: [:]),
        .deleteDistribution(distribution: "E1"), .createPolicy(image: "", set: []),
        .updatePolicy(policy: "P1", set: []), .deletePolicy(policy: "P1"),
        .replace(zone: zone, record), .batch(zone: zone, changes: [record]),
        .moveAlias(alias: "a.example.com", from: "E1", to: "E2"),
        .promote(distribution: "E1", staging: "E2"),
        .restoreConfig(distribution: "E1", image: "", members: []),
        .editStatements(PolicyStatements(.bucket, "b", region: "us-east-1")),
        .editStatements(PolicyStatements(.key, "k", region: "us-east-1")), .observe,
      ]
      for kind in CloudFrontKinds.all + [.logDelivery] {
        actions.append(.delete(kind: kind, id: "x"))
        actions.append(
          .create(ResourceDraft(kind: kind, name: "x", image: "", content: "sha256:x")))
      }
      let verbs = [
        ["create-change-set"], ["delete-change-set"], ["describe-change-set"],
        ["execute-change-set"], ["wait", "change-set-create-complete"],
        ["wait", "stack-update-complete"], ["wait", "stack-import-complete"],
      ]
      actions.append(
        .external(
          External(
            says: "", tools: verbs.map { ToolCommand(["aws", "cloudformation"] + $0) }, done: nil)))
      let checks = Step.Check.Kind.allCases.flatMap { kind in
        [Step.Check(kind, distribution: "E1"), Step.Check(kind, policy: "P1")]
      }
      return actions.enumerated().map { index, action in
        Step(
          id: "s\(index)", title: "", account: "111111111111", action: action, checks: checks)
      }
    }
  }

  @Test func `every action that a call needs is declared by a command or a step, and no other is`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      version: 1
      accounts: { all: { roleArn: "arn:aws:iam::222222222222:role/ferry" } }
      sweep: { organization: { roleName: sweeper } }
      """, to: "edgeferry.yaml")
    var declared: Set<String> = []
    for command in Self.commands {
      let words = command.split(separator: " ").map(String.init)
      let answer = try await ferry.run(
        ["permissions"] + words + ["--output", "json", "--state", "s3://bucket-1/x"])
      #expect(answer.code == 0, "\(command): \(answer.talk)")
      declared.formUnion(Self.declared(answer))
    }
    let odd = declared.subtracting(CalledActions.actions)
    #expect(odd.isEmpty, "declared, and needed by no call: \(odd.sorted())")
    for step in try Self.steps { declared.formUnion(step.permissions) }
    let needed = CalledActions.actions.union(CalledActions.ofTools)
    let extra = declared.subtracting(needed)
    #expect(extra.isEmpty, "in a plan, and needed by no call: \(extra.sorted())")
    let missing = needed.subtracting(declared)
    #expect(missing.isEmpty, "needed by a call, and declared by nobody: \(missing.sorted())")
  }

  @Test func `it works without settings, credentials or a network, and refuses what is no command`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let plain = try await ferry("permissions", "orphans", "discover")
    #expect(plain.code == 0, "\(plain.talk)")
    #expect(
      plain.out.hasPrefix("# edgeferry orphans discover: read, the account of the credentials\n{"))
    #expect(plain.out.contains("write, the account of the credentials\n# nothing\n"))
    #expect(plain.out.contains("\"arn:aws:cloudfront::*:distribution/*\""))
    let dry = try await ferry("permissions", "sweep", "run", "--output", "json")
    let wet = try await ferry("permissions", "sweep", "run", "--apply", "--output", "json")
    #expect(!Self.declared(dry).contains("cloudfront:DeleteDistribution"))
    #expect(Self.declared(wet).contains("cloudfront:DeleteDistribution"))
    for words in [
      ["orphans"], ["orphans", "dicsover"], ["apply"], ["nosuch"],
      ["orphans", "discover", "--chekc"],
      ["orphans", "discover", "--apply"], [], ["orphans", "discover", "--plan", "x"],
    ] {
      let answer = try await ferry.run(["permissions"] + words)
      #expect(answer.code == 64 && answer.out.isEmpty, "\(words): \(answer.talk)")
    }
  }

  @Test func `accounts that assume roles have an entry each, and so has whoever assumes them`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      version: 1
      accounts:
        source: { profile: old }
        target: { profile: new, roleArn: "arn:aws:iam::222222222222:role/ferry" }
      """, to: "edgeferry.yaml")
    let answer = try await ferry.run([
      "permissions", "migrate", "plan", "--state", "s3://bucket-1/team/x", "--output", "json",
    ])
    #expect(answer.code == 0, "\(answer.talk)")
    func entry(_ account: String) -> String {
      (answer.json["accounts"]?.array ?? []).first { $0["account"]?.string == account }?.canonical
        ?? ""
    }
    #expect(entry("source").contains("cloudfront:ListDomainConflicts"))
    #expect(!entry("source").contains("servicequotas"))
    #expect(entry("222222222222").contains("servicequotas:ListServiceQuotas"))
    #expect(entry("222222222222").contains("arn:aws:cloudfront::222222222222:distribution/*"))
    #expect(entry("profile new").contains("arn:aws:iam::222222222222:role/ferry"))
    #expect(entry("*").contains("arn:aws:s3:::bucket-1/team/x/*"))
  }

  @Test func `a ticket holds why, evidence, commands, versions, expiry and rollback, all escaped`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let made = try await ferry(
      "orphans", "plan", "--name", "all", "--output", "json", extra: lab.variables())
    #expect(made.code == 0, "\(made.talk)")
    await lab.stop()
    let ticket = try await ferry("permissions", "--plan", "all", "--ticket")
    #expect(ticket.code == 0, "\(ticket.talk)")
    for part in [
      "## Why", "## Evidence", made.json["digest"]?.string ?? "?", "## Expiry", "Good until",
      "ETag as planned", "aws cloudfront delete-continuous-deployment-policy", "## Policies",
      "cloudfront:DeleteContinuousDeploymentPolicy", "## Rollback", "edgeferry rollback",
    ] {
      #expect(ticket.out.contains(part), "\(part)")
    }
    let command = try await ferry("permissions", "sweep", "run", "--ticket")
    #expect(command.code == 0 && command.out.contains("organizations") == false)
    #expect(command.out.contains("## Expiry"))
  }
}

private enum CloudFrontKinds {
  static let all: [ResourceKind] = [
    .originAccessControl, .originAccessIdentity, .cachePolicy, .originRequestPolicy,
    .responseHeadersPolicy, .keyValueStore, .function, .publicKey, .keyGroup,
    .fieldLevelEncryptionProfile, .fieldLevelEncryption, .realtimeLogConfig,
    .monitoringSubscription,
  ]
}
