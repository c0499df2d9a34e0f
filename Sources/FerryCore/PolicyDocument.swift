/// An IAM policy document with some statements added and others taken out; all else stays as it is.
public enum PolicyDocument {
  /// Whether everything that is to be there is, and nothing that is not.
  public static func holds(_ edit: PolicyStatements, in policy: JSONValue?) -> Bool {
    let there = statements(policy)
    return edit.add.allSatisfy { there.contains($0) }
      && !edit.remove.contains { there.contains($0) }
  }
  /// - Returns: nil when no statement is left.
  /// - Throws: `policy-statement-moved` (stale, 5): one to take out is there under its Sid with other words, or
  ///   the Sid of one to add is taken.
  public static func edited(_ policy: JSONValue?, by edit: PolicyStatements) throws(FerryError)
    -> JSONValue?
  {
    var there = statements(policy)
    for statement in edit.remove + edit.add where !there.contains(statement) {
      guard let sid = statement["Sid"]?.string,
        there.contains(where: { $0["Sid"]?.string == sid && !edit.remove.contains($0) })
      else { continue }
      throw FerryError(
        "policy-statement-moved", exit: .stale,
        what: "could not change the policy of \(edit.resource)",
        why: "its statement \(sid) says something else than the plan knows",
        next: "compare the two, then plan again")
    }
    there.removeAll { edit.remove.contains($0) }
    there += edit.add.filter { !there.contains($0) }
    guard !there.isEmpty else { return nil }
    var members: [String: JSONValue] = ["Version": .string("2012-10-17")]
    if case .object(let own)? = policy { members = own }
    members["Statement"] = .array(there)
    return .object(members)
  }
  /// A document may hold one statement without a list.
  public static func statements(_ policy: JSONValue?) -> [JSONValue] {
    switch policy?["Statement"] {
    case .array(let all)?: all
    case .object(let one)?: [.object(one)]
    default: []
    }
  }
}
