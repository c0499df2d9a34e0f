import FerryAWS
import FerryCloudFront
import FerryCore
import FerryReport

/// The clients of the accounts that a plan writes to, proven by GetCallerIdentity before any write and again
/// whenever the keys have changed.
extension Context {
  /// - Throws: exit 4 when no credentials at hand belong to one of the plan's accounts, or when the plan
  ///   was made for another endpoint.
  package func clients(for plan: Plan) async throws(FerryError) -> [AccountID: CloudFrontClient] {
    let wanted = Set(plan.steps.compactMap(\.account)).union(plan.accounts.values)
    guard !wanted.isEmpty else { return [:] }
    var clients: [AccountID: CloudFrontClient] = [:]
    var found: [String] = []
    var failure: FerryError?
    for account in try accounts(named: []) {
      let session = try session(account)
      try checkEndpoint(session, of: plan)
      let identity: STSClient.Identity
      let transport: AWSTransport
      do throws(FerryError) {
        (identity, transport) = try await session.proven()
      } catch {
        // Another account's credentials may fail as long as the plan's own work.
        if error.exit == .interrupted { throw error }
        failure = failure ?? error
        continue
      }
      found.append(
        account.name == "default" ? identity.account : "\(account.name) \(identity.account)")
      if wanted.contains(identity.account), clients[identity.account] == nil {
        if clients.isEmpty { announce(session) }
        clients[identity.account] = CloudFrontClient(transport)
      }
    }
    let missing = wanted.subtracting(clients.keys).sorted()
    if !missing.isEmpty, let failure { throw failure }
    guard missing.isEmpty else {
      throw FerryError(
        "other-account", exit: .blocked, what: "could not use plan \(plan.name)",
        why:
          "it is for account \(missing.joined(separator: ", ")), and the credentials at hand belong to \(found.joined(separator: ", "))",
        next:
          "use credentials of that account (--profile, --role-arn, or accounts: in edgeferry.yaml)")
    }
    return clients
  }

  private func checkEndpoint(_ session: AWSSession, of plan: Plan) throws(FerryError) {
    let here = foreignEndpoint(session)
    guard Self.place(here) != Self.place(plan.observed.endpoint) else { return }
    throw FerryError(
      "other-endpoint", exit: .blocked, what: "could not use plan \(plan.name)",
      why:
        "it was made for \(plan.observed.endpoint ?? "AWS"), and the endpoint now is \(here ?? "AWS")",
      next: "plan again, or correct AWS_ENDPOINT_URL or --endpoint-url")
  }
  /// Every loopback port is one place: a lab gets a new one at each start.
  private static func place(_ endpoint: String?) -> String {
    guard let endpoint else { return "aws" }
    let host = endpoint.drop { $0 != "/" }.drop { $0 == "/" }.prefix { $0 != "/" }
    let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } : host.prefix { $0 != ":" }
    return ["127.0.0.1", "localhost", "[::1"].contains(String(name)) || name.hasPrefix("127.")
      ? "loopback" : String(host).lowercased()
  }
}
