import FerryCloudFront
import FerryCode
import FerryCore
import Foundation

/// A template of CloudFormation for distributions and everything they refer to, ready to be imported into a stack.
struct StackCode: Sendable {
  static let templateFile = StackFiles.template
  static let importsFile = StackFiles.imports
  static let parametersFile = StackFiles.parameters
  /// - Source: CloudFormation User Guide, "Understand CloudFormation quotas".
  static let bodyBytesMax = 51_200
  static let objectBytesMax = 1 << 20
  static let resourcesMax = 500
  static let parametersMax = 200

  var files: [TerraformCode.File] = []
  var items: [TerraformCode.Item] = []
  /// Names of parameters whose values are in `parametersFile`.
  var parameters: [String] = []
  var template: StackTemplate
  /// What the template does not hold at all.
  var left: [NotExpressed] = []
  /// What a person has to know before it is used.
  var notes: [String] = []

  /// Pure: the same closure gives the same files.
  /// - Throws: `.badInput` (64) `template-too-large` for what no template may hold.
  init(_ subjects: [Subject], managed: [Closure.Managed]) throws(FerryError) {
    let writing = StackWriting()
    var names = UniqueNames()
    var ids: [String] = []
    let held = subjects.filter { StackKind.of($0.resource.kind) != nil }
    for it in subjects where StackKind.of(it.resource.kind) == nil {
      left.append(
        .init(
          kind: it.resource.kind.rawValue, id: it.id, path: "",
          reason: "CloudFormation has no type for it; who refers to it has its id"))
    }
    for it in held {
      guard let kind = StackKind.of(it.resource.kind) else { continue }
      let id = Self.camel(
        names.name(from: "\(it.label) \(kind.type)", in: "stack", or: kind.type.lowercased()))
      ids.append(id)
      for (attribute, value) in it.exports {
        if let reference = kind.reference(attribute, to: id) {
          writing.references[.init(kind: kind.kind, value: value)] = reference
        }
      }
    }
    var resources: [String: JSONValue] = [:]
    var imports: [JSONValue] = []
    for (id, it) in zip(ids, held) {
      guard let kind = StackKind.of(it.resource.kind) else { continue }
      var body: [String: JSONValue] = [
        "Type": .string(kind.fullType), "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
        "Properties": StackCodec.write(kind.document(of: it), kind.properties, with: writing),
      ]
      if kind.kind == .function, case .object(var properties)? = body["Properties"] {
        // What is live is the stage LIVE.
        properties["AutoPublish"] = true
        body["Properties"] = .object(properties)
      }
      resources[id] = .object(body)
      let named = kind.identity(of: it)
      imports.append([
        "ResourceType": .string(kind.fullType), "LogicalResourceId": .string(id),
        "ResourceIdentifier": .object([kind.identifier: .string(named)]),
      ])
      items.append(
        .init(address: id, kind: kind.kind.rawValue, id: it.id, importId: named, state: nil))
      left += kind.left(of: it)
      if it.isPrimaryWithPolicy {
        notes.append(
          "\(id) has a continuous-deployment policy: after a promote the template is behind what is live, so change it before the stack is updated, or the update takes the promote back (`edgeferry handover check --template`)"
        )
      }
    }
    var body: [String: JSONValue] = [
      "AWSTemplateFormatVersion": "2010-09-09", "Resources": .object(resources),
      "Description": .string("CloudFront: \(subjects.first?.label ?? "distributions")"),
    ]
    if !managed.isEmpty {
      // AWS's own, the same in every account: what their ids stand for.
      body["Metadata"] = [
        "ManagedPolicies": .object(
          Dictionary(managed.map { ($0.id, JSONValue.string($0.name)) }) { $1 })
      ]
    }
    if !writing.secrets.all.isEmpty {
      parameters = writing.secrets.all.map(\.name)
      body["Parameters"] = .object(
        Dictionary(
          writing.secrets.all.map {
            (
              $0.name,
              [
                "Type": "String", "NoEcho": true,
                "Description": .string("Value of the origin header \($0.header)."),
              ]
            )
          }
        ) { $1 })
    }
    template = StackTemplate(.object(body))
    files = [
      .init(path: Self.templateFile, text: Self.text(template.body)),
      .init(path: Self.importsFile, text: Self.text(.array(imports))),
    ]
    if !writing.secrets.all.isEmpty {
      let values = writing.secrets.all.map { it -> JSONValue in
        ["ParameterKey": .string(it.name), "ParameterValue": .string(it.value)]
      }
      files.append(
        .init(path: Self.parametersFile, text: Self.text(.array(values)), isSecret: true))
      files.append(.init(path: ".gitignore", text: "\(Self.parametersFile)\nhandover/\n"))
    }
    files.sort { $0.path < $1.path }
    try checkSize(resources.count)
  }

  private mutating func checkSize(_ count: Int) throws(FerryError) {
    let bytes = files.first { $0.path == Self.templateFile }?.text.utf8.count ?? 0
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "template-too-large", what: "could not write one template", why: why,
        next: "name fewer distributions; nothing was written")
    }
    guard count <= Self.resourcesMax else {
      throw refuse("it has \(count) resources, and a template may have \(Self.resourcesMax)")
    }
    guard parameters.count <= Self.parametersMax else {
      throw refuse(
        "it has \(parameters.count) parameters, and a template may have \(Self.parametersMax)")
    }
    guard bytes <= Self.objectBytesMax else {
      throw refuse("it has \(bytes) bytes, and a template may have \(Self.objectBytesMax)")
    }
    if bytes > Self.bodyBytesMax {
      notes.append(
        "\(Self.templateFile) has \(bytes) bytes: above \(Self.bodyBytesMax) it must be put into a bucket and named with --template-url"
      )
    }
  }

  /// JSON as a person reads it, keys in order.
  static func text(_ value: JSONValue) -> String {
    let bytes = try? JSONSerialization.data(
      withJSONObject: JSONSerialization.jsonObject(with: Data(value.canonical.utf8)),
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return (bytes.map { String(decoding: $0, as: UTF8.self) } ?? value.canonical) + "\n"
  }
  /// `www_example_com` as a logical id: letters and digits alone.
  fileprivate static func camel(_ name: String) -> String {
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

/// What writing collects beside the resources.
private final class StackWriting: StackCodec.Writing {
  struct Named: Hashable {
    var kind: ResourceKind
    var value: String
  }
  var references: [Named: JSONValue] = [:]
  var secrets = HeaderSecrets()

  func reference(_ kind: ResourceKind, _ value: String) -> JSONValue? {
    references[.init(kind: kind, value: value)]
  }
  func parameter(_ header: String, _ secret: String) -> JSONValue {
    ["Ref": .string(secrets.name(of: header, secret, spelled: StackCode.camel))]
  }
}
