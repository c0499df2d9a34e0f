import FerryCore
import Foundation

/// Terraform in a folder of code, against a lab.
struct TerraformRun {
  let ferry: Ferry
  let folder: String
  private let program: String
  private let variables: [String: String]

  /// nil, with a line that says so, where there is no Terraform or no mirror of its provider.
  init?(_ ferry: Ferry, _ lab: RunningLab, in folder: String = "code") throws {
    guard let program = ClientTests.onPath("terraform"),
      let rc = try ClientTests.terraformConfig(ferry)
    else {
      print("skipped: no terraform with a mirror of the provider hashicorp/aws")
      return nil
    }
    self.ferry = ferry
    self.folder = folder
    self.program = program
    variables = ClientTests.around(ferry, lab).merging([
      "TF_CLI_CONFIG_FILE": rc, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    ]) { $1 }
  }

  func callAsFunction(_ arguments: String...) async throws -> Ferry.Answer {
    try await ferry.run(["-chdir=\(folder)"] + arguments, extra: variables, program: program)
  }
  /// Plans, saves the plan as `plan` in the folder, and says in JSON what is in it.
  func plan(_ file: String? = nil) async throws -> Plan {
    let answer = try await self(
      "plan", "-no-color", "-input=false", "-detailed-exitcode", "-out=plan")
    guard [0, 2].contains(answer.code) else { return Plan(answer: answer, json: .null) }
    let shown = try await self("show", "-json", "plan")
    if let file { try ferry.write(shown.out, to: file) }
    return Plan(answer: answer, json: shown.json)
  }

  struct Plan {
    var answer: Ferry.Answer
    var json: JSONValue
    private var managed: [JSONValue] {
      (json["resource_changes"]?.array ?? []).filter { $0["mode"] != "data" }
    }
    var count: Int { managed.count }
    /// The address of everything that is not an import as it stands. A value that only becomes sensitive is one.
    var changes: [String] {
      managed.filter { it in
        let change = it["change"] ?? .null
        let isNothing =
          change["actions"] == ["no-op"]
          || (change["actions"] == ["update"] && change["before"] == change["after"])
        return !(isNothing && change["importing"]?["id"] != nil)
      }.map { "\($0["address"]?.string ?? "") \($0["change"]?["actions"]?.canonical ?? "")" }
    }
  }

  /// Puts `removed` blocks in the place of all code of resources, so that the next apply lets go of them.
  func forget(_ addresses: [String]) throws {
    let place = ferry.folder.appendingPathComponent(folder)
    for name in try FileManager.default.contentsOfDirectory(atPath: place.path)
    where name.hasSuffix(".tf") && !["versions.tf", "variables.tf"].contains(name) {
      try FileManager.default.removeItem(at: place.appendingPathComponent(name))
    }
    let blocks = addresses.map {
      "removed {\n  from = \($0)\n\n  lifecycle {\n    destroy = false\n  }\n}\n"
    }
    try ferry.write(blocks.joined(separator: "\n"), to: "\(folder)/removed.tf")
  }
}

extension RunningLab {
  /// How many requests have changed something so far.
  func writes(_ ferry: Ferry) async throws -> Int {
    try await get("/_lab/requests", ferry).array?.count { $0["effective"] == true } ?? -1
  }
}
