import FerryCloudFront
import FerryCode
import FerryCore
import FerryReport

/// Terraform code for distributions and everything they refer to, ready to be written to a folder.
struct TerraformCode: Sendable {
  struct File: Equatable, Sendable {
    /// Relative to the folder.
    var path: String
    var text: String
    /// Only its owner may read it.
    var isSecret = false
  }
  /// What an `import` block brings in.
  struct Item: Codable, Equatable, Sendable {
    var address: String
    var kind: String
    var id: String
    var importId: String
    /// The state that holds it already: it needs no import.
    var state: String?
  }
  var files: [File] = []
  var items: [Item] = []
  /// Names of the variables whose values are in `secretsFile`.
  var variables: [String] = []

  static let secretsFile = "secrets.auto.tfvars"
  /// The file that import blocks are in.
  static let importsFile = "imports.tf"

  /// Pure: the same closure gives the same files.
  /// - Parameter held: what a state holds at an address, which it keeps.
  init(
    _ subjects: [Subject], managed: [Closure.Managed], held: [Subject.Key: Holdings.Taken] = [:]
  ) {
    let writing = CodeWriting()
    var names = UniqueNames()
    var addresses: [String] = []
    for it in subjects {
      if let known = held[it.key] { names.take(known.name, in: it.resource.type) }
    }
    for it in subjects {
      let name =
        held[it.key]?.name
        ?? names.name(from: it.label, in: it.resource.type, or: it.resource.kind.shortName)
      addresses.append("\(it.resource.type).\(name)")
      for (attribute, value) in it.exports {
        writing.addresses[.init(kind: it.resource.kind, value: value)] =
          "\(it.resource.type).\(name).\(attribute)"
      }
    }
    var blocks: [String: [HCLBlock]] = [:]
    for it in managed {
      guard let resource = ResourceType.of(it.kind) else { continue }
      let short = it.name.hasPrefix("Managed-") ? String(it.name.dropFirst(8)) : it.name
      let name = names.name(from: short, in: "data " + resource.type, or: "managed")
      writing.addresses[.init(kind: it.kind, value: it.id)] = "data.\(resource.type).\(name).id"
      blocks[resource.file, default: []].append(
        HCLBlock(
          "data", [resource.type, name], [("name", .string(it.name))],
          comment: ["AWS's own, the same in every account: \(Self.line(it.id))"]))
    }
    for (index, it) in subjects.enumerated() {
      let name = String(addresses[index].dropFirst(it.resource.type.count + 1))
      writing.place = name
      var block = HCLBlock("resource", [it.resource.type, name])
      (block.attributes, block.blocks) = Codec.write(
        it.document, it.resource.arguments, with: writing)
      Self.addSettings(to: &block, of: it, held: held[it.key])
      if it.isPrimaryWithPolicy { block.blocks.append(Self.promoted) }
      blocks[it.resource.file, default: []].append(block)
      items.append(
        Item(
          address: addresses[index], kind: it.resource.kind.rawValue, id: it.id,
          importId: it.importID, state: held[it.key]?.state))
    }
    let imports = items.filter { $0.state == nil }
    if !imports.isEmpty {
      blocks[Self.importsFile] = Self.imports(imports)
    }
    blocks["versions.tf"] = Self.versions
    if !writing.secrets.all.isEmpty {
      blocks["variables.tf"] = writing.secrets.all.map { it in
        HCLBlock(
          "variable", [it.name],
          [
            ("description", .string("Value of the origin header \(it.header).")),
            ("type", .reference("string")), ("sensitive", .bool(true)),
          ])
      }
      variables = writing.secrets.all.map(\.name)
    }
    files = blocks.map { File(path: $0.key, text: HCLBlock.text($0.value)) } + writing.files
    if !writing.secrets.all.isEmpty {
      let pairs = writing.secrets.all.map { HCLValue.Pair(key: $0.name, value: .string($0.value)) }
      files.append(
        File(
          path: Self.secretsFile,
          text: HCLText.pairs(pairs, indent: "").joined(separator: "\n") + "\n", isSecret: true))
    }
    files.append(File(path: ".gitignore", text: Self.ignored))
    files.sort { $0.path < $1.path }
  }

  /// Terraform's own settings: those of the state that holds it, or what an import sets.
  private static func addSettings(
    to block: inout HCLBlock, of it: Subject, held: Holdings.Taken?
  ) {
    // Once it is held, code and state say the same number.
    if it.hasInexactWeight, held == nil { block.blocks.append(inexact) }
    if it.resource.kind == .function, held?.settings["publish"] != true {
      block.attributes.append(.init(key: "publish", value: .bool(false)))
      block.comment = unpublished
    }
    for (name, usual) in [("retain_on_delete", false), ("wait_for_deployment", true)] {
      guard let value = held?.settings[name], value != usual else { continue }
      block.attributes.append(.init(key: name, value: .bool(value)))
    }
  }
  private static func imports(_ items: [Item]) -> [HCLBlock] {
    items.map {
      HCLBlock("import", [], [("to", .reference($0.address)), ("id", .string($0.importId))])
    }
  }

  /// One line of a comment, whatever is in it.
  private static func line(_ text: String) -> String { safe(text) }

  private static let ignored = """
    \(secretsFile)
    .terraform/
    *.tfstate
    *.tfstate.*
    *.tfplan

    """
  private static let versions: [HCLBlock] = [
    HCLBlock(
      "terraform", [], [("required_version", .string(">= 1.5"))],
      blocks: [
        HCLBlock(
          "required_providers", [],
          [
            (
              "aws",
              .map([
                .init(key: "source", value: .string("hashicorp/aws")),
                .init(key: "version", value: .string(">= 5.82")),
              ])
            )
          ])
      ]),
    HCLBlock(
      "provider", ["aws"], [("region", .string("us-east-1"))],
      comment: ["CloudFront is global; its API is in us-east-1."]),
  ]
  /// An import sets nothing, and to the provider true beside nothing is a change.
  private static let unpublished = [
    "What is live is published; the default, true, would publish it once more with the import.",
    "Remove publish when the code changes, so that an apply publishes that.",
  ]
  /// What a promote copies from staging: until the code follows, an apply would take it back.
  /// - Source: reference facts on CloudFront, sections 3.2 and 3.4.
  private static let promoted = lifecycle(
    ignoring: [
      "comment", "custom_error_response", "default_cache_behavior", "default_root_object",
      "logging_config", "ordered_cache_behavior", "origin", "origin_group", "restrictions",
    ],
    because: [
      "A promote copies these from the staging distribution: an apply must not take them back.",
      "Remove this block when the policy is gone, or to change them here.",
    ])

  /// An import reads 0.05 in double precision while code says it exactly, and the provider takes these for two
  /// numbers; a state read from its file has the number of the code again.
  private static let inexact = HCLBlock(
    "lifecycle", [], [("ignore_changes", .reference("all"))],
    comment: [
      "While it imports the policy the provider takes its weight for another number than the same",
      "one here, and would write the policy once more. Remove this block after the first apply.",
    ])
  private static func lifecycle(ignoring names: [String], because comment: [String]) -> HCLBlock {
    HCLBlock(
      "lifecycle", [], [("ignore_changes", .list(names.map(HCLValue.reference)))],
      comment: comment)
  }
}

extension ResourceKind {
  /// The last word of what it is called, for a name where nothing else is there.
  fileprivate var shortName: String {
    switch self {
    case .continuousDeploymentPolicy: "policy"
    case .originAccessControl: "access"
    case .originAccessIdentity: "identity"
    case .vpcOrigin: "origin"
    case .keyValueStore: "store"
    case .publicKey: "key"
    case .keyGroup: "group"
    case .monitoringSubscription: "monitoring"
    case .fieldLevelEncryption: "encryption"
    case .fieldLevelEncryptionProfile: "profile"
    case .realtimeLogConfig: "log"
    case .cachePolicy, .originRequestPolicy, .responseHeadersPolicy: "policy"
    default: rawValue
    }
  }
}

/// What writing collects beside the blocks.
private final class CodeWriting: Codec.Writing {
  struct Named: Hashable {
    var kind: ResourceKind
    var value: String
  }
  var addresses: [Named: String] = [:]
  var files: [TerraformCode.File] = []
  var secrets = HeaderSecrets()
  /// The name of the resource that is being written.
  var place = ""

  func reference(_ kind: ResourceKind, _ value: String) -> String? {
    addresses[.init(kind: kind, value: value)]
  }
  func file(_ content: String, folder: String, ending: String) -> String {
    let path = "\(folder)/\(place).\(ending)"
    files.append(.init(path: path, text: content))
    return path
  }
  func variable(_ header: String, _ secret: String) -> String { secrets.name(of: header, secret) }
}
