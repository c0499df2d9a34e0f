import FerryCore

/// Statements of bucket and key policies that admit a distribution, written again for its copy.
///
/// - Source: reference facts on CloudFront, section 5: `AWS:SourceArn` of an origin access control, the
///   principal of an origin access identity. The new ones are added before, the old ones removed after.
enum Grants {
  /// One policy and what changes in it.
  struct Edit: Equatable, Sendable {
    var statements: PolicyStatements
    /// The old statements that the new ones stand for.
    var old: [JSONValue]
    /// The account that owns the bucket or key.
    var account: AccountID
  }

  /// - Parameter successors: an old ARN, OAI id or canonical user → what stands for it, references included.
  static func edit(
    _ policy: JSONValue, service: PolicyStatements.Service, resource: String, region: String,
    account: AccountID, successors: [String: String], part: String
  ) -> Edit? {
    var add: [JSONValue] = []
    var old: [JSONValue] = []
    for (index, statement) in PolicyDocument.statements(policy).enumerated() {
      let text = statement.canonical
      guard successors.keys.contains(where: { text.contains($0) }) else { continue }
      var copy = replaced(statement, successors)
      guard copy != statement else { continue }
      if case .object(var members) = copy {
        members["Sid"] = .string(
          "Ferried" + Digest.hex(Digest.sha256(Array("\(part) \(index)".utf8))).prefix(12))
        copy = .object(members)
      }
      add.append(copy)
      old.append(statement)
    }
    guard !add.isEmpty else { return nil }
    return Edit(
      statements: PolicyStatements(service, resource, region: region, add: add), old: old,
      account: account)
  }

  /// A statement that admits several distributions is written for the copies of those that are carried.
  private static func replaced(_ value: JSONValue, _ successors: [String: String]) -> JSONValue {
    switch value {
    case .string(let text):
      for (old, new) in successors where text.contains(old) {
        return .string(text.replacing(old, with: new))
      }
      return value
    case .array(let items):
      let hit = items.filter { item in
        successors.keys.contains { item.canonical.contains($0) }
      }
      return .array((hit.isEmpty ? items : hit).map { replaced($0, successors) })
    case .object(let members): return .object(members.mapValues { replaced($0, successors) })
    default: return value
    }
  }
}
