import FerryCore

/// Web ACLs of WAFv2 with what their rules name, in the scope CLOUDFRONT.
public struct WebACLClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// A part of a web ACL: the statement that names it, its call, and where it is kept in the export.
  private struct Part {
    var statement: String
    var kind: String
    var operation: String
    var answer: String
    var key: String
  }
  private static let parts = [
    Part(
      statement: "IPSetReferenceStatement", kind: "ipset", operation: "GetIPSet", answer: "IPSet",
      key: "IPSets"),
    Part(
      statement: "RegexPatternSetReferenceStatement", kind: "regexpatternset",
      operation: "GetRegexPatternSet", answer: "RegexPatternSet", key: "RegexPatternSets"),
    Part(
      statement: "RuleGroupReferenceStatement", kind: "rulegroup", operation: "GetRuleGroup",
      answer: "RuleGroup", key: "RuleGroups"),
  ]
  static let region = "us-east-1"

  /// The ACL as `{WebACL, IPSets[], RegexPatternSets[], RuleGroups[], LoggingConfiguration?}`; AWS-managed rule
  /// groups are named by vendor and carry over by name.
  /// - Returns: also what could not be read of its parts: the call, the ARN and why.
  public func webACL(_ arn: String) async throws(FerryError) -> (
    Inventory.Resource, [(call: String, arn: String, error: FerryError)]
  ) {
    let root = try await get("GetWebACL", arn, kind: "webacl")
    guard let acl = root["WebACL"] else {
      throw CloudFrontClient.unreadable("GetWebACL", "it holds no WebACL")
    }
    var members: [String: JSONValue] = ["WebACL": acl]
    var failures: [(call: String, arn: String, error: FerryError)] = []
    var seen: Set<String> = []
    // A rule group's own rules may name sets, never further groups.
    var waiting = Self.named(by: acl)
    while let (index, arn) = waiting.popLast() {
      guard seen.insert(arn).inserted else { continue }
      let part = Self.parts[index]
      do throws(FerryError) {
        let it = try await get(part.operation, arn, kind: part.kind)[part.answer] ?? .null
        members[part.key] = .array((members[part.key]?.array ?? []) + [it])
        waiting += Self.named(by: it)
      } catch {
        if error.exit == .interrupted { throw error }
        failures.append((part.operation, arn, error))
      }
    }
    do throws(FerryError) {
      let logging = try await jsonCall(
        transport, .wafv2, target: "AWSWAF_20190729", "GetLoggingConfiguration",
        ["ResourceArn": .string(arn)], region: Self.region)
      members["LoggingConfiguration"] = logging["LoggingConfiguration"]
    } catch {
      if error.exit == .interrupted { throw error }
      if !error.isService("WAFNonexistentItemException") {
        failures.append(("GetLoggingConfiguration", arn, error))
      }
    }
    return (
      Inventory.Resource(
        .webACL, id: arn, name: acl["Name"]?.string, arn: arn, etag: root["LockToken"]?.string,
        json: .object(members)), failures
    )
  }

  private func get(_ operation: String, _ arn: String, kind: String) async throws(FerryError)
    -> JSONValue
  {
    // arn:aws:wafv2:us-east-1:ACCOUNT:global/KIND/NAME/ID
    let path = (ARN(arn)?.resource ?? "").split(separator: "/").map(String.init)
    guard path.count == 4, path[0] == "global", path[1] == kind else {
      throw CloudFrontClient.unreadable(
        operation, "\(arn.debugDescription) is no global \(kind) of WAFv2")
    }
    return try await jsonCall(
      transport, .wafv2, target: "AWSWAF_20190729", operation,
      ["Name": .string(path[2]), "Id": .string(path[3]), "Scope": "CLOUDFRONT"],
      region: Self.region)
  }

  private static func named(by value: JSONValue) -> [(part: Int, arn: String)] {
    switch value {
    case .array(let items): return items.flatMap(named)
    case .object(let members):
      return members.sorted { $0.key < $1.key }.flatMap { key, value in
        let part = parts.firstIndex { $0.statement == key }
        let own = value["ARN"]?.string.flatMap { arn in part.map { ($0, arn) } }
        return (own.map { [(part: $0.0, arn: $0.1)] } ?? []) + named(by: value)
      }
    default: return []
    }
  }
}
