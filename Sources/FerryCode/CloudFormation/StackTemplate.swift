import FerryCore
import Yams

/// What `handover emit` writes beside a template, and is looked for there.
package enum StackFiles {
  package static let template = "template.json"
  package static let imports = "resources-to-import.json"
  package static let parameters = "parameters.secret.json"
}

/// A template of CloudFormation, JSON or YAML, in the JSON form: `!Ref X` is `{"Ref": "X"}`.
package struct StackTemplate: Equatable, Sendable {
  package var body: JSONValue

  package init(_ body: JSONValue) { self.body = body }
  /// - Throws: `.badInput` (64) `bad-template` for what is neither.
  package init(_ text: String, named name: String) throws(FerryError) {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-template", what: "could not read the template \(name)", why: why,
        next: "give a template of CloudFormation, JSON or YAML")
    }
    if text.drop(while: \.isWhitespace).first == "{" {
      body = try JSONValue.read(Array(text.utf8), what: "template \(name)")
    } else {
      let node: Node?
      do throws(YAMLText.Fault) {
        node = try YAMLText.compose(text)
      } catch {
        throw refuse(error.why)
      }
      guard let node else { throw refuse("it is empty") }
      body = try Self.value(node, depth: 0)
    }
    guard body["Resources"]?.object?.isEmpty == false else { throw refuse("it has no Resources") }
  }

  package var resources: [String: JSONValue] { body["Resources"]?.object ?? [:] }
  package var parameters: [String] { (body["Parameters"]?.object ?? [:]).keys.sorted() }

  private static func value(_ node: Node, depth: Int) throws(FerryError) -> JSONValue {
    guard depth < 100 else {
      throw FerryError.badInput(
        "bad-template", what: "could not read a template", why: "it is nested too deeply",
        next: "give another")
    }
    let plain: JSONValue
    switch node {
    case .mapping(let mapping):
      var out: [String: JSONValue] = [:]
      for (key, value) in mapping {
        out[key.scalar?.string ?? ""] = try Self.value(value, depth: depth + 1)
      }
      plain = .object(out)
    case .sequence(let items):
      plain = .array(
        try items.map { (item) throws(FerryError) in try Self.value(item, depth: depth + 1) })
    case .scalar(let scalar): plain = Self.scalar(node, scalar.string)
    case .alias: plain = .null
    }
    let tag = node.tag.description
    guard tag.hasPrefix("!"), !tag.hasPrefix("!!"), tag.count > 1 else { return plain }
    let name = String(tag.dropFirst())
    switch name {
    case "Ref", "Condition": return .object([name: plain])
    case "GetAtt":
      // `!GetAtt Thing.Attribute.Part`: the first dot ends the logical id.
      guard let text = plain.string, let dot = text.firstIndex(of: ".") else {
        return ["Fn::GetAtt": plain]
      }
      return [
        "Fn::GetAtt": [
          .string(String(text[..<dot])), .string(String(text[text.index(after: dot)...])),
        ]
      ]
    default: return .object(["Fn::\(name)": plain])
    }
  }
  /// Under a tag of an intrinsic function a scalar is text.
  private static func scalar(_ node: Node, _ text: String) -> JSONValue {
    let tag = node.tag.description
    if tag.hasPrefix("!"), tag.count > 1 { return .string(text) }
    if let it = node.bool { return .bool(it) }
    if let it = node.int { return .int(Int64(it)) }
    if let it = node.float, it.isFinite { return .double(it) }
    return node.null != nil ? .null : .string(text)
  }
}
