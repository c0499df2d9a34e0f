/// The AWS CLI's JSON (PascalCase keys, `Items` arrays) and REST-XML, one into the other, by `Shape`.
extension Shape {
  /// A document in the CLI's JSON shape as XML with CloudFront's namespace.
  /// - Throws: `.badInput` for a member of the wrong type. Unknown members are kept.
  public static func xml(_ json: JSONValue, shape: String, element: String? = nil)
    throws(FerryError) -> XElement
  {
    var out = try encode(json, as: .structure(shape), name: element ?? shape, path: shape)
    out.attributes = [.init(name: "xmlns", value: cloudFrontNamespace)]
    return out
  }

  private static func encode(_ json: JSONValue, as kind: Kind?, name: String, path: String)
    throws(FerryError) -> XElement
  {
    func wrong(_ wanted: String) -> FerryError {
      .badInput(
        "bad-config", what: "could not read \(path)", why: "\(wanted) was expected",
        next: "write it as the AWS CLI prints it")
    }
    switch (kind, json) {
    case (.structure(let shapeName), .object(let members)):
      let shape = named(shapeName)
      var out = XElement(name)
      for member in shape?.members ?? [] {
        guard let value = members[member.name], value != .null else { continue }
        out.nodes.append(
          .element(
            try encode(value, as: member.kind, name: member.name, path: "\(path)/\(member.name)")))
      }
      for key in members.keys.sorted() where shape?.member(key) == nil {
        guard let value = members[key], value != .null else { continue }
        out.nodes.append(.element(try encode(value, as: nil, name: key, path: "\(path)/\(key)")))
      }
      return out
    case (.list(let item, let of), .array(let values)):
      var out = XElement(name)
      for (index, value) in values.enumerated() {
        out.nodes.append(
          .element(try encode(value, as: of, name: item, path: "\(path)/\(index)")))
      }
      return out
    case (nil, .object(let members)):
      var out = XElement(name)
      for key in members.keys.sorted() {
        guard let value = members[key] else { continue }
        out.nodes.append(.element(try encode(value, as: nil, name: key, path: "\(path)/\(key)")))
      }
      return out
    case (nil, .array(let values)):
      var out = XElement(name)
      for value in values {
        out.nodes.append(.element(try encode(value, as: nil, name: "member", path: path)))
      }
      return out
    case (.structure, _): throw wrong("an object")
    case (.list, _): throw wrong("a list")
    case (.boolean, .bool(let it)), (nil, .bool(let it)):
      return XElement(name, text: it ? "true" : "false")
    case (.boolean, _): throw wrong("true or false")
    case (.integer, .int(let it)), (.float, .int(let it)), (nil, .int(let it)):
      return XElement(name, text: String(it))
    case (.float, .double(let it)), (nil, .double(let it)):
      return XElement(name, text: JSONValue.ecmaScript(it))
    case (.integer, _): throw wrong("a whole number")
    case (.float, _): throw wrong("a number")
    case (_, .string(let it)): return XElement(name, text: it)
    case (nil, .null): return XElement(name)
    default: throw wrong("a string")
    }
  }

  /// An XML document in the CLI's JSON shape; unknown elements become strings or objects.
  public static func json(_ element: XElement, shape: String) -> JSONValue {
    decode(element, as: .structure(shape))
  }

  static func decode(_ element: XElement, as kind: Kind?) -> JSONValue {
    switch kind {
    case .structure(let shapeName):
      let shape = named(shapeName)
      var members: [String: JSONValue] = [:]
      for child in element.children {
        members[child.name] = decode(child, as: shape?.member(child.name)?.kind)
      }
      return .object(members)
    case .list(_, let of): return .array(element.children.map { decode($0, as: of) })
    case .boolean:
      switch element.text {
      case "true": return true
      case "false": return false
      default: return .string(element.text)
      }
    case .integer: return Int64(element.text).map(JSONValue.int) ?? .string(element.text)
    case .float:
      return Int64(element.text).map(JSONValue.int) ?? Double(element.text).map(JSONValue.double)
        ?? .string(element.text)
    case .string, .timestamp: return .string(element.text)
    case nil:
      let children = element.children
      guard !children.isEmpty else { return .string(element.text) }
      var members: [String: JSONValue] = [:]
      for child in children { members[child.name] = decode(child, as: nil) }
      return members.count == children.count
        ? .object(members) : .array(children.map { decode($0, as: nil) })
    }
  }
}

public let cloudFrontNamespace = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
