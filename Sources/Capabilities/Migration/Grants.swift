import FerryCore

/// Statements of bucket and key policies that admit a distribution, written again for its copy.
///
/// - Source: reference facts on CloudFront, section 5: `AWS:SourceArn` of an origin access control, the
///   principal of an origin access identity. The new ones are added before, the old ones removed after.
struct Grants {
  /// One policy and what changes in it.
  struct Edit: Equatable, Sendable {
    var statements: PolicyStatements
    /// The old statements that the new ones stand for; one that admits a whole account stays.
    var old: [JSONValue]
    /// What is left of the old ones for others whom they admit too.
    var rest: [JSONValue]
  }
  var source: AccountID
  var target: AccountID
  /// An old ARN or the name of an OAI → what stands for it, references included.
  var successors: [String: String]
  /// Canonical users of origin access identities → the identity's id. S3 shows such a principal by the identity's name
  /// once it has read it, so the copy's is written by name.
  var identities: [String: String] = [:]

  /// - Parameter part: keeps the Sids of several distributions apart.
  func edit(
    _ policy: JSONValue, service: PolicyStatements.Service, resource: String, region: String,
    part: String
  ) -> Edit? {
    var out = Edit(
      statements: PolicyStatements(service, resource, region: region), old: [], rest: [])
    let own = self.own
    for (index, statement) in PolicyDocument.statements(policy).enumerated()
    where statement["Effect"]?.string == "Allow" {
      let isOwn = holds(statement, own)
      guard isOwn || admitsAccount(statement) else { continue }
      var copy = rewritten(named(statement), isOwn ? successors : [every(source): every(target)])
      if case .object(var members) = copy {
        members["Sid"] = .string(
          "Ferried" + Digest.hex(Digest.sha256(Array("\(part) \(index)".utf8))).prefix(12))
        copy = .object(members)
      }
      out.statements.add.append(copy)
      guard isOwn else { continue }
      out.old.append(statement)
      let others = without(statement)
      if others != statement { out.rest.append(others) }
    }
    return out.statements.add.isEmpty ? nil : out
  }

  /// Everything by which the carried are admitted.
  private var own: [String: String] {
    successors.merging(identities.mapValues { _ in "" }) { first, _ in first }
  }
  /// The statement with the carried identities alone as its principals, by name, where it names one by its canonical
  /// user; else as it is.
  private func named(_ statement: JSONValue) -> JSONValue {
    guard case .object(var members) = statement, let principal = members["Principal"]?.object,
      let given = principal["CanonicalUser"]
    else { return statement }
    let users = (given.array ?? [given]).compactMap(\.string).compactMap { identities[$0] }
    guard !users.isEmpty else { return statement }
    var names = users.map {
      JSONValue.string("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity \($0)")
    }
    names += (principal["AWS"].map { $0.array ?? [$0] } ?? []).filter { self.names($0, successors) }
    members["Principal"] = ["AWS": names.count == 1 ? names[0] : .array(names)]
    return .object(members)
  }

  private func every(_ account: AccountID) -> String {
    "arn:aws:cloudfront::\(account):distribution/*"
  }
  /// Whether CloudFront is admitted for any distribution of the source account.
  private func admitsAccount(_ statement: JSONValue) -> Bool {
    let service = statement["Principal"]?["Service"]
    guard source != target,
      (service?.array ?? [service ?? .null]).contains("cloudfront.amazonaws.com")
    else { return false }
    let members = (statement["Condition"]?.object ?? [:]).values.flatMap { $0.object ?? [:] }
    let arns = members.filter { $0.key.lowercased() == "aws:sourcearn" }
    if !arns.isEmpty { return arns.contains { holds($0.value, [every(source): ""]) } }
    return members.contains {
      $0.key.lowercased() == Self.accountKey && holds($0.value, [source: ""])
    }
  }
  private static let accountKey = "aws:sourceaccount"

  private func names(_ value: JSONValue, _ names: [String: String]) -> Bool {
    guard let text = value.string else { return false }
    return names.keys.contains { text.hasSuffix($0) }
  }
  private func holds(_ value: JSONValue, _ names: [String: String]) -> Bool {
    switch value {
    case .array(let items): items.contains { holds($0, names) }
    case .object(let members): members.values.contains { holds($0, names) }
    default: self.names(value, names)
    }
  }
  /// A statement that admits several distributions is written for the copies of those that are carried.
  private func rewritten(_ value: JSONValue, _ names: [String: String]) -> JSONValue {
    switch value {
    case .string(let text):
      guard let (old, new) = names.first(where: { text.hasSuffix($0.key) }) else { return value }
      return .string(text.dropLast(old.count) + new)
    case .array(let items):
      let hit = items.filter { self.names($0, names) }
      return .array((hit.isEmpty ? items : hit).map { rewritten($0, names) })
    case .object(let members):
      return .object(
        Dictionary(
          uniqueKeysWithValues: members.map { key, value in
            (
              key,
              rewritten(value, key.lowercased() == Self.accountKey ? [source: target] : names)
            )
          }))
    default: return value
    }
  }
  /// The statement without those that are carried; itself where it admits nobody else.
  private func without(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items):
      let others = items.filter { !names($0, own) }
      return others.isEmpty ? value : .array(others.map(without))
    case .object(var members):
      // Principals of one sort may all be carried, and those of another not.
      if let principal = members["Principal"]?.object {
        let others = principal.filter { entry in
          !(entry.value.array ?? [entry.value]).allSatisfy { names($0, own) }
        }
        if !others.isEmpty { members["Principal"] = .object(others) }
      }
      return .object(members.mapValues(without))
    default: return value
    }
  }
}
