import FerryCore

/// One argument of the provider's schema and the member of CloudFront's document that it stands for.
///
/// The same table writes code and reads it back, so nothing can be written one way and understood another.
package struct TerraformArgument: Sendable {
  package indirect enum Form: Sendable {
    case scalar
    /// A number to Terraform, a string to CloudFront.
    case numeral
    /// Strings or numbers; items that are structures of one member are named by it.
    case list(member: String?)
    /// How many the list of the same place has.
    case count
    case map
    case block([TerraformArgument])
    /// One block an item.
    case blocks([TerraformArgument])
    /// A value that goes to a file beside the code: its folder and ending.
    case file(folder: String, ending: String)
    /// A value that only a variable may have; its name is that of the member.
    case secret(namedBy: String)
  }
  package var name: String
  /// Names of members with slashes; empty for the document itself.
  package var path: String
  package var form: Form
  /// What the provider assumes where nothing is written.
  package var fallback: JSONValue?
  /// Written even where it says no more than the provider's own default.
  package var always = false
  /// What kind of thing the value names.
  package var names: ResourceKind?
  /// The flag that is true exactly where something is written.
  package var switched: String?

  package static func value(
    _ name: String, _ path: String, or fallback: JSONValue? = nil, always: Bool = false,
    names: ResourceKind? = nil
  ) -> TerraformArgument {
    TerraformArgument(
      name: name, path: path, form: .scalar, fallback: fallback, always: always, names: names)
  }
  package static func numeral(_ name: String, _ path: String) -> TerraformArgument {
    TerraformArgument(name: name, path: path, form: .numeral)
  }
  package static func list(
    _ name: String, _ path: String = "", always: Bool = false, names: ResourceKind? = nil,
    member: String? = nil, switched: String? = nil
  ) -> TerraformArgument {
    TerraformArgument(
      name: name, path: path, form: .list(member: member), always: always, names: names,
      switched: switched)
  }
  package static func block(
    _ name: String, _ path: String, always: Bool = false, switched: String? = nil,
    _ inside: TerraformArgument...
  ) -> TerraformArgument {
    TerraformArgument(
      name: name, path: path, form: .block(inside), always: always, switched: switched)
  }
  package static func blocks(_ name: String, _ path: String, _ inside: [TerraformArgument])
    -> TerraformArgument
  {
    TerraformArgument(name: name, path: path, form: .blocks(inside))
  }
  package static func blocks(_ name: String, _ path: String, _ inside: TerraformArgument...)
    -> TerraformArgument
  {
    blocks(name, path, inside)
  }
}

extension JSONValue {
  /// The value at a path of members; the document itself for an empty one.
  package func at(_ path: String) -> JSONValue? {
    var here = self
    for name in path.split(separator: "/") {
      guard let next = here[String(name)] else { return nil }
      here = next
    }
    return here
  }
  /// The same with a member set; for an empty path the members of an object are added.
  package func setting(_ value: JSONValue, at path: String) -> JSONValue {
    var members = object ?? [:]
    let name = String(path.prefix { $0 != "/" })
    guard !name.isEmpty else {
      return .object(members.merging(value.object ?? [:]) { $1 })
    }
    let rest = String(path.dropFirst(name.count + 1))
    members[name] =
      rest.isEmpty ? value : (members[name] ?? .object([:])).setting(value, at: rest)
    return .object(members)
  }
  /// The items of a list, with `Items` around them or without.
  package var items: [JSONValue] { array ?? self["Items"]?.array ?? [] }
  /// Whether it says nothing: empty, false or made of such alone.
  package var isBlank: Bool {
    switch self {
    case .null, .bool(false), .string(""): true
    case .array(let items): items.isEmpty
    case .object(let members): members.allSatisfy { $0.key == "Quantity" || $0.value.isBlank }
    default: false
    }
  }
}
