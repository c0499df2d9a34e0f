import FerryCloudFront
import FerryCommand
import FerryCore

/// One account that a sweep looks at.
struct SweepPlace: Sendable {
  var account: Settings.Account
  /// What the organization says its id is; nil for an account of the settings.
  var id: AccountID?
}

extension Context {
  /// The accounts in scope: those named, or the organization's, or those of the settings.
  ///
  /// - Throws: what kept the organization from being read: without it nobody knows what was not looked at.
  func sweepPlaces(named names: [String]) async throws(FerryError) -> [SweepPlace] {
    guard names.isEmpty, let scope = settings.organization else {
      return try accounts(named: names).map { SweepPlace(account: $0) }
    }
    let lister =
      try scope.account.map { (name: String) throws(FerryError) in
        try accounts(named: [name])[0]
      } ?? Settings.Account(name: "default", profile: options.profile, roleARN: options.roleARN)
    let session = try session(lister)
    announce(session)
    let (identity, transport) = try await session.proven()
    let client = OrganizationsClient(transport)
    var found: Set<OrganizationsClient.Account> = []
    if scope.units.isEmpty {
      found = Set(try await client.accounts())
    } else {
      for unit in scope.units { found.formUnion(try await client.accounts(under: unit)) }
    }
    return scope.places(Array(found), lister: lister, identity: identity)
  }
}

extension OrganizationScope {
  /// - Parameter identity: who lists; its own account is read without assuming a role.
  func places(
    _ found: [OrganizationsClient.Account], lister: Settings.Account, identity: STSClient.Identity
  ) -> [SweepPlace] {
    let partition = ARN(identity.arn)?.partition ?? "aws"
    return found.filter { statuses.contains($0.status) && !skip.contains($0.id) }
      .sorted { $0.id < $1.id }.map {
        var account = lister
        account.name = $0.id
        if $0.id != identity.account {
          account.roleARN = "arn:\(partition):iam::\($0.id):role/\(roleName)"
          account.externalID = externalID
        }
        return SweepPlace(account: account, id: $0.id)
      }
  }
}
