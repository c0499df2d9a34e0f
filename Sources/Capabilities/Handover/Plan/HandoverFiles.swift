import FerryCode
import FerryCore

/// The files that a handover's commands read, beside the code: made when it is planned, held to their digest when it runs.
extension HandoverFacts {
  /// - Parameters:
  ///   - adopted: the template of the code, when a stack takes over.
  ///   - secrets: the parameters of the code, `[{ParameterKey, ParameterValue}]`.
  mutating func writeFiles(adopted: StackTemplate?, secrets: JSONValue?) throws(FerryError) {
    func put(_ name: String, _ text: String) { written["\(folder)/\(name)"] = text }
    func put(_ name: String, _ template: StackTemplate, as text: String? = nil) {
      put(name, StackCode.text(template.body))
      templates["\(folder)/\(name)"] = template.digests(text)
    }
    typealias File = HandoverPlanner.File
    if let stack, from == .cloudformation {
      put(File.original, stack.edits.template, as: stack.text)
      put(File.retaining, stack.edits.retaining)
      put(File.released, try stack.edits.released())
      put(File.returning, try stack.edits.returning())
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
        templates["\(code.folder)/\(StackFiles.template)"] = adopted.digests(nil)
        put(File.emptied, StackEdits.emptied)
      } else {
        put(File.original, stack.edits.template, as: stack.text)
        put(File.adopting, try stack.edits.adopting(adopted))
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

extension StackTemplate {
  /// How `ToolProof.templates` has it.
  /// - Parameter text: as it was written, where that may be YAML.
  fileprivate func digests(_ text: String?) -> [String] {
    [body.canonical, text].compactMap { $0.flatMap { $0.isEmpty ? nil : Digest.tagged($0) } }
  }
}
