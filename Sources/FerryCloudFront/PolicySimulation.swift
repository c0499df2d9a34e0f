import FerryCore

/// IAM as far as a preflight asks it: what a principal's own policies would allow. It calls nothing.
///
/// - Source: botocore 1.43.11, iam 2010-05-08 (query); reference facts on CloudFront, section 8.3.
public struct PolicySimulation: Sendable {
  public enum Decision: String, Codable, Sendable { case allowed, denied, unknown }
  /// Whose policies are asked for.
  public struct Principal: Equatable, Sendable {
    /// nil for one whose policies nobody can simulate, such as root.
    public var arn: String?
    /// What a person should know of how it was found.
    public var note: String?
  }
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }
  /// The IAM actions that it needs.
  public static let actions = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
  private static let version = "2010-05-08"
  /// Actions in one call.
  private static let actionsMax = 50

  /// A session of a role becomes the role, whose path only IAM knows; a user stays what he is.
  public func principal(of identity: STSClient.Identity) async throws(FerryError) -> Principal {
    guard let arn = ARN(identity.arn) else {
      return Principal(note: "the identity \(identity.arn.debugDescription) is no ARN")
    }
    if arn.service == "iam", arn.resource.hasPrefix("user/") { return Principal(arn: identity.arn) }
    let words = arn.resource.split(separator: "/")
    guard arn.service == "sts", words.count >= 3, words[0] == "assumed-role" else {
      return Principal(
        note: "\(arn.resource) has no policies of its own that could be simulated")
    }
    let name = String(words[1])
    do throws(FerryError) {
      let root = try await query(
        transport, .iam, "GetRole", ["RoleName": name], version: Self.version, region: "us-east-1")
      guard let found = root.text(at: "GetRoleResult/Role/Arn"), let role = ARN(found),
        role.service == "iam", role.account == arn.account, role.resource.hasSuffix("/\(name)")
      else { throw CloudFrontClient.unreadable("GetRole", "it names no such role") }
      return Principal(arn: found)
    } catch {
      if error.exit == .interrupted { throw error }
      return Principal(
        arn: "arn:\(arn.partition):iam::\(arn.account):role/\(name)",
        note:
          "the path of role \(name) could not be read with iam:GetRole (\(error.why)); asked without one, which finds no role that has one"
      )
    }
  }

  /// What each action on one resource would be answered; what was not said is unknown.
  /// - Throws: what kept IAM from answering.
  public func decisions(of actions: [String], on resource: String, for principal: String)
    async throws(FerryError) -> [String: Decision]
  {
    var out: [String: Decision] = [:]
    for start in stride(from: 0, to: actions.count, by: Self.actionsMax) {
      let part = actions[start..<min(start + Self.actionsMax, actions.count)]
      var given = ["PolicySourceArn": principal, "ResourceArns.member.1": resource]
      for (index, action) in part.enumerated() { given["ActionNames.member.\(index + 1)"] = action }
      var marker: String?
      repeat {
        given["Marker"] = marker
        let root = try await query(
          transport, .iam, "SimulatePrincipalPolicy", given, version: Self.version,
          region: "us-east-1")
        guard let result = root.first("SimulatePrincipalPolicyResult") else {
          throw CloudFrontClient.unreadable("SimulatePrincipalPolicy", "it holds no result")
        }
        for it in result.first("EvaluationResults")?.all("member") ?? [] {
          guard let action = it.text(at: "EvalActionName"), part.contains(action) else { continue }
          let decision = Self.decision(it)
          // Said twice, the one that allows less counts.
          out[action] = out[action].map { Self.worse($0, decision) } ?? decision
        }
        let next = result.text(at: "IsTruncated") == "true" ? result.text(at: "Marker") : nil
        if let next, next == marker {
          throw CloudFrontClient.unreadable(
            "SimulatePrincipalPolicy", "the next page's marker is this page's own")
        }
        marker = next
      } while marker != nil
    }
    return out
  }
  private static func decision(_ it: XElement) -> Decision {
    switch it.text(at: "EvalDecision") {
    case "allowed":
      // A condition that depends on what was not given may turn it either way.
      (it.first("MissingContextValues")?.all("member") ?? []).isEmpty ? .allowed : .unknown
    case "explicitDeny", "implicitDeny": .denied
    default: .unknown
    }
  }
  private static func worse(_ one: Decision, _ other: Decision) -> Decision {
    [.denied, .unknown].first { [one, other].contains($0) } ?? .allowed
  }
}
