import FerryCode
import FerryCore

/// The files that a handover's commands read, beside the code: made when it is planned, held to their digest when it runs.
extension HandoverFacts {
  /// - Parameters:
  ///   - adopted: the template of the code, when a stack takes over.
  ///   - secrets: the parameters of the code, `[{ParameterKey, ParameterValue}]`.
  mutating func writeFiles(adopted: StackTemplate?, secrets: JSONValue?) throws(FerryError) {
    func put(_ name: String, _ text: String) { written["\(folder)/\(name)"] = text }
    typealias File = HandoverPlanner.File
    if let stack, from == .cloudformation {
      put(File.original, StackCode.text(stack.edits.template.body))
      put(File.retaining, StackCode.text(stack.edits.retaining.body))
      put(File.released, StackCode.text(try stack.edits.released().body))
      put(File.returning, StackCode.text(try stack.edits.returning().body))
      let list = stack.edits.moved.sorted { $0.key < $1.key }.map { id, moved -> JSONValue in
        [
          "ResourceType": stack.edits.template.resources[id]?["Type"] ?? "",
          "LogicalResourceId": .string(id),
          "ResourceIdentifier": .object(moved.identifier.mapValues(JSONValue.string)),
        ]
      }
      put(File.imports, StackCode.text(.array(list)))
    }
    if let stack, to == .cloudformation, let adopted {
      guard adopted.body["Outputs"]?.object?.isEmpty ?? true else {
        throw FerryError(
          "outputs-changed", exit: .blocked, what: "could not plan the handover",
          why: "the template of the code has Outputs, and an import takes no change of them",
          next:
            "take Outputs out of \(code.folder)/template.json, and update the stack with them afterwards"
        )
      }
      if stack.id == nil {
        put(File.emptied, StackCode.text(StackEdits.emptied.body))
      } else {
        put(File.original, StackCode.text(stack.edits.template.body))
        put(File.adopting, StackCode.text(try stack.edits.adopting(adopted).body))
        if let secrets {
          let old = stack.edits.template.parameters.map { name -> JSONValue in
            ["ParameterKey": .string(name), "UsePreviousValue": true]
          }
          put(File.parameters, StackCode.text(.array(old + (secrets.array ?? []))))
        }
      }
    }
    if let state, from == .terraform {
      put("removed.tf", HandoverPlanner.removed(Array(state.addresses.keys)))
      put("imports.tf", HandoverPlanner.imports(state.addresses))
    }
  }
}
