import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `handover plan` and its run through the built binary, with the real Terraform where it is installed.
struct HandoverPlanEndToEndTests {
  private func with(
    _ edit: (String) -> String = { $0 },
    _ body: (Ferry, RunningLab) async throws -> Void
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(edit(text(HandoverTerraformTests.fixture)), to: "i.json")
    let lab = try await RunningLab(
      ferry,
      ["--propagation", "0.2s", "--load", ferry.folder.appendingPathComponent("i.json").path])
    do {
      try await body(ferry, lab)
    } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
  }
  /// The fixture with stacks.
  private static func stacks(_ stacks: String) -> (String) -> String {
    {
      $0.replacing(
        #""id": "111111111111","#, with: #""id": "111111111111", "stacks": [\#(stacks)],"#)
    }
  }
  private static func stack(_ name: String, _ id: String) -> String {
    """
    {"id":"arn:aws:cloudformation:us-east-1:111111111111:stack/\(name)/1","name":"\(name)","region":"us-east-1",
    "status":"CREATE_COMPLETE","resources":[{"logicalId":"Site","type":"AWS::CloudFront::Distribution","physicalId":"\(id)","status":"CREATE_COMPLETE"}]}
    """
  }
  private func plan(_ ferry: Ferry, _ lab: RunningLab, _ more: String...) async throws
    -> Ferry.Answer
  {
    try await ferry.run(
      ["handover", "plan", "EWEIGHT1", "--dir", "code", "--name", "over", "--output", "json"]
        + more,
      extra: lab.variables())
  }

  @Test
  func `Terraform takes over what nobody owns by its own commands, judged, and gives it back`()
    async throws
  {
    try await with { ferry, lab in
      guard let rc = try ClientTests.terraformConfig(ferry), ClientTests.onPath("terraform") != nil
      else {
        print("skipped: no terraform with a mirror of the provider hashicorp/aws")
        return
      }
      let variables = ClientTests.around(ferry, lab).merging([
        "TF_CLI_CONFIG_FILE": rc, "CHECKPOINT_DISABLE": "1",
      ]) { $1 }
      let planned = try await plan(ferry, lab, "--from", "none", "--to", "terraform")
      #expect(planned.code == 0, "\(planned.talk)")
      let before = try await lab.get("/_lab/state", ferry)
      let digest = planned.json["digest"]?.string ?? ""
      let run = ["apply", "over", "--approve", digest, "--output", "json"]

      // What was approved is the code as it was.
      let main = ferry.folder.appendingPathComponent("code/distributions.tf").path
      let code = text(main)
      try ferry.write(code + "# more\n", to: "code/distributions.tf")
      let stale = try await ferry.run(run + ["--run-commands"], extra: variables)
      #expect(stale.code == 5, "\(stale.talk)")
      try ferry.write(code, to: "code/distributions.tf")

      let applied = try await ferry.run(run + ["--run-commands"], extra: variables)
      #expect(applied.code == 0, "\(applied.talk)")
      #expect(try await lab.get("/_lab/state", ferry) == before)
      #expect(try await lab.writes(ferry) == 0)
      let owners = try await ferry.run(
        [
          "handover", "detect", "EWEIGHT1", "--tfstate", "code/terraform.tfstate", "--output",
          "json",
        ],
        extra: variables)
      #expect(owners.json["resources"]?.array?.first?["verdict"] == "one", "\(owners.out)")

      let back = try ferry.read("plans/over.rollback.plan.json")["digest"]?.string ?? ""
      let undone = try await ferry.run(
        ["rollback", "over", "--approve", back, "--run-commands"], extra: variables)
      #expect(undone.code == 0, "\(undone.talk)")
      #expect(
        !text(ferry.folder.appendingPathComponent("code/terraform.tfstate").path).contains(
          "\"managed\""))
      #expect(try await lab.get("/_lab/state", ferry) == before)
      #expect(!(planned.out + applied.out + applied.talk + undone.talk).contains("canary"))
    }
  }

  @Test func `without being told to it runs nothing, shows each command, and waits for a person`()
    async throws
  {
    try await with { ferry, lab in
      let planned = try await plan(ferry, lab, "--from", "none", "--to", "terraform")
      #expect(planned.code == 0, "\(planned.talk)")
      let digest = planned.json["digest"]?.string ?? ""
      let run = ["apply", "over", "--approve", digest]
      let gate = try await ferry.run(run, extra: lab.variables())
      #expect(gate.code == 4 && gate.talk.contains("error[gate]"), "\(gate.talk)")
      #expect(gate.talk.contains("terraform -chdir=code init"))
      #expect(gate.talk.contains("edgeferry approve over --step adopt --reference TEXT"))
      for step in ["adopt", "no-op"] {
        let approved = try await ferry("approve", "over", "--step", step, "--reference", "C1")
        #expect(approved.code == 0)
      }
      let done = try await ferry.run(run, extra: lab.variables())
      #expect(done.code == 0, "\(done.talk)")
      #expect(
        !FileManager.default.fileExists(
          atPath: ferry.folder.appendingPathComponent("code/.terraform").path))
      let shown = try await ferry("show", "over")
      let book = try await ferry("runbook", "over")
      #expect(shown.code == 0 && book.code == 0)
      for told in [
        shown.out, text(ferry.folder.appendingPathComponent("runbooks/over.md").path),
      ] {
        #expect(told.contains("terraform -chdir=code show -json"))
      }
    }
  }

  @Test func `a handover from somebody who does not own it, or not alone, is refused`() async throws
  {
    try await with(Self.stacks(Self.stack("one", "EWEIGHT1"))) { ferry, lab in
      for (words, code) in [
        (["--from", "none", "--to", "terraform"], "has-owner"),
        (["--from", "cloudformation", "--to", "terraform", "--stack", "other"], "other-owner"),
      ] {
        let answer = try await ferry.run(
          ["handover", "plan", "EWEIGHT1", "--dir", "code", "--output", "json"] + words,
          extra: lab.variables())
        #expect(answer.code == 4 && answer.error["code"]?.string == code, "\(answer.talk)")
      }
      try ferry.write(
        #"{"version":4,"resources":[{"mode":"managed","type":"aws_cloudfront_distribution","name":"d","instances":[{"attributes":{"id":"EWEIGHT1"}}]}]}"#,
        to: "t.tfstate")
      let two = try await plan(
        ferry, lab, "--from", "terraform", "--to", "cloudformation", "--tfstate", "t.tfstate")
      #expect(two.code == 4 && two.error["code"] == "two-owners", "\(two.talk)")
      #expect(
        !FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent("plans").path))
      #expect(
        !FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent("code").path))
    }
    try await with { ferry, lab in
      let nobody = try await plan(ferry, lab, "--from", "cloudformation", "--to", "terraform")
      #expect(nobody.code == 4 && nobody.error["code"] == "no-owner", "\(nobody.talk)")
      for words in [
        ["--from", "none", "--to", "none"], ["--from", "terraform", "--to", "terraform"],
        ["--from", "terraform", "--to", "cloudformation"],
        ["--from", "pulumi", "--to", "terraform"],
      ] {
        let usage = try await ferry.run(
          ["handover", "plan", "EWEIGHT1", "--dir", "code"] + words, extra: lab.variables())
        #expect(usage.code == 64, "\(words) \(usage.talk)")
      }
      try ferry.write("x", to: "code/imports.tf")
      let odd = try await plan(ferry, lab, "--from", "none", "--to", "terraform")
      #expect(odd.code == 64, "\(odd.talk)")
      try ferry.write("import {\n  to = a.b\n  id = \"EOTHER\"\n}\n", to: "code/imports.tf")
      let other = try await plan(ferry, lab, "--from", "none", "--to", "terraform")
      #expect(other.code == 64 && other.error["code"] == "not-in-code", "\(other.talk)")
    }
  }

  @Test(arguments: ["--endpoint-url", "profile"])
  func `tools are sent to the endpoint in use, however it was given, and never to AWS`(
    _ means: String
  ) async throws {
    try await with { ferry, lab in
      var variables = lab.variables()
      variables["AWS_ENDPOINT_URL"] = nil
      variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = means == "profile" ? nil : "true"
      let keys = (variables["AWS_ACCESS_KEY_ID"] ?? "", variables["AWS_SECRET_ACCESS_KEY"] ?? "")
      try ferry.write(
        "[profile lab]\nendpoint_url = \(lab.api)\naws_access_key_id = \(keys.0)\naws_secret_access_key = \(keys.1)\n",
        to: ".aws/config")
      let place = means == "profile" ? ["--profile", "lab"] : ["--endpoint-url", lab.api]
      try ferry.writeProgram(
        "#!/bin/sh\nenv | grep ^AWS_ > tool.env\nexit 9\n", to: "bin/terraform")
      let around = ferry.environment["PATH"] ?? ""
      variables["PATH"] = ferry.folder.appendingPathComponent("bin").path + ":" + around
      let planned = try await ferry.run(
        [
          "handover", "plan", "EWEIGHT1", "--from", "none", "--to", "terraform", "--dir", "code",
          "--name", "over", "--output", "json",
        ] + place, extra: variables)
      #expect(planned.code == 0, "\(planned.talk)")
      // Once a command, however many sessions it has.
      let said = planned.talk.split(separator: "\n").count { $0.contains(", not AWS") }
      #expect(said == 1, "\(planned.talk)")
      let notes = try ferry.read("plans/over.plan.json")["notes"]?.canonical ?? ""
      #expect(notes.contains("sets AWS_ENDPOINT_URL"), "\(notes)")
      let digest = planned.json["digest"]?.string ?? ""
      let failed = try await ferry.run(
        ["apply", "over", "--approve", digest, "--run-commands", "--output", "json"] + place,
        extra: variables)
      #expect(failed.code == 1 && failed.error["code"] == "tool-failed", "\(failed.talk)")
      let path = ferry.folder.appendingPathComponent("tool.env").path
      let given = text(path).split(separator: "\n").map(String.init)
      for name in ["CLOUDFRONT", "CLOUDFORMATION", "STS"] {
        #expect(given.contains("AWS_ENDPOINT_URL_\(name)=\(lab.api)"), "\(given)")
      }
      #expect(given.contains("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false"))
      #expect(means == "profile" || given.contains("AWS_ENDPOINT_URL=\(lab.api)"), "\(given)")
      var info = stat()
      #expect(stat(path, &info) == 0 && info.st_mode & 0o777 == 0o600)
    }
  }

  @Test
  func `a policy id stands for its trio, and one that nobody has for its staging distribution`()
    async throws
  {
    try await with { ferry, lab in
      func run(_ words: String...) async throws -> Ferry.Answer {
        try await ferry.run(["handover"] + words + ["--output", "json"], extra: lab.variables())
      }
      func ids(_ answer: Ferry.Answer) -> [String] {
        (answer.json["resources"]?.array ?? []).filter {
          ["distribution", "continuous-deployment-policy"].contains($0["kind"] ?? $0["type"])
        }.compactMap { $0["id"]?.string }
      }
      let trio = ["EWEIGHT1", "EWEIGHT2", "cdp-weight"]
      for to in ["terraform", "cloudformation"] {
        let emitted = try await run("emit", "cdp-weight", "--to", to, "--out", "by-\(to)")
        #expect(emitted.code == 0 && ids(emitted) == trio, "\(emitted.talk) \(emitted.out)")
      }
      let one = try await run("emit", "EWEIGHT1", "--to", "terraform", "--out", "by-primary")
      #expect(one.code == 0, "\(one.talk)")
      #expect(
        text(ferry.folder.appendingPathComponent("by-primary/distributions.tf").path)
          == text(ferry.folder.appendingPathComponent("by-terraform/distributions.tf").path))
      let checked = try await run(
        "check", "cdp-weight", "--template", "by-cloudformation/template.json")
      #expect(checked.code == 0 && Set(trio).isSubset(of: ids(checked)), "\(checked.talk)")
      let planned = try await run(
        "plan", "cdp-weight", "--from", "none", "--to", "terraform", "--dir", "code")
      #expect(planned.code == 0, "\(planned.talk)")
      let plan = try ferry.read("plans/handover-cdp-weight.plan.json")
      let proven = plan["steps"]?.array?.first?["checks"]?.array ?? []
      #expect(
        proven.map { $0["distribution"]?.string ?? $0["policy"]?.string ?? "" } == trio, "\(proven)"
      )

      // Both names of it are one; what is there but not in the code is told.
      let both = try await run(
        "emit", "cdp-weight", "EWEIGHT1", "--to", "terraform", "--out", "by-both")
      #expect(both.code == 0 && ids(both) == trio)
      let other = try await run(
        "check", "cdp-header", "--template", "by-cloudformation/template.json")
      #expect(other.code == 1 && other.error["code"] == "not-in-template", "\(other.talk)")
    }
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let alone = try await ferry.run(
      [
        "handover", "emit", "P03SAMPLENEWS", "--to", "terraform", "--out", "t", "--output", "json",
      ], extra: lab.variables())
    await lab.stop()
    #expect(alone.code == 0, "\(alone.talk)")
    #expect(
      alone.json["resources"]?.array?.compactMap { $0["id"]?.string } == [
        "E2SAMPLENEWS03", "P03SAMPLENEWS",
      ])
  }

  @Test func `what cannot be an id is 64 everywhere, and each command says what it could not do`()
    async throws
  {
    try await with { ferry, lab in
      let commands: [(words: [String], could: String)] = [
        (["detect"], "say who owns"),
        (["emit", "--to", "terraform", "--out", "t"], "write code for"),
        (["check", "--template", "none.json"], "check"),
        (
          ["plan", "--from", "none", "--to", "terraform", "--dir", "d"], "plan the handover of"
        ),
      ]
      try ferry.write(
        #"{"Resources":{"A":{"Type":"AWS::CloudFront::Distribution"}}}"#, to: "none.json")
      for (words, could) in commands {
        let command = ["handover", words[0]]
        let rest = Array(words.dropFirst()) + ["--output", "json"]
        for bad in ["a b", "../x", ""] {
          let answer = try await ferry.run(command + [bad] + rest, extra: lab.variables())
          #expect(
            answer.code == 64 && answer.error["code"] == "bad-id", "\(words) \(answer.talk)")
          #expect(answer.error["what"]?.string?.hasPrefix("could not \(could) ") == true)
        }
        let nobody = try await ferry.run(command + ["NOPE"] + rest, extra: lab.variables())
        let what = words[0] == "detect" ? "could not find NOPE" : "could not \(could) NOPE"
        #expect(nobody.code == 1 && nobody.error["what"]?.string == what, "\(nobody.talk)")
      }
      let help = try await ferry("handover", "plan", "--help")
      let options = help.out.components(separatedBy: "OPTIONS:").last ?? ""
      let to = options.components(separatedBy: "--to <to>").last?.prefix(90) ?? ""
      #expect(to.contains("terraform, cloudformation") && !to.contains("none"), "\(to)")
    }
  }
}
