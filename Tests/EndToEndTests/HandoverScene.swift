import FerryCore
import Foundation
import Testing

/// The real AWS CLI and the real Terraform by the names that plans give them, on a lab with stacks.
struct HandoverScene {
  let ferry: Ferry
  let lab: RunningLab
  let variables: [String: String]

  /// - Parameters:
  ///   - stacks: JSON, with commas between them.
  ///   - propagation: of CloudFront and of CloudFormation.
  /// - Returns: nil where a tool is missing.
  init?(_ stacks: String, terraform: Bool, propagation: String) async throws {
    let ferry = try Ferry()
    var more: [String: String] = [:]
    var programs = ["aws": "\(Ferry.python) -m awscli"]
    if terraform {
      guard let rc = try ClientTests.terraformConfig(ferry),
        let program = ClientTests.onPath("terraform")
      else {
        print("skipped: no terraform with a mirror of the provider hashicorp/aws")
        ferry.remove()
        return nil
      }
      more = ["TF_CLI_CONFIG_FILE": rc, "CHECKPOINT_DISABLE": "1"]
      programs["terraform"] = program
    }
    self.ferry = ferry
    let fixture = text(HandoverTerraformTests.fixture).replacing(
      #""id": "111111111111","#,
      with: #""id": "111111111111", "stacks": [\#(stacks)],"#)
    try ferry.write(fixture, to: "i.json")
    try ferry.write("version: 1\npolling: { deployed: 0.5s }\n", to: "edgeferry.yaml")
    lab = try await RunningLab(
      ferry,
      ["--propagation", propagation, "--load", ferry.folder.appendingPathComponent("i.json").path])
    let bin = ferry.folder.appendingPathComponent("bin")
    for (name, program) in programs {
      // Who calls it is killed once it has done what a file of `kill/` is named after.
      try ferry.writeProgram(
        """
        #!/bin/sh
        \(program) "$@"
        code=$?
        for word in "$@"; do
          if [ -e "kill/$word" ]; then rm "kill/$word"; kill -9 $PPID; fi
        done
        exit $code

        """, to: "bin/\(name)")
    }
    let around = ClientTests.around(ferry, lab)
    variables = around.merging(more) { $1 }.merging([
      "PATH": bin.path + ":" + (around["PATH"] ?? "")
    ]) { $1 }
  }
  static func with(
    _ stacks: String, terraform: Bool = true, propagation: String = "0s",
    _ body: (HandoverScene) async throws -> Void
  ) async throws {
    guard
      let scene = try await HandoverScene(stacks, terraform: terraform, propagation: propagation)
    else { return }
    do {
      try await body(scene)
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }
  private func end() async {
    await lab.stop()
    ferry.remove()
  }

  func run(_ words: String...) async throws -> Ferry.Answer {
    try await ferry.run(words + ["--output", "json"], extra: variables)
  }
  func apply(_ name: String, _ more: String...) async throws -> Ferry.Answer {
    try await carryOut("apply", name, "plans/\(name).plan.json", more)
  }
  func rollBack(_ name: String, _ more: String...) async throws -> Ferry.Answer {
    try await carryOut("rollback", name, "plans/\(name).rollback.plan.json", more)
  }
  private func carryOut(_ verb: String, _ name: String, _ file: String, _ more: [String])
    async throws -> Ferry.Answer
  {
    let digest = try ferry.read(file)["digest"]?.string ?? ""
    return try await ferry.run(
      [verb, name, "--approve", digest, "--run-commands", "--output", "json"] + more,
      extra: variables)
  }
  /// The next program that has done that has its caller killed.
  func killAfter(_ word: String) throws {
    try ferry.write("", to: "kill/\(word)")
  }
  /// What the person of the gate does who has a plan from `code` to `stack`: the blocks go, the removed blocks come.
  /// - Returns: the folder of the old code.
  func editOldCode(of plan: String) async throws -> URL {
    let code = ferry.folder.appendingPathComponent("code")
    for file in try FileManager.default.contentsOfDirectory(atPath: code.path)
    where file.hasSuffix(".tf") && !["versions.tf", "variables.tf"].contains(file) {
      try FileManager.default.removeItem(at: code.appendingPathComponent(file))
    }
    try FileManager.default.copyItem(
      at: ferry.folder.appendingPathComponent("stack/handover/removed.tf"),
      to: code.appendingPathComponent("removed.tf"))
    let approved = try await run("approve", plan, "--step", "edit-code", "--reference", "C1")
    #expect(approved.code == 0, "\(approved.talk)")
    return code
  }
  /// Everything live, without what changes by itself.
  func live() async throws -> JSONValue { try await lab.get("/_lab/state", ferry) }
  /// Physical ids that a stack holds.
  func held(_ stack: String) async throws -> Set<String> {
    let answer = try await aws("list-stack-resources", "--stack-name", stack)
    return Set(
      (answer.json["StackResourceSummaries"]?.array ?? []).compactMap {
        $0["PhysicalResourceId"]?.string
      })
  }
  func aws(_ words: String...) async throws -> Ferry.Answer {
    try await ferry.run(
      ["-m", "awscli", "cloudformation"] + words, extra: variables, program: Ferry.python)
  }
}
