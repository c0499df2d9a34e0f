import FerryCloudFront
import FerryCore

/// Reads a written template back and compares it with what is live, field by field.
struct StackRoundTrip {
  let left: [NotExpressed]

  /// - Throws: `unreadable-code` (1) when the template is not what was meant to be written.
  init(_ code: StackCode, _ subjects: [Subject]) throws(FerryError) {
    let text = code.files.first { $0.path == StackCode.templateFile }?.text ?? ""
    let template = try StackTemplate(text, named: StackCode.templateFile)
    var values: [String: String] = [:]
    if let secrets = code.files.first(where: { $0.path == StackCode.parametersFile }) {
      let list = try JSONValue.read(Array(secrets.text.utf8), what: secrets.path)
      for it in list.array ?? [] {
        values[it["ParameterKey"]?.string ?? ""] = it["ParameterValue"]?.string
      }
    }
    let byID = Dictionary(
      subjects.map { (Subject.Key(kind: $0.resource.kind, id: $0.id), $0) },
      uniquingKeysWith: { $1 })
    var logical: [String: Subject] = [:]
    for item in code.items {
      guard let kind = ResourceKind(rawValue: item.kind) else { continue }
      logical[item.address] = byID[.init(kind: kind, id: item.id)]
    }
    let reading = StackReading(logical: logical, parameters: values)
    var left = Set(code.left)
    for (id, it) in logical {
      guard let kind = StackKind.of(it.resource.kind),
        let written = template.resources[id]?["Properties"]
      else {
        throw FerryError(
          "unreadable-code",
          what: "could not prove the template of \(it.resource.kind.rawValue) \(it.id)",
          why: "no resource stands for it", next: "report it; nothing was written")
      }
      let read = StackCodec.read(written, kind.properties, with: reading)
      for path in Codec.differences(kind.document(of: it), read) {
        left.insert(
          .init(kind: kind.kind.rawValue, id: it.id, path: path, reason: Self.reason(path)))
      }
    }
    self.left = left.sorted { ($0.kind, $0.id, $0.path) < ($1.kind, $1.id, $1.path) }
  }

  private static func reason(_ path: String) -> String {
    for (part, reason) in reasons where path.contains(part) { return reason }
    return RoundTrip.unexplained
  }
  private static let reasons: [(String, String)] = [
    (
      "Logging/",
      "the type has no switch for standard logging: while it is off, what is kept for it is not written"
    ),
    ("TrustedKeyGroups/Enabled", "the type has them enabled exactly when there are some"),
    ("TrustedSigners/Enabled", "the type has them enabled exactly when there are some"),
    ("TrustedKeyGroups", "the type has them enabled exactly when there are some"),
    ("TrustedSigners", "the type has them enabled exactly when there are some"),
  ]
}

/// Works out the functions of a template by what its logical ids stand for.
final class StackReading: StackCodec.Reading {
  let logical: [String: Subject]
  let parameters: [String: String]
  private(set) var unknown: [String] = []
  var mark: JSONValue?

  init(logical: [String: Subject], parameters: [String: String]) {
    self.logical = logical
    self.parameters = parameters
  }
  func isUnknown(_ path: String) { unknown.append(path) }

  func value(_ written: JSONValue) -> JSONValue? {
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
