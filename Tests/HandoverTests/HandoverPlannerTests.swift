import FerryCore
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// The steps of a handover, there and back.
struct HandoverPlannerTests {
  private static func facts(
    _ from: HandoverFacts.Tool, _ to: HandoverFacts.Tool, stack: HandoverFacts.Stack? = nil,
    state: HandoverFacts.State? = nil, others: [String] = []
  ) -> HandoverFacts {
    var out = HandoverFacts(
      account: "111111111111",
      things: [
        .init(id: "E1", isPolicy: false, etag: "V1", modified: "2026-01-01T00:00:00Z"),
        .init(id: "P1", isPolicy: true, etag: "V2", modified: ""),
      ], from: from, to: to, stack: stack, state: state,
      code: .init(
        folder: "code",
        items: to == .terraform
          ? ["aws_cloudfront_distribution.site": "E1"] : ["Site": "E1", "Policy": "P1"],
        files: ["code/a.tf": "sha256:1", "code/template.json": "sha256:2"]),
      environment: ["AWS_PROFILE": "prod"])
    out.others = others
    return out
  }
  private static func plan(_ facts: HandoverFacts) throws -> PlanPair {
    try HandoverPlanner.plan(
      facts,
      input: PlanningInput(
        capability: "handover", name: "over", accounts: ["default": "111111111111"],
        createdAt: Date(timeIntervalSince1970: 0), start: Date(timeIntervalSince1970: 0), tool: "t",
        endpoint: nil, inventoryDigest: "sha256:0", acceptedRisks: []))
  }
  private static func stack(
    id: String? = "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1"
  )
    throws -> HandoverFacts.Stack
  {
    .init(name: "shop", id: id, region: "eu-west-1", edits: try StackEditsTests.edits())
  }
  private static func commands(_ step: Step?) -> [String] {
    guard case .external(let it)? = step?.action else { return [] }
    return it.commands
  }
  private static func step(_ id: String, _ plan: Plan) -> Step? { plan.steps.first { $0.id == id } }

  @Test
  func
    `from a stack to Terraform it is retained, adopted, proven, released, and every step proves what is live`()
    throws
  {
    var facts = Self.facts(.cloudformation, .terraform, stack: try Self.stack())
    try facts.writeFiles(adopted: nil, secrets: nil)
    let pair = try Self.plan(facts)
    #expect(
      pair.plan.steps.map(\.id) == [
        "prove-before", "retain", "adopt", "no-op", "release", "prove-after",
      ])
    #expect(pair.rollback.steps.map(\.id) == ["unrelease", "rehold", "unadopt", "unretain"])
    // After an import the stack's own template would change attributes alone, and no change set runs for these.
    let rehold = Self.commands(Self.step("rehold", pair.rollback))
    #expect(
      rehold.contains {
        $0.contains("UPDATE --template-body file://code/handover/retaining.template.json")
      })
    #expect(Self.step("rehold", pair.rollback)?.undoes == "release")
    #expect(pair.plan.pointOfNoReturn == nil)
    for step in pair.plan.steps + pair.rollback.steps {
      let proofs = step.checks.filter { $0.type == .unchanged }
      #expect(proofs.map(\.value) == ["V1", "V2"], "\(step.id)")
      #expect(step.wait == nil && (step.gate == nil) == (step.action == .observe))
    }
    let released = Self.step("release", pair.plan)
    #expect(released?.checks.first?.type == .stackReleased)
    #expect(released?.checks.first?.region == "eu-west-1")
    // What is proven is exactly what is executed.
    let retain = Self.commands(Self.step("retain", pair.plan))
    #expect(retain.count == 7 && retain[1].contains("create-change-set"))
    #expect(retain[1].contains("--template-body file://code/handover/retaining.template.json"))
    #expect(retain[1].contains("--parameters ParameterKey=Stage,UsePreviousValue=true"))
    #expect(
      retain.allSatisfy {
        $0.hasPrefix("AWS_PROFILE=prod aws cloudformation ") || $0.hasPrefix("# must say")
      })
    let adopt = Self.commands(Self.step("adopt", pair.plan))
    let words = adopt.filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ")[3] }
    #expect(words == ["init", "plan", "show", "apply"])
    let back = Self.commands(Self.step("unrelease", pair.rollback))
    #expect(
      back[1].contains("--change-set-type IMPORT") && back[1].contains("returning.template.json"))
    for step in pair.plan.steps + pair.rollback.steps {
      guard case .external(let it) = step.action else { continue }
      // Every file of a command has the digest of what was written or found.
      for (file, digest) in (it.tools ?? []).flatMap({ $0.files ?? [:] }) {
        #expect((facts.written[file].map(Digest.tagged) ?? facts.code.files[file]) == digest)
      }
    }
  }

  @Test func `from Terraform to a new stack the old code is edited by a person and forgets`() throws
  {
    let state = HandoverFacts.State(
      name: "old/terraform.tfstate", folder: "old",
      addresses: ["module.cdn.aws_cloudfront_distribution.d[0]": "E1"])
    var facts = Self.facts(
      .terraform, .cloudformation, stack: try Self.stack(id: nil), state: state)
    try facts.writeFiles(
      adopted: StackTemplate(["Resources": ["Site": ["Type": "X"]]]), secrets: nil)
    #expect(
      facts.written["code/handover/removed.tf"] == """
        removed {
          from = module.cdn.aws_cloudfront_distribution.d[0]

          lifecycle {
            destroy = false
          }
        }

        """)
    let pair = try Self.plan(facts)
    #expect(
      pair.plan.steps.map(\.id) == [
        "prove-before", "adopt", "edit-code", "release", "prove-after",
      ])
    // The code speaks of it again before it is imported again.
    #expect(pair.rollback.steps.map(\.id) == ["unedit-code", "unrelease", "unadopt"])
    let adopt = Self.commands(Self.step("adopt", pair.plan))
    #expect(adopt[1].contains("--change-set-type IMPORT --template-body file://code/template.json"))
    #expect(adopt.last?.contains("wait stack-import-complete --stack-name shop") == true)
    let release = Self.commands(Self.step("release", pair.plan))
    #expect(release.allSatisfy { $0.hasPrefix("#") || $0.contains("terraform -chdir=old ") })
    guard case .external(let edit)? = Self.step("edit-code", pair.plan)?.action else {
      Issue.record("no edit")
      return
    }
    // Even a run that runs commands leaves that to a person.
    #expect(edit.tools == nil)
  }

  @Test func `of a state in S3 nobody knows the code, so a person runs its commands`() throws {
    let state = HandoverFacts.State(name: "s3://b/k", folder: nil, addresses: ["a.b": "E1"])
    var facts = Self.facts(
      .terraform, .cloudformation, stack: try Self.stack(id: nil), state: state)
    try facts.writeFiles(
      adopted: StackTemplate(["Resources": ["Site": ["Type": "X"]]]), secrets: nil)
    let pair = try Self.plan(facts)
    guard case .external(let it)? = Self.step("release", pair.plan)?.action else {
      Issue.record("no release")
      return
    }
    #expect(it.tools == nil && it.commands.count == 5)
  }

  @Test func `an existing stack keeps all that it has, its parameters too`() throws {
    var facts = Self.facts(.none, .cloudformation, stack: try Self.stack())
    facts.code.hasParameters = true
    try facts.writeFiles(
      adopted: StackTemplate(["Resources": ["New": ["Type": "X"]]]),
      secrets: [["ParameterKey": "Secret", "ParameterValue": "canary"]])
    let pair = try Self.plan(facts)
    let adopt = Self.commands(Self.step("adopt", pair.plan))
    #expect(adopt[1].contains("file://code/handover/adopting.template.json"))
    #expect(adopt[1].contains("--parameters file://code/handover/parameters.secret.json"))
    let parameters = facts.written["code/handover/parameters.secret.json"] ?? ""
    #expect(parameters.contains("UsePreviousValue") && parameters.contains("canary"))
    #expect(!JSONValue.of(pair.plan).canonical.contains("canary"))
    #expect(
      Self.commands(Self.step("unadopt", pair.rollback))[1].contains("original.template.json"))
  }

  @Test func `outputs in the template of the code are refused beforehand`() throws {
    var facts = Self.facts(.none, .cloudformation, stack: try Self.stack(id: nil))
    let error = #expect(throws: FerryError.self) {
      try facts.writeFiles(
        adopted: StackTemplate([
          "Resources": ["New": ["Type": "X"]], "Outputs": ["O": ["Value": "x"]],
        ]),
        secrets: nil)
    }
    #expect(error?.code == "outputs-changed" && error?.exit == .blocked)
  }

  @Test func `what would have two owners is a risk that has to be accepted`() throws {
    let pair = try Self.plan(
      Self.facts(.none, .terraform, others: ["P1 belongs to stack x (Policy)"]))
    #expect(pair.plan.risks.map(\.code) == ["shared-owner"])
    #expect(pair.plan.risks.first?.accepted == false)
  }

  @Test func `the same facts make the same plan`() throws {
    let facts = Self.facts(.none, .terraform)
    #expect(try Self.plan(facts).plan.digest == Self.plan(facts).plan.digest)
  }

  @Test func `a mixture is imported whole, and only what the stack has leaves it`() throws {
    let edits = try StackEditsTests.edits()
    let stack = HandoverFacts.Stack(
      name: "shop", id: "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1",
      region: "eu-west-1",
      edits: StackEdits(
        template: edits.template, moved: edits.moved.filter { $0.key == "Site" }))
    var facts = Self.facts(.cloudformation, .terraform, stack: stack)
    facts.code.items = [
      "aws_cloudfront_distribution.site": "E1",
      "aws_cloudfront_continuous_deployment_policy.p": "P1",
    ]
    facts.code.held = ["aws_cloudfront_distribution.next"]
    facts.notes = ["P1 has no owner: it is imported, and nobody lets go of it"]
    try facts.writeFiles(adopted: nil, secrets: nil)
    let pair = try Self.plan(facts)
    #expect(pair.plan.notes == facts.notes)
    #expect(
      Self.step("adopt", pair.plan)?.title
        == "Import 2 resources into Terraform, and change nothing")
    for id in ["retain", "release"] {
      let checks = Self.step(id, pair.plan)?.checks.filter { $0.stack != nil }
      #expect(
        checks?.map(\.distribution) == ["E1"] && checks?.allSatisfy { $0.policy == nil } == true)
    }
    // The way back forgets all of it, so that what had no owner has none again, and gives the stack its own.
    let forget = Self.commands(Self.step("unadopt", pair.rollback))
    #expect(
      forget.first?.hasSuffix(
        "state rm aws_cloudfront_continuous_deployment_policy.p aws_cloudfront_distribution.site")
        == true)
    #expect(
      forget.last?.contains("aws_cloudfront_distribution.next may be there, unchanged") == true)
    let back = Self.step("unrelease", pair.rollback)?.checks.filter { $0.type == .stackHolds }
    #expect(back?.count == 1 && back?.first?.distribution == "E1")
    let imports = facts.written["code/handover/resources-to-import.json"] ?? ""
    #expect(imports.contains("E1") && !imports.contains("P1"))
  }

  @Test func `one resource is told as one`() throws {
    let pair = try Self.plan(Self.facts(.none, .terraform))
    #expect(
      Self.step("adopt", pair.plan)?.title == "Import 1 resource into Terraform, and change nothing"
    )
  }

  @Test func `a step of a stack is known to be done by the template that it gives the stack`()
    throws
  {
    var facts = Self.facts(.cloudformation, .terraform, stack: try Self.stack())
    facts.stack?.text = "Resources: {}"
    try facts.writeFiles(adopted: nil, secrets: nil)
    let pair = try Self.plan(facts)
    func digest(_ file: String) throws -> String {
      let text = facts.written["code/handover/\(file).template.json"] ?? ""
      return Digest.tagged(try JSONValue.read(Array(text.utf8), what: file).canonical)
    }
    for (id, file) in [
      ("retain", "retaining"), ("release", "released"), ("unrelease", "returning"),
      ("rehold", "retaining"), ("unretain", "original"),
    ] {
      let step = Self.step(id, pair.plan) ?? Self.step(id, pair.rollback)
      guard case .external(let it)? = step?.action else {
        Issue.record("no step \(id)")
        continue
      }
      #expect(it.settled?.arguments[2] == "describe-stacks" && it.settled?.exits == nil)
      #expect(it.done?.arguments.contains("Original") == true)
      // The stack's own template may be YAML, which is told as its text.
      let texts = file == "original" ? [Digest.tagged("Resources: {}")] : []
      #expect(it.done?.proves?.templates == [try digest(file)] + texts, "\(id)")
    }
  }

  @Test func `a stack that may not be there is done with when it holds nothing of the handover`()
    throws
  {
    var facts = Self.facts(.none, .cloudformation, stack: try Self.stack(id: nil))
    try facts.writeFiles(
      adopted: StackTemplate(["Resources": ["Site": ["Type": "X"]]]), secrets: nil)
    let pair = try Self.plan(facts)
    for step in [Self.step("adopt", pair.plan), Self.step("unadopt", pair.rollback)] {
      guard case .external(let it)? = step?.action else {
        Issue.record("no step")
        continue
      }
      #expect(it.settled?.exits == [0, 254, 255])
      let isBack = step?.id == "unadopt"
      #expect(it.done?.proves?.kind == (isBack ? .stackLacks : .stackTemplate))
      #expect(it.done?.exits == (isBack ? [0, 254, 255] : nil))
      #expect(it.done?.proves?.only == (isBack ? ["Policy", "Site"] : []))
    }
  }

  @Test func `a plan names all that its checks and commands need`() throws {
    var facts = Self.facts(.cloudformation, .terraform, stack: try Self.stack())
    try facts.writeFiles(adopted: nil, secrets: nil)
    let pair = try Self.plan(facts)
    let needs = [
      "cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet",
      "cloudformation:DescribeChangeSet", "cloudformation:DescribeStacks",
      "cloudformation:ExecuteChangeSet", "cloudformation:GetTemplate",
      "cloudformation:ListStackResources", "cloudfront:GetContinuousDeploymentPolicy",
      "cloudfront:GetDistribution", "sts:GetCallerIdentity",
    ]
    #expect(pair.plan.permissions == needs && pair.rollback.permissions == needs)
  }
}
