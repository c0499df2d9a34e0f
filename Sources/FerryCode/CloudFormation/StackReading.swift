import FerryCore

/// Works out the functions of a template by what its logical ids stand for.
package final class StackReading: StackCodec.Reading {
  package let logical: [String: Subject]
  package let parameters: [String: String]
  private(set) var unknown: [String] = []
  package var mark: JSONValue?

  package init(logical: [String: Subject], parameters: [String: String]) {
    self.logical = logical
    self.parameters = parameters
  }
  package func isUnknown(_ path: String) { unknown.append(path) }

  package func value(_ written: JSONValue) -> JSONValue? {
    guard case .object(let members) = written, members.count == 1,
      let (name, given) = members.first,
      name == "Ref" || name.hasPrefix("Fn::")
    else { return written }
    switch name {
    case "Ref":
      let id = given.string ?? ""
      if let text = parameters[id] { return .string(text) }
      return logical[id].flatMap(reference).map(JSONValue.string)
    case "Fn::GetAtt":
      let parts = given.array?.compactMap(\.string) ?? []
      guard parts.count >= 2 else { return nil }
      return attribute(parts[0], parts[1...].joined(separator: ".")).map(JSONValue.string)
    case "Fn::Sub":
      guard let text = given.string else { return nil }
      return substituted(text).map(JSONValue.string)
    case "Fn::Join":
      guard let parts = given.array, parts.count == 2, let separator = parts[0].string,
        let items = parts[1].array
      else { return nil }
      let texts = items.map { value($0)?.string }
      guard texts.allSatisfy({ $0 != nil }) else { return nil }
      return .string(texts.compactMap { $0 }.joined(separator: separator))
    default: return nil
    }
  }
  /// What `Ref` gives.
  private func reference(_ it: Subject) -> String? {
    switch it.resource.kind {
    case .function, .realtimeLogConfig, .fieldLevelEncryption, .fieldLevelEncryptionProfile:
      it.exports["arn"]
    case .keyValueStore: it.importID
    default: it.id
    }
  }
  private func attribute(_ id: String, _ name: String) -> String? {
    guard let it = logical[id] else { return nil }
    switch name {
    case "DomainName": return it.exports["domain_name"]
    case "FunctionARN", "FunctionMetadata.FunctionARN", "Arn": return it.exports["arn"]
    case "Id": return it.id
    default: return nil
    }
  }
  private func substituted(_ text: String) -> String? {
    var out = ""
    var rest = text[...]
    while let open = rest.range(of: "${"), let close = rest[open.upperBound...].firstIndex(of: "}")
    {
      out += rest[..<open.lowerBound]
      let name = String(rest[open.upperBound..<close])
      rest = rest[rest.index(after: close)...]
      if name.hasPrefix("!") {
        out += "${\(name.dropFirst())}"
        continue
      }
      let found: String? =
        if let dot = name.firstIndex(of: ".") {
          attribute(String(name[..<dot]), String(name[name.index(after: dot)...]))
        } else {
          value(["Ref": .string(name)])?.string
        }
      guard let found else { return nil }
      out += found
    }
    return out + rest
  }
}
