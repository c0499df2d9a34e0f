import FerryCore

/// Grants of buckets and keys for the copies.
extension MigrationPlanner {
  mutating func addGrants() {
    for move in moves {
      for edit in grants(move) {
        let step =
          "grant-\(edit.statements.service.rawValue)-\(plain(edit.statements.resource))\(suffix(move))"
        add(
          Step(
            id: step, title: "Let the copy of \(move.it.id) read \(edit.statements.resource)",
            account: source, action: .editStatements(edit.statements)),
          parts: part(move),
          rollback: [
            Step(
              id: "un\(step)",
              title: "Take the grant of the copy of \(move.it.id) off \(edit.statements.resource)",
              account: source, action: .editStatements(edit.statements.inverse), undoes: step)
          ])
      }
    }
  }
  func plain(_ text: String) -> String {
    String(
      text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.suffix(60))
  }
  func grants(_ move: Move) -> [Grants.Edit] {
    var successors = carrier.grantSuccessors(distribution: move.it, reference: move.id)
    var identities = carrier.identities(of: move.it)
    if let staging = move.staging {
      successors.merge(
        carrier.grantSuccessors(
          distribution: staging, reference: "${create-distribution-\(staging.id.lowercased()).id}")
      ) { first, _ in first }
      identities.merge(carrier.identities(of: staging)) { first, _ in first }
    }
    let rewriting = Grants(
      source: source, target: target, successors: successors, identities: identities)
    return input.closure.resources.compactMap { it in
      guard let json = it.json else { return nil }
      switch it.kind {
      case .bucket:
        guard input.map.buckets[it.id] == nil, let policy = Self.policy(json["policy"]) else {
          return nil
        }
        return rewriting.edit(
          policy, service: .bucket, resource: it.id, region: json["region"]?.string ?? "us-east-1",
          part: move.it.id)
      case .kmsKey:
        guard input.map.kmsKeys[it.id] == nil, let arn = ARN(it.id),
          let policy = Self.policy(json["policy"])
        else { return nil }
        return rewriting.edit(
          policy, service: .key, resource: it.id, region: arn.region, part: move.it.id)
      default: return nil
      }
    }
  }
  private static func policy(_ json: JSONValue?) -> JSONValue? {
    switch json {
    case .object?: json
    case .string(let text)?: try? JSONValue.read(Array(text.utf8), what: "a policy")
    default: nil
    }
  }
}
