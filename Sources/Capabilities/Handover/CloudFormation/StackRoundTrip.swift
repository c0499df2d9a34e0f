import FerryCloudFront
import FerryCode
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
