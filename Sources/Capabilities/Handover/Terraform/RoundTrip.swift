import FerryCloudFront
import FerryCode
import FerryCore

/// Reads written code back and compares it with what is live, field by field.
struct RoundTrip {
  /// What the code does not say, each with the reason.
  let left: [NotExpressed]

  /// - Parameter subjects: what the code was written from.
  /// - Throws: `unreadable-code` (1) when the code is not what was meant to be written.
  init(_ code: TerraformCode, _ subjects: [Subject], managed: [Closure.Managed])
    throws(FerryError)
  {
    let reading = try CodeReading(code, subjects, managed: managed)
    var left: Set<NotExpressed> = []
    for it in subjects {
      left.formUnion(it.left)
      guard let block = reading.block(of: it) else {
        throw FerryError(
          "unreadable-code",
          what: "could not prove the code of \(it.resource.kind.rawValue) \(it.id)",
          why: "no import block and resource stand for it",
          next: "report it; nothing was written")
      }
      let read = Codec.read(block, it.resource.arguments, with: reading)
      let live = Codec.filled(it.document, it.resource.arguments)
      for path in Codec.differences(live, read) where !Self.isAssumed(path, live) {
        left.insert(
          .init(
            kind: it.resource.kind.rawValue, id: it.id, path: path, reason: Self.reason(path)))
      }
    }
    self.left = left.sorted { ($0.kind, $0.id, $0.path) < ($1.kind, $1.id, $1.path) }
  }

  /// Members without an argument, at the value that CloudFront itself assumes.
  private static let assumed: [String: JSONValue] = [
    "ConnectionMode": "direct", "SelectionCriteria": "default", "IpAddressType": "ipv4",
    "ResponseCompletionTimeout": 0,
  ]
  private static func isAssumed(_ path: String, _ live: JSONValue) -> Bool {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let value = assumed[name] else { return false }
    return Codec.leaves(live)[path] == value
  }

  /// Why the provider's schema cannot say what is at a path.
  static func reason(_ path: String) -> String {
    for (part, reason) in reasons where path.contains(part) { return reason }
    return unexplained
  }
  /// What a test looks for: no known input may end here.
  static let unexplained = "it came back different from the code; report it"

  private static let noArgument =
    "hashicorp/aws 5 has no argument for it: an apply that changes this resource may take it away"
  private static let reasons: [(String, String)] =
    [
      "AnycastIpListId", "TenantConfig", "ConnectionMode", "ViewerMtlsConfig",
      "ConnectionFunctionAssociation", "CacheTagConfig", "ResponseCompletionTimeout",
      "IpAddressType", "OriginMtlsConfig", "S3OriginConfig/OriginReadTimeout", "OwnerAccountId",
      "SelectionCriteria",
    ].map { ($0, noArgument) } + [
      (
        "Logging/",
        "the provider has no logging_config while standard logging is off, so this is kept until it is on"
      ),
      (
        "OriginShield/", "the provider reads no origin_shield while the shield is off"
      ),
      (
        "TrustedKeyGroups/Enabled", "the provider has them enabled exactly when there are some"
      ),
      (
        "TrustedSigners/Enabled", "the provider has them enabled exactly when there are some"
      ),
    ]
}

/// What the files say.
private struct CodeReading: Codec.Reading {
  /// A thing by Terraform's type and import id.
  private struct Key: Hashable {
    var type: String
    var id: String
  }
  private var resources: [String: HCLBlock] = [:]
  /// Import ids of addresses.
  private var imports: [String: String] = [:]
  private var addresses: [Key: String] = [:]
  private var exports: [Key: [String: String]] = [:]
  private var managed: [String: String] = [:]
  private var variables: [String: HCLValue] = [:]
  private var contents: [String: String] = [:]

  init(_ code: TerraformCode, _ subjects: [Subject], managed known: [Closure.Managed])
    throws(FerryError)
  {
    for it in subjects { exports[.init(type: it.resource.type, id: it.importID)] = it.exports }
    // A state says what these addresses stand for.
    for it in code.items where it.state != nil {
      imports[it.address] = it.importId
      addresses[.init(type: String(it.address.prefix { $0 != "." }), id: it.importId)] = it.address
    }
    for file in code.files {
      contents[file.path] = file.text
      if file.path == TerraformCode.secretsFile {
        for it in try HCLReader.values(file.text, named: file.path) { variables[it.key] = it.value }
      }
      guard file.path.hasSuffix(".tf") else { continue }
      for block in try HCLReader.read(file.text, named: file.path) {
        switch block.type {
        case "resource": resources[block.address] = block
        case "data":
          guard case .string(let name)? = block.attribute("name"),
            let kind = block.labels.first.flatMap(ResourceType.named)?.kind
          else { continue }
          managed[block.address] = known.first { $0.kind == kind && $0.name == name }?.id
        case "import":
          guard case .reference(let address)? = block.attribute("to"),
            case .string(let id)? = block.attribute("id"),
            let type = address.split(separator: ".").first
          else { continue }
          imports[address] = id
          addresses[.init(type: String(type), id: id)] = address
        default: continue
        }
      }
    }
  }

  func block(of it: Subject) -> HCLBlock? {
    addresses[.init(type: it.resource.type, id: it.importID)].flatMap { resources[$0] }
  }
  func value(of reference: String) -> JSONValue? {
    let parts = reference.split(separator: ".").map(String.init)
    switch parts.first {
    case "var":
      guard parts.count == 2, case .string(let it)? = variables[parts[1]] else { return nil }
      return .string(it)
    case "data":
      guard parts.count == 4, parts[3] == "id" else { return nil }
      return managed[parts[0..<3].joined(separator: ".")].map(JSONValue.string)
    default:
      guard parts.count == 3, let id = imports[parts[0] + "." + parts[1]] else { return nil }
      return exports[.init(type: parts[0], id: id)]?[parts[2]].map(JSONValue.string)
    }
  }
  func content(of path: String) -> String? { contents[path] }
}
