import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// Emitted code under the real Terraform: imported without a change, watched, and let go of.
struct HandoverTerraformTests {
  private func addresses(_ answer: Ferry.Answer) -> [String] {
    answer.json["resources"]?.array?.compactMap { $0["address"]?.string } ?? []
  }
  /// Imports all, finds nothing more to do, and has written nothing.
  private func takeOver(_ terraform: TerraformRun, _ lab: RunningLab, count: Int) async throws {
    let ferry = terraform.ferry
    let before = try await lab.get("/_lab/state", ferry)
    let writes = try await lab.writes(ferry)
    for step in [
      try await terraform("fmt", "-check", "-diff", "-recursive"),
      try await terraform("init", "-no-color"), try await terraform("validate", "-no-color"),
    ] {
      #expect(step.code == 0, "\(step.out.suffix(3000)) \(step.talk.prefix(4000))")
    }
    let plan = try await terraform.plan()
    #expect(plan.count == count && plan.changes == [], "\(plan.answer.talk)")
    let applied = try await terraform("apply", "-no-color", "-input=false", "plan")
    #expect(applied.code == 0, "\(applied.out.suffix(3000)) \(applied.talk)")
    let again = try await terraform.plan("plan.json")
    #expect(again.answer.code == 0, "\(again.answer.out.suffix(3000)) \(again.answer.talk)")
    #expect(try await lab.get("/_lab/state", ferry) == before)
    #expect(try await lab.writes(ferry) == writes)
  }
  /// Terraform lets go of all, and everything stays live.
  private func letGo(_ terraform: TerraformRun, _ lab: RunningLab, _ addresses: [String])
    async throws
  {
    let ferry = terraform.ferry
    let before = try await lab.get("/_lab/state", ferry)
    let writes = try await lab.writes(ferry)
    #expect(
      try await terraform("state", "list").out.split(separator: "\n").count {
        !$0.hasPrefix("data.")
      }
        == addresses.count)
    try terraform.forget(addresses)
    let applied = try await terraform("apply", "-no-color", "-input=false", "-auto-approve")
    #expect(applied.code == 0, "\(applied.out.suffix(3000)) \(applied.talk)")
    #expect(try await terraform("state", "list").out == "")
    #expect(try await lab.get("/_lab/state", ferry) == before)
    #expect(try await lab.writes(ferry) == writes)
  }

  static var fixture: String {
    Shared.package.appendingPathComponent("Tests/Fixtures/handover.inventory.json").path
  }

  @Test
  func `two trios and all they refer to are imported, watched and let go of, and never written`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab(["--load", Self.fixture]) { lab in
      let answer = try await ferry(
        "handover", "emit", "EWEIGHT1", "EHEADER1", "--to", "terraform", "--out", "code",
        "--output", "json", extra: lab.variables())
      #expect(answer.code == 0, "\(answer.talk)")
      #expect(answer.json["complete"] == true && answer.json["notExpressed"] == [])
      let held = addresses(answer)
      #expect(
        held.count == 20 && Set(held.compactMap { $0.split(separator: ".").first }).count == 16)
      let code = text(ferry.folder.appendingPathComponent("code/distributions.tf").path)
      #expect(code.contains("weight = 0.05\n"))
      guard let terraform = try TerraformRun(ferry, lab) else { return }
      try await takeOver(terraform, lab, count: held.count)

      // The policy's block has done its work with the import.
      let unfixed = code.replacing("ignore_changes = all", with: "ignore_changes = []")
      #expect(unfixed != code)
      try ferry.write(unfixed, to: "code/distributions.tf")
      #expect(try await terraform.plan("plan.json").answer.code == 0)

      let words = ["handover", "check", "EWEIGHT1", "EHEADER1", "--tfplan", "plan.json"]
      let inSync = try await ferry.run(words + ["--output", "json"], extra: lab.variables())
      #expect(inSync.code == 0, "\(inSync.talk) \(inSync.out)")
      #expect(
        verdicts(inSync).count == held.count - 1 && Set(verdicts(inSync).values) == ["in-sync"])

      try await fitsState(lab, ferry, terraform, count: held.count)
      try await promoteAndEdit(lab, ferry)
      #expect(try await ferry.run(words, extra: lab.variables()).code == 5)
      _ = try await terraform.plan("plan.json")
      let moved = try await ferry.run(words + ["--output", "json"], extra: lab.variables())
      #expect(moved.code == 2, "\(moved.talk)")
      #expect(
        verdicts(moved).filter { $0.value != "in-sync" } == [
          "EWEIGHT1": "promote-pending", "cdp-weight": "promote-pending", "EHEADER1": "drift",
        ], "\(moved.out)")
      #expect(!moved.out.contains("canary"))
      let pending = try await ferry(
        "handover", "check", "EWEIGHT1", "--tfplan", "plan.json", extra: lab.variables())
      #expect(pending.code == 0 && pending.out.contains("live is ahead"), "\(pending.out)")

      try ferry.write(
        code.replacing("staging             = true", with: "staging             = false"),
        to: "code/distributions.tf")
      let replaced = try await terraform.plan("plan.json")
      #expect(replaced.answer.code == 2, "\(replaced.answer.talk)")
      let refused = try await ferry.run(words, extra: lab.variables())
      #expect(refused.code == 4 && refused.out.contains("staging makes the plan"), "\(refused.out)")
      try await letGo(terraform, lab, held)
    }
  }
  /// The state owns everything, and code written for it plans nothing.
  private func fitsState(
    _ lab: RunningLab, _ ferry: Ferry, _ terraform: TerraformRun, count: Int
  ) async throws {
    let state = "code/terraform.tfstate"
    let owners = try await ferry(
      "handover", "detect", "EWEIGHT1", "EHEADER2", "--tfstate", state, "--output", "json",
      extra: lab.variables())
    #expect(owners.code == 0, "\(owners.talk)")
    let told = owners.json["resources"]?.array ?? []
    #expect(told.count == count && told.allSatisfy { $0["verdict"] == "one" }, "\(owners.out)")
    // The state itself is without danger; what a promote would change is told of the primaries.
    for it in told {
      let dangers = (it["dangers"]?.array ?? []).compactMap(\.string)
      #expect(dangers.allSatisfy { $0.hasPrefix("promote-pending: ") }, "\(dangers)")
      #expect(dangers.isEmpty || ["EWEIGHT1", "EHEADER1"].contains(it["id"]), "\(it)")
    }
    let again = try await ferry(
      "handover", "emit", "EWEIGHT1", "EHEADER1", "--to", "terraform", "--out", "again",
      "--tfstate", state, "--output", "json", extra: lab.variables())
    #expect(again.code == 0, "\(again.talk)")
    let held = again.json["resources"]?.array ?? []
    #expect(held.count == count && held.allSatisfy { $0["state"] == .string(state) })
    #expect(again.json["files"]?.array?.contains("imports.tf") == false)
    try ferry.write(
      text(ferry.folder.appendingPathComponent(state).path), to: "again/terraform.tfstate")
    guard let other = try TerraformRun(ferry, lab, in: "again") else { return }
    #expect(try await other("init", "-no-color").code == 0)
    let plan = try await other.plan()
    #expect(plan.answer.code == 0, "\(plan.answer.out.suffix(3000)) \(plan.answer.talk)")
  }
  private func verdicts(_ answer: Ferry.Answer) -> [String: String] {
    Dictionary(
      (answer.json["resources"]?.array ?? []).filter {
        $0["type"] != "monitoring-subscription"
      }.map { ($0["id"]?.string ?? "", $0["verdict"]?.string ?? "") },
      uniquingKeysWith: { first, _ in first })
  }
  /// The staging distribution of one trio is promoted; somebody edits the other's primary.
  private func promoteAndEdit(_ lab: RunningLab, _ ferry: Ferry) async throws {
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(lab.variables()) { $1 }, engine: HTTPEngine(),
      clock: SystemClock())
    let client = CloudFrontClient(session.transport)
    let primary = try await client.distribution("EWEIGHT1")
    let staging = try await client.distribution("EWEIGHT2")
    _ = try await client.call(
      "UpdateDistributionWithStagingConfig", method: "PUT",
      path: "/distribution/EWEIGHT1/promote-staging-config",
      query: [.init("StagingDistributionId", "EWEIGHT2")],
      headers: ["if-match": "\(primary.etag), \(staging.etag)"])
    let other = try await client.distribution("EHEADER1")
    var config = other.config
    config.put(
      XElement("Comment", text: "by hand"), order: Shape.named("DistributionConfig")?.order ?? [])
    _ = try await client.call(
      "UpdateDistribution", method: "PUT", path: "/distribution/EHEADER1/config",
      headers: ["if-match": other.etag], body: config)
  }

  @Test
  func `every distribution and policy of the corpus is imported and let go of, and never written`()
    async throws
  {
    guard let corpus = Shared.folder("corpus") else { return }
    let ferry = try Ferry()
    defer { ferry.remove() }
    let (inventory, ids) = try HandoverCorpus(corpus).inventory
    try ferry.write(inventory.canonical, to: "i.json")
    let file = ferry.folder.appendingPathComponent("i.json").path
    try await ferry.withLab(["--load", file]) { lab in
      let answer = try await ferry.run(
        ["handover", "emit", "--to", "terraform", "--out", "code", "--output", "json"] + ids,
        extra: lab.variables())
      #expect(answer.code == 0, "\(answer.talk)")
      let left = (answer.json["notExpressed"]?.array ?? []).compactMap { $0["path"]?.string }
      #expect(
        Set(left.map { $0.split(separator: "/").first { !$0.contains("[") } ?? "" }) == [
          "ViewerMtlsConfig", "ConnectionMode", "TenantConfig", "S3OriginConfig",
        ], "\(left)")
      let parsed = try await ferry.run(
        [
          "-c",
          "import glob,hcl2;[hcl2.load(open(f)) for f in glob.glob('code/*.tf')+glob.glob('code/*.tfvars')]",
        ], program: Ferry.python)
      #expect(parsed.code == 0, "\(parsed.talk)")
      let held = addresses(answer)
      #expect(held.count >= ids.count)
      guard let terraform = try TerraformRun(ferry, lab) else { return }
      try await takeOver(terraform, lab, count: held.count)
      let inSync = try await ferry.run(
        ["handover", "check", "--tfplan", "plan.json", "--output", "json"] + ids,
        extra: lab.variables())
      #expect(inSync.code == 0, "\(inSync.talk)")
      let checked = inSync.json["resources"]?.array ?? []
      #expect(checked.count == held.count && checked.allSatisfy { $0["verdict"] == "in-sync" })
      try await letGo(terraform, lab, held)
    }
  }
  @Test func `a function that is being worked on is named, and is all that a plan would change`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    var inventory = try JSONValue.read(
      Array(Data(contentsOf: URL(fileURLWithPath: Self.fixture))), what: "fixture")
    guard case .array(var accounts)? = inventory["accounts"],
      var function = accounts[0]["functions"]?.array?.first
    else {
      Issue.record("no function in the fixture")
      return
    }
    let live = function
    function = function.setting("DEVELOPMENT", at: "stage").setting("Ly8gbmV4dAo=", at: "code")
    accounts[0] = accounts[0].setting(.array([live, function]), at: "functions")
    inventory = inventory.setting(.array(accounts), at: "accounts")
    try ferry.write(inventory.canonical, to: "i.json")
    let file = ferry.folder.appendingPathComponent("i.json").path
    try await ferry.withLab(["--load", file]) { lab in
      let answer = try await ferry(
        "handover", "emit", "EWEIGHT1", "--to", "terraform", "--out", "code", "--output", "json",
        extra: lab.variables())
      let left = answer.json["notExpressed"]?.array ?? []
      #expect(
        left.map { "\($0["id"]?.string ?? "") \($0["path"]?.string ?? "")" } == [
          "rewrite stage DEVELOPMENT"
        ])
      guard let terraform = try TerraformRun(ferry, lab) else { return }
      #expect(try await terraform("init", "-no-color").code == 0)
      let changes = try await terraform.plan().changes
      #expect(changes == ["aws_cloudfront_function.rewrite [\"update\"]"])
    }
  }

  /// Of the provider's attributes those that code never has, by what keeps them out.
  static let unwritten: [String: Set<String>] = [
    "computed": [
      "arn", "caller_reference", "cloudfront_access_identity_path", "domain_name", "etag",
      "hosted_zone_id", "iam_arn", "id", "in_progress_validation_batches", "last_modified_time",
      "live_stage_etag", "s3_canonical_user_id", "status", "tags_all",
      "aws_cloudfront_distribution/trusted_key_groups",
      "aws_cloudfront_distribution/trusted_signers",
    ],
    "Terraform's own": [
      "name_prefix", "publish", "retain_on_delete", "timeouts", "wait_for_deployment",
    ],
  ]

  @Test func `every argument is the provider's, and every other attribute of its is accounted for`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await ferry.withLab { lab in
      try ferry.write(
        "terraform {\n  required_providers {\n    aws = {\n      source = \"hashicorp/aws\"\n    }\n  }\n}\n",
        to: "code/versions.tf")
      guard let terraform = try TerraformRun(ferry, lab) else { return }
      #expect(try await terraform("init", "-no-color").code == 0)
      let schema = try await terraform("providers", "schema", "-json").json
      let types =
        schema["provider_schemas"]?.object?.values.first?["resource_schemas"]?.object ?? [:]
      let known = types.filter { $0.key.hasPrefix("aws_cloudfront_") }
      #expect(Set(known.keys) == Set(ResourceType.all.map(\.type)))
      var unwritten: Set<String> = []
      var unknown: [String] = []
      func compare(_ block: JSONValue, _ arguments: [TerraformArgument], _ place: String) {
        let nested = block["block_types"]?.object ?? [:]
        let names = Set((block["attributes"]?.object ?? [:]).keys).union(nested.keys)
        for it in arguments {
          if !names.contains(it.name) { unknown.append("\(place)/\(it.name)") }
          switch it.form {
          case .block(let inside), .blocks(let inside):
            compare(nested[it.name]?["block"] ?? .null, inside, "\(place)/\(it.name)")
          default: continue
          }
        }
        for name in names.subtracting(arguments.map(\.name)) {
          unwritten.insert("\(place)/\(name)")
        }
      }
      for it in ResourceType.all {
        compare(known[it.type]?["block"] ?? .null, it.arguments, it.type)
      }
      #expect(unknown == [])
      let allowed = Self.unwritten.values.reduce(into: Set<String>()) { $0.formUnion($1) }
      let odd = unwritten.filter { path in
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        return !allowed.contains(name) && !allowed.contains(path)
      }
      #expect(odd == [], "neither written nor accounted for")
    }
  }
}
