import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `handover emit --to cloudformation` from outside: on the lab, with cfn-lint and moto as judges of the template.
struct HandoverCloudFormationTests {
  func with(_ inventory: String, _ body: (Ferry, RunningLab) async throws -> Void)
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(inventory, to: "i.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    do {
      try await body(ferry, lab)
    } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
  }
  /// What cfn-lint has against a template, by rule.
  private func lint(_ ferry: Ferry, _ path: String) async throws -> [String] {
    let answer = try await ferry.run(
      [
        "-c", "from cfnlint.runner import main; main()", "--format", "json", "--regions",
        "us-east-1", "--", path,
      ],
      program: Ferry.python)
    return try JSONValue.read(Array(answer.out.utf8), what: "cfn-lint").array?.map {
      "\($0["Rule"]?["Id"]?.string ?? "?") \($0["Location"]?["Path"]?.canonical ?? "") \($0["Message"]?.string ?? "")"
    } ?? ["no answer: \(answer.talk)"]
  }

  @Test func `a trio with all it refers to is a template that cfn-lint and moto take`() async throws
  {
    try await with(text(HandoverTerraformTests.fixture)) { ferry, lab in
      let before = try await lab.get("/_lab/state", ferry)
      let answer = try await ferry(
        "handover", "emit", "EWEIGHT1", "--to", "cloudformation", "--out", "code", "--output",
        "json",
        extra: lab.variables())
      #expect(answer.code == 0, "\(answer.talk)")
      #expect(
        answer.json["files"] == [
          ".gitignore", "parameters.secret.json", "resources-to-import.json", "template.json",
        ])
      #expect(answer.json["notExpressed"] == [], "\(answer.json["notExpressed"] ?? .null)")
      #expect(!(answer.out + answer.talk).contains("canary"))
      let place = ferry.folder.appendingPathComponent("code/parameters.secret.json").path
      let mode = try FileManager.default.attributesOfItem(atPath: place)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try await lint(ferry, "code/template.json") == [])
      #expect(try await lab.get("/_lab/state", ferry) == before)
      #expect(try await lab.writes(ferry) == 0)

      let moto = try await MotoServer.start(ferry)
      let parsed = try await ferry.run(
        [
          "-c",
          """
          import boto3,json,sys
          c=boto3.client('cloudformation',endpoint_url=sys.argv[1],region_name='us-east-1',aws_access_key_id='a',aws_secret_access_key='b')
          body=open('code/template.json').read()
          print(json.dumps([p['ParameterKey'] for p in c.get_template_summary(TemplateBody=body)['Parameters']]))
          """, moto.url,
        ], program: Ferry.python)
      await moto.stop()
      #expect(parsed.code == 0, "\(parsed.talk)")
      #expect(parsed.json.array?.count == answer.json["variables"]?.array?.count)

      let spoken = try await ferry(
        "handover", "emit", "EHEADER1", "--to", "cloudformation", "--out", "second",
        extra: lab.variables())
      #expect(
        spoken.code == 0 && spoken.out.contains("--to cloudformation --stack NAME --dir second"))
      let state = try await ferry(
        "handover", "emit", "EHEADER1", "--to", "cloudformation", "--out", "third", "--tfstate",
        "x",
        extra: lab.variables())
      #expect(state.code == 64)
    }
  }

  @Test func `cfn-lint takes the template of every distribution of the corpus`() async throws {
    guard let corpus = Shared.folder("corpus") else { return }
    let (inventory, ids) = try HandoverCorpus(corpus).inventory
    #expect(ids.count > 50)
    // Two samples of documentation are so themselves: a behaviour to an origin that is not there, and a certificate in
    // IAM without a support method.
    let known = [
      "E3057 [\"Resources\",\"D140Distribution\"",
      "E3021 [\"Resources\",\"ExampleCommentDistribution\"",
    ]
    try await with(inventory.canonical) { ferry, lab in
      for (index, start) in stride(from: 0, to: ids.count, by: 25).enumerated() {
        let part = Array(ids[start..<min(start + 25, ids.count)])
        let answer = try await ferry.run(
          [
            "handover", "emit", "--to", "cloudformation", "--out", "code\(index)", "--output",
            "json",
          ]
            + part, extra: lab.variables())
        #expect(answer.code == 0, "\(answer.talk)")
        #expect(answer.json["notExpressed"] == [], "\(answer.json["notExpressed"] ?? .null)")
        let linted = try await lint(ferry, "code\(index)/template.json")
        for it in linted where !known.contains(where: it.hasPrefix) {
          Issue.record("\(it)")
        }
      }
    }
  }
}

extension HandoverCloudFormationTests {
  @Test func `a template is checked against what is live, by the list that is beside it`()
    async throws
  {
    try await with(text(HandoverTerraformTests.fixture)) { ferry, lab in
      let made = try await ferry(
        "handover", "emit", "EWEIGHT1", "--to", "cloudformation", "--out", "code",
        extra: lab.variables())
      #expect(made.code == 0, "\(made.talk)")
      func check(_ file: String) async throws -> Ferry.Answer {
        try await ferry(
          "handover", "check", "EWEIGHT1", "--template", file, "--output", "json",
          extra: lab.variables())
      }
      let same = try await check("code/template.json")
      #expect(same.code == 0, "\(same.out) \(same.talk)")
      #expect(same.json["resources"]?.array?.allSatisfy { $0["verdict"] == "in-sync" } == true)
      #expect(!(same.out + same.talk).contains("canary"))

      let place = ferry.folder.appendingPathComponent("code/template.json").path
      try ferry.write(
        text(place).replacing("PriceClass_100", with: "PriceClass_200"), to: "code/template.json")
      let drift = try await check("code/template.json")
      #expect(drift.code == 2, "\(drift.talk)")
      let primary = drift.json["resources"]?.array?.first { $0["id"] == "EWEIGHT1" }
      #expect(primary?["verdict"] == "drift")
      #expect(primary?["differences"]?.array?.first?["path"] == "PriceClass")

      try ferry.write("Resources:\n  Topic: { Type: 'AWS::SNS::Topic' }\n", to: "other.yaml")
      let other = try await check("other.yaml")
      #expect(other.code == 1 && other.error["code"] == "not-in-template", "\(other.talk)")
      try ferry.write("- no\n", to: "odd.yaml")
      #expect(try await check("odd.yaml").code == 64)
      let both = try await ferry(
        "handover", "check", "EWEIGHT1", "--template", "odd.yaml", "--tfplan", "x",
        extra: lab.variables())
      #expect(both.code == 64)
    }
  }
}
