import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport

/// Asks IAM what the identities at hand may do; nothing is done.
struct Preflight {
  struct Check: Codable, Equatable, Sendable {
    var account: String
    var action: String
    var resource: String
    var decision: PolicySimulation.Decision
  }
  var context: Context

  /// - Returns: what is needed, with the numbers of the accounts where they were learnt, and what each would be
  ///   answered. Whatever could not be asked is unknown.
  func run(_ needs: [Need]) async throws(FerryError) -> (needs: [Need], checks: [Check]) {
    var needs = needs
    var checks: [Check] = []
    var members: [(account: String, session: (STSClient.Identity, any ServiceTransport))] = []
    if needs.contains(where: { $0.signer == nil }) { members = try await sessions() }
    for index in needs.indices {
      var need = needs[index]
      var session: (identity: STSClient.Identity, transport: any ServiceTransport)?
      if let signer = need.signer {
        do throws(FerryError) {
          let proven = try await context.session(signer).proven()
          session = (proven.identity, proven.transport)
          need = need.known(as: proven.identity)
        } catch {
          if error.exit == .interrupted { throw error }
          note("account \(need.grants.account) was not asked: \(error.what): \(error.why)")
        }
      } else {
        session = members.first { $0.account == need.grants.account }?.session
        if session == nil {
          note("account \(need.grants.account) was not asked: no credentials at hand belong to it")
        }
      }
      needs[index] = need
      checks += try await decide(need, session)
    }
    return (needs, checks)
  }
  private func note(_ text: String) { context.terminal.warn(safe(text)) }

  /// Who each of the credentials at hand is.
  private func sessions() async throws(FerryError) -> [(
    account: String, session: (STSClient.Identity, any ServiceTransport)
  )] {
    var out: [(account: String, session: (STSClient.Identity, any ServiceTransport))] = []
    for account in try context.accounts(named: []) {
      do throws(FerryError) {
        let (identity, transport) = try await context.session(account).proven()
        out.append((identity.account, (identity, transport)))
      } catch {
        if error.exit == .interrupted { throw error }
        note("account \(account.name) could not be used: \(error.what): \(error.why)")
      }
    }
    return out
  }

  private func decide(
    _ need: Need, _ session: (identity: STSClient.Identity, transport: any ServiceTransport)?
  ) async throws(FerryError) -> [Check] {
    var byResource: [String: [String]] = [:]
    for grant in need.grants.grants { byResource[grant.resource, default: []].append(grant.action) }
    var found: [String: [String: PolicySimulation.Decision]] = [:]
    if let session {
      do throws(FerryError) {
        let simulation = PolicySimulation(session.transport)
        let principal = try await simulation.principal(of: session.identity)
        if let text = principal.note { note("account \(need.grants.account): \(text)") }
        if let arn = principal.arn {
          for (resource, actions) in byResource.sorted(by: { $0.key < $1.key }) {
            found[resource] = try await simulation.decisions(
              of: actions.sorted(), on: resource, for: arn)
          }
        }
      } catch {
        if error.exit == .interrupted { throw error }
        note(
          "account \(need.grants.account): the preflight itself was refused or failed, so what it did not say is unknown: \(error.why)"
        )
      }
    }
    return need.grants.grants.sorted().map {
      Check(
        account: need.grants.account, action: $0.action, resource: $0.resource,
        decision: found[$0.resource]?[$0.action] ?? .unknown)
    }
  }
}

extension Need {
  /// The same with the number and the partition that the identity has.
  func known(as identity: STSClient.Identity) -> Need {
    var out = self
    out.grants.account = identity.account
    out.partition = ARN(identity.arn)?.partition ?? partition
    // Only the owner's own account was left open: `*` in a role's ARN is meant.
    out.grants.grants = Set(
      grants.grants.map { grant in
        guard !grant.action.hasPrefix("sts:"), var arn = ARNText(grant.resource) else {
          return grant
        }
        arn.partition = out.partition
        if arn.account == "*" { arn.account = identity.account }
        return Grant(grant.action, on: arn.text)
      })
    return out
  }
}

/// The six parts of an ARN that may hold `*`.
private struct ARNText {
  private var parts: [String]
  init?(_ text: String) {
    parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(
      String.init)
    guard parts.count == 6, parts[0] == "arn" else { return nil }
  }
  var partition: String {
    get { parts[1] }
    set { parts[1] = newValue }
  }
  var account: String {
    get { parts[4] }
    set { parts[4] = newValue }
  }
  var text: String { parts.joined(separator: ":") }
}
