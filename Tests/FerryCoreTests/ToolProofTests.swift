import FerryCore
import Testing

/// What tools say of their plans, judged.
struct ToolProofTests {
  private func change(
    _ address: String, _ actions: JSONValue, importing: Bool = false, before: JSONValue = .null,
    after: JSONValue = .null, mode: JSONValue = "managed"
  ) -> JSONValue {
    var change: JSONValue = ["actions": actions, "before": before, "after": after]
    if importing, case .object(var members) = change {
      members["importing"] = ["id": "E1"]
      change = .object(members)
    }
    return ["address": .string(address), "mode": mode, "change": change]
  }
  private func plan(_ changes: [JSONValue], more: [String: JSONValue] = [:]) -> JSONValue {
    .object(
      ["format_version": "1.2", "resource_changes": .array(changes)].merging(more) { $1 })
  }

  @Test func `a plan that imports what was named as it stands has nothing against it`() {
    let proof = ToolProof(.terraformImports, only: ["a.x", "a.y"])
    let good = [
      change("a.x", ["no-op"], importing: true),
      // A value that becomes sensitive is an update of nothing.
      change("a.y", ["update"], importing: true, before: ["v": 1], after: ["v": 1]),
      change("data.z", ["read"], mode: "data"),
    ]
    #expect(proof.objections(plan(good)) == [])
    // What was imported by a run that was killed is in the state already.
    #expect(proof.objections(plan([change("a.x", ["no-op"]), good[1]])) == [])
  }

  @Test func `whatever else a plan does is told, each by its address`() {
    let proof = ToolProof(.terraformImports, only: ["a.x"])
    func said(_ changes: JSONValue...) -> [String] { proof.objections(plan(changes)) }
    let good = change("a.x", ["no-op"], importing: true)
    #expect(
      said(change("a.x", ["delete", "create"], importing: true)).first == "a.x: delete then create")
    #expect(
      said(change("a.x", ["update"], importing: true, before: 1, after: 2)).first == "a.x: update")
    #expect(said(good, change("a.new", ["create"])) == ["a.new: create"])
    #expect(said(good, change("a.old", ["no-op"])) == ["a.old: in the state already"])
    #expect(said() == ["a.x: not in the plan"])
    #expect(
      proof.objections(plan([good], more: ["output_changes": ["o": ["actions": ["create"]]]]))
        == ["output o changes"])
    #expect(
      proof.objections(plan([good], more: ["errored": true])) == ["the plan ended in an error"])
    for odd: JSONValue in [.null, [:], ["format_version": "2.0"]] {
      #expect(proof.objections(odd).count == 1)
    }
  }

  @Test func `what a state has besides may be there, as it is`() {
    let proof = ToolProof(.terraformImports, only: ["a.x"], also: ["a.held"])
    let good = change("a.x", ["no-op"], importing: true)
    #expect(proof.objections(plan([good])) == [])
    #expect(proof.objections(plan([good, change("a.held", ["no-op"])])) == [])
    #expect(
      proof.objections(plan([good, change("a.held", ["update"], before: 1, after: 2)])) == [
        "a.held: update"
      ])
    #expect(proof.objections(plan([change("a.held", ["no-op"])])) == ["a.x: not in the plan"])
  }

  @Test(arguments: [
    (["terraform", "-chdir=a", "plan", "-detailed-exitcode"], true),
    (["terraform", "-chdir=a", "show", "-json", "p"], true),
    (["terraform", "-chdir=a", "apply", "p"], false), (["terraform", "state", "rm", "a"], false),
    (["aws", "cloudformation", "wait", "stack-update-complete"], true),
    (["aws", "cloudformation", "describe-change-set"], true),
    (["terraform", "-chdir=a", "init"], false),
    (["aws", "cloudformation", "execute-change-set"], false),
    (["aws", "cloudformation", "delete-change-set"], false), (["tool"], false),
  ])
  func `a command that only looks is known as such`(_ words: [String], _ onlyReads: Bool) {
    #expect(ToolCommand(words).onlyReads == onlyReads)
    let prepares = words.contains { ["init", "delete-change-set"].contains($0) }
    #expect(ToolCommand(words).onlyPrepares == (onlyReads || prepares))
  }

  @Test func `a plan that forgets does that alone`() {
    let proof = ToolProof(.terraformForgets, only: ["a.x"])
    let good = change("a.x", ["forget"])
    #expect(proof.objections(plan([good, change("a.other", ["no-op"])])) == [])
    #expect(
      proof.objections(plan([change("a.x", ["delete"])])) == [
        "a.x: delete", "a.x: not in the plan",
      ])
    #expect(proof.objections(plan([good, change("a.other", ["forget"])])) == ["a.other: forget"])
  }

  @Test
  func `what a killed run has made a state forget is missing from the plan, and no objection`() {
    let proof = ToolProof(.terraformForgets, only: ["a.x", "a.y"])
    let rest = change("a.y", ["forget"])
    #expect(proof.objections(plan([rest])) == ["a.x: not in the plan"])
    #expect(proof.objections(plan([rest]), again: true) == [])
    #expect(proof.objections(plan([]), again: true) == [])
    // The code still speaks of it.
    for actions: JSONValue in [["no-op"], ["create"]] {
      #expect(!proof.objections(plan([rest, change("a.x", actions)]), again: true).isEmpty)
    }
    // An import that is not in the plan was not done.
    let imports = ToolProof(.terraformImports, only: ["a.x"])
    #expect(imports.objections(plan([]), again: true) == ["a.x: not in the plan"])
  }

  @Test(arguments: [
    ("UPDATE_COMPLETE", true), ("IMPORT_ROLLBACK_COMPLETE", true), ("UPDATE_FAILED", true),
    ("REVIEW_IN_PROGRESS", true), ("UPDATE_IN_PROGRESS", false), ("IMPORT_IN_PROGRESS", false),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", false), ("UPDATE_ROLLBACK_IN_PROGRESS", false),
  ])
  func `a stack is settled when nothing is under way in it`(_ status: String, _ isSettled: Bool) {
    let said = ToolProof(.stackSettled).objections(
      ["Stacks": [["StackStatus": .string(status)]]])
    #expect(said == (isSettled ? [] : ["the stack is \(status)"]))
  }

  @Test func `a stack has a template whatever the order of its members, and text as it stands`() {
    let template: JSONValue = ["Resources": ["A": ["Type": "X"], "B": ["Type": "Y"]]]
    let yaml = "Resources:\n  A: { Type: X }\n"
    let proof = ToolProof(
      .stackTemplate, templates: [template.canonical, yaml].map(Digest.tagged))
    #expect(proof.objections(["TemplateBody": template]) == [])
    #expect(proof.objections(["TemplateBody": .string(yaml)]) == [])
    for other: JSONValue in [["Resources": ["A": ["Type": "X"]]], .string(yaml + " "), .null] {
      #expect(proof.objections(["TemplateBody": other]).count == 1)
    }
    let none = ToolProof(.stackTemplate)
    #expect(none.objections(["TemplateBody": template]).count == 1)
  }

  @Test func `a stack lacks what it does not hold, or holds no more`() {
    let proof = ToolProof(.stackLacks, only: ["Site"])
    func list(_ id: String, _ status: String) -> JSONValue {
      [
        "StackResourceSummaries": [
          ["LogicalResourceId": .string(id), "ResourceStatus": .string(status)]
        ]
      ]
    }
    #expect(proof.objections(list("Other", "CREATE_COMPLETE")) == [])
    #expect(proof.objections(list("Site", "DELETE_SKIPPED")) == [])
    #expect(proof.objections(list("Site", "IMPORT_COMPLETE")) == ["Site: IMPORT_COMPLETE"])
    #expect(proof.objections(["StackResourceSummaries": []]) == [])
  }

  @Test(arguments: [ToolProof.Kind.stackSettled, .stackTemplate, .stackLacks])
  func `what says nothing of a stack proves nothing`(_ kind: ToolProof.Kind) {
    for odd: JSONValue in [.null, [:], [], ["Stacks": []], ["Stacks": [1, 2]]] {
      #expect(ToolProof(kind, only: ["Site"]).objections(odd).count == 1)
    }
  }

  private func changes(_ status: String = "CREATE_COMPLETE", _ list: JSONValue...) -> JSONValue {
    [
      "Status": .string(status), "StatusReason": "because",
      "Changes": .array(list.map { ["Type": "Resource", "ResourceChange": $0] }),
    ]
  }
  private func resource(
    _ id: String, _ action: String, replacement: String? = nil, scope: JSONValue = [],
    policy: String? = nil
  ) -> JSONValue {
    var out: [String: JSONValue] = [
      "LogicalResourceId": .string(id), "Action": .string(action), "Scope": scope,
    ]
    out["Replacement"] = replacement.map(JSONValue.string)
    out["PolicyAction"] = policy.map(JSONValue.string)
    return .object(out)
  }

  @Test func `change sets are judged by what they do to each resource`() {
    let retain = ToolProof(.stackRetains, only: ["Site"], also: ["Empty"])
    let attributes = resource("Site", "Modify", replacement: "False", scope: ["DeletionPolicy"])
    #expect(
      retain.objections(changes("CREATE_COMPLETE", attributes, resource("Empty", "Add"))) == [])
    #expect(
      retain.objections(
        changes(
          "CREATE_COMPLETE", resource("Site", "Modify", replacement: "True", scope: ["Properties"]))
      )
        == ["Site: Modify, replacement True"])
    #expect(
      retain.objections(
        changes(
          "CREATE_COMPLETE", resource("Site", "Modify", replacement: "False", scope: ["Properties"])
        ))
        == ["Site: Modify, replacement False"])
    #expect(
      retain.objections(changes("CREATE_COMPLETE", resource("Other", "Add")))
        == ["Other: Add, replacement False"])

    let imports = ToolProof(.stackImports, only: ["Site", "Policy"])
    #expect(
      imports.objections(changes("CREATE_COMPLETE", resource("Site", "Import")))
        == ["Policy: not in the change set"])
    let release = ToolProof(.stackReleases, only: ["Site"])
    #expect(
      release.objections(changes("CREATE_COMPLETE", resource("Site", "Remove", policy: "Retain")))
        == [])
    #expect(
      release.objections(changes("CREATE_COMPLETE", resource("Site", "Remove", policy: "Delete")))
        == ["Site: Remove, replacement False, Delete", "Site: not in the change set"])
    #expect(
      release.objections(changes("FAILED")) == ["the change set is FAILED: because"])
    #expect(release.objections(.null).count == 1)
  }

  @Test func `a command is written so that a shell reads it as it is run`() {
    let command = ToolCommand(
      ["terraform", "-chdir=a b", "it's"], environment: ["AWS_PROFILE": "old prod"])
    #expect(command.line == "AWS_PROFILE='old prod' terraform '-chdir=a b' 'it'\\''s'")
  }
}
