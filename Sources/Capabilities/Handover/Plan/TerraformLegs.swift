import FerryCode
import FerryCore

/// What Terraform does in a handover.
extension HandoverPlanner {
  static func terraform(
    _ folder: String, _ words: [String], environment: [String: String], exits: [Int]? = nil,
    proves: ToolProof? = nil, files: [String: String]? = nil
  ) -> ToolCommand {
    ToolCommand(
      ["terraform", "-chdir=\(folder)"] + words,
      environment: environment.isEmpty ? nil : environment, exits: exits, proves: proves,
      files: files)
  }
  /// A plan, the proof of what it does, and its apply: exactly what was proven is applied.
  private func proven(
    _ folder: String, _ proof: ToolProof, files: [String: String]? = nil
  ) -> [ToolCommand] {
    let saved = "edgeferry.tfplan"
    let environment = facts.environment
    return [
      Self.terraform(
        folder, ["init", "-input=false", "-no-color"], environment: environment, files: files),
      Self.terraform(
        folder, ["plan", "-input=false", "-no-color", "-lock-timeout=60s", "-out=\(saved)"],
        environment: environment),
      Self.terraform(folder, ["show", "-json", saved], environment: environment, proves: proof),
      Self.terraform(
        folder, ["apply", "-input=false", "-no-color", saved], environment: environment),
    ]
  }
  private func isQuiet(_ folder: String) -> ToolCommand {
    Self.terraform(
      folder, ["plan", "-input=false", "-no-color", "-lock-timeout=60s", "-detailed-exitcode"],
      environment: facts.environment)
  }

  mutating func adoptInTerraform() {
    let code = facts.code
    let addresses = code.items.keys.sorted()
    let proof = ToolProof(
      .terraformImports, only: addresses, also: code.held.isEmpty ? nil : code.held)
    let forget = proven(code.folder, proof).dropLast()
    builder.add(
      tools(
        "adopt", "Import \(Self.count(addresses)) into Terraform, and change nothing",
        "Terraform in \(code.folder) imports what is live. Its plan must import and do nothing else.",
        proven(code.folder, proof, files: code.files),
        done: isQuiet(code.folder)),
      rollback: tools(
        "unadopt", "Let Terraform in \(code.folder) forget what it imported",
        "The state in \(code.folder) forgets the resources; they stay live.",
        [
          Self.terraform(
            code.folder, ["state", "rm"] + addresses, environment: facts.environment,
            // 1: it was forgotten before; the plan that follows proves it.
            exits: [0, 1])
        ] + forget, undoes: "adopt"))
    builder.add(
      tools(
        "no-op", "Prove that Terraform would change nothing",
        "`terraform plan` in \(code.folder) must end with 0: no changes.",
        [isQuiet(code.folder)]), rollback: [], inverse: .observe)
  }

  mutating func release(from state: HandoverFacts.State) {
    let addresses = state.addresses.keys.sorted()
    let folder = state.folder ?? "OLD-CODE"
    let removed = facts.folder + "/removed.tf"
    let imports = facts.folder + "/imports.tf"
    let edit = External(
      says:
        "In the Terraform code of \(state.name): take out the blocks of \(addresses.joined(separator: ", ")), and what refers to them, and put \(removed) in.",
      commands: ["cp \(removed) \(folder)/"])
    let back = External(
      says:
        "In the Terraform code of \(state.name): put the blocks back, take removed.tf out, and put \(imports) in.",
      commands: ["rm -f \(folder)/removed.tf", "cp \(imports) \(folder)/"])
    let byHand = "a person edits the code of \(state.name), and approves"
    builder.add(
      step(
        "edit-code", "Let the old Terraform code speak of it no more", .external(edit),
        gate: byHand),
      rollback: [], inverse: .external(back))
    func leg(
      _ id: String, _ title: String, _ says: String, _ kind: ToolProof.Kind, undoes: String? = nil
    ) -> Step {
      let commands = proven(folder, ToolProof(kind, only: addresses))
      // Nobody knows where the code of a state in S3 is, so a person runs them there.
      return state.folder == nil
        ? step(
          id, title,
          .external(
            External(
              says: says, commands: External(says: says, tools: commands, done: nil).commands)),
          gate: "a person runs the commands where the code of \(state.name) is, and approves",
          undoes: undoes)
        : tools(id, title, says, commands, undoes: undoes)
    }
    // Taken back in the same order: the code speaks of it before it is imported again.
    builder.add(
      leg(
        "release", "Let the old Terraform state forget it",
        "Terraform must forget \(Self.count(addresses)) and do nothing else.",
        .terraformForgets),
      rollback: [
        step(
          "unedit-code", "Let the old Terraform code speak of it again", .external(back),
          gate: byHand, undoes: "edit-code"),
        leg(
          "unrelease", "Import it into the old Terraform state again",
          "Terraform must import \(Self.count(addresses)) and do nothing else.",
          .terraformImports, undoes: "release"),
      ])
  }

  /// Files that a person puts into the old code.
  static func removed(_ addresses: [String]) -> String {
    HCLBlock.text(
      addresses.sorted().map { address in
        HCLBlock(
          "removed", [], [("from", .reference(address))],
          blocks: [HCLBlock("lifecycle", [], [("destroy", .bool(false))])])
      })
  }
  static func imports(_ addresses: [String: String]) -> String {
    HCLBlock.text(
      addresses.sorted { $0.key < $1.key }.map { address, id in
        HCLBlock("import", [], [("to", .reference(address)), ("id", .string(id))])
      })
  }
}
