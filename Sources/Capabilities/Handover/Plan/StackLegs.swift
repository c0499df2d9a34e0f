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

  /// A step of a stack: a change set that is judged before it runs.
  ///
  /// A run that was killed may have left any part of that: so first nothing is under way any more, and a stack that has the
  /// step's template needs nothing.
  /// - Parameters:
  ///   - existing: whether the stack is there, and keeps the values of its parameters.
  ///   - lacks: what a stack that may never have come to be is to hold no more, whatever its template is.
  ///   - imports: the list of what is imported; nil for an update.
  private func leg(
    _ id: String, _ title: String, _ says: String, _ stack: HandoverFacts.Stack, template: String,
    existing: Bool = true, imports: String? = nil, parameters: String? = nil, proves: ToolProof,
    lacks: [String]? = nil, released: Bool = false, undoes: String? = nil
  ) -> Step {
    let named = ["--stack-name", existing ? stack.reference : stack.name]
    let place = named + ["--change-set-name", "edgeferry-\(builder.input.name)-\(id)"]
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
    let commands = [
      // What a run that was killed has left; there is none at first.
      aws(stack, ["delete-change-set"] + place, exits: Self.exitsOfNone),
      aws(stack, create, files: [template, imports, parameters].compactMap { $0 }),
      aws(stack, ["wait", "change-set-create-complete"] + place),
      aws(stack, ["describe-change-set"] + place, proves: proves),
      aws(stack, ["execute-change-set"] + place),
      aws(stack, ["wait", done] + named),
    ]
    return tools(
      id, title, says, commands,
      settled: aws(
        stack, ["describe-stacks"] + named,
        exits: existing && lacks == nil ? nil : Self.exitsOfNone, proves: ToolProof(.stackSettled)),
      done: lacks.map {
        aws(
          stack, ["list-stack-resources"] + named, exits: Self.exitsOfNone,
          proves: ToolProof(.stackLacks, only: $0))
      }
        ?? aws(
          stack, ["get-template"] + named + ["--template-stage", "Original"],
          proves: ToolProof(.stackTemplate, templates: facts.templates[template] ?? [])),
      checks: holds(stack, released: released), undoes: undoes)
  }
  /// What the AWS CLI may end with for a thing that is not there: version 2, version 1.
  private static let exitsOfNone = [0, 254, 255]
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
    let proof = ToolProof(.stackRetains, only: moved, also: [StackEdits.placeholder])
    builder.add(
      leg(
        "retain", "Let stack \(stack.name) keep what it lets go of live",
        "The stack gets DeletionPolicy and UpdateReplacePolicy Retain for \(moved.joined(separator: ", ")), and the empty resource \(StackEdits.placeholder), which makes the change set run. Nothing else may change.",
        stack, template: path(File.retaining), proves: proof),
      rollback: leg(
        "unretain", "Give stack \(stack.name) its own template again",
        "The template is what it was before the handover.",
        stack, template: path(File.original), proves: proof, undoes: "retain"))
  }

  mutating func release(from stack: HandoverFacts.Stack) throws(FerryError) {
    let moved = stack.edits.moved.keys.sorted()
    var back = [
      leg(
        "unrelease", "Import it into stack \(stack.name) again",
        "The stack imports \(moved.joined(separator: ", ")) as they are live. Nothing else may change.",
        stack, template: path(File.returning), imports: path(File.imports),
        proves: ToolProof(.stackImports, only: moved), undoes: "release")
    ]
    if !stack.edits.isEmptied {
      // An import takes no other change, and to the stack's own template only attributes would change: no change set runs
      // for these. So it is first what it was before the release, with the empty resource that goes in the end.
      back.append(
        leg(
          "rehold", "Give stack \(stack.name) back what refers to it",
          "The template is what it was before the release, with the empty resource \(StackEdits.placeholder). Nothing else may change.",
          stack, template: path(File.retaining),
          proves: ToolProof(.stackRetains, only: moved, also: [StackEdits.placeholder]),
          undoes: "release"))
    }
    builder.add(
      leg(
        "release", "Let stack \(stack.name) go of it",
        "The stack loses \(moved.joined(separator: ", ")), all of them retained. Nothing else may change.",
        stack, template: path(File.released),
        proves: ToolProof(.stackReleases, only: moved, also: [StackEdits.placeholder]),
        released: true), rollback: back)
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
    let template = isNew ? "\(folder)/\(StackFiles.template)" : path(File.adopting)
    let left = path(isNew ? File.emptied : File.original)
    builder.add(
      leg(
        "adopt", "Import \(Self.count(ids)) into stack \(stack.name), and change nothing",
        "The change set must import \(ids.joined(separator: ", ")) and do nothing else.",
        stack, template: template, existing: !isNew, imports: "\(folder)/\(StackFiles.imports)",
        parameters: parameters, proves: ToolProof(.stackImports, only: ids)),
      rollback: leg(
        "unadopt", "Let stack \(stack.name) go of what it imported",
        "The stack loses \(ids.joined(separator: ", ")), all of them retained; they stay live.",
        stack, template: left,
        proves: ToolProof(.stackReleases, only: ids, also: [StackEdits.placeholder]),
        lacks: isNew ? ids : nil, released: true, undoes: "adopt"))
  }
}
