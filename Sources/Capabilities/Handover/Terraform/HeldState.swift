import FerryCode
import FerryCommand
import FerryCore

/// What a Terraform state holds of CloudFront as managed. Of the rest, secrets among it, nothing is kept.
///
/// - Source: reference facts on CloudFront, section 6.3; Terraform's statefile version 4.
struct HeldState: Equatable, Sendable {
  struct Item: Equatable, Sendable {
    var type: ResourceType
    /// `module.shop`; nil in the root module.
    var module: String?
    var name: String
    /// `[0]` or `["blue"]`; empty for the only one.
    var index: String
    var id: String
    /// Terraform's own settings of it, which are no part of what is live.
    var settings: [String: Bool]
    /// What the next plan does to it that nobody may mean.
    var dangers: [String]

    var address: String {
      [module, type.type, name + index].compactMap { $0 }.joined(separator: ".")
    }
    /// Why code of one folder cannot have that address; nil when it can.
    var notTakeable: String? {
      if let module { return "it is in \(module), and code of a module is the module's own" }
      if !index.isEmpty { return "it is one of several that count or for_each makes" }
      return HCLText.isName(name) ? nil : "its name is none that code could have"
    }
    static func == (left: Item, right: Item) -> Bool {
      left.type.type == right.type.type && left.address == right.address && left.id == right.id
        && left.settings == right.settings && left.dangers == right.dangers
    }
  }
  /// The file, or `s3://bucket/key`.
  var place: String
  var items: [Item] = []

  /// - Throws: `.badInput` (64) `bad-tfstate` for anything but a state of version 4.
  init(_ bytes: [UInt8], at place: String) throws(FerryError) {
    self.place = place
    let document = try TerraformFile.json(
      bytes, what: "Terraform state", named: place, code: "bad-tfstate",
      next: "give the file that `terraform state pull` prints")
    guard document["version"]?.int == 4, let resources = document["resources"]?.array else {
      throw .badInput(
        "bad-tfstate", what: "could not read the Terraform state \(place)",
        why: "it is no state of version 4", next: "give the file that `terraform state pull` prints"
      )
    }
    for resource in resources where resource["mode"] == "managed" {
      guard let type = ResourceType.named(resource["type"]?.string ?? "") else { continue }
      for instance in resource["instances"]?.array ?? [] {
        let attributes = instance["attributes"] ?? instance["attributes_flat"] ?? .null
        guard let id = attributes["id"]?.string, !id.isEmpty else { continue }
        var dangers: [String] = []
        if instance["deposed"]?.string != nil {
          dangers.append("deposed: the next apply deletes it")
        }
        if instance["status"] == "tainted" { dangers.append("tainted: the next apply replaces it") }
        if type.kind == .distribution, [nil, .null, ""].contains(attributes["staging"]) {
          dangers.append(
            "staging is missing in the state: the next plan replaces it unless staging is written")
        }
        let index: String =
          switch instance["index_key"] {
          case .int(let it)?: "[\(it)]"
          case .string(let it)?: "[\(HCLText.quoted(it))]"
          default: ""
          }
        items.append(
          Item(
            type: type, module: resource["module"]?.string, name: resource["name"]?.string ?? "",
            index: index, id: id, settings: Self.settings(attributes), dangers: dangers))
      }
    }
  }

  private static func settings(_ attributes: JSONValue) -> [String: Bool] {
    var out: [String: Bool] = [:]
    for name in ["publish", "retain_on_delete", "wait_for_deployment"] {
      out[name] = attributes[name]?.bool
    }
    return out
  }

  func items(of kind: ResourceKind, _ ids: Set<String>) -> [Item] {
    items.filter { $0.type.kind == kind && ids.contains($0.id) }
  }

  /// The states of those places, each once.
  static func read(_ places: [String], _ context: Context) async throws(FerryError) -> [HeldState] {
    var out: [HeldState] = []
    for place in places where !out.contains(where: { $0.place == place }) {
      out.append(
        try HeldState(
          await context.bytes(at: place, what: "Terraform state"), at: place))
    }
    return out
  }
}
