import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `handover emit` from outside: on the lab, with Terraform and python-hcl2 as judges of the code.
struct HandoverEndToEndTests {
  private func mode(_ ferry: Ferry, _ name: String) -> Int {
    let path = ferry.folder.appendingPathComponent(name).path
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.posixPermissions] as? Int) ?? -1
  }
  /// Runs Terraform in the folder `code` where it and a mirror of the provider are; nil otherwise.
  private func terraform(_ ferry: Ferry, _ lab: RunningLab) throws -> (
    @Sendable ([String]) async throws -> Ferry.Answer
  )? {
    guard let program = ClientTests.onPath("terraform"),
      let rc = try ClientTests.terraformConfig(ferry)
    else {
      print("skipped: no terraform with a mirror of the provider hashicorp/aws")
      return nil
    }
    let variables = ClientTests.around(ferry, lab).merging([
      "TF_CLI_CONFIG_FILE": rc, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    ]) { $1 }
    return { arguments in
      try await ferry.run(["-chdir=code"] + arguments, extra: variables, program: program)
    }
  }
  /// What a plan does: the address of everything that is not an import as it stands. A value that only becomes
  /// sensitive is one.
  private func changes(_ plan: JSONValue) -> [String] {
    (plan["resource_changes"]?.array ?? []).filter { it in
      let change = it["change"] ?? .null
      let isNothing =
        change["actions"] == ["no-op"]
        || (change["actions"] == ["update"] && change["before"] == change["after"])
      return it["mode"] != "data" && !(isNothing && change["importing"]?["id"] != nil)
    }.map { "\($0["address"]?.string ?? "") \($0["change"]?["actions"]?.canonical ?? "")" }
  }
  /// What a plan would make or delete.
  private func replaced(_ plan: JSONValue) -> [String] {
    (plan["resource_changes"]?.array ?? []).filter { it in
      it["change"]?["importing"]?["id"] == nil
        || it["change"]?["actions"]?.array?.contains { $0 == "create" || $0 == "delete" } != false
    }.map { $0["address"]?.string ?? "" }
  }
  private func parsed(_ ferry: Ferry) async throws -> Ferry.Answer {
    try await ferry.run(
      [
        "-c",
        "import glob,hcl2,json;print(json.dumps({f:[list(hcl2.load(open(f)))] for f in sorted(glob.glob('code/*.tf')+glob.glob('code/*.tfvars'))}))",
      ], program: Ferry.python)
  }

  @Test func `Terraform imports the trio and all it refers to, and replaces nothing`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(ExportEndToEndTests.inventory, to: "i.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    try await ExportEndToEndTests().publish(lab, ferry)
    let before = try await lab.get("/_lab/state", ferry)
    let command = ["handover", "emit", "EPRIMARY", "--to", "terraform", "--out", "code"]
    let answer = try await ferry.run(command + ["--output", "json"], extra: lab.variables())
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.json["complete"] == true && answer.json["notExpressed"] == [])
    let addresses = answer.json["resources"]?.array?.compactMap { $0["address"]?.string } ?? []
    #expect(
      addresses.map { $0.replacing("aws_cloudfront_", with: "") } == [
        "distribution.www_example_com", "distribution.www_example_com_staging",
        "continuous_deployment_policy.www_example_com", "origin_access_control.oac",
        "cache_policy.cache", "function.rewrite", "public_key.key", "key_group.group",
      ])
    #expect(mode(ferry, "code/secrets.auto.tfvars") == 0o600)
    #expect(mode(ferry, "code/distributions.tf") == 0o644)
    #expect(!(answer.out + answer.talk).contains("canary"))
    #expect(
      text(ferry.folder.appendingPathComponent("code/functions/rewrite.js").path)
        == "function handler(e) { return e.request }")

    // Nothing is written over what is there, and nothing for what is not.
    let again = try await ferry.run(command, extra: lab.variables())
    #expect(again.code == 64 && again.talk.contains("error[out-not-empty]"))
    let unknown = try await ferry(
      "handover", "emit", "ENOWHERE", "--to", "terraform", "--out", "none",
      extra: lab.variables())
    #expect(unknown.code == 1 && unknown.talk.contains("error[unknown-distribution]"))
    #expect(mode(ferry, "none") == -1)
    let spoken = try await ferry(
      "handover", "emit", "EPRIMARY", "--to", "terraform", "--out", "spoken/code",
      extra: lab.variables())
    #expect(spoken.code == 0 && spoken.out.contains("the code says all that is live"))

    let read = try await parsed(ferry)
    #expect(read.code == 0 && read.json.object?.count == 9, "\(read.talk) \(read.out)")

    if let terraform = try terraform(ferry, lab) {
      let steps: [([String], Int32)] = [
        (["fmt", "-check", "-diff", "-recursive"], 0), (["init", "-no-color"], 0),
        (["validate", "-no-color"], 0), (["plan", "-no-color", "-input=false", "-out=p"], 0),
      ]
      for (arguments, code) in steps {
        let step = try await terraform(arguments)
        #expect(step.code == code, "\(arguments) \(step.out.suffix(3000)) \(step.talk)")
      }
      let plan = try await terraform(["show", "-json", "p"])
      #expect(plan.json["resource_changes"]?.array?.count == 8)
      #expect(replaced(plan.json) == [])
      // The distributions, as every byte of them is live.
      #expect(changes(plan.json).filter { $0.contains("aws_cloudfront_distribution.") } == [])
      #expect(try await lab.get("/_lab/state", ferry) == before)
    }
    await lab.stop()
  }

  @Test func `Terraform finds the code of every distribution of the corpus valid and well formed`()
    async throws
  {
    guard let corpus = Shared.folder("corpus/distributions") else { return }
    let ferry = try Ferry()
    defer { ferry.remove() }
    var distributions: [JSONValue] = []
    var aliases: Set<String> = []
    let names = try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted()
    for name in names where name.hasSuffix(".json") && !name.hasSuffix(".tags.json") {
      let bytes = try Data(contentsOf: corpus.appendingPathComponent(name))
      guard case .object(var config) = try JSONValue.read(Array(bytes), what: name) else {
        continue
      }
      // One account holds a name once, and makes a distribution of a reference once.
      let own = (config["Aliases"]?["Items"]?.array ?? []).filter {
        aliases.insert($0.string ?? "").inserted
      }
      config["Aliases"] = ["Quantity": .int(Int64(own.count)), "Items": .array(own)]
      config["CallerReference"] = .string(name)
      distributions.append([
        "id": .string("E\(distributions.count + 100)"),
        "domainName": .string("d\(distributions.count + 100).cloudfront.net"),
        "config": .object(config),
      ])
    }
    let inventory: JSONValue = [
      "schema": "edgeferry.inventory/1",
      "accounts": [["id": "111111111111", "distributions": .array(distributions)]],
    ]
    try ferry.write(inventory.canonical, to: "i.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    let ids = distributions.compactMap { $0["id"]?.string }
    let answer = try await ferry.run(
      ["handover", "emit", "--to", "terraform", "--out", "code", "--output", "json"] + ids,
      extra: lab.variables())
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(try await parsed(ferry).code == 0)
    if let terraform = try terraform(ferry, lab) {
      for arguments in [
        ["fmt", "-check", "-diff", "-recursive"], ["init", "-no-color"], ["validate", "-no-color"],
      ] {
        let step = try await terraform(arguments)
        #expect(step.code == 0, "\(arguments) \(step.out.suffix(3000)) \(step.talk.prefix(4000))")
      }
    }
    await lab.stop()
  }
}
