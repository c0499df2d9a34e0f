import FerryAWS
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

/// Clients that nobody wrote for this lab take it for CloudFront.
struct ClientTests {
  @Test func `boto3 calls every operation that the lab serves, and none other`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "0.3s"])
    let other = lab.variables(account: "222222222222")
    let answer = try await ferry.python(
      "boto3_operations.py", CloudFrontModel.operations.joined(separator: ","), lab: lab,
      extra: [
        "SECOND_ID": other["AWS_ACCESS_KEY_ID"] ?? "",
        "SECOND_SECRET": other["AWS_SECRET_ACCESS_KEY"] ?? "",
      ])
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasPrefix("\(CloudFrontModel.operations.count) operations,"))
  }

  @Test func `boto3 reads and writes key value stores, signed with Version 4A and with Version 4`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "0.3s"])
    let answer = try await ferry.python(
      "boto3_keyvalues.py", CloudFrontModel.keyOperations.joined(separator: ","), lab: lab)
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasPrefix("\(CloudFrontModel.keyOperations.count) operations,"))
  }

  @Test func `random configs made from botocore's own model survive a round trip`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry)
    let answer = try await ferry.python("boto3_random.py", "200", "20260101", lab: lab)
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasPrefix("200 random configs survived"))
  }

  @Test func `the shapes that configs are edited by are those of botocore's model`() async throws {
    func text(_ kind: Shape.Kind) -> String {
      switch kind {
      case .string: "s"
      case .integer: "i"
      case .boolean: "b"
      case .float: "f"
      case .timestamp: "t"
      case .structure(let name): name
      case .list(let item, let of): "[\(item) \(text(of))]"
      }
    }
    let ferry = try Ferry()
    defer { ferry.remove() }
    let shapes = Shape.all.map { shape in
      (
        shape.name,
        JSONValue.array(
          shape.members.map { [.string($0.name), .string(text($0.kind)), .bool($0.required)] })
      )
    }
    try ferry.write(
      JSONValue.object(Dictionary(uniqueKeysWithValues: shapes)).canonical, to: "shapes.json")
    let script = Ferry.client("shapes.py")
    let answer = try await ferry.run(
      [script, "shapes.json"], extra: ProcessInfo.processInfo.environment,
      program: Ferry.python)
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out == "\(shapes.count) shapes agree\n")
  }

  @Test func `the AWS CLI creates, waits, updates, lists and is told what is wrong`() async throws {
    guard let aws = Self.onPath("aws") else {
      print("skipped: the AWS CLI is not installed")
      return
    }
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      {"CallerReference":"cli","Comment":"from the CLI","Enabled":true,
       "Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net",
        "CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},
       "DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only",
        "CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}
      """, to: "config.json")
    try await ferry.withLab(["--propagation", "0.1s"]) { lab in
      func cli(_ arguments: String...) async throws -> Ferry.Answer {
        try await ferry.run(
          ["cloudfront"] + arguments + ["--output", "json"], extra: Self.around(ferry, lab),
          program: aws)
      }
      let created = try await cli(
        "create-distribution", "--distribution-config", "file://config.json")
      #expect(created.code == 0, "\(created.talk)")
      let id = created.json["Distribution"]?["Id"]?.string ?? ""
      #expect(try await cli("wait", "distribution-deployed", "--id", id).code == 0)
      let read = try await cli("get-distribution-config", "--id", id)
      guard case .object(var config)? = read.json["DistributionConfig"] else {
        Issue.record("no config: \(read.talk)")
        return
      }
      config["Comment"] = "changed"
      try ferry.write(JSONValue.object(config).canonical, to: "changed.json")
      let version = read.json["ETag"]?.string ?? ""
      let updated = try await cli(
        "update-distribution", "--id", id, "--if-match", version, "--distribution-config",
        "file://changed.json")
      #expect(updated.json["Distribution"]?["DistributionConfig"]?["Comment"] == "changed")
      let stale = try await cli("delete-distribution", "--id", id, "--if-match", version)
      #expect(stale.code == 254 || stale.code == 255)
      #expect(
        stale.talk.contains(
          "An error occurred (PreconditionFailed) when calling the DeleteDistribution operation"))
      let listed = try await cli("list-distributions")
      #expect(listed.json["DistributionList"]?["Items"]?.array?.map { $0["Id"]?.string } == [id])
    }
  }

  @Test func `Terraform applies the trio and its zone, plans nothing more, and destroys it`()
    async throws
  {
    guard let terraform = Self.onPath("terraform") else {
      print("skipped: terraform is not installed")
      return
    }
    let ferry = try Ferry()
    defer { ferry.remove() }
    guard let rc = try Self.terraformConfig(ferry) else {
      print(
        "skipped: no mirror of the provider hashicorp/aws; set EDGEFERRY_TERRAFORM_PLUGINS"
      )
      return
    }
    for name in ["trio.tf", "zone.tf"] {
      try FileManager.default.copyItem(
        at: URL(fileURLWithPath: Ferry.client(name)),
        to: ferry.folder.appendingPathComponent(name))
    }
    try await ferry.withLab(["--propagation", "0.1s"]) { lab in
      let variables = Self.around(ferry, lab).merging([
        "TF_CLI_CONFIG_FILE": rc, "TF_VAR_lab": lab.api, "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
      ]) { $1 }
      func run(_ arguments: String...) async throws -> Ferry.Answer {
        try await ferry.run(
          arguments + ["-no-color", "-input=false"], extra: variables, program: terraform)
      }
      let steps: [([String], Int32)] = [
        (["init"], 0), (["apply", "-auto-approve"], 0),
        (["apply", "-auto-approve", "-var", "attach=true"], 0),
        (["plan", "-detailed-exitcode", "-var", "attach=true"], 0),
      ]
      for (arguments, code) in steps {
        let answer = try await ferry.run(
          arguments + ["-no-color", "-input=false"], extra: variables, program: terraform)
        #expect(answer.code == code, "\(arguments) \(answer.out.suffix(2000)) \(answer.talk)")
      }
      let built = try await lab.get("/_lab/state", ferry)["111111111111"] ?? .null
      let primary = built["distributions"]?.array?.first { $0["staging"] == false }
      #expect(built["distributions"]?.array?.count == 2)
      #expect(
        primary?["policyId"] == built["continuousDeploymentPolicies"]?.array?.first?["id"])
      let zone = built["hostedZones"]?.array?.first
      let keys = zone?["records"]?.array?.map {
        "\($0["name"]?.string ?? "") \($0["type"]?.string ?? "")"
      }
      #expect(
        keys == [
          "example.com. A", "example.com. AAAA", "example.com. NS", "example.com. SOA",
          "*.example.com. TXT", "www.example.com. CNAME",
        ])
      let destroyed = try await run(
        "destroy", "-auto-approve", "-refresh=false", "-var", "attach=true")
      #expect(destroyed.code == 0, "\(destroyed.out.suffix(2000)) \(destroyed.talk)")
      // Whatever was created is gone again.
      var left: [String: Int] = [:]
      for entry in try await lab.get("/_lab/requests", ferry).array ?? []
      where entry["effective"] == true {
        let operation = (entry["operation"]?.string ?? "").replacingOccurrences(
          of: "WithTags", with: "")
        if operation.hasPrefix("Create") { left[String(operation.dropFirst(6)), default: 0] += 1 }
        if operation.hasPrefix("Delete") { left[String(operation.dropFirst(6)), default: 0] -= 1 }
      }
      #expect(left.count == 12 && left.values.allSatisfy { $0 == 0 }, "\(left)")
    }
  }

  static func onPath(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
      .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Terraform's CLI config: the one that is set if it exists, else one that names a mirror on this
  /// machine; nil where there is none.
  static func terraformConfig(_ ferry: Ferry) throws -> String? {
    let environment = ProcessInfo.processInfo.environment
    let files = FileManager.default
    if let given = environment["TF_CLI_CONFIG_FILE"], files.fileExists(atPath: given) {
      return given
    }
    let home = environment["HOME"] ?? ""
    let folders =
      [environment["EDGEFERRY_TERRAFORM_PLUGINS"]].compactMap { $0 }
      + ((try? files.contentsOfDirectory(atPath: "/opt")) ?? []).map { "/opt/\($0)" }
      + ["/usr/local/share/terraform/plugins", "\(home)/.terraform.d/plugins"]
    // A mirror's layout is HOST/NAMESPACE/TYPE.
    let mirror = folders.first { folder in
      ((try? files.contentsOfDirectory(atPath: folder)) ?? []).contains {
        files.fileExists(atPath: "\(folder)/\($0)/hashicorp/aws")
      }
    }
    guard let mirror else { return nil }
    try ferry.write(
      "provider_installation {\n  filesystem_mirror {\n    path = \"\(mirror)\"\n  }\n}\n",
      to: "terraform.rc")
    return ferry.folder.appendingPathComponent("terraform.rc").path
  }

  /// The machine's variables, with the lab's and a home of the test's own over them.
  static func around(_ ferry: Ferry, _ lab: RunningLab) -> [String: String] {
    ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
      .merging(ferry.environment) { $1 }.merging(lab.variables()) { $1 }
  }
}

extension Ferry {
  /// A lab for the time of the body, stopped also when it throws.
  func withLab<T>(_ arguments: [String] = [], _ body: (RunningLab) async throws -> T) async throws
    -> T
  {
    let lab = try await RunningLab(self, arguments)
    do {
      let result = try await body(lab)
      await lab.stop()
      return result
    } catch {
      await lab.stop()
      throw error
    }
  }
  /// Runs one of the client programs against a lab.
  func python(
    _ script: String, _ arguments: String..., lab: RunningLab, extra: [String: String] = [:]
  ) async throws -> Answer {
    try await run(
      [Ferry.client(script)] + arguments,
      extra: ClientTests.around(self, lab).merging(extra) { $1 },
      program: Ferry.python)
  }
}
