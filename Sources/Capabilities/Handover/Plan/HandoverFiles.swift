import FerryCore
import Foundation

/// The files that a handover's commands read, beside the code: made when it is planned, held to their digest when it runs.
extension HandoverFacts {
  private static func text(_ value: JSONValue) -> String {
    let bytes = try? JSONSerialization.data(
      withJSONObject: JSONSerialization.jsonObject(with: Data(value.canonical.utf8)),
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return (bytes.map { String(decoding: $0, as: UTF8.self) } ?? value.canonical) + "\n"
  }

  /// - Parameters:
  ///   - adopted: the template of the code, when a stack takes over.
  ///   - secrets: the parameters of the code, `[{ParameterKey, ParameterValue}]`.
  mutating func writeFiles(adopted: StackTemplate?, secrets: JSONValue?) throws(FerryError) {
    func put(_ name: String, _ text: String) { written["\(folder)/\(name)"] = text }
    typealias File = HandoverPlanner.File
    if let stack, from == .cloudformation {
      put(File.original, Self.text(stack.edits.template.body))
      put(File.retaining, Self.text(stack.edits.retaining.body))
      put(File.released, Self.text(try stack.edits.released().body))
      put(File.returning, Self.text(try stack.edits.returning().body))
      let list = stack.edits.moved.sorted { $0.key < $1.key }.map { id, moved -> JSONValue in
        [
          "ResourceType": stack.edits.template.resources[id]?["Type"] ?? "",
          "LogicalResourceId": .string(id),
          "ResourceIdentifier": .object(moved.identifier.mapValues(JSONValue.string)),
        ]
      }
      put(File.imports, Self.text(.array(list)))
    }
    if let stack, to == .cloudformation, let adopted {
      if stack.id == nil {
        put(File.emptied, Self.text(StackEdits.emptied.body))
      } else {
        put(File.original, Self.text(stack.edits.template.body))
        put(File.adopting, Self.text(try stack.edits.adopting(adopted).body))
        if let secrets {
          let old = stack.edits.template.parameters.map { name -> JSONValue in
            ["ParameterKey": .string(name), "UsePreviousValue": true]
          }
          put(File.parameters, Self.text(.array(old + (secrets.array ?? []))))
        }
      }
    }
    if let state, from == .terraform {
      put("removed.tf", HandoverPlanner.removed(Array(state.addresses.keys)))
      put("imports.tf", HandoverPlanner.imports(state.addresses))
    }
  }
}
