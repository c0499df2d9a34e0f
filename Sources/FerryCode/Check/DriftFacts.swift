import FerryCore

/// Where code and what is live say different things about one resource, whatever tool the code is for.
package struct DriftFacts: Equatable, Sendable {
  package struct Difference: Equatable, Sendable {
    /// Of CloudFront's document, with slashes; items of a list by what names them: `Origins[api]/DomainName`.
    package var path: String
    /// What the code says; nil where it says nothing.
    package var code: JSONValue?
    package var live: JSONValue?
    /// Why they differ or cannot be compared, where the tool says so.
    package var reason: String?
  }
  package var kind: ResourceKind
  /// As CloudFront knows it.
  package var id: String
  /// The code's own name of it: a Terraform address, a logical id.
  package var address: String
  package var differences: [Difference] = []
  /// Why the tool would make another one in its place, or delete it.
  package var replaces: [String] = []
  /// Paths whose value in the code nobody can know before it runs.
  package var notCompared: [String] = []
}

extension DriftFacts {
  /// What names an item of a list whose order says nothing. Cache behaviours and members of groups go by their place.
  private static let names = ["Id", "ErrorCode", "HeaderName", "EventType", "Header"]

  /// Every value that says something by its path; a list of plain values is one value, sorted.
  package static func leaves(_ document: JSONValue) -> [String: JSONValue] {
    var out: [String: JSONValue] = [:]
    func visit(_ value: JSONValue, _ path: String) {
      switch value {
      case .object(let members):
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        if Codec.presence.contains(name) { out[path] = "there" }
        for (key, member) in members where key != "Quantity" {
          visit(member, key == "Items" ? path : path.isEmpty ? key : "\(path)/\(key)")
        }
      case .array(let items):
        guard items.contains(where: { $0.object != nil }) else {
          if !items.isEmpty { out[path] = .array(items.sorted { $0.canonical < $1.canonical }) }
          return
        }
        let name = names.first { name in
          Set(items.compactMap { $0[name]?.text }).count == items.count
        }
        for (index, item) in items.enumerated() {
          visit(item, "\(path)[\(name.flatMap { item[$0]?.text } ?? String(index))]")
        }
      default:
        if !value.isBlank { out[path] = value }
      }
    }
    visit(document, "")
    return out
  }

  /// The paths at which two documents of CloudFront's differ, sorted.
  package static func between(code: JSONValue, live: JSONValue) -> [Difference] {
    let code = leaves(code)
    let live = leaves(live)
    /// What is false says nothing, but beside what is true it is an answer.
    func told(_ value: JSONValue?, beside other: JSONValue?) -> JSONValue? {
      value ?? (other == true ? false : nil)
    }
    return Set(code.keys).union(live.keys).sorted().compactMap { path in
      let (said, found) = (code[path], live[path])
      return isSame(said, found)
        ? nil
        : Difference(
          path: path, code: told(said, beside: found), live: told(found, beside: said))
    }
  }
  /// CloudFront's floats have single precision: the provider reads 0.05 as 0.05000000074505806.
  package static func isSame(_ one: JSONValue?, _ other: JSONValue?) -> Bool {
    if one == other { return true }
    guard let one = one?.double, let other = other?.double else { return false }
    return Float(one) == Float(other)
  }
}

extension JSONValue {
  fileprivate var double: Double? {
    switch self {
    case .int(let it): Double(it)
    case .double(let it): it
    default: nil
    }
  }
  fileprivate var text: String? {
    switch self {
    case .string(let it): it
    case .int(let it): String(it)
    default: nil
    }
  }
}
