import FerryCode
import FerryCore

/// The templates of a stack on its way out of, or into, the ownership of resources. Pure.
struct StackEdits: Equatable, Sendable {
  /// What the stack has today, and `moved`: logical ids that go, with what a reference to them stands for.
  let template: StackTemplate
  let moved: [String: Moved]
  struct Moved: Equatable, Sendable {
    var physicalID: String
    /// Attributes by name, as `Fn::GetAtt` reads them; those that are not known are missing.
    var attributes: [String: String]
    /// What an import names it by.
    var identifier: [String: String]
  }

  /// An empty resource that may come and go: the change that makes a change set run, and what keeps a stack that has
  /// nothing else alive.
  static let placeholder = "EdgeferryHandover"
  private static let placeholderBody: JSONValue = [
    "Type": "AWS::CloudFormation::WaitConditionHandle"
  ]

  /// Everything that goes is retained from here on, whatever happens to the stack.
  var retaining: StackTemplate {
    var resources = template.resources
    for id in moved.keys { resources[id] = resources[id]?.retained }
    resources[Self.placeholder] = Self.placeholderBody
    return with(resources)
  }

  /// Whether the stack has something left without what goes.
  var isEmptied: Bool { template.resources.keys.allSatisfy { moved[$0] != nil } }

  /// Without what goes; who referred to it has its id or attribute instead.
  /// - Throws: 4 `still-referenced` for a reference whose value is not known.
  func released() throws(FerryError) -> StackTemplate {
    var resources = template.resources.filter { moved[$0.key] == nil }
    if isEmptied { resources[Self.placeholder] = Self.placeholderBody }
    var out = with(resources)
    out.body = try resolved(out.body, place: "")
    return out
  }

  /// What was released, with what comes back, and no other change.
  func returning() throws(FerryError) -> StackTemplate {
    var out = try released()
    var resources = out.resources
    for id in moved.keys { resources[id] = template.resources[id]?.retained }
    out.body = out.body.setting(.object(resources), at: "Resources")
    return out
  }
  /// What is there, with the resources and parameters of another template; outputs stay as they are, since an import
  /// takes no change of them.
  /// - Throws: 4 `name-taken` for a logical id or parameter that is there.
  func adopting(_ other: StackTemplate) throws(FerryError) -> StackTemplate {
    var out = template
    for section in ["Parameters", "Resources"] {
      var members = out.body[section]?.object ?? [:]
      for (name, member) in other.body[section]?.object ?? [:] {
        guard members[name] == nil else {
          throw FerryError(
            "name-taken", exit: .blocked, what: "could not plan the handover",
            why: "the stack has \(name) in its \(section) already",
            next: "rename it in the code, or name another stack")
        }
        members[name] = member
      }
      if !members.isEmpty { out.body = out.body.setting(.object(members), at: section) }
    }
    return out
  }
  static let emptied = StackTemplate(["Resources": .object([placeholder: placeholderBody])])

  private func with(_ resources: [String: JSONValue]) -> StackTemplate {
    var out = template
    out.body = out.body.setting(.object(resources), at: "Resources")
    return out
  }

  private func resolved(_ value: JSONValue, place: String) throws(FerryError) -> JSONValue {
    switch value {
    case .array(let items):
      var out: [JSONValue] = []
      for (index, item) in items.enumerated() {
        out.append(try resolved(item, place: "\(place)/\(index)"))
      }
      return .array(out)
    case .object(let members):
      if members.count == 1, let (function, argument) = members.first,
        let found = try literal(function, argument, place)
      {
        return found
      }
      var out: [String: JSONValue] = [:]
      for (key, member) in members {
        if key == "DependsOn" {
          let names = member.array?.compactMap(\.string) ?? [member.string].compactMap { $0 }
          let left = names.filter { moved[$0] == nil }
          if !left.isEmpty { out[key] = .array(left.map(JSONValue.string)) }
        } else {
          out[key] = try resolved(member, place: place.isEmpty ? key : "\(place)/\(key)")
        }
      }
      return .object(out)
    default: return value
    }
  }

  /// nil where nothing is referred to that goes.
  private func literal(_ function: String, _ argument: JSONValue, _ place: String)
    throws(FerryError) -> JSONValue?
  {
    switch function {
    case "Ref":
      guard let it = moved[argument.string ?? ""] else { return nil }
      return .string(it.physicalID)
    case "Fn::GetAtt":
      let parts = argument.array?.compactMap(\.string) ?? []
      guard let id = parts.first, let it = moved[id] else { return nil }
      let name = parts.dropFirst().joined(separator: ".")
      guard let value = it.attributes[name] else { throw unknown("\(id).\(name)", place) }
      return .string(value)
    case "Fn::Sub":
      guard let text = argument.string ?? argument.array?.first?.string else { return nil }
      var out = text
      for (id, it) in moved.sorted(by: { $0.key < $1.key }) {
        out = out.replacing("${\(id)}", with: it.physicalID)
        for (name, value) in it.attributes {
          out = out.replacing("${\(id).\(name)}", with: value)
        }
        if out.contains("${\(id).") { throw unknown(id, place) }
      }
      guard out != text else { return nil }
      if let given = argument.array {
        return ["Fn::Sub": .array([.string(out)] + given.dropFirst())]
      }
      return ["Fn::Sub": .string(out)]
    default: return nil
    }
  }
  private func unknown(_ reference: String, _ place: String) -> FerryError {
    FerryError(
      "still-referenced", exit: .blocked, what: "could not plan the handover",
      why:
        "\(place) of the stack's template refers to \(reference), and what stands there is not known",
      next: "write its value there in the template, update the stack, then plan again")
  }
}

extension JSONValue {
  /// A resource of a template that outlives its stack.
  var retained: JSONValue {
    setting("Retain", at: "DeletionPolicy").setting("Retain", at: "UpdateReplacePolicy")
  }
}
