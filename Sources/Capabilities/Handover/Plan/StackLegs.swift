import FerryCode
import FerryCore

/// What CloudFormation does in a handover, by the AWS CLI: change sets whose description is judged before they run.
extension HandoverPlanner {
  /// The files of the handover that change sets are made from, in `HandoverFacts.folder`.
  enum File {
    static let original = "original.template.json"
    static let retaining = "retaining.template.json"
    static let released = "released.template.json"
    /// What was released, with what comes back.
    static let returning = "returning.template.json"
    /// What is there, with what is adopted.
    static let adopting = "adopting.template.json"
    /// Nothing but the placeholder.
    static let emptied = "emptied.template.json"
    static let imports = "resources-to-import.json"
    static let parameters = "parameters.secret.json"
  }

  private func aws(
    _ stack: HandoverFacts.Stack, _ words: [String], exits: [Int]? = nil, proves: ToolProof? = nil,
    files: [String] = []
  ) -> ToolCommand {
    var digests: [String: String] = [:]
    for file in files {
      digests[file] = facts.written[file].map(Digest.tagged) ?? facts.code.files[file]
    }
    return ToolCommand(
      ["aws", "cloudformation"] + words + ["--region", stack.region, "--output", "json"],
      environment: facts.environment.isEmpty ? nil : facts.environment, exits: exits,
      proves: proves, files: digests.isEmpty ? nil : digests)
  }

  /// - Parameters:
  ///   - existing: whether the stack is there, and keeps the values of its parameters.
  ///   - imports: the list of what is imported; nil for an update.
  private func changeSet(
    _ purpose: String, _ stack: HandoverFacts.Stack, template: String, existing: Bool = true,
    imports: String? = nil, parameters: String? = nil, proves: ToolProof
  ) -> [ToolCommand] {
    let name = "edgeferry-\(builder.input.name)-\(purpose)"
    let place = [
      "--stack-name", existing ? stack.reference : stack.name, "--change-set-name", name,
    ]
    var create =
      ["create-change-set"] + place + ["--change-set-type", imports == nil ? "UPDATE" : "IMPORT"]
      + [
        "--template-body", "file://\(template)", "--capabilities", "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
      ]
    if let imports { create += ["--resources-to-import", "file://\(imports)"] }
    if let parameters {
      create += ["--parameters", "file://\(parameters)"]
    } else if existing, !stack.edits.template.parameters.isEmpty {
      create +=
        ["--parameters"]
        + stack.edits.template.parameters.map { "ParameterKey=\($0),UsePreviousValue=true" }
    }
    let done = imports == nil ? "stack-update-complete" : "stack-import-complete"
    return [
      // What a run that was killed has left; there is none at first.
      aws(stack, ["delete-change-set"] + place, exits: [0, 254, 255]),
      aws(stack, create, files: [template, imports, parameters].compactMap { $0 }),
      aws(stack, ["wait", "change-set-create-complete"] + place),
      aws(stack, ["describe-change-set"] + place, proves: proves),
      aws(stack, ["execute-change-set"] + place),
      aws(
        stack, ["wait", done, "--stack-name", existing ? stack.reference : stack.name]),
    ]
  }
  private func holds(_ stack: HandoverFacts.Stack, released: Bool = false) -> [Step.Check] {
    let moved = Set(stack.edits.moved.values.map(\.physicalID))
    return facts.things.filter { moved.contains($0.id) }.map { thing in
      let kind: Step.Check.Kind = released ? .stackReleased : .stackHolds
      var check =
        thing.isPolicy
        ? Step.Check(kind, policy: thing.id) : Step.Check(kind, distribution: thing.id)
      check.stack = stack.reference
      check.region = stack.region
      // About what a change set of this kind takes.
      check.typicalSeconds = 120
      check.limitSeconds = 900
      return check
    }
  }
  private func path(_ file: String) -> String { "\(facts.folder)/\(file)" }

  // MARK: Out of a stack

  mutating func retain(in stack: HandoverFacts.Stack) throws(FerryError) {
    let moved = stack.edits.moved.keys.sorted()
    func proof() -> ToolProof {
      ToolProof(.stackRetains, only: moved, also: [StackEdits.placeholder])
    }
    builder.add(
      tools(
        "retain", "Let stack \(stack.name) keep what it lets go of live",
        "The stack gets DeletionPolicy and UpdateReplacePolicy Retain for \(moved.joined(separator: ", ")), and the empty resource \(StackEdits.placeholder), which makes the change set run. Nothing else may change.",
        changeSet("retain", stack, template: path(File.retaining), proves: proof()),
        checks: holds(stack)),
      rollback: tools(
        "unretain", "Give stack \(stack.name) its own template again",
        "The template is what it was before the handover.",
        changeSet("unretain", stack, template: path(File.original), proves: proof()),
        checks: holds(stack), undoes: "retain"))
  }

  mutating func release(from stack: HandoverFacts.Stack) throws(FerryError) {
    let moved = stack.edits.moved.keys.sorted()
    var back = [
      tools(
        "unrelease", "Import it into stack \(stack.name) again",
        "The stack imports \(moved.joined(separator: ", ")) as they are live. Nothing else may change.",
        changeSet(
          "unrelease", stack, template: path(File.returning), imports: path(File.imports),
          proves: ToolProof(.stackImports, only: moved)),
        checks: holds(stack), undoes: "release")
    ]
    if !stack.edits.isEmptied {
      // An import takes no other change, and to the stack's own template only attributes would change: no change set runs
      // for these. So it is first what it was before the release, with the empty resource that goes in the end.
      back.append(
        tools(
          "rehold", "Give stack \(stack.name) back what refers to it",
          "The template is what it was before the release, with the empty resource \(StackEdits.placeholder). Nothing else may change.",
          changeSet(
            "rehold", stack, template: path(File.retaining),
            proves: ToolProof(.stackRetains, only: moved, also: [StackEdits.placeholder])),
          checks: holds(stack), undoes: "release"))
    }
    builder.add(
      tools(
        "release", "Let stack \(stack.name) go of it",
        "The stack loses \(moved.joined(separator: ", ")), all of them retained. Nothing else may change.",
        changeSet(
          "release", stack, template: path(File.released),
          proves: ToolProof(.stackReleases, only: moved, also: [StackEdits.placeholder])),
        checks: holds(stack, released: true)), rollback: back)
    if stack.edits.isEmptied {
      builder.note(
        "stack \(stack.name) is left with the empty resource \(StackEdits.placeholder) alone; delete the stack when nobody needs the way back"
      )
    }
  }

  // MARK: Into a stack

  mutating func adoptInStack(_ stack: HandoverFacts.Stack) throws(FerryError) {
    let ids = facts.code.items.keys.sorted()
    let folder = facts.code.folder
    let isNew = stack.id == nil
    let parameters =
      facts.code.hasParameters
      ? isNew ? "\(folder)/\(File.parameters)" : path(File.parameters) : nil
    let template = isNew ? "\(folder)/template.json" : path(File.adopting)
    let left = path(isNew ? File.emptied : File.original)
    builder.add(
      tools(
        "adopt", "Import \(Self.count(ids)) into stack \(stack.name), and change nothing",
        "The change set must import \(ids.joined(separator: ", ")) and do nothing else.",
        changeSet(
          "adopt", stack, template: template, existing: !isNew,
          imports: "\(folder)/resources-to-import.json", parameters: parameters,
          proves: ToolProof(.stackImports, only: ids)),
        checks: holds(stack)),
      rollback: tools(
        "unadopt", "Let stack \(stack.name) go of what it imported",
        "The stack loses \(ids.joined(separator: ", ")), all of them retained; they stay live.",
        changeSet(
          "unadopt", stack, template: left,
          proves: ToolProof(.stackReleases, only: ids, also: [StackEdits.placeholder])),
        checks: holds(stack, released: true), undoes: "adopt"))
  }
}
